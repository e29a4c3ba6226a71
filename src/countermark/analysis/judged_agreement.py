"""Agreement of graders: the two-by-two table first, then indices of it. Formulas: docs/reference/statistics/graders.md.

Kappa collapses where a label is rare, so it never stands without the table, the raw agreement and AC1 beside it.
"""

from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

from countermark.analysis.intervals import Estimand, RateInterval, clopper_pearson
from countermark.errors import AnalysisError

Table = tuple[tuple[int, int], tuple[int, int]]
"""((both yes, only the first), (only the second, both no))."""
_ADDED = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """How two graders agree on one yes-or-no label, on trials that are independent (at most one a cluster)."""

    table: Table
    trials: int
    observed: RateInterval
    """Raw agreement, with its Clopper-Pearson interval."""
    kappa: float | None
    """Cohen's kappa; None where chance agreement is 1, since both gave one and the same label throughout."""
    ac1: float
    """Gwet's AC1."""
    ac1_low: float
    ac1_high: float
    level: float
    estimand: Estimand = "S"
    method: str = (
        "AC1: Gwet 2008's variance at the table with 1/2 added to each cell, t with n - 1 degrees of freedom"
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Alpha:
    """Krippendorff's alpha for labels without order, any number of graders, labels missing."""

    value: float | None
    """1 - observed / expected; None where one label alone was ever given, so that nothing could be disagreed about."""
    observed: float
    """Share of pairs within a trial that disagree."""
    expected: float
    """Share of all pairs that disagree."""
    trials: int
    """Trials with two labels or more."""
    left_out: int
    """Trials with fewer, which say nothing of agreement."""
    labels: int
    """Labels used."""
    method: str = "krippendorff's alpha, nominal"


def agreement_table(first: Sequence[bool | None], second: Sequence[bool | None]) -> Table:
    """The two-by-two table of two graders' labels; trials that either left without a label are not in it.

    Args:
        first: Shape (N,), None without a label.
        second: Shape (N,), the same trials in the same order.
    Raises:
        AnalysisError: Unequal lengths, or a label that is not true, false or None.
    """
    if len(first) != len(second):
        raise AnalysisError(
            f"{len(first)} labels against {len(second)}",
            hint="give both graders' labels for the same trials, in the same order",
        )
    cells = Counter(zip(first, second, strict=True))
    odd = [label for pair in cells for label in pair if label not in (True, False, None)]
    if odd:
        raise AnalysisError(f"not a label: {odd[0]!r}", hint="a label is true, false or None")
    return (cells[True, True], cells[True, False]), (cells[False, True], cells[False, False])


def agreement(table: Table, *, level: float = 0.95) -> Agreement:
    """Raw agreement, Cohen's kappa and Gwet's AC1 of a two-by-two table.

    Gwet's plain interval has zero width at full agreement and covers far too little where a label is rare; half a trial
    added to each cell mends both. The point estimate stays that of the table itself.

    Args:
        table: Counts, as `agreement_table` gives them.
        level: Coverage, in (0, 1).
    Raises:
        AnalysisError: No trials or under two, a negative or fractional count, level outside (0, 1).
    Source:
        Cohen 1960; Gwet 2008, Br. J. Math. Stat. Psychol. 61, 29-48.
    """
    (yes, first), (second, no) = table
    trials = yes + first + second + no
    if min(yes, first, second, no) < 0 or trials < 2 or any(count % 1 for row in table for count in row):
        raise AnalysisError(
            f"no agreement from the table {table}", hint="give four counts, with two trials or more in all"
        )
    same = (yes + no) / trials
    low, high = clopper_pearson(yes + no, trials, level=level)
    chance = ((yes + first) * (yes + second) + (no + first) * (no + second)) / trials**2
    point, (ac1_low, ac1_high) = _ac1(table, 0.0)[0], _ac1_interval(table, level)
    return Agreement(
        table=table,
        trials=trials,
        observed=RateInterval(
            rate=same, low=low, high=high, n_effective=trials, method="clopper-pearson", level=level
        ),
        kappa=(same - chance) / (1 - chance) if chance < 1 else None,
        ac1=point,
        ac1_low=min(ac1_low, point),
        ac1_high=max(ac1_high, point),
        level=level,
    )


def _ac1_interval(table: Table, level: float) -> tuple[float, float]:
    from scipy.special import stdtrit

    centre, error = _ac1(table, _ADDED)
    reach = float(stdtrit(sum(map(sum, table)) - 1, (1 + level) / 2)) * error
    return max(-1.0, centre - reach), min(1.0, centre + reach)


def _ac1(table: Table, added: float) -> tuple[float, float]:
    """AC1 and its standard error (Gwet 2008, two raters, two categories), with `added` in every cell."""
    import numpy as np

    counts = np.array(table, dtype=float) + added
    share = counts / counts.sum()
    prevalence = (share.sum(axis=0) + share.sum(axis=1)) / 2
    same, chance = float(np.trace(share)), float(2 * prevalence.prod())
    value = (same - chance) / (1 - chance)
    on_diagonal = float((np.diag(share) * (1 - prevalence)).sum()) - same * chance
    between = 1 - (prevalence[:, None] + prevalence[None, :]) / 2
    everywhere = float((share * between**2).sum()) - chance**2
    variance = same * (1 - same) - 4 * (1 - value) * on_diagonal + 4 * (1 - value) ** 2 * everywhere
    return value, float(max(0.0, variance / counts.sum()) ** 0.5 / (1 - chance))


def krippendorff_alpha(ratings: Sequence[Sequence[Hashable | None]]) -> Alpha:
    """Alpha = 1 - observed / expected disagreement, for labels without order.

    Args:
        ratings: One row a trial, one label a grader, None where a grader gave none; rows may differ in length.
    Raises:
        AnalysisError: Under two labels on every trial; NaN among the labels.
    Source:
        Krippendorff 2004, Content Analysis, chapter 11: coincidences within trials against all pairs of labels.
    """
    # Rows that read the same are counted once: a million trials have few different rows.
    rows = [
        (Counter(label for label in row if label is not None), times)
        for row, times in Counter(map(tuple, ratings)).items()
    ]
    pairable = [(row, times) for row, times in rows if row.total() > 1]
    if not pairable or any(label != label for row, _ in rows for label in row):  # noqa: PLR0124 - NaN alone differs from itself
        raise AnalysisError(
            "no agreement from these labels",
            hint="at least one trial needs labels of two graders; write None, not NaN, where a label is missing",
        )
    overall: Counter[Hashable] = Counter()
    for row, times in pairable:
        overall.update({label: count * times for label, count in row.items()})
    total = overall.total()
    observed = sum(times * _unlike(row) / (row.total() - 1) for row, times in pairable) / total
    expected = _unlike(overall) / (total * (total - 1))
    trials = sum(times for _, times in pairable)
    return Alpha(
        value=1 - observed / expected if expected else None,
        observed=observed,
        expected=expected,
        trials=trials,
        left_out=len(ratings) - trials,
        labels=total,
    )


def _unlike(counts: Counter[Hashable]) -> int:
    """Ordered pairs of labels that differ."""
    return counts.total() ** 2 - sum(count * count for count in counts.values())
