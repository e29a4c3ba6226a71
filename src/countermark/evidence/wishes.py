"""What to withhold, as a YAML file that people write: every fault in it at once."""

from pathlib import Path
from typing import Any

import yaml

from countermark import strict_yaml
from countermark.errors import InvalidDocument
from countermark.evidence.selecting import WHAT, Wanted
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
    for name in [name for name in _MUST if not value.get(name)]:
        issues.add("wish-lacks", path, f"{place}/{name}", "is missing")
    for name in sorted(set(value) - {*_MUST, *_MAY}):
        issues.add(
            "wish-unknown", path, f"{place}/{name}", f"is no field; fields are {', '.join((*_MUST, *_MAY))}"
        )
    if value.get("what") and value["what"] not in WHAT:
        issues.add("wish-what", path, f"{place}/what", f"is none of {', '.join(WHAT)}")
    if value.get("reason") and value["reason"] not in REASONS:
        issues.add("wish-reason", path, f"{place}/reason", f"is none of {', '.join(REASONS)}")
    try:
        check_day(str(value.get("until") or "never"))
    except ValueError as error:
        issues.add("wish-until", path, f"{place}/until", str(error))
    for name in ("tests", "subjects"):
        if not _texts(value.get(name, ["*"])):
            issues.add("wish-list", path, f"{place}/{name}", "is no list of patterns")
    if not _numbers(value.get("records", [])):
        issues.add("wish-list", path, f"{place}/records", "is no list of record numbers, from 0")
    return _made(value) if len(issues) == before else None


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
    return isinstance(value, list) and all(type(one) is int and one >= 0 for one in value)
