"""Scenario templates: Markdown with front matter, `{{slot}}` places, and the draw that fills them from a seed.

The language is deliberately tiny (a stranger's battery may be read): `{{slot}}`, `{{slot.field}}`, `{{slot|filter}}`.
Every choice is SHA-256 of a labelled path modulo the number of values, so the draw can be replayed in any language.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from countermark.battery.number_filters import NUMBER_FILTERS
from countermark.battery.transforms import TRANSFORMS
from countermark.canonical import pick
from countermark.records import Message
from countermark.records.chat import Role

PLACE = re.compile(r"\{\{\s*([a-z][a-z0-9_]*)(?:\.([a-z][a-z0-9_]*))?((?:\s*\|\s*[a-z0-9_]+)*)\s*\}\}")
_HEADING = re.compile(r"^## (system|developer|user)[ \t]*$", re.MULTILINE)
_MAX_DEPTH = 8
_FILTERS = {**TRANSFORMS, **NUMBER_FILTERS}


class TemplateError(ValueError):
    """A template names what is not there; the message says which."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """One file of `scenarios/`: its stem, the facts of its front matter, and its turns with places."""

    stem: str
    arm: str
    tags: Mapping[str, str] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)
    turns: tuple[Message, ...] = ()
    twin: str = ""
    """Templates of one twin's name draw the same values in the same round, so that they differ by their own words alone."""


def split_turns(body: str) -> tuple[Message, ...]:
    """The turns of a template's body, one under each `## system`, `## developer` or `## user` heading."""
    pieces = _HEADING.split(body)
    if pieces[0].strip():
        raise TemplateError("text before the first '## system' or '## user' heading")
    roles, texts = pieces[1::2], pieces[2::2]
    if "user" not in roles or {"system", "developer"} & set(roles[1:]):
        raise TemplateError("needs '## user', and '## system' or '## developer' at most once and first")
    named: dict[str, Role] = {"system": "system", "developer": "developer", "user": "user"}
    return tuple(
        Message(role=named[role], content=text.strip()) for role, text in zip(roles, texts, strict=True)
    )


class Verbatim(str):
    """A text of a user's own: what looks like a place in it is left as it stands."""

    __slots__ = ()


class Slots:
    """The values of every slot for one scenario, each drawn once and remembered.

    Args:
        table: Slot name to its values: a list of strings or mappings with `text`, or `{digits: n}` / `{letters: n}`.
        path: What fixes the draw: seed, test, template and running number.
    """

    def __init__(self, table: Mapping[str, Any], path: str) -> None:
        self._table = table
        self._path = path
        self._drawn: dict[str, Any] = {}
        self.tags: dict[str, str] = {}

    def index(self, name: str) -> int:
        """Which value of the slot this scenario has; used for clusters."""
        values = self._values(name)
        return pick(f"{self._path}/{name}", len(values)) if isinstance(values, list) else 0

    def source(self, name: str) -> str:
        """What the value of the slot shares with others of the same source: its `cluster` where it has one, else its index."""
        value = self._drawn.get(name)
        own = value.get("cluster") if isinstance(value, Mapping) else None
        return str(self.index(name)) if own is None else f":{own}"

    def used(self, name: str) -> bool:
        """Whether this scenario has drawn the slot; one that it does not mention cannot be a source of it."""
        return name in self._drawn

    def text(self, name: str, part: str = "text", depth: int = 0) -> str:
        """The drawn value of a slot, or one field of it, with the places inside it filled."""
        if depth > _MAX_DEPTH:
            raise TemplateError(f"slot {name!r} refers to itself")
        value = self._value(name)
        if isinstance(value, Mapping):
            if part not in value:
                raise TemplateError(f"slot {name!r} has no field {part!r}")
            value = value[part]
        elif part != "text":
            raise TemplateError(f"slot {name!r} has no field {part!r}")
        if isinstance(value, Verbatim):
            return str(value)
        return fill(str(value), lambda slot, field_: self.text(slot, field_, depth + 1))

    def _values(self, name: str) -> Any:
        if name not in self._table:
            raise TemplateError(f"no slot named {name!r}")
        return self._table[name]

    def _value(self, name: str) -> Any:
        if name not in self._drawn:
            values = self._values(name)
            if isinstance(values, list):
                value = values[self.index(name)]
            else:
                value = _generated(values, f"{self._path}/{name}")
            if isinstance(value, Mapping):
                self.tags.update(value.get("tags", {}))
            self._drawn[name] = value
        return self._drawn[name]


def fill(text: str, lookup: Callable[[str, str], str]) -> str:
    """`text` with every place replaced by `lookup(slot, field)` passed through the place's filters."""
    if "{{" not in text:
        return text
    return "".join(
        piece if isinstance(piece, str) else _filtered(piece, lookup(piece.slot, piece.part))
        for piece in _pieces(text)
    )


@dataclass(frozen=True, slots=True)
class _Place:
    slot: str
    part: str
    filters: tuple[str, ...]


@lru_cache(maxsize=1 << 14)
def _pieces(text: str) -> tuple[str | _Place, ...]:
    """The text cut at its places. Remembered, since one template is filled for hundreds of scenarios."""
    pieces: list[str | _Place] = []
    end = 0
    for match in PLACE.finditer(text):
        filters = tuple(part.strip() for part in match.group(3).split("|") if part.strip())
        pieces += [text[end : match.start()], _Place(match.group(1), match.group(2) or "text", filters)]
        end = match.end()
    return (*pieces, text[end:])


def _filtered(place: _Place, value: str) -> str:
    for name in place.filters:
        if name not in _FILTERS:
            raise TemplateError(f"no filter named {name!r}")
        value = _FILTERS[name](value)
    return value


def fill_deep(value: Any, lookup: Callable[[str, str], str]) -> Any:
    """`fill` applied to every string inside lists and mappings."""
    if isinstance(value, str):
        return fill(value, lookup)
    if isinstance(value, Mapping):
        return {key: fill_deep(item, lookup) for key, item in value.items()}
    if isinstance(value, list):
        return [fill_deep(item, lookup) for item in value]
    return value


def _generated(rule: Mapping[str, int], path: str) -> str:
    kind, length = next(iter(rule.items()))
    alphabet = {"digits": "0123456789", "letters": "abcdefghijklmnopqrstuvwxyz"}[kind]
    return "".join(alphabet[pick(f"{path}/{place}", len(alphabet))] for place in range(length))
