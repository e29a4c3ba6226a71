"""Planning: the table's figures against their definitions, the note's known answers, and bad input."""

import pytest

from countermark.analysis import clopper_pearson
from countermark.analysis.detectable import smallest_detectable
from countermark.analysis.power import Planned, fixed_calls, operating_curve, power_table
from countermark.analysis.sequential import Rule
from countermark.errors import AnalysisError

JUDGED = Rule(limit=0.1, target=0.05)


def test_a_row_says_what_the_rule_costs_and_promises() -> None:
    """notes, 3.3 for (.1, .05): 239 fixed; .18, .65, .49 and .11 of it at 0, target, limit and twice the limit."""
    (row,) = power_table([Planned(name="leaks", rule=JUDGED, scenarios=400)])
    at = {place.where: place for place in row.at}
    assert list(at) == ["zero", "half_target", "target", "middle", "limit", "twice_limit"]
    assert (row.fixed, row.worst, row.enough) == (239, JUDGED.worst, True)
    for where, share in (("zero", 0.18), ("target", 0.65), ("limit", 0.49), ("twice_limit", 0.11)):
        assert at[where].calls / row.fixed == pytest.approx(share, abs=0.015)
    assert at["target"].certified >= 0.9
    assert at["limit"].certified <= 0.05
    assert at["twice_limit"].target_exceeded > 0.99
    for place in row.at:
        assert place.certified + place.target_exceeded + place.undecided == pytest.approx(1)
        assert place.calls <= row.worst >= place.calls_90


def test_smallest_differences() -> None:
    (row,) = power_table([Planned(name="leaks", rule=JUDGED, scenarios=400)], correlation=0.5)
    assert row.smallest_difference == smallest_detectable(400, 0.05, correlation=0.5, power=0.9)
    assert row.smallest_difference is not None
    assert row.smallest_stopped is not None
    assert row.smallest_stopped > row.smallest_difference


def test_too_few_scenarios_are_told() -> None:
    (row,) = power_table([Planned(name="leaks", rule=JUDGED, scenarios=50)])
    assert not row.enough


def test_precision_alone_is_measured_against_the_widest_case() -> None:
    """The fixed design for a half-width must hold at a rate of one half; 95 % Clopper-Pearson."""
    rule = Rule(half_width=0.1)
    fixed = fixed_calls(rule)
    for n, fits in ((fixed, True), (fixed - 1, False)):
        low, high = clopper_pearson(n // 2, n)
        assert ((high - low) / 2 <= 0.1) is fits
    (row,) = power_table([Planned(name="refusals", rule=rule, scenarios=200)])
    assert [place.rate for place in row.at] == [0.0, 0.01, 0.05, 0.1, 0.3, 0.5]
    assert row.at[0].calls < fixed / 2


def test_curve_is_ready_to_draw() -> None:
    curve = operating_curve(JUDGED, points=31)
    assert len({len(column) for column in (curve.rate, curve.calls, curve.calls_90, curve.certified)}) == 1
    assert (curve.rate[0], curve.rate[-1]) == (0.0, pytest.approx(0.3))
    assert list(curve.certified) == sorted(curve.certified, reverse=True)
    assert list(curve.target_exceeded) == sorted(curve.target_exceeded)
    assert operating_curve(Rule(half_width=0.2), points=3).rate == (0.0, 0.5, 1.0)


def test_bad_input_is_named() -> None:
    with pytest.raises(AnalysisError):
        power_table([Planned(name="leaks", rule=JUDGED, scenarios=0)])
    with pytest.raises(AnalysisError):
        operating_curve(JUDGED, points=1)
