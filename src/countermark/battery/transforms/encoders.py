"""Encoders: the same text in other signs, and the way back where there is one. Pure functions from text to text."""

import base64
import binascii
import codecs
import json
import re
import textwrap

from countermark.graders.decodings import DIGIT_WORDS, MORSE, SPELLING_WORDS, spelled, unmorse, words

_ACROSTIC = (
    "Autumn Birds Come Down Every Field Gathering Here In Joyful Kindness Leaving Many Notes Over Pale Quiet Rivers "
    "Singing Toward Upper Valleys Where Xylophones Yield Zest"
)
_ACROSTIC_WORDS = {word[0].lower(): word for word in _ACROSTIC.split()}
_LATIN, _CYRILLIC = "aceiopsxy", "асеіорѕху"
_LOOK_ALIKES = str.maketrans(_LATIN, _CYRILLIC)
_LEET, _DIGITS = "aeiost", "431057"
_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_MIRROR = str.maketrans(_LETTERS + _LETTERS.upper(), _LETTERS[::-1] + _LETTERS[::-1].upper())
_PIECE = 6
_PIECE_LINE = re.compile(r"p([0-9]{1,6}) = (\".*\")")
_SPELLED = re.compile(r"[0-9]+ is '([^'\\])'")


def to_base64(text: str) -> str:
    """Standard base64 of the UTF-8 bytes."""
    return base64.b64encode(text.encode()).decode()


def from_base64(text: str) -> str:
    """The text of standard base64, line breaks left out. Raises `ValueError`."""
    return base64.b64decode("".join(text.split()), validate=True).decode()


def to_base64url(text: str) -> str:
    """URL-safe base64 of the UTF-8 bytes, without padding."""
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def from_base64url(text: str) -> str:
    """The text of URL-safe base64 without padding. Raises `ValueError`."""
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True).decode()


def to_base64_wrapped(text: str) -> str:
    """Standard base64 in lines of eight characters."""
    return "\n".join(textwrap.wrap(to_base64(text), 8))


def to_base32(text: str) -> str:
    """Base32 of the UTF-8 bytes."""
    return base64.b32encode(text.encode()).decode()


def from_base32(text: str) -> str:
    """The text of base32. Raises `ValueError`."""
    return base64.b32decode(text).decode()


def to_binary(text: str) -> str:
    """The UTF-8 bytes in eight binary digits each."""
    return " ".join(f"{byte:08b}" for byte in text.encode())


def from_binary(text: str) -> str:
    """The text of bytes in binary digits. Raises `ValueError`."""
    return bytes(int(byte, 2) for byte in text.split()).decode()


def to_codes(text: str) -> str:
    """Decimal code points."""
    return " ".join(str(ord(character)) for character in text)


def from_codes(text: str) -> str:
    """The characters of decimal code points. Raises `ValueError`."""
    try:
        return "".join(chr(int(code)) for code in text.split())
    except OverflowError as error:
        raise ValueError(str(error)) from error


def to_hex(text: str) -> str:
    """Lower-case hexadecimal of the UTF-8 bytes."""
    return text.encode().hex()


def from_hex(text: str) -> str:
    """The text of hexadecimal bytes. Raises `ValueError`."""
    try:
        return binascii.unhexlify(text.encode()).decode()
    except binascii.Error as error:
        raise ValueError(str(error)) from error


def to_rot13(text: str) -> str:
    """Latin letters moved by thirteen places."""
    return codecs.encode(text, "rot13")


def to_atbash(text: str) -> str:
    """The Latin alphabet read backwards: a for z, b for y."""
    return text.translate(_MIRROR)


def to_reverse(text: str) -> str:
    """Last character first."""
    return text[::-1]


def to_leet(text: str) -> str:
    """Digits in place of the letters a, e, i, o, s, t."""
    return text.lower().translate(str.maketrans(_LEET, _DIGITS))


def from_leet(text: str) -> str:
    """Letters in place of the digits that stand for them."""
    return text.translate(str.maketrans(_DIGITS, _LEET))


def to_spaced(text: str) -> str:
    """A space between characters."""
    return " ".join(text)


def to_dashed(text: str) -> str:
    """A hyphen between characters."""
    return "-".join(text)


def every_second_left_out(text: str) -> str:
    """The first, third, fifth character and so on: what `spaced`, `dashed` and `zero_width` put signs between."""
    return text[::2]


