"""Faults found in a document: each with a code, the file, the place in it, what is wrong and what to do about it.

Whoever reads a document that people or other parties wrote collects every fault in one `Issues` and raises once.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import PurePath

from countermark.errors import InvalidDocument


@dataclass(frozen=True, slots=True, kw_only=True)
class Issue:
    """One fault: `file` as the reader knows it, `place` inside it (JSON pointer, line, row), `code` stable for ever."""

    code: str
    file: str
    place: str
    message: str
    hint: str = ""

    def __str__(self) -> str:
        """`file: place: [code] message; hint`, on one line."""
        where = f"{self.file}: {self.place}" if self.place else self.file
        return f"{where}: [{self.code}] {self.message}" + (f"; {self.hint}" if self.hint else "")


@dataclass(slots=True)
class Issues:
    """An ordered list of faults, gathered while reading and raised together."""

    found: list[Issue] = field(default_factory=list)

    def add(self, code: str, file: str | PurePath, place: str, message: str, hint: str = "") -> None:
        """Note one fault and go on reading."""
        self.found.append(Issue(code=code, file=str(file), place=place, message=message, hint=hint))

    def raise_if_any(self) -> None:
        """Raise `InvalidDocument` with every fault found so far, if there is one."""
        if self.found:
            raise InvalidDocument([str(issue) for issue in self.found], [issue.code for issue in self.found])

    def __iter__(self) -> Iterator[Issue]:
        """The faults in the order they were found."""
        return iter(self.found)

    def __len__(self) -> int:
        """How many faults were found."""
        return len(self.found)
