"""Many comparisons: statsmodels' corrections, brute force over all permutations, simulation of false findings."""

import itertools
import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.stats.multitest import multipletests

from countermark.analysis import shuffles
from countermark.analysis.compare_many import (
    PairwiseTest,
    benjamini_hochberg,
    e_benjamini_hochberg,
    holm,
    max_t,
    pareto_set,
    rank_intervals,
)
from countermark.errors import AnalysisError

p_lists = st.lists(st.floats(0, 1), min_size=1, max_size=40)


@settings(max_examples=15)  # statsmodels takes 50 ms for Holm
@given(p_lists)
def test_corrections_agree_with_statsmodels(values: list[float]) -> None:
    assert holm(values) == pytest.approx(multipletests(values, method="holm")[1], abs=1e-9)
    assert benjamini_hochberg(values) == pytest.approx(multipletests(values, method="fdr_bh")[1], abs=1e-9)


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=30), st.floats(0.01, 0.5))
def test_e_values_by_the_definition(values: list[float], alpha: float) -> None:
    best = 0
    for k in range(1, len(values) + 1):
        if sorted(values, reverse=True)[k - 1] * k >= len(values) / alpha:
            best = k
    found = e_benjamini_hochberg(values, alpha=alpha)
    least = sorted(values, reverse=True)[best - 1] if best else math.inf
    assert found.tolist() == [value >= least for value in values]


def test_an_infinite_e_value_is_found() -> None:
    assert e_benjamini_hochberg([math.inf, 1, 0]).tolist() == [True, False, False]


