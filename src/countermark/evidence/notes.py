"""Checkpoints of a log as C2SP signed notes: origin, size and root in three lines, then the signatures.

The auditor signs plainly (algorithm byte 0x01), witnesses by C2SP cosignature/v1 (0x04), which bears the witness's time.
"""

import base64
import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass

from countermark.errors import EvidenceError, SignerUnknown, UsageError
from countermark.evidence.keys import PublicKey, SigningKey

MAX_NOTE = 4096
MAX_COSIGNATURES = 16
MAX_COSIGNED = MAX_NOTE + MAX_COSIGNATURES * 512
_ED25519 = b"\x01"
_COSIGNATURE = b"\x04"
_NOTE = re.compile(
    r"(?P<body>(?P<origin>[!-*,-~]{1,200})\n(?P<size>0|[1-9][0-9]{0,15})\n(?P<root>[A-Za-z0-9+/]{43}=)\n)"
    r"\n— (?P<name>[!-*,-~]{1,200}) (?P<signature>[A-Za-z0-9+/]{91}=)\n"
)

_COSIGNED_LINE = re.compile(r"— (?P<name>[!-*,-~]{1,200}) (?P<signature>[A-Za-z0-9+/]{102}==)\n")
_NAME = re.compile(r"[!-*,-~]{1,200}")
_LATEST = 253402300799
"""The last second of the year 9999: no time after it can be shown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """The log `origin` had `size` records with the Merkle root `root_hex` (64 hexadecimal digits)."""

    origin: str
    size: int
    root_hex: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Cosignature:
    """A witness vouches for a checkpoint: its name, the fingerprint of its key, its time in seconds since 1970."""

    name: str
    signer: str
    time: int


def sign_note(key: SigningKey, checkpoint: Checkpoint) -> bytes:
    """The checkpoint as a signed note; the key signs under the log's origin as its name. Raises `UsageError` unless Ed25519."""
    require_ed25519(key.public, "a log")
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
    match = _match(data)
    signed = _strict(match["signature"])
    if key.kind != "ed25519":
        raise SignerUnknown(f"a log is signed with an Ed25519 key, and this one is {key.kind}")
    if signed[:4] != key_hash(match["name"], key):
        if key.verify(signed[4:], match["body"].encode()):
            raise EvidenceError("the key hash is not that of the key that signed")
        raise SignerUnknown("signed by another key")
    if not key.verify(signed[4:], match["body"].encode()):
        raise EvidenceError("the signature does not hold")
    return _checkpoint(match)


def claimed_checkpoint(data: bytes) -> Checkpoint:
    """What a note says, its signature unchecked: enough to find the key it must hold under. Raises `EvidenceError`."""
    return _checkpoint(_match(data))


def cosign(key: SigningKey, name: str, note: bytes, time: int) -> bytes:
    """A witness's signature line for a checkpoint note, with its line feed: C2SP cosignature/v1.

    Args:
        key: The witness's.
        name: The witness's name: printable, no space, no plus sign.
        note: The auditor's signed note, or that with cosignatures after it; only its text is signed.
        time: Seconds since 1970 by the witness's clock.

    Raises:
        UsageError: No name a note can bear, or the key is not Ed25519.
    """
    require_ed25519(key.public, "a witness")
    require_witness_name(name)
    stamp = time.to_bytes(8)
    signed = key_hash(name, key.public, _COSIGNATURE) + stamp + key.sign(_cosigned_text(time, note))
    return f"— {name} {base64.b64encode(signed).decode()}\n".encode()


