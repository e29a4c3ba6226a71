"""One line of records.jsonl: two salts and the exact bytes of a record, as text in canonical JSON."""

import json
import os
import re
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from countermark.canonical import InvalidJson, decode
from countermark.errors import EvidenceError, UnsafePath
from countermark.evidence.merkle import Frontier, leaf_hash
from countermark.files import read_capped

RECORDS = "records.jsonl"
MAX_RECORD = 256 * 1024
MAX_LINE = 2 * 1024 * 1024
MAX_BLOB = 32 * 1024 * 1024
_LINE = re.compile(
    rb'\{"blob_salt":"([0-9a-f]{64})","leaf_salt":"([0-9a-f]{64})","record":(".*")\}\n', re.DOTALL
)


@dataclass(frozen=True, slots=True, kw_only=True)
class LogLine:
    """One line, read: `data` holds the record's exact bytes, `record` what they say."""

    seq: int
    leaf_salt: bytes
    blob_salt: bytes
    data: bytes
    record: Mapping[str, Any]

    @property
    def leaf(self) -> bytes:
        """Its leaf in the log's tree."""
        return leaf_hash(self.leaf_salt, self.data)


def format_line(blob_salt: bytes, leaf_salt: bytes, record: bytes) -> bytes:
    """The line, ended by a line feed, in canonical JSON."""
    # The standard library escapes strings exactly as RFC 8785 does, at fifty times the speed.
    text = json.dumps(record.decode(), ensure_ascii=False)
    return f'{{"blob_salt":"{blob_salt.hex()}","leaf_salt":"{leaf_salt.hex()}","record":{text}}}\n'.encode()


def split_line(line: bytes) -> tuple[bytes, bytes, bytes]:
    """Blob salt, leaf salt and the record's bytes. Raises `InvalidJson`."""
    match = _LINE.fullmatch(line)
    if match is None:
        raise InvalidJson("not a line of blob_salt, leaf_salt and record")
    # As strict about strings as the standard library, at twice its speed.
    from pydantic_core import from_json

    try:
        record = from_json(match[3], cache_strings=False).encode()
    except ValueError as error:
        raise InvalidJson(f"the record is not text: {error}") from error
    return bytes.fromhex(match[1].decode()), bytes.fromhex(match[2].decode()), record


def parse_line(line: bytes, seq: int) -> LogLine:
    """The line that should have number `seq`. Raises `InvalidJson`."""
    blob_salt, leaf_salt, data = split_line(line)
    record = decode(data, max_bytes=MAX_RECORD, floats=False)
    if not isinstance(record, dict) or type(record.get("seq")) is not int or record["seq"] != seq:
        raise InvalidJson(f"the record does not say seq {seq}")
    return LogLine(seq=seq, leaf_salt=leaf_salt, blob_salt=blob_salt, data=data, record=record)


def read_log(run_dir: Path) -> Iterator[LogLine]:
    """The lines of `run_dir`/records.jsonl one by one, however long the log is.

    Raises:
        EvidenceError: Naming the file and the line that is torn, too long, malformed or out of order.
    """
    with open_records(run_dir) as file:
        seq = 0
        while line := file.readline(MAX_LINE + 1):
            try:
                yield parse_line(line, seq)
            except InvalidJson as error:
                raise damaged(seq, str(error) if line.endswith(b"\n") else "torn or too long") from error
            seq += 1


def root_of_log(run_dir: Path) -> tuple[int, str]:
    """How many records the log holds, and their Merkle root in hexadecimal. Raises `EvidenceError`."""
    frontier = Frontier()
    for line in read_log(run_dir):
        frontier.append(line.leaf)
    return frontier.size, frontier.root().hex()


def blob_name(seq: int) -> str:
    """Where in a run the transcript of record `seq` lies."""
    return f"blobs/{seq:08d}.json"


def read_blob(run_dir: Path, seq: int) -> bytes:
    """The transcript of record `seq`, as stored and unchecked. Raises `EvidenceError`."""
    name = blob_name(seq)
    try:
        return read_capped(run_dir / name, max_bytes=MAX_BLOB, name=name)
    except UnsafePath as error:
        raise EvidenceError(error.faults[0]) from error
    except OSError as error:
        raise EvidenceError(f"{name}: cannot be read ({error.strerror})") from error


def open_records(run_dir: Path) -> IO[bytes]:
    """records.jsonl opened for reading; no link is followed. Raises `EvidenceError`."""
    try:
        descriptor = os.open(run_dir / RECORDS, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise EvidenceError(f"{RECORDS} cannot be read ({error.strerror})") from error
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise EvidenceError(f"{RECORDS} is not a plain file")
    return os.fdopen(descriptor, "rb", buffering=1024 * 1024)


def damaged(seq: int, why: str) -> EvidenceError:
    """The error for a line that does not hold."""
    return EvidenceError(f"{RECORDS}: line {seq + 1}: {why}")
