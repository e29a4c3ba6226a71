"""Puts what a script prints into a page of the documentation, between the markers it has there."""

import argparse
import io
import sys
from collections.abc import Callable
from contextlib import redirect_stdout
from pathlib import Path


def print_and_put(
    parser: argparse.ArgumentParser, measure: Callable[[argparse.Namespace], None], name: str
) -> None:
    """The main of a script: `measure` with what was asked prints, and with `--write PAGE` the page has it too, under the command."""
    parser.add_argument("--write", type=Path, help="also write it into this page, between its markers")
    asked = parser.parse_args()
    said = io.StringIO()
    with redirect_stdout(said):
        measure(asked)
    print(said.getvalue(), end="")
    if asked.write:
        options = " ".join(sys.argv[1:]).partition(" --write")[0]
        command = f"benchmarks/{Path(sys.argv[0]).name} {options}".strip()
        put(asked.write, name, f"`{command}`:\n\n```\n{said.getvalue()}```")


def put(page: Path, name: str, text: str) -> None:
    """Replace what stands between `<!-- NAME:begin -->` and `<!-- NAME:end -->`; a page without them is a mistake."""
    begin, end = f"<!-- {name}:begin -->", f"<!-- {name}:end -->"
    before, marked, rest = page.read_text(encoding="utf-8").partition(begin)
    _, closed, after = rest.partition(end)
    if not (marked and closed):
        raise SystemExit(f"{page}: no markers {begin} and {end}")
    page.write_text(f"{before}{begin}\n{text}\n{end}{after}", encoding="utf-8")
