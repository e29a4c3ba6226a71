"""Inspect's `.eval` and `.json` logs as recordings: each sample and epoch is one published run.

Logs are read through Inspect's public API only. A stranger's archive is vetted before Inspect sees it.
"""

import math
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from countermark.bridges.inspect_archive import vet_archive
from countermark.bridges.inspect_mapping import LogMapping, LogWords, Metric, ScoreLabel
from countermark.errors import MissingExtra
from countermark.issues import Issues
from countermark.records import Message, MetricSpec, Scenario, Text
from countermark.subjects.recording import (
    RecordedTest,
    RecordedTrial,
    Recording,
    SourceFile,
    assemble,
    scenario_id,
    subject_id,
    tool_call,
)
from countermark.subjects.recording_documents import Input, find_inputs, read_document, read_input

if TYPE_CHECKING:
    from inspect_ai.log import EvalLog, EvalSample, EvalSpec
    from inspect_ai.model import ChatMessage
    from inspect_ai.scorer import Score

SUFFIXES = (".eval", ".json")
MAX_SAMPLES = 1_000_000
_CHUNK = 100
_UNREAD = {"events", "events_data", "store", "timelines", "model_usage", "role_usage", "files", "sandbox"}


class _Unreadable(ValueError):
    """Why Inspect cannot read a log."""


@dataclass(slots=True)
class _Task:
    """What all logs of one task have in common."""

    name: str
    version: int
    labels: set[str] = field(default_factory=set)


@dataclass(slots=True)
class _Model:
    """What all logs of one model give."""

    trials: list[RecordedTrial] = field(default_factory=list)
    tasks: set[str] = field(default_factory=set)
    files: dict[str, SourceFile] = field(default_factory=dict)
    seen: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class _Import:
    """One call of the importer."""

    rule: LogMapping | None = None
    written: tuple[SourceFile, ...] = ()
    issues: Issues = field(default_factory=Issues)
    tasks: dict[str, _Task] = field(default_factory=dict)
    models: dict[str, _Model] = field(default_factory=lambda: defaultdict(_Model))


def read_inspect_log(paths: Sequence[Path], *, mapping: Path | None = None) -> list[Recording]:
    """One recording for each model found in the logs, by name; each task is a test of it.

    Scores of C, I, true, false, 1 and 0 become a label named after the scorer. Any other score needs the mapping;
    without it the sample has no verdict.

    Args:
        paths: Logs, or directories of them.
        mapping: How scores become labels and labels metrics; see `LogMapping`.

    Raises:
        MissingExtra: Inspect is not installed.
        InvalidDocument: With every fault of the mapping, or of every log.
    """
    try:
        import inspect_ai.log  # noqa: F401
    except ImportError as error:
        raise MissingExtra(
            "reading an Inspect log needs Inspect", hint="pip install 'countermark[inspect]'"
        ) from error
    run = _Import()
    words = read_document(LogWords, Path(__file__).with_name("inspect_log.yaml"), run.issues)
    if mapping is not None:
        run.rule = read_document(LogMapping, mapping, run.issues)
        read = read_input(Input(path=mapping, name=mapping.name), run.issues)
        run.written = (read[1],) if read is not None else ()
    run.issues.raise_if_any()
    assert words is not None
    for source in find_inputs(paths, SUFFIXES, run.issues):
        _read_log(source, run)
    tests = {name: _test(name, task, run, words) for name, task in run.tasks.items()}
    run.issues.raise_if_any()
    drafts = [_draft(name, run.models[name], tests, run, words) for name in sorted(run.models)]
    recordings = [assemble(draft, run.issues) for draft in drafts]
    run.issues.raise_if_any()
    return [recording for recording in recordings if recording is not None]


def _read_log(source: Input, run: _Import) -> None:
    read = read_input(source, run.issues)
    if read is None:
        return
    data, file = read
    if source.path.suffix == ".eval" and not vet_archive(data, source.name, run.issues):
        return
    del data
    try:
        with _reading():
            from inspect_ai.log import read_eval_log

            header = read_eval_log(source.path, header_only=True)
        _read_samples(source, file, header.eval, run)
    except _Unreadable as error:
        run.issues.add("inspect-log", source.name, "", f"Inspect cannot read it: {error}")


