"""Two subjects: statsmodels' McNemar, every sign pattern by brute force, planning tables, simulation, published pairs."""

import itertools
import math
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import permutation_test, ttest_1samp, ttest_rel
from statsmodels.stats.contingency_tables import mcnemar

from countermark.analysis import flips
from countermark.analysis.compare import (
    Comparison,
    ComparisonRules,
    compare_subjects,
    equivalence_p,
    not_worse_p,
    paired_interval,
)
from countermark.analysis.detectable import discordance, pairs_needed, smallest_detectable
from countermark.analysis.flips import mcnemar_mid_p, sign_flip
from countermark.analysis.grouping import matched
from countermark.errors import AnalysisError

# McNemar


@given(st.integers(0, 300), st.integers(0, 300))
def test_mid_p_is_the_exact_p_less_the_point_probability(only_a: int, only_b: int) -> None:
    exact = mcnemar([[0, only_a], [only_b, 0]], exact=True).pvalue if only_a + only_b else 1.0
    total = only_a + only_b
    point = float(Fraction(math.comb(total, only_a), 2**total))
    # statsmodels cuts the exact p of a tie to 1; the formula without the cut gives 1 after subtraction.
    expected = 1.0 if only_a == only_b else exact - point
    assert mcnemar_mid_p(only_a, only_b) == pytest.approx(expected, abs=1e-9)


def test_published_pairs() -> None:
    assert mcnemar_mid_p(142, 17) + math.comb(159, 17) / 2**159 == pytest.approx(9.5e-26, rel=0.01)
    assert mcnemar_mid_p(87, 83) > 0.7
    assert mcnemar_mid_p(0, 0) == mcnemar_mid_p(50_000, 50_000) == 1


# Sign-flip


def every_sign(differences: np.ndarray) -> float:
    seen = abs(differences.sum()) - 1e-9
    patterns = itertools.product((-1, 1), repeat=differences.size)
    return float(np.mean([abs(np.dot(signs, differences)) >= seen for signs in patterns]))


@given(
    st.integers(1, 6).flatmap(
        lambda m: st.tuples(st.just(m), st.lists(st.integers(-m, m), min_size=1, max_size=10))
    )
)
def test_sign_flip_agrees_with_every_pattern(drawn: tuple[int, list[int]]) -> None:
    epochs, steps = drawn
    differences = np.array(steps) / epochs
    expected = every_sign(differences)
    assert sign_flip(differences, epochs=epochs).p == pytest.approx(expected, abs=1e-9)
    assert sign_flip(differences, epochs=None).p == pytest.approx(expected, abs=1e-9)


def test_sign_flip_agrees_with_scipy() -> None:
    differences = np.array([0.4, 0.2, -0.2, 0.6, 0.0, 0.2, -0.4, 0.6, 0.8, 0.2])
    found = permutation_test(
        (differences, np.zeros(10)), lambda x, y, axis: (x - y).sum(axis=axis), permutation_type="samples",
        vectorized=True, n_resamples=np.inf,
    )  # fmt: skip
    assert sign_flip(differences, epochs=5).p == pytest.approx(found.pvalue, abs=1e-6)


def test_the_ways_to_the_law_agree() -> None:
    """Convolution, transform and draws on the same 700 differences; draws within 4 standard errors."""
    generator = np.random.default_rng(2)
    steps = generator.binomial(5, 0.3, 700) - generator.binomial(5, 0.28, 700)
    sizes, counts = np.unique(np.abs(steps[steps != 0]), return_counts=True)
    seen = int(abs(steps.sum()))
    convolved = flips._convolved(seen, sizes, counts)
    assert 0.001 < convolved < 0.5
    assert flips._transformed(seen, sizes, counts) == pytest.approx(convolved, abs=1e-12)
    assert sign_flip(steps).p == convolved
    drawn = sign_flip(steps / 5, epochs=None)
    assert drawn.p == pytest.approx(convolved, abs=4 * math.sqrt(convolved / flips.DRAWS))
    assert drawn == sign_flip(steps / 5, epochs=None)
    assert "9999 draws, seed 0" in drawn.method
    loose = generator.normal(size=50)
    exact = flips._drawn(np.abs(loose), 1)
    assert exact.std() == pytest.approx(math.sqrt((loose**2).sum()), rel=0.03)


