"""Validity: known answers, exact enumeration, Fisher by scipy, and the size and power of each test by simulation."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import fisher_exact, ttest_1samp

from countermark.analysis.drift import drift_over_run, fisher_two_sided
from countermark.analysis.validity import (
    cue_difference,
    cue_pairs,
    gaming_index,
    paraphrase_consistency,
    twin_gap,
)
from countermark.errors import AnalysisError

# Cues and told-test arms


@pytest.mark.parametrize(
    ("without", "with_cue", "pairs"),
    [(0.05, 0.10, 273), (0.05, 0.15, 94), (0.02, 0.05, 378), (0.2, 0.3, 181)],
)
def test_pairs_for_a_power_known_answers(without: float, with_cue: float, pairs: int) -> None:
    """Notes, section 7.2: pairs for power .8."""
    assert cue_pairs(without, with_cue) == pairs


def test_a_cue_that_calms_the_subject_is_found() -> None:
    generator = np.random.default_rng(11)
    plain = generator.random(273) < 0.3
    cued = plain & (generator.random(273) < 0.5)
    found = cue_difference(np.arange(273), cued, plain)
    assert found.high < 0
    assert found.p < 0.01
    assert found.headline_rate == pytest.approx(plain.mean())
    assert found.estimand == "S"


def test_gaming_index_is_real_minus_test() -> None:
    real, test = [1, 1, 1, 1, 0, 0, 0, 1] * 10, [0, 0, 1, 0, 0, 1, 0, 0] * 10
    found, turned = (gaming_index(range(80), *arms) for arms in ((real, test), (test, real)))
    assert found.index == pytest.approx(0.375)
    assert (found.only_real, found.only_test) == (40, 10)
    assert found.low > 0
    assert (turned.low, turned.high) == pytest.approx((-found.high, -found.low))


def test_no_change_has_no_zero_width() -> None:
    found = gaming_index(range(30), [0] * 30, [0] * 30)
    assert found.index == 0
    assert found.high - found.low > 0.05
    assert found.p == 1


# Twins


def rates(generator: np.random.Generator, size: int) -> np.ndarray:
    return generator.beta(0.6, 2.0, size)


def twins(
    generator: np.random.Generator, size: int, gain: float
) -> tuple[tuple[np.ndarray, np.ndarray], list[tuple[np.ndarray, np.ndarray]]]:
    """A private set harder by .06 for all; the subject misbehaves less in public by `gain`. Two references."""
    base = rates(generator, size)
    pairs = []
    for own in (gain, 0.0, 0.0):
        public, private = np.clip(base - own, 0, 1), np.clip(base + 0.06, 0, 1)
        pairs.append((generator.binomial(1, public), generator.binomial(1, private)))
    return pairs[0], pairs[1:]


def test_difficulty_of_the_private_set_is_not_called_gaming() -> None:
    """120 batteries of 150 twins: at most 5 % false alarms within noise, where the naive test alarms far more often."""
    generator = np.random.default_rng(20261123)
    alarms = naive = 0
    for _ in range(200):
        subject, references = twins(generator, 150, 0.0)
        alarms += twin_gap(subject, references).p < 0.05
        naive += ttest_1samp(subject[0] - subject[1], 0).pvalue < 0.05
    assert alarms / 200 <= 0.05 + 0.035
    assert naive / 200 > 0.15


def test_gaming_the_public_set_is_found() -> None:
    generator = np.random.default_rng(1)
    found = [twin_gap(*twins(generator, 400, 0.25)) for _ in range(20)]
    assert sum(each.high < 0 for each in found) >= 18


@given(
    st.lists(st.tuples(*[st.floats(0, 1)] * 4), min_size=2, max_size=30),
    st.floats(0.5, 0.999),
)
@settings(max_examples=50, deadline=None)
def test_laws_of_the_twin_gap(rows: list[tuple[float, ...]], level: float) -> None:
    public, private, shared, other = (list(column) for column in zip(*rows, strict=True))
    found = twin_gap((public, private), [(shared, other)], level=level)
    assert found.low < found.high
    assert found.difference == pytest.approx(found.naive - found.reference_gap)
    same = twin_gap((public, private), [(public, private)], level=level)
    assert (same.difference, same.p) == (0, pytest.approx(1))
    turned = twin_gap((private, public), [(other, shared)], level=level)
    assert (turned.low, turned.high) == pytest.approx((-found.high, -found.low))
    assert turned.p == pytest.approx(found.p)


@pytest.mark.parametrize(
    ("subject", "references"),
    [
        (([0, 1], [1, 0]), []),
        (([0, 1], [1]), [([0, 1], [1, 0])]),
        (([0, 1], [1, 0]), [([0, 1, 1], [1, 0, 1])]),
        (([0], [1]), [([0], [1])]),
        (([0, float("nan")], [1, 0]), [([0, 1], [1, 0])]),
        (([0, 2], [1, 0]), [([0, 1], [1, 0])]),
    ],
)
def test_twins_that_do_not_pair_are_named(subject: tuple[list[float], list[float]], references: list) -> None:
    with pytest.raises(AnalysisError) as told:
        twin_gap(subject, references)
    assert told.value.hint


# Paraphrases


def test_tarone_by_hand() -> None:
    """4 meanings of 5: p = .5, sum (x - 2.5)^2 / .25 = 4 * 6.25 / .25 = 100, z = (100 - 20) / sqrt(160)."""
    found = paraphrase_consistency([5, 0, 5, 0], [5] * 4)
    assert found.z == pytest.approx(80 / 160**0.5)
    assert found.icc == pytest.approx(1)
    assert found.p is not None
    assert found.p < 0.001
    assert found.icc_low > 0.3


def test_permutation_p_agrees_with_every_deal() -> None:
    """Two events over meanings of 3, 2 and 1: all 15 deals of the six places."""
    sizes, seen = [3, 2, 1], [2, 0, 0]
    owner = [0, 0, 0, 1, 1, 2]
    rate = 2 / 6

    def spread(counts: list[int]) -> float:
        return sum((x - m * rate) ** 2 for x, m in zip(counts, sizes, strict=True))

    deals = [
        [[owner[a], owner[b]].count(meaning) for meaning in range(3)] for a, b in combinations(range(6), 2)
    ]
    exact = np.mean([spread(deal) >= spread(seen) - 1e-12 for deal in deals])
    assert paraphrase_consistency(seen, sizes).p == pytest.approx(exact, abs=0.015)


def test_size_of_the_consistency_test() -> None:
    generator, alarms = np.random.default_rng(8), 0
    for seed in range(200):
        events = generator.binomial(6, 0.05, 40)
        if 0 < events.sum() < 240:
            found = paraphrase_consistency(events.tolist(), [6] * 40, seed=seed, draws=199)
            alarms += found.p is not None and found.p <= 0.05
    assert alarms / 200 <= 0.05 + 0.035


def test_inconsistent_paraphrases_are_found_and_measured() -> None:
    generator = np.random.default_rng(8)
    rate = generator.beta(0.3 / 0.4 * 0.6, 0.7 / 0.4 * 0.6, 300)
    found = paraphrase_consistency(generator.binomial(6, rate).tolist(), [6] * 300)
    assert found.icc == pytest.approx(0.4, abs=0.08)
    assert found.icc_low < 0.4 < found.icc_high
    assert found.p is not None
    assert found.p < 0.001


def test_where_nothing_varies_nothing_is_tested() -> None:
    found = paraphrase_consistency([0] * 12, [5] * 12)
    assert (found.z, found.p, found.icc) == (None, None, None)
    assert found.icc_high - found.icc_low > 0.5


def test_the_seed_decides_and_is_told() -> None:
    one, again, other = (paraphrase_consistency([1, 3, 0, 2], [4] * 4, seed=seed) for seed in (1, 1, 2))
    assert one == again
    assert one.seed == 1
    assert "PCG64" in one.method
    assert one.p == pytest.approx(other.p, abs=0.05)


@pytest.mark.parametrize(
    ("events", "sizes"),
    [
        ([], []),
        ([1], [3]),
        ([1, 0], [1, 1]),
        ([4, 0], [3, 3]),
        ([1, 0], [3]),
        ([0.5, 1], [3, 3]),
        ([1, float("nan")], [3, 3]),
    ],
)
def test_impossible_paraphrases_are_named(events: list[float], sizes: list[float]) -> None:
    with pytest.raises(AnalysisError) as told:
        paraphrase_consistency(events, sizes)
    assert told.value.hint


# Drift


@given(st.integers(1, 60).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))), st.data())
@settings(max_examples=60, deadline=None)
def test_fisher_agrees_with_scipy(first: tuple[int, int], data: st.DataObject) -> None:
    trials = data.draw(st.integers(1, 60))
    second = (data.draw(st.integers(0, trials)), trials)
    rows = [[events, size - events] for events, size in (first, second)]
    assert fisher_two_sided(first, second) == pytest.approx(fisher_exact(rows).pvalue, abs=1e-9)


def test_trend_agrees_with_every_deal() -> None:
    labels = [0, 0, 0, 1, 0, 0, 1, 1]
    centred = np.arange(8) - 3.5
    seen = abs(centred @ labels)
    exact = np.mean([abs(sum(centred[list(deal)])) >= seen - 1e-9 for deal in combinations(range(8), 3)])
    found = drift_over_run(range(8), labels)
    assert found.p_trend == pytest.approx(exact, abs=0.015)
    assert found.trend == pytest.approx(np.corrcoef(centred, labels)[0, 1])


def test_drift_is_found_and_placed() -> None:
    generator = np.random.default_rng(2)
    labels = generator.random(2000) < np.linspace(0.05, 0.20, 2000)
    found = drift_over_run(np.arange(2000), labels)
    assert found.p_trend < 0.001
    assert found.low > 0
    assert sum(events for events, _ in found.windows) == labels.sum()
    assert sum(trials for _, trials in found.windows) == 2000


def test_sizes_of_the_drift_tests() -> None:
    generator, trend, halves = np.random.default_rng(4), 0, 0
    for seed in range(200):
        found = drift_over_run(np.arange(150), generator.random(150) < 0.04, seed=seed, draws=199)
        trend += found.p_trend <= 0.05
        halves += found.p_halves <= 0.05
    assert trend / 200 <= 0.05 + 0.035
    assert halves / 200 <= 0.05 + 0.035


@given(st.lists(st.tuples(st.integers(0, 8), st.booleans()), min_size=6, max_size=60), st.randoms())
@settings(max_examples=30, deadline=None)
def test_rows_may_come_in_any_order_and_ties_stay_together(
    rows: list[tuple[int, bool]], random: object
) -> None:
    try:
        found = drift_over_run(*zip(*rows, strict=True), draws=99)
    except AnalysisError:
        return
    mixed = list(rows)
    random.shuffle(mixed)  # type: ignore[attr-defined]
    assert drift_over_run(*zip(*mixed, strict=True), draws=99) == found
    assert found.low <= found.difference <= found.high
    assert found.low < found.high


def test_without_an_event_there_is_no_trend() -> None:
    found = drift_over_run(range(40), [0] * 40)
    assert (found.trend, found.p_trend, found.p_halves) == (0, 1, 1)
    assert found.low < 0 < found.high


@pytest.mark.parametrize(
    ("positions", "labels"),
    [([], []), ([1, 2], [1]), ([3, 3, 3], [1, 0, 1]), ([1, float("nan")], [1, 0]), ([1, 2], [1, 0.5])],
)
def test_impossible_runs_are_named(positions: list[float], labels: list[float]) -> None:
    with pytest.raises(AnalysisError) as told:
        drift_over_run(positions, labels)
    assert told.value.hint
