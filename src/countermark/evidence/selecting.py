"""From what somebody wants withheld, in words, to the exact records, transcripts and parts of one audit."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from countermark.canonical import InvalidJson
from countermark.errors import EvidenceError, UsageError
from countermark.evidence.lines import MAX_BLOB, LogLine, blob_name, read_blob, read_log
from countermark.evidence.parts import EXCHANGE, MESSAGE, SCENARIO, STATE, Blob, kinds_of, parse_blob
from countermark.evidence.quick import decode
from countermark.evidence.withholding import Decision

RECORDS, TRANSCRIPTS, SEED = "records", "transcripts", "seed"
PARTS = {"scenario": SCENARIO, "messages": MESSAGE, "state": STATE, "exchanges": EXCHANGE}
"""Kinds of parts as people name them."""
WHAT = (RECORDS, TRANSCRIPTS, *PARTS, SEED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """One wish: what to withhold of which records, and why.

    Attributes:
        what: One of `WHAT`.
        tests: Patterns as in a shell; a record counts if one matches its test.
        subjects: The same for its subject.
        seqs: Only these records; empty means any.
    """

    what: str
    reason: str
    decided_by: str
    until: str
    tests: tuple[str, ...] = ("*",)
    subjects: tuple[str, ...] = ("*",)
    seqs: frozenset[int] = field(default_factory=frozenset)


def select(run_dir: Path, wanted: Sequence[Wanted]) -> list[Decision]:
    """The decisions that the wishes come to, in their order. What an earlier one withholds, a later one does not.

    Raises:
        UsageError: A wish matches nothing.
        EvidenceError: The log or a transcript cannot be read.
    """
    lines = list(read_log(run_dir))
    taken: set[int] = set()
    held: dict[int, set[int]] = {}
    return [_decide(run_dir, lines, one, taken, held) for one in wanted]


def _decide(
    run_dir: Path, lines: Sequence[LogLine], one: Wanted, taken: set[int], held: dict[int, set[int]]
) -> Decision:
    decision = Decision(reason=one.reason, decided_by=one.decided_by, until=one.until, seed=one.what == SEED)
    if decision.seed:
        return decision
    seqs = [line.seq for line in lines if _matches(one, line.record) and line.seq not in taken]
    if one.what in (RECORDS, TRANSCRIPTS):
        seqs = [seq for seq in seqs if seq not in held]
        taken.update(seqs)
        found = tuple(seqs)
        records = one.what == RECORDS
        decision = replace(decision, records=found) if records else replace(decision, transcripts=found)
    else:
        decision = replace(decision, parts=dict(_parts(run_dir, seqs, PARTS[one.what], held)))
    if decision.empty:
        raise UsageError(
            f"nothing is left to withhold of {one.what}, tests {' '.join(one.tests)}, subjects {' '.join(one.subjects)}",
            hint="see `countermark report` for the names; a wish before this one may have taken it already",
        )
    return decision


def _matches(one: Wanted, record: Any) -> bool:
    return (
        (not one.seqs or record["seq"] in one.seqs)
        and any(fnmatchcase(str(record.get("test")), pattern) for pattern in one.tests)
        and any(fnmatchcase(str(record.get("subject")), pattern) for pattern in one.subjects)
    )


def _parts(
    run_dir: Path, seqs: Sequence[int], kind: str, held: dict[int, set[int]]
) -> Iterator[tuple[int, tuple[int, ...]]]:
    for seq in seqs:
        blob = whole_blob(run_dir, seq)
        before = held.setdefault(seq, set())
        indices = tuple(
            index for index, found in enumerate(part_kinds(blob)) if found == kind and index not in before
        )
        before.update(indices)
        if indices:
            yield seq, indices
        elif not before:
            del held[seq]


def whole_blob(run_dir: Path, seq: int) -> Blob:
    """The transcript of a record, which must be there whole. Raises `EvidenceError`."""
    try:
        blob = parse_blob(read_blob(run_dir, seq))
    except InvalidJson as error:
        raise EvidenceError(f"{blob_name(seq)}: {error}") from error
    if blob.salt is None:
        raise EvidenceError(f"{blob_name(seq)}: is not whole", hint="work on the audit as it was sealed")
    return blob


def part_kinds(blob: Blob) -> list[str]:
    """The kind of each part of a transcript whose head is disclosed. Raises `EvidenceError`."""
    try:
        first = blob.parts[0].data if blob.parts else None
        return kinds_of(None if first is None else decode(first, max_bytes=MAX_BLOB), len(blob.parts))
    except InvalidJson as error:
        raise EvidenceError(f"a transcript: {error}") from error
