"""The designs measured against: the note's exact figures, binomial laws, and the limit below them all."""

from math import inf

import pytest
from scipy.stats import binom

from countermark.analysis.sequential import Rule
from countermark.analysis.sequential.designs import (
    curtailed,
    fixed_design,
    information_limit,
    limit_only,
    wald,
)
from countermark.analysis.sequential.lattice import CERTIFIED, UNDECIDED, law_of
from countermark.analysis.sequential.rule import law
from countermark.errors import AnalysisError

FIXED = {
    (0.01, 0.005): 2546,
    (0.01, 0.002): 773,
    (0.05, 0.025): 506,
    (0.05, 0.01): 153,
    (0.1, 0.05): 239,
    (0.2, 0.1): 112,
}


@pytest.mark.parametrize(("rates", "calls"), FIXED.items())
def test_fixed_designs_of_the_note(rates: tuple[float, float], calls: int) -> None:
    found = fixed_design(*rates)
    assert found.calls == calls
    assert binom.cdf(found.critical, calls, rates[0]) <= 0.05
    assert binom.cdf(found.critical, calls, rates[1]) >= 0.90


def test_curtailing_changes_no_verdict() -> None:
    design = fixed_design(0.2, 0.1)
    found = law_of(curtailed(design))
    for rate in (0.0, 0.1, 0.2, 0.5):
        assert found.chance_of(CERTIFIED, rate) == pytest.approx(
            binom.cdf(design.critical, design.calls, rate)
        )
        assert found.chance_of(UNDECIDED, rate) == 0
        assert found.calls(rate) < design.calls


def test_costs_of_the_note() -> None:
    """notes, 3.3, limit .1 and target .05, as shares of 239: curtailed, limit only, Wald, at four rates."""
    rule, design = Rule(limit=0.1, target=0.05), fixed_design(0.1, 0.05)
    expected = {
        curtailed(design): (0.93, 0.97, 0.71, 0.36),
        limit_only(rule): (0.15, 0.67, 0.95, 0.43),
        wald(rule): (0.23, 0.62, 0.45, 0.11),
    }
    for tables, shares in expected.items():
        found = law_of(tables)
        calls = [found.calls(rate) / 239 for rate in (0.0, 0.05, 0.1, 0.2)]
        assert calls == pytest.approx(shares, abs=0.006)


def test_wald_practically_never_meets_the_far_cap() -> None:
    found = law_of(wald(Rule(limit=0.2, target=0.1)))
    assert found.chance_of(UNDECIDED, 0.15) < 1e-7


def test_no_rule_is_cheaper_than_the_limit_allows() -> None:
    rule = Rule(limit=0.1, target=0.05)
    for rate in (0.0, 0.01, 0.025, 0.05):
        assert information_limit(rule, rate) < law(rule).calls(rate)
    assert information_limit(rule, 0.07) == inf
    assert information_limit(rule, 0.05) / 239 == pytest.approx(0.60, abs=0.005)


def test_bad_input_is_named() -> None:
    with pytest.raises(AnalysisError):
        fixed_design(0.1, 0.1)
    with pytest.raises(AnalysisError):
        fixed_design(0.5, 0.4999)
    with pytest.raises(AnalysisError):
        wald(Rule(half_width=0.1))
