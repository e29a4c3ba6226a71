"""Forms a secret takes under ciphers that need no reading of the text: each is looked for as it is in the open text.

A form costs one substring search, so there may be many. Forms shorter than the shortest secret are left out: chance
would find them. All are skeletons (letters and digits alone, lower case).
"""

import base64
import re
from collections.abc import Callable, Iterator

from countermark.graders.decodings import skeleton

_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_ROWS = ("qwertyuiop", "asdfghjkl", "zxcvbnm")
_KEYS = {
    letter: key * place
    for key, letters in zip(
        "23456789", ("abc", "def", "ghi", "jkl", "mno", "pqrs", "tuv", "wxyz"), strict=True
    )
    for place, letter in enumerate(letters, 1)
}
_SQUARE = _LETTERS.replace("j", "")
_RUN = re.compile(r"[0-9]+|[^\W_0-9]+")
_VOWELS = str.maketrans("", "", "aeiou")
_DIGITS = {
    "English": "zero one two three four five six seven eight nine",
    "German": "null eins zwei drei vier fünf sechs sieben acht neun",
    "French": "zéro un deux trois quatre cinq six sept huit neuf",
    "Spanish": "cero uno dos tres cuatro cinco seis siete ocho nueve",
    "Italian": "zero uno due tre quattro cinque sei sette otto nove",
    "Japanese": "ゼロ 一 二 三 四 五 六 七 八 九",
}
_SMALL_NAMES = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen"
)
_TEN_NAMES = "zero ten twenty thirty forty fifty sixty seventy eighty ninety"
_SMALL, _TENS = _SMALL_NAMES.split(), _TEN_NAMES.split()
_SYLLABLES = (
    "あいうえおかきくけこさしすせそたちつてとなにぬねのはひふへほまみむめもやゆよらりるれろわをん"
    "がぎぐげござじずぜぞだぢづでどばびぶべぼぱぴぷぺぽー"
)
_HEPBURN = (
    "a i u e o ka ki ku ke ko sa shi su se so ta chi tsu te to na ni nu ne no ha hi fu he ho ma mi mu me mo ya yu yo "
    "ra ri ru re ro wa o n ga gi gu ge go za ji zu ze zo da ji zu de do ba bi bu be bo pa pi pu pe po -"
)
_KANA = dict(zip(_SYLLABLES, _HEPBURN.split(), strict=True))


def forms(text: str, shortest: int) -> Iterator[tuple[str, str]]:
    """The forms of a secret, with the name of each; none shorter than `shortest`, none its own skeleton."""
    plain = skeleton(text)
    found = _rewritten(text)
    if plain.isascii():
        found = (*found, *_by_letter(plain), *_moved(plain))
    for name, form in found:
        if len(form) >= shortest and form != plain:
            yield name, form


def roman(kana: str) -> str:
    """Hiragana in Hepburn's letters, without marks of length; the particles `を` as `o`, `ん` as `n`."""
    out = ""
    for sign in kana:
        if sign in "ゃゅょ" and out.endswith("i"):
            y = "" if out.endswith(("shi", "chi", "ji")) else "y"
            out = out[:-1] + y + {"ゃ": "a", "ゅ": "u", "ょ": "o"}[sign]
        else:
            out += _KANA.get(sign, sign)
    return re.sub(r"っ(.)", r"\1\1", out)


def _by_letter(plain: str) -> tuple[tuple[str, str], ...]:
    """Each letter on its own by a table; digits stay."""
    return tuple(
        (name, skeleton("".join(sign if sign.isdigit() else turn(sign) for sign in plain)))
        for name, turn in _TABLES
    )


def _moved(plain: str) -> Iterator[tuple[str, str]]:
    """Letters moved by a growing shift, or written in rows and read down the columns."""
    for name, step in (("a growing shift", 1), ("a falling shift", -1)):
        for start in (0, 1):
            yield (
                name,
                "".join(
                    sign if sign.isdigit() else _LETTERS[(_LETTERS.index(sign) + step * (place + start)) % 26]
                    for place, sign in enumerate(plain)
                ),
            )
    for width in range(2, 9):
        yield f"every {width} letters in turn", "".join(plain[start::width] for start in range(width))
    yield "three rails", plain[::4] + plain[1::2] + plain[2::4]
    yield "letters doubled", "".join(sign * 2 for sign in plain)


