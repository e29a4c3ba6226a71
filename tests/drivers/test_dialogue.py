"""The scripted dialogue: turns in order, one answer to each of the user's."""

from dataclasses import replace

import anyio
import pytest

from countermark.drivers import Talk, load_driver
from countermark.drivers.dialogue import MAX_ROUNDS, dialogue
from countermark.errors import CallFailed, InvalidDocument
from countermark.records import Message, Reply, Request, Scenario, ToolCall, TrialKey, Usage


class Numbering:
    """Answers with the number of messages it has seen."""

    def __init__(self, fails_at: int | None = None) -> None:
        self.seen: list[Request] = []
        self._fails_at = fails_at

    async def answer(self, request: Request) -> Reply:
        self.seen.append(request)
        if len(self.seen) == self._fails_at:
            raise CallFailed("no answer", retryable=True)
        return Reply(
            message=Message(role="assistant", content=str(len(request.messages))),
            usage=Usage(input_tokens=3, output_tokens=1),
            stop="end",
        )

    async def aclose(self) -> None:
        """Nothing to release."""


def scenario(*turns: tuple[str, str]) -> Scenario:
    return Scenario(
        id="x/y#z",
        test="x/y",
        arm="a",
        cluster="c",
        dialogue=tuple(Message(role=role, content=text) for role, text in turns),
    )


def play(situation: Scenario, subject: "Numbering | Calling") -> Talk:
    talk = Talk(subject=subject, key=TrialKey(test="x/y", scenario=situation.id), max_tokens=77)

    async def run() -> None:
        assert await dialogue(situation, talk, {}) == {}

    anyio.run(run)
    return talk


def test_it_is_found_by_name():
    assert load_driver("dialogue") is dialogue


def test_one_user_turn_is_the_single_turn_driver():
    talk = play(scenario(("system", "s"), ("user", "u")), Numbering())
    assert [(turn.role, turn.content) for turn in talk.messages] == [
        ("system", "s"),
        ("user", "u"),
        ("assistant", "2"),
    ]
    assert talk.calls == 1


def test_every_user_turn_is_answered_and_the_cost_adds_up():
    subject = Numbering()
    talk = play(scenario(("user", "one"), ("user", "two"), ("user", "three")), subject)
    assert [turn.role for turn in talk.messages] == ["user", "assistant"] * 3
    assert [turn.content for turn in talk.messages][1::2] == ["1", "3", "5"]
    assert (talk.calls, talk.usage, talk.stop) == (3, Usage(input_tokens=9, output_tokens=3), "end")
    assert {request.max_tokens for request in subject.seen} == {77}
    assert all(request.tools == () for request in subject.seen)


def test_a_failed_call_leaves_what_was_said_before():
    subject = Numbering(fails_at=2)
    situation = scenario(("user", "one"), ("user", "two"))
    talk = Talk(subject=subject, key=TrialKey(test="x/y", scenario=situation.id))
    with pytest.raises(CallFailed):
        anyio.run(dialogue, situation, talk, {})
    assert [turn.content for turn in talk.messages] == ["one", "1", "two"]


class Calling:
    """Calls the tools named, one list a turn, then says how many results it read."""

    def __init__(self, *turns: list[str]) -> None:
        self._turns = list(turns)
        self.seen: list[Request] = []

    async def answer(self, request: Request) -> Reply:
        self.seen.append(request)
        names = self._turns.pop(0) if self._turns else []
        calls = tuple(
            ToolCall(id=f"call_{place}", name=name, arguments={}) for place, name in enumerate(names)
        )
        read = sum(message.role == "tool" for message in request.messages)
        return Reply(message=Message(role="assistant", content=str(read), tool_calls=calls))

    async def aclose(self) -> None:
        """Nothing to release."""


TOOL = {"name": "lookup", "description": "Looks up.", "parameters": {"query": "What for."}, "result": "Blue."}


def put_tools(tools: object, subject: Calling) -> Talk:
    return play(
        replace(scenario(("developer", "Be brief."), ("user", "Colour?")), facts={"tools": tools}), subject
    )


def test_a_call_is_answered_with_the_scripted_result_and_the_subject_speaks_again():
    subject = Calling(["lookup", "delete"])
    talk = put_tools([TOOL], subject)
    assert [message.role for message in talk.messages] == [
        "developer", "user", "assistant", "tool", "tool", "assistant",
    ]  # fmt: skip
    assert [message.content for message in talk.messages[3:]] == [
        "Blue.", "error: there is no such tool", "2",
    ]  # fmt: skip
    assert [message.tool_call_id for message in talk.messages[3:5]] == ["call_0", "call_1"]
    (offered,) = subject.seen[0].tools
    assert (offered.name, offered.parameters["required"]) == ("lookup", ["query"])


def test_a_subject_that_never_stops_calling_is_stopped():
    subject = Calling(*[["lookup"] * 20] * 50)
    talk = put_tools([TOOL], subject)
    assert len(subject.seen) == MAX_ROUNDS
    assert [message.content for message in talk.messages].count(
        "error: too many calls in one turn"
    ) == 4 * MAX_ROUNDS


@pytest.mark.parametrize(
    "tools", [{}, "lookup", [{"name": "lookup"}], [TOOL | {"more": 1}], [TOOL | {"name": "A B"}]]
)
def test_a_malformed_tool_is_told_before_anything_is_said(tools: object):
    subject = Calling()
    with pytest.raises(InvalidDocument, match="/facts/tools"):
        put_tools(tools, subject)
    assert not subject.seen
