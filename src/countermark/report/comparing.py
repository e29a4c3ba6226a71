"""Comparisons between subjects laid out: each verdict in a word and a sign, each difference drawn on one axis round zero."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

from markupsafe import Markup

from countermark.records import Compared, Domination, Unlike
from countermark.report import svg
from countermark.report.book import Book
from countermark.report.charts import Mark

MAX_HEADLINE = 120
"""Rows of headline comparisons on the page; all are in report.json."""
MAX_EXPLORATORY = 30
MAX_FRONT = 20
_VERDICTS = ("difference", "equivalent", "no_difference_found", "not_comparable")
_STROKES = {
    "difference": "M4,7H14M4,11H14M11.5,3.5L6.5,14.5",
    "equivalent": "M4,7H14M4,11H14",
    "no_difference_found": "M4.2,10.2Q6.6,6.4 9,9T13.8,7.8",
    "not_comparable": "",
}
_DOMINATES = {
    "misbehaviour": "compare.dominates_misbehaviour",
    "over_refusal": "compare.dominates_over_refusal",
}
_LEFT, _RIGHT, _ZERO, _MIDDLE = 4.0, 136.0, 70.0, 9.0
_LEAST_P = Decimal("0.001")


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One pair on one metric."""

    compared: Compared
    a: Mark
    b: Mark
    metric: Markup | str
    sign: Markup
    difference: Markup | str
    drawing: Markup | None
    under: list[Markup | str]
    lower: Mark | None
    p: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """The comparisons of one headline metric."""

    title: Markup | str
    rows: list[Row]


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """One subject's places on each headline metric that is ranked; empty where it is not."""

    mark: Mark
    cells: list[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Front:
    """The subjects of one kind that no other is shown to dominate, and a sentence for each domination."""

    kind: str
    members: list[Mark]
    dominated: list[Markup]


def headline(book: Book) -> list[Group]:
    """The headline family, by test, in the report's order."""
    rows = [row for row in _rows(book) if not row.exploratory][:MAX_HEADLINE]
    names = dict.fromkeys((row.test, row.metric) for row in rows)
    return [
        Group(
            title=_title(book, *name),
            rows=[_row(book, row) for row in rows if (row.test, row.metric) == name],
        )
        for name in names
    ]


def exploratory(book: Book) -> list[Row]:
    """The first others: differences before the rest."""
    others = sorted(
        (row for row in _rows(book) if row.exploratory), key=lambda row: _VERDICTS.index(row.verdict)
    )
    return [_row(book, row) for row in others[:MAX_EXPLORATORY]]


def counts(book: Book) -> dict[str, int]:
    """How many comparisons there are of each family, and how many the page leaves out."""
    rows = _rows(book)
    first = sum(not row.exploratory for row in rows)
    rest = len(rows) - first
    return {
        "headline": first,
        "exploratory": rest,
        "hidden": max(first - MAX_HEADLINE, 0),
        "hidden_exploratory": max(rest - MAX_EXPLORATORY, 0),
    }


def ranked(book: Book) -> tuple[list[Markup | str], list[Places]]:
    """Titles of the ranked metrics, and a row for each subject that has a place."""
    found = book.report.comparisons
    columns = list(dict.fromkeys((one.test, one.metric) for one in found.rankings)) if found else []
    cells = {
        (place.subject, one.test, one.metric): _span(place.best, place.worst)
        for one in (found.rankings if found else [])
        for place in one.places
    }
    rows = [
        Places(
            mark=book.marks[subject.id],
            cells=[cells.get((subject.id, *column), "") for column in columns],
        )
        for subject in book.subjects
    ]
    return [_title(book, *column) for column in columns], [row for row in rows if any(row.cells)]


def fronts(book: Book, attack: str, benign: str) -> list[Front]:
    """For one chart of two axes, of each kind: who is not shown to be dominated, and who is by whom."""
    found = book.report.comparisons
    return [
        Front(
            kind=front.kind,
            members=[book.mark(name) for name in front.members[:MAX_FRONT]],
            dominated=[_domination(book, claim) for claim in front.dominated[:MAX_FRONT]],
        )
        for front in (found.fronts if found else [])
        if (front.misbehaviour, front.over_refusal) == (attack, benign)
    ]


def points(value: str | Decimal | int) -> str:
    """A difference of rates in percentage points, with its sign."""
    scaled = (Decimal(value) * 100).quantize(Decimal("0.1"), rounding=ROUND_HALF_UP)
    return f"{scaled:+f}".replace("-", "\u2212") if scaled else "0.0"


def difference(book: Book, value: str | None, low: str | None, high: str | None) -> Markup | str:
    """A difference of rates with its interval, in points and words; "" where one of them is missing."""
    if value is None or low is None or high is None:
        return ""
    return book.words("compare.difference", value=points(value), low=points(low), high=points(high))


def _rows(book: Book) -> Sequence[Compared]:
    return book.report.comparisons.rows if book.report.comparisons else []


def _row(book: Book, row: Compared) -> Row:
    measured = row.difference is not None and row.low is not None and row.high is not None
    differs = row.verdict == "difference" and Decimal(row.difference or 0) != 0
    lower = (row.a if Decimal(row.difference or 0) < 0 else row.b) if differs else None
    return Row(
        compared=row,
        a=book.mark(row.a),
        b=book.mark(row.b),
        metric=_title(book, row.test, row.metric),
        sign=_sign(row.verdict),
        difference=difference(book, row.difference, row.low, row.high),
        drawing=_drawing(row) if measured else None,
        under=_under(book, row),
        lower=book.mark(lower) if lower else None,
        p=_p(row.p_adjusted),
    )


def _sign(verdict: str) -> Markup:
    rim = svg.element("circle", cx=9, cy=9, r=7.8, class_="rim" if _STROKES.get(verdict) else "rim dashed")
    path = svg.element("path", d=_STROKES.get(verdict, ""), class_="stroke")
    return svg.sign(rim, path, width=18, height=18, class_="verdict-sign")


def _under(book: Book, row: Compared) -> list[Markup | str]:
    """What stands under the verdict."""
    if row.verdict == "not_comparable":
        return [_unlike(book, reason) for reason in row.reasons]
    if row.verdict == "equivalent" and book.report.comparisons and book.report.comparisons.margin:
        return [book.words("compare.within", margin=points(book.report.comparisons.margin).lstrip("+"))]
    if row.verdict != "no_difference_found":
        return []
    if row.detectable is None:
        return [book.words("compare.blind")]
    return [book.words("compare.detectable", value=points(row.detectable).lstrip("+"))]


def _unlike(book: Book, reason: Unlike) -> Markup | str:
    if not book.words.explains("unlike", reason.code):
        return reason.code
    a, b = reason.a, reason.b
    if reason.code == "withheld":
        a, b = (str(book.words.translated("withheld", text)) if text else "–" for text in (a, b))
    return book.words(f"unlike.{reason.code}", a=a, b=b)


def _drawing(row: Compared) -> Markup:
    """Difference and interval on an axis from -100 to 100 points, zero in the middle."""
    low, high, middle = (_place(float(value or 0)) for value in (row.low, row.high, row.difference))
    return svg.sign(
        svg.line(_LEFT, _MIDDLE, _RIGHT, _MIDDLE, "grid"),
        svg.line(_ZERO, 2, _ZERO, 16, "zero"),
        svg.element("path", d=f"M{low:.1f},{_MIDDLE:.1f}H{high:.1f}", class_="reach"),
        svg.marker("diamond", middle, _MIDDLE, 3.4),
        width=140,
        height=18,
        class_="glyph apart",
    )


def _place(value: float) -> float:
    return _ZERO + (_RIGHT - _ZERO) * min(max(value, -1.0), 1.0)


def _p(value: str | None) -> str:
    if value is None:
        return ""
    known = Decimal(value)
    return "<0.001" if known < _LEAST_P else f"{known.quantize(_LEAST_P, rounding=ROUND_HALF_UP):f}"


def _title(book: Book, test: str, metric: str) -> Markup | str:
    planned = next((one for one in book.tests if one.id == test), None)
    spec = next((one for one in planned.metrics if one.id == metric), None) if planned else None
    return book.words(
        "short.metric",
        test=book.words.text(planned.title) if planned else test,
        metric=book.words.text(spec.title) if spec else metric,
    )


def _span(best: int, worst: int) -> str:
    return str(best) if best == worst else f"{best}–{worst}"


def _domination(book: Book, claim: Domination) -> Markup:
    margin = book.report.comparisons.margin if book.report.comparisons else None
    return book.words(
        _DOMINATES[claim.axis],
        better=claim.better,
        worse=claim.worse,
        margin=points(margin or 0).lstrip("+"),
        p=_p(claim.p_adjusted),
    )
