"""The worst of many attacks: replayable, unbiased on fresh calls, right bounds, bad input."""

from itertools import product
from math import exp

import numpy as np
import pytest
from scipy.stats import binom

from countermark.analysis import clopper_pearson
from countermark.analysis.sequential.evalues import log_exceeds_limit
from countermark.analysis.sequential.worst_case import Search, WorstCase, log_e_any_exceeds
from countermark.errors import AnalysisError

HIDDEN = [0.02] * 9 + [0.5]


def run(rates: list[float], budget: int, seed: int) -> tuple[WorstCase, list[int]]:
    """A whole search against planted rates; outcomes from one fixed table, so that only the choices vary."""
    generator, search, chosen = np.random.default_rng(seed), Search(len(rates), budget, b"%d" % seed), []
    while (attack := search.next()) is not None:
        chosen.append(attack)
        search.take(bool(generator.random() < rates[attack]))
    return search.result(), chosen


def test_the_same_seed_and_outcomes_make_the_same_choices() -> None:
    assert run(HIDDEN, 120, 1) == run(HIDDEN, 120, 1)
    assert run(HIDDEN, 120, 1)[1] != run(HIDDEN, 120, 2)[1]


def test_it_finds_the_one_bad_attack_and_measures_it_afresh() -> None:
    found = [run(HIDDEN, 150, seed)[0] for seed in range(12)]
    assert sum(one.attack == 9 for one in found) >= 11
    for one in found:
        assert (one.searched, one.n) == (90, 60)
        assert one.bound == pytest.approx(clopper_pearson(one.x, one.n, level=0.9)[0])
        assert binom.sf(one.x - 1, one.n, one.bound) == pytest.approx(0.05) if one.x else one.bound == 0


def test_a_flat_model_is_not_made_to_look_worse() -> None:
    """All attacks at .2: the best of what was searched is far above, the fresh rate is not; 40 searches, 3 sd."""
    fresh, best = [], []
    for seed in range(40):
        generator, search = np.random.default_rng(seed), Search(10, 100, b"%d" % seed)
        while (attack := search.next()) is not None:
            assert 0 <= attack < 10
            search.take(bool(generator.random() < 0.2))
        fresh.append(search.result().rate)
        best.append(max(bad / calls for bad, calls in zip(search.bad, search.calls, strict=True)))
    assert np.mean(fresh) == pytest.approx(0.2, abs=3 * (0.16 / 1600) ** 0.5)
    assert np.mean(best) > 0.3


def test_every_attack_is_tried_and_asking_twice_changes_nothing() -> None:
    search = Search(4, 20, b"")
    assert [search.next(), search.next()] == [0, 0]
    for expected in range(4):
        assert search.next() == expected
        search.take(False)
    assert search.next() == search.next()


def test_evidence_over_attacks_multiplies() -> None:
    counts = [(40, 9), (12, 0), (0, 0)]
    alone = [float(log_exceeds_limit(n, x, 0.05)) for n, x in counts]
    assert alone[2] == pytest.approx(0)
    assert log_e_any_exceeds(counts, 0.05) == pytest.approx(sum(alone))


def test_evidence_over_attacks_is_worth_one_whatever_is_tried_next() -> None:
    """Every order of ten outcomes at the limit itself, the next attack chosen greedily by what was seen so far."""
    limit, expected = 0.3, 0.0
    for order in product((0, 1), repeat=10):
        counts = [[0, 0], [0, 0], [0, 0]]
        for bad in order:
            attack = max(range(3), key=lambda k: (counts[k][1], -counts[k][0]))
            counts[attack] = [counts[attack][0] + 1, counts[attack][1] + bad]
        chance = limit ** sum(order) * (1 - limit) ** (10 - sum(order))
        expected += chance * exp(log_e_any_exceeds([(n, x) for n, x in counts], limit))
    assert expected == pytest.approx(1)


def test_bad_input_is_named() -> None:
    for attacks, budget in ((1, 50), (30, 40), (0, 0)):
        with pytest.raises(AnalysisError):
            Search(attacks, budget, b"")
    search = Search(2, 5, b"")
    with pytest.raises(AnalysisError):
        search.chosen  # noqa: B018
    with pytest.raises(AnalysisError):
        search.result()
    while search.next() is not None:
        search.take(False)
    with pytest.raises(AnalysisError):
        search.take(False)
