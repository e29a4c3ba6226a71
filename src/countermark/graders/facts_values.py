"""Numbers and dates in any usual notation: figures, words, kanji; English, Japanese and Czech month names.

A notation that can be read in two ways ("1.234", "3/4/1987") keeps both readings.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

from countermark.graders.facts_text import unaccented
from countermark.graders.remembered import remembered

_MAX_DIGITS = 30
_NO_LETTER = re.compile(r"[\W\d_]")
_SPACES = re.compile(r"[ \u00a0\u202f]")
_BETWEEN_WORDS = re.compile("[ -]+")
_SMALL = {
    word: value
    for value, word in enumerate(
        [
            "zero",
            "one",
            "two",
            "three",
            "four",
            "five",
            "six",
            "seven",
            "eight",
            "nine",
            "ten",
            "eleven",
            "twelve",
            "thirteen",
            "fourteen",
            "fifteen",
            "sixteen",
            "seventeen",
            "eighteen",
            "nineteen",
        ]
    )
}
_TENS = {
    word: 10 * value
    for value, word in enumerate(
        ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"], 2
    )
}
_ORDINALS = {
    word: value
    for value, word in enumerate(
        [
            "first",
            "second",
            "third",
            "fourth",
            "fifth",
            "sixth",
            "seventh",
            "eighth",
            "ninth",
            "tenth",
            "eleventh",
            "twelfth",
            "thirteenth",
            "fourteenth",
            "fifteenth",
            "sixteenth",
            "seventeenth",
            "eighteenth",
            "nineteenth",
            "twentieth",
        ],
        1,
    )
}
_SCALES = {
    "hundred": 100,
    "thousand": 1000,
    "million": 10**6,
    "billion": 10**9,
    "trillion": 10**12,
    "dozen": 12,
}
_WORDS = _SMALL | _TENS | _SCALES
_WORD_RUN = re.compile(
    rf"\b(?:(?:an? )?(?:{'|'.join(_WORDS)})|(?:{'|'.join(_ORDINALS)}))(?:[ -]+(?:and[ -]+)?(?:{'|'.join([*_WORDS, *_ORDINALS])}))*\b(?:"
    rf" point(?: (?:{'|'.join(_SMALL)}))+)?"
)
_FIGURES = re.compile(
    r"(?<![a-z0-9.,])(?<!\d[ /])([-+]?)(\d{1,3}(?:[ \u00a0\u202f]\d{3})+(?:[.,]\d+)?|\d[\d.,]*\d|\d|\.\d+)(?:(?:e|\s?[x×]\s?10\^?)([-+]?\d{1,2})(?!\d))?"
    r"(?:\s?(thousand|million|billion|trillion|bn|k(?![a-z])|tisic\w*|milion\w*|miliard\w*|[万億兆千百]))?(?=[^\d]|\Z)"
)
_SCALE_WORDS = {
    "thousand": 10**3, "k": 10**3, "million": 10**6, "billion": 10**9, "bn": 10**9, "trillion": 10**12, "tisic": 10**3,
    "milion": 10**6, "miliard": 10**9, "百": 100, "千": 1000, "万": 10**4, "億": 10**8, "兆": 10**12,
}  # fmt: skip
_KANJI = {one: value for value, one in enumerate("〇一二三四五六七八九")} | {"零": 0, "両": 2}
_KANJI_RUN = re.compile(
    r"[〇零一二三四五六七八九十百千万億兆\d,]*[〇零一二三四五六七八九十百千万億兆][〇零一二三四五六七八九十百千万億兆\d,]*"
)
_FRACTION = re.compile(r"(?<![\d/])(\d{1,6})\s?/\s?(\d{1,6})(?![\d/])")
_ROMAN = re.compile(r"\b(?=[MDCLXVI]{2,}\b)M{0,3}(?:CM|CD|D?C{0,3})(?:XC|XL|L?X{0,3})(?:IX|IV|V?I{0,3})\b")
_ROMAN_SIGNS = {"I": 1, "V": 5, "X": 10, "L": 50, "C": 100, "D": 500, "M": 1000}

_MONTHS = [
    r"jan(?:uary|\.)?|led(?:n[au]|en)", r"feb(?:ruary|\.)?|unor[au]?", r"mar(?:ch|\.)?|brez(?:n[au]|en)", r"apr(?:il|\.)?|dub(?:n[au]|en)",
    r"may|kvet(?:n[au]|en)", r"june?\.?|cerv(?:n[au]|en)", r"july?\.?|cerven(?:c[ei]|ec)", r"aug(?:ust|\.)?|srp(?:n[au]|en)",
    r"sept?(?:ember|\.)?|zari", r"oct(?:ober|\.)?|rij(?:n[au]|en)", r"nov(?:ember|\.)?|listopadu?", r"dec(?:ember|\.)?|prosin(?:c[ei]|ec)",
]  # fmt: skip
_EACH_MONTH = tuple(re.compile(month) for month in _MONTHS)
_MONTH = "(" + "|".join(f"(?:{month})" for month in _MONTHS) + r")(?![a-z])"
_ERAS = {"明治": 1867, "大正": 1911, "昭和": 1925, "平成": 1988, "令和": 2018}
_DATES = (
    re.compile(rf"\b{_MONTH}\s+(?P<d>\d{{1,2}})(?:st|nd|rd|th)?\b(?:,?\s+(?:of\s+)?(?P<y>\d{{3,4}}))?"),
    re.compile(
        rf"\b(?P<d>\d{{1,2}})(?:st|nd|rd|th|\.)?(?:\s+day)?\s+(?:of\s+)?{_MONTH}(?:,?\s+(?P<y>\d{{3,4}}))?"
    ),
    re.compile(rf"\b{_MONTH},?\s+(?:of\s+)?(?P<y>\d{{4}})\b"),
    re.compile(r"(?P<y>\d{3,4})年\s?(?:(?P<m>\d{1,2})月\s?)?(?:(?P<d>\d{1,2})日)?"),
    re.compile(
        r"(?P<era>明治|大正|昭和|平成|令和)(?P<n>\d{1,2}|元)年\s?(?:(?P<m>\d{1,2})月\s?)?(?:(?P<d>\d{1,2})日)?"
    ),
    re.compile(r"(?<![\d月])(?P<m>\d{1,2})月\s?(?P<d>\d{1,2})日"),
    re.compile(r"(?<!\d)(?P<y>\d{4})[-/.](?P<m>\d{1,2})[-/.](?P<d>\d{1,2})(?!\d)"),
    re.compile(r"(?<![\d/.])(?P<a>\d{1,2})(?:[/.]\s?)(?P<b>\d{1,2})(?:[/.]\s?)(?P<y>\d{4})(?!\d)"),
    re.compile(
        r"(?<![\w.,:/$-])(?P<y>1\d{3}|20\d{2})(?![\w%]|[.,:/]\d|年|\s?(?:people|inhabitants|km|m\b|metres|meters|miles|feet))"
    ),
)


@dataclass(frozen=True, slots=True)
class Number:
    """A number as found: every value its notation may mean, and where it stands."""

    values: frozenset[Fraction]
    start: int
    end: int
    sure: bool = True
    """False where the sign also stands in words that are no numbers (一 in 一切, "one")."""


@dataclass(frozen=True, slots=True)
class Date:
    """A date as found, to the day, the month or the year; `swapped` where day and month may be the other way round."""

    year: int | None
    month: int | None
    day: int | None
    start: int
    end: int
    swapped: bool = False

    def fits(self, wanted: "Date") -> bool:
        """Whether it says everything of `wanted`, apart from a year that it leaves unsaid."""
        if wanted.year is not None and self.year != wanted.year and not (self.year is None and wanted.month):
            return False
        as_is = wanted.month in (None, self.month) and wanted.day in (None, self.day)
        turned = self.swapped and wanted.month == self.day and wanted.day == self.month
        return as_is or turned


@remembered
def dates_in(text: str) -> tuple[Date, ...]:
    """Every date of a plain text, longest notations first, none inside another."""
    folded = text.lower() if text.isascii() else _same_length(text)
    found: list[Date] = []
    for pattern in _DATES:
        for match in pattern.finditer(folded):
            date = _date(match)
            if date is not None and not any(date.start < one.end and one.start < date.end for one in found):
                found.append(date)
    return tuple(sorted(found, key=lambda date: date.start))


@remembered
def numbers_in(text: str) -> tuple[Number, ...]:
    """Every number of a plain text in figures, English words, kanji, Roman numerals or as a fraction."""
    folded = text.lower() if text.isascii() else _same_length(text)
    found = [*_fractions(folded), *_figures(folded), *_kanji(folded), *_worded(folded), *_romans(text)]
    kept: list[Number] = []
    for number in sorted(found, key=lambda one: (one.start, -one.end)):
        if not kept or number.start >= kept[-1].end:
            kept.append(number)
    return tuple(kept)


def number_of(text: str) -> Fraction | None:
    """The one number that a reference answer is, units and signs beside it left out; None where it is none."""
    found = numbers_in(text)
    if len(found) != 1 or len(found[0].values) < 1:
        return None
    rest = _NO_LETTER.sub("", text[: found[0].start] + text[found[0].end :])
    return _preferred(found[0]) if len(rest) <= 14 else None


def date_of(text: str) -> Date | None:
    """The one date that a reference answer is; None where it is none. A bare year is one."""
    found = dates_in(text)
    if len(found) != 1:
        return None
    rest = _NO_LETTER.sub("", text[: found[0].start] + text[found[0].end :])
    return found[0] if len(rest) <= 6 else None


def _same_length(text: str) -> str:
    """Lower case without accents, character by character, so that places stay the same."""
    return "".join(map(_folded_sign, text))


@lru_cache(maxsize=1 << 14)
def _folded_sign(sign: str) -> str:
    return (unaccented(sign) or " ")[:1]


def _date(match: re.Match[str]) -> Date | None:
    groups = match.groupdict()
    month = int(groups["m"]) if groups.get("m") else _month(match)
    day = int(groups["d"]) if groups.get("d") else None
    year = int(groups["y"]) if groups.get("y") else None
    swapped = False
    if groups.get("era"):
        year = _ERAS[groups["era"]] + (1 if groups["n"] == "元" else int(groups["n"]))
    if groups.get("a"):
        month, day = int(groups["a"]), int(groups["b"])
        if month > 12:
            month, day = day, month
        swapped = day <= 12
    if (month is not None and not 1 <= month <= 12) or (day is not None and not 1 <= day <= 31):
        return None
    return Date(year, month, day, match.start(), match.end(), swapped)


def _month(match: re.Match[str]) -> int | None:
    if not match.re.groups or "a" in match.re.groupindex or "m" in match.re.groupindex:
        return None
    named = set(match.re.groupindex.values())
    name = next((match.group(place) for place in range(1, match.re.groups + 1) if place not in named), None)
    if name is None:
        return None
    return next(number for number, month in enumerate(_EACH_MONTH, 1) if month.fullmatch(name))


def _figures(folded: str) -> Iterator[Number]:
    for match in _FIGURES.finditer(folded):
        sign, digits, power, scale = match.groups()
        trimmed = digits.rstrip(".,")
        if sum(one.isdigit() for one in digits) > _MAX_DIGITS:
            continue
        factor = Fraction(10) ** int(power) if power else Fraction(1)
        if scale:
            factor *= next(value for word, value in _SCALE_WORDS.items() if scale.startswith(word))
        values = {(-value if sign == "-" else value) * factor for value in _readings(trimmed)}
        if values:
            end = match.end() if scale or power else match.start() + len(sign) + len(trimmed)
            yield Number(frozenset(values), match.start(), end)


def _readings(digits: str) -> set[Fraction]:
    """What figures may mean: commas, points and spaces as thousands' marks or as the decimal sign."""
    joined = _SPACES.sub("", digits)
    found = set()
    for decimal, grouping in ((".", ","), (",", ".")):
        whole, _, rest = joined.partition(decimal)
        if grouping in rest or decimal in rest:
            continue
        groups = whole.split(grouping)
        if (
            len(groups) == 1
            or all(len(group) == 3 for group in groups[1:])
            or all(len(group) in (2, 3) for group in groups[1:])
        ):
            found.add(Fraction(f"{''.join(groups) or '0'}.{rest or '0'}"))
    return found


