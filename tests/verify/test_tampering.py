"""One change anywhere in a sealed audit: `verify` names the file and exits 1."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from audit_factory import OTHER_KEY, RUN, TRUST, make_audit, render, sealed_facts
from countermark.evidence import seal
from countermark.files import walk
from countermark.verify import Verdict, verify

SEALED_FILES = 21 + 3 + 2 * 3 + 3 + 4 + 1 + 8
"""Transcripts, checkpoints, packs, plan; records, table, report, page, how-to, key, manifest, signature."""


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_audit(tmp_path_factory.mktemp("tampering") / "audit")


@pytest.fixture
def audit(original: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(original, tmp_path / "audit"))


def check(audit: Path) -> Verdict:
    return verify(audit, trust=TRUST, render=render)


def named(verdict: Verdict) -> str:
    return "\n".join(detail for stage in verdict.stages for detail in stage.details)


def positions(size: int) -> Iterator[tuple[int, int]]:
    """Places in a file and what to flip there: the ends, and a spread between them."""
    places = sorted({0, 1, size // 7, size // 3, size // 2, size - 2, size - 1})
    for number, place in enumerate(place for place in places if 0 <= place < size):
        yield place, (0x01, 0x20, 0x80, 0x10, 0x02, 0x04, 0x08)[number % 7]


def test_one_byte_changed_anywhere(audit: Path) -> None:
    names = list(walk(audit))
    assert len(names) == SEALED_FILES
    for name in names:
        whole = (audit / name).read_bytes()
        for place, flip in positions(len(whole)):
            changed = bytearray(whole)
            changed[place] ^= flip
            (audit / name).write_bytes(changed)
            verdict = check(audit)
            assert verdict.exit_code == 1, (name, place, flip, named(verdict))
            assert name in named(verdict), (name, place, flip)
            assert "not reached" in [stage.state for stage in verdict.stages]
        (audit / name).write_bytes(whole)
    assert check(audit).exit_code == 0


@pytest.mark.parametrize("name", ["signatures.intoto.jsonl", "keys/auditor.pub.pem", "MANIFEST.sha256"])
def test_every_byte_of_what_all_hangs_on(audit: Path, name: str) -> None:
    whole = (audit / name).read_bytes()
    for place in range(0, len(whole), 11 if len(whole) > 1000 else 1):
        changed = bytearray(whole)
        changed[place] ^= 1
        (audit / name).write_bytes(changed)
        verdict = check(audit)
        assert verdict.exit_code == 1, (place, named(verdict))
        blamed = [detail for stage in verdict.stages for detail in stage.details if detail.startswith(name)]
        assert blamed, (place, named(verdict))


def test_precise_blame(audit: Path) -> None:
    """A changed page blames the page and nothing else."""
    (audit / "report/index.html").write_text("all is well")
    verdict = check(audit)
    blamed = [detail for stage in verdict.stages if stage.state == "failed" for detail in stage.details]
    assert blamed == ["report/index.html: [file-changed] was changed: its SHA-256 is not the manifest's"]


CHANGES: dict[str, Callable[[Path], object]] = {
    "removed": Path.unlink,
    "emptied": lambda path: path.write_bytes(b""),
    "truncated": lambda path: path.write_bytes(path.read_bytes()[:-1]),
    "extended": lambda path: path.write_bytes(path.read_bytes() + b"\n"),
    "renamed": lambda path: path.rename(path.with_name("renamed")),
    "directory": lambda path: (path.unlink(), path.mkdir(), (path / "inside").write_text("x")),
}


@pytest.mark.parametrize("change", list(CHANGES))
def test_a_file_changed_as_a_whole(audit: Path, change: str) -> None:
    for name in list(walk(audit)):
        if name.startswith(f"{RUN}/blobs/") and not name.endswith("3.jsonl"):
            continue
        whole = (audit / name).read_bytes()
        CHANGES[change](audit / name)
        verdict = check(audit)
        assert verdict.exit_code == 1, (name, named(verdict))
        assert name in named(verdict), (name, named(verdict))
        shutil.rmtree(audit / name, ignore_errors=True)
        (audit / name).with_name("renamed").unlink(missing_ok=True)
        (audit / name).write_bytes(whole)
    assert check(audit).exit_code == 0


def test_a_file_replaced_by_a_link_to_itself(audit: Path, tmp_path: Path) -> None:
    for name in ("plan/plan.json", "MANIFEST.sha256", "signatures.intoto.jsonl", f"{RUN}/records.jsonl"):
        outside = tmp_path / "outside"
        (audit / name).rename(outside)
        (audit / name).symlink_to(outside)
        verdict = check(audit)
        assert verdict.exit_code == 1
        assert name in named(verdict)
        (audit / name).unlink()
        outside.rename(audit / name)


@pytest.mark.parametrize(
    "name", ["added.txt", f"{RUN}/blobs/00000099.jsonl", ".hidden", "pack/more/pack.json"]
)
def test_a_file_added(audit: Path, name: str) -> None:
    (audit / name).parent.mkdir(exist_ok=True)
    (audit / name).write_text("{}")
    verdict = check(audit)
    assert verdict.exit_code == 1
    assert name in named(verdict)


def test_an_empty_directory_added(audit: Path) -> None:
    (audit / "exports").mkdir()
    verdict = check(audit)
    assert verdict.exit_code == 1
    assert "exports/" in named(verdict)


def test_directories_swapped(audit: Path) -> None:
    one, other = sorted((audit / "pack").iterdir())
    one.rename(audit / "aside")
    other.rename(one)
    (audit / "aside").rename(other)
    verdict = check(audit)
    assert verdict.exit_code == 1
    assert f"pack/{one.name}/pack.json" in named(verdict)
    assert f"pack/{other.name}/pack.json" in named(verdict)


def records(audit: Path) -> list[bytes]:
    return (audit / RUN / "records.jsonl").read_bytes().splitlines(keepends=True)


@pytest.mark.parametrize(
    "change",
    [
        lambda lines: lines[:-1],
        lambda lines: [*lines, lines[-1]],
        lambda lines: [lines[1], lines[0], *lines[2:]],
        lambda lines: [*lines[:4], *lines[5:]],
    ],
    ids=["last-deleted", "duplicated", "reordered", "one-deleted"],
)
def test_records_changed_and_sealed_again(audit: Path, change: Callable[[list[bytes]], list[bytes]]) -> None:
    """The auditor's key alone does not help: the checkpoints and the log's order convict."""
    from audit_factory import reseal

    (audit / RUN / "records.jsonl").write_bytes(b"".join(change(records(audit))))
    reseal(audit)
    verdict = check(audit)
    assert verdict.exit_code == 1
    assert verdict.stages[3].state == "ok"
    assert verdict.stages[6].state == "failed"
    assert f"{RUN}/records.jsonl" in named(verdict)


def test_a_seal_by_another_key_is_a_signer_unknown(audit: Path) -> None:
    facts = sealed_facts(audit)
    seal(audit, OTHER_KEY, facts)
    verdict = check(audit)
    assert verdict.exit_code == 3
    assert verdict.stages[1].state == "failed"
    assert verdict.stages[3].state == "ok"
    assert OTHER_KEY.public.fingerprint in named(verdict)


def test_a_seal_by_another_key_beside_the_old_one_is_a_signer_unknown(audit: Path, original: Path) -> None:
    seal(audit, OTHER_KEY, sealed_facts(audit))
    for name in ("keys/auditor.pub.pem", "VERIFY.txt", "MANIFEST.sha256"):
        shutil.copy(original / name, audit / name)
    verdict = check(audit)
    assert verdict.exit_code == 3
    assert verdict.stages[4].state == "not reached"
    assert verdict.closing_lines()[0] == "CRYPTO: not established"


def test_wholly_made_by_another_key_is_a_signer_unknown(tmp_path: Path) -> None:
    from audit_factory import Bench

    verdict = check(make_audit(tmp_path / "audit", Bench(key=OTHER_KEY)))
    assert verdict.exit_code == 3
    assert verdict.stages[8].state == "ok"


def test_one_statement_in_place_of_another(audit: Path) -> None:
    """Role confusion: a valid signature by the right key over the wrong kind of claim."""
    shutil.copy(audit / "plan/signatures.intoto.jsonl", audit / "signatures.intoto.jsonl")
    verdict = check(audit)
    assert verdict.exit_code == 1
    assert "signatures.intoto.jsonl: is a statement of another kind" in named(verdict)
