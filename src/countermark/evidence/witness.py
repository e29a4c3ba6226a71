"""What a witness does: remember how far each log had grown, and cosign nothing but consistent growth.

It sees a log's name, size and root, never a record. Its memory is its whole worth: a witness that cosigns what it is
given, or that forgets, proves nothing. The form of a request is that of C2SP tlog-witness.
"""

import base64
import re
import threading
from collections.abc import MutableMapping
from dataclasses import dataclass

from countermark.errors import EvidenceError, SignerUnknown
from countermark.evidence.keys import PublicKey, SigningKey
from countermark.evidence.merkle import EMPTY_ROOT, verify_consistency
from countermark.evidence.notes import Checkpoint, claimed_checkpoint, cosign, open_note

MAX_SUBMISSION = 16 * 1024
MAX_LOGS = 100_000
_MAX_PROOF = 63
_OLD = re.compile(rb"old (0|[1-9][0-9]{0,15})")
_STEP = re.compile(rb"[A-Za-z0-9+/]{43}=")


class Refused(EvidenceError):
    """The witness does not cosign; `status` as in C2SP tlog-witness, `size` what it last cosigned, where that helps."""

    def __init__(self, status: int, message: str, size: int | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.size = size


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """The last checkpoint cosigned of a log, and the raw key (32 bytes) that alone may sign for it."""

    size: int
    root_hex: str
    key: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """A checkpoint to cosign: the size the sender thinks was cosigned last, the proof from there, the signed note."""

    old: int
    proof: tuple[bytes, ...]
    note: bytes

    def to_bytes(self) -> bytes:
        """`old N`, the proof in base64 a line each, an empty line, the note."""
        steps = b"".join(base64.b64encode(step) + b"\n" for step in self.proof)
        return b"old %d\n%b\n%b" % (self.old, steps, self.note)


def parse_submission(body: bytes) -> Submission:
    """The submission in a request's body, nothing in it checked but its form. Raises `Refused` (400)."""
    head, found, note = body.partition(b"\n\n")
    first, *steps = head.split(b"\n")
    old = _OLD.fullmatch(first)
    good = found and old and len(steps) <= _MAX_PROOF and all(_STEP.fullmatch(step) for step in steps)
    if len(body) > MAX_SUBMISSION or not good or not old:
        raise Refused(400, "the body is not `old N`, a proof, an empty line and a checkpoint note")
    return Submission(old=int(old[1]), proof=tuple(base64.b64decode(step) for step in steps), note=note)


class Witness:
    """The rules of trust. No I/O of its own: `logs` keeps what it must not forget, and does so before it returns.

    Args:
        key: Cosigns.
        name: The witness's name in its cosignatures.
        logs: Origin to the last checkpoint cosigned; assigning must be durable, and raise where it is not.
        auditors: Fingerprints of the only keys served; empty serves every key, each log bound to its first.
    """

    def __init__(
        self,
        key: SigningKey,
        name: str,
        logs: MutableMapping[str, Seen],
        *,
        auditors: frozenset[str] = frozenset(),
    ) -> None:
        self.key = key
        self.name = name
        self.logs = logs
        self._auditors = auditors
        self._one_at_a_time = threading.Lock()

    def add(self, submission: Submission, sender: PublicKey | None, *, time: int) -> bytes:
        """The cosignature line for a checkpoint that only grew from the last one cosigned; it is remembered first.

        Args:
            submission: What was sent.
            sender: The key the log is said to be signed with; may be None for a log already known.
            time: Seconds since 1970.

        Raises:
            Refused: 400 malformed or shrinking, 403 not signed by the key of that log or by none that is served, or
                a second log of one audit, 404 a
                new log without a key, 409 grown from another size than the one remembered, or another root at it, 422
                the proof does not hold, 503 too many logs.
        """
        with self._one_at_a_time:
            checkpoint, key = self._open(submission, sender)
            seen = self.logs.get(checkpoint.origin)
            _check_growth(submission, checkpoint, seen)
            now = Seen(size=checkpoint.size, root_hex=checkpoint.root_hex, key=key.raw)
            if seen is None and any(_same_audit(known, checkpoint.origin) for known in self.logs):
                raise Refused(403, "another log of this audit was cosigned: a plan is drawn and run once")
            if seen is None and len(self.logs) >= MAX_LOGS:
                raise Refused(503, f"this witness keeps {MAX_LOGS} logs and takes no more")
            if now != seen:
                self.logs[checkpoint.origin] = now
            return cosign(self.key, self.name, submission.note, time)

    def _open(self, submission: Submission, sender: PublicKey | None) -> tuple[Checkpoint, PublicKey]:
        try:
            claimed = claimed_checkpoint(submission.note)
        except EvidenceError as error:
            raise Refused(400, error.message) from error
        seen = self.logs.get(claimed.origin)
        key = PublicKey(raw=seen.key) if seen else sender
        if key is None:
            raise Refused(404, "this log is not known here: send the key that signs it")
        if sender is not None and sender.raw != key.raw:
            raise Refused(403, "another key signs this log")
        if key.raw == self.key.public.raw or (self._auditors and key.fingerprint not in self._auditors):
            raise Refused(403, "this witness does not serve that key")
        try:
            return open_note(submission.note, key), key
        except (EvidenceError, SignerUnknown) as error:
            raise Refused(403, error.message) from error


def _same_audit(one: str, other: str) -> bool:
    """Whether two logs bear one audit's name, `<audit>/<digest of its draw>`: then a plan was drawn twice."""
    audit, found, _ = one.partition("/")
    return bool(found) and other.startswith(f"{audit}/")


def _check_growth(submission: Submission, checkpoint: Checkpoint, seen: Seen | None) -> None:
    size, root = (seen.size, bytes.fromhex(seen.root_hex)) if seen else (0, EMPTY_ROOT)
    if submission.old > checkpoint.size:
        raise Refused(400, f"the log shrank from {submission.old} to {checkpoint.size}")
    if submission.old != size:
        raise Refused(409, f"size {size} was cosigned last, not {submission.old}", size)
    new_root = bytes.fromhex(checkpoint.root_hex)
    if checkpoint.size == size and new_root != root:
        raise Refused(409, f"another root was cosigned at size {size}: the log has forked", size)
    if not verify_consistency(size, checkpoint.size, submission.proof, root, new_root):
        raise Refused(422, f"the proof does not show that the log grew from size {size}")
