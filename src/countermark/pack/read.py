"""Reading packs from directories, with every fault at once; and the packs of the built-in reference subjects."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import BaseModel

from countermark.errors import UnsafePath
from countermark.files import inside, read_capped
from countermark.issues import Issues
from countermark.pack.checklist import check_items
from countermark.pack.consistency import check_consistency, check_ids
from countermark.pack.cover import Cover
from countermark.pack.document import PACK_SCHEMA, PackSubject, ReleasePack
from countermark.pack.full import (
    DEVELOPER_KEY,
    GUIDE,
    MODEL_SIGNATURE,
    PACK_FILE,
    PACK_MANIFEST,
    PACK_SIGNATURES,
    PARTS,
    TERMS_FILE,
    WEIGHTS_FILE,
    FullPack,
)
from countermark.pack.model_signature import check_model_signature
from countermark.pack.parts import Part
from countermark.pack.reading import PROMPT, check_todo, is_todo, read_json, read_text, validate
from countermark.pack.scan import scan, shown
from countermark.pack.sums import check_weights, hash_plain, parse_sums
from countermark.pack.terms import Terms, is_public

_Model = TypeVar("_Model", bound=BaseModel)

MAX_FILE = 16 * 1024 * 1024
_REFERENCE = Path(__file__).parent / "reference"
_ANY_FORM = frozenset({PACK_FILE, PACK_MANIFEST, PACK_SIGNATURES, DEVELOPER_KEY, GUIDE})
_FULL_FORM = _ANY_FORM | {TERMS_FILE, WEIGHTS_FILE, MODEL_SIGNATURE, *PARTS}
_NOT_LISTED = (PACK_MANIFEST, PACK_SIGNATURES)


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What came of reading a pack: the pack where it could be read at all, and every fault."""

    pack: FullPack | ReleasePack | None
    issues: Issues = field(default_factory=Issues)


def check_pack(
    directory: Path,
    *,
    weights: Path | None = None,
    model_key: bytes | None = None,
    on: str = "0000-00-00",
    manifest: bool = True,
) -> Checked:
    """Read a pack and list everything wrong with it; raises nothing on account of what lies there.

    Args:
        directory: The pack.
        weights: Where the weights lie, to hash them against identity/weights.sha256.
        model_key: PEM of the key under which identity/model.sig must hold.
        on: The day (YYYY-MM-DD) a public subset was made: what was not public then may be missing. By default, what
            is ever withheld.
        manifest: False leaves the pack's own manifest aside, which is about to be made again.
    """
    issues = Issues()
    names = scan(directory, issues)
    raw = read_json(directory, PACK_FILE, issues)
    short = isinstance(raw, dict) and "subject" in raw
    _check_names(names, issues, short=short)
    _check_sizes(directory, names, issues)
    sums = _read_manifest(directory, names, issues) if manifest else None
    if short:
        pack: FullPack | ReleasePack | None = validate(ReleasePack, raw, PACK_FILE, issues)
        _compare(directory, names, sums, frozenset(), issues)
    else:
        pack = _read_full(directory, raw, names, sums, on, issues)
    if weights is not None:
        _check_weights(pack, weights, issues)
    if isinstance(pack, FullPack) and pack.model_signature and WEIGHTS_FILE not in pack.withheld:
        check_model_signature(pack.model_signature, pack.weights, issues, key=model_key)
    elif model_key is not None:
        issues.add("model-signature", MODEL_SIGNATURE, "", "is not there to hold the key against")
    return Checked(pack=pack, issues=issues)


def read_pack(directory: Path) -> FullPack | ReleasePack:
    """The pack in a directory: short form or full form, as its pack.json says.

    Raises:
        InvalidDocument: With every fault: unsafe files, broken JSON, unknown or missing fields, contradictions, items
            neither given nor declared absent, files that differ from the pack's own manifest.
    """
    checked = check_pack(directory)
    checked.issues.raise_if_any()
    assert checked.pack is not None
    return checked.pack


def reference_packs() -> dict[str, ReleasePack]:
    """The built-in reference subjects' packs by subject id, in the order they are shown."""
    packs = [read_pack(_REFERENCE / name) for name in ("guarded", "helpful", "reckless", "gamer")]
    return {pack.subject.id: pack for pack in packs if isinstance(pack, ReleasePack)}


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


def received_files(directory: Path) -> dict[str, bytes]:
    """Every file of a pack that has been checked, as its bytes stand, name to content."""
    names = scan(directory, issues := Issues())
    issues.raise_if_any()
    return {name: read_capped(inside(directory, name), max_bytes=MAX_FILE, name=name) for name in names}


def _check_names(names: Iterable[str], issues: Issues, *, short: bool) -> None:
    known = _ANY_FORM if short else _FULL_FORM
    for name in names:
        if name not in known and (short or not PROMPT.fullmatch(name)):
            hint = "remove it, or keep it elsewhere: a pack holds only files that are documented"
            issues.add("file-unknown", shown(name), "", "is no file that the format knows", hint)


