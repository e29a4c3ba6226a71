"""A run killed at any moment goes on: nothing lost, nothing counted twice, the same grades as an uninterrupted run."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from battery_factory import small_battery
from countermark.audit import AuditRequest, Silent, carry_out, finish, resume
from countermark.audit.finish import read_records
from countermark.errors import InvalidDocument
from countermark.evidence import load_or_create_key, read_trust, remember
from countermark.records import Status, Stopping, TrialRecord
from countermark.report import render
from countermark.verify import verify

SUBJECTS = ["reference/helpful", "reference/gamer"]
BATTERY = small_battery()
LIMIT = 60


def final_grades(audit_dir: Path) -> dict[int, tuple[str, str, str, str]]:
    finals = [record for record in read_records(audit_dir) if record.final]
    assert len({record.slot for record in finals}) == len(finals)
    return {
        record.slot: (
            record.subject,
            record.scenario,
            record.outcome,
            json.dumps(dict(record.labels), sort_keys=True),
        )
        for record in finals
    }


def uninterrupted(folder: Path, seed: str, *, fixed: bool) -> dict[int, tuple[str, str, str, str]]:
    request = AuditRequest(
        subjects=SUBJECTS, battery=BATTERY, seed=seed, limit=LIMIT, stopping=None if fixed else Stopping()
    )
    carry_out(request, folder, load_or_create_key(folder.parent / "home"), Silent())
    return final_grades(folder)


def killed_run(audit_dir: Path, seed: str, after_records: int, *more: str) -> None:
    """Start a real run in a process of its own and kill it with SIGKILL once so many records are in its log."""
    command = [
        sys.executable, "-m", "countermark.cli", "run", *SUBJECTS, "--battery", BATTERY, "--seed", seed,
        "--limit", str(LIMIT), "--out", str(audit_dir), "--home", str(audit_dir.parent / "home"), *more,
    ]  # fmt: skip
    log = audit_dir / "evidence" / "run-1" / "records.jsonl"
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        while process.poll() is None and (not log.exists() or log.read_bytes().count(b"\n") < after_records):
            time.sleep(0.002)
        assert process.poll() is None, "the run ended before it could be killed"
        os.kill(process.pid, signal.SIGKILL)


@pytest.mark.parametrize(("after_records", "fixed"), [(1, True), (60, False), (120, False)])
def test_killed_and_resumed(tmp_path: Path, after_records: int, fixed: bool) -> None:
    """With stopping rules too: what was counted before the kill is counted once, and the same trials are spared."""
    expected = uninterrupted(tmp_path / "whole", "5eed", fixed=fixed)
    audit_dir, key = tmp_path / "killed", load_or_create_key(tmp_path / "home")
    killed_run(audit_dir, "5eed", after_records, *(["--fixed"] if fixed else []))
    before = len(list((audit_dir / "evidence" / "run-1" / "records.jsonl").read_bytes().splitlines()))
    assert before >= after_records
    outcomes = resume(audit_dir, key, Silent())
    assert outcomes.done + outcomes.spared == outcomes.slots
    assert (outcomes.spared == 0) is fixed
    finish(audit_dir, key, render)
    remember(tmp_path / "home", key.public)
    verdict = verify(audit_dir, trust=read_trust(tmp_path / "home"), render=render)
    assert verdict.exit_code == 0, verdict.to_json()
    assert final_grades(audit_dir) == expected


def test_an_attempt_in_flight_is_recorded_and_run_again(tmp_path: Path) -> None:
    audit_dir, key = tmp_path / "audit", load_or_create_key(tmp_path / "home")
    killed_run(audit_dir, "5eed", 20)
    flight = audit_dir / "evidence" / "run-1" / "inflight.jsonl"
    done = {record.slot for record in read_records_of_unfinished(audit_dir)}
    waiting = next(slot for slot in range(10_000) if slot not in done)
    with flight.open("a") as file:
        file.write(json.dumps({"attempt": 1, "slot": waiting}, separators=(",", ":")) + "\n")
    resume(audit_dir, key, Silent())
    attempts = [record for record in read_records(audit_dir) if record.slot == waiting]
    assert [(record.attempt, record.status, record.final) for record in attempts] == [
        (1, Status.INTERRUPTED, False),
        (2, Status.OK, True),
    ]


def read_records_of_unfinished(audit_dir: Path) -> list[TrialRecord]:
    """The records in whole lines; a kill may have torn the last."""
    from countermark.evidence import from_json

    text = (audit_dir / "evidence" / "run-1" / "records.jsonl").read_text()
    whole = text[: text.rfind("\n") + 1].splitlines()
    return [from_json(TrialRecord, json.loads(line)["record"]) for line in whole]


def test_a_sealed_audit_does_not_resume(tmp_path: Path) -> None:
    key = load_or_create_key(tmp_path / "home")
    request = AuditRequest(subjects=["reference/guarded"], battery=BATTERY, seed="01", limit=10)
    carry_out(request, tmp_path / "audit", key, Silent())
    finish(tmp_path / "audit", key, render)
    with pytest.raises(InvalidDocument, match="sealed"):
        resume(tmp_path / "audit", key, Silent())


def test_a_changed_request_does_not_resume(tmp_path: Path) -> None:
    key = load_or_create_key(tmp_path / "home")
    audit_dir = tmp_path / "audit"
    killed_run(audit_dir, "5eed", 5)
    request = json.loads((audit_dir / "resume.json").read_text())
    (audit_dir / "resume.json").write_text(json.dumps({**request, "seed": "aa"}))
    with pytest.raises(InvalidDocument, match="plan-changed"):
        resume(audit_dir, key, Silent())


@pytest.mark.parametrize("name", ["write_table", "compose", "seal", "unlink"])
def test_killed_while_sealing(tmp_path: Path, name: str) -> None:
    """Killed at each step after the last trial: `resume` ends in the seal all the same."""
    audit_dir, home = tmp_path / "audit", tmp_path / "home"
    patch = f"finish.{name} = die" if name != "unlink" else "pathlib.Path.unlink = die"
    code = (
        "import os, pathlib, signal\n"
        "from countermark.audit import AuditRequest, Silent, carry_out, finish as conclude\n"
        "import sys; finish = sys.modules['countermark.audit.finish']\n"
        "from countermark.evidence import load_or_create_key\n"
        "from countermark.report import render\n"
        f"out, key = pathlib.Path({str(audit_dir)!r}), load_or_create_key(pathlib.Path({str(home)!r}))\n"
        f"request = AuditRequest(subjects=['reference/guarded'], battery={BATTERY!r}, seed='01', limit=10)\n"
        "carry_out(request, out, key, Silent())\n"
        "def die(*_, **__): os.kill(os.getpid(), signal.SIGKILL)\n"
        f"{patch}\n"
        "conclude(out, key, render)\n"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == -signal.SIGKILL
    key = load_or_create_key(home)
    outcomes = resume(audit_dir, key, Silent())
    assert outcomes.done + outcomes.spared == outcomes.slots
    finish(audit_dir, key, render)
    remember(home, key.public)
    verdict = verify(audit_dir, trust=read_trust(home), render=render)
    assert verdict.exit_code == 0, verdict.to_json()
