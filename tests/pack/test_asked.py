"""Reasoning settings as packs inside an audit say them."""

from pathlib import Path

from countermark.canonical import encode
from countermark.pack import minimal_pack, reasoning_settings
from countermark.pack.document import encode_pack


def write(folder: Path, data: bytes) -> None:
    folder.mkdir(parents=True)
    (folder / "pack.json").write_bytes(data)


def test_short_and_full_packs_say_how_their_subjects_are_asked(tmp_path: Path) -> None:
    told = {"reasoning": "high", "temperature": "0"}
    write(tmp_path / "one", encode_pack(minimal_pack("lab/one", "live", settings=told)))
    unsent = {"reasoning": "not sent: the provider's default for this model"}
    write(tmp_path / "two", encode_pack(minimal_pack("lab/two", "live", settings=unsent)))
    write(tmp_path / "three", encode_pack(minimal_pack("recording/x", "recording")))
    variants = [
        {"id": "lab/on", "settings": {"reasoning": "low"}},
        {"id": "lab/off"},
        {"id": 7},
        "no variant",
    ]
    write(tmp_path / "four", encode({"variants": variants}))
    assert reasoning_settings(tmp_path) == {
        "lab/one": "high", "lab/two": "default", "recording/x": "default", "lab/on": "low", "lab/off": "default",
    }  # fmt: skip


def test_what_is_no_pack_adds_nothing(tmp_path: Path) -> None:
    for place, data in enumerate((b"", b"[]", b"{", b'{"subject":7}', b'{"variants":{}}', b'{"a":1,"a":2}')):
        write(tmp_path / str(place), data)
    (tmp_path / "empty").mkdir()
    assert reasoning_settings(tmp_path) == {}
    assert reasoning_settings(tmp_path / "nowhere") == {}