def _fractions(folded: str) -> Iterator[Number]:
    for match in _FRACTION.finditer(folded):
        if int(match.group(2)):
            yield Number(
                frozenset({Fraction(int(match.group(1)), int(match.group(2)))}), match.start(), match.end()
            )


def _kanji(folded: str) -> Iterator[Number]:
    for match in _KANJI_RUN.finditer(folded):
        value = _kanji_value(match.group().replace(",", ""))
        if value is not None:
            several = len(match.group()) > 1
            yield Number(frozenset({Fraction(value)}), match.start(), match.end(), several)


def _kanji_value(run: str) -> int | None:
    if len(run) > _MAX_DIGITS:
        return None
    if all(one in _KANJI for one in run):
        return int("".join(str(_KANJI[one]) for one in run))
    total = section = digit = 0
    for one in run:
        if one.isdigit():
            digit = digit * 10 + int(one)
        elif one in _KANJI:
            digit = digit * 10 + _KANJI[one]
        elif one in "十百千":
            section += (digit or 1) * {"十": 10, "百": 100, "千": 1000}[one]
            digit = 0
        else:
            total += (section + digit or 1) * _SCALE_WORDS[one]
            section = digit = 0
    return total + section + digit


def _worded(folded: str) -> Iterator[Number]:
    for match in _WORD_RUN.finditer(folded):
        words = _BETWEEN_WORDS.split(match.group())
        value = _word_value([word for word in words if word not in ("and", "a", "an")])
        if value is not None:
            alone = len(words) == 1 and words[0] in ("one", "first", "second", "third")
            yield Number(frozenset({value}), match.start(), match.end(), not alone)


