"""People of the world whom a model in the role `world` plays: what it is told, which part of its answer becomes a mail.

It is told its person and that person's mails, never who the subject is or what is tested. Mails are data between marks that nobody
could foresee. What it writes reaches the subject as mail and changes nothing else; scripts keep the workings of the world.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from countermark.drivers.prompts import IN_ENGLISH, IN_JAPANESE, prompt
from countermark.drivers.talk import Talk
from countermark.drivers.world_case import Letter, Person
from countermark.drivers.world_state import World
from countermark.errors import CallFailed, Unsupported
from countermark.records import Message, Scenario, Text

PLAYER = "world"
MAX_MAIL = 8_000
"""Characters of a mail that is taken; a longer one cannot be read."""

_SILENCE = re.compile(r"<silence\s*/?>")
_READ = 20_000
"""Characters of an answer that are looked at."""
_SHOWN, _WHOLE = 4_000, 60_000
_NEITHER = "it holds neither a mail between <mail> and </mail> nor <silence/>"
_TOO_LONG = f"its mail is over {MAX_MAIL} characters"


class PeopleOptions(BaseModel):
    """The part `people` of the world's options: who can be played, and the budget of one attempt."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    briefs: Annotated[dict[str, Text], Field(max_length=20)] = {}
    """Fact that holds a person's address, to what the model that plays them is told."""
    max_calls: Annotated[int, Field(ge=1, le=80)] = 8
    """Calls of the model, those included that gave nothing readable."""
    max_tokens: Annotated[int, Field(ge=64, le=16_384)] = 1024
    """For one answer."""
    token_budget: Annotated[int, Field(ge=1000, le=10_000_000)] = 50_000
    """Tokens in and out that the model may use; the answer under way is finished."""


def needs_player(scenario: Scenario, options: Mapping[str, Any]) -> bool:
    """Whether somebody in the scenario's world has no script but a model."""
    return any(person.get("played_by") == "model" for person in _people(scenario, options))


def has_parts(scenario: Scenario, options: Mapping[str, Any]) -> bool:
    """Whether a model in the role `world` would play anybody in the scenario's world."""
    briefs = _at(_at(options, "people"), "briefs")
    return bool(briefs) or any(
        person.get("played_by") == "model" or person.get("brief") for person in _people(scenario, options)
    )


