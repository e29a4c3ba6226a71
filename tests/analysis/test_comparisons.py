"""Comparisons of an audit: who is held against whom, on which trials, and what keeps two numbers apart."""

import random
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from countermark.analysis import (
    ComparisonRules,
    benjamini_hochberg,
    compare_subjects,
    comparisons,
    findings,
    holm,
    with_caps,
)
from countermark.records import (
    Compared,
    Comparisons,
    Draw,
    Finding,
    MetricSpec,
    Outcome,
    Plan,
    TrialRecord,
)
from statement_factory import TEXT, trial

TEST, BENIGN = "a/one", "a/two"
AXES = {TEST: "misalignment", BENIGN: "over_refusal"}


def plan_of(kinds: dict[str, str], items: int = 60, **rules: Any) -> Plan:
    spec = {"title": TEXT, "arm": "attack", "label": "bad", "better": "lower"}
    tests = [
        {
            "id": name, "version": "1-A", "title": TEXT, "construct": TEXT, "driver": "dialogue", "grader": "leak",
            "metrics": [
                MetricSpec(id="bad", headline=True, axis=axis, **spec),
                MetricSpec(id="odd", axis="other", **{**spec, "label": "odd"}),
            ],
            "digest": "0" * 64, "items": items, "arms": {"attack": items},
        }
        for name, axis in AXES.items()
    ]  # fmt: skip
    subjects = [
        {"id": name, "kind": kind, "simulation": kind == "reference", "pack_digest": "0" * 64, "tests": [*AXES]}
        for name, kind in kinds.items()
    ]  # fmt: skip
    return with_caps(
        Plan.model_validate(
            {
                "audit": "0" * 32, "created": "t", "auditor": "x", "software": "x", "battery": "x",
                "seed": {"auditor": "0" * 64}, "tests": tests, "subjects": subjects, "rules": rules,
            }
        )
    )  # fmt: skip


def run(plan: Plan, rates: dict[str, float], seed: int = 1) -> list[TrialRecord]:
    """Every trial of the plan: each scenario put to all subjects before the next."""
    chance = random.Random(seed)
    made: list[TrialRecord] = []
    for test in plan.tests:
        for item in range(test.items):
            for subject, rate in rates.items():
                labels = {"bad": chance.random() < rate, "odd": chance.random() < 0.5}
                made.append(
                    trial(len(made), subject, test.id, scenario=f"{test.id}#{item}", item=item, cluster=f"{item}", labels=labels)
                )  # fmt: skip
    return made


def counted(plan: Plan, made: Sequence[TrialRecord]) -> list[Finding]:
    return findings(plan, Draw(plan="0" * 64, items={}, sample_key="0" * 64), made)


def compared(plan: Plan, made: Sequence[TrialRecord], **more: Any) -> Comparisons:
    found = comparisons(plan, made, counted(plan, made), **more)
    assert found is not None
    return found


def rows(found: Comparisons, metric: str = "bad", test: str = TEST) -> list[Compared]:
    return [row for row in found.rows if (row.test, row.metric) == (test, metric)]


LIVE = {"a/a": "live", "b/b": "live", "c/c": "live"}


def test_kinds_are_never_mixed() -> None:
    plan = plan_of({"a": "live", "b": "live", "reference/c": "reference", "reference/d": "reference", "e": "recording"})  # fmt: skip
    found = compared(plan, run(plan, dict.fromkeys(["a", "b", "reference/c", "reference/d", "e"], 0.3)))
    assert {(row.a, row.b) for row in found.rows} == {("a", "b"), ("reference/c", "reference/d")}
    assert {(rank.kind, len(rank.places)) for rank in found.rankings} == {("live", 2), ("reference", 2)}


def test_one_of_each_kind_leaves_nothing_to_compare() -> None:
    plan = plan_of({"a": "live", "reference/c": "reference"})
    made = run(plan, {"a": 0.2, "reference/c": 0.2})
    assert comparisons(plan, made, counted(plan, made)) is None


