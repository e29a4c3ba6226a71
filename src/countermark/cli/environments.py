"""Rates by environment, in lines."""

import click

from countermark.cli.lines import say
from countermark.cli.output import percent, printable
from countermark.records import Environments, Report

_WITHHELD = {
    "few_trials": "withheld: fewer graded trials than the plan asks for",
    "one_environment": "withheld: one environment",
}


def print_environments(report: Report) -> None:
    """One line a subject and metric; nothing where no metric names its environments."""
    if not report.environments:
        return
    click.echo("By environment, each weighing the same (exploratory):")
    for row in report.environments:
        line = f"  {row.subject}  {row.test} {row.metric}: {_told(row)}"
        say(printable(line).replace("\n", " "))


def _told(row: Environments) -> str:
    where = f"{row.trials} trials in {row.environments} environments"
    if row.mean is None or row.interval is None:
        return f"{_WITHHELD.get(str(row.withheld), 'withheld')} ({where})"
    low, high = (f"{float(bound) * 100:.1f}" for bound in (row.interval.low, row.interval.high))
    top = row.highest
    highest = f"; highest {top.environment}, {percent(top.rate)} ({top.k}/{top.n})" if top else ""
    return (
        f"mean {percent(row.mean)} [{low}–{high}] of {where}, {row.over_20} with over 20 trials; {row.at_zero} at 0, "
        f"{row.under_05} under 5 %, {row.under_50} under 50 %{highest}"
    )
