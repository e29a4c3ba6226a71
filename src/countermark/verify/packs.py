"""Who signed a handed-over pack and who accepted it; and, in an audit, whether its copy is what was signed.

A pack bears at most a few lines: the developer's statement that this is the pack, and auditors' that they accepted it.
The key beside it is what the developer *claims*; whom it belongs to is the reader's trust policy's to say.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from countermark.canonical import digest
from countermark.errors import EvidenceError, InvalidDocument, SignerUnknown, UnsafePath
from countermark.evidence.dsse import ACCEPTANCE_TYPE, MAX_LINE, PACK_TYPE, open_statement
from countermark.evidence.keys import PublicKey, parse_public_key
from countermark.evidence.manifest import MANIFEST, MAX_MANIFEST, OUTSIDE, SIGNATURES, parse_manifest
from countermark.files import inside, read_capped
from countermark.issues import Issues
from countermark.verify.state import State
from countermark.verify.verdict import Notes

RECEIVED = "received/"
"""Under it the audit keeps the pack's manifest and signatures as they came: its own manifest is over what it holds."""
DEVELOPER_KEY = "keys/developer.pub.pem"
MAX_SIGNATURES = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class PackSignature:
    """One line over a pack: by whom, as what; `role` is "unknown" where the key is not at hand and nothing was checked."""

    role: Literal["developer", "auditor", "unknown"]
    signer: str
    predicate: Mapping[str, Any]


def open_pack_signatures(
    data: bytes,
    manifest: bytes,
    developer: PublicKey | None,
    auditors: Sequence[PublicKey],
    issues: Issues,
) -> tuple[PackSignature, ...]:
    """Every signature over a pack, in order.

    Args:
        data: signatures.intoto.jsonl.
        manifest: MANIFEST.sha256.
        developer: The key the pack says is the developer's.
        auditors: Keys under which an acceptance may stand.
        issues: Where faults go: `signature` (unreadable, or does not hold), `signature-many`, `signature-manifest`
            (over something else), `signature-type`, `signature-role` (a key in the other party's role),
            `signature-twice`, `signature-none` (no developer's among them).
    """
    lines = data.splitlines(keepends=True)
    if len(lines) > MAX_SIGNATURES:
        issues.add(
            "signature-many", SIGNATURES, "", f"has {len(lines)} lines, over the limit of {MAX_SIGNATURES}"
        )
        return ()
    keys = [*([developer] if developer else []), *auditors]
    opened = [
        _open(line, f"line {number}", digest(manifest), keys, issues) for number, line in enumerate(lines, 1)
    ]
    found = tuple(one for one in opened if one is not None)
    _check_roles(found, developer, issues)
    return found


def signatures_in(
    directory: Path, auditors: Sequence[PublicKey] = ()
) -> tuple[tuple[PackSignature, ...], Issues]:
    """Who signed the pack in a directory, and every fault of the signatures; an unsigned pack has neither.

    Whether the files are those of the manifest is `countermark.pack.check_pack`'s to say.
    """
    issues = Issues()
    if not (directory / SIGNATURES).exists():
        return (), issues
    try:
        manifest = read_capped(directory / MANIFEST, max_bytes=MAX_LINE, name=MANIFEST)
        data = read_capped(directory / SIGNATURES, max_bytes=MAX_LINE * MAX_SIGNATURES, name=SIGNATURES)
        pem = read_capped(inside(directory, DEVELOPER_KEY), max_bytes=4096, name=DEVELOPER_KEY)
    except UnsafePath as error:
        file, _, why = error.faults[0].partition(": [path-unsafe] ")
        issues.add("path-unsafe", file, "", why)
        return (), issues
    key = parse_developer_key(pem, issues)
    return open_pack_signatures(data, manifest, key, auditors, issues), issues


def parse_developer_key(data: bytes, issues: Issues) -> PublicKey | None:
    """The key a pack claims for its developer, or None and a fault (`key-refused`)."""
    try:
        return parse_public_key(data)
    except InvalidDocument as error:
        issues.add("key-refused", DEVELOPER_KEY, "", error.faults[0].partition("[key-refused] ")[2])
        return None


def check_received(state: State, notes: Notes, part: str) -> None:
    """One pack in an audit: its copy against the manifest it came with, that manifest against its signatures.

    Args:
        state: After stage 3, with the plan read.
        notes: Where it is said.
        part: `pack/<name>/`.
    """
    if f"{part}{RECEIVED}{MANIFEST}" not in state.digests:
        return
    manifest = _read(state, f"{part}{RECEIVED}{MANIFEST}", MAX_MANIFEST)
    try:
        listed = parse_manifest(manifest)
    except InvalidDocument as error:
        notes.malformed(f"{part}{RECEIVED}{MANIFEST}: {error.faults[0]}")
        return
    for name in state.digests:
        if name.startswith(f"{part}{RECEIVED}") and name.removeprefix(f"{part}{RECEIVED}") not in OUTSIDE:
            notes.wrong(f"{name}: beside the manifest and signatures the pack came with nothing may lie")
    held = {
        name.removeprefix(part): value
        for name, value in state.digests.items()
        if name.startswith(part) and not name.startswith(f"{part}{RECEIVED}")
    }
    _compare(listed, {name: held[name] for name in held if name not in OUTSIDE}, notes, part)
    _check_withheld(state, notes, part, sorted(listed.keys() - held.keys()))
    _say_who(state, notes, part, manifest)


