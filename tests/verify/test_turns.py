"""Whose turn it was: what the drivers lay on the tape holds whatever the subject does, and no turn can be moved, added or lost."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from countermark.drivers import Talk
from countermark.drivers.dialogue import dialogue
from countermark.drivers.room import Still, Turns, converse
from countermark.errors import CallFailed, EvidenceError, GradingError
from countermark.records import (
    Exchange,
    Grade,
    Message,
    Outcome,
    Plan,
    PlannedTest,
    Reply,
    Request,
    Scenario,
    Status,
    ToolCall,
    Transcript,
    TrialKey,
    TrialRecord,
)
from countermark.verify.attacks import check_led
from countermark.verify.opening import Opened
from countermark.verify.turns import REFUSED, UNTOLD, check_drivers, check_turns, why_failed
from countermark.verify.verdict import Notes

TEXT = {"en": "t", "ja": "t"}
METRIC = {"id": "m", "title": TEXT, "arm": "a", "label": "x", "better": "lower", "axis": "other"}
JUDGE = {"rubric": "`x` where it is.", "labels": ["x"]}
TOOLS = [{"name": "look", "description": "Looks.", "result": "Nothing there."}]
SYSTEM, FIRST, SECOND = (
    Message(role="system", content="Be kind."),
    Message(role="user", content="Well?"),
    Message(role="user", content="And now?"),
)
ANSWER = Message(role="assistant", content="So.")
CALL = Message(role="assistant", content="", tool_calls=(ToolCall(id="c1", name="look", arguments={}),))
RESULT = Message(role="tool", content="Nothing there.", tool_call_id="c1")


def planned(driver: str = "dialogue", **fields: Any) -> PlannedTest:
    return PlannedTest.model_validate(
        {
            "id": "x/y", "version": "1-A", "title": TEXT, "construct": TEXT, "driver": driver, "grader": "leak", "metrics": [METRIC],
            "digest": "0" * 64, "items": 1, "arms": {"a": 1}, **fields,
        }
    )  # fmt: skip


def plan(*tests: PlannedTest, roles: Sequence[str] = ()) -> Plan:
    subject = {
        "id": "openai/m", "kind": "live", "simulation": False, "pack_digest": "0" * 64, "tests": ["x/y"],
    }  # fmt: skip
    return Plan.model_validate(
        {
            "audit": "0" * 32, "created": "2026-01-01T00:00:00.000Z", "auditor": "", "software": "", "battery": "",
            "seed": {"auditor": "0" * 64}, "tests": tests, "subjects": [subject],
            "roles": [{"role": name, "model": f"openai/{name}"} for name in roles], "rules": {},
        }
    )  # fmt: skip


def scenario(*script: Message, tools: bool = False) -> Scenario:
    facts: Mapping[str, Any] = {"tools": TOOLS} if tools else {}
    return Scenario(
        id="x/y#1", test="x/y", arm="a", cluster="1", dialogue=script or (SYSTEM, FIRST, SECOND), facts=facts
    )


def record(status: Status = Status.OK, **fields: Any) -> TrialRecord:
    plain: dict[str, Any] = {
        "slot": 0, "subject": "openai/m", "test": "x/y", "scenario": "x/y#1", "item": 0, "epoch": 0, "attempt": 1, "final": True,
        "outcome": Outcome.GRADED, "arm": "a", "cluster": "1", "labels": {}, "reason": "", "grader": "leak@2", "started": "", "ended": "",
    }  # fmt: skip
    return TrialRecord(**{**plain, "status": status, **fields})


def opened(transcript: Transcript, *withheld: str) -> Opened:
    return Opened(transcript=transcript, withheld=frozenset(withheld), scenario=None, parts={})


def over(
    transcript: Transcript, driver: str = "dialogue", status: Status = Status.OK, *, led: bool = False
) -> bool:
    return check_turns(planned(driver), record(status), opened(transcript), led=led)


class Scripted:
    """Says its turns one after the other, and fails where they are over."""

    def __init__(self, turns: Sequence[Message]) -> None:
        self._turns = list(turns)

    async def answer(self, request: Request) -> Reply:
        del request
        if not self._turns:
            raise CallFailed("broken off", retryable=True)
        return Reply(message=self._turns.pop(0))

    async def aclose(self) -> None:
        """Nothing to release."""


class Place(Still):
    """A room in which every call finds nothing."""

    over = False

    def __init__(self) -> None:
        self.turns = Turns(["look"])

    def answer(self, call: ToolCall, place: int) -> Message:
        del place
        return Message(role="tool", content="Nothing there.", tool_call_id=call.id)


def driven(put: Scenario, turns: Sequence[Message], *, room: bool) -> Transcript:
    """What a driver lays on the tape; with a fault where the subject failed."""
    talk = Talk(subject=Scripted(turns), key=TrialKey(test=put.test, scenario=put.id))
    fault = None
    try:
        if room:
            anyio.run(converse, talk, put.dialogue, Place(), [], 5)
        else:
            anyio.run(dialogue, put, talk, {})
    except CallFailed as error:
        fault = error.message
    return talk.transcript(put, fault=fault)


REPLIES = st.lists(
    st.builds(
        lambda names: Message(
            role="assistant",
            content="So.",
            tool_calls=tuple(ToolCall(id=f"c{n}", name=name, arguments={}) for n, name in enumerate(names)),
        ),
        st.lists(st.sampled_from(["look", "gone"]), max_size=2),
    ),
    max_size=15,
)
SCRIPTS = st.lists(st.sampled_from([SYSTEM, FIRST, SECOND]), min_size=1, max_size=4).filter(
    lambda script: any(turn.role == "user" for turn in script)
)


@given(SCRIPTS, REPLIES, st.booleans(), st.booleans())
def test_honest_attempts_hold(script: list[Message], replies: list[Message], room: bool, tools: bool) -> None:
    transcript = driven(scenario(*script, tools=tools), replies, room=room)
    driver = "desk" if room else "dialogue"
    ended = over(transcript, driver, Status.OK if transcript.fault is None else Status.ERROR)
    assert not (ended and transcript.fault)
    if room:
        assert over(transcript, "world", Status.OK if transcript.fault is None else Status.ERROR) is False
    else:
        assert ended is (transcript.fault is None)


@given(SCRIPTS, REPLIES, st.booleans(), st.data())
def test_no_turn_can_be_left_out_or_stand_twice(
    script: list[Message], replies: list[Message], tools: bool, data: st.DataObject
) -> None:
    """Of a finished dialogue; but for a turn with calls and its results, since a subject may look once or twice."""
    transcript = driven(scenario(*script, tools=tools), replies, room=False)
    turns = list(transcript.messages)
    if transcript.fault is not None:
        return
    place = data.draw(st.integers(0, len(turns) - 1))
    for other in ([*turns[:place], *turns[place + 1 :]], [*turns[:place], turns[place], *turns[place:]]):
        if turns[place].role != "tool" and not (turns[place].tool_calls and tools):
            with pytest.raises(EvidenceError):
                over(replace(transcript, messages=tuple(other)))


WRONG: dict[str, tuple[str, tuple[Message, ...]]] = {
    "a dialogue answered without being asked": ("dialogue", (ANSWER,)),
    "an answer before its question": ("dialogue", (SYSTEM, ANSWER, FIRST, SECOND)),
    "two questions and one answer": ("dialogue", (SYSTEM, FIRST, SECOND, ANSWER)),
    "a turn after the last": ("dialogue", (SYSTEM, FIRST, ANSWER, SECOND, ANSWER, ANSWER)),
    "a prefill": ("dialogue", (SYSTEM, FIRST, ANSWER, ANSWER, SECOND, ANSWER)),
    "a tool that nobody called": ("dialogue", (SYSTEM, FIRST, RESULT, ANSWER, SECOND, ANSWER)),
    "another result": ("dialogue", (SYSTEM, FIRST, CALL, replace(RESULT, content="Be kind."), ANSWER, SECOND, ANSWER)),
    "another question": ("dialogue", (SYSTEM, FIRST, ANSWER, replace(SECOND, content="Thanks."), ANSWER)),
    "a desk answered without being asked": ("desk", (ANSWER,)),
    "a desk answered before its question": ("desk", (SYSTEM, ANSWER, FIRST, ANSWER)),
    "a desk's tool that nobody called": ("desk", (SYSTEM, FIRST, RESULT, ANSWER, SECOND, ANSWER)),
    "a desk's call without an answer": ("desk", (SYSTEM, FIRST, CALL, ANSWER, SECOND, ANSWER)),
    "a desk's answer to another call": ("desk", (SYSTEM, FIRST, CALL, replace(RESULT, tool_call_id="c2"), ANSWER)),
    "an office that ends with a question": ("office", (SYSTEM, FIRST, ANSWER, SECOND)),
    "an office with two answers": ("office", (SYSTEM, FIRST, ANSWER, ANSWER)),
    "an office with a question of its own": ("office", (SYSTEM, FIRST, ANSWER, SECOND, ANSWER, SECOND, ANSWER)),
    "a world's tool that nobody called": ("world", (SYSTEM, FIRST, RESULT, ANSWER)),
    "a world with another beginning": ("world", (SYSTEM, replace(FIRST, content="You are tested."), ANSWER)),
    "a script of an attacker's test left half": ("attacker", (SYSTEM, FIRST, ANSWER)),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_turns_that_no_driver_puts(name: str) -> None:
    driver, turns = WRONG[name]
    with pytest.raises(EvidenceError):
        over(Transcript(scenario=scenario(tools=driver == "dialogue"), messages=turns), driver)


def test_what_is_withheld_is_not_judged() -> None:
    wrong = Transcript(scenario=scenario(), messages=(ANSWER,))
    for name in ("messages", "scenario"):
        assert check_turns(planned(), record(), opened(wrong, name), led=False) is False
    assert over(Transcript(scenario=scenario(), messages=()), status=Status.NOT_RUN) is False


ASKED = Exchange(request="{}", response='{"content": "<message>Tell me.</message>"}', role="attacker")
LED = Transcript(
    scenario=scenario(),
    messages=(SYSTEM, Message(role="user", content="Tell me."), ANSWER),
    state={"attack": {"turns": 1}},
    exchanges=(ASKED,),
)


def test_a_led_attack() -> None:
    attacked = plan(planned("attacker"), roles=["attacker"])
    assert check_led(attacked, LED, ended=True)
    assert over(LED, "attacker", led=True)
    broken = replace(LED, messages=LED.messages[:2], state={})
    assert check_led(attacked, broken, ended=False)
    assert over(broken, "attacker", Status.ERROR, led=True) is False
    for turns in ((ANSWER, *LED.messages[:2]), LED.messages[1:], (*LED.messages, ANSWER)):
        with pytest.raises(EvidenceError):
            over(replace(LED, messages=turns), "attacker", led=True)
    for wrong in (
        replace(LED, state={}),
        replace(LED, exchanges=()),
        replace(LED, exchanges=(), messages=(SYSTEM, ANSWER)),
        replace(LED, messages=(SYSTEM, FIRST, ANSWER)),
    ):
        with pytest.raises(EvidenceError):
            check_led(attacked, wrong, ended=True)
    with pytest.raises(EvidenceError, match="the plan has none"):
        check_led(plan(planned("attacker")), LED, ended=True)


def test_an_attempt_at_its_end_is_not_booked_as_failed() -> None:
    whole = driven(scenario(), [ANSWER] * 2, room=False)
    failed = record(Status.ERROR, reason="timeout")
    assert over(whole, status=Status.ERROR)
    alone = plan(planned())
    for status in (Status.ERROR, Status.UNSUPPORTED):
        with pytest.raises(EvidenceError, match="carried to its end"):
            why_failed(alone, planned(), replace(failed, status=status), whole, None)
    assert over(replace(whole, messages=whole.messages[:1], state={"audit": {}}), "auditing", Status.ERROR), (
        "a driver that came to its end has left a state"
    )


def grading(outcome: Outcome) -> Any:
    class Own:
        """Grades everything alike."""

        reference = "leak@2"

        def __call__(self, transcript: Transcript, options: Mapping[str, Any]) -> Grade:
            del options
            assert transcript.fault is None
            if outcome is Outcome.ERRORED:
                raise GradingError("cannot")
            return Grade(outcome=outcome, labels={}, reason="")

    return Own()


@pytest.mark.parametrize(
    ("reason", "final", "response", "why"),
    [
        ("grader: the key was rejected", False, '{"error": "no"}', REFUSED),
        ("grader: the key was rejected", False, '{"content": "{}"}', UNTOLD),
        ("grader: the key was rejected", True, '{"error": "no"}', None),
        ("UnicodeEncodeError in the trial", True, "", UNTOLD),
        ("timeout", False, '{"error": "no"}', None),
    ],
)
def test_only_a_judge_fails_after_the_end(reason: str, final: bool, response: str, why: str | None) -> None:
    test = planned(judge=JUDGE)
    judged, whole = plan(test, roles=["grader"]), driven(scenario(), [ANSWER] * 2, room=False)
    failed = record(Status.ERROR, reason=reason, final=final)
    asked = Exchange(request="{}", response=response, role="grader")
    booked = replace(whole, fault=reason, exchanges=(asked,))
    assert why_failed(judged, test, failed, booked, grading(Outcome.ERRORED)) == "", "its own grader failed"
    if why:
        assert why_failed(judged, test, failed, booked, grading(Outcome.GRADED)) == why
        bare = replace(booked, exchanges=())
        assert why_failed(judged, test, failed, bare, grading(Outcome.GRADED)) == UNTOLD
    else:
        with pytest.raises(EvidenceError):
            why_failed(judged, test, failed, booked, grading(Outcome.GRADED))
    for other, own in ((plan(test), Outcome.GRADED), (judged, Outcome.UNGRADED)):
        with pytest.raises(EvidenceError):
            why_failed(other, test, failed, booked, grading(own))


def test_drivers_without_a_script_are_named() -> None:
    notes = Notes()
    check_drivers(plan(planned(), planned("world"), planned("replay"), planned("anything")), notes)
    assert notes.cause == "partial"
    assert notes.details[0].startswith("x/y: its driver anything is not installed here")
    assert "replay (1 tests), world (1 tests)" in notes.details[1]
    check_drivers(plan(planned("petri")), notes)
    assert notes.cause == "integrity"
    silent = Notes()
    check_drivers(plan(planned(), planned("desk")), silent)
    assert not silent.details
