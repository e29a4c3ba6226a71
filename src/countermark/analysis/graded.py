"""Intervals for outcomes between 0 and 1: a share of a task done, a judge's scale mapped to [0, 1]."""

from typing import TYPE_CHECKING

from countermark.analysis.grouping import Names, Numbers, codes_of, numbers_of, same_length
from countermark.analysis.intervals import RateInterval, Side, clopper_pearson
from countermark.errors import AnalysisError

if TYPE_CHECKING:
    from countermark.analysis.grouping import FloatArray

_FEW, _MOST = 50, 4


def graded_rate(
    values: Numbers, clusters: Names | None = None, *, level: float = 0.95, side: Side = "both"
) -> RateInterval:
    """The mean of outcomes in [0, 1] for scenarios like these (estimand S).

    Clopper-Pearson with x = n_eff * ybar, where y_i are the K cluster means, ybar their mean, and
    n_eff = ybar (1 - ybar) / se^2 clipped to [K, 4K]; n_eff = K where K < 50. K is the
    cautious end: values in [0, 1] never vary more than a coin with the same mean. Assumes independent clusters. Every cluster
    weighs the same, however many trials it has.

    Args:
        values: Shape (n,), each in [0, 1].
        clusters: Shape (n,), the cluster of each value; None: each value is a cluster of its own.
        level: Coverage, in (0, 1).
        side: Both bounds or one.
    Raises:
        AnalysisError: A value missing or outside [0, 1], under two clusters, different lengths, level outside (0, 1).
    Source:
        Effective sample as in Korn & Graubard 1998; the clip and the rule for K < 50 were chosen by simulation of five
        shapes (docs/reference/statistics/intervals.md). Of K = 50 sources of which one in ten lies far above the others it
        covered .923: for a few sources that differ so, use `mean_of_rates`.
    """
    means = _cluster_means(values, clusters)
    count = len(means)
    if count < 2:
        raise AnalysisError(
            "one cluster", hint="a mean for scenarios like these needs at least two independent sources"
        )
    mean = min(1.0, max(0.0, float(means.mean())))
    spread, square = mean * (1 - mean), float(means.var(ddof=1)) / count
    if count < _FEW or not spread:
        effective = float(count)
    else:
        # Equal means have no spread to divide by; their worth is then the clip.
        effective = min(_MOST * count, max(count, spread / square)) if square else float(_MOST * count)
    low, high = clopper_pearson(mean * effective, effective, level=level, side=side)
    return RateInterval(
        rate=mean, low=low, high=high, n_effective=effective, method="clopper-pearson at effective n, graded",
        estimand="S", level=level, side=side,
    )  # fmt: skip


def _cluster_means(values: Numbers, clusters: Names | None) -> "FloatArray":
    import numpy as np

    found = numbers_of(values, "values")
    if ((found < 0) | (found > 1)).any():
        raise AnalysisError(
            "values outside 0 to 1", hint="map the scale to [0, 1] before asking for its mean"
        )
    if clusters is None:
        return found
    same_length(values=found.size, clusters=len(clusters))
    codes, count = codes_of(clusters, "clusters")
    means: FloatArray = np.bincount(codes, weights=found, minlength=count) / np.bincount(
        codes, minlength=count
    )
    return means
