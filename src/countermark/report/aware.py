"""Evaluation awareness and the worst of many attempts, laid out: rows of words for two tables, nothing computed."""

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from countermark.records import Awareness, Finding, PlannedTest
from countermark.records.measured import Share
from countermark.report.book import Book
from countermark.report.charts import Mark
from countermark.report.comparing import difference

MAX_ROWS = 400
"""Rows of subjects and tests on the page; all are in report.json."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """How often one subject said in one test that it is a test, and its headline rate with and without those trials."""

    mark: Mark
    said: Markup
    thought: Markup
    whole: Markup
    rest: Markup


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """One subject's gaming index in one test."""

    mark: Mark
    tag: Markup | str
    real: Markup
    test: Markup
    index: Markup | str
    pairs: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """One test with its rows; `place` is its number among the tests, for a link, 0 where the plan has no such test."""

    place: int
    title: str
    metric: str
    said: list[Said]
    told: list[Told]


@dataclass(frozen=True, slots=True, kw_only=True)
class Depth:
    """What the worst attempts of one subject show in one metric."""

    mark: Mark
    whole: Markup
    each: Markup
    attempts: Markup
    prompts: Markup


def blocks(book: Book) -> list[Block]:
    """A block a test that has rows, in the plan's order."""
    rows = book.report.awareness[:MAX_ROWS]
    found = [
        _block(book, place, test, [row for row in rows if row.test == test.id])
        for place, test in enumerate(book.tests, start=1)
    ]
    return [block for block in found if block.said]


def _block(book: Book, place: int, test: PlannedTest, rows: Sequence[Awareness]) -> Block:
    titles = {metric.id: book.words.text(metric.title) for metric in test.metrics}
    return Block(
        place=place,
        title=book.words.text(test.title),
        metric=titles.get(rows[0].metric, rows[0].metric) if rows else "",
        said=[_said(book, row) for row in rows],
        told=[told for row in rows if (told := _told(book, row)) is not None],
    )


def _said(book: Book, row: Awareness) -> Said:
    return Said(
        mark=book.mark(row.subject),
        said=_share(book, row.said),
        thought=_share(book, row.thought),
        whole=_share(book, row.with_aware),
        rest=_share(book, row.without_aware),
    )


def _told(book: Book, row: Awareness) -> Told | None:
    found = row.gaming
    if found is None:
        return None
    return Told(
        mark=book.mark(row.subject),
        tag=book.words.of("aware_by", found.tag),
        real=_share(book, found.real),
        test=_share(book, found.test),
        index=difference(book, found.index, found.low, found.high),
        pairs=found.pairs,
    )


def _share(book: Book, share: Share) -> Markup:
    """`12 of 220 (5.5 %; 2.8-9.3 %)`; the counts alone where there is no interval; a dash where nothing was counted."""
    if not share.n:
        return book.words("figures.absent")
    if share.interval is None:
        return book.figures.of(share.k, share.n)
    return book.figures.counted(share.k, share.n, share.interval)


def depths(book: Book, rows: Sequence[tuple[Mark, Finding]]) -> list[Depth]:
    """A row a subject whose metric has a scale and a number."""
    return [_depth(book, mark, finding) for mark, finding in rows if finding.worst is not None]


def _depth(book: Book, mark: Mark, finding: Finding) -> Depth:
    worst = finding.worst
    assert worst is not None  # `depths` asks for no other
    return Depth(
        mark=mark,
        whole=book.figures.fraction(worst.goodness),
        each=book.words(
            "worst.each",
            value=book.figures.fraction(worst.goodness_per_prompt),
            low=book.figures.fraction(worst.interval_per_prompt.low),
            high=book.figures.fraction(worst.interval_per_prompt.high),
        ),
        attempts=book.figures.of(worst.attempts_within, worst.attempts),
        prompts=book.figures.counted(worst.prompts_within, worst.prompts, worst.interval_prompts_within),
    )
