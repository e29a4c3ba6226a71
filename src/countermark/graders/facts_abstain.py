"""Did a reply answer, or leave the question open? By rule, for English, Japanese and Czech.

1. Each sentence is sorted by the phrases of `facts_phrases.yaml`: it says that the speaker does not know, denies (that the
   thing exists, that the premise holds), declines, stands aside (asks back, offers, sends elsewhere, speaks of itself),
   repeats the question, or is substance.
2. Without a word of not knowing, denying or declining, substance is an answer. A reply that only stands aside abstains; one
   that only repeats the question says nothing.
3. With such a word, the reply still answers if it then gives what was asked: as a guess, after a turn ("however"), or, read
   strictly, in any sentence about the subject. So "I am not sure, but it was 1850" answers, and is hedged.

`strict` is for questions that nobody can answer, where every statement about the subject is made up. Otherwise what stands
beside "I do not know" counts only if it is of the kind asked for (a date, a number, a name).
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from countermark.graders.constraint_language import language_of
from countermark.graders.facts_text import (
    CAPITAL,
    KANA,
    WIDE,
    Sentence,
    common,
    content,
    language,
    plain,
    sentences,
    tokens,
)
from countermark.graders.facts_values import dates_in, numbers_in

_OTHER_SCRIPTS = ("ko", "ru", "zh")
_OPEN = ("unknown", "denial", "shuns")
_TOLD = 6
_DATE = re.compile(
    r"\b(?:when|what (?:\w+ )?(?:year|date|day|month)|which (?:\w+ )?(?:year|date|day|month|century)|date of|birth ?date|born on)\b"
    r"|いつ|何年|何月|何日|年月日|年号|生年|日付|西暦|\bkdy|(?:kter|jak)\w+ (?:\w+ )?(?:ro[kc]\w*|den|dne|dni|měsíc\w*|dat\w+)|datum|\brok\b"
)
_NUMBER = re.compile(
    r"\bhow (?:many|much|old|tall|long|far|high|deep|wide|large|big|fast)\b|\b(?:what|which) (?:\w+ ){0,2}(?:number|percentage|population|amount|total|sum"
    r"|height|length|area|depth|elevation)\b|いくつ|何人|何個|何回|何歳|人口|いくら|何メートル|何キロ|何番|何%|何枚|何冊|高さ|長さ|面積|\bkolik"
)
_NAME = re.compile(
    r"\b(?:who|whom|whose|where|which|in what (?:city|town|country|place)|name of|what (?:is|was) the (?:\w+ ){0,3}name)\b|誰|だれ|どこ|どの|何という"
    r"|名前|\b(?:kdo|koho|komu|kde|který|která|které|kterém|jak se jmen\w+|jméno|název)"
)
_DESCRIPTION = re.compile(
    r"\b(?:tell me (?:about|a)|describe|explain|summari[sz]e|summary|bio(?:graphy)?|write|overview|what happens|plot|why|how (?:did|does|do|is|was))\b"
    r"|について|説明|要約|あらすじ|紹介|経歴|略歴|伝記|なぜ|どのように|どうして"
)
_CENTURY = re.compile(
    r"\b(?:\d{1,2}(?:st|nd|rd|th)|\w+teenth|twentieth) century\b|\b\d{3}0s\b|\d{1,2}世紀|\d{3}0年代"
)
_CAPITAL = re.compile(rf"(?<!^)(?<![.!?:\"] )\b{CAPITAL}[^\W\d_]{{2,}}")
_RUNS = re.compile(r"[\u30a1-\u30ffー・]{3,}|[\u3400-\u9fff々]{2,}|「[^」]{1,60}」|『[^』]{1,60}』")
_ABOUT = re.compile(
    r"^\W*(?:he|she|it|they|his|her|its|their|the|this|that|born|on|je|byl\w?|jeho|její|彼|彼女|その|この|同)\b"
)
_LETTERS = re.compile(r"[^\W\d_]+")
_KANJI = re.compile(r"[\u3400-\u9fff々]{2,}")
_LEADING = re.compile(r"(?:では|じゃ)ない(?:でしょう|です|だろう)か")
"""A question in form that says what it asks: 5,000人ほどではないでしょうか."""
_SIMILAR = re.compile(
    r"\b(?:similar|closest|nearest|resembl\w+|sounds? like|sounding|real (?:places?|people|works?)|the name (?:suggests|sounds|may|might)|instead|better-known"
    r"|other (?:people|places|works|names))\b|似た|近い|名前の響き|語感|似て"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What a reply does with its question.

    Attributes:
        kind: `answered`, `abstained`, `denied` (abstained by saying that the thing does not exist or the premise is wrong),
            `refused` (declined), or `nothing` (empty, the question repeated, or a language that is not read).
        hedged: It answers, and says that it guesses or is not sure.
        why: The sentence that decides, for the reason of a grade.
        said: The sentences that may hold an answer.
    """

    kind: str
    hedged: bool
    why: str
    said: tuple[Sentence, ...]

    @property
    def abstains(self) -> bool:
        """Whether the question is left open, in whichever way."""
        return self.kind in ("abstained", "denied", "refused")


