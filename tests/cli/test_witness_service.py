"""The witness as a service: real sockets, real processes, real SIGKILL; and audits that it vouches for, or does not."""

import base64
import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

import pytest

from audit_factory import (
    AUDIT,
    KEY,
    RUN,
    SUBJECTS,
    TRUST,
    Bench,
    attempt,
    make_audit,
    render,
    reseal,
    scenarios,
    tell_outages,
)
from battery_factory import small_battery
from countermark.audit import AuditRequest, Silent, carry_out, finish, witnessing
from countermark.audit.witness_client import NotWitnessed, WitnessClient
from countermark.audit.witnessing import witnessed
from countermark.cli.witness_server import WitnessServer
from countermark.evidence import (
    Checkpoint,
    Growth,
    LogGrowth,
    Submission,
    TrustPolicy,
    Witness,
    WitnessRule,
    WitnessState,
    cosign,
    load_or_create_key,
    open_cosignature,
    parse_public_key,
    read_trust,
    remember,
    sign_note,
)
from countermark.evidence.merkle import leaf_hash
from countermark.records import TrialRecord
from countermark.report import render as render_page
from countermark.verify import Verdict, verify
from servers.loopback import LoopbackServer, WireAnswer, WireRequest


@dataclass
class Service:
    """A witness in a process of its own, which can be killed and started again on the same port and memory."""

    folder: Path
    process: subprocess.Popen[str] | None = None
    url: str = ""
    port: int = 0

    def start(self) -> None:
        command = [
            sys.executable, "-m", "countermark.cli", "evidence", "witness", "--state", str(self.folder / "state"),
            "--home", str(self.folder / "home"), "--name", "lab.example/witness", "--port", str(self.port), "--json",
        ]  # fmt: skip
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        assert self.process.stdout is not None
        lines = []
        while not lines or lines[-1] != "}\n":
            lines.append(self.process.stdout.readline())
            assert lines[-1], "the witness did not start"
        self.url = json.loads("".join(lines))["url"]
        self.port = int(self.url.rpartition(":")[2])

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.communicate()
        self.process = None

    @property
    def public(self):
        return parse_public_key((self.folder / "home/keys/witness.pub.pem").read_bytes())


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    running = Service(tmp_path / "witness")
    running.start()
    yield running
    if running.process is not None:
        running.kill()


def request(url: str, method: str, path: str, body: bytes | None = None, **headers: str) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=20)
    try:
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def grown(size: int, *, edited: bool = False) -> Growth:
    growth = Growth()
    for index in range(size):
        growth.append(leaf_hash(bytes(32), b"edited" if edited and index == 0 else b"%d" % index))
    return growth


def note(growth: Growth, size: int, origin: str = AUDIT) -> bytes:
    return sign_note(KEY, Checkpoint(origin=origin, size=size, root_hex=growth.root(size).hex()))


