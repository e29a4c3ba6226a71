"""Part of stage 7: in a transcript whose driver is a script, every turn stands where the driver would have put it.

And an attempt that was carried to its end is not booked as one that failed: only the asking of a judge comes after it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from importlib.metadata import entry_points
from typing import TYPE_CHECKING

from countermark.errors import CountermarkError, EvidenceError
from countermark.graders import Grader
from countermark.graders.judged import GRADER, is_due, said
from countermark.records import Message, Plan, PlannedTest, Scenario, Status, Transcript, TrialRecord
from countermark.verify.opening import Opened
from countermark.verify.verdict import Notes

if TYPE_CHECKING:  # needed for the few scenarios with tools, and imported for these
    from countermark.drivers.dialogue import ScriptedTool

SCRIPTED = ("dialogue", "attacker", "desk", "office")
"""Drivers that put the scenario's dialogue and nothing else, but for an attacking model's own turns."""
REFUSED = "the judge rejected key or model, by the bytes beside them, and a further attempt follows"
UNTOLD = "the judge could not be asked, and nothing shows why"
_ROOMS = ("desk", "office")
_OUR_OWN = (*SCRIPTED, "world", "auditing", "petri", "replay")
_OPERATOR = ("system", "developer")
_ANOTHER = "what was put to the subject is not the scenario's dialogue"
_STRANGERS = (ValueError, LookupError, TypeError, AttributeError, ArithmeticError, RecursionError)


def check_drivers(plan: Plan, notes: Notes) -> None:
    """Name the tests held against no script, and drivers that are not installed; a driver without its model is a fault.

    No plan is made whose driver lacks the model it needs.
    """
    loose: dict[str, int] = {}
    for test in plan.tests:
        for role in test.needs:
            if plan.role(role) is None:
                notes.wrong(
                    f"{test.id}: its driver {test.driver} needs a model as {role}, and the plan has none"
                )
        if test.driver in SCRIPTED:
            continue
        if test.driver in _drivers():
            loose[test.driver] = loose.get(test.driver, 0) + 1
        else:
            notes.partial(
                f"{test.id}: its driver {test.driver} is not installed here: nobody can say what it should have put"
            )
    if loose:
        told = ", ".join(f"{name} ({count} tests)" for name, count in sorted(loose.items()))
        notes.say(f"what was put to the subject is held against no script where the driver is {told}")


def check_turns(test: PlannedTest, record: TrialRecord, opened: Opened, *, led: bool) -> bool:
    """Whether the attempt came to its end, as far as its turns and state tell; no turn may stand where none belongs.

    Args:
        test: From the plan.
        record: The attempt's.
        opened: Its transcript; what is withheld of it is not looked at.
        led: An attacking model led the user's side, so that no script but the operator's holds.

    Raises:
        EvidenceError: A turn is missing, or not what the driver would have put there.
    """
    ended = test.driver in _OUR_OWN and "state" not in opened.withheld and bool(opened.transcript.state)
    if "messages" in opened.withheld or record.status in (Status.INTERRUPTED, Status.NOT_RUN):
        return ended
    transcript, whole = opened.transcript, record.status is Status.OK
    if test.driver == "world":
        _check_room(None, transcript.messages, whole=whole)
        if "scenario" not in opened.withheld:
            _check_opening(transcript.scenario.dialogue, transcript.messages)
    elif test.driver in SCRIPTED and "scenario" not in opened.withheld:
        script = _script(transcript, led=led)
        if test.driver in _ROOMS:
            over = _check_room(script, transcript.messages, whole=whole)
        else:
            over = _check_dialogue(script, transcript.messages, _tools(transcript.scenario), whole=whole)
        return ended or (over and not led)
    return ended


def why_failed(
    plan: Plan, test: PlannedTest, record: TrialRecord, transcript: Transcript, own: Grader | None
) -> str:
    """Why an attempt that came to its end counts as failed: `REFUSED`, `UNTOLD`, or "" where grading it again shows it.

    What comes after a driver is the asking of a judge. A test's own grader may fail before it; a judge may reject key or model,
    and is asked again in a further attempt; code that breaks while it is asked leaves a word and nothing else.

    Raises:
        EvidenceError: Nothing that happens in an audit leaves such a record.
    """
    if record.status is Status.ERROR and test.judge is not None and plan.role(GRADER) is not None:
        bare = replace(transcript, fault=None)
        try:
            due = own is None or is_due(test.judge, bare, own(bare, test.grader_options))
        except (CountermarkError, *_STRANGERS):
            return ""
        asked = [one for one in transcript.exchanges if one.role == GRADER]
        refused = record.reason.startswith(f"{GRADER}: ") and not record.final
        if due and (refused or record.reason.endswith(" in the trial")):
            return REFUSED if refused and asked and not said(asked[-1]) else UNTOLD
    raise EvidenceError(f"was carried to its end, and is booked as {record.status} ({record.reason[:200]})")


def _script(transcript: Transcript, *, led: bool) -> Sequence[Message]:
    """What had to be put: the scenario's dialogue, or its operator's text and then whatever an attacker said."""
    script = transcript.scenario.dialogue
    if not led:
        return script
    put = [turn for turn in transcript.messages if turn.role == "user"]
    return [*(turn for turn in script if turn.role in _OPERATOR), *put]


def _check_dialogue(
    script: Sequence[Message], turns: Sequence[Message], tools: "Mapping[str, ScriptedTool]", *, whole: bool
) -> bool:
    """After each of the user's turns come the subject's; whether all of the script was put and answered."""
    place = 0
    for put in script:
        if place == len(turns):
            return _broken_off(_ANOTHER, whole=whole)
        if turns[place] != put:
            raise EvidenceError(_ANOTHER)
        place += 1
        if put.role == "user":
            end = _answered(turns, place, tools)
            if end is None:
                return _broken_off("the subject's answer is missing", whole=whole)
            place = end
    if place < len(turns):
        raise EvidenceError("turns stand in it after the one that ends the dialogue")
    return True


def _answered(turns: Sequence[Message], place: int, tools: "Mapping[str, ScriptedTool]") -> int | None:
    """The place after the subject's turns with their results; None where the transcript ends before them."""
    if not tools:
        return _spoken(turns, place)
    from countermark.drivers.dialogue import MAX_ROUNDS, result_of

    for _ in range(MAX_ROUNDS):
        end = _spoken(turns, place)
        if end is None or not turns[place].tool_calls:
            return end
        reply, place = turns[place], end
        due = [
            Message(role="tool", content=result_of(tools, call, number), tool_call_id=call.id)
            for number, call in enumerate(reply.tool_calls)
        ]
        if list(turns[place : place + len(due)]) != due:
            raise EvidenceError("what a tool answered is not what the scenario has it answer")
        place += len(due)
    return place


