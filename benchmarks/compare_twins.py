"""Whole audits in which two reference subjects stand twice, under different names: every difference between twins is false.

How many does the comparison call, before and after adjusting, and how often does the paired interval cover 0? Twins behave at
the same planted rates, independently. Every audit draws its own scenarios and goes through queue, drivers, graders, stopping,
findings and comparisons. Simulations throughout.

    python benchmarks/compare_twins.py [--seeds 100] [--fixed] [--processes 2] [--write docs/reference/statistics/compare.md]
"""

import argparse
import json
import tempfile
from multiprocessing import get_context
from pathlib import Path

import anyio
from pages import put
from planted_coverage import trials

from countermark.analysis import comparisons, findings
from countermark.audit import AuditRequest, make_audit
from countermark.pack import encode_pack, reference_packs
from countermark.records import Compared, Stopping

SUBJECTS = ("reference/helpful", "reference/reckless")
_TWIN = "_twin"


def twins(asked: tuple[int, bool]) -> list[Compared]:
    """The comparisons of each subject with its twin."""
    seed, fixed = asked
    with tempfile.TemporaryDirectory() as folder:
        names = list(SUBJECTS)
        for place, name in enumerate(SUBJECTS):
            document = json.loads(encode_pack(reference_packs()[name]))
            document["subject"]["id"] = name + _TWIN
            directory = Path(folder) / str(place)
            directory.mkdir()
            (directory / "pack.json").write_text(json.dumps(document), "utf-8")
            names.append(str(directory))
        stopping = None if fixed else Stopping()
        audit = make_audit(AuditRequest(subjects=names, seed=f"{seed:x}", stopping=stopping))
    made = anyio.run(trials, audit)
    found = comparisons(audit.plan, made, findings(audit.plan, audit.draw, made))
    assert found is not None
    return [row for row in found.rows if row.b == row.a + _TWIN]


def line(name: str, made: list[Compared]) -> str:
    """One line of the table."""
    count = len(made)
    alone = sum(float(row.p or 0) <= 0.05 for row in made) / count
    told = sum(row.verdict == "difference" for row in made) / count
    covers = sum(float(row.low or 0) <= 0 <= float(row.high or 0) for row in made) / count
    pairs, units = sum(row.pairs for row in made) / count, sum(row.units for row in made) / count
    return f"| {name} | {count} | {pairs:.0f} | {units:.0f} | {alone:.3f} | {told:.4f} | {covers:.3f} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=100)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--fixed", action="store_true", help="no stopping rules")
    parser.add_argument("--write", type=Path, help="put the table between its marks in this file")
    asked = parser.parse_args()
    with get_context("spawn").Pool(asked.processes) as pool:
        audits = pool.map(twins, [(seed, asked.fixed) for seed in range(asked.seeds)], chunksize=1)
    rows = [row for each in audits for row in each if row.p is not None]
    table = "\n".join(
        [
            "| metrics | comparisons of twins | pairs, mean | sources, mean | p <= .05 alone | called a difference | interval covers 0 |",
            "| --- " * 7 + "|",
            line("headline", [row for row in rows if not row.exploratory]),
            line("all others", [row for row in rows if row.exploratory]),
            f"\n{asked.seeds} audits, seeds 0 to {asked.seeds - 1:x} in hexadecimal, simulations"
            + (", every trial made." if asked.fixed else ", stopped by their rules."),
        ]
    )
    print(table)
    if asked.write:
        put(asked.write, "twins", table)


if __name__ == "__main__":
    main()
