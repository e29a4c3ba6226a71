"""Checkpoints as signed notes."""

import base64
import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from countermark.errors import EvidenceError, SignerUnknown
from countermark.evidence import Checkpoint, SigningKey, open_note, sign_note

KEY = SigningKey.from_seed(bytes(range(32)))
CHECKPOINT = Checkpoint(origin="0123456789abcdef" * 2, size=256, root_hex="0f" * 32)
NOTE = sign_note(KEY, CHECKPOINT)


def test_the_form_is_c2sps() -> None:
    text, signature = NOTE.decode().split("\n\n")
    root = base64.b64encode(bytes.fromhex(CHECKPOINT.root_hex)).decode()
    assert text == f"{CHECKPOINT.origin}\n256\n{root}"
    dash, name, signed = signature.split(" ")
    assert (dash, name) == ("—", CHECKPOINT.origin)
    raw = base64.b64decode(signed)
    named = hashlib.sha256(CHECKPOINT.origin.encode() + b"\n\x01" + KEY.public.raw).digest()
    assert raw[:4] == named[:4]
    assert KEY.public.verify(raw[4:], text.encode() + b"\n")


@given(size=st.integers(0, 10**15), root=st.binary(min_size=32, max_size=32))
def test_opens_what_was_signed(size: int, root: bytes) -> None:
    checkpoint = Checkpoint(origin="a.log/of-mine", size=size, root_hex=root.hex())
    assert open_note(sign_note(KEY, checkpoint), KEY.public) == checkpoint


def test_every_flipped_byte_is_refused() -> None:
    for place in range(len(NOTE)):
        for flip in (0x01, 0x10, 0x80):
            changed = bytearray(NOTE)
            changed[place] ^= flip
            with pytest.raises((EvidenceError, SignerUnknown)):
                open_note(bytes(changed), KEY.public)


@pytest.mark.parametrize(
    "other", [b"", NOTE[:-1], NOTE + b"\n", NOTE * 2, NOTE.replace(b"\n256\n", b"\n0256\n"), b"x" * 9999]
)
def test_other_spellings_are_refused(other: bytes) -> None:
    with pytest.raises(EvidenceError):
        open_note(other, KEY.public)


def test_another_key_is_unknown() -> None:
    with pytest.raises(SignerUnknown):
        open_note(NOTE, SigningKey.generate().public)


@pytest.mark.parametrize("origin", ["", "with space", "with+plus", "with\nline"])
def test_origins_no_note_can_bear(origin: str) -> None:
    with pytest.raises(EvidenceError):
        sign_note(KEY, Checkpoint(origin=origin, size=0, root_hex="00" * 32))
