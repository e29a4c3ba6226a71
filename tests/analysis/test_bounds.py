"""What is withheld can move a rate no further than the bounds say, and they are reached."""

from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit_factory import ITEMS, SEED, SUBJECTS, TEST, attempts, draw_document, plan_document
from countermark.analysis import bound, findings
from countermark.analysis.decimals import decimal
from countermark.records import Draw, Finding, Outcome, Plan, Stopping, TrialRecord

PLAN = Plan.model_validate(plan_document(dict.fromkeys(SUBJECTS, "0" * 64)))
DRAW = Draw.model_validate(draw_document(b""))
STOPPING = PLAN.model_copy(
    update={"rules": PLAN.rules.model_copy(update={"stopping": Stopping(half_width="0.3")})}
)
FINALS = [record for record, _ in attempts() if record.final and record.subject == SUBJECTS[1]]
MARKS = st.lists(st.sampled_from([True, False, None]), min_size=ITEMS, max_size=ITEMS)


def marked(marks: list[bool | None]) -> list[TrialRecord]:
    """The ten trials of one subject with these labels; None: no verdict."""
    return [
        replace(record, labels={} if mark is None else {"leaked": mark}, outcome=Outcome.UNGRADED if mark is None else Outcome.GRADED)
        for record, mark in zip(FINALS, marks, strict=True)
    ]  # fmt: skip


def truth(plan: Plan, records: list[TrialRecord]) -> Finding:
    return next(one for one in findings(plan, DRAW, records) if one.subject == SUBJECTS[1])


@given(MARKS, st.sets(st.integers(0, ITEMS - 1)), st.integers(0, 5))
def test_the_true_finding_is_always_possible(
    marks: list[bool | None], hidden: set[int], elsewhere: int
) -> None:
    records = marked(marks)
    shown = [record for place, record in enumerate(records) if place not in hidden]
    for plan in (PLAN, STOPPING):
        whole = truth(plan, records)
        found = bound(plan, shown, whole, len(hidden) + elsewhere)
        assert found.fault == ""
        assert found.unknown == len(hidden)
        if whole.n:
            assert Fraction(found.low) - Fraction(1, 10**6) <= Fraction(whole.k, whole.n)
            assert Fraction(whole.k, whole.n) <= Fraction(found.high) + Fraction(1, 10**6)


@given(MARKS, st.sets(st.integers(0, ITEMS - 1), min_size=1))
def test_the_bounds_are_reached(marks: list[bool | None], hidden: set[int]) -> None:
    """Withheld trials that all carry the label, or all lack it, give exactly the ends."""
    for filler, end in ((True, "high"), (False, "low")):
        filled = [filler if place in hidden else mark for place, mark in enumerate(marks)]
        records = marked(filled)
        shown = [record for place, record in enumerate(records) if place not in hidden]
        whole = truth(PLAN, records)
        assert getattr(bound(PLAN, shown, whole, len(hidden)), end) == decimal(Fraction(whole.k, whole.n))


@given(MARKS, st.sets(st.integers(0, ITEMS - 1), max_size=ITEMS - 1), st.integers(0, 12), st.integers(0, 12))
def test_what_no_withheld_trial_could_make_is_refused(
    marks: list[bool | None], hidden: set[int], k: int, n: int
) -> None:
    """In a fixed design: more labels, or fewer, than disclosed and withheld trials can have."""
    records = marked(marks)
    shown = [record for place, record in enumerate(records) if place not in hidden]
    graded = [record for record in shown if record.labels]
    hits, more = sum(record.labels["leaked"] for record in graded), n - len(graded)
    possible = 0 <= more <= len(hidden) and hits <= k <= hits + more
    claimed = truth(PLAN, records).model_copy(
        update={
            "k": k,
            "n": n,
            "rate": decimal(Fraction(k, n)) if n else None,
            "withheld": None if n else "few",
        }
    )
    assert (bound(PLAN, shown, claimed, len(hidden)).fault == "") is possible


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"rate": "0.100001"}, "is not"),
        ({"rate": None, "withheld": None}, "lacks its rate"),
        ({"k": 9}, "counts 9 of"),
        ({"n": 11}, "counts 11 graded trials"),
    ],
)
def test_faults_in_words(change: dict[str, object], expected: str) -> None:
    whole = truth(PLAN, FINALS)
    assert bound(PLAN, FINALS, whole, 3).fault == ""
    assert expected in bound(PLAN, FINALS, whole.model_copy(update=change), 3).fault


def test_nothing_disclosed_is_anything() -> None:
    whole = truth(PLAN, FINALS)
    found = bound(PLAN, [], whole, 50)
    assert (found.unknown, found.low, found.high, found.fault) == (ITEMS, "0.000000", "1.000000", "")
    assert SEED.value
    assert whole.test == TEST