def test_tails_keep_their_digits() -> None:
    """All of 60 differ to one side, two sizes: 2 of 2^60 patterns are as extreme."""
    assert sign_flip([1] * 59 + [2]).p == pytest.approx(2.0**-59, rel=1e-9)
    assert sign_flip([1] * 60).p == pytest.approx(2.0**-59, rel=1e-9)


def test_a_p_from_a_transform_is_never_under_its_floor() -> None:
    found = sign_flip([1] * 3000 + [2] * 3000)
    assert (found.p, found.method) == (1e-12, "sign-flip, exact")


def test_draws_never_give_zero() -> None:
    differences = np.linspace(0.1, 0.9, 40) * math.pi / 4
    assert sign_flip(differences, epochs=None).p == 1 / (1 + flips.DRAWS)


def test_nothing_differs_is_no_evidence() -> None:
    assert sign_flip([0, 0, 0]).p == 1
    assert sign_flip([1, -1]).p == 1


# Interval and equivalence


def test_interval_is_paired_t_over_the_longer_list() -> None:
    differences = np.array([0.2, -0.4, 0.0, 0.6, 0.2, 0.0])
    half = math.sqrt((1 + 4 * 0.3) / 5)
    found = ttest_1samp([*differences, half, -half], 0).confidence_interval(0.9)
    told = paired_interval(differences, epochs=5, correlation=0.3, level=0.9)
    assert told == pytest.approx((found.low, found.high), abs=1e-9)


@pytest.mark.parametrize("epochs", [1, 5])
def test_no_difference_at_all_still_has_width(epochs: int) -> None:
    low, high = paired_interval([0.0] * 50, epochs=epochs)
    assert high == -low > 0.02
    low, high = paired_interval([1.0, 1.0])
    assert low < high == 1


@given(st.lists(st.integers(-4, 4), min_size=2, max_size=30), st.floats(0.01, 0.9))
def test_two_one_sided_tests_are_the_narrower_interval(steps: list[int], margin: float) -> None:
    differences = [step / 4 for step in steps]
    low, high = paired_interval(differences, epochs=4, level=0.9)
    p = equivalence_p(differences, margin, epochs=4)
    if abs(p - 0.05) > 1e-9 and low > -1 and high < 1:
        assert (p < 0.05) == (-margin < low and high < margin)
        assert (not_worse_p(differences, margin, epochs=4) < 0.05) == (high < margin)


def test_one_sided_tests_agree_with_scipy() -> None:
    longer = [0.2, -0.4, 0.0, 0.6, 0.2, 0.0, 1.0, -1.0]
    upper = ttest_1samp(longer, 0.3, alternative="less").pvalue
    lower = ttest_1samp(longer, -0.3, alternative="greater").pvalue
    assert not_worse_p(longer[:6], 0.3) == pytest.approx(upper, abs=1e-9)
    assert equivalence_p(longer[:6], 0.3) == pytest.approx(max(upper, lower), abs=1e-9)


# Sizes


@pytest.mark.parametrize(
    ("pairs", "rate", "correlation", "level", "told"),
    [
        (50, 0.05, 0, 0.95, 0.205), (50, 0.05, 0.5, 0.95, 0.150), (50, 0.2, 0, 0.995, 0.368), (100, 0.05, 0.5, 0.95, 0.087),
        (200, 0.2, 0.5, 0.995, 0.116), (400, 0.05, 0, 0.995, 0.073), (1000, 0.2, 0.5, 0.95, 0.037), (1000, 0.05, 0.5, 0.95, 0.022),
    ],
)  # fmt: skip
def test_detectable_differences_of_the_notes(
    pairs: int, rate: float, correlation: float, level: float, told: float
) -> None:
    """The table of section 2.3, which rounds up."""
    found = smallest_detectable(pairs, rate, correlation=correlation, level=level)
    assert found is not None
    assert told - 0.0011 < found <= told


@pytest.mark.parametrize(
    ("low", "high", "pairs"), [(0.05, 0.10, 273), (0.05, 0.15, 94), (0.02, 0.05, 378), (0.2, 0.3, 181)]
)
def test_pairs_of_the_notes(low: float, high: float, pairs: int) -> None:
    """Section 7.2's pairs for power .8. It does not state the correlation; all four come out within a pair at .4."""
    assert pairs_needed(high - low, discordance(low, high, 0.4)) == pytest.approx(pairs, abs=1)


