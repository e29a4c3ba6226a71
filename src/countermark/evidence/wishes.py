"""What to withhold, as a YAML file that people write: every fault in it at once."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from countermark import strict_yaml
from countermark.errors import InvalidDocument
from countermark.evidence.selecting import WHAT, Wanted
from countermark.evidence.settling import SEED
from countermark.evidence.withholding import REASONS, check_day
from countermark.files import read_capped
from countermark.issues import Issues

MAX_WISHES = 1024 * 1024
_MUST = ("what", "reason", "until", "decided_by")
_MAY = ("tests", "subjects", "records")


def read_wishes(path: Path) -> list[Wanted]:
    """The wishes in a file: a list under `withhold`. Raises `InvalidDocument` with every fault."""
    try:
        text = read_capped(path, max_bytes=MAX_WISHES).decode("utf-8")
        value = strict_yaml.load(text)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise InvalidDocument([f"{path}: [yaml] {' '.join(str(error).split())}"], ["yaml"]) from error
    issues = Issues()
    listed = value.get("withhold") if isinstance(value, dict) and set(value) == {"withhold"} else None
    if not isinstance(listed, list) or not listed:
        issues.add("wishes", path, "", "is no list under the one key withhold", "see docs/howto/redact.md")
        listed = []
    found = [_wish(path, number, one, issues) for number, one in enumerate(listed)]
    issues.raise_if_any()
    return [one for one in found if one is not None]


def _wish(path: Path, number: int, value: Any, issues: Issues) -> Wanted | None:
    place, before = f"withhold/{number}", len(issues)
    if not isinstance(value, dict):
        issues.add("wish", path, place, "is no mapping")
        return None
    for code, name, message, hint in (*_fields(value), *_words(value), *_limits(value)):
        issues.add(code, path, f"{place}/{name}", message, hint)
    return _made(value) if len(issues) == before else None


_Fault = tuple[str, str, str, str]
"""Code, field, message, hint."""


def _fields(value: dict[Any, Any]) -> Iterator[_Fault]:
    for name in _MUST:
        if not value.get(name):
            yield "wish-lacks", name, "is missing", ""
    for name in sorted(set(map(str, value)) - {*_MUST, *_MAY}):
        yield "wish-unknown", name, f"is no field; fields are {', '.join((*_MUST, *_MAY))}", ""


def _words(value: dict[Any, Any]) -> Iterator[_Fault]:
    for name, code, known in (("what", "wish-what", WHAT), ("reason", "wish-reason", tuple(REASONS))):
        if value.get(name) and value[name] not in known:
            yield code, name, f"is none of {', '.join(known)}", ""
    try:
        check_day(str(value.get("until") or "never"))
    except ValueError as error:
        yield "wish-until", "until", str(error), ""


def _limits(value: dict[Any, Any]) -> Iterator[_Fault]:
    for name in ("tests", "subjects"):
        if not _texts(value.get(name, ["*"])):
            yield "wish-list", name, "is no list of patterns", ""
    if not _numbers(value.get("records", [0])):
        yield "wish-list", "records", "is no list of record numbers, from 0", ""
    if value.get("what") == SEED:
        for name in _MAY:
            if name in value:
                yield "wish-seed", name, "limits nothing: an audit has one seed", "leave it out"


def _made(value: dict[str, Any]) -> Wanted:
    return Wanted(
        what=value["what"],
        reason=value["reason"],
        decided_by=str(value["decided_by"]),
        until=str(value["until"]),
        tests=tuple(value.get("tests", ["*"])),
        subjects=tuple(value.get("subjects", ["*"])),
        seqs=frozenset(value.get("records", [])),
    )


def _texts(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(one, str) for one in value)


def _numbers(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(type(one) is int and one >= 0 for one in value)
