"""`pack init`: a pack in which only the words are missing, and never a file overwritten."""

from pathlib import Path

import pytest

from countermark.errors import InvalidDocument, UsageError
from countermark.pack import check_pack, init_pack


@pytest.mark.parametrize("variants", [(), ("deployed", "safeguards_off"), ("other", "prototype")])
def test_nothing_but_the_words_is_missing(variants: tuple[str, ...], tmp_path: Path) -> None:
    written = init_pack(tmp_path / "pack", model="openai/x", developer="Lab", variants=variants)
    found = check_pack(tmp_path / "pack").issues
    assert {issue.code for issue in found} == {"todo"}
    told = {issue.file for issue in found}
    assert told == {*written} - {"README.md"}


def test_weights(tmp_path: Path) -> None:
    written = init_pack(tmp_path / "pack", model="Org/Tiny-1", developer="Lab", kind="weights")
    assert "identity/weights.sha256" in written
    assert "identity/endpoint.json" not in written
    assert {issue.code for issue in check_pack(tmp_path / "pack").issues} == {"todo", "sums-empty"}


def test_everything_that_no_pack_can_be_made_of_is_said_at_once(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as raised:
        init_pack(tmp_path / "new", model="", developer="\n", variants=("deployed", "foo", "deployed"))
    for said in ("names no model", "names no developer", "no variant 'foo'", "variant deployed stands twice"):
        assert said in raised.value.message
    assert "safeguards_off" in raised.value.hint
    assert not (tmp_path / "new").exists()


def test_a_doubled_id_is_told_while_words_are_missing(tmp_path: Path) -> None:
    init_pack(tmp_path / "pack", model="openai/x", developer="Lab", variants=("deployed", "other"))
    cover = tmp_path / "pack" / "pack.json"
    cover.write_text(cover.read_text().replace("openai/x@other", "openai/x@deployed"))
    assert {issue.code for issue in check_pack(tmp_path / "pack").issues} == {"todo", "twice"}


def test_never_overwrites(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("keep")
    with pytest.raises(InvalidDocument, match="not-empty"):
        init_pack(tmp_path, model="openai/x", developer="Lab")
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]
    with pytest.raises(UsageError, match="names no model"):
        init_pack(tmp_path / "new", model="gpt", developer="Lab")


def test_each_salt_is_fresh(tmp_path: Path) -> None:
    for name in ("one", "two"):
        init_pack(tmp_path / name, model="openai/x", developer="Lab")
    assert (tmp_path / "one/card.json").read_text() != (tmp_path / "two/card.json").read_text()
