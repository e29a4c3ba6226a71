"""in-toto Statements v1 in DSSE envelopes, one canonical line each, so that no byte can change unnoticed."""

import base64
import binascii
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from countermark import canonical
from countermark.canonical import decode
from countermark.errors import EvidenceError, SignerUnknown
from countermark.evidence.keys import PublicKey, SigningKey

NS = "https://countermark.example/ns"
REPORT_TYPE = f"{NS}/audit-report/v0.1"
PLAN_TYPE = f"{NS}/audit-plan/v0.1"
COUNTERSIGN_TYPE = f"{NS}/plan-countersignature/v0.1"
DRAW_TYPE = f"{NS}/audit-draw/v0.1"
REDACTION_TYPE = f"{NS}/redaction/v0.1"
PACK_TYPE = f"{NS}/release-pack/v0.1"
ACCEPTANCE_TYPE = f"{NS}/pack-acceptance/v0.1"
PAYLOAD_TYPE = "application/vnd.in-toto+json"
STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
MAX_LINE = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """What was signed: `subjects` maps names to SHA-256 digests; `signer` is the fingerprint of the key that signed."""

    predicate_type: str
    subjects: Mapping[str, str]
    predicate: Mapping[str, Any]
    signer: str


def pae(payload: bytes) -> bytes:
    """DSSE's pre-authentication encoding: the bytes that are signed."""
    kind = PAYLOAD_TYPE.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def sign_statement(
    key: SigningKey, predicate_type: str, subjects: Mapping[str, str], predicate: Mapping[str, Any]
) -> bytes:
    """One signed envelope: a line of canonical JSON with its line feed.

    Args:
        key: Who signs.
        predicate_type: What kind of claim it is; a URI under `NS`.
        subjects: Name of each file spoken of, to its SHA-256 in hexadecimal.
        predicate: The claim; no floats.
    """
    payload = canonical.encode(
        {
            "_type": STATEMENT_TYPE,
            "predicate": dict(predicate),
            "predicateType": predicate_type,
            "subject": [
                {"digest": {"sha256": value}, "name": name} for name, value in sorted(subjects.items())
            ],
        }
    )
    read_payload(payload, key.public.fingerprint)  # nothing is signed that a reader would refuse
    signature = {"keyid": key.public.fingerprint, "sig": _to_base64(key.sign(pae(payload)))}
    envelope = {"payload": _to_base64(payload), "payloadType": PAYLOAD_TYPE, "signatures": [signature]}
    return canonical.encode(envelope) + b"\n"


def open_statement(line: bytes, keys: Iterable[PublicKey]) -> Statement:
    """The statement in an envelope, once its signature holds under the key it names.

    Args:
        line: The envelope with its line feed, exactly as `sign_statement` writes it.
        keys: The public keys at hand. Whether one is trusted, and in which role, is the caller's question, as is
            whether `predicate_type` is the one expected.

    Raises:
        EvidenceError: The line is not the one spelling of an envelope, or the signature does not hold.
        SignerUnknown: It names a key that is not at hand.
    """
    payload, keyid, signature = _read_envelope(line)
    held = {key.fingerprint: key for key in keys}
    if keyid not in held:
        if any(key.verify(signature, pae(payload)) for key in held.values()):
            raise EvidenceError("keyid is not that of the key that signed")
        raise SignerUnknown(f"signed by a key that is not at hand, {keyid}")
    if not held[keyid].verify(signature, pae(payload)):
        raise EvidenceError("the signature does not hold")
    return read_payload(payload, keyid)


def payload_of(line: bytes) -> bytes:
    """The payload of an envelope, its signature unchecked. Raises `EvidenceError` where it is no envelope."""
    return _read_envelope(line)[0]


def _read_envelope(line: bytes) -> tuple[bytes, str, bytes]:
    try:
        envelope = decode(line, max_bytes=MAX_LINE, floats=False)
        canonical_line = canonical.encode(envelope) + b"\n"
    except canonical.InvalidJson as error:
        raise EvidenceError(f"the envelope is {error}") from error
    if canonical_line != line:
        raise EvidenceError("the envelope is not in its canonical form")
    match envelope:
        case {
            "payload": str(payload),
            "payloadType": str(kind),
            "signatures": [{"keyid": str(keyid), "sig": str(sig)}],
        }:
            fields = len(envelope), len(envelope["signatures"][0])
        case _:
            raise EvidenceError("the envelope is not a payload with one signature")
    if kind != PAYLOAD_TYPE or fields != (3, 2):
        raise EvidenceError(f"the envelope's payload type is not {PAYLOAD_TYPE}, or it holds unknown fields")
    return _from_base64(payload), keyid, _from_base64(sig)


def read_payload(payload: bytes, signer: str) -> Statement:
    """The statement in an envelope's payload whose signature was checked to be `signer`'s. Raises `EvidenceError`."""
    try:
        value = decode(payload, max_bytes=MAX_LINE, floats=False)
    except canonical.InvalidJson as error:
        raise EvidenceError(f"the statement is {error}") from error
    match value:
        case {
            "_type": str(kind),
            "predicateType": str(predicate_type),
            "predicate": dict(predicate),
            "subject": [*listed],
        }:
            pass
        case _:
            raise EvidenceError("the statement lacks its type, subject or predicate")
    if kind != STATEMENT_TYPE:
        raise EvidenceError(f"the statement's type is not {STATEMENT_TYPE}")
    return Statement(
        predicate_type=predicate_type, subjects=_read_subjects(listed), predicate=predicate, signer=signer
    )


def _read_subjects(listed: list[Any]) -> dict[str, str]:
    subjects: dict[str, str] = {}
    for entry in listed:
        match entry:
            case {"name": str(name), "digest": {"sha256": str(value)}} if name not in subjects and _is_digest(
                value
            ):
                subjects[name] = value
            case _:
                raise EvidenceError("a subject lacks its name or SHA-256, or stands twice")
    if not subjects:
        raise EvidenceError("the statement speaks of nothing")
    return subjects


def _is_digest(value: str) -> bool:
    return len(value) == 64 and set(value) <= set("0123456789abcdef")


def _to_base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def _from_base64(text: str) -> bytes:
    try:
        data = base64.b64decode(text.encode("ascii"), validate=True)
    except (binascii.Error, UnicodeEncodeError) as error:
        raise EvidenceError("base64 in the envelope is malformed") from error
    if _to_base64(data) != text:
        raise EvidenceError("base64 in the envelope has loose bits")
    return data
