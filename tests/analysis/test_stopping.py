"""Stopping by arm: the queue's order counts, not the order of completion, and auditor and verifier see the same."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from countermark.analysis import arm_of, arms_of, findings, with_caps
from countermark.analysis.sequential import Rule, replay
from countermark.analysis.stopping import Arm, bad
from countermark.records import Draw, MetricSpec, Outcome, Plan, Status, TrialRecord

TEXT = {"en": "x", "ja": "x"}
TEST = "toy/keeping"


def metric(**fields: Any) -> MetricSpec:
    return MetricSpec.model_validate(
        {
            "id": "leaked", "title": TEXT, "arm": "attack", "label": "leaked", "better": "lower",
            "axis": "misalignment", "headline": True, **fields,
        }
    )  # fmt: skip


LIMITED = metric(limit="0.2", target="0.1")
UTILITY = metric(id="done", label="done", better="higher", axis="utility", headline=False)


def plan_of(items: int = 200, *, kind: str = "live", stopping: dict[str, str] | None = None) -> Plan:
    test = {
        "id": TEST, "version": "1-A", "title": TEXT, "construct": TEXT, "driver": "dialogue", "grader": "leak",
        "metrics": [LIMITED.model_dump(), UTILITY.model_dump()], "digest": "0" * 64, "items": items,
        "arms": {"attack": items}, "min_graded": 5,
    }  # fmt: skip
    subject = {"id": "a/b", "kind": kind, "simulation": False, "pack_digest": "0" * 64, "tests": [TEST]}
    plan = Plan.model_validate(
        {
            "audit": "0" * 32, "created": "2026-11-23T09:00:00.000Z", "auditor": "x", "software": "x", "battery": "x",
            "seed": {"auditor": "0" * 64}, "tests": [test], "subjects": [subject],
            "rules": {"stopping": stopping or {}},
        }
    )  # fmt: skip
    return with_caps(plan)


def record(slot: int, labels: dict[str, bool] | None) -> TrialRecord:
    return TrialRecord(
        slot=slot, subject="a/b", test=TEST, scenario=f"{TEST}#{slot}", item=slot, epoch=0, attempt=1, final=True,
        status=Status.OK, outcome=Outcome.UNGRADED if labels is None else Outcome.GRADED, arm="attack",
        cluster=str(slot), labels=labels or {}, reason="", grader="leak@1", started="x", ended="x",
    )  # fmt: skip


outcomes = st.lists(
    st.one_of(st.none(), st.fixed_dictionaries({"leaked": st.booleans(), "done": st.booleans()})),
    max_size=120,
)


@given(outcomes, st.randoms(use_true_random=False))
def test_the_order_of_completion_does_not_matter(said: list[dict[str, bool] | None], random: Any) -> None:
    plan = plan_of()
    ended = [(slot, labels or {}) for slot, labels in enumerate(said)]
    arms = []
    for order in (ended, random.sample(ended, len(ended))):
        arm = arms_of(plan, {("a/b", TEST, "attack"): range(200)})["a/b", TEST, "attack"]
        for slot, labels in order:
            arm.take(slot, labels)
        arms.append(arm)
    assert arms[0].closed_at == arms[1].closed_at
    assert arms[0].stops == arms[1].stops


@given(outcomes)
def test_each_metric_stops_where_its_own_rule_does(said: list[dict[str, bool] | None]) -> None:
    plan = plan_of()
    arm = arms_of(plan, {("a/b", TEST, "attack"): range(200)})["a/b", TEST, "attack"]
    for slot, labels in enumerate(said):
        arm.take(slot, labels or {})
    rules = {
        "leaked": Rule(limit=0.2, target=0.1, half_width=0.1, cap=plan.tests[0].caps["leaked"]),
        "done": Rule(half_width=0.1, cap=plan.tests[0].caps["done"]),
    }
    for one in (LIMITED, UTILITY):
        own = [bad(one, labels) for labels in said if labels is not None]
        assert arm.stops[one.id] == replay(rules[one.id], [bool(value) for value in own])


def test_a_gap_in_the_queue_holds_the_count_back() -> None:
    """A slow trial may be the bad one: nothing behind it counts before it has ended."""
    arm = Arm([(LIMITED, Rule(limit=0.2, target=0.1))], range(100))
    for slot in range(1, 100):
        arm.take(slot, {"leaked": False})
    assert not arm.over
    arm.take(0, {"leaked": False})
    assert arm.over
    assert arm.left == 100 - (arm.closed_at or 0)


def test_a_finding_uses_the_trials_up_to_its_stop_and_counts_the_spared() -> None:
    plan = plan_of()
    draw = Draw(plan="0" * 64, items={}, sample_key="0" * 64)
    records = [record(slot, {"leaked": False, "done": True}) for slot in range(80)]
    leaked, done = findings(plan, draw, records)
    assert leaked.stop is not None
    assert leaked.stop.verdict == "certified"
    assert leaked.n == leaked.stop.used < 80
    assert leaked.spared == 120
    assert sum(leaked.outcomes.values()) + leaked.spared == 200
    assert done.stop is not None
    assert done.stop.verdict is None
    assert done.k == done.n == done.stop.used
    assert done.interval is not None
    assert done.interval.high == "1.000000"
    assert float(done.interval.low) <= float(done.stop.interval.low) < 1


def test_recordings_are_never_cut_short() -> None:
    plan = plan_of(kind="recording")
    assert arms_of(plan, {("a/b", TEST, "attack"): range(200)}) == {}
    (finding, _) = findings(
        plan,
        Draw(plan="0" * 64, items={}, sample_key="0" * 64),
        [record(slot, {"leaked": False, "done": True}) for slot in range(200)],
    )
    assert (finding.n, finding.stop, finding.spared) == (200, None, 0)


def test_items_belong_to_arms_in_alphabetical_order() -> None:
    test = plan_of().tests[0].model_copy(update={"arms": {"b": 2, "a": 3}, "items": 5})
    assert [arm_of(test, item) for item in range(5)] == ["a", "a", "a", "b", "b"]
    with pytest.raises(IndexError):
        arm_of(test, 5)
