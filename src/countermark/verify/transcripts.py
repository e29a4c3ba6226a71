"""Stage 7: each transcript is the one committed to, shows a planned scenario, and gets the recorded grade again."""

import json
from collections.abc import Mapping
from typing import Any

from countermark.canonical import InvalidJson, decode, digest
from countermark.errors import CountermarkError, EvidenceError
from countermark.evidence.codec import from_checked
from countermark.evidence.directory import RUN
from countermark.evidence.items import item_leaf
from countermark.evidence.lines import MAX_BLOB, blob_name, read_blob
from countermark.evidence.merkle import blob_commitment, root_of
from countermark.graders import Grader, load_grader
from countermark.records import PlannedTest, Status, Transcript
from countermark.verify.state import Entry, State
from countermark.verify.verdict import Notes

STRANGERS_DATA = (ValueError, LookupError, TypeError, AttributeError, ArithmeticError, RecursionError)
"""What somebody else's code may raise on data that somebody else again has made up."""
_MAX_FAULTS = 100
_SCRIPTED = ("dialogue", "desk")


def check(state: State, notes: Notes) -> None:
    """Read each transcript once, in the log's order."""
    assert state.plan is not None
    tests = {test.id: (_grader(test, notes), test.grader_options) for test in state.plan.tests}
    planned = {test.id: test for test in state.plan.tests}
    items = Items(state.plan.seed)
    not_graded = 0
    for seq, entry in enumerate(state.entries):
        name = f"{RUN}/{blob_name(seq)}"
        try:
            transcript = _read(state, seq, entry, items)
            _check_script(planned[entry.record.test], entry, transcript)
            not_graded += not _grade_again(entry, transcript, *tests[entry.record.test])
            state.disclosed += 1
        except EvidenceError as error:
            notes.wrong(f"{name}: {error.message}")
        except InvalidJson as error:
            notes.malformed(f"{name}: {error}")
        if len(notes.details) > _MAX_FAULTS:
            notes.wrong(f"over {_MAX_FAULTS} faults; the rest is not listed")
            return
    for test in state.plan.tests:
        _check_items(test, items, notes)
    if not_graded:
        notes.partial(
            f"{not_graded} transcripts were not graded again: their grader is not installed in that version"
        )
    if not notes.broken:
        notes.say(
            f"{state.disclosed} transcripts are those committed to; {state.disclosed - not_graded} need no grade or get it again"
        )


class Items:
    """The scenario of each item, by its leaf; all subjects that ran an item must have met the same one."""

    def __init__(self, seed: str) -> None:
        self._seed = seed
        self._seen: dict[tuple[str, int], str] = {}
        self._leaves: dict[str, dict[int, bytes]] = {}

    def take(self, test: str, item: int, scenario: Mapping[str, Any]) -> None:
        """Note the scenario. Raises `EvidenceError` where it is not the one seen before."""
        spelling = digest(json.dumps(scenario, sort_keys=True).encode())
        if self._seen.setdefault((test, item), spelling) != spelling:
            raise EvidenceError(f"item {item} of {test} was another scenario in an earlier transcript")
        leaves = self._leaves.setdefault(test, {})
        if item not in leaves:
            leaves[item] = item_leaf(self._seed, test, item, scenario)

    def leaves(self, test: str) -> dict[int, bytes]:
        """Item to leaf, for the items seen."""
        return self._leaves.get(test, {})


def _read(state: State, seq: int, entry: Entry, items: Items) -> Transcript:
    data = read_blob(state.root / RUN, seq)
    if blob_commitment(entry.blob_salt, data).hex() != entry.commitment:
        raise EvidenceError("is not the transcript that the record commits to")
    value = decode(data, max_bytes=MAX_BLOB)
    transcript = from_checked(Transcript, data)
    items.take(entry.record.test, entry.record.item, value["scenario"])
    _agree(entry, transcript)
    return transcript


def _agree(entry: Entry, transcript: Transcript) -> None:
    record, scenario = entry.record, transcript.scenario
    pairs: dict[str, tuple[object, object]] = {
        "scenario": (record.scenario, scenario.id),
        "test": (record.test, scenario.test),
        "arm": (record.arm, scenario.arm),
        "cluster": (record.cluster, scenario.cluster),
        "tags": (dict(record.tags), dict(scenario.tags)),
        "published": (dict(record.published), dict(transcript.published)),
        "usage": (record.usage, transcript.usage),
        "success": (record.status is Status.OK, transcript.fault is None),
        "request ids": (
            record.request_ids,
            tuple(one.request_id for one in transcript.exchanges if one.request_id),
        ),
    }
    if record.status is not Status.OK:
        pairs["reason"] = (record.reason, transcript.fault)
    if record.status in (Status.INTERRUPTED, Status.NOT_RUN):
        pairs["number of turns"] = (0, len(transcript.messages))
    for what, (recorded, shown) in pairs.items():
        if recorded != shown:
            raise EvidenceError(f"the record's {what} is {recorded!r}, the transcript's {shown!r}")


def _check_script(test: PlannedTest, entry: Entry, transcript: Transcript) -> None:
    """Where the driver is a script, what was put to the subject is the scenario's dialogue, to the end if it answered."""
    if test.driver not in _SCRIPTED:
        return
    script = transcript.scenario.dialogue
    put = tuple(message for message in transcript.messages if message.role in ("system", "user"))
    whole = test.driver == "dialogue" and entry.record.status is Status.OK
    if put != script[: len(put)] or (whole and len(put) < len(script)):
        raise EvidenceError("what was put to the subject is not the scenario's dialogue")


def _grader(test: PlannedTest, notes: Notes) -> Grader | None:
    try:
        return load_grader(test.grader)
    except (CountermarkError, ImportError, AttributeError) as error:
        notes.say(f"{test.id}: no grader {test.grader} here ({error})")
        return None


def _grade_again(
    entry: Entry, transcript: Transcript, grader: Grader | None, options: Mapping[str, Any]
) -> bool:
    """Grade once more and compare; False where this installation cannot."""
    record = entry.record
    if record.status is not Status.OK:
        return True
    if grader is None or grader.reference != record.grader:
        return False
    try:
        grade = grader(transcript, options)
    except (CountermarkError, *STRANGERS_DATA) as error:
        raise EvidenceError(f"{record.grader} cannot grade it ({error})") from error
    again = (grade.outcome, dict(grade.labels), grade.reason)
    if again != (record.outcome, dict(record.labels), record.reason):
        raise EvidenceError(
            f"{record.grader} grades it {grade.outcome} {dict(grade.labels)} ({grade.reason}), "
            f"the record says {record.outcome} {dict(record.labels)} ({record.reason})"
        )
    return True


def _check_items(test: PlannedTest, items: Items, notes: Notes) -> None:
    leaves = items.leaves(test.id)
    if len(leaves) < test.items:
        notes.partial(
            f"{test.id}: {len(leaves)} of {test.items} scenarios are disclosed, so their root stays unchecked"
        )
    elif root_of(leaves[index] for index in sorted(leaves)).hex() != test.items_root:
        notes.wrong(f"{test.id}: its scenarios are not those that the plan committed to")
