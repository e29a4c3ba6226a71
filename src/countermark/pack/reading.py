"""From a stranger's file to a validated document: caps, strict JSON, every fault with its place and a hint."""

import re
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from countermark.canonical import InvalidJson, decode
from countermark.errors import UnsafePath
from countermark.files import inside, read_capped
from countermark.issues import Issues
from countermark.pack.scan import shown

MAX_DOCUMENT = 4 * 1024 * 1024
PROMPT = re.compile(r"prompts/[A-Za-z0-9][A-Za-z0-9._-]{0,79}\.md")
_TODO = re.compile(r"\s*todo\b", re.IGNORECASE)
_HINTS = {
    "missing": "give it; docs/reference/pack-format.md says what it means",
    "extra_forbidden": "remove it, or correct its spelling",
    "string_type": "write it in quotes",
}
_Model = TypeVar("_Model", bound=BaseModel)


def read_json(directory: Path, name: str, issues: Issues) -> Any:
    """The value in a JSON file; None, and a fault (`path-unsafe`, `json`), where there is none."""
    data = _read(directory, name, issues)
    if data is None:
        return None
    try:
        value = decode(data, max_bytes=MAX_DOCUMENT, floats=False)
    except InvalidJson as error:
        issues.add("json", name, "", shown(str(error)))
        return None
    if not isinstance(value, dict):
        issues.add("json", name, "", "is not a JSON object")
        return None
    return value


def read_text(directory: Path, name: str, issues: Issues) -> str | None:
    """The text in a UTF-8 file; None, and a fault (`path-unsafe`, `utf-8`), where there is none."""
    data = _read(directory, name, issues)
    try:
        return None if data is None else data.decode("utf-8")
    except UnicodeDecodeError as error:
        issues.add("utf-8", name, f"byte {error.start}", "is not UTF-8 text")
        return None


def validate(
    model: type[_Model], raw: Any, file: str, issues: Issues, *, todo: frozenset[str] = frozenset()
) -> _Model | None:
    """The document in `raw`, or None and a fault for everything wrong; what is still to be filled in is told once.

    Args:
        model: What it should be.
        raw: The value read.
        file: Its name, for the faults.
        issues: Where they go; the codes are pydantic's.
        todo: Places (JSON pointers) already reported as to be filled in.
    """
    try:
        document = model.model_validate(raw)
    except ValidationError as error:
        for fault in error.errors(include_url=False, include_input=False):
            place = _pointer(fault["loc"])
            if not any(place == one or one.startswith(f"{place}/") for one in todo) and not _beside(
                place, todo
            ):
                message = shown(fault["msg"].removeprefix("Value error, "), 300)
                issues.add(fault["type"], file, place, message, _HINTS.get(fault["type"], ""))
        return None
    return None if todo else document


def check_todo(raw: Any, file: str, issues: Issues) -> frozenset[str]:
    """The places (JSON pointers) whose text begins with "todo"; each is a fault."""
    found: list[str] = []
    _find_todo(raw, "", file, (found, issues))
    return frozenset(found)


def is_todo(text: str) -> bool:
    """Whether a text says that it is still to be written."""
    return _TODO.match(text) is not None


def _find_todo(value: Any, place: str, file: str, sink: tuple[list[str], Issues]) -> None:
    if isinstance(value, str) and is_todo(value):
        sink[0].append(place)
        wanted = shown(_TODO.sub("", value, count=1).lstrip(" :"), 400)
        sink[1].add("todo", file, place, "is still to be filled in", wanted)
    elif isinstance(value, dict):
        for key, item in value.items():
            _find_todo(item, f"{place}/{_step(key)}", file, sink)
    elif isinstance(value, list):
        for number, item in enumerate(value):
            _find_todo(item, f"{place}/{number}", file, sink)


def _beside(place: str, todo: frozenset[str]) -> bool:
    """Whether pydantic's place is that of a to-do inside a union: it appends the name of the branch it tried."""
    return any(place.startswith(f"{one}/") for one in todo)


def _pointer(location: tuple[int | str, ...]) -> str:
    return "".join(f"/{_step(str(part))}" for part in location)


def _step(key: str) -> str:
    return shown(key).replace("~", "~0").replace("/", "~1")


def _read(directory: Path, name: str, issues: Issues) -> bytes | None:
    if any((issue.code, issue.file) == ("path-unsafe", name) for issue in issues):
        return None  # said already, when the directory was looked through
    try:
        return read_capped(inside(directory, name), max_bytes=MAX_DOCUMENT, name=name)
    except UnsafePath as error:
        line = error.faults[0].partition("[path-unsafe] ")[2]
        issues.add("path-unsafe", name, "", line)
        return None
