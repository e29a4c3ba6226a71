"""Item commitments: a fixed vector, order and seed matter."""

import hashlib
import hmac

from countermark.evidence import item_leaf, items_root
from countermark.evidence.merkle import root_of

SCENARIOS = [{"id": "a/b#1", "facts": {"n": 1}}, {"id": "a/b#2", "facts": {}}, {"id": "a/b#3", "facts": {}}]


def test_the_leaf_is_what_the_format_says() -> None:
    salt = hmac.new(b"5eed", b"item\x00a/b\x00" + bytes(7) + b"\x01", hashlib.sha256).digest()
    record = b'{"facts":{},"id":"a/b#2"}'
    assert item_leaf("5eed", "a/b", 1, SCENARIOS[1]) == hashlib.sha256(b"\x00" + salt + record).digest()


def test_the_root_binds_order_seed_and_test() -> None:
    root = items_root("5eed", "a/b", SCENARIOS)
    assert (
        root == root_of([item_leaf("5eed", "a/b", place, one) for place, one in enumerate(SCENARIOS)]).hex()
    )
    others = {
        items_root("5eed", "a/b", SCENARIOS[::-1]),
        items_root("5eee", "a/b", SCENARIOS),
        items_root("5eed", "a/c", SCENARIOS),
        items_root("5eed", "a/b", SCENARIOS[:2]),
    }
    assert root not in others
    assert len(others) == 4
