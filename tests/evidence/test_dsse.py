"""Signed statements: one spelling each, and no byte of it free."""

import base64
import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from countermark.canonical import InvalidJson, encode
from countermark.errors import EvidenceError, SignerUnknown
from countermark.evidence import NS, SigningKey, open_statement, sign_statement
from countermark.evidence.dsse import pae

KEY = SigningKey.from_seed(bytes(range(32)))
OTHER = SigningKey.from_seed(bytes(32))
KIND = f"{NS}/audit-plan/v0.1"
SUBJECTS = {"MANIFEST.sha256": "ab" * 32}
LINE = sign_statement(KEY, KIND, SUBJECTS, {"size": 3, "rate": "0.25"})


def envelope() -> dict[str, Any]:
    value: dict[str, Any] = json.loads(LINE)
    return value


def signed(payload: dict[str, Any]) -> bytes:
    """An envelope whose signature holds over any payload."""
    data = encode(payload)
    signature = {"keyid": KEY.public.fingerprint, "sig": base64.b64encode(KEY.sign(pae(data))).decode()}
    text = base64.b64encode(data).decode()
    return (
        encode({"payload": text, "payloadType": "application/vnd.in-toto+json", "signatures": [signature]})
        + b"\n"
    )


def test_opens_what_was_signed() -> None:
    statement = open_statement(LINE, [OTHER.public, KEY.public])
    assert statement.predicate_type == KIND
    assert statement.subjects == SUBJECTS
    assert statement.predicate == {"size": 3, "rate": "0.25"}
    assert statement.signer == KEY.public.fingerprint


def test_pae_is_the_specifications() -> None:
    assert pae(b"hello") == b"DSSEv1 28 application/vnd.in-toto+json 5 hello"


def test_signing_is_deterministic() -> None:
    assert sign_statement(KEY, KIND, SUBJECTS, {"size": 3, "rate": "0.25"}) == LINE


def test_a_key_not_at_hand_is_unknown() -> None:
    for keys in ([], [OTHER.public]):
        with pytest.raises(SignerUnknown, match=KEY.public.fingerprint):
            open_statement(LINE, keys)


def test_every_flipped_byte_is_refused() -> None:
    for place in range(len(LINE)):
        for flip in (0x01, 0x20, 0x80):
            changed = bytearray(LINE)
            changed[place] ^= flip
            with pytest.raises(EvidenceError):
                open_statement(bytes(changed), [KEY.public])


@given(st.binary(max_size=200))
def test_any_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(EvidenceError):
        open_statement(data, [KEY.public])


@pytest.mark.parametrize(
    "spelling",
    [
        LINE[:-1],
        LINE + b"\n",
        LINE + LINE,
        b" " + LINE,
        json.dumps(envelope()).encode() + b"\n",
        encode(envelope() | {"more": 1}) + b"\n",
        encode(envelope() | {"signatures": []}) + b"\n",
        encode(envelope() | {"signatures": envelope()["signatures"] * 2}) + b"\n",
        encode(envelope() | {"signatures": [envelope()["signatures"][0] | {"more": 1}]}) + b"\n",
        encode(envelope() | {"payloadType": "text/plain"}) + b"\n",
        encode(envelope() | {"payload": envelope()["payload"] + "\n"}) + b"\n",
        encode(envelope() | {"payload": "é"}) + b"\n",
    ],
)
def test_other_spellings_are_refused(spelling: bytes) -> None:
    with pytest.raises(EvidenceError):
        open_statement(spelling, [KEY.public])


def test_base64_with_loose_bits_is_refused() -> None:
    value = envelope()
    signature = value["signatures"][0]["sig"]
    assert signature.endswith("==")
    loose = signature[:-3] + chr(ord(signature[-3]) + 1) + "=="
    assert base64.b64decode(loose) == base64.b64decode(signature)
    with pytest.raises(EvidenceError, match="loose bits"):
        open_statement(
            encode(value | {"signatures": [value["signatures"][0] | {"sig": loose}]}) + b"\n", [KEY.public]
        )


STATEMENT: dict[str, Any] = {
    "_type": "https://in-toto.io/Statement/v1",
    "predicate": {},
    "predicateType": KIND,
    "subject": [{"digest": {"sha256": "ab" * 32}, "name": "x"}],
}


@pytest.mark.parametrize(
    "change",
    [
        {"_type": "https://in-toto.io/Statement/v0.1"},
        {"predicate": []},
        {"predicate": {"rate": 0.5}},
        {"predicateType": 3},
        {"subject": []},
        {"subject": {}},
        {"subject": [{"digest": {"sha256": "AB" * 32}, "name": "x"}]},
        {"subject": [{"digest": {"sha256": "zz"}, "name": "x"}]},
        {"subject": [{"digest": {"sha512": "ab" * 64}, "name": "x"}]},
        {"subject": STATEMENT["subject"] * 2},
    ],
)
def test_signed_statements_of_the_wrong_shape_are_refused(change: dict[str, Any]) -> None:
    assert open_statement(signed(STATEMENT), [KEY.public]).subjects == {"x": "ab" * 32}
    with pytest.raises(EvidenceError):
        open_statement(signed(STATEMENT | change), [KEY.public])


def test_nothing_is_signed_that_no_reader_would_open() -> None:
    with pytest.raises(EvidenceError):
        sign_statement(KEY, KIND, {}, {})
    with pytest.raises(EvidenceError):
        sign_statement(KEY, KIND, SUBJECTS, {"rate": 0.5})
    with pytest.raises(InvalidJson):
        sign_statement(KEY, KIND, SUBJECTS, {"rate": float("nan")})


@pytest.mark.skipif(not shutil.which("openssl"), reason="no openssl here")
def test_openssl_agrees(tmp_path: Path) -> None:
    value = envelope()
    payload = base64.b64decode(value["payload"])
    (tmp_path / "pae").write_bytes(b"DSSEv1 28 application/vnd.in-toto+json %d " % len(payload) + payload)
    (tmp_path / "sig").write_bytes(base64.b64decode(value["signatures"][0]["sig"]))
    (tmp_path / "key").write_bytes(KEY.public.pem)
    command = [
        "openssl",
        "pkeyutl",
        "-verify",
        "-rawin",
        "-pubin",
        "-inkey",
        "key",
        "-sigfile",
        "sig",
        "-in",
        "pae",
    ]
    shown = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert "Signature Verified Successfully" in shown.stdout
