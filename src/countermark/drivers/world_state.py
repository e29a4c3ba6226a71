"""The world while an attempt lasts: its things, what was done to them, what is still to come, and what is held back."""

import hashlib
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from countermark.drivers.toolbox import FORM_FAULTS
from countermark.drivers.world_case import PARTS, Case, Change, Condition, Letter, Person, things_of

MISSES = frozenset({"not_found", "nothing_found", "empty", "sh_missing", "sh_unknown", "sh_usage"})
"""Codes of well-formed calls of what is not there."""

HELD = frozenset({"guarded", "over_quota", "no_permission", "locked", "closed_box"})
"""Codes of calls that the world held back."""

FAULTS = FORM_FAULTS
MAX_EFFECTS = 2000
_LONG = 120
_ADDRESS = re.compile(r"[^\s<>,;:\"'()\[\]]+@[^\s<>,;:\"'()\[\]]+")

Things = dict[str, dict[str, dict[str, Any]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """What one call came to: a code with the values its text names, and lines listed under it."""

    code: str
    values: Mapping[str, str] = field(default_factory=dict)
    items: Sequence[tuple[str, Mapping[str, str]]] = ()
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Coming:
    """Something that is under way: a mail, a notice, a user turn, changes."""

    due: int
    when: Sequence[Condition] = ()
    mail: Letter | None = None
    notice: str = ""
    say: str = ""
    changes: Sequence[Change] = ()
    job: str = ""
    asks: tuple[Person, str] | None = None
    """A person played by a model, and the id of the mail to be answered."""


@dataclass(slots=True)
class World:
    """One world, altered in place. Numbers of turns begin at 1; the clock counts turns that are over."""

    case: Case
    start: Things
    things: Things
    coming: list[Coming]
    clock: int = 0
    turn: int = 0
    call: int = 0
    folder: str = ""
    effects: list[dict[str, Any]] = field(default_factory=list)
    used_rules: dict[int, int] = field(default_factory=dict)
    made: int = 0
    played: dict[str, Person] = field(default_factory=dict)
    """Address to the person, for those whom a model answers for where no rule does."""
    post: list[tuple[str, Mapping[str, str]]] = field(default_factory=list)
    """Every mail sent and received since the beginning, with its id; deleting one takes none away."""

    def did(self, kind: str, **fields: Any) -> None:
        """Note something done, for good."""
        if len(self.effects) < MAX_EFFECTS:
            self.effects.append({"kind": kind, "turn": self.turn, "call": self.call, **fields})

    def now(self) -> str:
        """Date and time."""
        return self.at(self.clock)

    def at(self, clock: int) -> str:
        """Date and time when so many turns are over."""
        begun = datetime.strptime(self.case.start, "%Y-%m-%d %H:%M")  # noqa: DTZ007  (the world's own time)
        return (begun + timedelta(minutes=clock * self.case.minutes)).strftime("%Y-%m-%d %H:%M")

    def new_id(self, letter: str) -> str:
        """An id that no thing has."""
        while True:
            self.made += 1
            name = f"{letter}{self.made}"
            if not any(name in part for part in self.things.values()):
                return name

    def holds(self, conditions: Iterable[Condition]) -> bool:
        """Whether all conditions hold."""
        return all(self._holds(condition) for condition in conditions)

    def change(self, changes: Iterable[Change]) -> None:
        """Bring changes about; things that are gone by now stay away."""
        for one in changes:
            thing = self.find(one.thing)
            if thing is not None:
                thing[one.field] = as_kind(one.value, thing[one.field])

    def find(self, name: str) -> dict[str, Any] | None:
        """The fields of the thing of that id, or None."""
        return next((part[name] for part in self.things.values() if name in part), None)

    def receive(self, letter: Letter) -> str:
        """Put a mail into the subject's box; its id."""
        name = self.new_id("N-")
        own = self.case.self_.address
        mail = {
            "box": own, "sender": letter.sender, "to": own, "subject": letter.subject, "body": letter.body,
            "thread": letter.thread or name, "at": self.now(),
        }  # fmt: skip
        self.things["mails"][name] = mail
        self.post.append((name, mail))
        return name

    def person(self, name: str) -> Person | None:
        """Whoever has this address or name."""
        sought = plain(name.strip())
        return next(
            (one for one in self.case.people if sought in (plain(one.address), plain(one.name))), None
        )

    def addressees(self, to: str) -> list[str]:
        """Addresses in a text, in lower case; of people where they are called by name alone."""
        found = [address.rstrip(".").lower() for address in _ADDRESS.findall(to)]
        people = [self.person(name) for name in re.split("[,;、]", to)] if not found else []
        return found or [one.address.lower() for one in people if one]

    def _holds(self, condition: Condition) -> bool:
        thing = self.find(condition.thing)
        if condition.exists is not None and condition.exists is not (thing is not None):
            return False
        if condition.changed is not None and condition.changed is not self._changed(condition.thing):
            return False
        if not condition.field:
            return True
        text = plain(shown((thing or {}).get(condition.field, "")))
        return (
            (condition.is_ is None or text == plain(shown(condition.is_)))
            and (condition.has is None or plain(condition.has) in text)
            and (condition.lacks is None or plain(condition.lacks) not in text)
        )

    def _changed(self, name: str) -> bool:
        begun = next((part[name] for part in self.start.values() if name in part), None)
        return begun != self.find(name)


def begin(case: Case) -> World:
    """The world before the first turn."""
    coming = [
        Coming(
            due=one.at, when=one.when, mail=one.mail, notice=one.notice, say=one.say, changes=one.changes,
            job=getattr(one, "id", ""),
        )
        for one in [*case.jobs, *case.events]
    ]  # fmt: skip
    return World(case=case, start=things_of(case), things=things_of(case), coming=coming)


def snapshot(things: Things) -> dict[str, Any]:
    """Part, id, fields as plain values for the record; long texts as the first digits of their SHA-256."""
    return {
        part: {name: {key: kept(value) for key, value in fields.items()} for name, fields in ones.items()}
        for part, ones in things.items()
        if ones
    }


def shown(value: Any) -> str:
    """A value as a text names it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return ", ".join(value) if isinstance(value, list) else str(value)


def as_kind(value: Any, like: Any) -> Any:
    """A value in the kind of another. Raises `ValueError` where it cannot be."""
    if isinstance(like, bool):
        if shown(value).lower() not in ("true", "false"):
            raise ValueError("is no truth")
        return shown(value).lower() == "true"
    if isinstance(like, int):
        return int(value)
    if isinstance(like, list):
        return [part.strip() for part in shown(value).split(",") if part.strip()]
    return shown(value)


def plain(text: str) -> str:
    """Compatibility forms folded and lower case: how texts are compared."""
    return text.casefold() if text.isascii() else unicodedata.normalize("NFKC", text).casefold()


def part_of(things: Things, name: str) -> str:
    """The part in which a thing of that id is, or ""."""
    return next((part for part in PARTS if name in things[part]), "")


def kept(value: Any) -> Any:
    """A field as a state keeps it: long texts as the first digits of their SHA-256."""
    if isinstance(value, str) and len(value) > _LONG:
        return hashlib.sha256(value.encode()).hexdigest()[:16]
    return list(value) if isinstance(value, list) else value
