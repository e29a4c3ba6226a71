"""`countermark plan`: a plan that both sides sign, its seed made by both, from two homes and two directories."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cli.test_pack import Desk
from countermark.evidence import load_or_create_key, sign_part
from countermark.evidence.dsse import PLAN_TYPE
from pack_factory import copied


@pytest.fixture
def desk(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[Desk]:
    copied("reference-subject", tmp_path / "pack")
    made = Desk(tmp_path, capsys)
    assert made.sign().code == 0
    made.trust()
    return made


def planned(desk: Desk, *more: object) -> Path:
    audit = desk.root / "audit"
    ended = desk(
        "plan",
        desk.pack,
        "--out",
        audit,
        "--auditor",
        "An Institute",
        "--limit",
        12,
        "--home",
        desk.institute,
        *more,
    )
    assert ended.code == 0, ended.err
    return audit


def handed_over(desk: Desk, audit: Path) -> Path:
    """What the developer gets: the folder plan/ and nothing else."""
    folder = desk.root / "received" / "plan"
    shutil.copytree(audit / "plan", folder)
    desk("key", "trust", folder / "auditor.pub.pem", "--role", "auditor", "--home", desk.lab)
    return folder


def countersigned(desk: Desk, folder: Path) -> Path:
    line = desk.root / "countersignature.intoto.jsonl"
    ended = desk("plan", "countersign", folder, "--home", desk.lab, "--out", line)
    assert ended.code == 0, ended.err
    return line


def test_a_joint_plan_from_signing_to_verifying(desk: Desk) -> None:
    audit = planned(desk)
    assert sorted(path.name for path in audit.iterdir()) == ["pack", "plan", "resume.json"]
    assert "auditor 'An Institute'" not in desk("plan", "show", audit).out
    shown = json.loads(desk("plan", "show", audit / "plan", "--json").out)
    assert len(shown["seed"]["developers"]) == 1

    early = desk("run", "--plan", audit, "--home", desk.institute)
    assert early.code == 2
    assert "waits for the countersignature" in early.err

    line = countersigned(desk, handed_over(desk, audit))
    ended = desk("run", "--plan", audit, "--countersignature", line, "--home", desk.institute)
    assert ended.code == 0, ended.err
    seed = json.loads((audit / "reveal" / "seed.json").read_bytes())
    parts = [seed["auditor"]["value"], *(part["value"] for part in seed["developers"])]
    assert len(parts) == 2
    assert seed["seed"] not in parts
    verdict = json.loads(desk("verify", audit, "--home", desk.institute, "--json").out)
    chain = " ".join(verdict["stages"][4]["details"])
    assert "countersigned by" in chain
    assert "which you trust as developer" in chain
    report = json.loads((audit / "report" / "report.json").read_bytes())
    assert "one_party_plan" not in report["limits"]


def test_nobody_knows_the_seed_before_both_have_signed(desk: Desk) -> None:
    """The developer's folder holds no part of the seed; the auditor's, not the developer's."""
    audit = planned(desk)
    part = json.loads(next((desk.lab / "parts").glob("*.json")).read_bytes())["value"]
    own = json.loads((audit / "resume.json").read_bytes())["seed"]
    assert own not in "".join(path.read_text() for path in handed_over(desk, audit).iterdir())
    assert part not in "".join(path.read_text() for path in audit.rglob("*") if path.is_file())


def test_a_developer_signs_only_what_it_can_check(desk: Desk) -> None:
    audit = planned(desk)
    folder = desk.root / "received" / "plan"
    shutil.copytree(audit / "plan", folder)
    unknown = desk("plan", "countersign", folder, "--home", desk.lab, "--out", desk.root / "c.jsonl")
    assert unknown.code == 3
    assert "do not trust as auditor" in unknown.err
    desk("key", "trust", folder / "auditor.pub.pem", "--role", "auditor", "--home", desk.lab)
    text = (folder / "plan.json").read_text()
    (folder / "plan.json").write_text(text.replace('"max_attempts":3', '"max_attempts":9'))
    changed = desk("plan", "countersign", folder, "--home", desk.lab, "--out", desk.root / "c.jsonl")
    assert changed.code == 2
    assert "plan.json" in changed.err
    (folder / "plan.json").write_text(text)
    desk("key", "trust", folder / "auditor.pub.pem", "--role", "auditor", "--home", desk.institute)
    stranger = desk("plan", "countersign", folder, "--home", desk.institute, "--out", desk.root / "c.jsonl")
    assert stranger.code == 2
    assert "no part of the seed" in stranger.err
    assert not (desk.root / "c.jsonl").exists()


