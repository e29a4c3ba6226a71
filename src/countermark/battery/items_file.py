"""Items of a user's own: a CSV or JSONL file, pinned by its digest, read strictly, every fault at once.

Columns (docs/reference/items.md): `prompt`; where wanted `id`, `cluster`, `answer` or `answers`, `tags`. The texts are data: a
place such as `{{slot}}` in them is left as it stands.
"""

import csv
import io
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import Field, ValidationError, model_validator

from countermark.battery.transforms import language_of
from countermark.canonical import InvalidJson, decode, digest
from countermark.errors import UnsafePath, UsageError
from countermark.files import read_capped
from countermark.issues import Issues
from countermark.records.plan import Document, Name

MAX_BYTES = 64 * 1024 * 1024
MAX_ITEMS = 100_000
MAX_FAULTS = 100
SUFFIXES = (".csv", ".jsonl")
_PIN = re.compile(r"(?P<path>.+)@(?:sha256:)?(?P<digest>[0-9a-f]{64})", re.DOTALL)
_COLUMNS = ("prompt", "id", "cluster", "answer", "answers", "tags")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")

Short = Annotated[str, Field(min_length=1, max_length=200, pattern=r"\S")]
Answer = Annotated[str, Field(min_length=1, max_length=2000, pattern=r"\S")]


