"""What the documentation says the tool prints is what it prints."""

import re
import runpy
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])


def test_the_command_pages_are_current() -> None:
    build = runpy.run_path(str(ROOT / "docs" / "build.py"))
    assert (ROOT / "docs" / "reference" / "cli.md").read_text() == build["help_pages"](), "run `make docs`"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)", page.read_text()):
        if "://" not in target:
            assert (page.parent / target).exists(), target


def test_both_readmes_name_the_same_commands() -> None:
    blocks = [re.findall(r"^(?:make|\.venv/bin/countermark) \S+", (ROOT / name).read_text(), re.MULTILINE)
              for name in ("README.md", "README.ja.md")]  # fmt: skip
    assert blocks[0] == blocks[1]
    assert "make run" in blocks[0]
    assert "make test" in blocks[0]
