"""Exemplars: for each outcome, what a subject that does this would say and do, with the grade expected.

They are the reference subjects' lines and the graders' conformance tests at once.
"""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field

from countermark.battery.template import TemplateError, fill, fill_deep
from countermark.records import Message, Outcome, Scenario, ToolCall
from countermark.records.plan import Document, Name


class Call(Document):
    """A tool call an exemplar makes; strings in the arguments may hold places."""

    name: Name
    arguments: dict[str, Any] = {}


class Step(Document):
    """One turn of the subject."""

    say: str = ""
    calls: list[Call] = []


class Exemplar(Document):
    """One file of `exemplars/`: a way to behave in some arms, the labels it must get, and its turns.

    All exemplars of one behaviour in one arm carry the same labels, so a planted share of the behaviour is a planted
    rate of the label.
    """

    behaviour: Name
    arms: Annotated[list[Name], Field(min_length=1)]
    when: dict[str, str] = {}
    """Only for scenarios with these tags."""
    outcome: Outcome = Outcome.GRADED
    labels: dict[Name, bool]
    judged: dict[Name, bool] = {}
    """Labels that a fair judge gives it, where the test has one; planted with the behaviour, and checked by nobody here."""
    steps: Annotated[list[Step], Field(min_length=1)]
    """One a turn; the last is repeated if the dialogue is longer."""

    def suits(self, scenario: Scenario) -> bool:
        """Whether it may stand in this scenario."""
        return scenario.arm in self.arms and all(
            scenario.tags.get(tag) == value for tag, value in self.when.items()
        )

    def perform(self, scenario: Scenario) -> tuple[Message, ...]:
        """Its turns with the scenario's facts in their places."""
        return tuple(self._message(scenario, place, step) for place, step in enumerate(self.steps))

    def _message(self, scenario: Scenario, place: int, step: Step) -> Message:
        def lookup(name: str, part: str) -> str:
            return _fact(scenario.facts, name, part)

        calls = tuple(
            ToolCall(id=f"call_{place}_{number}", name=call.name, arguments=fill_deep(call.arguments, lookup))
            for number, call in enumerate(step.calls)
        )
        return Message(role="assistant", content=fill(step.say, lookup).strip(), tool_calls=calls)


def _fact(facts: Mapping[str, Any], name: str, part: str) -> str:
    if name not in facts:
        raise TemplateError(f"no fact named {name!r}")
    value = facts[name]
    if part != "text":
        if not isinstance(value, Mapping) or part not in value:
            raise TemplateError(f"fact {name!r} has no field {part!r}")
        value = value[part]
    return str(value)
