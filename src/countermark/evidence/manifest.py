"""A directory's identity: sorted `sha256sum` lines, so that anybody can check it with coreutils alone."""

import hashlib
import os
import re
import stat
from collections.abc import Iterable, Mapping
from pathlib import Path

from countermark.canonical import digest
from countermark.errors import InvalidDocument, UnsafePath
from countermark.files import MAX_FILES, walk, write_atomic
from countermark.issues import Issues

MANIFEST = "MANIFEST.sha256"
SIGNATURES = "signatures.intoto.jsonl"
OUTSIDE = (MANIFEST, SIGNATURES)
"""What a manifest never lists: itself and what is signed over it."""
MAX_MANIFEST = 512 * 1024 * 1024
_MAX_NAME = 1024
_MOST_FAULTS = 100
_CHUNK = 1024 * 1024
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._@+=,~-]{0,199}(/[A-Za-z0-9_][A-Za-z0-9._@+=,~-]{0,199}){0,15}")
_LINE = re.compile(r"([0-9a-f]{64})  ([^\n]+)")


def is_plain_name(name: str) -> bool:
    """Whether a file may bear this name in an audit: ASCII, no space, nothing hidden, nothing that climbs, 16 levels."""
    return len(name) <= _MAX_NAME and _NAME.fullmatch(name) is not None


def hash_file(path: Path | str, *, name: str = "") -> str:
    """SHA-256 of a plain file of any size, in hexadecimal; no link is followed. Raises `UnsafePath`."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise UnsafePath(name or str(path), f"cannot be read ({error.strerror})") from error
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise UnsafePath(name or str(path), "is not a plain file")
        hashed = hashlib.sha256()
        most = min(status.st_size + 1, _CHUNK)  # no more memory than the file needs
        while chunk := os.read(descriptor, most):
            hashed.update(chunk)
            if len(chunk) < most:
                break  # a plain file's end, without asking once more
    except OSError as error:
        raise UnsafePath(name or str(path), f"cannot be read ({error.strerror})") from error
    finally:
        os.close(descriptor)
    return hashed.hexdigest()


def hash_files(directory: Path, names: Iterable[str]) -> dict[str, str]:
    """Name to SHA-256 of each of the named files."""
    root = str(directory)
    return {name: hash_file(f"{root}/{name}", name=name) for name in names}


def format_manifest(digests: Mapping[str, str]) -> bytes:
    """The manifest's text for name to digest."""
    return "".join(f"{digests[name]}  {name}\n" for name in sorted(digests)).encode("ascii")


def manifest_of(files: Mapping[str, bytes]) -> bytes:
    """The manifest of files not yet written, name to content: what `write_manifest` would write over them."""
    return format_manifest({name: digest(data) for name, data in files.items()})


def parse_manifest(data: bytes) -> dict[str, str]:
    """Name to digest. Raises `InvalidDocument` unless the text is exactly what `format_manifest` writes, and not empty."""
    issues = Issues()
    digests: dict[str, str] = {}
    if data.count(b"\n") > MAX_FILES:
        raise InvalidDocument([f"{MANIFEST}: [manifest-many] has over {MAX_FILES} lines"])
    try:
        lines = data.decode("ascii").split("\n")
    except UnicodeDecodeError as error:
        raise InvalidDocument([f"{MANIFEST}: [manifest-line] not ASCII at byte {error.start}"]) from error
    for number, line in enumerate(lines, 1):
        if len(issues) >= _MOST_FAULTS:
            issues.add("manifest-line", MANIFEST, f"line {number}", "not read any further: too many faults")
            break
        match = _LINE.fullmatch(line)
        if match is None or not is_plain_name(match[2]):
            if number < len(lines) or line:
                issues.add(
                    "manifest-line",
                    MANIFEST,
                    f"line {number}",
                    "is not a digest, two spaces and a plain name",
                )
        elif match[2] in digests:
            issues.add("manifest-twice", MANIFEST, f"line {number}", f"{match[2]} stands twice")
        else:
            digests[match[2]] = match[1]
    if not digests and not len(issues):
        issues.add("manifest-empty", MANIFEST, "", "names no file")
    issues.raise_if_any()
    if format_manifest(digests) != data:
        raise InvalidDocument(
            [f"{MANIFEST}: [manifest-order] names are not sorted, or the last line is not ended"]
        )
    return digests


def write_manifest(directory: Path, exclude: Iterable[str] = OUTSIDE) -> bytes:
    """Write `directory`/MANIFEST.sha256 over every file in it but `exclude` (and itself); returns its bytes.

    Raises:
        InvalidDocument: A link or device, a name no audit may hold, or no file at all.
    """
    left_out = {*exclude, MANIFEST}
    names = [name for name in walk(directory) if name not in left_out]
    issues = Issues()
    for name in names:
        if not is_plain_name(name):
            issues.add(
                "name", name, "", "is no plain name: letters, digits and ._@+=,~- only", "rename or remove it"
            )
    if not names:
        issues.add("manifest-empty", MANIFEST, "", "there is no file to name")
    issues.raise_if_any()
    data = format_manifest(hash_files(directory, names))
    write_atomic(directory / MANIFEST, data)
    return data


def check_manifest(directory: Path, data: bytes, exclude: Iterable[str] = OUTSIDE) -> Issues:
    """Every file of `directory` that is missing, extra or changed by the manifest `data`, each named."""
    left_out = {*exclude, MANIFEST}
    present = hash_files(directory, (name for name in walk(directory) if name not in left_out))
    return compare(parse_manifest(data), present)


def compare(expected: Mapping[str, str], present: Mapping[str, str]) -> Issues:
    """The differences between the digests a manifest names and those of the files that are there."""
    issues = Issues()
    for name in sorted(expected.keys() | present.keys()):
        if name not in present:
            issues.add("file-missing", name, "", "is missing")
        elif name not in expected:
            issues.add("file-extra", name, "", "was added: the manifest does not name it")
        elif expected[name] != present[name]:
            issues.add("file-changed", name, "", "was changed: its SHA-256 is not the manifest's")
    return issues
