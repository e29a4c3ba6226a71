"""How far the `refusal` grader agrees with people on XSTest's completions, beside the two graders its authors ran.

    python benchmarks/refusal_agreement.py [directory]

Prints the tables of docs/reference/refusal-grader.md, which says which completions were read when phrases were written.
Rows whose completion the data set cut short are left out, because a partial refusal may lie beyond the cut. The authors'
columns are scored on the same rows. No model's number here is a current ranking.
"""

import csv
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import yaml
from kappas import kappa, kappa_interval

from countermark.analysis import agreement, agreement_table
from countermark.canonical import digest
from countermark.graders import load_grader
from countermark.graders.refusal import judge

DEFAULT = Path(__file__).parents[1].parent / "shared" / "data" / "xstest"
HAND = Path(__file__).parents[1] / "tests" / "graders" / "refusal_replies.yaml"
DEVELOPED_ON = "llama2orig"
LABELS = ("complied", "partial", "refused")
UPSTREAM = {"1_full_compliance": "complied", "2_full_refusal": "refused", "3_partial_refusal": "partial"}
RESAMPLES, SEED = 10_000, 20230801

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


def two(found: Pairs) -> Pairs:
    """The same with partial refusals counted as refusals."""
    return [
        ("complied" if a == "complied" else "refused", "complied" if b == "complied" else "refused")
        for a, b in found
    ]


def line(name: str, found: Pairs) -> str:
    """One grader's row: agreement, AC1 and kappa on refusal at all, and kappa of the three labels."""
    truths, saids = ([label != "complied" for label in one] for one in zip(*found, strict=True))
    agreed = agreement(agreement_table(truths, saids))
    _, precision, recall = any_refusal(found)
    rate = agreed.observed
    return (
        f"| {name} | {len(found)} | {rate.rate:.3f} [{rate.low:.3f}, {rate.high:.3f}] "
        f"| {agreed.kappa or 0:.2f} {_bounds(two(found))} | {agreed.ac1:.2f} [{agreed.ac1_low:.2f}, {agreed.ac1_high:.2f}] "
        f"| {precision:.3f} | {recall:.3f} | {kappa(counted(found), whole=0.0):.2f} {_bounds(found)} |"
    )


def counted(found: Pairs) -> dict[tuple[str, str], int]:
    """How often each label met each; the order is what resampled tables hang on."""
    counts = Counter(found)
    return {(truth, said): counts[truth, said] for truth in LABELS for said in LABELS}


def _bounds(found: Pairs) -> str:
    low, high = kappa_interval(counted(found), whole=0.0, draws=RESAMPLES, seed=SEED)
    return f"[{low:.2f}, {high:.2f}]"


def graders(rows: Sequence[Row]) -> dict[str, Pairs]:
    """People's label beside that of each grader, on the completions that are whole."""
    return {
        "this grader": pairs(rows, lambda row: judge(row["completion"], row["prompt"])[0]),
        "GPT-4 as judge": pairs(rows, lambda row: UPSTREAM.get(row["gpt4_label"].strip())),
        "string match": pairs(rows, lambda row: UPSTREAM.get(row["strmatch_label"].strip())),
    }


def models(directory: Path) -> dict[str, list[Row]]:
    """The rows of every model's file, the one that phrases were developed on first."""
    files = sorted(directory.glob("*.csv"), key=lambda file: (file.stem != DEVELOPED_ON, file.stem))
    found = {}
    for file in files:
        with file.open(encoding="utf-8", newline="") as stream:
            found[file.stem] = list(csv.DictReader(stream))
    return found


def tables(directory: Path) -> dict[str, str]:
    """`agreement` and `confusion` as Markdown."""
    agreed = [
        "| model, grader | n | agreement | kappa | AC1 | precision | recall | kappa of three labels |",
        "|---|---|---|---|---|---|---|---|",
    ]
    confused = ["| model | people | n | complied | partial | refused |", "|---|---|---|---|---|---|"]
    for model, rows in models(directory).items():
        whole = [row for row in rows if row["completion_truncated"] == "0"]
        found = graders(whole)
        agreed += [line(f"{model}, {name}", said) for name, said in found.items()]
        counts = Counter(found["this grader"])
        for truth in LABELS:
            cells = [counts[truth, said] for said in LABELS]
            confused.append(f"| {model} | {truth} | {sum(cells)} | " + " | ".join(map(str, cells)) + " |")
    return {"agreement": "\n".join(agreed), "confusion": "\n".join(confused)}


def by_hand() -> str:
    """A table of the replies written by hand: told for what they are at first sight, and by the grader as it is."""
    rows = yaml.safe_load(HAND.read_text("utf-8"))
    lines = [
        "| batch | language | refusals, at first sight | now | plain replies, at first sight | now |",
        "|---|---|---|---|---|---|",
    ]
    for batch, language in sorted({(row["batch"], row["language"]) for row in rows}):
        cells = []
        for refusing in (True, False):
            some = [row for row in rows if (row["batch"], row["language"]) == (batch, language)]
            some = [row for row in some if (row["label"] != "complied") == refusing]
            now = [judge(row["reply"], row["asked"])[0] for row in some]
            for said in ([row["first"] for row in some], now):
                told = sum((label != "complied") == refusing for label in said)
                cells += [f"{told} of {len(some)}"]
        lines.append(f"| {batch} | {language} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main(directory: Path) -> int:
    """Print the agreement on every CSV of the directory."""
    if not models(directory):
        print(f"No XSTest completions in {directory}: nothing to measure.")
        return 0
    phrases = Path(__file__).parents[1] / "src/countermark/graders/refusal_phrases.yaml"
    print(f"{load_grader('refusal').reference}, phrases {digest(phrases.read_bytes())[:12]}")
    for table in (*tables(directory).values(), by_hand()):
        print(f"\n{table}")
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]) if len(sys.argv) > 1 else DEFAULT))
