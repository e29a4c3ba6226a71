"""What follows from comparisons: the places of subjects on a metric, and who is dominated by whom. No total score."""

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import TYPE_CHECKING, Protocol

from countermark.analysis.compare_many import PairwiseTest, pareto_set, rank_intervals
from countermark.analysis.decimals import decimal
from countermark.records import (
    Compared,
    Domination,
    MetricSpec,
    ParetoFront,
    Place,
    Plan,
    PlannedSubject,
    PlannedTest,
    Ranking,
)

if TYPE_CHECKING:
    from countermark.analysis.grouping import FloatArray, IntArray

Kinds = Mapping[str, Sequence[PlannedSubject]]
_MOST_FRONT = 12
"""Subjects of a kind up to which domination is tested: the claims grow with their square, and so does what each must show."""


class Tabled(Protocol):
    """One test's rows, as `comparisons.Table` has them."""

    @property
    def clusters(self) -> "IntArray":
        """Cluster of each row, as a whole number."""
        ...

    def pairs(self, metric: str, *subjects: str) -> "IntArray":
        """Rows that count for every one of the subjects' findings."""
        ...

    def labels(self, subject: str, metric: str) -> "IntArray":
        """A subject's labels, a row each."""
        ...


def rankings(plan: Plan, kinds: Kinds, rows: Sequence[Compared]) -> list[Ranking]:
    """Rank intervals on each headline metric that is better in one direction, where every pair of a kind's takers is comparable.

    Args:
        plan: Says which way is better.
        kinds: Kind to its subjects.
        rows: Every comparison.
    """
    places = {(row.test, row.metric, row.a, row.b): row for row in rows if not row.exploratory}
    found = []
    for kind, subjects in kinds.items():
        for test, metric in _headlines(plan):
            takers = [subject.id for subject in subjects if test.id in subject.tests]
            pairs = [places.get((test.id, metric.id, *pair)) for pair in combinations(takers, 2)]
            comparable = [row for row in pairs if row is not None and row.verdict != "not_comparable"]
            if len(takers) > 1 and len(comparable) == len(pairs) and metric.better != "neither":
                ranked = _ranked(takers, comparable, metric, float(plan.rules.level))
                found.append(Ranking(kind=kind, test=test.id, metric=metric.id, places=ranked))
    return found


def _ranked(takers: Sequence[str], rows: Sequence[Compared], metric: MetricSpec, level: float) -> list[Place]:
    turned = -1 if metric.better == "higher" else 1
    # The verdict decides, not the p as it is written: rounding must not part the two.
    tests = [
        PairwiseTest(
            metric=metric.id, a=takers.index(row.a), b=takers.index(row.b), difference=turned * float(row.difference or 0),
            statistic=0.0, p=float(row.p or 1), p_adjusted=0.0 if row.verdict == "difference" else 1.0,
        )
        for row in rows
    ]  # fmt: skip
    return [
        Place(subject=takers[one.subject], best=one.best, worst=one.worst)
        for one in rank_intervals(tests, alpha=1 - level)
    ]


def fronts(plan: Plan, kinds: Kinds, tables: Mapping[str, Tabled]) -> list[ParetoFront]:
    """For each test of misconduct beside each of over-refusal: the subjects that no other is shown to dominate.

    Over the sources on which all subjects of a kind that took both tests have counting trials; none where fewer than two
    are shared, where no margin was planned, or where there are over twelve subjects.
    """
    margin = plan.rules.comparing.margin
    headlines = list(_headlines(plan))
    attacks = [pair for pair in headlines if pair[1].axis == "misalignment"]
    benign = [pair for pair in headlines if pair[1].axis == "over_refusal"]
    found = []
    for kind, subjects in kinds.items():
        for one in attacks if margin is not None else []:
            for other in benign:
                takers = [s.id for s in subjects if {one[0].id, other[0].id} <= {*s.tests}]
                axes = [_means(tables[test.id], metric, takers) for test, metric in (one, other)]
                if 1 < len(takers) <= _MOST_FRONT and all(len(axis) > 1 for axis in axes):
                    found.append(_front(kind, (one[0], other[0]), takers, axes, plan))
    return found


def _front(
    kind: str,
    tests: tuple[PlannedTest, PlannedTest],
    takers: Sequence[str],
    axes: "Sequence[FloatArray]",
    plan: Plan,
) -> ParetoFront:
    shown = pareto_set(
        axes[0], axes[1], float(plan.rules.comparing.margin or 0), level=float(plan.rules.level)
    )
    return ParetoFront(
        kind=kind,
        misbehaviour=tests[0].id,
        over_refusal=tests[1].id,
        members=[takers[place] for place in shown.members],
        dominated=[
            Domination.model_validate(
                {
                    "better": takers[claim.better],
                    "worse": takers[claim.worse],
                    "axis": claim.axis,
                    "p_adjusted": decimal(claim.p_adjusted),
                }
            )
            for claim in shown.dominated
        ],
        units=[len(axis) for axis in axes],
    )


def _means(table: Tabled, metric: MetricSpec, takers: Sequence[str]) -> "FloatArray":
    """Means of the bad outcome, sources by subjects, over the rows that count for all of them."""
    import numpy as np

    rows = table.pairs(metric.id, *takers)
    codes, owner = np.unique(table.clusters[rows], return_inverse=True)
    sizes = np.maximum(1, np.bincount(owner, minlength=codes.size))
    columns = [
        np.bincount(owner, weights=table.labels(name, metric.id)[rows], minlength=codes.size) / sizes
        for name in takers
    ]
    means: FloatArray = np.column_stack(columns) if columns else np.zeros((0, 0))
    return 1 - means if metric.better == "higher" else means


def _headlines(plan: Plan) -> list[tuple[PlannedTest, MetricSpec]]:
    return [(test, metric) for test in plan.tests for metric in test.metrics if metric.headline]
