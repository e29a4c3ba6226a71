"""One line of records.jsonl: a salt and a record as it is, or, where the record is withheld, its leaf alone.

The salt has one length, so a record's exact bytes, which its leaf is made of, are those from a fixed place to the line's last
brace: no reader has to parse a line to hash it (docs/decisions/0017).
"""

import os
import re
import stat
from binascii import unhexlify
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any, NamedTuple

from countermark.canonical import InvalidJson
from countermark.errors import EvidenceError
from countermark.evidence.merkle import leaf_hash, root_of
from countermark.evidence.quick import decode

RECORDS = "records.jsonl"
MAX_RECORD = 256 * 1024
MAX_LINE = MAX_RECORD + 1024
MAX_BLOB = 32 * 1024 * 1024
_START = re.compile(rb'\{"leaf_salt":"([0-9a-f]{64})","record":(?=\{)')
_BEFORE = len('{"leaf_salt":"","record":') + 64
_BUFFER = 256 * 1024
_BATCH = 4096
"""A power of two, so that roots over batches are nodes of the tree over all."""
_WITHHELD = re.compile(rb'\{"leaf":"([0-9a-f]{64})","withheld":"([a-z][a-z0-9_-]{0,39})"\}\n')


class LogLine(NamedTuple):
    """One line, read: `data` holds the record's exact bytes, `record` what they say, `leaf` the tree's leaf over them."""

    seq: int
    leaf_salt: bytes
    data: bytes
    record: Mapping[str, Any]
    leaf: bytes


class WithheldLine(NamedTuple):
    """One line whose record is not shown: its leaf, and the code of the reason given."""

    seq: int
    leaf: bytes
    reason: str


def format_line(leaf_salt: bytes, record: bytes) -> bytes:
    """The line, ended by a line feed: canonical JSON if the record is."""
    return b'{"leaf_salt":"%b","record":%b}\n' % (leaf_salt.hex().encode(), record)


def format_withheld(leaf: bytes, reason: str) -> bytes:
    """The line of a record that is not shown, ended by a line feed, in canonical JSON."""
    return b'{"leaf":"%b","withheld":"%b"}\n' % (leaf.hex().encode(), reason.encode())


def split_line(line: bytes) -> tuple[bytes, bytes]:
    """Leaf salt and the record's bytes, which are not read. Raises `InvalidJson`."""
    start = _START.match(line)
    if start is None or line.find(b"\n") != len(line) - 1 or line[-3:] != b"}}\n":
        withheld = _WITHHELD.fullmatch(line) is not None
        raise InvalidJson("the record is withheld" if withheld else "not a line of leaf_salt and record")
    return unhexlify(start[1]), line[_BEFORE:-2]


def parse_line(line: bytes, seq: int) -> LogLine:
    """The line that should have number `seq`. Raises `InvalidJson`."""
    leaf_salt, data = split_line(line)
    record = decode(data, max_bytes=MAX_RECORD, floats=False)
    if type(record) is not dict or type(record.get("seq")) is not int or record["seq"] != seq:
        raise InvalidJson(f"the record does not say seq {seq}")
    return LogLine(seq, leaf_salt, data, record, leaf_hash(leaf_salt, data))


def read_log(run_dir: Path) -> Iterator[LogLine]:
    """The lines of `run_dir`/records.jsonl one by one, however long the log is.

    Raises:
        EvidenceError: Naming the file and the line that is torn, too long, malformed, out of order or withheld.
    """
    for seq, line in _numbered(run_dir):
        try:
            yield parse_line(line, seq)
        except InvalidJson as error:
            raise _why(seq, line, error) from error


def read_public_log(run_dir: Path) -> Iterator[LogLine | WithheldLine]:
    """As `read_log`, for a log in which records may be withheld."""
    for seq, line in _numbered(run_dir):
        match = _WITHHELD.fullmatch(line) if line.startswith(b'{"leaf":') else None
        try:
            if match is not None:
                yield WithheldLine(seq, bytes.fromhex(match[1].decode()), match[2].decode())
            else:
                yield parse_line(line, seq)
        except InvalidJson as error:
            raise _why(seq, line, error) from error


def root_of_log(run_dir: Path) -> tuple[int, str]:
    """How many records the log holds, and their Merkle root in hexadecimal.

    Records are hashed and not read, but for the number that each says it has.

    Raises:
        EvidenceError: As `read_log`, for lines; a record that is no JSON is `read_log`'s to tell.
    """
    seq, tops, leaves = -1, list[bytes](), list[bytes]()
    for seq, line in _numbered(run_dir):
        try:
            leaves.append(_leaf(line, seq))
        except InvalidJson as error:
            raise _why(seq, line, error) from error
        if len(leaves) == _BATCH:
            tops.append(root_of(leaves))
            leaves.clear()
    return seq + 1, root_of([*tops, root_of(leaves)] if leaves else tops).hex()


def blob_name(seq: int) -> str:
    """Where in a run the transcript of record `seq` lies."""
    return f"blobs/{seq:08d}.jsonl"


def read_blob(run_dir: Path, seq: int) -> bytes:
    """The transcript of record `seq`, as stored and unchecked. Raises `EvidenceError`."""
    name = blob_name(seq)
    try:  # as `files.read_capped`, without a file object for each of many thousands
        descriptor = os.open(f"{run_dir}/{name}", os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise EvidenceError(f"{name}: cannot be read ({error.strerror})") from error
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode) or status.st_size > MAX_BLOB:
            raise EvidenceError(f"{name}: is not a plain file of at most {MAX_BLOB} bytes")
        data = os.read(descriptor, status.st_size + 1)
    except OSError as error:
        raise EvidenceError(f"{name}: cannot be read ({error.strerror})") from error
    finally:
        os.close(descriptor)
    if len(data) != status.st_size:
        raise EvidenceError(f"{name}: changed while it was read")
    return data


def open_records(run_dir: Path) -> IO[bytes]:
    """records.jsonl opened for reading; no link is followed. Raises `EvidenceError`."""
    try:
        descriptor = os.open(run_dir / RECORDS, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise EvidenceError(f"{RECORDS} cannot be read ({error.strerror})") from error
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise EvidenceError(f"{RECORDS} is not a plain file")
    return os.fdopen(descriptor, "rb", buffering=_BUFFER)


def damaged(seq: int, why: str) -> EvidenceError:
    """The error for a line that does not hold."""
    return EvidenceError(f"{RECORDS}: line {seq + 1}: {why}")


def _leaf(line: bytes, seq: int) -> bytes:
    salt, data = split_line(line)
    # A quotation mark within a string has a backslash before it, so this is a key.
    return leaf_hash(salt, data) if b',"seq":%d,' % seq in data else parse_line(line, seq).leaf


def _numbered(run_dir: Path) -> Iterator[tuple[int, bytes]]:
    """Line after line; one that is too long comes without its end."""
    with open_records(run_dir) as file:
        seq = 0
        while line := file.readline(MAX_LINE + 1):
            yield seq, line
            seq += 1


def _why(seq: int, line: bytes, error: InvalidJson) -> EvidenceError:
    return damaged(seq, str(error) if line.endswith(b"\n") else "torn or too long")
