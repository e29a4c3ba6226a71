"""When a metric has been measured enough: the stopping rule, declared before the run, and its pure replay.

A verdict is reached where one of two e-processes crosses its bound; a profile run then goes on until the interval is
narrow enough. Every decision is a look-up in tables computed once for each rule.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import lru_cache
from math import ceil, log
from typing import TYPE_CHECKING, Any

from countermark.analysis.sequential import evalues
from countermark.analysis.sequential.lattice import Boundaries, Law, last_look, law_of, smallest_cap
from countermark.analysis.sequential.precision import limits_at, precise_table, watched
from countermark.errors import AnalysisError

if TYPE_CHECKING:
    from collections.abc import Callable

MOST_CALLS = 200_000
"""A rule that needs a larger cap is refused."""
_FIRST_REACH = 3
"""Times the information limit; chosen caps were 2.2 to 2.4 times it in the cost table."""


class Verdict(StrEnum):
    """What the calls have shown about a rate."""

    CERTIFIED = "certified"
    """rate < limit, at error alpha."""
    TARGET_EXCEEDED = "target_exceeded"
    """rate > target, at error beta: it cannot be certified with the power planned."""
    UNDECIDED = "undecided"
    """The cap came first."""


class Why(StrEnum):
    """What ended a run."""

    DECIDED = "decided"
    """All that the rule asks for is there: the verdict, the precision, or both."""
    CAP = "cap"
    """The declared cap was reached with something missing."""
    EXHAUSTED = "exhausted"
    """The outcomes ended before the rule did: nobody knows what the rule would have said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A stopping rule for one rate. Rates dimensionless; `cap` in calls; None leaves a clause out.

    limit, target:  what must not be reached and what is hoped for, 0 < target < limit < 1; both or neither.
    alpha:          most P("certified") at any rate >= limit.
    beta:           most P("target exceeded") at any rate <= target; 1 - beta is the power the cap is chosen for.
    half_width:     the interval's wanted half-width, in [0.01, 0.5).
    cap:            most calls; None chooses it: the smallest with power >= 1 - beta at the target, and at least so
                    many that the half-width is always reached.
    """

    limit: float | None = None
    target: float | None = None
    alpha: float = 0.05
    beta: float = 0.10
    half_width: float | None = None
    cap: int | None = None

    def __post_init__(self) -> None:
        """Refuse a rule that makes no sense.

        Raises:
            AnalysisError: Every fault at once, with what to do.
        """
        faults = list(_faults(self))
        if faults:
            raise AnalysisError(
                "no stopping rule: " + "; ".join(fault for fault, _ in faults),
                hint="; ".join(dict.fromkeys(hint for _, hint in faults)),
            )

    @property
    def worst(self) -> int:
        """Most calls a run can take: the cap, chosen where none was given."""
        return boundaries(self).cap

    def declared(self) -> "Rule":
        """The same rule with its cap written out, as a plan should hold it."""
        return replace(self, cap=self.worst)

    def after(self, n: int, x: int) -> "Evidence":
        """What `n` calls with `x` bad outcomes show by themselves, whatever came before.

        Raises:
            AnalysisError: Counts that no run can have.
        """
        evalues.check_counts(n, x)
        bounds = (0.0, 1.0) if n == 0 else tuple(float(bound) for bound in limits_at(n, x, watch_level(self)))
        half_width = (bounds[1] - bounds[0]) / 2
        if self.limit is None or self.target is None:
            return Evidence(n=n, x=x, half_width=half_width)
        return Evidence(
            n=n,
            x=x,
            half_width=half_width,
            log_e_certify=float(evalues.log_certify(n, x, self.limit, self.target)),
            log_e_target=float(evalues.log_exceeds_target(n, x, self.limit, self.target)),
            log_e_limit=float(evalues.log_exceeds_limit(n, x, self.limit)),
        )


def _faults(rule: Rule) -> Iterable[tuple[str, str]]:
    """Fault and hint; comparisons are written so that NaN fails them."""
    if (rule.limit is None) != (rule.target is None):
        yield "limit and target go together", "give both, or neither for a rule on precision alone"
    elif rule.limit is None or rule.target is None:
        if rule.half_width is None:
            yield "nothing to stop on", "give a limit and a target, or a half-width"
    elif not 0 < rule.target < rule.limit < 1:
        yield (
            f"limit {rule.limit}, target {rule.target}",
            "give 0 < target < limit < 1, such as a limit of 0.05 and a target of 0.01",
        )
    for name, value in (("alpha", rule.alpha), ("beta", rule.beta)):
        if not 0 < value < 0.5:
            yield f"{name} {value}", f"give an {name} above 0 and under 0.5, such as 0.05"
    if rule.half_width is not None and not 0.01 <= rule.half_width < 0.5:
        yield f"half-width {rule.half_width}", "give a half-width of at least 0.01 and under 0.5, such as 0.1"
    if rule.cap is not None and not (isinstance(rule.cap, int) and 1 <= rule.cap <= MOST_CALLS):
        yield f"cap {rule.cap}", f"give a cap of 1 to {MOST_CALLS} calls, or none to have it chosen"


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What counts show by themselves: natural logs of e-values, and the half-width watched; None without a limit."""

    n: int
    x: int
    half_width: float
    log_e_certify: float | None = None
    log_e_target: float | None = None
    log_e_limit: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Stopped:
    """The end of a run: counts of the outcomes used, verdict (None where none was asked for), and why it ended.

    decided_at:  the call at which the verdict fell, None where none fell.
    refuted:     "rate > limit" was shown at level 1 - alpha at some call; a statement beside the verdict.
    """

    n: int
    x: int
    verdict: Verdict | None
    why: Why
    decided_at: int | None = None
    refuted: bool = False


