"""Keys on the command line: made once, opened with a passphrase, trusted in a role."""

import json
import os
import pty
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from battery_factory import small_battery
from countermark.evidence import SigningKey, read_trust

PACKS = Path(__file__).parents[2] / "examples" / "packs"


@dataclass(frozen=True)
class Ended:
    code: int
    out: str
    err: str


Run = Callable[..., Ended]


def environment(tmp_path: Path, **more: str) -> dict[str, str]:
    clean = {name: value for name, value in os.environ.items() if name != "COUNTERMARK_PASSPHRASE"}
    return {**clean, "COUNTERMARK_HOME": str(tmp_path / "home"), "COLUMNS": "160", **more}


@pytest.fixture
def countermark(tmp_path: Path) -> Run:
    def run(*arguments: object, **more: str) -> Ended:
        done = subprocess.run(
            [sys.executable, "-m", "countermark.cli", *map(str, arguments)],
            check=False, capture_output=True, text=True, cwd=tmp_path, timeout=120, stdin=subprocess.DEVNULL,
            env=environment(tmp_path, **more),
        )  # fmt: skip
        assert "Traceback" not in done.stderr + done.stdout
        return Ended(done.returncode, done.stdout, done.stderr)

    return run


def test_new_then_show(countermark: Run, tmp_path: Path) -> None:
    made = json.loads(countermark("key", "new", "--json", COUNTERMARK_PASSPHRASE="correct horse").out)
    private = tmp_path / "home/keys/auditor.pem"
    assert made["private"] == str(private)
    assert stat.S_IMODE(private.stat().st_mode) == 0o600
    assert b"ENCRYPTED" in private.read_bytes()
    assert (
        SigningKey.from_pem(private.read_bytes(), b"correct horse").public.fingerprint == made["fingerprint"]
    )
    assert countermark("key", "new", "--name", "spare", "--no-passphrase").code == 0
    (tmp_path / "home/keys/spare.pem").chmod(0o644)
    shown = json.loads(countermark("key", "show", "--json").out)["keys"]
    assert [(one["name"], one["encrypted"], bool(one["warning"])) for one in shown] == [
        ("auditor", True, False),
        ("spare", False, True),
    ]
    assert shown[0]["fingerprint"] == made["fingerprint"]
    assert "chmod 600" in countermark("key", "show").out


def test_nothing_is_overwritten(countermark: Run, tmp_path: Path) -> None:
    assert countermark("key", "new", "--no-passphrase").code == 0
    before = (tmp_path / "home/keys/auditor.pem").read_bytes()
    again = countermark("key", "new", "--no-passphrase")
    assert (again.code, len(again.err.splitlines())) == (2, 2)
    assert "never overwritten" in again.err
    assert "→ use it: `run` signs with it; `countermark key show` shows it" in again.err
    assert countermark("key", "new", "--name", "spare", "--no-passphrase").code == 0
    spare = countermark("key", "new", "--name", "spare", "--no-passphrase", "--home", tmp_path / "home")
    assert (
        f"→ use it, or choose another --name; `countermark key show --home {tmp_path / 'home'}`" in spare.err
    )
    (tmp_path / "home/keys/other.pub.pem").write_text("mine")
    assert countermark("key", "new", "--name", "other", "--no-passphrase").code == 2
    assert (tmp_path / "home/keys/auditor.pem").read_bytes() == before


def test_show_tells_what_is_no_key_and_shows_the_others(countermark: Run, tmp_path: Path) -> None:
    keys = tmp_path / "home/keys"
    for name in ("auditor", "developer", "other", "witness", "spare"):
        countermark("key", "new", "--name", name, "--no-passphrase")
    countermark("key", "new", "--name", "locked", COUNTERMARK_PASSPHRASE="correct horse")
    (keys / "auditor.pem").write_text("hello")
    locked = (keys / "locked.pem").read_text().splitlines()
    (keys / "developer.pem").write_text("\n".join([locked[0], "AAAA", locked[-1]]))
    shutil.copy(keys / "spare.pub.pem", keys / "other.pub.pem")
    (keys / "witness.pub.pem").write_text("hello")
    ended = countermark("key", "show")
    assert ended.code == 2
    assert "4 faults" in ended.err
    for name in ("auditor", "developer"):
        assert f"{keys / name}.pem: [key-refused] is no private key; move it away" in ended.err
        assert f"{keys / name}.pem (is no private key)" in ended.out
    assert f"{keys}/other.pub.pem: [key-pair] is not the public part of other.pem" in ended.err
    assert f"{keys}/witness.pub.pem: [key-refused] " in ended.err
    for kind in ("spare.pem (not encrypted)", "locked.pem (encrypted)"):
        assert f"{keys}/{kind}" in ended.out
    as_json = countermark("key", "show", "--json")
    assert as_json.code == 2
    assert [one["name"] for one in json.loads(as_json.out)["keys"] if one["fault"]] == [
        "auditor",
        "developer",
    ]


@pytest.mark.parametrize("name", ["../up", "a/b", "UPPER", "", "x.pub", "-"])
def test_names_that_are_none(countermark: Run, name: str) -> None:
    ended = countermark("key", "new", "--no-passphrase", "--name", name)
    assert ended.code == 2
    assert "no name for a key" in ended.err


def test_without_terminal_or_variable(countermark: Run, tmp_path: Path) -> None:
    ended = countermark("key", "new")
    assert ended.code == 2
    assert "--no-passphrase" in ended.err
    assert not (tmp_path / "home/keys").exists()


