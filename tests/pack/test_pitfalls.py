"""Known pitfalls of model signatures and of weights on disk; more in test_model_signature.py."""

import hashlib
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from countermark.issues import Issues
from countermark.pack import check_pack
from countermark.pack.model_signature import check_model_signature
from pack_factory import WEIGHTS, copied


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    target = tmp_path / "weights"
    target.mkdir()
    for path in WEIGHTS.iterdir():
        (target / path.name).write_bytes(path.read_bytes())
    return target


def codes(pack: Path, weights: Path) -> list[str]:
    return [issue.code for issue in check_pack(pack, weights=weights).issues]


@pytest.mark.parametrize(
    "name", [".git/hooks/post-checkout", ".gitattributes", "__init__.py", ".cache/x", "sub/dir/model.py"]
)
def test_nothing_beside_the_weights_goes_unlisted(tmp_path: Path, weights: Path, name: str) -> None:
    """A model signature never covers .git*, and may be told to let unsigned files lie; code there could change what is run."""
    pack = copied("open-weights", tmp_path / "pack")
    assert codes(pack, weights) == []
    (weights / name).parent.mkdir(parents=True, exist_ok=True)
    (weights / name).write_text("import os")
    assert codes(pack, weights) == ["weights-unlisted"]


def test_weights_that_were_changed_or_are_elsewhere(tmp_path: Path, weights: Path) -> None:
    """The list is the pack's: a signer's own idea of what to ignore does not shorten it."""
    pack = copied("open-weights", tmp_path / "pack")
    config = (weights / "config.json").read_bytes()
    (weights / "config.json").write_bytes(config + b" ")
    assert codes(pack, weights) == ["weights-changed"]
    (weights / "config.json").unlink()
    assert codes(pack, weights) == ["weights-missing"]
    (tmp_path / "outside").write_bytes(config)
    (weights / "config.json").symlink_to(tmp_path / "outside")
    assert set(codes(pack, weights)) == {"path-unsafe", "weights-missing"}


def test_a_name_that_climbs_is_no_weight(tmp_path: Path, weights: Path) -> None:
    """A signed entry `../outside` must not be read, whatever it hashes to."""
    pack = copied("open-weights", tmp_path / "pack")
    (tmp_path / "outside").write_bytes(b"x")
    listed = pack / "identity/weights.sha256"
    listed.write_text(listed.read_text() + f"{hashlib.sha256(b'x').hexdigest()}  ../outside\n")
    assert "sums-name" in codes(pack, weights)


@pytest.mark.parametrize("kind", ["ed25519", "secp256k1", "rsa"])
def test_a_key_of_another_kind_is_a_fault_and_no_crash(kind: str) -> None:
    """The bundle's own verifier crashes on Ed25519."""
    from cryptography.hazmat.primitives.asymmetric import rsa

    keys = {
        "ed25519": ed25519.Ed25519PrivateKey.generate(),
        "secp256k1": ec.generate_private_key(ec.SECP256K1()),
        "rsa": rsa.generate_private_key(65537, 2048),
    }
    pem = (
        keys[kind]
        .public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    )
    bundle = b'{"dsseEnvelope":{"payload":"e30=","payloadType":"application/vnd.in-toto+json","signatures":[{"sig":"AAAA"}]}}'
    check_model_signature(bundle, {"w": "0" * 64}, issues := Issues(), key=pem)
    assert "model-signature-key" in [issue.code for issue in issues]


def test_a_signature_over_nothing_is_a_fault() -> None:
    """A bundle that lists nothing, over a directory that holds nothing, verifies elsewhere."""
    bundle = (
        b'{"dsseEnvelope":{"payload":"e30=","payloadType":"application/vnd.in-toto+json","signatures":[]}}'
    )
    for data in (bundle, b"{}", b"", b"[]"):
        check_model_signature(data, {}, issues := Issues())
        assert [issue.code for issue in issues] == ["model-signature"]