def brute_force(tables: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Every permutation of subjects within every scenario: p alone, and single-step p of the largest statistic."""

    def statistics(rows: np.ndarray) -> list[float]:
        pairs = itertools.combinations(range(rows.shape[1]), 2)
        gaps = [rows[:, a] - rows[:, b] for a, b in pairs]
        return [abs(gap.sum()) / math.sqrt((gap**2).sum()) if gap.any() else 0.0 for gap in gaps]

    whole = np.concatenate(tables)
    ends = np.cumsum([len(table) for table in tables])[:-1]
    shuffles = list(itertools.permutations(range(whole.shape[1])))
    seen = np.concatenate([statistics(table) for table in tables])
    drawn = []
    for choice in itertools.product(shuffles, repeat=len(whole)):
        shuffled = np.array([row[list(order)] for row, order in zip(whole, choice, strict=True)])
        drawn.append(np.concatenate([statistics(part) for part in np.split(shuffled, ends)]))
    law = np.array(drawn)
    return (law >= seen - 1e-9).mean(axis=0), (law.max(axis=1)[:, None] >= seen - 1e-9).mean(axis=0)


def test_max_t_agrees_with_every_permutation() -> None:
    """9,999 draws against all 6^4 shuffles; 4 standard errors of slack. The most extreme needs no step down."""
    tables = [np.array([[0.0, 1, 0.5], [0, 1, 1]]), np.array([[0.2, 0.4, 1], [0, 0.6, 0.8]])]
    alone, largest = brute_force(tables)
    found = max_t(dict(zip("xy", tables, strict=True)), permutations=9_999, seed=3)
    assert [test.p for test in found] == pytest.approx(alone, abs=0.02)
    first = max(range(6), key=lambda place: abs(found[place].statistic))
    assert found[first].p_adjusted == pytest.approx(largest[first], abs=0.02)
    assert all(test.p_adjusted <= single + 0.02 for test, single in zip(found, largest, strict=True))
    assert all(test.p_adjusted >= test.p for test in found)


def test_two_subjects_alone_are_the_sign_flip() -> None:
    from countermark.analysis.flips import sign_flip

    rows = np.random.default_rng(5).binomial(1, (0.2, 0.4), (60, 2)).astype(float)
    [found] = max_t({"x": rows}, permutations=20_000)
    assert found.p == found.p_adjusted == pytest.approx(sign_flip(rows[:, 0] - rows[:, 1]).p, abs=0.006)


@pytest.mark.parametrize("epochs", [1, 4])
def test_drawing_like_rows_together_changes_the_draws_and_not_the_law(
    epochs: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All at once, each row by itself, and that in small chunks: p within 4 standard errors of 2,000 draws."""
    rows = np.random.default_rng(6).binomial(epochs, (0.2, 0.25, 0.3), (80, 3)) / epochs
    together = max_t({"x": rows})
    assert together == max_t({"x": rows})
    monkeypatch.setattr(shuffles, "_LISTED", 0)
    alone = max_t({"x": rows})
    monkeypatch.setattr(shuffles, "_CHUNK", 3_000)
    for other in (alone, max_t({"x": rows})):
        assert [test.p for test in together] == pytest.approx([test.p for test in other], abs=0.045)
        assert [test.p_adjusted for test in together] == pytest.approx(
            [test.p_adjusted for test in other], abs=0.045
        )


def test_what_never_differs_is_no_finding() -> None:
    assert [test.p_adjusted for test in max_t({"x": np.ones((20, 3))})] == [1.0] * 3


@pytest.mark.parametrize("rates", [(0.1, 0.1, 0.1, 0.1), (0.03, 0.03, 0.5, 0.9)])
def test_false_findings_by_simulation(rates: tuple[float, ...]) -> None:
    """300 audits of 4 subjects on 2 metrics, 60 scenarios: any false finding in at most 5 %, slack of 2.5 errors.

    In the second case the other subjects truly differ, and only the pair of equals can be a false finding.
    """
    generator = np.random.default_rng(20261123)
    false = 0
    for seed in range(300):
        metrics = {name: generator.binomial(1, rates, (60, 4)).astype(float) for name in "xy"}
        tests = max_t(metrics, permutations=199, seed=seed)
        false += any(test.p_adjusted <= 0.05 and rates[test.a] == rates[test.b] for test in tests)
    assert false / 300 <= 0.05 + 0.031


def test_finds_more_than_holm() -> None:
    """What max-T is for: tests that hang together. The same families, the same pairwise p-values."""
    generator = np.random.default_rng(2)
    by_max_t = by_holm = 0
    for seed in range(40):
        rows = generator.binomial(1, (0.1, 0.1, 0.1, 0.25, 0.25), (120, 5)).astype(float)
        tests = max_t({"x": rows}, permutations=999, seed=seed)
        by_max_t += sum(test.p_adjusted <= 0.05 for test in tests)
        by_holm += int((holm([test.p for test in tests]) <= 0.05).sum())
    assert by_max_t > by_holm > 40


def pair(a: int, b: int, difference: float, p: float) -> PairwiseTest:
    return PairwiseTest(metric="x", a=a, b=b, difference=difference, statistic=0, p=p, p_adjusted=p)


def test_ranks_are_what_the_tests_leave_open() -> None:
    ranks = rank_intervals([pair(0, 1, -0.2, 0.01), pair(0, 2, -0.1, 0.3), pair(1, 2, 0.1, 0.2)])
    assert [(rank.best, rank.worst) for rank in ranks] == [(1, 2), (2, 3), (1, 3)]


def test_ranks_of_equals_are_all_places() -> None:
    rows = np.random.default_rng(8).binomial(1, 0.3, (100, 4)).astype(float)
    assert {(rank.best, rank.worst) for rank in rank_intervals(max_t({"x": rows}))} == {(1, 4)}


@given(st.lists(st.tuples(st.floats(-1, 1), st.floats(0, 1)), min_size=6, max_size=6))
def test_a_rank_is_a_span_of_places(gaps: list[tuple[float, float]]) -> None:
    pairs = itertools.combinations(range(4), 2)
    ranks = rank_intervals([pair(a, b, *gap) for (a, b), gap in zip(pairs, gaps, strict=True)])
    assert all(1 <= rank.best <= rank.worst <= 4 for rank in ranks)


def test_one_that_is_best_on_one_axis_and_no_worse_on_the_other_dominates() -> None:
    generator = np.random.default_rng(1)
    bad = generator.binomial(1, (0.1, 0.5, 0.05), (300, 3)).astype(float)
    benign = generator.binomial(1, (0.1, 0.1, 0.6), (300, 3)).astype(float)
    found = pareto_set(bad, benign, 0.1)
    assert found.members == (0,)
    assert {(claim.better, claim.worse, claim.axis) for claim in found.dominated} >= {
        (0, 1, "misbehaviour"), (0, 2, "over_refusal"),
    }  # fmt: skip
    assert all(claim.p <= claim.p_adjusted <= 0.05 for claim in found.dominated)


def test_a_trade_off_or_a_small_audit_leaves_everybody_in() -> None:
    generator = np.random.default_rng(1)
    bad = generator.binomial(1, (0.1, 0.5), (300, 2)).astype(float)
    benign = generator.binomial(1, (0.5, 0.1), (300, 2)).astype(float)
    assert pareto_set(bad, benign, 0.1).members == (0, 1)
    assert pareto_set(bad[:8], benign[:8, ::-1], 0.1).members == (0, 1)


def test_false_dominations_by_simulation() -> None:
    """Two alike on one axis, and exactly the margin apart on the other: neither may be called dominated in over 5 %."""
    generator = np.random.default_rng(3)
    false = 0
    for _ in range(400):
        bad = generator.binomial(1, (0.1, 0.4), (150, 2)).astype(float)
        benign = generator.binomial(1, (0.3, 0.2), (150, 2)).astype(float)
        false += pareto_set(bad, benign, 0.1).members != (0, 1)
    assert false / 400 <= 0.05 + 0.027


TABLE = np.array([[0.0, 1.0], [1.0, 0.0], [0.5, 0.5]])


@pytest.mark.parametrize(
    "ask",
    [
        lambda: max_t({}),
        lambda: max_t({"x": TABLE[:1]}),
        lambda: max_t({"x": TABLE[:, :1]}),
        lambda: max_t({"x": np.where(TABLE > 0.9, np.nan, TABLE)}),
        lambda: max_t({"x": TABLE * 2}),
        lambda: max_t({"x": TABLE, "y": np.ones((3, 3))}),
        lambda: max_t({"x": TABLE}, permutations=10),
        lambda: holm([]),
        lambda: holm([0.1, math.nan]),
        lambda: benjamini_hochberg([1.1]),
        lambda: e_benjamini_hochberg([-1.0]),
        lambda: e_benjamini_hochberg([math.nan]),
        lambda: e_benjamini_hochberg([]),
        lambda: e_benjamini_hochberg([1.0], alpha=0),
        lambda: rank_intervals([]),
        lambda: rank_intervals([pair(0, 2, 0, 1)]),
        lambda: rank_intervals([pair(0, 1, 0, 1)], alpha=2),
        lambda: pareto_set(TABLE, np.ones((3, 3)), 0.1),
        lambda: pareto_set(TABLE, TABLE, 0.0),
        lambda: pareto_set(TABLE, TABLE, 0.1, level=1.0),
    ],
)
def test_bad_input_says_what_to_do(ask) -> None:
    with pytest.raises(AnalysisError) as caught:
        ask()
    assert caught.value.hint


@given(st.lists(st.sampled_from([0.0, 0.5, 1.0]), min_size=1, max_size=6))
def test_orders_of_a_row_are_listed_once_each(kind: list[float]) -> None:
    listed = list(shuffles._distinct(Counter(kind)))
    assert listed == sorted(set(itertools.permutations(kind)))
    assert len(listed) == shuffles._orders(np.array(kind))
