"""Safe paths and atomic writes."""

import gzip
import os
from pathlib import Path

import pytest

from countermark.errors import UnsafePath
from countermark.files import inside, read_capped, read_gzip_capped, slug, walk, write_atomic


@pytest.mark.parametrize("name", ["../x", "/etc/passwd", "a/../../x", "", ".", "a//b", "a\\b", "a\0b", "./a"])
def test_paths_that_climb_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(UnsafePath):
        inside(tmp_path, name)


def test_links_are_refused(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "file").write_text("x")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    with pytest.raises(UnsafePath, match="symbolic link"):
        inside(tmp_path, "link/file")
    with pytest.raises(UnsafePath, match="symbolic link"):
        list(walk(tmp_path))
    (tmp_path / "to_file").symlink_to(tmp_path / "real" / "file")
    with pytest.raises(UnsafePath, match="symbolic link"):
        read_capped(tmp_path / "to_file")


def test_devices_and_pipes_are_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(UnsafePath, match="not a plain file"):
        read_capped(tmp_path / "pipe")
    with pytest.raises(UnsafePath):
        list(walk(tmp_path))


def test_large_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "big").write_bytes(b"x" * 101)
    with pytest.raises(UnsafePath, match="limit"):
        read_capped(tmp_path / "big", max_bytes=100)


def test_a_bomb_is_refused_before_it_fills_memory(tmp_path: Path) -> None:
    (tmp_path / "bomb.gz").write_bytes(gzip.compress(b"\0" * 200_000_000, compresslevel=1))
    with pytest.raises(UnsafePath, match="inflates"):
        read_gzip_capped(tmp_path / "bomb.gz", max_bytes=1_000_000)


def test_broken_gzip_is_refused(tmp_path: Path) -> None:
    whole = gzip.compress(b"hello" * 100)
    (tmp_path / "cut.gz").write_bytes(whole[:-9])
    with pytest.raises(UnsafePath, match="whole gzip"):
        read_gzip_capped(tmp_path / "cut.gz")


def test_write_atomic_replaces_whole(tmp_path: Path) -> None:
    target = tmp_path / "deep" / "file"
    write_atomic(target, b"one")
    write_atomic(target, b"two", mode=0o600)
    assert target.read_bytes() == b"two"
    assert list(walk(tmp_path)) == ["deep/file"]


def test_slug() -> None:
    assert slug("openai/gpt-4.1") == "openai-gpt-4.1"
    assert slug("../..") == "unnamed"
