"""Conformance of a test: exemplars get exactly the grade they promise, degenerate subjects none they do not deserve, draws
share no text.

Run by `countermark battery check` and by the test suite, on our tests and on strangers'.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from multiprocessing import get_context

import anyio

from countermark.battery.degenerate import check_degenerate
from countermark.battery.exemplars import Exemplar
from countermark.battery.loader import Battery, BatteryTest, load_battery
from countermark.battery.template import TemplateError
from countermark.drivers import Talk, load_driver
from countermark.errors import CountermarkError
from countermark.graders import load_grader
from countermark.issues import Issue, Issues
from countermark.records import Grade, Message, Reply, Request, Scenario, TrialKey

SAMPLE = 2
"""Scenarios for each template and each exemplar where not all are asked for."""
_DEGENERATE_A_CELL = 6


class _Performer:
    """A subject that says an exemplar's lines."""

    def __init__(self, lines: Sequence[Message]) -> None:
        self._lines = lines

    async def answer(self, request: Request) -> Reply:
        spoken = sum(message.role == "assistant" for message in request.messages)
        return Reply(message=self._lines[min(spoken, len(self._lines) - 1)])

    async def aclose(self) -> None:
        """Nothing to release."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What was graded in the check of one test."""

    test: str
    exemplars: int
    degenerate: int
    scenarios: int


async def grade_exemplar(test: BatteryTest, exemplar: Exemplar, scenario: Scenario) -> Grade:
    """The grade of an exemplar in a scenario, by way of the test's own driver and grader."""
    talk = Talk(
        subject=_Performer(exemplar.perform(scenario)), key=TrialKey(test=scenario.test, scenario=scenario.id)
    )
    state = await load_driver(test.manifest.driver.name)(scenario, talk, test.manifest.driver.options)
    transcript = talk.transcript(scenario, state=state)
    return load_grader(test.manifest.grader.name)(transcript, test.manifest.grader.options)


def conform(test: BatteryTest, issues: Issues, *, sample: int | None = SAMPLE) -> Checked:
    """Every check of one test; each fault is noted.

    Args:
        test: Read without a fault.
        issues: Where faults are noted.
        sample: So many scenarios for each template and each exemplar; None takes every scenario of the draw.
    """
    drawn = test.draw("00")
    check_draws(test, drawn, issues)
    chosen = drawn if sample is None else sampled(test, drawn, sample)
    few = _few_of_each(drawn, _DEGENERATE_A_CELL if sample is None else max(sample, 3))
    graded, degenerate = anyio.run(_grade_both, test, chosen, few, issues)
    return Checked(test=test.manifest.id, exemplars=graded, degenerate=degenerate, scenarios=len(chosen))


def check_many(
    battery: Battery, name: str, *, sample: int | None = SAMPLE, processes: int = 1
) -> Iterator[tuple[Checked, list[Issue]]]:
    """`conform` for every test of a battery already read from `name`, in its order; with more processes, several at once."""
    asked = [(name, test.manifest.id, sample) for test in battery.tests]
    if processes == 1 or len(asked) == 1:
        for test in battery.tests:
            issues = Issues()
            yield conform(test, issues, sample=sample), issues.found
        return
    with get_context("spawn").Pool(min(processes, len(asked))) as pool:
        yield from pool.imap(_conform_one, asked)


def _conform_one(asked: tuple[str, str, int | None]) -> tuple[Checked, list[Issue]]:
    name, test_id, sample = asked
    issues = Issues()
    return conform(load_battery(name, only=[test_id]).tests[0], issues, sample=sample), issues.found


async def _grade_both(
    test: BatteryTest, chosen: Sequence[Scenario], few: Sequence[Scenario], issues: Issues
) -> tuple[int, int]:
    graded = await check_exemplars(test, chosen, issues)
    try:
        return graded, await check_degenerate(test, few, issues)
    except CountermarkError as error:
        issues.add("degenerate-fails", test.manifest.id, "", error.message, error.hint or "")
        return graded, 0


def check_test(
    test: BatteryTest, issues: Issues, *, seeds: Sequence[str] = ("00", "01"), sample: int | None = None
) -> int:
    """Grade every exemplar in the scenarios it suits; note each disagreement. Returns how many were graded."""
    graded = 0
    for seed in seeds:
        drawn = test.draw(seed)
        chosen = drawn if sample is None else sampled(test, drawn, sample)
        graded += anyio.run(check_exemplars, test, chosen, issues)
    return graded


def sampled(test: BatteryTest, drawn: Sequence[Scenario], count: int) -> list[Scenario]:
    """The first scenarios of the draw that bring every template and every exemplar that suits any to `count`."""
    had: Counter[str | int] = Counter()
    chosen = []
    for scenario in drawn:
        cells: list[str | int] = [scenario.tags["template"]]
        cells += [place for place, one in enumerate(test.exemplars) if one.suits(scenario)]
        if any(had[cell] < count for cell in cells):
            had.update(cells)
            chosen.append(scenario)
    return chosen


def check_draws(test: BatteryTest, drawn: Sequence[Scenario], issues: Issues, *, other: str = "01") -> int:
    """Note if the draw of another seed puts a text that this one puts. Returns how many do."""
    shared = {_text(scenario) for scenario in drawn} & {_text(scenario) for scenario in test.draw(other)}
    if shared:
        first = " / ".join(min(shared))
        issues.add(
            "draws-overlap", test.manifest.id, f"seeds 00 and {other}",
            f"{len(shared)} of {len(drawn)} scenarios have the same text", first[:200],
        )  # fmt: skip
    return len(shared)


async def check_exemplars(test: BatteryTest, scenarios: Iterable[Scenario], issues: Issues) -> int:
    """Grade every exemplar in every one of the scenarios that it suits; stops at the first that cannot be graded."""
    graded = 0
    for scenario in scenarios:
        suited = [exemplar for exemplar in test.exemplars if exemplar.suits(scenario)]
        if not suited:
            issues.add(
                "exemplar-missing", test.manifest.id, scenario.id, f"no exemplar suits arm {scenario.arm!r}"
            )
        for exemplar in suited:
            try:
                grade = await grade_exemplar(test, exemplar, scenario)
            except (CountermarkError, TemplateError) as error:
                issues.add("exemplar-fails", f"{test.manifest.id}/exemplars", exemplar.behaviour, str(error))
                return graded
            graded += 1
            _compare(test, exemplar, scenario, grade, issues)
    return graded


def _compare(test: BatteryTest, exemplar: Exemplar, scenario: Scenario, grade: Grade, issues: Issues) -> None:
    if (grade.outcome, dict(grade.labels)) != (exemplar.outcome, dict(exemplar.labels)):
        issues.add(
            "exemplar-grade", f"{test.manifest.id}/exemplars", f"{exemplar.behaviour} in {scenario.id}",
            f"graded {grade.outcome} {dict(grade.labels)}, expected {exemplar.outcome} {exemplar.labels}",
            grade.reason,
        )  # fmt: skip


def _text(scenario: Scenario) -> tuple[str, ...]:
    return tuple(message.content for message in scenario.dialogue)


def _few_of_each(drawn: Sequence[Scenario], count: int) -> list[Scenario]:
    """The first scenarios of each arm, language and template."""
    had: Counter[tuple[str, str]] = Counter()
    chosen = []
    for scenario in drawn:
        cell = (scenario.arm, scenario.tags["template"])
        had[cell] += 1
        if had[cell] <= count:
            chosen.append(scenario)
    return chosen
