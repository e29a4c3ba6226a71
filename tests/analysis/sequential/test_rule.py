"""The stopping rule: its promises by exact law, its look-ups against the e-values, known answers, bad input."""

from math import log

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.sequential.enumeration import brute_force
from countermark.analysis.sequential import Rule, Stopped, Verdict, Watch, Why, replay
from countermark.analysis.sequential.evalues import log_certify, log_exceeds_limit, log_exceeds_target
from countermark.analysis.sequential.lattice import CERTIFIED, EXCEEDED, law_of
from countermark.analysis.sequential.precision import limits_at, smallest_coverage, watched
from countermark.analysis.sequential.rule import boundaries, law, watch_level
from countermark.errors import AnalysisError

COARSE = Rule(limit=0.4, target=0.1, alpha=0.1, beta=0.2)
"""Small enough to walk every order of outcomes."""
PAIRS = [(0.05, 0.025), (0.05, 0.01), (0.1, 0.05), (0.2, 0.1)]


@pytest.mark.parametrize(("limit", "target"), PAIRS)
def test_errors_and_power_are_as_promised(limit: float, target: float) -> None:
    """Exact, on the lattice: false certificates <= .05 at and beyond the limit, power >= .90, false alarms <= .10."""
    found = law(Rule(limit=limit, target=target))
    for rate in (limit, 1.2 * limit, 2 * limit):
        assert found.chance_of(CERTIFIED, rate) <= 0.05
    assert found.chance_of(CERTIFIED, target) >= 0.90
    for rate in (target, target / 2, 0.0):
        assert found.chance_of(EXCEEDED, rate) <= 0.10


@settings(deadline=None, max_examples=15)
@given(st.floats(0.1, 0.6), st.floats(0.1, 0.6), st.floats(0.01, 0.2), st.floats(0.05, 0.3))
def test_any_rule_keeps_its_promises(limit: float, part: float, alpha: float, beta: float) -> None:
    found = law(Rule(limit=limit, target=limit * part, alpha=alpha, beta=beta))
    assert found.chances(limit).sum() == pytest.approx(1)
    assert found.chance_of(CERTIFIED, limit) <= alpha
    assert found.chance_of(CERTIFIED, limit * part) >= 1 - beta
    assert found.chance_of(EXCEEDED, limit * part) <= beta


@pytest.mark.parametrize(("target", "calls"), [(0.01, 69), (0.025, 85)])
def test_calls_of_a_certificate_without_failures(target: float, calls: int) -> None:
    """In exact fractions the e-value passes 20 between 68 and 69 calls (target .01), and between 84 and 85 (.025)."""
    stopped = replay(Rule(limit=0.05, target=target), [False] * 200)
    assert stopped == Stopped(n=calls, x=0, verdict=Verdict.CERTIFIED, why=Why.DECIDED, decided_at=calls)


def test_all_bad_is_refuted_at_once() -> None:
    """A few failures in a row show both "over the target" and, a little later, "over the limit"."""
    stopped = replay(Rule(limit=0.1, target=0.05, half_width=0.1), [True] * 200)
    assert stopped.verdict is Verdict.TARGET_EXCEEDED
    assert stopped.decided_at is not None
    assert stopped.decided_at < 5 < stopped.n
    assert stopped.refuted


@settings(deadline=None, max_examples=40)
@given(st.sampled_from([0.0, 0.03, 0.1, 0.3, 0.9]), st.integers(0, 10_000), st.booleans())
def test_watch_agrees_with_the_e_values(rate: float, seed: int, narrow: bool) -> None:
    """Every look-up against the closed forms at that call, for whole runs."""
    rule = Rule(limit=0.1, target=0.05, half_width=0.1 if narrow else None)
    watch, decided = Watch(rule), None
    for bad in (np.random.default_rng(seed).random(rule.worst) < rate).tolist():
        stopped = watch.take(bad)
        n, x = watch.n, watch.x
        if decided is None and n < rule.worst:
            if float(log_certify(n, x, 0.1, 0.05)) >= log(1 / 0.05):
                decided = Verdict.CERTIFIED
            elif float(log_exceeds_target(n, x, 0.1, 0.05)) >= log(1 / 0.10):
                decided = Verdict.TARGET_EXCEEDED
            assert watch.verdict is decided
        if float(log_exceeds_limit(n, x, 0.1)) >= log(1 / 0.05):
            assert watch.refuted
        low, high = limits_at(n, x, watch_level(rule))
        precise = not narrow or (high - low) / 2 <= 0.1
        assert (stopped is not None) == ((watch.verdict is not None and precise) or n == rule.worst)
        if stopped:
            return


