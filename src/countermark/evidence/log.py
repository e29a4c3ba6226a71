"""The evidence log: every attempt a record, every record a leaf, safe to kill at any moment.

Order of writing an attempt: a note that it began, its blob, then its record in one system call. So what a killed run
leaves is a whole prefix, at most one torn line, at most one blob without a record, and the names of what was in flight.
"""

import fcntl
import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from countermark import canonical
from countermark.errors import EvidenceError, UsageError
from countermark.evidence import recovery
from countermark.evidence.keys import SigningKey
from countermark.evidence.lines import MAX_BLOB, MAX_RECORD, RECORDS, blob_name, format_line
from countermark.evidence.merkle import Frontier, leaf_hash
from countermark.evidence.notes import Checkpoint, require_ed25519, sign_note
from countermark.evidence.parts import MAX_PARTS, commitment_of, format_blob, leaves_of
from countermark.files import sync_directory, write_atomic

# Not blocking, so that a pipe put in a file's place is refused and not waited for.
_APPEND = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class EvidenceLog:
    """The one writer of a run's records, blobs and checkpoints. Make it with `create` or `resume`.

    Attributes:
        records: The records of earlier sessions, parsed, in order; empty after `create`.
        in_flight: (slot, attempt) begun in an earlier session and never recorded.
        cut: Bytes of a torn last line that `resume` cut off.
    """

    def __init__(
        self, run_dir: Path, *, origin: str, key: SigningKey, checkpoint_every: int, sync_every: int
    ) -> None:
        self.records: list[dict[str, Any]] = []
        self.in_flight: list[tuple[int, int]] = []
        self.cut = 0
        self._dir = run_dir
        self._origin = origin
        self._key = key
        self._checkpoint_every = checkpoint_every
        self._sync_every = sync_every
        self._frontier = Frontier()
        self._unsynced: list[Path] = []
        self._sync_error: OSError | None = None
        self._released = False
        self._under_way: set[tuple[Any, Any]] = set()
        self._run = str(run_dir)
        self._open()

    @classmethod
    def create(
        cls, run_dir: Path, *, origin: str, key: SigningKey, checkpoint_every: int = 256, sync_every: int = 64
    ) -> "EvidenceLog":
        """A new log in `run_dir`.

        Args:
            run_dir: Made if it is missing.
            origin: The log's name: the plan's `audit`.
            key: Signs the checkpoints.
            checkpoint_every: Records between signed checkpoints.
            sync_every: Records between flushes to the disk, which happen in a thread of their own.

        Raises:
            UsageError: There is a log already, or the key is not Ed25519.
        """
        require_ed25519(key.public, "a log")
        if (run_dir / RECORDS).exists():
            raise UsageError(f"{run_dir} holds a log already", hint="resume it, or choose another directory")
        for part in (recovery.BLOBS, recovery.CHECKPOINTS):
            (run_dir / part).mkdir(parents=True, exist_ok=True)
        return cls(run_dir, origin=origin, key=key, checkpoint_every=checkpoint_every, sync_every=sync_every)

    @classmethod
    def resume(
        cls, run_dir: Path, *, origin: str, key: SigningKey, checkpoint_every: int = 256, sync_every: int = 64
    ) -> "EvidenceLog":
        """The log in `run_dir`, ready for more: its valid prefix checked against blobs and checkpoints.

        Raises:
            UsageError: There is no log, or another process is writing it.
            EvidenceError: Damage other than a torn last line, naming file and line.
        """
        if not (run_dir / RECORDS).exists():
            raise UsageError(f"{run_dir} holds no log to resume", hint="start the audit from its plan")
        log = cls(run_dir, origin=origin, key=key, checkpoint_every=checkpoint_every, sync_every=sync_every)
        try:
            recovered = recovery.recover(run_dir, origin=origin, key=key.public)
        except BaseException:
            log.release()
            raise
        log.records, log.in_flight, log.cut = recovered.records, recovered.in_flight, recovered.cut
        log._frontier, log._under_way = recovered.frontier, set(recovered.in_flight)
        return log

    @property
    def size(self) -> int:
        """How many records the log holds."""
        return self._frontier.size

    def begin(self, slot: int, attempt: int) -> None:
        """Note that an attempt begins, before the first byte goes out; it survives a kill."""
        self._under_way.add((slot, attempt))
        self._write(self._inflight_fd, b'{"attempt":%d,"slot":%d}\n' % (attempt, slot))

    def append(self, record: Mapping[str, Any], parts: Sequence[bytes]) -> int:
        """Write one attempt; the record gains `seq` and `transcript` (the parts' commitment). Returns its seq.

        Args:
            record: JSON without floats.
            parts: The transcript's, as `parts.to_parts` makes them: lines without their line feeds.

        Raises:
            InvalidJson: The record is not JSON or holds a float; nothing was written.
            EvidenceError: It is too large, or the disk refused it; the log is as it was before.
        """
        self._refuse_after_failure()
        seq = self._frontier.size
        salt, leaf_salt = os.urandom(32), os.urandom(32)
        _refuse_floats(record)
        commitment = commitment_of(leaves_of(salt, parts)).hex()
        data = canonical.encode({**record, "seq": seq, "transcript": commitment})
        blob = format_blob(salt, parts)
        for what, size, limit, unit in (
            ("record", len(data), MAX_RECORD, "bytes"),
            ("transcript", len(blob), MAX_BLOB, "bytes"),
            ("transcript", len(parts), MAX_PARTS, "parts"),
        ):
            if size > limit:
                raise EvidenceError(f"{what} {seq} has {size} {unit}, over the limit of {limit}")
        path = f"{self._run}/{blob_name(seq)}"
        self._write_blob(path, blob)
        self._write(self._records_fd, format_line(leaf_salt, data))
        self._frontier.append(leaf_hash(leaf_salt, data))
        self._under_way.discard((record.get("slot"), record.get("attempt")))
        self._unsynced.append(Path(path))
        if self._frontier.size % self._checkpoint_every == 0:
            self._flush(self._checkpoint())
        elif len(self._unsynced) >= self._sync_every:
            self._flush(None)
        return seq

    def close(self) -> Checkpoint:
        """Flush everything and sign the last checkpoint; the log can still be resumed.

        inflight.jsonl goes, unless it names an attempt that has no record yet: `resume` will tell of it.
        """
        checkpoint = self._checkpoint()
        self._flush(checkpoint)
        self.release()
        self._refuse_after_failure()
        if not self._under_way:
            (self._dir / recovery.INFLIGHT).unlink(missing_ok=True)
        sync_directory(self._dir)
        return checkpoint

    def release(self) -> None:
        """Let go of the files without closing the log: what was in flight stays so, as after a kill."""
        if self._released:
            return
        self._released = True
        self._thread.shutdown(wait=True)
        for descriptor in (self._records_fd, self._inflight_fd):
            os.close(descriptor)

    def _open(self) -> None:
        self._records_fd = os.open(self._dir / RECORDS, _APPEND, 0o644)
        try:
            fcntl.flock(self._records_fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(self._records_fd)
            raise UsageError(
                f"another process is writing {self._dir}", hint="let it finish, or stop it"
            ) from error
        self._inflight_fd = os.open(self._dir / recovery.INFLIGHT, _APPEND, 0o644)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="countermark-sync")

    def _checkpoint(self) -> Checkpoint:
        return Checkpoint(origin=self._origin, size=self._frontier.size, root_hex=self._frontier.root().hex())

    def _write(self, descriptor: int, data: bytes) -> None:
        before = os.fstat(descriptor).st_size
        try:
            written = os.write(descriptor, data)
        except OSError as error:
            raise _disk_refused(self._dir, error.strerror or "") from error
        if written != len(data):
            os.ftruncate(descriptor, before)
            raise _disk_refused(self._dir, "only part of a line fitted")

    def _write_blob(self, path: str, blob: bytes) -> None:
        try:
            descriptor = os.open(
                path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644
            )
            with os.fdopen(descriptor, "wb", buffering=0) as file:
                left = memoryview(blob)
                while left:
                    left = left[file.write(left) :]
        except OSError as error:
            raise _disk_refused(self._dir, error.strerror or "") from error

    def _flush(self, checkpoint: Checkpoint | None) -> None:
        blobs, self._unsynced = self._unsynced, []
        self._thread.submit(self._sync, blobs, checkpoint)

    def _refuse_after_failure(self) -> None:
        if self._sync_error is not None:
            raise _disk_refused(self._dir, self._sync_error.strerror or "") from self._sync_error

    def _sync(self, blobs: list[Path], checkpoint: Checkpoint | None) -> None:
        try:
            self._sync_all(blobs, checkpoint)
        except OSError as error:  # told to the writer by its next call
            self._sync_error = error

    def _sync_all(self, blobs: list[Path], checkpoint: Checkpoint | None) -> None:
        """Blobs before records before the checkpoint: nothing durable ever speaks of what is not."""
        for path in blobs:
            descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
        sync_directory(self._dir / recovery.BLOBS)
        os.fsync(self._records_fd)
        if checkpoint is not None:
            note = sign_note(self._key, checkpoint)
            write_atomic(self._dir / recovery.CHECKPOINTS / f"{checkpoint.size:08d}.note", note)


def _disk_refused(run_dir: Path, why: str) -> EvidenceError:
    return EvidenceError(
        f"{run_dir} cannot be written ({why})", hint="make room, then resume: nothing recorded is lost"
    )


def _refuse_floats(value: object) -> None:
    if isinstance(value, float):
        raise canonical.InvalidJson(f"number {value} is not an integer; decimals stand in strings here")
    if isinstance(value, Mapping):
        for item in value.values():
            _refuse_floats(item)
    elif isinstance(value, list | tuple):
        for item in value:
            _refuse_floats(item)
