"""What `countermark plan --power` prints: for each metric and subject, what the plan can tell and what it will cost."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from shutil import get_terminal_size
from typing import Any

import click

from countermark.analysis.power import PowerRow
from countermark.audit import Audit, AuditRequest, Estimate, estimate
from countermark.audit.power import Expected, expected_trials, planned_power
from countermark.cli.lines import columns, padded, say
from countermark.cli.output import emit, printable
from countermark.errors import UsageError
from countermark.files import write_atomic

_HEADS = (
    ("", "", "at", "at", "at", "at 2 ×", "at", "fixed", "differ-"),
    ("limit", "target", "0", "target", "limit", "limit", "most", "design", "ence"),
)
_INDENT = 4


def show_power(audit: Audit, request: AuditRequest, picture: Path | None, *, as_json: bool) -> int:
    """Print it, and write the picture of the operating characteristic where one is asked for."""
    rows = planned_power(audit)
    if not rows:
        raise UsageError("a fixed design has no stopping rules to plan", hint="leave out --fixed")
    if picture is not None:
        from countermark.report.operating import operating_picture

        write_atomic(picture, operating_picture(rows))
    expected, costs = expected_trials(audit, rows), estimate(audit, request)
    if as_json:
        emit({"metrics": [_plain(row) for row in rows], "subjects": [asdict(one) for one in expected]})
        return 0
    _print_rows(rows)
    for one, cost in zip(expected, costs, strict=True):
        _print_subject(one, cost)
    if picture is not None:
        click.echo(f"Picture: {picture}")
    return 0


def _plain(row: PowerRow) -> dict[str, Any]:
    return {**asdict(row), "rule": asdict(row.rule)}


def _print_rows(rows: Sequence[PowerRow]) -> None:
    """A table under each test's id; where the terminal is too narrow for it, the numbers stand below the metric."""
    named = [(*row.name.partition(" ")[::2], _cells(row)) for row in rows]
    widths = [
        max(map(columns, column)) for column in zip(*_HEADS, *(cells for *_, cells in named), strict=True)
    ]
    name = max(columns(metric) for _, metric, _ in named) + 2
    broken = name + sum(widths) + len(widths) > get_terminal_size().columns
    click.echo("Trials on average, by the true rate of the bad outcome\n")
    for head in _HEADS:
        click.echo(" " * (_INDENT if broken else name) + _aligned(head, widths))
    above = ""
    for test, metric, cells in named:
        if test != above:
            click.echo(printable(above := test))
        before = (
            f"  {printable(metric)}\n{' ' * _INDENT}" if broken else padded(f"  {printable(metric)}", name)
        )
        click.echo(before + _aligned(cells, widths))
    click.echo()
    say(
        "Metrics without a limit stop on precision; their columns are true rates of 0, 0.05, 0.1 and 0.5.",
        hang=0,
    )
    say(
        "Difference: the smallest between two subjects that shows on all scenarios drawn, two-sided 5 %, power as planned.",
        hang=0,
    )
    if any(row.rule.limit and not row.enough for row in rows):
        say("! the scenarios drawn end before the rule would: less power than planned", hang=0)


def _cells(row: PowerRow) -> tuple[str, ...]:
    """The numbers of a metric, in the order of the heads."""
    at = {one.where: one.calls for one in row.at}
    places = ("zero", "target", "limit", "twice_limit") if row.rule.limit else ("0", "0.05", "0.1", "0.5")
    return (
        "–" if row.rule.limit is None else f"{row.rule.limit:g}",
        "–" if row.rule.target is None else f"{row.rule.target:g}",
        *(f"{at[place]:.0f}" for place in places),
        f"{row.worst}{'' if row.enough or not row.rule.limit else '!'}",
        f"{row.fixed}",
        "none" if row.smallest_difference is None else f"{row.smallest_difference:.3f}",
    )


def _aligned(cells: Sequence[str], widths: Sequence[int]) -> str:
    """Each cell at the right of its column, one space before it."""
    return "".join(
        " " * (width + 1 - columns(cell)) + cell for cell, width in zip(cells, widths, strict=True)
    )


def _print_subject(one: Expected, cost: Estimate) -> None:
    about = ", ".join(f"{count:,} with {place}" for place, count in one.about.items())
    say(f"{printable(one.subject)}: at most {one.at_most:,} of {one.planned:,} trials; about {about}")
    if cost.usd is None:
        click.echo(f"    cost unknown: give a price with --price {one.subject}:in=…,out=…")
    elif cost.usd:
        share = [float(cost.usd) * count / one.planned for count in (*one.about.values(), one.at_most)]
        click.echo(
            f"    about {min(share):.2f} to {max(share):.2f} USD, at list prices and 250 tokens a reply"
        )
