"""Where commands may write: nowhere under a seal, which one file more would break."""

from pathlib import Path

from countermark.errors import UsageError
from countermark.evidence.directory import PLAN
from countermark.evidence.manifest import OUTSIDE


def outside(path: Path, option: str = "--out") -> Path:
    """The path, if a file there would not be one too many under somebody's seal. Links are followed.

    Raises:
        UsageError: It is or lies in a directory with a manifest and a signature over it (an audit, a copy, a pack, a plan), or
            in an audit that is not sealed yet.
    """
    from countermark.verify.container import RESUME_FILE

    found = path.resolve()
    for folder in (found, *found.parents):
        if all(_has(folder, name) for name in OUTSIDE):
            raise UsageError(
                f"{path} lies in {folder}, whose seal it would break", hint=f"choose another {option}"
            )
        if _has(folder, PLAN) and _has(folder, RESUME_FILE):
            raise UsageError(
                f"{path} lies in the audit {folder}, under whose seal it would come",
                hint=f"choose another {option}",
            )
    return path


def new_place(path: Path) -> Path:
    """The path, if nothing is there and no seal is around it. Raises `UsageError`."""
    if path.exists():
        raise UsageError(f"{path} is there already", hint="choose another --out; nothing is overwritten")
    return outside(path)


def _has(folder: Path, name: str) -> bool:
    return (folder / name).exists()
