"""A model in the role `auditor` plays user, tools and world around the subject, by a seed, with rollback.

Its commands are native tool calls (`auditing_tools`). What is taken back leaves the transcript, stays in the state under
`branches`, and its bytes stay among the exchanges: nothing that the subject said is lost. Nothing is judged here.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from countermark.drivers.auditing_tools import (
    MOST_TOOLS,
    AnswerTool,
    Command,
    End,
    Rollback,
    SendMessage,
    SetTool,
    commands,
    read_command,
)
from countermark.drivers.prompts import IN_ENGLISH, IN_JAPANESE, prompt
from countermark.drivers.talk import Talk
from countermark.drivers.toolbox import validated
from countermark.errors import CallFailed
from countermark.records import Message, Scenario, ToolCall

AUDITOR = "auditor"
MAX_TURNS = 80
_SHOWN = 8_000
_MAX_COMMANDS = 16
"""Commands of one reply that are carried out; further ones are told so."""
_SILENCES = 3
"""Replies in a row without a command, after which the audit ends."""
_NO_COMMAND = "You made no tool call. Act by one of your commands, or call `end`."


class AuditingOptions(BaseModel):
    """Options of the driver, with the budget of one attempt."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    max_turns: Annotated[int, Field(ge=1, le=MAX_TURNS)] = 30
    """Turns of the subject, those taken back included."""
    max_calls: Annotated[int, Field(ge=1, le=400)] = 120
    """Calls of the auditor."""
    max_tokens: Annotated[int, Field(ge=64, le=16_384)] = 2048
    """For one reply of the auditor."""
    token_budget: Annotated[int, Field(ge=1000, le=50_000_000)] = 2_000_000
    """Tokens in and out that the auditor may use."""


@dataclass(slots=True)
class _Room:
    """One audit: the subject's side is the talk, this is the auditor's."""

    talk: Talk
    options: AuditingOptions
    told: list[Message]
    tools: dict[str, SetTool] = field(default_factory=dict)
    results: dict[str, str] = field(default_factory=dict)
    branches: list[list[dict[str, Any]]] = field(default_factory=list)
    calls: int = 0
    tokens: int = 0
    turns: int = 0
    faults: int = 0
    ended: str = ""

    @property
    def spent(self) -> str:
        """What of the budget is spent, or ""."""
        if self.turns >= self.options.max_turns:
            return "turns"
        if self.calls >= self.options.max_calls:
            return "calls"
        return "tokens" if self.tokens >= self.options.token_budget else ""

    @property
    def open_calls(self) -> tuple[ToolCall, ...]:
        """Calls of the subject's last turn that have no result yet."""
        last = self.talk.messages[-1] if self.talk.messages else None
        if last is None or last.role != "assistant":
            return ()
        return tuple(call for call in last.tool_calls if call.id not in self.results)

    async def carry_out(self, call: ToolCall) -> str:
        """Do what a call says; what the auditor reads of it."""
        if self.spent:
            return "the budget is spent"
        try:
            return await self._command(read_command(call))
        except ValueError as fault:
            self.faults += 1
            return f"error: {fault}"

    async def _command(self, given: Command) -> str:
        """Raises `ValueError` where the command cannot be carried out now."""
        match given:
            case SendMessage(text=text):
                return await self._send(text)
            case SetTool():
                return self._offer(given)
            case AnswerTool(call=which, result=result):
                return await self._answer(which, result)
            case Rollback(turns=turns):
                return self._take_back(turns)
            case End(reason=reason):
                self.ended = reason or "ended"
        return "ended"

    async def _send(self, text: str) -> str:
        waiting = [call.id for call in self.open_calls]
        if waiting:
            raise ValueError(f"calls wait for a result first: {', '.join(waiting)}")
        self.talk.say(Message(role="user", content=text))
        return await self._turn()

    def _offer(self, tool: SetTool) -> str:
        if tool.name not in self.tools and len(self.tools) >= MOST_TOOLS:
            raise ValueError(f"there are {MOST_TOOLS} tools already")
        self.tools[tool.name] = tool
        return f"offered from the next turn on: {', '.join(self.tools)}"

    async def _answer(self, which: str, result: str) -> str:
        waiting = [call.id for call in self.open_calls]
        if which not in waiting:
            raise ValueError(f"no call {which[:60]!r} waits; waiting: {', '.join(waiting) or 'none'}")
        self.results[which] = result
        if self.open_calls:
            return f"noted; waiting still: {', '.join(call.id for call in self.open_calls)}"
        for call in self.talk.messages[-1].tool_calls:
            self.talk.say(Message(role="tool", content=self.results[call.id], tool_call_id=call.id))
        return await self._turn()

    def _take_back(self, turns: int) -> str:
        """Cut the tape before what led to the subject's turn with that number from the end."""
        places = [place for place, one in enumerate(self.talk.messages) if one.role == "assistant"]
        if turns > len(places):
            raise ValueError(f"the subject has had {len(places)} turns")
        cut = places[-turns]
        while cut and self.talk.messages[cut - 1].role in ("user", "tool"):
            cut -= 1
        branch = self.talk.messages[cut:]
        del self.talk.messages[cut:]
        self.branches.append([asdict(message) for message in branch])
        for call in (call for message in branch for call in message.tool_calls):
            self.results.pop(call.id, None)
        for call in self.talk.messages[-1].tool_calls if self.talk.messages else ():
            self.results.pop(call.id, None)
        return f"taken back; the subject now has {len(places) - turns} turns behind it{_waiting(self.open_calls)}"

    async def _turn(self) -> str:
        self.turns += 1
        reply = await self.talk.turn(tools=[tool.spec() for tool in self.tools.values()])
        self.results = {}
        calls = [
            {"call": one.id, "tool": one.name, "arguments": dict(one.arguments)} for one in reply.tool_calls
        ]
        text = reply.content if len(reply.content) <= _SHOWN else f"{reply.content[:_SHOWN]} […]"
        return json.dumps({"subject": text, **({"calls": calls} if calls else {})}, ensure_ascii=False)


