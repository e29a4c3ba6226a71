"""What a metric hangs on, in lines."""

from countermark.cli.lines import say
from countermark.cli.output import printable
from countermark.records import Ablated, Report
from countermark.records.measured import Share

_FOUND = {
    "raises": "raises it",
    "lowers": "lowers it",
    "not_shown": "no difference shown",
    "not_measured": "not measured",
}


def print_ablations(report: Report) -> None:
    """One line a subject, metric and cause; nothing where no metric names a cause."""
    if not report.ablations:
        return
    say("With a cause, without it, and the difference in percentage points (exploratory):")
    for row in report.ablations:
        line = (
            f"  {row.subject}  {row.test} {row.metric}  {row.cause}: {_share(row.present)} with, "
            f"{_share(row.absent)} without{_difference(row)}; {_FOUND[row.found]}"
        )
        say(printable(line).replace("\n", " "))


def _share(share: Share) -> str:
    return f"{share.k}/{share.n}"


def _difference(row: Ablated) -> str:
    if row.difference is None:
        return ""
    middle, low, high = (f"{float(part or 0) * 100:+.1f}" for part in (row.difference, row.low, row.high))
    return f", {middle} [{low}, {high}]" + (f" over {row.pairs} pairs" if row.pairs else "")