def _spoken(turns: Sequence[Message], place: int) -> int | None:
    """The place after a turn of the subject's."""
    if place == len(turns):
        return None
    if turns[place].role != "assistant":
        raise EvidenceError("another turn stands where the subject's answer belongs")
    return place + 1


def _check_room(script: Sequence[Message] | None, turns: Sequence[Message], *, whole: bool) -> bool:
    """Calls are answered one by one, and the subject speaks when it was spoken to; whether all was put and answered.

    Args:
        script: What is put in order; None where events of the place speak too, so that any user turn may come.
        turns: The transcript's.
        whole: The attempt did not fail.
    """
    put = place = 0
    asked = script is not None and not script  # whether it is the subject's turn
    while place < len(turns):
        turn = turns[place]
        place += 1
        if turn.role == "assistant":
            if not asked:
                raise EvidenceError("the subject speaks without being asked")
            calls = [call.id for call in turn.tool_calls]
            answers = turns[place : place + len(calls)]
            if calls and not answers and not whole:
                return False  # people whom a model plays may fail before the answers are given
            if [one.tool_call_id for one in answers if one.role == "tool"] != calls:
                raise EvidenceError("a call is without its answer, or has another call's")
            place, asked = place + len(calls), bool(calls)
        elif turn.role == "tool":
            raise EvidenceError("a tool answers, and was not called")
        else:
            if script is not None and (put == len(script) or turn != script[put]):
                raise EvidenceError(_ANOTHER)
            if script is not None and asked:
                raise EvidenceError("a scripted turn stands where the subject's answer belongs")
            put += 1
            asked = turn.role == "user" or script is None or put == len(script)
    if whole and (not turns or turns[-1].role not in ("assistant", "tool")):
        raise EvidenceError("the subject's answer is missing")
    return script is not None and put == len(script) and not asked


def _check_opening(script: Sequence[Message], turns: Sequence[Message]) -> None:
    """What was put before the subject first spoke; later turns may be events of the place."""
    first = next((place for place, turn in enumerate(script) if turn.role == "user"), len(script) - 1)
    opening = script[: first + 1]
    if tuple(turns[: len(opening)]) != tuple(opening):
        raise EvidenceError(_ANOTHER)


def _broken_off(what: str, *, whole: bool) -> bool:
    if whole:
        raise EvidenceError(what)
    return False


def _tools(scenario: Scenario) -> "Mapping[str, ScriptedTool]":
    if "tools" not in scenario.facts:
        return {}
    from countermark.drivers.dialogue import read_tools

    try:
        return read_tools(scenario)
    except CountermarkError as error:
        raise EvidenceError(f"the scenario's tools are malformed ({error.message})") from error


@cache
def _drivers() -> frozenset[str]:
    """Names of the drivers that are installed; none is imported."""
    return frozenset(point.name for point in entry_points(group="countermark.drivers"))
