"""Keys: kept for their owner only, read strictly, weak ones refused."""

import base64
import contextlib
import hashlib
import json
import shutil
import stat
import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa, x25519
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from hypothesis import given
from hypothesis import strategies as st

from countermark.canonical import encode
from countermark.errors import EvidenceError, InvalidDocument, SignerUnknown, UsageError
from countermark.evidence import (
    NS,
    Checkpoint,
    EvidenceLog,
    PublicKey,
    Refused,
    SigningKey,
    Submission,
    Witness,
    cosign,
    load_or_create_key,
    open_cosignature,
    open_note,
    open_statement,
    parse_public_key,
    sign_note,
    sign_statement,
)

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


def private_pem(key: object) -> bytes:
    return key.private_bytes(PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())


def test_other_kinds_of_private_key_are_refused() -> None:
    others = [ec.generate_private_key(curve) for curve in (ec.SECP521R1(), ec.SECP256K1(), ec.SECP224R1())]
    others.append(rsa.generate_private_key(65537, 2048))
    pems = [private_pem(other) for other in others]
    for text in (*pems, b"", b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"):
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
    curves = (ec.SECP521R1(), ec.SECP256K1(), ec.SECP224R1(), ec.BrainpoolP256R1(), ec.BrainpoolP384R1())
    for other in (
        *(ec.generate_private_key(curve).public_key() for curve in curves),
        x25519.X25519PrivateKey.generate().public_key(),
        rsa.generate_private_key(65537, 2048).public_key(),
    ):
        with pytest.raises(
            InvalidDocument, match="neither an Ed25519 key nor an ECDSA key on P-256 or P-384"
        ):
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


# P-256 and P-384, which others hold on cards and in modules


@pytest.fixture(params=[("p-256", ec.SECP256R1(), 65), ("p-384", ec.SECP384R1(), 97)], ids=["p-256", "p-384"])
def curve(request: pytest.FixtureRequest) -> tuple[str, ec.EllipticCurve, int]:
    return request.param


def test_a_curves_key_signs_and_verifies(curve: tuple[str, ec.EllipticCurve, int]) -> None:
    kind, on, size = curve
    key = SigningKey(ec.generate_private_key(on))
    assert (key.public.kind, len(key.public.raw)) == (kind, size)
    signature = key.sign(b"said")
    assert key.public.verify(signature, b"said")
    assert not key.public.verify(signature, b"unsaid")
    assert not key.public.verify(signature + b"\0", b"said")
    assert not SigningKey(ec.generate_private_key(on)).public.verify(signature, b"said")
    assert not KEY.public.verify(signature, b"said")
    assert not key.public.verify(KEY.sign(b"said"), b"said")
    again = SigningKey.from_pem(key.pem(b"word"), b"word")
    assert again.public == key.public
    assert parse_public_key(key.public.pem) == key.public


def test_a_curves_key_has_one_spelling(curve: tuple[str, ec.EllipticCurve, int]) -> None:
    public = ec.generate_private_key(curve[1]).public_key()
    compressed = public.public_bytes(serialization.Encoding.X962, serialization.PublicFormat.CompressedPoint)
    whole = public.public_bytes(serialization.Encoding.DER, PUBLIC)
    short = der_of_point(whole, compressed)
    for pem in (public.public_bytes(PEM, PUBLIC) + b"\n", short):
        with pytest.raises(InvalidDocument):
            parse_public_key(pem)


def der_of_point(whole: bytes, point: bytes) -> bytes:
    """The PEM of a key whose point is written otherwise: the same header, lengths set anew."""
    algorithm = whole[2 if whole[1] < 128 else 3 :]
    algorithm = algorithm[: 2 + algorithm[1]]
    bits = b"\x03" + bytes([len(point) + 1]) + b"\0" + point
    der = b"\x30" + bytes([len(algorithm) + len(bits)]) + algorithm + bits
    text = base64.encodebytes(der).replace(b"\n", b"")
    lines = [text[place : place + 64] for place in range(0, len(text), 64)]
    return b"-----BEGIN PUBLIC KEY-----\n" + b"\n".join(lines) + b"\n-----END PUBLIC KEY-----\n"


def test_statements_are_signed_with_a_curves_key(curve: tuple[str, ec.EllipticCurve, int]) -> None:
    key = SigningKey(ec.generate_private_key(curve[1]))
    line = sign_statement(key, f"{NS}/release-pack/v0.1", {"MANIFEST.sha256": "0" * 64}, {"a": "b"})
    assert open_statement(line, [KEY.public, key.public]).signer == key.public.fingerprint
    with pytest.raises(SignerUnknown):
        open_statement(line, [KEY.public])
    other = sign_statement(key, f"{NS}/release-pack/v0.1", {"MANIFEST.sha256": "0" * 64}, {"a": "c"})
    changed = encode(json.loads(line) | {"payload": json.loads(other)["payload"]}) + b"\n"
    with pytest.raises(EvidenceError, match="the signature does not hold"):
        open_statement(changed, [key.public])


def test_logs_and_witnesses_know_ed25519_alone(
    curve: tuple[str, ec.EllipticCurve, int], tmp_path: Path
) -> None:
    key = SigningKey(ec.generate_private_key(curve[1]))
    with pytest.raises(UsageError, match="a log signs with an Ed25519 key"):
        EvidenceLog.create(tmp_path / "run", origin="a/b", key=key)
    assert not (tmp_path / "run").exists()
    checkpoint = Checkpoint(origin="a/b", size=0, root_hex="0" * 64)
    with pytest.raises(UsageError):
        sign_note(key, checkpoint)
    note = sign_note(KEY, checkpoint)
    with pytest.raises(UsageError, match="a witness signs with an Ed25519 key"):
        cosign(key, "lab", note, 1)
    with pytest.raises(SignerUnknown):
        open_note(note, key.public)
    with pytest.raises(SignerUnknown):
        open_cosignature(cosign(KEY, "lab", note, 1), note, [key.public])


def test_a_witness_serves_no_log_of_another_kind_of_key(curve: tuple[str, ec.EllipticCurve, int]) -> None:
    key = SigningKey(ec.generate_private_key(curve[1]))
    note = sign_note(KEY, Checkpoint(origin="a/b", size=0, root_hex=hashlib.sha256().hexdigest()))
    with pytest.raises(Refused) as caught:
        Witness(KEY, "lab", {}).add(Submission(old=0, proof=(), note=note), key.public, time=1)
    assert caught.value.status == 403


@pytest.mark.skipif(not shutil.which("openssl"), reason="no openssl here")
@pytest.mark.parametrize("name", ["P-256", "P-384"])
def test_openssls_keys_and_signatures_are_read(tmp_path: Path, name: str) -> None:
    (tmp_path / "said").write_bytes(b"said")
    digest = {"P-256": "-sha256", "P-384": "-sha384"}[name]
    for line in (
        f"genpkey -algorithm EC -pkeyopt ec_paramgen_curve:{name} -out key.pem",
        "pkey -in key.pem -pubout -out public.pem",
        f"dgst {digest} -sign key.pem -out signature said",
    ):
        subprocess.run(["openssl", *line.split()], cwd=tmp_path, check=True, capture_output=True)
    public = parse_public_key((tmp_path / "public.pem").read_bytes())
    assert public.verify((tmp_path / "signature").read_bytes(), b"said")
    assert SigningKey.from_pem((tmp_path / "key.pem").read_bytes()).public == public
