"""The random sample: fixed by the key and the slots alone, replayed with openssl, whatever the transcripts say."""

import shutil
import subprocess
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from countermark.analysis import Shown, event, shown
from countermark.analysis.sample import rank
from countermark.records import Outcome, Status, TrialRecord
from statement_factory import SUBJECTS, TESTS, failed, plan, trial

KEY = "ab" * 32
fates = st.sampled_from([Outcome.GRADED, Outcome.UNGRADED, Outcome.ERRORED, Outcome.UNSUPPORTED])


def drawn(pairs: list[Shown]) -> list[int]:
    return [one.record.slot for one in pairs if one.chosen == "random_sample"]


def fated(slot: int, outcome: Outcome, *, bad: bool) -> TrialRecord:
    status = {Outcome.ERRORED: Status.ERROR, Outcome.UNSUPPORTED: Status.UNSUPPORTED}.get(outcome, Status.OK)
    labels = {"bad": bad} if outcome is Outcome.GRADED else {}
    return trial(slot, outcome=outcome, status=status, labels=labels)


@given(
    key=st.text("0123456789abcdef", min_size=64, max_size=64),
    ends=st.lists(st.tuples(fates, st.booleans(), fates, st.booleans()), min_size=1, max_size=40),
    count=st.integers(0, 7),
)
def test_what_came_of_the_trials_has_no_part_in_the_choice(
    key: str, ends: list[tuple[Outcome, bool, Outcome, bool]], count: int
) -> None:
    one = [fated(slot, end[0], bad=end[1]) for slot, end in enumerate(ends)]
    other = [fated(slot, end[2], bad=end[3]) for slot, end in enumerate(ends)]
    rules = plan(sample=count)
    found = drawn(shown(rules, one, key))
    assert found == drawn(shown(rules, other, key))
    assert len(found) == min(count, len(ends))
    assert found == sorted(range(len(ends)), key=lambda slot: rank(key, slot))[:count]


@given(order=st.permutations(range(12)))
def test_the_order_in_which_trials_ended_has_no_part_either(order: list[int]) -> None:
    records = [trial(slot) for slot in range(12)]
    assert drawn(shown(plan(), [records[place] for place in order], KEY)) == drawn(
        shown(plan(), records, KEY)
    )


def test_every_cell_has_its_own_sample() -> None:
    records = [
        trial(30 * place + slot, subject, test)
        for place, (subject, test) in enumerate([(SUBJECTS[0], TESTS[0]), (SUBJECTS[0], TESTS[1]), (SUBJECTS[1], TESTS[0])])
        for slot in range(30)
    ]  # fmt: skip
    found = shown(plan(), records, KEY)
    assert [(one.record.test, one.record.subject) for one in found] == [
        *[(TESTS[0], SUBJECTS[0])] * 5,
        *[(TESTS[0], SUBJECTS[1])] * 5,
        *[(TESTS[1], SUBJECTS[0])] * 5,
    ]


@pytest.mark.parametrize("key", ["ab" * 32, "0f" * 32, "c3" * 32])
def test_a_trial_never_attempted_is_passed_over_and_one_that_failed_is_not(key: str) -> None:
    never = {
        slot for slot in range(20) if slot not in sorted(range(20), key=lambda slot: rank(key, slot))[3:9]
    }
    records = [
        failed(slot, final=True, status=Status.NOT_RUN if slot in never else Status.ERROR)
        for slot in range(20)
    ]
    found = shown(plan(), records, key)
    assert [one.record.slot for one in found] == sorted(range(20), key=lambda slot: rank(key, slot))[3:8]
    assert all(one.record.status is Status.ERROR for one in found)


def test_only_final_attempts_are_drawn_and_seq_is_their_place_in_the_log() -> None:
    records = [failed(0), failed(0, attempt=2), trial(0, attempt=3), failed(1), trial(1, attempt=2)]
    assert sorted(one.seq for one in shown(plan(), records, KEY)) == [2, 4]


def test_chosen_ones_come_after_and_none_is_shown_twice() -> None:
    records = [trial(slot, labels={"bad": slot >= 4}) for slot in range(12)]
    found = shown(plan(), records, KEY)
    slots = [one.record.slot for one in found]
    assert len(slots) == len(set(slots))
    first_bad = {4, 5, 6}
    for one in found:
        counts = one.record.slot in first_bad
        assert (one.chosen == "first_in_queue" or one.also == ("first_in_queue",)) == counts
    assert first_bad <= set(slots)


def test_a_test_of_another_axis_has_a_sample_and_nothing_chosen() -> None:
    records = [trial(slot, labels={"bad": True}) for slot in range(12)]
    assert {one.chosen for one in shown(plan(axis="utility"), records, KEY)} == {"random_sample"}


def test_no_sample_is_drawn_where_the_plan_asks_for_none() -> None:
    records = [trial(slot, labels={"bad": True}) for slot in range(12)]
    assert [one.record.slot for one in shown(plan(sample=0), records, KEY)] == [0, 1, 2]


def test_an_event_says_what_came_of_the_trial() -> None:
    [one] = shown(plan(), [replace(failed(3, final=True), reason="the line broke")], KEY)
    told = event(one, [{"role": "user", "content": "hello", "tool_calls": [], "tool_call_id": None}])
    assert (told.outcome, told.labels, told.reason, told.chosen) == (
        "errored",
        {},
        "the line broke",
        "random_sample",
    )
    assert told.messages[0]["content"] == "hello"


@pytest.mark.skipif(shutil.which("openssl") is None, reason="no openssl here")
@pytest.mark.parametrize("slot", [0, 17, 123456])
def test_openssl_makes_the_same_order(slot: int) -> None:
    printed = subprocess.run(
        ["openssl", "dgst", "-sha256", "-hmac", KEY], input=str(slot).encode(), capture_output=True, check=True
    ).stdout  # fmt: skip
    assert printed.split()[-1].decode() == rank(KEY, slot).hex()
