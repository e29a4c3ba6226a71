"""Stages 1 to 3: whose keys, which signatures, and whether every file is the one that was signed."""

from collections.abc import Iterator
from itertools import islice

from countermark.canonical import digest
from countermark.errors import EvidenceError, InvalidDocument, SignerUnknown, UnsafePath
from countermark.evidence.countersign import split_signatures
from countermark.evidence.directory import AUDITOR_KEY
from countermark.evidence.dsse import (
    ACCEPTANCE_TYPE,
    DRAW_TYPE,
    MAX_LINE,
    PACK_TYPE,
    PLAN_TYPE,
    REDACTION_TYPE,
    REPORT_TYPE,
    Statement,
    open_statement,
)
from countermark.evidence.keys import parse_public_key
from countermark.evidence.late import may_lie_beside
from countermark.evidence.manifest import (
    MANIFEST,
    MAX_MANIFEST,
    OUTSIDE,
    SIGNATURES,
    compare,
    hash_file,
    parse_manifest,
)
from countermark.evidence.seed import MAX_PARTIES
from countermark.files import read_capped
from countermark.verify import redaction
from countermark.verify.state import State
from countermark.verify.verdict import Notes

_MOST_TOLD = 1_000


def check_trust(state: State, notes: Notes) -> None:
    """Stage 1: read the auditor's claimed key, and ask the reader's policy about it."""
    if AUDITOR_KEY not in state.files:
        notes.wrong(f"{AUDITOR_KEY}: is missing")
        return
    try:
        state.key = parse_public_key(_read(state, AUDITOR_KEY, 4096))
    except InvalidDocument as error:
        notes.malformed(f"{AUDITOR_KEY}: {error.faults[0]}")
        return
    shown = f"the auditor's claimed key is {state.key.fingerprint}"
    if state.trust is None or not state.trust.roles:
        notes.unchecked = True
        notes.stranger(f"no trust policy given; {shown}")
    elif not state.trust.trusts(state.key.fingerprint, "auditor"):
        notes.stranger(f"your policy does not trust it as auditor; {shown}")
    else:
        notes.say(f"{shown}, which you trust")


def check_signatures(state: State, notes: Notes) -> None:
    """Stage 2: the seal over the root manifest, the plan's signature, and packs' signatures where there are any."""
    if state.key is None:
        notes.wrong(f"{SIGNATURES}: cannot be checked without {AUDITOR_KEY}")
        return
    state.seal = _open(state, notes, "", (REPORT_TYPE, REDACTION_TYPE))
    for part, kind in (("plan/", PLAN_TYPE), ("draw/", DRAW_TYPE)):
        statement = _open(state, notes, part, (kind,))
        if statement is not None:
            state.statements[part] = statement
    unsigned = 0
    for part in sorted(_parts(state, "pack/")):
        if f"{part}{SIGNATURES}" in state.files:
            _open(state, notes, part, (PACK_TYPE, ACCEPTANCE_TYPE))
        else:
            unsigned += 1
    if unsigned:
        notes.say(
            f"{unsigned} packs are held by the digests that the signed plan names; who handed them over is stage 4's to say"
        )


def check_manifests(state: State, notes: Notes) -> None:
    """Stage 3: every file against the root manifest, named if it differs; then the parts' own manifests.

    Runs whatever the signatures came to, so that the file that was touched is named.
    """
    for name in OUTSIDE:
        if name not in state.files:
            notes.wrong(f"{name}: {state.odd.get(name, 'is missing')}")
    _hash_all(state, notes)
    if MANIFEST in state.files:
        _check_root(state, notes)
    if not notes.broken:
        for part in ["plan/", "draw/", *sorted(_parts(state, "pack/"))]:
            _check_part(state, notes, part)
        notes.say(f"{len(state.digests) - len(state.later)} files are those that were sealed")
    redaction.read(state, notes)


