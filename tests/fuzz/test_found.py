"""What fuzzing and reading for it have found, each as a test, so that it stays mended."""

import os
import struct
import subprocess
from contextlib import suppress
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from countermark import canonical
from countermark.battery.yaml_files import parse_yaml
from countermark.bridges.inspect_archive import vet_archive
from countermark.canonical import InvalidJson
from countermark.errors import InvalidDocument, UnsafePath
from countermark.evidence import from_json, quick
from countermark.evidence.manifest import parse_manifest
from countermark.files import inside, read_capped, walk
from countermark.issues import Issues
from countermark.records import Transcript
from countermark.strict_yaml import PythonStrictLoader, StrictLoader


@pytest.mark.parametrize(
    "text",
    [
        'a: !!int ""', "a: !!int _", 'a: !!float "-"', "a: !!bool x", "a: !!timestamp x", "!!map [a]", "a: !!set [a]",
        '!!int {=: ""}', "a: !!python/object/apply:os.getcwd []", "a: ! x", "!!omap [a: b]",
    ],
)  # fmt: skip
def test_a_tag_in_yaml_is_a_fault_and_no_crash(text: str) -> None:
    """PyYAML raised IndexError, KeyError, AttributeError or TypeError on a tag that its text did not fit."""
    parse_yaml(text, "x.yaml", issues := Issues())
    assert [issue.code for issue in issues] == ["yaml"]
    assert "tags are not read here" in str(next(iter(issues)))


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('a: "\\UFFFFFFFF"', "names no character|invalid Unicode"),  # PyYAML raised OverflowError
        ('a: "\\ud800"', "lone surrogate|invalid Unicode"),  # was taken, and could then be written nowhere
        ('"\\udc00": a', "lone surrogate|invalid Unicode"),
        ("a: *b", "aliases"),
        ("a: 1\na: 2", "stands twice"),
        ("? [a]\n: b", "is no text"),
        ("a: " + "[" * 65, "nested deeper"),
        ("a: 1\n---\nb: 2\n", "second document"),
        ("<<: {a: b}", "merge"),
    ],
)
@pytest.mark.parametrize("loader", [StrictLoader, PythonStrictLoader])
def test_other_traps_of_yaml(text: str, why: str, loader: type) -> None:
    with pytest.raises(yaml.YAMLError, match=why):
        yaml.load(text, Loader=loader)


@pytest.mark.parametrize("loader", [StrictLoader, PythonStrictLoader])
def test_plain_yaml_is_read_as_before(loader: type) -> None:
    text = "a: [1, 0x1f, .5, yes, ~, 2001-01-01, '!!int']\nb: |\n  !!int\n? c\n: \"\\u3042\\U0001F600\"\n"
    assert yaml.load(text, Loader=loader) == yaml.safe_load(text)


_PIECES = (
    "a", "b: ", "- ", "\n", "\n  ", ": ", "[", "]", "{", "}", ", ", "1", ".5", "yes", "~", "'", '"', "|\n", ">-\n", "# c", "x y",
    "\t", "あ", "：", "? ", "2001-01-01", "\\u3042", "---\n", "0x1f", "\ufeff", "\x85", "\u2028", "%", "@",
)  # fmt: skip


@given(st.lists(st.sampled_from(_PIECES), max_size=14).map("".join))
@settings(max_examples=300, deadline=None)
def test_both_parsers_read_the_same_values(text: str) -> None:
    """What both take they read alike; some spellings are taken by one alone, and neither raises anything else."""
    found = []
    for loader in (StrictLoader, PythonStrictLoader):
        with suppress(yaml.YAMLError, ValueError):
            found.append(yaml.load(text, Loader=loader))
    assert len(found) < 2 or repr(found[0]) == repr(found[1])


