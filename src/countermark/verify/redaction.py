"""Redacted copies: in stage 3 every file is the one that was sealed or on the signed list; in stage 9 the list is exact."""

import re
from collections.abc import Iterator

from countermark.canonical import digest
from countermark.errors import EvidenceError, InvalidDocument, SignerUnknown
from countermark.evidence.directory import REPORT, RUN, TRIALS, numbers_digest
from countermark.evidence.dsse import MAX_LINE, REDACTION_TYPE, REPORT_TYPE, Statement, open_statement
from countermark.evidence.late import may_lie_beside
from countermark.evidence.lines import RECORDS, blob_name
from countermark.evidence.manifest import MANIFEST, MAX_MANIFEST, OUTSIDE, SIGNATURES, parse_manifest
from countermark.evidence.reveal import ITEMS, MAX_ITEMS, parse_items
from countermark.evidence.seed import SEED
from countermark.evidence.withholding import (
    FOLDER,
    LIST,
    MAX_LIST,
    NEVER,
    ORIGINAL,
    REASONS,
    SEALED,
    SUPERSEDED,
    Decision,
    Redaction,
    parse_redaction,
)
from countermark.files import read_capped
from countermark.verify.state import State
from countermark.verify.verdict import Notes

MAX_REPORT = 256 * 1024 * 1024
_BLOB = re.compile(rf"{RUN}/blobs/([0-9]{{8,}})\.jsonl")
_CIPHER = re.compile(rf"{SEALED}/([0-9]{{8,}})\.age")
_MAX_LISTS = 100
_SHOWN = 50


def read(state: State, notes: Notes) -> None:
    """Stage 3: the list, and the audit as it was sealed, held against every file of the copy."""
    copied = state.seal is not None and state.seal.predicate_type == REDACTION_TYPE
    if not copied and not any(name.startswith(f"{FOLDER}/") for name in state.files):
        return
    if state.seal is None or state.key is None:
        return  # stage 2 has told what is wrong with the seal
    if not copied:
        notes.wrong(f"{FOLDER}/: lies in an audit that is sealed as whole")
        return
    for name in (LIST, f"{ORIGINAL}/{MANIFEST}", f"{ORIGINAL}/{SIGNATURES}"):
        if name not in state.files:
            notes.wrong(f"{name}: is missing")
            return
    try:
        redaction = _read_list(state)
        before = _original(state, redaction)
    except (EvidenceError, SignerUnknown) as error:
        notes.wrong(error.message)
        return
    for fault in (*_unlisted(state, redaction, before), *_superseded(state, redaction)):
        notes.wrong(fault)
    state.redaction = redaction
    if not notes.broken:
        same = len(before) - sum(old is not None for old, _ in redaction.files.values())
        notes.say(
            f"a redacted copy of {redaction.original}: {same} of {len(before)} files are those of the original seal, "
            f"{len(redaction.files)} on its signed list"
        )


def _read_list(state: State) -> Redaction:
    assert state.seal is not None
    data = read_capped(state.root / LIST, max_bytes=MAX_LIST, name=LIST)
    if digest(data) != state.seal.predicate.get("redaction_sha256"):
        raise EvidenceError(f"{LIST}: is not the list that the seal names")
    return parse_redaction(data)


def _original(state: State, redaction: Redaction) -> dict[str, str]:
    """Name to digest as the audit was sealed, once that seal holds and speaks of the same log and plan."""
    assert state.seal is not None
    data = read_capped(
        state.root / ORIGINAL / MANIFEST, max_bytes=MAX_MANIFEST, name=f"{ORIGINAL}/{MANIFEST}"
    )
    if not digest(data) == redaction.original == state.seal.predicate.get("original"):
        raise EvidenceError(f"{ORIGINAL}/{MANIFEST}: is not the manifest that {LIST} and the seal name")
    sealed = _statement(state, ORIGINAL, REPORT_TYPE, redaction.original)
    for name in ("origin", "size", "root", "plan_sha256", "numbers_sha256"):
        if sealed.predicate.get(name) != state.seal.predicate.get(name):
            raise EvidenceError(f"{ORIGINAL}/{SIGNATURES}: its {name} is not that of the copy's seal")
    try:
        return parse_manifest(data)
    except InvalidDocument as error:
        raise EvidenceError(f"{ORIGINAL}/{MANIFEST}: {error.faults[0]}") from error


