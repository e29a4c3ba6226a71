"""A sigstore instance of our own, from public formats: certificate authority, certificate log, signature log.

It signs bundles that `sigstore`'s own verifier accepts under the instance's trusted root, and under no other.
"""

import base64
import hashlib
import json
import struct
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import rfc8785
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from countermark.evidence.dsse import PAYLOAD_TYPE, pae

ISSUER = "https://login.example"
IDENTITY = "release@lab.example"
LIFE = timedelta(minutes=10)
_ISSUER_OID = x509.ObjectIdentifier("1.3.6.1.4.1.57264.1.1")
_SCT_OID = x509.ObjectIdentifier("1.3.6.1.4.1.11129.2.4.2")
_DER = serialization.Encoding.DER
_PREHASHED = ec.ECDSA(hashes.SHA256())


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def spki(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.public_key().public_bytes(_DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def octets(data: bytes) -> bytes:
    """A DER OCTET STRING of less than 64 KiB."""
    size = len(data)
    head = (
        bytes([size]) if size < 128 else b"\x81" + bytes([size]) if size < 256 else b"\x82" + size.to_bytes(2)
    )
    return b"\x04" + head + data


@dataclass
class Instance:
    """Who is trusted: three keys and a root certificate. `now`: the time of every signature."""

    now: datetime = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)

    def __post_init__(self) -> None:
        self.ca, self.ct, self.log = (ec.generate_private_key(ec.SECP256R1()) for _ in range(3))
        name = x509.Name(
            [
                x509.NameAttribute(NameOID.ORGANIZATION_NAME, "example"),
                x509.NameAttribute(NameOID.COMMON_NAME, "an authority"),
            ]
        )
        usage = dict.fromkeys(
            ("digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement",
             "encipher_only", "decipher_only"), False
        )  # fmt: skip
        self.root = (
            x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(self.ca.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(self.now - timedelta(days=300)).not_valid_after(self.now + timedelta(days=300))
            .add_extension(x509.BasicConstraints(ca=True, path_length=1), critical=True)
            .add_extension(x509.KeyUsage(key_cert_sign=True, crl_sign=True, **usage), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(self.ca.public_key()), critical=False)
            .sign(self.ca, hashes.SHA256())
        )  # fmt: skip

    def trusted_root(self) -> bytes:
        """The instance's trusted_root.json."""
        begin = {"start": "2020-01-01T00:00:00Z"}

        def log(url: str, key: ec.EllipticCurvePrivateKey) -> dict[str, Any]:
            return {
                "baseUrl": url, "hashAlgorithm": "SHA2_256", "logId": {"keyId": b64(hashlib.sha256(spki(key)).digest())},
                "publicKey": {"rawBytes": b64(spki(key)), "keyDetails": "PKIX_ECDSA_P256_SHA_256", "validFor": begin},
            }  # fmt: skip

        return json.dumps(
            {
                "mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
                "tlogs": [log("https://log.example", self.log)],
                "ctlogs": [log("https://ct.example", self.ct)],
                "certificateAuthorities": [
                    {
                        "subject": {"organization": "example", "commonName": "an authority"},
                        "uri": "https://ca.example",
                        "certChain": {"certificates": [{"rawBytes": b64(self.root.public_bytes(_DER))}]},
                        "validFor": begin,
                    }
                ],
                "timestampAuthorities": [],
            }
        ).encode()

    def sign(self, data: bytes, *, identity: str = IDENTITY, issuer: str = ISSUER) -> dict[str, Any]:
        """A bundle with a bare signature over `data`."""
        key, certificate = self._certificate(identity, issuer)
        signature = key.sign(data, _PREHASHED)
        entry = {
            "apiVersion": "0.0.1", "kind": "hashedrekord",
            "spec": {
                "data": {"hash": {"algorithm": "sha256", "value": hashlib.sha256(data).hexdigest()}},
                "signature": {"content": b64(signature), "publicKey": {"content": _pem(certificate)}},
            },
        }  # fmt: skip
        content = {
            "messageSignature": {
                "messageDigest": {"algorithm": "SHA2_256", "digest": b64(hashlib.sha256(data).digest())},
                "signature": b64(signature),
            }
        }
        return self._bundle(certificate, entry, content)

    def attest(self, payload: bytes, *, identity: str = IDENTITY, issuer: str = ISSUER) -> dict[str, Any]:
        """A bundle with an envelope around `payload`, an in-toto statement."""
        key, certificate = self._certificate(identity, issuer)
        signature = key.sign(pae(payload), _PREHASHED)
        entry = {
            "apiVersion": "0.0.1", "kind": "dsse",
            "spec": {
                "envelopeHash": {"algorithm": "sha256", "value": "0" * 64},
                "payloadHash": {"algorithm": "sha256", "value": hashlib.sha256(payload).hexdigest()},
                "signatures": [{"signature": b64(signature), "verifier": _pem(certificate)}],
            },
        }  # fmt: skip
        envelope = {
            "payload": b64(payload),
            "payloadType": PAYLOAD_TYPE,
            "signatures": [{"sig": b64(signature)}],
        }
        return self._bundle(certificate, entry, {"dsseEnvelope": envelope})

    def _certificate(self, identity: str, issuer: str) -> tuple[ec.EllipticCurvePrivateKey, x509.Certificate]:
        """A key and its certificate, which the certificate log has seen: signed once without its stamp, once with it."""
        key = ec.generate_private_key(ec.SECP256R1())
        usage = dict.fromkeys(
            ("content_commitment", "key_encipherment", "data_encipherment", "key_agreement", "key_cert_sign", "crl_sign",
             "encipher_only", "decipher_only"), False
        )  # fmt: skip
        made = (
            x509.CertificateBuilder().subject_name(x509.Name([])).issuer_name(self.root.subject)
            .public_key(key.public_key()).serial_number(x509.random_serial_number())
            .not_valid_before(self.now).not_valid_after(self.now + LIFE)
            .add_extension(x509.KeyUsage(digital_signature=True, **usage), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CODE_SIGNING]), critical=False)
            .add_extension(x509.SubjectAlternativeName([x509.RFC822Name(identity)]), critical=True)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self.ca.public_key()), critical=False)
            .add_extension(x509.UnrecognizedExtension(_ISSUER_OID, issuer.encode()), critical=False)
        )  # fmt: skip
        before = made.sign(self.ca, hashes.SHA256()).tbs_certificate_bytes
        seen = made.add_extension(x509.UnrecognizedExtension(_SCT_OID, self._seen(before)), critical=False)
        return key, seen.sign(self.ca, hashes.SHA256())

    def _seen(self, tbs: bytes) -> bytes:
        """The certificate log's stamp (RFC 6962, section 3.2) over a certificate that does not bear it yet."""
        time = int(self.now.timestamp() * 1000)
        said = struct.pack("!BBQH", 0, 0, time, 1) + hashlib.sha256(spki(self.ca)).digest()
        said += len(tbs).to_bytes(3) + tbs + b"\0\0"
        signature = self.ct.sign(said, _PREHASHED)
        stamp = b"\0" + hashlib.sha256(spki(self.ct)).digest() + struct.pack("!QH", time, 0)
        stamp += b"\4\3" + len(signature).to_bytes(2) + signature
        listed = len(stamp).to_bytes(2) + stamp
        return octets(len(listed).to_bytes(2) + listed)

    def _bundle(
        self, certificate: x509.Certificate, entry: dict[str, Any], content: dict[str, Any]
    ) -> dict[str, Any]:
        return {
            "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
            "verificationMaterial": {
                "certificate": {"rawBytes": b64(certificate.public_bytes(_DER))},
                "tlogEntries": [self._entry(rfc8785.dumps(entry), entry["kind"])],
            },
            **content,
        }

    def _entry(self, body: bytes, kind: str) -> dict[str, Any]:
        """The only entry of a signature log: its root is the entry's own hash."""
        log_id = hashlib.sha256(spki(self.log)).digest()
        root, time = hashlib.sha256(b"\0" + body).digest(), int(self.now.timestamp()) + 60
        note = f"log.example - 1\n1\n{b64(root)}\n"
        signed = b64(log_id[:4] + self.log.sign(note.encode(), _PREHASHED))
        promise = {"body": b64(body), "integratedTime": time, "logID": log_id.hex(), "logIndex": 0}
        return {
            "logIndex": "0", "logId": {"keyId": b64(log_id)}, "kindVersion": {"kind": kind, "version": "0.0.1"},
            "integratedTime": str(time), "canonicalizedBody": b64(body),
            "inclusionPromise": {"signedEntryTimestamp": b64(self.log.sign(rfc8785.dumps(promise), _PREHASHED))},
            "inclusionProof": {
                "logIndex": "0", "treeSize": "1", "hashes": [], "rootHash": b64(root),
                "checkpoint": {"envelope": f"{note}\n— log.example {signed}\n"},
            },
        }  # fmt: skip


def _pem(certificate: x509.Certificate) -> str:
    return b64(certificate.public_bytes(serialization.Encoding.PEM))
