"""Tables of prompts, completions and labels, as CSV, TSV, JSON or JSON lines, plain or gzip, read by a mapping.

A cell is compared as text: a string as it stands, an empty or missing cell as "", truth as `true` or `false`, numbers
and lists as JSON writes them.
"""

import csv
import io
import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from countermark.canonical import InvalidJson, decode, encode
from countermark.errors import UsageError
from countermark.issues import Issues
from countermark.records import Message, Scenario
from countermark.records.chat import Role
from countermark.subjects.recording import (
    WITHHELD,
    RecordedTrial,
    Recording,
    SourceFile,
    assemble,
    scenario_id,
    subject_id,
)
from countermark.subjects.recording_documents import Input, find_inputs, read_document, read_input
from countermark.subjects.recording_mapping import LabelFrom, TableMapping

SUFFIXES = tuple(
    f"{suffix}{packed}" for suffix in (".csv", ".tsv", ".jsonl", ".json") for packed in ("", ".gz")
)
MAX_ROWS = 1_000_000
MAX_CELL = 16 * 1024 * 1024
_MAX_KINDS = 100
_SHOWN_ROWS = 5

Row = Mapping[str, str]


@dataclass(slots=True)
class _Faults:
    """Faults of one file's rows, one line for each kind with the rows it stands in, however many they are."""

    file: str
    rows: dict[tuple[str, str, str], list[int]] = field(default_factory=lambda: defaultdict(list))

    def add(self, row: int, code: str, message: str, hint: str = "") -> None:
        """Note a fault of one row."""
        self.rows[code, message, hint].append(row)

    def flush(self, issues: Issues) -> None:
        """Hand all of them on; past a hundred kinds, how many more there are."""
        for (code, message, hint), rows in list(self.rows.items())[:_MAX_KINDS]:
            issues.add(code, self.file, _places(rows), message, hint)
        if len(self.rows) > _MAX_KINDS:
            issues.add("too-many", self.file, "", f"and {len(self.rows) - _MAX_KINDS} further kinds of fault")


@dataclass(slots=True)
class _Found:
    """One subject's rows so far."""

    trials: list[RecordedTrial] = field(default_factory=list)
    files: dict[str, SourceFile] = field(default_factory=dict)
    seen: dict[str, int] = field(default_factory=lambda: defaultdict(int))


def read_table(paths: Sequence[Path], *, mapping: Path | None = None) -> list[Recording]:
    """One recording for each subject found in the tables, by name.

    Args:
        paths: Tables, or directories of them.
        mapping: How their columns are to be read; see `TableMapping`.

    Raises:
        UsageError: There is no mapping.
        InvalidDocument: With every fault of the mapping, or of every table.
    """
    if mapping is None:
        raise UsageError(
            "a table needs a mapping", hint="name one with --mapping; docs/howto/recordings.md shows how"
        )
    issues = Issues()
    rule = read_document(TableMapping, mapping, issues)
    written = read_input(Input(path=mapping, name=mapping.name), issues)
    issues.raise_if_any()
    assert rule is not None
    assert written is not None
    subjects: dict[str, _Found] = defaultdict(_Found)
    for source in find_inputs(paths, SUFFIXES, issues, only=rule.files):
        _read_file(source, rule, subjects, issues)
    recordings = [
        assemble(_draft(name, subjects[name], rule, written[1]), issues) for name in sorted(subjects)
    ]
    issues.raise_if_any()
    return [recording for recording in recordings if recording is not None]


def _draft(name: str, found: _Found, rule: TableMapping, written: SourceFile) -> Recording:
    return Recording(
        id=name,
        source=rule.source.recorded("table", [written, *found.files.values()]),
        tests=(rule.test.recorded(),),
        trials=tuple(found.trials),
    )


def _read_file(source: Input, rule: TableMapping, subjects: dict[str, _Found], issues: Issues) -> None:
    read = read_input(source, issues)
    if read is None:
        return
    data, file = read
    faults = _Faults(source.name)
    kept = 0
    for count, (number, row) in enumerate(_rows(data, source.name, rule, faults), 1):
        if count > MAX_ROWS:
            faults.add(number, "too-many", f"not read any further: over {MAX_ROWS} rows")
            break
        if any(row.get(rest.column, "") in rest.values for rest in rule.leave_out_when):
            continue
        kept += 1
        name = _subject(rule, row, source.name, number, faults)
        found = subjects[name]
        trial = _trial(rule, row, number, found, faults)
        if trial is not None:
            found.trials.append(trial)
            found.files[file.sha256] = file
    if not kept and not faults.rows:
        faults.add(1, "nothing", "holds no row")
    faults.flush(issues)


