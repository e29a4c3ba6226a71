"""Stage 7: each transcript is the one committed to, shows a planned scenario, and gets the recorded grade again.

Of a transcript that is withheld in part, whatever its disclosed parts allow is checked.
"""

from collections import Counter
from collections.abc import Iterator

from countermark.canonical import InvalidJson
from countermark.errors import CountermarkError, EvidenceError
from countermark.evidence.directory import RUN
from countermark.evidence.lines import blob_name, read_blob
from countermark.evidence.parts import Blob, parse_blob
from countermark.graders import Grader, load_grader
from countermark.graders.awareness import REFERENCE as AWARENESS
from countermark.graders.awareness import awareness
from countermark.graders.judged import GRADER, Judging, regrade
from countermark.records import PlannedTest, Status, Transcript, role_uses
from countermark.verify import redaction
from countermark.verify.items import Items
from countermark.verify.opening import Opened, PartWithheld, open_transcript
from countermark.verify.roles import Roles
from countermark.verify.state import Entry, State
from countermark.verify.turns import UNTOLD, check_drivers, check_turns, why_failed
from countermark.verify.verdict import Notes
from countermark.verify.wire import Wires

STRANGERS_DATA = (ValueError, LookupError, TypeError, AttributeError, ArithmeticError, RecursionError)
"""What somebody else's code may raise on data that somebody else again has made up."""
_MAX_FAULTS = 100
_FAILED = (Status.ERROR, Status.UNSUPPORTED)
_NOT_INSTALLED = "their grader is not installed in that version"
_NOT_SHOWN = "what their grader reads is withheld"


def check(state: State, notes: Notes) -> None:
    """Read each transcript once, in the log's order."""
    assert state.plan is not None
    assert state.draw is not None
    redaction.read_items(state, notes)
    examiner = Examiner(state, notes)
    not_graded: Counter[str] = Counter()
    hidden = state.redaction.transcripts if state.redaction else {}
    run = state.root / RUN
    for entry in state.entries:
        name = f"{RUN}/{blob_name(entry.seq)}"
        if name not in state.files and name not in state.odd:
            if entry.seq not in hidden:
                notes.wrong(f"{name}: is missing, and no signed list withholds it")
            continue
        try:
            opened, why_not = examiner.examine(entry, parse_blob(read_blob(run, entry.seq)))
            not_graded[why_not] += 1
            if state.identity is not None and not _unshown(opened, "exchanges"):
                state.identity.hear(entry.record, opened.transcript.exchanges)
            _count(state, entry, opened)
        except EvidenceError as error:
            notes.wrong(f"{name}: {error.message}")
        except InvalidJson as error:
            notes.malformed(f"{name}: {error}")
        if len(notes.details) > _MAX_FAULTS:
            notes.wrong(f"over {_MAX_FAULTS} faults; the rest is not listed")
            return
    for test in state.plan.tests:
        examiner.items.check(test, state.draw.items[test.id], notes)
    del not_graded[""]
    examiner.say(notes)
    check_drivers(state.plan, notes)
    _say(state, not_graded, notes)
    if state.identity is not None:
        state.identity.conclude(notes)


class Examiner:
    """Checks one transcript after another against its record, the plan and the scenarios seen before."""

    def __init__(self, state: State, notes: Notes) -> None:
        assert state.plan is not None
        self.items = Items(state.seed, state.items, state.leaves)
        self._tests = {test.id: test for test in state.plan.tests}
        self._graders = {test.id: _grader(test, notes) for test in state.plan.tests}
        self._judged = state.plan.role(GRADER) is not None
        self._roles, self._wires = Roles(state.plan), Wires(state.plan)
        self._plan, self._failed = state.plan, Counter[str]()
        self._recordings = frozenset(one.id for one in state.plan.subjects if one.kind == "recording")
        self._awareness = state.plan.rules.awareness
        if self._awareness not in ("", AWARENESS):
            notes.partial(f"labels of {self._awareness} are not given again: {AWARENESS} is installed")

    def examine(self, entry: Entry, blob: Blob) -> tuple[Opened, str]:
        """The transcript opened, and why it was not graded again, or nothing.

        Raises:
            EvidenceError: It is not the one committed to, or it and its record, the plan or its grade do not agree.
            InvalidJson: It is malformed.
        """
        opened = open_transcript(blob, entry.commitment)
        record = entry.record
        if opened.scenario is not None:
            self.items.take(record.test, record.item, opened.scenario)
        _agree(entry, opened)
        test = self._tests.get(record.test)
        if test is None:
            raise EvidenceError(f"is of a test that was not planned, {record.test}")
        self._check_turns(test, entry, opened)
        _check_people(test, entry, opened)
        if not _unshown(opened, "exchanges"):
            self._roles.hear(test, opened.transcript.exchanges)
            self._wires.hear(test, entry.record, opened)
        self._label_again(entry, opened)
        judging = Judging(subject=record.subject, judged=self._judged)
        return opened, _grade_again(entry, opened.transcript, self._graders[test.id], test, judging)

    def say(self, notes: Notes) -> None:
        """What could not be held against anything."""
        self._roles.say(notes)
        self._wires.say(notes)
        for why, count in sorted(self._failed.items()):
            told = f"{count} attempts came to their end and count as failed, so what was said in them is in no rate: {why}"
            if why == UNTOLD:
                notes.partial(told)
            elif why:
                notes.say(told)

    def _check_turns(self, test: PlannedTest, entry: Entry, opened: Opened) -> None:
        """Where the driver is a script, every turn stands where it belongs; and what came to its end counts."""
        record, transcript, led = entry.record, opened.transcript, False
        if test.driver == "replay" and record.status is Status.OK and record.subject not in self._recordings:
            raise EvidenceError(f"is said to be replayed, and {record.subject} is no recording")
        if test.driver == "attacker":
            if _unshown(opened, "messages", "exchanges", "state"):
                return
            from countermark.verify.attacks import check_led  # what few audits need is imported for these

            led = check_led(self._plan, transcript, ended=record.status is Status.OK)
        over = check_turns(test, record, opened, led=led)
        if over and record.status in _FAILED and not opened.withheld:
            self._failed[why_failed(self._plan, test, record, transcript, self._graders[test.id])] += 1

    def _label_again(self, entry: Entry, opened: Opened) -> None:
        """Awareness by the rules that the plan names, where this version has them and nothing they read is withheld."""
        readable = not _unshown(opened, "messages", "exchanges", "scenario")
        if not self._awareness:
            _same("labels of awareness", dict(entry.record.aware), {})
        elif self._awareness == AWARENESS and readable and entry.record.status is Status.OK:
            _same("labels of awareness", dict(entry.record.aware), awareness(opened.transcript))