@pytest.mark.parametrize("half_width", [None, 0.25])
def test_law_agrees_with_brute_force(half_width: float | None) -> None:
    rule = Rule(limit=0.4, target=0.1, alpha=0.1, beta=0.2, half_width=half_width, cap=18)
    found, counted = law(rule), brute_force(boundaries(rule))
    for rate in (0.1, 0.4):
        for code in (CERTIFIED, EXCEEDED):
            walked = sum(
                orders * rate**x * (1 - rate) ** (n - x)
                for (n, x, verdict), orders in counted.items()
                if verdict == code
            )
            assert found.chance_of(code, rate) == pytest.approx(walked)
        calls = sum(n * orders * rate**x * (1 - rate) ** (n - x) for (n, x, _), orders in counted.items())
        assert found.calls(rate) == pytest.approx(calls)


def test_simulated_runs_agree_with_the_law() -> None:
    """2,000 replays at the limit itself; false certificates and calls within four standard errors."""
    generator = np.random.default_rng(20261123)
    rule = Rule(limit=0.2, target=0.1)
    runs = [replay(rule, row.tolist()) for row in generator.random((2000, rule.worst)) < 0.2]
    share = np.mean([run.verdict is Verdict.CERTIFIED for run in runs])
    assert share == pytest.approx(law(rule).chance_of(CERTIFIED, 0.2), abs=4 * (0.05 * 0.95 / 2000) ** 0.5)
    calls = np.array([run.n for run in runs])
    assert calls.mean() == pytest.approx(law(rule).calls(0.2), abs=4 * calls.std() / 2000**0.5)


def test_last_look_uses_the_leftover() -> None:
    """One more bad outcome certified at the cap would break the error; without the look less would be used."""
    found = boundaries(COARSE)
    certify = list(found.certify)
    plain = int(largest_certified(found.cap))
    assert certify[-1] > plain
    greedy = type(found)(cap=found.cap, certify=[*certify[:-1], certify[-1] + 1], exceed=found.exceed)
    assert law(COARSE).chance_of(CERTIFIED, 0.4) <= 0.1 < law_of(greedy).chance_of(CERTIFIED, 0.4)


def largest_certified(n: int) -> int:
    return max((x for x in range(n + 1) if float(log_certify(n, x, 0.4, 0.1)) >= log(10)), default=-1)


def test_chosen_cap_is_the_smallest_with_the_power() -> None:
    rule = Rule(limit=0.1, target=0.05)
    for cap in (rule.worst - 1, rule.worst - 2):
        shorter = Rule(limit=0.1, target=0.05, cap=cap)
        assert law(shorter).chance_of(CERTIFIED, 0.05) < 0.90 <= law(rule).chance_of(CERTIFIED, 0.05)
    assert rule.declared() == Rule(limit=0.1, target=0.05, cap=rule.worst)
    assert boundaries(rule.declared()).certify == boundaries(rule).certify


def test_at_the_cap_without_a_verdict_is_undecided() -> None:
    stopped = replay(Rule(limit=0.05, target=0.01, cap=20), [False] * 20)
    assert (stopped.verdict, stopped.why, stopped.n) == (Verdict.UNDECIDED, Why.CAP, 20)


def test_outcomes_that_run_out_are_told_apart_from_the_cap() -> None:
    stopped = replay(Rule(limit=0.05, target=0.01), [False] * 20)
    assert (stopped.verdict, stopped.why, stopped.n) == (Verdict.UNDECIDED, Why.EXHAUSTED, 20)
    assert replay(Rule(half_width=0.1), []).why is Why.EXHAUSTED


def test_outcomes_after_the_stop_are_not_looked_at() -> None:
    rule = Rule(limit=0.05, target=0.01)
    assert replay(rule, [False] * 69 + [True] * 100) == replay(rule, [False] * 69)
    watch = Watch(rule)
    for _ in range(69):
        watch.take(False)
    with pytest.raises(AnalysisError) as caught:
        watch.take(False)
    assert "69" in caught.value.message


