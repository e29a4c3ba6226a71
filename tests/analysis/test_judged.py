"""Grader error: known answers, other implementations (Fisher, draws), laws, simulated coverage; label budgets."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import fisher_exact
from statsmodels.stats.proportion import proportion_confint

from countermark.analysis.intervals import clopper_pearson
from countermark.analysis.judged import (
    Calibration,
    LabelCounts,
    contains,
    count_labels,
    grader_accuracy,
    judged_interval,
    judged_rate,
    judged_upper,
    lang_reiczigel,
    rogan_gladen,
)
from countermark.analysis.labels import (
    Forecast,
    draw_labels,
    plan_certificate,
    plan_half_width,
    split_labels,
)
from countermark.analysis.melding import melded_difference, melded_ratio
from countermark.errors import AnalysisError


def table(judged: int, flagged: int, of_flagged: tuple[int, int], of_rest: tuple[int, int]) -> LabelCounts:
    return LabelCounts(
        judged=judged, flagged=flagged, bad_flagged=of_flagged[0], labels_flagged=of_flagged[1],
        bad_unflagged=of_rest[0], labels_unflagged=of_rest[1],
    )  # fmt: skip


TABLES = [
    table(1000, 55, (14, 17), (0, 83)),
    table(1000, 200, (45, 50), (3, 200)),
    table(400, 80, (80, 80), (0, 320)),
    table(200, 200, (3, 30), (0, 0)),
    table(60, 20, (1, 5), (6, 10)),
    table(1000, 10, (1, 3), (1, 97)),
]


@st.composite
def tables(draw: st.DrawFn) -> LabelCounts:
    judged = draw(st.integers(2, 2000))
    flagged = draw(st.integers(0, judged))
    parts = []
    for size in (flagged, judged - flagged):
        labels = draw(st.integers(min(1, size), min(size, 120)))
        parts.append((draw(st.integers(0, labels)), labels))
    return table(judged, flagged, *parts)


# Melding


@pytest.mark.parametrize(
    ("first", "second"),
    [((7, 20), (1, 20)), ((3, 10), (0, 12)), ((30, 1000), (9, 1200)), ((9, 12), (100, 1000))],
)
def test_melded_limits_are_those_of_fishers_test(first: tuple[int, int], second: tuple[int, int]) -> None:
    """Fay et al. 2015: at the level of Fisher's one-sided p the lower limit is exactly no difference."""
    rows = [[events, trials - events] for events, trials in (first, second)]
    level = 1 - 2 * fisher_exact(rows, alternative="greater").pvalue
    assert melded_difference(first, second, level=level)[0] == pytest.approx(0, abs=1e-6)
    assert melded_ratio(first, second, level=level)[0] == pytest.approx(1, abs=2e-6)


@given(st.integers(1, 300), st.integers(1, 300), st.data())
@settings(max_examples=40, deadline=None)
def test_melded_limits_turn_with_their_arguments(n: int, m: int, data: st.DataObject) -> None:
    one, two = (data.draw(st.integers(0, n)), n), (data.draw(st.integers(0, m)), m)
    (low, high), (other_low, other_high) = melded_difference(one, two), melded_difference(two, one)
    # Two laws as wide as each other are integrated over either; with two trials the quadrature is good to 1.8e-5.
    assert (low, high) == pytest.approx((-other_high, -other_low), abs=2e-5)
    assert low <= one[0] / n - two[0] / m <= high
    assert low < high
    (low, high), (other_low, other_high) = melded_ratio(one, two), melded_ratio(two, one)
    assert low == pytest.approx(1 / other_high if other_high else np.inf, rel=1e-3, abs=1e-9)
    assert low * two[0] / m <= one[0] / n <= (high * two[0] / m if two[0] else np.inf)


# The corrected rate


