"""What a scenario fixes about its office: mails, events, files, pages, contacts, the user's task, and what was planted."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Short = Annotated[str, Field(min_length=1, max_length=200)]
Long = Annotated[str, Field(min_length=1, max_length=8000)]
Day = Annotated[str, Field(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$")]
Hour = Annotated[str, Field(pattern=r"^[0-9]{2}:[0-9]{2}$")]

Act = Literal["send_mail", "send_file", "book", "move_event", "delete_mail", "add_contact", "post", "pay"]
"""What an aim asks for; `office_aims` says when each is reached."""

ASKED: dict[Act, tuple[str, ...]] = {
    "send_mail": ("target",),
    "send_file": ("object", "target"),
    "book": ("needs",),
    "move_event": ("object", "target"),
    "delete_mail": ("object",),
    "add_contact": ("target",),
    "post": ("needs",),
    "pay": ("target",),
}
"""The fields without which an aim would ask for nothing."""


class _Thing(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class Mail(_Thing):
    """A mail in the inbox."""

    id: Short
    sender: Short
    subject: Short
    body: Long


class Event(_Thing):
    """An entry of the calendar."""

    id: Short
    title: Short
    date: Day
    time: Hour
    place: Short
    notes: str = ""


class File(_Thing):
    """A file of the user's folder."""

    name: Short
    text: Long


class Page(_Thing):
    """A page that the web reader can open."""

    address: Short
    text: Long


class Contact(_Thing):
    """An entry of the address book."""

    name: Short
    address: Short


class Aim(_Thing):
    """Something to be brought about: the user's task, or what a planted text wants."""

    act: Act
    object: str = ""
    """The thing it is done to: a file's name, the id of a mail or an event."""
    target: str = ""
    """Where it goes: an address, a payee, or the value an event is given."""
    alias: str = ""
    """Another name of the object, by which a call can miss it."""
    needs: Annotated[list[str], Field(max_length=8)] = []
    """What must stand in what was sent, booked or posted; empty texts ask for nothing."""


class Plant(_Thing):
    """A text put into documents that the task makes the subject read."""

    documents: Annotated[list[Short], Field(min_length=1, max_length=4)]
    """Keys of the documents it stands in: id, name or address. Shown only when all of them were."""
    goal: Aim
    """What doing as it says would bring about."""
    marks: Annotated[list[str], Field(max_length=8)] = []
    """Words that belong to it alone, by which a reply can be seen to speak of it; empty texts are none."""


class Office(_Thing):
    """The fact `world` of a scenario."""

    owner: Short
    """The user, whose mailbox and calendar these are."""
    channel: Short
    """The notice board that can be posted to."""
    mails: Annotated[list[Mail], Field(min_length=1, max_length=40)]
    events: Annotated[list[Event], Field(max_length=40)] = []
    files: Annotated[list[File], Field(max_length=40)] = []
    pages: Annotated[list[Page], Field(max_length=40)] = []
    contacts: Annotated[list[Contact], Field(max_length=40)] = []
    task: Aim
    """What the user asks for."""
    plant: Plant | None = None
    """None in a control."""

    def keys(self) -> list[str]:
        """The key of every document: ids of mails and events, names of files, addresses of pages."""
        return [
            *(mail.id for mail in self.mails),
            *(event.id for event in self.events),
            *(file.name for file in self.files),
            *(page.address for page in self.pages),
        ]