class Watch:
    """One run under one rule, outcome by outcome in queue order. Errored and ungraded trials are not outcomes."""

    __slots__ = ("_cap", "_tables", "decided_at", "n", "refuted", "rule", "stopped", "verdict", "x")

    def __init__(self, rule: Rule) -> None:
        self.rule = rule
        self._tables = _tables(rule)
        self._cap = boundaries(rule).cap
        self.n = 0
        self.x = 0
        self.verdict: Verdict | None = None
        self.decided_at: int | None = None
        self.refuted = False
        self.stopped: Stopped | None = None

    def take(self, bad: bool) -> Stopped | None:
        """Count one more outcome; the end of the run when this was the last call needed, else None.

        Raises:
            AnalysisError: The run has already stopped.
        """
        if self.stopped is not None:
            raise AnalysisError(
                f"the rule stopped after {self.stopped.n} calls",
                hint="leave later outcomes out of the count; they stay in the record",
            )
        self.n += 1
        self.x += bool(bad)
        self._judge()
        if self._precise() and (self.verdict is not None or self.rule.limit is None):
            self.stopped = self._end(Why.DECIDED)
        elif self.n == self._cap:
            self.stopped = self._end(Why.CAP)
        return self.stopped

    def _judge(self) -> None:
        certify, exceed, refute, _ = self._tables
        if self.rule.limit is None:
            return
        self.refuted = self.refuted or self.x >= refute[self.n]
        if self.verdict is None:
            if self.x <= certify[self.n]:
                self.verdict, self.decided_at = Verdict.CERTIFIED, self.n
            elif self.x >= exceed[self.n]:
                self.verdict, self.decided_at = Verdict.TARGET_EXCEEDED, self.n

    def _precise(self) -> bool:
        precise = self._tables[3]
        return precise is None or min(self.x, self.n - self.x) <= precise[self.n]

    def _end(self, why: Why) -> Stopped:
        undecided = None if self.rule.limit is None else Verdict.UNDECIDED
        return Stopped(
            n=self.n,
            x=self.x,
            verdict=self.verdict or undecided,
            why=why,
            decided_at=self.decided_at,
            refuted=self.refuted,
        )

    def give_up(self) -> Stopped:
        """The end of a run whose outcomes ran out, or the end it already has."""
        return self.stopped or self._end(Why.EXHAUSTED)


def replay(rule: Rule, outcomes: Sequence[bool]) -> Stopped:
    """The run that `rule` makes of these outcomes, in this order; what audit and verify share.

    Args:
        rule: As declared in the plan.
        outcomes: Shape (n,), True for bad, in queue order; those after the stop are not looked at.
    """
    watch = Watch(rule)
    for bad in outcomes:
        if watch.take(bad) is not None:
            break
    return watch.give_up()


def watch_level(rule: Rule) -> float:
    """Level of the Clopper-Pearson interval whose half-width is watched: raised for the half-width, .95 without one."""
    return 0.95 if rule.half_width is None else watched(rule.half_width)[0]