def test_a_countersignature_of_another_plan_is_refused_and_leaves_nothing(desk: Desk) -> None:
    first = planned(desk)
    line = countersigned(desk, handed_over(desk, first))
    first.rename(desk.root / "first")
    second = planned(desk)
    before = (second / "plan" / "signatures.intoto.jsonl").read_bytes()
    ended = desk("run", "--plan", second, "--countersignature", line, "--home", desk.institute)
    assert ended.code == 2
    assert f"{line}: line 1: [countersignature] is a countersignature of another plan; ask its" in ended.err
    assert (second / "plan" / "signatures.intoto.jsonl").read_bytes() == before
    assert not (second / "draw").exists()


def test_files_that_are_no_countersignature_are_each_named_and_leave_nothing(desk: Desk) -> None:
    audit = planned(desk)
    good = countersigned(desk, handed_over(desk, audit))
    wrong = {
        "a word.txt": b"hello\n",
        "empty": b"",
        "two hundred lines": b"{}\n" * 200,
        "bytes": bytes(range(256)),
        "twice": good.read_bytes() * 2 + b"\n",
        "half": good.read_bytes()[:200],
        "key.pub.pem": (audit / "plan" / "auditor.pub.pem").read_bytes(),
        "the auditor's": (audit / "plan" / "signatures.intoto.jsonl").read_bytes(),
        "the pack's": (desk.pack / "signatures.intoto.jsonl").read_bytes(),
    }
    before = {path: path.read_bytes() for path in audit.rglob("*") if path.is_file()}
    options: list[object] = ["--countersignature", good]
    for name, data in wrong.items():
        (desk.root / name).write_bytes(data)
        options += ["--countersignature", desk.root / name]
    ended = desk("run", "--plan", audit, *options, "--home", desk.institute)
    assert ended.code == 2
    for name in wrong:
        assert f"\n{desk.root / name}: " in ended.err, name
    assert f"\n{good}: " not in ended.err
    assert f"\n{desk.root / 'twice'}: line 3: [countersignature]" in ended.err
    assert {path: path.read_bytes() for path in audit.rglob("*") if path.is_file()} == before
    for one in ("missing", "."):
        assert desk("run", "--plan", audit, "--countersignature", desk.root / one).code == 2


def test_a_countersignature_may_be_given_again_and_with_other_line_ends(desk: Desk) -> None:
    audit = planned(desk)
    line = countersigned(desk, handed_over(desk, audit))
    mailed = desk.root / "mailed.jsonl"
    mailed.write_bytes(line.read_bytes().replace(b"\n", b"\r\n"))
    both = ("--countersignature", line, "--countersignature", mailed)
    ended = desk("run", "--plan", audit, *both, "--home", desk.institute)
    assert ended.code == 0, ended.err
    assert len((audit / "plan" / "signatures.intoto.jsonl").read_bytes().splitlines()) == 2


def test_the_auditors_own_key_countersigns_nothing(desk: Desk) -> None:
    """Neither does a stranger's, nor the developer's over a part that its pack did not commit to."""
    from countermark.canonical import digest
    from countermark.evidence import Nonce, SigningKey
    from countermark.evidence.countersign import countersign

    audit = planned(desk)
    name = json.loads((audit / "plan/plan.json").read_bytes())["audit"]
    manifest = (audit / "plan/MANIFEST.sha256").read_bytes()
    part = Nonce.from_json(json.loads(next((desk.lab / "parts").glob("*.json")).read_bytes()))
    plan = digest((audit / "plan/plan.json").read_bytes())
    made = {
        "auditor": (load_or_create_key(desk.institute, None), part),
        "stranger": (SigningKey.generate(), part),
        "other": (load_or_create_key(desk.lab, None, name="developer"), Nonce.random()),
    }
    for who, (key, opened) in made.items():
        line = desk.root / f"{who}.jsonl"
        line.write_bytes(countersign(key, manifest, audit=name, plan_sha256=plan, part=opened))
        ended = desk("run", "--plan", audit, "--countersignature", line, "--home", desk.institute)
        assert ended.code == 2, who
        assert f"{line}: line 1: [countersignature]" in ended.err
    assert len((audit / "plan" / "signatures.intoto.jsonl").read_bytes().splitlines()) == 1


