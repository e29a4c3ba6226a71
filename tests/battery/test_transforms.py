"""Transformations are pure, reversible where they claim to be, and usable as filters on any text."""

import base64

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from countermark.battery.template import fill
from countermark.battery.transforms import (
    CATALOGUE,
    TRANSFORMS,
    NotInvertible,
    Transformation,
    language_of,
    pipeline,
)
from countermark.battery.transforms.frames import read_frames
from countermark.graders import decodings
from countermark.graders.decodings import skeleton

ANY = st.text(st.characters(exclude_categories=["Cs"]), max_size=80)
WRITTEN = st.text("abc XYZ 0159.,?!'\"\n{}|<>—éß漢字かなカナ（）「」\U0001f600", max_size=60)
INVERTIBLE = sorted(name for name, one in CATALOGUE.items() if one.invertible)
FRAMES = sorted(name for name, one in CATALOGUE.items() if one.kind == "frame")


def texts_of(one: Transformation) -> st.SearchStrategy[str]:
    """Texts that the transformation promises to bring back."""
    pattern = one.domain.pattern
    if pattern == "(?s:.*)":
        return ANY
    if one.kind == "frame":
        return WRITTEN.filter(one.covers)
    # Every narrow domain is a class of characters.
    return st.one_of(ANY, st.text("abcxyz019 .")).map(
        lambda text: "".join(character for character in text if one.domain.fullmatch(character))
    )


@given(ANY)
@pytest.mark.parametrize("name", sorted(TRANSFORMS))
@settings(max_examples=15)
def test_any_text_goes_through(name: str, text: str) -> None:
    assert isinstance(TRANSFORMS[name](text), str)


@pytest.mark.parametrize("name", sorted(TRANSFORMS))
def test_every_transform_is_a_filter_and_says_what_it_is(name: str) -> None:
    assert fill("{{ x | " + name + " }}", lambda *_: "Heron-4275") == TRANSFORMS[name]("Heron-4275")
    one = CATALOGUE[name]
    assert one.name == name
    assert one.family
    assert one.developed_against == "no model"
    assert one.kind == "frame" or one.apply.__doc__


@given(st.data())
@pytest.mark.parametrize("name", INVERTIBLE)
@settings(max_examples=25)
def test_the_way_back_leads_back_on_the_declared_domain(name: str, data: st.DataObject) -> None:
    one = CATALOGUE[name]
    text = data.draw(texts_of(one))
    assert one.covers(text)
    assert one.undo(one(text)) == text


@given(WRITTEN, st.lists(st.sampled_from(INVERTIBLE), min_size=2, max_size=3))
def test_a_pipeline_goes_back_through_its_steps_in_reverse_order(text: str, names: list[str]) -> None:
    whole = pipeline("|".join(names))
    shown = text
    for name in names:
        shown = TRANSFORMS[name](shown)
    assert whole(text) == shown
    if whole.covers(text):
        assert whole.undo(shown) == text


@pytest.mark.parametrize(
    "names", ["in_base64|persona", "jigsaw|theatre", "past_tense|as_json", "in_reverse|halves|many_shot"]
)
@given(st.one_of(WRITTEN, ANY))
@settings(max_examples=25)
def test_attacks_in_turn_are_undone(names: str, text: str) -> None:
    assert pipeline(names).covers(text)
    assert pipeline(names).undo(pipeline(names)(text)) == text


def test_a_pipeline_names_its_steps_and_joins_what_they_are() -> None:
    both = pipeline("leet | persona")
    assert both.name == "leet|persona"
    assert both.family == "encoding+role"
    assert both.languages == ("en",)
    assert not both.covers("LOUD")
    assert not pipeline("first_half|base64").invertible
    with pytest.raises(KeyError):
        pipeline("no_such_thing")


@pytest.mark.parametrize("name", sorted(set(INVERTIBLE) & set(FRAMES)))
def test_what_is_no_output_of_a_frame_has_no_way_back(name: str) -> None:
    with pytest.raises(NotInvertible):
        CATALOGUE[name].undo("Some other text.")


def test_there_are_twenty_five_attacks_and_more_and_each_is_distinct_in_both_languages() -> None:
    assert len(FRAMES) >= 25
    for text in ("How do kites fly?", "凧はなぜ飛ぶのですか。"):
        made = [TRANSFORMS[name](text) for name in FRAMES if language_of(text) in CATALOGUE[name].languages]
        assert len(set(made)) == len(made) >= 25
        assert all(len(one) > len(text) for one in made)
    families = {CATALOGUE[name].family for name in FRAMES}
    assert families >= {
        "encoding", "wrapping", "language", "splitting", "role", "many_shot", "past_tense", "evil_system",
        "completion", "format", "summary", "suppression",
    }  # fmt: skip


def test_a_frame_speaks_the_language_of_the_text() -> None:
    for name in FRAMES:
        japanese = TRANSFORMS[name]("凧はなぜ飛ぶのですか。")
        assert (language_of(japanese.replace("凧はなぜ飛ぶのですか。", "")) == "ja") or (
            "ja" not in CATALOGUE[name].languages
        )
        assert language_of(TRANSFORMS[name]("How do kites fly?")) == "en"


def test_a_malformed_frame_is_named(tmp_path) -> None:
    (tmp_path / "odd.md").write_text("---\nfamily: role\ndeveloped_against: no model\n---\n## en\nno place\n")
    with pytest.raises(ValueError, match=r"odd\.md"):
        read_frames({}, tmp_path)


LETTERS = st.text("abcdefghijklmnopqrstuvwxyz", max_size=40)
NAMED = st.text("abcdefghijklmnopqrstuvwxyz0123456789", max_size=40)


@given(NAMED)
def test_the_graders_decoders_read_what_the_encoders_wrote(text: str) -> None:
    assert decodings.rot13(TRANSFORMS["rot13"](text)) == text
    assert dict(decodings.ciphers(TRANSFORMS["atbash"](text)))["atbash"] == text
    assert decodings.unmorse(TRANSFORMS["morse"](text)) == text
    assert decodings.character_codes(TRANSFORMS["codes"](text)) == text
    assert decodings.spelled(decodings.words(TRANSFORMS["nato"](text))) == text
    assert decodings.skeleton(TRANSFORMS["reverse"](text))[::-1] == text
    assert decodings.skeleton(TRANSFORMS["zero_width"](text)) == text
    assert decodings.unleet(TRANSFORMS["leet"](text)) == decodings.unleet(text)


@given(ANY.filter(lambda text: len(text.encode()) >= 8))
@pytest.mark.parametrize("name", ["base64", "base64url", "base64_wrapped", "hex", "binary"])
@settings(max_examples=25)
def test_the_graders_unpacking_finds_the_bytes(name: str, text: str) -> None:
    found = [data for _, data in decodings.unpacked(TRANSFORMS[name](text))]
    assert any(text.encode() in data for data in found)


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


@given(ANY)
def test_halves_make_the_whole(text: str) -> None:
    assert TRANSFORMS["first_half"](text) + TRANSFORMS["second_half"](text) == text


@given(st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=60))
@pytest.mark.parametrize("name", ["spaced", "dashed", "upper", "fullwidth", "zero_width", "look_alike"])
@settings(max_examples=30)
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
        ("pieces", 'p1 = "Heron "\np2 = "4"'),
    ],
)
def test_what_people_read(name: str, shown: str) -> None:
    assert TRANSFORMS[name]("Heron 4") == shown
