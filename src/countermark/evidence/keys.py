"""Keys: made, kept in a file only the owner can read, read strictly, named by their fingerprint.

Ed25519 is what is made here, and what signs logs and cosigns them (the formats of C2SP know no other). ECDSA on P-256 and
P-384, which agencies hold on cards and in modules, signs statements.
"""

import os
import re
import stat
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from countermark.canonical import digest
from countermark.errors import InvalidDocument, UsageError
from countermark.files import read_capped, sync_directory, write_atomic

_FIELD_PRIME = 2**255 - 19
_MAX_PEM = 4096
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
# y coordinates of the points of small order: under such a key one fixed signature is valid for every message.
_SMALL_ORDER = {
    0,
    1,
    _FIELD_PRIME - 1,
    int.from_bytes(
        bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"), "little"
    ),
    int.from_bytes(
        bytes.fromhex("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"), "little"
    ),
}


_CURVES: dict[str, tuple[ec.EllipticCurve, hashes.HashAlgorithm]] = {
    "p-256": (ec.SECP256R1(), hashes.SHA256()),
    "p-384": (ec.SECP384R1(), hashes.SHA384()),
}
_KINDS = {32: "ed25519", 65: "p-256", 97: "p-384"}
"""Length of a raw key to its kind: no two have the same."""


@dataclass(frozen=True, kw_only=True)
class PublicKey:
    """A public key. `raw`: the 32 bytes of an Ed25519 key, or the uncompressed point (65 or 97 bytes) of P-256 or P-384."""

    raw: bytes

    @property
    def kind(self) -> str:
        """`ed25519`, `p-256` or `p-384`."""
        return _KINDS[len(self.raw)]

    @cached_property
    def pem(self) -> bytes:
        """Its one accepted PEM text."""
        return self._key.public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of the DER form (SubjectPublicKeyInfo), in hexadecimal: how policies and signatures name the key."""
        return digest(
            self._key.public_bytes(
                serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
            )
        )

    def verify(self, signature: bytes, data: bytes) -> bool:
        """Whether `signature` is this key's over `data`."""
        try:
            if isinstance(self._key, Ed25519PublicKey):
                self._key.verify(signature, data)
            else:
                self._key.verify(signature, data, ec.ECDSA(_CURVES[self.kind][1]))
        except InvalidSignature:
            return False
        return True

    @cached_property
    def _key(self) -> Ed25519PublicKey | ec.EllipticCurvePublicKey:
        if self.kind == "ed25519":
            return Ed25519PublicKey.from_public_bytes(self.raw)
        return ec.EllipticCurvePublicKey.from_encoded_point(_CURVES[self.kind][0], self.raw)


class SigningKey:
    """A private key. Signatures by Ed25519 are deterministic, those by ECDSA are not."""

    def __init__(self, key: Ed25519PrivateKey | ec.EllipticCurvePrivateKey) -> None:
        self._key = key
        public = _public(key.public_key())
        if public is None:
            raise UsageError("the signing key is neither Ed25519 nor ECDSA on P-256 or P-384")
        self.public = public

    @classmethod
    def generate(cls) -> "SigningKey":
        """A new key from the system's randomness."""
        return cls(Ed25519PrivateKey.generate())

    @classmethod
    def from_seed(cls, seed: bytes) -> "SigningKey":
        """The key of a 32-byte seed, for test vectors."""
        return cls(Ed25519PrivateKey.from_private_bytes(seed))

    @classmethod
    def from_pem(cls, pem: bytes, passphrase: bytes | None = None) -> "SigningKey":
        """The key in a PKCS#8 PEM text. Raises `UsageError` where it is not one or the passphrase does not open it."""
        try:
            key = serialization.load_pem_private_key(pem, passphrase)
        except TypeError as error:  # a passphrase missing, or one too many
            wants = "is not encrypted, yet a passphrase was given" if passphrase else "is encrypted"
            raise UsageError(
                f"the signing key {wants}", hint="give the passphrase it was made with"
            ) from error
        except (ValueError, UnsupportedAlgorithm) as error:
            locked = b"ENCRYPTED" in pem
            fault = "is not opened by this passphrase, or damaged" if locked else "cannot be read"
            raise UsageError(f"the signing key {fault}", hint="check the passphrase and the file") from error
        if not isinstance(key, Ed25519PrivateKey | ec.EllipticCurvePrivateKey):
            raise UsageError("the signing key is neither Ed25519 nor ECDSA on P-256 or P-384")
        return cls(key)

    def sign(self, data: bytes) -> bytes:
        """The signature over `data`: 64 bytes by Ed25519; by ECDSA with SHA-256 or SHA-384, DER."""
        if isinstance(self._key, Ed25519PrivateKey):
            return self._key.sign(data)
        return self._key.sign(data, ec.ECDSA(_CURVES[self.public.kind][1]))

    def pem(self, passphrase: bytes | None = None) -> bytes:
        """PKCS#8 PEM, encrypted where a passphrase is given."""
        lock: serialization.KeySerializationEncryption = serialization.NoEncryption()
        if passphrase:
            lock = serialization.BestAvailableEncryption(passphrase)
        return self._key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, lock)


