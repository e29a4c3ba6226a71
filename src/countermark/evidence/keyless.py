"""Sigstore bundles: a named identity, vouched for by an issuer, signed a manifest; checked without any network.

Needs the extra `sigstore`. The trusted root (whose certificate authority, logs and clocks count) is a file that the reader
pinned; it is never refreshed. We make no bundle: signing needs the identity's own login.
"""

import warnings
from base64 import b64decode
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from countermark.canonical import InvalidJson, decode, digest
from countermark.errors import EvidenceError, SignerUnknown, UsageError
from countermark.evidence.dsse import PAYLOAD_TYPE, read_payload
from countermark.evidence.late import MAX_BUNDLE
from countermark.evidence.manifest import MANIFEST

if TYPE_CHECKING:
    from cryptography.x509 import Certificate


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Who signs, exactly as the certificate names them, and the issuer that vouched for the login."""

    identity: str
    issuer: str


@dataclass(frozen=True, slots=True, kw_only=True)
class KeylessSignature:
    """`who` signed before `time`, seconds since 1970: the end of the certificate, which outlives no verified time."""

    who: Identity
    time: int


def check_bundle(
    bundle: bytes, manifest: bytes, kind: str, trusted_root: Path, identities: Iterable[Identity]
) -> KeylessSignature:
    """Who signed `manifest` in a Sigstore bundle, once certificate, log entry, times and signature hold.

    Args:
        bundle: The bundle's JSON: a signature over the manifest file, or an in-toto statement of type `kind` about it.
        manifest: The bytes of the MANIFEST.sha256 it should be of.
        kind: The predicate type that a statement must have.
        trusted_root: A trusted_root.json that the reader pinned.
        identities: Whom the reader accepts.

    Raises:
        EvidenceError: Malformed, of other bytes, or something in it does not hold under the trusted root.
        SignerUnknown: It holds, and its identity is none of those accepted.
        UsageError: The extra `sigstore` is not installed, or the trusted root cannot be read.
    """
    if find_spec("sigstore") is None:
        raise UsageError("sigstore bundles need the extra sigstore", hint="install countermark[sigstore]")
    enveloped = "dsseEnvelope" in _read_form(bundle)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of certificates that are odd, which is not for the user's terminal
        certificate = _Offline(trusted_root).check(bundle, manifest, kind if enveloped else None)
    for one in identities:
        if _is(certificate, one):
            return KeylessSignature(who=one, time=int(certificate.not_valid_after_utc.timestamp()))
    raise SignerUnknown(f"signed by an identity that your policy does not name: {_named(certificate)}")


def claimed_digest(bundle: bytes) -> str:
    """SHA-256 of what a bundle says it is of, in hexadecimal, or nothing where it does not say; nothing is checked.

    Raises:
        EvidenceError: Not a bundle at all.
    """
    value = _read_form(bundle)
    try:
        if "messageSignature" in value:
            return b64decode(value["messageSignature"]["messageDigest"]["digest"], validate=True).hex()
        payload = b64decode(value["dsseEnvelope"]["payload"], validate=True)
    except (KeyError, TypeError, ValueError):
        return ""
    return read_payload(payload, "").subjects.get(MANIFEST, "")


class _Offline:
    """Sigstore's verifier under one pinned root."""

    def __init__(self, trusted_root: Path) -> None:
        from sigstore.models import TrustedRoot
        from sigstore.verify import Verifier

        try:
            self._verifier = Verifier(trusted_root=TrustedRoot.from_file(str(trusted_root)))
        except Exception as error:  # a library over a file: whatever it raises, the file is no root
            raise UsageError(
                f"{trusted_root} is no sigstore trusted root ({type(error).__name__})",
                hint="pin a trusted_root.json of the sigstore instance that you trust",
            ) from error

    def check(self, data: bytes, manifest: bytes, kind: str | None) -> "Certificate":
        """The certificate that signed the manifest, or a statement of that kind about it. Raises `EvidenceError`."""
        from sigstore.models import Bundle

        try:
            bundle = Bundle.from_json(data)
            if kind is None:
                self._verifier.verify_artifact(manifest, bundle, _Anybody())
            else:
                _check_statement(*self._verifier.verify_dsse(bundle, _Anybody()), manifest, kind)
        except EvidenceError:
            raise
        except Exception as error:  # a library over a stranger's bytes
            raise EvidenceError(f"does not hold under your trusted root: {_first_line(error)}") from error
        return bundle.signing_certificate


class _Anybody:
    """The policy that accepts every identity: the reader's own list is asked afterwards."""

    def verify(self, cert: "Certificate") -> None:
        """Nothing to refuse."""


def _read_form(bundle: bytes) -> dict[str, Any]:
    """The bundle's JSON, which holds a statement or a bare signature. Raises `EvidenceError` where it is neither."""
    try:
        value = decode(bundle, max_bytes=MAX_BUNDLE, floats=False)
    except InvalidJson as error:
        raise EvidenceError(f"is {error}") from error
    if not isinstance(value, dict) or ("dsseEnvelope" in value) == ("messageSignature" in value):
        raise EvidenceError("is not a sigstore bundle")
    return value


def _check_statement(payload_type: str, payload: bytes, manifest: bytes, kind: str) -> None:
    statement = read_payload(payload, "")
    if payload_type != PAYLOAD_TYPE or statement.predicate_type != kind:
        raise EvidenceError(f"is a statement of another kind, {statement.predicate_type}")
    if dict(statement.subjects) != {MANIFEST: digest(manifest)}:
        raise EvidenceError("is a statement about other bytes")


def _is(certificate: "Certificate", one: Identity) -> bool:
    from sigstore.errors import VerificationError
    from sigstore.verify import policy

    try:
        policy.Identity(identity=one.identity, issuer=one.issuer).verify(certificate)
    except VerificationError:
        return False
    return True


def _named(certificate: "Certificate") -> str:
    from cryptography import x509

    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        return ", ".join(str(name.value) for name in names)
    except (ValueError, x509.ExtensionNotFound):
        return "no name"


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200]
