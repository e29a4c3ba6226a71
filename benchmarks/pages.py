"""Puts what a script prints into a page of the documentation, between the markers it has there."""

from pathlib import Path


def put(page: Path, name: str, text: str) -> None:
    """Replace what stands between `<!-- NAME:begin -->` and `<!-- NAME:end -->`; a page without them is a mistake."""
    begin, end = f"<!-- {name}:begin -->", f"<!-- {name}:end -->"
    before, marked, rest = page.read_text(encoding="utf-8").partition(begin)
    _, closed, after = rest.partition(end)
    if not (marked and closed):
        raise SystemExit(f"{page}: no markers {begin} and {end}")
    page.write_text(f"{before}{begin}\n{text}\n{end}{after}", encoding="utf-8")
