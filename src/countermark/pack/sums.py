"""`sha256sum` lines read with every fault at once, and held against files: for weights, and for a pack's own manifest."""

import hashlib
import os
import re
import stat
from collections.abc import Mapping
from pathlib import Path

from countermark.errors import UnsafePath
from countermark.files import inside
from countermark.issues import Issues
from countermark.pack.scan import shown

MAX_LINES = 100_000
_LINE = re.compile(r"([0-9a-f]{64}) [ *]([^\n]+)")
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._@+=,~-]{0,199}(/[A-Za-z0-9_][A-Za-z0-9._@+=,~-]{0,199}){0,15}")
_CHUNK = 1024 * 1024
_RENAME = "rename the file: ASCII letters, digits and . _ @ + = , ~ - can stand in a name"


def parse_sums(data: bytes, file: str, issues: Issues) -> dict[str, str]:
    """Name to digest, with a fault for every line that is not one.

    Args:
        data: The file's bytes.
        file: Its name, for the faults.
        issues: Where the faults go: codes `sums-ascii`, `sums-line`, `sums-name`, `sums-twice`, `sums-many`,
            `sums-empty`.
    """
    lines = data.decode("utf-8", "surrogateescape").split("\n")
    if lines[-1] == "":
        lines.pop()
    if len(lines) > MAX_LINES:
        issues.add("sums-many", file, "", f"has {len(lines)} lines, over the limit of {MAX_LINES}")
        return {}
    sums: dict[str, str] = {}
    folded: dict[str, str] = {}
    for number, line in enumerate(lines, 1):
        _read_line(line, f"line {number}", (file, issues), sums, folded)
    if not lines:
        issues.add("sums-empty", file, "", "names no file", "write it with `sha256sum FILE … > " + file + "`")
    return sums


def format_sums(sums: Mapping[str, str]) -> bytes:
    """The lines for name to digest, sorted by name."""
    return "".join(f"{sums[name]}  {name}\n" for name in sorted(sums)).encode("ascii")


def hash_plain(path: Path, name: str) -> str:
    """SHA-256 of a plain file of any size, in hexadecimal; no link is followed. Raises `UnsafePath`."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise UnsafePath(name, f"cannot be read ({error.strerror})") from error
    with os.fdopen(descriptor, "rb", buffering=0) as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise UnsafePath(name, "is not a plain file")
        hashed = hashlib.sha256()
        while chunk := file.read(_CHUNK):
            hashed.update(chunk)
    return hashed.hexdigest()


def check_weights(weights: Mapping[str, str], directory: Path, present: list[str], issues: Issues) -> None:
    """Hold the weights in a directory against their list.

    Args:
        weights: Name to SHA-256, as the pack lists them.
        directory: Where they lie.
        present: The plain files there.
        issues: Codes `weights-missing`, `weights-changed`, `weights-unlisted`.
    """
    for name in present:
        if name not in weights:
            issues.add(
                "weights-unlisted",
                name,
                "",
                "lies beside the weights and is not listed: it could change what is run",
                "list it in identity/weights.sha256, or move it away",
            )
    for name, expected in weights.items():
        if name not in present:
            issues.add("weights-missing", name, "", "is listed and not there")
            continue
        try:
            found = hash_plain(inside(directory, name), name)
        except UnsafePath as error:
            issues.add("path-unsafe", name, "", error.faults[0].partition("[path-unsafe] ")[2])
            continue
        if found != expected:
            issues.add("weights-changed", name, "", "was changed: its SHA-256 is not the listed one")


def _read_line(
    line: str, place: str, sink: tuple[str, Issues], sums: dict[str, str], folded: dict[str, str]
) -> None:
    file, issues = sink
    match = _LINE.fullmatch(line)
    if not line.isascii():
        what = f"names {shown(match[2])!r}: a name" if match else "is not ASCII: a line"
        issues.add("sums-ascii", file, place, f"{what} is ASCII only", _RENAME)
    elif match is None:
        issues.add(
            "sums-line",
            file,
            place,
            "is not 64 lower-case hexadecimal digits, two spaces and a name",
            "write it with sha256sum",
        )
    elif _NAME.fullmatch(match[2]) is None:
        why, hint = _not_plain(match[2])
        issues.add("sums-name", file, place, f"names {shown(match[2])!r}: {why}", hint)
    elif match[2].casefold() in folded:
        issues.add(
            "sums-twice", file, place, f"{match[2]} stands twice, or differs from another in case only"
        )
    else:
        folded[match[2].casefold()] = sums[match[2]] = match[1]


def _not_plain(name: str) -> tuple[str, str]:
    """What about a name keeps it from being one of a pack's, and what to do."""
    steps = name.split("/")
    if {"", ".", ".."} & {*steps}:
        why = "a path leads straight down from the directory of the files: never absolute, no `.` and no `..`"
        return why, "list the files from the directory they lie in"
    strange = "".join(dict.fromkeys(sign for sign in name if not re.fullmatch(r"[A-Za-z0-9._@+=,~/-]", sign)))
    if strange:
        return f"{', '.join(repr(sign) for sign in shown(strange))} cannot stand in a name", _RENAME
    if any(not re.match(r"[A-Za-z0-9_]", step) for step in steps):
        return "a name begins with a letter, a digit or _", _RENAME
    return "a name is at most 200 signs long, and a path at most 16 levels deep", "move or rename the file"