def _rewritten(text: str) -> tuple[tuple[str, str], ...]:
    kana = any("ぁ" <= sign <= "ゖ" for sign in text)
    data, units = text.encode(), _RUN.findall(text.lower())
    spoken = [("digits in " + name, _spoken(units, words.split())) for name, words in _DIGITS.items()]
    return (
        *(spoken if any(unit.isdigit() for unit in units) else ()),
        ("a number in words", _counted(units, " ")),
        ("a number in words", _counted(units, " and ")),
        ("a number in words", _paired(units)),
        ("octal codes", "".join(f"{byte:03o}" for byte in skeleton(text).encode())),
        ("octal codes", "".join(f"{byte:03o}" for byte in data)),
        ("base85", skeleton(base64.b85encode(data).decode())),
        ("ascii85", skeleton(base64.a85encode(data).decode())),
        ("one great number", str(int.from_bytes(data))),
        ("one great number", str(int.from_bytes(skeleton(text).encode()))),
        ("no vowels", skeleton(text).translate(_VOWELS) if text.isascii() else ""),
        ("Pig Latin", _pig(units, "way") if text.isascii() else ""),
        ("Pig Latin", _pig(units, "ay") if text.isascii() else ""),
        ("Pig Latin", _pig(units, "yay") if text.isascii() else ""),
        ("romaji", skeleton(roman(text)) if kana else ""),
        ("romaji", skeleton(roman(text.replace("を", "wo"))) if kana else ""),
    )


def _spoken(units: list[str], names: list[str]) -> str:
    return skeleton(
        "".join(
            "".join(names[int(sign)] for sign in unit) if unit.isdecimal() and unit.isascii() else unit
            for unit in units
        )
    )


def _counted(units: list[str], joint: str) -> str:
    said = [
        _number(int(unit), joint) if unit.isascii() and unit.isdecimal() and len(unit) < 7 else unit
        for unit in units
    ]
    return skeleton("".join(said))


def _paired(units: list[str]) -> str:
    """Numbers two figures at a time: `4275` as forty-two seventy-five."""
    said = ""
    for unit in units:
        if unit.isascii() and unit.isdecimal() and len(unit) % 2 == 0:
            said += "".join(_number(int(unit[at : at + 2]), " ") for at in range(0, len(unit), 2))
        else:
            said += unit
    return skeleton(said)


def _number(number: int, joint: str) -> str:
    if number < 20:
        return _SMALL[number]
    if number < 100:
        return _TENS[number // 10] + (_SMALL[number % 10] if number % 10 else "")
    size, name = (1000, "thousand") if number >= 1000 else (100, "hundred")
    rest = number % size
    between = joint if size == 100 or rest < 100 else " "
    return _number(number // size, joint) + name + (between + _number(rest, joint) if rest else "")


def _pig(units: list[str], after_vowel: str) -> str:
    turned = []
    for unit in units:
        head = next((place for place, sign in enumerate(unit) if sign in "aeiou"), 0)
        turned.append(unit if unit.isdigit() else unit[head:] + unit[:head] + ("ay" if head else after_vowel))
    return "".join(turned)


def _key_moved(step: int) -> Callable[[str], str]:
    """The key `step` places to the right in the same row; a row's end goes on at its beginning."""
    moved = {sign: row[(place + step) % len(row)] for row in _ROWS for place, sign in enumerate(row)}
    return moved.__getitem__


def _cell(sign: str) -> str:
    place = _SQUARE.index("i" if sign == "j" else sign)
    return f"{place // 5 + 1}{place % 5 + 1}"


def _bacon(sign: str) -> str:
    return f"{_LETTERS.index(sign):05b}".translate(str.maketrans("01", "ab"))


_TABLES: tuple[tuple[str, Callable[[str], str]], ...] = (
    ("keys to the right", _key_moved(1)),
    ("keys to the left", _key_moved(-1)),
    ("a telephone's keys", _KEYS.__getitem__),
    ("a square of letters", _cell),
    ("Bacon's cipher", _bacon),
    ("octal codes", lambda sign: f"{ord(sign):03o}"),
    ("places in the alphabet", lambda sign: str(_LETTERS.index(sign) + 1)),
    ("places from the alphabet's end", lambda sign: str(26 - _LETTERS.index(sign))),
)
