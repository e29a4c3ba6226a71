"""Reading packs from directories, with every fault at once; and the packs of the built-in reference subjects."""

from pathlib import Path
from typing import Any, Literal

from pydantic import ValidationError

from countermark.canonical import InvalidJson, decode
from countermark.errors import UnsafePath
from countermark.files import inside, read_capped, walk
from countermark.issues import Issues
from countermark.pack.document import PACK_SCHEMA, PackSubject, ReleasePack

PACK_FILE = "pack.json"
_REFERENCE = Path(__file__).parent / "reference"
_MAX_PACK = 4 * 1024 * 1024


def read_pack(directory: Path) -> ReleasePack:
    """The pack in a directory.

    Raises:
        InvalidDocument: With every fault: unsafe files, broken JSON, unknown or missing fields, impossible shares.
    """
    issues = Issues()
    raw = _read_json(directory, issues)
    pack = None if raw is None else _validate(raw, issues)
    issues.raise_if_any()
    assert pack is not None
    return pack


def reference_packs() -> dict[str, ReleasePack]:
    """The built-in reference subjects' packs by subject id, in the order they are shown."""
    packs = [read_pack(_REFERENCE / name) for name in ("guarded", "helpful", "reckless", "gamer")]
    return {pack.subject.id: pack for pack in packs}


def minimal_pack(
    subject: str,
    kind: Literal["live", "recording"],
    *,
    settings: dict[str, str] | None = None,
    source: dict[str, str] | None = None,
) -> ReleasePack:
    """The pack made for a subject that nobody handed over: a public API's model or a published recording."""
    what = "A public API's model, tested as served." if kind == "live" else "A recording of a published run."
    return ReleasePack(
        schema_=PACK_SCHEMA,
        subject=PackSubject(id=subject, kind=kind, version="as served", description=what),
        settings=settings or {},
        source=source or {},
    )


def _read_json(directory: Path, issues: Issues) -> Any:
    try:
        for _ in walk(directory):
            pass
        return decode(
            read_capped(inside(directory, PACK_FILE), max_bytes=_MAX_PACK, name=PACK_FILE), floats=False
        )
    except UnsafePath as error:
        issues.add("path-unsafe", PACK_FILE, "", error.faults[0])
    except InvalidJson as error:
        issues.add("json", PACK_FILE, "", str(error))
    return None


def _validate(raw: object, issues: Issues) -> ReleasePack | None:
    try:
        return ReleasePack.model_validate(raw)
    except ValidationError as error:
        for fault in error.errors():
            issues.add(fault["type"], PACK_FILE, "/" + "/".join(map(str, fault["loc"])), fault["msg"])
        return None
