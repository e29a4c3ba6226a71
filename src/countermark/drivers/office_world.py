"""The office as a pure state machine: mailbox, calendar, files, contacts, notice board, payments and a web reader.

Nothing here talks or waits: `act(office, world, tool, arguments)` gives the world after one tool call and a code for
what happened. What a scenario fixes is an `Office`, what a subject can alter is a `World`. Every alteration is kept as an
`Effect`, in order and for good, so that undoing something afterwards does not make it not have happened.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

from countermark.drivers.office_case import Contact, Event, Mail, Office
from countermark.drivers.toolbox import FORM_FAULTS, Tool, argument_fault

FAULTS = FORM_FAULTS
"""Codes of calls that never reached the world."""

MISSES = frozenset({"not_found", "nothing_found"})
"""Codes of well-formed calls that named nothing there."""

MAX_FOUND = 5
"""Documents one search shows in full."""

_ADDRESS = re.compile(r"[^\s<>,;:\"'()\[\]]+@[^\s<>,;:\"'()\[\]]+")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_AMOUNT = re.compile(r"([1-9][0-9]{0,8})(?:\.0{1,2})?")
_HOUR = re.compile(r"(?:[01][0-9]|2[0-3]):[0-5][0-9]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """Something done that cannot be made not to have been done: a kind and plain texts."""

    kind: str
    what: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """What a subject's acts alter."""

    mails: tuple[Mail, ...]
    events: tuple[Event, ...]
    contacts: tuple[Contact, ...]
    effects: tuple[Effect, ...] = ()
    shown: frozenset[str] = frozenset()
    """Keys of the documents whose whole text a tool has shown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What one call did: the world after it, a code with the values its text names, and items listed under it."""

    world: World
    code: str
    values: Mapping[str, str] = field(default_factory=dict)
    items: tuple[tuple[str, Mapping[str, str]], ...] = ()
    detail: str = ""


Handler = Callable[[Office, World, Mapping[str, Any]], Result]


def begin(office: Office) -> World:
    """The world before the first call."""
    return World(mails=tuple(office.mails), events=tuple(office.events), contacts=tuple(office.contacts))


def act(office: Office, world: World, name: str, arguments: Mapping[str, Any]) -> Result:
    """One call of the tool `name`. A faulty one leaves the world as it was and has its code in `FAULTS`."""
    tool = TOOLS.get(name)
    if tool is None:
        return Result(world=world, code="unknown_tool", detail=name)
    fault = argument_fault(tool, arguments)
    if fault is not None:
        return Result(world=world, code=fault[0], detail=fault[1])
    done: Result = tool.run(office, world, arguments)
    return done


def snapshot(world: World) -> dict[str, Any]:
    """The world as plain values, for the record."""
    return {
        "mails": [mail.id for mail in world.mails],
        "events": [f"{event.id} {event.date} {event.time} {event.place}" for event in world.events],
        "contacts": [contact.address for contact in world.contacts],
    }


def addresses(text: str) -> tuple[str, ...]:
    """The mail addresses in a text, in lower case."""
    return tuple(found.rstrip(".").lower() for found in _ADDRESS.findall(text))


def _done(world: World, kind: str, code: str, values: Mapping[str, str]) -> Result:
    effect = Effect(kind=kind, what=dict(values))
    return Result(world=replace(world, effects=(*world.effects, effect)), code=code, values=values)


def _missed(world: World, argument: str) -> Result:
    return Result(world=world, code="not_found", detail=argument)


def _bad(world: World, argument: str) -> Result:
    return Result(world=world, code="bad_value", detail=argument)


def _shown(world: World, key: str, code: str, values: Mapping[str, str]) -> Result:
    return Result(world=replace(world, shown=world.shown | {key}), code=code, values=values)


# --- mail ----------------------------------------------------------------------------------------


def _list_mails(office: Office, world: World, arguments: Mapping[str, Any]) -> Result:
    del office, arguments
    lines = tuple(("mail_line", mail.model_dump()) for mail in world.mails)
    return Result(world=world, code="mails", items=lines)


def _read_mail(office: Office, world: World, arguments: Mapping[str, Any]) -> Result:
    del office
    for mail in world.mails:
        if mail.id == arguments["mail_id"]:
            return _shown(world, mail.id, "mail", mail.model_dump())
    return _missed(world, "mail_id")


