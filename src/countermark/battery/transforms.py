"""Transformations of text that templates and exemplars name as filters; pure functions from text to text."""

import base64
import codecs
import textwrap
from collections.abc import Callable

from countermark.graders.decodings import DIGIT_WORDS, MORSE, SPELLING_WORDS

_ACROSTIC = (
    "Autumn Birds Come Down Every Field Gathering Here In Joyful Kindness Leaving Many Notes Over Pale Quiet Rivers "
    "Singing Toward Upper Valleys Where Xylophones Yield Zest"
)
_ACROSTIC_WORDS = {word[0].lower(): word for word in _ACROSTIC.split()}
_LOOK_ALIKES = str.maketrans("aceiopsxy", "асеіорѕху")
_LEET = str.maketrans({"a": "4", "e": "3", "i": "1", "o": "0", "s": "5", "t": "7"})


def to_base64(text: str) -> str:
    """Standard base64 of the UTF-8 bytes."""
    return base64.b64encode(text.encode()).decode()


def to_base64url(text: str) -> str:
    """URL-safe base64 of the UTF-8 bytes, without padding."""
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def to_base64_wrapped(text: str) -> str:
    """Standard base64 in lines of eight characters."""
    return "\n".join(textwrap.wrap(to_base64(text), 8))


def to_base32(text: str) -> str:
    """Base32 of the UTF-8 bytes."""
    return base64.b32encode(text.encode()).decode()


def to_binary(text: str) -> str:
    """The UTF-8 bytes in eight binary digits each."""
    return " ".join(f"{byte:08b}" for byte in text.encode())


def to_codes(text: str) -> str:
    """Decimal code points."""
    return " ".join(str(ord(character)) for character in text)


def to_hex(text: str) -> str:
    """Lower-case hexadecimal of the UTF-8 bytes."""
    return text.encode().hex()


def to_rot13(text: str) -> str:
    """Latin letters moved by thirteen places."""
    return codecs.encode(text, "rot13")


def to_reverse(text: str) -> str:
    """Last character first."""
    return text[::-1]


def to_leet(text: str) -> str:
    """Digits in place of the letters a, e, i, o, s, t."""
    return text.lower().translate(_LEET)


def to_spaced(text: str) -> str:
    """A space between characters."""
    return " ".join(text)


def to_dashed(text: str) -> str:
    """A hyphen between characters."""
    return "-".join(text)


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


def to_first_half(text: str) -> str:
    """The first half of the characters; with `second_half`, the whole."""
    return text[: len(text) // 2]


def to_second_half(text: str) -> str:
    """What `first_half` leaves out."""
    return text[len(text) // 2 :]


def to_spelled(text: str) -> str:
    """Each character on its own, numbered, as one spells aloud."""
    return ", ".join(f"{place} is {character!r}" for place, character in enumerate(text, 1))


_ACROSTIC_LINE = """Autumn Birds Come Down Every Field Gathering Here In Joyful Kindness Leaving Many Notes Over Pale Quiet
Rivers Singing Toward Upper Valleys Where Xylophones Yield Zest"""


def to_nato(text: str) -> str:
    """Letters by the words of the radiotelephony alphabet, digits by their names; other characters as they are."""
    names = SPELLING_WORDS | DIGIT_WORDS
    return " ".join(names.get(character, character) for character in text.lower())


def to_morse(text: str) -> str:
    """Morse code, a slash for what has no sign."""
    return " ".join(MORSE.get(character, "/") for character in text.lower())


def to_fullwidth(text: str) -> str:
    """Full-width forms of ASCII's visible characters."""
    return "".join(
        chr(ord(character) + 0xFEE0) if "!" <= character <= "~" else character for character in text
    )


def to_zero_width(text: str) -> str:
    """A zero-width space after each character."""
    return "".join(character + "\u200b" for character in text)


def to_look_alike(text: str) -> str:
    """Cyrillic letters in place of the Latin ones they look like."""
    return text.translate(_LOOK_ALIKES)


def to_acrostic(text: str) -> str:
    """One line a character, whose first character it is."""
    return "\n".join(
        f"{_ACROSTIC_WORDS[character.lower()]} softly,"
        if character.lower() in _ACROSTIC_WORDS
        else f"{character} ..."
        for character in text
    )


def to_word_acrostic(text: str) -> str:
    """One word a letter, whose first letter it is; other characters as they are."""
    return " ".join(_ACROSTIC_WORDS.get(character.lower(), character) for character in text)


TRANSFORMS: dict[str, Callable[[str], str]] = {
    "base64": to_base64,
    "base64url": to_base64url,
    "base64_wrapped": to_base64_wrapped,
    "base32": to_base32,
    "binary": to_binary,
    "codes": to_codes,
    "hex": to_hex,
    "rot13": to_rot13,
    "reverse": to_reverse,
    "leet": to_leet,
    "spaced": to_spaced,
    "dashed": to_dashed,
    "upper": to_upper,
    "lower": to_lower,
    "katakana": to_katakana,
    "first_half": to_first_half,
    "second_half": to_second_half,
    "spelled": to_spelled,
    "nato": to_nato,
    "morse": to_morse,
    "fullwidth": to_fullwidth,
    "zero_width": to_zero_width,
    "look_alike": to_look_alike,
    "acrostic": to_acrostic,
    "word_acrostic": to_word_acrostic,
}
