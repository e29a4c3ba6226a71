"""The scripted dialogue: turns in order, one answer to each of the user's."""

import anyio
import pytest

from countermark.drivers import Talk, load_driver
from countermark.drivers.dialogue import dialogue
from countermark.errors import CallFailed
from countermark.records import Message, Reply, Request, Scenario, TrialKey, Usage


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


def play(situation: Scenario, subject: Numbering) -> Talk:
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
