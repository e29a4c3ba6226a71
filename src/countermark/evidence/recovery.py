"""Reading a log that a killed run left: its valid prefix, what was in flight, and nothing in silence."""

import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from countermark.canonical import InvalidJson, decode
from countermark.errors import EvidenceError, SignerUnknown, UnsafePath
from countermark.evidence.keys import PublicKey
from countermark.evidence.lines import MAX_LINE, RECORDS, LogLine, blob_name, damaged, read_blob, read_log
from countermark.evidence.merkle import Frontier
from countermark.evidence.notes import MAX_NOTE, Checkpoint, open_note
from countermark.evidence.parts import parse_blob
from countermark.files import read_capped

INFLIGHT = "inflight.jsonl"
CHECKPOINTS = "checkpoints"
BLOBS = "blobs"
_BLOB_NAME = re.compile(r"[0-9]{8,}\.jsonl")


@dataclass(slots=True, kw_only=True)
class Recovered:
    """What a log holds: parsed records, the tree's edge, attempts begun and never recorded, bytes cut off."""

    records: list[dict[str, Any]] = field(default_factory=list)
    frontier: Frontier = field(default_factory=Frontier)
    in_flight: list[tuple[int, int]] = field(default_factory=list)
    cut: int = 0


def recover(run_dir: Path, *, origin: str, key: PublicKey) -> Recovered:
    """Read the log, cut off a torn last line, check blobs and checkpoints, remove what has no record.

    Raises:
        EvidenceError: Any damage but a torn last line, naming file and line.
    """
    try:
        return _recover(run_dir, origin, key)
    except OSError as error:
        raise EvidenceError(f"{run_dir} cannot be read ({error.strerror})") from error


def _recover(run_dir: Path, origin: str, key: PublicKey) -> Recovered:
    notes = {note.size: note for note in read_notes(run_dir, origin=origin, key=key)}
    found = Recovered(cut=_cut_torn_line(run_dir / RECORDS))
    _expect(found.frontier, notes)
    for line in read_log(run_dir):
        _check_blob(run_dir, line)
        found.records.append(dict(line.record))
        found.frontier.append(line.leaf)
        _expect(found.frontier, notes)
    beyond = [size for size in notes if size > found.frontier.size]
    if beyond:
        raise EvidenceError(
            f"{CHECKPOINTS}/{max(beyond):08d}.note promises {max(beyond)} records, "
            f"{RECORDS} holds {found.frontier.size}"
        )
    _sweep(run_dir, found.frontier.size)
    found.in_flight = _in_flight(run_dir, found.records)
    return found


def read_notes(run_dir: Path, *, origin: str, key: PublicKey) -> list[Checkpoint]:
    """The run's checkpoints in order of size, each signed by `key` under `origin`. Raises `EvidenceError`."""
    notes = []
    for name in sorted(path.name for path in (run_dir / CHECKPOINTS).iterdir()):
        if _is_draft(name):
            continue
        shown = f"{CHECKPOINTS}/{name}"
        try:
            note = open_note(read_capped(run_dir / CHECKPOINTS / name, max_bytes=MAX_NOTE, name=shown), key)
        except (EvidenceError, SignerUnknown, UnsafePath) as error:
            raise EvidenceError(f"{shown}: {error}") from error
        if note.origin != origin or name != f"{note.size:08d}.note":
            raise EvidenceError(f"{shown}: is a checkpoint of {note.origin} at {note.size}")
        notes.append(note)
    return sorted(notes, key=lambda note: note.size)


def _expect(frontier: Frontier, notes: dict[int, Checkpoint]) -> None:
    note = notes.get(frontier.size)
    if note is not None and note.root_hex != frontier.root().hex():
        raise EvidenceError(
            f"{RECORDS}: line {frontier.size}: the first {frontier.size} records are not those that "
            f"{CHECKPOINTS}/{frontier.size:08d}.note signed"
        )


def _cut_torn_line(path: Path) -> int:
    """Truncate the file after its last line feed; returns how many bytes went."""
    descriptor = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        size = os.fstat(descriptor).st_size
        tail = os.pread(descriptor, MAX_LINE, max(0, size - MAX_LINE))
        torn = len(tail) - (tail.rfind(b"\n") + 1)
        if torn == MAX_LINE:
            raise EvidenceError(f"{path.name}: ends in a line over the limit of {MAX_LINE} bytes")
        os.ftruncate(descriptor, size - torn)
    finally:
        os.close(descriptor)
    return torn


def _check_blob(run_dir: Path, line: LogLine) -> None:
    try:
        blob = parse_blob(read_blob(run_dir, line.seq))
    except EvidenceError as error:
        raise damaged(line.seq, f"its transcript {error}") from error
    except InvalidJson as error:
        raise damaged(line.seq, f"{blob_name(line.seq)} {error}") from error
    if blob.salt is None or blob.commitment.hex() != line.record.get("transcript"):
        raise damaged(line.seq, f"{blob_name(line.seq)} is not the transcript it commits to")


def _sweep(run_dir: Path, size: int) -> None:
    for path in list((run_dir / BLOBS).iterdir()):
        if _BLOB_NAME.fullmatch(path.name) and int(path.stem) >= size:
            path.unlink()
    for path in list((run_dir / CHECKPOINTS).iterdir()):
        if _is_draft(path.name):
            path.unlink()


def _is_draft(name: str) -> bool:
    return name.startswith(".") and name.endswith(".tmp")


def _in_flight(run_dir: Path, records: list[dict[str, Any]]) -> list[tuple[int, int]]:
    path = run_dir / INFLIGHT
    if not path.exists():
        return []
    _cut_torn_line(path)
    recorded = {(record.get("slot"), record.get("attempt")) for record in records}
    begun: dict[tuple[int, int], None] = {}
    for line in path.read_bytes().split(b"\n")[:-1]:
        try:
            note = decode(line, max_bytes=4096, floats=False)
            begun[(int(note["slot"]), int(note["attempt"]))] = None
        except (InvalidJson, KeyError, TypeError, ValueError) as error:
            raise EvidenceError(f"{INFLIGHT}: a line is not a slot and an attempt") from error
    return [pair for pair in begun if pair not in recorded]
