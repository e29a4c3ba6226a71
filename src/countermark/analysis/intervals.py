"""Intervals for one rate that hold at the edge: small n, clusters, zero events.

Every interval names its estimand: F is the rate on this battery (scenarios fixed, only the subject is random), S the
rate on scenarios like these. Graded outcomes are in `graded`, comparisons in `compare`.

numpy and scipy are imported inside the functions, so that a verifier that only checks signatures starts at once.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Literal

from countermark.analysis.grouping import Labels, Names, codes_of, labels_of, same_length
from countermark.errors import AnalysisError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    FloatArray = npt.NDArray[np.float64]

Estimand = Literal["F", "S"]
"""F: this battery, scenarios fixed. S: scenarios like these, of which ours are a sample."""
Side = Literal["both", "lower", "upper"]
"""Both bounds, or one bound that holds at the level by itself (the other end is then 0 or 1)."""

_LOGIT_LOW, _LOGIT_HIGH, _LOGIT_STEP = -26.0, 12.0, 0.1
_CORRELATIONS = 200
_QUANTILE = 0.75
_FACTORS = 24
_MANY_LARGE = 40
_NODE_STEP = 0.01
_ALPHA, _BETA, _TOTAL, _PRIOR = range(4)


@dataclass(frozen=True, slots=True, kw_only=True)
class RateInterval:
    """A rate with its interval, dimensionless, in [0, 1]; `n_effective` is what the trials are worth."""

    rate: float
    low: float
    high: float
    n_effective: float
    method: str
    estimand: Estimand = "S"
    level: float = 0.95
    side: Side = "both"


def clopper_pearson(
    events: float, trials: float, *, level: float = 0.95, side: Side = "both"
) -> tuple[float, float]:
    """Exact binomial interval for `events` of `trials`; neither need be whole (an effective sample is not).

    Assumes independent trials. Their rates may differ: the sum is then more concentrated than binomial (Hoeffding 1956)
    and the interval still holds for the mean rate.

    Args:
        events: 0 <= events <= trials.
        trials: Above 0.
        level: Coverage, in (0, 1); of the one bound where `side` asks for one.
        side: Both bounds, or the lower or upper alone (the other end is then 1 or 0).
    Returns:
        Lower and upper bound, dimensionless: BetaInv(tail; x, n-x+1) and BetaInv(1-tail; x+1, n-x).
    Raises:
        AnalysisError: No trials, events outside [0, trials], level outside (0, 1).
    Source:
        Clopper & Pearson 1934, by quantiles of the beta distribution.
    """
    from scipy.special import betaincinv

    if not (0 < trials < float("inf") and 0 <= events <= trials and 0 < level < 1):
        raise AnalysisError(
            f"no interval for {events} events in {trials} trials at level {level}",
            hint="needs at least one trial, events between 0 and the trials, and a level between 0 and 1",
        )
    tail = tail_of(level, side)
    low = float(betaincinv(events, trials - events + 1, tail)) if events > 0 and side != "upper" else 0.0
    high = (
        float(betaincinv(events + 1, trials - events, 1 - tail))
        if events < trials and side != "lower"
        else 1.0
    )
    return low, high


def tail_of(level: float, side: Side) -> float:
    """Error probability on each side that the interval has.

    Raises:
        AnalysisError: Level outside (0, 1), or a side that is none.
    """
    if not 0 < level < 1:
        raise AnalysisError(f"level {level}", hint="a level lies between 0 and 1: 0.95, say")
    if side not in ("both", "lower", "upper"):
        raise AnalysisError(f"side {side!r}", hint="the side is both, lower or upper")
    return (1 - level) / 2 if side == "both" else 1 - level


def battery_rate(events: float, trials: float, *, level: float = 0.95, side: Side = "both") -> RateInterval:
    """The rate on this battery, scenarios fixed (estimand F): Clopper-Pearson on the number of calls.

    Clusters do not matter here, for only the subject's own randomness is uncertain: the sum over fixed scenarios is
    Poisson-binomial, which is more concentrated than binomial (Hoeffding 1956). Says nothing of other scenarios.

    Args:
        events: Calls with the label.
        trials: Graded calls, above 0.
        level: Coverage, in (0, 1).
        side: Both bounds or one.
    Raises:
        AnalysisError: As `clopper_pearson`.
    """
    low, high = clopper_pearson(events, trials, level=level, side=side)
    return RateInterval(
        rate=events / trials, low=low, high=high, n_effective=float(trials), method="clopper-pearson on calls",
        estimand="F", level=level, side=side,
    )  # fmt: skip


def clustered_rate(
    events: Sequence[int], sizes: Sequence[int], *, level: float = 0.95, side: Side = "both"
) -> RateInterval:
    """The rate over clusters of scenarios that are not independent, for scenarios like these (estimand S).

    Clopper-Pearson at the effective sample size n / (1 + (mt - 1) r) * (t_{n-1} / t_{K-1})^2, where
    mt = sum m_i^2 / sum m_i and r is the 75 % posterior quantile of the correlation within clusters. With one trial a
    cluster this is Clopper-Pearson on the number of trials.

    Args:
        events: Shape (K,), trials with the label in each cluster.
        sizes: Shape (K,), graded trials in each cluster, each at least 1.
        level: Coverage, in (0, 1).
        side: Both bounds or one; t is taken at the level of each bound.
    Raises:
        AnalysisError: Under two clusters, an empty cluster, more events than trials, level outside (0, 1).
    Source:
        Korn & Graubard 1998 for the effective sample; the correlation's quantile instead of a design-based estimate
        because the latter is zero at zero events (see docs/reference/statistics/intervals.md).
    """
    _check_clusters(events, sizes)
    tail = tail_of(level, side)
    trials = sum(sizes)
    rate = sum(events) / trials
    if all(size == 1 for size in sizes):
        effective, method = float(trials), "clopper-pearson"
    else:
        effective, method = _effective(events, sizes, 1 - tail), "clopper-pearson at effective n"
    low, high = clopper_pearson(rate * effective, effective, level=level, side=side)
    return RateInterval(
        rate=rate, low=low, high=high, n_effective=effective, method=method, level=level, side=side
    )


def _effective(events: Sequence[int], sizes: Sequence[int], upto: float) -> float:
    """Trials divided by the design effect, with Student's penalty for few clusters at probability `upto`."""
    from scipy.special import stdtrit

    trials, count = sum(sizes), len(sizes)
    weighted = sum(size * size for size in sizes) / trials
    correlation = correlation_quantile(events, sizes)
    # A one-sided bound at 50 % or less has no t to compare: both quantiles are zero or change sign.
    shrink = (stdtrit(trials - 1, upto) / stdtrit(count - 1, upto)) ** 2 if upto > 0.5 else 1.0
    return float(trials / (1 + (weighted - 1) * correlation) * shrink)