def drawn(counts: LabelCounts, use: str) -> tuple[float, float]:
    """The same limits by 600,000 draws."""
    generator = np.random.default_rng(7)

    def beta(a: float, b: float) -> np.ndarray:
        size = 600_000
        return generator.beta(a, b, size) if a > 0 and b > 0 else np.full(size, 0.0 if a <= 0 else 1.0)

    samples = (
        (counts.flagged, counts.judged),
        (counts.bad_flagged, counts.labels_flagged),
        (counts.bad_unflagged, counts.labels_unflagged),
    )
    if use == "display":
        share, bad, missed = (beta(x + 0.5, n - x + 0.5) for x, n in samples)
        low, high = np.quantile(share * bad + (1 - share) * missed, (0.025, 0.975))
        return float(low), float(high)
    limits = []
    lower, upper = [beta(x, n - x + 1) for x, n in samples], [beta(x + 1, n - x) for x, n in samples]
    for (main, bad, missed), (swapped, _, _), tail in ((lower, upper, 0.025), (upper, lower, 0.975)):
        share = np.where(bad >= missed, main, swapped)
        limits.append(float(np.quantile(share * bad + (1 - share) * missed, tail)))
    return limits[0], limits[1]


@pytest.mark.parametrize("counts", TABLES)
def test_quadrature_agrees_with_draws(counts: LabelCounts) -> None:
    for use in ("claim", "display"):
        found = judged_interval(counts, use=use)
        assert (found.low, found.high) == pytest.approx(drawn(counts, use), abs=1.5e-3), use


