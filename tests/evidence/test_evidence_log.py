"""The log: what is appended stays, wherever the writer is killed, and damage is named."""

import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from countermark.canonical import InvalidJson, encode
from countermark.errors import EvidenceError, UsageError
from countermark.evidence import EvidenceLog, SigningKey, open_note, read_blob, read_log, root_of_log
from countermark.evidence.lines import format_line, format_withheld, parse_line, split_line
from countermark.evidence.parts import commitment_of, leaves_of, parse_blob, part_salt

KEY = SigningKey.from_seed(bytes(range(32)))
ORIGIN = "0123456789abcdef" * 2
SETTINGS: dict[str, Any] = {"origin": ORIGIN, "key": KEY, "checkpoint_every": 4, "sync_every": 3}


def record(slot: int, attempt: int = 1) -> dict[str, Any]:
    return {"slot": slot, "attempt": attempt, "reason": 'said "no"\n', "labels": {"leaked": False}}


def parts(slot: int) -> list[bytes]:
    return [b'"a head"', f'"part {slot}"'.encode()]


def write(run_dir: Path, count: int, *, close: bool = True) -> EvidenceLog:
    log = EvidenceLog.create(run_dir, **SETTINGS)
    for slot in range(count):
        log.begin(slot, 1)
        assert log.append(record(slot), parts(slot)) == slot
    if close:
        log.close()
    else:
        log.release()
    return log


def resume(run_dir: Path) -> EvidenceLog:
    return EvidenceLog.resume(run_dir, **SETTINGS)


def test_lines_blobs_and_checkpoints(tmp_path: Path) -> None:
    log = EvidenceLog.create(tmp_path, **SETTINGS)
    for slot in range(6):
        log.begin(slot, 1)
        log.append(record(slot), parts(slot))
    checkpoint = log.close()
    assert (checkpoint.size, checkpoint.root_hex) == root_of_log(tmp_path) == (6, checkpoint.root_hex)
    assert not (tmp_path / "inflight.jsonl").exists()
    assert sorted(path.name for path in (tmp_path / "checkpoints").iterdir()) == [
        "00000004.note",
        "00000006.note",
    ]
    assert open_note((tmp_path / "checkpoints/00000006.note").read_bytes(), KEY.public) == checkpoint
    salts = set()
    for seq, line in enumerate(read_log(tmp_path)):
        blob = parse_blob(read_blob(tmp_path, seq))
        assert blob.salt is not None
        commitment = commitment_of(leaves_of(blob.salt, parts(seq)))
        assert line.record == record(seq) | {"seq": seq, "transcript": commitment.hex()}
        assert line.data == encode(line.record)
        salts |= {blob.salt, line.leaf_salt, part_salt(blob.salt, 0)}
    assert len(salts) == 18


@given(
    st.dictionaries(
        st.text(st.characters(exclude_categories=["Cs"])),
        st.text(st.characters(exclude_categories=["Cs"])) | st.integers(-9, 9),
    )
)
def test_a_line_is_canonical_json_of_salt_and_record(value: dict[str, Any]) -> None:
    data = encode(value)
    line = format_line(b"l" * 32, data)
    assert line == encode({"leaf_salt": (b"l" * 32).hex(), "record": value}) + b"\n"
    assert split_line(line) == (b"l" * 32, data)


LINE = format_line(b"l" * 32, b'{"a":"\\"b\\\\","c":1}')


@pytest.mark.parametrize(
    ("was", "other"),
    [
        (b":1}", b":1\n}"),
        (b":1}", b":1"),
        (b'"record":', b'"record": '),
        (b'"record":', b'"rec\\u006frd":'),
        (b'"record":', b'"withheld":'),
        (b'{"leaf_salt":', b' {"leaf_salt":'),
        (b"}}\n", b"}} "),
        (b"}}\n", b"} }\n"),
        (b"}}\n", b'},"more":1}\n'),
        (b"}}\n", b"}}\n\n"),
        (b"6c6c", b"6C6c"),
        (b"6c6c", b"6 6c"),
        (b"6c6c", b"6c"),
        (b"6c6c", b"6c6c6c"),
        (b'{"leaf_salt":"', b'{"leaf_salt":"\\u0036'),
        (b"}\n", b"}"),
        (b'"record":', b'"record":['),
        (b'"record":', b'"record":"'),
    ],
)
def test_a_line_has_one_spelling(was: bytes, other: bytes) -> None:
    assert split_line(LINE)
    changed = LINE.replace(was, other, 1)
    assert changed != LINE
    with pytest.raises(InvalidJson):
        split_line(changed)


