"""A simulated office with native tools: mailbox, calendar, files, contacts, a notice board, payments, a web reader.

The user's request is put to the subject, then every tool call is carried out in the world of `office_world` and answered
until the subject makes none. What tools return may carry a planted text; whether its goal was reached is read from what
was done, never from what was said. The world lives in the scenario's fact `world`, the words in the test's options.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from countermark.drivers.office_aims import reached, towards
from countermark.drivers.office_case import Office
from countermark.drivers.office_texts import Words, read_office, read_words
from countermark.drivers.office_world import FAULTS, MISSES, Result, World, act, begin, snapshot
from countermark.drivers.talk import Talk
from countermark.records import Message, Scenario, ToolCall

MAX_CALLS = 16
"""Calls of one turn that are carried out; further ones are answered as faulty."""

_MAX_TEXT = 20_000
_MAX_NOTED = 300
_CUT = frozenset({"length", "max_tokens", "model_length"})


@dataclass(slots=True)
class _Room:
    """One attempt: the world as it stands and what was done, in order."""

    office: Office
    words: Words
    world: World
    step: int = 0
    actions: list[dict[str, Any]] = field(default_factory=list)
    acts: list[str] = field(default_factory=list)
    attempts: int = 0
    calls_as_text: int = 0
    silent: bool = True
    cut: bool = False

    def answer(self, call: ToolCall, place: int) -> Message:
        """Carry a call out, note it, and word the answer."""
        arguments = {_plain(key): _plain(value) for key, value in call.arguments.items()}
        name = _plain(call.name)
        result = self._carry_out(call, name, arguments, place)
        self._note(call, name, arguments, result)
        self.world = result.world
        taken = {} if result.code in FAULTS else {key: _short(value) for key, value in arguments.items()}
        self.actions.append({"step": self.step, "tool": name, "result": result.code, "arguments": taken})
        return Message(role="tool", content=self.words.answer(result, name), tool_call_id=call.id)

    def listen(self, reply: Message, stop: str) -> None:
        """Note what can be said of a turn apart from its calls."""
        self.step += 1
        self.silent = self.silent and not reply.content.strip() and not reply.tool_calls
        self.cut = stop in _CUT and not reply.tool_calls
        self.calls_as_text += not reply.tool_calls and _writes_a_call(
            reply.content, [tool.name for tool in self.words.tools]
        )

    def state(self, ended: str) -> dict[str, Any]:
        """The world before and after, the acts, and what a grader's predicates need: plain values, no floats."""
        codes = [action["result"] for action in self.actions]
        faults = sum(code in FAULTS for code in codes)
        plant, effects = self.office.plant, self.world.effects
        return {
            "before": snapshot(begin(self.office)),
            "after": snapshot(self.world),
            "effects": [
                {"kind": effect.kind} | {key: _short(value) for key, value in effect.what.items()}
                for effect in effects
            ],
            "actions": self.actions,
            "planted": plant is not None,
            "exposed": plant is not None and self.world.shown.issuperset(plant.documents),
            "marks": [mark for mark in plant.marks if mark] if plant else [],
            "goal_reached": plant is not None and reached(plant.goal, self.office, effects),
            "goal_calls": self.attempts,
            "goal_acts": self.acts,
            "task_done": reached(self.office.task, self.office, effects),
            "calls": len(codes),
            "calls_ok": len(codes) - faults,
            "tool_faults": faults,
            "tool_misses": sum(code in MISSES for code in codes),
            "calls_as_text": self.calls_as_text,
            "silent": self.silent,
            "last_turn_cut": self.cut,
            "steps": self.step,
            "ended": ended,
        }

    def _note(self, call: ToolCall, name: str, arguments: Mapping[str, Any], result: Result) -> None:
        plant = self.office.plant
        if plant is None:
            return
        new = result.world.effects[len(self.world.effects) :]
        if reached(plant.goal, self.office, new):
            self.acts.append(f"turn {self.step}, {name}: {plant.goal.act}")
        self.attempts += towards(plant.goal, name, arguments, _plain(call.fault or ""))

    def _carry_out(self, call: ToolCall, name: str, arguments: Mapping[str, Any], place: int) -> Result:
        if place >= MAX_CALLS:
            return Result(world=self.world, code="too_many")
        if call.fault is not None:
            return Result(world=self.world, code="unreadable")
        return act(self.office, self.world, name, arguments)


async def office(scenario: Scenario, talk: Talk, options: Mapping[str, Any]) -> Mapping[str, Any]:
    """Put the scenario through the office and return its final state.

    Args:
        scenario: With the fact `world` (`office_case.Office`); the tag `language` `ja` picks the Japanese words.
        talk: The tape.
        options: `office_texts.OfficeOptions`: `max_steps`, `tools`, `messages`.

    Returns:
        `before`, `after`, `effects`, `actions` and `goal_acts` for the reader; for predicates `planted`, `exposed` (all of
        the planted text was shown), `marks`, `goal_reached`, `goal_calls` (calls towards the plant's goal, failed ones
        included), `task_done`, `calls`, `calls_ok`, `tool_faults`, `tool_misses`, `calls_as_text`, `silent`,
        `last_turn_cut`, `steps`, and `ended` (`finished` or `limit`).

    Raises:
        InvalidDocument: Options or fact do not describe an office.
    """
    words = read_words(options, japanese=scenario.tags.get("language") == "ja")
    case = read_office(scenario)
    room = _Room(office=case, words=words, world=begin(case))
    script = _say_next(talk, scenario.dialogue)
    while room.step < words.max_steps:
        reply = await talk.turn(tools=words.tools)
        room.listen(reply, talk.stop)
        if reply.tool_calls:
            for place, call in enumerate(reply.tool_calls):
                talk.say(room.answer(call, place))
        elif not script:
            return room.state("finished")
        elif room.step < words.max_steps:
            script = _say_next(talk, script)
    return room.state("limit")


def _say_next(talk: Talk, script: Sequence[Message]) -> Sequence[Message]:
    """Say all up to and including the next user turn; what is left."""
    for place, message in enumerate(script):
        talk.say(message)
        if message.role == "user":
            return script[place + 1 :]
    return ()


def _writes_a_call(text: str, names: Sequence[str]) -> bool:
    """Whether a text writes out a call instead of making one: not where prose only speaks of a tool."""
    return _written_call("|".join(map(re.escape, names))).search(text) is not None


@cache
def _written_call(named: str) -> re.Pattern[str]:
    return re.compile(
        rf"^[ \t>`*.\d-]{{0,12}}(?:\w{{1,40}} = )?(?:await )?(?:\w{{1,40}}\.)?(?:{named})\s?\("
        rf"|\b(?:{named})\s?\(\s?(?:\w{{1,40}}\s?[=:]|[\"'{{])|\b(?:{named})\s?\{{|<(?:{named})>"
        rf"|(?:name|tool|function|action)[\"']?\s?[:=]\s?[\"'`]?(?:{named})\b",
        re.IGNORECASE | re.MULTILINE,
    )


def _plain(value: Any) -> Any:
    """A subject's value as the world takes it: texts capped, and free of lone surrogates."""
    return _cut(value, _MAX_TEXT).encode("utf-8", "replace").decode() if isinstance(value, str) else value


def _short(value: Any) -> Any:
    """The same as the record keeps it."""
    return _cut(value, _MAX_NOTED) if isinstance(value, str) else value


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else text[:length] + "…"
