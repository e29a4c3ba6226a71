"""Anchoring on the command line: a real authority, a real witness, real sockets; and what it refuses."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from audit_factory import KEY, RUN, TRUST, make_audit, render, sealed_facts
from battery_factory import small_battery
from countermark.cli import run_command
from countermark.cli.witness_server import WitnessServer
from countermark.evidence import (
    SigningKey,
    Witness,
    WitnessState,
    add_cosignature,
    cosign,
    read_cosignatures,
    read_trust,
    remember,
)
from countermark.evidence.timestamps import query
from countermark.verify import verify
from servers.authority import Authority, needs_openssl
from servers.keyless import IDENTITY, ISSUER, Instance
from servers.loopback import LoopbackServer, WireAnswer

pytestmark = needs_openssl
WITNESS = SigningKey.from_seed(b"a witness's key for tests.......")


@dataclass(frozen=True)
class Ended:
    code: int
    out: str
    err: str


Run = Callable[..., Ended]


@pytest.fixture
def countermark(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """The command line in this process: a start costs a second, and there are dozens."""
    remember(tmp_path / "home", KEY.public)
    monkeypatch.setenv("COUNTERMARK_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)

    def run(*arguments: object) -> Ended:
        capsys.readouterr()
        code = run_command([str(one) for one in arguments])
        printed = capsys.readouterr()
        assert code != 70, printed.err
        return Ended(code, printed.out, printed.err)

    return run


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("tsa") / "authority")


@pytest.fixture
def audit(tmp_path: Path) -> Path:
    return make_audit(tmp_path / "audit")


@pytest.fixture
def witness(tmp_path: Path) -> Iterator[WitnessServer]:
    state = WitnessState(tmp_path / "state")
    with WitnessServer(("127.0.0.1", 0), Witness(WITNESS, "lab.example/witness", state)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()
    state.close()


def test_asking_an_authority(countermark: Run, audit: Path, authority: Authority, tmp_path: Path) -> None:
    trusted = countermark("key", "trust-time", authority.root_file, "--demand", "plan", "--demand", "seal")
    assert trusted.code == 0, trusted.err
    assert "a time stamp on: plan, seal" in trusted.out
    trust = read_trust(tmp_path / "home")
    assert verify(audit, trust=trust, render=render).exit_code == 3
    with authority.served() as server:
        done = countermark(
            "evidence", "stamp", audit, "--tsa", server.base_url, "--of", "plan", "--of", "seal", "--json"
        )
    assert done.code == 0, done.err
    kept = json.loads(done.out)["kept"]
    assert [(one["name"], one["by"]) for one in kept] == [
        ("timestamps/plan.tsr", "CN=A keeper of time"),
        ("timestamps/seal.tsr", "CN=A keeper of time"),
    ]
    # Every question had a nonce of its own, and the seal still holds with the answers beside it.
    assert len({bytes(request.body) for request in server.seen}) == 2
    verdict = verify(audit, trust=trust, render=render)
    assert verdict.exit_code == 0, verdict.stages


def test_what_is_stamped_unless_told(countermark: Run, audit: Path, tmp_path: Path) -> None:
    done = countermark("evidence", "stamp", audit, "--request", tmp_path / "sealed", "--json")
    assert [Path(one).name for one in json.loads(done.out)["queries"]] == ["seal.tsq"]
    assert (tmp_path / "sealed/seal.tsq").read_bytes() == query((audit / "MANIFEST.sha256").read_bytes())
    for name in ("MANIFEST.sha256", "signatures.intoto.jsonl"):
        (audit / name).unlink()
    countermark("evidence", "stamp", audit, "--request", tmp_path / "open")
    made = {path.stem for path in (tmp_path / "open").iterdir()}
    assert {"plan", "checkpoint-00000021"} <= made <= {"plan", "draw", "checkpoint-00000021"}
    countermark("evidence", "stamp", audit, "--request", tmp_path / "each", "--of", "checkpoints")
    notes = {path.stem for path in (audit / RUN / "checkpoints").iterdir()}
    assert {path.stem for path in (tmp_path / "each").iterdir()} == {f"checkpoint-{size}" for size in notes}
    assert not (audit / "timestamps").exists()


def test_a_reply_that_came_some_other_way(
    countermark: Run, audit: Path, authority: Authority, tmp_path: Path
) -> None:
    countermark("evidence", "stamp", audit, "--request", tmp_path / "ask")
    (tmp_path / "reply.tsr").write_bytes(authority.reply((tmp_path / "ask/seal.tsq").read_bytes()))
    done = countermark("evidence", "stamp", audit, "--add", tmp_path / "reply.tsr")
    assert done.code == 0
    assert (
        done.out
        == "timestamps/seal.tsr: kept; it counts for nothing with you yet: no root is trusted to stamp time\n"
    )
    assert countermark("key", "trust-time", authority.root_file).code == 0
    done = countermark("evidence", "stamp", audit, "--add", tmp_path / "reply.tsr")
    assert "MANIFEST.sha256 existed by" in done.out
    assert [path.name for path in (audit / "timestamps").iterdir()] == ["seal.tsr"]


@pytest.mark.parametrize(
    ("body", "kind", "code"),
    [
        (b"hello", "text/html", 2),
        (b"junk", "application/timestamp-reply", 1),
        (b"x" * 70_000, "application/timestamp-reply", 2),
    ],
)
def test_an_authority_that_is_none(countermark: Run, audit: Path, body: bytes, kind: str, code: int) -> None:
    with LoopbackServer(lambda _: WireAnswer(body=body, content_type=kind)) as server:
        done = countermark("evidence", "stamp", audit, "--tsa", server.base_url)
    assert done.code == code
    assert not (audit / "timestamps").exists()


def test_an_answer_to_another_question(countermark: Run, audit: Path, authority: Authority) -> None:
    """Replayed: a genuine stamp of the same bytes, without the nonce just asked for."""
    old = authority.reply(query((audit / "MANIFEST.sha256").read_bytes(), nonce=5))
    with LoopbackServer(lambda _: WireAnswer(body=old, content_type="application/timestamp-reply")) as server:
        done = countermark("evidence", "stamp", audit, "--tsa", server.base_url)
    assert done.code == 1
    assert "nonce" in done.err
    assert not (audit / "timestamps").exists()


def test_what_is_of_nothing_here(countermark: Run, audit: Path, authority: Authority, tmp_path: Path) -> None:
    (tmp_path / "other.tsr").write_bytes(authority.reply(query(b"something else")))
    (tmp_path / "other.json").write_text(json.dumps(Instance().sign(b"something else")))
    for option, file in (
        ("--add", "other.tsr"),
        ("--sigstore-bundle", "other.json"),
        ("--add", "other.json"),
    ):
        done = countermark("evidence", "stamp", audit, option, tmp_path / file)
        assert (done.code, len(done.err.splitlines())) == (2, 2), done.err
        assert f"\n{tmp_path / file}: [" in done.err
    assert not (audit / "timestamps").exists()


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--tsa", "ftp://tsa.example"],
        ["--tsa", "nonsense"],
        ["--tsa", "http://127.0.0.1:1/"],
        ["--add", "missing.tsr"],
        ["--request", "out", "--of", "everything"],
        ["--sigstore-bundle", "missing.json", "--of", "checkpoint"],
    ],
)
def test_usage_is_told(countermark: Run, audit: Path, arguments: list[str]) -> None:
    done = countermark("evidence", "stamp", audit, *arguments)
    assert done.code == 2
    assert done.err
    assert not (audit / "timestamps").exists()


def test_a_directory_that_is_no_audit(countermark: Run, tmp_path: Path) -> None:
    assert "is no audit" in countermark("evidence", "stamp", tmp_path, "--request", "out").err
    done = countermark("evidence", "cosign", tmp_path, "--witness", "http://127.0.0.1:1")
    assert (done.code, "is not sealed" in done.err) == (2, True)


def test_an_identitys_bundle(countermark: Run, audit: Path, tmp_path: Path) -> None:
    instance = Instance()
    (tmp_path / "root.json").write_bytes(instance.trusted_root())
    (tmp_path / "bundle.json").write_text(json.dumps(instance.sign((audit / "MANIFEST.sha256").read_bytes())))
    done = countermark("evidence", "stamp", audit, "--sigstore-bundle", tmp_path / "bundle.json")
    assert "counts for nothing with you yet: your policy pins no sigstore root" in done.out
    named = ["--identity", IDENTITY, "--issuer", ISSUER, "--demand", "seal"]
    trusted = countermark("key", "trust-identity", tmp_path / "root.json", *named, "--json")
    assert json.loads(trusted.out)["identities"] == [{"identity": IDENTITY, "issuer": ISSUER}]
    done = countermark("evidence", "stamp", audit, "--sigstore-bundle", tmp_path / "bundle.json")
    assert f"says {IDENTITY}" in done.out
    assert verify(audit, trust=read_trust(tmp_path / "home"), render=render).exit_code == 0
    broken = instance.sign((audit / "MANIFEST.sha256").read_bytes())
    broken["messageSignature"]["signature"] = Instance().sign(b"x")["messageSignature"]["signature"]
    (tmp_path / "broken.json").write_text(json.dumps(broken))
    done = countermark("evidence", "stamp", audit, "--sigstore-bundle", tmp_path / "broken.json")
    assert done.code == 2
    assert f"{tmp_path / 'broken.json'}: [sigstore-bundle]" in done.err


def test_a_witness_comes_late(countermark: Run, audit: Path, witness: WitnessServer, tmp_path: Path) -> None:
    remember(tmp_path / "home", WITNESS.public, "witness", required=1)
    trust = read_trust(tmp_path / "home")
    assert verify(audit, trust=trust, render=render).exit_code == 3
    done = countermark("evidence", "cosign", audit, "--witness", witness.url, "--json")
    assert done.code == 0, done.err
    assert (said := json.loads(done.out))["by"] == "lab.example/witness"
    assert said["name"] == "timestamps/cosigned-00000021.note"
    verdict = verify(audit, trust=trust, render=render)
    assert verdict.exit_code == 0, verdict.stages


def test_the_first_cosignature_stays(
    countermark: Run, audit: Path, witness: WitnessServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A later one would bear a later time, and so lengthen how long the records seem to have stood unseen."""
    first = json.loads(countermark("evidence", "cosign", audit, "--witness", witness.url, "--json").out)
    kept = (audit / first["name"]).read_bytes()
    clock = time.time
    monkeypatch.setattr(time, "time", lambda: clock() + 3600)
    again = countermark("evidence", "cosign", audit, "--witness", witness.url)
    assert again.code == 0, again.err
    assert "it was there already and stays as it was" in again.out
    assert first["time"] in again.out
    assert (audit / first["name"]).read_bytes() == kept
    note = (audit / RUN / "checkpoints/00000021.note").read_bytes()
    for at in (50, 90):
        add_cosignature(audit, 21, cosign(WITNESS, witness.witness.name, note, at), WITNESS.public)
    [before] = read_cosignatures(audit, 21, [WITNESS.public])[0]
    assert before.time == 50
    sealed = json.loads(countermark("evidence", "cosign", audit, "--witness", witness.url, "--json").out)
    assert (sealed["name"], sealed["there"]) == ("evidence/run-1/cosigned/00000021.note", True)


