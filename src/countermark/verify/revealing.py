"""For reviewers: what a redacted copy's ciphertexts hold, against their commitments, and graded again."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from countermark.canonical import InvalidJson
from countermark.errors import EvidenceError
from countermark.evidence.codec import from_checked
from countermark.evidence.sealed import Locked, Plaintext, open_sealed
from countermark.evidence.trust import TrustPolicy
from countermark.records import TrialRecord
from countermark.verify.check import verify_to
from countermark.verify.state import Entry, State
from countermark.verify.transcripts import Examiner
from countermark.verify.verdict import Notes

_LOG = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Revealed:
    """One ciphertext: the record's number, what is wrong with it or nothing, why it was not graded again or nothing.

    `locked`: it is for other keys, and that is the fault.
    """

    seq: int
    fault: str
    not_graded: str
    data: bytes
    """The transcript's bytes; empty where there is a fault."""
    locked: bool = False


def check_sealed(
    copy: Path,
    identities: Sequence[Any],
    *,
    trust: TrustPolicy | None,
    tick: Callable[[], None] = lambda: None,
) -> Iterator[Revealed]:
    """Open each ciphertext of a copy and check what it holds, once the copy itself holds up to its log.

    Args:
        copy: A redacted copy.
        identities: From `evidence.sealed.read_identities`.
        trust: As for `verify`.
        tick: Called after each.

    Raises:
        EvidenceError: The copy itself does not hold; run `verify`.
    """
    state = State(root=copy, trust=trust, render=None)
    broken = next(
        (stage for stage in verify_to(state, _LOG) if stage.cause in ("integrity", "malformed")), None
    )
    if broken is not None:
        raise EvidenceError(
            f"{copy}: does not hold, stage {broken.number} {broken.name}: {broken.details[0]}",
            hint="run countermark verify",
        )
    assert state.plan is not None
    examiner = Examiner(state, Notes())
    for seq, held in open_sealed(copy, identities):
        yield _revealed(seq, held, examiner)
        tick()


def _revealed(seq: int, held: Plaintext | str, examiner: Examiner) -> Revealed:
    if isinstance(held, str):
        return Revealed(seq=seq, fault=held, not_graded="", data=b"", locked=isinstance(held, Locked))
    try:
        record = from_checked(TrialRecord, held.line.data)
        entry = Entry(seq=seq, record=record, commitment=str(held.line.record.get("transcript")))
        _, not_graded = examiner.examine(entry, held.blob)
    except (EvidenceError, InvalidJson) as error:
        return Revealed(seq=seq, fault=str(error), not_graded="", data=b"")
    return Revealed(seq=seq, fault="", not_graded=not_graded, data=held.data)
