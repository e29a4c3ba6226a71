"""Published runs of real models as subjects: the recording format, and the subject that says again what was said.

A recording is a directory of three files: `recording.json` (whose runs, from where, which tests), `trials.jsonl` (one
run a line) and `MANIFEST.sha256` over both. It is read with every fault at once and written whole or not at all.
"""

import os
import shutil
from pathlib import Path

from countermark.canonical import InvalidJson
from countermark.errors import CallFailed, InvalidDocument, UnsafePath, Unsupported, UsageError
from countermark.files import read_capped, slug, sync_directory, write_atomic
from countermark.records import Reply, Request, TrialKey
from countermark.subjects.recording_reading import assemble, find_recordings, read_recording
from countermark.subjects.recording_values import (
    MANIFEST,
    RECORDING,
    TRIALS,
    WITHHELD,
    RecordedTest,
    RecordedTrial,
    Recording,
    Source,
    SourceFile,
    encode_recording,
    scenario_id,
    subject_id,
    tool_call,
)

__all__ = [
    "MANIFEST",
    "RECORDING",
    "TRIALS",
    "WITHHELD",
    "RecordedSubject",
    "RecordedTest",
    "RecordedTrial",
    "Recording",
    "Source",
    "SourceFile",
    "assemble",
    "find_recordings",
    "read_recording",
    "scenario_id",
    "slug",
    "subject_id",
    "tool_call",
    "write_recording",
]


def write_recording(recording: Recording, path: Path) -> None:
    """Write a recording as the directory `path`: all of it or nothing.

    A directory that already holds the same bytes is left as it is.

    Raises:
        UsageError: Something else is at `path`.
        InvalidDocument: The recording holds what canonical JSON cannot.
    """
    try:
        files = encode_recording(recording)
    except (InvalidJson, UnicodeEncodeError) as error:
        raise InvalidDocument([f"{recording.id}: [json] {error}"], ["json"]) from error
    if os.path.lexists(path):
        _refuse_unless_same(path, files)
        return
    draft = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    shutil.rmtree(draft, ignore_errors=True)
    try:
        for name, data in files.items():
            write_atomic(draft / name, data)
        draft.rename(path)
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror}", hint="choose another directory") from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    sync_directory(path.parent)


class RecordedSubject:
    """A model as it was recorded. It answers with what was said then, whatever it is asked now."""

    def __init__(self, recording: Recording) -> None:
        self.recording = recording
        self._trials = {(trial.scenario.test, trial.scenario.id): trial for trial in recording.trials}

    def recall(self, key: TrialKey) -> RecordedTrial:
        """The whole published run of a trial. Raises `Unsupported` for what was never run, or not a second time."""
        trial = self._trials.get((key.test, key.scenario))
        if trial is None:
            raise Unsupported(f"{self.recording.id} holds no run of {key.scenario}")
        if key.epoch:
            raise Unsupported(f"{self.recording.id} was recorded once; it cannot be asked a second time")
        return trial

    async def answer(self, request: Request) -> Reply:
        """The recorded turn that comes after as many as the request holds.

        Raises:
            Unsupported: The trial was not recorded.
            CallFailed: The recorded run has no further turn.
        """
        trial = self.recall(request.key)
        turns = [message for message in trial.messages if message.role == "assistant"]
        spoken = sum(message.role == "assistant" for message in request.messages)
        if spoken >= len(turns):
            why = trial.upstream_error or f"the recorded run ends after {len(turns)} turns"
            raise CallFailed(f"no further turn was recorded: {why}", retryable=False)
        last = spoken == len(turns) - 1
        return Reply(message=turns[spoken], stop=trial.stop if last and trial.stop else "stop")

    async def aclose(self) -> None:
        """Nothing to release."""


def _refuse_unless_same(path: Path, files: dict[str, bytes]) -> None:
    plain = path.is_dir() and not path.is_symlink() and {entry.name for entry in path.iterdir()} == set(files)
    if not plain or not all(_holds(path / name, data) for name, data in files.items()):
        raise UsageError(
            f"{path} exists and holds something else", hint="choose another directory, or remove it"
        )


def _holds(path: Path, data: bytes) -> bool:
    try:
        return read_capped(path, max_bytes=len(data)) == data
    except UnsafePath:
        return False