def _send_mail(office: Office, world: World, arguments: Mapping[str, Any]) -> Result:
    if not addresses(arguments["to"]):
        return _bad(world, "to")
    attached = arguments.get("attachment", "")
    if attached and attached not in {file.name for file in office.files}:
        return _missed(world, "attachment")
    return _done(world, "sent", "sent", {"attachment": "", **arguments})


def _delete_mail(office: Office, world: World, arguments: Mapping[str, Any]) -> Result:
    del office
    kept = tuple(mail for mail in world.mails if mail.id != arguments["mail_id"])
    if len(kept) == len(world.mails):
        return _missed(world, "mail_id")
    return _done(replace(world, mails=kept), "deleted", "deleted", arguments)


# --- calendar ------------------------------------------------------------------------------------


def _list_events(office: Office, world: World, arguments: Mapping[str, Any]) -> Result:
    del office, arguments
    lines = tuple(("event_line", event.model_dump()) for event in world.events)
    return Result(world=world, code="events", items=lines)


def _read_event(office: Office, world: World, arguments: Mapping[str, Any]) -> Result:
    del office
    for event in world.events:
        if event.id == arguments["event_id"]:
            return _shown(world, event.id, "event", event.model_dump())
    return _missed(world, "event_id")


def _add_event(office: Office, world: World, arguments: Mapping[str, Any]) -> Result:
    del office
    for name, fits in (("date", _is_day), ("time", _is_hour)):
        if not fits(arguments[name]):
            return _bad(world, name)
    place = arguments.get("place") or "-"
    title = arguments["title"][:200] or "-"
    made = Event(
        id=f"NEW-{len(world.effects) + 1}",
        title=title,
        date=arguments["date"],
        time=arguments["time"],
        place=place[:200],
    )
    return _done(replace(world, events=(*world.events, made)), "booked", "booked", {"place": "", **arguments})


def _change_event(office: Office, world: World, arguments: Mapping[str, Any]) -> Result:
    del office
    name, value = arguments["field"], arguments["value"]
    if not {"date": _is_day, "time": _is_hour}.get(name, _is_line)(value):
        return _bad(world, "value")
    if arguments["event_id"] not in {event.id for event in world.events}:
        return _missed(world, "event_id")
    changed = tuple(
        event.model_copy(update={name: value}) if event.id == arguments["event_id"] else event
        for event in world.events
    )
    return _done(replace(world, events=changed), "moved", "moved", arguments)


def _is_day(text: str) -> bool:
    try:
        return _DAY.fullmatch(text) is not None and bool(date.fromisoformat(text))
    except ValueError:
        return False


def _is_hour(text: str) -> bool:
    return _HOUR.fullmatch(text) is not None


def _is_line(text: str) -> bool:
    return 0 < len(text) <= 200


# --- files, contacts, web, board, payments -------------------------------------------------------


def _list_files(office: Office, world: World, arguments: Mapping[str, Any]) -> Result:
    del arguments
    return Result(
        world=world, code="files", items=tuple(("file_line", {"name": file.name}) for file in office.files)
    )


def _read_file(office: Office, world: World, arguments: Mapping[str, Any]) -> Result:
    for file in office.files:
        if file.name == arguments["name"]:
            return _shown(world, file.name, "file", file.model_dump())
    return _missed(world, "name")


def _share_file(office: Office, world: World, arguments: Mapping[str, Any]) -> Result:
    if not addresses(arguments["address"]):
        return _bad(world, "address")
    if arguments["name"] not in {file.name for file in office.files}:
        return _missed(world, "name")
    return _done(world, "shared", "shared", arguments)


def _list_contacts(office: Office, world: World, arguments: Mapping[str, Any]) -> Result:
    del office, arguments
    lines = tuple(("contact_line", contact.model_dump()) for contact in world.contacts)
    return Result(world=world, code="contacts", items=lines)


def _add_contact(office: Office, world: World, arguments: Mapping[str, Any]) -> Result:
    del office
    if not addresses(arguments["address"]):
        return _bad(world, "address")
    if not _is_line(arguments["name"]) or not _is_line(arguments["address"]):
        return _bad(world, "name")
    made = Contact(name=arguments["name"], address=arguments["address"])
    return _done(replace(world, contacts=(*world.contacts, made)), "contact", "contact_added", arguments)


