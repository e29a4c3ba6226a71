"""Rates by environment: known answers, a second implementation, coverage by a small simulation, and nothing measured never a zero."""

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from scipy.stats import binomtest

from countermark.analysis import environments, mean_of_rates
from countermark.errors import AnalysisError
from countermark.records import Environments, MetricSpec, Outcome, Plan, Report, Status, TrialRecord
from statement_factory import TEXT

Counts = dict[str, tuple[int, int]]
"""Environment to trials with the label and all trials."""
NUMBERS = ("mean", "interval", "at_zero", "under_05", "under_50", "highest")


def plan_of(tag: str = "place", **fields: Any) -> Plan:
    metric = {
        "id": "bad", "title": TEXT, "arm": "full", "label": "bad", "better": "lower", "axis": "misalignment", "headline": True,
        "environments": tag,
    }  # fmt: skip
    other = {**metric, "id": "good", "label": "good", "environments": "", "headline": False}
    test = {
        "id": "a/one", "version": "1-A", "title": TEXT, "construct": TEXT, "driver": "world", "grader": "state",
        "metrics": [metric, other], "digest": "0" * 64, "items": 2, "arms": {"full": 1, "calm": 1}, **fields,
    }  # fmt: skip
    subject = {"id": "x/y", "kind": "live", "simulation": False, "pack_digest": "0" * 64, "tests": ["a/one"]}
    return Plan.model_validate(
        {
            "audit": "0" * 32, "created": "t", "auditor": "x", "software": "x", "battery": "x",
            "seed": {"auditor": "0" * 64}, "tests": [test], "subjects": [subject], "rules": {},
        }
    )  # fmt: skip


def record(slot: int, place: str, bad: bool, **fields: Any) -> TrialRecord:
    return TrialRecord(
        **{
            "slot": slot, "subject": "x/y", "test": "a/one", "scenario": f"s{slot}", "item": slot, "epoch": 0,
            "attempt": 1, "final": True, "status": Status.OK, "outcome": Outcome.GRADED, "arm": "full",
            "cluster": f"c{slot}", "labels": {"bad": bad, "good": True}, "reason": "", "grader": "state@1", "started": "t",
            "ended": "t", "tags": {"place": place}, **fields,
        }
    )  # fmt: skip


def trials(counts: Counts) -> list[TrialRecord]:
    labels = [(place, number < k) for place, (k, n) in counts.items() for number in range(n)]
    return [record(slot, place, bad) for slot, (place, bad) in enumerate(labels)]


def row(counts: Counts, plan: Plan | None = None) -> Environments:
    (found,) = environments(plan or plan_of(), trials(counts))
    return found


def ends(found: Environments) -> tuple[float, float]:
    assert found.interval is not None
    return float(found.interval.low), float(found.interval.high)


def test_each_environment_weighs_the_same_and_low_ones_are_counted() -> None:
    found = row({"gate": (0, 30), "desk": (1, 40), "dock": (1, 20), "roof": (1, 2), "mill": (9, 10)})
    assert (found.environments, found.trials, found.over_20) == (5, 102, 2)
    assert found.mean == f"{(1 / 40 + 1 / 20 + 1 / 2 + 9 / 10) / 5:.6f}"
    assert (found.at_zero, found.under_05, found.under_50) == (1, 2, 3)
    assert found.highest is not None
    assert found.highest.model_dump() == {"environment": "mill", "k": 9, "n": 10, "rate": "0.900000"}
    assert (found.subject, found.test, found.metric, found.tag) == ("x/y", "a/one", "bad", "place")
    assert found.withheld is None


def test_of_equal_rates_the_one_with_more_trials_is_named_then_the_first_by_name() -> None:
    found = row({"a": (1, 2), "b": (5, 10), "c": (5, 10)})
    assert found.highest is not None
    assert found.highest.environment == "b"


def test_without_an_event_the_interval_has_the_width_of_as_many_coins_as_environments() -> None:
    found = row({f"e{number}": (0, 20) for number in range(21)})
    low, high = ends(found)
    assert (found.mean, low, found.at_zero, found.highest) == ("0.000000", 0.0, 21, None)
    assert high == pytest.approx(1 - 0.025 ** (1 / 21), abs=1e-6)
    more = row({f"e{number}": (0, 60) for number in range(21)})
    assert ends(more) == (low, high)
    every = row({f"e{number}": (20, 20) for number in range(21)})
    assert ends(every) == pytest.approx((1 - high, 1.0), abs=1e-6)


@given(st.integers(2, 30), st.data())
def test_where_each_environment_has_one_rate_of_0_or_1_it_is_the_exact_binomial(
    count: int, data: st.DataObject
) -> None:
    hits = data.draw(st.integers(0, count))
    found = row({f"e{number:02}": (5 * (number < hits), 5) for number in range(count)})
    wanted = binomtest(hits, count).proportion_ci(0.95, method="exact")
    assert ends(found) == pytest.approx((wanted.low, wanted.high), abs=1e-6)


