"""Safe paths and atomic writes: nothing outside the directory is read, nothing is left half written.

Strangers' directories pass through here. Links, devices, paths that climb, files over their cap: `UnsafePath`.
"""

import gzip
import io
import os
import re
import stat
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from countermark.errors import UnsafePath

MAX_FILE = 64 * 1024 * 1024
MAX_FILES = 2_000_000


def inside(root: Path, name: str) -> Path:
    """The path of `name` under `root`; `name` is relative, POSIX, and neither climbs nor passes through a link."""
    pure = PurePosixPath(name)
    plain = name == str(pure) and not pure.is_absolute() and ".." not in pure.parts and "\\" not in name
    if not plain or "\0" in name or name in ("", "."):
        raise UnsafePath(name, "is not a plain relative path inside the directory")
    path = root
    for part in pure.parts:
        path = path / part
        if _is_link(path, name):
            raise UnsafePath(name, "passes through a symbolic link")
    return path


def read_capped(path: Path, *, max_bytes: int = MAX_FILE, name: str = "") -> bytes:
    """The bytes of a plain file of at most `max_bytes`; no link is followed, no device opened."""
    shown = name or str(path)
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise UnsafePath(shown, _why(error)) from error
    except ValueError as error:
        raise UnsafePath(shown, "has a name that no file can have") from error
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise UnsafePath(shown, "is not a plain file")
        if status.st_size > max_bytes:
            raise UnsafePath(shown, f"has {status.st_size} bytes, over the limit of {max_bytes}")
        return file.read(status.st_size + 1)[:max_bytes]


def read_gzip_capped(path: Path, *, max_bytes: int = MAX_FILE) -> bytes:
    """The inflated bytes of a gzip file, at most `max_bytes` of them: a bomb is refused before it fills memory."""
    packed = read_capped(path, max_bytes=max_bytes)
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(packed)) as stream:
            data = stream.read(max_bytes + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise UnsafePath(str(path), "is not a whole gzip file") from error
    if len(data) > max_bytes:
        raise UnsafePath(str(path), f"inflates to over the limit of {max_bytes} bytes")
    return data


def slug(text: str) -> str:
    """A directory name for an id: letters, digits, dot, dash and underscore kept, everything else one dash."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", text).strip("-.") or "unnamed"


def walk(root: Path) -> Iterator[str]:
    """Names (relative, POSIX, sorted) of every plain file under `root`; anything else there is refused.

    So are names that are not UTF-8, and over `MAX_FILES` files; directories may lie as deep as they like.
    """
    found: list[str] = []
    folders = [""]
    while folders:
        prefix = folders.pop()
        for entry in _entries(root, prefix):
            name = f"{prefix}{entry.name}"
            if not _is_utf8(name):
                raise UnsafePath(ascii(name), "has a name that is not UTF-8")
            if entry.is_symlink():
                raise UnsafePath(name, "is a symbolic link")
            if entry.is_dir(follow_symlinks=False):
                folders.append(f"{name}/")
            elif entry.is_file(follow_symlinks=False):
                found.append(name)
            else:
                raise UnsafePath(name, "is neither a file nor a directory")
        if len(found) > MAX_FILES:
            raise UnsafePath(prefix or str(root), f"holds over {MAX_FILES} files")
    yield from sorted(found)


def write_atomic(path: Path, data: bytes, *, mode: int = 0o644) -> None:
    """Write `data` so that `path` holds either what it held before or all of it, even if the machine stops."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
    sync_directory(path.parent)


def sync_directory(path: Path) -> None:
    """Make the names in a directory durable."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _entries(root: Path, prefix: str) -> list["os.DirEntry[str]"]:
    try:
        with os.scandir(root / prefix) as entries:
            return list(entries)
    except OSError as error:
        raise UnsafePath(prefix or str(root), _why(error)) from error


def _is_utf8(name: str) -> bool:
    """Python reads other bytes in a name as lone surrogates, which can neither be printed nor written."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _is_link(path: Path, name: str) -> bool:
    try:
        return path.is_symlink()
    except OSError as error:  # a name too long, a directory closed to us
        raise UnsafePath(name, _why(error)) from error


def _why(error: OSError) -> str:
    if isinstance(error, FileNotFoundError):
        return "does not exist"
    if error.errno == 40:  # ELOOP: O_NOFOLLOW met a link
        return "is a symbolic link"
    return f"cannot be read ({error.strerror})"
