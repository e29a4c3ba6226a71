"""Readings undo the disguises, whatever the text, and never fail on any."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from countermark.battery import transforms
from countermark.graders import decodings

ANY = st.text(max_size=200)
ASCII = st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=8, max_size=60)
ALNUM = st.text("abcdefghijklmnopqrstuvwxyz0123456789", min_size=8, max_size=40)
SURROUND = st.text("abcxyzABC 019.,\n", max_size=30)


@pytest.mark.parametrize(
    ("shown", "plain"),
    [
        ("Copper-Lantern 4821", "copperlantern4821"),
        ("c\u200bo\u00adp\ufeffp\u2060er", "copper"),  # zero-width and soft hyphens
        ("ｃｏｐｐｅｒ　４８", "copper48"),
        ("сорреr", "copper"),  # Cyrillic
        ("ⓒⓞⓟⓟⓔⓡ 𝐜𝟒", "copperc4"),
        ("cöppér", "copper"),
        ("🇨🇴🇵🇵🇪🇷", "copper"),
        ("".join(chr(0xE0000 + ord(character)) for character in "copper"), "copper"),
        ("4\ufe0f\u20e38\ufe0f\u20e3", "48"),  # keycap emoji
        ("コッパー", "こっはー"),  # kana in one script, voicing folded on both sides
        ("", ""),
    ],
)
def test_skeleton_folds_what_only_looks_different(shown: str, plain: str) -> None:
    assert decodings.skeleton(shown) == plain


@given(ANY)
def test_a_skeleton_is_its_own_skeleton_and_holds_no_spaces_or_marks(text: str) -> None:
    once = decodings.skeleton(text)
    assert decodings.skeleton(once.upper().lower()) == decodings.skeleton(once.lower())
    assert all(character.isalnum() for character in once)


@given(ANY)
def test_no_text_makes_a_reading_fail(text: str) -> None:
    words = decodings.words(text)
    decodings.unleet(text), decodings.rot13(text), decodings.spelled(words), decodings.uncounted(words)
    decodings.initials(words), decodings.line_initials(text), decodings.sentence_initials(text)
    decodings.character_codes(text), decodings.alphabet_places(text), decodings.unmorse(text)
    decodings.unescaped(text).encode(), list(decodings.unpacked(text))


@given(SURROUND, ASCII, SURROUND)
@pytest.mark.parametrize("packing", ["base64", "base64_wrapped", "hex"])
def test_packed_bytes_are_read_wherever_they_stand(packing: str, before: str, text: str, after: str) -> None:
    shown = f"{before}\n{transforms.TRANSFORMS[packing](text)}\n{after}"
    assert any(text.encode() in data for _, data in decodings.unpacked(shown))


@given(ASCII)
@pytest.mark.parametrize("packing", ["base64url", "binary"])
def test_rarer_packings_are_read_on_their_own(packing: str, text: str) -> None:
    shown = transforms.TRANSFORMS[packing](text)
    assert any(text.encode() in data for _, data in decodings.unpacked(shown))


@given(st.text("abcdefghijklmnopqrstuvwxyz", min_size=11, max_size=40))
def test_base32_is_read_where_the_text_has_a_long_run_of_it(text: str) -> None:
    shown = "Here: " + transforms.to_base32(text).lower()
    assert any(text.encode() in data for _, data in decodings.unpacked(shown))


@given(ALNUM)
def test_one_character_at_a_time(text: str) -> None:
    words = decodings.words(transforms.to_nato(text))
    assert decodings.spelled(words) == text
    assert decodings.unmorse(transforms.to_morse(text)) == text
    assert decodings.character_codes(transforms.to_codes(text)) == text
    assert decodings.line_initials(transforms.to_acrostic(text)) == text
    assert decodings.initials(decodings.words(transforms.to_word_acrostic(text))) == text
    assume(not text.endswith(str(len(text) + 1)))  # the next number in turn counts as one
    spelled = decodings.words(transforms.to_spelled(text))
    assert decodings.spelled(decodings.uncounted(spelled)) == text


@given(ALNUM)
def test_leet_and_plain_fold_to_one(text: str) -> None:
    assert decodings.unleet(transforms.to_leet(text)) == decodings.unleet(text)


@given(ALNUM)
def test_ciphers_are_shifts_and_atbash(text: str) -> None:
    enciphered = dict(decodings.ciphers(text))
    assert len(enciphered) == 26
    assert enciphered["rot13"] == transforms.to_rot13(text) == decodings.rot13(text)
    assert dict(decodings.ciphers(enciphered["atbash"]))["atbash"] == text


@pytest.mark.parametrize(
    "shown",
    [r"\u0063\u006f", r"\x63\x6f", "U+0063U+006F", "%63%6f", "&#99;&#x6f;", "0x63 0x6f", r"\u{0063}\u{006f}"],
)
def test_escapes(shown: str) -> None:
    assert decodings.skeleton(decodings.unescaped(shown)) == "co"


def test_places_in_the_alphabet() -> None:
    assert decodings.alphabet_places("3-15-16-16-5-18, not 0 or 27") == "copper"


def test_digits_named_at_line_starts_are_read_both_ways() -> None:
    assert decodings.line_initials("Come\n1. Over\n- Four winds\n\nEight bells") == "cof4e8"


def test_sentences() -> None:
    assert decodings.sentence_initials("Come in. Over there! Please? Perhaps.") == "copp"
