"""Does a reply state an answer? Numbers in any notation, dates, names with aliases; by rule.

A reference answer that is a date or a number is looked for by value, any other by its words. A mention that is negated
("not Lyon", 「リヨンではなく」) or one of several offered ("Paris or Lyon") states nothing. Where the reply marks its final
answer, that goes before the rest; where rivals (wrong answers of the same kind) are known, the one the reply settles on counts.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from countermark.graders.facts_text import (
    WIDE,
    Sentence,
    common,
    content,
    language,
    matches,
    sentences,
    tokens,
    unaccented,
)
from countermark.graders.facts_values import Date, Number, date_of, dates_in, number_of, numbers_in
from countermark.graders.remembered import remembered

_MARKED = re.compile(
    r"(?:\b(?:final answer|answer|odpověď|result|in short|therefore|so the total)\b|(?:答え|回答|結論|解答|正解)(?:は|:|：|→|、)?)"
    r"(?:\s*(?:is|:|：|=|→|je|は))*\s*([^\n]{1,300})",
    re.IGNORECASE,
)
_NEGATED = re.compile(
    r"\b(?:not|never|isn't|wasn't|aren't|weren't|neither|nor|than|unlike|instead of|except|ne|není|nebyl\w?|nikoli\w?)[ \"'“「]+(?:[\w.]+[ -]){0,3}$"
)
_NEGATED_AFTER = re.compile(
    r"^(?:メートル|ページ|インチ|ミリ|人|年|個|番|歳|回|度|円|分|日)?[」』\"']?(?:\s*(?:では(?:な|あ)|じゃな|でな|とは(?:異|違)|以外)|\W+(?:is not|isn't|was not|wasn't|is wrong|není|nebyl))"
)
_OR_BEFORE = re.compile(r"\b(?:either|or|nebo|buď)\W+(?:the |in |a )?$|(?:または|あるいは|もしくは|か、?)$")
_OR_AFTER = re.compile(
    r"^\W*(?:or|nebo)\b(?! (?:so|about|more|less|as|simply|just|also|in))|^(?:または|あるいは|もしくは|か、?(?=[^\s。?？らなもしど]))"
)
_LATIN = re.compile(r"[^\W_]+")
_KANJI = re.compile(r"[\u3400-\u9fff]")
_KANJI_NAME = re.compile(r"[\u3400-\u9fff々]{1,6}")
_KATAKANA = re.compile(r"[\u30a1-\u30ffー]+")
_KATAKANA_SIGN = re.compile(r"[\u30a1-\u30faー]")
_LISTED = re.compile(r"[,;、，]| and | a |と")
_NO_WORD = re.compile(r"\W")
_ARTICLES = re.compile(r"^(?:the|a|an)\s+")
_LOOSE = Fraction(1, 200)
"""A number given in rounded form ("about 5.2 million") may differ by this share from one of four digits or more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """One reference answer, sorted: a date, a number or words."""

    text: str
    date: Date | None
    number: Fraction | None


@remembered
def wanted(answer: str) -> Wanted:
    """A reference answer with what kind of thing it is. A bare year is a date and a number."""
    text = " ".join(answer.split())
    date = date_of(text)
    number = number_of(text) if date is None or date.month is None else None
    return Wanted(text=text, date=date, number=number)


def states(text: str, answers: Sequence[str], question: str = "", rivals: Sequence[str] = ()) -> str:
    """The part of a reply that states one of the answers, or "".

    Args:
        text: Plain text of the reply, without sentences that say that the speaker does not know.
        answers: Reference answer with its aliases, any of which will do.
        question: The user's turn; its own numbers are not taken for an answer.
        rivals: Wrong answers of the same kind, where they are known.
    """
    kinds = [wanted(answer) for answer in answers if answer.strip()]
    others = [wanted(rival) for rival in rivals if rival.strip() and rival not in answers]
    marked = _MARKED.findall(text)
    if marked and not matches("others", marked[-1].lower()):
        found = _stated(marked[-1], kinds, question, others)
        if found or _settles(marked[-1], kinds, question, others):
            return found
    return _stated(text, kinds, question, others)


def _stated(text: str, kinds: Sequence[Wanted], question: str, rivals: Sequence[Wanted]) -> str:
    """The sentence that states an answer on which the text settles."""
    said = sentences(text)
    mended = max((place for place, one in enumerate(said) if one.has("mends")), default=0)
    said = said[mended:]
    right = [
        (place, one) for place, one in enumerate(said) if any(_in(one.text, kind, question) for kind in kinds)
    ]
    if not right:
        whole = next((kind for kind in kinds if len(said) > 1 and _spread(text, kind)), None)
        return text[:160] if whole else ""
    wrong = [place for place, one in enumerate(said) if any(_in(one.text, kind, question) for kind in rivals)]
    place, one = right[0]
    if (
        wrong
        and wrong[0] < place
        and not (one.has("denial", "turn") or said[wrong[0]].has("others", "denial"))
    ):
        return ""
    if wrong and wrong[0] == place and not _comes_first(one, kinds, rivals):
        return ""
    if _numeric(kinds) and not _settled_number(said, kinds, question, place):
        return ""
    return one.text


