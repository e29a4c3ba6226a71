"""Canonical JSON (RFC 8785) for what we write, strict JSON for what we read, and SHA-256 digests.

Readers hash bytes as stored and never canonicalise. What the standard library lets pass silently (duplicate keys, NaN,
infinities, lone surrogates, bottomless nesting) is refused.
"""

import hashlib
import json
from collections.abc import Iterable
from typing import Any, NoReturn

import rfc8785

MAX_DEPTH = 64
MAX_BYTES = 32 * 1024 * 1024
MAX_INTEGER = 2**53 - 1
MAX_DIGITS = 4300
"""As many as Python itself and pydantic's parser read, so that all readers agree."""


class InvalidJson(ValueError):
    """The bytes are not the strict JSON this project reads; the message says why."""


def encode(value: object) -> bytes:
    """`value` as canonical JSON bytes (RFC 8785).

    Raises:
        InvalidJson: A float that is not finite, an integer over 2^53 - 1, a lone surrogate, or what JSON has not.
    """
    try:
        if _is_simple(value):
            return _WRITER.encode(value).encode()
        return rfc8785.dumps(value)  # type: ignore[arg-type]
    except UnicodeEncodeError as error:
        raise InvalidJson("a lone surrogate, which no UTF-8 can hold") from error
    except rfc8785.CanonicalizationError as error:
        raise InvalidJson(str(error)) from error
    except RecursionError as error:
        raise InvalidJson("nested too deep to be written") from error


def decode(data: bytes, *, max_bytes: int = MAX_BYTES, floats: bool = True) -> Any:
    """The value in `data`: UTF-8 JSON without duplicate keys, NaN, infinities, lone surrogates or depth above 64.

    Args:
        data: Bytes as stored.
        max_bytes: Refuse anything longer before parsing.
        floats: False refuses every number with a fraction or exponent, as in anything signed.

    Raises:
        InvalidJson: With the reason.
    """
    if len(data) > max_bytes:
        raise InvalidJson(f"{len(data)} bytes, over the limit of {max_bytes}")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InvalidJson(f"not UTF-8 at byte {error.start}") from error
    try:
        value = (_WITH_FLOATS if floats else _INTEGERS_ONLY).decode(text)
    except json.JSONDecodeError as error:
        raise InvalidJson(f"line {error.lineno} column {error.colno}: {error.msg}") from error
    except RecursionError as error:
        raise InvalidJson(f"nested deeper than {MAX_DEPTH}") from error
    if data.count(b"[") + data.count(b"{") > MAX_DEPTH:
        _refuse_deep(value)
    if "\\u" in text:  # only an escape can smuggle in a lone surrogate: UTF-8 has no bytes for one
        _refuse_surrogates(value)
    return value


def digest(data: bytes) -> str:
    """SHA-256 of `data` as 64 lower-case hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()


def digest_of(value: object) -> str:
    """SHA-256 of the canonical JSON of `value`."""
    return digest(encode(value))


def pick(path: str, count: int) -> int:
    """A number in [0, count) fixed by `path` alone: SHA-256 as a big-endian integer, modulo `count`.

    Every seeded choice of an audit is made by it, so a draw can be replayed in any language.
    """
    return int.from_bytes(hashlib.sha256(path.encode()).digest()) % count


def _is_simple(value: object) -> bool:
    """Whether the standard library writes it as RFC 8785 does; what may not be is written the long way.

    No float, no subclass, no deep nesting, no huge integer; keys in ASCII, which stand in one order in UTF-8 and UTF-16.
    """
    level: list[Any] = [value]
    for _ in range(MAX_DEPTH):
        if not _SIMPLE.issuperset(map(type, level)):
            return False
        if any(type(item) is int and not -MAX_INTEGER <= item <= MAX_INTEGER for item in level):
            return False
        holders = _holders(level)
        keys = (key for holder in holders if type(holder) is dict for key in holder)
        if not all(type(key) is str and key.isascii() for key in keys):
            return False
        if not holders:
            return True
        level = [item for holder in holders for item in _items(holder)]
    return False


def _refuse_deep(value: object) -> None:
    holders = _holders([value])
    for _ in range(MAX_DEPTH):
        holders = _holders(item for holder in holders for item in _items(holder))
        if not holders:
            return
    raise InvalidJson(f"nested deeper than {MAX_DEPTH}")


def _holders(values: Iterable[object]) -> list[dict[str, Any] | list[Any] | tuple[Any, ...]]:
    return [value for value in values if isinstance(value, dict | list | tuple)]


def _items(holder: dict[str, Any] | list[Any] | tuple[Any, ...]) -> Iterable[Any]:
    return holder.values() if isinstance(holder, dict) else holder


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise InvalidJson(f"key {twice!r} stands twice in one object")
    return value


def _refuse_constant(name: str) -> NoReturn:
    raise InvalidJson(f"{name} is not JSON")


def _refuse_float(text: str) -> NoReturn:
    raise InvalidJson(f"number {text} is not an integer; decimals stand in strings here")


def _finite(text: str) -> float:
    value = float(text)
    if value in (float("inf"), float("-inf")):
        raise InvalidJson(f"number {text} is beyond any finite value")
    return value


def _bounded_int(text: str) -> int:
    if len(text.removeprefix("-")) > MAX_DIGITS:
        raise InvalidJson(f"an integer of over {MAX_DIGITS} digits")
    return int(text)


def _refuse_surrogates(value: object) -> None:
    try:
        json.dumps(value, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError as error:
        raise InvalidJson("a lone surrogate in a string") from error


_SIMPLE = frozenset({dict, list, tuple, str, int, bool, type(None)})
_WRITER = json.JSONEncoder(
    ensure_ascii=False, check_circular=False, allow_nan=False, sort_keys=True, separators=(",", ":")
)
_INTEGERS_ONLY = json.JSONDecoder(
    object_pairs_hook=_unique_keys,
    parse_constant=_refuse_constant,
    parse_float=_refuse_float,
    parse_int=_bounded_int,
)
_WITH_FLOATS = json.JSONDecoder(
    object_pairs_hook=_unique_keys,
    parse_constant=_refuse_constant,
    parse_float=_finite,
    parse_int=_bounded_int,
)