def load_or_create_key(home: Path, passphrase: bytes | None = None, *, name: str = "auditor") -> SigningKey:
    """The key in `home`/keys/NAME.pem, made (mode 0600) where there is none.

    Raises:
        UsageError: Others may read the file, it is not an Ed25519 key, or the passphrase does not open it.
    """
    path = key_path(home, name)
    if not path.exists():
        _create(path, SigningKey.generate().pem(passphrase))
    warning = mode_warning(path)
    if warning:
        raise UsageError(warning, hint=f"chmod 600 {path}")
    return SigningKey.from_pem(read_capped(path, max_bytes=_MAX_PEM), passphrase)


def create_key(home: Path, name: str, passphrase: bytes | None) -> SigningKey:
    """A new key in `home`/keys/NAME.pem (mode 0600), its public part in NAME.pub.pem beside it.

    Raises:
        UsageError: There is a key of that name: nothing is ever overwritten.
    """
    path, key = key_path(home, name), SigningKey.generate()
    if path.exists() or public_path(home, name).exists() or not _create(path, key.pem(passphrase)):
        raise UsageError(
            f"{path} or its public part is there already; a key is never overwritten",
            hint="choose another --name, or move the old key away",
        )
    publish(home, name, key.public)
    return key


def key_path(home: Path, name: str) -> Path:
    """Where the private key of that name lies. Raises `UsageError` on a name no key may have."""
    if not _NAME.fullmatch(name):
        raise UsageError(f"{name!r} is no name for a key", hint="lower-case letters, digits, - and _")
    return home / "keys" / f"{name}.pem"


def public_path(home: Path, name: str) -> Path:
    """Where the public part of the key of that name lies."""
    return key_path(home, name).with_suffix(".pub.pem")


def publish(home: Path, name: str, key: PublicKey) -> Path:
    """Write the public part beside the private key where it is missing; returns its path."""
    path = public_path(home, name)
    if not path.exists():
        write_atomic(path, key.pem)
    return path


def is_encrypted(path: Path) -> bool:
    """Whether a passphrase is needed to open the private key in that file. Raises `UnsafePath`."""
    return b"-----BEGIN ENCRYPTED PRIVATE KEY-----" in read_capped(path, max_bytes=_MAX_PEM)


def why_no_key(path: Path) -> str:
    """What keeps that file from being a private key, as far as can be told without a passphrase, or nothing.

    Raises `UnsafePath`.
    """
    try:
        key = serialization.load_pem_private_key(read_capped(path, max_bytes=_MAX_PEM), None)
    except TypeError:  # it wants a passphrase, so it was read that far
        return ""
    except (ValueError, UnsupportedAlgorithm):
        return "is no private key"
    accepted = isinstance(key, Ed25519PrivateKey | ec.EllipticCurvePrivateKey) and _public(key.public_key())
    return "" if accepted else "is a private key of a kind that is not accepted"


def mode_warning(path: Path) -> str:
    """What is wrong with who may read the private key in that file, or nothing."""
    mode = stat.S_IMODE(path.stat().st_mode)
    return (
        f"{path} has mode {mode:04o}: others on this machine may read the signing key" if mode & 0o077 else ""
    )


def parse_public_key(pem: bytes) -> PublicKey:
    """The key in a PEM text that is exactly what re-encoding it gives.

    Raises:
        InvalidDocument: Not PEM, neither Ed25519 nor ECDSA on P-256 or P-384, not the one accepted spelling, or a weak key
            (small order).
    """
    try:
        key = serialization.load_pem_public_key(pem)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise _refused("is not a PEM public key") from error
    public = _public(key)
    if public is None:
        raise _refused("is neither an Ed25519 key nor an ECDSA key on P-256 or P-384")
    if public.kind == "ed25519":
        height = int.from_bytes(public.raw, "little") & (2**255 - 1)
        if height >= _FIELD_PRIME or height in _SMALL_ORDER:
            raise _refused("is a weak key: one signature would be valid for every message")
    if public.pem != pem:
        raise _refused("is not spelt as its own re-encoding (line ends, spaces or text around it)")
    return public


def _public(key: object) -> PublicKey | None:
    """The key as a value, or None for a kind that is not accepted."""
    if isinstance(key, Ed25519PublicKey):
        return PublicKey(raw=key.public_bytes_raw())
    curves = tuple(type(curve) for curve, _ in _CURVES.values())
    if isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, curves):
        point = serialization.PublicFormat.UncompressedPoint
        return PublicKey(raw=key.public_bytes(serialization.Encoding.X962, point))
    return None


def _refused(why: str) -> InvalidDocument:
    return InvalidDocument([f"public key: [key-refused] {why}"], ["key-refused"])


def _create(path: Path, pem: bytes) -> bool:
    """Write a new private key; False where there was one by then."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(pem)
        file.flush()
        os.fsync(descriptor)
    # A link, unlike a rename, never replaces a key that another process made meanwhile.
    try:
        os.link(draft, path)
    except FileExistsError:
        return False
    finally:
        draft.unlink()
    sync_directory(path.parent)
    return True
