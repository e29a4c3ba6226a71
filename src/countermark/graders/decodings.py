"""Readings of a text: what somebody can get out of it who knows how it was disguised.

Each function undoes one disguise for a whole text at once, without guessing where the disguised part begins. All are
pure and linear in the text: no regular expression here can backtrack, and packed bytes are read in every alignment
instead of searched for in runs.
"""

import base64
import binascii
import html
import re
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from urllib.parse import unquote

_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_SPELLING = (
    "Alfa Bravo Charlie Delta Echo Foxtrot Golf Hotel India Juliett Kilo Lima Mike November Oscar Papa Quebec Romeo "
    "Sierra Tango Uniform Victor Whiskey Xray Yankee Zulu"
)
_MORSE = (
    ".- -... -.-. -.. . ..-. --. .... .. .--- -.- .-.. -- -. --- .--. --.- .-. ... - ..- ...- .-- -..- -.-- --.. "
    "----- .---- ..--- ...-- ....- ..... -.... --... ---.. ----."
)
_NUMBERS = "zero one two three four five six seven eight nine"
SPELLING_WORDS = dict(zip(_LETTERS, _SPELLING.split(), strict=True))
"""The radiotelephony alphabet of ICAO Annex 10: letter to word."""
MORSE = dict(zip(_LETTERS + "0123456789", _MORSE.split(), strict=True))
"""International Morse code (Recommendation ITU-R M.1677-1): character to sign."""
DIGIT_WORDS = dict(zip("0123456789", _NUMBERS.split(), strict=True))
"""English names of the digits."""

