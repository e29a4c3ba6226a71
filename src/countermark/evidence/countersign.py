"""A developer's countersignature of a plan: it agrees to the plan, and opens the part of the seed its pack committed to."""

from collections.abc import Sequence
from dataclasses import dataclass

from countermark.canonical import digest
from countermark.errors import EvidenceError
from countermark.evidence.dsse import COUNTERSIGN_TYPE, open_statement, sign_statement
from countermark.evidence.keys import PublicKey, SigningKey
from countermark.evidence.manifest import MANIFEST
from countermark.evidence.seed import MAX_PARTIES, Nonce

SEED_COMMITMENT = "seed_commitment"
"""In the statement by which a developer signs its pack: the commitment to its part of the seed."""
_FIELDS = {"audit", "part", "plan_sha256"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Countersignature:
    """Who countersigned, and the part of the seed that was opened with it."""

    signer: str
    part: Nonce


def countersign(key: SigningKey, manifest: bytes, *, audit: str, plan_sha256: str, part: Nonce) -> bytes:
    """One line for plan/signatures.intoto.jsonl.

    Args:
        key: The developer's, the one that signed the pack.
        manifest: plan/MANIFEST.sha256.
        audit: The plan's name for the audit.
        plan_sha256: Digest of plan.json.
        part: What the pack's signature committed to.
    """
    predicate = {"audit": audit, "part": part.to_json(), "plan_sha256": plan_sha256}
    return sign_statement(key, COUNTERSIGN_TYPE, {MANIFEST: digest(manifest)}, predicate)


def open_countersignature(line: bytes, manifest: bytes, keys: Sequence[PublicKey]) -> Countersignature:
    """The countersignature in a line, once it holds under one of the keys and is of this plan.

    Raises:
        EvidenceError: It does not hold, is of another plan, or is a statement of another kind.
        SignerUnknown: Signed by a key that is not among `keys`.
    """
    statement = open_statement(line, keys)
    if statement.predicate_type != COUNTERSIGN_TYPE:
        raise EvidenceError(f"is a statement of another kind, {statement.predicate_type}")
    if dict(statement.subjects) != {MANIFEST: digest(manifest)}:
        raise EvidenceError("is a countersignature of another plan")
    if set(statement.predicate) != _FIELDS:
        raise EvidenceError("is not a countersignature's audit, plan and part of the seed")
    return Countersignature(signer=statement.signer, part=Nonce.from_json(statement.predicate["part"]))


def split_signatures(data: bytes) -> tuple[bytes, list[bytes]]:
    """The auditor's line over a plan, and the developers' after it. Raises `EvidenceError` where there are too many."""
    first, *others = data.splitlines(keepends=True) or [b""]
    if len(others) > MAX_PARTIES:
        raise EvidenceError(f"holds over {MAX_PARTIES} countersignatures")
    return first, others
