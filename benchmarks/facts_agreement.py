"""How far the rules of the grader `facts` agree with the published labels of recorded replies.

    python benchmarks/facts_agreement.py [data directory]

Three sets, none of them in this repository, each left out where it is absent: Czech SimpleQA (labels by a model), TruthfulQA's answers (labels by people) and
FActScore's biographies (people). For each model: raw agreement with its Clopper-Pearson interval, Cohen's kappa with a
percentile interval from 2,000 resamples of the table, recall and precision. No model's number here is a current ranking.
"""

import csv
import gzip
import hashlib
import json
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from kappas import kappa, kappa_interval

from countermark.analysis import clopper_pearson
from countermark.graders.facts import judge, judge_reference
from countermark.graders.facts_abstain import read_reply

DEFAULT = Path(__file__).parents[1].parent / "shared" / "data"
RESAMPLES, SEED = 2000, 7
GRADES = {"A": "correct", "B": "wrong", "C": "abstained"}

Pairs = list[tuple[str, str]]
"""The published label and ours, ours "" where there is no verdict."""


def czech(data: Path) -> Iterator[tuple[str, Pairs]]:
    """Each model's replies: correct, wrong or abstained."""
    items = data / "czech_simpleqa/items.csv.gz"
    english: dict[str, str] = {}
    if items.exists():
        with gzip.open(items, "rt", encoding="utf-8", newline="") as stream:
            english = {row["translated_problem"]: row["answer"] for row in csv.DictReader(stream)}
    for file in sorted((data / "czech_simpleqa").glob("*.csv.gz")):
        if file.name == "items.csv.gz":
            continue
        with gzip.open(file, "rt", encoding="utf-8", newline="") as stream:
            rows = list(csv.DictReader(stream))
        yield (
            file.name.removesuffix(".csv.gz"),
            [(GRADES[row["grade"]], _czech(row, english)) for row in rows],
        )


def _czech(row: dict[str, str], english: dict[str, str]) -> str:
    answers = f"{row['target']}\n{english.get(row['problem'], '')}"
    verdict = judge(row["predicted_answer"], row["problem"], {"mode": "answer", "answers": answers})
    return verdict.outcome if verdict else ""


def biographies(data: Path) -> Iterator[tuple[str, Pairs]]:
    """Each model's biographies: abstained or answered."""
    for file in sorted((data / "factscore").glob("*.jsonl")):
        rows = [json.loads(line) for line in file.read_text("utf-8").splitlines()]
        yield (
            file.stem,
            [
                ("abstained" if row["abstained"] else "answered", _kind(row["output"], row["input"]))
                for row in rows
            ],
        )


def _kind(text: str, question: str) -> str:
    reading = read_reply(text, question)
    return "" if reading.kind == "nothing" else "abstained" if reading.abstains else "answered"


def truthful(data: Path, half: int) -> tuple[Pairs, Pairs]:
    """TruthfulQA: uninformative against abstained; untruthful against wrong, by the benchmark's reference answers.

    Args:
        data: The directory of the recorded data.
        half: 0 for the questions that phrases were mended on, 1 for those held out (last bit of SHA-256's first byte).
    """
    with (data / "truthfulqa_human/questions.csv").open(encoding="utf-8", newline="") as stream:
        questions = {row["Question"]: row for row in csv.DictReader(stream)}
    with (data / "truthfulqa_human/answers.jsonl").open(encoding="utf-8") as stream:
        rows = [row for row in map(json.loads, stream) if not row["label_conflict"]]
    informed: Pairs = []
    true: Pairs = []
    for row in rows:
        if hashlib.sha256(row["question"].encode()).digest()[0] % 2 != half:
            continue
        informed.append(
            ("answered" if row["informative"] else "abstained", _kind(row["answer"], row["question"]))
        )
        known = questions.get(row["question"])
        if known is None:  # a few questions of the release hold a dialogue and stand in no list of references
            continue
        right, wrong = (
            [part.strip() for part in known[name].split(";") if part.strip()]
            for name in ("Correct Answers", "Incorrect Answers")
        )
        verdict = (
            judge_reference(row["answer"], row["question"], right, wrong) if row["answer"].strip() else None
        )
        said = "" if verdict is None else "wrong" if verdict.outcome == "wrong" else "not wrong"
        true.append(("not wrong" if row["truthful"] else "wrong", said))
    return informed, true


def row_of(name: str, pairs: Pairs, positive: str) -> str:
    """One line of a table: agreement on all labels, recall and precision of one."""
    graded = [pair for pair in pairs if pair[1]]
    table = Counter(graded)
    same = sum(truth == said for truth, said in graded)
    low, high = clopper_pearson(same, len(graded))
    ordered = {cell: table[cell] for cell in sorted(table)}
    bottom, top = kappa_interval(ordered, whole=1.0, draws=RESAMPLES, seed=SEED)
    both = table[positive, positive]
    truths, saids = (sum(pair[place] == positive for pair in graded) for place in (0, 1))
    return (
        f"| {name} | {len(graded)} | {len(pairs) - len(graded)} | {same / len(graded):.1%} ({low:.1%} to {high:.1%}) "
        f"| {kappa(table, whole=1.0):.2f} ({bottom:.2f} to {top:.2f}) | {share(both, truths)} | {share(both, saids)} |"
    )


def share(part: int, whole: int) -> str:
    """`92.1% (35/38)`."""
    return f"{part / whole:.1%} ({part}/{whole})" if whole else "–"


def table_of(label: str, rows: Sequence[str]) -> str:
    """A Markdown table."""
    head = f"| replies of | graded | no verdict | agreement (95 %) | kappa (95 %) | recall of `{label}` | precision of `{label}` |"
    return "\n".join([head, "|---|---|---|---|---|---|---|", *rows])


def as_two(pairs: Pairs, label: str) -> Pairs:
    """The same with every other label taken together."""
    return [
        (truth if truth == label else "other", said if said in (label, "") else "other")
        for truth, said in pairs
    ]


def tables(data: Path) -> dict[str, str]:
    """Every table by name, for the page."""
    models = list(czech(data))
    halves = []
    if (data / "truthfulqa_human").is_dir():
        halves = [("mended on", *truthful(data, 0)), ("held out", *truthful(data, 1))]
    rows = {
        ("czech_abstained", "abstained"): [(name, as_two(pairs, "abstained")) for name, pairs in models],
        ("czech_correct", "correct"): [(name, as_two(pairs, "correct")) for name, pairs in models],
        ("czech_three", "wrong"): models,
        ("factscore_abstained", "abstained"): list(biographies(data)),
        ("truthfulqa_abstained", "abstained"): [
            (f"several models, {name}", pairs) for name, pairs, _ in halves
        ],
        ("truthfulqa_wrong", "wrong"): [(f"several models, {name}", pairs) for name, _, pairs in halves],
    }
    return {
        name: table_of(label, [row_of(model, pairs, label) for model, pairs in found])
        for (name, label), found in rows.items()
        if found
    }


def main(data: Path) -> int:
    """Print every table."""
    found = tables(data)
    for name, table in found.items():
        print(f"{name}\n\n{table}\n")
    if not found:
        print(f"No recorded replies in {data.name}: nothing to measure.")
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]) if len(sys.argv) > 1 else DEFAULT))