def _rows(data: bytes, name: str, rule: TableMapping, faults: _Faults) -> Iterator[tuple[int, Row]]:
    """Number (from 1, a header counted) and cells of every whole row that has the mapping's columns."""
    plain = name.removesuffix(".gz")
    if plain.endswith((".csv", ".tsv")):
        rows = _csv_rows(data, "\t" if plain.endswith(".tsv") else ",", faults)
    elif plain.endswith((".json", ".jsonl")):
        rows = _json_rows(data, plain.endswith(".jsonl"), faults)
    else:
        faults.add(1, "suffix", "is no table this importer reads", f"it reads {', '.join(SUFFIXES)}")
        return
    known: set[str] = set()
    kept = list(rows)
    for _, row in kept:
        known.update(row)
    missing = {column: place for column, place in rule.columns().items() if column not in known}
    if missing and kept:
        shown = ", ".join(f"{column!r} ({place})" for column, place in missing.items())
        faults.add(1, "column-missing", f"lacks columns that the mapping names: {shown}", _columns(known))
        return
    yield from kept


def _columns(known: set[str]) -> str:
    return f"it has {', '.join(sorted(known)[:40])}; name the tables to read one by one, or under `files`"


def _csv_rows(data: bytes, delimiter: str, faults: _Faults) -> Iterator[tuple[int, Row]]:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        faults.add(data[: error.start].count(b"\n") + 1, "not-utf8", f"is not UTF-8 at byte {error.start}")
        return
    with _field_limit():
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
        try:
            yield from _named(reader, faults)
        except csv.Error as error:
            faults.add(reader.line_num, "csv", f"line {reader.line_num} of the file: {error}")


def _named(reader: Iterator[list[str]], faults: _Faults) -> Iterator[tuple[int, Row]]:
    header = next(reader, [])
    twice = sorted({name for name in header if header.count(name) > 1})
    if twice:
        faults.add(1, "duplicate-column", f"two columns have one name: {', '.join(map(repr, twice))}")
        return
    for number, cells in enumerate(reader, 2):
        if not cells:
            continue
        if len(cells) != len(header):
            faults.add(number, "ragged", f"does not have the header's {len(header)} cells")
            continue
        yield number, dict(zip(header, cells, strict=True))


@contextmanager
def _field_limit() -> Iterator[None]:
    """The csv module's limit is one for the whole process; it is put back."""
    before = csv.field_size_limit(MAX_CELL)
    try:
        yield
    finally:
        csv.field_size_limit(before)


def _json_rows(data: bytes, lines: bool, faults: _Faults) -> Iterator[tuple[int, Row]]:
    for number, line in enumerate(data.removeprefix(b"\xef\xbb\xbf").split(b"\n") if lines else [data], 1):
        if lines and not line.strip():
            continue
        try:
            value = decode(line, max_bytes=len(data))
        except (InvalidJson, RecursionError) as error:
            faults.add(number, "json", str(error))
            continue
        for place, item in [(number, value)] if lines or not isinstance(value, list) else enumerate(value, 1):
            if isinstance(item, dict):
                yield place, {key: _cell(cell) for key, cell in item.items()}
            else:
                faults.add(place, "json", "is no object")


def _cell(value: Any) -> str:
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    try:
        return encode(value).decode()
    except InvalidJson:  # an integer beyond 2**53
        return str(value)


def _subject(rule: TableMapping, row: Row, name: str, number: int, faults: _Faults) -> str:
    """`test's own name/model`."""
    publication = rule.test.id.partition("/")[2]
    if rule.subject.text is not None:
        return subject_id(publication, rule.subject.text)
    if rule.subject.file_stem:
        stem = next(
            (name.removesuffix(suffix) for suffix in reversed(SUFFIXES) if name.endswith(suffix)), name
        )
        return subject_id(publication, stem)
    parts = [row.get(column, "").strip() for column in rule.subject.column or ()]
    if not all(parts):
        faults.add(number, "subject-empty", "does not say whose row it is")
    return subject_id(publication, "/".join(parts))


