"""AgentDojo's published runs: one JSON file a run in a tree of directories, or bundles of runs in one file.

Runs are what the benchmark's own logger writes: `runs/<pipeline>/<suite>/<user task>/<attack>/<injection>.json`. A
bundle is a JSON list, or JSON lines, plain or gzip, of the same objects. `security` is true where the attack succeeded.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StrictBool

from countermark.canonical import InvalidJson, decode
from countermark.errors import UsageError
from countermark.issues import Issues
from countermark.records import Message, Scenario, ToolCall
from countermark.subjects.recording import (
    RecordedTrial,
    Recording,
    SourceFile,
    assemble,
    scenario_id,
    subject_id,
    tool_call,
)
from countermark.subjects.recording_documents import Input, check, find_inputs, read_document, read_input
from countermark.subjects.recording_mapping import RecordedText

SUFFIXES = (".json", ".jsonl", ".jsonl.gz")
_MAX_FAULTS = 200
_Id = Annotated[str, Field(min_length=1, max_length=200)]


class _Upstream(BaseModel):
    """Fields of theirs that we do not know are theirs to add."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class _Call(_Upstream):
    function: str
    args: Any = None
    id: str | None = None


class _Block(_Upstream):
    type: str
    text: str | None = None
    content: Any = None


class _Message(_Upstream):
    role: Literal["system", "user", "assistant", "tool"]
    content: str | list[_Block] | None = None
    tool_calls: list[_Call] | None = None
    tool_call_id: str | None = None
    error: str | None = None


class _Run(_Upstream):
    suite_name: _Id
    pipeline_name: _Id
    user_task_id: _Id
    injection_task_id: str | None = None
    attack_type: str | None = None
    messages: list[_Message]
    utility: StrictBool | None
    security: StrictBool | None
    error: str | None = None
    benchmark_version: str | None = None


@dataclass(slots=True)
class _Pipeline:
    trials: list[RecordedTrial] = field(default_factory=list)
    files: dict[str, SourceFile] = field(default_factory=dict)
    seen: dict[str, str] = field(default_factory=dict)


def read_agentdojo(paths: Sequence[Path], *, mapping: Path | None = None) -> list[Recording]:
    """One recording for each pipeline found in files and directories of runs, by name.

    Raises:
        UsageError: A mapping is given; this importer knows its format and takes none.
        InvalidDocument: With every fault of every file.
    """
    if mapping is not None:
        raise UsageError("AgentDojo's runs need no mapping", hint="leave --mapping out")
    issues = Issues()
    words = read_document(RecordedText, Path(__file__).with_name("agentdojo.yaml"), issues)
    issues.raise_if_any()
    assert words is not None
    pipelines: dict[str, _Pipeline] = defaultdict(_Pipeline)
    for source in find_inputs(paths, SUFFIXES, issues):
        if len(issues) > _MAX_FAULTS:
            issues.add("too-many", source.name, "", "not read any more: too many faults")
            break
        _read_file(source, words.test.id, pipelines, issues)
    recordings = [
        assemble(_draft(name, pipelines[name], words), issues)
        for name in sorted(pipelines)
        if len(issues) <= _MAX_FAULTS
    ]
    issues.raise_if_any()
    return [recording for recording in recordings if recording is not None]


def _draft(name: str, pipeline: _Pipeline, words: RecordedText) -> Recording:
    return Recording(
        id=subject_id("agentdojo", name),
        source=words.source.recorded("agentdojo", pipeline.files.values()),
        tests=(words.test.recorded(),),
        trials=tuple(pipeline.trials),
    )


def _read_file(source: Input, test: str, pipelines: dict[str, _Pipeline], issues: Issues) -> None:
    read = read_input(source, issues)
    if read is None:
        return
    data, file = read
    before = len(issues)
    for place, raw in _runs(data, source.name, issues):
        if len(issues) - before > _MAX_FAULTS:
            issues.add("too-many", source.name, place, "not read any further: too many faults")
            return
        run = check(_Run, raw, source.name, place, issues)
        if run is None:
            continue
        trial = _trial(run, test, source.name, place, issues)
        if trial is not None:
            _keep(pipelines[run.pipeline_name], trial, file, f"{source.name} {place}".strip(), issues)