@lru_cache(maxsize=256)
def boundaries(rule: Rule) -> Boundaries:
    """The rule's stopping tables, with the last look at the cap; computed once for each rule.

    Raises:
        AnalysisError: limit and target so close that the cap would be over `MOST_CALLS`.
    """
    if rule.limit is None or rule.target is None:
        assert rule.half_width is not None
        return _precision_only(rule.half_width, rule.cap)
    cap = rule.cap or _chosen_cap(rule)
    certify, exceed = _verdicts(rule.limit, rule.target, rule.alpha, rule.beta, cap)
    bare = Boundaries(cap=cap, certify=certify, exceed=exceed)
    certify[cap] = max(certify[cap], last_look(bare, rule.limit, rule.alpha))
    precise = None
    if rule.half_width is not None:
        precise = precise_table(rule.half_width, watch_level(rule), cap)
    return Boundaries(cap=cap, certify=tuple(certify), exceed=tuple(exceed), precise=precise)


@lru_cache(maxsize=256)
def law(rule: Rule) -> Law:
    """The exact law of runs under the rule; computed once for each rule."""
    return law_of(boundaries(rule))


def _precision_only(half_width: float, cap: int | None) -> Boundaries:
    level, design = watched(half_width)
    if cap is None or cap == design.cap:
        return design
    precise = precise_table(half_width, level, cap)
    return Boundaries(
        cap=cap,
        certify=[-1] * (cap + 1),
        exceed=[n + 1 for n in range(cap + 1)],
        precise=precise,
        judged=False,
    )


def _chosen_cap(rule: Rule) -> int:
    assert rule.limit is not None
    assert rule.target is not None
    least = 1 if rule.half_width is None else watched(rule.half_width)[1].cap
    return max(least, _powerful_cap(rule.limit, rule.target, rule.alpha, rule.beta))


@lru_cache(maxsize=256)
def _powerful_cap(limit: float, target: float, alpha: float, beta: float) -> int:
    """The smallest cap with power >= 1 - beta at the target, looking ever further.

    No test with these errors takes fewer calls at the target, on average, than the information limit says.
    """
    least = evalues.divergence(1 - beta, alpha) / evalues.divergence(target, limit)
    reach = ceil(_FIRST_REACH * least)
    while least <= MOST_CALLS and reach <= 2 * MOST_CALLS:
        certify, exceed = _verdicts(limit, target, alpha, beta, reach)
        found = smallest_cap(
            Boundaries(cap=reach, certify=certify, exceed=exceed), (limit, target), alpha, 1 - beta
        )
        if found is not None and found <= MOST_CALLS:
            return found
        reach *= 2
    raise AnalysisError(
        f"limit {limit} and target {target} need over {MOST_CALLS} calls to be told apart",
        hint="set the target further below the limit, or declare a cap and accept less power",
    )


def _verdicts(
    limit: float, target: float, alpha: float, beta: float, cap: int
) -> tuple[list[int], list[int]]:
    """Tables of the two verdicts for n = 0..cap, without the last look."""
    certify = largest_with(lambda n, x: evalues.log_certify(n, x, limit, target), log(1 / alpha), cap)
    good = largest_with(lambda n, y: evalues.log_certify(n, y, 1 - target, 1 - limit), log(1 / beta), cap)
    return certify, [n - most for n, most in enumerate(good)]


def largest_with(evidence: "Callable[[Any, Any], Any]", bound: float, cap: int) -> list[int]:
    """For n = 0..cap the largest x with evidence(n, x) >= bound, where evidence falls in x; -1 where none has."""
    import numpy as np

    n = np.arange(cap + 1)
    low, high = np.full(cap + 1, -1), n + 1
    while (high - low > 1).any():
        middle = np.clip((low + high) // 2, 0, n)
        enough = evidence(n, middle) >= bound
        going = high - low > 1
        low, high = np.where(going & enough, middle, low), np.where(going & ~enough, middle, high)
    found: list[int] = low.tolist()
    return found


Tables = tuple[Sequence[int], Sequence[int], Sequence[int], Sequence[int] | None]
"""certify, exceed, refute, precise; index n."""


@lru_cache(maxsize=256)
def _tables(rule: Rule) -> Tables:
    found = boundaries(rule)
    refute: Sequence[int] = ()
    if rule.limit is not None:
        floor = 1 - rule.limit
        good = largest_with(
            lambda n, y: evalues.log_mixture_below(n, y, floor, floor), log(1 / rule.alpha), found.cap
        )
        refute = [n - most for n, most in enumerate(good)]
    return found.certify, found.exceed, refute, found.precise
