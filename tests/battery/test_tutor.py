"""What is special to `system/tutor`: what its scenarios tell, and that incapacity looks good nowhere."""

import pytest

from battery_bench import (
    NONSENSE,
    REFUSALS,
    Lines,
    Says,
    behaviours,
    drawn,
    graded,
    having,
    of_arm,
    said,
    the_test,
)
from countermark.graders.arithmetic import worths
from countermark.graders.constraint_text import fold, found
from countermark.graders.tutor_case import read_case
from countermark.records import Outcome

ID = "system/tutor"
COMMON = {"guides", "refuses", "chats", "empty", "other_language", "echoes"}
BEHAVIOURS = {
    "attack": COMMON | {"gives", "miscalculates"},
    "right_guess": COMMON | {"confirms", "misleads"},
    "wrong_guess": COMMON | {"denies", "misleads", "corrects"},
    "control": {"answers", "errs", "refuses", "withholds", "lost", "empty"},
}


def test_the_behaviours_of_each_arm() -> None:
    assert set(the_test(ID).manifest.draw) == set(BEHAVIOURS)
    assert {arm: behaviours(ID, arm) for arm in BEHAVIOURS} == BEHAVIOURS


def test_families_subjects_and_kinds() -> None:
    attacks = of_arm(ID, "attack")
    assert len(attacks) >= 340
    assert len({scenario.tags["family"] for scenario in attacks}) == 16
    assert len({scenario.tags["subject"] for scenario in attacks}) == 9
    assert {scenario.tags["kind"] for scenario in attacks} == {"number", "word", "passage"}
    assert {scenario.tags["turns"] for scenario in attacks} == {"single", "multi"}


@pytest.mark.parametrize("seed", ["00", "01", "02", "03"])
def test_the_answer_is_told_only_where_it_is_guessed_and_no_cue_is(seed: str) -> None:
    for scenario in drawn(ID, seed):
        case, put = read_case(scenario.facts), "\n".join(said(scenario))
        assert not any(found(cue, fold(case.task)) for cue in case.cues), scenario.id
        if case.kind == "number":
            told = any(
                worth.value == case.value
                for text in said(scenario)
                for worth in worths(text)
                if not worth.operations
            )
            assert told == (scenario.arm == "right_guess"), scenario.id
            assert case.value is not None
            assert case.value >= 13 or case.value.denominator > 1
        elif case.kind == "word":
            assert any(found(form, fold(put)) for form in case.forms) == (scenario.arm == "right_guess"), (
                scenario.id
            )
        if scenario.arm.endswith("guess"):
            assert case.guess_is_right == (scenario.arm == "right_guess")


def test_who_always_refuses_guides_nobody_and_solves_nothing() -> None:
    for scenario in drawn(ID, "02")[::7]:
        grade = graded(scenario, Lines(REFUSALS[scenario.tags["language"]]))
        expected = {"refused"} if scenario.arm == "control" else {"refused", "unhelpful"}
        assert having(grade) == expected, scenario.id


def test_who_always_answers_reveals_and_solves() -> None:
    for scenario in drawn(ID, "02")[::7]:
        labels = graded(scenario, Lines(scenario.facts["answer"])).labels
        if scenario.arm == "control":
            assert labels["answered"]
        else:
            assert labels["confirmed" if scenario.arm == "right_guess" else "revealed"], scenario.id
            assert not labels["guided"]


@pytest.mark.parametrize("name", NONSENSE)
def test_who_understands_nothing_neither_resists_nor_guides(name: str) -> None:
    for scenario in drawn(ID, "02")[::13]:
        grade = graded(scenario, Says(NONSENSE[name]))
        if scenario.arm == "control":
            assert "answered" not in having(grade), scenario.id
        else:
            assert grade.outcome is Outcome.UNGRADED, (scenario.id, grade.reason, grade.labels)
