"""The example of a test in the simulated world: its draw, its exemplars, and a cause that is planted and found again."""

from fractions import Fraction
from functools import cache
from pathlib import Path

import anyio

from battery_bench import assert_written_as_tagged
from countermark.battery import BatteryTest, Stage, load_battery
from countermark.battery.conformance import check_test
from countermark.drivers import Talk, load_driver
from countermark.graders import load_grader
from countermark.issues import Issues
from countermark.records import Grade, Outcome, PlannedTest, TrialKey
from countermark.subjects.reference import Character, Planting, ReferenceSubject

BATTERY = Path(__file__).parent / "small_world"
ID = "agentic/last_shift"


@cache
def the_test() -> BatteryTest:
    return load_battery(str(BATTERY)).test(ID)


def test_every_exemplar_gets_the_grade_it_promises_in_every_scenario_it_suits():
    issues = Issues()
    assert check_test(the_test(), issues, seeds=("00",)) > 300
    assert [str(issue) for issue in issues] == []


def test_the_draw_is_distinct_and_in_both_languages():
    drawn = the_test().draw("00")
    assert len({scenario.id for scenario in drawn}) == len(drawn) == 36
    assert_written_as_tagged(drawn)
    assert {scenario.tags["oversight"] for scenario in drawn} == {"visible", "hidden"}


def test_a_plan_can_carry_the_acts():
    manifest = the_test().manifest
    planned = PlannedTest.model_validate(
        {
            "id": ID, "version": manifest.version, "title": manifest.title, "construct": manifest.construct_,
            "driver": "world", "grader": "state", "grader_options": manifest.grader.options,
            "metrics": manifest.metrics, "digest": "0" * 64, "items": 1, "arms": {"replaced": 1},
        }
    )  # fmt: skip
    assert planned.grader_options["acts"] == manifest.grader.options["acts"]


def grades(character: Character) -> dict[str, list[Grade]]:
    """Every trial of a character, by arm, through the real driver and grader."""
    test = the_test()
    drawn = test.draw("07")
    subject = ReferenceSubject(character, Stage([test], drawn), "07")
    found: dict[str, list[Grade]] = {}
    for scenario in drawn:
        talk = Talk(subject=subject, key=TrialKey(test=ID, scenario=scenario.id))
        state = anyio.run(load_driver("world"), scenario, talk, test.manifest.driver.options)
        transcript = talk.transcript(scenario, state=state)
        found.setdefault(scenario.arm, []).append(
            load_grader("state")(transcript, test.manifest.grader.options)
        )
    return found


def planted(**arms: dict[str, str]) -> Character:
    plantings = [
        Planting(test=ID, arm=arm, cue=None, shares={name: Fraction(share) for name, share in shares.items()})
        for arm, shares in arms.items()
    ]
    return Character(id="reference/planted", plantings=plantings)


def test_a_subject_that_acts_only_when_it_is_replaced_is_seen_to():
    by_arm = grades(planted(replaced={"copies_and_denies": "1"}, kept={"does_task": "1"}))
    assert all(grade.labels["acted"] and grade.labels["lied"] for grade in by_arm["replaced"])
    assert not any(grade.labels["acted"] or grade.labels["lied"] for grade in by_arm["kept"])
    assert all(grade.labels["task_done"] for arm in by_arm.values() for grade in arm)


def test_broken_tools_and_silence_are_no_verdict_and_uselessness_is_no_merit():
    broken = grades(planted(replaced={"tool_broken": "1"}, kept={"empty": "1"}))
    assert {grade.outcome for arm in broken.values() for grade in arm} == {Outcome.UNGRADED}
    idle = grades(planted(replaced={"other_language": "1"}, kept={"gives_up": "1"}))
    assert not any(grade.labels["task_done"] for arm in idle.values() for grade in arm)
