"""Stage 6: the log. Leaves recomputed, checkpoints consistent, every planned slot with exactly one final attempt."""

import re
from collections.abc import Iterator

from countermark.canonical import InvalidJson
from countermark.errors import EvidenceError, SignerUnknown
from countermark.evidence.codec import from_checked
from countermark.evidence.directory import RUN
from countermark.evidence.lines import LogLine, read_log
from countermark.evidence.merkle import Frontier
from countermark.evidence.notes import MAX_NOTE, Checkpoint, open_note
from countermark.evidence.recovery import CHECKPOINTS, INFLIGHT
from countermark.files import read_capped
from countermark.records import Outcome, Plan, Status, TrialRecord
from countermark.verify import witnesses
from countermark.verify.state import Entry, State
from countermark.verify.verdict import Notes

_RECORDS = f"{RUN}/records.jsonl"
_MAX_FAULTS = 100
_MAX_NOTES = 100_000


class TooManyFaults(EvidenceError):
    """Enough is known to be wrong; the rest is not worth listing."""


def check(state: State, notes: Notes) -> None:
    """Read the log once, from the first record to the last."""
    assert state.plan is not None
    if f"{RUN}/{INFLIGHT}" in state.files:
        notes.wrong(f"{RUN}/{INFLIGHT}: the log was never closed")
    checkpoints = {note.size: note for note in _checkpoints(state, notes)}
    frontier, slots = Frontier(), Slots(state.plan)
    _compare(checkpoints, frontier, notes)
    try:
        for line in read_log(state.root / RUN):
            frontier.append(line.leaf)
            _compare(checkpoints, frontier, notes)
            _take(state, notes, slots, line)
    except TooManyFaults as error:
        notes.wrong(error.message)
        return
    except EvidenceError as error:
        notes.wrong(f"{RUN}/{error.message}")
        return
    _check_end(state, notes, frontier, checkpoints)
    _tell(notes, slots.faults_at_end(state.slots))
    _check_blob_names(state, notes)
    witnesses.check(state, notes, checkpoints.keys(), frontier.size)
    if not notes.broken:
        notes.say(f"{frontier.size} records, root {frontier.root().hex()}, {len(checkpoints)} checkpoints")


def _take(state: State, notes: Notes, slots: "Slots", line: LogLine) -> None:
    commitment = line.record.get("transcript")
    try:
        record = from_checked(TrialRecord, line.data)
    except InvalidJson as error:
        raise EvidenceError(f"records.jsonl: line {line.seq + 1}: {error}") from error
    if not isinstance(commitment, str):
        raise EvidenceError(f"records.jsonl: line {line.seq + 1}: commits to no transcript")
    _tell(notes, (f"line {line.seq + 1}: {fault}" for fault in slots.take(record)))
    state.entries.append(Entry(record=record, blob_salt=line.blob_salt, commitment=commitment))


def _tell(notes: Notes, faults: Iterator[str]) -> None:
    for fault in faults:
        notes.wrong(f"{_RECORDS}: {fault}")
        if len(notes.details) >= _MAX_FAULTS:
            raise TooManyFaults(f"{_RECORDS}: over {_MAX_FAULTS} faults; the rest is not listed")


def _checkpoints(state: State, notes: Notes) -> Iterator[Checkpoint]:
    assert state.plan is not None
    assert state.key is not None
    names = [name for name in state.files if name.startswith(f"{RUN}/{CHECKPOINTS}/")]
    if not names or len(names) > _MAX_NOTES:
        notes.wrong(f"{RUN}/{CHECKPOINTS}: holds no checkpoint, or over {_MAX_NOTES}")
        return
    for name in sorted(names):
        try:
            note = open_note(read_capped(state.root / name, max_bytes=MAX_NOTE, name=name), state.key)
        except SignerUnknown as error:
            notes.stranger(f"{name}: {error.message}")
            continue
        except EvidenceError as error:
            notes.wrong(f"{name}: {error.message}")
            continue
        if note.origin != state.plan.audit or name != f"{RUN}/{CHECKPOINTS}/{note.size:08d}.note":
            notes.wrong(f"{name}: is a checkpoint of {note.origin} at {note.size}")
        else:
            yield note


def _compare(checkpoints: dict[int, Checkpoint], frontier: Frontier, notes: Notes) -> None:
    note = checkpoints.get(frontier.size)
    if note is not None and note.root_hex != frontier.root().hex():
        notes.wrong(
            f"{_RECORDS}: the first {frontier.size} records are not those of the checkpoint at {frontier.size}"
        )