def test_a_verdict_stands_while_the_run_goes_on_for_precision() -> None:
    """Six failures decide; the mostly good outcomes after them narrow the interval and take nothing back."""
    outcomes = [True] * 6 + [False, False, True] * 100
    stopped = replay(Rule(limit=0.1, target=0.05, half_width=0.1), outcomes)
    short = replay(Rule(limit=0.1, target=0.05), outcomes)
    assert short.verdict is stopped.verdict is Verdict.TARGET_EXCEEDED
    assert short.n == short.decided_at == stopped.decided_at < stopped.n


@pytest.mark.parametrize("half_width", [0.2, 0.1, 0.05])
def test_precision_alone(half_width: float) -> None:
    """Frey 2010: the level is raised until the interval one stopped on covers; at 95 % itself it does not."""
    level, design = watched(half_width)
    found = law_of(design)
    bounds = limits_at(found.n, found.x, level)
    assert (
        smallest_coverage(found, *bounds)
        >= 0.95
        > smallest_coverage(found, *limits_at(found.n, found.x, 0.95))
    )
    assert 0.95 < level <= 0.97
    assert ((bounds[1] - bounds[0]) / 2 <= half_width).all()
    rule = Rule(half_width=half_width)
    stopped = replay(rule, [False] * rule.worst)
    assert stopped.verdict is None
    assert stopped.why is Why.DECIDED
    assert rule.worst == design.cap


def test_least_coverage_agrees_with_a_dense_grid() -> None:
    """The least coverage is below that at any of 4,001 rates, and not far below."""
    level, design = watched(0.2)
    found = law_of(design)
    low, high = limits_at(found.n, found.x, level)
    least = smallest_coverage(found, low, high)
    rates = np.linspace(0.0001, 0.9999, 4001)
    grid = min(float(found.chances(rate)[(low <= rate) & (rate <= high)].sum()) for rate in rates)
    assert least <= grid < least + 0.003


def test_precision_with_a_smaller_cap_stops_there() -> None:
    stopped = replay(Rule(half_width=0.1, cap=30), [False, True] * 30)
    assert (stopped.n, stopped.why, stopped.verdict) == (30, Why.CAP, None)


def test_evidence_of_counts_alone() -> None:
    found = Rule(limit=0.05, target=0.01).after(69, 0)
    assert found.log_e_certify is not None
    assert found.log_e_certify >= log(20)
    assert Rule(half_width=0.1).after(0, 0).half_width == 0.5
    with pytest.raises(AnalysisError):
        Rule(half_width=0.1).after(3, 4)


@pytest.mark.parametrize(
    "wrong",
    [
        {"limit": 0.05, "target": 0.05},
        {"limit": 0.05, "target": 0.1},
        {"limit": float("nan"), "target": 0.1},
        {"limit": 0.1, "target": float("nan")},
        {"limit": 0.1},
        {"target": 0.1},
        {},
        {"half_width": 0.0},
        {"half_width": 0.5},
        {"half_width": float("nan")},
        {"half_width": 0.1, "cap": 0},
        {"half_width": 0.1, "cap": 10**9},
        {"half_width": 0.1, "cap": 2.5},
        {"half_width": 0.1, "alpha": 0.0},
        {"half_width": 0.1, "beta": float("nan")},
    ],
)
def test_rules_without_sense_are_named(wrong: dict[str, float]) -> None:
    with pytest.raises(AnalysisError) as caught:
        Rule(**wrong)  # type: ignore[arg-type]
    assert caught.value.hint.startswith("give ")


def test_every_fault_at_once() -> None:
    with pytest.raises(AnalysisError) as caught:
        Rule(limit=0.1, target=0.2, alpha=2, half_width=0.7, cap=0)
    for word in ("limit", "alpha", "half-width", "cap"):
        assert word in caught.value.message


def test_rates_too_close_are_named() -> None:
    with pytest.raises(AnalysisError) as caught:
        Rule(limit=0.5, target=0.4999).worst  # noqa: B018
    assert "told apart" in caught.value.message
