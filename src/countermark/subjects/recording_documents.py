"""Strangers' files on their way into a recording: found, capped, digested, parsed strictly, every fault noted."""

import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from countermark.canonical import InvalidJson, decode, digest
from countermark.errors import UnsafePath
from countermark.files import read_capped, read_gzip_capped, walk
from countermark.issues import Issues
from countermark.strict_yaml import StrictLoader
from countermark.subjects.recording_values import SourceFile

MAX_INPUT = 512 * 1024 * 1024
MAX_MAPPING = 1024 * 1024
_MAX_FAULTS = 50
Model = TypeVar("Model", bound=BaseModel)


@dataclass(frozen=True, slots=True, kw_only=True)
class Input:
    """One input file: where it lies, and its name relative to what the user named."""

    path: Path
    name: str


class _RawLabels(StrictLoader):
    """Strict, and without dates, or `yes` and `no` for truth: labels are often those words."""

    yaml_implicit_resolvers = {
        first: [
            (tag, pattern)
            for tag, pattern in resolvers
            if tag not in ("tag:yaml.org,2002:bool", "tag:yaml.org,2002:timestamp")
        ]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def key_of(self, key: Any) -> Any:
        """`true:` and `1:` are raw values or names here, as the writer typed them."""
        return str(key).lower() if isinstance(key, int) else key


_RawLabels.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile(r"^(?:true|false)$"), list("tf"))


def check(model: type[Model], raw: Any, file: str, place: str, issues: Issues) -> Model | None:
    """`raw` as a `model`, or None with its faults noted at `place`; None in, None out."""
    if raw is None:
        return None
    try:
        return model.model_validate(raw)
    except ValidationError as error:
        for fault in error.errors(include_url=False, include_input=False)[:_MAX_FAULTS]:
            where = "/" + "/".join(str(part) for part in fault["loc"])
            unknown = fault["type"] == "extra_forbidden"
            hint = "there is no such key: correct it or take it out" if unknown else ""
            issues.add(fault["type"], file, f"{place} {where}".strip(), fault["msg"], hint)
        return None


def read_document(model: type[Model], path: Path, issues: Issues) -> Model | None:
    """The `model` in a YAML or JSON file (by its suffix), or None with the faults noted."""
    try:
        data = read_capped(path, max_bytes=MAX_MAPPING)
        raw = decode(data) if path.suffix == ".json" else yaml.load(data.decode("utf-8"), Loader=_RawLabels)  # noqa: S506
    except UnsafePath as error:
        issues.add("path-unsafe", path, "", error.faults[0].partition("] ")[2])
    except (InvalidJson, UnicodeDecodeError) as error:
        issues.add("json" if path.suffix == ".json" else "not-utf8", path, "", str(error))
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        mark = getattr(error, "problem_mark", None)
        place = f"line {mark.line + 1}" if mark is not None else ""
        issues.add("yaml", path, place, getattr(error, "problem", None) or str(error).splitlines()[0])
    else:
        return check(model, {} if raw is None else raw, str(path), "", issues)
    return None


def find_inputs(
    paths: Sequence[Path], suffixes: Sequence[str], issues: Issues, *, only: Sequence[str] = ()
) -> list[Input]:
    """The files named, and those below the directories named whose names end in a suffix and fit a pattern of `only`.

    Sorted within a directory, each file once; a path that holds nothing to read is a fault.
    """
    found: dict[Path, Input] = {}
    for path in paths:
        before = len(found)
        if not path.is_dir():
            found.setdefault(path.absolute(), Input(path=path, name=path.name))
            continue
        try:
            names = [name for name in walk(path) if name.endswith(tuple(suffixes)) and _fits(name, only)]
        except UnsafePath as error:
            issues.add("path-unsafe", path, "", error.faults[0].removeprefix(f"{path}: [path-unsafe] "))
            continue
        for name in names:
            found.setdefault((path / name).absolute(), Input(path=path / name, name=name))
        if len(found) == before:
            issues.add("nothing", path, "", f"holds no file to read ({', '.join(suffixes)})")
    if not paths:
        issues.add("nothing", "paths", "", "no file or directory is named")
    return list(found.values())


def read_input(source: Input, issues: Issues) -> tuple[bytes, SourceFile] | None:
    """The bytes of a file, inflated where its name ends in `.gz`, with its name and the digest of what is stored."""
    try:
        stored = read_capped(source.path, max_bytes=MAX_INPUT)
        packed = source.name.endswith(".gz")
        data = read_gzip_capped(source.path, max_bytes=MAX_INPUT) if packed else stored
    except UnsafePath as error:
        issues.add("path-unsafe", source.name, "", error.faults[0].partition("] ")[2])
    except zlib.error:
        issues.add("gzip", source.name, "", "is not a whole gzip file")
    else:
        return data, SourceFile(name=source.name, sha256=digest(stored))
    return None


def _fits(name: str, only: Sequence[str]) -> bool:
    return not only or any(fnmatchcase(name, pattern) for pattern in only)
