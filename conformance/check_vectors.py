"""Check the test vectors with second_verifier.py, that is, without the countermark package.

    python conformance/check_vectors.py

Also holds the two proofs that an audit directory does not need, since whoever has all records can hash them all: that a
leaf is in a tree, and that a tree only grew. Both are the definitions of RFC 6962 read backwards.
"""

import hmac
import json
import sys
import tempfile
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from second_verifier import (
    Audit,
    Broken,
    Unreadable,
    canonical,
    commitment,
    fingerprint,
    is_weak,
    item_salt,
    joint_seed,
    leaf_hash,
    make_queue,
    node_hash,
    open_envelope,
    open_note,
    read_json,
    read_key,
    read_parts,
    read_transcript,
    sha256,
    tree_levels,
    tree_root,
    verify,
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
    leaf = vectors["leaf"]
    hashed = leaf_hash(bytes.fromhex(leaf["salt_hex"]), leaf["record"].encode()).hex()
    same("leaf", hashed, leaf["hash_hex"])
    line = {"leaf_salt": leaf["salt_hex"], "record": read_json(leaf["record"].encode())}
    same("line", canonical(line) + "\n", vectors["line"])
    line = {"leaf": leaf["hash_hex"], "withheld": "hazard"}
    same("withheld line", canonical(line) + "\n", vectors["withheld_line"])
    check_transcript(vectors["transcript"])
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


def check_transcript(vectors):
    """Whole and in part, it has the same leaves and the same commitment."""
    whole, in_part = (read_parts(vectors[name].encode()) for name in ("stored", "stored_in_part"))
    same("leaves", [leaf.hex() for leaf, _, _ in whole], vectors["leaves_hex"])
    same("leaves", [leaf for leaf, _, _ in in_part], [leaf for leaf, _, _ in whole])
    same("parts", [part.decode() for _, part, _ in whole], vectors["parts"])
    shown = [part.decode() if part else None for _, part, _ in in_part]
    same("parts", shown, [part if at not in (1, 3) else None for at, part in enumerate(vectors["parts"])])
    for name in ("stored", "stored_in_part"):
        read_transcript(vectors[name].encode(), {"transcript": vectors["commitment_hex"]})


def check_items(vectors):
    salts = [item_salt(vectors["seed"], vectors["test"], at) for at in range(len(vectors["scenarios"]))]
    same("salts", [salt.hex() for salt in salts], vectors["salts_hex"])
    texts = [canonical(one).encode() for one in vectors["scenarios"]]
    leaves = [leaf_hash(salt, text) for salt, text in zip(salts, texts, strict=True)]
    same("leaves", [leaf.hex() for leaf in leaves], vectors["leaves_hex"])
    same("items_root", tree_root(tree_levels(leaves), len(leaves)).hex(), vectors["items_root_hex"])


def check_seed(vectors):
    parts = vectors["parts"]
    same("commitments", [commitment(part) for part in parts], [part["commitment"] for part in parts])
    ordered = [parts[0], *sorted(parts[1:], key=commitment)]
    same("alone", joint_seed([parts[0]["value"]]), vectors["alone"])
    same("joint", joint_seed([part["value"] for part in ordered]), vectors["joint"])
    key = hmac.digest(vectors["joint"].encode(), b"sample", "sha256").hex()
    same("sample_key", key, vectors["sample_key"])
    same("queue", [list(trial) for trial in make_queue(vectors["plan"], vectors["joint"])], vectors["queue"])
    origin = f"{vectors['plan']['audit']}/{sha256(vectors['draw'].encode()).hex()}"
    same("origin", origin, vectors["origin"])


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


def check_audits(vectors):
    """Each audit, laid out as files, gets the lines expected; of a copy only what differs from the whole audit is told."""
    key = read_key(vectors["pem"].encode())
    for name in ("whole", "transcripts", "record"):
        with tempfile.TemporaryDirectory() as folder:
            files = vectors["whole"]["files"] | vectors[name]["files"]
            for file, text in files.items():
                if text is None:
                    continue
                path = Path(folder) / file
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(text.encode())
            lines = []
            code = verify(Audit(folder, key), lines.append)
        same(name, {"exit_code": code, "lines": lines}, vectors[name]["second"])


CHECKS = {
    "json": check_json,
    "hashes": check_hashes,
    "items": check_items,
    "seed": check_seed,
    "signatures": check_signatures,
    "audits": check_audits,
}


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