def _count(state: State, entry: Entry, opened: Opened) -> None:
    if opened.withheld:
        state.in_part[entry.seq] = opened.parts
        state.unquotable.update([entry.seq] if _unshown(opened, "messages") else [])
    else:
        state.disclosed += 1


def _say(state: State, not_graded: Counter[str], notes: Notes) -> None:
    for why, count in sorted(not_graded.items()):
        notes.partial(f"{count} transcripts were not graded again: {why}")
    if notes.broken:
        return
    shown, graded = state.disclosed + len(state.in_part), not_graded.total()
    in_part = f", {len(state.in_part)} of them disclosed in part" if state.in_part else ""
    notes.say(
        f"{shown} transcripts are those committed to{in_part}; {shown - graded} need no grade or get it again"
    )
    if shown < state.size:
        notes.say(
            f"{state.size - shown} transcripts are withheld: stage 9 holds them against the signed list"
        )


def _agree(entry: Entry, opened: Opened) -> None:
    shown = opened.transcript
    if entry.record.status in (Status.INTERRUPTED, Status.NOT_RUN) and not _unshown(opened, "messages"):
        _same("number of turns", 0, len(shown.messages))
    for what, recorded, said in _pairs(entry, opened):
        _same(what, recorded, said)


def _pairs(entry: Entry, opened: Opened) -> Iterator[tuple[str, object, object]]:
    record, transcript = entry.record, opened.transcript
    if not _unshown(opened, "scenario"):
        scenario = transcript.scenario
        yield "scenario", record.scenario, scenario.id
        yield "test", record.test, scenario.test
        yield "arm", record.arm, scenario.arm
        yield "cluster", record.cluster, scenario.cluster
        yield "tags", dict(record.tags), dict(scenario.tags)
    yield "published", dict(record.published), dict(transcript.published)
    yield "usage", record.usage, transcript.usage
    yield "success", record.status is Status.OK, transcript.fault is None
    if record.status is not Status.OK:
        yield "reason", record.reason, transcript.fault
    if not _unshown(opened, "exchanges"):
        named = tuple(one.request_id for one in transcript.exchanges if one.request_id)
        yield "request ids", record.request_ids, named
        yield "calls of roles", dict(record.roles), role_uses(transcript.exchanges)


def _same(what: str, recorded: object, said: object) -> None:
    if recorded != said:
        raise EvidenceError(f"the record's {what} is {recorded!r}, the transcript's {said!r}")


def _unshown(opened: Opened, *fields: str) -> bool:
    return not opened.withheld.isdisjoint(fields)


def _check_people(test: PlannedTest, entry: Entry, opened: Opened) -> None:
    if test.driver == "world":
        from countermark.verify.people import check_people  # brings the world's models, as above

        check_people(test, entry, opened)


def _grader(test: PlannedTest, notes: Notes) -> Grader | None:
    try:
        return load_grader(test.grader)
    except (CountermarkError, ImportError, AttributeError) as error:
        notes.say(f"{test.id}: no grader {test.grader} here ({error})")
        return None


def _grade_again(
    entry: Entry, transcript: Transcript, grader: Grader | None, test: PlannedTest, judging: Judging
) -> str:
    """Grade once more and compare; why that cannot be done here, or nothing."""
    record = entry.record
    if record.status is not Status.OK:
        return ""
    if grader is None or grader.reference != record.grader:
        return _NOT_INSTALLED
    try:
        grade = regrade(grader, transcript, test, judging)
    except PartWithheld:
        return _NOT_SHOWN
    except (CountermarkError, *STRANGERS_DATA) as error:
        raise EvidenceError(f"{record.grader} cannot grade it ({error})") from error
    again = (grade.outcome, dict(grade.labels), grade.reason)
    if again != (record.outcome, dict(record.labels), record.reason):
        raise EvidenceError(
            f"{record.grader} grades it {grade.outcome} {dict(grade.labels)} ({grade.reason}), "
            f"the record says {record.outcome} {dict(record.labels)} ({record.reason})"
        )
    return ""
