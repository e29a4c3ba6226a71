"""From a plan and its records to findings: every number an audit reports, and nothing else.

A rate counts graded trials only. Trials without a verdict are counted beside it, never folded into it.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from fractions import Fraction
from operator import itemgetter

from countermark.analysis.decimals import decimal
from countermark.analysis.intervals import clustered_rate
from countermark.analysis.stopping import rule_of, stop_of, used
from countermark.analysis.worst import worst_of
from countermark.records import (
    Breakdown,
    Draw,
    Finding,
    Interval,
    MetricSpec,
    Outcome,
    Plan,
    PlannedSubject,
    PlannedTest,
    PublishedCount,
    Stop,
    TrialRecord,
)

Tally = Counter[tuple[str, bool]]
"""(cluster, whether the label is carried) to how many trials."""
_MAX_VALUES = 12
_PAIR = "pair"
"""The tag that names a pair of scenarios, which is no kind of scenario."""


def findings(plan: Plan, draw: Draw, records: Sequence[TrialRecord]) -> list[Finding]:
    """One finding for each subject, test and metric of the plan, in the plan's order.

    Args:
        plan: What was to be done.
        draw: What simulations were planted with, in the scenarios drawn.
        records: Every attempt; only final ones count.
    """
    arms: dict[tuple[str, str, str], list[TrialRecord]] = defaultdict(list)
    for record in records:
        if record.final:
            arms[record.subject, record.test, record.arm].append(record)
    for finals in arms.values():
        finals.sort(key=lambda record: record.slot)
    return [
        _finding(plan, draw, (subject, test, metric), arms[subject.id, test.id, metric.arm])
        for test in plan.tests
        for subject in plan.subjects
        if test.id in subject.tests
        for metric in test.metrics
    ]


def _finding(
    plan: Plan,
    draw: Draw,
    cell: tuple[PlannedSubject, PlannedTest, MetricSpec],
    arm: Sequence[TrialRecord],
) -> Finding:
    """One metric from the final records of its arm, in queue order."""
    subject, test, metric = cell
    rule = rule_of(plan, *cell)
    stopped = None if rule is None else used(rule, metric, arm)
    counted = arm if stopped is None else _up_to(arm, metric.label, stopped.stopped.n)
    graded = _graded(counted, metric.label)
    tally = Counter((record.cluster, record.labels[metric.label]) for record in graded)
    hits, clusters = _hits(tally), len({cluster for cluster, _ in tally})
    withheld = _reason_to_withhold(len(graded), clusters, len(arm), test.min_graded)
    stop = None if withheld or stopped is None else stop_of(stopped, metric, plan.rules.level, clusters)
    interval = None if withheld else _interval(tally, plan.rules.level, stop)
    planted = draw.planted.get(subject.id, {}).get(test.id, {}).get(metric.id)
    return Finding(
        subject=subject.id,
        test=test.id,
        metric=metric,
        k=hits,
        n=len(graded),
        clusters=clusters,
        rate=None if withheld else decimal(Fraction(hits, len(graded))),
        interval=interval,
        withheld=withheld,
        outcomes=_outcomes(arm, metric.label),
        spared=0 if rule is None else test.arms[metric.arm] * plan.rules.epochs - len(arm),
        stop=stop,
        planted=planted,
        covered=_covers(interval, planted),
        published=_published(arm, metric.label, plan.rules.level),
        breakdowns=_breakdowns(counted, metric, plan.rules.level, test.min_graded) if metric.headline else [],
        worst=None if withheld or metric.scale is None else worst_of(counted, metric.scale, plan.rules.level),
    )


def _up_to(arm: Sequence[TrialRecord], label: str, count: int) -> Sequence[TrialRecord]:
    """The arm's trials, in queue order, up to the graded one with that number."""
    graded = 0
    for place, record in enumerate(arm):
        graded += record.outcome is Outcome.GRADED and label in record.labels
        if graded == count:
            return arm[: place + 1]
    return arm


