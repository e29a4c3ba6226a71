"""Intervals: known answers, another implementation, simulation of coverage."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import betabinom, binom
from statsmodels.stats.proportion import proportion_confint

from countermark.analysis import clopper_pearson, clustered_rate, correlation_quantile
from countermark.analysis.graded import graded_rate
from countermark.analysis.intervals import battery_rate, rate_of_labels
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


# One-sided bounds, estimands, raw labels


@given(st.integers(1, 400).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_a_one_sided_bound_is_that_of_the_wider_interval(counts: tuple[int, int]) -> None:
    low, high = proportion_confint(*counts, alpha=0.1, method="beta")
    assert clopper_pearson(*counts, side="upper") == pytest.approx((0, high), abs=1e-9)
    assert clopper_pearson(*counts, side="lower") == pytest.approx((low, 1), abs=1e-9)


@pytest.mark.parametrize("n", [1, 59, 299])
def test_upper_bound_without_events_in_closed_form(n: int) -> None:
    assert clopper_pearson(0, n, side="upper")[1] == pytest.approx(1 - 0.05 ** (1 / n), abs=1e-12)


def test_the_clustered_upper_bound_of_the_notes() -> None:
    found = clustered_rate([0] * 50, [5] * 50, side="upper")
    assert found.low == 0
    assert found.high == pytest.approx(0.0512, abs=3e-4)
    assert found.high == clustered_rate([0] * 50, [5] * 50, level=0.9).high
    assert (found.estimand, found.side, found.level) == ("S", "upper", 0.95)
    assert 0 < clustered_rate([1, 2, 0], [3, 3, 3], side="upper", level=0.4).high < 1


@given(
    st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), min_size=2, max_size=30),
    st.floats(0.6, 0.99),
)
def test_bounds_lie_in_order_and_around_the_rate(cells: list[tuple[int, int]], level: float) -> None:
    events, sizes = [hits for hits, _ in cells], [hits + misses or 1 for hits, misses in cells]
    both = clustered_rate(events, sizes, level=level)
    upper = clustered_rate(events, sizes, level=level, side="upper")
    lower = clustered_rate(events, sizes, level=level, side="lower")
    assert 0 <= both.low <= lower.low <= both.rate <= upper.high <= both.high <= 1
    assert both.low < both.high


def test_estimand_f_ignores_clusters_and_says_so() -> None:
    clusters, labels = np.repeat(np.arange(10), 5), np.repeat([1, 0, 0, 0, 0, 0, 0, 0, 1, 0], 5)
    fixed, sampled = (rate_of_labels(clusters, labels, estimand=name) for name in ("F", "S"))
    assert (fixed.low, fixed.high) == clopper_pearson(10, 50) == (battery_rate(10, 50).low, fixed.high)
    assert (fixed.estimand, sampled.estimand) == ("F", "S")
    assert sampled.high - sampled.low > 1.5 * (fixed.high - fixed.low)


def test_f_covers_exactly_whatever_the_rates_of_scenarios_are() -> None:
    """The sum over fixed scenarios is Poisson-binomial: its exact law against every count's interval."""
    generator = np.random.default_rng(3)
    bounds = [battery_rate(events, 40) for events in range(41)]
    for _ in range(200):
        rates = np.repeat(generator.beta(*generator.uniform(0.05, 2, 2), 20), 2)
        law = np.ones(1)
        for rate in rates:
            law = np.convolve(law, [1 - rate, rate])
        covering = [bound.low <= rates.mean() <= bound.high for bound in bounds]
        assert law[covering].sum() >= 0.95


def test_raw_labels_and_counts_agree() -> None:
    generator = np.random.default_rng(1)
    names = [f"source {number}" for number in generator.integers(0, 30, 400)]
    labels = generator.random(400) < 0.2
    events = dict.fromkeys(names, 0)
    sizes = dict(events)
    for name, label in zip(names, labels.tolist(), strict=True):
        events[name] += label
        sizes[name] += 1
    by_hand = clustered_rate(list(events.values()), list(sizes.values()))
    assert rate_of_labels(names, labels.tolist()) == rate_of_labels(np.array(names), labels) == by_hand


