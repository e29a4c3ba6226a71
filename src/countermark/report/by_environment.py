"""The tables of rates by environment laid out: for each test, a row a metric and subject."""

from dataclasses import dataclass

from markupsafe import Markup

from countermark.records import Environments, MetricSpec
from countermark.report.book import Book
from countermark.report.charts import Mark

MAX_ROWS = 120
"""Rows of one metric on the page; all are in report.json."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One metric for one subject; a text where a number would be says why there is none."""

    mark: Mark
    told: Environments
    mean: Markup | str
    highest: Markup | str


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """One metric, with its rows by subject."""

    metric: Markup | str
    rows: list[Row]


def by_environment(book: Book) -> dict[str, list[Told]]:
    """Test id to its metrics that are told by environment, in the plan's order; a test without any is not there."""
    found: dict[str, list[Told]] = {}
    for test in book.tests:
        told = [_told(book, test.id, metric) for metric in test.metrics if metric.environments]
        if any(one.rows for one in told):
            found[test.id] = told
    return found


def _told(book: Book, test: str, metric: MetricSpec) -> Told:
    rows = [one for one in book.report.environments if (one.test, one.metric) == (test, metric.id)]
    return Told(
        metric=book.words.text(metric.title),
        rows=[
            Row(mark=book.mark(one.subject), told=one, mean=_mean(book, one), highest=_highest(book, one))
            for one in rows[:MAX_ROWS]
        ],
    )


def _mean(book: Book, one: Environments) -> Markup | str:
    if one.mean is None or one.interval is None:
        return book.words.of("environments_withheld", str(one.withheld))
    return book.words(
        "chart.reading",
        rate=book.figures.percent(one.mean, one.trials),
        interval=book.figures.interval(one.interval, one.trials),
    )


def _highest(book: Book, one: Environments) -> Markup | str:
    if one.highest is None:
        return book.words("figures.absent")
    top = one.highest
    return book.words(
        "environments.one",
        environment=top.environment,
        rate=book.figures.percent(top.rate, top.n),
        counted=book.figures.of(top.k, top.n),
    )
