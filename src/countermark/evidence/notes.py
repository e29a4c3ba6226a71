"""Checkpoints of a log as C2SP signed notes: origin, size and root in three lines, then the signature."""

import base64
import hashlib
import re
from dataclasses import dataclass

from countermark.errors import EvidenceError, SignerUnknown
from countermark.evidence.keys import PublicKey, SigningKey

MAX_NOTE = 4096
_ED25519 = b"\x01"
_NOTE = re.compile(
    r"(?P<body>(?P<origin>[!-*,-~]{1,200})\n(?P<size>0|[1-9][0-9]{0,15})\n(?P<root>[A-Za-z0-9+/]{43}=)\n)"
    r"\n— (?P<name>[!-*,-~]{1,200}) (?P<signature>[A-Za-z0-9+/]{91}=)\n"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """The log `origin` had `size` records with the Merkle root `root_hex` (64 hexadecimal digits)."""

    origin: str
    size: int
    root_hex: str


def sign_note(key: SigningKey, checkpoint: Checkpoint) -> bytes:
    """The checkpoint as a signed note; the key signs under the log's origin as its name."""
    root = base64.b64encode(bytes.fromhex(checkpoint.root_hex)).decode()
    body = f"{checkpoint.origin}\n{checkpoint.size}\n{root}\n"
    signature = key.sign(body.encode())
    signed = base64.b64encode(key_hash(checkpoint.origin, key.public) + signature).decode()
    note = f"{body}\n— {checkpoint.origin} {signed}\n"
    if not _NOTE.fullmatch(note):
        raise EvidenceError(
            f"{checkpoint.origin!r} cannot be a log's origin: printable, no space, no plus sign"
        )
    return note.encode()


def open_note(data: bytes, key: PublicKey) -> Checkpoint:
    """The checkpoint in a signed note, once the signature holds.

    Raises:
        EvidenceError: Not the one spelling of a note, or the signature does not hold.
        SignerUnknown: Signed by another key.
    """
    try:
        match = _NOTE.fullmatch(data.decode("utf-8")) if len(data) <= MAX_NOTE else None
    except UnicodeDecodeError:
        match = None
    if match is None or match["name"] != match["origin"]:
        raise EvidenceError("is not a checkpoint note")
    root, signed = _strict(match["root"]), _strict(match["signature"])
    if signed[:4] != key_hash(match["name"], key):
        if key.verify(signed[4:], match["body"].encode()):
            raise EvidenceError("the key hash is not that of the key that signed")
        raise SignerUnknown("signed by another key")
    if not key.verify(signed[4:], match["body"].encode()):
        raise EvidenceError("the signature does not hold")
    return Checkpoint(origin=match["origin"], size=int(match["size"]), root_hex=root.hex())


def key_hash(name: str, key: PublicKey) -> bytes:
    """The four bytes that name a key in a note: SHA-256 of name, line feed, 0x01 and the raw key, cut."""
    return hashlib.sha256(name.encode() + b"\n" + _ED25519 + key.raw).digest()[:4]


def _strict(text: str) -> bytes:
    try:
        data = base64.b64decode(text, validate=True)
    except ValueError as error:
        raise EvidenceError("base64 in the note is malformed") from error
    if base64.b64encode(data).decode() != text:
        raise EvidenceError("base64 in the note has loose bits")
    return data
