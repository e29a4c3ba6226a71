"""Stage 6: the log. Leaves recomputed, checkpoints consistent, every planned slot with exactly one final attempt."""

import re
from collections.abc import Iterator

from countermark.canonical import InvalidJson
from countermark.errors import EvidenceError, SignerUnknown
from countermark.evidence.codec import from_checked
from countermark.evidence.directory import RUN
from countermark.evidence.lines import LogLine, WithheldLine, blob_name, read_public_log
from countermark.evidence.merkle import Frontier
from countermark.evidence.notes import MAX_NOTE, Checkpoint, open_note
from countermark.evidence.recovery import CHECKPOINTS, INFLIGHT
from countermark.files import read_capped
from countermark.records import TrialRecord
from countermark.verify import witnesses
from countermark.verify.slots import Slots
from countermark.verify.state import Entry, State
from countermark.verify.verdict import Notes

_RECORDS = f"{RUN}/records.jsonl"
_MAX_FAULTS = 100
_TIME = (
    r"[0-9]{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])T(?:[01][0-9]|2[0-3])(?::[0-5][0-9]){2}\.[0-9]{3}Z"
)
_TIMES = re.compile(f"{_TIME} {_TIME}")
_MAX_NOTES = 100_000
_SPARED_AT_MOST, _LEAST_RECORDS, _SHORTEST_RECORD = 50, 2_000, 400


class TooManyFaults(EvidenceError):
    """Enough is known to be wrong; the rest is not worth listing."""


def check(state: State, notes: Notes) -> None:
    """Read the log once, from the first record to the last."""
    assert state.plan is not None
    if f"{RUN}/{INFLIGHT}" in state.files:
        notes.wrong(f"{RUN}/{INFLIGHT}: the log was never closed")
    checkpoints = {note.size: note for note in _checkpoints(state, notes)}
    frontier, slots = Frontier(), Slots(state.plan, state.seed, _most_slots(state))
    _compare(checkpoints, frontier, notes)
    try:
        for line in read_public_log(state.root / RUN):
            frontier.append(line.leaf)
            state.size = frontier.size
            if frontier.size in checkpoints:
                _compare(checkpoints, frontier, notes)
            if isinstance(line, WithheldLine):
                state.unshown[line.seq] = line.reason
                slots.unshown += 1
            else:
                _take(state, notes, slots, line)
    except TooManyFaults as error:
        notes.wrong(error.message)
        return
    except EvidenceError as error:
        notes.wrong(f"{RUN}/{error.message}")
        return
    _check_end(state, notes, frontier, checkpoints)
    _tell(notes, slots.faults_at_end(state.slots, len(state.unshown)))
    state.holes = slots.holes
    slots.say(notes)
    _check_blob_names(state, notes)
    witnesses.check(state, notes, checkpoints.keys(), frontier.size)
    if not notes.broken:
        notes.say(f"{frontier.size} records, root {frontier.root().hex()}, {len(checkpoints)} checkpoints")


def _most_slots(state: State) -> int:
    """How many slots a log of this size may come from: a stopping rule spares many trials, but not all but one in fifty."""
    return _SPARED_AT_MOST * max(_LEAST_RECORDS, state.files.get(_RECORDS, 0) // _SHORTEST_RECORD)


def _take(state: State, notes: Notes, slots: Slots, line: LogLine) -> None:
    commitment = line.record.get("transcript")
    try:
        record = from_checked(TrialRecord, line.data)
    except InvalidJson as error:
        raise EvidenceError(f"records.jsonl: line {line.seq + 1}: {error}") from error
    if not isinstance(commitment, str):
        raise EvidenceError(f"records.jsonl: line {line.seq + 1}: commits to no transcript")
    if not (record.started <= record.ended and _TIMES.fullmatch(f"{record.started} {record.ended}")):
        notes.wrong(
            f"{_RECORDS}: line {line.seq + 1}: {record.started!r} and {record.ended!r} are no times of begin and end"
        )
    _tell(notes, (f"line {line.seq + 1}: {fault}" for fault in slots.take(record)))
    state.entries.append(Entry(seq=line.seq, record=record, commitment=commitment))


def _tell(notes: Notes, faults: Iterator[str]) -> None:
    for fault in faults:
        notes.wrong(f"{_RECORDS}: {fault}")
        if len(notes.details) >= _MAX_FAULTS:
            raise TooManyFaults(f"{_RECORDS}: over {_MAX_FAULTS} faults; the rest is not listed")


def _checkpoints(state: State, notes: Notes) -> Iterator[Checkpoint]:
    assert state.plan is not None
    assert state.key is not None
    names = [name for name in state.files if name.startswith(f"{RUN}/{CHECKPOINTS}/")]
    if not names or len(names) > _MAX_NOTES:
        notes.wrong(f"{RUN}/{CHECKPOINTS}: holds no checkpoint, or over {_MAX_NOTES}")
        return
    for name in sorted(names):
        try:
            note = open_note(read_capped(state.root / name, max_bytes=MAX_NOTE, name=name), state.key)
        except SignerUnknown as error:
            notes.stranger(f"{name}: {error.message}")
            continue
        except EvidenceError as error:
            notes.wrong(f"{name}: {error.message}")
            continue
        if note.origin != state.origin or name != f"{RUN}/{CHECKPOINTS}/{note.size:08d}.note":
            notes.wrong(f"{name}: is a checkpoint of {note.origin} at {note.size}")
        else:
            yield note


def _compare(checkpoints: dict[int, Checkpoint], frontier: Frontier, notes: Notes) -> None:
    note = checkpoints.get(frontier.size)
    if note is not None and note.root_hex != frontier.root().hex():
        notes.wrong(
            f"{_RECORDS}: the first {frontier.size} records are not those of the checkpoint at {frontier.size}"
        )


def _check_end(state: State, notes: Notes, frontier: Frontier, checkpoints: dict[int, Checkpoint]) -> None:
    assert state.seal is not None
    sealed = state.seal.predicate
    size, root = frontier.size, frontier.root().hex()
    if (sealed.get("size"), sealed.get("root")) != (size, root) or type(sealed.get("size")) is not int:
        notes.wrong(
            f"{_RECORDS}: holds {size} records with root {root}, the seal says {sealed.get('size')} and {sealed.get('root')}"
        )
    if any(note > size for note in checkpoints):
        notes.wrong(f"{_RECORDS}: holds {size} records, a checkpoint promises {max(checkpoints)}")
    if checkpoints and size not in checkpoints:
        notes.wrong(f"{RUN}/{CHECKPOINTS}: no checkpoint at the end of the log, {size} records")


def _check_blob_names(state: State, notes: Notes) -> None:
    """Transcripts are for records and nothing else; one that is missing is stage 7's to tell."""
    prefix = f"{RUN}/blobs/"
    known = {f"{RUN}/{blob_name(entry.seq)}" for entry in state.entries}
    for name in state.files:
        if name.startswith(prefix) and name not in known:
            notes.wrong(f"{name}: is the transcript of no record")