@contextmanager
def _reading() -> Iterator[None]:
    """Whatever Inspect's reader raises on a stranger's log (assertions included) is a fault of the log."""
    try:
        yield
    except Exception as error:
        first = str(error).strip().partition("\n")[0][:300]
        raise _Unreadable(f"{type(error).__name__}: {first}") from error


def _read_samples(source: Input, file: SourceFile, spec: "EvalSpec", run: _Import) -> None:
    name = _name(spec.task)
    version = spec.task_version if isinstance(spec.task_version, int) else 0
    task = run.tasks.setdefault(name, _Task(name=spec.task, version=version))
    if (task.name, task.version) != (spec.task, version):
        run.issues.add(
            "task-version", source.name, "/eval/task", f"task {spec.task!r}, version {version}, meets another of that name",
            "numbers of two versions cannot be compared: import them apart",
        )  # fmt: skip
        return
    count = 0
    model = run.models[subject_id("inspect", _asked(spec))]
    for count, sample in enumerate(_samples(source.path), 1):
        trial = _trial(sample, name, task, run.rule)
        where = f"{source.name}: sample {sample.id}, epoch {sample.epoch}"
        first = model.seen.setdefault(trial.scenario.id, where)
        if first != where or count > MAX_SAMPLES:
            run.issues.add(
                "duplicate", where, "", f"the same sample stands in {first}", "name one log a task and model"
            )
        model.trials.append(trial)
    if not count:
        run.issues.add("nothing", source.name, "", "holds no sample")
        return
    model.tasks.add(name)
    model.files[file.sha256] = file


def _asked(spec: "EvalSpec") -> str:
    """The model that the samples show: the one in the role `target`, where there is one (Petri's audits), else the task's."""
    target = (spec.model_roles or {}).get("target")
    one = target[0] if isinstance(target, list) and len(target) == 1 else target
    return str(getattr(one, "model", spec.model))


def _samples(path: Path) -> Iterator["EvalSample"]:
    """Every sample, read in chunks of ids: the reader's own generator opens the archive anew for each."""
    from inspect_ai.log import read_eval_log, read_eval_log_sample_summaries, read_eval_log_samples_by_id

    if path.suffix != ".eval":
        with _reading():
            log: EvalLog = read_eval_log(path, resolve_attachments="core")
        yield from log.samples or ()
        return
    with _reading():
        ids = [(summary.id, summary.epoch) for summary in read_eval_log_sample_summaries(path)]
    for start in range(0, len(ids), _CHUNK):
        with _reading():
            chunk = read_eval_log_samples_by_id(
                path, ids[start : start + _CHUNK], resolve_attachments="core", exclude_fields=_UNREAD
            )
        yield from chunk


def _trial(sample: "EvalSample", name: str, task: _Task, rule: LogMapping | None) -> RecordedTrial:
    published = dict(_labels(sample.scores or {}, rule))
    task.labels |= published.keys()
    no_verdict = None if published else "no scorer said yes or no"
    if sample.invalidation is not None:
        no_verdict = f"invalidated upstream: {sample.invalidation.reason or 'no reason given'}"
    failed = sample.error.message if sample.error is not None else None
    return RecordedTrial(
        scenario=_scenario(sample, name),
        messages=tuple(message_of(message) for message in sample.messages),
        published=published,
        no_verdict=no_verdict[:1000] if no_verdict else None,
        upstream_error=(failed or "no reason given")[:1000] if failed is not None else None,
        stop=_stop(sample),
    )


def _stop(sample: "EvalSample") -> str:
    if sample.limit is not None:
        return sample.limit.type
    return (
        sample.output.stop_reason if sample.output.choices else ""
    )  # Inspect's property takes the first choice


def _scenario(sample: "EvalSample", name: str) -> Scenario:
    """The same for every model: task, id and what was put to the model; later epochs are repeats in one cluster."""
    test = f"recorded/{name}"
    put = sample.input if isinstance(sample.input, str) else [(turn.role, turn.text) for turn in sample.input]
    item = scenario_id(test, str(sample.id), name, sample.id, put)
    return Scenario(
        id=item if sample.epoch == 1 else f"{item}-e{sample.epoch}",
        test=test,
        arm=name,
        cluster=item,
        dialogue=(),
        tags={"epoch": str(sample.epoch)},
    )


