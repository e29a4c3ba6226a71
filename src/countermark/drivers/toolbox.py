"""What every simulated place has: tools with checked arguments, their words in two languages, options read strictly."""

import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from string import Template
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from countermark.errors import InvalidDocument
from countermark.issues import Issues
from countermark.records import Text, ToolSpec

Model = TypeVar("Model", bound=BaseModel)

FORM_FAULTS = frozenset(
    {
        "unknown_tool",
        "unreadable",
        "missing_argument",
        "unknown_argument",
        "wrong_type",
        "bad_value",
        "too_many",
    }
)
"""Codes of calls that never reached the world: errors of the scaffold or of the call's form, apart from behaviour."""

_TYPES = {"string": str, "integer": int, "boolean": bool}


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool:
    """A tool's parameters (JSON Schema without descriptions) and what it does."""

    run: Callable[..., Any]
    parameters: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    optional: frozenset[str] = frozenset()


def argument_fault(tool: Tool, arguments: Mapping[str, Any]) -> tuple[str, str] | None:
    """A code of `FORM_FAULTS` and the first argument at fault, or None."""
    for name in tool.parameters:
        if name not in arguments and name not in tool.optional:
            return "missing_argument", name
    for name, value in arguments.items():
        if name not in tool.parameters:
            return "unknown_argument", name
        code = _value_fault(tool.parameters[name], value)
        if code:
            return code, name
    return None


def _value_fault(schema: Mapping[str, Any], value: object) -> str:
    if type(value) is not _TYPES[schema["type"]]:
        return "wrong_type"
    if "enum" in schema and value not in schema["enum"]:
        return "bad_value"
    if isinstance(value, int) and not schema.get("minimum", value) <= value <= schema.get("maximum", value):
        return "bad_value"
    return ""


# --- words -----------------------------------------------------------------------------------------


class ToolText(BaseModel):
    """The words a subject reads about one tool."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    description: Text
    parameters: dict[str, Text] = {}


class RoomOptions(BaseModel):
    """The options of the drivers `desk` and `office` in `test.yaml`."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    max_steps: Annotated[int, Field(ge=1, le=200)] = 12
    """Turns of the subject after which the attempt ends."""
    tools: Annotated[dict[str, ToolText], Field(min_length=1)]
    """The tools offered, in this order; names and parameters are those of the place's own table."""
    messages: dict[str, Text]
    """Every code of the place with its text; `$name` stands for a field of the case, the world or the call."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Kit:
    """What a place can do: its name (in codes of faults), its tools and every code an answer can have."""

    name: str
    tools: Mapping[str, Tool]
    codes: Collection[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """Options made ready in one language: the tools as a subject is offered them, and the text of every code."""

    max_steps: int
    tools: tuple[ToolSpec, ...]
    texts: Mapping[str, Template]

    def fill(self, code: str, places: Mapping[str, str]) -> str:
        """The text of a code. Places are filled once, so nothing a subject writes is read as a place."""
        return self.texts[code].safe_substitute(places)


def read_words(kit: Kit, options: Mapping[str, Any], *, japanese: bool) -> Words:
    """The options in one language; the same options are read once. Raises `InvalidDocument` with every fault."""
    return _words(kit, json.dumps(options, default=str), japanese=japanese)


@lru_cache(maxsize=32)
def _words(kit: Kit, options: str, *, japanese: bool) -> Words:
    read = read_options(kit, json.loads(options))
    language = "ja" if japanese else "en"
    return Words(
        max_steps=read.max_steps,
        tools=tuple(spec(name, kit.tools[name], text, language) for name, text in read.tools.items()),
        texts={code: Template(getattr(text, language)) for code, text in read.messages.items()},
    )


def read_options(kit: Kit, options: Mapping[str, Any]) -> RoomOptions:
    """The options, checked against what the place can do. Raises `InvalidDocument` with every fault."""
    read = validated(RoomOptions, options, "driver options")
    issues = Issues()
    for name, text in read.tools.items():
        check_tool(kit, name, text, issues)
    for code in sorted(set(kit.codes).symmetric_difference(read.messages)):
        told = "missing" if code in kit.codes else "no such code"
        issues.add(f"{kit.name}-message", "driver options", f"/messages/{code}", told)
    issues.raise_if_any()
    return read


def check_tool(kit: Kit, name: str, text: ToolText, issues: Issues) -> None:
    """Note where a tool is worded that the kit has not, or other parameters than it has."""
    code, place = f"{kit.name}-tool", f"/tools/{name}"
    if name not in kit.tools:
        issues.add(code, "driver options", place, f"there is none but {list(kit.tools)}")
    elif set(text.parameters) != set(kit.tools[name].parameters):
        told = f"must word exactly {list(kit.tools[name].parameters)}"
        issues.add(code, "driver options", f"{place}/parameters", told)


def spec(name: str, tool: Tool, text: ToolText, language: str) -> ToolSpec:
    """A tool as a subject is offered it, in `en` or `ja`."""
    properties = {
        key: {**schema, "description": getattr(text.parameters[key], language)}
        for key, schema in tool.parameters.items()
    }
    return ToolSpec(
        name=name,
        description=getattr(text.description, language),
        parameters={
            "type": "object",
            "properties": properties,
            "required": [key for key in tool.parameters if key not in tool.optional],
            "additionalProperties": False,
        },
    )


def validated(model: type[Model], raw: object, file: str) -> Model:
    """`raw` as a `model`. Raises `InvalidDocument` with every fault and its place."""
    issues = Issues()
    try:
        return model.model_validate(raw)
    except ValidationError as error:
        for fault in error.errors():
            issues.add(fault["type"], file, "/" + "/".join(str(part) for part in fault["loc"]), fault["msg"])
        raise InvalidDocument([str(issue) for issue in issues], [issue.code for issue in issues]) from error
