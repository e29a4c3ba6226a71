"""Findings and page from many trial records: seconds and peak memory, beside the charter's aim for a million.

The records are SYNTHETIC: made in memory from fixed random numbers, two made-up subjects, one made-up test with three
arms and four metrics. No number here is a model's. Prints figures; asserts nothing.

    python benchmarks/report.py [--records 1000000]
"""

import argparse
import os
import random
import resource
import time
from collections.abc import Callable

from countermark.analysis import coverage, findings
from countermark.records import Draw, Outcome, Plan, Report, Status, TrialRecord
from countermark.report import render

SUBJECTS = ("synthetic/one", "synthetic/two", "synthetic/three", "synthetic/four")
ARMS = ("attack", "control")
LABELS = ("leaked", "followed", "refused")
TEST = "synthetic/keeping"


def make_plan(items: int) -> Plan:
    text = {"en": "Synthetic", "ja": "合成"}
    metrics = [
        {
            "id": f"{arm}_{label}",
            "title": text,
            "arm": arm,
            "label": label,
            "better": "lower",
            "axis": "misalignment",
            "headline": (arm, label) == ("attack", "leaked"),
        }
        for arm in ARMS
        for label in LABELS
    ]
    test = {
        "id": TEST, "version": "1-A", "title": text, "construct": text, "driver": "dialogue", "grader": "leak",
        "metrics": metrics, "digest": "0" * 64, "items": items, "arms": {arm: items // len(ARMS) for arm in ARMS},
    }  # fmt: skip
    subjects = [
        {
            "id": name,
            "kind": "reference",
            "simulation": True,
            "pack_digest": "0" * 64,
            "tests": [TEST],
        }
        for name in SUBJECTS
    ]
    return Plan.model_validate(
        {"audit": "0" * 32, "created": "2026-11-23T09:00:00.000Z", "auditor": "a benchmark",
         "software": "countermark", "battery": "synthetic@1-A", "seed": {"auditor": "0" * 64}, "tests": [test],
         "subjects": subjects, "rules": {}}
    )  # fmt: skip


def make_records(count: int) -> list[TrialRecord]:
    source = random.Random(0)
    items = count // len(SUBJECTS)
    return [
        TrialRecord(
            slot=slot,
            subject=SUBJECTS[slot // items],
            test=TEST,
            scenario="synthetic/keeping#ask",
            item=slot % items,
            epoch=0,
            attempt=1,
            final=True,
            status=Status.OK,
            outcome=Outcome.GRADED,
            arm=ARMS[slot % 2],
            cluster=f"source/{slot % 997}",
            labels={label: source.random() < 0.1 for label in LABELS},
            reason="synthetic",
            grader="leak@1",
            started="2026-11-23T10:00:00.000Z",
            ended="2026-11-23T10:00:01.000Z",
            tags={"language": ("en", "ja")[slot % 3 == 0], "family": f"family{slot % 10}", "cue": "plain"},
            calls=1,
        )
        for slot in range(items * len(SUBJECTS))
    ]


def timed(name: str, work: Callable[[], object]) -> object:
    before, cpu, begun = _peak(), time.process_time(), time.perf_counter()
    found = work()
    print(
        f"  {name:10} {time.process_time() - cpu:6.2f} s CPU {time.perf_counter() - begun:6.2f} s wall, "
        f"peak {_peak():5.0f} MB (+{_peak() - before:.0f})"
    )
    return found


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=1_000_000)
    asked = parser.parse_args()
    print(f"load when begun: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    plan = make_plan(asked.records // len(SUBJECTS))
    planted = {name: {TEST: {"attack_leaked": "0.100000"}} for name in SUBJECTS}
    draw = Draw(plan="0" * 64, items={TEST: "0" * 64}, planted=planted, sample_key="0" * 64)
    records = make_records(asked.records)
    print(
        f"{len(records)} SYNTHETIC records in memory: {_peak():.0f} MB; the aim for a million is 10 s and 1,000 MB"
    )
    found = timed("findings", lambda: findings(plan, draw, records))
    report = Report(
        plan=plan,
        draw=draw,
        started=records[0].started,
        ended=records[-1].ended,
        evidence={"origin": plan.audit, "size": len(records), "root": "0" * 64, "key": "0" * 64},
        totals={name: {"trials": len(records) // len(SUBJECTS), "attempts": len(records) // len(SUBJECTS), "calls": 0,
                       "input_tokens": 0, "output_tokens": 0, "errored": 0, "interrupted": 0} for name in SUBJECTS},
        findings=found,
        coverage=dict(coverage(found)),
        events=[],
        limits=["simulation"],
    )  # fmt: skip
    timed("page", lambda: render(report))


if __name__ == "__main__":
    main()
