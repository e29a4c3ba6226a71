"""What the packs inside an audit claim, as plain values that the findings can be held against."""

import os
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

from countermark.canonical import digest
from countermark.errors import UnsafePath
from countermark.files import inside, read_capped
from countermark.issues import Issues
from countermark.pack.cover import Variant
from countermark.pack.document import ReleasePack
from countermark.pack.full import PACK_MANIFEST
from countermark.pack.parts import Claim, Claims, ClaimSettings
from countermark.pack.read import check_pack
from countermark.pack.scan import MAX_ENTRIES
from countermark.pack.sums import parse_sums
from countermark.records import StatedClaim

CLAIMS_FILE = "claims.json"
_RECEIVED = f"received/{PACK_MANIFEST}"
_MAX_MANIFEST = 16 * 1024 * 1024
_NOT_SENT = "default"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stated:
    """Every claim of an audit's packs, in the order of their folders, and the folders whose claims are withheld."""

    claims: list[StatedClaim] = field(default_factory=list)
    withheld: list[str] = field(default_factory=list)


def stated_claims(packs: Path) -> Stated:
    """What the packs of an audit claim.

    Args:
        packs: `pack/` in the audit, one folder a pack. A pack that makes no claim adds nothing; one whose claims.json
            is named by the manifest it came with and is not there counts as withheld.

    Raises:
        InvalidDocument: A pack that holds a claims.json cannot be read.
        UnsafePath: A folder or file is none.
    """
    found = Stated()
    names = sorted(path.name for path in packs.iterdir()) if packs.is_dir() else []
    for name in names[:MAX_ENTRIES]:
        folder = inside(packs, name)
        if os.path.lexists(folder / CLAIMS_FILE):
            found.claims.extend(_claims_of(folder))
        elif (folder / _RECEIVED).exists() and CLAIMS_FILE in _listed(folder):
            found.withheld.append(name)
    return found


def _listed(folder: Path) -> dict[str, str]:
    data = read_capped(inside(folder, _RECEIVED), max_bytes=_MAX_MANIFEST, name=_RECEIVED)
    return parse_sums(data, _RECEIVED, Issues())


def _claims_of(folder: Path) -> list[StatedClaim]:
    checked = check_pack(folder, manifest=False)
    pack = checked.pack
    if isinstance(pack, ReleasePack):
        return []  # the short form has no claims; the file is told of where packs are checked
    part = pack.part(CLAIMS_FILE) if pack is not None else None
    if pack is None or not isinstance(part, Claims):
        checked.issues.raise_if_any()
        raise UnsafePath(f"{folder.name}/{CLAIMS_FILE}", "cannot be read")
    manifest = read_capped(inside(folder, PACK_MANIFEST), max_bytes=_MAX_MANIFEST, name=PACK_MANIFEST)
    variants = {variant.id: variant for variant in pack.cover.variants}
    return [
        _stated(claim, variants.get(claim.subject), folder.name, digest(manifest)) for claim in part.claims
    ]


def _stated(claim: Claim, variant: Variant | None, folder: str, pack_digest: str) -> StatedClaim:
    return StatedClaim(
        pack=folder,
        pack_digest=pack_digest,
        id=claim.id,
        statement=claim.statement,
        subject=claim.subject,
        test=claim.test,
        version=claim.version,
        metric=claim.metric,
        comparator=claim.comparator,
        threshold=claim.threshold,
        under=_under(claim.under),
        asked=_asked(variant) if variant else {},
        void_if=list(claim.void_if),
    )


def _under(settings: ClaimSettings) -> dict[str, str]:
    given = {
        "variant_version": settings.variant_version,
        "reasoning": settings.reasoning,
        "temperature": None if settings.temperature is None else _number(settings.temperature),
        "safeguards_on": None if settings.safeguards_on is None else _names(settings.safeguards_on),
        "max_tokens": None if settings.max_tokens is None else str(settings.max_tokens),
    }
    return {name: value for name, value in given.items() if value is not None}


def _asked(variant: Variant) -> dict[str, str]:
    return {
        "variant_version": variant.version,
        "reasoning": variant.settings.reasoning or _NOT_SENT,
        "temperature": _number(variant.settings.temperature or _NOT_SENT),
        "safeguards_on": _names(variant.safeguards_on),
    }


def _names(names: list[str]) -> str:
    return " ".join(sorted(set(names))) or "none"


def _number(text: str) -> str:
    """`1.0` and `1` are one temperature."""
    return text if text == _NOT_SENT else f"{Decimal(text).normalize():f}"
