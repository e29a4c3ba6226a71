"""Replies taken apart for the graders of facts: plain text, sentences with their kinds, tokens.

Phrases of English, Japanese and Czech stand in `facts_phrases.yaml`; every repeat in them is bounded.
"""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from html import unescape
from pathlib import Path
from typing import Any

from countermark import strict_yaml
from countermark.graders.remembered import remembered

_PHRASES = Path(__file__).with_name("facts_phrases.yaml")
MOST = 40_000
"""Characters of a reply that are read."""
_SENTENCE = 600
_THINKING = re.compile(r"<(think|thinking|reasoning)>.*?(?:</\1>|\Z)", re.DOTALL)
_MARKS = str.maketrans(
    {"’": "'", "‘": "'", "“": '"', "”": '"', "\u200b": "", "\ufeff": "", "\u00ad": "", "−": "-"}
)
_EMPHASIS = re.compile(r"\*{1,3}|`|(?m:^#{1,6}\s+)|\\boxed|[{}$]")
_END = re.compile(
    r"(?:(?<=[!?])|(?<=\D\.)(?<!\b[A-Z]\.)(?<!\b(?:Mr|Dr|St|vs|ca)\.)(?<!\b(?:Mrs|Rev|Col|Gen)\.)|(?<=\d\.)(?=\s+[^\Wa-zá-ž\d]))"
    r"[\")]{0,2}\s+(?=\S)|(?<=[。！？])|\n+|(?<=[,;])\s+(?=(?:but|though|although|however|yet|so|while|ale|avšak|nicméně|takže)\b)"
    r"|(?<=;)\s+|\s+(?=—|–\s)|(?<=が、)|(?<=けれど、)|(?<=けど、)|(?<=ものの、)"
)
_BULLET = re.compile(r"^[\s>]*(?:[-*•・]\s+|\(?\d{1,2}[.)]\s+(?=[^\W\da-zá-ž]))(?=\S)")
_RUNS = re.compile(r"[\u30a1-\u30ffー]{2,}|[\u3400-\u9fff々]{2,}")
_TOKEN = re.compile(r"[^\W_]+(?:'[^\W\d_]+)?")
CAPITAL = "[A-ZÀ-ÖØ-ÞČĎĚŇŘŠŤŮŽĆŁŃŚŹŻĐŐŰŞĞİ]"
"""A capital letter of a Latin script, as a class of a pattern."""
KANA = re.compile(r"[\u3040-\u30ff]")
WIDE = re.compile(r"[\u3040-\u30ff\u3400-\u9fff々]")
_CZECH = re.compile(r"[ěščřžůďťňĚŠČŘŽŮĎŤŇ]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sentence:
    """One sentence or clause: as written (marks of emphasis left out), folded, and what it is."""

    text: str
    folded: str
    kinds: frozenset[str]

    def has(self, *kinds: str) -> bool:
        """Whether it is of any of these kinds."""
        return not self.kinds.isdisjoint(kinds)


@lru_cache(maxsize=64)
def plain(text: str) -> str:
    """Compatibility forms folded, thinking and emphasis left out, at most `MOST` characters."""
    kept = _THINKING.sub("", unicodedata.normalize("NFKC", unescape(text[:MOST])).translate(_MARKS))
    return _EMPHASIS.sub("", kept).strip()


@lru_cache(maxsize=64)
def sentences(text: str) -> tuple[Sentence, ...]:
    """The sentences of a plain text, split at line ends and where a clause turns (", but", 「が、」)."""
    found = []
    for piece in _END.split(text):
        said = _BULLET.sub("", piece or "").strip()[:_SENTENCE]
        if _TOKEN.search(said):
            folded = " ".join(said.lower().split())
            found.append(Sentence(text=said, folded=folded, kinds=_kinds(folded)))
    return tuple(found)


def unaccented(text: str) -> str:
    """Lower case without accents; kana keep their voicing marks."""
    return text.lower() if text.isascii() else _unaccented(text)


@remembered
def _unaccented(text: str) -> str:
    split = unicodedata.normalize("NFD", text.casefold())
    bare = "".join(one for one in split if not unicodedata.combining(one) or one in "\u3099\u309a")
    return unicodedata.normalize("NFC", bare)


@remembered
def tokens(text: str) -> tuple[str, ...]:
    """Words without accents or possessive endings, in order."""
    return tuple(word.removesuffix("'s").replace("'", "") for word in _TOKEN.findall(unaccented(text)))


@remembered
def content(text: str) -> frozenset[str]:
    """The tokens that say something: no common words, and Japanese as runs of one script."""
    words = {word for word in tokens(text) if not WIDE.search(word)}
    runs = set(_RUNS.findall(text))
    return frozenset({word for word in words if len(word) > 1} - common("stop") | runs - common("stop_ja"))


@remembered
def language(text: str) -> str:
    """`ja`, `cs` (by letters that English lacks) or `en`, which stands for every other one."""
    if KANA.search(text):
        return "ja"
    words = sum(word in common("czech") for word in tokens(text))
    return "cs" if len(_CZECH.findall(text)) * 60 >= len(text) or words > 1 else "en"


def matches(kind: str, folded: str) -> bool:
    """Whether a folded sentence holds a phrase of the kind."""
    return any(pattern.search(folded) for pattern in _patterns()[kind])


def blanked(kind: str, folded: str) -> str:
    """The folded sentence with every phrase of the kind blanked out."""
    for pattern in _patterns()[kind]:
        folded = pattern.sub(" … ", folded)
    return folded


@cache
def common(name: str) -> frozenset[str]:
    """A set of whole words of the phrase file."""
    return frozenset(unaccented(str(word)) for word in _raw()["words"][name].split())


@lru_cache(maxsize=8192)
def _kinds(folded: str) -> frozenset[str]:
    kept = blanked("exempt", folded)
    return frozenset(
        kind
        for kind in _patterns()
        if kind != "exempt" and any(one.search(kept) for one in _patterns()[kind])
    )


@cache
def _patterns() -> Mapping[str, tuple[re.Pattern[str], ...]]:
    """Each kind as one alternation a script: most sentences hold one script only."""
    raw = _raw()
    lists: dict[str, str] = {}
    for name, values in raw["lists"].items():
        lists[name] = "(?:" + "|".join(_filled(str(value), lists) for value in values) + ")"
    found = {}
    for kind, patterns in raw["kinds"].items():
        filled = [_filled(pattern, lists) for pattern in patterns]
        groups = [[one for one in filled if bool(WIDE.search(one)) is wide] for wide in (False, True)]
        found[kind] = tuple(re.compile("|".join(group)) for group in groups if group)
    return found


def _filled(pattern: str, lists: Mapping[str, str]) -> str:
    return re.sub(r"\{([a-z_]+)\}", lambda place: lists[place.group(1)], pattern)


@cache
def _raw() -> dict[str, Any]:
    raw: dict[str, Any] = strict_yaml.load(_PHRASES.read_text("utf-8"))
    return raw
