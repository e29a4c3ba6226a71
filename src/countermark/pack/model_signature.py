"""An existing OpenSSF model signature (identity/model.sig) read safely: it must list exactly the weights of the pack.

The bundle is a DSSE envelope whose signed statement lists files with their digests. Its own verifier has let through what
this reader refuses: paths the signer chose to ignore, empty lists, names that climb. The digest of the bundle's subject
covers no file names, so it identifies nothing here.
"""

import base64
import binascii
from collections.abc import Mapping
from typing import Any

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from countermark.canonical import InvalidJson, decode
from countermark.issues import Issues
from countermark.pack.full import MODEL_SIGNATURE, WEIGHTS_FILE
from countermark.pack.scan import shown

_PAYLOAD_TYPE = "application/vnd.in-toto+json"
_PREDICATE = "https://model_signing/signature/v1.0"
_MAY_BE_IGNORED = frozenset({".git", ".gitattributes", ".github", ".gitignore", "model.sig"})
_HASHES: Mapping[str, hashes.HashAlgorithm] = {
    "secp256r1": hashes.SHA256(),
    "secp384r1": hashes.SHA384(),
    "secp521r1": hashes.SHA512(),
}


def check_model_signature(
    data: bytes, weights: Mapping[str, str], issues: Issues, *, key: bytes | None = None
) -> None:
    """Hold a model signature against the pack's weights, and its signature against a key.

    Args:
        data: identity/model.sig.
        weights: Name to SHA-256, as identity/weights.sha256 lists them.
        issues: Codes `model-signature` (unreadable, or of a kind that is not compared), `model-signature-files` (does
            not list exactly these weights), `model-signature-ignores`, `model-signature-key`.
        key: PEM of the signer's P-256, P-384 or P-521 public key, from the reader's own hands; without it only what
            the signature says is compared, and nothing is known of who said it.
    """
    try:
        payload, signature = _open(data)
        statement = decode(payload)
    except (InvalidJson, ValueError) as error:
        _fault(issues, "model-signature", f"cannot be read: {shown(str(error))}")
        return
    if key is not None and not _holds(payload, signature, key):
        _fault(issues, "model-signature-key", "its signature does not hold under the key given")
    match statement:
        case {
            "predicateType": str(kind),
            "predicate": {
                "resources": [*resources],
                "serialization": {"method": "files", "hash_type": "sha256", **rest},
            },
        } if kind == _PREDICATE:
            _compare(resources, weights, issues)
            _check_ignored(rest.get("ignore_paths", []), issues)
        case _:
            _fault(issues, "model-signature", "is not a list of whole files by SHA-256 (signature/v1.0)")


def _open(data: bytes) -> tuple[bytes, bytes]:
    """Payload and signature of the one envelope in a bundle. Raises `ValueError`."""
    match decode(data):
        case {
            "dsseEnvelope": {
                "payload": str(payload),
                "payloadType": str(kind),
                "signatures": [{"sig": str(signature)}],
            }
        } if kind == _PAYLOAD_TYPE:
            return _plain(payload), _plain(signature)
    raise ValueError("is not a bundle with one signed in-toto statement")


def _plain(text: str) -> bytes:
    try:
        return base64.b64decode(text.encode("ascii"), validate=True)
    except (binascii.Error, UnicodeEncodeError) as error:
        raise ValueError("base64 in the envelope is malformed") from error


def _holds(payload: bytes, signature: bytes, pem: bytes) -> bool:
    try:
        key = serialization.load_pem_public_key(pem)
    except (ValueError, UnsupportedAlgorithm):
        return False
    if not isinstance(key, ec.EllipticCurvePublicKey) or key.curve.name not in _HASHES:
        return False
    signed = b"DSSEv1 %d %b %d %b" % (len(_PAYLOAD_TYPE), _PAYLOAD_TYPE.encode(), len(payload), payload)
    try:
        key.verify(signature, signed, ec.ECDSA(_HASHES[key.curve.name]))
    except InvalidSignature:
        return False
    return True


def _compare(resources: list[Any], weights: Mapping[str, str], issues: Issues) -> None:
    listed: dict[str, str] = {}
    for number, resource in enumerate(resources):
        match resource:
            case {"name": str(name), "algorithm": "sha256", "digest": str(value)} if name not in listed:
                listed[name] = value
            case _:
                _fault(
                    issues,
                    "model-signature-files",
                    f"resource {number} is no file by SHA-256, or stands twice",
                )
    if not weights:
        _fault(issues, "model-signature-files", f"there is no {WEIGHTS_FILE} to hold it against")
    for name in sorted(listed.keys() | weights.keys()):
        if name not in weights:
            _fault(issues, "model-signature-files", f"lists {shown(name)}, which {WEIGHTS_FILE} does not")
        elif listed.get(name) != weights[name]:
            how = "with another digest" if name in listed else "not at all"
            _fault(issues, "model-signature-files", f"lists {name} of {WEIGHTS_FILE} {how}")


def _check_ignored(ignored: Any, issues: Issues) -> None:
    paths = ignored if isinstance(ignored, list) else [ignored]
    for path in paths:
        if not isinstance(path, str) or path not in _MAY_BE_IGNORED:
            _fault(issues, "model-signature-ignores", f"its signer left out {shown(str(path))}")


def _fault(issues: Issues, code: str, message: str) -> None:
    hint = "sign the weights as they are listed again, or remove the file"
    issues.add(code, MODEL_SIGNATURE, "", message, hint)
