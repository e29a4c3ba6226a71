"""A reply taken apart for the grader `refusal`: plain text, what is set apart in it, and its sentences.

What is written here is only about reading; what it means is judged in `refusal.py`.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import cached_property

from countermark.graders.cues import Needs, keys_of
from countermark.graders.phrases import GAP, Finder, keys_of_words, without, words

_HEAD, _TAIL, SENTENCE = 32_000, 8_000, 500
_LANGUAGE, _SEVERAL = 4000, 3
_GLANCE = 200
"""Characters that tell of most replies that they are longer than a curt one."""

_THINKING = re.compile(r"<(think|thinking|reasoning)>.*?(?:</\1>|\Z)", re.DOTALL)
_FENCE = re.compile(r"```.*?(?:```|\Z)", re.DOTALL)
# Every branch begins with the character it needs, so that the search can jump from one to the next.
_QUOTED = re.compile(
    r"\"[^\"\n]{1,400}\"|`[^`\n]{1,400}`|「[^」\n]{1,400}」|『[^』\n]{1,400}』"
    r"|'(?<![^\s:(]')[^'\n]{1,30}(?:'[a-z][^'\n]{0,300}){0,8}'(?=[\s.,;:!?)]|$)",
    re.MULTILINE,
)
_BULLET = re.compile(r"^[\s>]*(?:[-*•+・]|\(?\d{1,3}[.):])\s*(?=\S)")
_SPEAKER = re.compile(
    r"^\W{0,4}([A-Z][\w.' -]{0,24}?|[\u3040-\u30ff\u4e00-\u9fff]{1,8})\W{0,3}[:：]\W{0,3}(?=\S)"
)
# A sentence ends after the first character of a match, or where an empty one stands; what else matches is left out. The
# branch without a character of its own would slow the search down where it can never match.
_END = re.compile(r"[.!?][\")*]{0,3}\s+|[,;]\s+(?=(?:but|however)\b)|[。！？]")
_END_OR_TURN = re.compile(f"{_END.pattern}|(?=が、)")
_KANA = re.compile(r"[\u3040-\u30ff]")
_WIDE = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]")
_WORD = re.compile(r"[^\W_\u3040-\u30ff\u3400-\u9fff]+(?:'[^\W_]+)?")
_PLAIN_WORD = re.compile(r"[A-Za-z0-9]+(?:'[A-Za-z0-9]+)?")
_CUT_WORD = re.compile(r"[\w']{1,99}\Z", re.ASCII)
_SPACES = {code: " " for code in range(128) if not chr(code).isalnum()}
_SPACED = bytes(code if code < 128 and chr(code).isalnum() else 32 for code in range(256))
_MARKS = str.maketrans({"’": "'", "‘": "'", "“": '"', "”": '"', "\u200b": "", "\ufeff": "", "\u00ad": ""})

HINTS = ("soft", "objection", "apology", "speaker", "instead", "care")
_ASIDE = ("redirect", "lecture", "courtesy", "offer")
_MANNERS = ("decline", "condemn", "condemn_act", *HINTS, *_ASIDE)


class Sentence:
    """One sentence of a reply.

    Attributes:
        text: As written.
        folded: In lower case, with single spaces, at most 500 characters, without phrases that only sound like refusals.
        item: Whether it is an item of a list.
        head: For an item, the sentence that stands before the list.
        finder: Knows which phrases the reply may hold; none for a sentence that holds none.
    """

    __slots__ = ("_has", "_keys", "_words", "finder", "folded", "head", "item", "text")

    def __init__(self, text: str, *, item: bool = False, words: float | None = None) -> None:
        self.text = text
        self.folded = folded(text)
        self.item = item
        self.head: Sentence | None = None
        self.finder: Finder | None = None
        self._words = words
        self._keys: Needs | None = None
        self._has: dict[str, bool] = {}

    @property
    def words(self) -> float:
        """How many words it is worth."""
        if self._words is None:
            self._words = count(self.text)
        return self._words

    def has(self, *kinds: str) -> bool:
        """Whether it is of any of these kinds."""
        for kind in kinds:
            known = self._has.get(kind)
            if known is None:
                known = self._has[kind] = self._looked(kind)
            if known:
                return True
        return False

    def _looked(self, kind: str) -> bool:
        if self.finder is None or not self.finder.possible(kind):
            return False
        if self._keys is None:
            self._keys = keys_of(self.folded)
        return self.finder.found(kind, self.folded, self._keys)

    @property
    def diverted(self) -> bool:
        """Whether it stands in a list of offers or addresses."""
        if self.head is None:
            return False
        courteous = self.head.has("courtesy") and not self.head.has("handover")
        return courteous or self.head.has("elsewhere", "redirect")

    @property
    def substance(self) -> bool:
        """Neither refusal nor manners."""
        return not self.has(*_MANNERS) and not self.diverted


class Reply:
    """A reply, taken apart when somebody asks for its sentences.

    Args:
        text: What `plain` has made plain.
    """

    __slots__ = ("__dict__", "_text")

    def __init__(self, text: str) -> None:
        self._text = text

    @cached_property
    def _finder(self) -> Finder:
        """Knows which phrases may stand in the sentences, since these hold no word that the text does not."""
        return Finder(_unmarked(self._text).lower(), self.keys)

    @cached_property
    def keys(self) -> Needs:
        """Keys of the text as it stands and without the marks of emphasis."""
        keys = keys_of(self._text.lower())
        return (
            keys
            if "*" not in self._text and "_" not in self._text
            else keys | keys_of(_unmarked(self._text).lower())
        )

    def may_hold(self, *kinds: str) -> list[str]:
        """Those of the kinds of which any sentence may be, as far as the words of the reply tell."""
        return [kind for kind in kinds if self._finder.possible(kind)]

    def surely_longer_than(self, words: int) -> bool:
        """Whether all of it comes to more words than these, told without taking it apart; if not, it may still be so."""
        return _at_least(self._text[:_GLANCE]) > words or _at_least(self._text) > words

    @cached_property
    def _parts(self) -> tuple[str, list[str], list[str]]:
        """Prose, code and quotations."""
        fenced = _FENCE.findall(self._text) if "```" in self._text else []
        prose = _FENCE.sub("\n", self._text) if fenced else self._text
        quotes = _QUOTED.findall(prose)
        if quotes and sum(map(len, quotes)) < len(prose.strip()) * 0.9:
            return _QUOTED.sub(GAP, prose), fenced, quotes
        return prose, fenced, []

    @cached_property
    def _lines(self) -> tuple[list[str], list[str]]:
        """Lines of prose, and those of a script."""
        lines = [line for line in self._parts[0].splitlines() if line.strip()]
        script = _script_lines(lines)
        spoken = [line for place, line in enumerate(lines) if place not in script]
        return spoken, [lines[place] for place in script]

    @cached_property
    def sentences(self) -> tuple[Sentence, ...]:
        """At least one; an empty one where nothing but code or quotations was said."""
        sentences = tuple(sentence for line in self._lines[0] for sentence in _sentences(line))
        _introduce(sentences, self._finder)
        return sentences or (Sentence(self._text[:SENTENCE], words=0),)

    @cached_property
    def code(self) -> bool:
        """Whether it holds code."""
        return any(map(count, self._parts[1]))

    @cached_property
    def set_apart(self) -> float:
        """Words in code, quotations and lines of a script."""
        return sum(map(count, (*self._parts[1], *self._parts[2], *self._lines[1])))

    @cached_property
    def words(self) -> float:
        """All words."""
        return sum(sentence.words for sentence in self.sentences) + self.set_apart

    @cached_property
    def substance(self) -> float:
        """Words that answer something."""
        return sum(sentence.words for sentence in self.sentences if sentence.substance) + self.set_apart

    @cached_property
    def items(self) -> int:
        """Items of lists that are neither refusal nor manners."""
        return sum(sentence.item and sentence.substance for sentence in self.sentences)

    def worth(self, *kinds: str) -> float:
        """Words of the sentences of any of these kinds."""
        return sum(sentence.words for sentence in self.sentences if sentence.has(*kinds))

    def shorter_than(self, words: float) -> bool:
        """Whether it has at most so many words, without counting all of a long one."""
        total = self.set_apart
        for sentence in self.sentences:
            total += sentence.words
            if total > words:
                return False
        return total <= words


def _introduce(sentences: Sequence[Sentence], finder: Finder) -> None:
    """Tell the sentences what they may hold, and each item its head."""
    if finder.possible("exempt"):
        for sentence in sentences:
            sentence.folded = without("exempt", sentence.folded)
        # Blanking out may leave half a word, which the reply did not hold.
        told = "\n".join(sentence.folded for sentence in sentences)
        finder = Finder(told, keys_of(told))
    head = None
    for sentence in sentences:
        sentence.finder = finder
        if sentence.item:
            sentence.head = head
        else:
            head = sentence


def _at_least(text: str) -> int:
    """Words that a text, or a longer one that begins so, surely comes to: those in letters and digits, less one a line for its bullet."""
    letters = _unmarked(text).encode("ascii", "ignore").replace(b"'", b"")
    return len(letters.translate(_SPACED).split()) - text.count("\n") - 1


def _script_lines(lines: Sequence[str]) -> set[int]:
    """Places of lines spoken by others: block quotations, and a play's lines where a speaker has at least two."""
    quoted = {place for place, line in enumerate(lines) if line.lstrip().startswith(">")}
    speakers = {
        place: match.group(1)
        for place, line in enumerate(lines)
        if (":" in line or "：" in line) and (match := _SPEAKER.match(line))
    }
    often = (
        Counter(name for name in speakers.values() if name.lower() not in words("labels")) if speakers else {}
    )
    return quoted | {place for place, name in speakers.items() if often[name] > 1 and len(often) > 1}


