"""Kinds of phrases, read from `refusal_phrases.yaml` and looked for in sentences, the cheap questions first."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from countermark import strict_yaml
from countermark.graders.cues import Needs, keys_of, text_needs, word_needs

_FILE = Path(__file__).with_name("refusal_phrases.yaml")
_WIDE = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]")
_COMMON, _SHORT = 50.0, 5.0
# No words, so never keys of a text.
_ALWAYS, _WIDE_ONLY = " ", "  "
_NO_KINDS = ("lists", "words")
GAP = " … "


@dataclass(frozen=True, kw_only=True, eq=False)
class Pattern:
    """One pattern, whether all that it matches is Japanese, and what must stand there: keys of words, or else texts."""

    source: str
    wide: bool
    needs: tuple[Needs, ...]

    @cached_property
    def regex(self) -> re.Pattern[str]:
        """Compiled when first asked for: of most patterns no reply ever holds the words."""
        return re.compile(self.source)

    def may_match(self, folded: str, keys: Needs) -> bool:
        """Whether a text with these keys holds what the pattern needs."""
        # Plain loops: this is asked of every pattern for every reply, and generators would take most of the time.
        for need in self.needs:
            if not self.wide:
                if need.isdisjoint(keys):
                    return False
            elif not any(cue in folded for cue in need):
                return False
        return True


class Finder:
    """Looks for phrases in the sentences of one reply, and only for those of which the reply holds the words.

    Args:
        text: In lower case; no sentence asked about may hold a word or a Japanese text that this does not.
        keys: The text's keys, and any others.
    """

    __slots__ = ("_keys", "_kinds", "_near", "_text")

    def __init__(self, text: str, keys: Needs) -> None:
        self._text = text
        self._keys = keys
        self._kinds: dict[str, list[Pattern]] = {}
        index = _index()
        near = index.keys() & self._keys
        near.add(_ALWAYS)
        if not text.isascii() and _WIDE.search(text):
            near.add(_WIDE_ONLY)
        self._near: dict[str, dict[Pattern, None]] = {}
        for key in near:
            for kind, pattern in index[key]:
                self._near.setdefault(kind, {})[pattern] = None

    def possible(self, kind: str) -> Sequence[Pattern]:
        """The patterns of a kind whose words the reply holds: for most kinds and replies none."""
        near = self._near.get(kind)
        if near is None:
            return ()
        known = self._kinds.get(kind)
        if known is None:
            known = self._kinds[kind] = [one for one in near if one.may_match(self._text, self._keys)]
        return known

    def found(self, kind: str, folded: str, keys: Needs) -> bool:
        """Whether a phrase of the kind stands in one of the sentences, which has these keys."""
        for pattern in self.possible(kind):
            if pattern.may_match(folded, keys) and pattern.regex.search(folded):
                return True
        return False


def found(kind: str, folded: str) -> bool:
    """Whether a phrase of the kind stands in any folded text."""
    keys = keys_of(folded)
    return any(one.may_match(folded, keys) and one.regex.search(folded) for one in patterns(kind))


def without(kind: str, folded: str) -> str:
    """A folded text with every phrase of a kind blanked out."""
    keys = keys_of(folded)
    near = {pattern.wide for pattern in patterns(kind) if pattern.may_match(folded, keys)}
    for wide in sorted(near):
        folded = _joined(kind, wide).sub(GAP, folded)
    return folded


@cache
def patterns(kind: str) -> tuple[Pattern, ...]:
    """The patterns of a kind."""
    return tuple(map(_pattern, _sources()[kind]))


@cache
def _index() -> Mapping[str, list[tuple[str, Pattern]]]:
    """Every pattern with its kind, by the keys of which one must stand there, and those of which nothing is known by key."""
    found: dict[str, list[tuple[str, Pattern]]] = {_ALWAYS: [], _WIDE_ONLY: []}
    for kind in _sources():
        for pattern in patterns(kind):
            keys = pattern.needs[0] if pattern.needs else {_ALWAYS}
            for key in {_WIDE_ONLY} if pattern.wide else keys:
                found.setdefault(key, []).append((kind, pattern))
    return found


def _pattern(source: str) -> Pattern:
    texts = text_needs(source) if _WIDE.search(source) else ()
    wide = any(all(map(_WIDE.search, need)) for need in texts)
    return Pattern(source=source, wide=wide, needs=texts if wide else word_needs(source, _cost))


@cache
def _joined(kind: str, wide: bool) -> re.Pattern[str]:
    return re.compile("|".join(one.source for one in patterns(kind) if one.wide == wide))


def _cost(key: str) -> float:
    """How often a key stands in ordinary texts, roughly: its length tells much of it."""
    return _COMMON if key in words("english") else 1.0 + _SHORT * (len(key) < 4)


@cache
def _sources() -> Mapping[str, list[str]]:
    """The patterns of every kind, with their places filled from the lists."""
    lists: dict[str, str] = {}
    for name, values in _raw()["lists"].items():
        lists[name] = "(?:" + "|".join(_filled(value, lists) for value in values) + ")"
    return {
        name: [_filled(one, lists) for one in sources]
        for name, sources in _raw().items()
        if name not in _NO_KINDS
    }


def _filled(pattern: str, lists: Mapping[str, str]) -> str:
    return re.sub(r"\{([a-z_]+)\}", lambda place: lists[place.group(1)], pattern)


@cache
def keys_of_words(name: str) -> Mapping[str, int]:
    """Keys of a set of whole words, each with how many of them have it."""
    return Counter(key for word in words(name) for key in keys_of(word))


@cache
def words(name: str) -> frozenset[str]:
    """A set of whole words: `labels`, `english` or `foreign`."""
    return frozenset(_raw()["words"][name])


@cache
def _raw() -> Mapping[str, Any]:
    raw: Mapping[str, Any] = strict_yaml.load(_FILE.read_text("utf-8"))
    return raw
