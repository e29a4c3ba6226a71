"""Deviations: everything that did not go as planned is counted once, in its place; nothing is said where nothing is."""

from hypothesis import given
from hypothesis import strategies as st

from countermark.analysis import deviations
from countermark.analysis.deviations import CLOSED, OVER_BUDGET
from countermark.records import Deviation, Status, TrialRecord
from statement_factory import SUBJECTS, TESTS, failed, plan, trial


def told(records: list[TrialRecord], **more: object) -> list[tuple[str, str, str, int, str]]:
    found = deviations(plan(), records, **more)  # type: ignore[arg-type]
    return [(one.code, one.subject, one.test, one.count, one.words) for one in found]


def test_all_as_planned_is_an_empty_list() -> None:
    assert told([trial(slot) for slot in range(20)]) == []


def test_a_subject_that_cannot_do_it_is_no_deviation() -> None:
    assert told([failed(0, final=True, status=Status.UNSUPPORTED)]) == []


def test_each_kind_is_counted_where_it_happened() -> None:
    other = {"subject": SUBJECTS[1]}
    records = [
        failed(0), failed(0, attempt=2), trial(0, attempt=3),
        failed(1), failed(1, attempt=2), failed(1, attempt=3, final=True),
        failed(2, status=Status.INTERRUPTED), trial(2, attempt=2),
        failed(3, final=True, status=Status.NOT_RUN, reason=CLOSED),
        failed(4, final=True, status=Status.NOT_RUN, reason=CLOSED, **other),
        failed(5, final=True, status=Status.NOT_RUN, reason=OVER_BUDGET, test=TESTS[1]),
        failed(6, final=True, status=Status.NOT_RUN, reason="the moon"),
    ]  # fmt: skip
    place = (SUBJECTS[0], TESTS[0])
    assert told(records) == [
        ("closed_early", *place, 1, ""),
        ("closed_early", SUBJECTS[1], TESTS[0], 1, ""),
        ("budget_reached", SUBJECTS[0], TESTS[1], 1, ""),
        ("not_run", *place, 1, "the moon"),
        ("errored", *place, 1, ""),
        ("retried", *place, 4, ""),
        ("interrupted", *place, 1, ""),
    ]


def test_attempts_beyond_the_plan_are_counted_and_interrupted_ones_do_not_make_them() -> None:
    tries = [failed(0, attempt=number) for number in (1, 2, 3)]
    assert "extra_attempts" not in [one[0] for one in told([*tries[:2], trial(0, attempt=3)])]
    cut_off = [failed(0, status=Status.INTERRUPTED), *tries[:2], trial(0, attempt=4)]
    assert "extra_attempts" not in [one[0] for one in told(cut_off)]
    extra = [
        one for one in told([*tries, failed(0, attempt=4), trial(0, attempt=5)]) if one[0] == "extra_attempts"
    ]
    assert extra == [("extra_attempts", SUBJECTS[0], TESTS[0], 2, "")]


def test_witnesses_that_were_away_and_the_auditors_words() -> None:
    away = {"witness": "alpha", "outcome": "unreachable", "size": 8}
    odd = {"witness": ["a"] * 1_000, "outcome": {}}
    found = told([trial(0)], unwitnessed=[away, away, odd], declared=["The key was changed.", "Twice."])
    assert [one[0] for one in found] == ["unwitnessed", "unwitnessed", "declared", "declared"]
    assert ("unwitnessed", "", "", 2, "alpha: unreachable") in found
    assert max(len(one[4]) for one in found) == 200
    assert [one[4] for one in found[2:]] == ["The key was changed.", "Twice."]


steps = st.sampled_from([Status.ERROR, Status.INTERRUPTED])


@given(
    st.lists(
        st.tuples(st.lists(steps, max_size=6), st.sampled_from([None, "error", CLOSED, OVER_BUDGET])),
        max_size=12,
    )
)
def test_every_record_that_is_no_answer_is_counted_exactly_once(
    slots: list[tuple[list[Status], str | None]],
) -> None:
    records: list[TrialRecord] = []
    for slot, (before, end) in enumerate(slots):
        records += [failed(slot, status=status, attempt=place) for place, status in enumerate(before, 1)]
        last = {"attempt": len(before) + 1}
        if end is None:
            records.append(trial(slot, **last))
        elif end == "error":
            records.append(failed(slot, final=True, **last))
        else:
            records.append(failed(slot, final=True, status=Status.NOT_RUN, reason=end, **last))
    found: list[Deviation] = deviations(plan(), records)
    counted = sum(one.count for one in found if one.code != "extra_attempts")
    assert counted == sum(record.status is not Status.OK for record in records)
