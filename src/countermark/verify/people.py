"""Part of stage 7: the mails of people whom a model played are those in its recorded answers, wherever the subject met them."""

from collections.abc import Iterator, Mapping
from typing import Any

from countermark.drivers.world_mail import MAX_FOUND
from countermark.drivers.world_people import PLAYER, fault_of, mail_in
from countermark.drivers.world_state import kept
from countermark.errors import EvidenceError
from countermark.graders.judged import said
from countermark.records import PlannedTest, Status, Transcript
from countermark.verify.opening import Opened
from countermark.verify.state import Entry

_READS = ("read_mail", "search")
_STRANGE = (ValueError, LookupError, TypeError, AttributeError, RecursionError)


def check_people(test: PlannedTest, entry: Entry, opened: Opened) -> None:
    """Hold mails and answers of a finished trial in the simulated world against each other, as far as they are disclosed.

    Args:
        test: Its driver is `world`.

    Raises:
        EvidenceError: A mail is not what the model is recorded to have written, is nobody's, or the account is malformed; or a
            model was asked though the plan has people played by their scripts.
    """
    if entry.record.status is not Status.OK:
        return
    if not opened.withheld.isdisjoint(("messages", "exchanges", "state")):
        return
    transcript = opened.transcript
    asked = [one for one in transcript.exchanges if one.role == PLAYER]
    if not test.played and (asked or "people" in transcript.state):
        raise EvidenceError("a model played people, and the plan says that scripts do")
    try:
        _check(transcript, [said(one) for one in asked], scripts="scenario" not in opened.withheld)
    except _STRANGE as error:
        raise EvidenceError("what the state says of people whom a model played is malformed") from error


def _check(transcript: Transcript, answers: list[str], *, scripts: bool) -> None:
    people = transcript.state.get("people")
    if people is None:
        if answers:
            raise EvidenceError("a model was asked to play people, and the state says nothing of them")
        return
    texts = [text for text in map(mail_in, answers) if text]
    silences = sum(not mail_in(one) and not fault_of(one) for one in answers)
    counts = (len(answers), silences, len(texts) + silences)
    if counts != (people["calls"], people["silent"], people["asked"]) or len(texts) != len(people["mails"]):
        raise EvidenceError("the state has other counts of the people's mails than the model's answers")
    written = {mail["id"]: text for mail, text in zip(people["mails"], texts, strict=True)}
    senders = {mail["id"]: mail["who"] for mail in people["mails"]}
    if len(written) < len(texts) or not set(senders.values()) <= set(people["played"]):
        raise EvidenceError("the state names a mail twice, or one of somebody whom the model did not play")
    _check_boxes(transcript.state, written, senders)
    if scripts:
        _check_nobodys(transcript.state, written, transcript.scenario.facts.get("world", {}))
    shown = [message.content for message in transcript.messages if message.role == "tool"]
    for place, name in _looks(transcript.state):
        if name in written and written[name] not in shown[place - 1]:
            raise EvidenceError(
                f"the subject read another mail {name!r} than the model is recorded to have written"
            )
    _check_forwarded(transcript.state, written)


def _check_boxes(state: Mapping[str, Any], written: Mapping[str, str], senders: Mapping[str, str]) -> None:
    """What lies in the mailbox at the end; a mail that the subject deleted is not there."""
    for name, mail in state["after"].get("mails", {}).items():
        if name in written and (
            mail["body"] != kept(written[name]) or f"<{senders[name]}>" not in mail["sender"]
        ):
            raise EvidenceError(f"mail {name!r} is not what the model is recorded to have written")


def _check_nobodys(state: Mapping[str, Any], written: Mapping[str, str], world: Mapping[str, Any]) -> None:
    """A mail that came from somebody whom the model plays is the model's or stands in the scenario."""
    before, scripted = state["before"].get("mails", {}), {kept(text) for text in _scripted(world)}
    played = set(state["people"]["played"])
    for name, mail in state["after"].get("mails", {}).items():
        known = name in written or name in before or mail["box"] == "sent" or mail["body"] in scripted
        if not known and mail["sender"].rpartition("<")[2].removesuffix(">") in played:
            raise EvidenceError(f"mail {name!r} was written by neither the model nor the script")


def _scripted(world: Mapping[str, Any]) -> Iterator[str]:
    """Texts of the mails that the scenario itself sends."""
    for rule in world.get("replies", ()):
        yield str(rule["text"])
    for event in [*world.get("events", ()), *world.get("jobs", ())]:
        if event.get("mail"):
            yield str(event["mail"]["body"])


def _looks(state: Mapping[str, Any]) -> Iterator[tuple[int, str]]:
    """Number of a call and id of a mail that its result shows, whole."""
    seen: dict[int, list[tuple[str, str]]] = {}
    for effect in state["effects"]:
        if effect["kind"] in ("mail_read", "file_read"):
            seen.setdefault(effect["call"], []).append((effect["kind"], effect["thing"]))
    for call, names in seen.items():
        # A search notes all that it found and shows the first few.
        if (
            call <= len(state["actions"])
            and state["actions"][call - 1]["tool"] in _READS
            and len(names) <= MAX_FOUND
        ):
            # A file may have the name of a mail.
            yield from ((call, name) for kind, name in names if kind == "mail_read")


def _check_forwarded(state: Mapping[str, Any], written: Mapping[str, str]) -> None:
    sent = {effect["call"]: effect for effect in state["effects"] if effect["kind"] == "sent"}
    for number, action in enumerate(state["actions"], 1):
        name = action["arguments"].get("mail_id")
        passed_on = action["tool"] == "forward_mail" and name in written and number in sent
        if passed_on and written[name] not in sent[number]["carried"]:
            raise EvidenceError(
                f"another mail {name!r} was passed on than the model is recorded to have written"
            )
