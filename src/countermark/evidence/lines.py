"""One line of records.jsonl: a salt and the exact bytes of a record, or, where the record is withheld, its leaf alone."""

import json
import os
import re
import stat
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any, NamedTuple

from countermark.canonical import InvalidJson
from countermark.errors import EvidenceError
from countermark.evidence.merkle import leaf_hash, root_of
from countermark.evidence.quick import decode, loosely

RECORDS = "records.jsonl"
MAX_RECORD = 256 * 1024
MAX_LINE = 2 * 1024 * 1024
MAX_BLOB = 32 * 1024 * 1024
_START, _END = b'{"leaf_salt":"', b'"}\n'
_SALT = re.compile("[0-9a-f]{64}")
_FRAME = len('{"leaf_salt":"","record":""}\n') + 64
_BUFFER = 256 * 1024
_GROUP = 96 * 1024
"""Bytes of lines read at once: few enough to stay in a processor's cache."""
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
    """The line, ended by a line feed, in canonical JSON."""
    # The standard library escapes strings exactly as RFC 8785 does, at fifty times the speed.
    text = json.dumps(record.decode(), ensure_ascii=False)
    return f'{{"leaf_salt":"{leaf_salt.hex()}","record":{text}}}\n'.encode()


def format_withheld(leaf: bytes, reason: str) -> bytes:
    """The line of a record that is not shown, ended by a line feed, in canonical JSON."""
    return b'{"leaf":"%b","withheld":"%b"}\n' % (leaf.hex().encode(), reason.encode())


def split_line(line: bytes) -> tuple[bytes, bytes]:
    """Leaf salt and the record's bytes. Raises `InvalidJson`."""
    try:
        value = loosely(line) if line.startswith(_START) and line.endswith(_END) else {}
        salt, data = value["leaf_salt"], value["record"].encode()
        # A line is longer than what it holds by its frame and what is escaped: any other spelling of it adds more.
        if len(line) == _FRAME + len(data) + data.count(b'"') + data.count(b"\\") and _SALT.fullmatch(salt):
            return bytes.fromhex(salt), data
    except (ValueError, LookupError, TypeError, AttributeError):  # no JSON, or of another shape
        pass
    withheld = _WITHHELD.fullmatch(line) is not None
    raise InvalidJson("the record is withheld" if withheld else "not a line of leaf_salt and record")


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
    size, tops, leaves = 0, list[bytes](), list[bytes]()
    for lines in _groups(run_dir):
        leaves += _leaves_of(lines, size)
        size += len(lines)
        while len(leaves) >= _BATCH:
            tops.append(root_of(leaves[:_BATCH]))
            del leaves[:_BATCH]
    return size, root_of([*tops, root_of(leaves)] if leaves else tops).hex()


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


def _groups(run_dir: Path) -> Iterator[list[bytes]]:
    """The lines, without their line feeds, as many at a time as a buffer holds."""
    seq, left = 0, b""
    with open_records(run_dir) as file:
        while chunk := file.read(_GROUP):
            *lines, left = (left + chunk).split(b"\n")
            yield lines
            seq += len(lines)
            if len(left) > MAX_LINE:
                break
    if left:
        raise damaged(seq, "torn or too long")


def _leaves_of(lines: Sequence[bytes], first: int) -> list[bytes]:
    """The leaves of lines from number `first` on, read at once; where one of them does not hold, one by one to say which."""
    try:
        # A quotation mark within a string has a backslash before it, so this is a key.
        return [
            leaf_hash(salt, data)
            if b',"seq":%d,' % seq in data
            else parse_line(lines[seq - first] + b"\n", seq).leaf
            for seq, (salt, data) in enumerate(_split_lines(lines), first)
        ]
    except (ValueError, LookupError, TypeError, AttributeError):
        return [_leaf(line + b"\n", seq) for seq, line in enumerate(lines, first)]


def _split_lines(lines: Sequence[bytes]) -> Iterator[tuple[bytes, bytes]]:
    """As `split_line`, of many lines at once. Raises one of several errors where any of them does not hold.

    Put together with line feeds, which no JSON string holds, so that none begins in one line and ends in the next; and no line is
    shorter than its canonical spelling, so that all have it if their lengths add up.
    """
    values = loosely(b"[%b]" % b",\n".join(lines))
    salts = [value["leaf_salt"] for value in values]
    records = [value["record"].encode() for value in values]
    framed = all(line.startswith(_START) for line in lines) and all(map(_SALT.fullmatch, salts))
    length = sum(map(len, lines)) + len(lines)
    if not framed or len(values) != len(lines) or length != len(lines) * _FRAME + _spelled(b"".join(records)):
        raise InvalidJson("not lines of leaf_salt and record")
    return zip(map(bytes.fromhex, salts), records, strict=True)


def _spelled(text: bytes) -> int:
    """How many bytes a text without control characters has within a JSON string."""
    import numpy as np

    letters = np.frombuffer(
        text, np.uint8
    )  # `bytes.count` takes ten times as long where every tenth byte is one
    return len(text) + sum(int(np.count_nonzero(letters == mark)) for mark in b'"\\')


def _leaf(line: bytes, seq: int) -> bytes:
    try:
        salt, data = split_line(line)
        return leaf_hash(salt, data) if b',"seq":%d,' % seq in data else parse_line(line, seq).leaf
    except InvalidJson as error:
        raise _why(seq, line, error) from error


def _numbered(run_dir: Path) -> Iterator[tuple[int, bytes]]:
    """Line after line; one that is too long comes without its end."""
    with open_records(run_dir) as file:
        seq = 0
        while line := file.readline(MAX_LINE + 1):
            yield seq, line
            seq += 1


def _why(seq: int, line: bytes, error: InvalidJson) -> EvidenceError:
    return damaged(seq, str(error) if line.endswith(b"\n") else "torn or too long")
