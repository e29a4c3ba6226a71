"""JSON Schemas and field tables of the pack's documents, generated from the models: `make docs` writes them."""

import json
from collections.abc import Mapping
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from countermark.pack.cover import Cover
from countermark.pack.document import ReleasePack
from countermark.pack.fields import unwrapped
from countermark.pack.full import PACK_FILE, PARTS, TERMS_FILE
from countermark.pack.terms import Terms

_BASE = "https://countermark.example/schemas"
_DIALECT = "https://json-schema.org/draft/2020-12/schema"


def pack_schemas() -> dict[str, str]:
    """File name in schemas/ to the text of the JSON Schema (draft 2020-12) of one document of a pack."""
    documents: dict[str, type[BaseModel]] = {
        "release-pack": Cover,
        "release-pack-short": ReleasePack,
        **{name.rpartition("/")[2].removesuffix(".json"): model for name, model in _documents().items()},
    }
    documents.pop("pack")
    return {f"{name}.schema.json": _schema(name, model) for name, model in documents.items()}


def format_tables() -> str:
    """Markdown: every document of a pack with every field, whether it is owed, and what it means."""
    sections = []
    for name, model in _documents().items():
        sections.append(f"### `{name}`\n\n{_first_line(model)}\n\n" + _table(model))
        sections += [f"**{one.__name__}.** {_first_line(one)}\n\n" + _table(one) for one in _inner(model)]
    return "\n\n".join(sections)


def _documents() -> Mapping[str, type[BaseModel]]:
    return {PACK_FILE: Cover, TERMS_FILE: Terms, **PARTS}


def _schema(name: str, model: type[BaseModel]) -> str:
    schema = model.model_json_schema(by_alias=True)
    head = {"$schema": _DIALECT, "$id": f"{_BASE}/{name}.schema.json"}
    return json.dumps(head | schema, ensure_ascii=False, indent=2) + "\n"


def _table(model: type[BaseModel]) -> str:
    lines = ["| field | what stands there | owed | meaning |", "|---|---|---|---|"]
    for name, field in model.model_fields.items():
        owed = "yes" if field.is_required() else "no"
        meaning = " ".join((field.description or "").split()).replace("|", "\\|")
        lines.append(f"| `{field.alias or name}` | {_kind(field.annotation)} | {owed} | {meaning} |")
    return "\n".join(lines)


def _kind(annotation: Any) -> str:
    annotation = unwrapped(annotation)
    origin = get_origin(annotation)
    if origin is list:
        return f"list of {_kind(get_args(annotation)[0])}"
    if origin is dict:
        key, value = (_kind(one) for one in get_args(annotation))
        return f"{key} to {value}"
    if origin is Literal:
        values = get_args(annotation)
        return " or ".join(f"`{one}`" for one in values) if len(values) < 10 else "item"
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation.__name__
    return {str: "text", int: "whole number", bool: "true or false"}.get(annotation, "text")


def _inner(model: type[BaseModel]) -> list[type[BaseModel]]:
    """The documents inside a document, in the order they are met."""
    found: list[type[BaseModel]] = []
    for field in model.model_fields.values():
        for one in _models(field):
            found += [one, *_inner(one)]
    return list(dict.fromkeys(found))


def _models(field: FieldInfo) -> list[type[BaseModel]]:
    waiting, found = [field.annotation], []
    while waiting:
        one: Any = waiting.pop(0)
        if isinstance(one, type) and issubclass(one, BaseModel):
            found.append(one)
        waiting += get_args(one)
    return found


def _first_line(model: type[BaseModel]) -> str:
    return " ".join((model.__doc__ or "").split())
