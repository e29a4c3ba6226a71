"""Numbers as people write them: figures of any script, words of five languages, kanji and kana; read and written.

`figured` puts every number of a text in ASCII figures, so that what follows reads one notation only. Reading covers
whole numbers below a million million, decimals and fractions; writing covers whole numbers below a million.
"""

import re
import unicodedata
from functools import lru_cache

_ONES = str.split(
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen"
)
_TENS = str.split("twenty thirty forty fifty sixty seventy eighty ninety")
_SMALL = {word: value for value, word in enumerate(_ONES)} | {
    word: 10 * place for place, word in enumerate(_TENS, 2)
}
_SCALES = {"hundred": 100, "thousand": 1000, "million": 10**6, "billion": 10**9}
_PARTS = {
    "half": 2, "halves": 2, "third": 3, "quarter": 4, "fourth": 4, "fifth": 5, "sixth": 6, "seventh": 7, "eighth": 8,
    "ninth": 9, "tenth": 10, "eleventh": 11, "twelfth": 12, "fifteenth": 15, "sixteenth": 16, "twentieth": 20,
    "thirtieth": 30, "fortieth": 40, "sixtieth": 60, "hundredth": 100,
}  # fmt: skip
_UNIT = "|".join(sorted([*_SMALL, *_SCALES], key=len, reverse=True))
_NAMED = re.compile(
    rf"(?<![a-z])(?:a[ -](?=hundred|thousand))?(?:{_UNIT})(?:(?:[ -]|,? and |, )(?:{_UNIT})(?![a-z])){{0,15}}(?![a-z])"
    r"(?: point(?: (?:zero|one|two|three|four|five|six|seven|eight|nine)(?![a-z]))+)?"
)
_PART = re.compile(
    r"(?<![\w.])(?:([0-9]+)|an?)[ -](" + "|".join(sorted(_PARTS, key=len, reverse=True)) + r")s?(?![a-z])"
)
_KANJI = {sign: value for value, sign in enumerate("〇一二三四五六七八九")} | {
    "零": 0, "壱": 1, "壹": 1, "弐": 2, "参": 3, "伍": 5,
}  # fmt: skip
_KANJI_TENS = {"十": 10, "拾": 10, "百": 100, "千": 1000}
_KANJI_SCALES = {"万": 10**4, "億": 10**8}
_KANJI_SIGNS = "".join([*_KANJI, *_KANJI_TENS, *_KANJI_SCALES])
_KANJI_NUMBER = re.compile(rf"(?<![0-9{_KANJI_SIGNS}])[0-9]*[{_KANJI_SIGNS}][0-9{_KANJI_SIGNS}]*")
_KANJI_POINT = re.compile(r"(?<![0-9])([0-9]+)[点・]([0-9]+)")
_KANJI_PART = re.compile(r"(?<![0-9])([0-9]+) ?分 ?の ?([0-9]+)")
_KANA = {
    "ろく": "六", "ろっ": "六", "なな": "七", "しち": "七", "はち": "八", "はっ": "八", "きゅう": "九", "じゅう": "十", "じゅっ": "十",
    "ひゃく": "百", "びゃく": "百", "ぴゃく": "百", "さん": "三", "よん": "四", "いち": "一", "いっ": "一", "せん": "千", "ぜん": "千",
    "まん": "万", "に": "二", "ご": "五",
}  # fmt: skip
_KANA_UNIT = "|".join(sorted(_KANA, key=len, reverse=True))
_KANA_NUMBER = re.compile(
    rf"(?:{_KANA_UNIT}){{0,12}}(?:じゅう|じゅっ|[ひびぴ]ゃく|[せぜ]ん|まん)(?:{_KANA_UNIT}){{0,12}}"
)
_GROUPED = re.compile(r"(?<![0-9.,])[0-9]{1,3}(?:[,'’\u00a0\u202f][0-9]{3})+(?![0-9])")
_VULGAR = re.compile("[¼-¾⅐-⅞]")
_RAISED = re.compile("[⁰¹²³⁴-⁹]+")
_LONGEST_NUMBER = 15


def plain(text: str) -> str:
    """Compatibility forms and case folded; digits of every script in ASCII; powers as `^2`, vulgar fractions as `3/4`."""
    if text.isascii():
        return text.lower()
    text = _VULGAR.sub(lambda sign: f" {unicodedata.normalize('NFKC', sign.group())} ", text)
    text = _RAISED.sub(lambda sign: f"^{unicodedata.normalize('NFKC', sign.group())}", text)
    text = unicodedata.normalize("NFKC", text).lower().replace("\u2044", "/")
    text = "".join(sign for sign in text if unicodedata.category(sign) != "Cf")
    return "".join(str(unicodedata.decimal(sign)) if sign.isdecimal() else sign for sign in text)


