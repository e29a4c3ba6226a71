"""RFC 6962's own tree, and the laws of proofs on trees of every small size."""

from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from countermark.evidence.merkle import (
    EMPTY_ROOT,
    Frontier,
    blob_commitment,
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    node_hash,
    root_of,
    verify_consistency,
    verify_inclusion,
)

# The eight leaves and roots that Certificate Transparency's reference implementations share.
CT_LEAVES = [
    "",
    "00",
    "10",
    "2021",
    "3031",
    "40414243",
    "5051525354555657",
    "606162636465666768696a6b6c6d6e6f",
]
CT_ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
PATH_0_OF_8 = [
    "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
    "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
    "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
]
CONSISTENCY_6_TO_8 = [
    "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
    "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
]
LEAVES = [sha256(b"\x00" + bytes.fromhex(text)).digest() for text in CT_LEAVES]


@pytest.mark.parametrize("size", range(9))
def test_known_roots(size: int) -> None:
    assert root_of(LEAVES[:size]).hex() == CT_ROOTS[size]


def test_known_proofs() -> None:
    assert [step.hex() for step in inclusion_proof(LEAVES, 0)] == PATH_0_OF_8
    assert [step.hex() for step in consistency_proof(LEAVES, 1)] == PATH_0_OF_8
    assert [step.hex() for step in consistency_proof(LEAVES, 6)] == CONSISTENCY_6_TO_8


def test_hashes_are_kept_apart() -> None:
    salt, data = b"s" * 32, b"record"
    assert leaf_hash(salt, data) == sha256(b"\x00" + salt + data).digest()
    assert node_hash(salt, data) == sha256(b"\x01" + salt + data).digest()
    assert blob_commitment(salt, data) == sha256(b"\x02" + salt + data).digest()


def test_every_inclusion_in_every_small_tree() -> None:
    for size in range(1, 20):
        leaves = [bytes([number]) * 32 for number in range(size)]
        root = root_of(leaves)
        for index, leaf in enumerate(leaves):
            proof = inclusion_proof(leaves, index)
            assert verify_inclusion(leaf, index, size, proof, root)
            assert not verify_inclusion(leaf, (index + 1) % size, size, proof, root) or size == 1
            assert not verify_inclusion(b"x" * 32, index, size, proof, root)
            assert not verify_inclusion(leaf, index, size, [*proof, b"x" * 32], root)
            assert not verify_inclusion(leaf, index, size, proof[:-1], root) or not proof
        assert not verify_inclusion(leaves[0], size, size, [], root)
        with pytest.raises(IndexError):
            inclusion_proof(leaves, size)


def test_every_consistency_between_small_trees() -> None:
    leaves = [bytes([number]) * 32 for number in range(18)]
    for new in range(19):
        for old in range(new + 1):
            proof = consistency_proof(leaves[:new], old)
            old_root, new_root = root_of(leaves[:old]), root_of(leaves[:new])
            assert verify_consistency(old, new, proof, old_root, new_root)
            if 0 < old < new:
                assert not verify_consistency(old, new, proof, b"x" * 32, new_root)
                assert not verify_consistency(old, new, proof, old_root, b"x" * 32)
                assert not verify_consistency(old, new, proof[:-1], old_root, new_root)
                assert not verify_consistency(old, new, [*proof, b"x" * 32], old_root, new_root)
    assert not verify_consistency(2, 1, [], EMPTY_ROOT, EMPTY_ROOT)


@given(st.lists(st.binary(min_size=32, max_size=32), max_size=70))
def test_frontier_is_the_recursive_definition(leaves: list[bytes]) -> None:
    def root(part: list[bytes]) -> bytes:
        if len(part) < 2:
            return part[0] if part else EMPTY_ROOT
        split = 1
        while split * 2 < len(part):
            split *= 2
        return node_hash(root(part[:split]), root(part[split:]))

    frontier = Frontier()
    for leaf in leaves:
        frontier.append(leaf)
    assert frontier.root() == root(leaves)
    assert frontier.size == len(leaves)
    assert len(frontier.state) == len(leaves).bit_count()


@given(st.lists(st.binary(min_size=32, max_size=32), min_size=2, max_size=40), st.data())
def test_a_changed_leaf_changes_the_root(leaves: list[bytes], data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(leaves) - 1))
    changed = [*leaves]
    changed[place] = bytes(byte ^ 1 for byte in changed[place])
    assert root_of(changed) != root_of(leaves)