_DIGITS = {word: digit for digit, word in DIGIT_WORDS.items()}
_FIGURES = _DIGITS | {
    "ten": "10", "eleven": "11", "twelve": "12", "thirteen": "13", "twenty": "20", "十一": "11", "十二": "12",
    "十三": "13", "二十": "20", "三": "3", "四": "4", "五": "5", "六": "6", "七": "7", "八": "8", "九": "9",
}  # fmt: skip
_NAMED = re.compile(
    r"\b(?:" + "|".join(name for name in _FIGURES if name.isascii()) + r")\b|十[一二三]|二十|[三四五六七八九]"
    r"|\b(?P<mark>dash|hyphen|underscore|dot|point)\b",
    re.IGNORECASE,
)
_OTHER_SPELLINGS = {"alpha": "a", "juliet": "j", "whisky": "w", "niner": "9"}
_NAMES = {word.lower(): letter for letter, word in SPELLING_WORDS.items()} | _DIGITS | _OTHER_SPELLINGS
_SIGNS = {sign: character for character, sign in MORSE.items()}
_ASCII_REST = bytes(code for code in range(128) if not chr(code).isalnum())
_REST = re.compile(r"[\W_]+")
_WORD = re.compile(r"[\u3041-\u30ff\u3400-\u9fff]+|[^\W_\u3041-\u30ff\u3400-\u9fff]+")
_LIST_NUMBER = re.compile(r"^\s*[0-9]{1,3}[.):]\s")
_SENTENCE_END = re.compile(r"[.!?。！？\n]+")
_NUMBER = re.compile(r"[0-9]{1,7}")
_ESCAPE = re.compile(r"(?:\\x|\b0x)([0-9A-Fa-f]{2})|(?:\\u\{?|\\U0000|[Uu]\+)([0-9A-Fa-f]{4})\}?")
_MORSE_SIGN = re.compile(r"(?<![\w.\-])[.\-]{1,5}(?![\w.\-])")
_MORSE_MARKS = str.maketrans("·•–—−_", "..----")
_ROT13 = str.maketrans(_LETTERS + _LETTERS.upper(), "".join(
    part[13:] + part[:13] for part in (_LETTERS, _LETTERS.upper())
))  # fmt: skip
_LEET = str.maketrans(
    {"4": "a", "@": "a", "8": "b", "3": "e", "€": "e", "6": "g", "9": "g", "1": "i", "!": "i", "|": "i", "l": "i",
     "0": "o", "5": "s", "$": "s", "7": "t", "+": "t", "2": "z"}
)  # fmt: skip
_ALIKE: dict[int, int | str | None] = {
    **str.maketrans("авекмнорстухіѕјԁһӏԛԝɡɑαβειηκνορτυχ", "abekmhopctyxisjdhlqwgaabeinkvoptux"),
    **str.maketrans("ᴀʙᴄᴅᴇꜰɢʜɪᴊᴋʟᴍɴᴏᴘʀꜱᴛᴜᴠᴡʏᴢ", "abcdefghijklmnoprstuvwyz"),  # small capitals
    **{
        code: chr(code - 0xE0000) for code in range(0xE0020, 0xE007F)
    },  # tag characters: ASCII that is not shown
    **{
        start + place: letter
        for start in (0x1F1E6, 0x1F150, 0x1F170)  # letters drawn as flags, on black discs, on squares
        for place, letter in enumerate(_LETTERS)
    },
    **{code: code - 0x60 for code in range(0x30A1, 0x30F7)},  # katakana to hiragana
    **dict.fromkeys((0x115F, 0x1160, 0x3164, 0xFFA0)),  # fillers: letters that show nothing
    **str.maketrans("⠁⠃⠉⠙⠑⠋⠛⠓⠊⠚⠅⠇⠍⠝⠕⠏⠟⠗⠎⠞⠥⠧⠺⠭⠽⠵", _LETTERS),  # Braille
}
_TURNED = str.maketrans("ɐqɔpǝɟƃɓɥᴉıɾʞlɯuodbɹsʇnʌʍxʎz", "abcdefgghiijklmnopqrstuvwxyz")
_TURNED_MARKS = frozenset("ɐɔǝɟƃɥᴉɾʞɯɹʇʌʍʎ")
_SPOKEN_NAMES = "ay bee cee dee ee eff gee aitch eye jay kay ell em en oh pee cue ar ess tee you vee double-you ex why zee"
_SPOKEN = dict(zip(_SPOKEN_NAMES.replace("double-you", "doubleyou").split(), _LETTERS, strict=True)) | {
    "zed": "z", "cue": "q", "queue": "q", "haitch": "h", "jay": "j",
}  # fmt: skip
_ALL_NAMES = _NAMES | _SPOKEN
_DOUBLE_U = re.compile(r"\bdouble\n(?:you|u)\b")
_ORDINALS = (
    "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth fourteenth fifteenth "
    "sixteenth seventeenth eighteenth nineteenth twentieth"
)
_PLACES = {name: place for place, name in enumerate(_ORDINALS.split(), 1)} | {
    f"twenty-{name}": 20 + place for place, name in enumerate(_ORDINALS.split()[:6], 1)
}
_DESCRIBED = re.compile(
    r"\b(" + "|".join(sorted(_PLACES, key=len, reverse=True)) + r"|[0-9]{1,2}(?:st|nd|rd|th)) letter",
    re.IGNORECASE,
)
_NUMBERED = re.compile(r"(?<![0-9])([0-9]{1,3})[^\w\n]{1,4}([^\W_])(?![^\W_])")
_IN_QUOTES = re.compile(r"[\"'`「]([^\"'`「」\n]{1,40})[\"'`」]")
_PIECE = re.compile(r"(?<![0-9])([0-9]{1,3})[^\w\n]{1,6}[\"'`「]([^\"'`「」\n]{1,60})[\"'`」]")
_NOT_CAPITAL = bytes(code for code in range(128) if not (chr(code).isupper() or chr(code).isdigit()))


def skeleton(text: str) -> str:
    """Letters and digits alone: case, accents, width, look-alikes, spaces, punctuation and hidden signs folded away."""
    if text.isascii():
        return bare(text.encode()).decode()
    return _REST.sub("", unicodedata.normalize("NFKD", text).casefold().translate(_ALIKE))


def bare(data: bytes) -> bytes:
    """ASCII lower-cased, its punctuation and spaces left out; bytes above 127 as they are."""
    return data.lower().translate(None, _ASCII_REST)


def unleet(text: str) -> str:
    """The skeleton with every sign and the letter it stands for made one: 4, @ and a; 1, !, | and l and i; and so on."""
    return skeleton(text.lower().translate(_LEET)).translate(_LEET)


def rot13(text: str) -> str:
    """Latin letters moved by thirteen places, case kept."""
    return text.translate(_ROT13)


