"""A stored transcript opened: its parts against the record's commitment, then as a value with holes where parts are withheld."""

from collections.abc import Collection
from dataclasses import dataclass, fields
from typing import Any, NoReturn

from countermark.errors import EvidenceError
from countermark.evidence.parts import EXCHANGE, HEAD, KINDS, MESSAGE, SCENARIO, STATE, Blob, body
from countermark.records import Transcript
from countermark.verify.reading import read_head, read_transcript

_FIELD = {HEAD: "head", SCENARIO: "scenario", MESSAGE: "messages", STATE: "state", EXCHANGE: "exchanges"}


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
    head = read_head(first or b"", len(blob.parts))
    withheld = set()
    bodies: dict[str, list[bytes]] = {kind: [] for kind in KINDS}
    kinds = (HEAD, SCENARIO, *(MESSAGE,) * head.messages, STATE, *(EXCHANGE,) * head.exchanges)
    for part, kind in zip(blob.parts, kinds, strict=True):
        if part.data is None:
            withheld.add(_FIELD[kind])
        else:
            bodies[kind].append(body(part.data, kind))
    transcript = read_transcript(head, bodies)
    if withheld:
        transcript = _with_holes(transcript, withheld)
    scenario = bodies[SCENARIO][0] if bodies[SCENARIO] else None
    return Opened(
        transcript=transcript,
        withheld=frozenset(withheld),
        scenario=scenario,
        parts=blob.withheld if withheld else {},
    )


def _with_holes(transcript: Transcript, withheld: Collection[str]) -> Transcript:
    given: dict[str, Any] = {
        one.name: HOLE if one.name in withheld else getattr(transcript, one.name)
        for one in fields(transcript)
    }
    return Transcript(**given)
