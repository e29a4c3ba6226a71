"""A against B, scenario by scenario, stopped when the bets have shown which is higher, or that they are as good as equal.

A bet of size l multiplies its stake by 1 + l d at a difference d in [-1, 1]; the mean over several sizes is an e-value
against "the mean difference is at most 0". Valid for any differences in [-1, 1], graded ones too, at any time.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from math import ceil, exp, log, log1p

from countermark.analysis.detectable import pairs_needed
from countermark.errors import AnalysisError

BETS = (0.1, 0.2, 0.3, 0.45, 0.6, 0.75, 0.9)
"""Sizes of the bets, with equal stakes."""
MOST_PAIRS = 1_000_000
_CAP = 1.5


class PairVerdict(StrEnum):
    """What the pairs have shown about mean(A - B)."""

    A_HIGHER = "a_higher"
    B_HIGHER = "b_higher"
    EQUIVALENT = "equivalent"
    """|mean difference| < margin."""
    UNDECIDED = "undecided"


@dataclass(frozen=True, slots=True, kw_only=True)
class PairRule:
    """Stop comparing two subjects once a difference or equivalence is shown, or at the cap.

    margin:  differences under it do not matter, in (0, 1), planned beforehand.
    cap:     most pairs.
    alpha:   most probability of a false "higher" (either way) where there is no difference; and of a false "equivalent".
    """

    margin: float
    cap: int
    alpha: float = 0.05

    def __post_init__(self) -> None:
        """Refuse a rule that makes no sense, every fault at once.

        Raises:
            AnalysisError: With what to do.
        """
        faults = []
        if not 0 < self.margin < 1:
            faults.append((f"margin {self.margin}", "give a margin above 0 and under 1, such as 0.1"))
        if not (isinstance(self.cap, int) and 1 <= self.cap <= MOST_PAIRS):
            faults.append((f"cap {self.cap}", f"give a cap of 1 to {MOST_PAIRS} pairs"))
        if not 0 < self.alpha < 0.5:
            faults.append((f"alpha {self.alpha}", "give an alpha above 0 and under 0.5, such as 0.05"))
        if faults:
            raise AnalysisError(
                "no rule for pairs: " + "; ".join(fault for fault, _ in faults),
                hint="; ".join(hint for _, hint in faults),
            )


def planned_cap(margin: float, discordant: float, *, alpha: float = 0.05, power: float = 0.90) -> int:
    """One and a half times the pairs that a fixed comparison needs to find a difference of `margin`.

    Args:
        margin: In (0, discordant].
        discordant: Share of pairs in which the two differ, in (0, 1].
    """
    return ceil(_CAP * pairs_needed(margin, discordant, level=1 - alpha, power=power))


@dataclass(frozen=True, slots=True, kw_only=True)
class PairStopped:
    """The end of a comparison: pairs used, their mean difference A - B, and the verdict."""

    n: int
    mean: float
    verdict: PairVerdict


class PairWatch:
    """One comparison, pair by pair in queue order."""

    __slots__ = (
        "_above",
        "_below",
        "_higher",
        "_lower",
        "_not_above",
        "_not_below",
        "n",
        "rule",
        "stopped",
        "total",
    )

    def __init__(self, rule: PairRule) -> None:
        self.rule = rule
        self.n = 0
        self.total = 0.0
        self.stopped: PairStopped | None = None
        wide = [bet / (1 + rule.margin) for bet in BETS]
        self._higher, self._lower = _Bets(BETS), _Bets(BETS)
        self._below, self._above = _Bets(wide), _Bets(wide)
        self._not_above = self._not_below = False

    def take(self, difference: float) -> PairStopped | None:
        """Count one more difference A - B in [-1, 1]; the end of the comparison when it was the last one needed.

        Raises:
            AnalysisError: A difference outside [-1, 1], or the comparison has stopped.
        """
        if not -1 <= difference <= 1:
            raise AnalysisError(
                f"a difference of {difference}", hint="give A - B where each is between 0 and 1"
            )
        if self.stopped is not None:
            raise AnalysisError(
                f"the comparison stopped after {self.stopped.n} pairs",
                hint="leave later pairs out of the count",
            )
        self.n += 1
        self.total += difference
        verdict = self._judge(difference)
        if verdict is not None or self.n == self.rule.cap:
            self.stopped = self.give_up(verdict)
        return self.stopped

    def _judge(self, difference: float) -> PairVerdict | None:
        """Each way of "higher" has half of alpha; "equivalent" needs both of its halves, each at alpha (two one-sided tests)."""
        margin, alpha = self.rule.margin, self.rule.alpha
        if self._higher.take(difference) >= log(2 / alpha):
            return PairVerdict.A_HIGHER
        if self._lower.take(-difference) >= log(2 / alpha):
            return PairVerdict.B_HIGHER
        self._not_above |= self._below.take(margin - difference) >= log(1 / alpha)
        self._not_below |= self._above.take(margin + difference) >= log(1 / alpha)
        return PairVerdict.EQUIVALENT if self._not_above and self._not_below else None

    def give_up(self, verdict: PairVerdict | None = None) -> PairStopped:
        """The end of a comparison whose pairs ran out, or the end it already has."""
        mean = self.total / self.n if self.n else 0.0
        return self.stopped or PairStopped(n=self.n, mean=mean, verdict=verdict or PairVerdict.UNDECIDED)


class _Bets:
    """Stakes on one side, in logarithms."""

    __slots__ = ("_logs", "_sizes")

    def __init__(self, sizes: Sequence[float]) -> None:
        self._sizes = sizes
        self._logs = [0.0] * len(sizes)

    def take(self, gain: float) -> float:
        """Log of the mean stake after a gain, which is above -1 / (largest size)."""
        self._logs = [stake + log1p(size * gain) for stake, size in zip(self._logs, self._sizes, strict=True)]
        most = max(self._logs)
        return most + log(sum(exp(stake - most) for stake in self._logs) / len(self._logs))


def replay_pairs(rule: PairRule, differences: Sequence[float]) -> PairStopped:
    """The comparison that the rule makes of these differences A - B, in this order; later ones are not looked at."""
    watch = PairWatch(rule)
    for difference in differences:
        if watch.take(difference) is not None:
            break
    return watch.give_up()