def _trial(rule: TableMapping, row: Row, number: int, found: _Found, faults: _Faults) -> RecordedTrial | None:
    scenario = _scenario(rule, row, number, found, faults)
    published = {}
    for label in rule.labels:
        value = _label(label, row.get(label.column, ""), number, faults)
        if value is not None:
            published[label.label] = value
    messages = _messages(rule, row, number, faults)
    if scenario is None:
        return None
    return RecordedTrial(
        scenario=scenario, messages=messages, published=published, no_verdict=_no_verdict(rule, row, messages)
    )


def _scenario(rule: TableMapping, row: Row, number: int, found: _Found, faults: _Faults) -> Scenario | None:
    key = [row.get(column, "") for column in rule.id]
    arm = rule.arm.fixed or rule.arm.values.get(row.get(rule.arm.column or "", ""))
    if not any(part.strip() for part in key):
        faults.add(number, "id-empty", "has no id")
        return None
    if arm is None:
        value = row.get(rule.arm.column or "", "")[:80]
        faults.add(
            number,
            "arm-unknown",
            f"{rule.arm.column!r} is {value!r}, which belongs to no arm",
            "add it to arm: values",
        )
        return None
    name = scenario_id(rule.test.id, ".".join(key), *key)
    found.seen[name] += 1
    if found.seen[name] > 1 and not rule.repeats:
        hint = "name further columns under `id`, or say `repeats: true` where an item stands more than once"
        faults.add(number, "duplicate", "has the id of a row before it", hint)
        return None
    shared = [row.get(column, "") for column in rule.cluster or ()]
    return Scenario(
        id=name if found.seen[name] == 1 else f"{name}-r{found.seen[name]}",
        test=rule.test.id,
        arm=arm,
        cluster="/".join(shared)[:300] or name,
        dialogue=(),
        tags={tag: row.get(column, "")[:300] for tag, column in rule.tags.items() if row.get(column)},
    )


def _label(rule: LabelFrom, raw: str, number: int, faults: _Faults) -> bool | None:
    if raw in rule.none:
        return None
    if rule.true_at_least is None and raw in rule.true + rule.false:
        return raw in rule.true
    number_read = _number(raw) if rule.true_at_least is not None else None
    if rule.true_at_least is not None and number_read is not None:
        return number_read >= rule.true_at_least
    lists = "true, false or none" if rule.true_at_least is None else "none, and is no number"
    faults.add(
        number, "label-unknown", f"{rule.column!r} is {raw[:80]!r}, which label {rule.label!r} does not know",
        f"it stands in no list of {lists}",
    )  # fmt: skip
    return None


def _number(raw: str) -> float | None:
    try:
        value = float(raw)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _messages(rule: TableMapping, row: Row, number: int, faults: _Faults) -> tuple[Message, ...]:
    prompt = row.get(rule.prompt, "") if rule.prompt is not None else ""
    if not prompt.strip() and not rule.prompts_withheld:
        faults.add(
            number,
            "prompt-empty",
            "has no prompt",
            "say `prompts_withheld: true` where some are not published",
        )
    completion = row.get(rule.completion, "") if rule.completion is not None else ""
    if not completion.strip() and rule.completions_withheld:
        completion = WITHHELD
    system = row.get(rule.system, "") if rule.system is not None else ""
    turns: list[tuple[Role, str]] = [
        ("system", system),
        ("user", prompt if prompt.strip() else WITHHELD),
        ("assistant", completion),
    ]
    return tuple(Message(role=role, content=text) for role, text in turns if text.strip())


def _no_verdict(rule: TableMapping, row: Row, messages: Sequence[Message]) -> str | None:
    for when in rule.no_verdict_when:
        raw = row.get(when.column, "")
        if raw in when.values:
            return when.reason or f"upstream: {when.column} is {raw[:80]!r}"
    return None if messages[-1].role == "assistant" else "the completion is empty"


def _places(rows: Sequence[int]) -> str:
    shown = ", ".join(str(row) for row in rows[:_SHOWN_ROWS])
    more = f" and {len(rows) - _SHOWN_ROWS} more" if len(rows) > _SHOWN_ROWS else ""
    return f"row{'s' if len(rows) > 1 else ''} {shown}{more}"
