"""The page's prose in its two languages, read from `texts/`: no sentence the page says stands in code."""

import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

from markupsafe import Markup

from countermark import strict_yaml
from countermark.records import Text
from countermark.report.strangers import shown

LANGUAGES = ("en", "ja")
_PLACE = re.compile(r"\\\{(\w+)\\\}")
_LONGEST_FORM = 300


class Words:
    """One language's catalogue. `words("masthead.kind")` is a sentence, safe to stand in HTML, values escaped into it."""

    def __init__(self, language: str) -> None:
        self.language = language
        self._entries = catalogue(language)

    def __call__(self, key: str, **values: object) -> Markup:
        """The sentence at `key` with `values` put in. The catalogue is ours; the values are escaped and made visible."""
        return Markup(self._entries[key]).format(**{name: _plain(value) for name, value in values.items()})  # noqa: S704

    def of(self, family: str, code: str) -> Markup | str:
        """The sentence for a code, or the code itself where the catalogue has none: a stranger's report may be newer."""
        entry = self._entries.get(f"{family}.{code}")
        return code if entry is None else Markup(entry)  # noqa: S704

    def explains(self, family: str, code: str) -> bool:
        """Whether the catalogue has a sentence for the code."""
        return f"{family}.{code}" in self._entries

    def members(self, family: str) -> list[str]:
        """Codes of a family in the catalogue's order."""
        prefix = f"{family}."
        return [key.removeprefix(prefix) for key in self._entries if key.startswith(prefix)]

    def translated(self, family: str, sentence: str) -> Markup | str:
        """A sentence of the analysis in this language where it has the form of one we know, else as it came."""
        for code, pattern in _forms(family) if len(sentence) <= _LONGEST_FORM else []:
            found = pattern.fullmatch(sentence)
            if found:
                return self(f"{family}.{code}", **found.groupdict())
        return sentence

    def text(self, text: Text) -> str:
        """The plan's own text in this language."""
        return text.ja if self.language == "ja" else text.en


@cache
def catalogue(language: str) -> Mapping[str, str]:
    """Dotted key to text, in the file's order."""
    source = files("countermark.report").joinpath("texts", f"{language}.yaml").read_text("utf-8")
    return dict(_flat(strict_yaml.load(source), ""))


def _flat(node: Mapping[str, Any], prefix: str) -> list[tuple[str, str]]:
    pairs: list[tuple[str, str]] = []
    for key, value in node.items():
        name = f"{prefix}{key}"
        pairs += _flat(value, f"{name}.") if isinstance(value, dict) else [(name, str(value).strip())]
    return pairs


@cache
def _forms(family: str) -> list[tuple[str, re.Pattern[str]]]:
    """The English sentences of a family as patterns, each place for a value taking what stands there."""
    prefix = f"{family}."
    return [
        (key.removeprefix(prefix), re.compile(_PLACE.sub(r"(?P<\1>.{1,80})", re.escape(sentence))))
        for key, sentence in catalogue("en").items()
        if key.startswith(prefix)
    ]


def _plain(value: object) -> object:
    return value if isinstance(value, Markup | int) else shown(str(value))
