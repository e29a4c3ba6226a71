"""A transcript as a sequence of parts, each with a salt of its own, so that one can be withheld and the rest still checked.

The parts: a head, the scenario, each message, the state, each exchange. A blob is the transcript's salt and its parts, one
line of JSON each; where some are withheld, the other parts each with its own salt, and leaves in place of the withheld.
"""

import hmac
import json
import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from countermark import canonical
from countermark.canonical import InvalidJson
from countermark.errors import EvidenceError
from countermark.evidence.codec import to_json
from countermark.evidence.lines import MAX_BLOB, blob_name, read_blob
from countermark.evidence.merkle import leaf_hash, root_of
from countermark.evidence.quick import PLAIN_STRING, decode

if TYPE_CHECKING:
    from countermark.records import Transcript

HEAD, SCENARIO, MESSAGE, STATE, EXCHANGE = "head", "scenario", "message", "state", "exchange"
KINDS = (HEAD, SCENARIO, MESSAGE, STATE, EXCHANGE)
MAX_PARTS = 100_000
_SALT = re.compile(rb'\{"salt":"([0-9a-f]{64})"\}')
_OPEN = re.compile(rb'\{"part":(' + PLAIN_STRING + rb'),"salt":"([0-9a-f]{64})"\}')
_WITHHELD = re.compile(rb'\{"leaf":"([0-9a-f]{64})","withheld":"([a-z][a-z0-9_-]{0,39})"\}')
_BLOCK = 64
_INNER = bytes(byte ^ 0x36 for byte in range(256))
_OUTER = bytes(byte ^ 0x5C for byte in range(256))
_START = {kind: f'{{"{kind}":'.encode() for kind in KINDS}


class Part(NamedTuple):
    """One part: its leaf; its exact bytes and salt, or None where it is withheld, and then the reason's code."""

    leaf: bytes
    data: bytes | None
    salt: bytes | None
    reason: str = ""


class Blob(NamedTuple):
    """A transcript as it is stored: its parts in order, and the salt that opens all of them, if it is there."""

    parts: Sequence[Part]
    salt: bytes | None

    @property
    def commitment(self) -> bytes:
        """What the record must name as its transcript."""
        return commitment_of([part.leaf for part in self.parts])

    @property
    def withheld(self) -> dict[int, str]:
        """Index of each part that is not shown, to its reason's code."""
        return {index: part.reason for index, part in enumerate(self.parts) if part.data is None}


def to_parts(transcript: "Transcript") -> list[bytes]:
    """The transcript's parts in order, one line of UTF-8 JSON each, without line feeds.

    The scenario's is canonical JSON, which the plan's commitment to it is made of.

    Raises:
        InvalidJson: It holds a lone surrogate, or a value of a kind that JSON has not.
    """
    value = to_json(transcript)
    scenario, messages, state, exchanges = (
        value.pop(name) for name in ("scenario", "messages", "state", "exchanges")
    )
    head = value | {"exchanges": len(exchanges), "messages": len(messages)}
    return [
        _line(HEAD, _dumps(head)),
        _line(SCENARIO, canonical.encode(scenario)),
        *(_line(MESSAGE, _dumps(message)) for message in messages),
        _line(STATE, _dumps(state)),
        *(_line(EXCHANGE, _dumps(exchange)) for exchange in exchanges),
    ]


def from_parts(parts: Sequence[bytes]) -> dict[str, Any]:
    """The transcript's JSON value, from all its parts. Raises `InvalidJson`."""
    values = [decode(part, max_bytes=MAX_BLOB) for part in parts]
    kinds = kinds_of(values[0] if values else None, len(parts))
    if [list(value) if isinstance(value, dict) else None for value in values] != [[kind] for kind in kinds]:
        raise InvalidJson("its parts are not those that its head announces")
    return joined(values, kinds)


def joined(values: Sequence[Mapping[str, Any] | None], kinds: Sequence[str]) -> dict[str, Any]:
    """The transcript's JSON value from its parts' values; what is withheld is not in it, though its list is."""
    found: dict[str, Any] = {"messages": [], "exchanges": []}
    for value, kind in zip(values, kinds, strict=True):
        if value is None:
            continue
        if kind == HEAD:
            shown = value[HEAD]
            found |= {name: shown[name] for name in shown if name not in ("messages", "exchanges")}
        elif kind in (SCENARIO, STATE):
            found[kind] = value[kind]
        else:
            found[f"{kind}s"].append(value[kind])
    return found


def kinds_of(head: object, count: int) -> list[str]:
    """The kind of each of `count` parts, as the head, given as JSON value, announces them. Raises `InvalidJson`."""
    match head:
        case {"head": {"messages": int(messages), "exchanges": int(exchanges)}} if not isinstance(
            messages, bool
        ) and not isinstance(exchanges, bool):
            if 0 <= messages <= count and 0 <= exchanges <= count and count == messages + exchanges + 3:
                return [HEAD, SCENARIO, *[MESSAGE] * messages, STATE, *[EXCHANGE] * exchanges]
    raise InvalidJson("its first part is no head, or announces another number of parts")


