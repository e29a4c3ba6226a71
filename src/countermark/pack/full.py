"""A handed-over pack as one value, and its files as bytes."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from pydantic import BaseModel

from countermark.files import inside, write_atomic
from countermark.pack.cover import Cover, Variant
from countermark.pack.document import PACK_SCHEMA, PackSubject, ReleasePack
from countermark.pack.parts import Access, Card, Claims, Endpoint, Part, Safeguards, Sampling
from countermark.pack.sums import format_sums
from countermark.pack.terms import Terms

PACK_FILE = "pack.json"
TERMS_FILE = "terms.json"
WEIGHTS_FILE = "identity/weights.sha256"
MODEL_SIGNATURE = "identity/model.sig"
DEVELOPER_KEY = "keys/developer.pub.pem"
GUIDE = "README.md"
PACK_MANIFEST = "MANIFEST.sha256"
PACK_SIGNATURES = "signatures.intoto.jsonl"
PROMPTS = "prompts/"
PARTS: Mapping[str, type[Part]] = MappingProxyType(
    {
        "identity/endpoint.json": Endpoint,
        "access.json": Access,
        "safeguards.json": Safeguards,
        "sampling.json": Sampling,
        "card.json": Card,
        "claims.json": Claims,
    }
)
"""Every optional JSON file of a pack and what it holds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FullPack:
    """A handed-over pack.

    Attributes:
        cover: pack.json.
        terms: terms.json.
        parts: The optional JSON documents that are there, by file name as in `PARTS`.
        weights: Weight file to SHA-256; empty where no weights are handed over.
        prompts: System prompts and model specifications (I4), file name (`prompts/….md`) to text.
        model_signature: An existing model signature, as its bytes stand; empty where there is none.
        withheld: Files that the manifest names and that are not there because they are not public.
    """

    cover: Cover
    terms: Terms
    parts: Mapping[str, Part] = field(default_factory=dict)
    weights: Mapping[str, str] = field(default_factory=dict)
    prompts: Mapping[str, str] = field(default_factory=dict)
    model_signature: bytes = b""
    withheld: frozenset[str] = frozenset()

    @property
    def subjects(self) -> tuple[ReleasePack, ...]:
        """Each variant as the short pack of one subject."""
        return tuple(self._as_short(variant) for variant in self.cover.variants)

    @property
    def doors(self) -> dict[str, str]:
        """Subject id to the `provider/model` by which it is reached; weights without a door are not in it."""
        reached = [one for one in self.cover.variants if one.door is not None or one.kind == "endpoint"]
        return {one.id: one.door or one.id for one in reached}

    def part(self, name: str) -> Part | None:
        """The document of that file name, or None."""
        return self.parts.get(name)

    def _as_short(self, variant: Variant) -> ReleasePack:
        settings: dict[str, str] = variant.settings.model_dump(exclude_none=True)
        endpoint = self.parts.get("identity/endpoint.json")
        if isinstance(endpoint, Endpoint) and variant.kind == "endpoint":
            settings = {"base_url": endpoint.base_url, **settings}
        return ReleasePack(
            schema_=PACK_SCHEMA,
            subject=PackSubject(
                id=variant.id,
                kind="reference" if variant.kind == "reference" else "live",
                version=variant.version,
                description=variant.description[:4000],
            ),
            settings=settings,
            safeguards=list(variant.safeguards_on),
            planted=variant.planted,
            cues=variant.cues,
        )


def pack_files(pack: FullPack) -> dict[str, bytes]:
    """The pack's files as `write_pack` writes them, name to content."""
    documents: dict[str, BaseModel] = {PACK_FILE: pack.cover, TERMS_FILE: pack.terms, **pack.parts}
    files = {name: readable(_plain(document)) for name, document in documents.items()}
    files |= {name: text.encode() for name, text in pack.prompts.items()}
    files |= {WEIGHTS_FILE: format_sums(pack.weights)} if pack.weights else {}
    return files | ({MODEL_SIGNATURE: pack.model_signature} if pack.model_signature else {})


def write_pack(pack: FullPack, directory: Path) -> None:
    """Write the pack's files; what is withheld cannot be written. Overwrites."""
    for name, data in pack_files(pack).items():
        write_atomic(inside(directory, name), data)


def readable(value: object) -> bytes:
    """JSON as people edit it: indented, not sorted, one line feed at the end."""
    return (json.dumps(value, ensure_ascii=False, indent=2) + "\n").encode()


def _plain(document: BaseModel) -> object:
    return document.model_dump(mode="json", by_alias=True, exclude_none=True, exclude_defaults=True)
