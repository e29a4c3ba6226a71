"""Chosen trials laid out as chats: bounded in size, nothing hidden, every loss counted."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from markupsafe import escape

from countermark.evidence.lines import blob_name
from countermark.records import Event
from countermark.report.book import Book
from countermark.report.charts import Mark
from countermark.report.strangers import Cut, cut, visible

MAX_EVENTS = 120
"""Events shown on the page; the rest is in report.json."""
_PAGE_BYTES = 400_000
_EVENT_BYTES = 24_000
_TURN_CHARACTERS = 3_000
_LEAST = 240
_MAX_CALLS = 12
_MAX_LABELS = 24
_MOST = 2**53 - 1
_CODES = ("random_sample", "first_in_queue")
_ROLES = ("system", "developer", "user", "assistant", "tool")


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

    mark: Mark
    metric: str
    event: Event
    file: str
    labels: list[tuple[str, bool]]
    tags: list[tuple[str, str]]
    turns: list[Turn]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shelf:
    """The events of one test that are there for one reason."""

    title: str
    cards: list[Card]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rack:
    """All events that are there for one reason, by its code: the random sample apart from chosen ones."""

    code: str
    shelves: list[Shelf]


def racks(book: Book) -> list[Rack]:
    """The events of the page by reason and test, in the report's order, sharing one budget of bytes."""
    events = _selected(book.report.events)
    budget = min(_EVENT_BYTES, _PAGE_BYTES // max(len(events), 1))
    titles = {test.id: book.words.text(test.title) for test in book.tests}
    metrics = {
        (test.id, spec.id): book.words.text(spec.title) for test in book.tests for spec in test.metrics
    }
    kept: dict[str, dict[str, list[Card]]] = {}
    for event in events:
        name = metrics.get((event.test, event.metric), event.metric)
        shelf = kept.setdefault(event.chosen, {}).setdefault(event.test, [])
        shelf.append(_card(book, event, name, budget))
    return [
        Rack(
            code=code,
            shelves=[Shelf(title=titles.get(test, test), cards=cards) for test, cards in tests.items()],
        )
        for code, tests in sorted(kept.items(), key=lambda item: _rank(item[0]))
    ]


def _rank(code: str) -> tuple[int, str]:
    """The sample first, since it may be judged by; what we do not know last."""
    return (_CODES.index(code) if code in _CODES else len(_CODES), code)


def _selected(events: Sequence[Event]) -> list[Event]:
    """As many as the page holds, evenly over subjects, tests and reasons, in the report's order."""
    seen: Counter[tuple[str, str, str]] = Counter()
    ranked = []
    for place, event in enumerate(events):
        cell = (event.chosen, event.test, event.subject)
        ranked.append((seen[cell], place))
        seen[cell] += 1
    return [events[place] for place in sorted(place for _, place in sorted(ranked)[:MAX_EVENTS])]


def _card(book: Book, event: Event, metric: str, budget: int) -> Card:
    return Card(
        mark=book.mark(event.subject),
        metric=metric,
        event=event,
        file=f"evidence/run-1/{blob_name(event.seq)}",
        labels=list(event.labels.items())[:_MAX_LABELS],
        tags=list(event.tags.items())[:_MAX_LABELS],
        turns=list(_turns(event.messages, budget)),
    )


def _turns(messages: Sequence[Mapping[str, Any]], budget: int) -> Iterator[Turn]:
    """From the first turn on as far as the budget goes, and always the last: what was done stands there."""
    if not messages:
        return
    last = _turn(messages[-1], budget // 3)
    left = budget - _weight(last)
    skipped = 0
    for message in messages[:-1]:
        gap = _count(message, "turns_left_out")
        if gap or left < _LEAST:
            skipped += gap or 1
            continue
        turn = _turn(message, left)
        left -= _weight(turn)
        yield replace(turn, skipped=skipped)
        skipped = 0
    yield replace(last, skipped=skipped)


def _turn(message: Mapping[str, Any], room: int) -> Turn:
    role = _text(message.get("role", ""))
    calls = message.get("tool_calls") or []
    calls = list(calls) if isinstance(calls, list | tuple) else [calls]
    more = sum(_count(call, "calls_left_out") for call in calls)
    calls = [call for call in calls if not _count(call, "calls_left_out")]
    content = _within(message.get("content", ""), room)
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
        calls_left_out=max(len(calls) - _MAX_CALLS, 0) + more,
    )


def _call(call: object, room: int) -> Call:
    if not isinstance(call, Mapping):
        return Call(name="", arguments=_within(call, room), broken=True)
    fault = call.get("fault")
    arguments = call.get("arguments", {}) if fault is None else fault
    return Call(
        name=_text(call.get("name", "")), arguments=_within(arguments, room), broken=fault is not None
    )


def _count(value: object, name: str) -> int:
    """How much a mark of the report says was left out; 0 for anything that is no such mark."""
    count = value.get(name) if isinstance(value, Mapping) and len(value) == 1 else None
    return count if isinstance(count, int) and not isinstance(count, bool) and 0 < count <= _MOST else 0


def _text(value: object) -> str:
    """A string as it is, anything else as JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, indent=1, default=str)


def _within(value: object, room: int) -> Cut:
    """A text, whole or cut in the report already, cut so that what is written takes about `room` bytes at most."""
    limit = min(_TURN_CHARACTERS, max(room, _LEAST))
    piece = _shortened(value, limit)
    while _bytes(piece) > max(room, _LEAST) and limit > _LEAST // 8:
        limit //= 2
        piece = _shortened(value, limit)
    return piece


def _shortened(value: object, limit: int) -> Cut:
    match value if isinstance(value, Mapping) and len(value) == 3 else None:
        case {"head": str(head), "left_out": int(count), "tail": str(tail)} if 0 < count <= _MOST:
            first, last = limit - limit // 4, limit // 4
            lost = max(len(head) - first, 0) + max(len(tail) - last, 0)
            return Cut(head=visible(head[:first]), tail=visible(tail[-last:]), left_out=count + lost)
    return cut(_text(value), limit)


def _bytes(piece: Cut) -> int:
    return len(str(escape(piece.head + piece.tail)).encode("utf-8"))


def _weight(turn: Turn) -> int:
    return 200 + _bytes(turn.content) + sum(80 + _bytes(call.arguments) for call in turn.calls)
