"""redact, seal and reveal from the command line: real keys, real age files."""

import json
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pyrage
import pytest

from audit_factory import KEY, OTHER_KEY, RUN, make_audit
from countermark.cli import run_command
from countermark.evidence import remember
from countermark.evidence.lines import format_line, read_blob, read_log
from countermark.evidence.sealed import read_list
from countermark.evidence.withholding import LIST
from redaction_factory import sign_again

WHY = ("--reason", "confidential", "--until", "2999-01-01", "--decided-by", "the auditor")
CARELESS = ("--subject", "*/careless", "--all-transcripts", *WHY)


def attempts_of_careless(audit: Path) -> int:
    return sum(line.record["subject"].endswith("/careless") for line in read_log(audit / RUN))


@dataclass(frozen=True, slots=True)
class Ended:
    code: int
    out: str
    err: str


Run = Callable[..., Ended]


@pytest.fixture(scope="module")
def audit(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_audit(tmp_path_factory.mktemp("redact") / "audit")


@pytest.fixture
def run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    home = tmp_path / "home"
    (home / "keys").mkdir(parents=True)
    (home / "keys/auditor.pem").write_bytes(KEY.pem())
    (home / "keys/auditor.pem").chmod(0o600)
    remember(home, KEY.public)

    def do(*words: object) -> Ended:
        asked = [str(word) for word in words]
        where = [] if "--help" in asked else ["--home", str(home)]
        code = run_command([*asked, *where])
        printed = capsys.readouterr()
        return Ended(code, printed.out, printed.err)

    return do


@pytest.fixture
def reviewer(tmp_path: Path) -> Path:
    """A reviewer's private key in a file, and recipients.txt beside it."""
    identity = pyrage.x25519.Identity.generate()
    (tmp_path / "recipients.txt").write_text(f"# reviewers\n\n{identity.to_public()}\n")
    path = tmp_path / "identity.txt"
    path.write_text(f"# created today\n{identity}\n")
    return path


def test_redact_and_verify(run: Run, audit: Path, tmp_path: Path) -> None:
    made = run("evidence", "redact", audit, "--out", tmp_path / "copy", *CARELESS)
    assert made.code == 0, made.err
    count = attempts_of_careless(audit)
    assert f"withheld 0 records, {count} transcripts, 0 in part" in made.out
    checked = run("verify", tmp_path / "copy")
    assert checked.code == 4
    assert f"DISCLOSED: {21 - count}/21 transcripts" in checked.out
    assert "NUMBERS: recomputed 2/2" in checked.out
    again = run("evidence", "redact", audit, "--out", tmp_path / "copy", *CARELESS)
    assert again.code == 2
    assert "nothing is overwritten" in again.err


def test_everything_at_once_as_json(run: Run, audit: Path, tmp_path: Path) -> None:
    out = tmp_path / "copy"
    wanted = ("--test", "toy/*", "--part", "messages", "--part", "state", *WHY)
    made = run("evidence", "redact", audit, "--out", out, *wanted, "--json")
    assert json.loads(made.out)["withheld"] == {"records": 0, "transcripts": 0, "in_part": 21, "seed": False}
    assert run("verify", out).code == 4
    records = run(
        "evidence", "redact", audit, "--out", tmp_path / "other", "--subject", "*/careless", "--records", *WHY
    )
    assert records.code == 0, records.err
    assert "bounded 1" in run("verify", tmp_path / "other").out


def test_from_a_file(run: Run, audit: Path, tmp_path: Path) -> None:
    (tmp_path / "w.yaml").write_text(
        "withhold:\n"
        "  - {what: records, records: [3], reason: privacy, until: never, decided_by: both}\n"
        "  - {what: transcripts, subjects: ['*/careless'], reason: hazard, until: 2999-01-01, decided_by: both}\n"
    )
    made = run(
        "evidence", "redact", audit, "--out", tmp_path / "copy", "--withhold", tmp_path / "w.yaml", "--json"
    )
    assert made.code == 0, made.err
    listed = read_list(tmp_path / "copy")
    lines = {line.seq: line.record["subject"] for line in read_log(audit / RUN)}
    assert set(listed.transcripts) == {
        seq for seq, name in lines.items() if name.endswith("less") and seq != 3
    }
    assert json.loads(made.out)["withheld"] == {
        "records": 1,
        "transcripts": len(listed.transcripts),
        "in_part": 0,
        "seed": False,
    }
    assert {one.until for one in listed.decisions} == {"never", "2999-01-01"}


def test_a_file_full_of_faults_tells_all_of_them(run: Run, audit: Path, tmp_path: Path) -> None:
    (tmp_path / "w.yaml").write_text(
        "withhold:\n  - {what: everything, reason: shame, until: soon, tests: toy, records: [-1], who: me}\n  - 7\n"
    )
    told = run("evidence", "redact", audit, "--out", tmp_path / "copy", "--withhold", tmp_path / "w.yaml")
    assert told.code == 2
    for code in (
        "wish-lacks",
        "wish-unknown",
        "wish-what",
        "wish-reason",
        "wish-until",
        "wish-list",
        "withhold/1: [wish]",
    ):
        assert code in told.err, code
    assert not (tmp_path / "copy").exists()
    for text in ("- x", "withhold: []", "withhold: &a [*a]", "\x00"):
        (tmp_path / "w.yaml").write_text(text)
        assert (
            run(
                "evidence", "redact", audit, "--out", tmp_path / "copy", "--withhold", tmp_path / "w.yaml"
            ).code
            == 2
        )


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("--all-transcripts",), "--reason, --until, --decided-by must be said"),
        (WHY, "nothing is to be withheld"),
        (
            ("--all-transcripts", "--test", "none/*", *WHY),
            "the command line: --test: [wish-nothing] 'none/*' matches no test of this audit",
        ),
        (("--all-transcripts", "--reason", "shame"), "'shame' is not one of"),
        (("--all-transcripts", "--until", "2026-13-01"), "Invalid value for '--until'"),
        (("--seed", *WHY), "can be found by trying"),
    ],
)
def test_what_makes_no_sense(
    run: Run, audit: Path, tmp_path: Path, words: tuple[str, ...], expected: str
) -> None:
    told = run("evidence", "redact", audit, "--out", tmp_path / "copy", *words)
    assert told.code == 2
    assert expected in told.err
    assert not (tmp_path / "copy").exists()