def test_asked_for_on_a_terminal(tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "countermark.cli", "key", "new"]
    with subprocess.Popen(
        command, stdin=theirs, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env=environment(tmp_path), start_new_session=True,
    ) as process:  # fmt: skip
        assert process.stderr is not None
        for _ in range(2):
            while process.stderr.read(1) != ":":
                pass
            os.write(ours, b"correct horse\n")
        assert process.wait(60) == 0
        process.communicate()
    os.close(ours)
    os.close(theirs)
    private = (tmp_path / "home/keys/auditor.pem").read_bytes()
    assert SigningKey.from_pem(private, b"correct horse")


def test_run_with_an_encrypted_key(countermark: Run) -> None:
    countermark("key", "new", COUNTERMARK_PASSPHRASE="correct horse")
    asked = ("run", "reference/guarded", "--battery", small_battery(), "--limit", 4, "--seed", "2a")
    for more in ({}, {"COUNTERMARK_PASSPHRASE": "wrong"}):
        refused = countermark(*asked, "--out", "none", **more)
        assert refused.code == 2
        assert "passphrase" in refused.err.lower()
    good = countermark(*asked, "--out", "audit", COUNTERMARK_PASSPHRASE="correct horse")
    assert good.code == 0, good.err
    assert "without a passphrase" not in good.err
    assert countermark("verify", "audit").code == 0


def test_the_rehearsal_key_is_announced_once(countermark: Run) -> None:
    asked = ("run", "reference/guarded", "--battery", small_battery(), "--limit", 4, "--seed", "2a")
    assert "without a passphrase" in countermark(*asked, "--out", "one").err
    # A passphrase in the environment is for encrypted keys; it does not stand in the way of an open one.
    second = countermark(*asked, "--out", "two", COUNTERMARK_PASSPHRASE="unused")
    assert second.code == 0
    assert "without a passphrase" not in second.err


def test_trust(countermark: Run, tmp_path: Path) -> None:
    public = tmp_path / "lab.pub.pem"
    key = SigningKey.generate().public
    public.write_bytes(key.pem)
    assert countermark("key", "trust", public, "--role", "auditor").code == 0
    shown = json.loads(countermark("key", "trust", public, "--role", "witness", "--require", 1, "--json").out)
    assert shown["fingerprint"] == key.fingerprint
    policy = read_trust(tmp_path / "home")
    assert policy.trusts(key.fingerprint, "auditor")
    assert policy.trusts(key.fingerprint, "witness")
    assert policy.witnesses is not None
    assert (policy.witnesses.required, policy.witnesses.of) == (1, ("witness",))
    countermark("key", "trust", public, "--role", "developer", "--require", 2)
    rule = read_trust(tmp_path / "home").witnesses
    assert rule is not None
    assert (rule.required, rule.of) == (2, ("developer", "witness"))
    countermark("key", "trust", public, "--role", "witness", "--require", 0)
    assert read_trust(tmp_path / "home").witnesses is None
    elsewhere = tmp_path / "policy.json"
    assert countermark("key", "trust", public, "--role", "developer", "--trust", elsewhere).code == 0
    assert read_trust(elsewhere).trusts(key.fingerprint, "developer")


def test_what_is_not_trusted(countermark: Run, tmp_path: Path) -> None:
    public = tmp_path / "weak.pub.pem"
    weak = bytes.fromhex("302a300506032b6570032100") + b"\x01" + bytes(31)
    import base64

    public.write_text(
        f"-----BEGIN PUBLIC KEY-----\n{base64.b64encode(weak).decode()}\n-----END PUBLIC KEY-----\n"
    )
    refused = countermark("key", "trust", public, "--role", "witness")
    assert refused.code == 2
    assert "weak key" in refused.err
    public.write_bytes(SigningKey.generate().public.pem)
    for wrong in (
        ("--role", "king"),
        ("--role", "auditor", "--require", 1),
        ("--role", "witness", "--trust", "x.txt"),
    ):
        assert countermark("key", "trust", public, *wrong).code == 2, wrong
    assert countermark("key", "trust", "missing.pem", "--role", "witness").code == 2
    assert not (tmp_path / "home/trust.json").exists()


@pytest.mark.skipif(not shutil.which("openssl"), reason="no openssl here")
@pytest.mark.parametrize("curve", ["P-256", "P-384"])
def test_a_developers_key_from_elsewhere_signs_a_pack_and_no_log(
    countermark: Run, tmp_path: Path, curve: str
) -> None:
    keys = tmp_path / "home/keys"
    keys.mkdir(mode=0o700, parents=True)
    for name in ("developer", "auditor", "witness"):
        make = [
            "genpkey",
            "-algorithm",
            "EC",
            "-pkeyopt",
            f"ec_paramgen_curve:{curve}",
            "-out",
            f"{keys}/{name}.pem",
        ]
        subprocess.run(["openssl", *make], check=True, capture_output=True)
        (keys / f"{name}.pem").chmod(0o600)
    pack = Path(shutil.copytree(PACKS / "api-model", tmp_path / "pack"))
    (pack / "signatures.intoto.jsonl").unlink(missing_ok=True)
    assert countermark("pack", "sign", pack).code == 0
    assert "whom you trust as developer" not in countermark("pack", "show", pack).out
    assert countermark("key", "trust", keys / "developer.pub.pem", "--role", "developer").code == 0
    assert "whom you trust as developer" in countermark("pack", "show", pack).out
    run = countermark("run", "--limit", "1", "--fixed", "--out", "audit")
    assert (run.code, "a log signs with an Ed25519 key" in run.err) == (2, True)
    assert not (tmp_path / "audit").exists()
    witness = countermark("evidence", "witness", "--state", "state")
    assert (witness.code, "a witness signs with an Ed25519 key" in witness.err) == (2, True)
    trust = countermark("key", "trust", keys / "witness.pub.pem", "--role", "witness")
    assert (trust.code, "Ed25519" in trust.err) == (2, True)
