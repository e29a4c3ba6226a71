"""Planning: what a stopping rule will cost at each true rate, and what it can tell, before the first call. Exact.

Everything comes from the lattice; nothing is sampled. Drawing and printing are the report's and the command line's.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from countermark.analysis.detectable import smallest_detectable
from countermark.analysis.sequential.designs import fixed_design
from countermark.analysis.sequential.lattice import characteristic
from countermark.analysis.sequential.precision import LEVEL, precise_table, watched
from countermark.analysis.sequential.rule import Rule, law
from countermark.errors import AnalysisError

_PLAIN_RATES = (0.0, 0.01, 0.05, 0.1, 0.3, 0.5)
_WIDEST = 0.5
_REACH = 3.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """A metric to plan for: any name, its rule, and how many scenarios its arm will draw."""

    name: str
    rule: Rule
    scenarios: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PowerAt:
    """What a rule does at one true rate: expected calls, the 90 % quantile of calls, and the chance of each verdict."""

    where: str
    """zero, half_target, target, middle, limit, twice_limit; for a rule without a limit the rate itself."""
    rate: float
    calls: float
    calls_90: int
    certified: float
    target_exceeded: float
    undecided: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PowerRow:
    """A metric's plan.

    fixed:               calls of the fixed design that promises the same.
    worst:               most calls the rule can take: its cap.
    enough:              whether the scenarios drawn reach the cap.
    smallest_difference: between two subjects that both answer every scenario drawn, at two-sided 5 %, with the rule's
                         power; None where no difference would be found.
    smallest_stopped:    the same with only as many pairs as the rule takes at its target on average (no limit: at .5).
    """

    name: str
    rule: Rule
    scenarios: int
    fixed: int
    worst: int
    enough: bool
    at: tuple[PowerAt, ...]
    smallest_difference: float | None
    smallest_stopped: float | None


def power_table(planned: Sequence[Planned], *, correlation: float = 0.0) -> list[PowerRow]:
    """One row for each metric, in the order given.

    Args:
        planned: Metrics with their rules.
        correlation: Of two subjects' outcomes on the same scenario, in [0, 1]; 0 errs on the safe side.
    Raises:
        AnalysisError: Fewer than one scenario; limit and target too close.
    """
    return [_row(one, correlation) for one in planned]


def _row(planned: Planned, correlation: float) -> PowerRow:
    rule = planned.rule
    if planned.scenarios < 1:
        raise AnalysisError(
            f"{planned.name}: {planned.scenarios} scenarios", hint="draw at least one scenario"
        )
    rate = _WIDEST if rule.target is None else rule.target

    def smallest(pairs: float) -> float | None:
        return smallest_detectable(pairs, rate, correlation=correlation, power=1 - rule.beta)

    return PowerRow(
        name=planned.name,
        rule=rule,
        scenarios=planned.scenarios,
        fixed=fixed_calls(rule),
        worst=rule.worst,
        enough=planned.scenarios >= rule.worst,
        at=_at(rule),
        smallest_difference=smallest(planned.scenarios),
        smallest_stopped=smallest(min(planned.scenarios, law(rule).calls(rate))),
    )


@lru_cache(maxsize=256)
def fixed_calls(rule: Rule) -> int:
    """Calls of the fixed design that promises the same: errors and power, or, without a limit, the half-width.

    With both, the one for the verdict alone, so that what is said to be saved is never too much.

    Raises:
        AnalysisError: limit and target too close.
    """
    if rule.limit is not None and rule.target is not None:
        return fixed_design(rule.limit, rule.target, rule.alpha, rule.beta).calls
    assert rule.half_width is not None
    cap = watched(rule.half_width)[1].cap
    precise = precise_table(rule.half_width, LEVEL, cap)
    return next(n for n in range(1, cap + 1) if precise[n] == n)


@lru_cache(maxsize=256)
def _at(rule: Rule) -> tuple[PowerAt, ...]:
    places = _places(rule)
    columns = characteristic(law(rule), list(places.values()))
    return tuple(
        PowerAt(
            where=where,
            rate=columns["rate"][k],
            calls=columns["calls"][k],
            calls_90=int(columns["calls_90"][k]),
            certified=columns["certified"][k],
            target_exceeded=columns["target_exceeded"][k],
            undecided=columns["undecided"][k],
        )
        for k, where in enumerate(places)
    )


def _places(rule: Rule) -> dict[str, float]:
    if rule.limit is None or rule.target is None:
        return {f"{rate:g}": rate for rate in _PLAIN_RATES}
    return {
        "zero": 0.0,
        "half_target": rule.target / 2,
        "target": rule.target,
        "middle": (rule.target + rule.limit) / 2,
        "limit": rule.limit,
        "twice_limit": min(1.0, 2 * rule.limit),
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatingCurve:
    """The operating characteristic as arrays of one length, ready to draw; without a limit every end is "undecided"."""

    rate: tuple[float, ...]
    calls: tuple[float, ...]
    calls_90: tuple[int, ...]
    certified: tuple[float, ...]
    target_exceeded: tuple[float, ...]
    undecided: tuple[float, ...]


@lru_cache(maxsize=256)
def operating_curve(rule: Rule, *, points: int = 61) -> OperatingCurve:
    """The rule's behaviour over true rates from 0 to three times the limit (to 1 without one).

    Args:
        rule: Any rule.
        points: At least 2.
    Raises:
        AnalysisError: Fewer than 2 points.
    """
    if points < 2:
        raise AnalysisError(f"a curve of {points} points", hint="ask for at least 2")
    end = 1.0 if rule.limit is None else min(1.0, _REACH * rule.limit)
    columns = characteristic(law(rule), [end * k / (points - 1) for k in range(points)])
    return OperatingCurve(
        rate=tuple(columns["rate"]),
        calls=tuple(columns["calls"]),
        calls_90=tuple(int(calls) for calls in columns["calls_90"]),
        certified=tuple(columns["certified"]),
        target_exceeded=tuple(columns["target_exceeded"]),
        undecided=tuple(columns["undecided"]),
    )