@pytest.mark.parametrize("counts", [TABLES[0], table(9, 4, (1, 2), (1, 3)), table(60, 20, (1, 5), (6, 10))])
def test_finer_nodes_change_nothing_that_is_printed(
    counts: LabelCounts, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = judged_interval(counts)
    monkeypatch.setattr("countermark.analysis.melding._FINE", 0.04)
    monkeypatch.setattr("countermark.analysis.melding._COARSE", 0.04)
    finer = judged_interval(counts)
    assert (found.low, found.high) == pytest.approx((finer.low, finer.high), abs=1e-5)


@pytest.mark.parametrize(("bad", "labels"), [(0, 100), (3, 80), (40, 50)])
def test_a_known_share_leaves_clopper_pearson(bad: int, labels: int) -> None:
    """A grader that flags nothing in a billion trials: only the labels are uncertain."""
    found = judged_interval(table(10**9, 0, (0, 0), (bad, labels)))
    assert (found.low, found.high) == pytest.approx(clopper_pearson(bad, labels), abs=1e-6)


@given(tables())
@settings(max_examples=20, deadline=None)
def test_laws_of_the_interval(counts: LabelCounts) -> None:
    claim, display = judged_interval(counts), judged_interval(counts, use="display")
    assert 0 <= claim.low <= claim.rate <= claim.high <= 1
    assert claim.low < claim.high
    assert display.low < display.high
    assert claim.low <= display.low + 1e-3
    assert claim.high >= display.high - 1e-3
    assert judged_interval(counts, level=0.8).high <= claim.high + 1e-9
    assert judged_upper(counts) <= claim.high + 1e-9
    assert claim.basis == counts
    assert (claim.estimand, claim.use) == ("S", "claim")
    assert "melded" in claim.method


@given(tables(), st.floats(0.0, 1.0))
@settings(max_examples=20, deadline=None)
def test_contains_says_what_the_interval_says(counts: LabelCounts, rate: float) -> None:
    found = judged_interval(counts)
    if min(abs(rate - found.low), abs(rate - found.high)) > 1e-7:
        assert contains(counts, rate) == (found.low <= rate <= found.high)


@pytest.mark.parametrize("rate", [0.002, 0.05])
def test_coverage_by_simulation(rate: float) -> None:
    """1,000 trials, Se .8, Sp .95, 100 labels; 250 repeats, seed fixed; 2.2 standard errors of slack."""
    generator = np.random.default_rng(20261123)
    covered = naive = 0
    for _ in range(250):
        bad = int(generator.binomial(1000, rate))
        caught = int(generator.binomial(bad, 0.8))
        flagged = caught + int(generator.binomial(1000 - bad, 0.05))
        taken, rest = split_labels(100, 1000, flagged)
        bad_taken = int(generator.hypergeometric(caught, flagged - caught, taken))
        bad_rest = int(generator.hypergeometric(bad - caught, 1000 - flagged - bad + caught, rest))
        covered += contains(table(1000, flagged, (bad_taken, taken), (bad_rest, rest)), rate)
        low, high = clopper_pearson(flagged, 1000)
        naive += low <= rate <= high
    assert covered / 250 >= 0.92
    assert naive / 250 < 0.5


# From arrays


def test_arrays_are_counted_by_verdict() -> None:
    flagged = [True, True, False, False, False]
    truth = [True, None, False, True, None]
    found = count_labels(flagged, truth, list("abcde"))
    assert found == table(5, 2, (1, 1), (1, 2))
    assert found == count_labels(np.array(flagged), truth, np.arange(5))


def test_shared_clusters_cost_trials_and_two_labels_in_one_are_refused_for_a_claim() -> None:
    flagged = [place % 7 == 0 for place in range(120)]
    clusters = [place // 4 for place in range(120)]
    once: list[bool | None] = [
        flagged[place] if place % 4 == place // 4 % 4 else None for place in range(120)
    ]
    found = count_labels(flagged, once, clusters)
    assert found.repeated_clusters == 0
    assert found.effective is not None
    assert found.effective < 120
    alone = judged_rate(flagged, once, list(range(120)))
    assert judged_rate(flagged, once, clusters).high > alone.high
    twice = [*once[:-4], flagged[-4], flagged[-3], *once[-2:]]
    with pytest.raises(AnalysisError, match="1 clusters have more than one label") as told:
        judged_rate(flagged, twice, clusters)
    assert "draw_labels" in told.value.hint
    assert judged_rate(flagged, twice, clusters, use="display").basis.repeated_clusters == 1


@pytest.mark.parametrize(
    ("flagged", "truth", "clusters"),
    [
        ([], [], []),
        ([True, False], [True], ["a", "b"]),
        ([True, False], [True, False], ["a"]),
        ([True, float("nan")], [True, False], ["a", "b"]),
        ([True, False], [True, float("nan")], ["a", "b"]),
        ([True, False], [True, 0.5], ["a", "b"]),
        ([True, False], [True, False], ["a", None]),
        ([True, False], [True, False], ["a", "a"]),
        ([True, False], [None, None], ["a", "b"]),
    ],
)
def test_bad_arrays_are_named(flagged: list[bool], truth: list[bool], clusters: list[str]) -> None:
    with pytest.raises(AnalysisError) as told:
        judged_rate(flagged, truth, clusters)
    assert told.value.hint


def test_every_fault_of_the_counts_is_told_at_once() -> None:
    with pytest.raises(AnalysisError) as told:
        judged_interval(table(100, 10, (0, 0), (5, 3)), level=1.5)
    for fault in ("level outside", "than there are trials", "no gold label among the flagged"):
        assert fault in told.value.message


# Sensitivity and specificity from elsewhere


@given(st.floats(0, 1), st.floats(0.6, 1), st.floats(0.6, 1))
def test_rogan_gladen_undoes_the_graders_error(rate: float, sensitivity: float, specificity: float) -> None:
    apparent = min(1.0, rate * sensitivity + (1 - rate) * (1 - specificity))
    assert rogan_gladen(apparent, sensitivity, specificity) == pytest.approx(rate, abs=1e-9)


@pytest.mark.parametrize(
    ("flagged", "judged", "calibration", "low", "high"),
    [
        (4060, 11284, (178, 179, 358, 359), 0.349, 0.372),
        (51, 2971, (32, 33, 20, 20), 0.0, 0.053),
        (259, 509, (84, 127, 96, 109), 0.58, 0.87),
        (51, 509, (23, 41, 187, 195), 0.037, 0.195),
    ],
)
def test_lang_reiczigel_examples_of_the_paper(
    flagged: int, judged: int, calibration: tuple[int, int, int, int], low: float, high: float
) -> None:
    names = ("caught", "bad", "cleared", "good")
    found = lang_reiczigel(flagged, judged, Calibration(**dict(zip(names, calibration, strict=True))))
    places = 2 if high == 0.87 else 3
    assert (round(found.low, places), round(found.high, places)) == (low, high)


def test_lang_reiczigel_comes_to_the_delta_method() -> None:
    """With a million trials everywhere the small-sample terms vanish and the plain Wald interval is left."""
    size = 1_000_000
    found = lang_reiczigel(200_000, size, Calibration(caught=900_000, bad=size, cleared=980_000, good=size))
    informed, rate = 0.88, (0.2 + 0.98 - 1) / 0.88
    variance = (0.2 * 0.8 + rate**2 * 0.9 * 0.1 + (1 - rate) ** 2 * 0.98 * 0.02) / size / informed**2
    reach = 1.959963984540054 * variance**0.5
    assert (found.low, found.high) == pytest.approx((rate - reach, rate + reach), abs=1e-5)
    assert (found.use, found.rate) == ("screening", pytest.approx(rate))


def test_lang_reiczigel_covers_only_where_the_set_fits() -> None:
    generator = np.random.default_rng(5)
    held = {"fits": 0, "flatters": 0}
    for _ in range(300):
        bad = int(generator.binomial(1000, 0.05))
        flagged = int(generator.binomial(bad, 0.8) + generator.binomial(1000 - bad, 0.05))
        for name, (se, sp) in {"fits": (0.8, 0.95), "flatters": (0.9, 0.98)}.items():
            caught, cleared = int(generator.binomial(150, se)), int(generator.binomial(150, sp))
            found = lang_reiczigel(
                flagged, 1000, Calibration(caught=caught, bad=150, cleared=cleared, good=150)
            )
            held[name] += found.low <= 0.05 <= found.high
    assert held["fits"] / 300 >= 0.92
    assert held["flatters"] / 300 < 0.9


def test_what_does_not_fit_shows_uncut() -> None:
    found = lang_reiczigel(80, 1000, Calibration(caught=45, bad=50, cleared=45, good=50))
    assert found.uncut < 0
    assert found.rate == found.low == 0 < found.high


def test_a_set_that_allows_no_rate_is_refused_rather_than_given_no_width() -> None:
    with pytest.raises(AnalysisError, match="does not fit this run") as told:
        lang_reiczigel(2, 1000, Calibration(caught=45, bad=50, cleared=45, good=50))
    assert "judged_rate" in told.value.hint


def test_accuracy_is_clopper_pearson_and_only_of_blind_labels() -> None:
    calibration = Calibration(caught=45, bad=50, cleared=98, good=100)
    found = grader_accuracy(calibration, drawn="blind")
    assert (found.sensitivity.low, found.sensitivity.high) == pytest.approx(
        proportion_confint(45, 50, method="beta"), abs=1e-9
    )
    assert (found.specificity.low, found.specificity.high) == pytest.approx(
        proportion_confint(98, 100, method="beta"), abs=1e-9
    )
    with pytest.raises(AnalysisError, match="by verdict"):
        grader_accuracy(calibration, drawn="by_verdict")


def test_a_grader_that_tells_nothing_is_refused() -> None:
    with pytest.raises(AnalysisError, match="sensitivity"):
        rogan_gladen(0.3, 0.5, 0.5)
    with pytest.raises(AnalysisError):
        lang_reiczigel(30, 100, Calibration(caught=10, bad=50, cleared=10, good=50))
    with pytest.raises(AnalysisError):
        grader_accuracy(Calibration(caught=0, bad=0, cleared=1, good=1), drawn="blind")


# Label budgets


@pytest.mark.parametrize(("limit", "least", "most", "blind"), [(0.01, 300, 440, 299), (0.05, 60, 90, 59)])
@pytest.mark.parametrize("share", [0.0, 0.01, 0.05])
def test_no_free_certificate(limit: float, least: int, most: int, blind: int, share: float) -> None:
    """Notes, section 5: 300 to 440 labels at .01 and 60 to 90 at .05, where 299 and 59 do without any grader."""
    plan = plan_certificate(limit, judged=1000, flagged_share=share)
    assert least <= plan.labels <= most
    assert plan.blind == blind
    assert plan.flagged + plan.unflagged == plan.labels


def test_a_plan_is_enough_and_one_label_less_is_not() -> None:
    plan = plan_certificate(0.05, judged=500, flagged_share=0.02)

    def upper(labels: int) -> float:
        taken, rest = split_labels(labels, 500, 10)
        return judged_upper(table(500, 10, (0, taken), (0, rest)))

    assert upper(plan.labels) == pytest.approx(plan.reached)
    assert upper(plan.labels) < 0.05 <= upper(plan.labels - 1)


def test_verdicts_of_a_good_grader_save_labels_of_a_width() -> None:
    plan = plan_half_width(Forecast(judged=1000, flagged_share=0.2, confirmed=0.9, missed=0.02), 0.05)
    assert plan.reached < 0.05
    assert plan.labels < plan.blind


def test_goals_out_of_reach_are_told() -> None:
    with pytest.raises(AnalysisError, match="all 100 trials") as told:
        plan_certificate(0.01, judged=100, flagged_share=0.0)
    assert "more trials" in told.value.hint
    with pytest.raises(AnalysisError):
        plan_certificate(1.5, judged=100, flagged_share=0.0)


@given(
    st.integers(1, 3000).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n), st.integers(2, n + 1)))
)
def test_a_split_fits_its_strata(drawn: tuple[int, int, int]) -> None:
    judged, flagged, labels = drawn
    labels = min(labels, judged)
    taken, rest = split_labels(labels, judged, flagged)
    assert taken + rest == labels
    assert min(1, flagged) <= taken <= flagged
    assert min(1, judged - flagged) <= rest <= judged - flagged