def test_a_part_is_opened_for_one_plan_only(desk: Desk) -> None:
    """Opened for two plans, the developer's part would let the auditor choose between two draws."""
    first = planned(desk)
    folder = handed_over(desk, first)
    countersigned(desk, folder)
    assert (
        desk("plan", "countersign", folder, "--home", desk.lab, "--out", desk.root / "again.jsonl").code == 0
    )
    first.rename(desk.root / "first")
    shutil.rmtree(desk.root / "received")
    other = handed_over(desk, planned(desk))
    refused = desk("plan", "countersign", other, "--home", desk.lab, "--out", desk.root / "other.jsonl")
    assert refused.code == 2
    assert "another plan already" in refused.err
    assert not (desk.root / "other.jsonl").exists()
    fresh = desk("pack", "sign", desk.pack, "--home", desk.lab, "--json")
    assert json.loads(fresh.out)["signed"] is True
    assert len(list((desk.lab / "parts").glob("*.json"))) == 2


def test_what_was_signed_holds(desk: Desk) -> None:
    audit = planned(desk)
    nobody = desk("run", "--plan", audit, "--home", desk.root / "nobody")
    assert nobody.code == 2
    assert not (desk.root / "nobody").exists()
    ended = desk("run", "--plan", audit, "--epochs", 2, "--home", desk.institute)
    assert ended.code == 2
    assert "epochs" in ended.err


def test_solo_goes_on_without_the_developer_and_says_so(desk: Desk) -> None:
    audit = planned(desk, "--solo", "--seed", "2a")
    ended = desk("run", "--plan", audit, "--home", desk.institute, "--json")
    assert ended.code == 0, ended.err
    assert json.loads(ended.out)["seed"] == "2a"
    assert "one_party_plan" in json.loads((audit / "report" / "report.json").read_bytes())["limits"]


def insider(audit: Path, desk: Desk, change: Any) -> dict[str, Any]:
    """The auditor rewrites something under plan/ after the run and signs again; the verdict of whoever reads it."""
    key = load_or_create_key(desk.institute, None, name="auditor")
    change(audit, key)
    from audit_factory import sealed_facts  # the same insider as in tests/verify
    from countermark.evidence import seal

    seal(audit, key, sealed_facts(audit))
    verdict: dict[str, Any] = json.loads(desk("verify", audit, "--home", desk.institute, "--json").out)
    return verdict


def without_countersignature(audit: Path, key: Any) -> None:
    sign_part(
        audit / "plan",
        key,
        PLAN_TYPE,
        {"audit": json.loads((audit / "plan/plan.json").read_bytes())["audit"]},
    )


def own_countersignature(audit: Path, key: Any) -> None:
    from countermark.evidence import Nonce
    from countermark.evidence.countersign import countersign

    signatures = audit / "plan/signatures.intoto.jsonl"
    first = signatures.read_bytes().splitlines(keepends=True)[0]
    part = Nonce.from_json(json.loads((audit / "reveal/seed.json").read_bytes())["developers"][0])
    manifest = (audit / "plan/MANIFEST.sha256").read_bytes()
    line = countersign(key, manifest, audit="0" * 32, plan_sha256="0" * 64, part=part)
    signatures.write_bytes(first + line)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (without_countersignature, "no countersignature opens"),
        (own_countersignature, "plan/signatures.intoto.jsonl: line 2"),
    ],
)
def test_an_auditor_cannot_do_without_the_developer_afterwards(desk: Desk, change: Any, said: str) -> None:
    audit = planned(desk)
    line = countersigned(desk, handed_over(desk, audit))
    assert desk("run", "--plan", audit, "--countersignature", line, "--home", desk.institute).code == 0
    verdict = insider(audit, desk, change)
    assert verdict["exit_code"] == 1
    assert said in " ".join(verdict["stages"][4]["details"])


def test_power_prints_and_writes_no_plan(desk: Desk) -> None:
    picture = desk.root / "power.svg"
    ended = desk("plan", desk.pack, "--power", "--picture", picture, "--home", desk.institute)
    assert ended.code == 0, ended.err
    assert "leak_rate" in ended.out
    assert picture.read_bytes().startswith(b"<svg")
    assert not (desk.root / "audits").exists()
    shown = json.loads(desk("plan", desk.pack, "--power", "--json", "--home", desk.institute).out)
    assert {at["where"] for at in shown["metrics"][0]["at"]} >= {"zero", "target", "limit"}
    fixed = desk("plan", desk.pack, "--power", "--fixed", "--home", desk.institute)
    assert fixed.code == 2
