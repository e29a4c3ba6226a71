"""Claims: only the interval decides, whatever the rate in its middle; and what keeps it from deciding is said."""

from decimal import Decimal
from typing import get_args

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from countermark.analysis import claim_results, decide
from countermark.analysis.claims import Comparator
from countermark.records import Finding, StatedClaim
from statement_factory import PACK, SUBJECTS, TESTS, claim, finding, interval, plan

COMPARATORS = get_args(Comparator)
OPPOSITE = {"<=": ">", ">": "<=", "<": ">=", ">=": "<"}
millionths = st.integers(0, 1_000_000)


def text(value: int) -> str:
    return f"{Decimal(value) / 1_000_000:f}"


def decided(low: int, high: int, comparator: Comparator, threshold: int) -> str:
    return decide(interval(text(low), text(high)), comparator, text(threshold))[0]


@given(
    bounds=st.tuples(millionths, millionths).map(sorted),
    threshold=millionths,
    comparator=st.sampled_from(COMPARATORS),
)
def test_a_verdict_is_what_every_rate_in_the_interval_says(
    bounds: list[int], threshold: int, comparator: Comparator
) -> None:
    """The ends are rates of the interval too, and so is the threshold where it lies inside."""
    low, high = bounds
    rates = {low, high, (low + high) // 2} | ({threshold} if low <= threshold <= high else set())
    holds = {
        "<=": lambda rate: rate <= threshold,
        "<": lambda rate: rate < threshold,
        ">=": lambda rate: rate >= threshold,
        ">": lambda rate: rate > threshold,
    }[comparator]
    said = {holds(rate) for rate in rates}
    expected = "undecided" if len(said) == 2 else "confirmed" if said == {True} else "refuted"
    assert decided(low, high, comparator, threshold) == expected


@given(
    bounds=st.lists(millionths, min_size=4, max_size=4).map(sorted),
    threshold=millionths,
    comparator=st.sampled_from(COMPARATORS),
)
def test_a_narrower_interval_never_takes_a_verdict_back(
    bounds: list[int], threshold: int, comparator: Comparator
) -> None:
    outer, inner = (bounds[0], bounds[3]), (bounds[1], bounds[2])
    wide = decided(*outer, comparator, threshold)
    assume(wide != "undecided")
    assert decided(*inner, comparator, threshold) == wide


@given(
    bounds=st.tuples(millionths, millionths).map(sorted),
    shift=millionths,
    threshold=millionths,
    comparator=st.sampled_from(COMPARATORS),
)
def test_moving_the_interval_towards_the_claimed_side_never_hurts_the_claim(
    bounds: list[int], shift: int, threshold: int, comparator: Comparator
) -> None:
    low, high = bounds
    toward = -min(shift, low) if comparator in ("<=", "<") else min(shift, 1_000_000 - high)
    order = ["refuted", "undecided", "confirmed"]
    before = order.index(decided(low, high, comparator, threshold))
    assert order.index(decided(low + toward, high + toward, comparator, threshold)) >= before


@given(
    bounds=st.tuples(millionths, millionths).map(sorted),
    threshold=millionths,
    comparator=st.sampled_from(COMPARATORS),
)
def test_a_claim_is_confirmed_exactly_where_its_opposite_is_refuted(
    bounds: list[int], threshold: int, comparator: Comparator
) -> None:
    turned = {"confirmed": "refuted", "refuted": "confirmed", "undecided": "undecided"}
    assert (
        decided(*bounds, OPPOSITE[comparator], threshold) == turned[decided(*bounds, comparator, threshold)]
    )  # type: ignore[arg-type]


@given(
    bounds=st.tuples(millionths, millionths).map(sorted),
    threshold=millionths,
    comparator=st.sampled_from(COMPARATORS),
)
def test_how_far_the_interval_reaches_is_said_where_it_straddles_and_only_there(
    bounds: list[int], threshold: int, comparator: Comparator
) -> None:
    low, high = bounds
    [result] = claim_results(plan(), [finding((text(low), text(high)))], [claim(comparator, text(threshold))])
    assert (result.beyond is not None) == (result.verdict == "undecided")
    if result.beyond is not None:
        due = high - threshold if comparator in ("<=", "<") else threshold - low
        assert Decimal(result.beyond) * 1_000_000 == due
        assert [reason.code for reason in result.reasons] == ["straddles"]


def one(found: Finding, stated: StatedClaim, **rules: object) -> tuple[str, list[tuple[str, str, str]]]:
    [result] = claim_results(plan(**rules), [found], [stated])
    return result.verdict, [(reason.code, reason.claimed, reason.found) for reason in result.reasons]


def test_the_rate_in_the_middle_decides_nothing() -> None:
    assert one(finding(("0.050000", "0.210000"), rate="0.010000"), claim())[0] == "undecided"
    assert one(finding(("0.050000", "0.200000"), rate="0.990000"), claim())[0] == "confirmed"


def test_a_bound_on_the_threshold() -> None:
    at = finding(("0.050000", "0.200000"))
    assert one(at, claim("<="))[0] == "confirmed"
    [result] = claim_results(plan(), [at], [claim("<")])
    assert (result.verdict, result.beyond) == ("undecided", "0.000000")


GOOD = ("0.010000", "0.050000")


@pytest.mark.parametrize(
    ("stated", "verdict", "reasons"),
    [
        (claim(version="2-Z"), "confirmed", []),
        (claim(version="1-A"), "void", [("version", "1-A", "2-B")]),
        (claim(under={"max_tokens": "1024"}), "confirmed", []),
        (claim(under={"max_tokens": "64"}), "void", [("max_tokens", "64", "1024")]),
        (claim(under={"reasoning": "high"}, asked={"reasoning": "high"}), "confirmed", []),
        (claim(under={"reasoning": "high"}, asked={"reasoning": "default"}), "void", [("reasoning", "high", "default")]),
        (claim(under={"temperature": "0"}), "void", [("temperature", "0", "not said")]),
        (claim(version="9-A", under={"reasoning": "low"}, asked={"reasoning": "none"}), "void",
         [("version", "9-A", "2-B"), ("reasoning", "low", "none")]),
        (claim(subject="lab/other"), "not_tested", [("subject", "lab/other", "")]),
        (claim(pack_digest="e" * 64), "not_tested", [("subject", SUBJECTS[0], "")]),
        (claim(subject=SUBJECTS[1], test=TESTS[1]), "not_tested", [("test", TESTS[1], "")]),
        (claim(test="a/three"), "not_tested", [("test", "a/three", "")]),
        (claim(metric="other"), "not_tested", [("metric", "other", "")]),
        (claim(metric="other", version="9-A"), "not_tested", [("metric", "other", "")]),
    ],
)  # fmt: skip
def test_what_keeps_a_claim_from_being_decided(
    stated: StatedClaim, verdict: str, reasons: list[tuple[str, str, str]]
) -> None:
    assert one(finding(GOOD), stated) == (verdict, reasons)


def test_a_number_that_is_withheld_leaves_a_claim_undecided() -> None:
    verdict, reasons = one(finding(None), claim())
    assert verdict == "undecided"
    assert reasons == [("withheld", "", "3 of 50 trials have a verdict, under the 10 the plan asks for")]


def test_another_replies_length_voids() -> None:
    assert one(finding(GOOD), claim(under={"max_tokens": "1024"}), max_tokens=64)[0] == "void"


def test_results_stand_in_the_order_of_the_claims() -> None:
    stated = [claim(id="b"), claim(id="a"), claim(id="c", pack="other", pack_digest=PACK)]
    assert [result.claim.id for result in claim_results(plan(), [finding(GOOD)], stated)] == ["b", "a", "c"]