@pytest.mark.parametrize(
    "record",
    [
        b'{"seq":0},"record":{"seq":0}',
        b'{"seq":0},"leaf_salt":{}',
        b'{"seq":0}{"seq":0}',
        b'{"seq":0}},{"leaf_salt":"","record":{}',
        b'{"seq":0,"seq":0}',
        b'{"seq":0,"a":"\xff"}',
        b'{"seq":0,"a":"\x00"}',
        b'{"seq":0.0}',
        b'{"seq":1}',
        b"{}",
    ],
)
def test_what_is_cut_out_is_a_record_by_itself(record: bytes) -> None:
    line = format_line(b"l" * 32, record)
    assert split_line(line) == (b"l" * 32, record)
    with pytest.raises(InvalidJson):
        parse_line(line, 0)


def test_the_pages_recipe_gives_the_leaf(tmp_path: Path) -> None:
    """With bash and sha256sum, as docs/reference/evidence-format.md says."""
    page = (Path(__file__).parents[2] / "docs/reference/evidence-format.md").read_text()
    recipe = re.findall(r"In bash, the leaf of line `n`:\n\n((?:    .*\n)+)", page)
    assert len(recipe) == 1
    run = tmp_path / "evidence/run-1"
    run.mkdir(parents=True)
    write(run, 3)
    lines = list(read_log(run))
    assert len(lines) == 3
    for seq, line in enumerate(lines):
        shell = ["bash", "-c", f"n={seq + 1}\n{recipe[0]}"]
        said = subprocess.run(shell, cwd=tmp_path, capture_output=True, text=True, check=True).stdout
        assert said.split()[0] == line.leaf.hex()


@given(st.integers(0, 200), st.binary(min_size=1, max_size=3))
def test_a_line_changed_anywhere_is_another_line_or_none(place: int, put: bytes) -> None:
    place %= len(LINE)
    changed = LINE[:place] + put + LINE[place + len(put) :]
    with suppress(InvalidJson):
        assert format_line(*split_line(changed)) == changed


def test_an_empty_log_closes(tmp_path: Path) -> None:
    assert write(tmp_path, 0).size == 0
    assert resume(tmp_path).records == []


