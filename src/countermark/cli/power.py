"""What `countermark plan --power` prints: for each metric and subject, what the plan can tell and what it will cost."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from countermark.analysis.power import PowerRow
from countermark.audit import Audit, AuditRequest, Estimate, estimate
from countermark.audit.power import Expected, expected_trials, planned_power
from countermark.cli.output import emit, plain
from countermark.errors import UsageError
from countermark.files import write_atomic


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
    from rich.console import Console
    from rich.table import Table

    table = Table(title="Trials on average, by the true rate of the bad outcome", title_justify="left")
    for column in ("metric", "limit", "target", "at 0", "at target", "at limit", "at twice the limit", "most", "fixed design", "smallest difference"):  # fmt: skip
        table.add_column(
            column, justify="left" if column == "metric" else "right", no_wrap=column == "metric"
        )
    for row in rows:
        at = {one.where: one.calls for one in row.at}
        places = ("zero", "target", "limit", "twice_limit") if row.rule.limit else ("0", "0.05", "0.1", "0.5")
        difference = "none" if row.smallest_difference is None else f"{row.smallest_difference:.3f}"
        short = "" if row.enough or not row.rule.limit else "!"
        table.add_row(
            plain(row.name),
            "–" if row.rule.limit is None else f"{row.rule.limit:g}",
            "–" if row.rule.target is None else f"{row.rule.target:g}",
            *(f"{at[place]:.0f}" for place in places),
            f"{row.worst}{short}",
            f"{row.fixed}",
            difference,
        )
    console = Console()
    console.print(table)
    console.print(
        "Metrics without a limit stop on precision; their columns are true rates of 0, 0.05, 0.1 and 0.5. "
        "Smallest difference: between two subjects on all scenarios drawn, two-sided 5 %, power as planned.",
        highlight=False,
    )
    if any(row.rule.limit and not row.enough for row in rows):
        console.print(
            "! the scenarios drawn end before the rule would: less power than planned", highlight=False
        )


def _print_subject(one: Expected, cost: Estimate) -> None:
    about = ", ".join(f"{count:,} with {place}" for place, count in one.about.items())
    click.echo(f"{one.subject}: at most {one.at_most:,} of {one.planned:,} trials; about {about}")
    if cost.usd is None:
        click.echo(f"    cost unknown: give a price with --price {one.subject}:in=…,out=…")
    elif cost.usd:
        share = [float(cost.usd) * count / one.planned for count in (*one.about.values(), one.at_most)]
        click.echo(
            f"    about {min(share):.2f} to {max(share):.2f} USD, at list prices and 250 tokens a reply"
        )
