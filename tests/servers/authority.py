"""A time stamping authority of our own: certificates made here, replies made by `openssl ts -reply`, HTTP on the loopback."""

import itertools
import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from servers.loopback import LoopbackServer, WireAnswer, WireRequest

needs_openssl = pytest.mark.skipif(not shutil.which("openssl"), reason="no openssl here")
DAY = timedelta(days=1)
_CONFIG = """
[tsa1]
serial = {folder}/serial
crypto_device = builtin
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256, sha384, sha512
accuracy = secs:1
ess_cert_id_alg = sha256
"""


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


@dataclass
class Authority:
    """A root and a signer under it, in `folder`.

    `usage`: what the signer's certificate is for. `critical`: whether that is critical. `valid`: from when to when, from now.
    """

    folder: Path
    usage: Sequence[x509.ObjectIdentifier] = (ExtendedKeyUsageOID.TIME_STAMPING,)
    critical: bool = True
    valid: tuple[timedelta, timedelta] = (-DAY, DAY)
    numbers: "itertools.count[int]" = field(default_factory=itertools.count)

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True)
        root_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
        now = datetime.now(UTC)
        issuer = _name("A root of time")
        root = (
            self._builder(issuer, issuer, root_key, now - 7000 * DAY, now + 7000 * DAY)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .sign(root_key, hashes.SHA256())
        )
        begin, end = now + self.valid[0], now + self.valid[1]
        leaf = (
            self._builder(_name("A keeper of time"), issuer, key, begin, end)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.ExtendedKeyUsage(self.usage), critical=self.critical)
            .sign(root_key, hashes.SHA256())
        )
        self.root = root.public_bytes(serialization.Encoding.PEM)
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        files = {
            "root.pem": self.root,
            "signer.pem": leaf.public_bytes(serialization.Encoding.PEM),
            "key.pem": private,
        }
        for name, data in files.items():
            (self.folder / name).write_bytes(data)
        (self.folder / "config").write_text(_CONFIG.format(folder=self.folder))
        (self.folder / "serial").write_text("01")

    @staticmethod
    def _builder(
        subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, begin: datetime, end: datetime
    ) -> x509.CertificateBuilder:
        made = (
            x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key.public_key())
        )
        return made.serial_number(x509.random_serial_number()).not_valid_before(begin).not_valid_after(end)

    @property
    def root_file(self) -> Path:
        return self.folder / "root.pem"

    def reply(self, query: bytes, *more: str) -> bytes:
        """What openssl answers to a DER query; `more` are further arguments."""
        asked, answer = (self.folder / f"{next(self.numbers)}.{end}" for end in ("tsq", "tsr"))
        asked.write_bytes(query)
        command = [
            "openssl", "ts", "-reply", "-config", self.folder / "config", "-section", "tsa1", "-queryfile", asked,
            "-signer", self.folder / "signer.pem", "-inkey", self.folder / "key.pem", "-out", answer, *more,
        ]  # fmt: skip
        subprocess.run(command, check=True, capture_output=True)
        return answer.read_bytes()

    def resigned(self, reply: bytes, *, seconds: int | None = None) -> bytes:
        """What a reply says, signed by this authority through `openssl cms`, which asks nothing of the certificate.

        `seconds`: put another time in, since 1970.
        """
        place = self.folder / f"{next(self.numbers)}"
        place.with_suffix(".tsr").write_bytes(reply)
        token, said, signed = (place.with_suffix(end) for end in (".token", ".said", ".signed"))
        run = ["openssl", "ts", "-reply", "-in", place.with_suffix(".tsr"), "-token_out", "-out", token]
        subprocess.run(run, check=True, capture_output=True)
        run = [
            "openssl",
            "cms",
            "-verify",
            "-noverify",
            "-nosigs",
            "-inform",
            "DER",
            "-in",
            token,
            "-out",
            said,
        ]
        subprocess.run(run, check=True, capture_output=True)
        if seconds is not None:
            time = datetime.fromtimestamp(seconds, UTC).strftime("%Y%m%d%H%M%SZ").encode()
            data, found = re.subn(rb"20[0-9]{12}Z", time, said.read_bytes())
            assert found == 1
            said.write_bytes(data)
        run = [
            "openssl", "cms", "-sign", "-binary", "-nodetach", "-nosmimecap", "-md", "sha256", "-outform", "DER",
            "-econtent_type", "1.2.840.113549.1.9.16.1.4", "-signer", self.folder / "signer.pem",
            "-inkey", self.folder / "key.pem", "-in", said, "-out", signed,
        ]  # fmt: skip
        subprocess.run(run, check=True, capture_output=True)
        content = bytes.fromhex("3003020100") + signed.read_bytes()
        return b"\x30\x82" + len(content).to_bytes(2) + content

    def served(self) -> LoopbackServer:
        """The authority on the loopback; a context manager."""

        def answer(request: WireRequest) -> WireAnswer:
            if request.headers.get("content-type") != "application/timestamp-query":
                return WireAnswer(status=415)
            return WireAnswer(body=self.reply(request.body), content_type="application/timestamp-reply")

        return LoopbackServer(answer)