@given(st.floats(0, 1), st.floats(10, 5000), st.floats(0, 1))
def test_so_many_pairs_find_the_smallest_detectable(rate: float, pairs: float, correlation: float) -> None:
    found = smallest_detectable(pairs, rate, correlation=correlation)
    if found is not None:
        near = min(rate, 1 - rate)
        needed = pairs_needed(found, min(1.0, max(found, discordance(near, near + found, correlation))))
        assert needed == pytest.approx(pairs, abs=1.01)


def test_too_few_pairs_find_nothing() -> None:
    assert smallest_detectable(2, 0.5) is None
    rows = compare_subjects(list(range(4)), [1, 0, 1, 0], [1, 0, 0, 0])
    assert (rows.verdict, rows.smallest_detectable) == ("no difference found", None)


@pytest.mark.parametrize(
    ("epochs", "rate", "most"), [(1, 0.1, 0.9), (4, 0.1, 0.9), (1, 0.01, 0.9), (4, 0.01, 1.0)]
)
def test_the_smallest_detectable_difference_is_detected_at_its_power(
    epochs: int, rate: float, most: float
) -> None:
    """What 60 audits of equals tell is put in as the truth of 400 others: found in 80 %, not much less.

    Nor much more, except where hardly a row is discordant: how epochs hang together is unknown then, and the answer errs
    on the large side.
    """
    generator = np.random.default_rng(20261123)
    scenarios = np.repeat(np.arange(80), epochs)

    def audit(rate_b: float) -> Comparison:
        rates = (np.repeat(generator.beta(2 * one, 2 * (1 - one), 80), epochs) for one in (rate, rate_b))
        return compare_subjects(scenarios, *(generator.random(80 * epochs) < one for one in rates))

    told = [audit(rate).smallest_detectable for _ in range(60)]
    size = float(np.median([one for one in told if one is not None]))
    power = sum(audit(rate + size).verdict == "difference" for _ in range(400)) / 400
    assert 0.72 < power <= most


# The whole comparison


def rows_of(generator: np.random.Generator, count: int, epochs: int) -> tuple[np.ndarray, ...]:
    scenarios = np.repeat(np.arange(count), epochs)
    return scenarios, *(generator.random(count * epochs) < rate for rate in (0.3, 0.25))


def test_one_row_a_scenario_is_mcnemar() -> None:
    scenarios, a, b = rows_of(np.random.default_rng(1), 90, 1)
    found = compare_subjects(scenarios, a, b)
    assert (found.only_a, found.only_b) == ((a & ~b).sum(), (b & ~a).sum())
    assert (found.p, found.test) == (mcnemar_mid_p(found.only_a, found.only_b), "McNemar mid-p")
    assert (found.low, found.high) == paired_interval(a.astype(float) - b)
    assert found.difference == pytest.approx(found.rate_a - found.rate_b)
    assert found.rate_a == pytest.approx(a.mean())
    assert (found.scenarios, found.trials, found.units, found.estimand) == (90, 90, 90, "S")


def test_epochs_are_flipped_together() -> None:
    scenarios, a, b = rows_of(np.random.default_rng(2), 30, 4)
    found = compare_subjects(scenarios, a, b)
    differences = (a.reshape(30, 4).mean(axis=1)) - b.reshape(30, 4).mean(axis=1)
    assert found.p == sign_flip(differences, epochs=4).p
    assert found.difference == pytest.approx(differences.mean())
    shuffled = np.random.default_rng(3).permutation(120)
    names = [f"s{number}" for number in scenarios[shuffled]]
    assert compare_subjects(names, a[shuffled], b[shuffled]).p == pytest.approx(found.p)


def test_unequal_epochs_still_weigh_scenarios_alike() -> None:
    found = compare_subjects(
        ["x"] * 3 + ["y"] * 2 + ["z"],
        [1, 1, 0, 1, 0, 0],
        [0, 0, 0, 0, 0, 0],
        rules=ComparisonRules(level=0.5),
    )
    assert found.difference == pytest.approx((2 / 3 + 1 / 2 + 0) / 3)
    assert found.p == pytest.approx(0.5)
    assert found.rate_a == pytest.approx(found.difference)


