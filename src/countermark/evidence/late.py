"""What may lie beside a seal: files of timestamps/, each of which vouches for itself or counts for nothing.

A stamp or cosignature that was there at sealing is under the manifest like every other file; one that comes later cannot
be. It needs no seal: it is another party's signature over bytes that the seal covers, or over the manifest itself.
"""

import re
from pathlib import Path

from countermark.errors import UsageError
from countermark.evidence.cosigned import add_cosignature, cosigned_name
from countermark.evidence.directory import RUN
from countermark.evidence.keys import PublicKey
from countermark.evidence.manifest import MANIFEST
from countermark.evidence.recovery import CHECKPOINTS
from countermark.files import read_capped, write_atomic

FOLDER = "timestamps"
TSR = "tsr"
BUNDLE = "sigstore.json"
PLAN, DRAW, CHECKPOINT, SEAL = "plan", "draw", "checkpoint", "seal"
TARGETS = (PLAN, DRAW, CHECKPOINT, SEAL)
"""What another party's clock can be asked about."""
SIGNABLE = (PLAN, DRAW, SEAL)
"""What a sigstore identity can sign: manifests."""
MAX_STAMP = 64 * 1024
MAX_BUNDLE = 256 * 1024
MAX_STAMPS = 10_000
_MANIFESTS = {PLAN: f"plan/{MANIFEST}", DRAW: f"draw/{MANIFEST}", SEAL: MANIFEST}
_STAMP = re.compile(r"timestamps/(plan|draw|seal|checkpoint-([0-9]{8,16}))(\.[2-9])?\.tsr")
_SIGNED = re.compile(r"timestamps/(plan|draw|seal)(\.[2-9])?\.sigstore\.json")
_COSIGNED = re.compile(r"timestamps/cosigned-([0-9]{8,16})\.note")
_KEY = re.compile(r"timestamps/witness-[0-9a-f]{64}\.pub\.pem")
_NOTE = re.compile(r"([0-9]{8,16})\.note")


def may_lie_beside(name: str) -> bool:
    """Whether a file of this name may be added to a sealed audit."""
    return any(form.fullmatch(name) for form in (_STAMP, _SIGNED, _COSIGNED, _KEY))


def target_of(name: str) -> tuple[str, str] | None:
    """What the stamp or bundle of this name is about: one of `TARGETS`, and the file whose bytes it vouches for."""
    found = _STAMP.fullmatch(name) or _SIGNED.fullmatch(name)
    if found is None:
        return None
    if found[1] in _MANIFESTS:
        return found[1], _MANIFESTS[found[1]]
    return CHECKPOINT, f"{RUN}/{CHECKPOINTS}/{found[2]}.note"


def size_of(name: str) -> int | None:
    """The size of the log that a checkpoint's stamp or late cosignature is about; None for other files."""
    found = _COSIGNED.fullmatch(name)
    digits = found[1] if found else (stamped[2] if (stamped := _STAMP.fullmatch(name)) else None)
    return int(digits) if digits else None


def stems(audit_dir: Path) -> dict[str, str]:
    """What of this audit can be stamped: the stem of a stamp's name to the file it is of, oldest first."""
    folder = audit_dir / RUN / CHECKPOINTS
    names = sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []
    notes = {
        f"{CHECKPOINT}-{found[1]}": f"{RUN}/{CHECKPOINTS}/{name}"
        for name in names
        if (found := _NOTE.fullmatch(name))
    }
    known = {PLAN: _MANIFESTS[PLAN], DRAW: _MANIFESTS[DRAW], **notes, SEAL: _MANIFESTS[SEAL]}
    return {stem: name for stem, name in known.items() if (audit_dir / name).is_file()}


def keep(audit_dir: Path, stem: str, kind: str, data: bytes) -> str:
    """Write a stamp or bundle under the first free name of its stem; returns the name. The same bytes are kept once.

    Raises:
        UsageError: Nine of that stem are there already.
    """
    for number in ("", *(f".{place}" for place in range(2, 10))):
        name = f"{FOLDER}/{stem}{number}.{kind}"
        path = audit_dir / name
        if not path.exists():
            write_atomic(path, data)
            return name
        if read_capped(path, max_bytes=MAX_BUNDLE, name=name) == data:
            return name
    raise UsageError(
        f"nine stamps of {stem} are there already", hint=f"remove one from {FOLDER}/ that came after the seal"
    )


def add_late_cosignature(audit_dir: Path, size: int, line: bytes, key: PublicKey) -> str:
    """Keep a cosignature of a sealed audit's checkpoint beside the seal, with the witness's key; returns its name."""
    name = late_name(size)
    add_cosignature(
        audit_dir, size, line, key, name=name, key_name=f"{FOLDER}/witness-{key.fingerprint}.pub.pem"
    )
    return name


def late_name(size: int) -> str:
    """Where cosignatures of the checkpoint at `size` lie that came after the seal."""
    return f"{FOLDER}/cosigned-{cosigned_name(size)}"


def is_late_key(name: str) -> bool:
    """Whether a file of this name holds the key that a late witness claims."""
    return _KEY.fullmatch(name) is not None
