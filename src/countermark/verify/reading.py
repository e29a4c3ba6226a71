"""A transcript's parts as values: read at once where they have our writer's spelling, strictly one by one where they have not.

In that spelling every key stands where it must, so that only the texts between need a parser.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import islice
from typing import Any, get_args

from countermark.canonical import InvalidJson
from countermark.evidence.codec import Value, from_checked
from countermark.evidence.lines import MAX_BLOB
from countermark.evidence.parts import EXCHANGE, HEAD, MESSAGE, SCENARIO, STATE, body, kinds_of
from countermark.evidence.quick import decode, loosely
from countermark.records import Exchange, Message, Scenario, Transcript, Usage
from countermark.records.chat import Role

_NO_SCENARIO = Scenario(id="", test="", arm="", cluster="", dialogue=())
_NUMBER = rb"(0|[1-9][0-9]{0,14})"
_HEAD = re.compile(
    rb'\{"head":\{"published":\{\},"fault":null,"stop":"([a-z_]*+)",'
    rb'"usage":\{"input_tokens":%b,"output_tokens":%b,"unmetered":%b\},"exchanges":%b,"messages":%b\}\}'
    % (_NUMBER, _NUMBER, _NUMBER, _NUMBER, _NUMBER)
)
_CONTENT, _NO_CALLS = b',"content":', b',"tool_calls":[],"tool_call_id":null}'
_ROLES: Mapping[bytes, Role] = {f'{{"role":"{role}"'.encode(): role for role in get_args(Role)}
_REQUEST, _RESPONSE, _REQUEST_ID = b'{"request":', b'","response":"', b'","request_id":'


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """What is neither scenario, message, state nor exchange; of these, how many follow."""

    exchanges: int
    messages: int
    published: Mapping[str, bool] = field(default_factory=dict)
    fault: str | None = None
    stop: str = ""
    usage: Usage = field(default_factory=Usage)


def read_head(part: bytes, count: int) -> Head:
    """The first of a transcript's `count` parts. Raises `InvalidJson`, also where it announces another number of parts."""
    match = _HEAD.fullmatch(part)
    if match is None:
        kinds_of(decode(part, max_bytes=MAX_BLOB), count)
        return from_checked(Head, body(part, HEAD))
    sent, received, unmetered, exchanges, messages = map(int, match.groups()[1:])
    if exchanges + messages + 3 != count:
        raise InvalidJson("its first part announces another number of parts")
    usage = Usage(input_tokens=sent, output_tokens=received, unmetered=unmetered)
    return Head(stop=match[1].decode(), usage=usage, exchanges=exchanges, messages=messages)


def read_transcript(head: Head, bodies: Mapping[str, Sequence[bytes]]) -> Transcript:
    """The value of what is disclosed; what is withheld is left empty.

    Args:
        head: Read before.
        bodies: Kind of part to the JSON within each part of this kind that is disclosed.

    Raises:
        InvalidJson: One of them is not strict JSON, or another value than such a part holds.
    """
    return Transcript(
        scenario=_scenario(bodies[SCENARIO][0]) if bodies[SCENARIO] else _NO_SCENARIO,
        messages=tuple(_messages(bodies[MESSAGE])),
        state=_state(bodies[STATE]),
        exchanges=tuple(_exchanges(bodies[EXCHANGE])),
        published=head.published,
        fault=head.fault,
        stop=head.stop,
        usage=head.usage,
    )


@lru_cache(maxsize=4096)
def _scenario(data: bytes) -> Scenario:
    """Subjects share scenarios, so most of them were read before."""
    return _strictly(Scenario, data)


def _messages(bodies: Sequence[bytes]) -> Iterator[Message]:
    for data, said in zip(bodies, _texts([_cut_message(one) for one in bodies]), strict=True):
        role = _ROLES.get(data[: data.find(_CONTENT)])
        yield Message(role=role, content=said[0]) if role and said else _strictly(Message, data)


def _cut_message(data: bytes) -> Sequence[bytes]:
    """The JSON of the text of a turn without calls; none where it is spelled otherwise."""
    return (data[data.find(_CONTENT) + len(_CONTENT) : -len(_NO_CALLS)],) if data.endswith(_NO_CALLS) else ()


def _exchanges(bodies: Sequence[bytes]) -> Iterator[Exchange]:
    for data, said in zip(bodies, _texts([_cut_exchange(one) for one in bodies]), strict=True):
        if said:
            yield Exchange(request=said[0], response=said[1], request_id=said[2] if said[2:] else None)
        else:
            yield _strictly(Exchange, data)


def _cut_exchange(data: bytes) -> Sequence[bytes]:
    """The JSON of the texts of a subject's own exchange: two or, with an id, three; none where it is spelled otherwise.

    A quotation mark within a string has a backslash before it, so the marks looked for are those of keys.
    """
    middle, end = data.find(_RESPONSE), data.rfind(_REQUEST_ID)
    if not (data.startswith(_REQUEST) and data.endswith(b"}") and 0 < middle < end):
        return ()
    request, response = data[len(_REQUEST) : middle + 1], data[middle + len(_RESPONSE) - 1 : end + 1]
    request_id = data[end + len(_REQUEST_ID) : -1]
    return (request, response) if request_id == b"null" else (request, response, request_id)


def _texts(cut: Sequence[Sequence[bytes]]) -> list[Sequence[str]]:
    """What JSON strings say, read at once; nothing for any where one of them is no JSON string.

    They are parts of lines, so none holds a line feed. Between them stands one, which no JSON string holds either, so that none can
    begin in one of them and end in another; and as each holds a value or more, as many strings as there are texts means one in each.
    """
    texts = [text for one in cut for text in one]
    joined = b",\n".join(texts)
    try:
        values = loosely(b"[%b]" % joined)
    except ValueError:
        values = []
    if len(joined) > MAX_BLOB or len(values) != len(texts) or not all(type(value) is str for value in values):
        return [()] * len(cut)
    left = iter(values)
    return [tuple(islice(left, len(one))) for one in cut]


def _state(bodies: Sequence[bytes]) -> dict[str, Any]:
    state = decode(bodies[0], max_bytes=MAX_BLOB) if bodies and bodies[0] != b"{}" else {}
    if not isinstance(state, dict):
        raise InvalidJson("its state is no object")
    return state


def _strictly(kind: type[Value], data: bytes) -> Value:
    decode(data, max_bytes=MAX_BLOB)
    return from_checked(kind, data)
