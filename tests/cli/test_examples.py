"""The examples at the end of the help texts, pasted as a narrow terminal shows them: each is a whole command that its options take."""

import re
import shlex
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from countermark.cli import command
from countermark.cli.lines import example

GROUPS = ("key", "evidence")
FILES = (
    "laboratory.pub.pem",
    "tsa-root.pem",
    "trusted_root.json",
    "rotation.intoto.jsonl",
    "reviewers.txt",
    "key.txt",
)


def texts() -> list[tuple[str, ...]]:
    found: list[tuple[str, ...]] = [("verify",)]
    for name in GROUPS:
        group = command.get_command(click.Context(command), name)
        assert isinstance(group, click.Group)
        found += [(name,), *((name, sub) for sub in group.commands)]
    return found


def pasted(text: str) -> list[list[str]]:
    """As a shell reads it: a backslash at the end of a line goes on, every other end of a line ends a command."""
    after = re.split(r"^  Examples?\b.*:\n", text, flags=re.MULTILINE)
    assert len(after) == 2, text
    lines = after[1].replace("\\\n", "").splitlines()
    return [shlex.split(line) for line in lines if line.strip()]


@pytest.mark.parametrize("columns", [40, 80])
@pytest.mark.parametrize("name", texts(), ids=" ".join)
def test_an_example_works_as_it_is_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: tuple[str, ...], columns: int
) -> None:
    monkeypatch.chdir(tmp_path)
    for folder in ("audits/first", "public"):
        (tmp_path / folder).mkdir(parents=True)
    for file in FILES:
        (tmp_path / file).write_text("")
    shown = CliRunner().invoke(command, [*name, "--help"], terminal_width=columns)
    commands = pasted(shown.output)
    assert commands
    for tool, *words in commands:
        assert tool == "countermark"
        at = click.Context(command, info_name=tool)
        found: click.Command = command
        while isinstance(found, click.Group):
            found = found.get_command(at, words.pop(0)) or pytest.fail("no such command")
        found.make_context("example", words, parent=at)


def test_a_long_example_goes_on_behind_a_backslash() -> None:
    option = f"--option '{'x' * 40} y'"
    text = example(f"countermark {option} {option} --last", "countermark b")
    assert text.startswith("\b\nExample:\n  countermark --option")
    assert pasted("\n" + text.replace("\b", "").replace("Example", "  Example")) == [
        ["countermark", *["--option", f"{'x' * 40} y"] * 2, "--last"],
        ["countermark", "b"],
    ]
