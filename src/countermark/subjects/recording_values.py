"""What a recording is: published runs of one model, with the labels their publication gave, as frozen values."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any

from pydantic import Field

from countermark.canonical import InvalidJson, decode, digest, digest_of, encode
from countermark.records import Message, MetricSpec, Scenario, Text, ToolCall
from countermark.records.plan import Digest, Document

SCHEMA = "countermark/recording/v0.1"
RECORDING, TRIALS, MANIFEST = "recording.json", "trials.jsonl", "MANIFEST.sha256"
WITHHELD = "[withheld upstream]"
_STEM = 48


class SourceFile(Document):
    """A file the recording was made from, by name and by the digest of its bytes as stored."""

    name: Annotated[str, Field(min_length=1, max_length=500)]
    sha256: Digest


class Source(Document):
    """Where the runs were published, under which licence, and which importer read which files."""

    title: Annotated[str, Field(min_length=1, max_length=300)]
    ref: Annotated[str, Field(max_length=500)]
    licence: Annotated[str, Field(max_length=300)]
    importer: Annotated[str, Field(min_length=1, max_length=60)]
    files: Annotated[tuple[SourceFile, ...], Field(max_length=200_000)] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedTest:
    """A test as its publication ran it: what it measures, which grader reads it, which rates are formed."""

    id: str
    version: str
    title: Text
    construct: Text
    grader: str
    grader_options: Mapping[str, str | int | bool | list[str]] = field(default_factory=dict)
    metrics: tuple[MetricSpec, ...]

    @property
    def digest(self) -> str:
        """SHA-256 of the canonical JSON of the test's manifest: equal where two recordings hold the same test."""
        return digest_of(_test_json(self))


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedTrial:
    """One published run.

    Attributes:
        scenario: Which upstream item it was: no dialogue and no facts, so the same item is the same value whichever
            model met it.
        messages: Everything said and done, in order, as published.
        published: Labels the publication gave to this run.
        no_verdict: Why the run counts as having no verdict although it was published, or None.
        upstream_error: What failed when the run was made, or None.
        stop: Why the last turn ended, in the publication's word.
    """

    scenario: Scenario
    messages: tuple[Message, ...]
    published: Mapping[str, bool] = field(default_factory=dict)
    no_verdict: str | None = None
    upstream_error: str | None = None
    stop: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """Published runs of one model (or one pipeline around a model).

    Attributes:
        id: Of the subject, `publication/model`, without spaces.
        source: `title`, `ref`, `licence`, `importer`, and `files`: name and SHA-256 of each file it was made from.
        trials: In order of test and scenario id, so two recordings of one item set agree line by line.
        digest: SHA-256 of `MANIFEST.sha256`, which binds every byte of the recording.
    """

    id: str
    source: Mapping[str, Any]
    tests: tuple[RecordedTest, ...]
    trials: tuple[RecordedTrial, ...]
    digest: str = ""

    def scenarios(self, test_id: str) -> tuple[Scenario, ...]:
        """The scenarios of one test; empty for a test it does not hold.

        In the order of their ids' SHA-256: the same for every recording of the items, and the first few are a fair few.
        """
        found = (trial.scenario for trial in self.trials if trial.scenario.test == test_id)
        return tuple(sorted(found, key=lambda scenario: digest(scenario.id.encode())))


def scenario_id(test_id: str, stem: str, *identity: object) -> str:
    """`test#stem-digest`, the digest over what makes the upstream item itself (not over any model's text)."""
    shown = re.sub(r"[^A-Za-z0-9._-]+", "-", stem).strip("-.")[:_STEM]
    return f"{test_id}#{shown or 'item'}-{digest_of([str(part) for part in identity])[:10]}"


def subject_id(publication: str, model: str) -> str:
    """`publication/model` without white space, at most 200 characters."""
    return re.sub(r"\s+", "-", f"{publication}/{model.strip()}")[:200]


def tool_call(call_id: str, name: str, arguments: Any) -> ToolCall:
    """A tool call as published; arguments that are no JSON object, or that canonical JSON cannot hold, become `fault`.

    Canonical JSON holds integers up to 2**53 only.
    """
    if isinstance(arguments, Mapping):
        try:
            encode(decode(encode(dict(arguments))))  # 1e16 is written as an integer beyond 2**53
        except (InvalidJson, UnicodeEncodeError):
            pass
        else:
            return ToolCall(id=call_id, name=name, arguments=dict(arguments))
    return ToolCall(id=call_id, name=name, arguments={}, fault=json.dumps(arguments, default=str)[:100_000])


def _test_json(test: RecordedTest) -> dict[str, Any]:
    """A test's manifest as it stands in `recording.json`."""
    return {
        "id": test.id,
        "version": test.version,
        "title": test.title.model_dump(),
        "construct": test.construct.model_dump(),
        "grader": test.grader,
        "grader_options": dict(test.grader_options),
        "metrics": [metric.model_dump() for metric in test.metrics],
    }


def encode_recording(recording: Recording) -> dict[str, bytes]:
    """File name to bytes of a whole recording, manifest included.

    Raises:
        InvalidJson: A number or a text that canonical JSON cannot hold.
    """
    head = {
        "schema": SCHEMA,
        "id": recording.id,
        "source": dict(recording.source),
        "tests": [_test_json(test) for test in recording.tests],
    }
    lines = [encode(_trial_json(trial)) for trial in recording.trials]
    files = {RECORDING: encode(head) + b"\n", TRIALS: b"".join(line + b"\n" for line in lines)}
    return {**files, MANIFEST: manifest_of(files)}


def manifest_of(files: Mapping[str, bytes]) -> bytes:
    """Sorted `sha256sum` lines over the files."""
    sums = (f"{digest(files[name])}  {name}\n" for name in sorted(files))
    return "".join(sums).encode()


def _trial_json(trial: RecordedTrial) -> dict[str, Any]:
    scenario = trial.scenario
    return {
        "scenario": {
            "id": scenario.id,
            "test": scenario.test,
            "arm": scenario.arm,
            "cluster": scenario.cluster,
            "tags": dict(scenario.tags),
        },
        "messages": [_message_json(message) for message in trial.messages],
        "published": dict(trial.published),
        "no_verdict": trial.no_verdict,
        "upstream_error": trial.upstream_error,
        "stop": trial.stop,
    }


def _message_json(message: Message) -> dict[str, Any]:
    shown: dict[str, Any] = {"role": message.role, "content": message.content}
    if message.tool_calls:
        shown["tool_calls"] = [_call_json(call) for call in message.tool_calls]
    if message.tool_call_id is not None:
        shown["tool_call_id"] = message.tool_call_id
    return shown


def _call_json(call: ToolCall) -> dict[str, Any]:
    shown: dict[str, Any] = {"id": call.id, "name": call.name, "arguments": dict(call.arguments)}
    return shown if call.fault is None else {**shown, "fault": call.fault}
