"""RFC 3161 time stamps: an authority vouches that some bytes existed at its time.

A query needs the core alone. Reading a reply needs the extra `tsa` (rfc3161-client), which reads strict DER. Roots come
from the reader; nothing in a reply makes its authority trusted.
"""

import hashlib
import math
import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from countermark.errors import EvidenceError, SignerUnknown, UsageError
from countermark.evidence.late import MAX_STAMP

if TYPE_CHECKING:
    from rfc3161_client import TimeStampResponse

_SHA256 = bytes.fromhex("300d06096086480165030402010500")
"""AlgorithmIdentifier of SHA-256, DER."""
_HASHES = {
    "2.16.840.1.101.3.4.2.1": hashlib.sha256,
    "2.16.840.1.101.3.4.2.2": hashlib.sha384,
    "2.16.840.1.101.3.4.2.3": hashlib.sha512,
}
_UNTRUSTED = "certificate verify error"
"""OpenSSL's words where the chain is at fault and not the signature."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeStamp:
    """The bytes existed by `time`, seconds since 1970 (its accuracy added), says `authority`, the certificate's subject."""

    time: int
    authority: str


def require_extra() -> None:
    """See that what reads time stamps is installed. Raises `UsageError`."""
    if find_spec("rfc3161_client") is None:
        raise UsageError("time stamps need the extra tsa", hint="install countermark[tsa]")


def query(data: bytes, *, nonce: int | None = None) -> bytes:
    """A TimeStampReq (RFC 3161, section 2.4.1) over SHA-256 of `data`, DER, asking for the authority's certificate.

    Args:
        data: What is to be stamped.
        nonce: A fresh number from 0 that the reply must bear, where one is asked for over a network.
    """
    imprint = _der(0x30, _SHA256 + _der(0x04, hashlib.sha256(data).digest()))
    number = b"" if nonce is None else _der(0x02, nonce.to_bytes(nonce.bit_length() // 8 + 1))
    return _der(0x30, _der(0x02, b"\x01") + imprint + number + _der(0x01, b"\xff"))


def imprint_of(reply: bytes) -> tuple[str, bytes]:
    """The hash's object identifier and the digest that a reply is about, nothing checked. Raises as `check_stamp`."""
    imprint = _read(reply).tst_info.message_imprint
    return imprint.hash_algorithm.dotted_string, imprint.message


def is_of(reply: bytes, data: bytes) -> bool:
    """Whether the reply is about these bytes; its signature is not looked at. Raises as `check_stamp`."""
    kind, imprint = imprint_of(reply)
    return kind in _HASHES and _HASHES[kind](data).digest() == imprint


def check_stamp(reply: bytes, data: bytes, roots: Iterable[bytes], *, nonce: int | None = None) -> TimeStamp:
    """The time stamp in a reply, once it is over `data` and its signature and chain hold at the time it names.

    Args:
        reply: A TimeStampResp, DER, as the authority gave it.
        data: What it should be of.
        roots: PEM texts that the reader trusts: a time stamping authority's root, or that and what is under it.
        nonce: What was asked, where a nonce was.

    Raises:
        EvidenceError: Not strict DER, not granted, of other bytes, its signature broken, or its signer no time stamper.
        SignerUnknown: Its chain leads to none of the roots, or did not at its time.
        UsageError: The extra `tsa` is not installed.
    """
    found = _read(reply)
    if not is_of(reply, data):
        raise EvidenceError("is a time stamp of other bytes")
    if nonce is not None and found.tst_info.nonce != nonce:
        raise EvidenceError("does not bear the nonce that was asked for")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of certificates that are odd, which is not for the user's terminal
        signer = _signer(found)
        _check_chain(found, data, roots)
    info = found.tst_info
    return TimeStamp(
        time=math.ceil(info.gen_time.timestamp() + _accuracy(found)),
        authority=signer.subject.rfc4514_string(),
    )


def _check_chain(found: "TimeStampResponse", data: bytes, roots: Iterable[bytes]) -> None:
    """Try each root by itself: openssl, given two of one name, looks at one of them only."""
    from rfc3161_client import VerificationError, VerifierBuilder

    why = "no root is trusted to stamp time"
    for pem in roots:
        builder = VerifierBuilder()
        for one in dict.fromkeys(x509.load_pem_x509_certificates(pem)):
            builder = builder.add_root_certificate(one)
        try:
            builder.build().verify_message(found, data)
        except VerificationError as error:
            if _UNTRUSTED not in str(error):
                raise EvidenceError("its signature does not hold") from error
            why = "its authority leads to no root that you trust for its time"
        except Exception as error:  # a library over a stranger's bytes
            raise EvidenceError("is not a time stamp that can be checked") from error
        else:
            return
    raise SignerUnknown(why)


def _read(reply: bytes) -> "TimeStampResponse":
    require_extra()
    from rfc3161_client import PKIStatus, decode_timestamp_response

    if len(reply) > MAX_STAMP:
        raise EvidenceError(f"has over {MAX_STAMP} bytes")
    try:
        found = decode_timestamp_response(reply)
        status = found.status
        _ = (found.tst_info.gen_time, found.signed_data.certificates) if status == PKIStatus.GRANTED else ()
    except Exception as error:  # a library over a stranger's bytes, which does not tell what it may raise
        if "InvalidSetOrdering" in str(error):
            raise EvidenceError(
                "is not strict DER: its certificates are not in order, as some openssl authorities write them",
                hint="ask that authority to send its own certificate alone; your policy holds the root",
            ) from error
        raise EvidenceError("is not a time stamp reply in DER") from error
    if status != PKIStatus.GRANTED:
        raise EvidenceError(f"was not granted: status {status}")
    return found


def _signer(found: "TimeStampResponse") -> x509.Certificate:
    """The certificate that signed, which may stamp time and do nothing else (RFC 3161, section 2.3)."""
    try:
        infos = [(one.issuer, one.serial_number) for one in found.signed_data.signer_infos]
        held = [x509.load_der_x509_certificate(one) for one in found.signed_data.certificates]
        signers = [one for one in held if (one.issuer, one.serial_number) in infos]
        usages = [one.extensions.get_extension_for_class(x509.ExtendedKeyUsage) for one in signers]
    except Exception as error:  # as above: a KeyError for an unknown type of string, for one
        raise EvidenceError("its signer's certificate is not a time stamper's") from error
    if len(infos) != 1 or len(signers) != 1:
        raise EvidenceError("does not hold the certificate of its one signer")
    usage = usages[0]
    if not usage.critical or list(usage.value) != [ExtendedKeyUsageOID.TIME_STAMPING]:
        raise EvidenceError("its signer's certificate is not for stamping time alone")
    return signers[0]


def _accuracy(found: "TimeStampResponse") -> float:
    """Seconds by which the authority says it may be wrong."""
    given = found.tst_info.accuracy
    if given is None:
        return 0.0
    return (given.seconds or 0) + (given.millis or 0) / 1e3 + (given.micros or 0) / 1e6


def _der(tag: int, content: bytes) -> bytes:
    """One value with a length below 128, which every query has."""
    return bytes([tag, len(content)]) + content
