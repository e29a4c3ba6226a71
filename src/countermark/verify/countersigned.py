"""Who countersigned the plan of an audit, and whether each part of its seed is the one committed to beforehand."""

from collections.abc import Collection
from pathlib import Path

from countermark.errors import EvidenceError, SignerUnknown, UnsafePath
from countermark.evidence.countersign import (
    SEED_COMMITMENT,
    Countersignature,
    open_countersignature,
    split_signatures,
)
from countermark.evidence.dsse import MAX_LINE
from countermark.evidence.keys import PublicKey
from countermark.evidence.manifest import MANIFEST, MAX_MANIFEST, SIGNATURES
from countermark.evidence.seed import MAX_PARTIES, MAX_SEED, SEED, Nonce, parse_seed, sample_key
from countermark.files import inside, read_capped
from countermark.issues import Issues
from countermark.verify.packs import (
    DEVELOPER_KEY,
    RECEIVED,
    open_pack_signatures,
    parse_developer_key,
    say_developer,
)
from countermark.verify.state import State
from countermark.verify.verdict import Notes

_SIGNED = f"plan/{SIGNATURES}"


def owners(audit_dir: Path) -> dict[str, PublicKey]:
    """Commitment to the key that signed it with its pack, for the packs in an audit directory; what does not hold is left out."""
    found: dict[str, PublicKey] = {}
    folder = audit_dir / "pack"
    for pack in sorted(folder.iterdir()) if folder.is_dir() else []:
        key = _developer(pack)
        if key is not None:
            found |= dict.fromkeys(_commitments(pack, key), key)
    return found


def open_parts(
    audit_dir: Path, commitments: Collection[str], auditor: PublicKey
) -> tuple[dict[str, Countersignature], list[str]]:
    """The countersignatures of a plan by the commitment that each opens, and everything wrong with them, in words.

    Args:
        audit_dir: Holds plan/ and the packs.
        commitments: Those that the plan names.
        auditor: The plan's own signer, who cannot countersign it.

    Raises:
        UnsafePath, EvidenceError: The signatures cannot be read at all.
    """
    known = owners(audit_dir)
    manifest = read_capped(inside(audit_dir, f"plan/{MANIFEST}"), max_bytes=MAX_MANIFEST)
    data = read_capped(inside(audit_dir, _SIGNED), max_bytes=MAX_LINE * (MAX_PARTIES + 1), name=_SIGNED)
    found: dict[str, Countersignature] = {}
    faults: list[str] = []
    for number, line in enumerate(split_signatures(data)[1], 2):
        try:
            one = open_countersignature(line, manifest, list(known.values()))
            _belongs(one, known, commitments, auditor)
        except (EvidenceError, SignerUnknown) as error:
            faults.append(f"{_SIGNED}: line {number}: {error.message}")
            continue
        if found.setdefault(one.part.commitment, one) is not one:
            faults.append(f"{_SIGNED}: line {number}: opens a part of the seed that a line before it opened")
    return found, faults


def check(state: State, notes: Notes) -> None:
    """Part of stage 4: countersignatures, then the seed, if it is revealed."""
    assert state.plan is not None
    assert state.key is not None
    owed = state.plan.seed.developers
    found, faults = open_parts(state.root, owed, state.key)
    for fault in faults:
        notes.wrong(fault)
    for commitment in owed:
        if commitment not in found:
            notes.wrong(f"{_SIGNED}: no countersignature opens {commitment}, which the plan names")
    for one in found.values():
        say_developer(state, notes, f"plan/: countersigned by {one.signer}", one.signer)
    if SEED in state.files:
        _check_seed(state, notes, {name: one.part for name, one in found.items()})
    elif state.redaction is None:
        notes.wrong(f"{SEED}: is missing, and no signed list withholds it")
    else:
        notes.say(
            "the seed is not revealed: which scenarios it draws, and in which order, cannot be replayed"
        )


def _check_seed(state: State, notes: Notes, parts: dict[str, Nonce]) -> None:
    assert state.plan is not None
    assert state.draw is not None
    seed = parse_seed(read_capped(state.root / SEED, max_bytes=MAX_SEED, name=SEED))
    auditor, developers = seed.commitments
    if auditor != state.plan.seed.auditor or developers != sorted(state.plan.seed.developers):
        notes.wrong(f"{SEED}: its parts are not those that the plan commits to")
    elif any(parts.get(part.commitment, part) != part for part in seed.developers):
        notes.wrong(f"{SEED}: a developer's part is not the one its countersignature opened")
    elif state.draw.sample_key != sample_key(seed.value):
        notes.wrong("draw/draw.json: its sample_key does not follow from the seed")
    else:
        state.seed = seed.value


def _belongs(
    one: Countersignature, known: dict[str, PublicKey], commitments: Collection[str], auditor: PublicKey
) -> None:
    commitment = one.part.commitment
    if one.signer == auditor.fingerprint:
        raise EvidenceError("the auditor's own key countersigns the plan")
    if commitment not in commitments:
        raise EvidenceError(f"opens {commitment}, which the plan does not name")
    if commitment not in known or known[commitment].fingerprint != one.signer:
        raise EvidenceError(f"opens {commitment}, which another key signed with its pack")


def _developer(pack: Path) -> PublicKey | None:
    try:
        return parse_developer_key(read_capped(inside(pack, DEVELOPER_KEY), max_bytes=4096), Issues())
    except UnsafePath:
        return None


def _commitments(pack: Path, key: PublicKey) -> list[str]:
    """What the developer's signature over the pack as it came commits to; an audit keeps it under `received/`."""
    for part in (RECEIVED, ""):
        try:
            manifest = read_capped(inside(pack, f"{part}{MANIFEST}"), max_bytes=MAX_MANIFEST)
            data = read_capped(inside(pack, f"{part}{SIGNATURES}"), max_bytes=MAX_LINE * 16)
        except UnsafePath:
            continue
        signed = open_pack_signatures(data, manifest, key, (), Issues())
        given = [one.predicate.get(SEED_COMMITMENT) for one in signed if one.role == "developer"]
        return [one for one in given if isinstance(one, str)]
    return []