def test_directories_nested_past_pythons_stack_are_walked(tmp_path: Path) -> None:
    """They ended in RecursionError."""
    here = os.open(tmp_path, os.O_RDONLY)
    for _ in range(1200):
        os.mkdir("d", dir_fd=here)
        below = os.open("d", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = below
    os.close(os.open("file", os.O_CREAT | os.O_WRONLY, dir_fd=here))
    os.close(here)
    try:
        assert list(walk(tmp_path)) == ["d/" * 1200 + "file"]
    finally:
        subprocess.run(["rm", "-r", tmp_path / "d"], check=True)  # shutil's own removal recurses


def test_a_name_that_is_not_utf8_is_refused(tmp_path: Path) -> None:
    """It ended in "a fault of its own" when a recording was to name it."""
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/bad\xff.csv")).write_text("x")
    with pytest.raises(UnsafePath, match="is not UTF-8") as caught:
        list(walk(tmp_path))
    assert caught.value.faults[0].isprintable()


@pytest.mark.parametrize("name", ["a" * 300, "/".join(["a" * 200] * 30)])
def test_names_too_long_are_refused(tmp_path: Path, name: str) -> None:
    """They ended in OSError."""
    with pytest.raises(UnsafePath, match="too long"):
        inside(tmp_path, name)


@pytest.mark.parametrize("name", ["a\0b", "a\ud800"])
def test_names_no_file_can_have_are_refused(tmp_path: Path, name: str) -> None:
    """They ended in ValueError."""
    with pytest.raises(UnsafePath, match="no file can have"):
        read_capped(tmp_path / name)


def overlapping(members: int, size: int) -> bytes:
    """A zip whose members all are the same `size` bytes: an empty deflate stream and padding that is never looked at."""
    packed = b"\x03\x00".ljust(size, b"\0")
    local = struct.pack("<4s5H3I2H", b"PK\x03\x04", 20, 0, 8, 0, 0, 0, size, 0, 1, 0) + b"a" + packed
    entry = struct.pack("<4s4B4HL2L5H2L", b"PK\x01\x02", 20, 0, 20, 0, 0, 8, 0, 0, 0, size, 0, 4, *[0] * 6)
    central = b"".join(entry + b"%04d" % number for number in range(members))
    end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, members, members, len(central), len(local), 0)
    return local + central + end


def test_an_archive_whose_members_overlap_is_refused() -> None:
    """A small file kept the reader busy for hours: each of a million members was unpacked from the same bytes anew."""
    assert vet_archive(overlapping(1, 100_000), "one.eval", Issues())
    assert not vet_archive(overlapping(2, 100_000), "two.eval", issues := Issues())
    assert "overlap" in str(next(iter(issues)))


@pytest.mark.parametrize("sign", [b"", b"-"])
@pytest.mark.parametrize("digits", [4000, 4001, 4300, 4301])
def test_both_readers_draw_the_line_for_digits_at_the_same_place(digits: int, sign: bytes) -> None:
    """The fast one took whole numbers of 4,001 to 4,300 digits, which the slow one refused."""
    said = []
    for reader in (canonical.decode, quick.decode):
        try:
            said.append(reader(sign + b"7" * digits))
        except InvalidJson as error:
            said.append(str(error))
    assert said[0] == said[1]
    assert isinstance(said[0], int) == (digits <= canonical.MAX_DIGITS)


def nested(depth: int) -> list[object]:
    value: list[object] = []
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize("value", [{"\ud800": 1}, "\ud800", nested(3000), {1: 2}, object(), 2**53])
def test_what_cannot_be_written_is_named_as_such(value: object) -> None:
    """A lone surrogate in a key ended in UnicodeEncodeError, deep nesting in RecursionError."""
    with pytest.raises(InvalidJson):
        canonical.encode(value)


@pytest.mark.parametrize(
    "value", [{"scenario": "\ud800"}, {"scenario": object()}, {"scenario": nested(3000)}]
)
def test_values_that_are_no_json_are_no_transcript(value: dict[str, object]) -> None:
    """They ended in UnicodeEncodeError, TypeError and RecursionError."""
    with pytest.raises(InvalidJson, match="not a Transcript"):
        from_json(Transcript, value)


def test_a_manifest_of_rubbish_is_not_read_to_its_end() -> None:
    """Each of up to two million lines became a fault of its own, and all of them one message."""
    with pytest.raises(InvalidDocument) as caught:
        parse_manifest(b"rubbish\n" * 10_000)
    assert len(caught.value.faults) == 101
    assert "too many faults" in caught.value.faults[-1]
