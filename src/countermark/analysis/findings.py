"""From a plan and its records to findings: every number an audit reports, and nothing else.

A rate counts graded trials only. Trials without a verdict are counted beside it, never folded into it.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from fractions import Fraction

from countermark.analysis.intervals import clustered_rate
from countermark.records import (
    Breakdown,
    Finding,
    Interval,
    MetricSpec,
    Outcome,
    Plan,
    PlannedSubject,
    PlannedTest,
    PublishedCount,
    TrialRecord,
)

_MAX_VALUES = 12


def findings(plan: Plan, records: Sequence[TrialRecord]) -> list[Finding]:
    """One finding for each subject, test and metric of the plan, in the plan's order.

    Args:
        plan: What was to be done.
        records: Every attempt; only final ones count.
    """
    by_cell: dict[tuple[str, str], list[TrialRecord]] = defaultdict(list)
    for record in records:
        if record.final:
            by_cell[record.subject, record.test].append(record)
    return [
        _finding(plan, subject, test, metric, by_cell[subject.id, test.id])
        for test in plan.tests
        for subject in plan.subjects
        if test.id in subject.tests
        for metric in test.metrics
    ]


def _finding(
    plan: Plan, subject: PlannedSubject, test: PlannedTest, metric: MetricSpec, cell: Sequence[TrialRecord]
) -> Finding:
    arm = [record for record in cell if record.arm == metric.arm]
    graded = _graded(arm, metric.label)
    hits = sum(record.labels[metric.label] for record in graded)
    withheld = _reason_to_withhold(graded, arm, test.min_graded)
    interval = None if withheld else _interval(graded, metric.label, plan.rules.level)
    planted = subject.planted.get(test.id, {}).get(metric.id)
    return Finding(
        subject=subject.id,
        test=test.id,
        metric=metric,
        k=hits,
        n=len(graded),
        clusters=len({record.cluster for record in graded}),
        rate=None if withheld else decimal(Fraction(hits, len(graded))),
        interval=interval,
        withheld=withheld,
        outcomes=_outcomes(arm, metric.label),
        planted=planted,
        covered=_covers(interval, planted),
        published=_published(arm, metric.label, plan.rules.level),
        breakdowns=_breakdowns(graded, metric.label, plan.rules.level) if metric.headline else [],
    )


def decimal(value: Fraction | float) -> str:
    """A number as a decimal string with six places, half to even."""
    exact = (
        Decimal(value.numerator) / Decimal(value.denominator)
        if isinstance(value, Fraction)
        else Decimal(value)
    )
    return str(exact.quantize(Decimal("0.000001")))


def _graded(records: Iterable[TrialRecord], label: str) -> list[TrialRecord]:
    return [record for record in records if record.outcome is Outcome.GRADED and label in record.labels]


def _outcomes(arm: Sequence[TrialRecord], label: str) -> dict[str, int]:
    """How many trials of the arm came to which end; graded without this label counts as ungraded."""
    counts = Counter(record.outcome for record in arm)
    graded = len(_graded(arm, label))
    counts[Outcome.UNGRADED] += counts[Outcome.GRADED] - graded
    counts[Outcome.GRADED] = graded
    return {str(outcome): counts[outcome] for outcome in Outcome}


def _reason_to_withhold(graded: Sequence[TrialRecord], arm: Sequence[TrialRecord], least: int) -> str | None:
    if not arm:
        return "no trial of this arm was planned"
    if len(graded) < least:
        return f"{len(graded)} of {len(arm)} trials have a verdict, under the {least} the plan asks for"
    if len({record.cluster for record in graded}) < 2:
        return "all graded trials share one source"
    return None


def _interval(graded: Sequence[TrialRecord], label: str, level: str) -> Interval | None:
    return _cluster_interval([(record.cluster, record.labels[label]) for record in graded], level)


def _cluster_interval(outcomes: Sequence[tuple[str, bool]], level: str) -> Interval | None:
    sizes: Counter[str] = Counter()
    hits: Counter[str] = Counter()
    for cluster, hit in outcomes:
        sizes[cluster] += 1
        hits[cluster] += hit
    if len(sizes) < 2:
        return None
    found = clustered_rate([hits[name] for name in sizes], list(sizes.values()), level=float(level))
    return Interval(
        low=decimal(found.low),
        high=decimal(found.high),
        level=level,
        method=found.method,
        n_effective=decimal(found.n_effective),
    )


def _covers(interval: Interval | None, planted: str | None) -> bool | None:
    if interval is None or planted is None:
        return None
    return Decimal(interval.low) <= Decimal(planted) <= Decimal(interval.high)


def _published(arm: Sequence[TrialRecord], label: str, level: str) -> PublishedCount | None:
    rows = [(record.cluster, record.published[label]) for record in arm if label in record.published]
    if not rows:
        return None
    return PublishedCount(k=sum(hit for _, hit in rows), n=len(rows), interval=_cluster_interval(rows, level))


def _breakdowns(graded: Sequence[TrialRecord], label: str, level: str) -> list[Breakdown]:
    tags = sorted({tag for record in graded for tag in record.tags})
    return [
        _breakdown(tag, value, [record for record in graded if record.tags.get(tag) == value], label, level)
        for tag in tags
        for value in _values(graded, tag)
    ]


def _values(graded: Sequence[TrialRecord], tag: str) -> list[str]:
    values = sorted({record.tags[tag] for record in graded if tag in record.tags})
    return values if 2 <= len(values) <= _MAX_VALUES else []


def _breakdown(tag: str, value: str, rows: Sequence[TrialRecord], label: str, level: str) -> Breakdown:
    hits = sum(record.labels[label] for record in rows)
    return Breakdown(tag=tag, value=value, k=hits, n=len(rows), interval=_interval(rows, label, level))


def coverage(found: Sequence[Finding]) -> Mapping[str, int]:
    """How many findings have a planted rate and an interval, and how many of those intervals cover it."""
    judged = [finding for finding in found if finding.covered is not None]
    return {"planted": len(judged), "covered": sum(bool(finding.covered) for finding in judged)}