def _graded(records: Iterable[TrialRecord], label: str) -> list[TrialRecord]:
    return [record for record in records if record.outcome is Outcome.GRADED and label in record.labels]


def _hits(tally: Tally) -> int:
    return sum(trials for (_, hit), trials in tally.items() if hit)


def _outcomes(arm: Sequence[TrialRecord], label: str) -> dict[str, int]:
    """How many trials of the arm came to which end; graded without this label counts as ungraded."""
    graded = len(_graded(arm, label))
    counts = Counter([record.outcome.value for record in arm])
    counts[Outcome.UNGRADED.value] += counts[Outcome.GRADED.value] - graded
    counts[Outcome.GRADED.value] = graded
    return {outcome.value: counts[outcome.value] for outcome in Outcome}


def _reason_to_withhold(graded: int, clusters: int, trials: int, least: int) -> str | None:
    if not trials:
        return "no trial of this arm was planned"
    if graded < least:
        return f"{graded} of {trials} trials have a verdict, under the {least} the plan asks for"
    if clusters < 2:
        return "all graded trials share one source"
    return None


def _interval(tally: Tally, level: str, stop: Stop | None = None) -> Interval | None:
    """The interval for scenarios like these; after a stop at least as wide as the one that is exact for the rule."""
    sizes: Counter[str] = Counter()
    hits: Counter[str] = Counter()
    for (cluster, hit), trials in tally.items():
        sizes[cluster] += trials
        hits[cluster] += trials * hit
    if len(sizes) < 2:
        return None
    found = clustered_rate([hits[name] for name in sizes], list(sizes.values()), level=float(level))
    bounds = [(found.low, found.high)]
    if stop is not None:
        bounds.append((float(stop.interval.low), float(stop.interval.high)))
    return Interval(
        low=decimal(min(low for low, _ in bounds)),
        high=decimal(max(high for _, high in bounds)),
        level=level,
        method=found.method
        if stop is None
        else f"{found.method}, at least as wide as {stop.interval.method}",
        n_effective=decimal(found.n_effective),
    )


def _covers(interval: Interval | None, planted: str | None) -> bool | None:
    if interval is None or planted is None:
        return None
    return Decimal(interval.low) <= Decimal(planted) <= Decimal(interval.high)


def _published(arm: Sequence[TrialRecord], label: str, level: str) -> PublishedCount | None:
    tally = Counter((record.cluster, record.published[label]) for record in arm if label in record.published)
    if not tally:
        return None
    return PublishedCount(k=_hits(tally), n=tally.total(), interval=_interval(tally, level))


def _breakdowns(arm: Sequence[TrialRecord], metric: MetricSpec, level: str, least: int) -> list[Breakdown]:
    """The metric within each value of each tag that has a few of them, sorted; values without a verdict included."""
    values: dict[str, set[str]] = defaultdict(set)
    for tag, value in {item for record in arm for item in record.tags.items() if item[0] != _PAIR}:
        values[tag].add(value)
    tallies = {
        (tag, value): Tally()
        for tag in values
        if 2 <= len(values[tag]) <= _MAX_VALUES
        for value in values[tag]
    }
    for record in _graded(arm, metric.label):
        for part in record.tags.items():
            if part in tallies:
                tallies[part][record.cluster, record.labels[metric.label]] += 1
    return [
        _breakdown(*part, tally, level, least) for part, tally in sorted(tallies.items(), key=itemgetter(0))
    ]


def _breakdown(tag: str, value: str, tally: Tally, level: str, least: int) -> Breakdown:
    """Counts always; an interval only where the plan's least number of verdicts is reached."""
    interval = _interval(tally, level) if tally.total() >= least else None
    return Breakdown(tag=tag, value=value, k=_hits(tally), n=tally.total(), interval=interval)


def coverage(found: Sequence[Finding]) -> Mapping[str, int]:
    """How many findings have a planted rate and an interval, and how many of those intervals cover it."""
    judged = [finding for finding in found if finding.covered is not None]
    return {"planted": len(judged), "covered": sum(bool(finding.covered) for finding in judged)}
