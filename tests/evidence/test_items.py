"""Item commitments: a fixed vector, order and seed matter."""

import hashlib
import hmac

import pytest

from countermark.errors import EvidenceError
from countermark.evidence import format_leaves, item_leaf, item_leaves, items_root
from countermark.evidence.items import parse_leaves
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


def test_leaves_are_written_and_read_and_make_the_root() -> None:
    leaves = {"a/b": item_leaves("5eed", "a/b", SCENARIOS)}
    assert parse_leaves(format_leaves(leaves)) == leaves
    assert root_of(leaves["a/b"]).hex() == items_root("5eed", "a/b", SCENARIOS)
    for broken in (b"{}", b'{"leaves":{"a/b":["00"]},"schema":"countermark/item-leaves/v0.1"}', b"\xff"):
        with pytest.raises(EvidenceError, match=r"draw/items\.json"):
            parse_leaves(broken)