def _open(
    line: bytes, place: str, expected: str, keys: Sequence[PublicKey], issues: Issues
) -> PackSignature | None:
    try:
        statement = open_statement(line, keys)
    except SignerUnknown as error:
        named = error.message.rpartition(" ")[2]
        signer = named if re.fullmatch("[0-9a-f]{64}", named) else "a key without a proper fingerprint"
        return PackSignature(role="unknown", signer=signer, predicate={})
    except EvidenceError as error:
        issues.add("signature", SIGNATURES, place, error.message)
        return None
    if dict(statement.subjects) != {MANIFEST: expected}:
        issues.add("signature-manifest", SIGNATURES, place, f"is over another {MANIFEST} than the one here")
        return None
    if statement.predicate_type not in (PACK_TYPE, ACCEPTANCE_TYPE):
        issues.add("signature-type", SIGNATURES, place, "is a statement of another kind")
        return None
    role: Literal["developer", "auditor"] = (
        "developer" if statement.predicate_type == PACK_TYPE else "auditor"
    )
    return PackSignature(role=role, signer=statement.signer, predicate=statement.predicate)


def _check_roles(found: Sequence[PackSignature], developer: PublicKey | None, issues: Issues) -> None:
    owner = developer.fingerprint if developer else ""
    if not any(one.role == "developer" for one in found):
        issues.add("signature-none", SIGNATURES, "", "bears no signature of the developer's that holds")
    seen = set()
    for one in found:
        if one.role != "unknown" and (one.role == "developer") != (one.signer == owner):
            whose = (
                "the developer's own key accepts"
                if one.role == "auditor"
                else "not the developer's key signs"
            )
            issues.add("signature-role", SIGNATURES, "", f"{whose} the pack: {one.signer}")
        if one.signer in seen:
            issues.add("signature-twice", SIGNATURES, "", f"the key {one.signer} signs twice")
        seen.add(one.signer)


def _compare(listed: Mapping[str, str], held: Mapping[str, str], notes: Notes, part: str) -> None:
    for name, value in held.items():
        if name not in listed:
            notes.wrong(f"{part}{name}: is not in the manifest the pack came with")
        elif listed[name] != value:
            notes.wrong(f"{part}{name}: is not the file that the manifest the pack came with names")


def _check_withheld(state: State, notes: Notes, part: str, absent: Sequence[str]) -> None:
    """What is not there may be so only by the pack's own terms, on the day the plan was made."""
    if not absent:
        return
    from countermark.pack.reading import read_json, validate
    from countermark.pack.terms import Terms, is_public

    issues = Issues()
    raw = read_json(state.root / part, "terms.json", issues) if f"{part}terms.json" in state.digests else None
    terms = None if raw is None else validate(Terms, raw, "terms.json", issues)
    assert state.plan is not None
    for name in absent:
        if terms is None or is_public(terms, name, state.plan.created[:10]):
            notes.wrong(f"{part}{name}: is missing, and the pack's terms withhold it from nobody")
    notes.say(f"{part}: {len(absent)} files withheld by the pack's terms: {', '.join(absent)}")


def _say_who(state: State, notes: Notes, part: str, manifest: bytes) -> None:
    name = f"{part}{RECEIVED}{SIGNATURES}"
    if name not in state.digests:
        notes.say(f"{part}: its developer did not sign it")
        return
    issues = Issues()
    claimed = f"{part}{DEVELOPER_KEY}"
    key = parse_developer_key(_read(state, claimed, 4096), issues) if claimed in state.digests else None
    auditors = [state.key] if state.key is not None else []
    data = _read(state, name, MAX_LINE * MAX_SIGNATURES)
    for one in open_pack_signatures(data, manifest, key, auditors, issues):
        _say_one(state, notes, part, one)
    for issue in issues:
        notes.wrong(f"{part}{RECEIVED}{issue}")


def _say_one(state: State, notes: Notes, part: str, one: PackSignature) -> None:
    if one.role == "unknown":
        notes.say(f"{part}: a line by a key that is not at hand, {one.signer}, was not checked")
    elif one.role == "auditor":
        notes.say(f"{part}: accepted by {one.signer}, binding {one.predicate.get('binding')}")
    else:
        say_developer(state, notes, f"{part}: signed by {one.signer}", one.signer)


def say_developer(state: State, notes: Notes, deed: str, signer: str) -> None:
    """A developer's deed, with whether the reader trusts its key in that role."""
    if state.trust is None or not state.trust.roles.get("developer"):
        notes.say(f"{deed}; your policy names no developer")
    elif state.trust.trusts(signer, "developer"):
        notes.say(f"{deed}, which you trust as developer")
    else:
        notes.stranger(f"{deed}, which your policy does not trust as developer")


def _read(state: State, name: str, most: int) -> bytes:
    try:
        return read_capped(state.root / name, max_bytes=most, name=name)
    except UnsafePath as error:
        raise EvidenceError(error.faults[0]) from error
