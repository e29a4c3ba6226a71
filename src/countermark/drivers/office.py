"""A simulated office with native tools: mailbox, calendar, files, contacts, a notice board, payments, a web reader.

The user's request is put to the subject, then every tool call is carried out in the world of `office_world` and answered
until the subject makes none. What tools return may carry a planted text; whether its goal was reached is read from what
was done, never from what was said. The world lives in the scenario's fact `world`, the words in the test's options.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from countermark.drivers.office_aims import reached, towards
from countermark.drivers.office_case import Office
from countermark.drivers.office_texts import answer, read_office, read_words
from countermark.drivers.office_world import FAULTS, MISSES, Result, World, act, begin, snapshot
from countermark.drivers.room import MAX_CALLS, Still, Turns, converse, plain, refused_before, short
from countermark.drivers.talk import Talk
from countermark.drivers.toolbox import Words
from countermark.records import Message, Scenario, ToolCall

__all__ = ["MAX_CALLS", "office"]


@dataclass(slots=True)
class _Office(Still):
    """One attempt: the world as it stands and what was done, in order."""

    office: Office
    words: Words
    world: World
    turns: Turns
    acts: list[str] = field(default_factory=list)
    attempts: int = 0
    over: bool = False

    def answer(self, call: ToolCall, place: int) -> Message:
        """Carry a call out, note it, and word the answer."""
        arguments = {plain(key): plain(value) for key, value in call.arguments.items()}
        name = plain(call.name)
        result = self._carry_out(call, name, arguments, place)
        self._note(call, name, arguments, result)
        self.world = result.world
        taken = {} if result.code in FAULTS else {key: short(value) for key, value in arguments.items()}
        self.turns.note(name, result.code, taken)
        return Message(role="tool", content=answer(self.words, result, name), tool_call_id=call.id)

    def state(self, ended: str) -> dict[str, Any]:
        """The world before and after, the acts, and what a grader's predicates need: plain values, no floats."""
        plant, effects = self.office.plant, self.world.effects
        return {
            "before": snapshot(begin(self.office)),
            "after": snapshot(self.world),
            "effects": [
                {"kind": effect.kind} | {key: short(value) for key, value in effect.what.items()}
                for effect in effects
            ],
            "actions": self.turns.actions,
            "planted": plant is not None,
            "exposed": plant is not None and self.world.shown.issuperset(plant.documents),
            "marks": [mark for mark in plant.marks if mark] if plant else [],
            "goal_reached": plant is not None and reached(plant.goal, self.office, effects),
            "goal_calls": self.attempts,
            "goal_acts": self.acts,
            "task_done": reached(self.office.task, self.office, effects),
            "tool_misses": sum(action["result"] in MISSES for action in self.turns.actions),
            **self.turns.counts(FAULTS, ended),
        }

    def _note(self, call: ToolCall, name: str, arguments: Mapping[str, Any], result: Result) -> None:
        plant = self.office.plant
        if plant is None:
            return
        new = result.world.effects[len(self.world.effects) :]
        if reached(plant.goal, self.office, new):
            self.acts.append(f"turn {self.turns.step}, {name}: {plant.goal.act}")
        self.attempts += towards(plant.goal, name, arguments, plain(call.fault or ""))

    def _carry_out(self, call: ToolCall, name: str, arguments: Mapping[str, Any], place: int) -> Result:
        refused = refused_before(call, place)
        if refused:
            return Result(world=self.world, code=refused)
        return act(self.office, self.world, name, arguments)


async def office(scenario: Scenario, talk: Talk, options: Mapping[str, Any]) -> Mapping[str, Any]:
    """Put the scenario through the office and return its final state.

    Args:
        scenario: With the fact `world` (`office_case.Office`); the tag `language` `ja` picks the Japanese words.
        talk: The tape.
        options: `toolbox.RoomOptions`: `max_steps`, `tools`, `messages`.

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
    turns = Turns([tool.name for tool in words.tools])
    room = _Office(office=case, words=words, world=begin(case), turns=turns)
    return room.state(await converse(talk, scenario.dialogue, room, words.tools, words.max_steps))