def rate_of_labels(
    clusters: Names, labels: Labels, *, estimand: Estimand = "S", level: float = 0.95, side: Side = "both"
) -> RateInterval:
    """The rate from one label a trial: `clustered_rate` for S, `battery_rate` for F.

    Args:
        clusters: Shape (n,), the cluster of each trial, text or whole numbers.
        labels: Shape (n,), 0/1 or booleans; a trial without a verdict does not belong here.
        estimand: S for scenarios like these, F for this battery.
        level: Coverage, in (0, 1).
        side: Both bounds or one.
    Raises:
        AnalysisError: Labels other than 0/1 (NaN included), different lengths, no trials, for S one cluster only.
    """
    import numpy as np

    hits = labels_of(labels)
    same_length(clusters=len(clusters), labels=hits.size)
    if estimand not in ("F", "S"):
        raise AnalysisError(f"estimand {estimand!r}", hint="F for this battery, S for scenarios like these")
    if estimand == "F":
        return battery_rate(int(hits.sum()), hits.size, level=level, side=side)
    codes, count = codes_of(clusters, "clusters")
    events = np.bincount(codes[hits], minlength=count)
    sizes = np.bincount(codes, minlength=count)
    return clustered_rate(events.tolist(), sizes.tolist(), level=level, side=side)


def correlation_quantile(
    events: Sequence[int], sizes: Sequence[int], *, quantile: float = _QUANTILE
) -> float:
    """Posterior quantile of the correlation within clusters, in (0, 1).

    Model: x_i ~ BetaBinomial(m_i, mu, rho) with mu ~ Beta(1/2, 1/2) and rho ~ U(0, 1); quadrature over a grid of
    logit(mu) in [-26, 12] and 200 midpoints of rho. Deterministic, no sampling.

    Args:
        events: Shape (K,), whole numbers.
        sizes: Shape (K,), whole numbers, each at least events.
    """
    counts = (_counted(events), _counted(_misses(events, sizes)), _counted(sizes))
    return _quantile_of_counts(*counts, quantile)


Counts = tuple[tuple[int, int], ...]
"""Value and how many clusters have it, in ascending order of the value."""


