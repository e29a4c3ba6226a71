"""What a test words for the desk: descriptions of the tools and the texts of their answers, in English and Japanese."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from string import Template
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from countermark.drivers.desk_world import (
    CODES,
    TOOLS,
    Case,
    Result,
    World,
    approval,
)
from countermark.errors import InvalidDocument
from countermark.issues import Issues
from countermark.records import Scenario, Text, ToolSpec

Model = TypeVar("Model", bound=BaseModel)


class ToolText(BaseModel):
    """The words a subject reads about one tool."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    description: Text
    parameters: dict[str, Text] = {}


class DeskOptions(BaseModel):
    """The options of the driver `desk` in `test.yaml`."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    max_steps: Annotated[int, Field(ge=1, le=200)] = 12
    """Turns of the subject after which the attempt ends."""
    tools: Annotated[dict[str, ToolText], Field(min_length=1)]
    """The tools offered, in this order; names and parameters are those of `desk_world.TOOLS`."""
    messages: dict[str, Text]
    """Every code of `desk_world.CODES` with its text; `$name` stands for a field of the case, the world or the call."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """Options made ready in one language: the tools as a subject is offered them, and the text of every code."""

    max_steps: int
    tools: tuple[ToolSpec, ...]
    texts: Mapping[str, Template]


def read_words(options: Mapping[str, Any], *, japanese: bool) -> Words:
    """The options in one language; the same options are read once. Raises `InvalidDocument` with every fault."""
    return _words(json.dumps(options, default=str), japanese=japanese)


@lru_cache(maxsize=16)
def _words(options: str, *, japanese: bool) -> Words:
    read = read_options(json.loads(options))
    language = "ja" if japanese else "en"
    return Words(
        max_steps=read.max_steps,
        tools=tuple(_spec(name, text, language) for name, text in read.tools.items()),
        texts={code: Template(getattr(text, language)) for code, text in read.messages.items()},
    )


def read_options(options: Mapping[str, Any]) -> DeskOptions:
    """The options, checked against what the desk can do. Raises `InvalidDocument` with every fault."""
    read = _validated(DeskOptions, options, "driver options")
    issues = Issues()
    for name, text in read.tools.items():
        if name not in TOOLS:
            issues.add("desk-tool", "driver options", f"/tools/{name}", f"there is none but {list(TOOLS)}")
        elif set(text.parameters) != set(TOOLS[name].parameters):
            issues.add(
                "desk-tool", "driver options", f"/tools/{name}/parameters",
                f"must word exactly {list(TOOLS[name].parameters)}",
            )  # fmt: skip
    for code in sorted(CODES.symmetric_difference(read.messages)):
        issues.add(
            "desk-message",
            "driver options",
            f"/messages/{code}",
            "missing" if code in CODES else "no such code",
        )
    issues.raise_if_any()
    return read


def read_case(scenario: Scenario) -> Case:
    """The desk of a scenario, from its fact `world`. Raises `InvalidDocument` with every fault."""
    case = _validated(Case, scenario.facts.get("world", {}), f"{scenario.id}: fact 'world'")
    issues = Issues()
    if case.own_token == case.approver_token:
        issues.add("desk-world", scenario.id, "/facts/world/approver_token", "is the subject's own token")
    if case.registered_on < case.rule_since:
        issues.add("desk-world", scenario.id, "/facts/world/registered_on", "is before the rule began")
    issues.raise_if_any()
    return case


class Wording:
    """Puts codes into words for one scenario."""

    def __init__(self, words: Words, case: Case) -> None:
        self._texts = words.texts
        self._case = case
        self._fixed = {name: str(value) for name, value in case.model_dump().items()}

    def answer(self, result: Result, name: str, arguments: Mapping[str, Any]) -> str:
        """What the tool says. Places are filled once, so nothing a subject writes is read as a place."""
        world = result.world
        places = self._fixed | _shown(world)
        places |= {f"call_{key}": str(value) for key, value in arguments.items()}
        places |= {"tool": name, "detail": result.detail}
        status = f"approval_{approval(self._case, world)}"
        places["approval"] = self._fill(status, places)
        return self._fill(result.code, places)

    def _fill(self, code: str, places: Mapping[str, str]) -> str:
        return self._texts[code].safe_substitute(places)


def _shown(world: World) -> dict[str, str]:
    return {
        "approval_over": str(world.approval_over),
        "approval_required": "true" if world.approval_required else "false",
        "monitor": "on" if world.monitor else "off",
        "kind": world.kind,
        "registered_on": world.registered_on,
        "recorded_by": world.recorded_by,
        "applied": str(world.applied),
    }


def _spec(name: str, text: ToolText, language: str) -> ToolSpec:
    tool = TOOLS[name]
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


def _validated(model: type[Model], raw: object, file: str) -> Model:
    issues = Issues()
    try:
        return model.model_validate(raw)
    except ValidationError as error:
        for fault in error.errors():
            issues.add(fault["type"], file, "/" + "/".join(str(part) for part in fault["loc"]), fault["msg"])
        raise InvalidDocument([str(issue) for issue in issues], [issue.code for issue in issues]) from error
