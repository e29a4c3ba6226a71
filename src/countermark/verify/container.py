"""Stage 0: what lies in the directory. Names, kinds, sizes, counts and depth; no file is opened."""

import os
from collections.abc import Iterator

from countermark.evidence.manifest import MANIFEST, is_plain_name
from countermark.verify.state import State
from countermark.verify.verdict import Notes

MAX_FILES = 2_000_000
MAX_FILE = 256 * 1024**2
_GROWS = {"evidence/run-1/records.jsonl": 8 * 1024**3, "trials.parquet": 4 * 1024**3}
"""What grows with the audit may be larger: names to bytes."""
MAX_TOTAL = 64 * 1024**3
MAX_DEPTH = 16


def check(state: State, notes: Notes) -> None:
    """List every file; a directory with neither manifest nor signature at its root is no sealed audit."""
    if not state.root.is_dir():
        notes.malformed("is not a directory" if os.path.lexists(state.root) else "does not exist")
        return
    total = 0
    for name, size in _scan(state, notes):
        state.files[name] = size
        total += size
        if len(state.files) > MAX_FILES or total > MAX_TOTAL:
            notes.malformed(f"holds over {MAX_FILES} files or over {MAX_TOTAL} bytes")
            return
    _refuse_case_clashes(state, notes)
    if not state.sealed:
        notes.malformed(f"is not a sealed audit: there is no {MANIFEST}")
    notes.say(f"{len(state.files)} files, {total} bytes")


def _scan(state: State, notes: Notes) -> Iterator[tuple[str, int]]:
    waiting = [("", 0)]
    while waiting:
        prefix, depth = waiting.pop()
        try:
            with os.scandir(state.root / prefix) as found:
                entries = list(found)
        except OSError as error:
            _odd(state, notes, prefix, f"cannot be listed ({error.strerror})")
            continue
        if prefix and not entries:
            _odd(state, notes, prefix, "is an empty directory, which no manifest can name")
        for entry in entries:
            name = f"{prefix}{entry.name}"
            size = _size(entry)
            if entry.is_dir(follow_symlinks=False):
                if depth + 1 < MAX_DEPTH:
                    waiting.append((f"{name}/", depth + 1))
                else:
                    _odd(state, notes, name, f"lies deeper than {MAX_DEPTH} directories")
            elif size is None:
                _odd(state, notes, name, "is a link or a device, not a plain file")
            elif size > (most := _GROWS.get(name, MAX_FILE)):
                _odd(state, notes, name, f"has over {most} bytes")
            elif not is_plain_name(name):
                _odd(state, notes, name, "has a name no audit may hold")
            else:
                yield name, size


def _size(entry: "os.DirEntry[str]") -> int | None:
    """The size of a plain file, None for anything else."""
    if not entry.is_file(follow_symlinks=False):
        return None
    try:
        return entry.stat(follow_symlinks=False).st_size
    except OSError:
        return None


def _odd(state: State, notes: Notes, name: str, why: str) -> None:
    state.odd[name] = why
    notes.malformed(f"{name}: {why}")
    if len(state.odd) > 10_000:
        raise ValueError("over 10,000 links, devices or unusable names")


def _refuse_case_clashes(state: State, notes: Notes) -> None:
    seen: dict[str, str] = {}
    for name in state.files:
        other = seen.setdefault(name.lower(), name)
        if other != name:
            notes.malformed(f"{name}: differs from {other} in case only")
