"""The simulated world with native tools: mail, files, a shell, desks, forms, other people, and a clock.

The user's request is put to the subject, then every tool call is carried out on the world of `world_state` and answered.
When the subject makes no call, the next scripted user turn follows. Time passes with every turn; mail, jobs and events
arrive when they are due. All of it is data: the fact `world` and the test's options (docs/reference/world.md).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from countermark.drivers.room import Turns, converse, plain, refused_before, short
from countermark.drivers.talk import Talk
from countermark.drivers.toolbox import Tool, argument_fault
from countermark.drivers.world_people import People
from countermark.drivers.world_state import FAULTS, HELD, MISSES, Coming, Done, World, begin, shown, snapshot
from countermark.drivers.world_texts import Setting, offered, read_briefs, read_setting, read_world
from countermark.records import Message, Scenario, ToolCall

_NO_EFFECT = FAULTS | MISSES | HELD


@dataclass(slots=True)
class _Room:
    """One attempt in the world."""

    world: World
    setting: Setting
    tools: Mapping[str, Tool]
    turns: Turns
    people: People
    over: bool = False
    unheard: list[str] = field(default_factory=list)
    """Lines that wait for the next result of a tool."""

    @property
    def closing(self) -> int:
        """From the options."""
        return self.setting.options.closing

    def answer(self, call: ToolCall, place: int) -> Message:
        """Carry a call out, note it, and word the answer."""
        arguments = {plain(key): plain(value) for key, value in call.arguments.items()}
        name = plain(call.name)
        self.world.turn, self.world.call = self.turns.step, len(self.turns.actions) + 1
        refused = refused_before(call, place)
        done = Done(code=refused) if refused else self._carry_out(name, arguments)
        taken = {} if done.code in FAULTS else {key: short(value) for key, value in arguments.items()}
        self.turns.note(name, done.code, taken)
        self.turns.actions[-1]["ok"] = done.code not in FAULTS
        return Message(role="tool", content=self.setting.word(done, name), tool_call_id=call.id)

    async def arrive(self, answers: list[Message]) -> list[Message]:
        """Let a turn pass: what has come due stands under the last answer; user turns follow."""
        self.world.clock += 1
        lines, said = await self._come(self.world.clock)
        self.unheard += lines
        if answers and self.unheard:
            last = answers[-1]
            answers[-1] = replace(last, content="\n".join([last.content, "", *self.unheard]))
            self.unheard = []
        return answers + said

    async def idle(self) -> list[Message]:
        """Where the test waits: move the clock to whatever comes next, and tell the subject in a user turn."""
        while self.setting.options.idle == "wait" and (self.unheard or self.world.coming):
            if not self.unheard:
                self.world.clock = max(self.world.clock, min(one.due for one in self.world.coming))
            lines, said = await self._come(self.world.clock)
            lines, self.unheard = [*self.unheard, *lines], []
            if lines or said:
                told = [Message(role="user", content="\n".join(lines))] if lines else []
                return told + said
        return []

    def state(self, ended: str) -> dict[str, Any]:
        """The world before and after, the acts, and what a grader's predicates need: plain values, no floats."""
        codes = [action["result"] for action in self.turns.actions]
        return {
            "before": snapshot(self.world.start),
            "after": snapshot(self.world.things),
            "effects": self.world.effects,
            "actions": self.turns.actions,
            "asked_at": self.turns.asked_at,
            "asked": self.turns.asked,
            "clock": self.world.clock,
            "held": sum(code in HELD for code in codes),
            "tool_misses": sum(code in MISSES for code in codes),
            **self.people.state(self.world),
            **self.turns.counts(FAULTS, ended),
        }

    def _carry_out(self, name: str, arguments: Mapping[str, Any]) -> Done:
        tool = self.tools.get(name)
        if tool is None:
            return Done(code="unknown_tool", detail=name)
        fault = argument_fault(tool, arguments)
        if fault is not None:
            return Done(code=fault[0], detail=fault[1])
        held = self._held(name, arguments)
        done: Done = held or tool.run(self.world, arguments)
        if done.code not in _NO_EFFECT:
            self._count(name, done.code)
        return done

    def _held(self, name: str, arguments: Mapping[str, Any]) -> Done | None:
        """The answer to a call that a permission, a quota or a guard holds back."""
        case, things = self.world.case, self.world.things
        covering = [one.id for one in case.permissions if name in one.covers]
        if covering and not any(things["permissions"][one]["granted"] for one in covering):
            return Done(code="no_permission", values={"id": covering[0]})
        for quota in case.quotas:
            now = things["quotas"][quota.id]
            if name in quota.counts and now["used"] >= now["limit"]:
                return Done(code="over_quota", values={"id": quota.id, "limit": str(now["limit"])})
        for guard in case.guards:
            asked = all(shown(arguments.get(key, "")) == shown(value) for key, value in guard.where.items())
            if name in guard.tools and asked and self.world.holds(guard.while_):
                return Done(code="guarded", values={"text": guard.answer})
        return None

    def _count(self, name: str, code: str) -> None:
        """Use quotas up, and enter the call into the audit log where a monitor records it."""
        case, things = self.world.case, self.world.things
        for quota in case.quotas:
            things["quotas"][quota.id]["used"] += name in quota.counts
        if any(name in one.records and things["monitors"][one.id]["on"] for one in case.monitors):
            told = {"now": self.world.now(), "tool": name, "code": code}
            things["log"][self.world.new_id("L-")] = {"text": self.setting.fill("log_entry", told)}

    async def _come(self, clock: int) -> tuple[list[str], list[Message]]:
        """What has come due by now: lines for the subject, and user turns."""
        due = [one for one in self.world.coming if one.due <= clock]
        self.world.coming = [one for one in self.world.coming if one.due > clock]
        lines: list[str] = []
        said: list[Message] = []
        for one in sorted(due, key=lambda one: one.due):
            cancelled = one.job and self.world.things["jobs"][one.job]["cancelled"]
            if not cancelled and self.world.holds(one.when):
                self.world.change(one.changes)
                lines += await self._lines(one)
                said += [Message(role="user", content=one.say)] if one.say else []
        return lines, said

    async def _lines(self, one: Coming) -> list[str]:
        lines = []
        mail = one.mail if one.asks is None else await self.people.answer(self.world, *one.asks)
        if mail is not None:
            name = self.world.receive(mail)
            if one.asks is not None:
                self.people.came(name, *one.asks)
            told = {"now": self.world.now(), "id": name, "sender": mail.sender, "subject": mail.subject}
            lines.append(self.setting.fill("new_mail", told))
        if one.notice:
            lines.append(self.setting.fill("notice", {"now": self.world.now(), "text": one.notice}))
        return lines


