"""Weights on disk held against their list, and shown to a loader so that it can read nothing else.

Every listed file is hashed. What a loader reads is then laid into a private folder: small files as copies of the very bytes
that were hashed, shards as links to the files that were hashed, which must be the same inodes, untouched, once they are
loaded. Whatever is not on the list, and whatever could run, never gets there.
"""

import hashlib
import os
import stat
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath

from countermark.canonical import InvalidJson, decode
from countermark.errors import UnsafePath
from countermark.files import inside, read_capped
from countermark.issues import Issues

SHARD = ".safetensors"
_COPIED = (".json", ".jinja", ".txt", ".model")
"""Configuration, tokenizer, chat template, vocabulary: the other files that a loader reads."""
_CODE = (
    ".py",
    ".pyc",
    ".pyd",
    ".so",
    ".dll",
    ".dylib",
    ".sh",
    ".exe",
    ".js",
    ".cu",
    ".ipynb",
    ".whl",
    ".egg",
)
_PICKLED = (
    ".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle", ".joblib", ".dill", ".npy", ".npz", ".h5", ".hdf5", ".msgpack",
    ".gguf", ".ggml", ".onnx", ".tflite", ".pb", ".mar", ".zip", ".tar", ".gz", ".tgz", ".index",
)  # fmt: skip
_ADAPTER = "adapter_config.json"
_CHUNK = 4 * 1024 * 1024
_MAX_INDEX = 256 * 1024 * 1024
_MAX_FILES = 100_000

Tell = Callable[[str, int, int], None]
"""Told which file is hashed, and how many bytes of how many are done."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Print:
    """What the file system says of a file: it cannot be written without one of these changing, clocks and root aside."""

    device: int
    inode: int
    size: int
    modified_ns: int
    changed_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Staged:
    """Weights that were hashed and found equal to their list, ready to be loaded.

    Attributes:
        directory: Where they lie.
        listed: Name to SHA-256.
        prints: Name to what the file system said when it was hashed.
        folder: The private folder a loader is given; removed with `close`.
        shown: Names that lie in it.
    """

    directory: Path
    listed: Mapping[str, str]
    prints: Mapping[str, Print]
    folder: Path
    shown: Sequence[str]
    holder: "tempfile.TemporaryDirectory[str]"

    @property
    def bytes(self) -> int:
        """All listed files together."""
        return sum(one.size for one in self.prints.values())

    def close(self) -> None:
        """Remove the private folder; the weights themselves are left alone."""
        self.holder.cleanup()


@dataclass(frozen=True, slots=True, kw_only=True)
class Again:
    """What hashing every file once more found: faults, and files that were touched though their content is the same."""

    faults: Sequence[str]
    touched: Sequence[str]


def stage(directory: Path, listed: Mapping[str, str], tell: Tell) -> Staged:
    """Hash every file of the list, and lay out for the loader what it may read.

    Args:
        directory: Where the weights lie.
        listed: Name to SHA-256, as the pack lists them.
        tell: Hears of progress after every few megabytes.

    Raises:
        InvalidDocument: With every fault. Codes: `weights-missing`, `weights-changed`, `weights-unlisted`,
            `weights-moving` (written to while it was read), `weights-code`, `weights-pickle` (of a kind that can run
            code when it is loaded), `weights-adapter`, `weights-outside` (an index that names other files),
            `weights-none` (no safetensors at all), `path-unsafe`.
    """
    issues, directory = Issues(), directory.resolve()
    _check_names(listed, _present(directory, issues), issues)
    issues.raise_if_any()
    holder = tempfile.TemporaryDirectory(prefix="countermark-weights-")
    try:
        prints = _hash_all(directory, listed, Path(holder.name), tell, issues)
        shown = [name for name in listed if _is_shown(name)]
        _check_indexes(Path(holder.name), shown, issues)
        issues.raise_if_any()
    except BaseException:
        holder.cleanup()
        raise
    return Staged(
        directory=directory,
        listed=listed,
        prints=prints,
        folder=Path(holder.name),
        shown=shown,
        holder=holder,
    )


def moved(staged: Staged) -> list[str]:
    """The files that are not, or no longer, those that were hashed, by what the file system says; nothing is read."""
    return [name for name, seen in staged.prints.items() if _now(staged.directory / name) != seen]


def hash_again(staged: Staged, tell: Tell) -> Again:
    """Every file of the list hashed once more where it lies, and the folder looked through once more."""
    issues = Issues()
    _check_names(staged.listed, _present(staged.directory, issues), issues)
    touched = moved(staged)
    missing = {issue.file for issue in issues}
    rest = {name: value for name, value in staged.listed.items() if name not in missing}
    _hash_all(staged.directory, rest, None, tell, issues)
    faults = [str(issue) for issue in issues]
    named = {issue.file for issue in issues}
    return Again(faults=faults, touched=[name for name in touched if name not in named])


def template_of(staged: Staged) -> str:
    """Where the chat template stands: a file's name, or `none`."""
    if "chat_template.jinja" in staged.shown:
        return "chat_template.jinja"
    with suppress(InvalidJson, UnsafePath):
        value = decode(read_capped(staged.folder / "tokenizer_config.json", max_bytes=_MAX_INDEX))
        if isinstance(value, dict) and value.get("chat_template"):
            return "tokenizer_config.json"
    return "none"


def _is_shown(name: str) -> bool:
    return name.lower().endswith((SHARD, *_COPIED))