def _check_end(state: State, notes: Notes, frontier: Frontier, checkpoints: dict[int, Checkpoint]) -> None:
    assert state.seal is not None
    sealed = state.seal.predicate
    size, root = frontier.size, frontier.root().hex()
    if (sealed.get("size"), sealed.get("root")) != (size, root) or type(sealed.get("size")) is not int:
        notes.wrong(
            f"{_RECORDS}: holds {size} records with root {root}, the seal says {sealed.get('size')} and {sealed.get('root')}"
        )
    if any(note > size for note in checkpoints):
        notes.wrong(f"{_RECORDS}: holds {size} records, a checkpoint promises {max(checkpoints)}")
    if checkpoints and size not in checkpoints:
        notes.wrong(f"{RUN}/{CHECKPOINTS}: no checkpoint at the end of the log, {size} records")


def _check_blob_names(state: State, notes: Notes) -> None:
    """Transcripts are for records and nothing else; one that is missing is stage 7's to tell."""
    prefix = f"{RUN}/blobs/"
    known = {f"{prefix}{seq:08d}.json" for seq in range(len(state.entries))}
    for name in state.files:
        if name.startswith(prefix) and name not in known:
            notes.wrong(f"{name}: is the transcript of no record")


class Slots:
    """Which slot stands for which trial, and how its attempts went: one after another, the last one final."""

    def __init__(self, plan: Plan) -> None:
        self._tests = {test.id: test for test in plan.tests}
        self._takes = {subject.id: frozenset(subject.tests) for subject in plan.subjects}
        self._epochs = plan.rules.epochs
        self._trial_of: dict[int, tuple[str, str, int, int]] = {}
        self._slot_of: dict[tuple[str, str, int, int], int] = {}
        self._attempts: dict[int, int] = {}
        self._final: set[int] = set()
        self._graders: dict[str, str] = {}
        self._created = plan.created

    def take(self, record: TrialRecord) -> Iterator[str]:
        """What is wrong with the next record."""
        yield from self._place(record)
        yield from self._order(record)
        yield from _sense(record)

    def faults_at_end(self, slots: int) -> Iterator[str]:
        """Slots without a final attempt, or too few of them."""
        for slot in sorted(set(self._attempts) - self._final):
            yield f"slot {slot} has no final attempt"
        if len(self._final) != slots:
            yield f"{len(self._final)} trials have a final attempt, the plan asks for {slots}"
        if any(not 0 <= slot < slots for slot in self._attempts):
            yield f"a slot lies outside 0 to {slots - 1}"

    def _place(self, record: TrialRecord) -> Iterator[str]:
        test = self._tests.get(record.test)
        if test is None or record.test not in self._takes.get(record.subject, frozenset()):
            yield f"{record.subject} was not to take {record.test}"
        elif not (0 <= record.item < test.items and 0 <= record.epoch < self._epochs):
            yield f"item {record.item}, epoch {record.epoch} of {record.test} was not planned"
        elif record.grader.partition("@")[0] != test.grader:
            yield f"was graded by {record.grader}, the plan says {test.grader}"
        elif self._graders.setdefault(record.test, record.grader) != record.grader:
            yield f"was graded by {record.grader}, trials of this test before it by {self._graders[record.test]}"
        if record.started < self._created:
            yield f"started at {record.started}, before the plan was made at {self._created}"
        trial = (record.subject, record.test, record.item, record.epoch)
        if self._trial_of.setdefault(record.slot, trial) != trial:
            yield f"slot {record.slot} stood for another trial before"
        if self._slot_of.setdefault(trial, record.slot) != record.slot:
            yield f"the trial of slot {record.slot} had slot {self._slot_of[trial]} before"

    def _order(self, record: TrialRecord) -> Iterator[str]:
        expected = self._attempts.get(record.slot, 0) + 1
        if record.attempt != expected:
            yield f"slot {record.slot} comes to attempt {record.attempt}, not {expected}"
        self._attempts[record.slot] = max(expected, record.attempt)
        if record.slot in self._final:
            yield f"slot {record.slot} is tried again after its final attempt"
        if record.final:
            self._final.add(record.slot)


_MEANS = {
    Status.OK: (Outcome.GRADED, Outcome.UNGRADED),
    Status.ERROR: (Outcome.ERRORED,),
    Status.UNSUPPORTED: (Outcome.UNSUPPORTED,),
    Status.INTERRUPTED: (Outcome.NOT_RUN,),
    Status.NOT_RUN: (Outcome.NOT_RUN,),
}
_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z")


def _sense(record: TrialRecord) -> Iterator[str]:
    if record.outcome not in _MEANS[record.status]:
        yield f"status {record.status} does not go with outcome {record.outcome}"
    if record.labels and record.outcome is not Outcome.GRADED:
        yield f"an outcome of {record.outcome} bears labels"
    if record.status is Status.OK and not record.final:
        yield "an attempt that was answered is not final: second tries after an answer are not allowed"
    usage = record.usage
    if min(record.calls, usage.input_tokens, usage.output_tokens, usage.unmetered) < 0:
        yield "calls or tokens below zero"
    if not (_TIME.fullmatch(record.started) and _TIME.fullmatch(record.ended)):
        yield f"{record.started!r} and {record.ended!r} are no times"
    elif record.started > record.ended:
        yield "ended before it started"
