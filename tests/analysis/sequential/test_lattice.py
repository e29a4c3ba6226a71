"""The lattice: against every order walked one by one, against scipy, against simulation."""

from math import exp

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom

from analysis.sequential.enumeration import brute_force
from countermark.analysis.sequential.lattice import (
    CERTIFIED,
    EXCEEDED,
    UNDECIDED,
    Boundaries,
    characteristic,
    last_look,
    law_of,
    smallest_cap,
)
from countermark.errors import AnalysisError

CAP = 11


@st.composite
def designs(draw: st.DrawFn) -> Boundaries:
    """Any tables at all, monotone or not, crossing or not."""
    table = st.lists(st.integers(-1, CAP + 1), min_size=CAP + 1, max_size=CAP + 1)
    precise = draw(st.none() | table)
    judged = draw(st.booleans()) if precise is not None else True
    certify = draw(table)
    exceed = [max(most, least + 1) for most, least in zip(draw(table), certify, strict=True)]
    return Boundaries(cap=CAP, certify=certify, exceed=exceed, precise=precise, judged=judged)


@settings(max_examples=60, deadline=None)
@given(designs())
def test_counts_agree_with_brute_force(design: Boundaries) -> None:
    found = law_of(design)
    counted: dict[tuple[int, int, int], float] = {}
    for n, x, verdict, orders in zip(found.n, found.x, found.verdict, found.log_orders, strict=True):
        point = int(n), int(x), int(verdict)
        counted[point] = counted.get(point, 0.0) + exp(orders)
    assert counted == pytest.approx(dict(brute_force(design)))


def fixed(n: int, critical: int) -> Boundaries:
    return Boundaries(cap=n, certify=[-1] * n + [critical], exceed=[*range(1, n + 1), critical + 1])


def test_a_design_that_never_stops_early_is_the_binomial() -> None:
    found = law_of(fixed(60, 3))
    for rate in (0.0, 0.02, 0.5, 1.0):
        assert found.chances(rate).sum() == pytest.approx(1)
        assert found.calls(rate) == pytest.approx(60)
        assert found.chance_of(CERTIFIED, rate) == pytest.approx(binom.cdf(3, 60, rate))
        assert found.chance_of(EXCEEDED, rate) == pytest.approx(binom.sf(3, 60, rate))


def test_simulation_agrees() -> None:
    """Stop at 2 bad in a row of at most 30, or at 12 calls without one; 20,000 runs, four standard errors."""
    certify = [-1] * 12 + [0] * 19
    design = Boundaries(cap=30, certify=certify, exceed=[2] * 31)
    found = law_of(design)
    outcomes = np.random.default_rng(7).random((20_000, 30)) < 0.1
    bad = outcomes.cumsum(axis=1)
    second = np.where((bad >= 2).any(axis=1), (bad >= 2).argmax(axis=1) + 1, 99)
    clean = np.where(bad[:, 11] == 0, 12, 99)
    calls = np.minimum(np.minimum(second, clean), 30)
    assert calls.mean() == pytest.approx(found.calls(0.1), abs=4 * calls.std() / 20_000**0.5)
    assert np.mean(clean < second) == pytest.approx(found.chance_of(CERTIFIED, 0.1), abs=0.015)
    assert found.quantile(0.1, 0.9) == np.quantile(calls, 0.9, method="inverted_cdf")


def test_last_look_spends_what_is_left_and_no_more() -> None:
    """With nothing spent before, the last look is the fixed binomial test."""
    for limit, n in ((0.05, 153), (0.1, 90), (0.3, 20)):
        never = Boundaries(cap=n, certify=[-1] * (n + 1), exceed=[n + 2] * (n + 1))
        look = last_look(never, limit, 0.05)
        assert binom.cdf(look, n, limit) <= 0.05 < binom.cdf(look + 1, n, limit)


def test_smallest_cap_without_early_stops_is_the_fixed_design() -> None:
    """notes, 3.3: the fixed design needs 153 calls for (.05, .01) and 239 for (.1, .05)."""
    never = Boundaries(cap=400, certify=[-1] * 401, exceed=[500] * 401)
    assert smallest_cap(never, (0.05, 0.01), 0.05, 0.9) == 153
    assert smallest_cap(never, (0.1, 0.05), 0.05, 0.9) == 239
    assert smallest_cap(never, (0.05, 0.045), 0.05, 0.9) is None


def test_characteristic_has_one_entry_a_rate() -> None:
    columns = characteristic(law_of(fixed(20, 1)), [0.0, 0.1])
    assert columns["calls"] == pytest.approx([20, 20])
    assert columns["certified"] == pytest.approx([1, binom.cdf(1, 20, 0.1)])
    assert columns["undecided"] == pytest.approx([0, 0])


def test_a_rate_outside_is_named() -> None:
    for rate in (-0.1, 1.1, float("nan")):
        with pytest.raises(AnalysisError):
            law_of(fixed(3, 0)).chances(rate)


def test_an_open_end_is_undecided() -> None:
    found = law_of(Boundaries(cap=5, certify=[-1] * 6, exceed=[9] * 6))
    assert found.chance_of(UNDECIDED, 0.3) == pytest.approx(1)
