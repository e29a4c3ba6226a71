"""A fake model that acts exemplars out over a real socket, scenario by scenario."""

from collections import Counter
from collections.abc import Sequence

from countermark.battery.exemplars import Exemplar
from countermark.records import Message, Scenario
from servers.loopback import ChatRequest


class Cast:
    """A fake model that knows the scenario by its opening and acts an exemplar out; notes what it hears."""

    def __init__(self, scenarios: Sequence[Scenario], exemplars: Sequence[Exemplar]) -> None:
        self._scenarios = {opening(scenario.dialogue[:2]): scenario for scenario in scenarios}
        self._parts: dict[str, Exemplar] = {}
        self.heard: list[ChatRequest] = []
        played: Counter[str] = Counter()
        for scenario in scenarios:
            suited = [one for one in exemplars if one.suits(scenario) and one.behaviour != "empty"]
            part = min(suited, key=lambda one: played[one.behaviour])
            played[part.behaviour] += 1
            self._parts[scenario.id] = part

    def knows(self, scenario: Scenario) -> bool:
        """Whether its opening is told from all others': of scenarios with one opening the last is the one acted."""
        return self._scenarios[opening(scenario.dialogue[:2])] is scenario

    def plays(self, scenario: Scenario) -> Exemplar:
        """The exemplar of a scenario: over all of them, every behaviour that speaks."""
        return self._parts[scenario.id]

    def __call__(self, chat: ChatRequest) -> Message:
        self.heard.append(chat)
        scenario = self._scenarios[opening(chat.messages[:2])]
        lines = self.plays(scenario).perform(scenario)
        spoken = sum(message.role == "assistant" for message in chat.messages)
        return lines[min(spoken, len(lines) - 1)]


def opening(messages: Sequence[Message]) -> tuple[str, ...]:
    return tuple(f"{message.role}: {message.content}" for message in messages)


def sorted_requests(cast: Cast) -> list[tuple[str, str]]:
    return sorted((repr(chat.messages), repr(chat.tools)) for chat in cast.heard)
