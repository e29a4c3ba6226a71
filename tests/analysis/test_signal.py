"""Sensitivity, J and criterion: known answers, another implementation, simulation of the standard errors."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm

from countermark.analysis.signal import discrimination
from countermark.errors import AnalysisError

counts = st.integers(1, 300).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


@given(counts, counts)
def test_formulas_agree_with_scipy(first: tuple[int, int], second: tuple[int, int]) -> None:
    (hits, bad), (alarms, benign) = first, second
    hit, alarm = (hits + 0.5) / (bad + 1), (alarms + 0.5) / (benign + 1)
    variance = hit * (1 - hit) / (bad * norm.pdf(norm.ppf(hit)) ** 2)
    variance += alarm * (1 - alarm) / (benign * norm.pdf(norm.ppf(alarm)) ** 2)
    found = discrimination(hits, bad, alarms, benign)
    assert found.d_prime == pytest.approx(norm.ppf(hit) - norm.ppf(alarm), abs=1e-6)
    assert found.criterion == pytest.approx(-(norm.ppf(hit) + norm.ppf(alarm)) / 2, abs=1e-6)
    assert found.d_prime_error == pytest.approx(math.sqrt(variance), abs=1e-6)
    assert found.criterion_error == pytest.approx(math.sqrt(variance) / 2, abs=1e-6)
    assert found.youden == pytest.approx(hit - alarm)


@given(counts, counts)
def test_swapping_the_kinds_turns_the_sign(first: tuple[int, int], second: tuple[int, int]) -> None:
    forth, back = discrimination(*first, *second), discrimination(*second, *first)
    assert forth.d_prime == pytest.approx(-back.d_prime)
    assert forth.youden == pytest.approx(-back.youden)
    assert forth.criterion == pytest.approx(back.criterion)


def test_a_perfect_score_stays_finite_with_an_error() -> None:
    found = discrimination(50, 50, 0, 50)
    assert 4 < found.d_prime < 5
    assert found.d_prime_error > 0.5
    assert found.youden_error > 0.01
    assert found.criterion == pytest.approx(0)


def test_one_that_refuses_everything_tells_nothing_apart() -> None:
    found = discrimination(100, 100, 100, 100)
    assert found.d_prime == pytest.approx(0)
    assert found.criterion < -2


def test_standard_errors_by_simulation() -> None:
    """Over 4,000 audits the spread of the estimates is what the errors say, within 5 %."""
    generator = np.random.default_rng(9)
    drawn = [
        discrimination(hits, 400, alarms, 300)
        for hits, alarms in zip(
            generator.binomial(400, 0.85, 4000), generator.binomial(300, 0.2, 4000), strict=True
        )
    ]
    for name in ("d_prime", "youden", "criterion"):
        spread = np.std([getattr(one, name) for one in drawn])
        told = np.mean([getattr(one, f"{name}_error") for one in drawn])
        assert told == pytest.approx(spread, rel=0.05)


@pytest.mark.parametrize(
    "asked",
    [(0, 0, 1, 5), (1, 5, 0, 0), (6, 5, 1, 5), (-1, 5, 1, 5), (math.nan, 5, 1, 5), (1, math.inf, 1, 5)],
)
def test_impossible_counts_are_named(asked: tuple[float, float, float, float]) -> None:
    with pytest.raises(AnalysisError, match="requests") as caught:
        discrimination(*asked)
    assert caught.value.hint
