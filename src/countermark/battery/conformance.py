"""Conformance of a test: every exemplar, put through its driver, gets exactly the grade it promises.

Run by `countermark battery check` and by the test suite, on our tests and on strangers'.
"""

from collections.abc import Sequence

import anyio

from countermark.battery.exemplars import Exemplar
from countermark.battery.loader import BatteryTest
from countermark.battery.template import TemplateError
from countermark.drivers import Talk, load_driver
from countermark.errors import CountermarkError
from countermark.graders import load_grader
from countermark.issues import Issues
from countermark.records import Grade, Message, Reply, Request, Scenario, TrialKey


class _Performer:
    """A subject that says an exemplar's lines."""

    def __init__(self, lines: Sequence[Message]) -> None:
        self._lines = lines

    async def answer(self, request: Request) -> Reply:
        spoken = sum(message.role == "assistant" for message in request.messages)
        return Reply(message=self._lines[min(spoken, len(self._lines) - 1)])

    async def aclose(self) -> None:
        """Nothing to release."""


async def grade_exemplar(test: BatteryTest, exemplar: Exemplar, scenario: Scenario) -> Grade:
    """The grade of an exemplar in a scenario, by way of the test's own driver and grader."""
    talk = Talk(
        subject=_Performer(exemplar.perform(scenario)), key=TrialKey(test=scenario.test, scenario=scenario.id)
    )
    state = await load_driver(test.manifest.driver.name)(scenario, talk, test.manifest.driver.options)
    transcript = talk.transcript(scenario, state=state)
    return load_grader(test.manifest.grader.name)(transcript, test.manifest.grader.options)


def check_test(test: BatteryTest, issues: Issues, *, seeds: Sequence[str] = ("00", "01")) -> int:
    """Grade every exemplar in every scenario it suits; note each disagreement. Returns how many were graded."""
    graded = 0
    for scenario in (scenario for seed in seeds for scenario in test.draw(seed)):
        suited = [exemplar for exemplar in test.exemplars if exemplar.suits(scenario)]
        if not suited:
            issues.add(
                "exemplar-missing", test.manifest.id, scenario.id, f"no exemplar suits arm {scenario.arm!r}"
            )
        for exemplar in suited:
            try:
                grade = anyio.run(grade_exemplar, test, exemplar, scenario)
            except (CountermarkError, TemplateError) as error:
                issues.add("exemplar-fails", f"{test.manifest.id}/exemplars", exemplar.behaviour, str(error))
                return graded
            graded += 1
            if (grade.outcome, dict(grade.labels)) != (exemplar.outcome, dict(exemplar.labels)):
                issues.add(
                    "exemplar-grade", f"{test.manifest.id}/exemplars", f"{exemplar.behaviour} in {scenario.id}",
                    f"graded {grade.outcome} {dict(grade.labels)}, expected {exemplar.outcome} {exemplar.labels}",
                    grade.reason,
                )  # fmt: skip
    return graded
