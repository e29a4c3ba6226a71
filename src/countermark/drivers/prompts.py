"""What a model in a role is told: a Markdown file beside the driver, its places filled."""

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path

IN_JAPANESE, IN_ENGLISH = "Write in Japanese.", "Write in English."


def prompt(name: str, places: Mapping[str, str]) -> str:
    """The text of the file of that name with `{place}` filled for each of `places`; what is filled in is not filled again."""
    marked = re.compile("|".join(re.escape(f"{{{place}}}") for place in places))
    return marked.sub(lambda found: places[found.group()[1:-1]], _text(name))


@cache
def _text(name: str) -> str:
    return Path(__file__).with_name(name).read_text("utf-8").strip()
