"""What tests of the battery share: a test read once, drawn once for each seed, and its grade for whoever answers."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from fractions import Fraction
from functools import cache

import anyio

from countermark.battery import BatteryTest, Stage, load_battery
from countermark.battery.conformance import grade_exemplar
from countermark.battery.exemplars import Exemplar, Step
from countermark.drivers import Talk, load_driver
from countermark.graders import load_grader
from countermark.records import (
    Grade,
    Message,
    Outcome,
    Reply,
    Request,
    Scenario,
    Subject,
    ToolCall,
    TrialKey,
)
from countermark.subjects.reference import Character, Planting, ReferenceSubject, opening, sees_cue
from room_bench import calling

CORE = tuple(load_battery(only=()).manifest.tests)
"""The tests of the core battery, by id."""
CUES = ("evaluation environment", "test run", "評価環境")
"""The words by which a scenario gives itself away as a test."""
REFUSALS = {"en": "I'm sorry, but I can't help with that.", "ja": "申し訳ありませんが、お手伝いできません。"}


@cache
def the_test(test_id: str) -> BatteryTest:
    return load_battery(only=(test_id,)).test(test_id)


@cache
def drawn(test_id: str, seed: str = "00") -> tuple[Scenario, ...]:
    return the_test(test_id).draw(seed)


def of_arm(test_id: str, arm: str, seed: str = "00", **tags: str) -> list[Scenario]:
    """The scenarios of an arm, and of those the ones that have these tags."""
    of_all = (scenario for scenario in drawn(test_id, seed) if scenario.arm == arm)
    return [scenario for scenario in of_all if tags.items() <= scenario.tags.items()]


def few_of_each_arm(scenarios: Iterable[Scenario], count: int) -> list[Scenario]:
    """About `count` of each arm, evenly over it, so that templates in turn and languages are all met."""
    arms: dict[str, list[Scenario]] = {}
    for scenario in scenarios:
        arms.setdefault(scenario.arm, []).append(scenario)
    return [one for found in arms.values() for one in found[:: max(1, len(found) // count)]]


def said(scenario: Scenario) -> tuple[str, ...]:
    return tuple(message.content for message in scenario.dialogue)


def in_japanese(text: str) -> bool:
    return any("\u3040" <= sign <= "\u30ff" for sign in text)


def assert_written_as_tagged(test: str | Sequence[Scenario]) -> None:
    """Of a whole draw: no place is left unfilled, half is Japanese, and a cue stands just where the subject is told of a test."""
    scenarios = drawn(test) if isinstance(test, str) else test
    for one in scenarios:
        text = "\n".join(said(one)) + str(one.facts)
        assert "{{" not in text, one.id
        assert in_japanese(text) is (one.tags["language"] == "ja"), one.id
        assert sees_cue(opening(one.dialogue), CUES) is (one.tags.get("told") == "test"), one.id
    japanese = sum(one.tags["language"] == "ja" for one in scenarios)
    assert 2 * japanese == len(scenarios)


def behaviours(test: str | BatteryTest, arm: str) -> set[str]:
    read = the_test(test) if isinstance(test, str) else test
    return {exemplar.behaviour for exemplar in read.exemplars if arm in exemplar.arms}


def suited(test: BatteryTest, scenario: Scenario) -> set[str]:
    """The behaviours that have a line for the scenario."""
    return {exemplar.behaviour for exemplar in test.exemplars if exemplar.suits(scenario)}


def performances(test_id: str, seed: str = "00") -> list[tuple[Exemplar, Scenario]]:
    """Exemplars in scenarios: each exemplar that suits any, and each behaviour in each template that it suits."""
    had: set[tuple[str, str] | int] = set()
    found = []
    for scenario in drawn(test_id, seed):
        for place, exemplar in enumerate(the_test(test_id).exemplars):
            cells = {place, (scenario.tags["template"], exemplar.behaviour)}
            if exemplar.suits(scenario) and not cells <= had:
                had |= cells
                found.append((exemplar, scenario))
    return found


def having(grade: Grade) -> set[str]:
    """The labels that are true."""
    return {label for label, value in grade.labels.items() if value}


# --- who answers ------------------------------------------------------------------------------------


class Says:
    """Says what a function makes of the request; where `looks` it first calls the tool `lookup`, three times at once."""

    def __init__(self, say: Callable[[Request], str], *, looks: bool = False) -> None:
        self._say = say
        self._looks = looks

    async def answer(self, request: Request) -> Reply:
        if self._looks and request.tools and request.messages[-1].role == "user":
            call = ToolCall(id=f"call_{len(request.messages)}", name="lookup", arguments={"query": "it"})
            return Reply(message=Message(role="assistant", content="", tool_calls=(call,) * 3))
        return Reply(message=Message(role="assistant", content=self._say(request)))

    async def aclose(self) -> None:
        """Nothing to release."""


class Lines:
    """Says its lines, the last for ever."""

    def __init__(self, *lines: Message | str, stop: str = "stop") -> None:
        self._lines = [say(line) if isinstance(line, str) else line for line in lines]
        self._stop = stop

    async def answer(self, request: Request) -> Reply:
        spoken = sum(turn.role == "assistant" for turn in request.messages)
        return Reply(message=self._lines[min(spoken, len(self._lines) - 1)], stop=self._stop)

    async def aclose(self) -> None:
        """Nothing to release."""


def say(text: str, *calls: tuple[str, dict[str, object]], fault: str | None = None) -> Message:
    """A turn with some tool calls."""
    return calling(*calls, say=text, fault=fault)


NONSENSE: dict[str, Callable[[Request], str]] = {
    "echo": lambda request: "\n\n".join(
        turn.content for turn in request.messages if turn.role not in ("assistant", "tool")
    ),
    "echo_user": lambda request: request.messages[-1].content if request.messages[-1].role == "user" else "",
    "german": lambda _: (
        "Die Antwort steht in einem Buch, das wir in der Stadt nicht haben, und das ist schade."
    ),
    "gibberish": lambda _: "asdf qwer yxcv poiu lkjh",
    "nothing": lambda _: "",
    "emoji": lambda _: "🙂🙂🙂",
}
"""What is said by who understands nothing."""


def graded(scenario: Scenario, subject: Subject) -> Grade:
    """The subject's grade in the scenario, by way of the test's own driver and grader."""
    manifest = the_test(scenario.test).manifest
    talk = Talk(subject=subject, key=TrialKey(test=scenario.test, scenario=scenario.id))
    state = anyio.run(load_driver(manifest.driver.name), scenario, talk, manifest.driver.options)
    return load_grader(manifest.grader.name)(talk.transcript(scenario, state=state), manifest.grader.options)


async def acted_out(scenario: Scenario, *turns: Step) -> Grade:
    """The grade of whoever does these steps in the scenario; places in them are filled as in an exemplar."""
    acting = Exemplar(behaviour="x", arms=[scenario.arm], labels={}, steps=list(turns))
    return await grade_exemplar(the_test(scenario.test), acting, scenario)


def planting(test_id: str, arm: str, *, cue: bool | None = None, **shares: str) -> Planting:
    """Behaviours in one arm with the shares they are planted with, as `1/2`."""
    return Planting(
        test=test_id, arm=arm, cue=cue, shares={name: Fraction(share) for name, share in shares.items()}
    )


def planted(
    plantings: Sequence[Planting], scenarios: Sequence[Scenario], *, seed: str = "0"
) -> list[tuple[Scenario, Grade]]:
    """The scenarios, all of one test, with the grades of a reference subject that behaves as planted."""
    character = Character(id="reference/planted", plantings=plantings, cues=CUES)
    subject = ReferenceSubject(character, Stage([the_test(scenarios[0].test)], scenarios), seed)
    return [(one, graded(one, subject)) for one in scenarios]


def labels_by_arm(test_id: str, behaviour: Mapping[str, str], count: int = 8) -> Counter[tuple[str, str]]:
    """Arm and label, how often it is true: of a subject with one behaviour an arm, in the first `count` of each."""
    plantings = [planting(test_id, arm, **{name: "1"}) for arm, name in behaviour.items()]
    chosen = [one for arm in behaviour for one in of_arm(test_id, arm)[:count]]
    return Counter((one.arm, label) for one, grade in planted(plantings, chosen) for label in having(grade))


def rates(
    test_id: str, scenarios: Iterable[Scenario], answer: Callable[[Scenario], Subject]
) -> dict[str, float | None]:
    """Each metric for a subject that answers so; None where no trial has a verdict."""
    labels: dict[str, list[Grade]] = {}
    for scenario in scenarios:
        grade = graded(scenario, answer(scenario))
        if grade.outcome is Outcome.GRADED:
            labels.setdefault(scenario.arm, []).append(grade)
    found: dict[str, float | None] = {}
    for metric in the_test(test_id).manifest.metrics:
        there = labels.get(metric.arm)
        found[metric.id] = sum(grade.labels[metric.label] for grade in there) / len(there) if there else None
    return found
