"""What lies in a stranger's directory: plain files by name, and a fault for everything else. Nothing is opened."""

import os
from pathlib import Path

from countermark.issues import Issues

MAX_ENTRIES = 5_000
MAX_LEVELS = 16


def scan(root: Path, issues: Issues, *, max_entries: int = MAX_ENTRIES) -> list[str]:
    """Names (relative, POSIX, sorted) of the plain files under `root`.

    Faults: `path-unsafe` (a link, a device, what cannot be read), `too-deep`, `too-many`, `name-case` (two names that
    differ in case only, which one file system holds and another does not).
    """
    found: list[str] = []
    folders, seen = [""], 0
    while folders:
        folder = folders.pop()
        for entry in _entries(root, folder, issues):
            seen += 1
            if seen > max_entries:
                issues.add("too-many", shown(folder) or ".", "", f"holds over {max_entries} entries")
                return sorted(found)
            name = f"{folder}{entry.name}"
            if _is_folder(entry, name, issues):
                folders.append(f"{name}/")
            elif entry.is_file(follow_symlinks=False):
                found.append(name)
    _check_case(found, issues)
    return sorted(found)


def shown(text: str, most: int = 120) -> str:
    """A stranger's text made fit for one line of a terminal: what does not print becomes a question mark."""
    plain = "".join(sign if sign.isprintable() else "?" for sign in text[: most + 1])
    return plain if len(plain) <= most else plain[:most] + "…"


def _entries(root: Path, folder: str, issues: Issues) -> list["os.DirEntry[str]"]:
    try:
        with os.scandir(f"{root}/{folder}") as entries:
            return sorted(entries, key=lambda entry: entry.name)
    except OSError as error:
        why = (
            "does not exist" if isinstance(error, FileNotFoundError) else f"cannot be read ({error.strerror})"
        )
        issues.add("path-unsafe", shown(folder) or shown(str(root)), "", why)
        return []


def _is_folder(entry: "os.DirEntry[str]", name: str, issues: Issues) -> bool:
    """Whether to go into it; whatever is neither folder nor plain file is a fault."""
    if entry.is_symlink():
        issues.add("path-unsafe", shown(name), "", "is a symbolic link", "put the file itself there")
    elif entry.is_dir(follow_symlinks=False):
        if name.count("/") < MAX_LEVELS:
            return True
        issues.add("too-deep", shown(name), "", f"lies over {MAX_LEVELS} levels deep")
    elif not entry.is_file(follow_symlinks=False):
        issues.add("path-unsafe", shown(name), "", "is neither a file nor a directory")
    return False


def _check_case(names: list[str], issues: Issues) -> None:
    folded: dict[str, str] = {}
    for name in names:
        first = folded.setdefault(name.casefold(), name)
        if first != name:
            issues.add("name-case", shown(name), "", f"differs from {shown(first)} in case only")