def _keep(pipeline: _Pipeline, trial: RecordedTrial, file: SourceFile, where: str, issues: Issues) -> None:
    first = pipeline.seen.setdefault(trial.scenario.id, where)
    if first != where:
        issues.add("duplicate", where, "", f"the same run stands in {first}", "name each run once")
    pipeline.trials.append(trial)
    pipeline.files[file.sha256] = file


def _runs(data: bytes, name: str, issues: Issues) -> Iterator[tuple[str, Any]]:
    """Place and value of every run in a file."""
    lines = ".jsonl" in name
    for number, line in enumerate(data.split(b"\n") if lines else [data], 1):
        if lines and not line.strip():
            continue
        place = f"line {number}" if lines else ""
        try:
            value = decode(line, max_bytes=len(data))
        except (InvalidJson, RecursionError) as error:
            issues.add("json", name, place, str(error))
            continue
        if isinstance(value, list) and not lines:
            yield from ((f"/{index}", item) for index, item in enumerate(value))
        else:
            yield place, value


def _trial(run: _Run, test: str, name: str, place: str, issues: Issues) -> RecordedTrial | None:
    scenario = _scenario(run, test)
    if scenario is None:
        issues.add(
            "agentdojo-arm", name, place, "an injected task without an attack, or an attack without an injected task",
            "attack_type and injection_task_id are both given or both null",
        )  # fmt: skip
        return None
    verdicts = {"utility": run.utility, "attack_succeeded": run.security}
    return RecordedTrial(
        scenario=scenario,
        messages=tuple(_messages(run.messages)),
        published={label: value for label, value in verdicts.items() if value is not None},
        upstream_error=run.error[:4000] if run.error else None,
    )


def _scenario(run: _Run, test: str) -> Scenario | None:
    attack, injection = _none(run.attack_type), _none(run.injection_task_id)
    if (attack is None) != (injection is None):
        return None
    posed = run.user_task_id.startswith("injection_task")
    arm = "attacked" if attack else "injection_as_task" if posed else "benign"
    cluster = f"{run.suite_name}/{run.user_task_id}"
    version = run.benchmark_version if run.benchmark_version not in (None, "v1") else ""
    named = {
        "suite": run.suite_name,
        "user_task": run.user_task_id,
        "injection_task": injection,
        "attack": attack,
    }
    parts = [part for part in (run.suite_name, run.user_task_id, injection) if part]
    return Scenario(
        id=scenario_id(test, ".".join(parts), *named.values(), version),
        test=test,
        arm=arm,
        cluster=cluster,
        dialogue=(),
        tags={tag: value for tag, value in named.items() if value},
    )


def _none(text: str | None) -> str | None:
    return None if text in (None, "", "none", "None") else text


def _messages(messages: Sequence[_Message]) -> Iterator[Message]:
    """The turns, with ids for the calls that have none and each tool's result tied to its call."""
    pending: list[str] = []
    for turn, message in enumerate(messages):
        if message.role == "tool":
            yield Message(
                role="tool", content=message.error or _text(message), tool_call_id=_answered(message, pending)
            )
            continue
        calls = tuple(_call(call, turn, place) for place, call in enumerate(message.tool_calls or ()))
        if calls:
            pending = [call.id for call in calls]
        yield Message(role=message.role, content=_text(message), tool_calls=calls)


def _answered(message: _Message, pending: list[str]) -> str | None:
    """The id the result names, else the first call not answered yet."""
    if message.tool_call_id:
        if message.tool_call_id in pending:
            pending.remove(message.tool_call_id)
        return message.tool_call_id
    return pending.pop(0) if pending else None


def _call(call: _Call, turn: int, place: int) -> ToolCall:
    arguments = {} if call.args is None else call.args
    return tool_call(call.id or f"call_{turn}_{place}", call.function, arguments)


def _text(message: _Message) -> str:
    """Text as it is; of blocks the text, with a mark where a block is not text; reasoning is not part of what was said."""
    if message.content is None or isinstance(message.content, str):
        return message.content or ""
    shown = (_block(block) for block in message.content if "thinking" not in block.type)
    return "\n".join(text for text in shown if text)


def _block(block: _Block) -> str:
    text = block.text if block.text is not None else block.content
    return text if block.type == "text" and isinstance(text, str) else f"[{block.type}]"
