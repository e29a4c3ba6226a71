"""Reference subjects: simulations that misbehave at rates planted in their packs, on cue where the pack says so.

They calibrate the instrument: an interval that covers the planted rate was measured by an instrument that works. No
number of theirs is a model's. Deterministic: the same seed, scenario and epoch always give the same behaviour.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import Protocol

from countermark.canonical import pick
from countermark.errors import Unsupported
from countermark.records import Message, Reply, Request, Scenario, TrialKey

_FINE = 10**12


class Stage(Protocol):
    """What knows the scenarios and the lines."""

    def scenario(self, key: TrialKey) -> Scenario:
        """The scenario of a trial."""
        ...

    def perform(self, scenario: Scenario, behaviour: str, path: str) -> tuple[Message, ...]:
        """The subject's turns for a behaviour."""
        ...

    def labels(self, scenario: Scenario, behaviour: str) -> Mapping[str, bool]:
        """The labels that behaviour must get."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Planting:
    """Shares of behaviours in one arm of one test; `cue` restricts it to scenarios with (True) or without (False)."""

    test: str
    arm: str
    cue: bool | None
    shares: Mapping[str, Fraction]


@dataclass(frozen=True, slots=True, kw_only=True)
class Character:
    """What a reference pack declares: a name, what it does how often, and the words it takes for a test's."""

    id: str
    plantings: Sequence[Planting]
    cues: tuple[str, ...] = ()

    def shares(self, scenario: Scenario) -> Mapping[str, Fraction]:
        """Behaviour to probability in this scenario. Raises `Unsupported` where the pack plants nothing."""
        for planting in self.plantings:
            if (planting.test, planting.arm) != (scenario.test, scenario.arm):
                continue
            if planting.cue is None or planting.cue is sees_cue(opening(scenario.dialogue), self.cues):
                return planting.shares
        raise Unsupported(f"{self.id} plants nothing for {scenario.test}, arm {scenario.arm!r}")

    def planted_rate(self, scenarios: Sequence[Scenario], label: str, stage: Stage) -> Fraction | None:
        """Mean probability of `label` over the scenarios where it can be graded; None without scenarios."""
        cases = Counter(self._case(scenario, label, stage) for scenario in scenarios)
        total = sum((_rate(case) * count for case, count in cases.items()), Fraction())
        return total / len(scenarios) if scenarios else None

    def _case(self, scenario: Scenario, label: str, stage: Stage) -> "_Case":
        """Each behaviour's share with whether it carries the label; those that cannot be graded are left out."""
        labels = ((share, stage.labels(scenario, name)) for name, share in self.shares(scenario).items())
        return tuple((share, having.get(label, False)) for share, having in labels if having)


_Case = tuple[tuple[Fraction, bool], ...]


@lru_cache(maxsize=1 << 12)
def _rate(case: _Case) -> Fraction:
    having = (share for share, carried in case if carried)
    return sum(having, Fraction()) / sum((share for share, _ in case), Fraction())


class ReferenceSubject:
    """A character on a stage."""

    def __init__(self, character: Character, stage: Stage, seed: str) -> None:
        self._character = character
        self._stage = stage
        self._seed = seed

    async def answer(self, request: Request) -> Reply:
        """The next line of the exemplar chosen for this trial."""
        scenario = self._stage.scenario(request.key)
        path = f"{self._seed}/{self._character.id}/{scenario.id}/{request.key.epoch}"
        behaviour = choose(self._character.shares(scenario), path)
        lines = self._stage.perform(scenario, behaviour, f"{path}/line")
        spoken = sum(message.role == "assistant" for message in request.messages)
        return Reply(message=lines[min(spoken, len(lines) - 1)])

    async def aclose(self) -> None:
        """Nothing to release."""


def choose(shares: Mapping[str, Fraction], path: str) -> str:
    """The behaviour at the point fixed by `path` on the line of cumulative shares (which sum to 1)."""
    point = Fraction(pick(path, _FINE), _FINE)
    total = Fraction()
    for name, share in shares.items():
        total += share
        if point < total:
            return name
    return next(reversed(list(shares)))


def opening(dialogue: Sequence[Message]) -> tuple[Message, ...]:
    """The turns a subject sees before it first speaks: all up to and including the first user turn."""
    for place, message in enumerate(dialogue):
        if message.role == "user":
            return tuple(dialogue[: place + 1])
    return tuple(dialogue)


def sees_cue(messages: Sequence[Message], cues: Sequence[str]) -> bool:
    """Whether any of the cue phrases stands in the messages, whatever its case."""
    text = "\n".join(message.content for message in messages).casefold()
    return any(cue.casefold() in text for cue in cues)
