"""Mail in the world: several people's mailboxes, and people who answer by rule, or have a model answer for them."""

from collections.abc import Mapping, Sequence
from typing import Any

from countermark.drivers.toolbox import Tool
from countermark.drivers.world_case import Letter, Reply
from countermark.drivers.world_state import Coming, Done, World, plain

MAX_FOUND = 6
"""Documents that one search shows."""

_TEXT: Mapping[str, Any] = {"type": "string"}
_SENT = "sent"


def missed(argument: str) -> Done:
    """The argument names nothing there."""
    return Done(code="not_found", detail=argument)


def bad(argument: str) -> Done:
    """The argument cannot have this value."""
    return Done(code="bad_value", detail=argument)


def listed(items: Sequence[tuple[str, Mapping[str, str]]]) -> Done:
    """Lines under one another, or that there are none."""
    return Done(code="list", items=items) if items else Done(code="empty")


def _box(world: World, name: str) -> str | None:
    """The address of a mailbox named by address, by its owner, or `sent`; None if there is none."""
    own = world.case.self_
    if plain(name) in ("", plain(own.address), plain(own.name)):
        return own.address
    if plain(name) == _SENT:
        return _SENT
    person = world.person(name)
    address = plain(person.address if person else name)
    return next((box for box in world.things["boxes"] if plain(box) == address), None)


def _closed(world: World, box: str) -> bool:
    return not world.things["boxes"].get(box, {"open": True})["open"]


def _list_mails(world: World, arguments: Mapping[str, Any]) -> Done:
    box = _box(world, arguments.get("mailbox", ""))
    if box is None:
        return missed("mailbox")
    if _closed(world, box):
        return Done(code="closed_box", values={"box": box})
    mails = world.things["mails"].items()
    return listed([("mail_line", {"id": name, **mail}) for name, mail in mails if mail["box"] == box])


def _read_mail(world: World, arguments: Mapping[str, Any]) -> Done:
    mail = world.things["mails"].get(arguments["mail_id"])
    if mail is None:
        return missed("mail_id")
    if _closed(world, mail["box"]):
        return Done(code="closed_box", values={"box": mail["box"]})
    world.did("mail_read", thing=arguments["mail_id"], box=mail["box"])
    return Done(code="mail", values={"id": arguments["mail_id"], **mail})


def _search(world: World, arguments: Mapping[str, Any]) -> Done:
    sought = plain(arguments["text"]).split()
    found: list[tuple[str, Mapping[str, str]]] = []
    for name, mail in world.things["mails"].items():
        if not _closed(world, mail["box"]) and _has_all(
            sought, mail["subject"], mail["body"], mail["sender"]
        ):
            world.did("mail_read", thing=name, box=mail["box"])
            found.append(("mail", {"id": name, **mail}))
    for path, file in world.things["files"].items():
        if _has_all(sought, path, file["text"]):
            world.did("file_read", thing=path)
            found.append(("found_file", {"path": path, **file}))
    return Done(code="list", items=found[:MAX_FOUND]) if found else Done(code="nothing_found")


def _has_all(words: list[str], *texts: str) -> bool:
    text = plain("\n".join(texts))
    return bool(words) and all(word in text for word in words)


def _send_mail(world: World, arguments: Mapping[str, Any]) -> Done:
    path = arguments.get("attachment", "").lstrip("/")
    answered = arguments.get("reply_to", "")
    if path and path not in world.things["files"]:
        return missed("attachment")
    if answered and answered not in world.things["mails"]:
        return missed("reply_to")
    carried = world.things["files"][path]["text"] if path else ""
    thread = world.things["mails"][answered]["thread"] if answered else ""
    return _send(world, arguments, attachment=path, carried=carried, thread=thread)


def _forward_mail(world: World, arguments: Mapping[str, Any]) -> Done:
    mail = world.things["mails"].get(arguments["mail_id"])
    if mail is None or _closed(world, mail["box"]):
        return missed("mail_id")
    carried = f"{mail['sender']}\n{mail['subject']}\n\n{mail['body']}"
    written = {
        "to": arguments["to"], "subject": f"Fwd: {mail['subject']}", "body": arguments.get("note", ""),
    }  # fmt: skip
    return _send(world, written, attachment="", carried=carried, thread="")


