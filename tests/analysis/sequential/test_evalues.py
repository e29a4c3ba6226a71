"""E-values: exact fractions, the law that makes them evidence, and the place where the incomplete beta underflows."""

from fractions import Fraction
from math import isfinite, log

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import betainc
from scipy.stats import binom

from countermark.analysis.sequential.evalues import (
    log_betainc,
    log_certify,
    log_exceeds_limit,
    log_exceeds_target,
    log_mixture_below,
    log_point,
)
from countermark.errors import AnalysisError


def series(x: int, good: int, c: Fraction) -> Fraction:
    """a B_c(a, b) / (c^a (1-c)^b) at a = x + 1/2, b = good + 1/2, from below, to 1e-14; exact rational arithmetic."""
    a, b = Fraction(2 * x + 1, 2), Fraction(2 * good + 1, 2)
    terms, term, total = 0, 1.0, 1.0
    while True:
        ratio = float((a + b + terms) / (a + 1 + terms) * c)
        term, terms = term * ratio, terms + 1
        total += term
        rest = max(ratio, float(c))
        if rest < 1 and term * rest / (1 - rest) < 1e-15 * total:
            break
    found = Fraction(1)
    for k in reversed(range(terms)):
        found = 1 + (a + b + k) / (a + 1 + k) * c * found
    return found


def exact_log_mixture(n: int, x: int, null: Fraction, edge: Fraction) -> float:
    """The square roots of c and 1 - c in the two incomplete betas cancel, so the e-value is a rational number."""
    value = (edge / null) ** x * ((1 - edge) / (1 - null)) ** (n - x)
    value *= Fraction(1, 2 * x + 1) * series(x, n - x, edge) / series(0, 0, edge)
    return log(value.numerator) - log(value.denominator)


counts = st.integers(1, 700).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n)))


@settings(max_examples=60, deadline=None)
@given(
    counts, st.sampled_from(["1/100", "1/40", "1/20", "1/7"]), st.sampled_from(["1/5", "1/2", "9/10", "1"])
)
def test_mixture_agrees_with_exact_fractions(count: tuple[int, int], limit: str, part: str) -> None:
    n, x = count
    null, edge = Fraction(limit), Fraction(limit) * Fraction(part)
    found = float(log_mixture_below(n, x, float(null), float(edge)))
    assert isfinite(found)
    assert found == pytest.approx(exact_log_mixture(n, x, null, edge), rel=1e-9, abs=1e-9)


@pytest.mark.parametrize(
    ("n", "x"), [(1000, 1000), (1000, 900), (4000, 3999), (3000, 400), (20, 20), (4000, 0)]
)
def test_far_beyond_the_underflow(n: int, x: int) -> None:
    """x >> n c: I_c is below the smallest double in most of these; clipping it certified 98 % of bad models once."""
    null, edge = Fraction(1, 100), Fraction(1, 200)
    found = float(log_mixture_below(n, x, 0.01, 0.005))
    assert found == pytest.approx(exact_log_mixture(n, x, null, edge), rel=1e-9)


@pytest.mark.parametrize("n", [1, 7, 24])
def test_mirror_agrees_with_exact_fractions(n: int) -> None:
    """Against the limit from above: the mixture over [1/10, 1] is the one over [0, 9/10] of the good outcomes."""
    for x in range(n + 1):
        exact = exact_log_mixture(n, n - x, Fraction(9, 10), Fraction(9, 10))
        assert float(log_exceeds_limit(n, x, 0.1)) == pytest.approx(exact, rel=1e-9, abs=1e-9)


def test_log_betainc_is_scipys_where_that_does_not_underflow() -> None:
    a, b = np.meshgrid([0.5, 3, 80, 900.5], [0.5, 2, 70, 1000])
    plain = betainc(a, b, 0.3)
    seen = plain > 1e-270
    assert log_betainc(a, b, 0.3)[seen] == pytest.approx(np.log(plain[seen]), rel=1e-12)
    assert (log_betainc(a, b, 0.3) <= 0).all()


def test_continued_fraction_meets_scipy_at_the_seam() -> None:
    """Values just above and below 1e-280 lie on one smooth curve."""
    a = np.arange(205.0, 225.0)
    values = log_betainc(a, 0.5, 0.05)
    assert values.max() > log(1e-280) > values.min()
    assert np.diff(values, n=3) == pytest.approx(0, abs=1e-6)


@given(st.integers(1, 120), st.floats(0.02, 0.6), st.floats(0.1, 0.9))
def test_expectation_is_one_at_the_edge_and_less_beyond(n: int, limit: float, part: float) -> None:
    """The law behind Ville: under "rate >= limit" the e-value is worth at most 1 on average, and exactly 1 at the limit."""
    target, x = limit * part, np.arange(n + 1)
    for log_e, edge, beyond in (
        (log_certify(n, x, limit, target), limit, limit + 0.3 * (1 - limit)),
        (log_exceeds_target(n, x, limit, target), target, target / 2),
        (log_exceeds_limit(n, x, limit), limit, limit / 2),
    ):
        assert np.exp(binom.logpmf(x, n, edge) + log_e).sum() == pytest.approx(1, rel=1e-9)
        assert np.exp(binom.logpmf(x, n, beyond) + log_e).sum() <= 1 + 1e-9


@given(st.integers(1, 5000), st.floats(0.01, 0.6), st.floats(0.1, 0.9))
def test_certificate_falls_with_every_bad_outcome(n: int, limit: float, part: float) -> None:
    values = log_certify(n, np.arange(0, n + 1, max(1, n // 50)), limit, limit * part)
    assert np.isfinite(values).all()
    assert (np.diff(values) < 0).all()


def test_point_is_the_likelihood_ratio() -> None:
    assert float(log_point(10, 3, 0.2, 0.4)) == pytest.approx(
        binom.logpmf(3, 10, 0.2) - binom.logpmf(3, 10, 0.4)
    )


@pytest.mark.parametrize(
    ("limit", "target"), [(0.05, 0.05), (0.05, 0.1), (1.0, 0.5), (0.1, 0.0), (float("nan"), 0.1)]
)
def test_rates_that_cannot_be_told_apart_are_named(limit: float, target: float) -> None:
    with pytest.raises(AnalysisError) as caught:
        log_certify(10, 1, limit, target)
    assert "target < limit" in caught.value.hint
