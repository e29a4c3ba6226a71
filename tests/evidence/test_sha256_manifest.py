"""Manifests: what coreutils writes and reads, and every difference named."""

import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from countermark.errors import InvalidDocument
from countermark.evidence import check_manifest, manifest_of, write_manifest
from countermark.evidence.manifest import format_manifest, is_plain_name, parse_manifest

FILES = {"b.json": b"two", "a.json": b"one", "deep/er/c.txt": b"three", "B.json": b"upper"}


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    for name, data in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(data)
    return tmp_path


def test_lines_are_sorted_and_ended(directory: Path) -> None:
    data = write_manifest(directory)
    assert data == (directory / "MANIFEST.sha256").read_bytes() == manifest_of(FILES)
    assert [line[66:] for line in data.decode().splitlines()] == [
        "B.json",
        "a.json",
        "b.json",
        "deep/er/c.txt",
    ]
    assert data.endswith(b"\n")


@pytest.mark.skipif(not shutil.which("sha256sum"), reason="no sha256sum here")
def test_coreutils_agree(directory: Path) -> None:
    write_manifest(directory)
    subprocess.run(
        ["sha256sum", "--check", "--strict", "--quiet", "MANIFEST.sha256"], cwd=directory, check=True
    )


def test_every_difference_is_named(directory: Path) -> None:
    data = write_manifest(directory)
    assert len(check_manifest(directory, data)) == 0
    (directory / "a.json").write_bytes(b"won")
    (directory / "b.json").unlink()
    (directory / "new.json").write_bytes(b"")
    (directory / "signatures.intoto.jsonl").write_bytes(b"not listed")
    found = {(issue.code, issue.file) for issue in check_manifest(directory, data)}
    assert found == {("file-changed", "a.json"), ("file-missing", "b.json"), ("file-extra", "new.json")}


def test_writing_twice_changes_nothing(directory: Path) -> None:
    assert write_manifest(directory) == write_manifest(directory)


def test_exclude_is_by_name(directory: Path) -> None:
    assert b"a.json" not in write_manifest(directory, exclude=["a.json"])


@pytest.mark.parametrize(
    "name", ["with space", ".hidden", "new\nline", "back\\slash", "é", "-dash", "x" * 201]
)
def test_names_no_audit_may_hold(directory: Path, name: str) -> None:
    assert not is_plain_name(name)
    (directory / name).write_bytes(b"")
    with pytest.raises(InvalidDocument, match="is no plain name"):
        write_manifest(directory)


def test_links_and_empty_directories_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidDocument, match="no file to name"):
        write_manifest(tmp_path)
    (tmp_path / "link").symlink_to("/etc/hostname")
    with pytest.raises(InvalidDocument, match="symbolic link"):
        write_manifest(tmp_path)


LINE = "0" * 64 + "  a\n"


@pytest.mark.parametrize(
    "text",
    [
        "", "\n", LINE[:-1], LINE * 2, "\n" + LINE, LINE + "\n", LINE.replace("  ", " "), LINE.replace("  ", " *"),
        LINE.replace("0", "A"), LINE.replace("a", "../a"), LINE.replace("a", "/a"), LINE.replace("a", "a/./b"),
        LINE.replace("a", "a//b"), LINE.replace("a", "a/"), LINE.replace("a", "a\r"), LINE.replace("a", "b") + LINE,
        LINE.replace("a", "é"), "# comment\n" + LINE,
    ],
)  # fmt: skip
def test_malformed_manifests_are_refused(text: str) -> None:
    assert parse_manifest(LINE.encode()) == {"a": "0" * 64}
    with pytest.raises(InvalidDocument):
        parse_manifest(text.encode())


NAMES = st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9._@+=,~-]{0,8}(/[a-z]{1,4}){0,3}", fullmatch=True)


@given(st.dictionaries(NAMES, st.from_regex(r"[0-9a-f]{64}", fullmatch=True), min_size=1))
def test_parse_undoes_format(digests: dict[str, str]) -> None:
    assert parse_manifest(format_manifest(digests)) == digests