def _send(world: World, written: Mapping[str, Any], *, attachment: str, carried: str, thread: str) -> Done:
    addresses = world.addressees(written["to"])
    if not addresses:
        return bad("to")
    to = ", ".join(addresses)
    name = world.new_id("S-")
    mail = {"to": to, "subject": written["subject"], "body": written["body"]}
    kept = mail["body"] if not carried else f"{mail['body']}\n\n---\n{carried}"
    sent = {
        "box": _SENT, "sender": world.case.self_.address, **mail, "body": kept, "thread": thread or name,
        "at": world.now(),
    }  # fmt: skip
    world.things["mails"][name] = sent
    world.post.append((name, sent))
    world.did("sent", **mail, attachment=attachment, carried=carried, thread=thread)
    for address in addresses:
        _answer(world, name, address)
    return Done(code="sent", values={"id": name, "attachment": attachment, **mail})


def _answer(world: World, name: str, address: str) -> None:
    """Set under way what the person at an address answers to the mail of that id."""
    mail = world.things["mails"][name]
    for place, rule in enumerate(world.case.replies):
        if world.used_rules.get(place, 0) < rule.times and _fits(world, rule, mail, address):
            world.used_rules[place] = world.used_rules.get(place, 0) + 1
            person = world.person(rule.who)
            letter = {
                "sender": f"{person.name} <{person.address}>" if person else rule.who,
                "subject": rule.subject or f"Re: {mail['subject']}",
            }
            world.coming.append(_coming(world, rule, letter, mail["thread"]))
            return
    person = world.person(address)
    if person is not None and person.address in world.played:
        world.coming.append(Coming(due=world.clock + 1, asks=(world.played[person.address], name)))


def _coming(world: World, rule: Reply, letter: Mapping[str, str], thread: str) -> Coming:
    mail = Letter(sender=letter["sender"], subject=letter["subject"][:500], body=rule.text, thread=thread)
    return Coming(due=world.clock + rule.after, mail=mail, changes=rule.changes)


def _fits(world: World, rule: Reply, mail: Mapping[str, str], address: str) -> bool:
    text = plain(f"{mail['subject']}\n{mail['body']}")
    return (
        plain(rule.who) == plain(address)
        and (not rule.any or any(plain(word) in text for word in rule.any))
        and all(plain(word) in text for word in rule.all)
        and (not rule.thread or rule.thread == mail["thread"])
        and world.holds(rule.when)
    )


def _delete_mail(world: World, arguments: Mapping[str, Any]) -> Done:
    mail = world.things["mails"].get(arguments["mail_id"])
    if mail is None or _closed(world, mail["box"]):
        return missed("mail_id")
    del world.things["mails"][arguments["mail_id"]]
    world.did("mail_deleted", thing=arguments["mail_id"], box=mail["box"])
    return Done(code="mail_deleted", values={"id": arguments["mail_id"], **mail})


def _list_people(world: World, arguments: Mapping[str, Any]) -> Done:
    del arguments
    return listed([("person_line", {"name": one.name, "address": one.address}) for one in world.case.people])


TOOLS: Mapping[str, Tool] = {
    "list_mails": Tool(run=_list_mails, parameters={"mailbox": _TEXT}, optional=frozenset({"mailbox"})),
    "read_mail": Tool(run=_read_mail, parameters={"mail_id": _TEXT}),
    "search": Tool(run=_search, parameters={"text": _TEXT}),
    "send_mail": Tool(
        run=_send_mail,
        parameters={"to": _TEXT, "subject": _TEXT, "body": _TEXT, "attachment": _TEXT, "reply_to": _TEXT},
        optional=frozenset({"attachment", "reply_to"}),
    ),
    "forward_mail": Tool(
        run=_forward_mail,
        parameters={"mail_id": _TEXT, "to": _TEXT, "note": _TEXT},
        optional=frozenset({"note"}),
    ),
    "delete_mail": Tool(run=_delete_mail, parameters={"mail_id": _TEXT}),
    "list_people": Tool(run=_list_people),
}
