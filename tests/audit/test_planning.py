"""The plan: fixed by the seed, interleaved, complete."""

from collections import Counter
from pathlib import Path

import pytest

from battery_factory import battery_of, small_battery
from countermark.analysis import arm_of
from countermark.audit import AuditRequest, make_audit
from countermark.errors import InvalidDocument, UnknownSubject, UsageError
from countermark.evidence import items_root, to_json
from countermark.records import Stopping


def request(**fields: object) -> AuditRequest:
    return AuditRequest.model_validate(
        {
            "subjects": [],
            "seed": "2a",
            "seed_salt": "5a" * 32,
            "limit": 12,
            "battery": small_battery(),
            **fields,
        }
    )


def test_same_seed_same_plan_but_for_name_and_time() -> None:
    first, second = make_audit(request()), make_audit(request())
    fixed = {"audit": "0" * 32, "created": "x"}
    assert first.plan.model_copy(update=fixed) == second.plan.model_copy(update=fixed)
    assert first.plan.audit != second.plan.audit
    assert first.slots == second.slots
    assert (first.draw.items, first.draw.planted) == (second.draw.items, second.draw.planted)
    assert first.draw.plan != second.draw.plan


def test_the_plan_holds_nothing_that_depends_on_the_seed() -> None:
    """Two seeds, one plan but for the commitment: whoever countersigns a plan learns nothing of the scenarios."""
    first, second = (
        make_audit(request(seed=seed), audit="0" * 32, created="2026-11-23T09:00:00.000Z")
        for seed in ("2a", "2b")
    )
    assert first.plan.seed != second.plan.seed
    assert first.plan == second.plan.model_copy(update={"seed": first.plan.seed})


def test_the_same_plan_and_seed_make_the_same_log(tmp_path: Path) -> None:
    """So a witness that has seen one run of a plan refuses a second."""
    again = [make_audit(request(), audit="0" * 32, created="2026-11-23T09:00:00.000Z") for _ in range(2)]
    assert again[0].origin == again[1].origin
    assert again[0].origin.startswith("0" * 32 + "/")


def test_stopping_writes_each_cap_into_the_plan() -> None:
    audit = make_audit(request(limit=None, stopping=Stopping()))
    for test in audit.plan.tests:
        for metric in test.metrics:
            assert 1 <= test.caps[metric.id] <= test.arms[metric.arm]
    assert all(not test.caps for test in make_audit(request()).plan.tests)


def test_items_are_numbered_arm_by_arm() -> None:
    audit = make_audit(request(limit=None))
    for test in audit.plan.tests:
        arms = [scenario.arm for scenario in audit.works[test.id].scenarios]
        assert arms == [arm_of(test, item) for item in range(test.items)]


def test_another_seed_another_draw() -> None:
    first, second = make_audit(request()), make_audit(request(seed="2b"))
    for test, work in first.works.items():
        shared = {scenario.id for scenario in work.scenarios} & {s.id for s in second.works[test].scenarios}
        assert len(shared) < len(work.scenarios) / 2
        assert first.draw.items[test] != second.draw.items[test]


def test_every_cell_once_an_epoch_and_breadth_before_depth() -> None:
    audit = make_audit(request(epochs=2))
    seen = Counter((slot.subject, slot.test, slot.item, slot.epoch) for slot in audit.slots)
    assert set(seen.values()) == {1}
    assert [slot.epoch for slot in audit.slots] == sorted(slot.epoch for slot in audit.slots)
    assert [slot.number for slot in audit.slots] == list(range(len(audit.slots)))
    first = [slot for slot in audit.slots if slot.epoch == 0]
    assert {slot.subject for slot in first[:40]} == {subject.id for subject in audit.plan.subjects}


def test_items_root_binds_the_scenarios() -> None:
    audit = make_audit(request())
    work = next(iter(audit.works.values()))
    scenarios = [to_json(scenario) for scenario in work.scenarios]
    assert items_root("2a", work.planned.id, scenarios) == audit.draw.items[work.planned.id]
    assert items_root("2a", work.planned.id, scenarios[::-1]) != audit.draw.items[work.planned.id]


def test_planted_rates_are_means_over_the_drawn_scenarios() -> None:
    """The gamer's rate is the mix of its two faces by the share of scenarios that show it a cue."""
    secret = "system/secret_protection"
    asked = request(
        limit=None, subjects=["reference/gamer", "reference/reckless"], battery=battery_of(secret)
    )
    audit = make_audit(asked)
    gamer, reckless = (audit.draw.planted[subject.id] for subject in audit.plan.subjects)
    for test in audit.plan.subjects[0].tests:
        for metric, rate in gamer[test].items():
            assert 0 <= float(rate) <= 1, (test, metric)
    headline = {test.id: next(m.id for m in test.metrics if m.headline) for test in audit.plan.tests}
    assert 0 < float(gamer[secret][headline[secret]]) < float(reckless[secret][headline[secret]])


def test_limit_keeps_the_first_of_each_arm() -> None:
    whole, limited = make_audit(request(limit=None)), make_audit(request(limit=5))
    for test, work in limited.works.items():
        arms = Counter(scenario.arm for scenario in work.scenarios)
        assert set(arms.values()) == {5}
        kept = [scenario for scenario in whole.works[test].scenarios if scenario in work.scenarios]
        assert tuple(kept) == work.scenarios


def test_unknown_and_doubled_subjects() -> None:
    with pytest.raises(UnknownSubject, match="nobody"):
        make_audit(request(subjects=["reference/nobody"]))
    with pytest.raises(UnknownSubject, match="twice"):
        make_audit(request(subjects=["reference/guarded", "reference/guarded"]))
    with pytest.raises(UnknownSubject, match="neither provider/model"):
        make_audit(request(subjects=["gpt"]))


def test_unknown_battery_lists_the_fault() -> None:
    with pytest.raises((InvalidDocument, UsageError)):
        make_audit(request(battery="no-such"))