class _Row(Document):
    """One row as it is written."""

    prompt: Annotated[str, Field(min_length=1, max_length=20_000, pattern=r"\S")]
    id: Short | None = None
    cluster: Short | None = None
    answer: Answer | None = None
    answers: Annotated[list[Answer], Field(max_length=100)] | None = None
    tags: Annotated[dict[Name, Annotated[str, Field(max_length=200)]], Field(max_length=20)] = {}

    @model_validator(mode="after")
    def _one_kind_of_answer(self) -> Self:
        if self.answer is not None and self.answers is not None:
            raise ValueError("answer and answers exclude one another")
        return self


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One item: what is put to the subject, and what is known of it.

    Attributes:
        prompt: As written; nothing in it is interpreted.
        id: Unique in the file; `row-N` (from 1) where the file gives none.
        cluster: Items that share it share a source; the id where the file gives none.
        answers: What counts as right, where the file says so.
        tags: For breakdowns.
    """

    prompt: str
    id: str
    cluster: str
    answers: tuple[str, ...] = ()
    tags: Mapping[str, str] = field(default_factory=dict)

    @property
    def language(self) -> str:
        """`ja` where kana or kanji stand in the prompt, else `en`."""
        return language_of(self.prompt)


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemsFile:
    """A file of items, read: its name without directory, SHA-256 of its bytes, its items in order."""

    name: str
    digest: str
    items: tuple[Item, ...]


def pinned(given: str) -> tuple[Path, str | None]:
    """`FILE`, `FILE@HEX` or `FILE@sha256:HEX` as path and digest, or None where none is given."""
    found = _PIN.fullmatch(given)
    return (Path(found["path"]), found["digest"]) if found else (Path(given), None)


def read_items(given: str | Path) -> ItemsFile:
    """The items of a file.

    Args:
        given: `FILE`, or `FILE@sha256:HEX`, which is refused where the bytes have another digest.

    Raises:
        InvalidDocument: With every fault, up to `MAX_FAULTS`.
        UsageError: The digest is not the file's.
    """
    path, due = pinned(str(given))
    issues = Issues()
    data = _bytes(path, issues)
    issues.raise_if_any()
    found = digest(data)
    if due not in (None, found):
        raise UsageError(
            f"{path.name} has the SHA-256 {found}, not {due}", hint="it is another file than was pinned"
        )
    rows = list(_rows(path, data, issues)) if len(issues) == 0 else []
    items = tuple(_items(path.name, rows, issues))
    issues.raise_if_any()
    return ItemsFile(name=path.name, digest=found, items=items)


def _bytes(path: Path, issues: Issues) -> bytes:
    if path.suffix.lower() not in SUFFIXES:
        issues.add("items-kind", path.name, "", "is neither .csv nor .jsonl", "docs/reference/items.md")
        return b""
    try:
        return read_capped(path, max_bytes=MAX_BYTES, name=path.name)
    except UnsafePath as error:
        issues.add("path-unsafe", path.name, "", error.faults[0].partition("] ")[2])
        return b""


def _rows(path: Path, data: bytes, issues: Issues) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Each row with its place."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        issues.add("not-utf8", path.name, f"byte {error.start}", "is not UTF-8")
        return
    yield from (
        _csv(path.name, text, issues) if path.suffix.lower() == ".csv" else _jsonl(path.name, text, issues)
    )


def _csv(name: str, text: str, issues: Issues) -> Iterator[tuple[str, Mapping[str, Any]]]:
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        header = next(reader, [])
        if not _header_holds(name, header, issues):
            return
        for row in reader:
            place = f"line {reader.line_num}"
            if len(row) != len(header):
                _note(issues, "items-row", name, place, f"has {len(row)} fields, the header {len(header)}")
            else:
                yield place, _cells(dict(zip(header, row, strict=True)))
    except csv.Error as error:
        issues.add("items-csv", name, f"line {reader.line_num}", str(error))


def _header_holds(name: str, header: Sequence[str], issues: Issues) -> bool:
    unknown = sorted({column for column in header if not _known(column)})
    twice = sorted({column for column in header if header.count(column) > 1})
    for columns, what in ((unknown, "is no column of an items file"), (twice, "stands twice")):
        for column in columns[:MAX_FAULTS]:
            issues.add(
                "items-column", name, "line 1", f"{column[:60]!r} {what}", f"columns: {', '.join(_COLUMNS)}, tag:NAME"
            )  # fmt: skip
    if "prompt" not in header:
        issues.add("items-column", name, "line 1", "there is no column 'prompt'")
    return not unknown and not twice and "prompt" in header


def _known(column: str) -> bool:
    return column in set(_COLUMNS) - {"tags"} or column.startswith("tag:")


def _cells(row: Mapping[str, str]) -> dict[str, Any]:
    """A CSV row as a JSONL row would say it: empty cells left out, `answers` by lines, `tag:NAME` as tags."""
    told: dict[str, Any] = {
        column: cell for column, cell in row.items() if cell and not column.startswith("tag:")
    }
    if "answers" in told:
        told["answers"] = [line for line in told["answers"].splitlines() if line.strip()]
    tags = {
        column.removeprefix("tag:"): cell
        for column, cell in row.items()
        if cell and column.startswith("tag:")
    }
    return {**told, "tags": tags}


def _jsonl(name: str, text: str, issues: Issues) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            row = decode(line.encode(), floats=False)
        except InvalidJson as error:
            _note(issues, "json", name, f"line {number}", str(error))
            continue
        if isinstance(row, dict):
            yield f"line {number}", row
        else:
            _note(issues, "items-row", name, f"line {number}", "is no JSON object")


def _items(name: str, rows: Iterable[tuple[str, Mapping[str, Any]]], issues: Issues) -> Iterator[Item]:
    ids: set[str] = set()
    prompts: dict[str, str] = {}
    count = 0
    for count, (place, raw) in enumerate(rows, 1):
        if count > MAX_ITEMS:
            issues.add("items-many", name, place, f"is over the {MAX_ITEMS} items that a file may hold")
            return
        item = _item(name, place, raw, issues, number=count)
        if item is None:
            continue
        if item.id in ids:
            _note(issues, "items-id", name, place, f"the id {item.id[:60]!r} stands twice")
        if item.prompt in prompts:
            _note(issues, "items-prompt", name, place, f"the prompt stands at {prompts[item.prompt]} already")
        ids.add(item.id)
        prompts.setdefault(item.prompt, place)
        yield item
    if not count and not len(issues):
        issues.add("items-none", name, "", "holds no item")


def _item(name: str, place: str, raw: Mapping[str, Any], issues: Issues, *, number: int) -> Item | None:
    try:
        row = _Row.model_validate(raw)
    except ValidationError as error:
        for fault in error.errors(include_url=False, include_input=False):
            where = "/".join(str(part)[:60] for part in fault["loc"])
            _note(
                issues,
                f"items-{fault['type']}",
                name,
                f"{place}{f', {where}' if where else ''}",
                fault["msg"],
            )
        return None
    if _CONTROL.search(row.prompt):
        _note(issues, "items-control", name, f"{place}, prompt", "holds a control character")
    own = row.id or f"row-{number}"
    answers = row.answers if row.answers is not None else [row.answer] if row.answer is not None else []
    return Item(prompt=row.prompt, id=own, cluster=row.cluster or own, answers=tuple(answers), tags=row.tags)


def _note(issues: Issues, code: str, file: str, place: str, message: str) -> None:
    """Note a fault, up to the cap; the last one says that there are more."""
    if len(issues) < MAX_FAULTS:
        issues.add(code, file, place, message)
    elif len(issues) == MAX_FAULTS:
        issues.add("items-faults", file, place, f"and more: only the first {MAX_FAULTS} faults are listed")