def _check_sizes(directory: Path, names: Iterable[str], issues: Issues) -> None:
    for name in names:
        size = (directory / name).lstat().st_size
        if size > MAX_FILE:
            hint = "weights lie elsewhere; a pack only lists their digests"
            issues.add("too-large", shown(name), "", f"has {size} bytes, over the limit of {MAX_FILE}", hint)


def _read_manifest(directory: Path, names: Iterable[str], issues: Issues) -> dict[str, str] | None:
    if PACK_MANIFEST not in names:
        if PACK_SIGNATURES in names:
            issues.add("manifest-missing", PACK_MANIFEST, "", "is missing, yet there is a signature over it")
        return None
    data = read_text(directory, PACK_MANIFEST, issues)
    return None if data is None else parse_sums(data.encode(), PACK_MANIFEST, issues)


def _compare(
    directory: Path,
    names: Iterable[str],
    sums: dict[str, str] | None,
    withheld: frozenset[str],
    issues: Issues,
) -> None:
    """Every file that is missing, extra or changed by the pack's own manifest."""
    present = set(names) - {*_NOT_LISTED}
    again = "if it was changed on purpose, sign the pack again"
    for name in sorted({*present, *sums} if sums is not None else ()):
        assert sums is not None
        if name not in present:
            if name not in withheld:
                issues.add("file-missing", shown(name), "", "is missing, and the manifest names it")
        elif name not in sums:
            issues.add("file-extra", shown(name), "", "was added: the manifest does not name it", again)
        elif _digest(directory, name, issues) != sums[name]:
            issues.add("file-changed", shown(name), "", "was changed after the manifest was made", again)


def _digest(directory: Path, name: str, issues: Issues) -> str:
    try:
        return hash_plain(inside(directory, name), name)
    except UnsafePath as error:
        issues.add("path-unsafe", shown(name), "", error.faults[0].partition("[path-unsafe] ")[2])
        return ""


def _read_full(
    directory: Path,
    raw: Any,
    names: list[str],
    sums: dict[str, str] | None,
    on: str,
    issues: Issues,
) -> FullPack | None:
    cover = _document(Cover, raw, PACK_FILE, issues)
    terms = _document(Terms, read_json(directory, TERMS_FILE, issues), TERMS_FILE, issues)
    parts = {name: _part(directory, name, issues) for name in PARTS if name in names}
    prompts = {name: _prompt(directory, name, issues) for name in names if PROMPT.fullmatch(name)}
    weights = read_text(directory, WEIGHTS_FILE, issues) if WEIGHTS_FILE in names else None
    listed = parse_sums(weights.encode(), WEIGHTS_FILE, issues) if weights is not None else {}
    absent = frozenset(sums or ()) - frozenset(names)
    signature = _model_signature(directory, names, issues)
    hidden = frozenset(name for name in absent if terms and _may_be_withheld(terms, name, on))
    _compare(directory, names, sums, hidden, issues)
    if cover is None or terms is None or None in parts.values() or None in prompts.values():
        check_ids(raw, issues)
        return None
    pack = FullPack(
        cover=cover,
        terms=terms,
        parts={name: part for name, part in parts.items() if part is not None},
        weights=listed,
        prompts={name: text for name, text in prompts.items() if text is not None},
        model_signature=signature,
        withheld=hidden,
    )
    check_consistency(pack, {*names, *hidden} - {*_NOT_LISTED}, issues)
    check_items(pack, issues, [WEIGHTS_FILE] if weights and not listed else ())
    return pack


def _may_be_withheld(terms: Terms, name: str, on: str) -> bool:
    known = name in _FULL_FORM or PROMPT.fullmatch(name) is not None
    return known and not is_public(terms, name, on)


def _part(directory: Path, name: str, issues: Issues) -> Part | None:
    return _document(PARTS[name], read_json(directory, name, issues), name, issues)


def _document(model: type[_Model], raw: Any, file: str, issues: Issues) -> _Model | None:
    return None if raw is None else validate(model, raw, file, issues, todo=check_todo(raw, file, issues))


def _prompt(directory: Path, name: str, issues: Issues) -> str | None:
    text = read_text(directory, name, issues)
    if text is not None and not text.strip():
        issues.add("prompt-empty", name, "", "is empty", "write the text, or remove the file")
    elif text is not None and is_todo(text):
        issues.add("todo", name, "", "is still to be filled in")
    return text


def _model_signature(directory: Path, names: list[str], issues: Issues) -> bytes:
    text = read_text(directory, MODEL_SIGNATURE, issues) if MODEL_SIGNATURE in names else None
    return (text or "").encode()


def _check_weights(pack: FullPack | ReleasePack | None, directory: Path, issues: Issues) -> None:
    if any(issue.file == WEIGHTS_FILE for issue in issues):
        return  # it lists weights by lines that cannot be read, each told already
    if not isinstance(pack, FullPack) or not pack.weights:
        issues.add("weights-none", WEIGHTS_FILE, "", "lists no weights to hold these against")
        return
    check_weights(pack.weights, directory, scan(directory, issues), issues)
