"""What a model in a role is told: a Markdown file beside the driver, its places filled."""

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path

_PLACE = re.compile(r"\{([a-z_]+)\}")
IN_JAPANESE, IN_ENGLISH = "Write in Japanese.", "Write in English."


def prompt(name: str, places: Mapping[str, str]) -> str:
    """The text of the file of that name with every `{place}` in it filled; what is filled in is not filled again.

    Raises:
        KeyError: The file has a place that is not among `places`.
        FileNotFoundError: There is no such file.
    """
    return _PLACE.sub(lambda found: places[found[1]], _text(name))


def is_filled(name: str, text: str) -> bool:
    """Whether a text is that of the file of that name with anything at all in its places. Raises `FileNotFoundError`."""
    first, *rest = _PLACE.split(_text(name))[::2]
    if not rest:
        return text == first
    end = len(text) - len(rest[-1])
    at = len(first)
    if not (text.startswith(first) and text.endswith(rest[-1]) and at <= end):
        return False
    for piece in rest[:-1]:  # the earliest place of each leaves most room for those after it
        found = text.find(piece, at, end)
        if found < 0:
            return False
        at = found + len(piece)
    return True


@cache
def _text(name: str) -> str:
    return Path(__file__).with_name(name).read_text("utf-8").strip()
