"""Intervals: known answers, another implementation, simulation of coverage."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import betabinom, binom
from statsmodels.stats.proportion import proportion_confint

from countermark.analysis import clopper_pearson, clustered_rate, correlation_quantile
from countermark.errors import AnalysisError


def test_zero_failures_in_59_show_under_five_percent() -> None:
    """notes: zero-failure n for rate < .05 at one-sided 95 % is 59, for .01 299."""
    assert clopper_pearson(0, 59, level=0.90)[1] < 0.05 < clopper_pearson(0, 58, level=0.90)[1]
    assert clopper_pearson(0, 299, level=0.90)[1] < 0.01 < clopper_pearson(0, 298, level=0.90)[1]


@given(st.integers(1, 400).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_clopper_pearson_agrees_with_statsmodels(counts: tuple[int, int]) -> None:
    assert clopper_pearson(*counts) == pytest.approx(proportion_confint(*counts, method="beta"), abs=1e-9)


@pytest.mark.parametrize("n", [5, 20, 59])
def test_clopper_pearson_covers_exactly(n: int) -> None:
    bounds = [clopper_pearson(k, n) for k in range(n + 1)]
    for rate in np.linspace(0.001, 0.999, 199):
        covering = [k for k, (low, high) in enumerate(bounds) if low <= rate <= high]
        assert binom.pmf(covering, n, rate).sum() >= 0.95


def test_correlation_quantile_known_answer() -> None:
    """notes, section 1.3: zero events in 50 clusters of 5 give r = .8139 and a one-sided upper bound of .0512."""
    assert correlation_quantile([0] * 50, [5] * 50) == pytest.approx(0.8139, abs=2e-4)
    assert clustered_rate([0] * 50, [5] * 50, level=0.90).high == pytest.approx(0.0512, abs=3e-4)


def slow_quantile(events: list[int], sizes: list[int]) -> float:
    """The same posterior by brute force over scipy's beta-binomial on a different grid."""
    from scipy.special import expit

    mu = expit(np.linspace(-26, 12, 1521))[:, None]
    rho = (np.arange(400)[None, :] + 0.5) / 400
    total = (1 - rho) / rho
    log_weight = 0.5 * (np.log(mu) + np.log1p(-mu)) + np.zeros_like(rho)
    for hits, size in zip(events, sizes, strict=True):
        log_weight = log_weight + betabinom.logpmf(hits, size, mu * total, (1 - mu) * total)
    weight = np.exp(log_weight - log_weight.max()).sum(axis=0)
    return float(
        np.interp(0.75, np.concatenate(([0], np.cumsum(weight) / weight.sum())), np.arange(401) / 400)
    )


@pytest.mark.parametrize(
    ("events", "sizes"),
    [
        ([0, 1, 0, 3], [4, 5, 3, 6]),
        ([2, 2, 1], [2, 2, 2]),
        ([1, 0, 0, 0, 0, 2], [3] * 6),
        ([3, 40, 12], [60, 80, 50]),
    ],
)
def test_correlation_quantile_agrees_with_brute_force(events: list[int], sizes: list[int]) -> None:
    assert correlation_quantile(events, sizes) == pytest.approx(slow_quantile(events, sizes), abs=2e-3)


def test_one_trial_a_cluster_is_clopper_pearson() -> None:
    found = clustered_rate([1, 0, 0, 1, 0], [1] * 5)
    assert (found.low, found.high) == clopper_pearson(2, 5)
    assert found.n_effective == 5


def test_never_zero_width() -> None:
    for hits in (0, 4):
        found = clustered_rate([hits] * 10, [4] * 10)
        assert found.high - found.low > 0.05


@pytest.mark.parametrize("rho", [0.0, 0.3, 0.9])
@pytest.mark.parametrize("mu", [0.005, 0.05, 0.3])
def test_coverage_by_simulation(mu: float, rho: float) -> None:
    """40 clusters of 4 from a beta-binomial law; 300 repetitions, fixed seed; 2.3 standard errors of slack."""
    generator = np.random.default_rng(20261123)
    covered = 0
    for _ in range(300):
        if rho:
            total = (1 - rho) / rho
            rates = generator.beta(mu * total, (1 - mu) * total, 40)
        else:
            rates = np.full(40, mu)
        found = clustered_rate(generator.binomial(4, rates).tolist(), [4] * 40)
        covered += found.low <= mu <= found.high
    assert covered / 300 >= 0.95 - 0.029


@pytest.mark.parametrize(("events", "sizes"), [([], []), ([1], [3]), ([2, 0], [1, 1]), ([0, 0], [0, 1])])
def test_bad_input_is_named(events: list[int], sizes: list[int]) -> None:
    with pytest.raises(AnalysisError):
        clustered_rate(events, sizes)


@pytest.mark.parametrize(
    ("events", "trials"), [(0, 0), (3, 2), (-1, 5), (float("nan"), 5), (0, float("nan"))]
)
def test_impossible_counts_are_named(events: float, trials: float) -> None:
    with pytest.raises(AnalysisError):
        clopper_pearson(events, trials)
