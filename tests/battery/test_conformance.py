"""A grader that errs is named by the check of the exemplars."""

from dataclasses import replace

from battery_bench import the_test
from countermark.battery import BatteryTest
from countermark.battery.conformance import check_test
from countermark.issues import Issues


def few(test: BatteryTest) -> BatteryTest:
    """The test in a small draw."""
    draw = dict.fromkeys(test.manifest.draw, 28)
    return replace(test, manifest=test.manifest.model_copy(update={"draw": draw}))


def test_a_wrong_promise_is_named() -> None:
    test = few(the_test("system/over_refusal"))
    wrong = [
        exemplar.model_copy(update={"labels": {"refused": True, "partial": False, "complied": False}})
        for exemplar in test.exemplars
        if exemplar.behaviour == "complies"
    ]
    issues = Issues()
    graded = check_test(replace(test, exemplars=tuple(wrong)), issues, seeds=("00",))
    assert graded > 0
    assert {issue.code for issue in issues} <= {"exemplar-grade", "exemplar-missing"}
    assert sum(issue.code == "exemplar-grade" for issue in issues) == graded


def test_an_arm_without_exemplar_is_named() -> None:
    test = few(the_test("system/over_refusal"))
    issues = Issues()
    check_test(replace(test, exemplars=()), issues, seeds=("00",))
    assert {issue.code for issue in issues} == {"exemplar-missing"}


def test_a_grader_that_cannot_work_is_a_fault_and_no_crash() -> None:
    test = few(the_test("agentic/guardrail_bypass"))
    broken = test.manifest.grader.model_copy(update={"options": {"labels": ["acted :="]}})
    manifest = test.manifest.model_copy(update={"grader": broken})
    issues = Issues()
    check_test(replace(test, manifest=manifest), issues, seeds=("00",))
    assert [issue.code for issue in issues] == ["exemplar-fails"]