def message_of(message: "ChatMessage") -> Message:
    """A turn of Inspect's as one of ours; an error that a tool gave stands as its content."""
    calls = getattr(message, "tool_calls", None) or ()
    answered = getattr(message, "tool_call_id", None)
    error = getattr(message, "error", None)
    return Message(
        role=message.role,
        content=message.text or (error.message if error is not None else ""),
        tool_calls=tuple(tool_call(call.id, call.function, call.arguments) for call in calls),
        tool_call_id=answered,
    )


def _labels(scores: Mapping[str, "Score"], rule: LogMapping | None) -> Iterator[tuple[str, bool]]:
    if rule is None or not rule.labels:
        found = ((_name(scorer), _plain(score.value)) for scorer, score in scores.items())
    else:
        named = ((label, scores[label.scorer]) for label in rule.labels if label.scorer in scores)
        found = ((label.label, _mapped(label, score.value)) for label, score in named)
    yield from ((label, value) for label, value in found if value is not None)


def _plain(value: Any) -> bool | None:
    """Truth of a score that says yes or no by itself."""
    if isinstance(value, str):
        return {"C": True, "I": False}.get(value)
    return bool(value) if isinstance(value, bool | int | float) and value in (0, 1) else None


def _mapped(rule: ScoreLabel, value: Any) -> bool | None:
    if rule.key is not None:
        value = value.get(rule.key) if isinstance(value, Mapping) else None
    if rule.true_at_least is not None:
        finite = isinstance(value, int | float) and math.isfinite(value)
        return value >= rule.true_at_least if finite else None
    if not (rule.true or rule.false):
        return _plain(value)
    raw = _raw(value)
    return {**dict.fromkeys(rule.false, False), **dict.fromkeys(rule.true, True)}.get(raw)


def _raw(value: Any) -> str:
    """A score's value as the mapping writes it: 1.0 is 1, truth is true."""
    if isinstance(value, bool):
        return str(value).lower()
    whole = isinstance(value, float) and value.is_integer()
    return str(int(value) if whole else value)


def _test(name: str, task: _Task, run: _Import, words: LogWords) -> RecordedTest | None:
    metrics = _metrics(name, task, run.rule, words)
    if not metrics:
        run.issues.add(
            "no-label", task.name, "", "no score of this task says yes or no",
            "name the scorers and what their values mean in a mapping; docs/howto/recordings.md shows how",
        )  # fmt: skip
        return None
    return RecordedTest(
        id=f"recorded/{name}",
        version=f"{max(task.version, 0)}-A",
        title=_filled(words.test.title, task=task.name),
        construct=_filled(words.test.construct_, task=task.name),
        grader="published",
        metrics=metrics,
    )


def _metrics(name: str, task: _Task, rule: LogMapping | None, words: LogWords) -> tuple[MetricSpec, ...]:
    given = [metric for metric in rule.metrics if metric.label in task.labels] if rule else []
    chosen = given or [
        Metric(id=label, title=_filled(words.metric.title, label=label), label=label)
        for label in sorted(task.labels)
    ]
    heads = [metric.id for metric in chosen if metric.headline] or [metric.id for metric in chosen]
    return tuple(
        MetricSpec(
            id=metric.id, title=metric.title, arm=name, label=metric.label,
            better=metric.better, axis=metric.axis, headline=metric.id == heads[0],
        )
        for metric in chosen
    )  # fmt: skip


def _draft(
    model_name: str, model: _Model, tests: Mapping[str, RecordedTest | None], run: _Import, words: LogWords
) -> Recording:
    tasks = sorted(model.tasks)
    shown = words.source.model_copy(
        update={
            "title": words.source.title.replace("{task}", ", ".join(run.tasks[name].name for name in tasks))[
                :300
            ]
        }
    )
    source = run.rule.source if run.rule and run.rule.source else shown
    return Recording(
        id=model_name,
        source=source.recorded("inspect", [*run.written, *model.files.values()]),
        tests=tuple(test for test in (tests[name] for name in tasks) if test is not None),
        trials=tuple(model.trials),
    )


def _filled(text: Text, **places: str) -> Text:
    def fill(words: str) -> str:
        for place, value in places.items():
            words = words.replace(f"{{{place}}}", value[:200])
        return words

    return Text(en=fill(text.en), ja=fill(text.ja))


def _name(text: str) -> str:
    """Lower-case letters, digits and underscores, as ids of tests, arms and labels are written here."""
    plain = re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_")[:50]
    return plain if plain[:1].isalpha() else f"x_{plain}"
