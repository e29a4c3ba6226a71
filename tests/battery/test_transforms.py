"""Transformations are pure, reversible where they claim to be, and usable as filters on any text."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from countermark.battery.template import fill
from countermark.battery.transforms import TRANSFORMS
from countermark.graders.decodings import skeleton

ANY = st.text(st.characters(exclude_categories=["Cs"]), max_size=80)


@given(ANY)
@pytest.mark.parametrize("name", sorted(TRANSFORMS))
def test_any_text_goes_through(name: str, text: str) -> None:
    assert isinstance(TRANSFORMS[name](text), str)


@pytest.mark.parametrize("name", sorted(TRANSFORMS))
def test_every_transform_is_a_filter_with_a_docstring(name: str) -> None:
    assert fill("{{ x | " + name + " }}", lambda *_: "Heron-4275") == TRANSFORMS[name]("Heron-4275")
    assert TRANSFORMS[name].__doc__


@given(ANY)
def test_packings_unpack_to_the_text(text: str) -> None:
    shown = {
        name: TRANSFORMS[name](text) for name in ("base64", "base64_wrapped", "base64url", "base32", "hex")
    }
    assert base64.b64decode(shown["base64"]).decode() == text
    assert base64.b64decode(shown["base64_wrapped"].replace("\n", "")).decode() == text
    assert (
        base64.urlsafe_b64decode(shown["base64url"] + "=" * (-len(shown["base64url"]) % 4)).decode() == text
    )
    assert base64.b32decode(shown["base32"]).decode() == text
    assert bytes.fromhex(shown["hex"]).decode() == text
    assert bytes(int(byte, 2) for byte in TRANSFORMS["binary"](text).split()).decode() == text
    assert "".join(chr(int(code)) for code in TRANSFORMS["codes"](text).split()) == text


@given(ANY)
def test_turning_twice_turns_back_and_halves_make_the_whole(text: str) -> None:
    for name in ("reverse", "rot13"):
        assert TRANSFORMS[name](TRANSFORMS[name](text)) == text
    assert TRANSFORMS["first_half"](text) + TRANSFORMS["second_half"](text) == text


@given(st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=60))
@pytest.mark.parametrize("name", ["spaced", "dashed", "upper", "fullwidth", "zero_width", "look_alike"])
def test_forms_that_only_look_different_share_a_skeleton(name: str, text: str) -> None:
    assert skeleton(TRANSFORMS[name](text)) == skeleton(text)


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("leet", "h3r0n 4"),
        ("nato", "Hotel Echo Romeo Oscar November   four"),
        ("morse", ".... . .-. --- -. / ....-"),
        ("spelled", "1 is 'H', 2 is 'e', 3 is 'r', 4 is 'o', 5 is 'n', 6 is ' ', 7 is '4'"),
        ("word_acrostic", "Here Every Rivers Over Notes   4"),
    ],
)
def test_what_people_read(name: str, shown: str) -> None:
    assert TRANSFORMS[name]("Heron 4") == shown
