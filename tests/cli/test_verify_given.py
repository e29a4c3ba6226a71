"""`verify` given something else than an audit, or a policy that is not there: what it is, exit code 2, what to type instead."""

import re
import shlex
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from audit_factory import KEY, make_audit
from battery_factory import small_battery
from countermark.cli import run_command
from countermark.evidence import load_or_create_key, remember
from countermark.evidence.manifest import MANIFEST, OUTSIDE
from pack_factory import copied


@dataclass(frozen=True)
class Ended:
    code: int
    out: str
    err: str

    @property
    def hint(self) -> str:
        return self.err.partition("  → ")[2].strip()

    @property
    def commands(self) -> list[list[str]]:
        return [shlex.split(one)[1:] for one in re.findall(r"`(countermark [^`]+)`", self.hint)]


Run = Callable[..., Ended]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    monkeypatch.setenv("COUNTERMARK_HOME", str(tmp_path / "nobody"))
    monkeypatch.chdir(tmp_path)
    remember(tmp_path / "my home", KEY.public)

    def do(*arguments: object) -> Ended:
        capsys.readouterr()
        code = run_command([str(one) for one in arguments])
        said = capsys.readouterr()
        assert code != 70, said.err
        return Ended(code, said.out, said.err)

    return do


def test_a_pack_is_sent_to_pack_check(run: Run, tmp_path: Path) -> None:
    copied("reference-subject", tmp_path / "a pack")
    load_or_create_key(tmp_path / "my home", name="developer")
    assert run("pack", "sign", "a pack", "--home", "my home").code == 0
    ended = run("verify", "a pack", "--home", "my home")
    assert ended.code == 2
    assert "is a release pack, not an audit" in ended.out
    assert ended.commands == [["pack", "check", "a pack"]]
    assert run(*ended.commands[0]).code == 0


def test_a_plan_and_an_audit_half_run_are_sent_on(run: Run, tmp_path: Path) -> None:
    given = ("--home", "my home")
    planned = run(
        "plan", "reference/guarded", "--battery", small_battery(), "--limit", 4, "--out", "b c", *given
    )
    assert planned.code == 0, planned.err
    ended = run("verify", "b c", *given)
    assert (ended.code, ended.commands) == (2, [["run", "--plan", "b c", *given]])
    shutil.copytree("b c/plan", "plan")
    ended = run("verify", "plan", *given)
    assert (ended.code, ended.commands) == (2, [["plan", "show", "plan"]])
    assert run(*ended.commands[0]).code == 0
    stopped = run(
        "run",
        "reference/guarded",
        "--battery",
        small_battery(),
        "--limit",
        4,
        "--out",
        "half",
        "--budget",
        1,
        *given,
    )
    assert stopped.code == 0, stopped.err
    half = run(
        "run", "reference/guarded", "--battery", small_battery(), "--limit", 4, "--out", "half", *given
    )
    assert half.code == 2
    for name in (*OUTSIDE, "VERIFY.txt", "keys/auditor.pub.pem"):
        Path("half", name).unlink()
    shutil.copy("b c/resume.json", "half/resume.json")
    ended = run("verify", "half", *given)
    assert (ended.code, ended.commands) == (2, [["resume", "half", *given]])
    assert "was not finished" in ended.out


def test_a_part_of_an_audit_leads_to_the_whole(run: Run, tmp_path: Path) -> None:
    make_audit(tmp_path / "the audit")
    policy = tmp_path / "my home/trust.json"
    for part in ("plan", "report", "evidence/run-1", f"{MANIFEST}", "report/report.json"):
        ended = run("verify", f"the audit/{part}", "--home", "my home")
        assert ended.code == 2, part
        assert ended.commands == [["verify", "the audit", "--home", "my home"]]
    ended = run("verify", ".", "--trust", policy)
    assert (ended.code, ended.commands) == (2, [["verify", "the audit", "--trust", str(policy)]])
    assert run(*ended.commands[0]).code in (0, 4)


def test_what_is_nothing_at_all(run: Run, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "note.txt").write_text("hello")
    for name, said in (
        ("empty", "is empty"),
        ("note.txt", "is not a directory"),
        ("nosuch", "does not exist"),
    ):
        ended = run("verify", name)
        assert (ended.code, said in ended.out) == (2, True), name
    assert "the one that holds MANIFEST.sha256" in run("verify", "note.txt").hint


def test_a_lost_seal_is_no_slip_of_the_hand(run: Run, tmp_path: Path) -> None:
    audit = make_audit(tmp_path / "audit")
    copied("reference-subject", tmp_path / "pack")
    for name in OUTSIDE:
        (audit / name).unlink()
    shutil.copy("pack/pack.json", "audit/pack.json")
    ended = run("verify", "audit", "--home", "my home")
    assert ended.code == 1
    assert "is an audit without its seal" in ended.out
    assert "pack check" not in ended.hint
    assert "ask whoever gave it to you" in ended.hint


@pytest.mark.parametrize("named", ["nosuch", "nosuch.json", "empty"])
def test_a_policy_that_was_named_must_be_there(run: Run, tmp_path: Path, named: str) -> None:
    make_audit(tmp_path / "audit")
    (tmp_path / "empty").mkdir()
    (tmp_path / "key.pem").write_bytes(KEY.public.pem)
    shown = f"{named}/trust.json" if named == "empty" else named
    for command in (["verify", "audit"], ["evidence", "stamp", "audit", "--request", "out"]):
        ended = run(*command, "--trust", named)
        assert ended.code == 2, command
        assert f"{shown}: [trust-missing] does not exist" in ended.err
    assert not (tmp_path / "out").exists()
    assert run("verify", "audit", "--home", "nosuch").code == 3, "a home may have no policy yet"
