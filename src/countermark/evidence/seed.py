"""The seed of an audit: what each party brings to it, committed to beforehand and opened afterwards.

An auditor alone fixes its own seed. With a developer's part in it neither side can choose scenarios or order: the
developer commits when it signs its pack, the auditor when it signs the plan, and the developer opens its part when it
countersigns that plan. The auditor opens its own only after the run, so the developer cannot draw the scenarios first.
"""

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from countermark import canonical
from countermark.errors import EvidenceError
from countermark.evidence.merkle import blob_commitment
from countermark.files import read_capped, write_atomic

SEED = "reveal/seed.json"
SEED_SCHEMA = "countermark/seed/v0.1"
PARTS = "parts"
MAX_SEED = 64 * 1024
MAX_PARTIES = 64
_HEX = re.compile(r"[0-9a-f]{1,64}")
_SALT = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Nonce:
    """One party's part of a seed: up to 64 hexadecimal digits, and the 32-byte salt of its commitment in hexadecimal."""

    value: str
    salt: str

    @classmethod
    def random(cls) -> "Nonce":
        """A fresh part nobody can guess."""
        return cls(value=secrets.token_hex(32), salt=secrets.token_hex(32))

    @property
    def commitment(self) -> str:
        """SHA-256 of 0x02, the salt and the digits as ASCII; 64 hexadecimal digits."""
        return blob_commitment(bytes.fromhex(self.salt), self.value.encode()).hex()

    def to_json(self) -> dict[str, str]:
        """As it stands in reveal/seed.json and in a countersignature."""
        return {"salt": self.salt, "value": self.value}

    @classmethod
    def from_json(cls, value: Any) -> "Nonce":
        """The part in parsed JSON. Raises `EvidenceError`."""
        match value:
            case {"salt": str(salt), "value": str(digits)} if len(value) == 2:
                if _SALT.fullmatch(salt) and _HEX.fullmatch(digits):
                    return cls(value=digits, salt=salt)
        raise EvidenceError("a part of the seed is not its value and its salt in hexadecimal")


@dataclass(frozen=True, slots=True, kw_only=True)
class Seed:
    """All parts of an audit's seed."""

    auditor: Nonce
    developers: tuple[Nonce, ...] = ()

    @property
    def value(self) -> str:
        """The auditor's digits where it is alone; else SHA-256 over all parts, developers' in order of commitment."""
        if not self.developers:
            return self.auditor.value
        parts = [self.auditor, *sorted(self.developers, key=lambda part: part.commitment)]
        return hashlib.sha256(
            b"countermark/seed/v0.1\x00" + b"\x00".join(part.value.encode() for part in parts)
        ).hexdigest()

    @property
    def commitments(self) -> tuple[str, list[str]]:
        """The auditor's, and the developers' in order: what the plan holds."""
        return self.auditor.commitment, sorted(part.commitment for part in self.developers)

    def to_bytes(self) -> bytes:
        """reveal/seed.json."""
        return canonical.encode(
            {
                "auditor": self.auditor.to_json(),
                "developers": [
                    part.to_json() for part in sorted(self.developers, key=lambda one: one.commitment)
                ],
                "schema": SEED_SCHEMA,
                "seed": self.value,
            }
        )


def parse_seed(data: bytes) -> Seed:
    """The seed in reveal/seed.json, its parts consistent with the seed they are said to make. Raises `EvidenceError`."""
    try:
        value = canonical.decode(data, max_bytes=MAX_SEED, floats=False)
    except canonical.InvalidJson as error:
        raise EvidenceError(f"{SEED}: {error}") from error
    match value:
        case {"schema": str(schema), "auditor": auditor, "developers": [*developers], "seed": str(joint)}:
            if schema == SEED_SCHEMA and len(value) == 4 and len(developers) <= MAX_PARTIES:
                seed = Seed(
                    auditor=Nonce.from_json(auditor), developers=tuple(map(Nonce.from_json, developers))
                )
                if seed.value != joint:
                    raise EvidenceError(f"{SEED}: its parts do not make the seed it names")
                return seed
    raise EvidenceError(f"{SEED}: is not the auditor's part, the developers' parts and the seed they make")


def sample_key(seed: str) -> str:
    """What fixes the random sample of transcripts: HMAC-SHA256 under the seed, so that it can be shown without it."""
    return hmac.digest(seed.encode(), b"sample", hashlib.sha256).hex()


def keep(home: Path, part: Nonce, signer: str) -> None:
    """Keep one's own part in HOME/parts/<commitment>.json, readable by its owner alone, until it is to be opened.

    Beside it `.signer`, the fingerprint of the key that signs the pack with it: another key's countersignature could open
    the part, and no auditor could take it.
    """
    write_atomic(home / PARTS / f"{part.commitment}.signer", signer.encode(), mode=0o600)
    write_atomic(home / PARTS / f"{part.commitment}.json", canonical.encode(part.to_json()), mode=0o600)


def signed_with(home: Path, commitment: str) -> str | None:
    """Fingerprint of the key that signed the pack with one's own part, or None where that was not kept."""
    path = home / PARTS / f"{commitment}.signer"
    return read_capped(path, max_bytes=64).decode("ascii", "replace") if path.exists() else None


def opened_for(home: Path, commitment: str) -> str | None:
    """Digest of the plan for which one's own part was opened, or None where it was not opened yet."""
    path = home / PARTS / f"{commitment}.opened"
    return read_capped(path, max_bytes=64).decode("ascii", "replace") if path.exists() else None


def mark_opened(home: Path, commitment: str, plan: str) -> None:
    """Remember for which plan one's own part is opened: opened for two, it would let the auditor choose between them."""
    write_atomic(home / PARTS / f"{commitment}.opened", plan.encode(), mode=0o600)


def recall(home: Path, commitment: str) -> Nonce | None:
    """One's own part behind a commitment, or None where it is not kept here. Raises `EvidenceError` where it was changed."""
    path = home / PARTS / f"{commitment}.json"
    if not _SALT.fullmatch(commitment) or not path.exists():
        return None
    try:
        part = Nonce.from_json(canonical.decode(read_capped(path, max_bytes=4096), floats=False))
    except canonical.InvalidJson as error:
        raise EvidenceError(f"{path}: {error}") from error
    if part.commitment != commitment:
        raise EvidenceError(f"{path}: is not the part of the seed that its name commits to")
    return part
