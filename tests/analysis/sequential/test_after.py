"""After the stop: coverage over all rates by exact law, known widths, the median, and the fallback."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

from countermark.analysis import clopper_pearson
from countermark.analysis.sequential import (
    AfterStop,
    Rule,
    Stopped,
    Why,
    anytime_interval,
    exact_interval,
    interval_after,
    replay,
)
from countermark.analysis.sequential.after import ANYTIME, EXACT, WATCHED
from countermark.analysis.sequential.lattice import Law
from countermark.analysis.sequential.precision import limits_at, smallest_coverage
from countermark.analysis.sequential.rule import law
from countermark.errors import AnalysisError

RULES = [
    Rule(limit=0.2, target=0.1),
    Rule(limit=0.05, target=0.01),
    Rule(limit=0.2, target=0.1, half_width=0.15),
    Rule(half_width=0.15),
]


def bounds(rule: Rule) -> tuple[Law, np.ndarray, np.ndarray, np.ndarray]:
    found = law(rule)
    after = [exact_interval(rule, int(n), int(x)) for n, x in zip(found.n, found.x, strict=True)]
    low, high = np.array([one.low for one in after]), np.array([one.high for one in after])
    return found, low, high, np.array([one.estimate for one in after])


@pytest.mark.parametrize("rule", RULES)
def test_exact_interval_covers_at_every_rate(rule: Rule) -> None:
    found, low, high, estimate = bounds(rule)
    assert smallest_coverage(found, low, high) >= 0.95
    assert (low <= estimate).all()
    assert (estimate <= high).all()
    assert (low < high).all()


def test_fixed_n_interval_does_not() -> None:
    """notes, 3.7: .867 at its worst for a limit of .1; the reason why this module exists."""
    found = law(Rule(limit=0.1, target=0.05))
    assert smallest_coverage(found, *limits_at(found.n, found.x, 0.95)) < 0.90


@pytest.mark.parametrize("rule", RULES)
def test_estimate_is_as_often_too_high_as_too_low(rule: Rule) -> None:
    """P(too high) and P(too low) are each at most one half but for half the chance of the tie at the rate's place."""
    found, _, _, estimate = bounds(rule)
    for rate in (0.03, 0.1, 0.2, 0.4):
        chances = found.chances(rate)
        nearest = np.abs(estimate - rate).min()
        tie = chances[np.abs(estimate - rate) <= nearest + 0.03].sum()
        assert abs(chances[estimate > rate].sum() - chances[estimate < rate].sum()) <= max(0.1, tie)


def test_widths_of_the_note() -> None:
    """notes, 3.7, mean width at a rate of .02: .088 exact against .123 at any time, limit .1."""
    found, low, high, _ = bounds(Rule(limit=0.1, target=0.05))
    assert found.chances(0.02) @ (high - low) == pytest.approx(0.088, abs=0.002)
    always = [anytime_interval(int(n), int(x)) for n, x in zip(found.n, found.x, strict=True)]
    widths = np.array([one.high - one.low for one in always])
    assert found.chances(0.02) @ widths == pytest.approx(0.123, abs=0.002)


def test_without_early_stops_it_is_clopper_pearson() -> None:
    """A rule whose e-values cannot cross within its cap is a fixed design."""
    rule = Rule(limit=0.5, target=0.4, cap=4)
    assert set(law(rule).n.tolist()) == {4}
    for x in range(5):
        after = exact_interval(rule, 4, x)
        assert (after.low, after.high) == pytest.approx(clopper_pearson(x, 4), abs=1e-9)


