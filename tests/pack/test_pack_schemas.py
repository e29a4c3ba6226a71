"""The schemas and field tables are those of the models, and the examples fit them."""

import json
import runpy
from pathlib import Path

import pytest
from pydantic import BaseModel

from countermark.pack.cover import Cover
from countermark.pack.full import PARTS
from countermark.pack.schemas import pack_schemas
from countermark.pack.terms import Terms
from pack_factory import EXAMPLES, NAMES

ROOT = Path(__file__).parents[2]


def test_schemas_and_tables_are_current() -> None:
    pages = runpy.run_path(str(ROOT / "docs" / "build.py"))["pack_pages"]()
    for page, text in pages.items():
        assert page.read_text() == text, f"{page.name}: run `make docs`"
    assert {path.name for path in (ROOT / "schemas").iterdir()} == set(pack_schemas())


@pytest.mark.parametrize("name", NAMES)
def test_examples_fit(name: str) -> None:
    jsonschema = pytest.importorskip("jsonschema")
    schemas = {file: json.loads(text) for file, text in pack_schemas().items()}
    for path in (EXAMPLES / name).rglob("*.json"):
        stem = "release-pack" if path.name == "pack.json" else path.stem
        schema = schemas[f"{stem}.schema.json"]
        jsonschema.Draft202012Validator.check_schema(schema)
        jsonschema.validate(json.loads(path.read_text()), schema)
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate({"unknown": 1}, schema)


@pytest.mark.parametrize("model", [Cover, Terms, *PARTS.values()])
def test_every_field_says_what_it_means(model: type[BaseModel]) -> None:
    schema = model.model_json_schema(by_alias=True)
    for one in [schema, *schema.get("$defs", {}).values()]:
        if one["title"] != "PlantedShares":
            for name, field in one.get("properties", {}).items():
                assert field.get("description"), f"{one['title']}.{name}"