@lru_cache(maxsize=4096)
def figured(text: str) -> str:
    """The text, plain, with every number in it in ASCII figures; fractions as `3/4`. Kept, since subjects repeat."""
    text = _GROUPED.sub(lambda found: re.sub("[^0-9]", "", found.group()), plain(text))
    text = _NAMED.sub(lambda found: _from_words(found.group()), text)
    text = _PART.sub(lambda found: f"{found.group(1) or 1}/{_PARTS[found.group(2)]}", text)
    if text.isascii():
        return text
    text = _KANA_NUMBER.sub(lambda found: _from_kana(found.group()), _to_hiragana(text))
    text = _KANJI_NUMBER.sub(lambda found: _from_kanji(found.group()), text)
    text = _KANJI_POINT.sub(r"\1.\2", text)
    return _KANJI_PART.sub(r"\2/\1", text)


def _from_words(said: str) -> str:
    whole, _, decimals = said.partition(" point ")
    words = [word for word in re.split(r"[ ,-]+", whole) if word not in ("and", "a")]
    groups = _grouped(words)
    digits = "".join(str(_SMALL[word]) for word in decimals.split())
    numbers = [str(group) for group in groups]
    return " ".join(numbers) + (f".{digits}" if digits else "")


def _grouped(words: list[str]) -> list[int]:
    """Words that do not join (`four two`) are numbers of their own."""
    numbers: list[int] = []
    total, part, last = 0, 0, 10**12
    started = False
    for word in words:
        value = _SMALL.get(word, 0)
        if word in _SCALES:
            scale = _SCALES[word]
            part = max(part, 1) * scale
            if scale > 100:
                total, part = total + part, 0
            last = scale
        elif not started or (value < 10 <= last and last % 10 == 0) or (value < 100 <= last):
            part, last = part + value, value or 1
        else:
            numbers.append(total + part)
            total, part, last = 0, value, value or 1
        started = True
    return [*numbers, total + part]


def _from_kanji(said: str) -> str:
    """`四十二`, `1万2千`, `四二`; signs beyond any sensible number are left as they are."""
    if len(said) > _LONGEST_NUMBER:
        return said
    if not any(sign in _KANJI_TENS or sign in _KANJI_SCALES for sign in said):
        return "".join(str(_KANJI.get(sign, sign)) for sign in said)
    total, part, digits = 0, 0, ""
    for sign in said:
        if sign in _KANJI_TENS:
            part, digits = part + int(digits or "1") * _KANJI_TENS[sign], ""
        elif sign in _KANJI_SCALES:
            total, part, digits = total + (part + int(digits or "0") or 1) * _KANJI_SCALES[sign], 0, ""
        else:
            digits += str(_KANJI.get(sign, sign))
    return str(total + part + int(digits or "0"))


def _from_kana(said: str) -> str:
    """Only two units or more are a number: じゅう alone may begin many a word."""
    signs = re.sub(_KANA_UNIT, lambda unit: _KANA[unit.group()], said)
    return said if len(signs) < 2 or signs in ("千万", "三千万") else _from_kanji(signs)


def _to_hiragana(text: str) -> str:
    return "".join(chr(ord(sign) - 0x60) if "ァ" <= sign <= "ヶ" else sign for sign in text)


@lru_cache(maxsize=4096)
def in_words(number: int, language: str = "en") -> str:
    """A whole number from 0 to 999,999 in words: en, fr, es, de, `ja` (kanji), `kana`. Raises `ValueError`."""
    if not 0 <= number < 10**6:
        raise ValueError(f"{number} is not from 0 to 999,999")
    return _WRITERS[language](number)


