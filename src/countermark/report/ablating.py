"""The ablation tables laid out: for each test, what its metrics hang on, a row a cause and subject."""

from dataclasses import dataclass

from markupsafe import Markup

from countermark.records import Ablated, MetricSpec, PublishedCount
from countermark.records.measured import Share
from countermark.report.book import Book
from countermark.report.charts import Mark
from countermark.report.comparing import difference

MAX_ROWS = 120
"""Rows of one cause on the page; all are in report.json."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One cause for one subject."""

    mark: Mark
    ablated: Ablated
    present: Markup
    absent: Markup
    difference: Markup | str


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """One cause of one metric, with its rows by subject."""

    metric: Markup | str
    title: Markup | str
    rows: list[Row]


def causes(book: Book) -> dict[str, list[Cause]]:
    """Test id to its causes, in the plan's order; a test that names none is not there."""
    found: dict[str, list[Cause]] = {}
    for test in book.tests:
        listed = [
            _cause(book, test.id, metric, place)
            for metric in test.metrics
            for place in range(len(metric.ablations))
        ]
        if any(one.rows for one in listed):
            found[test.id] = listed
    return found


def _cause(book: Book, test: str, metric: MetricSpec, place: int) -> Cause:
    cause = metric.ablations[place]
    return Cause(
        metric=book.words.text(metric.title),
        title=book.words.text(cause.title),
        rows=[
            _row(book, one)
            for one in book.report.ablations
            if (one.test, one.metric, one.cause) == (test, metric.id, cause.cause)
        ][:MAX_ROWS],
    )


def _row(book: Book, one: Ablated) -> Row:
    return Row(
        mark=book.mark(one.subject),
        ablated=one,
        present=_share(book, one.present),
        absent=_share(book, one.absent),
        difference=difference(book, one.difference, one.low, one.high),
    )


def _share(book: Book, share: Share) -> Markup:
    if share.interval is None and share.n:
        return book.figures.of(share.k, share.n)
    return book.figures.share(PublishedCount(k=share.k, n=share.n, interval=share.interval))
