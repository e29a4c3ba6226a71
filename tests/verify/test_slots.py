"""Which trials were due: gaps are told whatever is withheld, and a large plan costs no more than its log is long."""

import pytest

from analysis.test_stopping import TEST, plan_of, record
from countermark.analysis import queue
from countermark.records import Plan, TrialRecord
from countermark.verify.slots import Slots

SEED = "5eed"


def made(plan: Plan, count: int, *, skipped: tuple[int, ...] = ()) -> list[TrialRecord]:
    """The first trials of the queue, none of them bad, but for those skipped."""
    import dataclasses

    return [
        dataclasses.replace(
            record(slot.number, {"leaked": False, "done": True}), item=slot.item, epoch=slot.epoch
        )
        for slot in queue(plan, SEED)[:count]
        if slot.number not in skipped
    ]


def faults(plan: Plan, records: list[TrialRecord], *, withheld: int = 0, most: int = 100_000) -> str:
    slots = Slots(plan, SEED, most)
    for one in records:
        list(slots.take(one))
    asked = sum(test.items for test in plan.tests) * plan.rules.epochs
    return "\n".join(slots.faults_at_end(asked, withheld))


def test_what_the_rules_spare_is_no_gap() -> None:
    assert faults(plan_of(), made(plan_of(), 60)) == ""


@pytest.mark.parametrize("withheld", [0, 1, 2])
def test_skipped_trials_are_told_though_a_record_is_withheld(withheld: int) -> None:
    assert "due" in faults(plan_of(), made(plan_of(), 60, skipped=(3, 5, 8)), withheld=withheld)


def test_withheld_records_may_be_what_lacks() -> None:
    assert faults(plan_of(), made(plan_of(), 60, skipped=(3, 5, 8)), withheld=3) == ""


def test_stopping_too_early_is_told() -> None:
    assert "due" in faults(plan_of(), made(plan_of(), 6))
    assert "due" in faults(plan_of(), made(plan_of(), 6), withheld=1)


def test_many_epochs_cost_only_those_that_were_reached() -> None:
    plan = plan_of()
    rules = plan.rules.model_copy(update={"epochs": 1000})
    plan = plan.model_copy(update={"rules": rules})
    slots = Slots(plan, SEED, 1000)
    for one in made(plan_of(), 60):
        list(slots.take(one))
    assert list(slots.faults_at_end(200_000)) == []


def test_a_plan_larger_than_any_log_so_short_is_not_replayed() -> None:
    assert "far more than so short a log" in faults(plan_of(), made(plan_of(), 60), most=100)
    assert TEST
