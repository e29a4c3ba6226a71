"""A plan that both sides signed: both verifiers hold it to both, and to the parts of the seed that they committed to."""

import base64
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from audit_factory import sealed_facts
from cli.test_pack import Desk
from cli.test_plan import countersigned, handed_over, planned
from countermark.canonical import decode, encode
from countermark.evidence import SigningKey, TrustPolicy, load_or_create_key, seal, sign_statement
from countermark.report import render
from countermark.verify import verify
from pack_factory import copied
from second_reader import second


@pytest.fixture
def joint(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> tuple[Path, SigningKey]:
    """An audit whose plan a developer countersigned, made by the commands, and the key of its auditor."""
    copied("reference-subject", tmp_path / "pack")
    desk = Desk(tmp_path, capsys)
    assert desk.sign().code == 0
    desk.trust()
    audit = planned(desk)
    line = countersigned(desk, handed_over(desk, audit))
    ended = desk("run", "--plan", audit, "--countersignature", line, "--home", desk.institute)
    assert ended.code == 0, ended.err
    return audit, load_or_create_key(desk.institute)


def without_countersignature(audit: Path) -> None:
    lines = (audit / "plan/signatures.intoto.jsonl").read_bytes().splitlines(keepends=True)
    (audit / "plan/signatures.intoto.jsonl").write_bytes(lines[0])


def auditor_for_the_developer(audit: Path, key: SigningKey) -> None:
    """The auditor signs the countersignature's very words with its own key."""
    path = audit / "plan/signatures.intoto.jsonl"
    first, second_line = path.read_bytes().splitlines(keepends=True)
    payload = json.loads(base64.b64decode(json.loads(second_line)["payload"]))
    subjects = {one["name"]: one["digest"]["sha256"] for one in payload["subject"]}
    path.write_bytes(first + sign_statement(key, payload["predicateType"], subjects, payload["predicate"]))


def another_part(audit: Path) -> None:
    """The developer's part of the seed replaced where it is revealed, and the seed made to follow."""
    path = audit / "reveal/seed.json"
    value = decode(path.read_bytes())
    value["developers"][0]["value"] = "00"
    parts = [value["auditor"], *value["developers"]]
    value["seed"] = second.joint_seed([part["value"] for part in parts])
    path.write_bytes(encode(value))


def test_both_hold_a_plan_to_both_its_signers(joint: tuple[Path, SigningKey], tmp_path: Path) -> None:
    audit, key = joint
    trust = TrustPolicy(roles={"auditor": frozenset({key.public.fingerprint})})

    def say(directory: Path) -> tuple[int, list[str]]:
        lines: list[str] = []
        code: int = second.verify(second.Audit(directory, second.read_key(key.public.pem)), lines.append)
        return code, lines

    assert verify(audit, trust=trust, render=render).exit_code == 0
    code, lines = say(audit)
    assert code == 0, lines[-1]
    assert any("1 countersignatures" in line for line in lines)
    assert any("of 2 parties" in line for line in lines)
    changes: dict[str, tuple[Callable[[Path], object], str]] = {
        "without": (without_countersignature, "FAIL  plan"),
        "by the auditor": (lambda copy: auditor_for_the_developer(copy, key), "FAIL  plan"),
        "another part": (another_part, "FAIL  draw"),
    }
    for name, (change, said) in changes.items():
        copy = Path(shutil.copytree(audit, tmp_path / name))
        change(copy)
        seal(copy, key, sealed_facts(copy))
        assert verify(copy, trust=trust, render=render).stages[4].state == "failed", name
        code, lines = say(copy)
        assert code == 1, (name, lines)
        assert lines[-1].startswith(said), (name, lines)
