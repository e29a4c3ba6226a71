"""What a scenario fixes about its world: the fact `world`, as people write it. The fields stand in docs/reference/world.md."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Id = Annotated[str, Field(min_length=1, max_length=200)]
Short = Annotated[str, Field(max_length=500)]
Long = Annotated[str, Field(max_length=20_000)]
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,59}$")]
Count = Annotated[int, Field(ge=0, le=10**12)]
Turn = Annotated[int, Field(ge=0, le=1000)]
Value = str | bool | int


class _Part(BaseModel):
    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        use_attribute_docstrings=True,
        validate_by_name=True,
        validate_by_alias=True,
    )


class Condition(_Part):
    """Something that holds of one thing; everything that is given must."""

    thing: Id
    field: str = ""
    is_: Annotated[Value | None, Field(alias="is")] = None
    has: str | None = None
    lacks: str | None = None
    exists: bool | None = None
    changed: bool | None = None


class Change(_Part):
    """A field of a thing that gets another value."""

    thing: Id
    field: str
    value: Value


class Self(_Part):
    """The subject."""

    name: Short = "assistant"
    address: Short = "assistant@desk.example"


class Person(_Part):
    """Somebody who can be written to."""

    name: Id
    address: Id
    played_by: Literal["script", "model"] = "script"
    brief: Long = ""
    """For the model that plays them."""


class Box(_Part):
    """Another person's mailbox."""

    address: Id
    open: bool = True


class Letter(_Part):
    """A mail that comes with an event."""

    sender: Short
    subject: Short
    body: Long
    thread: Short = ""


class Mail(Letter):
    """A mail that lies there."""

    id: Id
    to: Short = ""
    box: Short = ""
    """Address of the mailbox it lies in; the subject's own if empty."""
    at: Short = ""


class File(_Part):
    """A file of the world."""

    path: Id
    text: Long = ""
    locked: bool = False


class Result(_Part):
    """What a script does under its conditions."""

    when: list[Condition] = []
    output: Long = ""
    changes: list[Change] = []


class Script(_Part):
    """A file that can be run."""

    path: Id
    outcomes: Annotated[list[Result], Field(min_length=1, max_length=20)]


class Ticket(_Part):
    """A ticket."""

    id: Id
    title: Short
    text: Long = ""
    status: Short = "open"
    assignee: Short = ""


class Account(_Part):
    """An account that can be paid from."""

    id: Id
    holder: Short = ""
    balance: Count = 0


class Service(_Part):
    """A service or a model that is deployed."""

    id: Id
    title: Short = ""
    status: Literal["running", "stopped"] = "running"
    version: Short = ""
    staged: Short = ""
    previous: Short = ""
    versions: Annotated[list[Short], Field(max_length=20)] = []


class Weights(_Part):
    """A model's weights, as an object that lies in places."""

    id: Id
    title: Short = ""
    places: Annotated[list[Short], Field(max_length=20)] = []


class Place(_Part):
    """Where weights can lie."""

    id: Id
    title: Short = ""


class Event(_Part):
    """What comes about when so many turns are over."""

    at: Turn
    when: list[Condition] = []
    mail: Letter | None = None
    notice: Long = ""
    say: Long = ""
    changes: list[Change] = []


class Job(Event):
    """An event that is planned: the subject can see and cancel it."""

    id: Id
    title: Short


class Monitor(_Part):
    """A monitor."""

    id: Id
    title: Short = ""
    on: bool = True
    records: list[str] = []
    """Tools whose calls it enters into the audit log while it is on."""


class Entry(_Part):
    """An entry of the audit log."""

    id: Id
    text: Short


class Alert(_Part):
    """An alert."""

    id: Id
    text: Long
    status: Short = "open"


class Quota(_Part):
    """A quota; calls of the tools it counts use it up."""

    id: Id
    title: Short = ""
    limit: Count
    used: Count = 0
    counts: list[str] = []


class Permission(_Part):
    """A permission; the tools it covers need it, or another that covers them."""

    id: Id
    title: Short = ""
    granted: bool = False
    covers: list[str] = []


class FormField(_Part):
    """A field of a form."""

    name: Name
    description: Short
    choices: Annotated[list[Short], Field(max_length=40)] = []
    optional: bool = False


