"""Profiles and savings: classes of tests, the largest upper bound, and trials counted once an arm."""

from typing import Any

import pytest

from countermark.analysis import profiles, saving, with_caps
from countermark.analysis.power import fixed_calls
from countermark.analysis.sequential import Rule
from countermark.records import Finding, Interval, Plan
from statement_factory import TEXT

LIMIT = {"limit": "0.10", "target": "0.05"}


def metric(name: str, arm: str = "attack", **fields: Any) -> dict[str, Any]:
    return {
        "id": name, "title": TEXT, "arm": arm, "label": name, "better": "lower", "axis": "misalignment", **fields,
    }  # fmt: skip


def plan_of(metrics: list[dict[str, Any]], *, kind: str = "live", arms: dict[str, int], **rules: Any) -> Plan:
    test = {
        "id": "a/one", "version": "1-A", "title": TEXT, "construct": TEXT, "driver": "dialogue", "grader": "leak",
        "metrics": metrics, "digest": "0" * 64, "items": sum(arms.values()), "arms": arms,
    }  # fmt: skip
    subject = {"id": "x/y", "kind": kind, "simulation": False, "pack_digest": "0" * 64, "tests": ["a/one"]}
    return with_caps(
        Plan.model_validate(
            {
                "audit": "0" * 32, "created": "t", "auditor": "x", "software": "x", "battery": "x",
                "seed": {"auditor": "0" * 64}, "tests": [test], "subjects": [subject], "rules": rules,
            }
        )
    )  # fmt: skip


def finding(plan: Plan, place: int, verdict: str | None = None, **fields: Any) -> Finding:
    spec = plan.tests[0].metrics[place]
    bounds = Interval(low="0.010000", high="0.080000", level="0.95", method="m", n_effective="50")
    stop = {
        "verdict": verdict, "why": "decided", "used": 50, "cap": 320, "fixed": 239, "decided_at": 50, "refuted": False,
        "estimand": "F", "estimate": "0.02", "interval": bounds,
    }  # fmt: skip
    return Finding.model_validate(
        {
            "subject": "x/y", "test": "a/one", "metric": spec, "k": 1, "n": 50, "clusters": 50, "rate": "0.020000",
            "interval": bounds, "stop": stop if verdict or "stop" not in fields else None,
            "outcomes": {"graded": 50, "ungraded": 0, "errored": 0, "unsupported": 0, "not_run": 0}, "spared": 250,
            **fields,
        }
    )  # fmt: skip


def withheld(plan: Plan, place: int) -> Finding:
    return finding(plan, place, stop=None, rate=None, interval=None, withheld="0 of 50 trials have a verdict")


ONE = [
    metric("bad", headline=True, **LIMIT),
    metric("worse", **LIMIT),
    metric("done", axis="utility", better="higher"),
]


def classes(*verdicts: str | None) -> dict[str, Any]:
    plan = plan_of(ONE, arms={"attack": 400}, stopping={})
    found = [
        withheld(plan, place) if verdict == "withheld" else finding(plan, place, verdict)
        for place, verdict in enumerate(verdicts)
    ]
    [profile] = profiles(plan, found)
    return profile.model_dump(include={"certified", "target_exceeded", "undecided", "not_judged"})


@pytest.mark.parametrize(
    ("verdicts", "name"),
    [
        (("certified", "certified", None), "certified"),
        (("certified", "undecided", None), "undecided"),
        (("certified", "target_exceeded", None), "target_exceeded"),
        (("target_exceeded", "withheld", None), "target_exceeded"),
    ],
)
def test_a_test_counts_by_all_its_metrics_that_have_a_limit(verdicts: tuple[str, ...], name: str) -> None:
    found = classes(*verdicts)
    assert found.pop(name) == ["a/one"]
    assert not any(found.values())


@pytest.mark.parametrize(
    "verdicts", [("withheld", "certified", None), ("certified", "certified", "withheld"), ("withheld",) * 3]
)
def test_what_is_withheld_never_makes_a_certificate(verdicts: tuple[str, ...]) -> None:
    found = classes(*verdicts)
    assert found.pop("not_judged") == {"a/one": "withheld"}
    assert not any(found.values())


