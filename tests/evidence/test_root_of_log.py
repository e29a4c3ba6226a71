"""The root of a log whose records are not read: what the log read record by record gives, and the same refusals of lines."""

import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from countermark.canonical import encode
from countermark.errors import EvidenceError
from countermark.evidence import lines, read_log, root_of_log
from countermark.evidence.lines import format_line, format_withheld
from countermark.evidence.merkle import Frontier

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20) | st.text('":\\{},\n', max_size=8)


def line_by_line(run_dir: Path) -> tuple[int, str]:
    frontier = Frontier()
    for line in read_log(run_dir):
        frontier.append(line.leaf)
    return frontier.size, frontier.root().hex()


def said(reader: Callable[[Path], tuple[int, str]], data: bytes) -> object:
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "records.jsonl").write_bytes(data)
        try:
            return reader(Path(folder))
        except EvidenceError as error:
            return error.message


def log_of(texts: list[str]) -> list[bytes]:
    return [
        format_line(bytes([seq % 256]) * 32, encode({"said": text, "seq": seq, "slot": seq}))
        for seq, text in enumerate(texts)
    ]


@given(st.lists(TEXTS, max_size=9))
def test_a_sound_log_in_several_batches(texts: list[str]) -> None:
    data = b"".join(log_of(texts))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lines, "_BATCH", 4)
        assert said(root_of_log, data) == said(line_by_line, data)
        assert isinstance(said(root_of_log, data), tuple)


@given(st.lists(TEXTS, min_size=2, max_size=5), st.data())
def test_any_change_of_bytes_is_judged_as_line_by_line(texts: list[str], data: st.DataObject) -> None:
    whole = b"".join(log_of(texts))
    first, last = sorted(data.draw(st.integers(0, len(whole))) for _ in range(2))
    put = data.draw(
        st.sampled_from([b"", b'"', b"\\", b"\n", b"}}\n{", b"\\u0022", b" ", b"\xff", b"a", b"0", b"}"])
    )
    changed = whole[:first] + put + whole[min(last, first + 3) :]
    assert_as_strict(changed)


BOTH = log_of(["one", "two"])
SALTS = [bytes([seq]).hex().encode() * 32 for seq in (0, 1)]


@pytest.mark.parametrize(
    "data",
    [
        BOTH[0].replace(SALTS[0], SALTS[0][:-1]) + BOTH[1].replace(SALTS[1], SALTS[1] + b"0"),
        BOTH[0].replace(SALTS[0], SALTS[0][:-2]) + BOTH[1].replace(SALTS[1], SALTS[1] + b"00"),
        BOTH[0] + BOTH[1][:-1],
        BOTH[0] + b"\n" + BOTH[1],
        BOTH[1] + BOTH[0],
        BOTH[0] + format_withheld(bytes(32), "private"),
        BOTH[0].replace(b"one", b'one"}}\n') + BOTH[1],
        BOTH[0] + BOTH[1].replace(b'{"leaf_salt"', b'{"leaf_salt":"","leaf_salt"'),
        b'{"record":{},"leaf_salt":"%b"}\n' % SALTS[0],
        b'{"leaf_salt":"%b","record":"{}"}\n' % SALTS[0],
        b'["%b"]\n' % SALTS[0],
        b'[{"leaf_salt":"a"\n,"record":"b"}]\n',
        b"",
        b"\n",
        b"\n" * 3,
    ],
)  # fmt: skip
def test_lines_that_only_make_up_for_one_another_do_not_pass(data: bytes) -> None:
    assert_as_strict(data)
    assert not isinstance(said(root_of_log, data), tuple) or not data


def assert_as_strict(data: bytes) -> None:
    """Refused where the slow reader refuses, and in its words; it may pass a record that is no JSON, never a line."""
    slow, quick = said(line_by_line, data), said(root_of_log, data)
    if slow != quick:
        assert isinstance(slow, str)
        assert "leaf_salt" not in slow
        assert "torn" not in slow


def test_a_line_without_an_end_is_not_read_to_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lines, "MAX_LINE", 1000)
    (tmp_path / "records.jsonl").write_bytes(BOTH[0] + b"a" * 5000 + b"\n")
    with pytest.raises(EvidenceError, match="line 2: torn or too long"):
        root_of_log(tmp_path)


def test_withheld_is_named() -> None:
    assert "line 2: the record is withheld" in str(
        said(root_of_log, BOTH[0] + format_withheld(bytes(32), "x"))
    )