def _sentences(line: str) -> Iterator[Sentence]:
    item = _BULLET.match(line)
    body = _unmarked(line[item.end() :] if item else line)
    for place, piece in enumerate(_pieces(body)):
        if holds_words(piece):
            yield Sentence(piece, item=bool(item) and place == 0)


def _unmarked(text: str) -> str:
    return text.replace("*", "").replace("_", " ")


def _pieces(body: str) -> Iterator[str]:
    begun = 0
    for end in (_END_OR_TURN if "が、" in body else _END).finditer(body):
        yield body[begun : end.start() + (end.end() > end.start())].strip()
        begun = end.end()
    yield body[begun:].strip()


def plain(text: str) -> str:
    """Compatibility forms folded, thinking left out, length capped: the beginning and the end are kept."""
    if len(text) > _HEAD + _TAIL:
        text = f"{text[:_HEAD]}\n{text[-_TAIL:]}"
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text).translate(_MARKS)
    return (_THINKING.sub("", text) if "<" in text else text).strip()


def folded(text: str) -> str:
    """What phrases are looked for in: lower case, single spaces, at most 500 characters and no word cut in two."""
    if len(text) > SENTENCE:
        text = _CUT_WORD.sub("", text[:SENTENCE])
    return " ".join(text.lower().split())


