"""Reading a recording from a stranger: every fault of every file at once, then frozen values."""

import re
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, StrictBool

from countermark.canonical import InvalidJson, decode, digest
from countermark.errors import UnsafePath
from countermark.files import inside, read_capped, walk
from countermark.issues import Issues
from countermark.records import Message, MetricSpec, Scenario, Text, ToolCall
from countermark.records.chat import Role
from countermark.records.plan import Document, Name, TestId
from countermark.subjects.recording_documents import check
from countermark.subjects.recording_values import (
    MANIFEST,
    RECORDING,
    TRIALS,
    RecordedTest,
    RecordedTrial,
    Recording,
    Source,
    encode_recording,
    manifest_of,
)

MAX_TRIALS_BYTES = 512 * 1024 * 1024
MAX_LINE = 16 * 1024 * 1024
MAX_TRIALS = 1_000_000
MAX_FAULTS = 200
_LINE = re.compile(r"([0-9a-f]{64})  (\S.*)")

Line = Annotated[str, Field(max_length=4000)]


class _Call(Document):
    id: Annotated[str, Field(max_length=300)]
    name: Annotated[str, Field(max_length=300)]
    arguments: dict[str, Any] = {}
    fault: str | None = None

    def value(self) -> ToolCall:
        return ToolCall(id=self.id, name=self.name, arguments=self.arguments, fault=self.fault)


class _Message(Document):
    role: Role
    content: str
    tool_calls: Annotated[list[_Call], Field(max_length=1000)] = []
    tool_call_id: Annotated[str, Field(max_length=300)] | None = None

    def value(self) -> Message:
        return Message(
            role=self.role,
            content=self.content,
            tool_calls=tuple(call.value() for call in self.tool_calls),
            tool_call_id=self.tool_call_id,
        )


class _Scenario(Document):
    id: Annotated[str, Field(min_length=3, max_length=300, pattern=r"^\S+$")]
    test: TestId
    arm: Name
    cluster: Annotated[str, Field(min_length=1, max_length=300)]
    tags: Annotated[dict[Name, Annotated[str, Field(max_length=300)]], Field(max_length=40)] = {}

    def value(self) -> Scenario:
        return Scenario(
            id=self.id, test=self.test, arm=self.arm, cluster=self.cluster, dialogue=(), tags=self.tags
        )


class _Trial(Document):
    scenario: _Scenario
    messages: Annotated[list[_Message], Field(max_length=20_000)]
    published: Annotated[dict[Name, StrictBool], Field(max_length=100)]
    no_verdict: Line | None
    upstream_error: Line | None
    stop: Line

    def value(self) -> RecordedTrial:
        return RecordedTrial(
            scenario=self.scenario.value(),
            messages=tuple(message.value() for message in self.messages),
            published=self.published,
            no_verdict=self.no_verdict,
            upstream_error=self.upstream_error,
            stop=self.stop,
        )


class _Test(Document):
    id: TestId
    version: Annotated[str, Field(pattern=r"^[0-9]+-[A-Z]+$")]
    title: Text
    construct_: Annotated[Text, Field(alias="construct")]
    grader: Name
    grader_options: dict[str, str | int | bool | list[str]]
    metrics: Annotated[list[MetricSpec], Field(min_length=1, max_length=40)]

    def value(self) -> RecordedTest:
        return RecordedTest(
            id=self.id,
            version=self.version,
            title=self.title,
            construct=self.construct_,
            grader=self.grader,
            grader_options=self.grader_options,
            metrics=tuple(self.metrics),
        )


class _Head(Document):
    schema_: Annotated[Literal["countermark/recording/v0.1"], Field(alias="schema")]
    id: Annotated[str, Field(max_length=200, pattern=r"^[^\s/]+/\S+$")]
    source: Source
    tests: Annotated[list[_Test], Field(min_length=1, max_length=1000)]


def read_recording(path: Path) -> Recording:
    """The recording in a directory.

    Raises:
        InvalidDocument: With every fault: digests, stray files, links, unknown fields, duplicate ids, strict JSON.
    """
    issues = Issues()
    files = _read_files(path, issues)
    recording = parse_recording(files, issues) if {RECORDING, TRIALS} <= set(files) else None
    issues.raise_if_any()
    assert recording is not None
    return recording


def find_recordings(path: Path) -> list[Path]:
    """The directory itself where it is a recording, else the recordings directly below it, by name; links are passed over."""
    if (path / RECORDING).is_file():
        return [path]
    if not path.is_dir():
        return []
    below = (entry for entry in path.iterdir() if entry.is_dir() and not entry.is_symlink())
    return sorted(entry for entry in below if (entry / RECORDING).is_file())


def assemble(draft: Recording, issues: Issues) -> Recording | None:
    """The recording as it will be read back: trials in order, everything checked, digest filled; faults go to `issues`.

    Args:
        draft: What an importer gathered.
        issues: Named after the draft's id.
    """
    ordered = sorted(draft.trials, key=lambda trial: (trial.scenario.test, trial.scenario.id))
    found = Issues()
    recording = None
    try:
        files = encode_recording(
            Recording(id=draft.id, source=draft.source, tests=draft.tests, trials=tuple(ordered))
        )
        recording = parse_recording(files, found)
    except (InvalidJson, UnicodeEncodeError) as error:
        found.add("json", TRIALS, "", f"cannot be written as canonical JSON: {error}")
    for issue in found:
        issues.add(issue.code, draft.id, f"{issue.file} {issue.place}".strip(), issue.message, issue.hint)
    return recording


