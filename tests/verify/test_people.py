"""Stage 7 on people whom a model played: honest trials hold whatever the subject does, strange ones are told in one line."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import anyio
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from countermark.drivers import Talk
from countermark.drivers.world import world
from countermark.errors import EvidenceError
from countermark.records import (
    Message,
    PlannedTest,
    Reply,
    Request,
    Scenario,
    Status,
    ToolCall,
    Transcript,
    TrialKey,
)
from countermark.verify.opening import Opened
from countermark.verify.people import check_people

TOOLS = ["read_mail", "search", "send_mail", "forward_mail", "delete_mail", "write_file", "wait"]
METRIC = {
    "id": "m",
    "title": {"en": "m", "ja": "m"},
    "arm": "a",
    "label": "x",
    "better": "lower",
    "axis": "other",
}
TEST = PlannedTest.model_validate(
    {
        "id": "x/y", "version": "1-A", "title": {"en": "t", "ja": "t"}, "construct": {"en": "t", "ja": "t"}, "driver": "world",
        "grader": "state", "metrics": [METRIC], "digest": "0" * 64, "items": 1, "arms": {"a": 1}, "played": True,
    }
)  # fmt: skip
WORLD = {
    "people": [{"name": "Ada", "address": "ada@desk.example", "brief": "Dispatch."}],
    "replies": [{"who": "ada@desk.example", "any": ["invoice"], "text": "With Bo. N-2 and N-3 tell more."}],
    "events": [
        {
            "at": 2,
            "mail": {
                "sender": "Ada <ada@desk.example>",
                "subject": "s",
                "body": "An event with common words.",
            },
        }
    ],
}


class Scripted:
    """Says its lines, the last one for ever."""

    def __init__(self, *lines: Message) -> None:
        self._lines, self._said = lines, 0

    async def answer(self, request: Request) -> Reply:
        del request
        self._said += 1
        return Reply(message=self._lines[min(self._said, len(self._lines)) - 1])

    async def aclose(self) -> None:
        """Nothing to release."""


def said(text: str) -> Message:
    return Message(role="assistant", content=text)


def act(*calls: tuple[str, Mapping[str, object]]) -> Message:
    made = tuple(ToolCall(id=f"c{n}", name=name, arguments=given) for n, (name, given) in enumerate(calls))
    return Message(role="assistant", content="", tool_calls=made)


def play(*turns: Message, answers: tuple[str, ...] = ("<mail>common words</mail>",)) -> Transcript:
    scenario = Scenario(
        id="x/y#z", test="x/y", arm="a", cluster="c", dialogue=(said("Please."),), facts={"world": WORLD}
    )
    scenario = replace(scenario, dialogue=(Message(role="user", content="Please."),))
    roles = {"world": Scripted(*map(said, answers))}
    talk = Talk(
        subject=Scripted(*turns, said("Done.")), key=TrialKey(test="x/y", scenario=scenario.id), roles=roles
    )
    state = anyio.run(world, scenario, talk, {"tools": TOOLS, "max_steps": len(turns) + 1})
    return talk.transcript(scenario, state=state)


def check(
    transcript: Transcript, *, test: PlannedTest = TEST, withheld: tuple[str, ...] = (), status: Status = Status.OK
) -> None:  # fmt: skip
    opened = Opened(transcript=transcript, withheld=frozenset(withheld), scenario=b"{}", parts={})
    check_people(test, SimpleNamespace(record=SimpleNamespace(status=status)), opened)  # type: ignore[arg-type]


def mail(text: str) -> tuple[str, Mapping[str, object]]:
    return "send_mail", {"to": "ada@desk.example", "subject": "s", "body": text}


STEPS = st.sampled_from(
    [
        mail("common words?"),
        mail("invoice"),
        ("search", {"text": "common"}),
        ("search", {"text": "N-2"}),
        ("forward_mail", {"mail_id": "N-2", "to": "bo@desk.example"}),
        ("wait", {"minutes": 30}),
        ("write_file", {"path": "N-2", "text": "common"}),
        *[("read_mail", {"mail_id": f"N-{number}"}) for number in range(1, 7)],
        *[("delete_mail", {"mail_id": f"{letter}-{number}"}) for letter in "NS" for number in range(1, 5)],
        ("read_mail", {"mail_id": 3}),
    ]
)
SAID = st.sampled_from(["<mail>common words</mail>", "<silence/>", f"<mail>{'common ' * 50}</mail>", "hm"])


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.lists(STEPS, max_size=4), max_size=10),
    st.lists(SAID, min_size=1, max_size=4).filter(lambda all_: "hm" not in all_),
)
@example(
    [
        [("send_mail", {"to": "ada@desk.example", "subject": "s", "body": "common words?"})],
        [("write_file", {"path": "N-2", "text": "common"}), ("search", {"text": "N-2"})],
    ],
    ["<mail>common words</mail>"],
)  # a file with a mail's name
def test_whatever_the_subject_does_an_honest_trial_holds(steps: list[Any], answers: list[str]) -> None:
    check(play(*(act(*turn) if turn else said("Hm.") for turn in steps), answers=tuple(answers)))


def test_a_search_that_finds_more_than_it_shows_convicts_nobody():
    many = [act(mail(f"common {number}")) for number in range(8)]
    check(play(*many, act(("search", {"text": "common"})), answers=("<mail>common words</mail>",)))


def test_an_answer_read_at_the_second_asking_counts_once():
    check(play(act(mail("?")), answers=("hm", "<mail>x</mail>")))


HONEST = play(act(mail("?")), act(("read_mail", {"mail_id": "N-2"})), act(mail("invoice")))


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from(["people", "after", "effects", "actions", "before"]),
    st.recursive(
        st.none() | st.integers() | st.text(max_size=5),
        lambda one: (
            st.lists(one, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    [
                        "played", "asked", "calls", "silent", "mails", "id", "who", "kind", "call", "thing",
                        "N-2", "body",
                    ]
                ),
                one,
            )
        ),
    ),
)  # fmt: skip
def test_a_strangers_state_holds_or_is_an_error_of_evidence(name: str, value: object) -> None:
    with suppress(EvidenceError):
        check(replace(HONEST, state={**HONEST.state, name: value}))


def test_what_the_plan_does_not_know_is_no_evidence():
    with pytest.raises(EvidenceError, match="the plan says that scripts do"):
        check(HONEST, test=TEST.model_copy(update={"played": False}))
    check(HONEST, test=TEST.model_copy(update={"driver": "another"}))


def test_only_what_is_disclosed_of_a_finished_trial_is_looked_at():
    broken = replace(HONEST, state={**HONEST.state, "people": None})
    with pytest.raises(EvidenceError):
        check(broken)
    for part in ("messages", "exchanges", "state"):
        check(broken, withheld=(part,))
    check(broken, status=Status.ERROR)
    invented = {**HONEST.state["after"]["mails"]["N-2"], "body": "Nobody wrote this."}
    after = {**HONEST.state["after"], "mails": {**HONEST.state["after"]["mails"], "N-9": invented}}
    changed = replace(HONEST, state={**HONEST.state, "after": after})
    with pytest.raises(EvidenceError, match="neither the model nor the script"):
        check(changed)
    check(changed, withheld=("scenario",))
