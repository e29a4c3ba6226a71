"""`countermark plan` and `run --plan` given the wrong thing, or called from elsewhere: nothing is opened, drawn or lost."""

import json
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from cli.test_pack import Desk
from cli.test_plan import countersigned, handed_over, planned
from countermark.cli.lines import columns
from countermark.evidence import load_or_create_key
from countermark.evidence.keys import create_key
from pack_factory import copied


@pytest.fixture
def desk(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Desk:
    monkeypatch.setenv("COLUMNS", "80")
    copied("reference-subject", tmp_path / "pack")
    made = Desk(tmp_path, capsys)
    assert made.sign().code == 0
    made.trust()
    return made


def everything(root: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def test_only_the_key_that_signed_the_pack_opens_its_part(desk: Desk) -> None:
    folder = handed_over(desk, planned(desk))
    create_key(desk.lab, "other", None)
    before, line = everything(desk.root), desk.root / "line.jsonl"
    for name, why in (("other", "did not sign the pack"), ("nosuch", "holds no key named nosuch")):
        ended = desk("plan", "countersign", folder, "--key", name, "--home", desk.lab, "--out", line)
        assert ended.code == 2
        assert why in ended.err
        assert f"countermark plan countersign {folder} --key developer --home {desk.lab}" in ended.err
        assert everything(desk.root) == before, "nothing is opened, and no key is made"
    signer = next((desk.lab / "parts").glob("*.signer"))
    signer.unlink()
    ended = desk("plan", "countersign", folder, "--home", desk.lab, "--out", line)
    assert ended.code == 2
    assert "does not say which key" in ended.err
    assert not line.exists()


def test_too_much_handed_over_is_told(desk: Desk) -> None:
    audit = planned(desk)
    shutil.copytree(audit, desk.root / "all")
    desk("key", "trust", audit / "plan" / "auditor.pub.pem", "--role", "auditor", "--home", desk.lab)
    ended = desk(
        "plan", "countersign", desk.root / "all" / "plan", "--home", desk.lab, "--out", desk.root / "c.jsonl"
    )
    assert ended.code == 0
    assert "resume.json lies beside the plan" in ended.err
    folder = handed_over(desk, audit)
    ended = desk("plan", "countersign", folder, "--home", desk.lab, "--out", desk.root / "d.jsonl")
    assert ended.code == 0
    assert ended.err == ""


def test_a_plan_runs_from_another_directory_and_without_the_pack_it_was_made_of(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(desk.root)
    assert desk("plan", "pack", "--out", "audit", "--limit", 3, "--home", "institute").code == 0
    line = countersigned(desk, handed_over(desk, desk.root / "audit"))
    shutil.move("pack", "elsewhere")
    (desk.root / "deep" / "er").mkdir(parents=True)
    monkeypatch.chdir(desk.root / "deep" / "er")
    ended = desk("run", "--plan", "../../audit", "--countersignature", line, "--home", desk.institute)
    assert ended.code == 0, ended.err
    assert desk("verify", "../../audit", "--home", desk.institute).code == 0


def test_a_copy_that_was_changed_is_not_the_pack_of_the_plan(desk: Desk) -> None:
    audit = planned(desk)
    line = countersigned(desk, handed_over(desk, audit))
    [cover] = audit.glob("pack/*/pack.json")
    cover.write_text(cover.read_text().replace("0.", "0.0"))
    before = everything(audit)
    shutil.rmtree(desk.pack)
    ended = desk("run", "--plan", audit, "--countersignature", line, "--home", desk.institute)
    assert ended.code == 2
    assert everything(audit) == before


@pytest.mark.parametrize("name", ["institute/pak", "no such/pak", "nosuch", "./nosuch", "/no/such/pack"])
def test_a_mistyped_pack_is_said_not_to_be_there(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(desk.root)
    for command in (("plan",), ("run",)):
        ended = desk(*command, name, "--out", "made", "--home", "nobody")
        assert ended.code == 2
        assert name in ended.err
        assert "does not exist" in ended.err or "nor a directory" in ended.err
    assert not (desk.root / "nobody").exists()
    assert not (desk.root / "made").exists()


def test_a_place_that_is_taken_is_told_before_a_key_is_made(desk: Desk) -> None:
    (desk.root / "taken").mkdir()
    (desk.root / "taken" / "file").write_text("mine")
    for command in ("plan", "run"):
        ended = desk(
            command,
            "reference/guarded",
            "--out",
            desk.root / "taken",
            "--limit",
            3,
            "--home",
            desk.root / "new",
        )
        assert ended.code == 2
        assert "taken: [not-empty]" in ended.err
    assert not (desk.root / "new").exists()


def test_what_run_is_given_in_place_of_a_plan_that_waits(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    audit = planned(desk)
    line = countersigned(desk, handed_over(desk, audit))
    home = ("--home", desk.institute)
    again = f"--countersignature {line} --home {desk.institute}"
    ended = desk("run", "--plan", audit / "plan", "--countersignature", line, *home)
    assert ended.code == 2
    assert f"countermark run --plan {audit} {again}" in ended.err
    monkeypatch.chdir(audit / "plan")
    assert f"run --plan {audit} {again}" in desk("run", "--plan", ".", "--countersignature", line, *home).err
    ended = desk("run", "--plan", desk.pack, *home)
    assert ended.code == 2
    assert f"countermark plan {desk.pack} --out AUDIT" in ended.err
    assert desk("run", "--plan", desk.root, *home).code == 2

    half = shutil.copytree(audit, desk.root / "half")
    command = [
        sys.executable,
        "-m",
        "countermark.cli",
        "run",
        "--plan",
        half,
        "--countersignature",
        line,
        *home,
    ]
    running = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while not (half / "evidence" / "run-1" / "records.jsonl").exists():
        assert running.poll() is None
        time.sleep(0.005)
    running.kill()
    running.wait()
    ended = desk("run", "--plan", half, "--countersignature", line, *home)
    assert ended.code == 2
    assert f"countermark resume {half} --home {desk.institute}" in ended.err
    assert desk("resume", half, *home).code == 0
    ended = desk("run", "--plan", half, "--countersignature", line, *home)
    assert ended.code == 2
    assert "is finished" in ended.err
    assert f"countermark verify {half}" in ended.err


def test_a_countersignature_is_kept_only_once_all_else_is_in_order(desk: Desk) -> None:
    audit = planned(desk)
    line = countersigned(desk, handed_over(desk, audit))
    before = everything(audit)
    options = ("--countersignature", line, "--home", desk.institute)
    assert desk("run", "--plan", audit, "--budget", "much", *options).code == 2
    load_or_create_key(desk.root / "stranger")
    other = ("--countersignature", line, "--home", desk.root / "stranger")
    assert desk("run", "--plan", audit, *other).code == 3
    wrong = ("--countersignature", desk.pack / "pack.json")
    ended = desk("run", "--plan", audit, *wrong, *options)
    assert ended.code == 2
    assert f"{desk.pack / 'pack.json'}: [countersignature] has " in ended.err
    assert everything(audit) == before
    assert desk("run", "--plan", audit, *options).code == 0


def test_show_names_the_signer_and_tells_a_change(desk: Desk) -> None:
    folder = handed_over(desk, planned(desk))
    signer = load_or_create_key(desk.institute).public.fingerprint
    assert f"signed by {signer}" in " ".join(desk("plan", "show", folder).out.split())
    text = (folder / "plan.json").read_text()
    (folder / "plan.json").write_text(text.replace('"max_attempts":3', '"max_attempts":9'))
    changed = desk("plan", "show", folder)
    assert changed.code == 1
    assert "plan/plan.json: [file-changed]" in changed.err
    assert "max_attempts: 9" in changed.out
    as_json = desk("plan", "show", folder, "--json")
    assert as_json.code == 1
    assert json.loads(as_json.out)["faults"]
    (folder / "plan.json").write_text(text)
    for name in ("signatures.intoto.jsonl", "MANIFEST.sha256", "auditor.pub.pem"):
        data = (folder / name).read_bytes()
        for worse in (b"", data[:-9], data[::-1]):
            (folder / name).write_bytes(worse)
            assert desk("plan", "show", folder).code == 1, name
        (folder / name).unlink()
        assert desk("plan", "show", folder).code == 1, name
        (folder / name).write_bytes(data)
    assert desk("plan", "show", folder).code == 0


def test_a_plan_is_told_in_short_lines(desk: Desk) -> None:
    shown = desk("plan", "show", planned(desk))
    assert max(columns(line) for line in shown.out.splitlines()) <= 80
    whole = json.loads(desk("plan", "show", desk.root / "audit", "--json").out)
    pools = whole["tests"][0]["grader_options"]["pools"]
    assert len(pools) > 3
    assert f"pools: {len(pools)} entries" in shown.out


def test_no_number_of_the_power_is_cut(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = ("plan", desk.pack, "--power", "--limit", 20, "--home", desk.institute)
    metrics = json.loads(desk(*asked, "--json").out)["metrics"]
    for width in (40, 80, 200):
        monkeypatch.setenv("COLUMNS", str(width))
        said = desk(*asked).out
        assert "…" not in said
        table = said.partition("\n\n")[2].partition("\n\n")[0].splitlines()
        assert width < 80 or max(map(columns, table)) <= 80
        words = " ".join(table).split()
        for row in metrics:
            words = words[words.index(row["name"].split()[1]) + 1 :]
            assert [word.rstrip("!") for word in words[2:9]] == numbers(row)


def numbers(row: dict[str, Any]) -> list[str]:
    """Trials at four rates, at most, in a fixed design, and the smallest difference: as the table has them."""
    at = {one["where"]: one["calls"] for one in row["at"]}
    places = ("zero", "target", "limit", "twice_limit") if "zero" in at else ("0", "0.05", "0.1", "0.5")
    difference = row["smallest_difference"]
    shown = "none" if difference is None else f"{difference:.3f}"
    return [*(f"{at[where]:.0f}" for where in places), str(row["worst"]), str(row["fixed"]), shown]