def _word_value(words: Sequence[str]) -> Fraction | None:
    if "point" in words:
        place = words.index("point")
        whole = _word_value(words[:place])
        digits = "".join(str(_SMALL[word]) for word in words[place + 1 :])
        return None if whole is None else whole + Fraction(int(digits), 10 ** len(digits))
    total = section = 0
    if 2 <= len(words) <= 3 and words[0] in _SMALL | _TENS and words[1] in _TENS:
        century, rest = _SMALL.get(words[0]) or _TENS[words[0]], _word_value(words[1:])
        if 10 <= century <= 20 and rest is not None and rest < 100:
            return century * 100 + rest  # nineteen sixty-nine
    for word in words:
        if word in _SCALES:
            if _SCALES[word] == 100 or word == "dozen":
                section = (section or 1) * _SCALES[word]
            else:
                total, section = total + (section or 1) * _SCALES[word], 0
        else:
            section += _SMALL.get(word) or _TENS.get(word) or _ORDINALS.get(word) or 0
    return Fraction(total + section)


def _romans(text: str) -> Iterator[Number]:
    for match in _ROMAN.finditer(text):
        signs = [_ROMAN_SIGNS[one] for one in match.group()]
        pairs = zip(signs, [*signs[1:], 0], strict=False)
        value = sum(-one if one < after else one for one, after in pairs)
        yield Number(frozenset({Fraction(value)}), match.start(), match.end())


def _preferred(number: Number) -> Fraction:
    """The reading an English or Japanese writer means: the point is the decimal sign, and groups have three digits."""
    return max(number.values) if len(number.values) > 1 else next(iter(number.values))