def test_clusters_are_the_unit_of_s_and_nothing_to_f() -> None:
    """Twelve sources of five like scenarios: sixty scenarios say much about themselves, twelve sources less."""
    generator = np.random.default_rng(11)
    scenarios, clusters = np.arange(60), np.repeat(np.arange(12), 5)
    a, b = np.repeat(generator.random(12) < 0.5, 5), np.zeros(60, dtype=bool)
    sampled = compare_subjects(scenarios, a, b, clusters=clusters)
    fixed = compare_subjects(scenarios, a, b, clusters=clusters, rules=ComparisonRules(estimand="F"))
    sources = compare_subjects(np.arange(12), a[::5], b[::5])
    assert (sampled.units, fixed.units, fixed.estimand) == (12, 60, "F")
    assert sampled.p > 1e6 * fixed.p
    assert sampled.p == pytest.approx(2 * 0.5 ** a[::5].sum())
    assert (sampled.low, sampled.high) == pytest.approx((sources.low, sources.high), abs=0.03)
    assert fixed == compare_subjects(scenarios, a, b, rules=ComparisonRules(estimand="F"))


def test_scenarios_as_their_own_clusters_change_nothing() -> None:
    scenarios, a, b = rows_of(np.random.default_rng(4), 40, 3)
    assert compare_subjects(scenarios, a, b) == compare_subjects(scenarios, a, b, clusters=scenarios)


@given(st.integers(0, 2**32), st.integers(1, 4), st.integers(2, 25))
def test_swapping_subjects_turns_the_sign_and_nothing_else(seed: int, epochs: int, count: int) -> None:
    scenarios, a, b = rows_of(np.random.default_rng(seed), count, epochs)
    rules = ComparisonRules(margin=0.2)
    forth, back = (compare_subjects(scenarios, *pair, rules=rules) for pair in ((a, b), (b, a)))
    assert forth.p == pytest.approx(back.p)
    assert (forth.low, forth.high) == pytest.approx((-back.high, -back.low))
    assert forth.verdict == back.verdict
    assert forth.p_equivalence == pytest.approx(back.p_equivalence)
    assert -1 <= forth.low <= forth.difference <= forth.high <= 1
    assert forth.low < forth.high


def test_rows_are_brought_together_by_their_keys() -> None:
    keys_a, keys_b = [("x", 0), ("x", 1), ("y", 0), ("z", 0)], [("z", 0), ("y", 0), ("w", 0), ("x", 0)]
    found = matched(keys_a, keys_b)
    assert [keys_a[row] for row in found.rows_a] == [keys_b[row] for row in found.rows_b] == [
        ("x", 0), ("y", 0), ("z", 0),
    ]  # fmt: skip
    assert (found.only_a, found.only_b) == (1, 1)


def test_the_three_words() -> None:
    generator = np.random.default_rng(5)
    scenarios = np.arange(800)
    a = generator.random(800) < 0.1
    far, near = generator.random(800) < 0.4, a.copy()
    near[np.flatnonzero(a)[:8]] = False
    near[np.flatnonzero(~a)[:7]] = True
    planned = ComparisonRules(margin=0.05)
    assert compare_subjects(scenarios, a, far, rules=planned).verdict == "difference"
    found = compare_subjects(scenarios, a, near, rules=planned)
    assert (found.verdict, found.equivalent, found.margin) == ("equivalent", True, 0.05)
    unplanned = compare_subjects(scenarios, a, near)
    assert (unplanned.verdict, unplanned.equivalent) == ("no difference found", None)
    assert 0 < unplanned.smallest_detectable < 0.1
    few = compare_subjects(scenarios[:40], a[:40], near[:40], rules=planned)
    assert (few.verdict, few.equivalent) == ("no difference found", False)


def test_a_small_true_difference_is_both() -> None:
    a = np.repeat([True, False], [60, 1940])
    found = compare_subjects(np.arange(2000), a, np.zeros(2000), rules=ComparisonRules(margin=0.1))
    assert (found.verdict, found.equivalent) == ("difference", True)


