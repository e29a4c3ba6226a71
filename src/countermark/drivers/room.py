"""One attempt in a simulated place: the loop of turns, calls and scripted user turns, and what is noted on the way."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Literal, Protocol

from countermark.drivers.talk import Talk
from countermark.records import Message, ToolCall, ToolSpec

MAX_CALLS = 16
"""Calls of one turn that are carried out; further ones are answered as faulty."""

CLOSING_TURNS = 3
"""Turns the subject has for a closing question before it must have come to words."""

MAX_TEXT = 20_000
MAX_NOTED = 300
_CUT = frozenset({"length", "max_tokens", "model_length"})

Ended = Literal["finished", "limit"]


@dataclass(slots=True)
class Turns:
    """What can be said of the subject's turns and calls, whatever place they were made in."""

    names: Sequence[str]
    """Of the tools offered."""
    step: int = 0
    asked: int = 0
    """The scripted user turn that was put last, from 1."""
    asked_at: list[int] = field(default_factory=list)
    """The same for every turn of the subject."""
    actions: list[dict[str, Any]] = field(default_factory=list)
    calls_as_text: int = 0
    silent: bool = True
    cut: bool = False

    def listen(self, reply: Message, stop: str) -> None:
        """Note what can be said of a turn apart from its calls."""
        self.step += 1
        self.asked_at.append(self.asked)
        self.silent = self.silent and not reply.content.strip() and not reply.tool_calls
        self.cut = stop in _CUT and not reply.tool_calls
        self.calls_as_text += not reply.tool_calls and writes_a_call(reply.content, self.names)

    def note(self, tool: str, code: str, arguments: Mapping[str, Any]) -> None:
        """Note a call and what came of it."""
        self.actions.append({"step": self.step, "tool": tool, "result": code, "arguments": dict(arguments)})

    def counts(self, faults: Iterable[str], ended: str) -> dict[str, Any]:
        """What every state has for a grader's predicates; `faults`: codes of calls that reached nothing."""
        faulty = sum(action["result"] in faults for action in self.actions)
        return {
            "calls": len(self.actions),
            "calls_ok": len(self.actions) - faulty,
            "tool_faults": faulty,
            "calls_as_text": self.calls_as_text,
            "silent": self.silent,
            "last_turn_cut": self.cut,
            "steps": self.step,
            "ended": ended,
        }


class Room(Protocol):
    """A place as the loop sees it."""

    @property
    def turns(self) -> Turns:
        """The notes."""
        ...

    @property
    def over(self) -> bool:
        """Whether the scripted user turns that are left need not be put."""
        ...

    @property
    def closing(self) -> int:
        """How many of the last scripted user turns are put even where the subject's turns ran out."""
        ...

    def answer(self, call: ToolCall, place: int) -> Message:
        """Carry a call out, note it, and word the answer; `place` counts the turn's calls from 0."""
        ...

    async def arrive(self, answers: list[Message]) -> list[Message]:
        """End a turn: the answers to its calls, and user turns that have come due."""
        ...

    async def idle(self) -> list[Message]:
        """User turns that end an idle time; none where the attempt is over."""
        ...


class Still:
    """A place in which nothing happens but what the subject does."""

    @property
    def closing(self) -> int:
        """None."""
        return 0

    async def arrive(self, answers: list[Message]) -> list[Message]:
        """The answers as they are."""
        return answers

    async def idle(self) -> list[Message]:
        """None."""
        return []


async def converse(
    talk: Talk, dialogue: Sequence[Message], room: Room, tools: Sequence[ToolSpec], max_steps: int
) -> Ended:
    """Put the dialogue: calls are answered until a turn makes none, then the next user turn follows.

    Returns:
        `finished`, or `limit` where the subject's turns ran out before.
    """
    turns = room.turns
    script = say_next(talk, dialogue, turns)
    while turns.step < max_steps:
        reply = await _turn(talk, room, tools, last=turns.step + 1 == max_steps)
        if reply.tool_calls or talk.messages[-1].role == "user":
            continue
        if room.over or not script:
            told = await room.idle()
            if not told:
                return "finished"
            _say(talk, told if turns.step < max_steps else [])
        elif turns.step < max_steps:
            script = say_next(talk, script, turns)
    await _close(talk, script, room, tools)
    return "limit"


async def _turn(talk: Talk, room: Room, tools: Sequence[ToolSpec], *, last: bool) -> Message:
    """One turn of the subject with the answers to its calls; no user turn comes after the last one."""
    reply = await talk.turn(tools=tools)
    room.turns.listen(reply, talk.stop)
    answers = [room.answer(call, place) for place, call in enumerate(reply.tool_calls)]
    _say(talk, [told for told in await room.arrive(answers) if told.role == "tool" or not last])
    return reply


async def _close(talk: Talk, script: Sequence[Message], room: Room, tools: Sequence[ToolSpec]) -> None:
    """Put the last user turns although the limit was reached; each has a few turns to come to words."""
    users = [place for place, message in enumerate(script) if message.role == "user"]
    if not users or not room.closing:
        return
    left = script[users[-room.closing :][0] :]
    room.turns.asked += max(0, len(users) - room.closing)  # those that are left out count on
    while left:
        left = say_next(talk, left, room.turns)
        for _ in range(CLOSING_TURNS):
            if not (await _turn(talk, room, tools, last=True)).tool_calls:
                break


def _say(talk: Talk, told: Iterable[Message]) -> None:
    for message in told:
        talk.say(message)


def say_next(talk: Talk, script: Sequence[Message], turns: Turns) -> Sequence[Message]:
    """Say all up to and including the next user turn; what is left."""
    for place, message in enumerate(script):
        talk.say(message)
        if message.role == "user":
            turns.asked += 1
            return script[place + 1 :]
    return ()


def refused_before(call: ToolCall, place: int) -> str:
    """The code of a call that is not looked at any further, or ""."""
    if place >= MAX_CALLS:
        return "too_many"
    return "unreadable" if call.fault is not None else ""


def writes_a_call(text: str, names: Sequence[str]) -> bool:
    """Whether a text writes out a call instead of making one: not where prose only speaks of a tool."""
    return bool(text) and _written_call("|".join(map(re.escape, names))).search(text) is not None


@cache
def _written_call(named: str) -> re.Pattern[str]:
    return re.compile(
        rf"^[ \t>`*.\d-]{{0,12}}(?:\w{{1,40}} = )?(?:await )?(?:\w{{1,40}}\.)?(?:{named})\s?\("
        rf"|\b(?:{named})\s?\(\s?(?:\w{{1,40}}\s?[=:]|[\"'{{])|\b(?:{named})\s?\{{|<(?:{named})>"
        rf"|(?:name|tool|function|action)[\"']?\s?[:=]\s?[\"'`]?(?:{named})\b",
        re.IGNORECASE | re.MULTILINE,
    )


def plain(value: Any) -> Any:
    """A subject's value as a world takes it: texts capped, and free of lone surrogates."""
    return _capped(value, MAX_TEXT).encode("utf-8", "replace").decode() if isinstance(value, str) else value


def short(value: Any) -> Any:
    """A plain value as the record of calls keeps it."""
    return _capped(value, MAX_NOTED) if isinstance(value, str) else value


def _capped(text: str, length: int) -> str:
    return text if len(text) <= length else text[:length] + "…"
