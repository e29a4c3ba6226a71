"""Salted commitments to a test's scenarios, so that a plan fixes them before the run without showing them."""

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from typing import Any

from countermark import canonical
from countermark.evidence.merkle import leaf_hash, root_of


def item_salt(seed: str, test: str, index: int) -> bytes:
    """The 32-byte salt of scenario `index` of `test`: HMAC-SHA256 under the plan's seed."""
    message = b"item\x00" + test.encode() + b"\x00" + index.to_bytes(8, "big")
    return hmac.digest(seed.encode(), message, hashlib.sha256)


def item_leaf(seed: str, test: str, index: int, scenario: Mapping[str, Any]) -> bytes:
    """The leaf of one scenario, given as `codec.to_json` writes it."""
    return leaf_hash(item_salt(seed, test, index), canonical.encode(dict(scenario)))


def items_root(seed: str, test: str, scenarios: Sequence[Mapping[str, Any]]) -> str:
    """Merkle root over a test's scenarios in item order, 64 hexadecimal digits: `items_root` in the plan."""
    return root_of(item_leaf(seed, test, index, item) for index, item in enumerate(scenarios)).hex()
