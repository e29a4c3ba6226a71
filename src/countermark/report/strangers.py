"""Strangers' text made fit to be shown: nothing in it is hidden, nothing acts, nothing runs on for ever.

Escaping for HTML is the template's and the chart's part; here invisible characters become visible and length is bounded.
"""

import re
from dataclasses import dataclass

SHORT = 2_400
"""Characters shown of any one string that is not a transcript's turn."""

# Controls but tab and newline; soft hyphen; all format characters (bidirectional marks and overrides, zero width, tags);
# line and paragraph separators; halves of surrogate pairs; non-characters; runs of variation selectors, which can hide text.
_HIDDEN = re.compile(
    "(?P<one>[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u115f\u1160\u180b-\u180f"
    "\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164\ud800-\udfff\ufeff\uffa0\ufff0-\uffff\ufdd0-\ufdef"
    "\U000110bd\U000110cd\U00013430-\U0001343f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e00ff]"
    "|[\ufe00-\ufe0f\U000e0100-\U000e01ef](?=[\ufe00-\ufe0f\U000e0100-\U000e01ef]))(?P=one)*"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """A long text in two pieces; `left_out` counts the characters between `head` and `tail`, 0 when all is there."""

    head: str
    tail: str = ""
    left_out: int = 0


def visible(text: str) -> str:
    """`text` with every hidden character spelt out, such as [U+202E], runs of one counted."""
    return _HIDDEN.sub(_spell, text.replace("\r\n", "\n"))


def shown(text: str, limit: int = SHORT) -> str:
    """`text` with nothing hidden and at most about `limit` characters of it, the loss counted at its end."""
    if len(text) <= limit:
        return visible(text)
    return f"{visible(text[:limit])} […{len(text) - limit:,}]"


def cut(text: str, limit: int) -> Cut:
    """The first three quarters and the last quarter of `limit` characters of `text`, or all of a shorter one."""
    if len(text) <= limit:
        return Cut(head=visible(text))
    tail = limit // 4
    head = limit - tail
    return Cut(
        head=visible(text[:head]),
        tail=visible(text[len(text) - tail :]) if tail else "",
        left_out=len(text) - limit,
    )


def _spell(match: re.Match[str]) -> str:
    times = len(match[0])
    return f"[U+{ord(match['one']):04X}]" if times == 1 else f"[U+{ord(match['one']):04X} ×{times:,}]"
