"""What commands share: where keys live, JSON on request, numbers in words."""

import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import click

from countermark.records import Finding, Report

json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON document instead of text.")
home_option = click.option(
    "--home",
    type=click.Path(path_type=Path, file_okay=False),
    envvar="COUNTERMARK_HOME",
    default=lambda: Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "countermark",
    help="Where keys and trust live.  [default: ~/.config/countermark]",
)


@contextmanager
def working(words: str) -> Iterator[None]:
    """Say on standard error what takes a while; a moving sign on a terminal, one plain line elsewhere."""
    from rich.console import Console

    console = Console(stderr=True)
    if not console.is_terminal:
        click.echo(f"{words} …", err=True)
        yield
        return
    with console.status(f"{words} …"):
        yield


def plain(text: str) -> str:
    """A stranger's text fit for a table: nothing a terminal obeys, nothing rich takes for markup."""
    from rich.markup import escape

    return escape(printable(text))


def printable(text: str) -> str:
    """A stranger's text without what a terminal obeys."""
    return "".join(
        sign if sign.isprintable() or sign == "\n" else "\N{REPLACEMENT CHARACTER}" for sign in text
    )


def emit(value: Any) -> None:
    """Print a value as JSON."""
    click.echo(json.dumps(value, ensure_ascii=False, indent=2, default=str))


def percent(value: str | None) -> str:
    """A rate for people: `3.2 %`; nothing measured is a dash, never zero."""
    return "–" if value is None else f"{float(Decimal(value) * 100):.1f} %"


def finding_in_words(finding: Finding) -> str:
    """`3.2 % [1.1–7.0] 6/190`, or why there is no number."""
    if finding.rate is None or finding.interval is None:
        return f"withheld ({finding.k}/{finding.n})"
    low, high = (f"{float(bound) * 100:.1f}" for bound in (finding.interval.low, finding.interval.high))
    return f"{percent(finding.rate)} [{low}–{high}] {finding.k}/{finding.n}"


def print_summary(report: Report) -> None:
    """The headline metrics, subjects × tests, as a table."""
    from rich.console import Console
    from rich.table import Table

    level = f"{float(report.plan.rules.level):.0%}"
    table = Table(title=f"Headline rates, {level} intervals", title_justify="left", caption_justify="left")
    table.add_column("subject", no_wrap=True)
    tests = [test for test in report.plan.tests if any(metric.headline for metric in test.metrics)]
    for test in tests:
        metric = next(metric for metric in test.metrics if metric.headline)
        table.add_column(plain(f"{test.title.en}\n{metric.title.en} ({_better(metric.better)})"))
    for subject in report.plan.subjects:
        shown = [_cell(report.findings, subject.id, test.id) for test in tests]
        table.add_row(plain(subject.id) + (" (simulation)" if subject.simulation else ""), *shown)
    Console().print(table)


def print_findings(findings: Sequence[Finding]) -> None:
    """Every metric, one line each under its subject and test; ids are never cut, whatever the terminal's width."""
    width = max((len(finding.metric.id) for finding in findings), default=0)
    above = None
    for finding in findings:
        if above != (finding.subject, finding.test):
            above = (finding.subject, finding.test)
            click.echo(f"{printable(finding.subject)}  {finding.test}")
        published = f"  as published {finding.published.k}/{finding.published.n}" if finding.published else ""
        click.echo(f"    {finding.metric.id:<{width}}  {finding_in_words(finding)}{published}")


def _better(better: str) -> str:
    return {"lower": "lower is better", "higher": "higher is better", "neither": "neither way is better"}[
        better
    ]


def _cell(findings: Sequence[Finding], subject: str, test: str) -> str:
    found = [finding for finding in findings if (finding.subject, finding.test) == (subject, test)]
    headline = next((finding for finding in found if finding.metric.headline), None)
    return "not in its plan" if headline is None else finding_in_words(headline)
