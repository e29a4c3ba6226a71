"""A stored transcript opened: its parts against the record's commitment, then as a value with holes where parts are withheld."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import lru_cache
from typing import Any, NoReturn

from countermark.canonical import InvalidJson
from countermark.errors import EvidenceError
from countermark.evidence.codec import Value, from_checked
from countermark.evidence.lines import MAX_BLOB
from countermark.evidence.parts import EXCHANGE, HEAD, KINDS, MESSAGE, SCENARIO, STATE, Blob, body, kinds_of
from countermark.evidence.quick import decode
from countermark.records import Exchange, Message, Scenario, Transcript, Usage

_FIELD = {HEAD: "head", SCENARIO: "scenario", MESSAGE: "messages", STATE: "state", EXCHANGE: "exchanges"}
_NO_SCENARIO = Scenario(id="", test="", arm="", cluster="", dialogue=())
_ROLES = {
    f'{{"role":"{role}","content":'.encode(): role
    for role in ("system", "developer", "user", "assistant", "tool")
}
_NO_CALLS = b',"tool_calls":[],"tool_call_id":null}'
_REQUEST, _RESPONSE, _REQUEST_ID = b'{"request":', b'","response":"', b'","request_id":'


class PartWithheld(Exception):
    """Somebody looked at a part of a transcript that is not disclosed."""


class Hole:
    """Stands for what is withheld: whoever looks at it raises `PartWithheld`, so that nothing is judged by its absence."""

    __slots__ = ()
    __hash__ = None  # type: ignore[assignment]

    def _looked_at(self, *_: object) -> NoReturn:
        raise PartWithheld

    __getattr__ = __getitem__ = __contains__ = __eq__ = __ne__ = _looked_at
    __iter__ = __len__ = __bool__ = __str__ = __repr__ = _looked_at


HOLE = Hole()


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A transcript as far as it is disclosed; the fields named in `withheld` are holes. `scenario`: its exact bytes."""

    transcript: Transcript
    withheld: frozenset[str]
    scenario: bytes | None
    parts: dict[int, str]
    """Parts withheld, to their reasons' codes."""


def open_transcript(blob: Blob, commitment: str) -> Opened:
    """The transcript in a blob that is the one committed to.

    Raises:
        EvidenceError: It is another.
        InvalidJson: It is the one, and malformed.
    """
    if blob.commitment.hex() != commitment:
        raise EvidenceError("is not the transcript that the record commits to")
    first = blob.parts[0].data if blob.parts else None
    head = None if first is None else decode(first, max_bytes=MAX_BLOB)
    kinds = kinds_of(head, len(blob.parts))
    withheld = set()
    bodies: dict[str, list[bytes]] = {kind: [] for kind in KINDS}
    for part, kind in zip(blob.parts, kinds, strict=True):
        if part.data is None:
            withheld.add(_FIELD[kind])
        else:
            bodies[kind].append(body(part.data, kind))
    transcript = _transcript(bodies)
    if withheld:
        transcript = _with_holes(transcript, withheld)
    scenario = bodies[SCENARIO][0] if bodies[SCENARIO] else None
    return Opened(
        transcript=transcript,
        withheld=frozenset(withheld),
        scenario=scenario,
        parts=blob.withheld if withheld else {},
    )


def _transcript(bodies: Mapping[str, Sequence[bytes]]) -> Transcript:
    """The value of a transcript's parts, each parsed strictly for itself; what is withheld is left empty."""
    head = _head(bodies[HEAD][0])
    return Transcript(
        scenario=_scenario(bodies[SCENARIO][0]) if bodies[SCENARIO] else _NO_SCENARIO,
        messages=_messages(bodies[MESSAGE]),
        state=_state(bodies[STATE]),
        exchanges=tuple(_exchange(one) for one in bodies[EXCHANGE]),
        published=head.published,
        fault=head.fault,
        stop=head.stop,
        usage=head.usage,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Head:
    """The rest of a transcript: what is neither scenario, message, state nor exchange."""

    published: Mapping[str, bool] = field(default_factory=dict)
    fault: str | None = None
    stop: str = ""
    usage: Usage = field(default_factory=Usage)


def _head(data: bytes) -> _Head:
    return from_checked(_Head, data)  # parsed strictly before, for its counts


@lru_cache(maxsize=4096)
def _scenario(data: bytes) -> Scenario:
    """Subjects share scenarios, so most of them were read before."""
    return _strictly(Scenario, data)


def _messages(bodies: Sequence[bytes]) -> tuple[Message, ...]:
    return tuple(_plain_message(one) or _strictly(Message, one) for one in bodies)


def _plain_message(data: bytes) -> Message | None:
    """A turn without calls in the spelling our writer gives it: only its text needs a parser. None for any other."""
    start = data.find(b'"content":') + len(b'"content":')
    role = _ROLES.get(data[:start])
    if role is None or not data.endswith(_NO_CALLS):
        return None
    content = decode(data[start : -len(_NO_CALLS)], max_bytes=MAX_BLOB)
    return Message(role=role, content=content) if isinstance(content, str) else None  # type: ignore[arg-type]


def _exchange(data: bytes) -> Exchange:
    return _plain_exchange(data) or _strictly(Exchange, data)


def _plain_exchange(data: bytes) -> Exchange | None:
    """As `_plain_message`. A quotation mark within a string has a backslash before it, so the marks looked for are keys'."""
    middle, end = data.find(_RESPONSE), data.rfind(_REQUEST_ID)
    if not data.startswith(_REQUEST) or not 0 < middle < end:
        return None
    try:
        request = decode(data[len(_REQUEST) : middle + 1], max_bytes=MAX_BLOB)
        response = decode(data[middle + len(_RESPONSE) - 1 : end + 1], max_bytes=MAX_BLOB)
        named = decode(data[end + len(_REQUEST_ID) : -1])
    except InvalidJson:
        return None
    if isinstance(request, str) and isinstance(response, str) and (named is None or isinstance(named, str)):
        return Exchange(request=request, response=response, request_id=named)
    return None


def _state(bodies: Sequence[bytes]) -> dict[str, Any]:
    state = decode(bodies[0], max_bytes=MAX_BLOB) if bodies and bodies[0] != b"{}" else {}
    if not isinstance(state, dict):
        raise InvalidJson("its state is no object")
    return state


def _strictly(kind: type[Value], data: bytes) -> Value:
    decode(data, max_bytes=MAX_BLOB)
    return from_checked(kind, data)


def _with_holes(transcript: Transcript, withheld: Collection[str]) -> Transcript:
    given: dict[str, Any] = {
        one.name: HOLE if one.name in withheld else getattr(transcript, one.name)
        for one in fields(transcript)
    }
    return Transcript(**given)
