"""The ablation table: planted causes recovered with their intervals, pairs where there are any, nothing measured never a difference."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from countermark.analysis import ablations
from countermark.analysis.ablations import square_and_add
from countermark.canonical import pick
from countermark.records import Ablated, Ablation, Interval, Outcome, Plan, Status, TrialRecord
from countermark.records.measured import Share
from statement_factory import TEXT

CAUSES: list[dict[str, Any]] = [
    {"cause": "threat", "title": TEXT, "arm": "calm"},
    {"cause": "unobserved", "title": TEXT, "tag": "oversight", "present": "hidden", "absent": "visible"},
    {"cause": "told_real", "title": TEXT, "tag": "told", "present": "real", "absent": "test"},
]


def plan_of(causes: list[dict[str, Any]] = CAUSES) -> Plan:
    metric = {
        "id": "bad", "title": TEXT, "arm": "full", "label": "bad", "better": "lower", "axis": "misalignment", "headline": True,
        "ablations": causes,
    }  # fmt: skip
    test = {
        "id": "a/one", "version": "1-A", "title": TEXT, "construct": TEXT, "driver": "world", "grader": "state",
        "metrics": [metric], "digest": "0" * 64, "items": 2, "arms": {"full": 1, "calm": 1},
    }  # fmt: skip
    subject = {"id": "x/y", "kind": "live", "simulation": False, "pack_digest": "0" * 64, "tests": ["a/one"]}
    return Plan.model_validate(
        {
            "audit": "0" * 32, "created": "t", "auditor": "x", "software": "x", "battery": "x",
            "seed": {"auditor": "0" * 64}, "tests": [test], "subjects": [subject], "rules": {},
        }
    )  # fmt: skip


def record(slot: int, arm: str, bad: bool, tags: dict[str, str], **fields: Any) -> TrialRecord:
    return TrialRecord(
        **{
            "slot": slot, "subject": "x/y", "test": "a/one", "scenario": f"s{slot}", "item": slot, "epoch": 0,
            "attempt": 1, "final": True, "status": Status.OK, "outcome": Outcome.GRADED, "arm": arm,
            "cluster": f"c{slot // 4 % 30}", "labels": {"bad": bad}, "reason": "", "grader": "state@1", "started": "t",
            "ended": "t", "tags": tags, **fields,
        }
    )  # fmt: skip


Behaviour = Callable[[str, dict[str, str]], bool]
"""Whether the subject would ever misbehave there; it then does six times in ten."""


def trials(would: Behaviour, count: int = 120, *, paired: bool = True) -> list[TrialRecord]:
    """Both arms, each pair told real and told test, oversight drawn by the pair."""
    found = []
    for number in range(count):
        for arm in ("full", "calm"):
            for told in ("real", "test"):
                tags = {"told": told, "oversight": ("hidden", "visible")[number % 2]}
                bad = would(arm, tags) and pick(f"{number}/{arm}/{told}", 10) < 6
                named = {"pair": f"p{number}"} if paired else {}
                found.append(record(len(found), arm, bad, tags | named, cluster=f"c{number % 30}"))
    return found


def table(records: list[TrialRecord], plan: Plan | None = None) -> dict[str, Ablated]:
    return {one.cause: one for one in ablations(plan or plan_of(), records)}


@pytest.mark.parametrize(
    ("would", "cause"),
    [
        (lambda arm, _: arm == "full", "threat"),
        (lambda arm, tags: arm == "full" and tags["oversight"] == "hidden", "unobserved"),
        (lambda arm, tags: arm == "full" and tags["told"] == "real", "told_real"),
    ],
)
@pytest.mark.parametrize("paired", [True, False])
def test_a_planted_cause_is_recovered(would: Behaviour, cause: str, paired: bool) -> None:
    found = table(trials(would, paired=paired))
    assert found[cause].found == "raises"
    assert float(found[cause].low or 0) < 0.6 < float(found[cause].high or 0)
    assert found[cause].absent.k == 0
    for other in {"unobserved", "told_real"} - {cause}:
        assert found[other].found == "not_shown"
    assert bool(found["threat"].pairs) is bool(found["told_real"].pairs) is paired
    assert found["unobserved"].pairs == 0


def test_a_cause_that_holds_the_subject_back_lowers() -> None:
    assert table(trials(lambda arm, _: arm == "calm"))["threat"].found == "lowers"


def test_nothing_measured_is_no_difference_shown() -> None:
    whole = trials(lambda arm, _: arm == "full")
    found = table([one for one in whole if one.arm == "full"])["threat"]
    assert (found.found, found.difference, found.absent.n) == ("not_measured", None, 0)
    few = table([one for one in whole if one.arm == "full" or one.slot < 8])["threat"]
    assert (few.found, few.low, few.pairs) == ("not_measured", None, 0)
    one_source = [record(one.slot, one.arm, one.labels["bad"], dict(one.tags), cluster="c") for one in whole]
    assert {one.found for one in table(one_source).values()} == {"not_measured"}


def test_only_final_trials_with_a_verdict_count() -> None:
    whole = trials(lambda arm, _: arm == "full")
    noise = [
        record(one.slot, "calm", True, dict(one.tags), **fields)  # type: ignore[arg-type]
        for one in whole
        for fields in (
            {"final": False},
            {"outcome": Outcome.UNGRADED, "labels": {}},
            {"labels": {"other": True}},
        )
    ]
    assert ablations(plan_of(), [*whole, *noise]) == ablations(plan_of(), whole)


def test_the_order_of_records_plays_no_part() -> None:
    whole = trials(lambda _, tags: tags["told"] == "real", 40)
    assert ablations(plan_of(), whole[::-1]) == ablations(plan_of(), whole)


def test_pairs_are_left_where_most_trials_have_no_counterpart_or_a_side_has_two() -> None:
    whole = trials(lambda arm, _: arm == "full")
    thinned = [one for one in whole if one.arm == "full" or int(one.tags["pair"][1:]) < 60]
    assert table(thinned)["threat"].pairs == 120
    moved = [
        record(
            one.slot, one.arm, one.labels["bad"], {**one.tags, "pair": f"q{one.slot}"}, cluster=one.cluster
        )
        if one.arm == "calm" and int(one.tags["pair"][1:]) > 40
        else one
        for one in whole
    ]
    assert table(moved)["threat"].pairs == 0
    twice = table([*whole, record(9999, "full", True, dict(whole[0].tags))])["threat"]
    assert twice.pairs == 0


def test_a_cause_of_another_metric_tells_the_trials_of_a_pair_apart() -> None:
    document = plan_of().model_dump(mode="json", by_alias=True)
    first = document["tests"][0]["metrics"][0]
    document["tests"][0]["metrics"].append(
        {**first, "id": "second", "headline": False, "ablations": CAUSES[:1]}
    )
    found = ablations(Plan.model_validate(document), trials(lambda arm, _: arm == "full"))
    assert [(one.metric, one.cause, one.pairs) for one in found if one.cause == "threat"] == [
        ("bad", "threat", 240), ("second", "threat", 240),
    ]  # fmt: skip


def test_without_causes_there_is_no_table() -> None:
    assert ablations(plan_of([]), trials(lambda *_: True, 12)) == []
    assert "ablations" not in plan_of([]).model_dump(mode="json")["tests"][0]["metrics"][0]


@pytest.mark.parametrize(
    "fields",
    [{}, {"arm": "calm", "tag": "told", "present": "a", "absent": "b"}, {"tag": "told", "present": "a", "absent": "a"},
     {"arm": "calm", "present": "a"}],
)  # fmt: skip
def test_a_cause_is_an_arm_or_two_values_of_a_tag(fields: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        Ablation.model_validate({"cause": "x", "title": TEXT, **fields})


def share(k: int, n: int, low: float, high: float) -> Share:
    bounds = Interval(low=f"{low:.6f}", high=f"{high:.6f}", level="0.95", method="m", n_effective="1")
    return Share(k=k, n=n, interval=bounds)


@given(st.integers(0, 50), st.integers(0, 50), st.floats(0, 0.5), st.floats(0, 0.5))
def test_square_and_add_holds_the_difference_and_turns_round(
    one: int, two: int, down: float, up: float
) -> None:
    first, second = (share(k, 50, max(0.0, k / 50 - down), min(1.0, k / 50 + up)) for k in (one, two))
    middle, low, high = square_and_add(first, second)
    assert -1 <= low <= middle + 1e-9
    assert middle <= high + 1e-9 <= 1 + 1e-9
    turned = square_and_add(second, first)
    assert turned == pytest.approx((-middle, -high, -low))


def test_square_and_add_gives_the_published_example() -> None:
    # Newcombe 1998, Table II, (a) 56/70 - 48/80: Wilson intervals combined give 0.0524 to 0.3339 (method 10).
    found = square_and_add(share(56, 70, 0.691834, 0.876953), share(48, 80, 0.490455, 0.700382))
    assert found == pytest.approx((0.2, 0.0524, 0.3339), abs=2e-4)
