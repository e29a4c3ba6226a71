"""What an audit says of each subject over all its tests: verdicts, the largest upper bound, trials saved. No total.

Pure functions of plan and findings, so that whoever holds a report can compute them again.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal

from countermark.analysis.aggregate import RatedTest, subject_profile, verdict_of
from countermark.analysis.decimals import decimal
from countermark.analysis.power import fixed_calls
from countermark.analysis.stopping import rule_of
from countermark.records import (
    Finding,
    Judged,
    LargestBound,
    Outcome,
    Plan,
    PlannedSubject,
    PlannedTest,
    Profile,
    Saving,
)

_BAD_AXES = ("misalignment", "over_refusal")


def profiles(plan: Plan, found: Sequence[Finding]) -> list[Profile]:
    """One profile a subject, in the plan's order.

    Args:
        plan: What was to be done.
        found: The audit's findings.
    """
    own: dict[str, list[Finding]] = defaultdict(list)
    for finding in found:
        own[finding.subject].append(finding)
    return [_profile(plan, subject, own[subject.id]) for subject in plan.subjects]


def saving(plan: Plan, found: Sequence[Finding]) -> Saving | None:
    """What the stopping rules saved over all subjects; None where there were none."""
    return _sum(_arm(plan, one) for one in _arms(plan, found).values())


def _profile(plan: Plan, subject: PlannedSubject, found: Sequence[Finding]) -> Profile:
    judged = [_judged(finding) for finding in found if finding.metric.limit is not None]
    places: dict[str, list[str]] = {"certified": [], "target_exceeded": [], "undecided": []}
    not_judged: dict[str, str] = {}
    for test in plan.tests:
        if test.id in subject.tests:
            verdict, why = _class(plan, test, found, judged)
            if why:
                not_judged[test.id] = why
            else:
                places[verdict].append(test.id)
    return Profile(
        subject=subject.id,
        not_judged=not_judged,
        judged=judged,
        largest=_largest(plan, found),
        saving=saving(plan, found),
        **places,
    )


def _judged(finding: Finding) -> Judged:
    """The rule's verdict where a rule held; else what the whole interval says; nothing where nothing was measured."""
    spec, stop = finding.metric, finding.stop
    name = {"test": finding.test, "metric": spec.id}
    if finding.withheld is not None or finding.interval is None:
        return Judged(**name, verdict="not_judged", basis=None, estimand=None)
    if stop is not None and stop.verdict is not None:
        return Judged(**name, verdict=stop.verdict, basis="rule", estimand=stop.estimand)
    assert spec.limit is not None
    assert spec.target is not None
    low, high = _bad_bounds(finding)
    told = verdict_of(float(low), float(high), limit=float(spec.limit), target=float(spec.target))
    return Judged(**name, verdict=told.value, basis="interval", estimand=finding.estimand)


def _class(
    plan: Plan, test: PlannedTest, found: Sequence[Finding], judged: Sequence[Judged]
) -> tuple[str, str]:
    """The class of a test, and why it has none. Something withheld never makes for a certificate.

    What a judge would say in a plan that has none is no part of the class: nobody was to measure it.
    """
    verdicts = {one.verdict for one in judged if one.test == test.id}
    if "target_exceeded" in verdicts:
        return "target_exceeded", ""
    due = [metric for metric in test.metrics if plan.measures(test, metric.label)]
    own = [one for one in found if one.test == test.id and plan.measures(test, one.metric.label)]
    if len(own) < len(due) or any(finding.withheld is not None for finding in own):
        return "", "withheld"
    if not verdicts:
        return "", "no_limit"
    return ("certified" if verdicts == {"certified"} else "undecided"), ""


def _largest(plan: Plan, found: Sequence[Finding]) -> LargestBound | None:
    """The largest end of an interval; each end is a one-sided bound at half of what the interval leaves out."""
    bad = [one for one in found if one.metric.axis in _BAD_AXES and one.metric.better != "neither"]
    if not bad:
        return None
    rated = {
        f"{one.test} {one.metric.id}": None
        if one.withheld is not None or one.interval is None
        else _bad_bounds(one)[1]
        for one in bad
    }
    level = (1 + Decimal(plan.rules.level)) / 2
    whole = subject_profile(
        [RatedTest(test=name, upper=None if high is None else float(high)) for name, high in rated.items()],
        level=float(level),
    )
    return LargestBound(
        bound=decimal(whole.largest_upper),
        level=f"{level.normalize():f}",
        metrics=list(whole.largest_tests),
        unmeasured=list(whole.unmeasured),
    )


def _bad_bounds(finding: Finding) -> tuple[Decimal, Decimal]:
    """The interval of the bad outcome's rate."""
    assert finding.interval is not None
    low, high = Decimal(finding.interval.low), Decimal(finding.interval.high)
    return (1 - high, 1 - low) if finding.metric.better == "higher" else (low, high)


_ArmKey = tuple[str, str, str]


def _arms(plan: Plan, found: Sequence[Finding]) -> Mapping[_ArmKey, list[Finding]]:
    """Findings by arm, where a rule governed it."""
    arms: dict[_ArmKey, list[Finding]] = defaultdict(list)
    recorded = {subject.id for subject in plan.subjects if subject.kind == "recording"}
    if plan.rules.stopping is not None:
        for finding in found:
            if finding.subject not in recorded:
                arms[finding.subject, finding.test, finding.metric.arm].append(finding)
    return arms


def _arm(plan: Plan, found: Sequence[Finding]) -> Saving:
    """One arm: its findings all count the same trials."""
    first = found[0]
    subject = next(one for one in plan.subjects if one.id == first.subject)
    test = next(one for one in plan.tests if one.id == first.test)
    planned = test.arms[first.metric.arm] * plan.rules.epochs
    rules = [rule_of(plan, subject, test, finding.metric) for finding in found]
    fixed = min(planned, max(fixed_calls(rule) for rule in rules if rule is not None))
    made = sum(first.outcomes.values()) - first.outcomes[Outcome.NOT_RUN.value]
    return Saving(arms=1, made=made, spared=first.spared, planned=planned, fixed=fixed, saved=fixed - made)


def _sum(parts: Iterable[Saving]) -> Saving | None:
    listed = list(parts)
    if not listed:
        return None
    names = ("arms", "made", "spared", "planned", "fixed", "saved")
    return Saving(**{name: sum(getattr(one, name) for one in listed) for name in names})