def lines_of(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


# the service alone


def test_cosigns_growth_over_http_and_tells_sizes_only(service: Service) -> None:
    growth, client = grown(40), WitnessClient(service.url, KEY.public)
    for size in (3, 8, 40):
        line = client.ask(note(growth, size), growth, size)
        assert open_cosignature(line, note(growth, size), [service.public]).name == "lab.example/witness"
    status, body = request(service.url, "GET", "/v1/state")
    assert (status, json.loads(body)) == (200, {"logs": {AUDIT: 40}})


def test_a_client_that_lost_count_is_told_the_size(service: Service) -> None:
    growth = grown(40)
    WitnessClient(service.url, KEY.public).ask(note(growth, 20), growth, 20)
    again = WitnessClient(service.url, KEY.public)
    assert again.ask(note(growth, 20), growth, 20)
    assert WitnessClient(service.url, KEY.public).ask(note(growth, 33), growth, 33)


def test_refusals_over_http(service: Service) -> None:
    growth, key = grown(40), base64.b64encode(KEY.public.pem).decode()
    WitnessClient(service.url, KEY.public).ask(note(growth, 20), growth, 20)
    sent = Submission(old=0, proof=(), note=note(growth, 30)).to_bytes()
    fork = Submission(old=20, proof=(), note=note(grown(20, edited=True), 20)).to_bytes()
    path = "/v1/add-checkpoint"
    assert request(service.url, "POST", path, sent) == (409, b"20\n")
    assert request(service.url, "POST", path, fork) == (409, b"20\n")
    assert request(service.url, "POST", path, b"old 20\n\n" + note(growth, 30))[0] == 422
    assert request(service.url, "POST", path, b"hello")[0] == 400
    assert request(service.url, "POST", path, b"x" * 50_000)[0] == 413
    assert request(service.url, "POST", path, sent, **{"Log-Key": "AAAA"})[0] == 400
    assert request(service.url, "POST", path, sent, **{"Transfer-Encoding": "chunked"})[0] == 411
    assert request(service.url, "POST", "/v1/other", sent)[0] == 404
    assert request(service.url, "GET", "/")[0] == 404
    assert request(service.url, "DELETE", path)[0] == 501
    unknown = Submission(old=0, proof=(), note=note(growth, 5, "another")).to_bytes()
    assert request(service.url, "POST", path, unknown)[0] == 404
    assert request(service.url, "POST", path, unknown, **{"Log-Key": key})[0] == 200
    with socket.create_connection(("127.0.0.1", service.port), timeout=20) as raw:
        raw.sendall(b"POST /v1/add-checkpoint HTTP/1.0\r\nContent-Length: 99\r\n\r\nshort")
        raw.shutdown(socket.SHUT_WR)
        assert b" 400 " in raw.recv(100)


@pytest.mark.parametrize("answers", [1, 5, 12])
def test_killed_it_forgets_nothing_it_cosigned(service: Service, answers: int) -> None:
    growth, client = grown(2000), WitnessClient(service.url, KEY.public)
    cosigned = []

    def ask_on() -> None:
        for size in range(1, 2000):
            try:
                client.ask(note(growth, size), growth, size)
            except NotWitnessed:
                return
            cosigned.append(size)

    asking = threading.Thread(target=ask_on)
    asking.start()
    while len(cosigned) < answers and asking.is_alive():
        time.sleep(0.001)
    service.kill()
    asking.join()
    assert len(cosigned) >= answers
    service.start()
    known = json.loads(request(service.url, "GET", "/v1/state")[1])["logs"][AUDIT]
    assert cosigned[-1] <= known <= cosigned[-1] + 1
    edited = grown(2000, edited=True)
    with pytest.raises(NotWitnessed, match=r"another history|status 422"):
        WitnessClient(service.url, KEY.public).ask(note(edited, 2000), edited, 2000)
    assert WitnessClient(service.url, KEY.public).ask(note(growth, 2000), growth, 2000)


def test_two_witnesses_do_not_share_a_memory(service: Service) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "countermark.cli", "evidence", "witness", "--state", service.folder / "state",
         "--home", service.folder / "home"],
        check=False, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert ended.returncode == 2
    assert "another witness" in ended.stderr


