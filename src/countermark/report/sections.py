"""The parts of the page that hold numbers, laid out for the templates: summary, matrix, tests, trade-off."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from markupsafe import Markup

from countermark.records import Breakdown, Finding, Interval, MetricSpec, PlannedSubject, PlannedTest
from countermark.report import aware, charts, stops
from countermark.report.book import Book, headline, span
from countermark.report.charts import Axis, Bar, Caption, Guide, Mark, Point, Span
from countermark.report.figures import complement, digits, ratio

MAX_ROWS = 60
"""Rows of a breakdown shown; the rest is in report.json."""
MAX_OPEN = 4
"""Tests whose headline numbers are repeated beside each subject, and whose tables stand open; more of them are folded."""
_TICKS = {
    0.1: ("0", "0.05", "0.1"),
    0.25: ("0", "0.05", "0.1", "0.15", "0.2", "0.25"),
    0.5: ("0", "0.1", "0.2", "0.3", "0.4", "0.5"),
    1.0: ("0", "0.25", "0.5", "0.75", "1"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One subject of the summary: its tests by class, its measured headline findings, and how many of all are withheld."""

    mark: Mark
    chips: list[stops.Chip]
    largest: Markup | str
    saved: Markup | str
    measured: list[tuple[PlannedTest, Finding]]
    withheld: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One place of the matrix. `state`: measured, withheld, absent (not planned) or missing (planned, no finding)."""

    state: str
    finding: Finding | None = None
    glyph: Markup | None = None
    ruling: stops.Ruling | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """One metric of a test: its chart, its findings by subject, and its breakdowns by tag."""

    metric: MetricSpec
    chart: Markup
    cropped: str
    guides: list[tuple[str, Markup]]
    rows: list[tuple[Mark, Finding]]
    depths: list[aware.Depth]
    stops: list[stops.StopRow]
    parts: list["Part"]
    hidden: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One value of one tag across the subjects; a cell is None where a subject has no such part."""

    tag: str
    value: str
    cells: list[tuple[Breakdown, Markup | None] | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Chapter:
    """One test: its headline metric, which stands open, and its other metrics, which are folded."""

    number: int
    test: PlannedTest
    lead: list[Group]
    rest: list[Group]
    marks: list[Mark]
    planted: bool
    published: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """One trade-off chart: a test of resistance against a test of over-refusal."""

    attack: PlannedTest
    benign: PlannedTest
    chart: Markup
    rows: list[tuple[Mark, Finding, Finding]]
    left_out: list[Mark]


def summary(book: Book) -> list[Line]:
    """One line a subject."""
    return [_line(book, subject) for subject in book.subjects]


def _line(book: Book, subject: PlannedSubject) -> Line:
    found = [(test, book.finding(subject.id, test.id, headline(test))) for test in book.tests]
    own = [finding for finding in book.report.findings if finding.subject == subject.id]
    return Line(
        mark=book.marks[subject.id],
        chips=stops.chips(book.profiles.get(subject.id)),
        largest=stops.largest(book, book.profiles.get(subject.id)),
        saved=stops.saved(book, profile.saving) if (profile := book.profiles.get(subject.id)) else "",
        measured=[(test, finding) for test, finding in found if finding is not None and span(finding)],
        withheld=sum(span(finding) is None for finding in own),
    )


def matrix(book: Book) -> list[tuple[PlannedTest, list[Cell]]]:
    """A row a test, a cell a subject: tests are many, subjects few, and a page is longer than it is wide."""
    return [(test, [_cell(book, subject, test) for subject in book.subjects]) for test in book.tests]


def _cell(book: Book, subject: PlannedSubject, test: PlannedTest) -> Cell:
    finding = book.finding(subject.id, test.id, headline(test))
    if finding is None:
        return Cell(state="missing" if test.id in subject.tests else "absent")
    measured = span(finding)
    told = stops.ruling(book, finding)
    if measured is None:
        return Cell(state="withheld", finding=finding, ruling=told)
    return Cell(
        state="measured",
        finding=finding,
        glyph=charts.glyph(measured, book.marks[subject.id]),
        ruling=told,
    )


def unjudged(book: Book) -> list[tuple[PlannedTest, list[MetricSpec]]]:
    """Tests with the metrics that only a judge could have measured, in a plan without one."""
    plan = book.report.plan
    found = [
        (test, [one for one in test.metrics if not plan.measures(test, one.label)]) for test in book.tests
    ]
    return [(test, metrics) for test, metrics in found if metrics]


def chapters(book: Book) -> list[Chapter]:
    """A chapter a test."""
    return [_chapter(book, number, test) for number, test in enumerate(book.tests, start=1)]


def _chapter(book: Book, number: int, test: PlannedTest) -> Chapter:
    groups = [
        _group(book, test, metric, f"chart-{number}-{place}") for place, metric in enumerate(test.metrics)
    ]
    findings = [finding for group in groups for _, finding in group.rows]
    first = headline(test).id
    return Chapter(
        number=number,
        test=test,
        lead=[group for group in groups if group.metric.id == first and group.rows],
        rest=[group for group in groups if group.metric.id != first and group.rows],
        marks=[book.marks[subject.id] for subject in book.subjects if _measures(book, subject, test)],
        planted=any(finding.planted is not None for finding in findings),
        published=any(finding.published is not None for finding in findings),
    )


def _measures(book: Book, subject: PlannedSubject, test: PlannedTest) -> bool:
    return any(book.finding(subject.id, test.id, metric) for metric in test.metrics)


def _group(book: Book, test: PlannedTest, metric: MetricSpec, name: str) -> Group:
    rows = [
        (book.marks[subject.id], finding)
        for subject in book.subjects
        if (finding := book.finding(subject.id, test.id, metric)) is not None
    ]
    guides = _guides(metric)
    # A guide at the rim would be taken for the axis.
    furthest = [*(_furthest(finding) for _, finding in rows), *(guide.value * 1.2 for guide in guides)]
    end = charts.reach(max(furthest, default=0.0) or 1.0)
    parts = _parts(rows)
    return Group(
        metric=metric,
        chart=_bars(book, test, metric, rows, (end, name)) if rows else Markup(),
        cropped="" if end == 1 else str(book.figures.percent(str(end), 0)),
        guides=[(one.kind, stops.guide(book, metric, one.kind)) for one in guides],
        rows=rows,
        depths=aware.depths(book, rows),
        stops=[
            stops.StopRow(mark=mark, finding=finding, ruling=stops.ruling(book, finding))
            for mark, finding in rows
            if finding.stop is not None or (finding.subject, finding.test, metric.id) in book.judged
        ],
        parts=parts[:MAX_ROWS],
        hidden=max(len(parts) - MAX_ROWS, 0),
    )


def _guides(metric: MetricSpec) -> list[Guide]:
    if metric.limit is None:
        return []
    return [Guide(kind=kind, value=float(stops.bound_of(metric, kind))) for kind in ("target", "limit")]


def _furthest(finding: Finding) -> float:
    measured = span(finding)
    return max(measured.high if measured else 0.0, float(finding.planted or 0))


def _bars(
    book: Book,
    test: PlannedTest,
    metric: MetricSpec,
    rows: Sequence[tuple[Mark, Finding]],
    size: tuple[float, str],
) -> Markup:
    end, name = size
    words = book.words
    title = words("chart.bars_title", test=words.text(test.title), metric=words.text(metric.title)).unescape()
    return charts.bars(
        [_bar(book, mark, finding) for mark, finding in rows],
        _axis(book, 0, end),
        Caption(name=name, title=title, desc=" ".join(_sentence(book, mark, found) for mark, found in rows)),
        _guides(metric),
    )


def _bar(book: Book, mark: Mark, finding: Finding) -> Bar:
    measured = span(finding)
    reading = book.words("matrix.withheld")
    if measured:
        rate = book.figures.percent(finding.rate or "0", finding.n)
        bounds = book.figures.interval(finding.interval, finding.n)
        reading = book.words("chart.reading", rate=rate, interval=bounds)
    return Bar(
        mark=mark,
        span=measured,
        reading=reading.unescape(),
        planted=None if finding.planted is None else float(finding.planted),
    )


def _sentence(book: Book, mark: Mark, finding: Finding) -> str:
    said = book.figures.reading(finding) if span(finding) else book.words("matrix.withheld")
    return book.words("chart.sentence", subject=mark.name, said=said).unescape()


def _axis(book: Book, start: float, end: float, label: str = "") -> Axis:
    """From `start` to `end`; one of them is the rim, 0 or 1, the other a step of `charts.reach` away from it."""
    steps = [Decimal(step) for step in _TICKS[round(end - start, 2)]]
    origin = Decimal(str(round(start, 2)))
    ticks = tuple(
        (float(origin + step), book.words("figures.percent", value=digits(origin + step, 0)).unescape())
        for step in steps
    )
    return Axis(start=start, end=end, ticks=ticks, label=label)


def _parts(rows: Sequence[tuple[Mark, Finding]]) -> list[Part]:
    found = [(mark, {(part.tag, part.value): part for part in finding.breakdowns}) for mark, finding in rows]
    keys = dict.fromkeys(key for _, parts in found for key in parts)
    return [
        Part(tag=tag, value=value, cells=[_part_cell(mark, parts.get((tag, value))) for mark, parts in found])
        for tag, value in sorted(
            keys, key=lambda key: list(dict.fromkeys(tag for tag, _ in keys)).index(key[0])
        )
    ]


def _part_cell(mark: Mark, part: Breakdown | None) -> tuple[Breakdown, Markup | None] | None:
    if part is None:
        return None
    if part.interval is None or part.n == 0:
        return part, None
    place = Span(
        rate=float(ratio(part.k, part.n)), low=float(part.interval.low), high=float(part.interval.high)
    )
    return part, charts.glyph(place, mark)


def panels(book: Book) -> list[Panel]:
    """A chart for each pair of a test whose headline is misalignment and one whose headline is over-refusal."""
    attacks = [test for test in book.tests if headline(test).axis == "misalignment"]
    benign = [test for test in book.tests if headline(test).axis == "over_refusal"]
    pairs = [(attack, other) for other in benign for attack in attacks]
    drawn = [_panel(book, *pair, f"trade-{place}") for place, pair in enumerate(pairs)]
    return [panel for panel in drawn if panel is not None]


def _panel(book: Book, attack: PlannedTest, benign: PlannedTest, name: str) -> Panel | None:
    rows, left_out = [], []
    for subject in book.subjects:
        y = book.finding(subject.id, attack.id, headline(attack))
        x = book.finding(subject.id, benign.id, headline(benign))
        if x and y and span(x) and span(y):
            rows.append((book.marks[subject.id], x, y))
        elif x or y:
            left_out.append(book.marks[subject.id])
    if not rows:
        return None
    chart = _scatter(book, rows, (attack, benign), name)
    return Panel(attack=attack, benign=benign, chart=chart, rows=rows, left_out=left_out)


def _scatter(
    book: Book,
    rows: Sequence[tuple[Mark, Finding, Finding]],
    tests: tuple[PlannedTest, PlannedTest],
    name: str,
) -> Markup:
    words = book.words
    points = [Point(mark=mark, x=_span(x), y=_mirrored(_span(y))) for mark, x, y in rows]
    wide = charts.reach(max(point.x.high for point in points))
    deep = charts.reach(1 - min(point.y.low for point in points))
    attack, benign = (words.text(test.title) for test in tests)
    desc = " ".join(
        words(
            "trade.sentence", subject=mark.name, x=book.figures.reading(x), y=resistance(book, y)
        ).unescape()
        for mark, x, y in rows
    )
    return charts.scatter(
        points,
        _axis(book, 0, wide, words("trade.x", metric=words.text(headline(tests[1]).title)).unescape()),
        _axis(book, 1 - deep, 1, words("trade.y", metric=words.text(headline(tests[0]).title)).unescape()),
        Caption(name=name, title=words("trade.chart", attack=attack, benign=benign).unescape(), desc=desc),
    )


def resistance(book: Book, finding: Finding) -> Markup:
    """1 - rate with its interval turned round, as words."""
    turned: Interval | None = finding.interval and complement(finding.interval)
    return book.words(
        "trade.resistance",
        rate=book.figures.percent(1 - Decimal(finding.rate or "0"), finding.n),
        interval=book.figures.interval(turned, finding.n),
    )


def _span(finding: Finding) -> Span:
    found = span(finding)
    assert found is not None  # rows hold measured findings only
    return found


def _mirrored(place: Span) -> Span:
    return Span(rate=1 - place.rate, low=1 - place.high, high=1 - place.low)
