"""YAML as people write it, read strictly: no tags, no duplicate keys, no aliases that multiply, faults gathered."""

from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from countermark import strict_yaml
from countermark.errors import UnsafePath
from countermark.files import inside, read_capped
from countermark.issues import Issues

MAX_YAML = 2 * 1024 * 1024
Model = TypeVar("Model", bound=BaseModel)


def parse_yaml(text: str, name: str, issues: Issues) -> dict[str, Any]:
    """The mapping in `text`; on a fault it is noted and {} returned."""
    try:
        value = strict_yaml.load(text)
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        issues.add("yaml", name, _place(error), str(error).splitlines()[0])
        return {}
    if not isinstance(value, dict):
        issues.add("yaml", name, "", "is not a mapping")
        return {}
    return value


def read_text(root: Path, name: str, issues: Issues) -> str | None:
    """The UTF-8 text of a file under `root`, or None with the fault noted."""
    try:
        return read_capped(inside(root, name), max_bytes=MAX_YAML, name=name).decode("utf-8")
    except UnsafePath as error:
        issues.add("path-unsafe", name, "", error.faults[0].partition("] ")[2])
    except UnicodeDecodeError as error:
        issues.add("not-utf8", name, f"byte {error.start}", "is not UTF-8")
    return None


def read_yaml(root: Path, name: str, issues: Issues) -> dict[str, Any]:
    """The mapping in a YAML file under `root`, or {} with the fault noted."""
    text = read_text(root, name, issues)
    return {} if text is None else parse_yaml(text, name, issues)


def read_front_matter(root: Path, name: str, issues: Issues) -> tuple[dict[str, Any], str]:
    """Front matter and body of a Markdown file that begins with `---`."""
    text = read_text(root, name, issues)
    if text is None:
        return {}, ""
    head, separator, body = text.removeprefix("---\n").partition("\n---\n")
    if not text.startswith("---\n") or not separator:
        issues.add("front-matter", name, "line 1", "needs front matter between two lines of '---'")
        return {}, text
    return parse_yaml(head, name, issues), body


def validate(model: type[Model], raw: dict[str, Any], name: str, issues: Issues) -> Model | None:
    """`raw` as a `model`, or None with every fault noted."""
    if not raw:
        return None
    try:
        return model.model_validate(raw)
    except ValidationError as error:
        for fault in error.errors():
            place = "/" + "/".join(str(part) for part in fault["loc"])
            issues.add(fault["type"], name, place, fault["msg"])
        return None


def _place(error: Exception) -> str:
    mark = getattr(error, "problem_mark", None)
    return f"line {mark.line + 1}" if mark is not None else ""
