"""A metric environment by environment: the mean of the rates, its interval, and how many of them are low.

Where a test has a few environments that differ, one of them can make the pooled rate. A metric that names a tag as its `environments` is told
with every environment weighing the same. The environments are the sampled units: the interval is for environments like these (estimand S), and has
a width where every rate is 0. Nothing here decides a verdict. Formulas: docs/reference/statistics/environments.md.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction

from countermark.analysis.decimals import decimal
from countermark.analysis.grouping import arm_of, final_graded
from countermark.analysis.intervals import RateInterval, clopper_pearson
from countermark.errors import AnalysisError
from countermark.records import (
    Environments,
    HighestEnvironment,
    Interval,
    MetricSpec,
    Plan,
    PlannedTest,
    TrialRecord,
)

FEW_TRIALS = 20
"""With so many trials or fewer, one with the label makes a rate of .05 or above."""
METHOD = "clopper-pearson on environments' rates"

_Cell = tuple[str, PlannedTest, MetricSpec]


def environments(plan: Plan, records: Iterable[TrialRecord]) -> list[Environments]:
    """One for each subject and metric that names its environments, in the plan's order; none where no metric does.

    Args:
        plan: What was to be done.
        records: Every attempt; only final ones with a verdict on the metric's label, that carry the tag, count.
    """
    cells = _cells(plan)
    if not cells:
        return []
    arms = final_graded(records, arm_of)
    return [_one(plan, cell, arms.get((cell[0], cell[1].id, cell[2].arm), [])) for cell in cells]


def _cells(plan: Plan) -> list[_Cell]:
    return [
        (subject.id, test, metric)
        for test in plan.tests
        for subject in plan.subjects
        if test.id in subject.tests
        for metric in test.metrics
        if metric.environments and plan.measures(test, metric.label)
    ]


def _one(plan: Plan, cell: _Cell, arm: Sequence[TrialRecord]) -> Environments:
    subject, test, metric = cell
    counts = _counts(arm, metric)
    trials = sum(size for _, size in counts.values())
    withheld = "few_trials" if trials < test.min_graded else "one_environment" if len(counts) < 2 else None
    return Environments.model_validate(
        {
            "subject": subject, "test": test.id, "metric": metric.id, "tag": metric.environments,
            "environments": len(counts), "trials": trials,
            "over_20": sum(size > FEW_TRIALS for _, size in counts.values()), "withheld": withheld,
            **(dict.fromkeys(_NUMBERS) if withheld else _numbers(counts, plan.rules.level)),
        }
    )  # fmt: skip


def _counts(arm: Sequence[TrialRecord], metric: MetricSpec) -> dict[str, tuple[int, int]]:
    """Environment to its trials with the label and all its trials, by name."""
    found: dict[str, list[bool]] = defaultdict(list)
    for record in arm:
        if metric.label in record.labels and metric.environments in record.tags:
            found[record.tags[metric.environments]].append(record.labels[metric.label])
    return {name: (sum(found[name]), len(found[name])) for name in sorted(found)}


_NUMBERS = ("mean", "interval", "at_zero", "under_05", "under_50", "highest")


def _numbers(counts: Mapping[str, tuple[int, int]], level: str) -> dict[str, object]:
    rates = {name: Fraction(k, n) for name, (k, n) in counts.items()}
    found = mean_of_rates(list(rates.values()), level=float(level))
    top = min(counts, key=lambda name: (-rates[name], -counts[name][1], name))
    return {
        "mean": decimal(sum(rates.values(), Fraction()) / len(rates)),
        "interval": Interval(
            low=decimal(found.low), high=decimal(found.high), level=level, method=found.method,
            n_effective=decimal(found.n_effective),
        ),
        "at_zero": sum(rate == 0 for rate in rates.values()),
        "under_05": sum(rate < Fraction(1, 20) for rate in rates.values()),
        "under_50": sum(rate < Fraction(1, 2) for rate in rates.values()),
        "highest": HighestEnvironment(
            environment=top, k=counts[top][0], n=counts[top][1], rate=decimal(rates[top])
        ) if rates[top] else None,
    }  # fmt: skip


def mean_of_rates(rates: Sequence[Fraction], *, level: float = 0.95) -> RateInterval:
    """The unweighted mean of K environments' rates, for environments like these (estimand S).

    Clopper-Pearson for x = the sum of the rates of n = K. Values in [0, 1] never vary more than a coin with the same mean, so K is
    the cautious worth of K environments. However few trials a rate has, it need only be right on average. Assumes that environments are
    independent draws of those that are meant. Nothing is learned of how far they differ: a run that meets none of a few high environments would
    learn that they are alike (docs/reference/statistics/environments.md).

    Args:
        rates: Shape (K,), each in [0, 1].
        level: Coverage, in (0, 1).
    Raises:
        AnalysisError: Under two rates, one outside [0, 1], level outside (0, 1).
    Source:
        Clopper & Pearson 1934; that it holds for rates between 0 and 1 by simulation (benchmarks/environments.py).
    """
    if len(rates) < 2 or any(not 0 <= rate <= 1 for rate in rates):
        raise AnalysisError(
            f"{len(rates)} rates", hint="a mean over environments needs at least two, each between 0 and 1"
        )
    total = sum(rates, Fraction())
    low, high = clopper_pearson(float(total), len(rates), level=level)
    return RateInterval(
        rate=float(total / len(rates)),
        low=low,
        high=high,
        n_effective=float(len(rates)),
        method=METHOD,
        level=level,
    )