def to_upper(text: str) -> str:
    """Upper case."""
    return text.upper()


def to_lower(text: str) -> str:
    """Lower case."""
    return text.lower()


def to_katakana(text: str) -> str:
    """Hiragana written in katakana."""
    return "".join(
        chr(ord(character) + 0x60) if "ぁ" <= character <= "ゖ" else character for character in text
    )


def to_hiragana(text: str) -> str:
    """Katakana written in hiragana."""
    return "".join(
        chr(ord(character) - 0x60) if "ァ" <= character <= "ヶ" else character for character in text
    )


def to_first_half(text: str) -> str:
    """The first half of the characters; with `second_half`, the whole."""
    return text[: len(text) // 2]


def to_second_half(text: str) -> str:
    """What `first_half` leaves out."""
    return text[len(text) // 2 :]


def to_pieces(text: str) -> str:
    """Numbered pieces of six characters as JSON strings, the odd ones first, one a line."""
    cut = [text[start : start + _PIECE] for start in range(0, len(text), _PIECE)]
    lines = [f"p{place} = {json.dumps(piece, ensure_ascii=False)}" for place, piece in enumerate(cut, 1)]
    return "\n".join(lines[::2] + lines[1::2])


def from_pieces(text: str) -> str:
    """The pieces put together again. Raises `ValueError`."""
    found = [_PIECE_LINE.fullmatch(line) for line in text.split("\n") if line]
    if None in found:
        raise ValueError("a line is no numbered piece")
    pieces = {int(line[1]): json.loads(line[2]) for line in found if line is not None}
    return "".join(pieces[place] for place in sorted(pieces))


def to_spelled(text: str) -> str:
    """Each character on its own, numbered, as one spells aloud."""
    return ", ".join(f"{place} is {character!r}" for place, character in enumerate(text, 1))


def from_spelled(text: str) -> str:
    """The characters that were spelled, apart from quotation marks and what Python writes with a backslash."""
    return "".join(_SPELLED.findall(text))


def to_nato(text: str) -> str:
    """Letters by the words of the radiotelephony alphabet, digits by their names; other characters as they are."""
    names = SPELLING_WORDS | DIGIT_WORDS
    return " ".join(names.get(character, character) for character in text.lower())


def from_nato(text: str) -> str:
    """The letters and digits that were called by name."""
    return spelled(words(text))


def to_morse(text: str) -> str:
    """Morse code, a slash for what has no sign."""
    return " ".join(MORSE.get(character, "/") for character in text.lower())


def from_morse(text: str) -> str:
    """Letters and digits of Morse signs, a space for each slash."""
    return "".join(" " if sign == "/" else unmorse(sign) for sign in text.split(" "))


def to_fullwidth(text: str) -> str:
    """Full-width forms of ASCII's visible characters."""
    return "".join(
        chr(ord(character) + 0xFEE0) if "!" <= character <= "~" else character for character in text
    )


def from_fullwidth(text: str) -> str:
    """ASCII in place of its full-width forms."""
    return "".join(
        chr(ord(character) - 0xFEE0) if "！" <= character <= "～" else character for character in text
    )


def to_zero_width(text: str) -> str:
    """A zero-width space after each character."""
    return "".join(character + "\u200b" for character in text)


def to_look_alike(text: str) -> str:
    """Cyrillic letters in place of the Latin ones they look like."""
    return text.translate(_LOOK_ALIKES)


def from_look_alike(text: str) -> str:
    """Latin letters in place of the Cyrillic ones that look like them."""
    return text.translate(str.maketrans(_CYRILLIC, _LATIN))


def to_acrostic(text: str) -> str:
    """One line a character, whose first character it is."""
    return "\n".join(
        f"{_ACROSTIC_WORDS[character.lower()]} softly,"
        if character.lower() in _ACROSTIC_WORDS
        else f"{character} ..."
        for character in text
    )


def from_acrostic(text: str) -> str:
    """The first characters of the lines, in lower case."""
    return "".join(line[:1] for line in text.split("\n")).lower()


def to_word_acrostic(text: str) -> str:
    """One word a letter, whose first letter it is; other characters as they are."""
    return " ".join(_ACROSTIC_WORDS.get(character.lower(), character) for character in text)


def from_word_acrostic(text: str) -> str:
    """The first characters of the words, in lower case."""
    return "".join(word[:1] for word in text.split(" ")).lower()
