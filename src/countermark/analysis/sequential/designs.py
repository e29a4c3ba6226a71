"""What the rule is measured against: the fixed design with the same errors, its curtailed form, Wald's test, the limit.

All as tables for the lattice, so that every cost is exact.
"""

from dataclasses import dataclass
from functools import lru_cache
from math import ceil, floor, inf, log
from typing import TYPE_CHECKING

from countermark.analysis.sequential import evalues
from countermark.analysis.sequential.lattice import Boundaries, last_look
from countermark.analysis.sequential.rule import MOST_CALLS, Rule, largest_with
from countermark.errors import AnalysisError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

_CHUNK = 4096
_WALD_CAP = 12
"""Wald's test has no cap; here it ends after this many times the fixed design (measured: chance under 1e-7)."""


@dataclass(frozen=True, slots=True)
class FixedDesign:
    """Make `calls` calls and certify when at most `critical` are bad."""

    calls: int
    critical: int


@lru_cache(maxsize=256)
def fixed_design(limit: float, target: float, alpha: float = 0.05, beta: float = 0.10) -> FixedDesign:
    """The smallest number of calls with P(certified) <= alpha at the limit and >= 1 - beta at the target; binomial, exact.

    Raises:
        AnalysisError: No such pair of rates, or over `MOST_CALLS` needed.
    """
    import numpy as np
    from scipy.special import bdtr

    evalues.check_rates(limit, target)
    # No design is cheaper, even on average at the target, than the information limit; start there.
    least = evalues.divergence(1 - beta, alpha) / evalues.divergence(target, limit)
    for start in range(max(1, floor(min(least, MOST_CALLS))), MOST_CALLS, _CHUNK):
        calls = np.arange(start, start + _CHUNK)
        critical = _critical(calls, limit, alpha)
        power = np.where(critical >= 0, bdtr(np.maximum(critical, 0), calls, target), 0.0)
        enough = np.flatnonzero(power >= 1 - beta)
        if len(enough):
            return FixedDesign(int(calls[enough[0]]), int(critical[enough[0]]))
    raise AnalysisError(
        f"limit {limit} and target {target} need over {MOST_CALLS} calls to be told apart",
        hint="set the target further below the limit",
    )


def _critical(calls: "npt.NDArray[np.int64]", limit: float, alpha: float) -> "npt.NDArray[np.int64]":
    """For each number of calls the largest c with P(bad <= c) <= alpha at the limit; -1 for none. By bisection."""
    import numpy as np
    from scipy.special import bdtr

    low, high = np.full(len(calls), -1), calls + 1
    while (high - low > 1).any():
        middle = np.clip((low + high) // 2, 0, calls)
        fits = bdtr(middle, calls, limit) <= alpha
        going = high - low > 1
        low, high = np.where(going & fits, middle, low), np.where(going & ~fits, middle, high)
    return low


def curtailed(design: FixedDesign) -> Boundaries:
    """The fixed design stopped as soon as its verdict cannot change any more; same errors, same power."""
    calls, critical = design.calls, design.critical
    return Boundaries(
        cap=calls,
        certify=[max(-1, critical - (calls - n)) for n in range(calls + 1)],
        exceed=[critical + 1] * (calls + 1),
    )


def wald(rule: Rule) -> Boundaries:
    """Wald's sequential probability ratio test of target against limit, with his bounds; no cap but a far one.

    Source:
        Wald 1945. Its errors hold only nearly, for the bounds are overshot.
    """
    limit, target = _rates(rule)
    cap = _WALD_CAP * fixed_design(limit, target, rule.alpha, rule.beta).calls
    good, bad = log((1 - target) / (1 - limit)), log(target / limit)
    upper, lower = log((1 - rule.beta) / rule.alpha), log(rule.beta / (1 - rule.alpha))
    # log ratio after n calls: n * good + x * (bad - good), which falls with x.
    slope = good - bad
    return Boundaries(
        cap=cap,
        certify=[max(-1, floor((n * good - upper) / slope)) for n in range(cap + 1)],
        exceed=[ceil((n * good - lower) / slope) for n in range(cap + 1)],
    )


def limit_only(rule: Rule) -> Boundaries:
    """Mixtures over all rates below and above the limit, each at 1/alpha, up to the fixed design's calls and a last look.

    "Exceeded" means here that rate > limit was shown.
    """
    limit, target = _rates(rule)
    cap = fixed_design(limit, target, rule.alpha, rule.beta).calls
    bound, rest = log(1 / rule.alpha), 1 - limit
    certify = largest_with(lambda n, x: evalues.log_mixture_below(n, x, limit, limit), bound, cap)
    good = largest_with(lambda n, y: evalues.log_mixture_below(n, y, rest, rest), bound, cap)
    exceed = [n - most for n, most in enumerate(good)]
    look = last_look(Boundaries(cap=cap, certify=certify, exceed=exceed), limit, rule.alpha)
    return Boundaries(cap=cap, certify=[*certify[:-1], max(certify[-1], look)], exceed=exceed)


def information_limit(rule: Rule, rate: float) -> float:
    """Least expected calls at `rate` of any test with these errors that must tell the side of the limit; inf between.

    Below the target: kl(1 - beta, alpha) / KL(rate, limit). At the limit and above: the same against the limit, a bound
    for tests that must *refute* the limit; one that only shows rate > target may be under it.

    Source:
        Garivier & Kaufmann 2016.
    """
    limit, target = _rates(rule)
    if target < rate <= limit:
        return inf
    needed = evalues.divergence(1 - rule.beta, rule.alpha)
    return needed / evalues.divergence(rate, limit)


def _rates(rule: Rule) -> tuple[float, float]:
    if rule.limit is None or rule.target is None:
        raise AnalysisError("a rule without a limit", hint="give a limit and a target to compare designs")
    return rule.limit, rule.target
