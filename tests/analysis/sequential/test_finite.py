"""Without replacement: every order of small batteries, the note's figures, simulation, bad input."""

from itertools import permutations
from math import exp

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import betabinom, hypergeom

from countermark.analysis.sequential.finite import (
    FiniteRule,
    FiniteStopped,
    FiniteVerdict,
    finite_characteristic,
    finite_tables,
    log_e_below,
    replay_finite,
)
from countermark.errors import AnalysisError

TWO_HUNDRED = FiniteRule(items=200, limit=0.1)


@pytest.mark.parametrize(
    ("bad", "share"), [(0, 0.17), (5, 0.28), (10, 0.49), (19, 0.94), (30, 0.50), (40, 0.27), (60, 0.11)]
)
def test_costs_of_the_note(bad: int, share: float) -> None:
    """notes, 3.9: N = 200, T0 = 20."""
    assert finite_characteristic(TWO_HUNDRED, bad).calls / 200 == pytest.approx(share, abs=0.006)


@settings(deadline=None, max_examples=25)
@given(st.integers(2, 90), st.floats(0.02, 0.9))
def test_errors_hold_for_every_number_of_bad_items(items: int, limit: float) -> None:
    rule = FiniteRule(items=items, limit=limit)
    for bad in range(items + 1):
        found = finite_characteristic(rule, bad)
        wrong = found.under_limit if bad >= rule.too_many else found.reaches_limit
        assert wrong <= 0.05 + 1e-12
        assert found.under_limit + found.reaches_limit == pytest.approx(1)


@pytest.mark.parametrize("bad", [0, 2, 3, 5, 8])
def test_law_agrees_with_every_order(bad: int) -> None:
    rule = FiniteRule(items=8, limit=0.35, alpha=0.3)
    runs = [replay_finite(rule, order) for order in set(permutations([True] * bad + [False] * (8 - bad)))]
    found = finite_characteristic(rule, bad)
    assert found.calls == pytest.approx(np.mean([run.n for run in runs]))
    assert found.under_limit == pytest.approx(
        np.mean([run.verdict is FiniteVerdict.UNDER_LIMIT for run in runs])
    )


def test_e_value_agrees_with_scipys_laws() -> None:
    """The same ratio by hypergeometric and beta-binomial probabilities."""
    rule, n, x = FiniteRule(items=60, limit=0.2), 25, 2
    totals = np.arange(rule.too_many)
    prior = betabinom.pmf(totals, 60, 0.5, 0.5)
    chances = hypergeom.pmf(x, 60, totals, n)
    expected = (prior / prior.sum()) @ chances / hypergeom.pmf(x, 60, rule.too_many, n)
    assert exp(log_e_below(rule, n, x)) == pytest.approx(expected)


def test_first_certificate_without_failures() -> None:
    """notes, 3.9: N = 100, T0 = 10: thirty items."""
    assert replay_finite(FiniteRule(items=100, limit=0.1), [False] * 100) == FiniteStopped(
        30, 0, FiniteVerdict.UNDER_LIMIT
    )


def test_bounds_move_by_none_or_one() -> None:
    """The step the tables rely on, against a search over every x."""
    rule = FiniteRule(items=40, limit=0.3)
    under, _ = finite_tables(rule)
    for n in range(1, 41):
        held = [x for x in range(n + 1) if log_e_below(rule, n, x) >= np.log(20)]
        assert held == list(range(under[n] + 1))


def test_a_limit_that_is_a_count_is_that_count() -> None:
    """0.1 * 30 is 3.0000000000000004 in floating point; three of thirty reach a limit of one tenth."""
    assert FiniteRule(items=30, limit=0.1).too_many == 3
    assert FiniteRule(items=31, limit=0.1).too_many == 4
    assert FiniteRule(items=5, limit=0.01).too_many == 1


def test_outcomes_that_end_early_are_undecided() -> None:
    assert replay_finite(TWO_HUNDRED, [False] * 5).verdict is FiniteVerdict.UNDECIDED


@pytest.mark.parametrize(
    "wrong", [{"items": 1}, {"items": 10**6}, {"limit": 0.0}, {"limit": float("nan")}, {"alpha": 0.0}]
)
def test_rules_without_sense_are_named(wrong: dict[str, float]) -> None:
    with pytest.raises(AnalysisError):
        FiniteRule(**{"items": 50, "limit": 0.1, **wrong})  # type: ignore[arg-type]


def test_impossible_counts_are_named() -> None:
    with pytest.raises(AnalysisError):
        replay_finite(FiniteRule(items=10, limit=0.5), [False] * 11)
    with pytest.raises(AnalysisError):
        finite_characteristic(FiniteRule(items=10, limit=0.5), 11)
