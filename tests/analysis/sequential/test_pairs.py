"""Two subjects pair by pair: false statements under the null by simulation, known answers, bad input."""

from collections import Counter
from itertools import product
from math import log

import numpy as np
import pytest

from countermark.analysis.detectable import pairs_needed
from countermark.analysis.sequential.pairs import (
    BETS,
    PairRule,
    PairVerdict,
    PairWatch,
    planned_cap,
    replay_pairs,
)
from countermark.errors import AnalysisError


def runs(difference: float, discordant: float, rule: PairRule, count: int) -> Counter[PairVerdict]:
    """Pairs of 0/1 outcomes: A alone is bad with (D + d) / 2, B alone with (D - d) / 2; fixed seed."""
    uniform = np.random.default_rng(11).random((count, rule.cap))
    higher = uniform < (discordant + difference) / 2
    signed = np.where(higher, 1, np.where(uniform < discordant, -1, 0))
    return Counter(replay_pairs(rule, row.tolist()).verdict for row in signed)


def test_no_difference_is_seldom_called_one() -> None:
    rule = PairRule(margin=0.2, cap=planned_cap(0.2, 0.4))
    found = runs(0.0, 0.4, rule, 400)
    assert found[PairVerdict.A_HIGHER] + found[PairVerdict.B_HIGHER] <= 0.05 * 400
    assert found[PairVerdict.EQUIVALENT] >= 0.7 * 400


def test_a_difference_of_the_margin_is_seldom_called_equivalent() -> None:
    rule = PairRule(margin=0.2, cap=planned_cap(0.2, 0.4))
    found = runs(0.2, 0.4, rule, 400)
    assert found[PairVerdict.EQUIVALENT] <= 0.05 * 400 + 2.3 * (400 * 0.05 * 0.95) ** 0.5
    assert found[PairVerdict.A_HIGHER] >= 0.8 * 400
    assert found[PairVerdict.B_HIGHER] == 0


def test_bets_are_worth_nothing_on_average() -> None:
    """Every order of eight fair pairs: the mean stake is exactly one, the law behind the error bound."""
    stakes = []
    for order in product((-1, 1), repeat=8):
        stakes.append(np.mean([np.prod([1 + bet * d for d in order]) for bet in BETS]))
    assert np.mean(stakes) == pytest.approx(1)


def test_one_sided_pairs_stop_when_the_stake_says() -> None:
    """A alone is bad every time: mean(1 + l)^n first reaches 2 / alpha = 40 at the call computed here by hand."""
    calls = next(n for n in range(1, 50) if np.mean([(1 + bet) ** n for bet in BETS]) >= 40)
    found = replay_pairs(PairRule(margin=0.1, cap=400), [1] * 400)
    assert (found.n, found.verdict, found.mean) == (calls, PairVerdict.A_HIGHER, 1.0)
    assert replay_pairs(PairRule(margin=0.1, cap=400), [-1] * 400).verdict is PairVerdict.B_HIGHER


def test_equal_answers_end_as_equivalent() -> None:
    """No pair ever differs: both bets on the margin grow by 1 + l margin / (1 + margin) a pair, to 1 / alpha."""
    calls = next(n for n in range(1, 900) if np.mean([(1 + bet / 11) ** n for bet in BETS]) >= 20)
    found = replay_pairs(PairRule(margin=0.1, cap=400), [0] * 400)
    assert (found.n, found.verdict) == (calls, PairVerdict.EQUIVALENT)
    assert log(20) / log(1 + 0.9 / 11) < calls


def test_swapping_the_subjects_swaps_the_verdict() -> None:
    graded = np.random.default_rng(2).uniform(-0.4, 0.9, 300).round(3).tolist()
    rule = PairRule(margin=0.1, cap=300)
    first, second = replay_pairs(rule, graded), replay_pairs(rule, [-d for d in graded])
    assert (first.verdict, second.verdict) == (PairVerdict.A_HIGHER, PairVerdict.B_HIGHER)
    assert first.n == second.n
    assert first.mean == pytest.approx(-second.mean)


def test_cap_is_one_and_a_half_fixed_comparisons() -> None:
    assert planned_cap(0.1, 0.3) == 1.5 * pairs_needed(0.1, 0.3, power=0.9)
    found = replay_pairs(PairRule(margin=0.1, cap=10), [0] * 20)
    assert (found.n, found.verdict) == (10, PairVerdict.UNDECIDED)
    assert replay_pairs(PairRule(margin=0.1, cap=10), []).n == 0


def test_bad_input_is_named() -> None:
    for wrong in ({"margin": 0.0}, {"margin": float("nan")}, {"cap": 0}, {"alpha": 0.7}):
        with pytest.raises(AnalysisError):
            PairRule(**{"margin": 0.1, "cap": 10, **wrong})  # type: ignore[arg-type]
    watch = PairWatch(PairRule(margin=0.1, cap=1))
    for wrong_difference in (1.5, float("nan")):
        with pytest.raises(AnalysisError):
            watch.take(wrong_difference)
    watch.take(0)
    with pytest.raises(AnalysisError):
        watch.take(0)