def test_create_and_resume_know_what_is_there(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no log to resume"):
        resume(tmp_path / "none")
    write(tmp_path / "run", 1)
    with pytest.raises(UsageError, match="holds a log already"):
        EvidenceLog.create(tmp_path / "run", **SETTINGS)


def test_two_writers_are_one_too_many(tmp_path: Path) -> None:
    log = EvidenceLog.create(tmp_path, **SETTINGS)
    with pytest.raises(UsageError, match="another process is writing"):
        resume(tmp_path)
    log.close()


def test_resuming_goes_on_where_it_stopped(tmp_path: Path) -> None:
    write(tmp_path, 5, close=False)
    log = resume(tmp_path)
    assert [one["slot"] for one in log.records] == [0, 1, 2, 3, 4]
    assert (log.in_flight, log.cut) == ([], 0)
    for slot in range(5, 9):
        log.begin(slot, 1)
        assert log.append(record(slot), [b"later"]) == slot
    checkpoint = log.close()
    assert root_of_log(tmp_path) == (9, checkpoint.root_hex)
    assert resume(tmp_path).size == 9


def test_what_was_in_flight_is_known(tmp_path: Path) -> None:
    log = EvidenceLog.create(tmp_path, **SETTINGS)
    for slot, attempt in ((0, 1), (1, 1), (2, 1), (1, 2)):
        log.begin(slot, attempt)
    log.append(record(1), [b"x"])
    log.release()
    log = resume(tmp_path)
    assert log.in_flight == [(0, 1), (2, 1), (1, 2)]
    log.append(record(2), [b"x"])
    log.close()
    log = resume(tmp_path)
    assert log.in_flight == [(0, 1), (1, 2)]
    log.append(record(0), [b"x"])
    log.append(record(1, 2), [b"x"])
    log.close()
    assert not (tmp_path / "inflight.jsonl").exists()


def test_cut_at_every_byte_of_the_last_lines(tmp_path: Path) -> None:
    write(tmp_path / "whole", 7, close=False)
    whole = (tmp_path / "whole/records.jsonl").read_bytes()
    lines = whole.splitlines(keepends=True)
    fifth, sixth = (sum(map(len, lines[:count])) for count in (5, 6))
    for size in [*range(fifth, sixth, 9), *range(sixth - 1, len(whole) + 1)]:
        run = tmp_path / "run"
        shutil.copytree(tmp_path / "whole", run)
        os.truncate(run / "records.jsonl", size)
        log = resume(run)
        kept = whole[:size].count(b"\n")
        assert len(log.records) == kept == log.size
        assert log.cut == size - sum(map(len, lines[:kept]))
        assert log.in_flight == [(slot, 1) for slot in range(kept, 7)]
        assert len(list((run / "blobs").iterdir())) == kept
        log.append(record(kept), [b"again"])
        log.release()
        shutil.rmtree(run)


def test_a_log_shorter_than_its_checkpoint_is_damage(tmp_path: Path) -> None:
    write(tmp_path, 5)
    lines = (tmp_path / "records.jsonl").read_bytes().splitlines(keepends=True)
    (tmp_path / "records.jsonl").write_bytes(b"".join(lines[:3]))
    with pytest.raises(EvidenceError, match=r"00000005\.note promises 5 records"):
        resume(tmp_path)


def damage(run_dir: Path, name: str, change: Any) -> None:
    path = run_dir / name
    path.write_bytes(change(path.read_bytes()))


@pytest.mark.parametrize(
    ("name", "change", "expected"),
    [
        ("records.jsonl", lambda data: data.replace(b"said", b"sang", 1), "line 4: the first 4 records are not those"),
        ("records.jsonl", lambda data: data.replace(b'"leaf_salt"', b'"leaf_malt"', 1), "line 1: "),
        ("records.jsonl", lambda data: b"\n" + data, "line 1: "),
        ("records.jsonl", lambda data: b"".join(data.splitlines(keepends=True)[::-1]), "line 1: the record does not say seq 0"),
        ("records.jsonl", lambda data: data + b"x" * 3_000_000, "ends in a line over the limit"),
        ("blobs/00000002.jsonl", lambda data: data + b"!", "line 3: "),
        ("blobs/00000001.jsonl", lambda _: b"", "line 2: "),
        ("blobs/00000001.jsonl", lambda data: data.replace(b"part 1", b"part 2"), "line 2: "),
        ("blobs/00000001.jsonl", lambda data: data + b'"more"\n', "line 2: "),
        ("records.jsonl", lambda data: format_withheld(bytes(32), "privacy") + data, "line 1: the record is withheld"),
        ("checkpoints/00000004.note", lambda data: data[:-2] + b"\n", "00000004.note: is not a checkpoint note"),
        ("checkpoints/00000004.note", lambda data: data.replace(ORIGIN.encode(), b"f" * 32), "00000004.note: "),
        ("inflight.jsonl", lambda data: b"?\n" + data, "inflight.jsonl"),
    ],
)  # fmt: skip
def test_other_damage_is_named(tmp_path: Path, name: str, change: Any, expected: str) -> None:
    write(tmp_path, 6, close=False)
    damage(tmp_path, name, change)
    with pytest.raises(EvidenceError, match=expected):
        resume(tmp_path)
    with pytest.raises(EvidenceError):  # and the files were let go
        resume(tmp_path)


@pytest.mark.parametrize("part", ["blobs", "checkpoints"])
def test_a_missing_part_is_no_traceback(tmp_path: Path, part: str) -> None:
    write(tmp_path, 2)
    shutil.rmtree(tmp_path / part)
    with pytest.raises(EvidenceError):
        resume(tmp_path)


def test_a_torn_or_foreign_line_is_named_by_the_reader(tmp_path: Path) -> None:
    write(tmp_path, 3)
    damage(tmp_path, "records.jsonl", lambda data: data[:-5])
    with pytest.raises(EvidenceError, match=r"records\.jsonl: line 3: torn or too long"):
        list(read_log(tmp_path))
    damage(tmp_path, "records.jsonl", lambda _: b'{"leaf_salt":"' + b"0" * 3_000_000)
    with pytest.raises(EvidenceError, match="line 1: torn or too long"):
        list(read_log(tmp_path))
    (tmp_path / "records.jsonl").unlink()
    with pytest.raises(EvidenceError, match="cannot be read"):
        list(read_log(tmp_path))


def test_what_cannot_be_signed_is_not_written(tmp_path: Path) -> None:
    log = EvidenceLog.create(tmp_path, **SETTINGS)
    for bad in ({"rate": 0.5}, {"deep": [{"rate": 0.5}]}, {"text": "\ud800"}):
        with pytest.raises(InvalidJson):
            log.append(bad, [])
    with pytest.raises(EvidenceError, match="over the limit"):
        log.append({"reason": "x" * 300_000}, [])
    assert log.append(record(0), []) == 0
    log.close()
    assert root_of_log(tmp_path)[0] == 1


def test_a_full_disk_leaves_the_log_as_it_was(tmp_path: Path) -> None:
    """With a limit on file size standing in for a full disk, the torn line is taken back."""
    script = f"""
import resource, signal, sys
sys.path.insert(0, {str(Path(__file__).parent)!r})
from test_evidence_log import *
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
log = EvidenceLog.create(Path({str(tmp_path / "run")!r}), **SETTINGS)
log.append(record(0), [b"x"])
resource.setrlimit(resource.RLIMIT_FSIZE, (350, 350))
for _ in range(2):
    try:
        log.append(record(1), [b"x"])
    except EvidenceError as error:
        print(error, error.hint)
log.release()
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.count("cannot be written") == 2
    assert "nothing recorded is lost" in done.stdout
    assert root_of_log(tmp_path / "run")[0] == 1


WRITER = """
import sys
from contextlib import suppress
sys.path.insert(0, sys.argv[2])
from test_evidence_log import *
run = Path(sys.argv[1])
log = resume(run) if (run / "records.jsonl").exists() else EvidenceLog.create(run, **SETTINGS)
slot = log.size
while True:
    log.begin(slot, 1)
    print("begun", slot, flush=True)
    log.append(record(slot), [b"part" * 250] * 2)
    print("done", slot, flush=True)
    slot += 1
"""


def test_killed_at_any_moment(tmp_path: Path) -> None:
    """SIGKILL at random points of a real writer, each time resumed: all that was acknowledged is there."""
    draw = random.Random(4417)
    done = 0
    for _ in range(5):
        command = [sys.executable, "-c", WRITER, str(tmp_path / "run"), str(Path(__file__).parent)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
            assert writer.stdout is not None
            said = [writer.stdout.readline() for _ in range(draw.randrange(1, 60))]
            writer.send_signal(signal.SIGKILL)
            said += writer.stdout.readlines()
        assert all(said), "the writer stopped by itself"
        whole = [line.split() for line in said if line.endswith("\n")]
        begun = {int(slot) for word, slot in whole if word == "begun"}
        done = max([done, *(int(slot) + 1 for word, slot in whole if word == "done")])
        log = resume(tmp_path / "run")
        assert log.size >= done
        assert [one["slot"] for one in log.records] == list(range(log.size))
        assert {slot for slot, _ in log.in_flight} >= {slot for slot in begun if slot >= log.size}
        assert len(log.in_flight) <= 1
        log.release()
    assert json.loads(json.dumps(log.records)) == log.records