def test_many_sizes_agree_with_each_taken_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Past forty large sizes log-gammas are interpolated; the figures agree to far more digits than are printed."""
    generator = np.random.default_rng(4)
    sizes = generator.integers(30, 400, 120)
    events = generator.binomial(sizes, generator.beta(0.5, 2, 120))
    fast = clustered_rate(events.tolist(), sizes.tolist())
    from countermark.analysis import intervals

    intervals._quantile_of_counts.cache_clear()
    monkeypatch.setattr(intervals, "_MANY_LARGE", 10_000)
    slow = clustered_rate(events.tolist(), sizes.tolist())
    assert (fast.low, fast.high) == pytest.approx((slow.low, slow.high), abs=1e-9)


# Graded outcomes


def test_graded_follows_its_formula() -> None:
    values = np.random.default_rng(7).beta(2, 3, 80)
    mean, square = values.mean(), values.var(ddof=1) / 80
    effective = min(320, max(80, mean * (1 - mean) / square))
    found = graded_rate(values)
    assert found.n_effective == pytest.approx(effective)
    assert (found.low, found.high) == clopper_pearson(mean * effective, effective)


@pytest.mark.parametrize(
    ("value", "count", "effective"), [(0.0, 60, 60), (1.0, 60, 60), (0.5, 60, 240), (0.5, 49, 49)]
)
def test_equal_graded_outcomes_never_give_zero_width(value: float, count: int, effective: float) -> None:
    found = graded_rate([value] * count)
    assert found.n_effective == effective
    assert found.high - found.low > 0.04


def test_graded_outcomes_are_averaged_within_clusters() -> None:
    found = graded_rate([0.2, 0.4, 1.0], ["a", "a", "b"])
    assert found == graded_rate([0.3, 1.0])
    assert found.estimand == "S"


@pytest.mark.parametrize("shape", [(0.3, 0.3), (0.2, 4), (5, 5), (0.05, 1)])
@pytest.mark.parametrize("count", [20, 60])
def test_graded_coverage_by_simulation(shape: tuple[float, float], count: int) -> None:
    """800 repetitions, fixed seed; slack of 2.6 standard errors."""
    generator = np.random.default_rng(20261123)
    mean = shape[0] / sum(shape)
    bounds = [graded_rate(generator.beta(*shape, count)) for _ in range(800)]
    assert sum(found.low <= mean <= found.high for found in bounds) / 800 >= 0.95 - 0.02


# Bad input says what to do


@pytest.mark.parametrize(
    ("clusters", "labels", "told"),
    [
        (["a", "b"], [1, 2], "neither 0 nor 1"),
        (["a", "b"], [1, math.nan], "missing or not finite"),
        (["a", "b"], [1, None], "missing or not finite"),
        (["a", "b"], ["1", "0"], "no flat array of numbers"),
        (["a", "b"], [[1], [0]], "no flat array of numbers"),
        (["a", "b", "c"], [1, 0], "3 clusters, 2 labels"),
        (["a", "a"], [1, 0], "1 clusters"),
        (["a", None], [1, 0], "a name is missing"),
        ([1.0, math.nan], [1, 0], "a name is missing"),
        ([["a"], ["b"]], [1, 0], "no flat list of names"),
        ([], [], "none at all"),
    ],
)
def test_labels_that_give_no_rate(clusters, labels, told: str) -> None:
    with pytest.raises(AnalysisError, match=told) as caught:
        rate_of_labels(clusters, labels)
    assert caught.value.hint


@pytest.mark.parametrize("level", [0, 1, -0.5, 95, math.nan])
def test_levels_outside_zero_to_one(level: float) -> None:
    for ask in (
        lambda: clopper_pearson(1, 5, level=level),
        lambda: clustered_rate([1, 2], [3, 3], level=level),
        lambda: graded_rate([0.1, 0.2], level=level),
        lambda: battery_rate(1, 5, level=level),
    ):
        with pytest.raises(AnalysisError, match="level"):
            ask()


def test_other_requests_that_make_no_sense() -> None:
    with pytest.raises(AnalysisError, match="estimand"):
        rate_of_labels(["a", "b"], [0, 1], estimand="Q")  # type: ignore[arg-type]
    with pytest.raises(AnalysisError, match="side"):
        clopper_pearson(1, 5, side="left")  # type: ignore[arg-type]
    with pytest.raises(AnalysisError, match="outside 0 to 1"):
        graded_rate([0.5, 1.5])
    with pytest.raises(AnalysisError, match="one cluster"):
        graded_rate([0.5, 0.6], ["a", "a"])
    with pytest.raises(AnalysisError, match="0 events in 0 trials"):
        battery_rate(0, 0)