def test_a_metric_whose_finding_is_missing_is_not_certified_away() -> None:
    plan = plan_of(ONE, arms={"attack": 400}, stopping={})
    [profile] = profiles(plan, [finding(plan, 0, "certified"), finding(plan, 1, "certified")])
    assert (profile.certified, profile.not_judged) == ([], {"a/one": "withheld"})


def test_without_a_limit_nothing_is_judged() -> None:
    plan = plan_of([metric("bad")], arms={"attack": 400}, stopping={})
    [profile] = profiles(plan, [finding(plan, 0)])
    assert (profile.not_judged, profile.judged) == ({"a/one": "no_limit"}, [])


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [("0.01", "0.09", "certified"), ("0.06", "0.30", "target_exceeded"), ("0.01", "0.30", "undecided"), ("0", "0.10", "undecided")],
)  # fmt: skip
def test_in_a_fixed_design_the_whole_interval_decides(low: str, high: str, verdict: str) -> None:
    plan = plan_of([metric("bad", **LIMIT), metric("kept", better="higher", **LIMIT)], arms={"attack": 50})
    bounds = {"level": "0.95", "method": "m", "n_effective": "50"}
    turned = {"low": f"{1 - float(high):.6f}", "high": f"{1 - float(low):.6f}"}
    found = [
        finding(plan, 0, stop=None, interval={"low": low, "high": high, **bounds}),
        finding(plan, 1, stop=None, interval={**turned, **bounds}),
    ]
    [profile] = profiles(plan, found)
    assert [(one.verdict, one.basis, one.estimand) for one in profile.judged] == [
        (verdict, "interval", "S")
    ] * 2
    assert profile.saving is None
    assert saving(plan, found) is None


def test_the_largest_bound_is_of_bad_outcomes_and_says_where() -> None:
    plan = plan_of(ONE, arms={"attack": 400}, stopping={})
    wide = {"low": "0.01", "high": "0.30", "level": "0.95", "method": "m", "n_effective": "50"}
    found = [finding(plan, 0), finding(plan, 1, interval=wide), finding(plan, 2)]
    largest = profiles(plan, found)[0].largest
    assert largest is not None
    assert (largest.bound, largest.level, largest.metrics) == ("0.300000", "0.975", ["a/one worse"])


def test_what_was_not_measured_leaves_no_bound() -> None:
    plan = plan_of(ONE, arms={"attack": 400}, stopping={})
    largest = profiles(plan, [finding(plan, 0), withheld(plan, 1), finding(plan, 2)])[0].largest
    assert largest is not None
    assert (largest.bound, largest.unmeasured) == ("1.000000", ["a/one worse"])


def test_an_arms_trials_count_once_and_no_fixed_design_makes_more_than_are_planned() -> None:
    fixed = fixed_calls(Rule(limit=0.1, target=0.05, half_width=0.1, cap=300))
    metrics = [metric("bad", **LIMIT), metric("worse", **LIMIT), metric("done", "control", axis="utility")]
    plan = plan_of(metrics, arms={"attack": 300, "control": 40}, stopping={})
    few = {"graded": 30, "ungraded": 3, "errored": 2, "unsupported": 0, "not_run": 1}
    found = [finding(plan, 0), finding(plan, 1), finding(plan, 2, outcomes=few, spared=4)]
    whole = saving(plan, found)
    assert whole is not None
    assert (whole.arms, whole.made, whole.planned, whole.spared) == (2, 50 + 35, 340, 254)
    assert whole.fixed == min(300, fixed) + 40
    assert whole.saved == whole.fixed - whole.made
    assert profiles(plan, found)[0].saving == whole


def test_a_rule_that_took_longer_saved_less_than_nothing() -> None:
    plan = plan_of([metric("bad", **LIMIT)], arms={"attack": 320}, stopping={})
    made = {"graded": 320, "ungraded": 0, "errored": 0, "unsupported": 0, "not_run": 0}
    whole = saving(plan, [finding(plan, 0, "undecided", outcomes=made, spared=0)])
    assert whole is not None
    assert whole.saved < 0


def test_recordings_save_nothing() -> None:
    plan = plan_of([metric("bad", **LIMIT)], kind="recording", arms={"attack": 300}, stopping={})
    assert saving(plan, [finding(plan, 0)]) is None
