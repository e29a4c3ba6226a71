"""Exact laws of stopped runs: how many orders of outcomes lead to each stopping point (calls, bad outcomes).

Counting orders needs no rate, so one count serves every rate: the chance of stopping at (n, x) is
orders(n, x) * p^x (1-p)^(n-x). Nothing is sampled. Counts are kept as logarithms.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from countermark.errors import AnalysisError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    FloatArray = npt.NDArray[np.float64]
    IntArray = npt.NDArray[np.int64]

UNDECIDED, CERTIFIED, EXCEEDED = 0, 1, 2
"""Codes of the verdict at a stopping point."""
_ROUNDING = 1e-12


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Boundaries:
    """Where a run stops, as tables over the number of calls n = 0..cap (index n).

    certify:  the verdict is "certified" when x <= certify[n]; -1 for never.
    exceed:   the verdict is "target exceeded" when x >= exceed[n]; n + 1 for never.
    precise:  the run may stop when x <= precise[n] or n - x <= precise[n]; n for always, -1 for never.
    judged:   whether a verdict is asked for; without one, precision alone stops the run.
    """

    cap: int
    certify: Sequence[int]
    exceed: Sequence[int]
    precise: Sequence[int] | None = None
    judged: bool = True


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Law:
    """Every stopping point of a design; arrays of one length.

    n: calls; x: bad outcomes; verdict: code; log_orders: log of the number of orders of outcomes that end there.
    """

    n: "IntArray"
    x: "IntArray"
    verdict: "IntArray"
    log_orders: "FloatArray"

    def chances(self, rate: float) -> "FloatArray":
        """Chance of each stopping point when every call is bad with probability `rate`, in [0, 1]; they sum to 1."""
        import numpy as np
        from scipy.special import xlog1py, xlogy

        if not 0 <= rate <= 1:
            raise AnalysisError(f"a rate of {rate}", hint="give a rate between 0 and 1")
        found: FloatArray = np.exp(self.log_orders + xlogy(self.x, rate) + xlog1py(self.n - self.x, -rate))
        return found

    def calls(self, rate: float) -> float:
        """Expected number of calls at `rate`."""
        return float(self.chances(rate) @ self.n)

    def quantile(self, rate: float, share: float) -> int:
        """Smallest number of calls that suffices with probability `share` at `rate`."""
        import numpy as np

        order = np.argsort(self.n, kind="stable")
        reached = np.cumsum(self.chances(rate)[order]) >= share - _ROUNDING
        return int(self.n[order][int(np.argmax(reached))])

    def chance_of(self, verdict: int, rate: float) -> float:
        """Probability at `rate` of ending with the verdict of this code."""
        return float(self.chances(rate)[self.verdict == verdict].sum())


def law_of(design: Boundaries) -> Law:
    """The exact law of a design, by forward recursion over n; cost about cap * (width of the open region)."""
    import numpy as np

    pieces = list(_stops(design))
    n = np.concatenate([np.full(len(orders), calls) for calls, _, _, orders in pieces])
    x = np.concatenate([np.arange(first, first + len(orders)) for _, first, _, orders in pieces])
    verdict = np.concatenate([np.full(len(orders), code) for _, _, code, orders in pieces])
    log_orders = np.concatenate([orders for *_, orders in pieces])
    kept = np.isfinite(log_orders)
    return Law(n=n[kept], x=x[kept], verdict=verdict[kept], log_orders=log_orders[kept])


Piece = tuple[int, int, int, "FloatArray"]
"""(n, smallest x, code of the verdict, log orders for x, x + 1, ...)."""


Run = tuple[int, "FloatArray"]
"""(smallest x, log orders for x, x + 1, ...)."""


def _stops(design: Boundaries) -> Iterator[Piece]:
    import numpy as np

    lower, upper, codes = _cuts(design)
    held: dict[int, Run] = dict.fromkeys((CERTIFIED, EXCEEDED), (0, np.zeros(0))) if _holds(design) else {}
    first, open_ = 0, np.zeros(1)
    for n in range(1, design.cap + 1):
        open_ = _grown(open_)
        low = min(max(lower[n] + 1 - first, 0), len(open_))
        high = min(max(upper[n] - first, low), len(open_))
        judged = [(n, first, codes[0], open_[:low]), (n, first + high, codes[1], open_[high:])]
        first, open_ = first + low, open_[low:high]
        if held:
            yield from _released(design, n, held, judged)
        else:
            yield from judged
        if n == design.cap:
            yield n, first, UNDECIDED, open_
        if not len(open_) and not any(len(orders) for _, orders in held.values()):
            return


def _cuts(design: Boundaries) -> tuple[Sequence[int], Sequence[int], tuple[int, int]]:
    """The two ends cut off the open region at each n, and the codes of what is cut off."""
    if design.judged or design.precise is None:
        return design.certify, design.exceed, (CERTIFIED, EXCEEDED)
    return design.precise, [n - least for n, least in enumerate(design.precise)], (UNDECIDED, UNDECIDED)


def _holds(design: Boundaries) -> bool:
    """Whether a run with a verdict may have to go on for precision."""
    return design.judged and design.precise is not None


def _released(design: Boundaries, n: int, held: dict[int, Run], judged: list[Piece]) -> Iterator[Piece]:
    """Add the new verdicts to those that wait for precision (`held`, changed in place); give back those that stop."""
    assert design.precise is not None
    least = n if n == design.cap else design.precise[n]
    for _, start, code, orders in judged:
        first, waiting = held[code]
        first, waiting = _merged((first, _grown(waiting)), (start, orders))
        low = min(max(least + 1 - first, 0), len(waiting))
        high = min(max(n - least - first, low), len(waiting))
        yield n, first, code, waiting[:low]
        yield n, first + high, code, waiting[high:]
        held[code] = first + low, waiting[low:high]


def _merged(one: Run, other: Run) -> Run:
    """The sum of two runs of log orders, each with its smallest x."""
    import numpy as np

    runs = [run for run in (one, other) if len(run[1])]
    if not runs:
        return 0, np.zeros(0)
    first = min(start for start, _ in runs)
    found = np.full(max(start + len(orders) for start, orders in runs) - first, -np.inf)
    for start, orders in runs:
        part = slice(start - first, start - first + len(orders))
        found[part] = np.logaddexp(found[part], orders)
    return first, found


def _grown(log_orders: "FloatArray") -> "FloatArray":
    """One more call: each point is reached by a good outcome from the same x or a bad one from x - 1."""
    import numpy as np

    if not len(log_orders):
        return log_orders
    edge = [-np.inf]
    found: FloatArray = np.logaddexp(np.concatenate((log_orders, edge)), np.concatenate((edge, log_orders)))
    return found


def last_look(design: Boundaries, limit: float, alpha: float) -> int:
    """The largest x to certify at the cap with what earlier looks left over of `alpha`; -1 for none.

    At the cap, points still open are added from the smallest x up while P(certified) at `limit` stays <= `alpha`.
    """
    for n, _, look in _looks(design, limit, limit, alpha):
        if n == design.cap:
            return look
    return -1


def smallest_cap(design: Boundaries, rates: tuple[float, float], alpha: float, power: float) -> int | None:
    """The smallest cap at which, with the last look, P(certified) at `rates[1]` is >= `power`; None if none is.

    Args:
        design: Tables as far as one wants to look; only `certify` and `exceed` are used.
        rates: (limit, target).
        alpha: Most P(certified) at the limit.
        power: Wanted P(certified) at the target.
    """
    for n, chance, _ in _looks(design, *rates, alpha):
        if chance >= power:
            return n
    return None


def _looks(design: Boundaries, limit: float, target: float, alpha: float) -> Iterator[tuple[int, float, int]]:
    """For each n as the cap: (n, P(certified) at the target, largest x certified at the last look)."""
    import numpy as np

    rates = np.array([[limit], [target]])
    first, mass, certified = 0, np.ones((2, 1)), np.zeros(2)
    for n in range(1, design.cap + 1):
        nothing = np.zeros((2, 1))
        mass = np.hstack((mass * (1 - rates), nothing)) + np.hstack((nothing, mass * rates))
        low = min(max(design.certify[n] + 1 - first, 0), mass.shape[1])
        high = min(max(design.exceed[n] - first, low), mass.shape[1])
        certified = certified + mass[:, :low].sum(axis=1)
        first, mass = first + low, mass[:, low:high]
        spent = certified[0] + np.cumsum(mass[0])
        more = int(np.searchsorted(spent, alpha - _ROUNDING, side="right"))
        yield n, float(certified[1] + mass[1, :more].sum()), first + more - 1


def characteristic(law: Law, rates: Sequence[float]) -> dict[str, list[float]]:
    """The operating characteristic over `rates`: expected calls, 90 % quantile, and the chance of each verdict."""
    columns: dict[str, Any] = {
        "rate": list(rates),
        "calls": [law.calls(rate) for rate in rates],
        "calls_90": [float(law.quantile(rate, 0.9)) for rate in rates],
    }
    for name, code in (("certified", CERTIFIED), ("target_exceeded", EXCEEDED), ("undecided", UNDECIDED)):
        columns[name] = [law.chance_of(code, rate) for rate in rates]
    return columns
