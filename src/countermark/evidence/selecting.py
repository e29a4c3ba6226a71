"""From what somebody wants withheld, in words, to the exact records, transcripts and parts of one audit."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from fnmatch import fnmatchcase
from operator import itemgetter
from pathlib import Path
from typing import Any

from countermark.canonical import InvalidJson
from countermark.errors import EvidenceError
from countermark.evidence.lines import MAX_BLOB, LogLine, blob_name, read_blob, read_log
from countermark.evidence.parts import EXCHANGE, MESSAGE, SCENARIO, STATE, Blob, kinds_of, parse_blob
from countermark.evidence.quick import decode
from countermark.evidence.settling import RECORDS, SEED, TRANSCRIPTS, Claim, settle
from countermark.evidence.withholding import Decision
from countermark.issues import Issues

PARTS = {"scenario": SCENARIO, "messages": MESSAGE, "state": STATE, "exchanges": EXCHANGE}
"""Kinds of parts as people name them."""
WHAT = (RECORDS, TRANSCRIPTS, *PARTS, SEED)
_NAMES = "`countermark report` prints the names"
_FIELDS = (("tests", "test"), ("subjects", "subject"))


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


Place = Callable[[int, str], tuple[str, str]]
"""From the number of a wish and a field of it (`tests/1`, `records`, or nothing) to the file and the place people know."""


def in_a_file(file: Path) -> Place:
    """Places of wishes that `read_wishes` read."""
    return lambda number, name: (str(file), f"withhold/{number}" + (f"/{name}" if name else ""))


_UNNAMED = in_a_file(Path("wishes"))


def select(run_dir: Path, wanted: Sequence[Wanted], place: Place = _UNNAMED) -> list[Decision]:
    """The decisions that the wishes come to. What they withhold together does not depend on their order.

    Raises:
        InvalidDocument: With every fault: a pattern, a record number or a whole wish that matches nothing; a wish that
            others leave nothing to; a stronger one that would end before a weaker one.
        EvidenceError: The log or a transcript cannot be read.
    """
    lines, issues, kinds = list(read_log(run_dir)), Issues(), _Kinds(run_dir)
    claims = [_claim(one, lines, kinds) for one in wanted]
    faults = [
        (number, *fault)
        for number, (one, claim) in enumerate(zip(wanted, claims, strict=True))
        for fault in _idle(one, claim, lines)
    ]
    decisions, more = settle(claims)
    for number, code, name, message, hint in sorted((*faults, *more), key=itemgetter(0)):
        issues.add(code, *place(number, name), message, hint)
    issues.found = list(dict.fromkeys(issues.found))  # options of one command share their patterns
    issues.raise_if_any()
    return decisions


class _Kinds:
    """The kinds of the parts of transcripts, each read once."""

    def __init__(self, run_dir: Path) -> None:
        self.run_dir, self.known = run_dir, dict[int, list[str]]()

    def of(self, seq: int) -> list[str]:
        if seq not in self.known:
            self.known[seq] = part_kinds(whole_blob(self.run_dir, seq))
        return self.known[seq]


def _claim(one: Wanted, lines: Sequence[LogLine], kinds: _Kinds) -> Claim:
    seqs = [] if one.what == SEED else [line.seq for line in lines if _matches(one, line.record)]
    held: dict[int, tuple[int, ...]] = dict.fromkeys(seqs, ())
    if one.what in PARTS:
        found = {seq: _indices(kinds.of(seq), PARTS[one.what]) for seq in seqs}
        held = {seq: indices for seq, indices in found.items() if indices}
    return Claim(what=one.what, reason=one.reason, decided_by=one.decided_by, until=one.until, held=held)


def _indices(kinds: Sequence[str], wanted: str) -> tuple[int, ...]:
    return tuple(index for index, kind in enumerate(kinds) if kind == wanted)


def _matches(one: Wanted, record: Mapping[str, Any]) -> bool:
    return (
        (not one.seqs or record["seq"] in one.seqs)
        and any(fnmatchcase(str(record.get("test")), pattern) for pattern in one.tests)
        and any(fnmatchcase(str(record.get("subject")), pattern) for pattern in one.subjects)
    )


_Fault = tuple[str, str, str, str]
"""Code, field, message, hint."""


def _idle(one: Wanted, claim: Claim, lines: Sequence[LogLine]) -> Iterator[_Fault]:
    """Whatever of a wish matches nothing: first each by itself, then each beside the rest of the wish."""
    strange = [*_unknown(one, lines)]
    if strange or one.what == SEED:
        yield from strange
        return
    chosen = [line for line in lines if _matches(one, line.record)]
    if not chosen:
        yield "wish-nothing", "", "selects no record: none meets all that it asks for", _NAMES
    elif not claim.held:
        what = f"none of the {len(chosen)} records that it selects has any {one.what}"
        yield "wish-nothing", "", what, "leave it out"
    else:
        yield from _needless(one, claim, chosen)


def _unknown(one: Wanted, lines: Sequence[LogLine]) -> Iterator[_Fault]:
    for name, key in _FIELDS:
        there = sorted({str(line.record.get(key)) for line in lines})
        for index, pattern in enumerate(getattr(one, name)):
            if not any(fnmatchcase(text, pattern) for text in there):
                yield "wish-nothing", f"{name}/{index}", f"{pattern!r} matches no {key} of this audit", _near(pattern, there)  # fmt: skip
    for seq in sorted(one.seqs):
        if seq >= len(lines):
            yield (
                "wish-nothing",
                "records",
                f"there is no record {seq}",
                f"the log holds {len(lines)}, from 0",
            )


def _near(pattern: str, there: Sequence[str]) -> str:
    near = get_close_matches(pattern.rstrip("*"), there, n=3)
    return f"did you mean {' or '.join(near)}?" if near else _NAMES


def _needless(one: Wanted, claim: Claim, chosen: Sequence[LogLine]) -> Iterator[_Fault]:
    """What is there, and yet selects nothing together with the rest of the wish."""
    for name, key in _FIELDS:
        there = {str(line.record.get(key)) for line in chosen}
        for index, pattern in enumerate(getattr(one, name)):
            if not any(fnmatchcase(text, pattern) for text in there):
                what = f"{pattern!r} matches no record that the rest of it selects"
                yield "wish-nothing", f"{name}/{index}", what, "leave it out, or give it an entry of its own"
    yield from _numbers(one, claim, {line.seq for line in chosen})


def _numbers(one: Wanted, claim: Claim, chosen: Collection[int]) -> Iterator[_Fault]:
    for seq in sorted(one.seqs - claim.held.keys()):
        why = f"has no {one.what}" if seq in chosen else "is not of the tests and subjects it names"
        yield "wish-nothing", "records", f"record {seq} {why}", "leave it out, or give it an entry of its own"


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
