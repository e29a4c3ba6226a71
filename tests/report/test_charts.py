"""Where charts put things, and how numbers are written."""

import re
from decimal import Decimal
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import Markup

from countermark.records import Interval
from countermark.report import charts, svg
from countermark.report.charts import Axis, Bar, Caption, Mark, Point, Span
from countermark.report.figures import Figures, complement, digits
from countermark.report.words import Words

AXIS = Axis(start=0, end=1, ticks=((0.0, "0 %"), (0.5, "50 %"), (1.0, "100 %")), label="rate")
CAPTION = Caption(name="c", title="A title", desc="A description")
shares = st.floats(min_value=0, max_value=1)


def mark(number: int = 1, shape: str = "circle", *, hollow: bool = False) -> Mark:
    return Mark(
        number=number,
        name="a/subject",
        shape=shape,
        colour="s1",
        hollow=hollow,
        tag="simulation" if hollow else "",
    )


def tree(drawing: Markup) -> ET.Element:
    return ET.fromstring(drawing)


def by_class(drawing: Markup, name: str) -> list[ET.Element]:
    return [node for node in tree(drawing).iter() if name in (node.get("class") or "").split()]


def interval(low: str, high: str) -> Interval:
    return Interval(low=low, high=high, level="0.95", method="m", n_effective="10")


@given(shares, shares, shares)
def test_bar_ends_at_its_rate_and_whisker_spans_its_interval(one: float, two: float, three: float) -> None:
    low, rate, high = sorted((one, two, three))
    row = Bar(mark=mark(), span=Span(rate=rate, low=low, high=high), reading="x")
    drawing = charts.bars([row], AXIS, CAPTION)
    (bar,) = by_class(drawing, "bar")
    width = charts.WIDTH - 10
    assert float(bar.get("width", "")) == pytest.approx(max(rate * width, 1.5), abs=0.01)
    (whisker,) = by_class(drawing, "whisker")
    start, end = re.match(r"M([\d.]+),[\d.]+H([\d.]+)", whisker.get("d", "")).groups()  # type: ignore[union-attr]
    assert float(start) == pytest.approx(5 + low * width, abs=0.06)
    assert float(end) == pytest.approx(5 + high * width, abs=0.06)


def test_withheld_row_has_no_bar_and_says_so() -> None:
    drawing = charts.bars([Bar(mark=mark(), span=None, reading="withheld")], AXIS, CAPTION)
    assert not by_class(drawing, "bar")
    assert not by_class(drawing, "whisker")
    assert "withheld" in "".join(tree(drawing).itertext())


def test_planted_rate_has_a_sign_of_its_own() -> None:
    span = Span(rate=0.2, low=0.1, high=0.3)
    with_it = charts.bars([Bar(mark=mark(), span=span, reading="x", planted=0.25)], AXIS, CAPTION)
    assert len(by_class(with_it, "planted")) == 2
    assert not by_class(charts.bars([Bar(mark=mark(), span=span, reading="x")], AXIS, CAPTION), "planted")


def test_simulations_are_hollow_and_named_so() -> None:
    span = Span(rate=0.2, low=0.1, high=0.3)
    drawing = charts.bars([Bar(mark=mark(hollow=True), span=span, reading="x")], AXIS, CAPTION)
    assert len(by_class(drawing, "hollow")) == 2
    assert "simulation" in "".join(tree(drawing).itertext())


@pytest.mark.parametrize("count", [1, 4, 12])
def test_charts_have_names_and_scale(count: int) -> None:
    span = Span(rate=0.2, low=0.1, high=0.3)
    rows = [Bar(mark=mark(place), span=span, reading="x") for place in range(count)]
    points = [Point(mark=mark(place), x=span, y=span) for place in range(count)]
    for drawing in (charts.bars(rows, AXIS, CAPTION), charts.scatter(points, AXIS, AXIS, CAPTION)):
        root = tree(drawing)
        assert root.get("role") == "img"
        assert root.get("width") is None
        assert root.get("viewBox", "").startswith("0 0 360 ")
        title, desc = root[0], root[1]
        assert (title.tag, title.text, title.get("id")) == ("title", "A title", root.get("aria-labelledby"))
        assert (desc.tag, desc.text, desc.get("id")) == (
            "desc",
            "A description",
            root.get("aria-describedby"),
        )


def test_numbers_of_points_in_one_place_do_not_cover_each_other() -> None:
    span = Span(rate=0.5, low=0.4, high=0.6)
    points = [Point(mark=mark(place), x=span, y=span) for place in range(6)]
    spots = {
        (node.get("x"), node.get("y"))
        for node in by_class(charts.scatter(points, AXIS, AXIS, CAPTION), "number")
    }
    assert len(spots) == 6


