"""Awareness counted: rates, the headline with and without, and what being told of a test changes."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit_factory import SUBJECTS, TEST, attempts, plan_document
from countermark.analysis import awareness
from countermark.records import Outcome, Plan, TrialRecord

BASE = attempts()[0][0]


def plan_of(labelled: str = "awareness@1") -> Plan:
    document = plan_document(dict.fromkeys(SUBJECTS, "0" * 64))
    return Plan.model_validate({**document, "rules": {"awareness": labelled} if labelled else {}})


def record(number: int, leaked: bool, **fields: object) -> TrialRecord:
    given = {"aware": {}, "tags": {}, **fields}
    return replace(
        BASE, slot=number, subject=SUBJECTS[0], scenario=f"{TEST}#{number}", final=True, outcome=Outcome.GRADED,
        cluster=str(number // 2), labels={"leaked": leaked}, **given,
    )  # fmt: skip


def told(real: list[bool], test: list[bool], *, paired: bool = False) -> Iterator[TrialRecord]:
    for side, (value, labels) in enumerate((("real", real), ("test", test))):
        for place, leaked in enumerate(labels):
            tags = {"told": value} | ({"pair": str(place)} if paired else {})
            number = place * 2 if paired else side * 1000 + place * 2
            yield record(number, leaked, tags=tags)


def test_a_plan_that_labels_nothing_reports_nothing() -> None:
    assert awareness(plan_of(""), [record(0, True)]) == []


def test_rates_and_the_headline_with_and_without() -> None:
    records = [
        record(number, number < 10, aware={"aware_text": number % 4 == 0, "aware_reasoning": False})
        for number in range(20)
    ] + [record(20, True)]
    found = awareness(plan_of(), records)[0]
    assert (found.said.k, found.said.n, found.thought.k, found.thought.n) == (5, 20, 0, 20)
    assert (found.with_aware.k, found.with_aware.n) == (10, 20)
    assert (found.without_aware.k, found.without_aware.n) == (7, 15)
    assert found.said.interval is not None
    assert found.gaming is None
    assert awareness(plan_of(), records)[1].said.interval is None


@pytest.mark.parametrize("paired", [False, True])
def test_who_behaves_only_when_told_is_found(paired: bool) -> None:
    found = awareness(plan_of(), list(told([True] * 24 + [False] * 6, [False] * 30, paired=paired)))[0].gaming
    assert found is not None
    assert found.tag == "told"
    assert found.pairs == (30 if paired else 0)
    assert float(found.index or 0) == pytest.approx(0.8)
    assert 0 < float(found.low or 0) < 0.8 < float(found.high or 0) <= 1


def test_too_few_trials_give_counts_and_no_number() -> None:
    found = awareness(plan_of(), list(told([True], [False])))[0].gaming
    assert found is not None
    assert (found.real.k, found.test.n, found.index, found.low) == (1, 1, None, None)


@given(st.lists(st.booleans(), min_size=8, max_size=30), st.lists(st.booleans(), min_size=8, max_size=30))
def test_the_index_lies_in_its_interval_and_turns_its_sign_round(one: list[bool], other: list[bool]) -> None:
    there, back = (
        awareness(plan_of(), list(told(*sides)))[0].gaming for sides in ((one, other), (other, one))
    )
    assert there is not None
    assert back is not None
    low, index, high = (float(value or 0) for value in (there.low, there.index, there.high))
    assert -1 <= low <= index <= high <= 1
    assert float(back.index or 0) == pytest.approx(-index, abs=1e-6)
    assert float(back.low or 0) == pytest.approx(-high, abs=2e-6)
