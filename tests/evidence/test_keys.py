"""Keys: kept for their owner only, read strictly, weak ones refused."""

import contextlib
import shutil
import stat
import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, x25519
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from hypothesis import given
from hypothesis import strategies as st

from countermark.errors import InvalidDocument, UsageError
from countermark.evidence import PublicKey, SigningKey, load_or_create_key, parse_public_key

KEY = SigningKey.from_seed(bytes(range(32)))
PUBLIC = serialization.PublicFormat.SubjectPublicKeyInfo
PEM = serialization.Encoding.PEM
# Encodings of the points of small order, each also with the sign bit (RFC 8032's curve; order 1, 2, 4, 8).
SMALL_ORDER = [
    "00" * 32,
    "01" + "00" * 31,
    "ec" + "ff" * 30 + "7f",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "ed" + "ff" * 30 + "7f",
    "ee" + "ff" * 30 + "7f",
]


def test_rfc_8032_vector() -> None:
    seed = bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
    key = SigningKey.from_seed(seed)
    assert key.public.raw.hex() == "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
    assert key.sign(b"").hex() == (
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46b"
        "d25bf5f0595bbe24655141438e7a100b"
    )


def test_verifies_only_its_own() -> None:
    signature = KEY.sign(b"said")
    assert KEY.public.verify(signature, b"said")
    assert not KEY.public.verify(signature, b"unsaid")
    assert not KEY.public.verify(signature[:-1], b"said")
    assert not SigningKey.generate().public.verify(signature, b"said")


def test_created_once_and_for_its_owner_alone(tmp_path: Path) -> None:
    first = load_or_create_key(tmp_path / "home")
    path = tmp_path / "home/keys/auditor.pem"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [one.name for one in path.parent.iterdir()] == ["auditor.pem"]
    assert load_or_create_key(tmp_path / "home").public == first.public


def test_a_key_others_may_read_is_refused(tmp_path: Path) -> None:
    load_or_create_key(tmp_path)
    (tmp_path / "keys/auditor.pem").chmod(0o640)
    with pytest.raises(UsageError, match="others on this machine may read") as caught:
        load_or_create_key(tmp_path)
    assert "chmod 600" in caught.value.hint


def test_passphrase(tmp_path: Path) -> None:
    made = load_or_create_key(tmp_path, b"correct horse")
    assert b"ENCRYPTED" in (tmp_path / "keys/auditor.pem").read_bytes()
    assert load_or_create_key(tmp_path, b"correct horse").public == made.public
    for wrong in (None, b"incorrect"):
        with pytest.raises(UsageError):
            load_or_create_key(tmp_path, wrong)


def test_a_passphrase_for_an_open_key_is_refused(tmp_path: Path) -> None:
    load_or_create_key(tmp_path)
    with pytest.raises(UsageError, match="not encrypted"):
        load_or_create_key(tmp_path, b"unused")


def test_other_kinds_of_private_key_are_refused() -> None:
    other = ec.generate_private_key(ec.SECP256R1())
    pem = other.private_bytes(PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    for text in (pem, b"", b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"):
        with pytest.raises(UsageError):
            SigningKey.from_pem(text)


def test_parse_gives_the_key_back() -> None:
    assert parse_public_key(KEY.public.pem) == KEY.public


@pytest.mark.parametrize("encoding", SMALL_ORDER)
@pytest.mark.parametrize("sign", [0, 0x80])
def test_weak_keys_are_refused(encoding: str, sign: int) -> None:
    raw = bytearray.fromhex(encoding)
    raw[31] |= sign
    pem = Ed25519PublicKey.from_public_bytes(bytes(raw)).public_bytes(PEM, PUBLIC)
    with pytest.raises(InvalidDocument, match="weak key"):
        parse_public_key(pem)


def test_other_kinds_of_public_key_are_refused() -> None:
    for other in (
        ec.generate_private_key(ec.SECP256R1()).public_key(),
        x25519.X25519PrivateKey.generate().public_key(),
    ):
        with pytest.raises(InvalidDocument, match="not an Ed25519 key"):
            parse_public_key(other.public_bytes(PEM, PUBLIC))


@pytest.mark.parametrize(
    "change",
    [
        lambda pem: pem.replace(b"\n", b"\r\n"),
        lambda pem: pem + b"\n",
        lambda pem: b"a key\n" + pem,
        lambda pem: pem.rstrip(b"\n"),
        lambda pem: pem.replace(b"PUBLIC", b"PRIVATE"),
        lambda pem: pem + pem,
        lambda _: b"",
    ],
)
def test_other_spellings_are_refused(change: object) -> None:
    assert callable(change)
    with pytest.raises(InvalidDocument):
        parse_public_key(change(KEY.public.pem))


@given(place=st.integers(0, len(KEY.public.pem) - 1), flip=st.integers(1, 255))
def test_a_changed_byte_gives_another_key_or_none(place: int, flip: int) -> None:
    pem = bytearray(KEY.public.pem)
    pem[place] ^= flip
    with contextlib.suppress(InvalidDocument):
        assert parse_public_key(bytes(pem)) != KEY.public


@pytest.mark.skipif(not shutil.which("openssl"), reason="no openssl here")
def test_fingerprint_is_what_openssl_says(tmp_path: Path) -> None:
    (tmp_path / "key.pem").write_bytes(KEY.public.pem)
    command = f"openssl pkey -pubin -in {tmp_path}/key.pem -outform DER | openssl dgst -sha256 -r"
    shown = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=True)
    assert shown.stdout.split()[0] == KEY.public.fingerprint
    assert PublicKey(raw=KEY.public.raw).fingerprint == KEY.public.fingerprint
