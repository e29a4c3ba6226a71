"""What a hint suggests can be pasted: a shell that splits it gets the words that were meant."""

import shlex
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from countermark.errors import to_paste

NAMES = st.text(
    st.characters(exclude_characters="\0/", exclude_categories=["Cs"]), min_size=1, max_size=30
).filter(lambda name: name not in (".", ".."))


def test_plain_words_stay_plain() -> None:
    assert to_paste("verify", Path("audits/20261123-101500")) == "countermark verify audits/20261123-101500"


def test_spaces_quotes_and_japanese_are_quoted() -> None:
    assert to_paste("verify", Path("my audits/監査")) == "countermark verify 'my audits/監査'"
    assert shlex.split(to_paste("verify", Path('it\'s "$HOME"'))) == [
        "countermark",
        "verify",
        'it\'s "$HOME"',
    ]


@given(st.lists(NAMES, min_size=1, max_size=3))
def test_a_shell_gets_the_path_that_was_meant(names: list[str]) -> None:
    path = Path(*names)
    command, verb, word = shlex.split(to_paste("resume", path))
    assert (command, verb, Path(word)) == ("countermark", "resume", path)
    assert not word.startswith("-")
