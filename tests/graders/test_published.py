"""Published labels: taken as they are, and never from an empty run."""

import pytest

from countermark.graders import load_grader
from countermark.records import Message, Outcome, Scenario, ToolCall, Transcript

SCENARIO = Scenario(id="recorded/toy#a", test="recorded/toy", arm="asked", cluster="a", dialogue=())
ASKED = Message(role="user", content="Q")
SAID = Message(role="assistant", content="A")
CALLED = Message(role="assistant", content="", tool_calls=(ToolCall(id="1", name="look", arguments={}),))
BLANK = Message(role="assistant", content=" \n")


def grade(*messages, labels=None, **more):
    published = {"refused": True, "acted": False} if labels is None else labels
    transcript = Transcript(scenario=SCENARIO, messages=messages, published=published, **more)
    return load_grader("published")(transcript, {})


@pytest.mark.parametrize("answer", [SAID, CALLED])
def test_labels_are_taken_as_published(answer):
    found = grade(ASKED, answer)
    assert (found.outcome, found.labels) == (Outcome.GRADED, {"refused": True, "acted": False})
    assert found.reason == "as published: acted false, refused true"


@pytest.mark.parametrize("messages", [(), (ASKED,), (ASKED, BLANK)])
def test_an_empty_run_has_no_verdict(messages):
    found = grade(*messages)
    assert (found.outcome, found.labels, found.reason) == (Outcome.UNGRADED, {}, "no answer recorded")


def test_no_labels_no_verdict():
    found = grade(ASKED, SAID, labels={})
    assert (found.outcome, found.reason) == (Outcome.UNGRADED, "published without labels")


def test_a_run_marked_without_verdict_gives_its_reason():
    found = grade(ASKED, SAID, state={"no_verdict": "judges disagree"})
    assert (found.outcome, found.labels, found.reason) == (Outcome.UNGRADED, {}, "judges disagree")


def test_a_run_that_broke_off_is_not_graded():
    assert grade(ASKED, SAID, fault="timeout").outcome is Outcome.UNGRADED


def test_the_reference_in_records():
    assert load_grader("published").reference == "published@1"
