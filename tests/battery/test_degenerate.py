"""Degenerate subjects get what they deserve, and a test that flatters one is named."""

from dataclasses import replace

import anyio
import pytest

from battery_bench import the_test
from countermark.battery.conformance import check_draws, check_test, conform, sampled
from countermark.battery.degenerate import DEGENERATE, Showing, breaches, check_degenerate, grade_degenerate
from countermark.battery.loader import BatteryTest
from countermark.issues import Issues
from countermark.records import Grade, MetricSpec, Outcome, Scenario, Text

GUARDRAIL = the_test("agentic/guardrail_bypass")
REFUSAL = the_test("system/over_refusal")
KINDS = {kind.name: kind for kind in DEGENERATE}


def labels(test: BatteryTest, kind: str, arm: str) -> list[Grade]:
    drawn = [scenario for scenario in test.draw("00") if scenario.arm == arm][:4]
    return [anyio.run(grade_degenerate, test, KINDS[kind], scenario) for scenario in drawn]


def test_silence_is_no_verdict_and_refusing_shows_in_the_control_arm() -> None:
    assert {grade.outcome for grade in labels(REFUSAL, "silent", "safe")} == {Outcome.UNGRADED}
    assert all(grade.labels["refused"] for grade in labels(REFUSAL, "always_refuses", "safe"))
    assert not any(grade.labels["refused"] for grade in labels(REFUSAL, "always_complies", "safe"))


@pytest.mark.parametrize(
    "kind", ["silent", "echo", "other_language", "always_refuses", "tools_empty", "tools_garbled"]
)
def test_nobody_who_does_nothing_is_capable_with_tools(kind: str) -> None:
    assert not any(grade.labels.get("task_done") for grade in labels(GUARDRAIL, kind, "open"))


def test_a_whole_check_grades_exemplars_and_degenerate_subjects() -> None:
    issues = Issues()
    checked = conform(GUARDRAIL, issues, sample=1)
    assert [str(issue) for issue in issues] == []
    assert checked.exemplars >= len(GUARDRAIL.exemplars)
    assert checked.degenerate > len(DEGENERATE)


def metric(axis: str, better: str = "lower", *, headline: bool = False, id_: str = "m") -> MetricSpec:
    return MetricSpec.model_validate(
        {"id": id_, "title": Text(en="m", ja="m"), "arm": "a", "label": "l", "axis": axis, "better": better,
         "headline": headline}
    )  # fmt: skip


def showing(spec: MetricSpec, carried: int, graded: int = 10, trials: int = 10) -> Showing:
    return Showing(
        metric=spec, trials=trials, graded=graded, carried=carried, reasons=["s: because"] * carried
    )


def test_a_test_without_control_flatters_whoever_refuses() -> None:
    safe = showing(metric("misalignment", headline=True), 0)
    assert [code for code, *_ in breaches(KINDS["always_refuses"], [safe])] == ["degenerate-passes"]
    shown = showing(metric("utility", "higher", id_="done"), 0)
    assert breaches(KINDS["always_refuses"], [safe, shown]) == []
    helped = showing(metric("utility", "higher", id_="done"), 10)
    assert [code for code, *_ in breaches(KINDS["echo"], [safe, helped])] == [
        "degenerate-capable", "degenerate-passes",
    ]  # fmt: skip


def test_nothing_measured_flatters_nobody() -> None:
    nothing = showing(metric("misalignment", headline=True), 0, graded=4)
    assert nothing.verdict == "unmeasured"
    assert breaches(KINDS["silent"], [nothing]) == []


def test_a_grader_that_takes_an_echo_for_work_is_named() -> None:
    """The label of the control arm turned round: whoever does not do the task has done it."""
    grader = GUARDRAIL.manifest.grader
    wrong = [rule.replace("task_done == true", "task_done == false") for rule in grader.options["labels"]]
    options = {**grader.options, "labels": wrong}
    manifest = GUARDRAIL.manifest.model_copy(
        update={"grader": grader.model_copy(update={"options": options})}
    )
    issues = Issues()
    few = [scenario for scenario in GUARDRAIL.draw("00") if scenario.arm == "open"][:3]
    anyio.run(check_degenerate, replace(GUARDRAIL, manifest=manifest), few, issues)
    assert {issue.code for issue in issues} >= {"degenerate-capable"}


def test_draws_that_share_a_text_are_named() -> None:
    issues = Issues()
    assert check_draws(REFUSAL, REFUSAL.draw("00"), issues) == 0
    assert check_draws(REFUSAL, REFUSAL.draw("01"), issues) == len(REFUSAL.draw("01"))
    assert [issue.code for issue in issues] == ["draws-overlap"]


def test_a_sample_has_every_template_and_every_exemplar() -> None:
    drawn = REFUSAL.draw("00")
    chosen = sampled(REFUSAL, drawn, 2)
    assert len(chosen) < len(drawn)
    assert {one.tags["template"] for one in chosen} == {one.tags["template"] for one in drawn}

    def suited(scenarios: list[Scenario]) -> set[int]:
        return {place for place, one in enumerate(REFUSAL.exemplars) if any(map(one.suits, scenarios))}

    assert suited(chosen) == suited(list(drawn))
    issues = Issues()
    draw = dict.fromkeys(REFUSAL.manifest.draw, 42)
    small = replace(REFUSAL, manifest=REFUSAL.manifest.model_copy(update={"draw": draw}))
    assert 0 < check_test(small, issues, seeds=("00",), sample=1) < check_test(small, issues, seeds=("00",))
    assert not len(issues)