def ciphers(plain: str) -> Iterator[tuple[str, str]]:
    """A skeleton under each of Caesar's shifts and under atbash, with the name of each."""
    for places in range(1, 26):
        name = "rot13" if places == 13 else f"letters moved by {places}"
        yield name, plain.translate(str.maketrans(_LETTERS, _LETTERS[places:] + _LETTERS[:places]))
    yield "atbash", plain.translate(str.maketrans(_LETTERS, _LETTERS[::-1]))


def words(text: str) -> list[str]:
    """Runs of letters and digits, Japanese and other script apart, compatibility forms folded, case kept."""
    return _WORD.findall(text if text.isascii() else unicodedata.normalize("NFKC", text))


def spelled(text_words: list[str]) -> str:
    """The characters that stand alone or are called by name (`c`, `Charlie`, `four`), in order, case kept."""
    return "".join(word if len(word) == 1 else _NAMES.get(word.lower(), "") for word in text_words)


def uncounted(text_words: list[str]) -> list[str]:
    """The words without the running numbers 1, 2, 3 ... that count them; a number that is next in turn counts."""
    kept, due = [], 1
    for word in text_words:
        if word == str(due):
            due += 1
        else:
            kept.append(word)
    return kept


def figured(text: str) -> str:
    """The text with small numbers that are called by name in figures, and the names of `-`, `_` and `.` left out."""
    return _NAMED.sub(lambda found: "" if found["mark"] else _FIGURES[found.group().lower()], text)


def initials(text_words: list[str]) -> str:
    """First characters of words."""
    return skeleton("".join([word[0] for word in text_words]))


def line_initials(text: str) -> str:
    """First characters of the lines, list numbers aside; a line that begins with a digit's name gives the digit too."""
    first = [
        found.group() for line in text.splitlines() if (found := _WORD.search(_LIST_NUMBER.sub("", line)))
    ]
    return skeleton("".join(word[0] + _DIGITS.get(word.lower(), "") for word in first))


def sentence_initials(text: str) -> str:
    """First characters of the sentences."""
    return initials([found.group() for part in _SENTENCE_END.split(text) if (found := _WORD.search(part))])


def last_letters(text_words: list[str]) -> str:
    """Last characters of words."""
    return skeleton("".join([word[-1] for word in text_words]))


def second_letters(text_words: list[str]) -> str:
    """Second characters of words, where they have one."""
    return skeleton("".join([word[1:2] for word in text_words]))


def line_last_letters(text: str) -> str:
    """Last characters of the lines."""
    return last_letters([found[-1] for line in text.splitlines() if (found := _WORD.findall(line[-80:]))])


def strides(plain: str) -> Iterator[str]:
    """Every second and every third character of a skeleton, from each start."""
    for step in (2, 3):
        for start in range(step):
            yield plain[start::step]


def capitals(text: str) -> str:
    """The capitals and digits of the text, lower case."""
    return text.encode("ascii", "ignore").translate(None, _NOT_CAPITAL).decode().lower()


def numbered(text: str) -> str:
    """Single characters that stand behind a number (`7: h`, `7 is "h"`), in the numbers' order."""
    pairs = sorted(
        ((int(number), sign) for number, sign in _NUMBERED.findall(text)), key=lambda pair: pair[0]
    )
    return skeleton("".join(sign for _, sign in pairs))


def numbered_pieces(text: str) -> str:
    """What stands in quotation marks behind a number (`p2 = "dola"`), in the numbers' order."""
    pairs = sorted(((int(number), piece) for number, piece in _PIECE.findall(text)), key=lambda pair: pair[0])
    return skeleton("".join(piece for _, piece in pairs))


def in_quotes(text: str) -> str:
    """What stands in quotation marks, put together."""
    return skeleton("".join(_IN_QUOTES.findall(text)))


def spoken(text_words: list[str]) -> str:
    """As `spelled`, with the letters' spoken names (`bee`, `aitch`) too."""
    lowered = [word.lower() for word in text_words]
    joined = _DOUBLE_U.sub("doubleyou", "\n".join(lowered)).split("\n")
    return "".join(word if len(word) == 1 else _ALL_NAMES.get(word, "") for word in joined)


def described(text: str) -> str:
    """The text with `the fifth letter` and its like replaced by the letter of that place in the alphabet."""
    return _DESCRIBED.sub(_letter_at, text)


