"""Wrong keys, two processes, kills while beginning, full disks, silent meters: nothing ends in a state nobody can leave."""

import fcntl
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from battery_factory import small_battery
from countermark.audit import AuditRequest, Silent, carry_out, finish, resume
from countermark.audit.carry_out import close_as_it_stands
from countermark.audit.request import read_request
from countermark.battery import load_battery
from countermark.errors import AuditIncomplete, InvalidDocument, SignerUnknown, UsageError
from countermark.evidence import load_or_create_key, read_trust, remember
from countermark.report import render
from countermark.verify import verify
from servers.loopback import WireAnswer, dumped
from servers.openai_wire import openai_server

BATTERY = small_battery()
REQUEST = AuditRequest(subjects=["reference/guarded"], battery=BATTERY, seed="01", limit=10)


@pytest.fixture(scope="module")
def begun(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An audit killed with a few records in its log, and the home of its key."""
    folder = tmp_path_factory.mktemp("begun")
    code = (
        "import os, pathlib, signal\n"
        "from countermark.audit import Silent, carry_out\n"
        "from countermark.audit.request import AuditRequest\n"
        "from countermark.evidence import load_or_create_key\n"
        "class Watch(Silent):\n"
        "    count = 0\n"
        "    def attempted(self, record):\n"
        "        self.count += 1\n"
        "        if self.count == 7: os.kill(os.getpid(), signal.SIGKILL)\n"
        f"folder = pathlib.Path({str(folder)!r})\n"
        f"request = AuditRequest(subjects=['reference/guarded'], battery={BATTERY!r}, seed='01', limit=10)\n"
        "carry_out(request, folder / 'audit', load_or_create_key(folder / 'home'), Watch())\n"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == -signal.SIGKILL
    return folder


@pytest.fixture
def audit(begun: Path, tmp_path: Path) -> Path:
    shutil.copytree(begun / "audit", tmp_path / "audit")
    shutil.copytree(begun / "home", tmp_path / "home")
    return tmp_path / "audit"


def ends_well(audit_dir: Path) -> None:
    home = audit_dir.parent / "home"
    key = load_or_create_key(home)
    outcomes = resume(audit_dir, key, Silent())
    assert outcomes.done == outcomes.slots
    finish(audit_dir, key, render)
    remember(home, key.public)
    assert verify(audit_dir, trust=read_trust(home), render=render).exit_code == 0


def test_another_key_is_refused_and_the_right_one_goes_on(audit: Path, tmp_path: Path) -> None:
    other = load_or_create_key(tmp_path / "other")
    for go_on in (resume, close_as_it_stands):
        with pytest.raises(SignerUnknown, match="not signed by the key at hand"):
            go_on(audit, other, Silent())
    ends_well(audit)


def test_two_processes_never_write_one_audit(audit: Path) -> None:
    key = load_or_create_key(audit.parent / "home")
    descriptor = os.open(audit, os.O_RDONLY)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    for act in (lambda: resume(audit, key, Silent()), lambda: finish(audit, key, render)):
        with pytest.raises(UsageError, match="another process"):
            act()
    os.close(descriptor)
    ends_well(audit)


def test_a_changed_plan_does_not_close_either(audit: Path) -> None:
    request = audit / "resume.json"
    request.write_text(request.read_text().replace('"limit":10', '"limit":9'))
    with pytest.raises(InvalidDocument, match="plan-changed"):
        close_as_it_stands(audit, load_or_create_key(audit.parent / "home"))
    request.write_text(request.read_text().replace('"limit":9', '"limit":10'))
    ends_well(audit)


@pytest.mark.parametrize("budget", ["abc", "NaN", "-5"])
def test_a_budget_that_makes_no_sense(audit: Path, budget: str) -> None:
    with pytest.raises(UsageError, match="budget_usd"):
        resume(audit, load_or_create_key(audit.parent / "home"), Silent(), budget_usd=budget)


def test_a_new_budget_is_kept(audit: Path) -> None:
    resume(audit, load_or_create_key(audit.parent / "home"), Silent(), budget_usd="7")
    assert read_request(audit).budget_usd == "7"
    resume(audit, load_or_create_key(audit.parent / "home"), Silent(), budget_usd="none")
    assert read_request(audit).budget_usd is None


def test_a_pipe_in_a_files_place_is_no_wait(audit: Path) -> None:
    (audit / "evidence" / "run-1" / "inflight.jsonl").unlink(missing_ok=True)
    os.mkfifo(audit / "evidence" / "run-1" / "inflight.jsonl")
    with pytest.raises((OSError, UsageError, InvalidDocument)):
        resume(audit, load_or_create_key(audit.parent / "home"), Silent())


@pytest.mark.parametrize("operation", range(1, 40, 6))
def test_killed_while_beginning(tmp_path: Path, operation: int) -> None:
    """Killed at the n-th file it would put in place: afterwards nothing is there, or what is there resumes."""
    audit_dir, home = tmp_path / "audit", tmp_path / "home"
    load_or_create_key(home)
    code = (
        "import os, pathlib, signal, sys\n"
        "from countermark.audit import AuditRequest, Silent, carry_out\n"
        "from countermark.evidence import load_or_create_key\n"
        f"left, key = [{operation}], load_or_create_key(pathlib.Path({str(home)!r}))\n"
        "def watch(event, arguments):\n"
        "    if event in ('os.rename', 'os.mkdir', 'open') and 'draft' in str(arguments[0]):\n"
        "        left[0] -= 1\n"
        "        if not left[0]: os.kill(os.getpid(), signal.SIGKILL)\n"
        "sys.addaudithook(watch)\n"
        f"request = AuditRequest(subjects=['reference/guarded'], battery={BATTERY!r}, seed='01', limit=10)\n"
        f"carry_out(request, pathlib.Path({str(audit_dir)!r}), key, Silent())\n"
    )
    ended = subprocess.run([sys.executable, "-c", code], check=False).returncode
    assert ended in (0, -signal.SIGKILL)
    if not audit_dir.exists():
        carry_out(REQUEST, audit_dir, load_or_create_key(home), Silent())
    ends_well(audit_dir)


def test_a_full_disk_is_one_line_and_resumes(tmp_path: Path) -> None:
    command = [
        sys.executable, "-m", "countermark.cli", "run", "reference/guarded", "--battery", BATTERY, "--limit", "10",
        "--seed", "01", "--out", "audit", "--home", "home",
    ]  # fmt: skip
    limit = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))"
    code = f"import signal, sys; {limit}; signal.signal(signal.SIGXFSZ, signal.SIG_IGN); sys.argv[1:] = {command[3:]!r}; from countermark.cli import main; main()"
    ended = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert ended.returncode in (1, 2), ended.stderr
    assert "Traceback" not in ended.stderr
    assert "fault of its own" not in ended.stderr
    ends_well(tmp_path / "audit")


def test_calls_without_a_token_count_stop_a_budget(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "loopback-key")
    body = {
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "No."}, "finish_reason": "stop"}]
    }
    key, audit_dir = load_or_create_key(tmp_path / "home"), tmp_path / "audit"
    with openai_server(WireAnswer(body=dumped(body))) as server:
        request = AuditRequest(
            subjects=["openai/m"], battery=BATTERY, seed="01", limit=10, connections=1, budget_usd="1",
            base_urls={"openai": server.base_url}, prices={"openai/m": "in=1,out=1"},
        )  # fmt: skip
        outcomes = carry_out(request, audit_dir, key, Silent())
        assert server.requests <= 20
        with pytest.raises(AuditIncomplete, match="no token counts"):
            outcomes.raise_if_incomplete(audit_dir)
    close_as_it_stands(audit_dir, key)
    report = finish(audit_dir, key, render)
    assert report.totals["openai/m"]["unmetered"]
    assert "cost_usd" not in report.totals["openai/m"]


def test_a_fault_of_the_software_is_told_once_and_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A driver of somebody's that crashes: errored trials, one word about it, no crash."""

    class Listening(Silent):
        notes: list[str] = []

        def note(self, text: str) -> None:
            self.notes.append(text)

    async def crashes(*_: object) -> dict[str, object]:
        raise ZeroDivisionError("a key might stand here")

    monkeypatch.setattr("countermark.audit.attempt.load_driver", lambda _: crashes)
    watcher = Listening()
    carry_out(REQUEST, tmp_path / "audit", load_or_create_key(tmp_path / "home"), watcher)
    assert len(watcher.notes) == len(load_battery(BATTERY).tests), "once a test"
    assert all("ZeroDivisionError" in note and "a key" not in note for note in watcher.notes)
    report = finish(tmp_path / "audit", load_or_create_key(tmp_path / "home"), render)
    assert all(finding.rate is None for finding in report.findings)
