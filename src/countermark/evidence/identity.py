"""identity.jsonl: what the auditor hashed and ran itself, a line at each loading and a line after the last call.

The seal covers the file. Every exchange of a subject bound here names its line by SHA-256, so that the log, and whoever
cosigned it, fixes the binding from the first call on.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from countermark.canonical import InvalidJson, decode, digest, encode
from countermark.evidence.directory import RUN
from countermark.files import read_capped, write_atomic

IDENTITY = f"{RUN}/identity.jsonl"
IDENTITY_SCHEMA = "countermark/identity/v0.1"
MAX_IDENTITY = 16 * 1024 * 1024
Event = Literal["loaded", "hashed again"]


def add_identity(audit_dir: Path, event: Event, facts: Mapping[str, Any]) -> str:
    """Add a line to the audit's identity.jsonl; it is there whole or not at all. Returns the line's name, its SHA-256.

    Raises:
        UnsafePath: What stands in its place is no plain file, or too long.
    """
    line = encode({"schema": IDENTITY_SCHEMA, "event": event, **facts})
    write_atomic(audit_dir / IDENTITY, read_identity(audit_dir) + line + b"\n")
    return digest(line)


def hosted_subjects(data: bytes) -> frozenset[str]:
    """Subjects that identity.jsonl says were run from hashed weights, none of which was found changed afterwards.

    Whether the lines hold is stage 5's to say; what is no line counts for nothing here.
    """
    loaded, changed = set(), set()
    for raw in data.splitlines():
        try:
            line = decode(raw, floats=False)
        except InvalidJson:
            continue
        match line:
            case {"event": "loaded", "level": "B3", "subject": str(subject)}:
                loaded.add(subject)
            case {"event": "hashed again", "subject": str(subject), "faults": [_, *_]}:
                changed.add(subject)
    return frozenset(loaded - changed)


def read_identity(audit_dir: Path) -> bytes:
    """The bytes of identity.jsonl, none where no weights were run. Raises `UnsafePath`."""
    path = audit_dir / IDENTITY
    return read_capped(path, max_bytes=MAX_IDENTITY, name=IDENTITY) if path.exists() else b""
