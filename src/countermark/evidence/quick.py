"""Strict JSON as `canonical.decode` reads it, faster for what is sound; whatever may not be goes to the slow reader.

pydantic's parser takes the last of two equal keys, and reads floats and any depth. So strings are counted twice, in the
text by their quotation marks and in the value: a key that stands twice is a string more in the text.
"""

from functools import partial
from typing import Any

from countermark import canonical

PLAIN_STRING = rb'"[^"\\]*+(?:\\["\\][^"\\]*+)*+"'
"""A JSON text as a JSON string in its one canonical spelling: such a text has no control character, so quotation marks and
backslashes are all that is ever escaped in it."""
_UNSOUND = -1


def decode(data: bytes, *, max_bytes: int = canonical.MAX_BYTES, floats: bool = True) -> Any:
    """The same value as `canonical.decode` gives for the same bytes, or the same `InvalidJson`."""
    if len(data) <= max_bytes:
        try:
            value = (_parse or _parser())(data)
        except ValueError:
            return canonical.decode(data, max_bytes=max_bytes, floats=floats)
        if type(value) is str:
            return value  # no key, no number, no depth
        if _marks(data) == 2 * _strings(value, floats=floats):
            return value
    return canonical.decode(data, max_bytes=max_bytes, floats=floats)  # says what is wrong


def _parser() -> Any:
    """Import it when first used."""
    global _parse  # noqa: PLW0603
    from pydantic_core import from_json

    _parse = partial(from_json, allow_inf_nan=False, cache_strings="keys")
    return _parse


_parse: Any = None


def loosely(data: bytes) -> Any:
    """The value of a JSON text, of two equal keys the last: for a caller who holds the text's spelling against the value.

    Raises:
        ValueError: No JSON.
    """
    return (_parse or _parser())(data)


def _marks(data: bytes) -> int:
    """How many quotation marks begin or end a string; an odd number where that takes a slower look."""
    if b"\\" not in data:
        return data.count(b'"')
    if b"\\\\" in data:
        return _UNSOUND
    return data.count(b'"') - data.count(b'\\"')


def _strings(value: object, *, floats: bool) -> int:
    """How many strings the value holds at all depths, keys included; far too many for a float or a depth not allowed."""
    found, depth = 0, 0
    level: list[Any] = [[value]]
    while level:
        below: list[Any] = []
        for holder in level:
            items = holder
            if type(holder) is dict:
                found += len(holder)
                items = holder.values()
            for item in items:
                kind = type(item)
                if kind is str:
                    found += 1
                elif kind is dict or kind is list:
                    below.append(item)
                elif kind is float and not (floats and item - item == 0.0):
                    return _UNSOUND
        level = below
        depth += 1
        if depth > canonical.MAX_DEPTH:
            return _UNSOUND if below else found
    return found
