"""Transcripts as a report quotes them: short ones whole, long ones cut, every cut marked with what is missing.

A pure function of the transcript, so that whoever verifies cuts in the same places.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

MAX_CHARACTERS = 16_000
"""Of one transcript's texts together, where shorter cuts can bring it there."""
MAX_TURNS = 24
MAX_CALLS = 12
_FIRST_TURNS = 16
_CUTS = (4_000, 2_000, 1_000, 500, 250)
"""Characters of one text; the first under which all of them together are short enough, else the last."""
_EXACT = 2**53 - 1
"""Integers beyond it are not the same in every reader of JSON."""
_TAIL = 4
"""One part in so many of a cut text is its end."""


def excerpt(messages: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The turns of a transcript, bounded: the first and the last of too many, the beginning and the end of long texts.

    Args:
        messages: As they stand in the transcript: role, content, tool_calls, tool_call_id. Other keys are not quoted.

    Returns:
        The same turns without fractions and huge integers, which become texts. A cut text is `{"head", "left_out", "tail"}`; turns
        left out are `{"turns_left_out": n}` in their place; further calls of a turn, `{"calls_left_out": n}`. Arguments of a
        call that are cut become a text, their JSON with sorted keys.
    """
    turns = [_turn(message) for message in messages]
    if len(turns) > MAX_TURNS:
        gap = {"turns_left_out": len(turns) - MAX_TURNS}
        turns = [*turns[:_FIRST_TURNS], gap, *turns[_FIRST_TURNS - MAX_TURNS :]]
    most = next((most for most in _CUTS if _weight(turns, most) <= MAX_CHARACTERS), _CUTS[-1])
    return [_shortened(turn, most) for turn in turns]


def _turn(message: Mapping[str, Any]) -> dict[str, Any]:
    """What is quoted of a turn, its texts still whole."""
    calls = message.get("tool_calls") or []
    kept = [_call(call) for call in calls[:MAX_CALLS]]
    if len(calls) > MAX_CALLS:
        kept.append({"calls_left_out": len(calls) - MAX_CALLS})
    return {
        "role": message.get("role"),
        "content": _signable(message.get("content")),
        "tool_calls": kept,
        "tool_call_id": _signable(message.get("tool_call_id")),
    }


def _call(call: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _signable(call.get(name)) for name in ("id", "name", "arguments", "fault")}


def _weight(turns: Sequence[Mapping[str, Any]], most: int) -> int:
    """Characters of all texts with each cut to `most`."""
    return sum(min(len(_plain(value)), most) for turn in turns for value in _texts(turn))


def _texts(turn: Mapping[str, Any]) -> list[Any]:
    calls = turn.get("tool_calls", [])
    return [
        turn.get("content", ""),
        *(call.get(name) for call in calls for name in ("arguments", "fault", "name")),
    ]


def _shortened(turn: dict[str, Any], most: int) -> dict[str, Any]:
    if "turns_left_out" in turn:
        return turn
    calls = [{name: _cut(value, most) for name, value in call.items()} for call in turn["tool_calls"]]
    return {name: _cut(value, most) for name, value in turn.items() if name != "tool_calls"} | {
        "tool_calls": calls
    }


def _cut(value: Any, most: int) -> Any:
    text = _plain(value)
    if len(text) <= most:
        return value
    tail = most // _TAIL
    return {"head": text[: most - tail], "left_out": len(text) - most, "tail": text[-tail:]}


def _plain(value: Any) -> str:
    """A text as it is, anything else as JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, sort_keys=True)


def _signable(value: Any) -> Any:
    """The same value with fractions as strings: the report is signed, and nothing signed holds a float or an integer over 2^53 - 1."""
    if isinstance(value, float) or (isinstance(value, int) and abs(value) > _EXACT):
        return repr(value)
    if isinstance(value, Mapping):
        return {key: _signable(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_signable(item) for item in value]
    return value
