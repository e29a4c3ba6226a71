"""Make the test vectors in vectors/ again, from fixed seeds, by the countermark package.

    python conformance/make_vectors.py [DIRECTORY]

tests/test_conformance.py checks that this gives the published files byte for byte; check_vectors.py checks them without
the package. Fields ending in `_hex` are bytes in hexadecimal, the others text. The audits are the small one of tests/.
"""

import hashlib
import itertools
import json
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import patch

from countermark.analysis import queue
from countermark.canonical import InvalidJson, decode, encode
from countermark.evidence import (
    Nonce,
    Seed,
    SigningKey,
    item_leaf,
    items_root,
    log_origin,
    sample_key,
    sign_note,
    sign_statement,
)
from countermark.evidence.dsse import pae
from countermark.evidence.items import item_salt
from countermark.evidence.lines import format_line, format_withheld
from countermark.evidence.merkle import consistency_proof, inclusion_proof, leaf_hash, root_of
from countermark.evidence.notes import Checkpoint, key_hash
from countermark.evidence.parts import (
    Part,
    commitment_of,
    format_blob,
    format_partial,
    leaves_of,
    part_salt,
)
from countermark.records import Plan

KEY_SEED = b"a key for countermark's vectors."
AUDIT = "0123456789abcdef0123456789abcdef"
ORIGIN = log_origin(AUDIT, b"{}")
RECORD = '{"seq":0,"text":"é – \\u0001 \\"quoted\\""}'
PARTS = (
    '{"head":{"exchanges":0,"fault":null,"messages":2,"published":{},"stop":"stop"}}',
    '{"scenario":{"arm":"attack","cluster":"c","dialogue":[],"id":"toy/keeping#0","test":"toy/keeping"}}',
    '{"message":{"content":"é – \\u0001 \\"quoted\\"","role":"user"}}',
    '{"message":{"content":"I keep that to myself.","role":"assistant"}}',
    '{"state":{"weight":0.5}}',
)
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
    """Leaves, log lines, a transcript whole and in part, trees of 0 to 8 leaves, and every proof in them."""
    every = leaves(LARGEST_TREE)
    record, leaf_salt = RECORD.encode(), salt("leaf salt")
    return {
        "leaf": {
            "salt_hex": leaf_salt.hex(),
            "record": RECORD,
            "hash_hex": leaf_hash(leaf_salt, record).hex(),
        },
        "line": format_line(leaf_salt, record).decode(),
        "withheld_line": format_withheld(leaf_hash(leaf_salt, record), "hazard").decode(),
        "transcript": transcript_vectors(),
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


def transcript_vectors() -> dict[str, Any]:
    """One transcript as it is stored, and with two of its parts withheld: both have one commitment."""
    whole, parts = salt("transcript salt"), [text.encode() for text in PARTS]
    hashed = leaves_of(whole, parts)
    opened = [
        Part(leaf, None, None, "hazard")
        if index in (1, 3)
        else Part(leaf, parts[index], part_salt(whole, index))
        for index, leaf in enumerate(hashed)
    ]
    return {
        "salt_hex": whole.hex(),
        "parts": list(PARTS),
        "part_salts_hex": [part_salt(whole, index).hex() for index in range(len(parts))],
        "leaves_hex": [leaf.hex() for leaf in hashed],
        "commitment_hex": commitment_of(hashed).hex(),
        "stored": format_blob(whole, parts).decode(),
        "stored_in_part": format_partial(opened).decode(),
    }


def seed_vectors() -> dict[str, Any]:
    """A seed of one party and of three, what follows from it, and the order of trials that it makes."""
    auditor, *others = (
        Nonce(value=value, salt=salt(f"salt of {value}").hex())
        for value in ("5eed", "d0", "0123456789abcdef")
    )
    alone, joint = Seed(auditor=auditor), Seed(auditor=auditor, developers=tuple(others))
    plan = small_plan(joint)
    return {
        "parts": [{**part.to_json(), "commitment": part.commitment} for part in (auditor, *others)],
        "alone": alone.value,
        "joint": joint.value,
        "sample_key": sample_key(joint.value),
        "plan": plan,
        "queue": [
            [slot.subject, slot.test, slot.item, slot.epoch]
            for slot in queue(Plan.model_validate(plan), joint.value)
        ],
        "draw": "{}",
        "origin": log_origin(AUDIT, b"{}"),
    }


def small_plan(seed: Seed) -> dict[str, Any]:
    """Two tests, two subjects, two epochs."""
    text = {"en": "x", "ja": "x"}
    metric = {"id": "m", "title": text, "arm": "a", "label": "l", "better": "lower", "axis": "other"}
    test = {"version": "1-A", "title": text, "construct": text, "driver": "dialogue", "grader": "leak", "metrics": [metric], "digest": "0" * 64}  # fmt: skip
    subject = {"kind": "live", "simulation": False, "pack_digest": "0" * 64}
    auditor, developers = seed.commitments
    return {
        "schema": "countermark/audit-plan/v0.2", "audit": AUDIT, "created": "2026-11-23T09:00:00.000Z",
        "auditor": "a", "software": "s", "battery": "b", "seed": {"auditor": auditor, "developers": developers},
        "tests": [
            test | {"id": "toy/one", "items": 3, "arms": {"a": 2, "b": 1}},
            test | {"id": "toy/two", "items": 2, "arms": {"a": 2}},
        ],
        "subjects": [subject | {"id": "x/1", "tests": ["toy/one", "toy/two"]}, subject | {"id": "x/2", "tests": ["toy/two"]}],
        "rules": {"epochs": 2},
    }  # fmt: skip


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
    predicate = {"origin": ORIGIN, "size": LARGEST_TREE, "root": root_of(leaves(LARGEST_TREE)).hex()}
    kind = "https://countermark.example/ns/audit-report/v0.1"
    checkpoint = Checkpoint(origin=ORIGIN, size=LARGEST_TREE, root_hex=predicate["root"])
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
        "note_key_hash_hex": key_hash(ORIGIN, key.public).hex(),
        "weak_public_hex": [
            "0100000000000000000000000000000000000000000000000000000000000000",
            "0000000000000000000000000000000000000000000000000000000000000000",
            "0000000000000000000000000000000000000000000000000000000000000080",
            "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
            "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
            "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        ],
    }


def audit_vectors() -> dict[str, Any]:
    """A whole audit, two copies by the files that differ (null: not there), and what both verifiers say of each."""
    here = Path(__file__).parent
    sys.path[:0] = [str(here), str(here.parent / "tests")]
    from audit_factory import KEY
    from countermark.evidence.redacting import Making, redact
    from countermark.evidence.withholding import Decision
    from tamper_bench import DECIDED, WITHHELD, make_witnessed

    numbers = itertools.count()
    with (
        tempfile.TemporaryDirectory() as folder,
        patch("os.urandom", lambda size: stream(next(numbers), size)),
    ):
        whole = make_witnessed(Path(folder) / "whole")
        making = Making(
            render=lambda _: {"index.html": b"<!doctype html>\n"},
            write_table=lambda _, path: path.write_bytes(b"a table for analysts"),
        )
        redact(whole, Path(folder) / "transcripts", WITHHELD, KEY, making)
        one_record = (Decision(records=(2,), **DECIDED),)
        redact(whole, Path(folder) / "record", one_record, KEY, making)
        found = {name: told(Path(folder) / name) for name in ("whole", "transcripts", "record")}
    before = found["whole"]["files"]
    for name in ("transcripts", "record"):
        after = found[name]["files"]
        both = {file: after.get(file) for file in sorted(before | after)}
        found[name]["files"] = {file: text for file, text in both.items() if text != before.get(file)}
    return {"pem": KEY.public.pem.decode()} | found


def stream(number: int, size: int) -> bytes:
    """In place of the system's randomness, so that the vectors can be made again."""
    return b"".join(salt(f"{number}/{block}") for block in range(-(-size // 32)))[:size]


def told(directory: Path) -> dict[str, Any]:
    """The files, and the verdicts of both verifiers, one line a stage or check."""
    from second_verifier import Audit
    from second_verifier import verify as second

    from countermark.evidence import TrustPolicy, parse_public_key
    from countermark.verify import verify

    files = {
        str(path.relative_to(directory)): path.read_text(encoding="utf-8")
        for path in sorted(directory.rglob("*"))
        if path.is_file()
    }
    key = parse_public_key(files["keys/auditor.pub.pem"].encode()).fingerprint
    verdict = verify(directory, trust=TrustPolicy(roles={"auditor": frozenset({key})}))
    lines: list[str] = []
    code = second(Audit(directory), lines.append)
    return {
        "files": files,
        "first": {
            "exit_code": verdict.exit_code,
            "stages": [f"{one.number} {one.name}: {one.state}" for one in verdict.stages],
            "closing": verdict.closing_lines()[4:6],
        },
        "second": {"exit_code": code, "lines": lines},
    }


VECTORS: dict[str, Callable[[], dict[str, Any]]] = {
    "json.json": json_vectors,
    "hashes.json": hash_vectors,
    "items.json": item_vectors,
    "seed.json": seed_vectors,
    "signatures.json": signature_vectors,
    "audits.json": audit_vectors,
}


def make(directory: Path) -> None:
    """Write every file of vectors."""
    directory.mkdir(parents=True, exist_ok=True)
    for name, vectors in VECTORS.items():
        text = json.dumps(vectors(), indent=1, ensure_ascii=True)
        (directory / name).write_text(f"{text}\n", encoding="ascii")


if __name__ == "__main__":
    make(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent / "vectors")
