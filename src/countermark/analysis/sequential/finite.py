"""A battery with an end: stop early when the full run would say the same, by drawing without replacement.

Use it when more than a tenth of the battery may be consumed. The claim is about this battery's N items, of which T are
bad: "T < T0", where T0 = ceil(limit * N). The order must be random over all N items.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from math import ceil, log
from typing import TYPE_CHECKING

from countermark.errors import AnalysisError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    FloatArray = npt.NDArray[np.float64]

MOST_ITEMS = 5000
"""A larger battery is as good as endless: use the rule for rates."""
_EDGE = 1e-9


class FiniteVerdict(StrEnum):
    """What part of a battery has shown about all of it, each way at error alpha."""

    UNDER_LIMIT = "under_limit"
    REACHES_LIMIT = "reaches_limit"
    UNDECIDED = "undecided"
    """The outcomes ended before the rule did; never after the last item."""


@dataclass(frozen=True, slots=True)
class FiniteStopped:
    """The end of a run through a finite battery: items run, bad ones among them, verdict on the whole battery."""

    n: int
    x: int
    verdict: FiniteVerdict


@dataclass(frozen=True, slots=True, kw_only=True)
class FiniteRule:
    """Decide whether fewer than `limit` of a battery's items are bad, without running all of them.

    items:  N, 2 to `MOST_ITEMS`.
    limit:  share that must not be reached, in (0, 1).
    alpha:  most probability of a wrong statement, each way.
    """

    items: int
    limit: float
    alpha: float = 0.05

    def __post_init__(self) -> None:
        """Refuse a rule that makes no sense, every fault at once.

        Raises:
            AnalysisError: With what to do.
        """
        faults = []
        if not (isinstance(self.items, int) and 2 <= self.items <= MOST_ITEMS):
            faults.append((f"{self.items} items", f"give 2 to {MOST_ITEMS} items"))
        if not 0 < self.limit < 1:
            faults.append((f"limit {self.limit}", "give a limit above 0 and under 1"))
        if not 0 < self.alpha < 0.5:
            faults.append((f"alpha {self.alpha}", "give an alpha above 0 and under 0.5, such as 0.05"))
        if faults:
            raise AnalysisError(
                "no rule for a finite battery: " + "; ".join(fault for fault, _ in faults),
                hint="; ".join(hint for _, hint in faults),
            )

    @property
    def too_many(self) -> int:
        """T0: the smallest number of bad items that reaches the limit."""
        return min(self.items, max(1, ceil(self.limit * self.items - _EDGE)))


def replay_finite(rule: FiniteRule, outcomes: Sequence[bool]) -> FiniteStopped:
    """The run that the rule makes of these outcomes, items drawn in random order; True for bad.

    The last item decides in any case. Outcomes after the stop are not looked at.

    Raises:
        AnalysisError: More outcomes than items.
    """
    if len(outcomes) > rule.items:
        raise AnalysisError(
            f"{len(outcomes)} outcomes of {rule.items} items", hint="give each item's outcome once"
        )
    under, reaches = finite_tables(rule)
    x = 0
    for n, bad in enumerate(outcomes, start=1):
        x += bool(bad)
        if x <= under[n]:
            return FiniteStopped(n, x, FiniteVerdict.UNDER_LIMIT)
        if x >= reaches[n]:
            return FiniteStopped(n, x, FiniteVerdict.REACHES_LIMIT)
    return FiniteStopped(len(outcomes), x, FiniteVerdict.UNDECIDED)


@lru_cache(maxsize=64)
def finite_tables(rule: FiniteRule) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """For n = 0..N: under the limit when x <= the first, reaches it when x >= the second (-1 and n + 1 for never).

    One more item moves a bound by none or one: a good outcome adds to the evidence, a bad one takes from it.
    """
    bound = log(1 / rule.alpha)
    bad, good = [-1], [-1]
    for n in range(1, rule.items + 1):
        bad.append(bad[-1] + (log_e_below(rule, n, bad[-1] + 1) >= bound))
        good.append(good[-1] + (log_e_above(rule, n, n - good[-1] - 1) >= bound))
    return tuple(bad), tuple(n - most for n, most in enumerate(good))


def log_e_below(rule: FiniteRule, n: int, x: int) -> float:
    """Log e-value against "T >= T0": totals under T0 by the beta-binomial of Beta(1/2, 1/2), over the chance under T0.

    inf when T < T0 is certain, -inf when T >= T0 is.

    Source:
        Waudby-Smith & Ramdas 2020, the prior-posterior ratio cut to the alternative.
    """
    return _log_e(rule.items, n, x, rule.too_many)


def log_e_above(rule: FiniteRule, n: int, x: int) -> float:
    """Log e-value against "T < T0": the mirror image, good items counted."""
    return _log_e(rule.items, n, n - x, rule.items - rule.too_many + 1)


def _log_e(items: int, n: int, x: int, edge: int) -> float:
    """Against T >= edge, with totals 0..edge - 1 as alternatives. An order's chance under T is (T)_x (N-T)_(n-x) / (N)_n."""
    import numpy as np
    from scipy.special import logsumexp

    if x >= edge:
        return -np.inf
    if n - x > items - edge:
        return np.inf
    totals = np.arange(x, min(edge - 1, items - (n - x)) + 1)
    weights = _log_weights(items)
    prior = weights[totals] - logsumexp(weights[:edge])
    ratio = _log_orders(items, n, x, totals) - _log_orders(items, n, x, np.array([edge]))[0]
    return float(logsumexp(prior + ratio))


