"""What tests of the drivers with tools share: a subject that says its lines, turns that call tools, a scenario played through."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import anyio
import yaml

from countermark.battery.loader import BUILT_IN
from countermark.drivers import Driver, Talk
from countermark.errors import Unsupported
from countermark.records import Message, Reply, Request, Scenario, Subject, ToolCall, TrialKey

Made = tuple[str, Mapping[str, Any]]
"""A call: the tool and its arguments."""


class Scripted:
    """A subject that says its lines in order, the last one for ever."""

    def __init__(self, *lines: str | Message, stop: str = "stop") -> None:
        self._lines = [
            line if isinstance(line, Message) else Message(role="assistant", content=line) for line in lines
        ]
        self._stop = stop
        self.seen: list[Request] = []

    async def answer(self, request: Request) -> Reply:
        self.seen.append(request)
        return Reply(message=self._lines[min(len(self.seen), len(self._lines)) - 1], stop=self._stop)

    async def aclose(self) -> None:
        """Nothing to release."""


def calling(*made: Made, say: str = "", fault: str | None = None) -> Message:
    """A turn with these calls."""
    calls = tuple(
        ToolCall(id=f"c{place}", name=name, arguments=arguments, fault=fault)
        for place, (name, arguments) in enumerate(made)
    )
    return Message(role="assistant", content=say, tool_calls=calls)


class Toolless(Scripted):
    """One that cannot be offered tools."""

    async def answer(self, request: Request) -> Reply:
        if request.tools:
            raise Unsupported("no tools")
        return await super().answer(request)


def options_of(test_id: str) -> dict[str, Any]:
    """The driver's options in a built-in test."""
    manifest = (BUILT_IN / test_id / "test.yaml").read_text("utf-8")
    options: dict[str, Any] = yaml.safe_load(manifest)["driver"]["options"]
    return options


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """A driver with the world and options it is tested in."""

    driver: Driver
    world: Mapping[str, Any]
    options: Mapping[str, Any]
    turns: tuple[str, ...]
    system: str = "You work here."
    """What stands before the turns; nothing where it is empty."""

    def sit(
        self,
        subject: Subject,
        *,
        turns: Sequence[str] = (),
        language: str = "en",
        options: Mapping[str, Any] | None = None,
        **facts: object,
    ) -> tuple[Mapping[str, Any], Talk]:
        """Play one scenario with the subject. `facts` replace parts of the world, `options` those of the driver."""
        opening = [Message(role="system", content=self.system)] if self.system else []
        asked = [Message(role="user", content=turn) for turn in turns or self.turns]
        scenario = Scenario(
            id="x/y#z", test="x/y", arm="a", cluster="c", dialogue=(*opening, *asked),
            facts={"world": {**self.world, **facts}}, tags={"language": language},
        )  # fmt: skip
        talk = Talk(subject=subject, key=TrialKey(test="x/y", scenario=scenario.id))
        return anyio.run(self.driver, scenario, talk, {**self.options, **(options or {})}), talk
