"""evidence/run-1/unwitnessed.jsonl read back: where a witness was asked to cosign and did not."""

from pathlib import Path
from typing import Any

from countermark.canonical import InvalidJson, decode
from countermark.evidence.cosigned import UNWITNESSED
from countermark.files import read_capped

MAX_UNWITNESSED = 64 * 1024 * 1024
_UNREADABLE = {"witness": "", "outcome": "unreadable"}


def read_unwitnessed(audit_dir: Path) -> list[dict[str, Any]]:
    """One object a line, in the file's order; none where there is no such file.

    A line that is no object, such as one torn when the run was killed, counts as an entry whose `outcome` is `unreadable`.
    """
    path = audit_dir / UNWITNESSED
    if not path.exists():
        return []
    data = read_capped(path, max_bytes=MAX_UNWITNESSED, name=UNWITNESSED)
    return [_entry(line) for line in data.split(b"\n") if line]


def _entry(line: bytes) -> dict[str, Any]:
    try:
        value = decode(line, floats=False)
    except InvalidJson:
        return _UNREADABLE
    return value if isinstance(value, dict) else _UNREADABLE