def _people(scenario: Scenario, options: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Everybody in a world as it was written; a malformed one has nobody, and its trials say what is wrong."""
    language = "ja" if scenario.tags.get("language") == "ja" else "en"
    worlds = (scenario.facts.get("world"), _at(_at(options, "common"), language))
    named = [_at(one, "people") for one in worlds]
    return [one for people in named if isinstance(people, list) for one in people if isinstance(one, Mapping)]


def _at(value: object, key: str) -> Any:
    return value.get(key) if isinstance(value, Mapping) else None


@dataclass(slots=True)
class People:
    """Those whom a model plays in one attempt, and what was asked of it."""

    talk: Talk
    options: PeopleOptions
    japanese: bool
    asked: int = 0
    calls: int = 0
    tokens: int = 0
    silent: int = 0
    unanswered: int = 0
    mails: list[dict[str, str]] = field(default_factory=list)

    @property
    def held(self) -> bool:
        """Whether anybody holds the role."""
        return PLAYER in self.talk.roles

    @property
    def spent(self) -> bool:
        """Whether the budget is."""
        return self.calls >= self.options.max_calls or self.tokens >= self.options.token_budget

    def cast(self, world: World, briefs: Mapping[str, str]) -> None:
        """Set who is the model's to play: without one, only those who have nobody else.

        Args:
            world: At its beginning.
            briefs: Address to brief, from the options.
        """
        for one in world.case.people:
            brief = briefs.get(one.address) or one.brief
            if one.played_by == "model" or (self.held and brief):
                world.played[one.address] = one.model_copy(update={"brief": brief})

    async def answer(self, world: World, person: Person, name: str) -> Letter | None:
        """What a person answers to the mail of that id; None where they are silent or the budget is spent.

        Raises:
            Unsupported: Nobody holds the role.
            CallFailed: Nothing readable came twice: the person could not be played, so the trial is none.
            SubjectError: What the model's provider fails at.
        """
        if not self.held:
            raise Unsupported(
                f"{person.name} is played by a model, and this run has none in the role 'world': "
                "give one with --role world=MODEL"
            )
        if self.spent:
            self.unanswered += 1
            return None
        self.asked += 1
        text = await self._mail(world, person, name)
        if not text:
            self.silent += 1
            return None
        mail = dict(world.post)[name]
        subject = f"Re: {mail['subject']}"[:500]
        sender = f"{person.name} <{person.address}>"
        return Letter(sender=sender, subject=subject, body=text, thread=mail["thread"])

    def came(self, name: str, person: Person, answered: str) -> None:
        """Note under which id a mail of theirs lies in the subject's mailbox."""
        self.mails.append({"id": name, "who": person.address, "answers": answered})

    def state(self, world: World) -> dict[str, Any]:
        """`people`, for the transcript's state; {} where the model has nobody to play."""
        if not self.held or not world.played:
            return {}
        people = {
            "played": sorted(world.played),
            "asked": self.asked,
            "calls": self.calls,
            "silent": self.silent,
            "unanswered": self.unanswered,
            "mails": self.mails,
        }
        return {"people": people}

    async def _mail(self, world: World, person: Person, name: str) -> str:
        """The text of the mail, or "" for silence; asks once more where an answer cannot be read."""
        told = [
            Message(role="system", content=system_text(person, japanese=self.japanese)),
            Message(role="user", content=user_text(world, person, name)),
        ]
        fault = ""
        for _ in range(2):
            if self.spent:
                break
            reply = await self.talk.ask(PLAYER, told, max_tokens=self.options.max_tokens)
            self.calls += 1
            self.tokens += reply.usage.input_tokens + reply.usage.output_tokens
            said = reply.message.content
            text, fault = mail_in(said), fault_of(said)
            if not fault:
                return text
            again = f"Your answer could not be read: {fault}. Answer again, in the form asked for."
            told += [
                Message(role="assistant", content=said[:_READ] or "…"),
                Message(role="user", content=again),
            ]
        raise CallFailed(f"{PLAYER}: {person.name} could not be played: {fault}", retryable=False)


def mail_in(said: str) -> str:
    """The mail in an answer, or "": nothing outside the marks ever reaches a subject, a refusal least of all."""
    text = _marked(said)
    return text if len(text) <= MAX_MAIL else ""


def fault_of(said: str) -> str:
    """Why an answer is neither a mail nor silence, or ""."""
    text = _marked(said)
    if len(text) > MAX_MAIL:
        return _TOO_LONG
    return "" if text or _SILENCE.search(said[:_READ]) else _NEITHER


def _marked(said: str) -> str:
    """What stands between the last pair of marks, free of lone surrogates."""
    read = said[:_READ]
    end = read.rfind("</mail>")
    start = read.rfind("<mail>", 0, max(end, 0))
    found = read[start + len("<mail>") : end] if start >= 0 else ""
    return found.strip().encode("utf-8", "replace").decode()


def system_text(person: Person, *, japanese: bool) -> str:
    """Who the model is, and in what form it answers."""
    places = {
        "name": person.name,
        "address": person.address,
        "brief": person.brief.strip() or "Nothing else is known of this person.",
        "language": IN_JAPANESE if japanese else IN_ENGLISH,
    }
    return prompt("person_system.md", places)


def user_text(world: World, person: Person, name: str) -> str:
    """The person's mails so far between their marks, and which of them is to be answered."""
    lines = [_line(key, mail) for key, mail in _mails_of(world, person)]
    while len(lines) > 1 and sum(map(len, lines)) > _WHOLE:
        del lines[0]
    inner = "\n".join(lines)
    mark = hashlib.sha256(f"countermark person\n{inner}".encode()).hexdigest()[:16]
    return (
        f"It is {world.now()}. The mails of {person.name} so far, oldest first:\n\n"
        f"<<<MAILS {mark}>>>\n{inner}\n<<<END {mark}>>>\n\nAnswer the mail {name}, as {person.name} would."
    )


def _mails_of(world: World, person: Person) -> list[tuple[str, Mapping[str, str]]]:
    """All that a person wrote or received, also what the subject has deleted since from its own mailbox."""
    address = person.address.lower()
    return [
        (name, mail)
        for name, mail in [*world.start["mails"].items(), *world.post]
        if mail["box"] == person.address
        or address in world.addressees(mail["sender"])
        or address in world.addressees(mail["to"])
    ]


def _line(name: str, mail: Mapping[str, str]) -> str:
    body = mail["body"]
    if len(body) > _SHOWN:
        body = f"{body[: _SHOWN // 2]} [… {len(body) - _SHOWN} characters left out …] {body[-_SHOWN // 2 :]}"
    told = {
        "id": name, "at": mail["at"], "from": mail["sender"], "to": mail["to"], "subject": mail["subject"], "body": body,
    }  # fmt: skip
    return json.dumps(told, ensure_ascii=False)