def test_a_late_witness_that_knew_another_history_refuses(
    countermark: Run, audit: Path, witness: WitnessServer, tmp_path: Path
) -> None:
    """The same log, written twice: the salts differ, so the roots do. The witness saw the first."""
    assert countermark("evidence", "cosign", audit, "--witness", witness.url).code == 0
    rewritten = make_audit(tmp_path / "rewritten")
    assert sealed_facts(rewritten)["origin"] == sealed_facts(audit)["origin"]
    done = countermark("evidence", "cosign", rewritten, "--witness", witness.url)
    assert done.code == 1
    assert "refused" in done.err
    assert not (rewritten / "timestamps").exists()
    assert verify(rewritten, trust=TRUST, render=render).exit_code == 0


def test_a_witness_that_is_away(countermark: Run, audit: Path) -> None:
    done = countermark("evidence", "cosign", audit, "--witness", "http://127.0.0.1:1")
    assert done.code == 2
    assert "the witness at http://127.0.0.1:1: unreachable (Connection refused)" in done.err
    assert "  → the address is the one that `countermark evidence witness` prints" in done.err
    done = countermark("evidence", "cosign", audit, "--witness", "http://nosuch.invalid:1")
    assert (done.code, "nosuch.invalid:1: unreachable (no host of that name)" in done.err) == (2, True)