def body(part: bytes, kind: str) -> bytes:
    """The JSON within a part of that kind. Raises `InvalidJson`."""
    start = _START[kind]
    if part.startswith(start) and part.endswith(b"}"):
        return part[len(start) : -1]
    raise InvalidJson(f"a part is not a {kind}")


def part_salt(salt: bytes, index: int) -> bytes:
    """The salt of part `index`: HMAC-SHA256 of the index in eight bytes, high byte first, under the transcript's salt."""
    return hmac.digest(salt, index.to_bytes(8, "big"), "sha256")


def leaves_of(salt: bytes, parts: Sequence[bytes]) -> list[bytes]:
    """The parts' leaves: SHA-256 of 0x00, the part's salt and its bytes."""
    # `leaf_hash` of `part_salt`, for many parts: HMAC's two keys (RFC 2104) are made once, and what is short is joined, since
    # a call costs more than its hash.
    inner = salt.translate(_INNER) + _INNER[:1] * (_BLOCK - len(salt))
    outer = salt.translate(_OUTER) + _OUTER[:1] * (_BLOCK - len(salt))
    return [
        sha256(b"\x00" + sha256(outer + sha256(inner + index).digest()).digest() + part).digest()
        for index, part in zip(_indices(len(parts)), parts, strict=True)
    ]


@lru_cache(maxsize=256)
def _indices(count: int) -> tuple[bytes, ...]:
    """The first numbers as a part's salt is made of them."""
    return tuple(index.to_bytes(8, "big") for index in range(count))


def commitment_of(leaves: Sequence[bytes]) -> bytes:
    """SHA-256 of 0x03, the number of parts in eight bytes and the Merkle root over their leaves.

    The number stands in it because a root alone does not say how many leaves it has: an inner node could pass as a leaf.
    """
    return sha256(b"\x03" + len(leaves).to_bytes(8, "big") + root_of(leaves)).digest()


def format_blob(salt: bytes, parts: Sequence[bytes]) -> bytes:
    """A whole transcript as it is stored."""
    return b"\n".join([b'{"salt":"%b"}' % salt.hex().encode(), *parts, b""])


def format_partial(parts: Sequence[Part]) -> bytes:
    """A transcript in part, as it is stored in a redacted copy."""
    return b"".join(_partial_line(part) for part in parts)


def parse_blob(data: bytes) -> Blob:
    """The parts of a stored transcript, their contents unread. Raises `InvalidJson`."""
    first, *lines = data.split(b"\n", MAX_PARTS + 2)
    if not lines or lines.pop() or len(lines) > MAX_PARTS:
        raise InvalidJson(f"does not end in a line feed, or has over {MAX_PARTS} parts")
    match = _SALT.fullmatch(first)
    if match is not None:
        salt = bytes.fromhex(match[1].decode())
        leaves = leaves_of(salt, lines)
        return Blob([Part(leaf, line, None) for leaf, line in zip(leaves, lines, strict=True)], salt)
    return Blob([_parse_partial(line) for line in (first, *lines)], None)


def read_transcript(run_dir: Path, seq: int) -> dict[str, Any]:
    """The transcript of record `seq` as JSON value, what is withheld left out; its commitment is not checked.

    Raises:
        EvidenceError: It is not there, or is no transcript.
    """
    try:
        blob = parse_blob(read_blob(run_dir, seq))
        values = [None if part.data is None else decode(part.data, max_bytes=MAX_BLOB) for part in blob.parts]
        return joined(values, kinds_of(values[0] if values else None, len(values)))
    except (InvalidJson, LookupError, TypeError) as error:
        raise EvidenceError(f"{blob_name(seq)}: {error}") from error


def _parse_partial(line: bytes) -> Part:
    match = _WITHHELD.fullmatch(line)
    if match is not None:
        return Part(bytes.fromhex(match[1].decode()), None, None, match[2].decode())
    match = _OPEN.fullmatch(line)
    if match is None:
        raise InvalidJson(
            "a line is neither a part with its salt nor a leaf with the reason why it is withheld"
        )
    part = decode(match[1], max_bytes=MAX_BLOB).encode()
    salt = bytes.fromhex(match[2].decode())
    return Part(leaf_hash(salt, part), part, salt)


def _partial_line(part: Part) -> bytes:
    if part.data is None or part.salt is None:
        return b'{"leaf":"%b","withheld":"%b"}\n' % (part.leaf.hex().encode(), part.reason.encode())
    text = json.dumps(part.data.decode(), ensure_ascii=False)
    return f'{{"part":{text},"salt":"{part.salt.hex()}"}}\n'.encode()


def _line(kind: str, data: bytes) -> bytes:
    return _START[kind] + data + b"}"


def _dumps(value: Any) -> bytes:
    try:
        text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
        return text.encode()
    except ValueError as error:
        raise InvalidJson(f"the transcript cannot be written: {error}") from error
