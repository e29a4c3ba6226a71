"""Which trials of a plan are needed: the stopping rules of its metrics, applied arm by arm in queue order.

An arm of a test is over for a subject once each of its metrics has what the plan asks for: its verdict, where it has a limit,
and its precision. What a trial says counts in queue order and never in the order of completion. Auditor and verifier
share this module, so that what was left out can be checked.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from countermark.analysis.decimals import decimal
from countermark.analysis.power import fixed_calls
from countermark.analysis.sequential import Rule, Stopped, Watch, interval_after
from countermark.records import (
    Interval,
    MetricSpec,
    Outcome,
    Plan,
    PlannedSubject,
    PlannedTest,
    Stop,
    TrialRecord,
)

Labels = Mapping[str, bool]


def rule_of(plan: Plan, subject: PlannedSubject, test: PlannedTest, metric: MetricSpec) -> Rule | None:
    """The rule by which a metric of a test stops for a subject; None where every trial is made.

    Recordings are never cut short: replaying them costs nothing, and their published tables are to be reproduced.
    """
    if plan.rules.stopping is None or subject.kind == "recording":
        return None
    return _rule(plan, metric, test.caps.get(metric.id) or test.arms[metric.arm] * plan.rules.epochs)


def caps_of(plan: Plan, test: PlannedTest) -> dict[str, int]:
    """The most trials each metric may use: as many as its rule wants, as far as there are scenarios and epochs."""
    if plan.rules.stopping is None:
        return {}
    there = {metric.id: test.arms[metric.arm] * plan.rules.epochs for metric in test.metrics}
    return {metric.id: min(there[metric.id], _rule(plan, metric, None).worst) for metric in test.metrics}


@lru_cache(maxsize=4096)
def _cached_rule(
    limit: str | None, target: str | None, stopping: tuple[str, str, str], cap: int | None
) -> Rule:
    alpha, beta, half_width = map(float, stopping)
    return Rule(
        limit=None if limit is None else float(limit),
        target=None if target is None else float(target),
        alpha=alpha,
        beta=beta,
        half_width=half_width,
        cap=cap,
    )


def _rule(plan: Plan, metric: MetricSpec, cap: int | None) -> Rule:
    stopping = plan.rules.stopping
    assert stopping is not None
    return _cached_rule(
        metric.limit, metric.target, (stopping.alpha, stopping.beta, stopping.half_width), cap
    )


def bad(metric: MetricSpec, labels: Labels) -> bool | None:
    """Whether labels count against the subject in a metric; None where they say nothing of it."""
    if metric.label not in labels:
        return None
    return labels[metric.label] is not (metric.better == "higher")


def arm_of(test: PlannedTest, item: int) -> str:
    """The arm of an item: items are numbered arm by arm, arms in alphabetical order."""
    for arm, count in sorted(test.arms.items()):
        if item < count:
            return arm
        item -= count
    raise IndexError(f"{test.id} has no such item")


@dataclass(frozen=True, slots=True, kw_only=True)
class Used:
    """How far a metric got: its rule, where it stopped, and how many of the arm's graded trials it used."""

    rule: Rule
    stopped: Stopped


def used(rule: Rule, metric: MetricSpec, finals: Iterable[TrialRecord]) -> Used:
    """The replay of a metric's rule over an arm's final records, in queue order; those without a verdict are passed over."""
    watch = Watch(rule)
    for record in finals:
        said = bad(metric, record.labels) if record.outcome is Outcome.GRADED else None
        if said is not None and watch.take(said) is not None:
            break
    return Used(rule=rule, stopped=watch.give_up())


class Arm:
    """One arm of one test for one subject, while its trials come in, in whatever order they end.

    Args:
        metrics: Those of the arm, each with its rule.
        slots: The arm's slots, in queue order.
    """

    def __init__(self, metrics: Sequence[tuple[MetricSpec, Rule]], slots: Sequence[int]) -> None:
        self._watches = [(metric, Watch(rule)) for metric, rule in metrics]
        self._slots = slots
        self._early: dict[int, Labels] = {}
        self._next = 0
        self.closed_at: int | None = None
        """How many of the arm's slots, in queue order, it took to close it."""

    @property
    def over(self) -> bool:
        """Whether no further trial of the arm is needed."""
        return self.closed_at is not None

    @property
    def left(self) -> int:
        """How many slots of the arm came too late to count, made or not."""
        return 0 if self.closed_at is None else len(self._slots) - self.closed_at

    @property
    def stops(self) -> dict[str, Stopped]:
        """Metric to where it stands or stopped."""
        return {metric.id: watch.give_up() for metric, watch in self._watches}

    def take(self, slot: int, labels: Labels) -> None:
        """A trial has ended; it counts once all before it in the queue have. Labels are empty where it has no verdict."""
        self._early[slot] = labels
        while not self.over and self._next < len(self._slots) and self._slots[self._next] in self._early:
            self._count(self._early.pop(self._slots[self._next]))
            self._next += 1
            if self._watches and all(watch.stopped for _, watch in self._watches):
                self.closed_at = self._next

    def _count(self, labels: Labels) -> None:
        for metric, watch in self._watches:
            said = bad(metric, labels)
            if watch.stopped is None and said is not None:
                watch.take(said)


ArmKey = tuple[str, str, str]
"""Subject, test, arm."""


def arms_of(plan: Plan, due: Mapping[ArmKey, Sequence[int]]) -> dict[ArmKey, Arm]:
    """Every arm that a rule may close, with its slots in queue order; none for a fixed design or a recording."""
    subjects = {subject.id: subject for subject in plan.subjects}
    tests = {test.id: test for test in plan.tests}
    found = {}
    for (subject, test, arm), slots in due.items():
        measured = [one for one in tests[test].metrics if plan.measures(tests[test], one.label)]
        metrics = [metric for metric in measured if metric.arm == arm]
        rules = [(metric, rule_of(plan, subjects[subject], tests[test], metric)) for metric in metrics]
        ruled = [(metric, rule) for metric, rule in rules if rule is not None]
        if ruled:
            found[subject, test, arm] = Arm(ruled, slots)
    return found


def with_caps(plan: Plan) -> Plan:
    """The plan with each metric's cap written out."""
    tests = [test.model_copy(update={"caps": caps_of(plan, test)}) for test in plan.tests]
    return plan.model_copy(update={"tests": tests})


def stop_of(found: Used, metric: MetricSpec, level: str, sources: int) -> Stop:
    """How a rule ended as a report says it; the interval is for the label's rate, whichever way is better.

    Args:
        found: The replay.
        metric: Says which way is better.
        level: Of the interval, a decimal.
        sources: How many clusters the trials used come from. Only where each has its own are they independent draws of
            scenarios like these; otherwise rule and interval speak of this battery (docs/reference/statistics/stopping.md).
    """
    stopped, rule = found.stopped, found.rule
    exact = interval_after(rule, stopped, level=float(level))
    low, high, estimate = exact.low, exact.high, exact.estimate
    if metric.better == "higher":
        low, high, estimate = 1 - high, 1 - low, 1 - estimate
    return Stop(
        verdict=None if stopped.verdict is None else stopped.verdict.value,
        why=stopped.why.value,
        used=stopped.n,
        cap=rule.worst,
        fixed=fixed_calls(rule),
        decided_at=stopped.decided_at,
        refuted=stopped.refuted,
        estimand="S" if sources == stopped.n else "F",
        estimate=decimal(estimate),
        interval=Interval(
            low=decimal(low),
            high=decimal(high),
            level=level,
            method=exact.method,
            n_effective=decimal(stopped.n),
        ),
    )