def _log_orders(items: int, n: int, x: int, totals: "npt.NDArray[np.int64]") -> "FloatArray":
    from scipy.special import gammaln

    good = items - totals
    found: FloatArray = (
        gammaln(totals + 1) - gammaln(totals - x + 1) + gammaln(good + 1) - gammaln(good - (n - x) + 1)
    )
    return found


@lru_cache(maxsize=64)
def _log_weights(items: int) -> "FloatArray":
    """Beta-binomial weights of the totals 0..N, up to a constant."""
    import numpy as np
    from scipy.special import gammaln

    totals = np.arange(items + 1)
    found: FloatArray = (
        gammaln(totals + 0.5)
        - gammaln(totals + 1)
        + gammaln(items - totals + 0.5)
        - gammaln(items - totals + 1)
    )
    return found


@dataclass(frozen=True, slots=True)
class FiniteCharacteristic:
    """Exact: expected items run, and the chance of each verdict."""

    calls: float
    under_limit: float
    reaches_limit: float


def finite_characteristic(rule: FiniteRule, bad: int) -> FiniteCharacteristic:
    """The rule's exact law for a battery with `bad` bad items in random order.

    Raises:
        AnalysisError: bad outside 0..N.
    """
    import numpy as np

    if not 0 <= bad <= rule.items:
        raise AnalysisError(f"{bad} bad items of {rule.items}", hint="give 0 to N bad items")
    under, reaches = finite_tables(rule)
    first, mass = 0, np.ones(1)
    calls, ended = 0.0, np.zeros(2)
    for n in range(1, rule.items + 1):
        chance = (bad - np.arange(first, first + len(mass))) / (rule.items - n + 1)
        mass = np.append(mass * (1 - chance), 0.0) + np.append(0.0, mass * chance)
        low = min(max(under[n] + 1 - first, 0), len(mass))
        high = min(max(reaches[n] - first, low), len(mass))
        now = np.array([mass[:low].sum(), mass[high:].sum()])
        ended, calls = ended + now, calls + n * float(now.sum())
        first, mass = first + low, mass[low:high]
        if not len(mass):
            break
    return FiniteCharacteristic(calls, float(ended[0]), float(ended[1]))