@pytest.mark.parametrize("url", ["127.0.0.1:8417", "lab.example", "localhost:1/witness"])
def test_an_address_without_its_scheme(countermark: Run, audit: Path, url: str) -> None:
    for command in (["evidence", "cosign", audit], ["run", "--dry-run"]):
        done = countermark(*command, "--witness", url)
        assert done.code == 2
        assert f"did you mean http://{url}?" in done.err


def test_a_run_names_the_witness_that_is_away(countermark: Run, tmp_path: Path) -> None:
    """To whoever runs it: the evidence, which is published, names no address."""
    urls = ["http://127.0.0.1:1", "http://127.0.0.1:2"]
    done = countermark("run", "reference/guarded", "--battery", small_battery(), "--limit", 4, "--out", "run",
                       "--witness", urls[0], "--witness", urls[1])  # fmt: skip
    assert done.code == 0, done.err
    for place, url in enumerate(urls, 1):
        assert f"witness {place} at {url}: unreachable" in done.err
    written = b"".join(path.read_bytes() for path in (tmp_path / "run").rglob("*") if path.is_file())
    assert b"127.0.0.1" not in written


def test_a_stamp_for_a_witness_and_a_limit_on_delay(
    countermark: Run, authority: Authority, tmp_path: Path
) -> None:
    assert countermark("key", "trust-time", authority.root_file, "--for-witness").code == 0
    rule = read_trust(tmp_path / "home").witnesses
    assert rule is not None
    assert (rule.required, rule.of, rule.max_delay_s) == (1, ("developer", "timestamp", "witness"), None)
    (tmp_path / "lab.pem").write_bytes(WITNESS.public.pem)
    done = countermark("key", "trust", "lab.pem", "--role", "witness", "--require", "1", "--max-delay", "900")
    assert "no record may stand unseen for over 900 s" in done.out
    rule = read_trust(tmp_path / "home").witnesses
    assert rule is not None
    assert (rule.max_delay_s, "timestamp" in rule.of) == (900, True)
    assert read_trust(tmp_path / "home").timestamps is not None


