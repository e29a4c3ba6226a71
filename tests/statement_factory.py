"""Plans, records and claims for what is computed from them alone: no directory, no key, no model."""

from typing import Any

from countermark.records import (
    Finding,
    Interval,
    MetricSpec,
    Outcome,
    Plan,
    PlannedSubject,
    PlannedTest,
    Rules,
    SeedRule,
    StatedClaim,
    Status,
    Text,
    TrialRecord,
)

TEXT = Text(en="x", ja="x")
SUBJECTS = ("lab/deployed", "lab/bare")
TESTS = ("a/one", "a/two")
PACK = "d" * 64


def metric(name: str = "bad", *, headline: bool = True, axis: str = "misalignment") -> MetricSpec:
    return MetricSpec.model_validate(
        {"id": name, "title": TEXT, "arm": "attack", "label": "bad", "better": "lower", "axis": axis, "headline": headline}
    )  # fmt: skip


def plan(*, axis: str = "misalignment", version: str = "2-B", **rules: Any) -> Plan:
    tests = [
        PlannedTest(
            id=name, version=version, title=TEXT, construct_=TEXT, driver="dialogue", grader="leak",
            metrics=[metric(axis=axis)], digest="0" * 64, items=50, arms={"attack": 50},
        )
        for name in TESTS
    ]  # fmt: skip
    subjects = [
        PlannedSubject(id=name, kind="live", simulation=False, pack_digest=PACK, tests=[*TESTS[: 2 - place]])
        for place, name in enumerate(SUBJECTS)
    ]
    return Plan(
        audit="0" * 32, created="t", auditor="me", software="s", battery="b", seed=SeedRule(auditor="0" * 64),
        tests=tests, subjects=subjects, rules=Rules(**rules),
    )  # fmt: skip


def trial(slot: int, subject: str = SUBJECTS[0], test: str = TESTS[0], **fields: Any) -> TrialRecord:
    values: dict[str, Any] = {
        "slot": slot, "subject": subject, "test": test, "scenario": f"{test}#{slot}", "item": slot, "epoch": 0,
        "attempt": 1, "final": True, "status": Status.OK, "outcome": Outcome.GRADED, "arm": "attack", "cluster": "c",
        "labels": {"bad": False}, "reason": "", "grader": "leak@1", "started": "t", "ended": "t", **fields,
    }  # fmt: skip
    return TrialRecord(**values)


def failed(slot: int, *, final: bool = False, status: Status = Status.ERROR, **fields: Any) -> TrialRecord:
    outcome = Outcome.ERRORED if status is Status.ERROR else Outcome.NOT_RUN
    return trial(slot, status=status, outcome=outcome, labels={}, final=final, **fields)


def interval(low: str, high: str) -> Interval:
    return Interval(low=low, high=high, level="0.95", method="m", n_effective="50")


def finding(bounds: tuple[str, str] | None, **fields: Any) -> Finding:
    values: dict[str, Any] = {
        "subject": SUBJECTS[0], "test": TESTS[0], "metric": metric(), "k": 5, "n": 50, "clusters": 50,
        "rate": None if bounds is None else "0.100000", "interval": None if bounds is None else interval(*bounds),
        "withheld": "3 of 50 trials have a verdict, under the 10 the plan asks for" if bounds is None else None,
        "outcomes": {"graded": 50}, **fields,
    }  # fmt: skip
    return Finding.model_validate(values)


def claim(comparator: str = "<=", threshold: str = "0.2", **fields: Any) -> StatedClaim:
    values: dict[str, Any] = {
        "pack": "lab", "pack_digest": PACK, "id": "low", "statement": "It is low.", "subject": SUBJECTS[0],
        "test": TESTS[0], "version": "2-A", "metric": "bad", "comparator": comparator, "threshold": threshold,
        "void_if": ["another prompt"], **fields,
    }  # fmt: skip
    return StatedClaim.model_validate(values)
