"""Lines for a terminal: wider ones are broken between words, never within a number, and a wide sign takes two columns."""

import re
from itertools import pairwise
from shutil import get_terminal_size

import click

_PIECE = re.compile(r"(\s*)((?:\[[-+–.,\d ]+\]|\S)+(?: %\S*)?)")
"""A word with the space before it; `8.3 %` and `[-1.0, +2.5]` are one word each."""
_EXAMPLE = 70
"""Columns of a line of an example."""
_NEVER_FIRST = frozenset("、。，．・：；！？）］｝」』】〉》〕ーぁぃぅぇぉっゃゅょァィゥェォッャュョ々")
"""Signs that Japanese begins no line with."""


def say(line: str, *, hang: int = 6) -> None:
    """Print a line that fits the terminal, as `fitted` breaks it."""
    click.echo(fitted(line, hang=hang))


def example(*commands: str, words: str = "Example:") -> str:
    """The end of a help text, with commands as they can be pasted: never broken but before an option, behind a backslash."""
    shown = []
    for command in commands:
        lines: list[str] = []
        for part in re.split(" (?=--)", command):
            if lines and len(lines[-1]) + len(part) < _EXAMPLE:
                lines[-1] += f" {part}"
            else:
                lines.append(f"  {part}" if lines else part)
        shown.append("  " + " \\\n  ".join(lines))
    return "\n".join(["\b", words, *shown])


def fitted(line: str, *, hang: int = 6) -> str:
    """The line, broken where it is wider than the terminal; what follows a break is indented by `hang`.

    Breaks come after a comma, semicolon or colon and between columns of a table, or else between words. A word wider than
    the terminal stays whole, but for words of wide signs: Japanese has no spaces to break at.
    """
    room = get_terminal_size().columns
    if columns(line) <= room:
        return line
    lines = [""]
    for gap, clause in _clauses(line):
        if columns(clause) <= room - hang:
            _add(lines, gap, clause, room, hang)
            continue
        for between, word in _PIECE.findall(gap + clause):
            for place, part in enumerate(_parts(word, room - hang)):
                _add(lines, "" if place else between, part, room, hang)
    return "\n".join(lines)


def columns(text: str) -> int:
    """How many columns of a terminal a text takes."""
    from rich.cells import cell_len

    return cell_len(text)


def padded(text: str, width: int) -> str:
    """The text with spaces after it, so that it takes `width` columns."""
    return text + " " * (width - columns(text))


def _clauses(line: str) -> list[tuple[str, str]]:
    """The words up to a comma, semicolon, colon or wider space, as one text each, with the space before it."""
    found: list[tuple[str, str]] = []
    for gap, word in _PIECE.findall(line):
        if found and len(gap) == 1 and found[-1][1][-1] not in ",;:":
            found[-1] = (found[-1][0], f"{found[-1][1]}{gap}{word}")
        else:
            found.append((gap, word))
    return found


def _add(lines: list[str], gap: str, text: str, room: int, hang: int) -> None:
    """Put a text behind the last line where it fits, or where nothing stands there yet; else on a new one."""
    joined = lines[-1] + gap + text
    if columns(joined) <= room or not lines[-1].strip():
        lines[-1] = joined
    else:
        lines.append(" " * hang + text)


def _parts(word: str, room: int) -> list[str]:
    """The word whole, or where it is too wide in parts that may each begin a line: before or after a wide sign."""
    if columns(word) <= room:
        return [word]
    parts = [word[0]]
    for before, sign in pairwise(word):
        narrow = columns(before) == columns(sign) == 1
        if narrow or columns(sign) == 0 or sign in _NEVER_FIRST:
            parts[-1] += sign
        else:
            parts.append(sign)
    return parts