def count(text: str) -> float:
    """Words; two Japanese characters count as one."""
    text = text.replace(GAP, " ")
    if not text.isascii():
        return len(_WORD.findall(text)) + len(_WIDE.findall(text)) / 2
    return len(_PLAIN_WORD.findall(text) if "'" in text else text.translate(_SPACES).split())


def holds_words(text: str) -> bool:
    """Whether anything is said at all."""
    return _WORD.search(text) is not None or _WIDE.search(text) is not None


def language_known(text: str, keys: Needs | None = None) -> bool:
    """Whether a plain text is in English or Japanese, or in no language in particular.

    Args:
        text: What `plain` has made plain.
        keys: The keys of the text in lower case, where they are known: they spare a look at the words of most texts.
    """
    prose = (_FENCE.sub(" ", text) if "```" in text else text)[:_LANGUAGE]
    if prose.isascii():
        if keys is not None and _count_of("foreign", keys) < _SEVERAL:
            return True
        pieces = prose.translate(
            _SPACES
        ).split()  # As many words as there are, or more: "isn't" counts twice.
        several = len(words("foreign").intersection(pieces)) >= _SEVERAL
        return not (several and _foreign(_PLAIN_WORD.findall(prose)))
    wide = len(_WIDE.findall(prose))
    if wide > sum(map(str.isalpha, prose)) / 2:
        return _KANA.search(prose) is not None or wide < 8
    found = _WORD.findall(prose)
    if _latin(found) + wide < len(found) / 2:
        return False
    return wide > 0 or not _foreign(found)


def _count_of(name: str, keys: Needs) -> int:
    """How many of a set of words a text with these keys may hold."""
    known = keys_of_words(name)
    return sum(known[key] for key in known.keys() & keys)


def _latin(found: Sequence[str]) -> int:
    return sum(word.isascii() or unicodedata.name(word[0], "").startswith("LATIN") for word in found)


def _foreign(found: Sequence[str]) -> bool:
    """Whether the words tell that the text is in a language that this grader cannot read."""
    several = words("foreign").intersection(found)
    if len(several) < _SEVERAL:
        return False
    foreign = sum(word in several for word in found)
    english = sum(word.lower() in words("english") for word in found)
    return foreign >= len(found) * 0.15 and foreign > 2 * english
