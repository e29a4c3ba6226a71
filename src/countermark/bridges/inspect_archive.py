"""Vetting of a stranger's `.eval` archive before Inspect reads it: names, counts and what it really inflates to."""

import io
import struct
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import PurePosixPath

from countermark.issues import Issues

MAX_ENTRIES = 1_000_000
MAX_MEMBER = 64 * 1024 * 1024
MAX_TOTAL = 2 * 1024 * 1024 * 1024
MAX_RATIO = 200
_STORED, _DEFLATED, _ZSTANDARD = 0, 8, 93
_HEAD = struct.Struct("<4s5H3I2H")
_STEP = 1024 * 1024


class _Refused(ValueError):
    """Why the archive is not handed on."""


def vet_archive(data: bytes, name: str, issues: Issues) -> bool:
    """Whether the archive may be read; if not, what is wrong is noted.

    Every member is inflated in steps and counted, whatever its declared size says: one over 64 MiB, and an archive that
    inflates to over 64 MiB and more than 200 times its own size, is refused before it can fill memory.
    """
    before = len(issues)
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            entries = archive.infolist()
        _check_names(entries)
        _check_sizes(data, entries)
    except (_Refused, zipfile.BadZipFile, struct.error, NotImplementedError, ValueError) as error:
        issues.add("archive", name, "", f"is not an Inspect archive to be read: {error}"[:400])
    return len(issues) == before


def _check_names(entries: list[zipfile.ZipInfo]) -> None:
    if not 0 < len(entries) <= MAX_ENTRIES:
        raise _Refused(f"holds {len(entries)} members, not between 1 and {MAX_ENTRIES}")
    if len({entry.filename for entry in entries}) != len(entries):
        raise _Refused("two members have one name")
    for entry in entries:
        pure = PurePosixPath(entry.filename)
        if pure.is_absolute() or ".." in pure.parts or "\\" in entry.filename:
            raise _Refused(f"member {entry.filename[:80]!r} climbs out")
        if entry.flag_bits & 0x1 or entry.compress_type not in (_STORED, _DEFLATED, _ZSTANDARD):
            raise _Refused(f"member {entry.filename[:80]!r} is encrypted or packed in an unusual way")


def _check_sizes(data: bytes, entries: list[zipfile.ZipInfo]) -> None:
    if sum(entry.compress_size for entry in entries) > len(data):
        raise _Refused("its members overlap")  # each would be unpacked anew, a million times over
    budget = min(MAX_TOTAL, max(MAX_MEMBER, MAX_RATIO * len(data)))
    if sum(entry.file_size for entry in entries) > budget:
        raise _Refused(f"declares to inflate to over {budget} bytes")
    for entry in entries:
        budget -= _inflated_size(data, entry, min(MAX_MEMBER, budget))


def _inflated_size(data: bytes, entry: zipfile.ZipInfo, most: int) -> int:
    """How many bytes a member really is; more than `most`, or another number than declared, is refused."""
    head = _HEAD.unpack_from(data, entry.header_offset)
    start = entry.header_offset + _HEAD.size + head[-2] + head[-1]
    packed = data[start : start + entry.compress_size]
    if head[0] != b"PK\x03\x04" or len(packed) != entry.compress_size:
        raise _Refused(f"member {entry.filename[:80]!r} is not where the directory says")
    size = 0
    for piece in _pieces(packed, entry.compress_type):
        size += piece
        if size > most:
            raise _Refused(f"member {entry.filename[:80]!r} inflates to over {most} bytes")
    if size != entry.file_size:
        raise _Refused(f"member {entry.filename[:80]!r} is not the size it declares")
    return size


def _pieces(packed: bytes, method: int) -> Iterator[int]:
    """Sizes of what comes out, step by step, never more than a step in memory."""
    if method == _STORED:
        yield len(packed)
    elif method == _DEFLATED:
        yield from _deflated(packed)
    else:
        yield from _zstandard(packed)


def _deflated(packed: bytes) -> Iterator[int]:
    stream = zlib.decompressobj(-15)
    try:
        while packed and not stream.eof:
            yield len(stream.decompress(packed, _STEP))
            packed = stream.unconsumed_tail
        yield len(stream.flush())
    except zlib.error as error:
        raise _Refused(str(error)) from error


def _zstandard(packed: bytes) -> Iterator[int]:
    import zstandard  # comes with Inspect

    try:
        inflater = zstandard.ZstdDecompressor(max_window_size=128 * 1024 * 1024)
        with inflater.stream_reader(packed, read_across_frames=True) as stream:
            while piece := stream.read(_STEP):
                yield len(piece)
    except zstandard.ZstdError as error:
        raise _Refused(str(error)) from error
