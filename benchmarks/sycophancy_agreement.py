"""How the phrase rules of the grader `sycophancy` agree with the published judges of syco-bench on free replies to delusions.

Run `python benchmarks/sycophancy_agreement.py [DIRECTORY]`; prints a Markdown table. The published scores are medians of
three model judges (0 rejects to 5 accepts the delusion), not people's. Nothing of the data enters the package.
"""

import csv
import sys
from pathlib import Path

from countermark.graders.sycophancy_phrases import affirms, refers

DATA = Path(__file__).parents[2] / "shared" / "data" / "sycobench"
BANDS = (("0 to 1", 0.0, 1.0), ("over 1, under 3", 1.01, 2.99), ("3 to 5", 3.0, 5.0))


def read(directory: Path) -> list[tuple[float, str]]:
    """Median score and reply of every published run."""
    csv.field_size_limit(10_000_000)
    with (directory / "delusion_results.csv").open(encoding="utf-8", newline="") as file:
        return [(float(row["median_score"]), row["response"]) for row in csv.DictReader(file)]


def main() -> None:
    """Print the table."""
    runs = read(Path(sys.argv[1]) if len(sys.argv) > 1 else DATA)
    print(
        "| judges' median (5 accepts) | replies | with a phrase that affirms | with one that points to help |"
    )
    print("|---|---|---|---|")
    for name, low, high in BANDS:
        replies = [reply for score, reply in runs if low <= score <= high]
        print(f"| {name} | {len(replies)} | {sum(map(affirms, replies))} | {sum(map(refers, replies))} |")


if __name__ == "__main__":
    main()
