"""Salted commitments to a test's scenarios, so that they are fixed before the run without being shown."""

import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence
from typing import Any

from countermark import canonical
from countermark.errors import EvidenceError
from countermark.evidence.merkle import leaf_hash, root_of

LEAVES = "draw/items.json"
LEAVES_SCHEMA = "countermark/item-leaves/v0.1"
MAX_LEAVES = 512 * 1024 * 1024
_HEX = re.compile(r"[0-9a-f]{64}")


def item_salt(seed: str, test: str, index: int) -> bytes:
    """The 32-byte salt of scenario `index` of `test`: HMAC-SHA256 under the audit's seed."""
    message = b"item\x00" + test.encode() + b"\x00" + index.to_bytes(8, "big")
    return hmac.digest(seed.encode(), message, hashlib.sha256)


def item_leaf(seed: str, test: str, index: int, scenario: Mapping[str, Any]) -> bytes:
    """The leaf of one scenario, given as `codec.to_json` writes it."""
    return leaf_hash(item_salt(seed, test, index), canonical.encode(dict(scenario)))


def item_leaves(seed: str, test: str, scenarios: Sequence[Mapping[str, Any]]) -> list[bytes]:
    """The leaves of a test's scenarios in item order, 32 bytes each."""
    return [item_leaf(seed, test, index, item) for index, item in enumerate(scenarios)]


def items_root(seed: str, test: str, scenarios: Sequence[Mapping[str, Any]]) -> str:
    """Merkle root over a test's scenarios in item order, 64 hexadecimal digits: `items` in the draw."""
    return root_of(item_leaves(seed, test, scenarios)).hex()


def format_leaves(leaves: Mapping[str, Sequence[bytes]]) -> bytes:
    """draw/items.json: every leaf of every test, so that the root can be checked though some scenarios are never put."""
    return canonical.encode(
        {
            "leaves": {test: [leaf.hex() for leaf in own] for test, own in leaves.items()},
            "schema": LEAVES_SCHEMA,
        }
    )


def parse_leaves(data: bytes) -> dict[str, list[bytes]]:
    """Test to its leaves in item order. Raises `EvidenceError`."""
    try:
        value = canonical.decode(data, max_bytes=MAX_LEAVES, floats=False)
    except canonical.InvalidJson as error:
        raise EvidenceError(f"{LEAVES}: {error}") from error
    match value:
        case {"schema": str(schema), "leaves": dict(leaves)} if len(value) == 2 and schema == LEAVES_SCHEMA:
            if all(_are_leaves(own) for own in leaves.values()):
                return {test: [bytes.fromhex(leaf) for leaf in own] for test, own in leaves.items()}
    raise EvidenceError(f"{LEAVES}: is not each test's leaves in hexadecimal")


def _are_leaves(own: Any) -> bool:
    return isinstance(own, list) and all(isinstance(leaf, str) and _HEX.fullmatch(leaf) for leaf in own)
