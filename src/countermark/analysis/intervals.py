"""Intervals for one rate that hold at the edge: small n, clusters, zero events.

numpy and scipy are imported inside the functions, so that a verifier that only checks signatures starts at once.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from countermark.errors import AnalysisError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    FloatArray = npt.NDArray[np.float64]

_LOGIT_LOW, _LOGIT_HIGH, _LOGIT_STEP = -26.0, 12.0, 0.1
_CORRELATIONS = 200
_QUANTILE = 0.75
_FACTORS = 24


@dataclass(frozen=True, slots=True, kw_only=True)
class RateInterval:
    """A rate with its interval, dimensionless, in [0, 1]; `n_effective` is what the trials are worth."""

    rate: float
    low: float
    high: float
    n_effective: float
    method: str


def clopper_pearson(events: float, trials: float, *, level: float = 0.95) -> tuple[float, float]:
    """Exact binomial interval for `events` of `trials`; neither need be whole (an effective sample is not).

    Args:
        events: 0 <= events <= trials.
        trials: Above 0.
        level: Coverage, in (0, 1).
    Returns:
        Lower and upper bound, dimensionless.
    Raises:
        AnalysisError: No trials, events outside [0, trials], level outside (0, 1).
    Source:
        Clopper & Pearson 1934, by quantiles of the beta distribution.
    """
    from scipy.special import betaincinv

    if not (trials > 0 and 0 <= events <= trials and 0 < level < 1):
        raise AnalysisError(
            f"no interval for {events} events in {trials} trials at level {level}",
            hint="needs at least one trial, and events between 0 and the trials",
        )
    tail = (1 - level) / 2
    low = float(betaincinv(events, trials - events + 1, tail)) if events > 0 else 0.0
    high = float(betaincinv(events + 1, trials - events, 1 - tail)) if events < trials else 1.0
    return low, high


def clustered_rate(events: Sequence[int], sizes: Sequence[int], *, level: float = 0.95) -> RateInterval:
    """The rate over clusters of scenarios that are not independent, for scenarios like these (estimand S).

    Clopper-Pearson at the effective sample size n / (1 + (mt - 1) r) * (t_{n-1} / t_{K-1})^2, where
    mt = sum m_i^2 / sum m_i and r is the 75 % posterior quantile of the correlation within clusters. With one trial a
    cluster this is Clopper-Pearson on the number of trials.

    Args:
        events: Shape (K,), trials with the label in each cluster.
        sizes: Shape (K,), graded trials in each cluster, each at least 1.
        level: Coverage, in (0, 1).
    Raises:
        AnalysisError: Under two clusters, an empty cluster, more events than trials.
    Source:
        Korn & Graubard 1998 for the effective sample; the correlation's quantile instead of a design-based estimate
        because the latter is zero at zero events (see docs/reference/statistics.md).
    """
    from scipy.special import stdtrit

    _check_clusters(events, sizes)
    trials, count = sum(sizes), len(sizes)
    rate = sum(events) / trials
    if all(size == 1 for size in sizes):
        effective, method = float(trials), "clopper-pearson"
    else:
        weighted = sum(size * size for size in sizes) / trials
        correlation = correlation_quantile(events, sizes)
        tail = (1 + level) / 2
        shrink = (stdtrit(trials - 1, tail) / stdtrit(count - 1, tail)) ** 2
        effective = float(trials / (1 + (weighted - 1) * correlation) * shrink)
        method = "clopper-pearson at effective n"
    low, high = clopper_pearson(rate * effective, effective, level=level)
    return RateInterval(rate=rate, low=low, high=high, n_effective=effective, method=method)


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

    logit = np.arange(_LOGIT_LOW, _LOGIT_HIGH + _LOGIT_STEP / 2, _LOGIT_STEP)
    log_mu, log_rest = -np.logaddexp(0, -logit), -np.logaddexp(0, logit)
    rho = (np.arange(_CORRELATIONS) + 0.5) / _CORRELATIONS
    total = (1 - rho) / rho
    alpha, beta = np.exp(log_mu)[:, None] * total, np.exp(log_rest)[:, None] * total
    # Beta(1/2, 1/2) as a density of logit(mu).
    prior = 0.5 * (log_mu + log_rest)[:, None]
    log_posterior = prior + _log_rising(alpha, hits) + _log_rising(beta, misses) - _log_rising(total, sizes)
    weight = np.exp(log_posterior - log_posterior.max()).sum(axis=0)
    cumulative = np.cumsum(weight) / weight.sum()
    edges = np.concatenate(([0.0], (np.arange(_CORRELATIONS) + 1) / _CORRELATIONS))
    return float(np.interp(quantile, np.concatenate(([0.0], cumulative)), edges))


def _log_rising(base: "FloatArray", counts: Counts) -> "FloatArray":
    """Sum over clusters of log(base (base + 1) ... (base + value - 1)), on the grid.

    Small values by their factors, which clusters share; large ones by log-gamma, whose cost does not grow with them.
    """
    import numpy as np
    from scipy.special import gammaln

    found = np.zeros_like(base)
    small = [(value, count) for value, count in counts if value <= _FACTORS]
    for place in range(max((value for value, _ in small), default=0)):
        found += sum(count for value, count in small if value > place) * np.log(base + place)
    large = [(value, count) for value, count in counts if value > _FACTORS]
    for value, count in large:
        found += count * (gammaln(base + value) - gammaln(base))
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