@pytest.mark.parametrize(("epochs", "alike"), [(1, False), (5, False), (5, True)])
def test_errors_by_simulation(epochs: int, alike: bool) -> None:
    """400 audits of 30 scenarios, equals and not: false differences, coverage; slack of 2.6 standard errors.

    `alike`: every epoch of a scenario comes out the same, as at temperature zero.
    """
    generator = np.random.default_rng(20261123)
    scenarios = np.repeat(np.arange(30), epochs)
    false = covered = 0
    for _ in range(400):
        rates = [
            generator.random(30) < one if alike else generator.beta(one, 1 - one, 30)
            for one in (0.1, 0.1, 0.02)
        ]
        a, b, c = (generator.random(30 * epochs) < np.repeat(one, epochs) for one in rates)
        found = compare_subjects(scenarios, a, c)
        covered += found.low <= 0.08 <= found.high
        false += compare_subjects(scenarios, a, b).verdict == "difference"
    assert false / 400 <= 0.05 + 0.028
    assert covered / 400 >= 0.95 - 0.028


def test_clusters_of_different_size_by_simulation() -> None:
    """400 audits of 20 sources with 1 to 12 scenarios each that go together; slack of 2.6 standard errors."""
    generator = np.random.default_rng(20261123)
    false = covered = 0
    for _ in range(400):
        sources = np.repeat(np.arange(20), generator.integers(1, 13, 20))
        items = np.arange(sources.size)
        a, b, c = (
            generator.random(items.size) < generator.beta(rate, 1 - rate, 20)[sources]
            for rate in (0.2, 0.2, 0.4)
        )
        false += compare_subjects(items, a, b, clusters=sources).verdict == "difference"
        found = compare_subjects(items, a, c, clusters=sources)
        covered += found.low <= -0.2 <= found.high
    assert false / 400 <= 0.05 + 0.028
    assert covered / 400 >= 0.95 - 0.028


def test_false_equivalence_by_simulation() -> None:
    """The true difference is the margin itself: called equivalent in at most 5 %."""
    generator = np.random.default_rng(8)
    rules = ComparisonRules(margin=0.1)
    false = sum(
        bool(compare_subjects(np.arange(150), *(generator.random(150) < one for one in (0.3, 0.2)), rules=rules).equivalent)
        for _ in range(600)
    )  # fmt: skip
    assert false / 600 <= 0.05 + 0.022


# Bad input


GOOD = (["x", "y", "z"], [1, 0, 1], [0, 0, 1])


@pytest.mark.parametrize(
    ("ask", "told"),
    [
        (lambda: compare_subjects(["x", "y"], *GOOD[1:]), "2 scenarios, 3 labels of A, 3 labels of B"),
        (lambda: compare_subjects(*GOOD, clusters=["c"]), "1 clusters"),
        (lambda: compare_subjects(GOOD[0], [1, 0, math.nan], GOOD[2]), "labels of A: 1 of 3 are missing"),
        (lambda: compare_subjects(GOOD[0], GOOD[1], [0, 0.5, 1]), "labels of B: 1 of 3 are neither"),
        (lambda: compare_subjects([], [], []), "none at all"),
        (lambda: compare_subjects(["x"] * 3, *GOOD[1:]), "one scenario"),
        (lambda: compare_subjects(*GOOD, clusters=["c"] * 3), "one cluster"),
        (lambda: compare_subjects(["x", "x", "y"], *GOOD[1:], clusters=["c", "d", "d"]), "two clusters"),
        (lambda: compare_subjects(["x", None, "y"], *GOOD[1:]), "a name is missing"),
        (lambda: compare_subjects(*GOOD, rules=ComparisonRules(level=1.0)), "level"),
        (lambda: compare_subjects(*GOOD, rules=ComparisonRules(power=0.0)), "power"),
        (lambda: compare_subjects(*GOOD, rules=ComparisonRules(margin=0.0)), "margin"),
        (lambda: compare_subjects(*GOOD, rules=ComparisonRules(estimand="X")), "estimand"),
        (lambda: matched(["x", "x"], ["x", "y"]), "twice"),
        (lambda: matched(["x"], ["y"]), "no trial in common"),
        (lambda: paired_interval([0.1]), "1 differences"),
        (lambda: paired_interval([]), "none at all"),
        (lambda: paired_interval([0.1, math.nan]), "missing"),
        (lambda: paired_interval([0.1, 1.5]), "up to 1.5"),
        (lambda: paired_interval([0.1, 0.2], epochs=0), "0 epochs"),
        (lambda: paired_interval([0.1, 0.2], correlation=2), "correlation 2"),
        (lambda: equivalence_p([0.1, 0.2], -0.1), "margin"),
        (lambda: not_worse_p([0.1, 0.2], 1), "margin"),
        (lambda: sign_flip([]), "none at all"),
        (lambda: sign_flip([math.inf]), "not finite"),
        (lambda: sign_flip([0.3], epochs=2), "multiple of 1/2"),
        (lambda: mcnemar_mid_p(-1, 3), "discordant"),
        (lambda: mcnemar_mid_p(1.5, 3), "discordant"),
        (lambda: discordance(1.2, 0.1), "rates"),
        (lambda: pairs_needed(0.2, 0.1), "discordant"),
        (lambda: pairs_needed(0.1, 0.2, power=1), "power"),
        (lambda: smallest_detectable(0, 0.1), "pairs"),
        (lambda: smallest_detectable(50, 0.1, level=0), "level"),
    ],
)
def test_bad_input_says_what_to_do(ask, told: str) -> None:
    with pytest.raises(AnalysisError, match=told) as caught:
        ask()
    assert caught.value.hint


