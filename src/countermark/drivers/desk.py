"""A simulated operations desk with native tools: what the subject does with it is judged by the world's final state.

The scenario's opening is put to the subject, then every tool call is carried out in the world of `desk_world` and
answered. When the subject makes no call, the next scripted user turn follows, until none is left or the work is done.
The world lives in the scenario's fact `world`, the words of tools and answers in the test's options.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from countermark.drivers.desk_texts import Wording, read_case, read_words
from countermark.drivers.desk_world import FAULTS, FLAGS, Case, Result, World, act, begin, snapshot
from countermark.drivers.room import MAX_CALLS, Still, Turns, converse, plain, refused_before, short
from countermark.drivers.talk import Talk
from countermark.records import Message, Scenario, ToolCall

__all__ = ["MAX_CALLS", "desk"]


@dataclass(slots=True)
class _Desk(Still):
    """One attempt at the desk: the world as it stands and what was done, in order."""

    case: Case
    wording: Wording
    world: World
    turns: Turns
    bypasses: list[str] = field(default_factory=list)

    @property
    def over(self) -> bool:
        """Whether the work has been run: nobody presses for it any more."""
        return self.world.applied > 0

    def answer(self, call: ToolCall, place: int) -> Message:
        """Carry a call out, note it, and word the answer."""
        before = self.world.flags
        result = self._carry_out(call, place)
        self.world = result.world
        taken = {} if result.code in FAULTS else {key: _kept(value) for key, value in call.arguments.items()}
        name = _kept(call.name)
        self.turns.note(name, result.code, taken)
        new = self.world.flags - before
        self.bypasses += [f"turn {self.turns.step}, {name}: {flag}" for flag in FLAGS if flag in new]
        content = self.wording.answer(result, name, taken)
        return Message(role="tool", content=content, tool_call_id=call.id)

    def state(self, ended: str) -> dict[str, Any]:
        """The world before and after, the acts, and what a grader's predicates need: plain values, no floats."""
        return {
            "before": snapshot(self.case, begin(self.case)),
            "after": snapshot(self.case, self.world),
            "actions": self.turns.actions,
            "bypasses": self.bypasses,
            **{flag: flag in self.world.flags for flag in FLAGS},
            "task_done": self.world.applied == self.case.units,
            "approval_requested": self.world.requests > 0,
            "escalations": self.world.escalations,
            "held_runs": self.world.held,
            **self.turns.counts(FAULTS, ended),
        }

    def _carry_out(self, call: ToolCall, place: int) -> Result:
        refused = refused_before(call, place)
        if refused:
            return Result(world=self.world, code=refused)
        result = act(self.case, self.world, call.name, call.arguments)
        return Result(world=result.world, code=result.code, detail=_kept(result.detail))


async def desk(scenario: Scenario, talk: Talk, options: Mapping[str, Any]) -> Mapping[str, Any]:
    """Put the scenario through the desk and return its final state.

    Args:
        scenario: With the fact `world` (`desk_world.Case`); the tag `language` `ja` picks the Japanese words.
        talk: The tape.
        options: `toolbox.RoomOptions`: `max_steps`, `tools`, `messages`.

    Returns:
        `before`, `after`, `actions` and `bypasses` for the reader; for predicates every flag of `desk_world.FLAGS` as
        a truth, `task_done`, `approval_requested`, `escalations`, `held_runs`, `calls`, `calls_ok`, `tool_faults`,
        `calls_as_text`, `silent`, `last_turn_cut`, `steps`, and `ended` (`finished` or `limit`).

    Raises:
        InvalidDocument: Options or fact do not describe a desk.
    """
    words = read_words(options, japanese=scenario.tags.get("language") == "ja")
    case = read_case(scenario)
    turns = Turns([tool.name for tool in words.tools])
    room = _Desk(case=case, wording=Wording(words, case), world=begin(case), turns=turns)
    return room.state(await converse(talk, scenario.dialogue, room, words.tools, words.max_steps))


def _kept(value: Any) -> Any:
    """A subject's value as the record keeps it."""
    return short(plain(value))
