"""The command line as people meet it: what it prints, what it writes, how it ends. Every command in a real process."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from battery_factory import small_battery
from countermark.battery import load_battery
from countermark.battery.loader import BUILT_IN


@dataclass(frozen=True)
class Ended:
    code: int
    out: str
    err: str


@pytest.fixture
def countermark(tmp_path: Path):
    def run(*arguments: object, **environment: str) -> Ended:
        clean = {
            name: value for name, value in os.environ.items() if not name.endswith(("_API_KEY", "_BASE_URL"))
        }
        done = subprocess.run(
            [sys.executable, "-m", "countermark.cli", *map(str, arguments)],
            check=False, capture_output=True, text=True, cwd=tmp_path, timeout=120,
            env={**clean, "COUNTERMARK_HOME": str(tmp_path / "home"), "COLUMNS": "160", **environment},
        )  # fmt: skip
        assert "Traceback" not in done.stderr + done.stdout
        return Ended(done.returncode, done.stdout, done.stderr)

    return run


def test_a_whole_audit_without_a_key(countermark, tmp_path: Path) -> None:
    ended = countermark("run", "--limit", 12, "--seed", "2a", "--out", "audit")
    assert ended.code == 0, ended.err
    assert "reference/guarded (simulation)" in ended.out
    assert "NOT PROVEN" in ended.out
    assert "trials" in ended.err
    assert "intervals cover the planted rate" in ended.out
    assert (tmp_path / "audit" / "report" / "index.html").is_file()
    assert not (tmp_path / "audit" / "resume.json").exists()

    again = countermark("verify", "audit")
    assert again.code == 0, again.out
    stranger = countermark("verify", "audit", "--home", tmp_path / "elsewhere")
    assert stranger.code == 3
    as_json = json.loads(countermark("verify", "audit", "--json").out)
    assert {stage["state"] for stage in as_json["stages"]} <= {"ok", "not checked"}

    report = json.loads(countermark("report", "audit", "--json").out)
    assert report["coverage"]["planted"] > 0
    assert countermark("report", "audit", "--page", "copy").code == 0
    assert (tmp_path / "copy" / "index.html").read_bytes() == (
        tmp_path / "audit/report/index.html"
    ).read_bytes()


def test_a_changed_page_is_named(countermark, tmp_path: Path) -> None:
    few = ("--battery", small_battery(), "--limit", 10)
    assert countermark("run", "reference/guarded", *few, "--out", "audit").code == 0
    page = tmp_path / "audit" / "report" / "index.html"
    page.write_bytes(page.read_bytes().replace(b"guarded", b"Guarded", 1))
    ended = countermark("verify", "audit")
    assert ended.code == 1
    assert "report/index.html" in ended.out


def test_the_same_seed_gives_the_same_numbers(countermark) -> None:
    findings = []
    for out in ("one", "two"):
        few = ("--battery", small_battery(), "--limit", 10, "--seed", "77")
        ended = countermark("run", "reference/gamer", *few, "--out", out, "--json")
        assert ended.code == 0, ended.err
        findings.append(json.loads(ended.out)["findings"])
    assert findings[0] == findings[1]


def test_an_audit_is_never_written_over_another(countermark, tmp_path: Path) -> None:
    (tmp_path / "audit").mkdir()
    (tmp_path / "audit" / "mine.txt").write_text("keep")
    ended = countermark("run", "reference/guarded", "--limit", 10, "--out", "audit")
    assert ended.code == 2
    assert "not-empty" in ended.err
    assert [path.name for path in (tmp_path / "audit").iterdir()] == ["mine.txt"]


def test_dry_run_spends_and_writes_nothing(countermark, tmp_path: Path) -> None:
    ended = countermark(
        "run", "openai/gpt-4.1", "reference/guarded", "--dry-run", "--json", OPENAI_API_KEY="unused"
    )
    assert ended.code == 0, ended.err
    live, simulated = json.loads(ended.out)
    assert live["calls_at_most"] >= live["calls"] >= live["trials"] > 0
    assert float(live["usd_at_most"]) > float(live["usd"]) > 0
    assert float(simulated["usd"]) == 0
    assert not (tmp_path / "audits").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["openai/gpt-4.1"], "OPENAI_API_KEY"),
        (["anthropic/claude-sonnet-4-0"], "ANTHROPIC_API_KEY"),
        (["nobody/model"], "nobody"),
        (["reference/nobody"], "reference/guarded"),
        (["gpt-4.1"], "neither provider/model nor a directory"),
        (["reference/guarded", "--seed", "xyz"], "seed"),
        (["reference/guarded", "--battery", "nowhere"], "nowhere"),
    ],
)
def test_one_clear_line(countermark, tmp_path: Path, arguments: list[str], said: str) -> None:
    ended = countermark("run", *arguments, "--out", "audit")
    assert ended.code == 2, ended.err
    assert said in ended.err
    assert not (tmp_path / "audit").exists()


def test_an_unreachable_address_is_one_clear_line(countermark, tmp_path: Path) -> None:
    address = "openai=http://127.0.0.1:9/v1"
    ended = countermark("run", "openai/x", "--base-url", address, "--out", "audit", OPENAI_API_KEY="k")
    assert ended.code == 2
    assert "127.0.0.1:9" in ended.err
    assert not (tmp_path / "audit").exists()


def test_a_budget_needs_a_price(countermark, tmp_path: Path) -> None:
    ended = countermark("run", "openai/made-up-model", "--budget", "1", "--out", "audit", OPENAI_API_KEY="k",
                        OPENAI_BASE_URL="http://127.0.0.1:9/v1")  # fmt: skip
    assert ended.code == 2
    assert "--price" in ended.err
    assert not (tmp_path / "audit").exists()


@pytest.mark.parametrize("command", ["run", "resume", "verify", "report", "import", "pack check", "pack show",
                                     "battery list", "battery show", "battery draw", "battery check"])  # fmt: skip
def test_help_has_an_example_and_json(countermark, command: str) -> None:
    ended = countermark(*command.split(), "--help")
    assert ended.code == 0
    assert f"Example: countermark {command}" in " ".join(ended.out.split())
    assert "--json" in ended.out


@pytest.mark.parametrize("made", ["nothing", "file", "empty", "foreign"])
def test_verify_on_what_is_no_audit(countermark, tmp_path: Path, made: str) -> None:
    target = tmp_path / "thing"
    if made == "file":
        target.write_text("x")
    elif made != "nothing":
        target.mkdir()
        if made == "foreign":
            (target / "README").write_text("x")
    assert countermark("verify", target).code == 2


def test_battery_commands(countermark) -> None:
    listed = json.loads(countermark("battery", "list", "--json").out)
    tests = [test["test"] for test in listed["tests"]]
    assert tests == list(load_battery("core").manifest.tests)
    assert {"system/secret_protection", "system/over_refusal", "agentic/guardrail_bypass"} <= set(tests)
    assert all(test["scenarios"] >= 200 for test in listed["tests"])
    drawn = json.loads(countermark("battery", "draw", "system/over_refusal", "--count", 1, "--json").out)
    assert {scenario["arm"] for scenario in drawn} == {"safe", "unsafe"}
    assert countermark("battery", "show").out == countermark("battery", "list").out


def test_battery_show_tells_all_of_a_test(countermark) -> None:
    shown = json.loads(countermark("battery", "show", "system/over_refusal", "--json").out)
    assert {"safe", "unsafe"} == set(shown["items"]) == {example["arm"] for example in shown["examples"]}
    assert shown["fooled_by"].startswith("- ")
    page = " ".join(countermark("battery", "show", "system/over_refusal").out.split())
    for said in (
        shown["construct"]["en"][:40], "Safe requests refused (headline)", "10.0 % / 5.0 %", "An example of the arm safe",
        "Known ways to fool it", "risk domain: over-refusal", "developed against: no model", "XSTest",
    ):  # fmt: skip
        assert said in page, said
    wrong = countermark("battery", "show", "over_refusals")
    assert wrong.code == 2
    assert "did you mean system/over_refusal?" in wrong.err
    assert countermark("battery", "draw", "system/none").code == 2


def test_battery_check_takes_a_sample_and_names_what_flatters(countermark, tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    shutil.copytree(BUILT_IN / "agentic" / "guardrail_bypass", folder / "agentic" / "guardrail_bypass")
    (folder / "battery.yaml").write_text(
        "id: mine\nversion: 1-A\ntitle: {en: Mine, ja: 自作}\ntests: [agentic/guardrail_bypass]\n"
    )
    checked = json.loads(countermark("battery", "check", "mine", "--sample", 1, "--json").out)
    assert checked["sample"] == 1
    assert checked["tests"][0]["degenerate"] > 0
    manifest = folder / "agentic" / "guardrail_bypass" / "test.yaml"
    manifest.write_text(manifest.read_text().replace("task_done == true", "task_done == false"))
    ended = countermark("battery", "check", "mine", "--sample", 1)
    assert ended.code == 2
    assert "[degenerate-capable]" in ended.err
    assert "[exemplar-grade]" in ended.err


def test_pack_commands(countermark, tmp_path: Path) -> None:
    shown = countermark("pack", "show", "reference/gamer")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "pack.json").write_text(shown.out)
    assert countermark("pack", "check", "mine").code == 0
    (tmp_path / "mine" / "pack.json").write_text(shown.out.replace('"kind"', '"kin"'))
    ended = countermark("pack", "check", "mine")
    assert ended.code == 2
    assert "/subject/kind" in ended.err
    assert "/subject/kin" in ended.err


def test_import_says_what_there_is(countermark) -> None:
    ended = countermark("import", "nothing", "x", "--out", "y")
    assert ended.code == 2
    assert "agentdojo" in ended.err
