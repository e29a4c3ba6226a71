"""Replay: the recorded run stands on the tape, whatever became of it."""

from dataclasses import dataclass, field

import anyio
import pytest

from countermark.drivers import Talk, load_driver
from countermark.errors import CallFailed, Unsupported
from countermark.records import Message, Request, Scenario, TrialKey

SCENARIO = Scenario(id="recorded/toy#a", test="recorded/toy", arm="asked", cluster="a", dialogue=())
KEY = TrialKey(test=SCENARIO.test, scenario=SCENARIO.id)


@dataclass(frozen=True)
class Run:
    messages: tuple[Message, ...] = (
        Message(role="user", content="Q"),
        Message(role="assistant", content="A"),
    )
    published: dict[str, bool] = field(default_factory=lambda: {"refused": False})
    no_verdict: str | None = None
    upstream_error: str | None = None
    stop: str = "stop"


class Silent:
    """A live subject: it cannot recall."""

    async def answer(self, request: Request):
        raise AssertionError(f"a replay asks nobody, but {request} was asked")

    async def aclose(self) -> None:
        pass


class Remembering(Silent):
    def __init__(self, run: Run) -> None:
        self.run = run

    def recall(self, key: TrialKey) -> Run:
        if key != KEY:
            raise Unsupported("not recorded")
        return self.run


def play(subject, key=KEY):
    talk = Talk(subject=subject, key=key)

    async def run():
        return await load_driver("replay")(SCENARIO, talk, {})

    return talk, run


def test_a_run_is_laid_on_the_tape_and_nobody_is_asked():
    talk, run = play(Remembering(Run()))
    assert anyio.run(run) == {}
    assert [message.content for message in talk.messages] == ["Q", "A"]
    assert (talk.published, talk.stop, talk.calls) == ({"refused": False}, "stop", 0)


def test_a_failed_run_is_an_error_that_keeps_what_was_published():
    talk, run = play(Remembering(Run(upstream_error="server on fire")))
    with pytest.raises(CallFailed, match="server on fire") as caught:
        anyio.run(run)
    assert not caught.value.retryable
    assert len(talk.messages) == 2
    assert talk.published == {"refused": False}


def test_a_run_without_verdict_says_so_in_the_state():
    talk, run = play(Remembering(Run(no_verdict="judges disagree")))
    assert anyio.run(run) == {"no_verdict": "judges disagree"}
    assert talk.published == {"refused": False}


def test_only_a_recording_of_this_trial_can_be_replayed():
    with pytest.raises(Unsupported, match="only a recording"):
        anyio.run(play(Silent())[1])
    with pytest.raises(Unsupported, match="not recorded"):
        anyio.run(play(Remembering(Run()), TrialKey(test="a/b", scenario="a/b#c"))[1])
