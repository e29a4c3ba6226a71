"""Stopping on precision: watch the half-width of a Clopper-Pearson interval at a level raised until it still covers.

An interval that is watched and stopped on covers less than its level. The raised level is found by exact computation
on the lattice, for the half-width asked (Frey 2010), never read from a table.
"""

from functools import lru_cache
from math import ceil
from typing import TYPE_CHECKING, Any

from countermark.analysis.sequential.lattice import Boundaries, Law, law_of
from countermark.errors import AnalysisError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    FloatArray = npt.NDArray[np.float64]
    IntArray = npt.NDArray[np.int64]

LEVEL = 0.95
"""What intervals after a stop promise."""
SMALLEST_HALF_WIDTH = 0.01
_STEP = 0.0005
_STEPS = 80
_NEAR = 1e-10
_CHUNK = 128
_FAR = 4.5
"""Points further than this over sqrt(n) from a rate have a chance under exp(-2 * 4.5^2) = 3e-18 (Hoeffding)."""


def limits_at(n: Any, x: Any, level: float) -> tuple["FloatArray", "FloatArray"]:
    """Clopper-Pearson bounds for arrays of counts; n >= 1, 0 <= x <= n."""
    import numpy as np
    from scipy.special import betaincinv

    n_, x_ = np.asarray(n, dtype=float), np.asarray(x, dtype=float)
    tail = (1 - level) / 2
    low = np.where(x_ > 0, betaincinv(np.maximum(x_, 1), n_ - x_ + 1, tail), 0.0)
    high = np.where(x_ < n_, betaincinv(x_ + 1, np.maximum(n_ - x_, 1), 1 - tail), 1.0)
    return low, high


def precise_table(half_width: float, level: float, cap: int) -> list[int]:
    """For n = 0..cap the largest a such that every x <= a or n - x <= a has a half-width <= `half_width`.

    -1 where no x has, n where every x has. Widths grow from x = 0 to the middle and are symmetric.
    """
    import numpy as np

    n = np.arange(1, cap + 1)
    low, high = np.full(cap, -1), n // 2 + 1
    while (high - low > 1).any():
        middle = np.clip((low + high) // 2, 0, n // 2)
        bottom, top = limits_at(n, middle, level)
        fits = (top - bottom) / 2 <= half_width
        going = high - low > 1
        low, high = np.where(going & fits, middle, low), np.where(going & ~fits, middle, high)
    return [-1, *np.where(low >= n // 2, n, low).tolist()]


@lru_cache(maxsize=64)
def watched(half_width: float) -> tuple[float, Boundaries]:
    """The raised level to watch for this half-width, and the design that stops on precision alone.

    The level is found by bisection in steps of .0005; its least coverage over all rates was computed to be >= .95.

    Args:
        half_width: In [0.01, 0.5).
    Returns:
        Level and tables; the cap is the first n at which every x is precise.
    Raises:
        AnalysisError: half_width outside its range.
    """
    if not SMALLEST_HALF_WIDTH <= half_width < 0.5:
        raise AnalysisError(
            f"a half-width of {half_width}",
            hint=f"give a half-width of at least {SMALLEST_HALF_WIDTH} and under 0.5, such as 0.1",
        )
    low, high = -1, _STEPS
    while high - low > 1:
        middle = (low + high) // 2
        if _covers(half_width, _raised(middle)):
            high = middle
        else:
            low = middle
    level = _raised(high)
    return level, _design(half_width, level)


def _raised(steps: int) -> float:
    return round(LEVEL + steps * _STEP, 6)


def _covers(half_width: float, level: float) -> bool:
    """Rates up to one half suffice: the design and its intervals are symmetric."""
    law = law_of(_design(half_width, level))
    return smallest_coverage(law, *limits_at(law.n, law.x, level), upto=0.5) >= LEVEL


def _design(half_width: float, level: float) -> Boundaries:
    from scipy.special import ndtri

    reach = ceil(1.1 * (float(ndtri((1 + level) / 2)) / (2 * half_width)) ** 2) + 50
    precise = precise_table(half_width, level, reach)
    cap = next(n for n in range(1, reach + 1) if precise[n] == n)
    return Boundaries(
        cap=cap,
        certify=[-1] * (cap + 1),
        exceed=[n + 1 for n in range(cap + 1)],
        precise=precise[: cap + 1],
        judged=False,
    )


def smallest_coverage(law: Law, low: "FloatArray", high: "FloatArray", *, upto: float = 1.0) -> float:
    """Least probability, over rates in (0, `upto`), that the interval [low, high] of the stopping point holds the rate.

    Coverage jumps where an interval begins or ends and is smooth between; it is evaluated just outside every end,
    where it is least, and between neighbouring ends.
    """
    import numpy as np

    ends = np.unique(np.concatenate((low - _NEAR, high + _NEAR)))
    ends = ends[(ends > 0) & (ends < min(upto + _NEAR, 1))]
    rates = np.sort(np.concatenate((ends, (ends[1:] + ends[:-1]) / 2)))
    share, reach = law.x / law.n, _FAR / np.sqrt(law.n)
    least = 1.0
    for start in range(0, len(rates), _CHUNK):
        part = rates[start : start + _CHUNK]
        near = (share + reach >= part[0]) & (share - reach <= part[-1])
        bad, good, column = law.x[near], (law.n - law.x)[near], part[:, None]
        chances = np.exp(law.log_orders[near] + bad * np.log(column) + good * np.log1p(-column))
        covered = np.where((low[near] <= column) & (column <= high[near]), chances, 0.0).sum(axis=1)
        least = min(least, float(covered.min()))
    return least