def test_numbers_are_those_of_the_library_on_the_paired_trials() -> None:
    plan = plan_of(LIVE)
    made = run(plan, {"a/a": 0.05, "b/b": 0.6, "c/c": 0.1})
    [row, *_] = rows(compared(plan, made))
    labels = [
        [one.labels["bad"] for one in made if (one.subject, one.test) == (name, TEST)]
        for name in ("a/a", "b/b")
    ]
    alone = compare_subjects(range(60), *labels, rules=ComparisonRules(margin=0.1))
    assert (row.verdict, row.method, row.pairs, row.units) == ("difference", "McNemar mid-p", 60, 60)
    assert (row.only_a, row.only_b) == (alone.only_a, alone.only_b)
    for name in ("difference", "low", "high", "p", "rate_a", "rate_b"):
        assert float(getattr(row, name)) == pytest.approx(getattr(alone, name), abs=1e-6)


def test_families_are_adjusted_each_by_its_own_method() -> None:
    plan = plan_of(LIVE)
    found = compared(plan, run(plan, {"a/a": 0.05, "b/b": 0.3, "c/c": 0.1}))
    for exploratory, adjust in ((False, holm), (True, benjamini_hochberg)):
        family = [row for row in found.rows if row.exploratory is exploratory]
        assert len(family) == 6
        wanted = adjust([float(row.p or 0) for row in family])
        assert [float(row.p_adjusted or 0) for row in family] == pytest.approx(list(wanted), abs=2e-5)
        assert all((row.verdict == "difference") == (float(row.p_adjusted or 0) <= 0.05) for row in family)
    assert (found.headline, found.exploratory) == ("holm", "benjamini-hochberg")


def test_no_difference_comes_with_what_would_have_been_found_at_the_familys_level() -> None:
    plan = plan_of({"a": "live", "b": "live"})
    made = run(plan, {"a": 0.2, "b": 0.2}, seed=2)
    [row] = rows(compared(plan, made))
    labels = [[one.labels["bad"] for one in made if (one.subject, one.test) == (name, TEST)] for name in "ab"]
    strict = compare_subjects(range(60), *labels, rules=ComparisonRules(level=1 - 0.05 / 2))
    assert row.verdict == "no_difference_found"
    assert strict.smallest_detectable is not None
    assert float(row.detectable or 0) == pytest.approx(strict.smallest_detectable, abs=1e-6)


def test_equivalent_needs_a_margin_in_the_plan() -> None:
    kinds, rates = {"a": "live", "b": "live"}, {"a": 0.02, "b": 0.02}
    plan = plan_of(kinds, 300)
    made = run(plan, rates)
    assert [row.verdict for row in rows(compared(plan, made))] == ["equivalent"]
    bare = plan_of(kinds, 300, comparing={"margin": None})
    [row] = rows(compared(bare, made))
    assert (row.verdict, row.p_equivalence) == ("no_difference_found", None)
    assert compared(bare, made).fronts == []


def test_only_trials_that_count_for_both_findings_are_paired() -> None:
    plan = plan_of({"a": "live", "b": "live"}, 120, stopping={"half_width": "0.10"})
    made = run(plan, {"a": 0.0, "b": 0.5})
    used = [one.n for one in counted(plan, made) if (one.test, one.metric.id) == (TEST, "bad")]
    found = compared(plan, made)
    [row] = rows(found)
    assert used[0] < used[1]
    assert (row.pairs, found.after_stopping) == (used[0], True)
    # What a rule had no more need of changes nothing, whatever it says.
    late = [replace(one, labels={**one.labels, "bad": True}) if one.subject == "a" and one.item >= used[0] else one for one in made]  # fmt: skip
    assert rows(compared(plan, late)) == [row]


def test_trials_without_a_verdict_have_no_counterpart() -> None:
    plan = plan_of({"a": "live", "b": "live"})
    made = run(plan, {"a": 0.2, "b": 0.3})
    made = [
        replace(one, outcome=Outcome.UNGRADED, labels={})
        if one.test == TEST and one.item < 10 and one.subject == "b"
        else one
        for one in made
    ]
    assert [row.pairs for row in rows(compared(plan, made))] == [50]