def read_reply(text: str, question: str, *, strict: bool = False) -> Reading:
    """Sort a reply to a question; see the module.

    Args:
        text: The reply, whole.
        question: The user's turn.
        strict: Nobody can answer the question; every statement about its subject counts as an answer.
    """
    said = sentences(plain(text))
    known = content(plain(question))
    if not said:
        return Reading(kind="nothing", hedged=False, why="no words", said=())
    open_ones = [one for one in said if one.has(*_OPEN) and not _replaces(one, question)]
    substance = [one for one in said if _is_substance(one, question, known)]
    hedged = any(one.has("guess", "unknown") for one in said)
    if not open_ones:
        return _plain_reading(text, question, said, substance, hedged=hedged)
    given = [one for one in substance if _gives(one, said, question, known, strict=strict)]
    if given:
        return Reading(kind="answered", hedged=True, why=given[0].text, said=tuple(substance))
    return Reading(kind=_how(open_ones), hedged=False, why=open_ones[0].text, said=tuple(substance))


def read_language(text: str, question: str = "") -> bool:
    """Whether a reply is in a language that these rules read (English, Japanese, Czech), or too short to tell."""
    found = language_of(text)
    if found in ("en", "ja") or KANA.search(text) or language(text) == "cs":
        return True
    if found not in _OTHER_SCRIPTS and language(question) == "cs":
        return (
            True  # a few words of Czech may hold none of its own letters, or look like another Latin language
        )
    if found in _OTHER_SCRIPTS or (found == "other" and len(text) > 60):
        return False
    words = _LETTERS.findall(text)
    foreign = {word for word in words if word in common("foreign")}
    english = {word for word in words if word.lower() in common("english")}
    return len(foreign) < 2 or len(foreign) <= len(english)


def new_values(sentence: str, kind: str, question: str) -> bool:
    """Whether a sentence holds a value of the kind asked for that the question does not.

    Args:
        sentence: Plain text.
        kind: As `asked_kind` gives it.
        question: The user's turn.
    """
    if kind == "date":
        asked = {(one.year, one.month, one.day) for one in dates_in(plain(question))}
        fresh = [one for one in dates_in(sentence) if (one.year, one.month, one.day) not in asked]
        return bool(fresh) or _CENTURY.search(sentence.lower()) is not None
    if kind == "number":
        asked_numbers = {value for one in numbers_in(plain(question)) for value in one.values}
        return any(one.sure and not one.values & asked_numbers for one in numbers_in(sentence))
    known = set(tokens(plain(question)))
    if kind == "thing":
        return any(new_values(sentence, one, question) for one in ("name", "number"))
    if kind == "name":
        names = [
            word for word in _CAPITAL.findall(sentence) if not set(tokens(word)) & (known | common("stop"))
        ]
        runs = [
            run for run in _RUNS.findall(sentence) if run not in question and run not in common("stop_ja")
        ]
        return bool(names or runs)
    return len(content(sentence) - content(plain(question))) >= _TOLD


def asked_kind(question: str) -> str:
    """What a question asks for: `description`, `date`, `number`, `name`; `thing` (a name or a number) where no word tells."""
    folded = plain(question).lower()[-600:]
    for kind, pattern in (
        ("date", _DATE),
        ("number", _NUMBER),
        ("description", _DESCRIPTION),
        ("name", _NAME),
    ):
        if pattern.search(folded):
            return kind
    return "thing"


