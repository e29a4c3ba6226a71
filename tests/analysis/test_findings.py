"""Findings: what is counted, what never is, and what is withheld."""

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from countermark.analysis import coverage
from countermark.analysis import findings as counted
from countermark.records import (
    Draw,
    Finding,
    MetricSpec,
    Outcome,
    Plan,
    PlannedSubject,
    PlannedTest,
    Rules,
    SeedRule,
    Status,
    Text,
    TrialRecord,
)

TEXT = Text(en="x", ja="x")


def findings(plan: Plan, records: Sequence[TrialRecord], planted: str | None = None) -> list[Finding]:
    rates = {"x/y": {"a/b": {"bad": planted}}} if planted else {}
    return counted(plan, Draw(plan="0" * 64, items={}, planted=rates, sample_key="0" * 64), records)


def plan(items: int, *, planted: str | None = None) -> Plan:
    metric = MetricSpec(
        id="bad", title=TEXT, arm="attack", label="bad", better="lower", axis="misalignment", headline=True
    )
    test = PlannedTest(
        id="a/b", version="1-A", title=TEXT, construct_=TEXT, driver="dialogue", grader="leak", metrics=[metric],
        digest="0" * 64, items=items, arms={"attack": items},
    )  # fmt: skip
    subject = PlannedSubject(
        id="x/y", kind="reference" if planted else "live", simulation=planted is not None, pack_digest="0" * 64, tests=["a/b"],
    )  # fmt: skip
    return Plan(
        audit="0" * 32, created="t", auditor="me", software="s", battery="b", seed=SeedRule(auditor="0" * 64), tests=[test],
        subjects=[subject], rules=Rules(),
    )  # fmt: skip


def trial(
    slot: int, outcome: Outcome = Outcome.GRADED, *, bad: bool = False, **fields: object
) -> TrialRecord:
    values: dict[str, object] = {
        "slot": slot, "subject": "x/y", "test": "a/b", "scenario": f"a/b#{slot}", "item": slot, "epoch": 0,
        "attempt": 1, "final": True, "status": Status.OK, "outcome": outcome, "arm": "attack", "cluster": f"c{slot}",
        "labels": {"bad": bad} if outcome is Outcome.GRADED else {}, "reason": "", "grader": "leak@1",
        "started": "t", "ended": "t", **fields,
    }  # fmt: skip
    return TrialRecord(**values)  # type: ignore[arg-type]


def test_what_has_no_verdict_is_counted_beside_and_never_inside() -> None:
    records = [trial(slot, bad=slot < 3) for slot in range(20)]
    records += [
        trial(20 + n, outcome) for n, outcome in enumerate([Outcome.ERRORED] * 5 + [Outcome.UNGRADED] * 2)
    ]
    [found] = findings(plan(27), records)
    assert (found.k, found.n, found.rate) == (3, 20, "0.150000")
    assert found.outcomes == {"graded": 20, "ungraded": 2, "errored": 5, "unsupported": 0, "not_run": 0}


def test_only_final_attempts_count() -> None:
    records = [trial(slot) for slot in range(12)]
    records += [trial(0, Outcome.ERRORED, final=False, status=Status.ERROR)]
    [found] = findings(plan(12), records)
    assert (found.n, found.outcomes["errored"]) == (12, 0)


def test_nothing_measured_is_never_zero() -> None:
    [found] = findings(plan(30), [trial(slot, Outcome.ERRORED) for slot in range(30)])
    assert found.rate is None
    assert found.interval is None
    assert "0 of 30" in (found.withheld or "")


def test_one_source_is_withheld() -> None:
    [found] = findings(plan(30), [trial(slot, cluster="same") for slot in range(30)])
    assert found.rate is None
    assert "one source" in (found.withheld or "")


def test_a_label_the_grader_did_not_give_is_no_verdict() -> None:
    records = [trial(slot) for slot in range(12)] + [trial(12 + n, labels={"other": True}) for n in range(3)]
    [found] = findings(plan(15), records)
    assert (found.n, found.outcomes["ungraded"]) == (12, 3)


def test_planted_and_published() -> None:
    records = [trial(slot, bad=slot % 2 == 0, published={"bad": True}) for slot in range(20)]
    records += [trial(20, Outcome.ERRORED, published={"bad": True})]
    [found] = findings(plan(21, planted="0.500000"), records, "0.500000")
    assert found.covered is True
    assert found.published is not None
    assert (found.published.k, found.published.n) == (21, 21)
    assert coverage([found]) == {"planted": 1, "covered": 1}


@given(st.lists(st.tuples(st.sampled_from(list(Outcome)), st.booleans(), st.integers(0, 8)), max_size=60))
@settings(max_examples=40, deadline=None)
def test_counts_add_up_and_intervals_hold_the_rate(rows: list[tuple[Outcome, bool, int]]) -> None:
    records = [
        trial(slot, outcome, bad=bad, cluster=f"c{cluster}", tags={"family": f"f{cluster % 3}"})
        for slot, (outcome, bad, cluster) in enumerate(rows)
    ]
    [found] = findings(plan(max(1, len(rows))), records)
    assert sum(found.outcomes.values()) == len(rows)
    assert found.n == found.outcomes["graded"]
    assert (found.rate is None) == (found.withheld is not None)
    if found.interval:
        assert float(found.interval.low) <= float(found.rate or 0) <= float(found.interval.high)
        assert float(found.interval.low) < float(found.interval.high)
    for part in {breakdown.tag for breakdown in found.breakdowns}:
        assert sum(breakdown.n for breakdown in found.breakdowns if breakdown.tag == part) == found.n


def test_the_order_of_records_does_not_matter() -> None:
    records = [trial(slot, bad=slot % 3 == 0, cluster=f"c{slot % 7}") for slot in range(40)]
    assert findings(plan(40), records) == findings(plan(40), records[::-1])


@pytest.mark.parametrize("field", ["low", "high", "n_effective", "level"])
def test_no_float_in_what_is_signed(field: str) -> None:
    [found] = findings(plan(20), [trial(slot) for slot in range(20)])
    assert isinstance(getattr(found.interval, field), str)


def test_a_breakdown_shows_what_was_not_measured() -> None:
    rows = [trial(slot, tags={"cue": "plain"}) for slot in range(15)]
    rows += [trial(15 + n, Outcome.ERRORED, tags={"cue": "test"}) for n in range(15)]
    [found] = findings(plan(30), rows)
    assert [(part.value, part.n, part.interval is None) for part in found.breakdowns] == [
        ("plain", 15, False),
        ("test", 0, True),
    ]
