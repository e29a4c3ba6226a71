"""Check the test vectors with second_verifier.py, that is, without the countermark package.

    python conformance/check_vectors.py

Also holds the two proofs that an audit directory does not need, since whoever has all records can hash them all: that a
leaf is in a tree, and that a tree only grew. Both are the definitions of RFC 6962 read backwards.
"""

import json
import sys
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from second_verifier import (
    Broken,
    Unreadable,
    blob_commitment,
    canonical,
    fingerprint,
    is_weak,
    item_leaf,
    leaf_hash,
    node_hash,
    open_envelope,
    open_note,
    read_json,
    read_key,
    sha256,
    tree_levels,
    tree_root,
)

VECTORS = Path(__file__).parent / "vectors"


def split(size):
    """The largest power of two below `size`."""
    return 1 << ((size - 1).bit_length() - 1)


def root_by_inclusion(leaf, index, size, proof):
    """The root of the tree of `size` leaves in which `leaf` stands at `index`, as the proof has it."""
    if size == 1:
        if proof:
            raise Broken("the proof is too long")
        return leaf
    if not proof:
        raise Broken("the proof is too short")
    if index < split(size):
        return node_hash(root_by_inclusion(leaf, index, split(size), proof[:-1]), proof[-1])
    return node_hash(proof[-1], root_by_inclusion(leaf, index - split(size), size - split(size), proof[:-1]))


def roots_by_consistency(old, new, proof, known=None):
    """The roots of the trees of `old` and `new` leaves; `known` is the old root, as long as the old tree is whole here."""
    if old == new:
        if len(proof) != (known is None):
            raise Broken("the proof is not of the right length")
        return (known or proof[0],) * 2
    if not proof:
        raise Broken("the proof is too short")
    if old <= split(new):
        left, both = roots_by_consistency(old, split(new), proof[:-1], known)
        return left, node_hash(both, proof[-1])
    left, both = roots_by_consistency(old - split(new), new - split(new), proof[:-1])
    return node_hash(proof[-1], left), node_hash(proof[-1], both)


def same(what, found, expected):
    if found != expected:
        raise Broken(f"{what}: {found!r}, expected {expected!r}")


def refuses(text, **how):
    try:
        read_json(text.encode(), **how)
    except Unreadable:
        return
    raise Broken(f"{text!r} was accepted")


def check_json(vectors):
    for one in vectors["canonical"]:
        same(one["text"], canonical(read_json(one["text"].encode(), fractions=True)), one["canonical"])
    for text in vectors["refused"]:
        refuses(text, fractions=True)
    for text in vectors["refused_where_signed"]:
        refuses(text)


def check_hashes(vectors):
    leaf, blob = vectors["leaf"], vectors["blob"]
    hashed = leaf_hash(bytes.fromhex(leaf["salt_hex"]), leaf["record"].encode()).hex()
    same("leaf", hashed, leaf["hash_hex"])
    committed = blob_commitment(bytes.fromhex(blob["salt_hex"]), blob["data"].encode())
    same("blob", committed, blob["commitment_hex"])
    line = {"blob_salt": blob["salt_hex"], "leaf_salt": leaf["salt_hex"], "record": leaf["record"]}
    same("line", canonical(line) + "\n", vectors["line"])
    leaves = [bytes.fromhex(text) for text in vectors["leaves_hex"]]
    roots = [bytes.fromhex(text) for text in vectors["roots_hex"]]
    made = [leaf_hash(sha256(b"salt %d" % at), b"record %d" % at) for at in range(len(leaves))]
    same("leaves", made, leaves)
    for size, root in enumerate(roots):
        same(f"root of {size}", tree_root(tree_levels(leaves), size), root)
    for one in vectors["inclusion"]:
        proof = [bytes.fromhex(text) for text in one["proof_hex"]]
        root = root_by_inclusion(leaves[one["index"]], one["index"], one["size"], proof)
        same("inclusion", root, roots[one["size"]])
    for one in vectors["consistency"]:
        proof = [bytes.fromhex(text) for text in one["proof_hex"]]
        found = roots_by_consistency(one["old"], one["new"], proof, roots[one["old"]])
        same("consistency", found, (roots[one["old"]], roots[one["new"]]))


def check_items(vectors):
    scenarios = enumerate(vectors["scenarios"])
    leaves = [item_leaf(vectors["seed"], vectors["test"], at, one) for at, one in scenarios]
    same("leaves", [leaf.hex() for leaf in leaves], vectors["leaves_hex"])
    same("items_root", tree_root(tree_levels(leaves), len(leaves)).hex(), vectors["items_root_hex"])


def check_signatures(vectors):
    key = read_key(vectors["pem"].encode())
    private = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(vectors["private_seed_hex"]))
    same("public key", private.public_key().public_bytes_raw().hex(), vectors["public_hex"])
    same("public key", key.public_bytes_raw().hex(), vectors["public_hex"])
    same("fingerprint", fingerprint(key), vectors["fingerprint"])
    digest = sha256(vectors["manifest"].encode()).hex()
    statement = {
        "_type": "https://in-toto.io/Statement/v1",
        "predicate": vectors["predicate"],
        "predicateType": vectors["predicate_type"],
        "subject": [{"digest": {"sha256": digest}, "name": "MANIFEST.sha256"}],
    }
    same("envelope", open_envelope(vectors["envelope"].encode(), key), statement)
    origin, size, root = open_note(vectors["note"].encode(), key)
    same("note", {"origin": origin, "root": root.hex(), "size": size}, vectors["predicate"])
    hashed = sha256(origin.encode(), b"\n\x01", key.public_bytes_raw())[:4]
    same("key hash", hashed.hex(), vectors["note_key_hash_hex"])
    for raw in vectors["weak_public_hex"]:
        same(f"weak key {raw}", is_weak(bytes.fromhex(raw)), True)
    same("weak key", is_weak(key.public_bytes_raw()), False)


CHECKS = {"json": check_json, "hashes": check_hashes, "items": check_items, "signatures": check_signatures}


def main():
    """Prints one line a file; returns the exit code."""
    code = 0
    for name, check in CHECKS.items():
        try:
            check(json.loads((VECTORS / f"{name}.json").read_text(encoding="ascii")))
            print(f"ok    {name}")
        except (Broken, Unreadable) as error:
            code = 1
            print(f"FAIL  {name}: {error}")
    return code


if __name__ == "__main__":
    sys.exit(main())