# AgentDojo's published runs

SHARED = Path(__file__).parents[2].parent / "shared" / "data" / "agentdojo"
PLAIN = "gpt-4o-2024-05-13"
DEFENDED, MINI = f"{PLAIN}-repeat_user_prompt", "gpt-4o-mini-2024-07-18"


@pytest.fixture(scope="module")
def attacked():
    """For each pipeline: scenario to (cluster, whether the attack succeeded)."""
    if not SHARED.is_dir():
        pytest.skip("the recorded runs are not beside this checkout (../shared/data/agentdojo)")
    from countermark.subjects.importers.agentdojo import read_agentdojo

    return {
        recording.id.partition("/")[2]: {
            trial.scenario.id: (trial.scenario.cluster, trial.published["attack_succeeded"])
            for trial in recording.trials
            if trial.scenario.arm == "attacked"
        }
        for recording in read_agentdojo([SHARED / f"{name}.jsonl.gz" for name in (PLAIN, DEFENDED, MINI)])
    }


def published(attacked, a: str, b: str, estimand: str) -> Comparison:
    items = sorted(attacked[a])
    return compare_subjects(
        items,
        *([attacked[name][item][1] for item in items] for name in (a, b)),
        clusters=[attacked[a][item][0] for item in items],
        rules=ComparisonRules(estimand=estimand),
    )


@pytest.mark.parametrize(("estimand", "units"), [("F", 629), ("S", 97)])
def test_a_defence_is_called_a_difference(attacked, estimand: str, units: int) -> None:
    """142 : 17. F: these 629 attacks. S: user tasks like these 97, under these injections, which they share."""
    found = published(attacked, PLAIN, DEFENDED, estimand)
    assert (found.only_a, found.only_b, found.scenarios, found.units) == (142, 17, 629, units)
    assert found.verdict == "difference"
    assert found.difference == pytest.approx(125 / 629)
    assert 0.1 < found.low < 125 / 629 < found.high < 0.3
    if estimand == "F":
        items = sorted(attacked[PLAIN])
        a, b = ([attacked[name][item][1] for item in items] for name in (PLAIN, DEFENDED))
        student = ttest_rel(np.array(a, dtype=float), np.array(b, dtype=float)).confidence_interval()
        assert (found.low, found.high) == pytest.approx((student.low, student.high), abs=0.002)


@pytest.mark.parametrize(("estimand", "units"), [("F", 629), ("S", 97)])
def test_the_defended_and_the_small_model_are_not(attacked, estimand: str, units: int) -> None:
    """87 : 83."""
    found = published(attacked, DEFENDED, MINI, estimand)
    assert (found.only_a, found.only_b, found.units) == (87, 83, units)
    assert found.verdict == "no difference found"
    assert found.low < 4 / 629 < found.high
    assert found.low < 0 < found.smallest_detectable < 0.15


def test_the_undefended_and_the_small_model_differ(attacked) -> None:
    """162 : 33. The pair 87 : 83 is the defended pipeline's, not this one's."""
    found = published(attacked, PLAIN, MINI, "S")
    assert (found.only_a, found.only_b, found.verdict) == (162, 33, "difference")
