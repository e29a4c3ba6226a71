"""Where an audit keeps its cosignatures: evidence/run-1/cosigned/<size>.note, and the keys that witnesses claim."""

import re
from contextlib import suppress
from pathlib import Path

from countermark.errors import EvidenceError, InvalidDocument, SignerUnknown, UnsafePath
from countermark.evidence.directory import RUN
from countermark.evidence.keys import PublicKey, parse_public_key
from countermark.evidence.notes import (
    MAX_COSIGNED,
    MAX_NOTE,
    Cosignature,
    join_cosigned,
    open_cosignature,
    split_cosigned,
)
from countermark.evidence.recovery import CHECKPOINTS
from countermark.files import read_capped, write_atomic

COSIGNED = f"{RUN}/cosigned"
UNWITNESSED = f"{RUN}/unwitnessed.jsonl"
WITNESS_KEYS = "keys/witness"
MAX_WITNESS_KEYS = 64
_KEY_NAME = re.compile(r"(?:keys/witness/|timestamps/witness-)([0-9a-f]{64})\.pub\.pem")
_NOTE_NAME = re.compile(r"[0-9]{8,}\.note")


def add_cosignature(
    audit_dir: Path, size: int, line: bytes, key: PublicKey, *, name: str = "", key_name: str = ""
) -> None:
    """Keep a cosignature of the checkpoint at `size`, and the public key of the witness that gave it.

    One that the same key gave under the same name before stays in its place: the earlier its time, the shorter a record is
    known to have stood unseen.

    Args:
        audit_dir: Where the checkpoint lies.
        size: Of the log, at the checkpoint.
        line: The cosignature.
        key: The witness's.
        name, key_name: Where to keep them instead, for what comes after the seal (`evidence.late`).
    """
    note = read_capped(audit_dir / RUN / CHECKPOINTS / cosigned_name(size), max_bytes=MAX_NOTE)
    path = audit_dir / (name or f"{COSIGNED}/{cosigned_name(size)}")
    before = split_cosigned(read_capped(path, max_bytes=MAX_COSIGNED), note) if path.exists() else []
    write_atomic(audit_dir / (key_name or f"{WITNESS_KEYS}/{key.fingerprint}.pub.pem"), key.pem)
    given = open_cosignature(line, note, [key])
    if cosignature_there(audit_dir, size, key, given.name, name=name) is None:
        write_atomic(path, join_cosigned(note, [*before, line]))


def cosignature_there(
    audit_dir: Path, size: int, key: PublicKey, witness: str, *, name: str = ""
) -> Cosignature | None:
    """The cosignature of the checkpoint at `size` that this key gave under the name `witness`, if one is kept and holds.

    Args:
        audit_dir: Where the checkpoint lies.
        size: Of the log, at the checkpoint.
        key: The witness's.
        witness: Its name.
        name: The file to look in, as for `read_cosignatures`.

    Raises:
        EvidenceError: The file is not the checkpoint with cosignatures after it.
    """
    path = audit_dir / (name or f"{COSIGNED}/{cosigned_name(size)}")
    if not path.exists():
        return None
    note = read_capped(audit_dir / RUN / CHECKPOINTS / cosigned_name(size), max_bytes=MAX_NOTE)
    for line in split_cosigned(read_capped(path, max_bytes=MAX_COSIGNED), note):
        with suppress(EvidenceError, SignerUnknown):
            found = open_cosignature(line, note, [key])
            if found.name == witness:
                return found
    return None


def cosigned_name(size: int) -> str:
    """The file name of the checkpoint at `size`, and of what cosigns it."""
    return f"{size:08d}.note"


def read_witness_keys(audit_dir: Path) -> list[PublicKey]:
    """The keys that witnesses claim, each in the file that its fingerprint names; whether to trust them is the reader's.

    Raises:
        EvidenceError: A file there is no such key, or there are too many.
    """
    folder = audit_dir / WITNESS_KEYS
    names = sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []
    if len(names) > MAX_WITNESS_KEYS:
        raise EvidenceError(f"{WITNESS_KEYS}: holds over {MAX_WITNESS_KEYS} keys")
    return [read_witness_key(audit_dir, f"{WITNESS_KEYS}/{name}") for name in names]


def read_cosignatures(
    audit_dir: Path, size: int, keys: list[PublicKey], *, name: str = ""
) -> tuple[list[Cosignature], list[str]]:
    """Who cosigned the checkpoint at `size`, and what is said of lines whose key is not at hand.

    `name` is the file that holds the cosignatures, where they came after the seal (`evidence.late`).

    Raises:
        EvidenceError: The file is not the checkpoint with cosignatures after it, or one of them does not hold.
    """
    name = name or f"{COSIGNED}/{cosigned_name(size)}"
    try:
        note = read_capped(audit_dir / RUN / CHECKPOINTS / cosigned_name(size), max_bytes=MAX_NOTE)
        data = read_capped(audit_dir / name, max_bytes=MAX_COSIGNED)
        lines = split_cosigned(data, note)
    except UnsafePath as error:
        raise EvidenceError(f"{name}: {error.faults[0]}") from error
    except EvidenceError as error:
        raise EvidenceError(f"{name}: {error.message}") from error
    found, strangers = [], []
    for line in lines:
        try:
            found.append(open_cosignature(line, note, keys))
        except SignerUnknown as error:
            strangers.append(error.message)
        except EvidenceError as error:
            raise EvidenceError(f"{name}: {error.message}") from error
    return found, strangers


def cosigned_sizes(audit_dir: Path) -> list[int]:
    """At which sizes there are cosignatures, in order."""
    folder = audit_dir / COSIGNED
    names = [path.name for path in folder.iterdir()] if folder.is_dir() else []
    return sorted(int(name.removesuffix(".note")) for name in names if _NOTE_NAME.fullmatch(name))


def read_witness_key(audit_dir: Path, name: str) -> PublicKey:
    """The key in a file that its fingerprint names. Raises `EvidenceError`."""
    try:
        key = parse_public_key(read_capped(audit_dir / name, max_bytes=MAX_NOTE, name=name))
    except InvalidDocument as error:
        raise EvidenceError(f"{name}: {error.faults[0]}") from error
    named = _KEY_NAME.fullmatch(name)
    if named is None or named[1] != key.fingerprint:
        raise EvidenceError(f"{name}: is not named by its fingerprint")
    return key