@given(shares, shares)
def test_axis_keeps_order(one: float, two: float) -> None:
    axis = Axis(start=0, end=0.5, ticks=())
    low, high = sorted((one, two))
    assert 10 <= axis.place(low, 10, 110) <= axis.place(high, 10, 110) <= 110


@pytest.mark.parametrize(
    ("highest", "end"), [(0.0, 0.1), (0.1, 0.1), (0.11, 0.25), (0.3, 0.5), (0.51, 1.0), (1.0, 1.0)]
)
def test_reach_is_the_next_step(highest: float, end: float) -> None:
    assert charts.reach(highest) == end


@given(st.text(max_size=60), st.text(max_size=60))
def test_whatever_stands_in_a_chart_it_stays_one_drawing(name: str, reading: str) -> None:
    who = Mark(number=1, name=name, shape="square", colour="s1", hollow=False, tag="")
    drawing = charts.bars(
        [Bar(mark=who, span=None, reading=reading)], AXIS, Caption(name="c", title=name, desc=reading)
    )
    assert {node.tag for node in tree(drawing).iter()} <= {
        "svg",
        "title",
        "desc",
        "g",
        "text",
        "tspan",
        "rect",
        "line",
        "circle",
        "polygon",
    }


def test_text_is_cut_to_its_room() -> None:
    assert svg.fitted("short", 200, 12) == "short"
    assert svg.fitted("a" * 200, 100, 12).endswith("…")
    assert len(svg.fitted("漢" * 50, 100, 10)) < len(svg.fitted("a" * 50, 100, 10))


def test_stamp_follows_the_root() -> None:
    assert charts.stamp("0" * 64) != charts.stamp("f" * 64)
    assert charts.stamp("ab" * 32) == charts.stamp("ab" * 32)
    assert not by_class(charts.stamp("<none>".replace("e", "x").replace("n", "")), "stroke")
    assert len(by_class(charts.stamp("9" * 64), "stroke")) == 64


@pytest.mark.parametrize(
    ("value", "n", "written"),
    [
        ("0", 220, "0"), ("1", 220, "100"), ("0.054545", 220, "5.5"), ("0.3", 10, "30"), ("0.3", 100, "30.0"),
        ("0.004", 10, "0.4"), ("0.0004", 10, "0.04"), ("0.00001", 10, "<0.01"), ("0.99999", 10, ">99.99"),
        ("0.9996", 220, "99.96"), ("0.996", 10, "99.6"), ("0.12345", 400, "12.3"),
    ],
)  # fmt: skip
def test_percentages_have_sensible_digits(value: str, n: int, written: str) -> None:
    assert digits(Decimal(value), n) == written


@given(
    st.decimals(min_value="0.000001", max_value="0.999999", places=6),
    st.integers(min_value=1, max_value=9999),
)
def test_what_is_not_nothing_never_reads_as_nothing(value: Decimal, n: int) -> None:
    written = digits(value, n)
    assert Decimal(written.strip("<>")) not in (0, 100)


@pytest.mark.parametrize(
    ("low", "high", "english", "japanese"),
    [
        ("0", "0.017", "up to 1.7 %", "上限1.7%"),
        ("0.983", "1", "at least 98.3 %", "下限98.3%"),
        ("0.028", "0.093", "2.8–9.3 %", "2.8–9.3%"),
        ("0.00004", "0.046", "up to 4.6 %", "上限4.6%"),
        ("0.933", "0.99999", "at least 93.3 %", "下限93.3%"),
    ],
)
def test_intervals_in_words(low: str, high: str, english: str, japanese: str) -> None:
    assert Figures(Words("en")).interval(interval(low, high), 220).replace("\u00a0", " ") == english
    assert Figures(Words("ja")).interval(interval(low, high), 220) == japanese


def test_no_interval_is_said() -> None:
    assert Figures(Words("en")).interval(None, 10) == "no interval"


@given(st.decimals(min_value=0, max_value=1, places=6), st.decimals(min_value=0, max_value=1, places=6))
def test_complement_twice_is_the_same(one: Decimal, two: Decimal) -> None:
    low, high = sorted((one, two))
    twice = complement(complement(interval(str(low), str(high))))
    assert (Decimal(twice.low), Decimal(twice.high)) == (low, high)


def test_moments() -> None:
    figures = Figures(Words("en"))
    assert figures.moment("2026-11-23T09:12:04Z") == "2026-11-23 09:12 UTC"
    assert figures.moment("2026-11-23T09:12:04+09:00") == "2026-11-23 09:12 +0900"
    assert figures.moment("some day") == "some day"
    assert figures.period("2026-11-23T09:12:04Z", "2026-11-23T10:40:00Z") == "2026-11-23 09:12–10:40 UTC"
    assert (
        figures.period("2026-11-23T09:12:04Z", "2026-11-24T10:40:00Z")
        == "2026-11-23 09:12 UTC – 2026-11-24 10:40 UTC"
    )
    assert figures.period("some day", "another") == "some day – another"
