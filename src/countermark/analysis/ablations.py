"""What a label hangs on: its rate where a cause is there, where it is taken away, and the difference. Pure functions of plan and records.

A test names the causes of a metric (`MetricSpec.ablations`): an arm without the cause, or two values of a tag within the arm. Where
scenarios name their `pair`, the two sides differ by the cause alone and are compared in pairs (`compare_subjects`); elsewhere, and
where fewer than half of the smaller side has its counterpart, the two are independent samples and their clustered intervals are
combined by square-and-add (Newcombe 1998, Statistics in Medicine 17, 873-890, method 10). Nothing here decides a verdict: each interval
is at the plan's level for itself, and after a stopping rule it is approximate. Formulas: docs/reference/statistics/ablations.md.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from math import sqrt

from countermark.analysis.compare import ComparisonRules, compare_subjects
from countermark.analysis.decimals import decimal
from countermark.analysis.grouping import arm_of, final_graded
from countermark.analysis.intervals import clustered_rate
from countermark.records import (
    Ablated,
    Ablation,
    Interval,
    MetricSpec,
    Plan,
    PlannedTest,
    TrialRecord,
)
from countermark.records.measured import Share

PAIR = "pair"
"""Tag by which scenarios name the pair they belong to."""
SQUARE_AND_ADD = "difference of independent clustered rates, square-and-add (Newcombe 1998, method 10)"

_Key = tuple[str, ...]
_Side = Sequence[TrialRecord]


def ablations(plan: Plan, records: Iterable[TrialRecord]) -> list[Ablated]:
    """One for each subject, metric and cause of the plan, in its order; none where no metric names a cause.

    Args:
        plan: What was to be done.
        records: Every attempt; only final ones with a verdict on the metric's label count.
    """
    if not any(metric.ablations for test in plan.tests for metric in test.metrics):
        return []
    arms = final_graded(records, arm_of)
    return [
        _one(plan, (subject.id, test, metric), cause, arms)
        for test in plan.tests
        for subject in plan.subjects
        if test.id in subject.tests
        for metric in test.metrics
        if plan.measures(test, metric.label)
        for cause in metric.ablations
    ]


def _one(
    plan: Plan,
    cell: tuple[str, PlannedTest, MetricSpec],
    cause: Ablation,
    arms: Mapping[tuple[str, str, str], _Side],
) -> Ablated:
    subject, test, metric = cell
    own, other = (
        [one for one in arms.get((subject, test.id, arm), []) if metric.label in one.labels]
        for arm in (metric.arm, cause.arm or metric.arm)
    )
    if cause.tag is not None:
        own = [one for one in own if one.tags.get(cause.tag) == cause.present]
        other = [one for one in other if one.tags.get(cause.tag) == cause.absent]
    # A pair may hold several trials of an arm, told apart by the tags whose part other causes tell.
    apart = sorted(
        {one.tag for spec in test.metrics for one in spec.ablations if one.tag} - {cause.tag or ""}
    )
    keys = _pairs(own, other, apart)
    paired = len(keys) >= max(test.min_graded, min(len(own), len(other)) / 2)
    found = _paired(plan, metric, keys) if paired else None
    if found is None:
        found = _apart(plan, metric, (own, other), test.min_graded)
    return found.model_copy(update={"subject": subject, "test": test.id, "cause": cause.cause})


# --- pairs ----------------------------------------------------------------------------------------------


def _pairs(own: _Side, other: _Side, apart: Sequence[str]) -> list[tuple[_Key, TrialRecord, TrialRecord]]:
    """Trials of one pair, epoch and value of every tag in `apart`, both sides; none where a side has two such trials."""
    sides = []
    for side in (own, other):
        named = [(_key(one, apart), one) for one in side if PAIR in one.tags]
        if len({key for key, _ in named}) < len(named):
            return []
        sides.append(dict(named))
    return [(key, sides[0][key], sides[1][key]) for key in sorted(sides[0].keys() & sides[1].keys())]


def _key(record: TrialRecord, apart: Sequence[str]) -> _Key:
    return (record.tags[PAIR], *(record.tags.get(tag, "") for tag in apart), str(record.epoch))


def _paired(
    plan: Plan, metric: MetricSpec, keys: Sequence[tuple[_Key, TrialRecord, TrialRecord]]
) -> Ablated | None:
    """The paired difference; None where all pairs share one source."""
    import numpy as np

    clusters = _codes(own.cluster for _, own, _ in keys)
    if len(set(clusters)) < 2:
        return None
    found = compare_subjects(
        np.array(_codes(key[:-1] for key, _, _ in keys)),
        np.array([int(own.labels[metric.label]) for _, own, _ in keys]),
        np.array([int(other.labels[metric.label]) for _, _, other in keys]),
        clusters=np.array(clusters),
        rules=ComparisonRules(level=float(plan.rules.level)),
    )
    return _row(
        metric,
        (
            _share(plan, metric, [own for _, own, _ in keys]),
            _share(plan, metric, [one for _, _, one in keys]),
        ),
        (found.difference, found.low, found.high),
        pairs=len(keys),
        method=found.interval_method,
    )


def _codes(names: Iterable[object]) -> list[int]:
    places: dict[object, int] = {}
    return [places.setdefault(name, len(places)) for name in names]


# --- independent sides ----------------------------------------------------------------------------------


def _apart(plan: Plan, metric: MetricSpec, sides: tuple[_Side, _Side], least: int) -> Ablated:
    with_cause, without = (_share(plan, metric, side, shown=len(side) >= least) for side in sides)
    bounds = None
    if with_cause.interval and without.interval:
        bounds = square_and_add(with_cause, without)
    return _row(metric, (with_cause, without), bounds, pairs=0, method=SQUARE_AND_ADD)


def square_and_add(first: Share, second: Share) -> tuple[float, float, float]:
    """The first rate minus the second, with limits in [-1, 1]; both shares have an interval, and are independent.

    Lower limit d - sqrt((p1 - l1)^2 + (u2 - p2)^2), upper limit d + sqrt((u1 - p1)^2 + (p2 - l2)^2).
    """
    assert first.interval is not None
    assert second.interval is not None
    one, other = first.k / first.n, second.k / second.n
    low, high = float(first.interval.low), float(first.interval.high)
    low_other, high_other = float(second.interval.low), float(second.interval.high)
    middle = one - other
    return (
        middle,
        max(-1.0, middle - sqrt((one - low) ** 2 + (high_other - other) ** 2)),
        min(1.0, middle + sqrt((high - one) ** 2 + (other - low_other) ** 2)),
    )


def _share(plan: Plan, metric: MetricSpec, side: _Side, *, shown: bool = True) -> Share:
    sizes: dict[str, int] = defaultdict(int)
    hits: dict[str, int] = defaultdict(int)
    for record in side:
        sizes[record.cluster] += 1
        hits[record.cluster] += record.labels[metric.label]
    interval = None
    if shown and len(sizes) > 1:
        found = clustered_rate(
            [hits[name] for name in sizes], list(sizes.values()), level=float(plan.rules.level)
        )
        interval = Interval(
            low=decimal(found.low), high=decimal(found.high), level=plan.rules.level, method=found.method,
            n_effective=decimal(found.n_effective),
        )  # fmt: skip
    return Share(k=sum(hits.values()), n=len(side), interval=interval)


def _row(
    metric: MetricSpec,
    shares: tuple[Share, Share],
    bounds: tuple[float, float, float] | None,
    *,
    pairs: int,
    method: str,
) -> Ablated:
    difference, low, high = (None, None, None) if bounds is None else (decimal(one) for one in bounds)
    found = "not_measured"
    if bounds is not None:
        found = "raises" if bounds[1] > 0 else "lowers" if bounds[2] < 0 else "not_shown"
    return Ablated.model_validate(
        {
            "subject": "", "test": "", "metric": metric.id, "cause": "", "found": found, "present": shares[0],
            "absent": shares[1], "difference": difference, "low": low, "high": high, "pairs": pairs, "method": method,
        }
    )  # fmt: skip