def open_cosignature(line: bytes, note: bytes, keys: Iterable[PublicKey]) -> Cosignature:
    """Who vouches for the note, once the line's signature holds under one of the keys.

    Raises:
        EvidenceError: Not the one spelling of a cosignature, or the signature does not hold.
        SignerUnknown: The key it names is not at hand.
    """
    match = _COSIGNED_LINE.fullmatch(_text(line))
    if match is None:
        raise EvidenceError("is not a cosignature line")
    name, signed = match["name"], _strict(match["signature"])
    time, text = int.from_bytes(signed[4:12]), _cosigned_text(int.from_bytes(signed[4:12]), note)
    held = [key for key in keys if key.kind == "ed25519" and signed[:4] == key_hash(name, key, _COSIGNATURE)]
    if not held:
        raise SignerUnknown(f"cosigned under the name {name} by a key that is not at hand")
    signer = next((key for key in held if key.verify(signed[12:], text)), None)
    if signer is None or time > _LATEST:
        raise EvidenceError(f"the cosignature of {name} does not hold")
    return Cosignature(name=name, signer=signer.fingerprint, time=time)


def join_cosigned(note: bytes, lines: Iterable[bytes]) -> bytes:
    """The note with cosignature lines after it, sorted; of lines by one key under one name the last given is kept."""
    kept = {}
    for line in lines:
        _, name, signed = line.split(b" ")
        kept[name, base64.b64decode(signed)[:4]] = line
    return note + b"".join(sorted(kept.values()))


def split_cosigned(data: bytes, note: bytes) -> list[bytes]:
    """The cosignature lines in what `join_cosigned` made of `note`, none of them checked. Raises `EvidenceError`."""
    if len(data) > MAX_COSIGNED or not data.startswith(note):
        raise EvidenceError("does not begin with the checkpoint note it cosigns")
    lines = data[len(note) :].splitlines(keepends=True)
    if not 0 < len(lines) <= MAX_COSIGNATURES:
        raise EvidenceError(f"holds no cosignature, or over {MAX_COSIGNATURES}")
    if not all(_COSIGNED_LINE.fullmatch(_text(line)) for line in lines) or join_cosigned(note, lines) != data:
        raise EvidenceError("its cosignatures are malformed, out of order or repeated")
    return lines


def require_witness_name(name: str) -> None:
    """See that a witness can sign notes under this name. Raises `UsageError`."""
    if not _NAME.fullmatch(name):
        raise UsageError(
            f"{name!r} cannot be a witness's name",
            hint="up to 200 printable ASCII letters, digits and signs, no space, no plus sign, such as lab.example/witness",
        )


def require_ed25519(key: PublicKey, whose: str) -> None:
    """See that `whose` key can sign notes: C2SP knows no other kind. Raises `UsageError`."""
    if key.kind != "ed25519":
        raise UsageError(
            f"{whose} signs with an Ed25519 key, this one is {key.kind}", hint="countermark key new makes one"
        )


def key_hash(name: str, key: PublicKey, algorithm: bytes = _ED25519) -> bytes:
    """The four bytes that name a key in a note: SHA-256 of name, line feed, algorithm byte and the raw key, cut."""
    return hashlib.sha256(name.encode() + b"\n" + algorithm + key.raw).digest()[:4]


def _match(data: bytes) -> re.Match[str]:
    match = _NOTE.fullmatch(_text(data)) if len(data) <= MAX_NOTE else None
    if match is None or match["name"] != match["origin"]:
        raise EvidenceError("is not a checkpoint note")
    return match


def _checkpoint(match: re.Match[str]) -> Checkpoint:
    root = _strict(match["root"]).hex()
    return Checkpoint(origin=match["origin"], size=int(match["size"]), root_hex=root)


def _cosigned_text(time: int, note: bytes) -> bytes:
    return b"cosignature/v1\ntime %d\n" % time + note.partition(b"\n\n")[0] + b"\n"


def _text(data: bytes) -> str:
    """The text, or one that matches nothing."""
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return ""


def _strict(text: str) -> bytes:
    try:
        data = base64.b64decode(text, validate=True)
    except ValueError as error:
        raise EvidenceError("base64 in the note is malformed") from error
    if base64.b64encode(data).decode() != text:
        raise EvidenceError("base64 in the note has loose bits")
    return data