def _present(directory: Path, issues: Issues) -> list[str]:
    """Names of everything that lies there, links and devices as faults."""
    found: list[str] = []
    if not directory.is_dir():
        issues.add("path-unsafe", directory, "", "is not a directory")
        return found
    for folder, folders, files in os.walk(directory):
        for entry in sorted([*folders, *files]):
            path = Path(folder) / entry
            name = path.relative_to(directory).as_posix()
            if path.is_symlink():
                hint = "put the file itself there: `cp -rL` copies what links point to"
                issues.add("path-unsafe", name, "", "is a symbolic link", hint)
            elif entry in files:
                found.append(name)
        if len(found) > _MAX_FILES:
            issues.add("path-unsafe", directory, "", f"holds over {_MAX_FILES} files")
            break
    return found


def _check_names(listed: Mapping[str, str], present: Sequence[str], issues: Issues) -> None:
    held = set(present)
    for name in sorted({*listed, *held}):
        lower, last = name.lower(), PurePosixPath(name).name.lower()
        if lower.endswith(_CODE):
            hint = "models that need code of their own are not run: move it away, and take it off the list"
            issues.add("weights-code", name, "", "is code beside the weights", hint)
        elif lower.endswith(_PICKLED):
            hint = "only safetensors are loaded: move it away, and take it off the list"
            issues.add("weights-pickle", name, "", "is of a kind that can run code when it is loaded", hint)
        elif last == _ADAPTER:
            hint = "merge the adapter into the weights"
            issues.add("weights-adapter", name, "", "makes the loader fetch other weights than these", hint)
        elif name not in held:
            issues.add("weights-missing", name, "", "is listed and not there")
        elif name not in listed:
            hint = "list it in identity/weights.sha256 and sign again, or move it away"
            issues.add("weights-unlisted", name, "", "lies beside the weights and is not listed", hint)
    if not any(name.endswith(SHARD) and "/" not in name for name in listed):
        issues.add("weights-none", "identity/weights.sha256", "", "lists no safetensors file to load")


def _hash_all(
    directory: Path, listed: Mapping[str, str], into: Path | None, tell: Tell, issues: Issues
) -> dict[str, Print]:
    """Hash each file against the list; with `into`, lay out what a loader may read. Name to print."""
    total = sum(seen.size for name in listed if (seen := _now(directory / name)) is not None)
    done, prints = 0, {}
    for name, expected in listed.items():
        try:
            prints[name], found = _hash_one(
                directory, name, into, partial(_tell_more, tell, name, total, done)
            )
        except UnsafePath as error:
            issues.add("path-unsafe", name, "", error.faults[0].partition("[path-unsafe] ")[2])
            continue
        done += prints[name].size
        if found is None:
            issues.add("weights-moving", name, "", "was written to while it was read")
        elif found != expected:
            issues.add("weights-changed", name, "", "was changed: its SHA-256 is not the listed one")
    return prints


def _tell_more(tell: Tell, name: str, total: int, before: int, more: int) -> None:
    tell(name, before + more, total)


def _hash_one(
    directory: Path, name: str, into: Path | None, tell: Callable[[int], None]
) -> tuple[Print, str | None]:
    """Print and SHA-256 of one plain file, None where it changed meanwhile; copied or linked on the way. `UnsafePath`."""
    path = inside(directory, name)
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise UnsafePath(name, f"cannot be read ({error.strerror})") from error
    with os.fdopen(descriptor, "rb", buffering=0) as file:
        before = _print(os.fstat(descriptor))
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise UnsafePath(name, "is not a plain file")
        hashed, done = hashlib.sha256(), 0
        copy = _begin_copy(into, name) if into and _is_shown(name) and not name.endswith(SHARD) else None
        try:
            while chunk := file.read(_CHUNK):
                hashed.update(chunk)
                done += len(chunk)
                tell(done)
                if copy is not None:
                    _write(copy, chunk)
        except OSError as error:
            raise UnsafePath(name, f"cannot be read or copied ({error.strerror})") from error
        finally:
            if copy is not None:
                os.close(copy)
        after = _print(os.fstat(descriptor))
    if into and name.endswith(SHARD):
        (into / name).parent.mkdir(parents=True, exist_ok=True)
        (into / name).symlink_to(path.absolute())
    return before, hashed.hexdigest() if before == after else None


def _begin_copy(into: Path, name: str) -> int:
    (into / name).parent.mkdir(parents=True, exist_ok=True)
    return os.open(into / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o400)


def _write(descriptor: int, data: bytes) -> None:
    while data:
        data = data[os.write(descriptor, data) :]


def _check_indexes(folder: Path, shown: Sequence[str], issues: Issues) -> None:
    """An index leads a loader from tensors to shards: only to listed ones beside it."""
    for name in shown:
        if not name.endswith(f"{SHARD}.index.json") or not (folder / name).exists():
            continue
        try:
            value = decode(read_capped(folder / name, max_bytes=_MAX_INDEX, name=name), max_bytes=_MAX_INDEX)
        except (InvalidJson, UnsafePath) as error:
            issues.add("weights-outside", name, "", f"cannot be read: {error}")
            continue
        leads = value.get("weight_map") if isinstance(value, dict) else None
        shards = set(leads.values()) if isinstance(leads, dict) and _are_texts(leads) else {""}
        for shard in sorted(shards):
            if "/" in shard or not shard.endswith(SHARD) or shard not in shown:
                issues.add(
                    "weights-outside",
                    name,
                    "/weight_map",
                    f"leads to {shard[:120]!r}, which is no listed shard",
                )


def _are_texts(leads: Mapping[str, object]) -> bool:
    return bool(leads) and all(isinstance(one, str) for one in leads.values())


def _print(status: os.stat_result) -> Print:
    return Print(
        device=status.st_dev,
        inode=status.st_ino,
        size=status.st_size,
        modified_ns=status.st_mtime_ns,
        changed_ns=status.st_ctime_ns,
    )


def _now(path: Path) -> Print | None:
    try:
        return _print(path.lstat())
    except OSError:
        return None
