"""Packs: every fault at once, and the reference subjects' own."""

import json
from pathlib import Path

import pytest

from countermark.errors import InvalidDocument
from countermark.pack import PACK_FILE, encode_pack, minimal_pack, read_pack, reference_packs


def write(folder: Path, text: str) -> Path:
    (folder / PACK_FILE).write_text(text)
    return folder


def test_round_trip(tmp_path: Path) -> None:
    pack = minimal_pack("openai/gpt-4.1", "live", settings={"api": "chat"})
    assert read_pack(write(tmp_path, encode_pack(pack).decode())) == pack


def test_reference_packs_are_four_simulations() -> None:
    packs = reference_packs()
    assert list(packs) == ["reference/guarded", "reference/helpful", "reference/reckless", "reference/gamer"]
    assert all(pack.subject.kind == "reference" and pack.planted for pack in packs.values())
    assert packs["reference/gamer"].cues


def test_every_fault_at_once(tmp_path: Path) -> None:
    broken = {
        "schema": "countermark/release-pack/v0.1",
        "subject": {"id": "no slash", "kind": "other", "version": "1", "description": "x"},
        "settings": {"temperature": 1},
        "unknown": True,
        "planted": [{"test": "a/b", "arm": "x", "shares": {"good": "0.5", "bad": "0.6"}}],
    }
    with pytest.raises(InvalidDocument) as caught:
        read_pack(write(tmp_path, json.dumps(broken)))
    text = str(caught.value)
    assert len(caught.value.faults) == 5
    for place in ("/subject/id", "/subject/kind", "/settings/temperature", "/unknown", "/planted/0"):
        assert place in text


@pytest.mark.parametrize("text", ['{"a":1,"a":2}', "NaN", "[1.5]", "{", ""])
def test_broken_json(tmp_path: Path, text: str) -> None:
    with pytest.raises(InvalidDocument, match=r"pack\.json"):
        read_pack(write(tmp_path, text))


def test_links_and_absence(tmp_path: Path) -> None:
    with pytest.raises(InvalidDocument, match="does not exist"):
        read_pack(tmp_path)
    (tmp_path / PACK_FILE).symlink_to("/etc/hostname")
    with pytest.raises(InvalidDocument, match="symbolic link"):
        read_pack(tmp_path)


def test_only_reference_subjects_plant(tmp_path: Path) -> None:
    raw = json.loads(encode_pack(minimal_pack("openai/x", "live")))
    raw["cues"] = ["test run"]
    with pytest.raises(InvalidDocument, match="only a reference subject"):
        read_pack(write(tmp_path, json.dumps(raw)))