def _open_page(office: Office, world: World, arguments: Mapping[str, Any]) -> Result:
    for page in office.pages:
        if _bare(page.address) == _bare(arguments["address"]):
            return _shown(world, page.address, "page", page.model_dump())
    return _missed(world, "address")


def _bare(address: str) -> str:
    return address.strip().lower().removeprefix("https://").removeprefix("http://").rstrip("/")


def _search(office: Office, world: World, arguments: Mapping[str, Any]) -> Result:
    sought = arguments["text"].casefold().split()
    documents = [
        *(("mail", mail.id, mail.model_dump()) for mail in world.mails),
        *(("event", event.id, event.model_dump()) for event in world.events),
        *(("file", file.name, file.model_dump()) for file in office.files),
        *(("page", page.address, page.model_dump()) for page in office.pages),
    ]
    found = [entry for entry in documents if sought and _has_all(sought, entry[2])][:MAX_FOUND]
    if not found:
        return Result(world=world, code="nothing_found")
    seen = replace(world, shown=world.shown | {key for _, key, _ in found})
    return Result(world=seen, code="found", items=tuple((code, values) for code, _, values in found))


def _has_all(words: list[str], document: Mapping[str, str]) -> bool:
    text = "\n".join(document.values()).casefold()
    return all(word in text for word in words)


def _post_message(office: Office, world: World, arguments: Mapping[str, Any]) -> Result:
    if arguments["channel"].lstrip("#") != office.channel:
        return _missed(world, "channel")
    return _done(world, "posted", "posted", arguments)


def _pay(office: Office, world: World, arguments: Mapping[str, Any]) -> Result:
    del office
    amount = _AMOUNT.fullmatch(arguments["amount"].replace(",", "").strip())
    if amount is None:
        return _bad(world, "amount")
    return _done(world, "paid", "paid", {"reference": "", **arguments, "amount": amount.group(1)})


_TEXT: Mapping[str, Any] = {"type": "string"}

TOOLS: Mapping[str, Tool] = {
    "search": Tool(run=_search, parameters={"text": _TEXT}),
    "list_mails": Tool(run=_list_mails),
    "read_mail": Tool(run=_read_mail, parameters={"mail_id": _TEXT}),
    "send_mail": Tool(
        run=_send_mail,
        parameters={"to": _TEXT, "subject": _TEXT, "body": _TEXT, "attachment": _TEXT},
        optional=frozenset({"attachment"}),
    ),
    "delete_mail": Tool(run=_delete_mail, parameters={"mail_id": _TEXT}),
    "list_events": Tool(run=_list_events),
    "read_event": Tool(run=_read_event, parameters={"event_id": _TEXT}),
    "add_event": Tool(
        run=_add_event,
        parameters={"title": _TEXT, "date": _TEXT, "time": _TEXT, "place": _TEXT},
        optional=frozenset({"place"}),
    ),
    "change_event": Tool(
        run=_change_event,
        parameters={
            "event_id": _TEXT,
            "field": {"type": "string", "enum": ["title", "date", "time", "place"]},
            "value": _TEXT,
        },
    ),
    "list_files": Tool(run=_list_files),
    "read_file": Tool(run=_read_file, parameters={"name": _TEXT}),
    "share_file": Tool(run=_share_file, parameters={"name": _TEXT, "address": _TEXT}),
    "list_contacts": Tool(run=_list_contacts),
    "add_contact": Tool(run=_add_contact, parameters={"name": _TEXT, "address": _TEXT}),
    "open_page": Tool(run=_open_page, parameters={"address": _TEXT}),
    "post_message": Tool(run=_post_message, parameters={"channel": _TEXT, "text": _TEXT}),
    "pay": Tool(
        run=_pay,
        parameters={"payee": _TEXT, "amount": _TEXT, "reference": _TEXT},
        optional=frozenset({"reference"}),
    ),
}
"""The seventeen tools, in the order in which they are offered."""

CODES = frozenset(
    {
        *FAULTS,
        *MISSES,
        "found", "mails", "mail_line", "mail", "sent", "deleted", "events", "event_line", "event", "booked", "moved",
        "files", "file_line", "file", "shared", "contacts", "contact_line", "contact_added", "page", "posted", "paid",
    }
)  # fmt: skip
"""Every code an answer or a line of it can have: a test must word them all."""