def _english(number: int) -> str:
    if number < 20:
        return _ONES[number]
    if number < 100:
        return _TENS[number // 10 - 2] + (f"-{_ONES[number % 10]}" if number % 10 else "")
    if number < 1000:
        tail = f" and {_english(number % 100)}" if number % 100 else ""
        return f"{_ONES[number // 100]} hundred{tail}"
    rest = number % 1000
    tail = f" {'and ' if rest < 100 else ''}{_english(rest)}" if rest else ""
    return f"{_english(number // 1000)} thousand{tail}"


_FR = str.split(
    "zéro un deux trois quatre cinq six sept huit neuf dix onze douze treize quatorze quinze seize dix-sept dix-huit "
    "dix-neuf"
)
_FR_TENS = str.split("vingt trente quarante cinquante soixante soixante quatre-vingt quatre-vingt")
_ES = str.split(
    "cero uno dos tres cuatro cinco seis siete ocho nueve diez once doce trece catorce quince dieciséis diecisiete "
    "dieciocho diecinueve veinte veintiuno veintidós veintitrés veinticuatro veinticinco veintiséis veintisiete "
    "veintiocho veintinueve"
)
_ES_TENS = str.split("treinta cuarenta cincuenta sesenta setenta ochenta noventa")
_ES_HUNDREDS = str.split(
    "ciento doscientos trescientos cuatrocientos quinientos seiscientos setecientos ochocientos novecientos"
)
_DE = str.split(
    "null ein zwei drei vier fünf sechs sieben acht neun zehn elf zwölf dreizehn vierzehn fünfzehn sechzehn siebzehn "
    "achtzehn neunzehn"
)
_DE_TENS = str.split("zwanzig dreißig vierzig fünfzig sechzig siebzig achtzig neunzig")
_KANA_DIGITS = str.split(" いち に さん よん ご ろく なな はち きゅう", " ")
_KANA_SOUNDS = {
    "さんひゃく": "さんびゃく", "ろくひゃく": "ろっぴゃく", "はちひゃく": "はっぴゃく", "さんせん": "さんぜん", "はちせん": "はっせん",
}  # fmt: skip


def _french(number: int) -> str:
    if number < 20:
        return _FR[number]
    if number < 100:
        ten, one = divmod(number, 10)
        if ten in (7, 9):
            one += 10
        joint = "-et-" if one in (1, 11) and ten < 8 else "-"
        return _FR_TENS[ten - 2] + (f"{joint}{_FR[one]}" if one else "s" if ten == 8 else "")
    if number < 1000:
        head = f"{_FR[number // 100]} cent" if number >= 200 else "cent"
        return head + (f" {_french(number % 100)}" if number % 100 else "s" if number >= 200 else "")
    head = f"{_french(number // 1000)} mille" if number >= 2000 else "mille"
    return head + (f" {_french(number % 1000)}" if number % 1000 else "")


def _spanish(number: int) -> str:
    if number < 30:
        return _ES[number]
    if number < 100:
        return _ES_TENS[number // 10 - 3] + (f" y {_ES[number % 10]}" if number % 10 else "")
    if number < 1000:
        rest = number % 100
        return (
            "cien"
            if number == 100
            else _ES_HUNDREDS[number // 100 - 1] + (f" {_spanish(rest)}" if rest else "")
        )
    head = f"{_spanish(number // 1000)} mil" if number >= 2000 else "mil"
    return head + (f" {_spanish(number % 1000)}" if number % 1000 else "")


def _german(number: int) -> str:
    if number < 20:
        return "eins" if number == 1 else _DE[number]
    if number < 100:
        one = f"{_DE[number % 10]}und" if number % 10 else ""
        return one + _DE_TENS[number // 10 - 2]
    size, name = (1000, "tausend") if number >= 1000 else (100, "hundert")
    head = number // size
    rest = _german(number % size) if number % size else ""
    return (_DE[1] if head == 1 else _german(head)) + name + rest


def _kanji(number: int) -> str:
    return _eastern(number, "〇", " 一二三四五六七八九", ("千", "百", "十"), "万")


def _kana(number: int) -> str:
    said = _eastern(number, "ぜろ", _KANA_DIGITS, ("せん", "ひゃく", "じゅう"), "まん")
    for plainly, spoken in _KANA_SOUNDS.items():
        said = said.replace(plainly, spoken)
    return said


def _eastern(number: int, zero: str, digits: str | list[str], units: tuple[str, str, str], scale: str) -> str:
    if number >= 10**4:
        rest = number % 10**4
        head = _eastern(number // 10**4, zero, digits, units, scale)
        return head + scale + (_eastern(rest, zero, digits, units, scale) if rest else "")
    said = ""
    for size, unit in zip((1000, 100, 10), units, strict=True):
        digit = number // size % 10
        if digit:
            said += (digits[digit] if digit > 1 else "") + unit
    said += digits[number % 10] if number % 10 else ""
    return said or zero


_WRITERS = {
    "en": _english, "fr": _french, "es": _spanish, "de": _german, "ja": _kanji, "kana": _kana,
}  # fmt: skip