@lru_cache(maxsize=4096)
def _quantile_of_counts(hits: Counts, misses: Counts, sizes: Counts, quantile: float) -> float:
    """`correlation_quantile` from sufficient statistics: clusters that agree in hits, misses or size go together.

    The beta-binomial likelihood is a product of rising factorials of a, b and a + b, so clusters need not be visited.
    """
    import numpy as np

    prior = _grid()[_PRIOR]
    log_posterior = (
        prior + _log_rising(_ALPHA, hits) + _log_rising(_BETA, misses) - _log_rising(_TOTAL, sizes)
    )
    weight = np.exp(log_posterior - log_posterior.max()).sum(axis=0)
    cumulative = np.cumsum(weight) / weight.sum()
    edges = np.concatenate(([0.0], (np.arange(_CORRELATIONS) + 1) / _CORRELATIONS))
    return float(np.interp(quantile, np.concatenate(([0.0], cumulative)), edges))


@lru_cache(maxsize=1)
def _grid() -> tuple["FloatArray", "FloatArray", "FloatArray", "FloatArray"]:
    """alpha, beta (shape: logits of mu, correlations), their sum (correlations) and the log prior (logits, 1)."""
    import numpy as np

    logit = np.arange(_LOGIT_LOW, _LOGIT_HIGH + _LOGIT_STEP / 2, _LOGIT_STEP)
    log_mu, log_rest = -np.logaddexp(0, -logit), -np.logaddexp(0, logit)
    rho = (np.arange(_CORRELATIONS) + 0.5) / _CORRELATIONS
    total = (1 - rho) / rho
    alpha, beta = np.exp(log_mu)[:, None] * total, np.exp(log_rest)[:, None] * total
    # Beta(1/2, 1/2) as a density of logit(mu).
    return alpha, beta, total, 0.5 * (log_mu + log_rest)[:, None]


@lru_cache(maxsize=32)
def _log_factor(part: int, place: int) -> "FloatArray":
    """log(base + place) on a part of the grid: the same for every interval, so worth keeping (20 MB at most)."""
    import numpy as np

    found: FloatArray = np.log(_grid()[part] + place)
    return found


def _log_rising(part: int, counts: Counts) -> "FloatArray":
    """Sum over clusters of log(base (base + 1) ... (base + value - 1)), on a part of the grid.

    Small values by their factors, which clusters share; large ones by log-gamma, whose cost does not grow with them.
    """
    import numpy as np
    from scipy.special import gammaln

    base = _grid()[part]
    found = np.zeros_like(base)
    small = [(value, count) for value, count in counts if value <= _FACTORS]
    for place in range(max((value for value, _ in small), default=0)):
        found += sum(count for value, count in small if value > place) * _log_factor(part, place)
    large = [(value, count) for value, count in counts if value > _FACTORS]
    if len(large) > _MANY_LARGE and part != _TOTAL:
        return found + _log_rising_between(base, large)
    for value, count in large:
        found += count * (gammaln(base + value) - gammaln(base))
    return found


def _log_rising_between(base: "FloatArray", counts: Sequence[tuple[int, int]]) -> "FloatArray":
    """The same by a cubic spline in log(base): a function of one number, so that many sizes cost no more grids."""
    import numpy as np
    from scipy.interpolate import CubicSpline
    from scipy.special import gammaln

    log_base = np.log(base)
    nodes = np.arange(log_base.min() - _NODE_STEP, log_base.max() + 2 * _NODE_STEP, _NODE_STEP)
    at = np.exp(nodes)
    values = sum(count * gammaln(at + value) for value, count in counts)
    values = values - sum(count for _, count in counts) * gammaln(at)
    found: FloatArray = CubicSpline(nodes, values)(log_base)
    return found


def _counted(values: Sequence[int]) -> Counts:
    return tuple(sorted(Counter(values).items()))


def _misses(events: Sequence[int], sizes: Sequence[int]) -> list[int]:
    return [size - hits for hits, size in zip(events, sizes, strict=True)]


def _check_clusters(events: Sequence[int], sizes: Sequence[int]) -> None:
    if len(events) != len(sizes) or len(sizes) < 2:
        raise AnalysisError(
            f"{len(sizes)} clusters",
            hint="a rate for scenarios like these needs at least two independent sources",
        )
    if any(not 0 <= hits <= size or size < 1 for hits, size in zip(events, sizes, strict=True)):
        raise AnalysisError("a cluster is empty or has more events than trials")
