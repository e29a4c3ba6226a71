"""The worst of many attacks: search for it with part of the budget, then measure it afresh with the rest.

The best of what was searched looks better than it is; only fresh calls on the attack chosen give its rate. Every choice is
a function of the seed and the outcomes, so that the search can be replayed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

from countermark.analysis.intervals import clopper_pearson
from countermark.analysis.sequential.evalues import log_exceeds_limit
from countermark.errors import AnalysisError

SEARCH_SHARE = 0.6
"""Share of the budget spent on the search."""
_PRIOR = 0.5
_REDRAWS = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class WorstCase:
    """The attack chosen, by its index, and what fresh calls say of it; rates in [0, 1].

    searched: calls of the search on all attacks; n, x: fresh calls on the chosen one and bad outcomes among them.
    bound:    lower bound on its rate at `level`, one-sided, so one on the worst attack's rate too.
    """

    attack: int
    searched: int
    n: int
    x: int
    rate: float
    bound: float
    level: float


class Search:
    """Top-two Thompson sampling over attacks, then fresh confirmation of the one chosen.

    Args:
        attacks: How many, at least 2.
        budget: Calls in all; the search's share must try each attack once.
        seed: Fixes every draw; from the plan.
    Raises:
        AnalysisError: Too few attacks or calls.
    Source:
        Russo 2016 for top-two Thompson sampling; splitting off fresh calls is ours.
    """

    def __init__(self, attacks: int, budget: int, seed: bytes) -> None:
        if attacks < 2 or round(SEARCH_SHARE * budget) < attacks:
            raise AnalysisError(
                f"a search over {attacks} attacks with {budget} calls",
                hint="give at least 2 attacks, and 2 calls for each; ten and more find something",
            )
        self.calls = [0] * attacks
        self.bad = [0] * attacks
        self.search_calls = round(SEARCH_SHARE * budget)
        self.budget = budget
        self._seed = seed
        self._fresh = [0, 0]
        self._chosen: int | None = None

    @property
    def done(self) -> int:
        """Calls counted so far."""
        return sum(self.calls) + self._fresh[0]

    def next(self) -> int | None:
        """Index of the attack to try next; None once the budget is spent.

        Every attack is tried once first, in order. The same answer until `take` is called.
        """
        if self.done >= self.budget:
            return None
        if self.done >= self.search_calls:
            return self.chosen
        if self.done < len(self.calls):
            return self.done
        return self._top_two()

    def take(self, bad: bool) -> None:
        """Count the outcome of the attack that `next` gave.

        Raises:
            AnalysisError: The budget is spent.
        """
        attack = self.next()
        if attack is None:
            raise AnalysisError(
                f"all {self.budget} calls are counted", hint="plan a larger budget before the search"
            )
        if self.done >= self.search_calls:
            self._fresh = [self._fresh[0] + 1, self._fresh[1] + bool(bad)]
        else:
            self.calls[attack] += 1
            self.bad[attack] += bool(bad)

    @property
    def chosen(self) -> int:
        """The attack with the highest posterior mean after the search; the first of equals.

        Raises:
            AnalysisError: The search is not over.
        """
        if sum(self.calls) < self.search_calls:
            raise AnalysisError("the search is not over", hint=f"it takes {self.search_calls} calls")
        means = [
            (bad + _PRIOR) / (calls + 2 * _PRIOR) for bad, calls in zip(self.bad, self.calls, strict=True)
        ]
        return means.index(max(means))

    def result(self, *, level: float = 0.95) -> WorstCase:
        """What the fresh calls so far say of the chosen attack.

        Raises:
            AnalysisError: No fresh call yet.
        """
        n, x = self._fresh
        if n == 0:
            raise AnalysisError("no fresh call on the chosen attack yet", hint="spend the whole budget first")
        bound, _ = clopper_pearson(x, n, level=2 * level - 1)
        return WorstCase(
            attack=self.chosen, searched=sum(self.calls), n=n, x=x, rate=x / n, bound=bound, level=level
        )

    def _top_two(self) -> int:
        """The best of one draw from the posteriors, or, half the time, the best of a later draw that differs from it."""
        leader = self._best_of(0)
        if self._uniform(0, "coin") < 0.5:
            return leader
        for redraw in range(1, _REDRAWS):
            challenger = self._best_of(redraw)
            if challenger != leader:
                return challenger
        return leader

    def _best_of(self, draw: int) -> int:
        import numpy as np
        from scipy.special import betaincinv

        bad, calls = np.array(self.bad), np.array(self.calls)
        uniform = [self._uniform(draw, str(attack)) for attack in range(len(calls))]
        return int(np.argmax(betaincinv(bad + _PRIOR, calls - bad + _PRIOR, uniform)))

    def _uniform(self, draw: int, what: str) -> float:
        """A number in (0, 1) from the seed, the call, the draw and what it is for."""
        digest = sha256(b"%b|%d|%d|%b" % (self._seed, self.done, draw, what.encode())).digest()
        return (int.from_bytes(digest[:6]) + 0.5) / 2**48


def log_e_any_exceeds(counts: Sequence[tuple[int, int]], limit: float) -> float:
    """Log e-value against "no attack has a rate over `limit`", attacks chosen by any rule at all, also by a model.

    Each attack's mixture martingale may be multiplied with the others', because each next attack is chosen before its
    outcome is known.

    Args:
        counts: (calls, bad outcomes) of each attack; at most 0 for attacks not tried.
        limit: In (0, 1).
    """
    import numpy as np

    n, x = (np.array(column) for column in zip(*counts, strict=True))
    return float(np.sum(log_exceeds_limit(n, x, limit)))
