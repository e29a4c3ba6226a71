"""Interval and estimate after a stop: exact for the rule declared, valid at any time where no rule held.

The fixed-n interval is wrong after a stop, because the number of calls depends on the outcomes.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from math import inf, log, log1p
from typing import TYPE_CHECKING

from countermark.analysis.intervals import clopper_pearson
from countermark.analysis.sequential.evalues import check_counts
from countermark.analysis.sequential.lattice import Law
from countermark.analysis.sequential.precision import LEVEL, watched
from countermark.analysis.sequential.rule import Rule, Stopped, Why, law, watch_level
from countermark.errors import AnalysisError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    FloatArray = npt.NDArray[np.float64]

EXACT = "exact after stopping"
WATCHED = "clopper-pearson at the level watched"
ANYTIME = "valid at any time"
_HALVINGS = 50
_GRID_REACH, _GRID_POINTS = 14.0, 225


@dataclass(frozen=True, slots=True, kw_only=True)
class AfterStop:
    """A rate after a stop, dimensionless, in [0, 1].

    estimate:  median-unbiased after an exact interval (as often too high as too low), x / n after the other.
    low, high: two-sided interval at `level`; each side alone is a bound at (1 + level) / 2.
    """

    estimate: float
    low: float
    high: float
    level: float
    method: str


def interval_after(rule: Rule, stopped: Stopped, *, level: float = 0.95) -> AfterStop:
    """The interval for a stopped run: exact where the rule ended it, else the one that is valid at any time.

    A run that stopped on precision alone gets the very interval it watched, so that it is as narrow as was asked: its
    level was raised until its exact coverage is at least 95 %. That was computed without a smaller cap, so under one the
    exact interval is given.

    Args:
        rule: The rule declared before the run.
        stopped: Its end, by `replay` or `Watch`.
        level: Coverage, in (0, 1).
    Raises:
        AnalysisError: No outcomes, or counts at which this rule never stops.
    """
    if stopped.why is Why.EXHAUSTED:
        return anytime_interval(stopped.n, stopped.x, level=level)
    if stopped.why is Why.DECIDED and level == LEVEL and _watched_to_the_end(rule):
        return _watched_interval(rule, stopped.n, stopped.x)
    return exact_interval(rule, stopped.n, stopped.x, level=level)


def _watched_to_the_end(rule: Rule) -> bool:
    if rule.limit is not None or rule.half_width is None:
        return False
    return rule.worst >= watched(rule.half_width)[1].cap


def _watched_interval(rule: Rule, n: int, x: int) -> AfterStop:
    low, high = clopper_pearson(x, n, level=watch_level(rule))
    estimate = exact_interval(rule, n, x).estimate
    return AfterStop(estimate=estimate, low=low, high=high, level=LEVEL, method=WATCHED)


@lru_cache(maxsize=4096)
def exact_interval(rule: Rule, n: int, x: int, *, level: float = 0.95) -> AfterStop:
    """Exact interval after the rule stopped at `x` bad outcomes in `n` calls, stopping points ordered by x / n.

    The lower bound is the smallest rate at which x / n or more has a chance over (1 - level) / 2, the upper the largest
    at which x / n or less has; the estimate has as much chance above as below, ties counted half. Calls independent
    with one rate.

    Args:
        rule: The rule declared before the run.
        n: Calls; x: bad outcomes; together a point at which the rule stops.
        level: Coverage, in (0, 1).
    Raises:
        AnalysisError: The rule does not stop there.
    Source:
        Jennison & Turnbull 1983; here on the exact lattice.
    """
    _check_level(level)
    check_counts(n, x)
    found = law(rule)
    if not ((found.n == n) & (found.x == x)).any():
        raise AnalysisError(
            f"the rule never stops at {x} bad outcomes in {n} calls",
            hint="for a run that something else ended, ask for the interval that is valid at any time",
        )
    share, here = found.x / found.n, x / n
    tail = (1 - level) / 2
    above, below = _Tail(found, share >= here), _Tail(found, share <= here)
    over = _Tail(found, share > here)
    return AfterStop(
        estimate=here if x in (0, n) else _root(lambda rate: (above(rate) + over(rate)) / 2 - 0.5, 0.0, 1.0),
        low=0.0 if here == share.min() else _first(above, tail),
        high=1.0 if here == share.max() else 1 - _first(below.mirrored(), tail),
        level=level,
        method=EXACT,
    )


class _Tail:
    """Chance of some stopping points as a function of the rate."""

    def __init__(self, found: Law, part: "np.typing.NDArray[np.bool_]") -> None:
        self._bad, self._good = found.x[part], (found.n - found.x)[part]
        self._log_orders = found.log_orders[part]

    def mirrored(self) -> "_Tail":
        """The same points as a function of one minus the rate."""
        other = object.__new__(_Tail)
        other._bad, other._good, other._log_orders = self._good, self._bad, self._log_orders
        return other

    def __call__(self, rate: float) -> float:
        import numpy as np
        from scipy.special import xlog1py, xlogy

        return float(np.exp(self._log_orders + xlogy(self._bad, rate) + xlog1py(self._good, -rate)).sum())


def _first(tail: _Tail, share: float) -> float:
    """Smallest rate at which the tail's chance is over `share`: on a grid first, for the chance may ripple."""
    rates = _grid()
    place = next((place for place, rate in enumerate(rates) if tail(rate) > share), len(rates))
    bottom = rates[place - 1] if place else 0.0
    top = rates[place] if place < len(rates) else 1.0
    return _root(lambda rate: tail(rate) - share, bottom, top)


