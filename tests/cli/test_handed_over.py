"""What `plan` says of a pack whose signing or accepting was skipped: the facts in one line, and nothing where nothing lacks."""

import json
from pathlib import Path

import pytest

from cli.test_pack import Desk
from countermark.canonical import encode
from pack_factory import copied


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Desk:
    monkeypatch.setenv("COLUMNS", "400")
    copied("reference-subject", tmp_path / "pack")
    return Desk(tmp_path, capsys)


def said(desk: Desk, out: str) -> list[str]:
    ended = desk("plan", desk.pack, "--out", desk.root / out, "--limit", 4, "--home", desk.institute)
    assert ended.code == 0, ended.err
    return [line for line in ended.out.splitlines() if line.startswith("!  ")]


def test_each_step_that_was_skipped_is_told(desk: Desk) -> None:
    assert said(desk, "unsigned") == [
        f"!  {desk.pack}: no developer signed it; it bears no acceptance of yours"
    ]
    assert desk.sign().code == 0
    [line] = said(desk, "strange")
    assert "whom your policy does not trust as developer; it bears no acceptance of yours" in line
    desk.trust()
    assert said(desk, "known") == [f"!  {desk.pack}: it bears no acceptance of yours"]
    done = desk("pack", "accept", desk.pack, "--out", desk.pack, "--home", desk.institute)
    assert done.code == 0, done.err
    assert said(desk, "accepted") == []


@pytest.mark.parametrize("command", ["plan", "run"])
def test_a_signature_that_does_not_hold_is_refused_before_anything_is_spent(desk: Desk, command: str) -> None:
    """The whole audit would run, be sealed, and not verify."""
    desk.sign()
    file = desk.pack / "signatures.intoto.jsonl"
    line = json.loads(file.read_bytes())
    line["signatures"][0]["sig"] = "AAAA" + line["signatures"][0]["sig"][4:]
    file.write_bytes(encode(line) + b"\n")
    ended = desk(command, desk.pack, "--out", desk.root / "audit", "--limit", 4, "--home", desk.institute)
    assert ended.code == 2
    assert f"{file}: line 1: [signature] the signature does not hold; ask its developer" in ended.err
    assert not (desk.root / "audit").exists()
    assert not (desk.institute / "keys").exists()


def test_others_are_not_spoken_of(desk: Desk) -> None:
    """A subject asked for by name was handed over by nobody."""
    ended = desk(
        "plan", "reference/guarded", "--out", desk.root / "audit", "--limit", 4, "--home", desk.institute
    )
    assert ended.code == 0, ended.err
    assert "acceptance" not in ended.out
    given = json.loads(
        desk(
            "plan",
            desk.pack,
            "reference/guarded",
            "--out",
            desk.root / "b",
            "--limit",
            4,
            "--json",
            "--home",
            desk.institute,
        ).out
    )["packs"]
    assert [(one["developer"], one["trusted"], one["accepted"]) for one in given] == [("", False, False)]