def test_a_limit_on_delay_without_a_witness_makes_no_sense(countermark: Run, tmp_path: Path) -> None:
    (tmp_path / "lab.pem").write_bytes(WITNESS.public.pem)
    before = (tmp_path / "home/trust.json").read_bytes()
    done = countermark("key", "trust", "lab.pem", "--role", "witness", "--max-delay", "900")
    assert (done.code, "demands no witness" in done.err) == (2, True)
    assert (tmp_path / "home/trust.json").read_bytes() == before


def test_the_policy_written_is_the_one_that_is_named(
    countermark: Run, authority: Authority, tmp_path: Path
) -> None:
    done = countermark("key", "trust-time", authority.root_file, "--trust", "folder")
    assert done.out.startswith("folder/trust.json trusts 1 root of time stamps and 0 identities")
    assert (tmp_path / "folder/trust.json").is_file()


def test_a_root_that_is_no_certificate(countermark: Run, tmp_path: Path) -> None:
    (tmp_path / "root.pem").write_text("hello")
    before = sorted((tmp_path / "home").rglob("*"))
    assert countermark("key", "trust-time", "root.pem").code == 2
    assert countermark("key", "trust-identity", "root.pem", "--identity", "a", "--issuer", "b").code == 2
    assert sorted((tmp_path / "home").rglob("*")) == before