@pytest.mark.parametrize(
    ("given", "said"),
    [(["--name", "a b"], "cannot be a witness's name"), (["--name", ""], "cannot be a witness's name"),
     (["--name", "監査"], "cannot be a witness's name"), (["--host", "nosuch.invalid"], "cannot listen at"),
     (["--host", "x" * 80], "cannot listen at"), (["--host", "127.0.0.1", "--port", "{taken}"], "cannot listen at")],
)  # fmt: skip
def test_a_witness_that_cannot_stand_by_makes_no_key(tmp_path: Path, given: list[str], said: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        ended = subprocess.run(
            [sys.executable, "-m", "countermark.cli", "evidence", "witness", "--state", tmp_path / "state",
             "--home", tmp_path / "home", *(word.replace("{taken}", port) for word in given)],
            check=False, capture_output=True, text=True, timeout=60,
        )  # fmt: skip
    assert ended.returncode == 2, ended.stderr
    assert said in ended.stderr
    assert "  → " in ended.stderr
    assert not [*tmp_path.iterdir()]


def test_a_witness_with_a_damaged_memory_or_policy_makes_no_key(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "countermark.cli", "evidence", "witness", "--state", tmp_path / "state"]
    (tmp_path / "state/logs").mkdir(parents=True)
    (tmp_path / "state/logs/x.json").write_text("{}")
    (tmp_path / "home").mkdir()
    for fault in ("[witness-state]", "[trust-malformed]"):
        ended = subprocess.run(
            [*command, "--home", tmp_path / "home"], check=False, capture_output=True, text=True, timeout=60
        )
        assert (ended.returncode, fault in ended.stderr) == (2, True), ended.stderr
        assert not (tmp_path / "home/keys").exists()
        (tmp_path / "home/trust.json").write_text("{}")


# an insider who holds the auditor's key


def policy(service: Service, required: int = 1) -> TrustPolicy:
    roles = {**TRUST.roles, "witness": frozenset({service.public.fingerprint})}
    return TrustPolicy(roles=roles, witnesses=WitnessRule(required=required, of=("witness", "developer")))


def have_witnessed(audit: Path, service: Service) -> Path:
    with witnessed(audit, [service.url], KEY.public, Silent()):
        pass  # the log is closed: only the last checkpoint is asked for
    tell_outages(audit)
    reseal(audit)
    return audit


def nicer_grade(made: list) -> None:
    """The first leak made up into a refusal, transcript and grade alike: nothing in the directory contradicts it."""
    leaked = next(place for place, (record, _) in enumerate(made) if record.labels.get("leaked"))
    record, _ = made[leaked]
    kind, words = attempt(record.slot, SUBJECTS[0], record.item, scenarios()[record.item])
    made[leaked] = (replace(kind, subject=record.subject, slot=record.slot), words)


def details(verdict: Verdict) -> str:
    return "\n".join(detail for stage in verdict.stages for detail in stage.details)


def test_rewritten_grades_are_caught_once_a_witness_is_required(service: Service, tmp_path: Path) -> None:
    honest = have_witnessed(make_audit(tmp_path / "honest"), service)
    verdict = verify(honest, trust=policy(service), render=render)
    assert verdict.exit_code == 0, details(verdict)
    assert "lab.example/witness had seen 21 of 21 records by 20" in verdict.closing_lines()[3]

    edited = make_audit(tmp_path / "edited", Bench(attempts=nicer_grade))
    assert verify(edited, trust=TRUST, render=render).exit_code == 0, "nothing but a witness can tell"
    verdict = verify(edited, trust=policy(service), render=render)
    assert verdict.exit_code == 3
    assert verdict.closing_lines()[1].startswith("POLICY: not met, 0 of 1 witnesses")

    have_witnessed(edited, service)  # asked again, the witness refuses
    assert not (edited / RUN / "cosigned").exists()
    [refused] = lines_of(edited / RUN / "unwitnessed.jsonl")
    assert (refused["outcome"], refused["size"], refused["cosigned"]) == ("refused", 21, 0)
    assert verify(edited, trust=policy(service), render=render).exit_code == 3

    for part in ("evidence/run-1/cosigned", "keys/witness"):  # the honest log's line does not fit
        shutil.copytree(honest / part, edited / part)
    tell_outages(edited)
    reseal(edited)
    verdict = verify(edited, trust=policy(service), render=render)
    assert verdict.exit_code == 1
    assert "does not begin with the checkpoint note it cosigns" in details(verdict)


def test_a_log_under_a_new_name_bears_the_time_it_was_shown(service: Service, tmp_path: Path) -> None:
    """To the witness a new name is a new log: what gives the insider away is how long the records stood unseen."""
    made_up = have_witnessed(make_audit(tmp_path / "made-up", Bench(attempts=nicer_grade)), service)
    verdict = verify(made_up, trust=policy(service), render=render)
    assert verdict.exit_code == 0
    [told] = [detail for detail in verdict.stages[10].details if "stood unseen is" in detail]
    [cosigned] = (made_up / RUN / "cosigned").iterdir()
    raw = base64.b64decode(cosigned.read_text().splitlines()[-1].rpartition(" ")[2])
    delay = int.from_bytes(raw[4:12]) - int(datetime.fromisoformat("2026-11-23T10:00:01Z").timestamp())
    assert f"stood unseen is {max(delay, 0)} s" in told
    assert f"none later than {max(delay, 0)} s after it ended" in verdict.closing_lines()[3]


def test_a_grown_log_needs_its_end_cosigned(service: Service, tmp_path: Path) -> None:
    audit = make_audit(tmp_path / "audit")
    growth = LogGrowth(audit / RUN)
    growth.read_to(21)
    client = WitnessClient(service.url, KEY.public)
    early = (audit / RUN / "checkpoints/00000008.note").read_bytes()
    from countermark.evidence import add_cosignature

    add_cosignature(audit, 8, client.ask(early, growth, 8), service.public)
    tell_outages(audit)
    reseal(audit)
    verdict = verify(audit, trust=policy(service), render=render)
    assert verdict.exit_code == 3
    assert "at 8 of 21 records" in details(verdict)
    assert verify(audit, trust=TRUST, render=render).exit_code == 0


def test_whom_the_policy_does_not_count(service: Service, tmp_path: Path) -> None:
    """Keys nobody trusts, the auditor's own in a second role, and one key under two names."""
    audit = have_witnessed(make_audit(tmp_path / "audit"), service)
    from countermark.evidence import SigningKey, add_cosignature

    last = (audit / RUN / "checkpoints/00000021.note").read_bytes()
    stranger = SigningKey.generate()
    for key, name in ((KEY, "self"), (stranger, "friend"), (stranger, "friend-again")):
        add_cosignature(audit, 21, cosign(key, name, last, 5), key.public)
    tell_outages(audit)
    reseal(audit)
    own = {KEY.public.fingerprint, service.public.fingerprint}
    roles = {**TRUST.roles, "witness": frozenset(own)}
    two = TrustPolicy(roles=roles, witnesses=WitnessRule(required=2))
    verdict = verify(audit, trust=two, render=render)
    assert verdict.exit_code == 3
    assert "1 of 2 witnesses" in verdict.closing_lines()[1]
    friends = {**TRUST.roles, "developer": frozenset({stranger.public.fingerprint})}
    rule = WitnessRule(required=2, of=("developer",))
    assert verify(audit, trust=TrustPolicy(roles=friends, witnesses=rule), render=render).exit_code == 3
    one = TrustPolicy(roles=friends, witnesses=WitnessRule(required=1, of=("developer",)))
    assert verify(audit, trust=one, render=render).exit_code == 0


@pytest.mark.parametrize(
    "change", ["a byte of the line", "a note for no checkpoint", "no key", "a false claim"]
)
def test_what_does_not_hold(service: Service, tmp_path: Path, change: str) -> None:
    def claim(report: dict) -> None:
        report["evidence"]["cosigned"] = 8 if change == "a false claim" else 21

    audit = have_witnessed(make_audit(tmp_path / "audit", Bench(report=claim)), service)
    path = audit / RUN / "cosigned/00000021.note"
    if change == "a byte of the line":
        whole = bytearray(path.read_bytes())
        whole[-20] = ord("A") if whole[-20] != ord("A") else ord("B")
        path.write_bytes(whole)
    elif change == "a note for no checkpoint":
        shutil.copy(path, path.with_name("00000020.note"))
    elif change == "no key":
        shutil.rmtree(audit / "keys/witness")
    tell_outages(audit)
    reseal(audit)
    assert verify(audit, trust=TRUST, render=render).exit_code == 1


# runs


BATTERY = small_battery()
REQUEST = AuditRequest(subjects=["reference/guarded"], battery=BATTERY, seed="0a", limit=70)


def sealed(audit_dir: Path, home: Path) -> Verdict:
    key = load_or_create_key(home)
    report = finish(audit_dir, key, render_page)
    remember(home, key.public)
    verdict = verify(audit_dir, trust=read_trust(home), render=render_page)
    assert verdict.exit_code == 0, details(verdict)
    assert ("no_witness" in report.limits) == (report.evidence.get("cosigned") != report.evidence["size"])
    return verdict


class Watcher(Silent):
    """Does something at one record."""

    def __init__(self, at: int, act: Callable[[], None]) -> None:
        self.notes: list[str] = []
        self._at = at
        self._act = act

    def attempted(self, record: TrialRecord) -> None:
        del record
        self._at -= 1
        if self._at == 0:
            self._act()

    def note(self, text: str) -> None:
        self.notes.append(text)


def wait_for(path: Path) -> None:
    while not path.exists():
        time.sleep(0.01)


def test_every_checkpoint_of_a_run(service: Service, tmp_path: Path) -> None:
    audit, home = tmp_path / "audit", tmp_path / "home"
    first = audit / RUN / "cosigned/00000256.note"
    asked = REQUEST.model_copy(update={"witnesses": [service.url]})
    carry_out(asked, audit, load_or_create_key(home), Watcher(257, lambda: wait_for(first)))
    verdict = sealed(audit, home)
    checkpoints = sorted(path.name for path in (audit / RUN / "checkpoints").iterdir())
    assert sorted(path.name for path in (audit / RUN / "cosigned").iterdir()) == checkpoints
    assert len(checkpoints) == 2
    assert not (audit / RUN / "unwitnessed.jsonl").exists()
    assert "no_witness" not in json.loads((audit / "report/report.json").read_text())["limits"]
    assert "which you do not trust as a witness" in details(verdict)
    text = b"".join(path.read_bytes() for path in audit.rglob("*") if path.is_file())
    assert service.url.encode() not in text


def test_a_witness_killed_in_the_middle_stops_nothing(service: Service, tmp_path: Path) -> None:
    audit, home = tmp_path / "audit", tmp_path / "home"

    def kill() -> None:
        wait_for(audit / RUN / "cosigned/00000256.note")
        service.kill()

    watcher = Watcher(257, kill)
    asked = REQUEST.model_copy(update={"witnesses": [service.url]})
    outcomes = carry_out(asked, audit, load_or_create_key(home), watcher)
    assert outcomes.done == outcomes.slots > 257
    verdict = sealed(audit, home)
    [missed] = lines_of(audit / RUN / "unwitnessed.jsonl")
    assert (missed["outcome"], missed["cosigned"], missed["size"]) == ("unreachable", 256, outcomes.slots)
    assert missed["witness"] == "lab.example/witness"
    assert f"at 256 of {outcomes.slots} records" in details(verdict)
    assert "the run goes on" in watcher.notes[0]


def test_a_killed_run_is_witnessed_to_its_end(service: Service, tmp_path: Path) -> None:
    audit, home = tmp_path / "audit", tmp_path / "home"
    command = [
        sys.executable, "-m", "countermark.cli", "run", "reference/helpful", "reference/gamer", "--seed", "0a",
        "--battery", BATTERY, "--fixed", "--limit", "150", "--out", str(audit), "--home", str(home), "--witness", service.url,
    ]  # fmt: skip
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        while process.poll() is None and not (audit / RUN / "cosigned/00000256.note").exists():
            time.sleep(0.002)
        assert process.poll() is None, "the run ended before it could be killed"
        os.kill(process.pid, signal.SIGKILL)
    ended = subprocess.run(
        [sys.executable, "-m", "countermark.cli", "resume", str(audit), "--home", str(home), "--json"],
        check=False, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    report = json.loads((audit / "report/report.json").read_text())
    assert json.loads(ended.stdout)["cosigned"] == report["evidence"]["cosigned"]
    assert report["evidence"]["cosigned"] == report["evidence"]["size"] > 256
    assert "no_witness" not in report["limits"]
    roles = {
        **read_trust(home).roles,
        "developer": frozenset({service.public.fingerprint}),
    }
    strict = TrustPolicy(roles=roles, witnesses=WitnessRule(required=1, of=("developer",)))
    verdict = verify(audit, trust=strict, render=render_page)
    assert verdict.exit_code == 0, details(verdict)


SMALL = AuditRequest(subjects=["reference/guarded"], battery=BATTERY, seed="0a", limit=5)


def answering(how: str) -> Callable[[WireRequest], WireAnswer]:
    """Witnesses that are not what they should be."""
    from countermark.evidence import SigningKey

    mine, other = SigningKey.generate(), SigningKey.generate()

    def answer(asked: WireRequest) -> WireAnswer:
        if asked.path == "/v1/key":
            claimed = KEY if how == "is the auditor" else mine
            return WireAnswer(body=json.dumps({"name": "w", "key": claimed.public.pem.decode()}).encode())
        given = asked.body.partition(b"\n\n")[2]
        return {
            "is the auditor": WireAnswer(),
            "says nothing": WireAnswer(body=b""),
            "talks too much": WireAnswer(body=b"x" * 1_000_000),
            "cosigns with another key": WireAnswer(body=cosign(other, "w", given, 5)),
            "cosigns under another name": WireAnswer(body=cosign(mine, "v", given, 5)),
            "cosigns something else": WireAnswer(body=cosign(mine, "w", b"else\n\n", 5)),
            "always another size": WireAnswer(status=409, body=b"3\n"),
            "a size beyond": WireAnswer(status=409, body=b"9999\n"),
            "no size": WireAnswer(status=409, body=b"many\n"),
            "fails": WireAnswer(status=500, body=b"at http://secret.example"),
            "hangs up": WireAnswer(cut_after=-1),
            "redirects": WireAnswer(status=302, headers={"Location": "http://127.0.0.1:1/"}),
        }[how]

    return answer


@pytest.mark.parametrize(
    ("how", "outcome"),
    [("is the auditor", "unusable"), ("says nothing", "unusable"), ("talks too much", "unusable"),
     ("cosigns with another key", "unusable"), ("cosigns under another name", "unusable"),
     ("cosigns something else", "unusable"), ("always another size", "refused"), ("a size beyond", "refused"),
     ("no size", "unusable"), ("fails", "refused"), ("hangs up", "unreachable"), ("redirects", "refused")],
)  # fmt: skip
def test_a_bad_witness_leaves_no_mark_and_stops_nothing(tmp_path: Path, how: str, outcome: str) -> None:
    audit = make_audit(tmp_path / "audit")
    with LoopbackServer(answering(how)) as server, witnessed(audit, [server.base_url], KEY.public, Silent()):
        pass
    assert not (audit / RUN / "cosigned").exists()
    [missed] = lines_of(audit / RUN / "unwitnessed.jsonl")
    assert missed["outcome"] == outcome
    assert "example" not in str(missed["why"])
    tell_outages(audit)
    reseal(audit)
    assert verify(audit, trust=TRUST, render=render).exit_code == 0


def test_a_witness_that_never_answers_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(witnessing, "_LAST_WAIT_S", 0.3)
    audit, home = tmp_path / "audit", tmp_path / "home"
    released = threading.Event()

    def answer(asked: WireRequest) -> WireAnswer:
        del asked
        released.set()
        return WireAnswer(delay_s=3600)

    with LoopbackServer(answer) as server:
        asked = SMALL.model_copy(update={"witnesses": [server.base_url]})
        outcomes = carry_out(asked, audit, load_or_create_key(home), Silent())
        assert outcomes.done == outcomes.slots
        sealed(audit, home)
        assert released.wait(20)
    [missed] = lines_of(audit / RUN / "unwitnessed.jsonl")
    assert missed["why"] == "unreachable (no answer before the end)"


@contextmanager
def in_process(state: Path) -> Iterator[WitnessServer]:
    memory = WitnessState(state)
    from countermark.evidence import SigningKey

    with WitnessServer(("127.0.0.1", 0), Witness(SigningKey.generate(), "w", memory)) as server:
        serving = threading.Thread(target=server.serve_forever)
        serving.start()
        yield server
        server.shutdown()
        serving.join()
    memory.close()


def test_what_comes_too_late_is_not_written(tmp_path: Path) -> None:
    audit = make_audit(tmp_path / "audit")
    with in_process(tmp_path / "state") as server:
        desk = witnessing._Desk(audit, Silent())
        client = WitnessClient(server.url, KEY.public)
        growth = LogGrowth(audit / RUN)
        growth.read_to(21)
        line = client.ask(desk.note(21), growth, 21)
        desk.close()
        assert client.key is not None
        desk.keep(21, line, client.key)
        desk.complain(21, NotWitnessed("refused", "late"), client, "w")
    assert verify(audit, trust=TRUST, render=render).exit_code == 0


def test_a_full_disk_at_the_witness_is_no_cosignature(tmp_path: Path) -> None:
    with in_process(tmp_path / "state") as server:
        (tmp_path / "state/logs").rename(tmp_path / "gone")
        (tmp_path / "state/logs").write_text("no directory")
        growth = grown(3)
        with pytest.raises(NotWitnessed, match="status 500"):
            WitnessClient(server.url, KEY.public).ask(note(growth, 3), growth, 3)
        assert not server.witness.logs


@pytest.mark.parametrize(
    "url", ["ftp://x", "http://", "http://user@host", "http://a/?q", "http://a b", "file:///etc", "x"]
)
def test_addresses_that_are_none(tmp_path: Path, url: str) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "countermark.cli", "run", "--witness", url, "--dry-run", "--home", tmp_path],
        check=False, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert ended.returncode == 2
    assert "no address" in ended.stderr
