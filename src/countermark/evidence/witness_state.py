"""A witness's memory on disk: one small file a log, replaced whole and synced before anything is cosigned."""

import fcntl
import os
from collections.abc import Iterator, MutableMapping
from pathlib import Path
from typing import Any

from countermark import canonical
from countermark.errors import InvalidDocument, UnsafePath, UsageError
from countermark.evidence.merkle import EMPTY_ROOT
from countermark.evidence.witness import Seen
from countermark.files import read_capped, write_atomic

SCHEMA = "countermark/witness-log/v0.1"
_MAX_FILE = 4096


class WitnessState(MutableMapping[str, Seen]):
    """Origin to what was last cosigned, kept under a directory that one process at a time may use.

    Raises:
        UsageError: Another process uses the directory.
        InvalidDocument: A file in it is not what this wrote. Nothing is guessed: what a witness has forgotten, it would
            cosign again.
    """

    def __init__(self, directory: Path) -> None:
        self._logs = directory / "logs"
        self._logs.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._lock = os.open(
            directory / "lock", os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600
        )
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(self._lock)
            raise UsageError(
                f"another witness keeps its memory in {directory}", hint="stop it, or name another --state"
            ) from error
        self._seen: dict[str, Seen] = {}
        try:
            self._read()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Let another process use the directory."""
        os.close(self._lock)

    def __getitem__(self, origin: str) -> Seen:
        """What was last cosigned of a log."""
        return self._seen[origin]

    def __setitem__(self, origin: str, seen: Seen) -> None:
        """Remember, on the disk first. Raises `OSError`, and then nothing may be cosigned."""
        document = {
            "key": seen.key.hex(),
            "origin": origin,
            "root": seen.root_hex,
            "schema": SCHEMA,
            "size": seen.size,
        }
        write_atomic(self._logs / _file_name(origin), canonical.encode(document) + b"\n", mode=0o600)
        self._seen[origin] = seen

    def __delitem__(self, origin: str) -> None:
        """Never."""
        raise TypeError("a witness forgets nothing")

    def __iter__(self) -> Iterator[str]:
        """The logs known."""
        return iter(list(self._seen))

    def __len__(self) -> int:
        """How many logs are known."""
        return len(self._seen)

    def _read(self) -> None:
        for path in sorted(self._logs.iterdir()):
            if path.name.startswith(".") and path.name.endswith(".tmp"):
                path.unlink()  # a draft of a write that never came about, so nothing was cosigned on it
                continue
            origin, seen = _parse(path)
            self._seen[origin] = seen


def _file_name(origin: str) -> str:
    return f"{canonical.digest(origin.encode())}.json"


def _parse(path: Path) -> tuple[str, Seen]:
    try:
        value: Any = canonical.decode(read_capped(path, max_bytes=_MAX_FILE), floats=False)
        match value:
            case {
                "schema": str(schema),
                "origin": str(origin),
                "size": int(size),
                "root": str(root),
                "key": str(key),
            }:
                seen = Seen(size=size, root_hex=root, key=bytes.fromhex(key))
                whole = schema == SCHEMA and len(value) == 5 and path.name == _file_name(origin)
                if whole and len(seen.key) == len(bytes.fromhex(root)) == len(EMPTY_ROOT) and size >= 0:
                    return origin, seen
    except (ValueError, UnsafePath) as error:
        raise _damaged(path, str(error)) from error
    raise _damaged(path, "is not what was written here")


def _damaged(path: Path, why: str) -> InvalidDocument:
    return InvalidDocument(
        [f"{path}: [witness-state] {why}; restore it from a copy: removing it would make the witness forget"],
        ["witness-state"],
    )
