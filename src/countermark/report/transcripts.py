"""Chosen trials laid out as chats: bounded in size, nothing hidden, every loss counted."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import escape

from countermark.records import Event
from countermark.report.book import Book
from countermark.report.charts import Mark
from countermark.report.strangers import Cut, cut

MAX_EVENTS = 60
"""Events shown on the page; the rest is in report.json."""
_PAGE_BYTES = 520_000
_EVENT_BYTES = 24_000
_TURN_CHARACTERS = 3_000
_LEAST = 240
_MAX_CALLS = 12
_MAX_LABELS = 24
_ROLES = ("system", "user", "assistant", "tool")


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A tool call: name and arguments, or the raw text where the arguments could not be read."""

    name: str
    arguments: Cut
    broken: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """One turn; `skipped` counts the turns left out just before it."""

    role: str
    known: bool
    content: Cut
    calls: list[Call]
    calls_left_out: int
    skipped: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """One event."""

    number: int
    mark: Mark
    title: str
    metric: str
    event: Event
    file: str
    labels: list[tuple[str, bool]]
    tags: list[tuple[str, str]]
    turns: list[Turn]


def cards(book: Book) -> list[Card]:
    """The first events of the report, in its order, sharing one budget of bytes."""
    events = book.report.events[:MAX_EVENTS]
    budget = min(_EVENT_BYTES, _PAGE_BYTES // max(len(events), 1))
    titles = {test.id: book.words.text(test.title) for test in book.tests}
    metrics = {
        (test.id, spec.id): book.words.text(spec.title) for test in book.tests for spec in test.metrics
    }
    return [
        Card(
            number=number,
            mark=book.mark(event.subject),
            title=titles.get(event.test, event.test),
            metric=metrics.get((event.test, event.metric), event.metric),
            event=event,
            file=f"evidence/run-1/blobs/{event.seq:08d}.json",
            labels=list(event.labels.items())[:_MAX_LABELS],
            tags=list(event.tags.items())[:_MAX_LABELS],
            turns=list(_turns(event.messages, budget)),
        )
        for number, event in enumerate(events, start=1)
    ]


def _turns(messages: Sequence[Mapping[str, Any]], budget: int) -> Iterator[Turn]:
    """From the first turn on as far as the budget goes, and always the last: what was done stands there."""
    if not messages:
        return
    last = _turn(messages[-1], budget // 3)
    left = budget - _weight(last)
    shown = 0
    for message in messages[:-1]:
        if left < _LEAST:
            break
        turn = _turn(message, left)
        left -= _weight(turn)
        shown += 1
        yield turn
    yield Turn(
        role=last.role,
        known=last.known,
        content=last.content,
        calls=last.calls,
        calls_left_out=last.calls_left_out,
        skipped=len(messages) - 1 - shown,
    )


def _turn(message: Mapping[str, Any], room: int) -> Turn:
    role = _text(message.get("role", ""))
    calls = message.get("tool_calls") or []
    calls = list(calls) if isinstance(calls, list | tuple) else [calls]
    content = _within(_text(message.get("content", "")), room)
    room -= _bytes(content)
    drawn = []
    for call in calls[:_MAX_CALLS]:
        drawn.append(_call(call, max(room, _LEAST)))
        room -= _bytes(drawn[-1].arguments)
    return Turn(
        role=role,
        known=role in _ROLES,
        content=content,
        calls=drawn,
        calls_left_out=max(len(calls) - _MAX_CALLS, 0),
    )


def _call(call: object, room: int) -> Call:
    if not isinstance(call, Mapping):
        return Call(name="", arguments=_within(_text(call), room), broken=True)
    fault = call.get("fault")
    arguments = call.get("arguments", {}) if fault is None else fault
    return Call(
        name=_text(call.get("name", "")), arguments=_within(_text(arguments), room), broken=fault is not None
    )


def _text(value: object) -> str:
    """A string as it is, anything else as JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, indent=1, default=str)


def _within(text: str, room: int) -> Cut:
    """`text` cut so that what is written takes about `room` bytes at most."""
    limit = min(_TURN_CHARACTERS, max(room, _LEAST))
    piece = cut(text, limit)
    while _bytes(piece) > max(room, _LEAST) and limit > _LEAST // 8:
        limit //= 2
        piece = cut(text, limit)
    return piece


def _bytes(piece: Cut) -> int:
    return len(str(escape(piece.head + piece.tail)).encode("utf-8"))


def _weight(turn: Turn) -> int:
    return 200 + _bytes(turn.content) + sum(80 + _bytes(call.arguments) for call in turn.calls)
