"""A pack to be filled in: every field there is, each saying what it asks for, in the words of the format itself."""

import re
import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic.fields import FieldInfo

from countermark.errors import InvalidDocument, UsageError
from countermark.files import inside, slug, write_atomic
from countermark.pack.cover import COVER_SCHEMA, Developer, Model, Release, Variant
from countermark.pack.fields import SUBJECT_ID, Line, unwrapped
from countermark.pack.full import GUIDE, PACK_FILE, PARTS, TERMS_FILE, WEIGHTS_FILE, readable
from countermark.pack.parts import Endpoint
from countermark.pack.terms import Terms

_GUIDE = Path(__file__).parent / "skeleton" / GUIDE
_PROMPT = Path(__file__).parent / "skeleton" / "prompt.md"
Kind = Literal["endpoint", "weights"]
STANDS_FOR: tuple[str, ...] = get_args(Variant.model_fields["stands_for"].annotation)
"""What a variant may stand for, as `pack.json` names it."""


def init_pack(
    directory: Path, *, model: str, developer: str, kind: Kind = "endpoint", variants: Sequence[str] = ()
) -> list[str]:
    """Write a pack to be filled in; `check` then lists what is still to do.

    Args:
        directory: Not there, or empty: nothing is ever overwritten.
        model: Subject id, `provider/model`; for weights a name is enough.
        developer: Who hands over.
        kind: Reached over an API, or weights that the auditor runs.
        variants: What the configurations handed over stand for, each of `STANDS_FOR` at most once; one by default.

    Returns:
        The files written.

    Raises:
        InvalidDocument: The directory holds something.
        UsageError: Model, developer or variants cannot be what is said; everything wrong at once.
    """
    _check_asked(model, developer, kind, variants)
    if directory.exists() and (not directory.is_dir() or any(directory.iterdir())):
        raise InvalidDocument(
            [f"{directory}: [not-empty] is there already and is not an empty directory"], ["not-empty"]
        )
    files: dict[str, bytes] = {
        PACK_FILE: readable(_cover(model, developer, kind, variants or ("deployed",))),
        TERMS_FILE: readable(_terms()),
        GUIDE: _GUIDE.read_bytes(),
        "prompts/system.md": _PROMPT.read_bytes().replace(b"{salt}", secrets.token_hex(32).encode()),
    }
    for name, part in PARTS.items():
        if part is not Endpoint or kind == "endpoint":
            files[name] = readable({**blank(part), "salt": secrets.token_hex(32)})
    if kind == "weights":
        files[WEIGHTS_FILE] = b""
    for name, data in files.items():
        write_atomic(inside(directory, name), data)
    return sorted(files)


def blank(model: type[BaseModel]) -> dict[str, Any]:
    """A document of that kind in which every field says what it asks for."""
    return {
        field.alias or name: _blank_field(field.annotation, _description(model, field))
        for name, field in model.model_fields.items()
        if name != "salt"
    }


def _cover(model: str, developer: str, kind: Kind, variants: Sequence[str]) -> dict[str, Any]:
    name = _subject(model, kind)
    several = len(variants) > 1
    return {
        "schema": COVER_SCHEMA,
        "developer": {**blank(Developer), "name": developer},
        "model": {**blank(Model), "id": model},
        "release": blank(Release),
        "variants": [
            {
                "id": f"{name}@{slug(variant)}" if several else name,
                "kind": kind,
                "version": "todo: snapshot, date or digest of this variant",
                "stands_for": variant,
                "description": "todo: how it differs from the other variants",
                **({"door": name} if several and kind == "endpoint" else {}),
                "safeguards_on": [],
            }
            for variant in variants
        ],
        "absent": {},
    }


def _check_asked(model: str, developer: str, kind: Kind, variants: Sequence[str]) -> None:
    """See that a pack can be made of it. Raises `UsageError` with everything that is wrong."""
    faults, hints = [], []
    if not _is_line(model) or not re.fullmatch(SUBJECT_ID, _subject(model, kind)):
        faults.append(f"{model!r} names no model")
        hints.append("write provider/model, such as openai/gpt-4.1")
    if not _is_line(developer):
        faults.append(f"{developer!r} names no developer")
        hints.append("name the organisation, on one line")
    unknown = [one for one in dict.fromkeys(variants) if one not in STANDS_FOR]
    faults += [f"no variant {one!r}" for one in unknown]
    faults += [f"variant {one} stands twice" for one in STANDS_FOR if variants.count(one) > 1]
    if unknown:
        hints.append(f"variants are {', '.join(STANDS_FOR)}; what pack.json then says of one can be changed")
    if faults:
        raise UsageError("; ".join(faults), hint="; ".join(hints) or "name each variant once")


def _is_line(text: str) -> bool:
    try:
        TypeAdapter(Line).validate_python(text)
    except ValidationError:
        return False
    return True


def _subject(model: str, kind: Kind) -> str:
    return model if kind == "endpoint" else f"weights/{slug(model.rpartition('/')[2])}"


def _terms() -> dict[str, Any]:
    return {**blank(Terms), "default": "auditor", "classes": {}, "audit_copy": "public"}


def _blank_field(annotation: Any, description: str) -> Any:
    kind = unwrapped(annotation)
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return blank(kind)
    if get_origin(kind) is list:
        return [_blank_field(get_args(kind)[0], description)]
    if get_origin(kind) is Literal:
        return f"todo: one of {', '.join(map(str, get_args(kind)))}. {description}"
    if kind is int:
        return f"todo: a whole number. {description}"
    if kind is bool:
        return f"todo: true or false. {description}"
    return f"todo: {description}"


def _description(model: type[BaseModel], field: FieldInfo) -> str:
    text = field.description or (model.__doc__ or "").strip().partition("\n")[0]
    return text if field.is_required() else f"{text} May be removed."