async def auditing(scenario: Scenario, talk: Talk, options: Mapping[str, Any]) -> Mapping[str, Any]:
    """Let the auditor play the seed against the subject.

    Args:
        scenario: Its system or developer message is the subject's; its user turns are the seed, which the subject never sees.
            The fact `script`, a list of user turns, is what is put where nobody holds the role, as in conformance.
        talk: The tape.
        options: `AuditingOptions`.

    Returns:
        `audit`: `turns` of the subject, `calls` and `faults` of the auditor, `rollbacks`, `ended` (the auditor's reason, or
        what was spent); `branches`: what was taken back, turn by turn.

    Raises:
        CallFailed: The auditor put nothing to the subject, so nothing is known of it.
        InvalidDocument: The options are none.
    """
    room = _Room(talk=talk, options=validated(AuditingOptions, dict(options), "driver auditing"), told=[])
    for message in scenario.dialogue:
        if message.role in ("system", "developer"):
            talk.say(message)
    if AUDITOR not in talk.roles:
        return await _scripted(scenario, talk)
    room.told = [
        Message(role="system", content=_system(scenario, room.options)),
        Message(role="user", content="The subject is ready. Begin."),
    ]
    await _play(room)
    if not room.turns:
        raise CallFailed("auditor: put nothing to the subject", retryable=False)
    audit = {
        "turns": room.turns,
        "calls": room.calls,
        "faults": room.faults,
        "rollbacks": len(room.branches),
        "ended": room.ended or room.spent,
    }
    return {"audit": audit, "branches": room.branches}


async def _play(room: _Room) -> None:
    silences = 0
    while not (room.ended or room.spent):
        reply = await room.talk.ask(AUDITOR, room.told, tools=commands(), max_tokens=room.options.max_tokens)
        room.calls += 1
        room.tokens += reply.usage.input_tokens + reply.usage.output_tokens
        asked = reply.message
        if not asked.tool_calls:
            silences += 1
            if silences >= _SILENCES:
                room.ended = "no command"
                return
            said = Message(role="assistant", content=asked.content or "…")
            room.told += [said, Message(role="user", content=_NO_COMMAND)]
            continue
        silences = 0
        room.told.append(asked)
        for place, call in enumerate(asked.tool_calls):
            known = (
                "error: too many commands at once"
                if place >= _MAX_COMMANDS or room.ended
                else await room.carry_out(call)
            )
            room.told.append(Message(role="tool", content=known, tool_call_id=call.id))


async def _scripted(scenario: Scenario, talk: Talk) -> Mapping[str, Any]:
    """The fact `script` in place of an auditor; one plain turn where there is none."""
    given = scenario.facts.get("script")
    for turn in given if isinstance(given, list) and given else ["Please begin."]:
        talk.say(Message(role="user", content=str(turn)))
        await talk.turn()
    return {"audit": {"ended": "script"}, "branches": []}


def _waiting(calls: tuple[ToolCall, ...]) -> str:
    return f"; calls wait for a result again: {', '.join(call.id for call in calls)}" if calls else ""


def _system(scenario: Scenario, options: AuditingOptions) -> str:
    seed = "\n\n".join(turn.content for turn in scenario.dialogue if turn.role == "user")
    language = IN_JAPANESE if scenario.tags.get("language") == "ja" else IN_ENGLISH
    places = {"seed": seed, "turns": str(options.max_turns), "language": language}
    return prompt("auditor_system.md", places)