REASONS: dict[str, Any] = {
    "grader": lambda one: replace(one, grader="leak@2") if one.subject == "b" else one,
    "withheld": lambda one: replace(one, outcome=Outcome.ERRORED, labels={}) if one.subject == "b" else one,
    "pairs": lambda one: replace(one, outcome=Outcome.UNGRADED, labels={}) if (one.item < 30) == (one.subject == "b") else one,
}  # fmt: skip


@pytest.mark.parametrize("code", REASONS)
def test_what_cannot_be_compared_says_why_and_nothing_else(code: str) -> None:
    plan = plan_of({"a": "live", "b": "live"})
    made = [REASONS[code](one) for one in run(plan, {"a": 0.2, "b": 0.3})]
    found = compared(plan, made)
    assert {row.verdict for row in found.rows} == {"not_comparable"}
    assert {reason.code for row in found.rows for reason in row.reasons} == {code}
    assert all(row.difference is row.p is row.p_adjusted is None for row in found.rows)
    assert found.rankings == []


def test_another_reasoning_setting_is_another_measurement() -> None:
    plan = plan_of(LIVE)
    found = compared(plan, run(plan, dict.fromkeys(LIVE, 0.3)), reasoning={"b/b": "high"})
    told = {(row.a, row.b): row.verdict == "not_comparable" for row in rows(found)}
    assert told == {("a/a", "b/b"): True, ("a/a", "c/c"): False, ("b/b", "c/c"): True}
    [reason] = rows(found)[0].reasons
    assert (reason.code, reason.a, reason.b) == ("reasoning", "default", "high")
    assert found.rankings == [], "places need every pair"


def test_no_plan_makes_comparisons_without_end() -> None:
    names = [f"lab/{place:03d}" for place in range(70)]
    plan = plan_of(dict.fromkeys(names, "live"), 12)
    found = compared(plan, [])
    assert found.left_out == names[60:]
    assert {row.a for row in found.rows} | {row.b for row in found.rows} == set(names[:60])


def test_sources_are_what_is_independent() -> None:
    plan = plan_of({"a": "live", "b": "live"})
    made = [replace(one, cluster=f"{one.item // 3}") for one in run(plan, {"a": 0.1, "b": 0.4})]
    [row] = rows(compared(plan, made))
    assert (row.pairs, row.units, row.method) == (60, 20, "sign-flip, exact")


def test_places_follow_the_adjusted_tests_and_domination_needs_both_axes() -> None:
    plan = plan_of(LIVE, 400)
    found = compared(plan, run(plan, {"a/a": 0.02, "b/b": 0.02, "c/c": 0.7}))
    [first, _] = found.rankings
    assert [(place.best, place.worst) for place in first.places] == [(1, 2), (1, 2), (3, 3)]
    [front] = found.fronts
    assert front.members == ["a/a", "b/b"]
    assert {(claim.better, claim.worse) for claim in front.dominated} == {("a/a", "c/c"), ("b/b", "c/c")}
    assert front.units == [400, 400]


def test_more_is_better_turns_places_round() -> None:
    plan = plan_of(LIVE, 200)
    document = plan.model_dump(mode="python", by_alias=True)
    document["tests"][0]["metrics"][0]["better"] = "higher"
    turned = Plan.model_validate(document)
    found = compared(turned, run(turned, {"a/a": 0.02, "b/b": 0.3, "c/c": 0.9}))
    assert [place.best for place in found.rankings[0].places] == [3, 2, 1]


@given(st.randoms(use_true_random=False))
@settings(max_examples=10, deadline=None)
def test_the_order_of_records_does_not_matter(chance: random.Random) -> None:
    plan = plan_of({"a": "live", "b": "live"}, 40, stopping={})
    made = run(plan, {"a": 0.1, "b": 0.4})
    shuffled = chance.sample(made, len(made))
    assert compared(plan, shuffled).rows == compared(plan, made).rows


def test_a_scenario_that_changes_its_source_between_rounds_is_no_crash() -> None:
    plan = plan_of({"a": "live", "b": "live"}, epochs=2)
    made = run(plan, {"a": 0.1, "b": 0.4})
    made += [replace(one, slot=one.slot + 1000, epoch=1, cluster=f"other {one.cluster}") for one in made]
    [row] = rows(compared(plan, made))
    assert (row.pairs, row.units) == (120, 60)