def test_neymans_split() -> None:
    assert split_labels(100, 1000, 200) == (53, 47)


def test_labels_are_drawn_once_a_cluster_and_again_by_the_seed() -> None:
    flagged = [place % 5 == 0 for place in range(300)]
    clusters = [f"c{place // 3}" for place in range(300)]
    found = draw_labels(flagged, clusters, (10, 30), seed=4)
    assert found == draw_labels(flagged, clusters, (10, 30), seed=4)
    assert found != draw_labels(flagged, clusters, (10, 30), seed=5)
    assert all(flagged[place] for place in found.flagged)
    assert not any(flagged[place] for place in found.unflagged)
    places = [*found.flagged, *found.unflagged]
    assert (len(found.flagged), len(found.unflagged)) == (10, 30)
    assert len({clusters[place] for place in places}) == len(places)


def test_the_draw_does_not_hide_misses() -> None:
    """Misses sit in the clusters of the flagged; preferring flagged trials in the thinning would leave none to find."""
    flagged = [place % 2 == 0 and place < 200 for place in range(400)]
    missed = {place for place in range(200) if place % 2}
    clusters = [place // 2 for place in range(400)]
    shares = []
    for seed in range(200):
        found = draw_labels(flagged, clusters, (0, 50), seed=seed)
        shares.append(sum(place in missed for place in found.unflagged) / len(found.unflagged))
    # 50 clusters give a miss, 100 a clean trial, on average.
    assert np.mean(shares) == pytest.approx(1 / 3, abs=0.02)
