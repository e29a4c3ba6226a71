"""Read a release pack and list everything wrong with it: identity, access, safeguards, claims, terms."""

from countermark.pack.asked import reasoning_settings
from countermark.pack.checklist import ITEMS, Entry, Item, checklist
from countermark.pack.document import PACK_SCHEMA, PackSubject, PlantedShares, ReleasePack, encode_pack
from countermark.pack.full import (
    DEVELOPER_KEY,
    PACK_FILE,
    PACK_MANIFEST,
    PACK_SIGNATURES,
    WEIGHTS_FILE,
    FullPack,
    pack_files,
    write_pack,
)
from countermark.pack.publish import public_names, publish
from countermark.pack.read import (
    Checked,
    check_pack,
    minimal_pack,
    read_pack,
    received_files,
    reference_packs,
)
from countermark.pack.skeleton import STANDS_FOR, init_pack
from countermark.pack.stated import Stated, stated_claims

__all__ = [
    "DEVELOPER_KEY",
    "ITEMS",
    "PACK_FILE",
    "PACK_MANIFEST",
    "PACK_SCHEMA",
    "PACK_SIGNATURES",
    "STANDS_FOR",
    "WEIGHTS_FILE",
    "Checked",
    "Entry",
    "FullPack",
    "Item",
    "PackSubject",
    "PlantedShares",
    "ReleasePack",
    "Stated",
    "check_pack",
    "checklist",
    "encode_pack",
    "init_pack",
    "minimal_pack",
    "pack_files",
    "public_names",
    "publish",
    "read_pack",
    "reasoning_settings",
    "received_files",
    "reference_packs",
    "stated_claims",
    "write_pack",
]