def test_an_audit_that_was_touched_is_not_copied(run: Run, audit: Path, tmp_path: Path) -> None:
    touched = Path(shutil.copytree(audit, tmp_path / "touched"))
    (touched / "trials.parquet").write_bytes(b"another table")
    told = run("evidence", "redact", touched, "--out", tmp_path / "copy", *CARELESS)
    assert told.code == 1
    assert "trials.parquet: is not the file that was sealed" in told.err
    assert not (tmp_path / "copy").exists()


def sealed_copy(run: Run, audit: Path, tmp_path: Path) -> Path:
    copy = tmp_path / "copy"
    assert run("evidence", "redact", audit, "--out", copy, *CARELESS).code == 0
    sealed = run("evidence", "seal", copy, "--to", tmp_path / "recipients.txt", "--from", audit)
    assert sealed.code == 0, sealed.err
    assert f"{attempts_of_careless(audit)} withheld transcripts encrypted to 1 keys" in sealed.out
    return copy


def test_sealed_to_a_reviewer(run: Run, audit: Path, tmp_path: Path, reviewer: Path) -> None:
    copy = sealed_copy(run, audit, tmp_path)
    before = (copy / LIST).read_bytes()
    checked = run("verify", copy)
    assert checked.code == 4, checked.out
    count = attempts_of_careless(audit)
    assert f"{count} withheld transcripts lie in evidence/run-1/sealed" in checked.out
    opened = run("evidence", "reveal", copy, "--identity", reviewer, "--out", tmp_path / "opened")
    assert opened.code == 0, opened.out + opened.err
    assert f"{count} of {count} sealed transcripts are those committed to; {count} need" in opened.out
    for path in (tmp_path / "opened").iterdir():
        assert path.read_bytes() == (audit / RUN / "blobs" / path.name).read_bytes()
    again = run("evidence", "seal", copy, "--to", tmp_path / "recipients.txt", "--from", audit)
    assert (again.code, "is sealed to reviewers already" in again.err) == (2, True)
    assert (copy / LIST).read_bytes() == before


def test_records_and_parts_are_sealed_too(run: Run, audit: Path, tmp_path: Path, reviewer: Path) -> None:
    (tmp_path / "w.yaml").write_text(
        "withhold:\n"
        "  - {what: records, records: [3], reason: privacy, until: never, decided_by: both}\n"
        "  - {what: messages, records: [5], reason: hazard, until: never, decided_by: both}\n"
    )
    copy = tmp_path / "copy"
    assert run("evidence", "redact", audit, "--out", copy, "--withhold", tmp_path / "w.yaml").code == 0
    assert run("evidence", "seal", copy, "--to", tmp_path / "recipients.txt", "--from", audit).code == 0
    opened = run("evidence", "reveal", copy, "--identity", reviewer, "--json")
    assert json.loads(opened.out) == {"sealed": 2, "held": 2, "not_graded": 0, "faults": []}


def test_a_ciphertext_of_something_else_is_named(
    run: Run, audit: Path, tmp_path: Path, reviewer: Path
) -> None:
    """An insider signs ciphertexts of what the log does not commit to: another record, a nicer transcript, noise."""
    copy = sealed_copy(run, audit, tmp_path)
    to = [pyrage.x25519.Recipient.from_str((tmp_path / "recipients.txt").read_text().split()[-1])]
    lines = list(read_log(audit / RUN))
    first, second, third = [line.seq for line in lines if line.record["subject"].endswith("/careless")][:3]
    nicer = read_blob(audit / RUN, third).replace(b'"state":{', b'"state":{"note":1')
    assert nicer != read_blob(audit / RUN, third)
    plain = {
        first: format_line(lines[second].leaf_salt, lines[second].data) + read_blob(audit / RUN, second),
        second: b"noise",
        third: format_line(lines[third].leaf_salt, lines[third].data) + nicer,
    }
    for seq, data in plain.items():
        (copy / RUN / f"sealed/{seq:08d}.age").write_bytes(pyrage.encrypt(data, to))
    sign_again(copy)
    told = run("evidence", "reveal", copy, "--identity", reviewer, "--json")
    assert told.code == 1
    faults = {one["seq"]: one["fault"] for one in json.loads(told.out)["faults"]}
    assert sorted(faults) == [first, second, third]
    assert f"does not say seq {first}" in faults[first]
    assert "another transcript" in faults[third]


