"""Stage 0: what lies in the directory. Names, kinds, sizes, counts and depth; no file is opened."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from countermark.evidence.directory import AUDITOR_KEY, DRAW, HOW_TO_CHECK, PLAN, REPORT, RUN, TRIALS
from countermark.evidence.manifest import MANIFEST, OUTSIDE, SIGNATURES, is_plain_name
from countermark.evidence.withholding import LIST
from countermark.verify.state import State
from countermark.verify.verdict import Notes

MAX_FILES = 2_000_000
MAX_FILE = 256 * 1024**2
_GROWS = {"evidence/run-1/records.jsonl": 8 * 1024**3, "trials.parquet": 4 * 1024**3}
"""What grows with the audit may be larger: names to bytes."""
MAX_TOTAL = 64 * 1024**3
MAX_DEPTH = 16

Kind = Literal[
    "audit", "stripped", "unfinished", "planned", "part", "pack", "plan", "empty", "other", "file", "missing"
]
_SEALING = (HOW_TO_CHECK, AUDITOR_KEY)
"""What sealing writes before the manifest and the signature."""
_RUN = (DRAW, RUN, REPORT, TRIALS, LIST, *_SEALING)
"""What only an audit that was run has at its root."""
RESUME_FILE = "resume.json"
"""Lies in an audit until it is sealed. `audit` has the same name for it, which `verify` cannot import."""
_DOCUMENTS: tuple[tuple[str, Kind], ...] = (("pack.json", "pack"), ("plan.json", "plan"))
_MOST_LEVELS = 4
_WORDS: dict[Kind, str] = {
    "stripped": f"is an audit without its seal: {MANIFEST} and {SIGNATURES} are both gone, so that nothing here can be relied on",
    "unfinished": "is an audit that was not finished: no seal vouches for anything in it; if it was handed over as finished, "
    "its seal was taken away",
    "planned": "holds a plan and no audit by it: nothing was run, so that there is nothing to check",
    "part": "is a part of an audit: what vouches for it lies in a directory above",
    "pack": "is a release pack, not an audit, and was not checked",
    "plan": "is the plan of an audit without the audit, and was not checked",
    "empty": "is empty",
    "other": "is no audit: there is neither a seal nor anything else of one",
    "file": "is not a directory",
    "missing": "does not exist",
}


def what_lies(root: Path) -> Kind:
    """What a directory is, by a few names at its root; nothing is opened.

    Whoever hands a directory over chooses its names, so the rule leans to `audit`: what has a part of an audit that was run is
    never called anything harmless, whatever else was put there or taken away. In this order:

    - With a part that only a run or the sealing makes (draw, log, report, table, redaction list, VERIFY.txt, auditor's key), or
      with plan/plan.json and one of manifest and signature: `audit` where manifest or signature is there (a seal that lacks the
      other is broken), `unfinished` where neither is, but the request that `resume` needs and nothing that sealing writes,
      otherwise `stripped`: no stop of ours leaves that behind, or only one in the last moment of sealing.
    - With plan/plan.json alone: `planned`.
    - Inside a directory that is one of these: `part`, so AUDIT/plan and AUDIT/pack/NAME, too.
    - With pack.json: `pack`. With plan.json: `plan`. Both are signed like an audit, and are none.
    - With manifest or signature: `audit`, a broken one.
    - `empty`, `other`; `file` and `missing` for what is no directory.
    """
    if not root.is_dir():
        return "file" if os.path.lexists(root) else "missing"
    sealed = _has(root, *OUTSIDE)
    if _has(root, *_RUN) or (sealed and _has(root, PLAN)):
        unfinished = _has(root, RESUME_FILE) and not _has(root, *_SEALING)
        return "audit" if sealed else "unfinished" if unfinished else "stripped"
    return "planned" if _has(root, PLAN) else _never_run(root, sealed=sealed)


def _never_run(root: Path, *, sealed: bool) -> Kind:
    if audit_above(root) is not None:
        return "part"
    kind = next((kind for name, kind in _DOCUMENTS if _has(root, name)), None)
    if kind is not None:
        return kind
    if sealed:
        return "audit"
    return "other" if any(root.iterdir()) else "empty"


def audit_above(path: Path) -> Path | None:
    """The audit, finished or not, that a file or directory is a part of, named as `path` is; None where there is none."""
    for above in path.resolve().parents[:_MOST_LEVELS]:
        if _has(above, PLAN) and _has(above, RESUME_FILE, *OUTSIDE, *_RUN):
            return above if path.is_absolute() else Path(os.path.relpath(above))
    return None


def audits_below(root: Path) -> list[Path]:
    """The finished audits that lie directly in a directory, by name; at most nine."""
    try:
        found = sorted(one for one in root.iterdir() if _has(one, PLAN) and _has(one, *OUTSIDE))
    except OSError:
        return []
    return found[:9]


def _has(root: Path, *names: str) -> bool:
    return any(os.path.lexists(root / name) for name in names)


def check(state: State, notes: Notes) -> None:
    """List every file of an audit; for anything else say what it is (`what_lies`)."""
    kind = what_lies(state.root)
    if kind == "stripped":
        notes.wrong(_WORDS[kind])
    elif kind != "audit":
        notes.malformed(_WORDS[kind])
        return
    total = 0
    for name, size in _scan(state, notes):
        state.files[name] = size
        total += size
        if len(state.files) > MAX_FILES or total > MAX_TOTAL:
            notes.malformed(f"holds over {MAX_FILES} files or over {MAX_TOTAL} bytes")
            return
    _refuse_case_clashes(state, notes)
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
