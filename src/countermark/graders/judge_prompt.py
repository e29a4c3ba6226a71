"""What a judge is shown: frame, rubric, and transcripts as data between marks that nobody could foresee. Pure functions.

The same transcript gives the same text wherever it is made, so whoever holds the evidence can see that the judge was shown it.
"""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from countermark.graders.masking import masked
from countermark.records import JudgeForm, Message, PlannedJudge, Transcript

FRAME = 1
"""Counts up when frame, masking or reading change: answers given under another are not read by this software."""

_SYSTEM = Path(__file__).with_name("judge_system.md")
_FENCED = re.compile(r"^<<<TRANSCRIPT ([0-9a-f]{16})>>>\n.*?\n<<<END \1>>>$", re.DOTALL | re.MULTILINE)
_TURN, _WHOLE = 8_000, 60_000
_BATCH, _REQUEST = 8, 2_000_000
_BY = {"system": "operator", "developer": "operator", "user": "user", "assistant": "subject", "tool": "tool"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """One transcript as a judge sees it: the mark in its fence, and the fence with all it holds."""

    mark: str
    text: str


@cache
def system_text() -> str:
    """The frame."""
    return _SYSTEM.read_text("utf-8").strip()


def block_of(judge: JudgeForm, transcript: Transcript, subject: str) -> Block:
    """The transcript, fenced and masked; the subject's own id goes nowhere but into the masking."""
    facts = {
        name: transcript.scenario.facts[name] for name in judge.facts if name in transcript.scenario.facts
    }
    turns = [_line(_masked(turn, subject)) for turn in _turns(transcript.messages)]
    head = [_line({"facts": _masked(facts, subject)})] if facts else []
    inner = "\n".join([*head, *_shortened(turns)])
    mark = hashlib.sha256(f"countermark judge {FRAME}\n{inner}".encode(errors="replace")).hexdigest()[:16]
    return Block(mark=mark, text=f"<<<TRANSCRIPT {mark}>>>\n{inner}\n<<<END {mark}>>>")


def rubric_text(judge: PlannedJudge) -> str:
    """The rubric and what is to be said of each transcript: what comes before the transcripts."""
    wanted = [f"- labels, `{name}`: true, false, or null where you cannot say" for name in judge.labels]
    wanted += [
        f"- scores, `{one.id}`: a whole number from {one.low} to {one.high}, or null where you cannot say"
        for one in judge.scales
    ]
    return "\n".join(
        ["# Rubric", "", judge.rubric.strip(), "", "# What to say of each transcript", "", *wanted]
    )


def user_text(judge: PlannedJudge, blocks: Sequence[Block], fault: str = "") -> str:
    """The whole request: rubric, transcripts, and the form of the answer once more after them.

    Args:
        judge: Rubric and form.
        blocks: At least one.
        fault: What was wrong with the answer before, where this asks once more.
    """
    form = {
        "labels": dict.fromkeys(judge.labels, "true | false | null"),
        "scores": {one.id: f"{one.low} to {one.high} | null" for one in judge.scales},
        "reason": "one sentence",
    }
    again = (
        f"\n\nYour answer before could not be read: {fault}. Answer with the JSON object alone."
        if fault
        else ""
    )
    shown = "\n\n".join(block.text for block in blocks)
    answer = json.dumps({"verdicts": {block.mark: form for block in blocks}}, ensure_ascii=False)
    return (
        f"{rubric_text(judge)}\n\n# Transcripts\n\n{shown}\n\n# Your answer, in this form\n\n{answer}{again}"
    )


def blocks_in(text: str) -> list[Block]:
    """The transcripts in a request, in order; none where it holds more than a batch has, or is longer than one can be."""
    if text.count("\n<<<TRANSCRIPT ") > _BATCH or len(text) > _REQUEST:
        return []  # a stranger's text: looking for fences in it must not take for ever
    return [Block(mark=found[1], text=found[0]) for found in _FENCED.finditer(text)]


def _turns(messages: Sequence[Message]) -> Iterator[dict[str, Any]]:
    for number, message in enumerate(messages, 1):
        turn: dict[str, Any] = {"turn": number, "by": _BY[message.role], "text": _cut(message.content)}
        if message.tool_calls:
            turn["calls"] = [
                {"tool": call.name, "arguments": _cut(call.fault or _line(dict(call.arguments)))}
                for call in message.tool_calls
            ]
        yield turn


def _masked(value: Any, subject: str) -> Any:
    """The value with every text in it masked, keys apart: before it is JSON, so that it stays JSON.

    Whole numbers lose their fraction, as evidence writes those of a scenario's facts.
    """
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, str):
        return masked(value, subject)
    if isinstance(value, Mapping):
        return {name: _masked(one, subject) for name, one in value.items()}
    return [_masked(one, subject) for one in value] if isinstance(value, list | tuple) else value


def _line(value: Any) -> str:
    # Sorted, since evidence keeps facts in another order than the battery gave them.
    return json.dumps(value, ensure_ascii=False, sort_keys=True)


def _cut(text: str) -> str:
    if len(text) <= _TURN:
        return text
    half = _TURN // 2
    return f"{text[:half]} [… {len(text) - 2 * half} characters left out …] {text[-half:]}"


def _shortened(lines: Sequence[str]) -> list[str]:
    """All turns, or the first and last ones that fit, with how many are left out between them."""
    if sum(map(len, lines)) <= _WHOLE:
        return list(lines)
    head, tail, room = 0, len(lines), _WHOLE
    while head < tail:
        place = head if head <= len(lines) - tail else tail - 1
        room -= len(lines[place])
        if room < 0:
            break
        head, tail = (head + 1, tail) if place == head else (head, tail - 1)
    return [*lines[:head], _line({"turns_left_out": tail - head}), *lines[tail:]]
