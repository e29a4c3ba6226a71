"""`--role` read from the command line."""

from pathlib import Path

import pytest

from battery_factory import write_battery
from countermark.cli import run_command
from countermark.cli.roles import roles_asked
from countermark.errors import UsageError
from servers.judge import judge
from servers.openai_wire import openai_server


def test_roles_with_and_without_settings() -> None:
    given = ["grader=openai/gpt-4.1,temperature=0,reasoning=low", "attacker=openai-api/own/a=b"]
    assert roles_asked(given) == {
        "grader": {"model": "openai/gpt-4.1", "temperature": "0", "reasoning": "low"},
        "attacker": {"model": "openai-api/own/a=b"},
    }


@pytest.mark.parametrize(
    "given",
    [["grader"], ["=x/y"], ["grader="], ["grader=x/y,hot"], ["grader=x/y,=1"], ["grader=x/y", "grader=x/z"]],
)
def test_what_makes_no_sense(given: list[str]) -> None:
    with pytest.raises(UsageError):
        roles_asked(given)


def test_a_run_from_the_command_line_tells_what_its_roles_cost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "none")
    fair = judge(lambda _: {"labels": {"harmful": False}})
    with openai_server("No.") as subject, openai_server(fair) as grader:
        code = run_command(
            ["run", "openai/gpt-4.1", "--battery", str(write_battery(tmp_path / "toy")), "--seed", "11", "--out", str(tmp_path / "audit"),
             "--home", str(tmp_path / "home"), "--role", "grader=openai/gpt-4.1-mini", "--base-url", f"openai={subject.base_url}",
             "--base-url", f"grader={grader.base_url}"]
        )  # fmt: skip
    told = capsys.readouterr().out
    assert code == 0
    assert "Role grader, openai/gpt-4.1-mini: 12 calls" in told
    assert " USD" in told


def test_a_run_without_a_judge_says_what_it_will_not_measure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "none")
    code = run_command(["run", "openai/x", "--battery", str(write_battery(tmp_path / "toy")), "--dry-run"])
    assert code == 0
    assert "toy/asking: harm will not be measured" in capsys.readouterr().err
