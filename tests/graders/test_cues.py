"""What a text must hold before a pattern can match: never more than it truly must, and little enough to be of use."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from countermark.graders import phrases
from countermark.graders.cues import keys_of, text_needs, word_needs
from countermark.graders.phrases import Pattern, patterns
from countermark.graders.reply import Reply, language_known, plain

KINDS = [kind for kind in phrases._sources() if not kind.endswith("question") and kind != "plain_no"]
PATTERNS = [pattern for kind in KINDS for pattern in patterns(kind)]


def needs(pattern: str) -> list[list[str]]:
    return [sorted(need) for need in word_needs(pattern, len)]


@pytest.mark.parametrize(
    ("pattern", "needed"),
    [
        (r"\bcannot help\b", [["cann"], ["help"]]),
        (r"\b(?:can't|won't) (?:help|assist)\b", [["t"], ["assi", "help"]]),
        (r"\bsorry\b", [["sorr"]]),
        (r"\b(?:very )?sorry\b", [["sorr"]]),
        (r"honou?r", []),
        (r"\bhonou?r\b", [["hono"]]),
        (r"\bno\b", [["no"]]),
        (r"\bno", []),
        (r"\bi(?: |(?='))(?:really ){0,2}(?:will|'ll) go\b", [["go"], ["i"], ["ll", "will"]]),
        (r"^(?:please )?do it", [["do"]]),
        (r"\b(?:a|\w+) thing\b", [["thin"]]),
        (r"(?:help|aid)?", []),
        (r"[a-z]+ing", []),
        (r"\bnot(?! now) today\b", [["not"], ["toda"]]),
    ],
)
def test_the_keys_that_a_pattern_needs(pattern: str, needed: list[list[str]]) -> None:
    found = needs(pattern)
    assert sorted(found) == sorted(needed) or found == needed


def test_japanese_texts_are_needed_as_they_stand() -> None:
    assert text_needs("(?:お答え|ご回答)[^。]{0,9}できません") == ({"できません"}, {"お答え", "ご回答"})


@pytest.mark.parametrize("pattern", [r"a\1", "a(?P<x>b)", "(?:a", "a)", r"\Ba", "a{x}"])
def test_syntax_it_does_not_know_is_an_error(pattern: str) -> None:
    with pytest.raises(ValueError):
        word_needs(pattern, len)


@settings(max_examples=150)
@given(st.data(), st.sampled_from(PATTERNS))
def test_whatever_a_phrase_matches_holds_what_it_needs(data: st.DataObject, pattern: Pattern) -> None:
    """The law on which the grader's speed rests: no match is ever lost."""
    said = data.draw(st.from_regex(pattern.regex))
    around = data.draw(st.sampled_from(["", " ", "so ", " then", "…", "'", "é", "。", "_"]))
    for text in (said, said + around, around + said):
        if pattern.regex.search(text):
            assert pattern.may_match(text, keys_of(text))


def test_most_phrases_need_something_and_japanese_ones_need_japanese() -> None:
    assert all(pattern.needs for pattern in PATTERNS)
    wide = [one for one in PATTERNS if phrases._WIDE.search(one.regex.pattern)]
    assert len(wide) > 40
    assert all(one.wide for one in wide)


@given(st.sampled_from(["I can't help.", "No, Café ÉTÉ", "ok_go", "それはできません", "don't"]))
def test_keys_are_the_beginnings_of_words(text: str) -> None:
    assert all(len(key) <= 4 and key.isascii() for key in keys_of(text.lower()))
    assert keys_of("don't recommend") == {"don", "t", "reco"}


PIECES = [
    "und",
    "der",
    "nicht",
    "les",
    "Les",
    "dans",
    "para",
    "the",
    "a",
    "*",
    "_",
    "'",
    "```",
    "\n",
    ".",
    " ",
    "é",
    "は",
]


@given(st.lists(st.sampled_from(PIECES), max_size=40))
def test_what_the_keys_tell_of_a_language_its_words_would_have_told(pieces: list[str]) -> None:
    for said in (" ".join(pieces), "".join(pieces)):
        text = plain(said)
        assert language_known(text, Reply(text).keys) == language_known(text)