def test_chances_at_the_bounds_are_the_tails() -> None:
    """Known answer by definition: at the lower bound x / n or more has a chance of exactly one fortieth."""
    rule = Rule(limit=0.2, target=0.1)
    found = law(rule)
    for n, x in [(int(found.n[k]), int(found.x[k])) for k in (5, 40, len(found.n) // 2)]:
        after, share = exact_interval(rule, n, x), found.x / found.n
        if after.low > 0:
            assert found.chances(after.low)[share >= x / n].sum() == pytest.approx(0.025, rel=1e-6)
        if after.high < 1:
            assert found.chances(after.high)[share <= x / n].sum() == pytest.approx(0.025, rel=1e-6)


@pytest.mark.parametrize("rate", [0.01, 0.08, 0.3])
def test_coverage_of_replayed_runs(rate: float) -> None:
    """400 runs by `replay`, fixed seed; 2.3 standard errors of slack."""
    generator = np.random.default_rng(5)
    rule = Rule(limit=0.2, target=0.1)
    hits = 0
    for row in generator.random((400, rule.worst)) < rate:
        after = interval_after(rule, replay(rule, row.tolist()))
        hits += after.low <= rate <= after.high
    assert hits / 400 >= 0.95 - 0.025


def test_each_end_has_its_method() -> None:
    judged, narrow = Rule(limit=0.2, target=0.1), Rule(half_width=0.1)
    assert interval_after(judged, replay(judged, [False] * 90)).method == EXACT
    assert interval_after(judged, replay(judged, [False] * 3)).method == ANYTIME
    found = interval_after(narrow, replay(narrow, ([False] * 9 + [True]) * 20))
    assert found.method == WATCHED
    assert (found.high - found.low) / 2 <= 0.1
    assert found.low < found.estimate < found.high


def test_under_a_smaller_cap_precision_gets_the_exact_interval() -> None:
    """The level watched was computed for runs that are always let come to their end."""
    rule = Rule(half_width=0.1, cap=60)
    assert interval_after(rule, replay(rule, [False] * 60)).method == EXACT
    assert interval_after(rule, replay(rule, [False, True] * 30)).method == EXACT


def test_no_failures_estimate_zero_and_bound_above() -> None:
    rule = Rule(limit=0.05, target=0.01)
    after = interval_after(rule, replay(rule, [False] * 69))
    assert (after.estimate, after.low) == (0.0, 0.0)
    assert 0.04 < after.high < 0.06


@given(st.integers(1, 3000).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n))))
def test_anytime_interval_solves_its_equation(count: tuple[int, int]) -> None:
    """At each bound the mixture's e-value against that rate is exactly 20; the interval holds Clopper-Pearson's."""
    from scipy.special import betaln, xlog1py, xlogy

    n, x = count
    found = anytime_interval(n, x)
    for bound in {found.low, found.high} - {0.0, 1.0}:
        log_e = betaln(x + 0.5, n - x + 0.5) - betaln(0.5, 0.5) - xlogy(x, bound) - xlog1py(n - x, -bound)
        assert log_e == pytest.approx(np.log(20), abs=1e-6)
    low, high = clopper_pearson(x, n)
    assert found.low <= low + 1e-9
    assert high - 1e-9 <= found.high


def test_anytime_interval_holds_at_all_times() -> None:
    """Exact, by walking the lattice: the chance that it ever misses in 400 calls is at most .05."""
    rate, ever, mass = 0.1, 0.0, np.ones(1)
    for n in range(1, 401):
        mass = np.append(mass * (1 - rate), 0) + np.append(0, mass * rate)
        for x in np.flatnonzero(mass > 1e-12):
            likely = abs(x - n * rate) < 2 * (n * rate * (1 - rate)) ** 0.5
            if not likely:
                found = anytime_interval(n, int(x))
                if not found.low <= rate <= found.high:
                    ever, mass[x] = ever + mass[x], 0.0
    assert 0.005 < ever <= 0.05


@pytest.mark.parametrize(("n", "x"), [(10, 0), (12, 12), (0, 0), (5, 9)])
def test_points_where_the_rule_never_stops_are_named(n: int, x: int) -> None:
    with pytest.raises(AnalysisError):
        exact_interval(Rule(limit=0.05, target=0.01), n, x)


def test_bad_input_is_named() -> None:
    with pytest.raises(AnalysisError):
        anytime_interval(0, 0)
    with pytest.raises(AnalysisError):
        anytime_interval(3, 4)
    with pytest.raises(AnalysisError):
        exact_interval(Rule(limit=0.05, target=0.01), 69, 0, level=1.0)
    nothing = Stopped(n=0, x=0, verdict=None, why=Why.EXHAUSTED)
    with pytest.raises(AnalysisError):
        interval_after(Rule(half_width=0.1), nothing)


def test_both_tails_of_a_binomial() -> None:
    """The estimate of a fixed design: as likely above as below, ties counted half."""
    after: AfterStop = exact_interval(Rule(limit=0.5, target=0.4, cap=4), 4, 1)
    above = binom.sf(1, 4, after.estimate) + binom.pmf(1, 4, after.estimate) / 2
    assert above == pytest.approx(0.5)