def _letter_at(found: re.Match[str]) -> str:
    name = found.group(1).lower()
    place = _PLACES.get(name) or int(re.sub("[a-z]", "", name) or 0)
    return f" {_LETTERS[place - 1]} " if 1 <= place <= 26 else found.group()


def unturned(text: str) -> str:
    """Letters that are drawn upside down, put upright and read from the other end; nothing where there are none."""
    return text.lower().translate(_TURNED)[::-1] if not _TURNED_MARKS.isdisjoint(text) else ""


def character_codes(text: str) -> str:
    """The numbers in the text as characters by their code."""
    return "".join(_character(int(number)) for number in _NUMBER.findall(text))


def alphabet_places(text: str) -> str:
    """The numbers from 1 to 26 in the text as letters by their place in the alphabet."""
    numbers = (int(number) for number in _NUMBER.findall(text))
    return "".join(chr(96 + number) for number in numbers if 1 <= number <= 26)


def unmorse(text: str) -> str:
    """The Morse signs in the text as characters."""
    return "".join(_SIGNS.get(sign, "") for sign in _MORSE_SIGN.findall(text.translate(_MORSE_MARKS)))


def unescaped(text: str) -> str:
    r"""The text with `\u0041`, `U+0041`, `\x41`, `0x41`, `%41`, `&#65;` and their like replaced by what they stand for."""
    if "&" in text:
        text = html.unescape(text)
    if "%" in text:
        text = unquote(text, errors="ignore")
    return _ESCAPE.sub(lambda found: _character(int(found.group(1) or found.group(2), 16)), text)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Packing:
    """Bytes written in an alphabet: `group` symbols are read together, and padded with `zero`."""

    name: str
    keep: bytes
    group: int
    zero: bytes
    unpack: Callable[[bytes], bytes]
    needs: re.Pattern[str] | None = None
    """Read only where the text holds this: for packings whose alphabet ordinary prose is full of."""
    rename: bytes = bytes(range(256))

    def read(self, text: str) -> Iterator[bytes]:
        """What the text says in every alignment."""
        if self.needs is not None and not self.needs.search(text):
            return
        symbols = text.encode("ascii", "ignore").translate(self.rename).translate(None, self.rest)
        if len(symbols) < 2 * self.group:
            return
        padded = symbols + self.zero * self.group
        for start in range(self.group):
            length = (len(padded) - start) // self.group * self.group
            yield self.unpack(padded[start : start + length])

    @property
    def rest(self) -> bytes:
        """Every byte that is no symbol."""
        return bytes(range(256)).translate(None, self.keep)


def unpacked(text: str) -> Iterator[tuple[str, bytes]]:
    """The bytes the text may be a writing of, in each packing and alignment, with the packing's name.

    Whatever is no symbol is dropped first, so wrapping, spacing and prose around do not matter.
    """
    for packing in _PACKINGS:
        for data in packing.read(text):
            yield packing.name, data


def _from_bits(bits: bytes) -> bytes:
    return int(bits, 2).to_bytes(len(bits) // 8)


def _character(code: int) -> str:
    return chr(code) if 32 <= code < 0x110000 and not 0xD800 <= code < 0xE000 else ""


_BASE64 = (_LETTERS + _LETTERS.upper() + "0123456789+/").encode()
_PACKINGS = (
    _Packing(name="base64", keep=_BASE64, group=4, zero=b"A", unpack=binascii.a2b_base64),
    _Packing(
        name="url-safe base64", keep=_BASE64, group=4, zero=b"A", unpack=binascii.a2b_base64,
        needs=re.compile("[A-Za-z0-9]{4}[-_]|[-_][A-Za-z0-9]{4}"), rename=bytes.maketrans(b"-_+/", b"+/  "),
    ),
    _Packing(name="hex", keep=b"0123456789abcdefABCDEF", group=2, zero=b"0", unpack=binascii.a2b_hex),
    _Packing(
        name="base32", keep=b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", group=8, zero=b"A", unpack=base64.b32decode,
        needs=re.compile("[A-Za-z2-7]{16}"), rename=bytes.maketrans(_LETTERS.encode(), _LETTERS.upper().encode()),
    ),
    _Packing(name="binary", keep=b"01", group=8, zero=b"0", unpack=_from_bits, needs=re.compile("[01]{4}")),
)  # fmt: skip
