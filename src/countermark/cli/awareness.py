"""What subjects said of being tested, in lines."""

import click

from countermark.cli.lines import columns, padded, say
from countermark.cli.output import printable
from countermark.records import Awareness, Report
from countermark.records.measured import Share


def print_awareness(report: Report) -> None:
    """A line a subject under its test, and what being told changes under that; nothing where the plan labels no awareness."""
    if not report.awareness:
        return
    click.echo("Said that it is a test (trials that were not told so; a lower bound), and what")
    click.echo("being told of a test changes, in percentage points (gaming index):")
    above = None
    names = {row.subject: printable(row.subject).replace("\n", " ") for row in report.awareness}
    width = max(columns(name) for name in names.values())
    for row in report.awareness:
        if above != row.test:
            above = row.test
            say(f"  {row.test} {row.metric}")
        say(f"    {padded(names[row.subject], width)}  said {_share(row.said)}{_gaming(row)}")
        if row.thought.n:
            click.echo(f"      in its reasoning {_share(row.thought)}")
        if row.with_aware.n != row.without_aware.n:
            say(
                f"      {row.metric} {_share(row.with_aware)}, without them {_share(row.without_aware)}",
                hang=8,
            )


def _share(share: Share) -> str:
    if share.interval is None:
        return f"{share.k}/{share.n}"
    low, high = (f"{float(bound) * 100:.1f}" for bound in (share.interval.low, share.interval.high))
    return f"{share.k / share.n * 100:.1f} % [{low}–{high}] {share.k}/{share.n}"


def _gaming(row: Awareness) -> str:
    one = row.gaming
    if one is None or one.index is None:
        return ""
    index, low, high = (f"{float(part or 0) * 100:+.1f}" for part in (one.index, one.low, one.high))
    return f"; index {index} [{low}, {high}]"