def _statement(state: State, folder: str, kind: str, subject: str) -> Statement:
    assert state.key is not None
    name = f"{folder}/{SIGNATURES}"
    line = read_capped(state.root / name, max_bytes=MAX_LINE, name=name)
    try:
        statement = open_statement(line, [state.key])
    except EvidenceError as error:
        raise EvidenceError(f"{name}: {error.message}") from error
    if statement.predicate_type != kind or dict(statement.subjects) != {MANIFEST: subject}:
        raise EvidenceError(f"{name}: is not the signature over {folder}/{MANIFEST}")
    return statement


def _unlisted(state: State, redaction: Redaction, before: dict[str, str]) -> Iterator[str]:
    """Files that differ from what was sealed and are not listed, listed files that do not, and what no copy may change."""
    now = {
        name: sha
        for name, sha in state.digests.items()
        if name not in OUTSIDE and not _own(name) and (name in before or not may_lie_beside(name))
    }
    for name in sorted(before.keys() | now.keys() | redaction.files.keys()):
        found = (before.get(name), now.get(name))
        listed = redaction.files.get(name)
        if found[0] != found[1] and listed is None:
            yield f"{name}: {_how(*found)}, and is not on the signed list"
        elif listed is not None and listed != found:
            yield f"{name}: {LIST} lists it with other digests than it has and had"
        elif listed is not None and found[0] == found[1]:
            yield f"{name}: {LIST} lists it, and it is the one that was sealed"
        elif listed is not None and not _may_change(name):
            yield f"{name}: {_how(*found)}, which no list can allow"


def _own(name: str) -> bool:
    return name.startswith(f"{FOLDER}/") or _CIPHER.fullmatch(name) is not None


def _how(before: str | None, after: str | None) -> str:
    if after is None:
        return "was in the audit as it was sealed"
    return "was not in the audit as it was sealed" if before is None else "is not the one that was sealed"


def _may_change(name: str) -> bool:
    fixed = (f"{RUN}/{RECORDS}", TRIALS, SEED, ITEMS)
    return name in fixed or name.startswith("report/") or _BLOB.fullmatch(name) is not None


def _superseded(state: State, redaction: Redaction) -> Iterator[str]:
    """Lists that stood before: each is kept with its seal, and named by the one after it."""
    named = redaction.supersedes
    numbers = sorted(
        {name.split("/")[2] for name in state.files if name.startswith(f"{SUPERSEDED}/")}, key=len
    )
    if len(numbers) > _MAX_LISTS:
        yield f"{SUPERSEDED}/: holds over {_MAX_LISTS} lists"
        return
    for number in sorted(numbers, reverse=True, key=lambda text: (len(text), text)):
        folder = f"{SUPERSEDED}/{number}"
        try:
            data = read_capped(
                state.root / folder / "redaction.json", max_bytes=MAX_LIST, name=f"{folder}/redaction.json"
            )
            manifest = read_capped(
                state.root / folder / MANIFEST, max_bytes=MAX_MANIFEST, name=f"{folder}/{MANIFEST}"
            )
            sealed = _statement(state, folder, REDACTION_TYPE, digest(manifest))
            earlier = parse_redaction(data)
        except (EvidenceError, SignerUnknown, InvalidDocument) as error:
            yield f"{folder}: {error.message}"
            return
        if digest(data) != named or sealed.predicate.get("redaction_sha256") != named:
            yield f"{folder}/redaction.json: is not the list that the one after it supersedes"
            return
        if earlier.original != redaction.original:
            yield f"{folder}/redaction.json: is the list of a copy of another audit"
            return
        named = earlier.supersedes
    if named is not None:
        yield f"{SUPERSEDED}/: lacks the list {named}, which a later one supersedes"


def read_items(state: State, notes: Notes) -> None:
    """Before transcripts are read: what reveal/items.jsonl says."""
    if ITEMS in state.files:
        try:
            state.items = parse_items(read_capped(state.root / ITEMS, max_bytes=MAX_ITEMS, name=ITEMS))
        except EvidenceError as error:
            notes.wrong(error.message)
    for (test, item), one in state.items.items():
        drawn = state.leaves.get(test, ())
        if item >= len(drawn) or (one.leaf is not None and one.leaf != drawn[item]):
            notes.wrong(f"{ITEMS}: item {item} of {test} is another than was drawn")


