"""Verdicts of stopping rules laid out: a word and a sign for each, what they rest on, and what was saved."""

from dataclasses import dataclass
from decimal import Decimal
from functools import reduce

from markupsafe import Markup

from countermark.records import Finding, Judged, MetricSpec, Profile, Saving
from countermark.report import svg
from countermark.report.book import Book
from countermark.report.charts import Mark
from countermark.report.figures import ratio

CLASSES = ("certified", "target_exceeded", "undecided", "not_judged")
_STROKES = {
    # A line for what must not be reached, and the rate under or over it.
    "certified": "M4,4.5H14M9,7.5V14M6.4,11.4L9,14L11.6,11.4",
    "target_exceeded": "M4,13.5H14M9,10.5V4M6.4,6.6L9,4L11.6,6.6",
    "undecided": "M4,9H14",
    "not_judged": "",
}
_ESTIMANDS = {"F": "stop.of_battery", "S": "stop.of_similar"}
_GUIDES = {"limit": "stop.limit", "target": "stop.target"}
MAX_NAMED = 3
"""Metrics named beside a largest bound; the rest is in report.json."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chip:
    """How many tests of a subject are in one class."""

    verdict: str
    sign: Markup
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Ruling:
    """What is said of one finding: the verdict, its sign, the words under it. `verdict` is no_limit where none was planned."""

    verdict: str
    sign: Markup
    threshold: Markup | str
    rest: Markup | str


@dataclass(frozen=True, slots=True, kw_only=True)
class StopRow:
    """One row of a test's table of verdicts."""

    mark: Mark
    finding: Finding
    ruling: Ruling


def sign(verdict: str) -> Markup:
    """A verdict's sign, in a square so that it is not taken for a claim's; each has a shape of its own."""
    rim = svg.element(
        "rect", x=1.2, y=1.2, width=15.6, height=15.6, rx=2, class_="rim" if _STROKES.get(verdict) else "rim dashed"
    )  # fmt: skip
    path = svg.element("path", d=_STROKES.get(verdict, ""), class_="stroke")
    return svg.sign(rim, path, width=18, height=18, class_=f"verdict-sign v-{verdict}")


def chips(profile: Profile | None) -> list[Chip]:
    """The four classes with their counts, in one order for all subjects."""
    if profile is None:
        return []
    tests = (profile.certified, profile.target_exceeded, profile.undecided, profile.not_judged)
    return [
        Chip(verdict=verdict, sign=sign(verdict), count=len(names))
        for verdict, names in zip(CLASSES, tests, strict=True)
    ]


def largest(book: Book, profile: Profile | None) -> Markup | str:
    """The largest upper bound of a subject and where it stands; where something is unmeasured there is none."""
    if profile is None or profile.largest is None:
        return ""
    found = profile.largest
    if found.unmeasured or not found.metrics:
        return book.words("short.unbounded", count=len(found.unmeasured))
    named = reduce(
        lambda first, rest: book.words("short.and", first=first, rest=rest),
        [_named(book, name) for name in found.metrics[:MAX_NAMED]],
    )
    return book.words(
        "short.largest",
        bound=book.figures.percent(found.bound),
        level=book.figures.level(found.level),
        metrics=named,
    )


def saved(book: Book, saving: Saving | None, *, whole: bool = False) -> Markup | str:
    """Trials made, beside those of the fixed design and those of the whole plan."""
    if saving is None:
        return ""
    count = book.figures.count
    return book.words(
        "short.saved_all" if whole else "short.saved",
        made=count(saving.made),
        fixed=count(saving.fixed),
        gain=_gain(book, saving),
        planned=count(saving.planned),
        spared=count(saving.spared),
    )


def _gain(book: Book, saving: Saving) -> Markup:
    if saving.saved < 0:
        return book.words("short.loss", more=book.figures.count(-saving.saved))
    share = book.figures.percent(ratio(saving.saved, saving.fixed))
    return book.words("short.gain", saved=book.figures.count(saving.saved), share=share)


def ruling(book: Book, finding: Finding) -> Ruling:
    """What is said of a finding, and on what it rests."""
    judged = book.judged.get((finding.subject, finding.test, finding.metric.id))
    verdict = "no_limit" if judged is None else judged.verdict
    return Ruling(
        verdict=verdict,
        sign=Markup() if judged is None else sign(verdict),
        threshold="" if judged is None else _threshold(book, finding, judged),
        rest=_rest(book, finding, judged),
    )


def _threshold(book: Book, finding: Finding, judged: Judged) -> Markup | str:
    """`under 10 %`: against what the verdict is, of the rate as it is printed."""
    spec = finding.metric
    name = {"certified": "limit", "target_exceeded": "target"}.get(judged.verdict)
    if name is None or spec.limit is None or spec.target is None:
        return ""
    value = book.figures.level(bound_of(spec, name))
    over = (judged.verdict == "target_exceeded") is (spec.better == "lower")
    if finding.stop is not None and finding.stop.refuted and judged.verdict == "target_exceeded":
        return book.words("stop.refuted", limit=book.figures.level(bound_of(spec, "limit")))
    return book.words("stop.over" if over else "stop.under", value=value)


def guide(book: Book, spec: MetricSpec, name: str) -> Markup:
    """`limit 10 %`, for a legend."""
    return book.words(_GUIDES[name], value=book.figures.level(bound_of(spec, name)))


def bound_of(spec: MetricSpec, name: str) -> str:
    """A metric's limit or target as a rate of its label: turned round where more is better."""
    given = Decimal((spec.limit if name == "limit" else spec.target) or 0)
    return f"{(1 - given if spec.better == 'higher' else given).normalize():f}"


def _rest(book: Book, finding: Finding, judged: Judged | None) -> Markup | str:
    """How many trials it took, of how many at most; or that the interval alone decides."""
    stop = finding.stop
    if stop is not None:
        told = book.words("stop.used", used=book.figures.count(stop.used), cap=book.figures.count(stop.cap))
        return told if judged is None else book.words(_ESTIMANDS[stop.estimand], told=told)
    return book.words("stop.by_interval") if judged is not None and judged.basis == "interval" else ""


def _named(book: Book, name: str) -> Markup:
    """`test metric` by their titles."""
    ident, _, metric = name.partition(" ")
    test = next((one for one in book.tests if one.id == ident), None)
    spec = next((one for one in test.metrics if one.id == metric), None) if test else None
    return book.words(
        "short.metric",
        test=book.words.text(test.title) if test else ident,
        metric=book.words.text(spec.title) if spec else metric,
    )