def test_the_auditor_reveals_by_and_by(run: Run, audit: Path, tmp_path: Path, reviewer: Path) -> None:
    copy = sealed_copy(run, audit, tmp_path)
    first = run(
        "evidence",
        "reveal",
        copy,
        "--from",
        audit,
        "--items",
        "3",
        "--nonce",
        "a third party's",
        "--out",
        tmp_path / "a",
    )
    assert first.code == 0, first.err
    left = attempts_of_careless(audit) - 3
    assert f"withheld 0 records, {left} transcripts" in first.out
    same = run("evidence", "reveal", copy, "--from", audit, "--items", "3", "--nonce", "a third party's", "--out", tmp_path / "b", "--json")  # fmt: skip
    shown = json.loads(same.out)["shown"]
    assert len(shown) == 3
    assert read_list(tmp_path / "a").decisions == read_list(tmp_path / "b").decisions
    checked = run("verify", tmp_path / "a")
    assert checked.code == 4, checked.out
    assert f"{left} withheld transcripts lie in evidence/run-1/sealed" in checked.out
    assert "supersedes an earlier one" in checked.out
    (tmp_path / "which.txt").write_text("\n".join(map(str, read_list(tmp_path / "a").transcripts)))
    rest = run(
        "evidence",
        "reveal",
        tmp_path / "a",
        "--from",
        audit,
        "--items",
        tmp_path / "which.txt",
        "--out",
        tmp_path / "c",
    )
    assert rest.code == 0, rest.err
    assert "DISCLOSED: 21/21 transcripts" in run("verify", tmp_path / "c").out
    wrong = run(
        "evidence",
        "reveal",
        tmp_path / "c",
        "--from",
        audit,
        "--items",
        tmp_path / "which.txt",
        "--out",
        tmp_path / "d",
    )
    assert wrong.code == 2
    assert "of these nothing is withheld" in wrong.err


def test_reveal_asks_who_you_are(run: Run, audit: Path, tmp_path: Path, reviewer: Path) -> None:
    copy = sealed_copy(run, audit, tmp_path)
    assert "give --identity, as a reviewer, or --from" in run("evidence", "reveal", copy).err
    assert run("evidence", "reveal", copy, "--from", audit, "--identity", reviewer).code == 2
    assert "say what to show" in run("evidence", "reveal", copy, "--from", audit).err
    assert "is no redacted copy" in run("evidence", "reveal", audit, "--identity", reviewer).err


def test_only_the_auditor_seals_and_reveals(run: Run, audit: Path, tmp_path: Path, reviewer: Path) -> None:
    copy = sealed_copy(run, audit, tmp_path)
    (tmp_path / "home/keys/auditor.pem").write_bytes(OTHER_KEY.pem())
    (tmp_path / "home/keys/auditor.pub.pem").unlink()
    for words in (
        ("seal", copy, "--to", tmp_path / "recipients.txt", "--from", audit),
        ("reveal", copy, "--from", audit, "--items", "all", "--out", tmp_path / "a"),
        ("redact", audit, "--out", tmp_path / "a", *CARELESS),
    ):
        assert run("evidence", *words).code == 3, words
    assert not (tmp_path / "a").exists()


@pytest.mark.parametrize("text", ["", "# nobody\n", "age1nonsense\nssh-rsa nonsense\n"])
def test_recipients_that_are_none(run: Run, audit: Path, tmp_path: Path, reviewer: Path, text: str) -> None:
    copy = sealed_copy(run, audit, tmp_path)
    (tmp_path / "recipients.txt").write_text(text)
    told = run("evidence", "seal", copy, "--to", tmp_path / "recipients.txt", "--from", audit)
    assert told.code == 2
    assert told.err.count("[recipient]") == max(1, text.count("nonsense"))
    reviewer.write_text(text)
    assert "[identity]" in run("evidence", "reveal", copy, "--identity", reviewer).err


def test_without_the_extra_one_line_says_which(
    run: Run, audit: Path, tmp_path: Path, reviewer: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = sealed_copy(run, audit, tmp_path)
    monkeypatch.setitem(sys.modules, "pyrage", None)
    told = run("evidence", "seal", copy, "--to", tmp_path / "recipients.txt", "--from", audit)
    assert told.code == 2
    assert "countermark: encrypting to reviewers needs the extra `seal`\n" in told.err
    assert run("verify", copy).code == 4


@pytest.mark.parametrize("name", ["redact", "seal", "reveal"])
def test_help_has_an_example(run: Run, name: str) -> None:
    told = run("evidence", name, "--help")
    assert told.code == 0
    assert f"countermark evidence {name} " in " ".join(told.out.split())
    assert "--json" in told.out