def parse_recording(files: dict[str, bytes], issues: Issues) -> Recording | None:
    """The recording in these bytes, or None with every fault noted; digests in the manifest are the reader's affair."""
    before = len(issues)
    head = check(_Head, _decoded(files[RECORDING], RECORDING, "", issues), RECORDING, "", issues)
    trials = _parse_trials(files[TRIALS], issues)
    tests = tuple(test.value() for test in head.tests) if head else ()
    _check_tests(tests, issues)
    if head:
        _check_trials(trials, {test.id for test in tests}, issues)
    if head is None or len(issues) > before:
        return None
    return Recording(
        id=head.id,
        source=head.source.model_dump(mode="json"),
        tests=tests,
        trials=tuple(trial for _, trial in trials),
        digest=digest(
            files.get(MANIFEST) or manifest_of({name: files[name] for name in (RECORDING, TRIALS)})
        ),
    )


def _read_files(path: Path, issues: Issues) -> dict[str, bytes]:
    files: dict[str, bytes] = {}
    try:
        names = set(walk(path))
    except UnsafePath as error:
        issues.add("path-unsafe", path, "", error.faults[0].partition("] ")[2])
        return files
    for name in sorted(names - {RECORDING, TRIALS, MANIFEST}):
        issues.add("stray-file", name, "", "does not belong to a recording", "take it out of the directory")
    for name in (RECORDING, TRIALS, MANIFEST):
        try:
            files[name] = read_capped(inside(path, name), max_bytes=MAX_TRIALS_BYTES, name=name)
        except UnsafePath as error:
            issues.add("path-unsafe", name, "", error.faults[0].partition("] ")[2])
    if MANIFEST in files:
        _check_manifest(files, issues)
    return files


def _check_manifest(files: dict[str, bytes], issues: Issues) -> None:
    listed: dict[str, str] = {}
    for number, line in enumerate(files[MANIFEST].decode("utf-8", "replace").splitlines(), 1):
        match = _LINE.fullmatch(line)
        if match is None or match.group(2) not in (RECORDING, TRIALS) or match.group(2) in listed:
            issues.add(
                "manifest",
                MANIFEST,
                f"line {number}",
                f"should be a digest of {RECORDING} or {TRIALS}, once each",
            )
        else:
            listed[match.group(2)] = match.group(1)
    for name in (RECORDING, TRIALS):
        if name not in listed:
            issues.add("manifest", MANIFEST, "", f"has no line for {name}")
        elif name in files and digest(files[name]) != listed[name]:
            issues.add(
                "digest", name, "", f"has not the digest that {MANIFEST} gives", "import the runs again"
            )


def _decoded(data: bytes, file: str, place: str, issues: Issues) -> Any:
    try:
        return decode(data, max_bytes=MAX_LINE)
    except (InvalidJson, RecursionError) as error:
        issues.add("json", file, place, str(error))
        return None


def _parse_trials(data: bytes, issues: Issues) -> list[tuple[int, RecordedTrial]]:
    trials: list[tuple[int, RecordedTrial]] = []
    before = len(issues)
    lines = data.split(b"\n")
    if lines[-1] == b"":
        lines.pop()
    if not lines or len(lines) > MAX_TRIALS:
        issues.add(
            "trials", TRIALS, "", f"holds {len(lines)} trials, which is not between 1 and {MAX_TRIALS}"
        )
        return trials
    for number, line in enumerate(lines, 1):
        if len(issues) - before > MAX_FAULTS:
            issues.add("too-many", TRIALS, f"line {number}", "not read any further: too many faults")
            break
        place = f"line {number}"
        trial = check(_Trial, _decoded(line, TRIALS, place, issues), TRIALS, place, issues)
        if trial is not None:
            trials.append((number, trial.value()))
    return trials


def _check_tests(tests: tuple[RecordedTest, ...], issues: Issues) -> None:
    for place, test in enumerate(tests):
        where = f"/tests/{place}"
        if test.id in {other.id for other in tests[:place]}:
            issues.add("duplicate", RECORDING, where, f"test {test.id} stands twice")
        names = [metric.id for metric in test.metrics]
        if len(set(names)) != len(names):
            issues.add("duplicate", RECORDING, f"{where}/metrics", "two metrics have one id")
        if sum(metric.headline for metric in test.metrics) != 1:
            issues.add("headline", RECORDING, f"{where}/metrics", "exactly one metric is the headline")


def _check_trials(trials: list[tuple[int, RecordedTrial]], tests: set[str], issues: Issues) -> None:
    seen: dict[str, int] = {}
    used: set[str] = set()
    for number, trial in trials:
        scenario, place = trial.scenario, f"line {number}"
        used.add(scenario.test)
        if scenario.test not in tests:
            issues.add("test-unknown", TRIALS, place, f"{RECORDING} has no test {scenario.test!r}")
        if not scenario.id.startswith(f"{scenario.test}#"):
            issues.add("scenario-id", TRIALS, place, f"scenario {scenario.id!r} is not named after its test")
        first = seen.setdefault(scenario.id, number)
        if first != number:
            issues.add("duplicate", TRIALS, place, f"scenario {scenario.id!r} stands on line {first} already")
    for unused in sorted(tests - used):
        issues.add("test-empty", RECORDING, "/tests", f"no trial belongs to {unused!r}")
