"""A wrong file given to a command: exit code 2, the file named with a code and a hint, and nothing kept."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from audit_factory import KEY, make_audit
from countermark.cli import run_command
from countermark.evidence import SigningKey
from pack_factory import copied


@dataclass(frozen=True)
class Ended:
    code: int
    err: str


Run = Callable[..., Ended]
WRONG = {
    "a note.txt": b"hello there\n",
    "empty": b"",
    "lines": b"{}\n" * 30,
    "bytes": bytes(range(256)) * 8,
    "list.json": b"[1, 2]",
    "private.pem": SigningKey.generate().pem(),
    "監査.pub.pem": KEY.public.pem + b"\n",
}
OPTIONS = {
    "key trust": ["key", "trust", "FILE", "--role", "developer"],
    "key follow": ["key", "follow", "FILE"],
    "key trust-time": ["key", "trust-time", "FILE"],
    "pack show": ["pack", "show", "pack", "--auditor-key", "FILE"],
    "stamp --add": ["evidence", "stamp", "audit", "--add", "FILE"],
    "stamp --sigstore-bundle": ["evidence", "stamp", "audit", "--sigstore-bundle", "FILE", "--of", "seal"],
    "verify --trust": ["verify", "audit", "--trust", "FILE"],
    "redact --withhold": ["evidence", "redact", "audit", "--out", "copy", "--withhold", "FILE"],
}
HINTED = {one for one in OPTIONS if one not in ("verify --trust", "redact --withhold")}


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    monkeypatch.setenv("COUNTERMARK_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    for name, data in WRONG.items():
        (tmp_path / name).write_bytes(data)

    def do(*arguments: object) -> Ended:
        capsys.readouterr()
        code = run_command([str(one) for one in arguments])
        said = capsys.readouterr()
        assert code != 70, said.err
        return Ended(code, said.err)

    return do


def everything(root: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in root.rglob("*") if path.is_file()}


@pytest.mark.parametrize("option", OPTIONS)
def test_a_wrong_file_is_named_and_nothing_is_kept(run: Run, tmp_path: Path, option: str) -> None:
    make_audit(tmp_path / "audit")
    copied("reference-subject", tmp_path / "pack")
    before = everything(tmp_path)
    for name in WRONG:
        ended = run(*(name if word == "FILE" else word for word in OPTIONS[option]))
        assert ended.code == 2, (name, ended.err)
        fault = next(line for line in ended.err.splitlines() if line.startswith(f"{name}: "))
        assert "[" in fault, fault
        assert option not in HINTED or "; " in fault, fault
    assert everything(tmp_path) == before


@pytest.mark.parametrize("name", ["a note.txt", "empty", "lines", "bytes", "private.pem", "監査.pub.pem"])
def test_a_sigstore_root_is_json(run: Run, tmp_path: Path, name: str) -> None:
    ended = run("key", "trust-identity", name, "--identity", "a", "--issuer", "b")
    assert ended.code == 2
    assert f"{name}: [json] is no JSON" in ended.err
    assert not (tmp_path / "home").exists()


@pytest.mark.parametrize("name", ["a note.txt", "empty", "bytes", "private.pem"])
def test_a_model_key_is_a_key_whatever_the_pack_holds(run: Run, tmp_path: Path, name: str) -> None:
    copied("open-weights", tmp_path / "pack")
    ended = run("pack", "check", "pack", "--model-key", name)
    assert ended.code == 2
    assert f"{name}: [key-refused] is not a PEM public key; give" in ended.err


@pytest.mark.parametrize("name", ["a note.txt", "empty", "bytes", "監査.pub.pem"])
def test_a_private_key_that_is_none_is_named(run: Run, tmp_path: Path, name: str) -> None:
    key = tmp_path / "home/keys/auditor.pem"
    key.parent.mkdir(parents=True)
    key.write_bytes(WRONG[name])
    key.chmod(0o600)
    for command, said in (
        (["key", "show"], "[key-refused] is no private key"),
        (["run", "--out", "audit"], "the signing key cannot be read"),
    ):
        ended = run(*command)
        assert ended.code == 2, command
        assert f"{key}: {said}" in ended.err
    assert not (tmp_path / "audit").exists()