COUNTS = st.dictionaries(
    st.text("abcdef", min_size=1, max_size=3),
    st.integers(1, 45).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))),
    min_size=2,
    max_size=12,
)


@given(COUNTS, st.randoms())
def test_by_hand_it_comes_out_the_same_in_whatever_order(counts: Counts, random: Any) -> None:
    plan, made = plan_of(min_graded=1), trials(counts)
    random.shuffle(made)
    (found,) = environments(plan, made)
    rates = {name: Fraction(k, n) for name, (k, n) in counts.items()}
    assert found == row(counts, plan)
    assert found.mean is not None
    assert float(found.mean) == pytest.approx(float(sum(rates.values()) / len(rates)), abs=1e-6)
    low, high = ends(found)
    assert low <= float(found.mean) <= high
    top = Fraction(found.highest.k, found.highest.n) if found.highest else Fraction()
    assert top == max(rates.values())
    wanted = [sum(20 * rate < step or rate == 0 for rate in rates.values()) for step in (0, 1, 10)]
    assert [found.at_zero, found.under_05, found.under_50] == wanted
    if max(n for _, n in counts.values()) <= 20:
        assert (found.over_20, found.under_05) == (0, found.at_zero)


@pytest.mark.parametrize("law", ["alike", "spread", "one_in_ten"])
def test_the_mean_over_environments_like_these_is_covered(law: str) -> None:
    rng, mean, covered, runs = np.random.default_rng(7), 0.1, 0, 60
    plan = plan_of()
    for _ in range(runs):
        truths = {
            "alike": np.full(21, mean),
            "spread": rng.beta(0.1, 0.9, 21),
            "one_in_ten": np.where(rng.random(21) < 0.1, 0.55, 0.05),
        }[law]
        events = rng.binomial(6, truths)
        low, high = ends(row({f"e{place:02}": (int(k), 6) for place, k in enumerate(events)}, plan))
        covered += low <= mean <= high
    # At 95 %, 60 runs cover 52 times or fewer in less than one case in a hundred.
    assert covered >= 53


def test_too_little_is_withheld_and_never_zero() -> None:
    for counts, why in (
        ({}, "few_trials"),
        ({"a": (0, 4), "b": (0, 5)}, "few_trials"),
        ({"a": (0, 40)}, "one_environment"),
    ):
        found = row(counts)
        assert found.withheld == why
        assert [getattr(found, name) for name in NUMBERS] == [None] * len(NUMBERS)
        assert (found.environments, found.trials) == (len(counts), sum(n for _, n in counts.values()))


def test_only_final_trials_of_the_arm_with_a_verdict_and_the_tag_count() -> None:
    whole = trials({"a": (3, 20), "b": (0, 20)})
    noise = [
        record(900 + place, "c", True, **fields)
        for place, fields in enumerate(
            (
                {"final": False},
                {"outcome": Outcome.UNGRADED, "labels": {}},
                {"labels": {"good": True}},
                {"arm": "calm"},
                {"test": "a/two"},
                {"subject": "x/z"},
                {"tags": {}},
            )
        )
    ]
    assert environments(plan_of(), [*whole, *noise]) == environments(plan_of(), whole)


def test_a_metric_that_names_none_is_not_told_and_old_plans_and_reports_read_as_before() -> None:
    plan = plan_of("")
    assert environments(plan, trials({"a": (1, 20), "b": (1, 20)})) == []
    assert "environments" not in plan.model_dump(mode="json")["tests"][0]["metrics"][0]
    assert Report.model_fields["environments"].get_default(call_default_factory=True) == []


def test_a_label_that_nobody_gives_is_not_told() -> None:
    judge = {"labels": ["bad"], "rubric": "x"}
    assert environments(plan_of(judge=judge), trials({"a": (1, 20), "b": (1, 20)})) == []


@pytest.mark.parametrize("tag", ["Place", "a b", "../x", "_"])
def test_a_tag_is_named_plainly(tag: str) -> None:
    metric = plan_of().tests[0].metrics[0].model_dump(mode="json")
    with pytest.raises(ValidationError):
        MetricSpec.model_validate({**metric, "environments": tag})


@pytest.mark.parametrize(
    "rates", [[], [Fraction(1, 2)], [Fraction(1, 2), Fraction(3, 2)], [Fraction(-1), Fraction(1)]]
)
def test_a_mean_of_no_rates_is_refused(rates: list[Fraction]) -> None:
    with pytest.raises(AnalysisError):
        mean_of_rates(rates)
    with pytest.raises(AnalysisError):
        mean_of_rates([Fraction(0), Fraction(0)], level=1.0)
