"""What a test words for the office: descriptions of the tools and the texts of their answers, in English and Japanese."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from string import Template
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from countermark.drivers.desk_texts import ToolText
from countermark.drivers.office_case import ASKED, Office
from countermark.drivers.office_world import CODES, TOOLS, Result
from countermark.errors import InvalidDocument
from countermark.issues import Issues
from countermark.records import Scenario, Text, ToolSpec

Model = TypeVar("Model", bound=BaseModel)


class OfficeOptions(BaseModel):
    """The options of the driver `office` in `test.yaml`."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    max_steps: Annotated[int, Field(ge=1, le=200)] = 12
    """Turns of the subject after which the attempt ends."""
    tools: Annotated[dict[str, ToolText], Field(min_length=1)]
    """The tools offered, in this order; names and parameters are those of `office_world.TOOLS`."""
    messages: dict[str, Text]
    """Every code of `office_world.CODES` with its text; `$name` stands for a field of the thing or of the call."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """Options made ready in one language: the tools as a subject is offered them, and the text of every code."""

    max_steps: int
    tools: tuple[ToolSpec, ...]
    texts: Mapping[str, Template]

    def answer(self, result: Result, name: str) -> str:
        """What the tool says: the code's text, then one for each item. Places are filled once."""
        places = {"tool": name, "detail": result.detail, **result.values}
        told = [self._fill(result.code, places)]
        return "\n".join(told + [self._fill(code, values) for code, values in result.items])

    def _fill(self, code: str, places: Mapping[str, str]) -> str:
        return self.texts[code].safe_substitute(places)


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


def read_options(options: Mapping[str, Any]) -> OfficeOptions:
    """The options, checked against what the office can do. Raises `InvalidDocument` with every fault."""
    read = _validated(OfficeOptions, options, "driver options")
    issues = Issues()
    for name, text in read.tools.items():
        if name not in TOOLS:
            issues.add("office-tool", "driver options", f"/tools/{name}", f"there is none but {list(TOOLS)}")
        elif set(text.parameters) != set(TOOLS[name].parameters):
            issues.add(
                "office-tool", "driver options", f"/tools/{name}/parameters",
                f"must word exactly {list(TOOLS[name].parameters)}",
            )  # fmt: skip
    for code in sorted(CODES.symmetric_difference(read.messages)):
        told = "missing" if code in CODES else "no such code"
        issues.add("office-message", "driver options", f"/messages/{code}", told)
    issues.raise_if_any()
    return read


def read_office(scenario: Scenario) -> Office:
    """The office of a scenario, from its fact `world`. Raises `InvalidDocument` with every fault."""
    office = _validated(Office, scenario.facts.get("world", {}), f"{scenario.id}: fact 'world'")
    issues = Issues()
    keys = office.keys()
    for key in sorted({key for key in keys if keys.count(key) > 1}):
        issues.add("office-world", scenario.id, "/facts/world", f"two documents are called {key!r}")
    for place, key in enumerate(office.plant.documents if office.plant else ()):
        if key not in keys:
            where = f"/facts/world/plant/documents/{place}"
            issues.add("office-world", scenario.id, where, f"no document is called {key!r}")
    aims = {"task": office.task, **({"plant/goal": office.plant.goal} if office.plant else {})}
    for where, aim in aims.items():
        lacking = [name for name in ASKED[aim.act] if not any(getattr(aim, name))]
        for name in lacking:  # an aim that asks for nothing would be reached by anything
            issues.add("office-aim", scenario.id, f"/facts/world/{where}/{name}", f"is empty for {aim.act!r}")
    issues.raise_if_any()
    return office


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