def _settled_number(said: Sequence[Sentence], kinds: Sequence[Wanted], question: str, place: int) -> bool:
    """Whether a number is what the reply comes to: it stands in the first or the last sentence with a new number."""
    asked = {value for one in numbers_in(question) for value in one.values}
    fresh = [
        spot
        for spot, one in enumerate(said)
        if any(not number.values & asked for number in numbers_in(one.text))
    ]
    last = fresh and any(_in(said[fresh[-1]].text, kind, question) for kind in kinds)
    return not fresh or place == fresh[0] or bool(last)


def _settles(text: str, kinds: Sequence[Wanted], question: str, rivals: Sequence[Wanted]) -> bool:
    """Whether a marked answer is another one of the same kind."""
    if any(_in(text, kind, question) for kind in rivals):
        return True
    if any(kind.date and kind.date.month for kind in kinds):
        return bool(dates_in(text))
    return _numeric(kinds) and bool(numbers_in(text))


def _numeric(kinds: Sequence[Wanted]) -> bool:
    return bool(kinds) and kinds[0].number is not None and kinds[0].date is None


def _comes_first(one: Sentence, kinds: Sequence[Wanted], rivals: Sequence[Wanted]) -> bool:
    """In a sentence that asserts both, whether the answer stands before the rival, or the rival is what others say."""
    right, wrong = (
        min((start for kind in group for start, _ in asserted_places(one.text, kind)), default=len(one.text))
        for group in (kinds, rivals)
    )
    return right < wrong or one.has("others")


def asserted_places(text: str, kind: Wanted, question: str = "") -> list[tuple[int, int]]:
    """Where one sentence asserts the answer: start and end of each mention that is neither negated nor one of several."""
    if kind.date is not None:
        places = [(one.start, one.end) for one in dates_in(text) if one.fits(kind.date)]
    elif kind.number is not None:
        places = [
            (one.start, one.end)
            for one in numbers_in(text)
            if _same(one, kind) and _fresh(one, text, question, kind)
        ]
    else:
        loose = not WIDE.search(kind.text) and language(f"{question} {kind.text} {text}") == "cs"
        places = _places(text, kind.text, loose=loose)
    if not places and kind.number is not None and kind.date is not None:
        places = [(one.start, one.end) for one in numbers_in(text) if kind.number in one.values]
    return [(start, end) for start, end in places if _asserted(text, start, end)]


def _in(text: str, kind: Wanted, question: str) -> bool:
    return bool(asserted_places(text, kind, question))


def _asserted(text: str, start: int, end: int) -> bool:
    before, after = unaccented(text[max(0, start - 40) : start]), unaccented(text[end : end + 24])
    if _NEGATED.search(before) or _NEGATED_AFTER.search(after) or _whole_negated(text[:end], after):
        return False
    return not (_OR_BEFORE.search(before) or _OR_AFTER.search(after))


def _whole_negated(before: str, after: str) -> bool:
    """Whether what is denied is a name in kanji of which the mention is the beginning: 川端 in 「川端康成ではなく」."""
    rest = _KANJI_NAME.match(after) if _KANJI.match(before[-1:]) else None
    return rest is not None and _NEGATED_AFTER.search(after[rest.end() :]) is not None


def _same(found: Number, kind: Wanted) -> bool:
    if kind.number in found.values:
        return True
    assert kind.number is not None
    if abs(kind.number) < 1000 or kind.number.denominator > 1:
        exact = kind.number
        return kind.number.denominator > 1 and any(_rounds(value, exact) for value in found.values)
    return any(
        abs(value - kind.number) <= _LOOSE * abs(kind.number) and value % 100 == 0 for value in found.values
    )


def _rounds(value: Fraction, exact: Fraction) -> bool:
    """Whether a decimal is the exact value rounded to two significant decimals or more."""
    return any(value * 10**places == round(exact * 10**places) for places in (2, 3, 4, 6))


def _fresh(number: Number, text: str, question: str, kind: Wanted) -> bool:
    """A number of the question itself is an answer only where nothing else is said."""
    asked = {value for one in numbers_in(question) for value in one.values}
    return kind.number not in asked or len(numbers_in(text)) <= 1 or bool(number.values - asked)


def _places(text: str, answer: str, *, loose: bool = False) -> list[tuple[int, int]]:
    """Where the words of an answer stand together."""
    if WIDE.search(answer):
        return _wide_places(text, answer)
    wanted_words = tokens(_ARTICLES.sub("", answer.lower()))
    if not wanted_words:
        return []
    if len(answer) <= 2:
        return [match.span() for match in _short(answer).finditer(text)]
    said, words = _words_of(text)
    flat = [part for word in wanted_words for part in _LATIN.findall(word)]
    starts = range(len(words) - len(flat) + 1)
    found = [
        (said[at][0], said[at + len(flat) - 1][1])
        for at in starts
        if _alike(words[at], flat[0], loose=loose)
        and all(_alike(words[at + step], want, loose=loose) for step, want in enumerate(flat))
    ]
    return found or _name_places(words, said, flat, loose=loose)