def _open(state: State, notes: Notes, part: str, kinds: tuple[str, ...]) -> Statement | None:
    """The one statement in a part's signature file, over that part's manifest; faults are blamed on the right file."""
    name = f"{part}{SIGNATURES}"
    if name not in state.files:
        notes.wrong(f"{name}: {state.odd.get(name, 'is missing')}")
        return None
    try:
        assert state.key is not None
        data = _read(state, name, MAX_LINE * (1 + MAX_PARTIES if part == "plan/" else 1))
        # Developers' lines over the plan, after the auditor's, are stage 4's to check: it knows their packs.
        line = split_signatures(data)[0] if part == "plan/" else data
        statement = open_statement(line, [state.key])
    except SignerUnknown as error:
        notes.stranger(f"{name}: {error.message}")
        return None
    except (EvidenceError, UnsafePath) as error:
        notes.wrong(f"{_blamed(state, name)}: {error.message}")
        return None
    if statement.predicate_type not in kinds:
        notes.wrong(f"{name}: is a statement of another kind, {statement.predicate_type}")
        return None
    return _over_manifest(state, notes, part, statement)


def _over_manifest(state: State, notes: Notes, part: str, statement: Statement) -> Statement | None:
    name = f"{part}{MANIFEST}"
    if name not in state.files or set(statement.subjects) != {MANIFEST}:
        notes.wrong(f"{name}: is missing, or {part}{SIGNATURES} speaks of other files")
    elif digest(_read(state, name, MAX_MANIFEST)) != statement.subjects[MANIFEST]:
        notes.wrong(f"{name}: is not the manifest that was signed")
    else:
        notes.say(f"{name}: signed by {statement.signer}")
        return statement
    return None


def _blamed(state: State, name: str) -> str:
    """The signature file, unless it is the key that differs from the manifest."""
    try:
        listed = parse_manifest(_read(state, MANIFEST, MAX_MANIFEST)) if MANIFEST in state.files else {}
    except InvalidDocument:
        return name
    whole = listed.get(AUDITOR_KEY) == hash_file(state.root / AUDITOR_KEY, name=AUDITOR_KEY)
    return name if whole else f"{AUDITOR_KEY} was changed, so {name}"


def _hash_all(state: State, notes: Notes) -> None:
    root = str(state.root)
    for name in state.files:
        if name not in OUTSIDE:
            try:
                state.digests[name] = hash_file(f"{root}/{name}", name=name)
            except UnsafePath as error:
                notes.wrong(error.faults[0])


def _check_root(state: State, notes: Notes) -> None:
    data = _read(state, MANIFEST, MAX_MANIFEST)
    try:
        expected = parse_manifest(data)
    except InvalidDocument as error:
        notes.wrong(f"{MANIFEST}: {'; '.join(error.faults[:5])}")
        return
    beside = {name for name in state.digests if name not in expected and may_lie_beside(name)}
    if beside:
        notes.say(
            f"came after the seal: {', '.join(sorted(beside)[:9])}; what that is worth is stage 10's to say"
        )
        state.later = frozenset(beside)
    differences = compare(
        expected, {name: state.digests[name] for name in state.digests if name not in beside}
    )
    for issue in islice(differences, _MOST_TOLD):
        notes.wrong(str(issue) if issue.file not in state.odd else f"{issue.file}: {state.odd[issue.file]}")
    if len(differences) > _MOST_TOLD:
        notes.wrong(f"{MANIFEST}: {len(differences) - _MOST_TOLD} further files differ")
    for name, why in state.odd.items():
        if name not in expected and name not in OUTSIDE:
            notes.wrong(f"{name}: was added, and {why}")


def _check_part(state: State, notes: Notes, part: str) -> None:
    name = f"{part}{MANIFEST}"
    if name not in state.files:
        notes.wrong(f"{name}: is missing")
        return
    try:
        expected = parse_manifest(_read(state, name, MAX_MANIFEST))
    except InvalidDocument as error:
        notes.malformed(f"{name}: {'; '.join(error.faults[:5])}")
        return
    outside = {f"{part}{left_out}" for left_out in OUTSIDE}
    present = {
        file.removeprefix(part): value
        for file, value in state.digests.items()
        if file.startswith(part) and file not in outside
    }
    for issue in compare(expected, present):
        notes.wrong(f"{part}{issue}")


def _parts(state: State, prefix: str) -> Iterator[str]:
    yield from {
        f"{prefix}{name.split('/')[1]}/"
        for name in state.files
        if name.startswith(prefix) and name.count("/") > 1
    }


def _read(state: State, name: str, most: int) -> bytes:
    return read_capped(state.root / name, max_bytes=most, name=name)