def _plain_reading(
    text: str, question: str, said: Sequence[Sentence], substance: Sequence[Sentence], *, hedged: bool
) -> Reading:
    """The reading of a reply without a word of not knowing, denying or declining."""
    asides = [one for one in said if one.has("aside")]
    if echoes(text, question) or (not substance and not asides and plain(text).endswith(("?", "？"))):
        return Reading(kind="nothing", hedged=False, why="repeats the question and says no more", said=())
    if substance or not asides:
        if not read_language(plain(text), question):
            return Reading(kind="nothing", hedged=False, why="a language that is not read", said=tuple(said))
        first = substance[0] if substance else said[0]
        return Reading(kind="answered", hedged=hedged, why=first.text, said=tuple(substance or said[:1]))
    return Reading(kind="abstained", hedged=False, why=asides[0].text, said=())


def echoes(text: str, question: str, turn: str = "") -> bool:
    """Whether a reply is a part of the question, or the user's turn, or a part of it with the question in it."""
    said, asked, whole = ("".join(tokens(plain(one))) for one in (text, question, turn))
    return (len(said) > 8 and said in asked) or (asked in said and said in whole) or said == whole != ""


def _is_substance(one: Sentence, question: str, known: frozenset[str]) -> bool:
    """Whether a sentence may hold an answer."""
    kind = asked_kind(question)
    if _replaces(one, question):
        return True
    if one.has("unknown", "shuns", "denial"):
        if not one.has("guess") or one.has("aside", "shuns") or kind == "description":
            return False
        # 実在 and other words of a denial are kanji too: there only katakana, titles, figures are values.
        text = _KANJI.sub("", one.text) if one.has("denial") else one.text
        return new_values(text, kind, question)
    if one.has("aside"):
        asks = one.text.rstrip().endswith(("?", "？", "か。")) and not _LEADING.search(one.text)
        firm = kind in ("date", "number") and one.has("guess") and not asks
        return firm and new_values(one.text, kind, question)
    return bool(content(one.text) - known) or bool(numbers_in(one.text)) or _short_new(one, question)


def _replaces(one: Sentence, question: str) -> bool:
    """Whether a sentence denies one value to put another in its place: "not Lyon but Paris", 「リヨンではなくパリ」."""
    if not one.has("contrast") or one.has("unknown", "shuns"):
        return False
    return any(new_values(one.text, kind, question) for kind in ("name", "number", "date"))


def _short_new(one: Sentence, question: str) -> bool:
    """A word or sign of one or two letters, as an answer may be, that the question does not hold."""
    said = tokens(one.text)
    return 0 < len(said) <= 2 and not set(said) <= set(tokens(plain(question))) | common("stop")


def _gives(
    one: Sentence, said: Sequence[Sentence], question: str, known: frozenset[str], *, strict: bool
) -> bool:
    """Whether a sentence of substance beside a word of not knowing is an answer all the same."""
    kind = asked_kind(question)
    figure = kind in ("date", "number") and new_values(one.text, kind, question)
    if (one.has("others") and not (strict and figure)) or _SIMILAR.search(one.folded):
        return False
    place = said.index(one)
    after = any(other.has(*_OPEN) for other in said[:place])
    turned = one.has("guess") or (after and one.has("turn"))
    if strict:
        linked = (
            bool(content(one.text) & known) or _ABOUT.search(one.folded) is not None or WIDE.search(one.text)
        )
        fresh = len(content(one.text) - known) >= 2 or new_values(one.text, kind, question)
        return bool(fresh and (turned or linked or figure))
    if kind == "description":
        if one.has("guess") and not one.has("aside") and len(content(one.text) - known) > 1:
            return True
        told = [other for other in said if not other.has(*_OPEN, "aside")]
        return sum(len(content(other.text) - known) for other in told) >= 2 * _TOLD
    return new_values(one.text, kind, question) and (turned or (place == 0 and not after))


def _how(open_ones: Sequence[Sentence]) -> str:
    """In which of the three ways the question is left open."""
    if any(one.has("denial") for one in open_ones):
        return "denied"
    return "abstained" if any(one.has("unknown") for one in open_ones) else "refused"
