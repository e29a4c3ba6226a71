"""Make the test vectors in vectors/ again, from fixed seeds, by the countermark package.

    python conformance/make_vectors.py [DIRECTORY]

tests/test_conformance.py checks that this gives the published files byte for byte; check_vectors.py checks them without
the package. Fields ending in `_hex` are bytes in hexadecimal, the others text.
"""

import hashlib
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from countermark.canonical import InvalidJson, decode, encode
from countermark.evidence import SigningKey, item_leaf, items_root, sign_note, sign_statement
from countermark.evidence.dsse import pae
from countermark.evidence.items import item_salt
from countermark.evidence.lines import format_line
from countermark.evidence.merkle import (
    blob_commitment,
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    root_of,
)
from countermark.evidence.notes import Checkpoint, key_hash

KEY_SEED = b"a key for countermark's vectors."
AUDIT = "0123456789abcdef0123456789abcdef"
RECORD = '{"seq":0,"text":"é – \\u0001 \\"quoted\\""}'
LARGEST_TREE = 8
CANONICAL = (
    '{ "b" : 1, "a" : [ true, false, null ] }',
    '{"\\u00e9":"\\u20ac","\\ud83d\\ude00":1,"\\ufb33":2,"a":"\\u0000\\b\\t\\n\\f\\r\\u001f\\u007f\\"\\\\/"}',
    "[0, -0.0, 1.0, 0.5, 1e21, 1e-7, 123456789012345680000.0, 0.000001, 333333333.3333333, 5e-324]",
    "[1.7976931348623157e308, -2.5e-10, 4.35, 1e20]",
    "[9007199254740991, -9007199254740991]",
    '""',
)  # fmt: skip
REFUSED = (
    '{"a":1,"a":2}',
    '{"a":{"b":1,"\\u0062":2}}',
    "NaN",
    "[-Infinity]",
    "1e400",
    '"\\ud800"',
    '{"\\udc00":1}',
    "[" * 65 + "]" * 65,
    "[1,]",
    "",
)


def salt(name: str) -> bytes:
    """32 bytes that are no secret."""
    return hashlib.sha256(name.encode()).digest()


def leaves(count: int) -> list[bytes]:
    """The leaf hashes the trees below are made of: leaf i holds the text `record i`."""
    return [leaf_hash(salt(f"salt {index}"), f"record {index}".encode()) for index in range(count)]


def json_vectors() -> dict[str, Any]:
    """Canonical JSON, and what no reader may accept."""
    for text in REFUSED:
        try:
            decode(text.encode())
        except InvalidJson:
            continue
        raise AssertionError(text)
    return {
        "canonical": [
            {"text": text, "canonical": encode(decode(text.encode())).decode()} for text in CANONICAL
        ],
        "refused": list(REFUSED),
        "refused_where_signed": ["1.0", "1e3", "[0.5]"],
    }


def hash_vectors() -> dict[str, Any]:
    """Leaves, commitments, a log line, trees of 0 to 8 leaves, and every proof in them."""
    every = leaves(LARGEST_TREE)
    record = RECORD.encode()
    blob_salt, leaf_salt = salt("blob salt"), salt("leaf salt")
    return {
        "leaf": {
            "salt_hex": leaf_salt.hex(),
            "record": RECORD,
            "hash_hex": leaf_hash(leaf_salt, record).hex(),
        },
        "blob": {
            "salt_hex": blob_salt.hex(),
            "data": RECORD,
            "commitment_hex": blob_commitment(blob_salt, record).hex(),
        },
        "line": format_line(blob_salt, leaf_salt, record).decode(),
        "leaves_hex": [leaf.hex() for leaf in every],
        "roots_hex": [root_of(every[:size]).hex() for size in range(LARGEST_TREE + 1)],
        "inclusion": [
            {
                "size": size,
                "index": index,
                "proof_hex": [step.hex() for step in inclusion_proof(every[:size], index)],
            }
            for size in range(1, LARGEST_TREE + 1)
            for index in range(size)
        ],
        "consistency": [
            {
                "old": old,
                "new": new,
                "proof_hex": [step.hex() for step in consistency_proof(every[:new], old)],
            }
            for new in range(1, LARGEST_TREE + 1)
            for old in range(1, new + 1)
        ],
    }


def item_vectors() -> dict[str, Any]:
    """Commitments to the scenarios of a test."""
    seed, test = "5eed", "toy/keeping"
    scenarios: list[dict[str, Any]] = [
        {"id": f"{test}#{index}", "facts": {"weight": 0.5 * index, "secret": "ゆり"}} for index in range(3)
    ]
    return {
        "seed": seed,
        "test": test,
        "scenarios": scenarios,
        "salts_hex": [item_salt(seed, test, index).hex() for index in range(3)],
        "leaves_hex": [item_leaf(seed, test, index, one).hex() for index, one in enumerate(scenarios)],
        "items_root_hex": items_root(seed, test, scenarios),
    }


def signature_vectors() -> dict[str, Any]:
    """A key, an envelope and a checkpoint signed with it. Its private half is public: trust it in nothing."""
    key = SigningKey.from_seed(KEY_SEED)
    manifest = f"{hashlib.sha256(b'hello').hexdigest()}  hello.txt\n"
    subject = {"MANIFEST.sha256": hashlib.sha256(manifest.encode()).hexdigest()}
    predicate = {"origin": AUDIT, "size": LARGEST_TREE, "root": root_of(leaves(LARGEST_TREE)).hex()}
    kind = "https://countermark.example/ns/audit-report/v0.1"
    checkpoint = Checkpoint(origin=AUDIT, size=LARGEST_TREE, root_hex=predicate["root"])
    return {
        "private_seed_hex": KEY_SEED.hex(),
        "public_hex": key.public.raw.hex(),
        "pem": key.public.pem.decode(),
        "fingerprint": key.public.fingerprint,
        "manifest": manifest,
        "predicate_type": kind,
        "predicate": predicate,
        "signed_bytes_of_empty_payload": pae(b"").decode(),
        "envelope": sign_statement(key, kind, subject, predicate).decode(),
        "note": sign_note(key, checkpoint).decode(),
        "note_key_hash_hex": key_hash(AUDIT, key.public).hex(),
        "weak_public_hex": [
            "0100000000000000000000000000000000000000000000000000000000000000",
            "0000000000000000000000000000000000000000000000000000000000000000",
            "0000000000000000000000000000000000000000000000000000000000000080",
            "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
            "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
            "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        ],
    }


VECTORS: dict[str, Callable[[], dict[str, Any]]] = {
    "json.json": json_vectors,
    "hashes.json": hash_vectors,
    "items.json": item_vectors,
    "signatures.json": signature_vectors,
}


def make(directory: Path) -> None:
    """Write every file of vectors."""
    directory.mkdir(parents=True, exist_ok=True)
    for name, vectors in VECTORS.items():
        text = json.dumps(vectors(), indent=1, ensure_ascii=True)
        (directory / name).write_text(f"{text}\n", encoding="ascii")


if __name__ == "__main__":
    make(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent / "vectors")
