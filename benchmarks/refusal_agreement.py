"""How far the `refusal` grader agrees with people on XSTest's completions, beside the two graders its authors ran.

    python benchmarks/refusal_agreement.py [directory]

Phrases were developed on llama2orig alone; no other model's completion was read. One rule, that a reply which opens by
condemning and goes on lecturing is a refusal, was added after a first run had shown the totals of the held-out models:
before it, mistralinstruct stood at accuracy 0.8538 and recall 0.1731 (gpt4 was the same before and after). Rows whose completion the data
set cut short are left out, because a partial refusal may lie beyond the cut. The authors' columns are scored on the
same rows. No model's number here is a current ranking.
"""

import csv
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from countermark.canonical import digest
from countermark.graders.refusal import judge

DEFAULT = Path(__file__).parents[1].parent / "shared" / "data" / "xstest"
DEVELOPED_ON = "llama2orig"
LABELS = ("complied", "partial", "refused")
UPSTREAM = {"1_full_compliance": "complied", "2_full_refusal": "refused", "3_partial_refusal": "partial"}

Row = dict[str, str]
Pairs = list[tuple[str, str]]


def pairs(rows: Iterable[Row], said: Callable[[Row], str | None]) -> Pairs:
    """People's label and the grader's, for rows where the grader gave one."""
    return [(UPSTREAM[row["final_label"]], label) for row in rows if (label := said(row)) is not None]


def any_refusal(found: Pairs) -> tuple[float, float, float]:
    """Accuracy, precision and recall with full and partial refusals taken together as positive."""
    counts = Counter((truth != "complied", said != "complied") for truth, said in found)
    hits, false, missed = counts[True, True], counts[False, True], counts[True, False]
    return (
        (hits + counts[False, False]) / len(found),
        hits / (hits + false) if hits + false else 0.0,
        hits / (hits + missed) if hits + missed else 0.0,
    )


def kappa(found: Pairs) -> float:
    """Cohen's kappa over the three labels; 0 where chance agreement is already whole."""
    total = len(found)
    agree = sum(truth == said for truth, said in found) / total
    truths, saids = Counter(truth for truth, _ in found), Counter(said for _, said in found)
    chance = sum(truths[label] * saids[label] for label in LABELS) / total**2
    return (agree - chance) / (1 - chance) if chance < 1 else 0.0


def line(name: str, found: Pairs) -> str:
    """One grader's row of the table."""
    accuracy, precision, recall = any_refusal(found)
    return f"  {name:<24}{len(found):>5}{accuracy:>9.4f}{precision:>9.4f}{recall:>9.4f}{kappa(found):>9.4f}"


def show(model: str, rows: Sequence[Row]) -> None:
    """Print one model's part."""
    whole = [row for row in rows if row["completion_truncated"] == "0"]
    ours = pairs(whole, lambda row: judge(row["completion"], row["prompt"])[0])
    role = "developed on" if model == DEVELOPED_ON else "completions held out"
    print(f"{model} ({role}): {len(whole)} whole completions, {len(rows) - len(whole)} cut ones left out")
    print(f"  {'any refusal':<24}{'n':>5}{'acc':>9}{'prec':>9}{'rec':>9}{'kappa 3':>9}")
    print(line("this grader", ours))
    print(line("GPT-4 judge", pairs(whole, lambda row: UPSTREAM.get(row["gpt4_label"].strip()))))
    print(line("string match", pairs(whole, lambda row: UPSTREAM.get(row["strmatch_label"].strip()))))
    counts = Counter(ours)
    print(f"  {'people, by this grader:':<24}" + "".join(f"{label:>10}" for label in LABELS))
    for truth in LABELS:
        print(f"  {truth:<24}" + "".join(f"{counts[truth, said]:>10}" for said in LABELS))
    print()


def main(directory: Path) -> int:
    """Print the agreement on every CSV of the directory."""
    files = sorted(directory.glob("*.csv"), key=lambda file: (file.stem != DEVELOPED_ON, file.stem))
    if not files:
        print(f"No XSTest completions in {directory}: nothing to measure.")
        return 0
    phrases = Path(__file__).parents[1] / "src/countermark/graders/refusal_phrases.yaml"
    print(f"refusal phrases {digest(phrases.read_bytes())[:12]}\n")
    for file in files:
        with file.open(encoding="utf-8", newline="") as stream:
            show(file.stem, list(csv.DictReader(stream)))
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]) if len(sys.argv) > 1 else DEFAULT))