def check(state: State, notes: Notes) -> None:
    """Stage 9: what is withheld is exactly what the list says, for reasons that are known, and no longer than it says."""
    redaction = state.redaction
    if redaction is None:
        for seq in (*state.unshown, *state.in_part):
            notes.wrong(f"{RUN}/{blob_name(seq)}: is withheld, and no signed list says so")
        notes.say("nothing is withheld")
        return
    for fault in (*_inexact(state, redaction), *_unreasoned(redaction)):
        notes.wrong(fault)
    report = read_capped(state.root / REPORT, max_bytes=MAX_REPORT, name=REPORT)
    assert state.seal is not None
    if numbers_digest(report) != state.seal.predicate.get("numbers_sha256"):
        notes.wrong(f"{REPORT}: beside its quotations, it is not the report that was sealed at first")
    for one in redaction.decisions:
        _tell(state, notes, one)
    sealed = sum(_CIPHER.fullmatch(name) is not None for name in state.files)
    if sealed:
        notes.say(f"{sealed} withheld transcripts lie in {SEALED}, encrypted to reviewers")
    if redaction.supersedes:
        notes.say(f"this list supersedes an earlier one, kept in {SUPERSEDED}")
    if state.items:
        shown = sum(one.salt is not None for one in state.items.values())
        notes.say(f"{ITEMS}: the salts of {shown} of {len(state.items)} items are revealed")


def _inexact(state: State, redaction: Redaction) -> Iterator[str]:
    """Listed and not withheld, withheld and not listed: each with the file and the place in it."""
    records, transcripts, parts = redaction.records, redaction.transcripts, redaction.parts
    for seq in sorted(records.keys() | state.unshown.keys()):
        yield from _compared(f"{RUN}/{RECORDS}: record {seq}", records.get(seq), state.unshown.get(seq))
    shown = {entry.seq for entry in state.entries}
    for seq, decision in sorted(transcripts.items()):
        if f"{RUN}/{blob_name(seq)}" in state.files or seq not in shown:
            yield from _compared(f"{RUN}/{blob_name(seq)}: the transcript", decision, None)
    for seq in sorted(parts.keys() | state.in_part.keys()):
        listed, found = parts.get(seq, {}), state.in_part.get(seq, {})
        for index in sorted(listed.keys() | found.keys()):
            yield from _compared(f"{RUN}/{blob_name(seq)}: part {index}", listed.get(index), found.get(index))
    if (redaction.seed is not None) != (SEED not in state.files):
        yield f"{SEED}: " + (
            "is listed as withheld, and is there" if redaction.seed else "is withheld, and not listed"
        )
    withheld = records.keys() | transcripts.keys() | parts.keys()
    for name in state.files:
        match = _CIPHER.fullmatch(name)
        if match and int(match[1]) not in withheld:
            yield f"{name}: is the ciphertext of nothing that is withheld"


def _compared(place: str, listed: Decision | None, found: str | None) -> Iterator[str]:
    if listed is None:
        yield f"{place} is withheld, and not listed"
    elif found is None:
        yield f"{place} is listed as withheld, and is there"
    elif found != listed.reason:
        yield f"{place} is withheld for {found}, the list says {listed.reason}"


def _unreasoned(redaction: Redaction) -> Iterator[str]:
    for one in redaction.decisions:
        if one.reason not in REASONS:
            yield f"{LIST}: {one.reason!r} is no reason known; reasons are {', '.join(REASONS)}"
        if one.empty:
            yield f"{LIST}: a decision for {one.reason} withholds nothing"


def _tell(state: State, notes: Notes, one: Decision) -> None:
    counts = {
        "records": len(one.records),
        "transcripts": len(one.transcripts),
        "transcripts in part": len(one.parts),
        "the seed": int(one.seed),
    }
    what = ", ".join(
        name if name == "the seed" else f"{count} {name}" for name, count in counts.items() if count
    )
    why = REASONS.get(one.reason, "for no known reason")
    until = "for good" if one.until == NEVER else f"until {one.until}"
    notes.partial(f"{what} withheld {until} by {one.decided_by}: {one.reason}, {why}")
    if one.over(state.today):
        notes.partial(f"that day has come: the embargo of {one.until} is over, and yet withheld: {what}")