@remembered
def _short(answer: str) -> re.Pattern[str]:
    return re.compile(rf"(?<![^\W\d_]){re.escape(answer)}(?![^\W\d_])")


@remembered
def _words_of(text: str) -> tuple[tuple[tuple[int, int], ...], tuple[str, ...]]:
    """The words of a text without accents: where each begins and ends, and what it is."""
    folded = unaccented(text)
    said = list(_LATIN.finditer(folded if len(folded) == len(text) else text))
    return tuple(match.span() for match in said), tuple(unaccented(match.group()) for match in said)


def _name_places(
    words: Sequence[str], said: Sequence[tuple[int, int]], flat: Sequence[str], *, loose: bool
) -> list[tuple[int, int]]:
    """A name of several words, with others between them or, in a reply of nothing else, its last part alone."""
    if len(flat) < 2:
        return []
    for place, word in enumerate(words):
        window = words[place : place + len(flat) + 3]
        if _alike(word, flat[0], loose=loose) and all(
            any(_alike(one, want, loose=loose) for one in window) for want in flat
        ):
            last = min(place + len(window), len(said)) - 1
            return [(said[place][0], said[last][1])]
    alone = [word for word in words if word not in common("titles")]
    if len(alone) == 1 and len(flat[-1]) >= 4 and _alike(alone[0], flat[-1], loose=loose):
        return [(said[0][0], said[-1][1])]
    return []


def _alike(word: str, want: str, *, loose: bool) -> bool:
    """Equal; or, in an inflected language, of one stem; or one letter apart in a long word without digits."""
    if word == want or word.removesuffix("s") == want:
        return True
    short = min(len(word), len(want))
    if short < (4 if loose else 7) or any(one.isdigit() for one in word + want):
        return False
    if loose:
        stem = max(3, len(want) - 2)
        return word[:stem] == want[:stem] and len(word) <= len(want) + 4
    return _one_apart(word, want)


def _one_apart(first: str, second: str) -> bool:
    """Whether one letter put in, left out or changed, or two neighbours swapped, makes one of the other."""
    if abs(len(first) - len(second)) > 1:
        return False
    start = next(
        (place for place, pair in enumerate(zip(first, second, strict=False)) if pair[0] != pair[1]), None
    )
    if start is None:
        return True
    one, two = first[start:], second[start:]
    return (
        one[1:] == two[1:]
        or one[1:] == two
        or one == two[1:]
        or (one[:2] == two[1::-1] and one[2:] == two[2:])
    )


def _wide_places(text: str, answer: str) -> list[tuple[int, int]]:
    """Japanese words: as they stand, middle dots and spaces aside; a single kanji only where none touches it."""
    places, joined = _squeezed(text)
    want = _squeezed(answer)[1]
    found: list[tuple[int, int]] = []
    start = joined.find(want) if want else -1
    while start >= 0:
        end = start + len(want)
        around = joined[max(0, start - 1) : start], joined[end : end + 1]
        single = len(want) == 1 and any(_KANJI.fullmatch(one) for one in around)
        inside = _KATAKANA.fullmatch(want) and any(_KATAKANA_SIGN.fullmatch(one) for one in around)
        if not single and not inside:
            found.append((places[start], places[end - 1] + 1))
        start = joined.find(want, end)
    return found


@remembered
def _squeezed(text: str) -> tuple[tuple[int, ...], str]:
    """A text without accents, middle dots and spaces, and where each of its signs stood."""
    kept = [(place, one) for place, one in enumerate(unaccented(text)) if one not in " ・=＝"]
    return tuple(place for place, _ in kept), "".join(one for _, one in kept)


def _spread(text: str, kind: Wanted) -> bool:
    """Whether an answer that is a list or a sentence stands in the reply, its words over several sentences."""
    if kind.date is not None or kind.number is not None:
        return False
    parts = [part.strip() for part in _LISTED.split(kind.text) if part.strip()]
    if len(parts) > 1 and all(_places(text, part) for part in parts):
        return True
    want = content(kind.text) - common("stop")
    return len(want) >= 4 and want <= content(text)


def nearest(text: str, right: Sequence[str], wrong: Sequence[str]) -> bool | None:
    """Whether a reply in sentences lies nearer to a right or to a wrong reference answer; None where neither is near.

    By the share of content words in common (F1), the best of each side; for user's files whose answers are sentences.
    """
    best_right = max((_overlap(text, one) for one in right), default=0.0)
    best_wrong = max((_overlap(text, one) for one in wrong), default=0.0)
    if max(best_right, best_wrong) < 0.3 or best_right == best_wrong:
        return None
    return best_right > best_wrong


def _overlap(first: str, second: str) -> float:
    one, two = set(tokens(first)), set(tokens(second))
    if WIDE.search(second):
        one, two = _pairs(first), _pairs(second)
    shared = len(one & two)
    return 2 * shared / (len(one) + len(two)) if shared else 0.0


def _pairs(text: str) -> set[str]:
    joined = _NO_WORD.sub("", text)
    return {joined[place : place + 2] for place in range(len(joined) - 1)}