async def world(scenario: Scenario, talk: Talk, options: Mapping[str, Any]) -> Mapping[str, Any]:
    """Put the scenario through the world and return its final state.

    Args:
        scenario: With the fact `world` (`world_case.Case`); the tag `language` `ja` picks the Japanese words.
        talk: The tape; a model in the role `world` plays those who have a brief (`world_people`).
        options: `world_texts.WorldOptions`.

    Returns:
        `before`, `after`, `effects` and `actions`, and what predicates need; all of it stands in docs/reference/world.md.
        `people` where a model has somebody to play.

    Raises:
        InvalidDocument: Options or fact do not describe a world.
        Unsupported: Somebody who was written to is played by a model, and the run has none.
        CallFailed: Somebody could not be played: the model gave nothing readable twice.
    """
    japanese = scenario.tags.get("language") == "ja"
    setting = read_setting(options, japanese=japanese)
    case = read_world(scenario, setting)
    tools, specs = offered(case, setting)
    people = People(talk=talk, options=setting.options.people, japanese=japanese)
    room = _Room(world=begin(case), setting=setting, tools=tools, turns=Turns(list(tools)), people=people)
    people.cast(room.world, read_briefs(scenario, case, setting, japanese=japanese))
    return room.state(await converse(talk, scenario.dialogue, room, specs, setting.options.max_steps))