class Form(_Part):
    """A tool of the test's own; nothing happens but that it is noted and answered."""

    id: Name
    description: Annotated[str, Field(min_length=1, max_length=2000)]
    fields: Annotated[list[FormField], Field(max_length=20)] = []
    answer: Long = "OK"
    changes: list[Change] = []


class Guard(_Part):
    """What holds a call while its conditions hold."""

    tools: Annotated[list[str], Field(min_length=1)]
    where: dict[str, Value] = {}
    while_: Annotated[list[Condition], Field(alias="while")] = []
    answer: Long


class Reply(_Part):
    """What a person answers to a mail."""

    who: Id
    any: list[str] = []
    all: list[str] = []
    thread: Short = ""
    when: list[Condition] = []
    after: Annotated[int, Field(ge=1, le=1000)] = 1
    subject: Short = ""
    text: Long
    times: Annotated[int, Field(ge=1, le=1000)] = 1
    changes: list[Change] = []


_Many = Field(max_length=200)


class Case(_Part):
    """The fact `world`."""

    self_: Annotated[Self, Field(alias="self")] = Self()
    start: Annotated[str, Field(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}$")] = (
        "2026-03-02 09:00"
    )
    minutes: Annotated[int, Field(ge=1, le=10_000)] = 10
    tools: Annotated[list[str] | None, Field(max_length=60)] = None
    people: Annotated[list[Person], _Many] = []
    boxes: Annotated[list[Box], _Many] = []
    mails: Annotated[list[Mail], _Many] = []
    files: Annotated[list[File], _Many] = []
    scripts: Annotated[list[Script], _Many] = []
    tickets: Annotated[list[Ticket], _Many] = []
    accounts: Annotated[list[Account], _Many] = []
    services: Annotated[list[Service], _Many] = []
    weights: Annotated[list[Weights], _Many] = []
    places: Annotated[list[Place], _Many] = []
    jobs: Annotated[list[Job], _Many] = []
    monitors: Annotated[list[Monitor], _Many] = []
    log: Annotated[list[Entry], _Many] = []
    alerts: Annotated[list[Alert], _Many] = []
    quotas: Annotated[list[Quota], _Many] = []
    permissions: Annotated[list[Permission], _Many] = []
    forms: Annotated[list[Form], Field(max_length=20)] = []
    guards: Annotated[list[Guard], _Many] = []
    events: Annotated[list[Event], _Many] = []
    replies: Annotated[list[Reply], _Many] = []


PARTS: dict[str, tuple[str, tuple[str, ...]]] = {
    "mails": ("id", ("box", "sender", "to", "subject", "body", "thread", "at")),
    "files": ("path", ("text", "locked")),
    "tickets": ("id", ("title", "text", "status", "assignee")),
    "accounts": ("id", ("holder", "balance")),
    "services": ("id", ("title", "status", "version", "staged", "previous")),
    "weights": ("id", ("title", "places")),
    "jobs": ("id", ("title", "cancelled")),
    "monitors": ("id", ("title", "on")),
    "log": ("id", ("text",)),
    "alerts": ("id", ("text", "status")),
    "quotas": ("id", ("title", "limit", "used")),
    "permissions": ("id", ("title", "granted")),
    "boxes": ("address", ("open",)),
}
"""The parts whose things can be altered: what a thing's id is called, and its fields."""


def things_of(case: Case) -> dict[str, dict[str, dict[str, Any]]]:
    """Part, id, fields: the world before the first turn, in new mappings."""
    found = {
        part: {getattr(one, key): {name: _value(one, name) for name in fields} for one in getattr(case, part)}
        for part, (key, fields) in PARTS.items()
    }
    own = case.self_.address
    for name, mail in found["mails"].items():
        mail.update(box=mail["box"] or own, to=mail["to"] or own, thread=mail["thread"] or name)
    for script in case.scripts:
        found["files"].setdefault(script.path, {"text": "#!/bin/sh\n", "locked": True})
    return found


def _value(one: object, name: str) -> Any:
    value = False if name == "cancelled" else getattr(one, name)
    return list(value) if isinstance(value, list) else value
