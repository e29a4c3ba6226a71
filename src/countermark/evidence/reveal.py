"""reveal/items.jsonl: for each item its salt, where a disclosed transcript shows the scenario, or else its leaf alone.

With it a test's items root can be checked though the seed, which all salts follow from, is withheld.
"""

import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from countermark import canonical
from countermark.errors import EvidenceError
from countermark.evidence.quick import decode

ITEMS = "reveal/items.jsonl"
MAX_ITEMS = 512 * 1024 * 1024
_MAX_LINE = 1024
_HEX = re.compile(r"[0-9a-f]{64}")


class RevealedItem(NamedTuple):
    """What is said of one item: its 32-byte salt, or its 32-byte leaf; the other is None."""

    salt: bytes | None
    leaf: bytes | None


def format_items(items: Mapping[tuple[str, int], RevealedItem]) -> bytes:
    """The file's text, sorted by test and item."""
    return b"".join(_line(test, item, one) for (test, item), one in sorted(items.items()))


def parse_items(data: bytes) -> dict[tuple[str, int], RevealedItem]:
    """Test and item to what is said of it. Raises `EvidenceError` unless it is what `format_items` writes."""
    found = dict(_read(number, line) for number, line in enumerate(_lines(data), 1))
    if format_items(found) != data:
        raise EvidenceError(f"{ITEMS}: is not sorted by test and item, or not in canonical form")
    return found


def _lines(data: bytes) -> Iterable[bytes]:
    return data.split(b"\n")[:-1]


def _read(number: int, line: bytes) -> tuple[tuple[str, int], RevealedItem]:
    try:
        value = decode(line, max_bytes=_MAX_LINE, floats=False)
    except canonical.InvalidJson as error:
        raise EvidenceError(f"{ITEMS}: line {number}: {error}") from error
    match value:
        case {"test": str(test), "item": int(item), **rest} if not isinstance(item, bool) and item >= 0:
            match rest:
                case {"salt": str(salt)} if len(rest) == 1 and _HEX.fullmatch(salt):
                    return (test, item), RevealedItem(bytes.fromhex(salt), None)
                case {"leaf": str(leaf)} if len(rest) == 1 and _HEX.fullmatch(leaf):
                    return (test, item), RevealedItem(None, bytes.fromhex(leaf))
    raise EvidenceError(f"{ITEMS}: line {number}: is not a test, an item and its salt or leaf")


def _line(test: str, item: int, one: RevealedItem) -> bytes:
    what = {"salt": one.salt.hex()} if one.salt is not None else {"leaf": (one.leaf or b"").hex()}
    return canonical.encode({"test": test, "item": item, **what}) + b"\n"
