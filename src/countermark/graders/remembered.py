"""Readings of short texts, kept: a grader asks the same of one clause many times over, and a verifier grades it again.

Long texts are read anew, so that what is kept stays small whatever subjects say.
"""

from collections.abc import Callable
from functools import lru_cache, wraps
from typing import TypeVar

SHORT = 1500
"""Characters of the longest text whose reading is kept."""
MOST = 4096
"""Readings kept of one kind."""

Value = TypeVar("Value")


def remembered(read: Callable[[str], Value]) -> Callable[[str], Value]:
    """A pure function of one text that keeps what it found in short ones; its values must not change."""
    keep = lru_cache(maxsize=MOST)(read)

    @wraps(read)
    def kept_or_read(text: str) -> Value:
        return keep(text) if len(text) <= SHORT else read(text)

    return kept_or_read