@lru_cache(maxsize=1)
def _grid() -> tuple[float, ...]:
    import numpy as np
    from scipy.special import expit

    return tuple(expit(np.linspace(-_GRID_REACH, _GRID_REACH, _GRID_POINTS)).tolist())


def _root(rising: Callable[[float], float], bottom: float, top: float) -> float:
    for _ in range(_HALVINGS):
        middle = (bottom + top) / 2
        if rising(middle) > 0:
            top = middle
        else:
            bottom = middle
    return (bottom + top) / 2


def anytime_interval(n: int, x: int, *, level: float = 0.95) -> AfterStop:
    """Interval that holds at all times at once: for a run that a person stopped, or whose rule was changed.

    All rates p with B(x + 1/2, n - x + 1/2) / B(1/2, 1/2) < p^x (1-p)^(n-x) / (1 - level).

    Args:
        n: Calls, at least 1.
        x: Bad outcomes.
        level: Coverage, in (0, 1).
    Raises:
        AnalysisError: No calls, impossible counts or level.
    Source:
        Robbins 1970, mixture over Beta(1/2, 1/2); Ville's inequality.
    """
    from scipy.special import betaln

    _check_level(level)
    check_counts(n, x)
    if n == 0:
        raise AnalysisError("no outcomes", hint="an interval needs at least one graded trial")
    mixture = float(betaln(x + 0.5, n - x + 0.5) - betaln(0.5, 0.5)) + log(1 - level)

    def excess(rate: float) -> float:
        bad = x * (log(rate) if rate > 0 else -inf) if x else 0.0
        good = (n - x) * (log1p(-rate) if rate < 1 else -inf) if n - x else 0.0
        return mixture - bad - good

    centre = x / n
    low = 0.0 if x == 0 else _root(lambda rate: -excess(rate), 0.0, centre)
    high = 1.0 if x == n else _root(excess, centre, 1.0)
    return AfterStop(estimate=centre, low=low, high=high, level=level, method=ANYTIME)


def _check_level(level: float) -> None:
    if not 0 < level < 1:
        raise AnalysisError(f"a level of {level}", hint="give a level between 0 and 1, such as 0.95")
