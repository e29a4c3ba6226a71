"""An existing model signature: what its own verifier lets through is refused here."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from countermark.pack import check_pack, read_pack, write_pack
from pack_factory import copied

KEY = ec.generate_private_key(ec.SECP256R1())
KIND = "application/vnd.in-toto+json"


def pem(key: ec.EllipticCurvePrivateKey = KEY) -> bytes:
    return key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def statement(folder: Path) -> dict[str, Any]:
    lines = (folder / "identity/weights.sha256").read_text().splitlines()
    resources = [{"name": line[66:], "algorithm": "sha256", "digest": line[:64]} for line in lines]
    ignored = ["model.sig", ".git"]
    return {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": "tiny", "digest": {"sha256": "0" * 64}}],
        "predicateType": "https://model_signing/signature/v1.0",
        "predicate": {
            "serialization": {"method": "files", "hash_type": "sha256", "ignore_paths": ignored, "allow_symlinks": False},
            "resources": resources,
        },
    }  # fmt: skip


def put(folder: Path, said: Any) -> None:
    payload = json.dumps(said).encode()
    signed = b"DSSEv1 %d %b %d %b" % (len(KIND), KIND.encode(), len(payload), payload)
    signature = base64.b64encode(KEY.sign(signed, ec.ECDSA(hashes.SHA256()))).decode()
    bundle = {
        "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
        "verificationMaterial": {"publicKey": {"hint": "x"}, "tlogEntries": []},
        "dsseEnvelope": {
            "payload": base64.b64encode(payload).decode(),
            "payloadType": KIND,
            "signatures": [{"sig": signature, "keyid": ""}],
        },
    }
    (folder / "identity/model.sig").write_text(json.dumps(bundle))


def codes(folder: Path, key: bytes | None = None) -> list[str]:
    return [issue.code for issue in check_pack(folder, model_key=key).issues]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return copied("open-weights", tmp_path / "pack")


def test_one_that_lists_exactly_the_weights(folder: Path, tmp_path: Path) -> None:
    put(folder, statement(folder))
    assert codes(folder) == codes(folder, pem()) == []
    assert codes(folder, pem(ec.generate_private_key(ec.SECP384R1()))) == ["model-signature-key"]
    assert codes(folder, b"no key") == ["model-signature-key"]
    pack = read_pack(folder)
    write_pack(pack, tmp_path / "again")  # type: ignore[arg-type]
    assert read_pack(tmp_path / "again") == pack


def test_what_its_own_verifier_lets_through(folder: Path) -> None:
    good = statement(folder)
    changes: list[tuple[Any, str]] = [
        (lambda p: p["serialization"]["ignore_paths"].append("model-00001-of-00001.safetensors"), "model-signature-ignores"),
        (lambda p: p["serialization"].update(ignore_paths="."), "model-signature-ignores"),
        (lambda p: p["resources"].clear(), "model-signature-files"),
        (lambda p: p["resources"].pop(), "model-signature-files"),
        (lambda p: p["resources"].append({**p["resources"][0], "name": "../outside"}), "model-signature-files"),
        (lambda p: p["resources"].append(p["resources"][0]), "model-signature-files"),
        (lambda p: p["resources"][0].update(name="evil.py"), "model-signature-files"),
        (lambda p: p["resources"][0].update(algorithm="blake3"), "model-signature-files"),
        (lambda p: p["resources"][0].update(digest="0" * 64), "model-signature-files"),
        (lambda p: p["serialization"].update(method="shards"), "model-signature"),
    ]  # fmt: skip
    for change, code in changes:
        said = json.loads(json.dumps(good))
        change(said["predicate"])
        put(folder, said)
        assert code in codes(folder, pem()), code
    put(folder, {**good, "predicateType": "https://other"})
    assert codes(folder) == ["model-signature"]


def test_without_weights_or_without_a_signature(folder: Path, tmp_path: Path) -> None:
    assert codes(folder, pem()) == ["model-signature"]
    put(folder, statement(folder))
    api = copied("api-model", tmp_path / "api")
    (api / "identity/model.sig").write_bytes((folder / "identity/model.sig").read_bytes())
    assert "model-signature-files" in codes(api)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_change_gives_a_traceback(folder: Path, data: st.DataObject) -> None:
    put(folder, statement(folder))
    path = folder / "identity/model.sig"
    raw = bytearray(path.read_bytes())
    # An ECDSA signature has no fixed length, so no drawn number may depend on it.
    start = data.draw(st.integers(0, 100_000)) % (len(raw) + 1)
    raw[start : start + data.draw(st.integers(0, 9))] = data.draw(st.binary(max_size=9))
    path.write_bytes(raw)
    assert all(str(issue).isprintable() for issue in check_pack(folder, model_key=pem()).issues)
