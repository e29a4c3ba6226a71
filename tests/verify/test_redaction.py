"""Redacted copies: whatever is withheld, the rest verifies; whatever else is changed, the file is named."""

import json
import shutil
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audit_factory import KEY, REVEALED, RUN, SECRET, SUBJECTS, TRUST, Bench, make_audit, render
from countermark.canonical import decode, encode
from countermark.errors import UsageError
from countermark.evidence import Nonce, Seed, seal
from countermark.evidence.directory import REPORT
from countermark.evidence.lines import format_withheld, read_log, read_public_log
from countermark.evidence.parts import parse_blob
from countermark.evidence.withholding import LIST, ORIGINAL
from countermark.files import walk
from countermark.verify import Verdict, verify
from countermark.verify.state import State
from redaction_factory import copy_by, copy_of, decision, read_list, sign_again, wish

RECORDS = 21
BLOB = f"{RUN}/blobs/{{:08d}}.jsonl"


@pytest.fixture(scope="module")
def audit(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_audit(tmp_path_factory.mktemp("redaction") / "audit")


@pytest.fixture(scope="module")
def withheld(audit: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy with a record, a transcript and a part withheld, for three reasons."""
    return copy_of(
        audit,
        tmp_path_factory.mktemp("redaction") / "copy",
        decision(records=(4,)),
        decision(transcripts=(12, 13), reason="hazard", until="2999-01-01"),
        decision(parts={2: (2, 4), 15: (3,)}, reason="confidential"),
    )


@pytest.fixture
def copy(withheld: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(withheld, tmp_path / "copy"))


def check(directory: Path) -> Verdict:
    return verify(directory, trust=TRUST, render=render)


def said(verdict: Verdict, *numbers: int) -> str:
    stages = [stage for stage in verdict.stages if not numbers or stage.number in numbers]
    return "\n".join(detail for stage in stages for detail in stage.details)


def causes(verdict: Verdict) -> set[str]:
    return {stage.cause for stage in verdict.stages} - {""}


def test_a_copy_is_valid_and_partial(audit: Path, withheld: Path) -> None:
    verdict = check(withheld)
    assert verdict.exit_code == 4, said(verdict)
    assert causes(verdict) == {"partial"}
    assert verdict.closing_lines()[4:6] == [
        "DISCLOSED: 16/21 transcripts, 2 more in part",
        "NUMBERS: recomputed 1/2 bounded 1",
    ]
    assert "2 transcripts withheld until 2999-01-01 by the auditor: hazard" in said(verdict, 9)
    listed = read_list(withheld).files
    for name in walk(withheld):
        if not name.startswith("redaction/") and name not in ("MANIFEST.sha256", "signatures.intoto.jsonl"):
            same = (audit / name).exists() and (audit / name).read_bytes() == (withheld / name).read_bytes()
            assert same != (name in listed), name


def test_what_is_withheld_is_not_in_the_copy(audit: Path, tmp_path: Path) -> None:
    out = copy_by(audit, tmp_path / "copy", wish("records"))
    for name in walk(out):
        assert SECRET.encode() not in (out / name).read_bytes(), name
    partial = copy_by(audit, tmp_path / "partial", wish("scenario"), wish("messages"))
    for name in walk(partial):
        if name != f"{RUN}/records.jsonl":
            assert SECRET.encode() not in (partial / name).read_bytes(), name


SETS = st.fixed_dictionaries(
    {
        "records": st.sets(st.integers(0, RECORDS - 1), max_size=4),
        "transcripts": st.sets(st.integers(0, RECORDS - 1), max_size=6),
        "parts": st.dictionaries(
            st.integers(0, RECORDS - 1), st.sets(st.integers(1, 4), min_size=1), max_size=4
        ),
    }
)


@settings(max_examples=20)
@given(SETS)
def test_any_subset_withheld_verifies(
    audit: Path, tmp_path_factory: pytest.TempPathFactory, wanted: dict[str, Any]
) -> None:
    folder = tmp_path_factory.mktemp("subset")
    records = wanted["records"]
    transcripts = wanted["transcripts"] - records
    parts = {
        seq: tuple(sorted(indices))
        for seq, indices in wanted["parts"].items()
        if seq not in records | transcripts
    }
    made = copy_of(
        audit,
        folder / "copy",
        decision(records=tuple(sorted(records)), transcripts=tuple(sorted(transcripts)), parts=parts),
    )
    verdict = check(made)
    assert not causes(verdict) - {"partial"}, said(verdict)
    assert verdict.exit_code == (4 if records or transcripts or parts else 0)
    whole = RECORDS - len(records) - len(transcripts) - len(parts)
    assert verdict.closing_lines()[4].startswith(f"DISCLOSED: {whole}/21 ")
    shutil.rmtree(folder)


def test_any_further_change_by_a_republisher_names_the_file(copy: Path) -> None:
    """Without the key: one more file removed, one byte changed, one line dropped."""
    for name in list(walk(copy)):
        whole = (copy / name).read_bytes()
        changes: list[Callable[[], object]] = [
            (copy / name).unlink,
            lambda name=name, whole=whole: (copy / name).write_bytes(whole[: len(whole) // 2] + whole[len(whole) // 2 + 1 :]),
        ]  # fmt: skip
        if name.endswith(".jsonl") and whole.count(b"\n") > 1:
            rest = whole[: whole[:-1].rindex(b"\n") + 1]
            changes.append(lambda name=name, rest=rest: (copy / name).write_bytes(rest))
        for change in changes:
            change()
            verdict = check(copy)
            assert verdict.exit_code == 1, (name, said(verdict))
            assert name in said(verdict), name
            (copy / name).write_bytes(whole)
    assert check(copy).exit_code == 4


def test_withholding_from_a_whole_audit_without_the_key(audit: Path, tmp_path: Path) -> None:
    """A republisher takes a transcript out of the whole audit, or passes a copy off as one that nobody redacted."""
    less = Path(shutil.copytree(audit, tmp_path / "less"))
    (less / BLOB.format(3)).unlink()
    verdict = check(less)
    assert verdict.exit_code == 1
    assert BLOB.format(3) in said(verdict, 3)
    bare = copy_of(audit, tmp_path / "bare", decision(transcripts=(3,)))
    for name in ("MANIFEST.sha256", "signatures.intoto.jsonl"):
        shutil.copy(bare / ORIGINAL / name, bare / name)
    verdict = check(bare)
    assert verdict.exit_code == 1
    assert BLOB.format(3) in said(verdict, 3)


INSIDER: dict[str, tuple[Callable[[Path], object], str]] = {}


def insider(expected: str) -> Callable[[Callable[[Path], object]], Callable[[Path], object]]:
    def note(change: Callable[[Path], object]) -> Callable[[Path], object]:
        INSIDER[change.__name__] = (change, expected)
        return change

    return note


@insider(f"{BLOB.format(6)}: is missing, and no signed list withholds it")
def one_more_transcript(copy: Path) -> None:
    (copy / BLOB.format(6)).unlink()
    sign_again(copy)


@insider(f"{BLOB.format(12)}: the transcript is listed as withheld, and is there")
def one_transcript_less(copy: Path) -> None:
    shutil.copy(copy.parent / "whole" / BLOB.format(12), copy / BLOB.format(12))
    sign_again(copy)


@insider(f"{BLOB.format(2)}: part 3 is withheld, and not listed")
def one_more_part(copy: Path) -> None:
    from countermark.evidence.parts import Part, format_partial

    parts = list(parse_blob((copy / BLOB.format(2)).read_bytes()).parts)
    parts[3] = Part(parts[3].leaf, None, None, "confidential")
    (copy / BLOB.format(2)).write_bytes(format_partial(parts))
    sign_again(copy)


@insider(f"{BLOB.format(15)}: part 3 is listed as withheld, and is there")
def one_part_less(copy: Path) -> None:
    shutil.copy(copy.parent / "whole" / BLOB.format(15), copy / BLOB.format(15))
    sign_again(copy)


@insider(f"{RUN}/records.jsonl: record 5 is withheld, and not listed")
def one_more_record(copy: Path) -> None:
    lines = (copy / RUN / "records.jsonl").read_bytes().splitlines(keepends=True)
    leaf = list(read_public_log(copy / RUN))[5].leaf
    (copy / RUN / "records.jsonl").write_bytes(
        b"".join([*lines[:5], format_withheld(leaf, "privacy"), *lines[6:]])
    )
    (copy / BLOB.format(5)).unlink()
    _without_event(copy, 5)
    sign_again(copy)


@insider(f"{RUN}/records.jsonl: record 4 is withheld for privacy, the list says hazard")
def another_reason(copy: Path) -> None:
    sign_again(copy, lambda document: document["withheld"][0].update(reason="hazard"))


@insider("'because' is no reason known")
def an_unknown_reason(copy: Path) -> None:
    sign_again(copy, lambda document: document["withheld"][1].update(reason="because"))


@insider("a decision for legal withholds nothing")
def a_decision_for_nothing(copy: Path) -> None:
    empty = {"reason": "legal", "decided_by": "x", "until": "never", "records": [], "transcripts": [], "parts": [], "seed": False}  # fmt: skip
    sign_again(copy, lambda document: document["withheld"].append(empty))


@insider(f"{REVEALED}: is withheld, and not listed")
def the_seed_taken_away(copy: Path) -> None:
    (copy / REVEALED).unlink()
    sign_again(copy)


@insider(f"{REVEALED}: is listed as withheld, and is there")
def the_seed_listed(copy: Path) -> None:
    sign_again(copy, lambda document: document["withheld"][0].update(seed=True))


@insider("is the ciphertext of nothing that is withheld")
def a_ciphertext_of_nothing(copy: Path) -> None:
    (copy / RUN / "sealed").mkdir()
    (copy / RUN / "sealed/00000003.age").write_bytes(b"x")
    sign_again(copy)


@insider("VERIFY.txt: is not the one that was sealed, which no list can allow")
def other_instructions(copy: Path) -> None:
    (copy / "VERIFY.txt").write_text("trust me")
    sign_again(copy)


@insider("its numbers_sha256 is not that of the copy's seal")
def a_nicer_number(copy: Path) -> None:
    _change_report(copy, lambda report: report["findings"][0].update(k=1, n=10, rate="0.100000"))
    sign_again(copy)


@insider(f"{BLOB.format(8)}: {LIST} lists it, and it is the one that was sealed")
def a_file_listed_that_did_not_change(copy: Path) -> None:
    def add(document: dict[str, Any]) -> None:
        from countermark.canonical import digest

        sha = digest((copy / BLOB.format(8)).read_bytes())
        document["files"].append({"file": BLOB.format(8), "before": sha, "after": sha})
        document["files"].sort(key=lambda one: str(one["file"]))

    sign_again(copy, add)


@insider(f"{BLOB.format(6)}: was in the audit as it was sealed, and is not on the signed list")
def a_file_that_left_unlisted(copy: Path) -> None:
    (copy / BLOB.format(6)).unlink()
    sign_again(copy, lambda document: document.update(files=[one for one in document["files"] if one["file"] != BLOB.format(6)]))  # fmt: skip


@insider(f"{ORIGINAL}/MANIFEST.sha256: is not the manifest that {LIST} and the seal name")
def another_original(copy: Path) -> None:
    path = copy / ORIGINAL / "MANIFEST.sha256"
    path.write_bytes(path.read_bytes().replace(b"0", b"1", 1))
    sign_again(copy)


@insider(f"{LIST}: ")
def a_list_of_unknown_fields(copy: Path) -> None:
    sign_again(copy, lambda document: document.update(note="nothing to see"))


@insider(f"{LIST}: ")
def a_record_listed_twice(copy: Path) -> None:
    sign_again(copy, lambda document: document["withheld"][0].update(transcripts=[12]))


def _change_report(copy: Path, change: Callable[[dict[str, Any]], object]) -> None:
    document = decode((copy / REPORT).read_bytes())
    change(document)
    (copy / REPORT).write_bytes(encode(document))


def _without_event(copy: Path, seq: int) -> None:
    _change_report(
        copy, lambda report: report.update(events=[one for one in report["events"] if one["seq"] != seq])
    )


@pytest.mark.parametrize("name", INSIDER)
def test_an_insider_who_signs_again(audit: Path, copy: Path, name: str) -> None:
    change, expected = INSIDER[name]
    (copy.parent / "whole").symlink_to(audit)
    change(copy)
    verdict = check(copy)
    assert verdict.exit_code == 1, said(verdict)
    assert expected in said(verdict), said(verdict)


def test_a_copy_with_a_nicer_number_and_a_made_up_original(audit: Path, tmp_path: Path) -> None:
    """The auditor signs another report as the original one: the records convict, or the bounds do."""
    careless = 1
    for decided, number in (((), 8), (tuple(range(6)), 8)):
        forged = Path(shutil.copytree(audit, tmp_path / f"forged{len(decided)}"))
        _change_report(forged, lambda report: report["findings"][careless].update(k=0, rate="0.000000"))
        seal(forged, KEY, _facts(forged))
        verdict = check(copy_of(forged, tmp_path / f"copy{len(decided)}", decision(records=decided)))
        assert verdict.exit_code == 1
        assert verdict.stages[number].state == "failed"
        assert "simulation/careless, toy/keeping, leaked" in said(verdict, number)


def _facts(directory: Path) -> dict[str, Any]:
    from audit_factory import sealed_facts

    return sealed_facts(directory)


def test_numbers_are_bounded_where_records_are_withheld(audit: Path, tmp_path: Path) -> None:
    careless = [
        line
        for line in read_log(audit / RUN)
        if line.record["subject"] == SUBJECTS[1] and line.record["final"]
    ]
    hidden, left = careless[:4], careless[4:]
    made = copy_by(audit, tmp_path / "copy", wish("records", seqs=frozenset(line.seq for line in hidden)))
    verdict = check(made)
    assert verdict.exit_code == 4, said(verdict)
    assert verdict.closing_lines()[5] == "NUMBERS: recomputed 1/2 bounded 1"
    assert "not recomputed, bounded: says 4/10, 4 of its trials may be among the withheld records" in said(
        verdict, 8
    )
    hits = sum(line.record["labels"]["leaked"] for line in left)
    assert f"lies from {hits / 10:.6f} to {(hits + 4) / 10:.6f}" in said(verdict, 8)


def test_graders_run_where_their_parts_are_shown(audit: Path, tmp_path: Path) -> None:
    for what, regraded in (("state", True), ("messages", False), ("scenario", False)):
        verdict = check(copy_by(audit, tmp_path / what, wish(what)))
        assert verdict.exit_code == 4
        told = "20 transcripts were not graded again: what their grader reads is withheld" in said(verdict, 7)
        assert told != regraded


def test_an_embargo_that_is_over_is_told(audit: Path, tmp_path: Path) -> None:
    made = copy_by(audit, tmp_path / "copy", wish("transcripts", seqs=frozenset({1}), until="2001-02-03"))
    verdict = check(made)
    assert verdict.exit_code == 4
    assert "the embargo of 2001-02-03 is over" in said(verdict, 9)


def test_an_embargo_ends_on_its_day(monkeypatch: pytest.MonkeyPatch, audit: Path, tmp_path: Path) -> None:
    made = copy_by(audit, tmp_path / "copy", wish("transcripts", seqs=frozenset({1}), until="2031-05-01"))
    for day, over in ((date(2031, 4, 30), False), (date(2031, 5, 1), True)):
        monkeypatch.setattr(State, "today", day)
        assert ("is over" in said(check(made), 9)) is over


def long_seed(monkeypatch: pytest.MonkeyPatch) -> None:
    import audit_factory

    monkeypatch.setattr(audit_factory, "SEED", Seed(auditor=Nonce(value="5eed" * 16, salt="5a" * 32)))
    slots = {
        (slot.subject, slot.item): slot.number
        for slot in audit_factory.queue(
            audit_factory.Plan.model_validate(audit_factory.plan_document(dict.fromkeys(SUBJECTS, "0" * 64))),
            "5eed" * 16,
        )
    }
    monkeypatch.setattr(audit_factory, "SLOTS", slots)


def test_the_seed_withheld(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    long_seed(monkeypatch)
    whole = make_audit(tmp_path / "audit")
    assert check(whole).exit_code == 0, said(check(whole))
    items = {line.seq for line in read_log(whole / RUN) if line.record["item"] < 3}
    made = copy_by(whole, tmp_path / "copy", wish("transcripts", seqs=frozenset(items)), wish("seed"))
    verdict = check(made)
    assert verdict.exit_code == 4, said(verdict)
    assert not causes(verdict) - {"partial"}
    assert "the salts of 7 of 10 items are revealed" in said(verdict, 9)
    assert verdict.stages[7].state == "ok"
    assert not (made / REVEALED).exists()
    lines = [json.loads(line) for line in (made / "reveal/items.jsonl").read_text().splitlines()]
    assert [sorted(line) for line in lines] == [["item", "leaf", "test"]] * 3 + [["item", "salt", "test"]] * 7
    for change in (
        lambda: lines[4].update(salt="0" * 64),
        lambda: lines[1].update(leaf="0" * 64),
    ):
        change()
        (made / "reveal/items.jsonl").write_bytes(b"".join(encode(line) + b"\n" for line in lines))
        sign_again(made)
        verdict = check(made)
        assert verdict.exit_code == 1
        assert "another" in said(verdict, 7)
        assert "was drawn" in said(verdict, 7)


def test_a_short_seed_is_not_withheld(audit: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="4 hexadecimal digits can be found by trying"):
        copy_by(audit, tmp_path / "copy", wish("seed"))
    assert not (tmp_path / "copy").exists()


def test_a_later_copy_supersedes(audit: Path, withheld: Path, tmp_path: Path) -> None:
    second = copy_of(audit, tmp_path / "second", decision(records=(4,)), before=withheld)
    third = copy_of(audit, tmp_path / "third", before=second)
    assert check(second).exit_code == 4
    verdict = check(third)
    assert verdict.exit_code == 0, said(verdict)
    assert "supersedes an earlier one" in said(verdict, 9)
    assert (third / REPORT).read_bytes() == (audit / REPORT).read_bytes()
    assert (third / "redaction/superseded/1/redaction.json").read_bytes() == (withheld / LIST).read_bytes()
    shutil.rmtree(third / "redaction/superseded/2")
    sign_again(third)
    verdict = check(third)
    assert verdict.exit_code == 1
    assert "redaction/superseded" in said(verdict, 3)


def test_what_cannot_be_copied(audit: Path, withheld: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is itself a redacted copy"):
        copy_of(withheld, tmp_path / "a", decision(transcripts=(1,)))
    with pytest.raises(UsageError, match="is there already"):
        copy_of(audit, withheld, decision(transcripts=(1,)))
    with pytest.raises(UsageError, match="there is no record 99"):
        copy_of(audit, tmp_path / "b", decision(transcripts=(99,)))
    with pytest.raises(UsageError, match="parts 1 to"):
        copy_of(audit, tmp_path / "c", decision(parts={3: (0,)}))
    assert list(tmp_path.iterdir()) == []


def test_a_withheld_line_in_an_audit_that_says_nothing_of_it(tmp_path: Path) -> None:
    made = make_audit(tmp_path / "audit", Bench())
    path = made / RUN / "records.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    leaf = list(read_public_log(made / RUN))[20].leaf
    path.write_bytes(b"".join([*lines[:20], format_withheld(leaf, "privacy")]))
    (made / BLOB.format(20)).unlink()
    seal(made, KEY, _facts(made))
    verdict = check(made)
    assert verdict.exit_code == 1
