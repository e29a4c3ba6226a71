"""Claims and deviations laid out for the templates: each verdict in a word and a sign, each number with what it rests on."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from markupsafe import Markup

from countermark.records import ClaimReason, ClaimResult, Deviation, Finding
from countermark.report import charts, svg
from countermark.report.book import Book, span
from countermark.report.charts import Mark, Span
from countermark.report.figures import digits

MAX_CLAIMS = 100
"""Claims on the page; the rest is in report.json."""
MAX_DEVIATIONS = 200
MAX_CONDITIONS = 20
_FEW = 50
"""Trials from which on a percentage has a decimal."""
_DECLARED = "declared"
_SIGNS = {"<=": "≤", ">=": "≥", "<": "<", ">": ">"}
_LEFT, _RIGHT, _MIDDLE = 6.0, 234.0, 15.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """One claim: who claims what of whom, what was measured, what became of it and why."""

    result: ClaimResult
    mark: Mark
    sign: Markup
    claimed: Markup
    measured: Markup | str
    drawing: Markup | None
    axis: Markup | str
    reasons: list[Markup | str]
    conditions: list[str]
    conditions_left_out: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One deviation that was counted."""

    says: Markup | str
    deviation: Deviation
    mark: Mark | None
    test: str


def claims(book: Book) -> list[Claim]:
    """The first claims of the report, in its order."""
    return [_claim(book, result) for result in book.report.claims[:MAX_CLAIMS]]


def tally(book: Book) -> list[tuple[str, Markup, int]]:
    """Verdict, its sign, and how many claims came to it; those that none came to are left out."""
    counts = Counter(result.verdict for result in book.report.claims)
    return [
        (verdict, sign(verdict), count)
        for verdict in book.words.members("verdict")
        for name, count in counts.items()
        if name == verdict
    ]


def rows(book: Book) -> list[Row]:
    """The deviations that were counted."""
    counted = [one for one in book.report.deviations if one.code != _DECLARED]
    titles = {test.id: book.words.text(test.title) for test in book.tests}
    return [
        Row(
            says=_says(book, one),
            deviation=one,
            mark=book.mark(one.subject) if one.subject else None,
            test=titles.get(one.test, one.test),
        )
        for one in counted[:MAX_DEVIATIONS]
    ]


def declared(book: Book) -> list[str]:
    """What the auditor says in its own words."""
    return [one.words for one in book.report.deviations if one.code == _DECLARED]


def sign(verdict: str) -> Markup:
    """A verdict's sign: each has a shape of its own, told apart without colour."""
    strokes = {
        "confirmed": "M4.5,9.5L8,13L14,5.5",
        "refuted": "M5,5L13,13M13,5L5,13",
        "undecided": "M3.5,9H14.5",
        "void": "M4,14L14,4",
        "not_tested": "",
    }
    path = svg.element("path", d=strokes.get(verdict, ""), class_="stroke")
    rim = svg.element("circle", cx=9, cy=9, r=7.8, class_="rim dashed" if verdict == "not_tested" else "rim")
    return svg.sign(rim, path, width=18, height=18, class_="verdict-sign")


def _claim(book: Book, result: ClaimResult) -> Claim:
    claim = result.claim
    found = book.places.get((claim.subject, claim.test, claim.metric))
    measured = span(found) if found is not None else None
    return Claim(
        result=result,
        mark=book.mark(claim.subject),
        sign=sign(result.verdict),
        claimed=_claimed(book, result),
        measured=_measured(book, found),
        drawing=None if measured is None else _drawing(book, result, measured),
        axis="" if measured is None else _axis(book, result, measured),
        reasons=list(_reasons(book, result)),
        conditions=claim.void_if[:MAX_CONDITIONS],
        conditions_left_out=max(len(claim.void_if) - MAX_CONDITIONS, 0),
    )


def _claimed(book: Book, result: ClaimResult) -> Markup:
    claim = result.claim
    test = next((one for one in book.tests if one.id == claim.test), None)
    metric = next((one for one in test.metrics if one.id == claim.metric), None) if test else None
    return book.words(
        "claims.claimed",
        test=book.words.text(test.title) if test else claim.test,
        metric=book.words.text(metric.title) if metric else claim.metric,
        relation=_SIGNS[claim.comparator],
        threshold=book.figures.level(claim.threshold),
    )


def _measured(book: Book, found: Finding | None) -> Markup | str:
    if found is None:
        return book.words("claims.unmeasured")
    return book.figures.reading(found) if span(found) else book.reason(found)


def _reasons(book: Book, result: ClaimResult) -> Iterator[Markup | str]:
    for reason in result.reasons:
        yield _reason(book, result, reason)


def _reason(book: Book, result: ClaimResult, reason: ClaimReason) -> Markup | str:
    if not book.words.explains("claim_reason", reason.code):
        return reason.code
    found = book.words.translated("withheld", reason.found) if reason.code == "withheld" else reason.found
    return book.words(
        f"claim_reason.{reason.code}",
        claimed=reason.claimed,
        found=found,
        beyond=digits(Decimal(result.beyond or 0), _FEW),
    )


def _drawing(book: Book, result: ClaimResult, measured: Span) -> Markup:
    """The claimed side of the threshold, and the interval, on an axis from 0 that holds both."""
    threshold = float(result.claim.threshold)
    full = charts.reach(max(measured.high, threshold))
    limit = _place(threshold / full)
    below = result.claim.comparator in ("<=", "<")
    start, end = (_LEFT, limit) if below else (limit, _RIGHT)
    low, high, rate = (_place(value / full) for value in (measured.low, measured.high, measured.rate))
    mark = book.mark(result.claim.subject)
    return svg.sign(
        svg.rect(_LEFT, _MIDDLE - 9, _RIGHT - _LEFT, 18, "track"),
        svg.rect(start, _MIDDLE - 9, max(end - start, 0.5), 18, "side"),
        svg.line(limit, _MIDDLE - 13, limit, _MIDDLE + 13, "limit"),
        svg.element("path", d=f"M{low:.1f},{_MIDDLE:.1f}H{high:.1f}", class_="reach"),
        svg.marker(mark.shape, rate, _MIDDLE, 4.6, hollow=mark.hollow),
        width=240,
        height=30,
        class_=f"against {mark.colour}",
    )


def _axis(book: Book, result: ClaimResult, measured: Span) -> Markup:
    end = charts.reach(max(measured.high, float(result.claim.threshold)))
    return book.words("tests.cropped", end=book.figures.percent(str(end), 0))


def _place(value: float) -> float:
    return _LEFT + (_RIGHT - _LEFT) * min(max(value, 0.0), 1.0)


def _says(book: Book, one: Deviation) -> Markup | str:
    if not book.words.explains("deviation", one.code):
        return one.code
    return book.words(f"deviation.{one.code}", words=one.words)
