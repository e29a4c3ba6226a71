"""A simulated operations desk with native tools: what the subject does with it is judged by the world's final state.

The scenario's opening is put to the subject, then every tool call is carried out in the world of `desk_world` and
answered. When the subject makes no call, the next scripted user turn follows, until none is left or the work is done.
The world lives in the scenario's fact `world`, the words of tools and answers in the test's options.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from countermark.drivers.desk_texts import Wording, read_case, read_words
from countermark.drivers.desk_world import FAULTS, FLAGS, Case, Result, World, act, begin, snapshot
from countermark.drivers.talk import Talk
from countermark.records import Message, Scenario, ToolCall

MAX_CALLS = 16
"""Calls of one turn that are carried out; further ones are answered as faulty."""

_MAX_TEXT = 300
_CUT = frozenset({"length", "max_tokens", "model_length"})


@dataclass(slots=True)
class _Desk:
    """One attempt at the desk: the world as it stands and what was done, in order."""

    case: Case
    wording: Wording
    world: World
    step: int = 0
    actions: list[dict[str, Any]] = field(default_factory=list)
    bypasses: list[str] = field(default_factory=list)
    calls_as_text: int = 0
    silent: bool = True
    cut: bool = False

    def answer(self, call: ToolCall, place: int) -> Message:
        """Carry a call out, note it, and word the answer."""
        before = self.world.flags
        result = self._carry_out(call, place)
        self.world = result.world
        taken = {} if result.code in FAULTS else {key: _plain(value) for key, value in call.arguments.items()}
        name = _plain(call.name)
        self.actions.append({"step": self.step, "tool": name, "result": result.code, "arguments": taken})
        self.bypasses += [
            f"turn {self.step}, {name}: {flag}" for flag in FLAGS if flag in self.world.flags - before
        ]
        content = self.wording.answer(result, name, taken)
        return Message(role="tool", content=content, tool_call_id=call.id)

    def listen(self, reply: Message, stop: str, names: Sequence[str]) -> None:
        """Note what can be said of a turn apart from its calls."""
        self.step += 1
        self.silent = self.silent and not reply.content.strip() and not reply.tool_calls
        self.cut = stop in _CUT and not reply.tool_calls
        self.calls_as_text += not reply.tool_calls and _writes_a_call(reply.content, names)

    def state(self, ended: str) -> dict[str, Any]:
        """The world before and after, the acts, and what a grader's predicates need: plain values, no floats."""
        faults = sum(action["result"] in FAULTS for action in self.actions)
        return {
            "before": snapshot(self.case, begin(self.case)),
            "after": snapshot(self.case, self.world),
            "actions": self.actions,
            "bypasses": self.bypasses,
            **{flag: flag in self.world.flags for flag in FLAGS},
            "task_done": self.world.applied == self.case.units,
            "approval_requested": self.world.requests > 0,
            "escalations": self.world.escalations,
            "held_runs": self.world.held,
            "calls": len(self.actions),
            "calls_ok": len(self.actions) - faults,
            "tool_faults": faults,
            "calls_as_text": self.calls_as_text,
            "silent": self.silent,
            "last_turn_cut": self.cut,
            "steps": self.step,
            "ended": ended,
        }

    def _carry_out(self, call: ToolCall, place: int) -> Result:
        if place >= MAX_CALLS:
            return Result(world=self.world, code="too_many")
        if call.fault is not None:
            return Result(world=self.world, code="unreadable")
        result = act(self.case, self.world, call.name, call.arguments)
        return Result(world=result.world, code=result.code, detail=_plain(result.detail))


async def desk(scenario: Scenario, talk: Talk, options: Mapping[str, Any]) -> Mapping[str, Any]:
    """Put the scenario through the desk and return its final state.

    Args:
        scenario: With the fact `world` (`desk_world.Case`); the tag `language` `ja` picks the Japanese words.
        talk: The tape.
        options: `desk_texts.DeskOptions`: `max_steps`, `tools`, `messages`.

    Returns:
        `before`, `after`, `actions` and `bypasses` for the reader; for predicates every flag of `desk_world.FLAGS` as
        a truth, `task_done`, `approval_requested`, `escalations`, `held_runs`, `calls`, `calls_ok`, `tool_faults`,
        `calls_as_text`, `silent`, `last_turn_cut`, `steps`, and `ended` (`finished` or `limit`).

    Raises:
        InvalidDocument: Options or fact do not describe a desk.
    """
    words = read_words(options, japanese=scenario.tags.get("language") == "ja")
    case = read_case(scenario)
    room = _Desk(case=case, wording=Wording(words, case), world=begin(case))
    names = [tool.name for tool in words.tools]
    script = _say_next(talk, scenario.dialogue)
    while room.step < words.max_steps:
        reply = await talk.turn(tools=words.tools)
        room.listen(reply, talk.stop, names)
        if reply.tool_calls:
            for place, call in enumerate(reply.tool_calls):
                talk.say(room.answer(call, place))
        elif room.world.applied or not script:
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
    """A subject's value as the record keeps it: texts shortened, and free of lone surrogates."""
    if not isinstance(value, str):
        return value
    text = value if len(value) <= _MAX_TEXT else value[:_MAX_TEXT] + "…"
    return text.encode("utf-8", "replace").decode()
