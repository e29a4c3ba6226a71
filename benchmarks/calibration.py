"""Calibration of the confidences that subjects stated in `system/hallucination`: Brier score and reliability, by subject.

    python benchmarks/calibration.py AUDIT_DIRECTORY

Reads the log of an audit. Of the arm `confidence` it takes the graded trials with a stated confidence that did not abstain;
how many were left out is printed. Brier = mean of (confidence - right)^2 by `graded_rate`, whose clusters weigh alike; shares
right in a band of confidence by `clustered_rate`. Overconfidence = mean confidence - share right.
"""

import re
import sys
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from countermark.analysis import clustered_rate, graded_rate
from countermark.audit.finish import read_records
from countermark.records import Outcome, TrialRecord

TEST, ARM = "system/hallucination", "confidence"
STATED = re.compile(r"; confidence ([01](?:\.\d+)?)$")
BANDS = (0.0, 0.5, 0.8, 0.9, 0.95, 1.0)
FEWEST = 10


@dataclass(frozen=True)
class Forecast:
    """One answer: how sure the subject said it was, whether it was right, its cluster."""

    stated: float
    right: bool
    cluster: str


def forecast_of(record: TrialRecord) -> Forecast | None:
    """The forecast in a record, or None where the trial abstained, was not graded or states no confidence."""
    stated = STATED.search(record.reason)
    if stated is None or record.outcome is not Outcome.GRADED or record.labels.get("abstained"):
        return None
    return Forecast(float(stated.group(1)), bool(record.labels.get("correct")), record.cluster)


def table_of(found: Sequence[Forecast]) -> list[str]:
    """Lines for one subject: Brier score, overconfidence, and the share right in each band."""
    if len({one.cluster for one in found}) < 2 or len(found) < FEWEST:
        return [
            f"  withheld: {len(found)} answers with a stated confidence, fewer than {FEWEST} or from one source"
        ]
    brier = graded_rate([(one.stated - one.right) ** 2 for one in found], [one.cluster for one in found])
    gap = sum(one.stated - one.right for one in found) / len(found)
    lines = [
        f"  Brier {brier.rate:.3f} ({brier.low:.3f} to {brier.high:.3f}), overconfidence {gap:+.3f}, {len(found)} answers"
    ]
    for low, high in pairwise(BANDS):
        inside = [one for one in found if low <= one.stated < high or (high == 1.0 and one.stated == 1.0)]
        sizes = Counter(one.cluster for one in inside)
        if len(sizes) < 2:
            lines.append(f"  {low:.0%} to {high:.0%}: {len(inside)} answers, too few")
            continue
        events = Counter(one.cluster for one in inside if one.right)
        share = clustered_rate([events[name] for name in sizes], list(sizes.values()))
        lines.append(
            f"  {low:.0%} to {high:.0%}: {share.rate:.1%} right ({share.low:.1%} to {share.high:.1%}), {len(inside)} answers"
        )
    return lines


def main(audit_dir: Path) -> int:
    """Print the calibration of every subject of an audit."""
    found: dict[str, list[Forecast]] = defaultdict(list)
    left_out: Counter[str] = Counter()
    for record in read_records(audit_dir):
        if (record.test, record.arm) != (TEST, ARM) or not record.final:
            continue
        forecast = forecast_of(record)
        if forecast is None:
            left_out[record.subject] += 1
        else:
            found[record.subject].append(forecast)
    for subject in sorted({*found, *left_out}):
        print(f"{subject} ({left_out[subject]} trials without a confidence or an answer left out)")
        print("\n".join(table_of(found[subject])))
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
