"""Values of `records` as JSON and back: enums as strings, tuples as lists, types strict, unknown fields tolerated.

pydantic reads the frozen dataclasses' own annotations; it is imported when first used.
"""

import json
from collections.abc import Mapping
from typing import Any, TypeVar, cast

from countermark.canonical import InvalidJson, decode

Value = TypeVar("Value")


def to_json(value: object) -> dict[str, Any]:
    """A dataclass of `records` as plain JSON values. NaN and infinities become null.

    Raises:
        InvalidJson: A value of a kind that JSON has not.
    """
    from pydantic_core import PydanticSerializationError

    try:
        plain: dict[str, Any] = _adapter(type(value)).dump_python(value, mode="json", warnings="none")
    except (PydanticSerializationError, UnicodeEncodeError) as error:
        raise InvalidJson(f"{type(value).__name__} cannot be written: {error}") from error
    return plain


def to_bytes(value: object) -> bytes:
    """A dataclass of `records` as one line of UTF-8 JSON, fields in their declared order: what a blob holds.

    Raises:
        InvalidJson: It holds a lone surrogate, or a value of a kind that JSON has not.
    """
    try:
        text = json.dumps(to_json(value), ensure_ascii=False, separators=(",", ":"), allow_nan=False)
        return text.encode()
    except ValueError as error:
        raise InvalidJson(f"{type(value).__name__} cannot be written: {error}") from error


def from_json(kind: type[Value], data: bytes | Mapping[str, Any]) -> Value:
    """The value of type `kind` in JSON bytes (strict JSON) or in the values read from them.

    Raises:
        InvalidJson: Not strict JSON, a field missing, or a value of another type.
    """
    if isinstance(data, bytes):
        decode(data)
        return from_checked(kind, data)
    try:
        text = json.dumps(data, ensure_ascii=False).encode()
    except (ValueError, TypeError, RecursionError) as error:
        raise InvalidJson(f"not a {kind.__name__}: {error}") from error
    return from_checked(kind, text)


def from_checked(kind: type[Value], data: bytes) -> Value:
    """As `from_json`, for bytes that `strict.parse` has already accepted."""
    try:
        value: Value = _adapter(kind).validate_json(data, strict=True)
    except ValueError as error:  # pydantic's own, which is not imported on this fast path
        raise InvalidJson(f"not a {kind.__name__}: {_first_fault(error)}") from error
    return value


def _first_fault(error: ValueError) -> str:
    from pydantic import ValidationError

    if not isinstance(error, ValidationError):
        return str(error)
    first = error.errors(include_url=False, include_input=False)[0]
    return f"{'/'.join(str(part) for part in first['loc'])}: {first['msg']}"


def _adapter(kind: object) -> Any:
    adapter = _ADAPTERS.get(kind)
    if adapter is None:
        from pydantic import TypeAdapter

        adapter = _ADAPTERS[kind] = TypeAdapter(cast("Any", kind))
    return adapter


_ADAPTERS: dict[object, Any] = {}
