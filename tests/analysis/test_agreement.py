"""Agreement: published answers, statsmodels, the delta method, pairs counted one by one, simulated coverage."""

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.stats.inter_rater import cohens_kappa

from countermark.analysis.judged_agreement import _ac1, agreement, agreement_table, krippendorff_alpha
from countermark.errors import AnalysisError

counts = st.integers(0, 60)
two_by_two = st.tuples(st.tuples(counts, counts), st.tuples(counts, counts)).filter(
    lambda table: sum(map(sum, table)) > 1
)

PUBLISHED = [
    [1, 1, None, 1], [2, 2, 3, 2], [3, 3, 3, 3], [3, 3, 3, 3], [2, 2, 2, 2], [1, 2, 3, 4],
    [4, 4, 4, 4], [1, 1, 2, 1], [2, 2, 2, 2], [None, 5, 5, 5], [None, None, 1, 1], [None, 3, None, None],
]  # fmt: skip
"""Krippendorff 2011, four observers, twelve units, labels missing."""


def test_known_answer_at_low_prevalence() -> None:
    """Notes, section 5: kappa collapses where both graders nearly always say no."""
    found = agreement(((1, 3), (4, 192)))
    assert found.kappa == pytest.approx(0.205, abs=5e-4)
    assert found.ac1 == pytest.approx(0.963, abs=5e-4)
    assert found.observed.rate == pytest.approx(0.965)
    assert found.observed.low < 0.965 < found.observed.high


@given(two_by_two)
@settings(max_examples=60, deadline=None)
def test_kappa_agrees_with_statsmodels(table: tuple[tuple[int, int], tuple[int, int]]) -> None:
    found = agreement(table)
    if found.kappa is not None:
        assert found.kappa == pytest.approx(cohens_kappa(np.array(table), return_results=False), abs=1e-9)


@given(two_by_two)
@settings(max_examples=60, deadline=None)
def test_laws_of_the_indices(table: tuple[tuple[int, int], tuple[int, int]]) -> None:
    found = agreement(table)
    (yes, first), (second, no) = table
    for other in (((yes, second), (first, no)), ((no, first), (second, yes))):
        turned = agreement(other)
        assert turned.ac1 == pytest.approx(found.ac1)
        assert (turned.ac1_low, turned.ac1_high) == pytest.approx((found.ac1_low, found.ac1_high))
    assert -1 <= found.ac1_low <= found.ac1 <= found.ac1_high <= 1
    assert found.ac1_high - found.ac1_low > 0
    assert (found.ac1 == pytest.approx(1)) == (first + second == 0)


@pytest.mark.parametrize("table", [((1, 3), (4, 192)), ((20, 5), (10, 15)), ((3, 9), (30, 8))])
def test_gwets_variance_is_the_delta_method(table: tuple[tuple[int, int], tuple[int, int]]) -> None:
    share = np.array(table, dtype=float).ravel()
    total = share.sum()
    share /= total
    slope = np.empty(4)
    for cell in range(4):
        up, down = share.copy(), share.copy()
        up[cell] += 1e-6
        down[cell] -= 1e-6
        slope[cell] = (value_of(up) - value_of(down)) / 2e-6
    variance = (share * slope**2).sum() - (share * slope).sum() ** 2
    assert _ac1(table, 0.0)[1] == pytest.approx((variance / total) ** 0.5, abs=1e-6)


def value_of(share: np.ndarray) -> float:
    """AC1 by its definition, from shares that need not add up to one."""
    yes, first, second, no = share
    prevalence = np.array([yes + (first + second) / 2, no + (first + second) / 2]) / share.sum()
    chance = (prevalence * (1 - prevalence)).sum()
    return float(((yes + no) / share.sum() - chance) / (1 - chance))


@pytest.mark.parametrize(
    "law", [(0.02, 0.015, 0.02, 0.945), (0.25, 0.25, 0.25, 0.25), (0.005, 0.01, 0.01, 0.975)]
)
def test_coverage_of_ac1_by_simulation(law: tuple[float, ...]) -> None:
    generator, true = np.random.default_rng(3), value_of(np.array(law))
    covered = 0
    for draw in generator.multinomial(60, law, size=400):
        found = agreement(((int(draw[0]), int(draw[1])), (int(draw[2]), int(draw[3]))))
        covered += found.ac1_low <= true <= found.ac1_high
    assert covered / 400 >= 0.95 - 0.025


def test_full_agreement_has_no_kappa_and_no_zero_width() -> None:
    found = agreement(((0, 0), (0, 50)))
    assert found.kappa is None
    assert found.ac1 == 1
    assert found.ac1_low < 0.96


def test_trials_without_both_labels_are_not_in_the_table() -> None:
    found = agreement_table([True, True, None, False, False], [True, False, True, None, False])
    assert found == ((1, 1), (0, 1))


def test_alpha_of_the_published_example() -> None:
    found = krippendorff_alpha(PUBLISHED)
    assert found.value == pytest.approx(0.743, abs=5e-4)
    assert (found.trials, found.left_out, found.labels) == (11, 1, 40)


ratings = st.lists(
    st.lists(st.sampled_from(["yes", "no", "unclear", None]), min_size=1, max_size=4), min_size=1, max_size=8
)


@given(ratings)
@settings(max_examples=60, deadline=None)
def test_alpha_agrees_with_pairs_counted_one_by_one(rows: list[list[str | None]]) -> None:
    kept = [[label for label in row if label is not None] for row in rows]
    kept = [row for row in kept if len(row) > 1]
    if not kept:
        with pytest.raises(AnalysisError):
            krippendorff_alpha(rows)
        return
    everything = [label for row in kept for label in row]
    within = sum((one != two) / (len(row) - 1) for row in kept for one, two in permutations(row, 2)) / len(
        everything
    )
    pairs = list(permutations(everything, 2))
    overall = sum(one != two for one, two in pairs) / len(pairs)
    found = krippendorff_alpha(rows)
    if overall:
        assert found.value == pytest.approx(1 - within / overall)
    else:
        assert found.value is None


@pytest.mark.parametrize(
    "table",
    [((0, 0), (0, 0)), ((-1, 2), (3, 4)), ((1, 0), (0, 0)), ((float("nan"), 1), (2, 3)), ((0.5, 1), (2, 3))],
)
def test_impossible_tables_are_named(table: tuple[tuple[int, int], tuple[int, int]]) -> None:
    with pytest.raises(AnalysisError) as told:
        agreement(table)
    assert told.value.hint


def test_bad_labels_are_named() -> None:
    with pytest.raises(AnalysisError, match="3 labels against 2"):
        agreement_table([True, True, False], [True, False])
    with pytest.raises(AnalysisError, match="nan"):
        agreement_table([True, float("nan")], [True, False])
    with pytest.raises(AnalysisError):
        krippendorff_alpha([[float("nan"), 1], [1, 1]])
