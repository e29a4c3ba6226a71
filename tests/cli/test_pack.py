"""`countermark pack`: developer and auditor from two homes, in one process, and the audit of what was handed over."""

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from countermark.canonical import digest
from countermark.cli import run_command
from countermark.evidence import NS, SigningKey, load_or_create_key, read_trust, sign_statement
from countermark.pack import check_pack, publish
from countermark.verify import verify
from countermark.verify.packs import signatures_in
from pack_factory import NAMES, WEIGHTS, copied, edit
from servers.openai_wire import openai_server


@dataclass(frozen=True)
class Ended:
    code: int
    out: str
    err: str


class Desk:
    """Two parties with a home each, and a pack between them."""

    def __init__(self, root: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.root, self._capsys = root, capsys
        self.lab, self.institute = root / "lab", root / "institute"
        self.pack = root / "pack"

    def __call__(self, *arguments: object) -> Ended:
        self._capsys.readouterr()
        code = run_command([str(one) for one in arguments])
        said = self._capsys.readouterr()
        assert code != 70, said.err
        return Ended(code, said.out, said.err)

    def sign(self) -> Ended:
        return self("pack", "sign", self.pack, "--home", self.lab)

    def trust(self) -> Ended:
        key = self.pack / "keys" / "developer.pub.pem"
        return self("key", "trust", key, "--role", "developer", "--home", self.institute)

    def shown(self, folder: Path | None = None) -> dict[str, Any]:
        ended = self("pack", "show", folder or self.pack, "--home", self.institute, "--json")
        shown: dict[str, Any] = json.loads(ended.out)
        return shown


@pytest.fixture
def desk(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[Desk]:
    copied("api-model", tmp_path / "pack")
    return Desk(tmp_path, capsys)


def codes_of(shown: dict[str, Any]) -> list[str]:
    return [fault["code"] for fault in shown["faults"]]


def test_init_check_fill_in(desk: Desk) -> None:
    made = desk(
        "pack",
        "init",
        desk.root / "new",
        "--model",
        "openai/x",
        "--developer",
        "Lab",
        "--variant",
        "deployed",
    )
    assert made.code == 0
    assert "pack check" in made.out
    ended = desk("pack", "check", desk.root / "new")
    assert ended.code == 2
    assert "card.json: /behaviour/intended: [todo]" in ended.err
    as_json = desk("pack", "check", desk.root / "new", "--json")
    assert as_json.code == 2
    fault = json.loads(as_json.out)["faults"][0]
    assert set(fault) == {"code", "file", "place", "message", "hint"}
    assert desk("pack", "init", desk.root / "new", "--model", "openai/x", "--developer", "Lab").code == 2
    assert desk("pack", "sign", desk.root / "new", "--home", desk.lab).code == 2
    assert not (desk.root / "new" / "MANIFEST.sha256").exists()


@pytest.mark.parametrize("name", NAMES)
def test_check_and_show_every_example(desk: Desk, name: str) -> None:
    folder = copied(name, desk.root / "another")
    assert desk("pack", "check", folder).code == 0
    ended = desk("pack", "show", folder, "--home", desk.institute)
    assert ended.code == 0
    assert "not signed" in ended.out


def test_check_weights(desk: Desk) -> None:
    folder = copied("open-weights", desk.root / "another")
    assert desk("pack", "check", folder, "--weights", WEIGHTS).code == 0
    assert desk("pack", "check", folder, "--weights", desk.root).code == 2


def test_sign_trust_accept(desk: Desk) -> None:
    signed = desk.sign()
    assert signed.code == 0, signed.err
    before = (desk.pack / "signatures.intoto.jsonl").read_bytes()
    assert "nothing changed" in desk.sign().out
    assert (desk.pack / "signatures.intoto.jsonl").read_bytes() == before
    stranger = desk("pack", "accept", desk.pack, "--out", desk.root / "a", "--home", desk.institute)
    assert stranger.code == 3
    assert "key trust" in stranger.err
    assert desk.trust().code == 0
    accepted = desk("pack", "accept", desk.pack, "--out", desk.root / "a", "--home", desk.institute, "--json")
    assert json.loads(accepted.out)["binding"] == "B0"
    assert sorted(path.name for path in (desk.root / "a").iterdir()) == [
        "acceptance.intoto.jsonl",
        "auditor.pub.pem",
    ]
    assert desk("pack", "accept", desk.pack, "--out", desk.root / "a", "--home", desk.institute).code == 2
    assert desk("pack", "accept", desk.pack, "--out", desk.pack, "--home", desk.institute).code == 0
    assert desk("pack", "accept", desk.pack, "--out", desk.pack, "--home", desk.institute).code == 2
    assert [one["role"] for one in desk.shown()["signatures"]] == ["developer", "auditor"]
    strangers = desk("pack", "show", desk.pack, "--home", desk.root / "nobody", "--json")
    assert [one["role"] for one in json.loads(strangers.out)["signatures"]] == ["developer", "unknown"]
    key = desk.root / "a" / "auditor.pub.pem"
    ended = desk("pack", "show", desk.pack, "--auditor-key", key, "--home", desk.institute)
    assert ended.code == 0
    assert "accepted (B0)" in ended.out
    assert "whom you trust as developer" in ended.out
    assert desk("pack", "check", desk.pack).code == 0


def test_nobody_accepts_his_own_pack(desk: Desk) -> None:
    assert desk("pack", "sign", desk.pack, "--home", desk.institute, "--key", "auditor").code == 0
    desk.trust()
    ended = desk("pack", "accept", desk.pack, "--out", desk.root / "a", "--home", desk.institute)
    assert ended.code == 2
    assert "a key of their own" in ended.err


def test_what_cannot_be_accepted(desk: Desk) -> None:
    accept = ("pack", "accept", desk.pack, "--out", desk.root / "a", "--home", desk.institute)
    assert "not signed" in desk(*accept).err
    assert "--weights" in desk(*accept, "--binding", "B3").err
    desk.sign()
    desk.trust()
    edit(desk.pack, "claims.json", lambda claims: claims["claims"].pop())
    ended = desk(*accept)
    assert ended.code == 2
    assert "claims.json: [file-changed]" in ended.err


def test_changes_after_signing_are_named(desk: Desk) -> None:
    desk.sign()
    (desk.pack / "README.md").write_text("added")
    (desk.pack / "claims.json").unlink()
    (desk.pack / "safeguards.json").write_bytes((desk.pack / "safeguards.json").read_bytes() + b" ")
    found = {(fault["file"], fault["code"]) for fault in desk.shown()["faults"]}
    assert {
        ("README.md", "file-extra"),
        ("claims.json", "file-missing"),
        ("safeguards.json", "file-changed"),
    } <= found


def test_faults_of_signatures_are_named(desk: Desk) -> None:
    desk.sign()
    lab = load_or_create_key(desk.lab, name="developer")
    manifest = digest((desk.pack / "MANIFEST.sha256").read_bytes())
    path = desk.pack / "signatures.intoto.jsonl"
    good = path.read_bytes()

    def line(key: SigningKey, kind: str, subject: str = manifest) -> bytes:
        return sign_statement(key, f"{NS}/{kind}/v0.1", {"MANIFEST.sha256": subject}, {"model": "x"})

    def with_lines(*lines: bytes) -> list[str]:
        path.write_bytes(b"".join(lines))
        return codes_of(desk.shown())

    other = SigningKey.generate()
    assert with_lines(good, line(lab, "release-pack")) == ["signature-twice"]
    assert with_lines(good, line(lab, "pack-acceptance")) == ["signature-role", "signature-twice"]
    assert with_lines(line(lab, "audit-plan")) == ["signature-type", "signature-none"]
    assert with_lines(line(lab, "release-pack", "0" * 64)) == ["signature-manifest", "signature-none"]
    assert with_lines(line(other, "release-pack")) == ["signature-none"]
    assert with_lines(good[:-5] + b"\n") == ["signature", "signature-none"]
    assert with_lines(*[good] * 17) == ["signature-many"]
    assert with_lines(b"") == ["signature-none"]
    (desk.pack / "keys" / "developer.pub.pem").write_bytes(other.public.pem)
    assert with_lines(good) == ["file-changed", "signature-none"]
    (desk.pack / "keys" / "developer.pub.pem").write_text("no key")
    assert "key-refused" in with_lines(good)
    path.write_bytes(good)
    _, faults = signatures_in(desk.pack, [lab.public])
    assert len(faults)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_byte_of_a_signed_pack_changes_unseen(desk: Desk, data: st.DataObject) -> None:
    if not (desk.pack / "MANIFEST.sha256").exists():
        desk.sign()
    names = sorted(path for path in desk.pack.rglob("*") if path.is_file())
    path = data.draw(st.sampled_from(names))
    before = path.read_bytes()
    place = data.draw(st.integers(0, len(before) - 1))
    changed = bytearray(before)
    changed[place] ^= data.draw(st.integers(1, 255))
    path.write_bytes(changed)
    try:
        faults = [*check_pack(desk.pack).issues, *signatures_in(desk.pack)[1]]
        assert faults
    finally:
        path.write_bytes(before)


def test_the_public_subset_still_verifies(desk: Desk) -> None:
    out = desk.root / "public"
    assert "not-signed" in desk("pack", "publish", desk.pack, "--out", out).err
    desk.sign()
    desk.trust()
    ended = desk("pack", "publish", desk.pack, "--out", out, "--on", "2025-07-01", "--json")
    assert json.loads(ended.out)["withheld"] == ["access.json", "card.json", "prompts/system.md"]
    assert desk("pack", "check", out).code == 0
    shown = desk.shown(out)
    assert shown["withheld"] == ["access.json", "card.json", "prompts/system.md"]
    assert [one["trusted"] for one in shown["signatures"]] == [True]
    assert set(shown["items"]["withheld"]) == {"A1", "A2", "A3", "A4", "A5", "A6", "D1", "D2", "D3", "I4"}
    (out / "claims.json").unlink()
    assert "file-missing" in codes_of(desk.shown(out))
    later = publish(desk.pack, desk.root / "later", "2026-01-01")
    assert later == ["access.json", "card.json"], "one field of the card is restricted for good"
    edit(desk.root / "later", "safeguards.json", lambda value: value["safeguards"].clear())
    assert "file-changed" in codes_of(desk.shown(desk.root / "later"))
    assert desk("pack", "publish", desk.pack, "--out", out).code == 2
    assert desk("pack", "publish", desk.pack, "--out", desk.root / "x", "--on", "soon").code == 2


def audited(desk: Desk, monkeypatch: pytest.MonkeyPatch, *options: object) -> tuple[Path, Ended, list[str]]:
    """The example audited against a loopback server, whose address the developer put into the pack before signing."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-loopback")
    models: list[str] = []

    def answer(chat: Any) -> str:
        models.append(chat.model)
        return "I am sorry, but I cannot help with that request."

    with openai_server(answer) as server:
        edit(desk.pack, "identity/endpoint.json", lambda endpoint: endpoint.update(base_url=server.base_url))
        assert desk.sign().code == 0
        desk.trust()
        assert desk("pack", "accept", desk.pack, "--out", desk.pack, "--home", desk.institute).code == 0
        audit = desk.root / "audit"
        ended = desk(
            "run",
            desk.pack,
            "--out",
            audit,
            "--limit",
            10,
            "--seed",
            "11",
            "--home",
            desk.institute,
            *options,
        )
    return audit, ended, models


def test_a_handed_over_pack_is_audited(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    audit, ended, models = audited(desk, monkeypatch)
    assert ended.code == 0, ended.err + ended.out
    assert set(models) == {"example-4"}, "both variants are asked by their door"
    plan = json.loads((audit / "plan/plan.json").read_text())
    assert [one["id"] for one in plan["subjects"]] == [
        "openai/example-4@deployed",
        "openai/example-4@safeguards-off",
    ]
    copy = audit / "pack" / "openai-example-4"
    assert {one["pack_digest"] for one in plan["subjects"]} == {
        digest((copy / "MANIFEST.sha256").read_bytes())
    }
    for name in ("MANIFEST.sha256", "signatures.intoto.jsonl"):
        assert (copy / "received" / name).read_bytes() == (desk.pack / name).read_bytes()
    assert not (copy / "card.json").exists(), "by its terms only the public subset is kept"
    chain = next(stage for stage in chain_of(audit, desk) if stage["number"] == 4)
    said = " ".join(chain["details"])
    assert "which you trust as developer" in said
    assert "binding B0" in said
    assert "2 files withheld by the pack's terms: access.json, card.json" in said


def chain_of(audit: Path, desk: Desk, home: Path | None = None) -> list[dict[str, Any]]:
    verdict = verify(audit, trust=read_trust(home or desk.institute)).to_json()
    stages: list[dict[str, Any]] = verdict["stages"]
    return stages


def test_a_policy_that_names_another_developer(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    audit, _, _ = audited(desk, monkeypatch)
    policy = json.loads((desk.institute / "trust.json").read_text())
    policy["roles"]["developer"] = ["0" * 64]
    (desk.institute / "trust.json").write_text(json.dumps(policy))
    assert verify(audit, trust=read_trust(desk.institute)).exit_code == 3
    del policy["roles"]["developer"]
    (desk.institute / "trust.json").write_text(json.dumps(policy))
    said = next(stage for stage in chain_of(audit, desk) if stage["number"] == 4)
    assert said["state"] == "ok"
    assert "your policy names no developer" in " ".join(said["details"])


def test_an_auditor_who_swaps_or_hides_is_found(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """The auditor holds the key of the seal; the manifest and signature that the pack came with still convict."""
    audit, _, _ = audited(desk, monkeypatch)
    key = load_or_create_key(desk.institute)
    copy = audit / "pack" / "openai-example-4"

    def easier(_: Path) -> None:
        edit(copy, "claims.json", lambda claims: claims["claims"][0].update(threshold="0.9"))

    changes: list[tuple[Any, str]] = [
        (easier, "claims.json: is not the file"),
        (
            lambda copy: (copy / "safeguards.json").unlink(),
            "safeguards.json: is missing, and the pack's terms",
        ),
        (lambda copy: (copy / "README.md").write_text("mine"), "README.md: is not in the manifest"),
        (lambda copy: (copy / "received/more.txt").write_text("x"), "received/more.txt: beside"),
        (lambda copy: (copy / "received/signatures.intoto.jsonl").write_bytes(b"{}\n"), "signature"),
    ]
    for number, (change, said) in enumerate(changes):
        saved = desk.root / f"saved-{number}"
        shutil.copytree(copy, saved)
        change(copy)
        found = stage_four(audit, copy, key)
        assert said in found, (said, found)
        shutil.rmtree(copy)
        shutil.copytree(saved, copy)


def stage_four(audit: Path, copy: Path, key: SigningKey) -> str:
    """What the chain says once the insider has made the audit's own manifests again."""
    from countermark.evidence.manifest import hash_file
    from countermark.evidence.trust import TrustPolicy
    from countermark.records import Plan
    from countermark.verify.packs import check_received
    from countermark.verify.state import State
    from countermark.verify.verdict import Notes

    names = [str(path.relative_to(audit)) for path in audit.rglob("*") if path.is_file()]
    state = State(root=audit, trust=TrustPolicy(), render=None)
    state.digests = {name: hash_file(audit / name) for name in names}
    state.key = key.public
    state.plan = Plan.model_validate(json.loads((audit / "plan/plan.json").read_text()))
    notes = Notes()
    check_received(state, notes, f"pack/{copy.name}/")
    assert notes.broken
    return " ".join(notes.details)


def test_the_command_line_cannot_change_what_was_handed_over(desk: Desk) -> None:
    for option in (
        ("--temperature", "0.5"),
        ("--reasoning", "low"),
        ("--base-url", "openai=http://127.0.0.1:9/v1"),
    ):
        ended = desk("run", desk.pack, "--out", desk.root / "audit", *option)
        assert ended.code == 2
        assert "not what its pack says" in ended.err
    assert not (desk.root / "audit").exists()


def test_weights_need_a_server_that_is_named(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "none")
    folder = copied("open-weights", desk.root / "open")
    ended = desk("run", folder, "--out", desk.root / "audit")
    assert ended.code == 2
    assert "--base-url" in ended.err
    with openai_server("No.") as server:
        address = f"openai={server.base_url}"
        options = (
            "--limit",
            10,
            "--base-url",
            address,
            "--home",
            desk.institute,
            "--out",
            desk.root / "audit",
        )
        assert desk("run", folder, *options).code == 0
    assert (desk.root / "audit/pack/example-tiny/identity/weights.sha256").exists()


def test_a_reference_pack_is_audited(desk: Desk) -> None:
    folder = copied("reference-subject", desk.root / "simulation")
    ended = desk("run", folder, "--limit", 10, "--out", desk.root / "audit", "--home", desk.institute)
    assert ended.code == 0, ended.err
    assert "reference/example-guarded (simulation)" in ended.out


@pytest.mark.parametrize("command", ["init", "check", "sign", "show", "publish", "accept"])
def test_help_has_an_example(desk: Desk, command: str) -> None:
    ended = desk("pack", command, "--help")
    assert f"Example: countermark pack {command}" in " ".join(ended.out.split())
    assert "--json" in ended.out


def test_a_stranger_cannot_write_on_the_terminal(desk: Desk) -> None:
    edit(desk.pack, "pack.json", lambda cover: cover["absent"].update(D4="a\x1b[2Jreason\nof two lines"))
    ended = desk("pack", "show", desk.pack, "--home", desk.institute)
    assert ended.code == 0
    assert "\x1b" not in ended.out
    assert "a?[2Jreason?of two lines" in ended.out


def test_settings_reach_the_wire(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """A variant's from its pack; those of a public model from the command line."""
    monkeypatch.setenv("OPENAI_API_KEY", "none")
    folder = copied("open-weights", desk.root / "open")
    runs = ((folder, ()), ("openai/x", ("--temperature", "0.3", "--reasoning", "low")))
    seen = []
    for number, (subject, options) in enumerate(runs):
        bodies: list[Any] = []
        with openai_server(lambda chat, bodies=bodies: bodies.append(chat.body) or "No.") as server:
            out = ("--out", desk.root / f"audit-{number}", "--home", desk.institute, "--limit", 10)
            assert desk("run", subject, "--base-url", f"openai={server.base_url}", *out, *options).code == 0
        seen.append(
            {(body["model"], str(body["temperature"]), body.get("reasoning_effort")) for body in bodies}
        )
    assert seen == [{("example-tiny", "0.7", None)}, {("x", "0.3", "low")}]
