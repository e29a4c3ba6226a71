"""Read a release pack and list everything wrong with it: identity, access, safeguards, claims, terms."""

from countermark.pack.document import PACK_SCHEMA, PackSubject, PlantedShares, ReleasePack, encode_pack
from countermark.pack.read import PACK_FILE, minimal_pack, read_pack, reference_packs

__all__ = [
    "PACK_FILE",
    "PACK_SCHEMA",
    "PackSubject",
    "PlantedShares",
    "ReleasePack",
    "encode_pack",
    "minimal_pack",
    "read_pack",
    "reference_packs",
]
