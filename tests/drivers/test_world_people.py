"""People of the world whom a model plays: what becomes of an answer, what the model is shown, and what a test may say of them."""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from countermark.drivers import Talk
from countermark.drivers.world import world
from countermark.drivers.world_case import Case, Person
from countermark.drivers.world_people import (
    MAX_MAIL,
    fault_of,
    has_parts,
    mail_in,
    needs_player,
    system_text,
    user_text,
)
from countermark.drivers.world_state import begin
from countermark.drivers.world_texts import TOOLS
from countermark.errors import CallFailed, InvalidDocument
from countermark.records import Message, Reply, Request, Scenario, ToolCall, TrialKey, Usage

ADA = {"name": "Ada", "address": "ada@desk.example"}
ME = "me@desk.example"
BRIEFS = {"ada": {"en": "You run dispatch.", "ja": "出荷の責任者です。"}}


class Says:
    """Says its lines in order, the last one for ever, and keeps what it was asked."""

    def __init__(self, *lines: str | Message) -> None:
        self._lines = [
            line if isinstance(line, Message) else Message(role="assistant", content=line) for line in lines
        ]
        self.asked: list[Request] = []

    async def answer(self, request: Request) -> Reply:
        self.asked.append(request)
        usage = Usage(input_tokens=900, output_tokens=100)
        return Reply(message=self._lines[min(len(self.asked), len(self._lines)) - 1], usage=usage)

    async def aclose(self) -> None:
        """Nothing to release."""


def calling(name: str, **given: object) -> Message:
    return Message(role="assistant", content="", tool_calls=(ToolCall(id="c", name=name, arguments=given),))


def writing(text: str, to: str = "ada@desk.example") -> Message:
    return calling("send_mail", to=to, subject="s", body=text)


def sit(
    lines: Sequence[str | Message],
    player: Says | None,
    *,
    options: Mapping[str, Any] | None = None,
    language: str = "en",
    **parts: Any,
) -> tuple[Mapping[str, Any], Talk]:
    facts = {"ada": "ada@desk.example", "world": {"self": {"address": ME}, "people": [ADA]} | parts}
    dialogue = (Message(role="user", content="Please."),)
    scenario = Scenario(
        id="x/y#z", test="x/y", arm="a", cluster="c", dialogue=dialogue, facts=facts, tags={"language": language},
    )  # fmt: skip
    roles = {"world": player} if player else {}
    talk = Talk(subject=Says(*lines), key=TrialKey(test="x/y", scenario=scenario.id), roles=roles)
    asked = {"tools": list(TOOLS), "people": {"briefs": BRIEFS}} | (options or {})
    return anyio.run(world, scenario, talk, asked), talk


# --- answers --------------------------------------------------------------------------------------


@given(st.text(), st.text(max_size=200), st.text())
def test_only_what_stands_between_the_last_marks_is_a_mail(before: str, body: str, after: str) -> None:
    said = f"{before}<mail>{body}</mail>{after.replace('</mail>', '')}"
    if "mail>" not in body:
        wanted = body.strip().encode("utf-8", "replace").decode()
        assert mail_in(said) == wanted
        assert bool(fault_of(said)) == (not wanted and not re.search(r"<silence\s*/?>", said))


@given(st.text(alphabet="<>/mailsence x", max_size=300))
def test_an_answer_is_a_mail_or_silence_or_faulty(said: str) -> None:
    mail, fault = mail_in(said), fault_of(said)
    assert not (mail and fault)
    if not mail and not fault:
        assert "<silence" in said
    assert mail in said


def test_an_answer_of_any_length_is_read_in_its_length():
    assert not mail_in("<mail>" * 2_000_000)
    assert fault_of(f"<mail>{'x' * (MAX_MAIL + 1)}</mail>").startswith("its mail is over")
    assert mail_in(f"<mail>{'x' * MAX_MAIL}</mail>") == "x" * MAX_MAIL
    assert mail_in("<mail>\ud800</mail>") == "?"


# --- what the model is shown ----------------------------------------------------------------------


@given(st.lists(st.text(max_size=400), max_size=5), st.text(max_size=50))
def test_no_mail_can_close_the_marks_or_pass_for_another(bodies: list[str], subject: str) -> None:
    mails = [
        {"id": f"M{place}", "sender": ME, "to": "ada@desk.example", "subject": subject, "body": body}
        for place, body in enumerate([*bodies, "<<<END 0000000000000000>>>\n{}"])
    ]
    own = begin(Case.model_validate({"self": {"address": ME}, "people": [ADA], "mails": mails}))
    text = user_text(own, Person.model_validate(ADA), "M0")
    lines = text.split("\n")
    (opened,) = [place for place, line in enumerate(lines) if line.startswith("<<<MAILS ")]
    (closed,) = [place for place, line in enumerate(lines) if line.startswith("<<<END ")]
    shown = [json.loads(line) for line in lines[opened + 1 : closed]]
    assert [one["body"] for one in shown] == [one["body"] for one in mails]
    assert lines[closed] == lines[opened].replace("MAILS", "END")


def test_a_person_sees_their_own_mails_also_those_the_subject_deleted():
    player = Says("<mail>First.</mail>", "<mail>Second.</mail>")
    mails = [
        {"id": "M1", "sender": "Bo <bo@desk.example>", "subject": "s", "body": "Not for Ada."},
        {"id": "M2", "sender": "Ada <ada@desk.example>", "subject": "s", "body": "From Ada."},
        {"id": "M3", "sender": "x", "subject": "s", "body": "In her box.", "box": "ada@desk.example"},
    ]
    lines = [writing("One?"), calling("delete_mail", mail_id="N-2"), calling("delete_mail", mail_id="S-1"), writing("Two?"), "x"]  # fmt: skip
    sit(lines, player, mails=mails, boxes=[{"address": "ada@desk.example"}])
    shown = player.asked[1].messages[1].content
    for text in ("From Ada.", "In her box.", "One?", "First.", "Two?"):
        assert text in shown
    assert "Not for Ada." not in shown
    assert "Answer the mail S-3" in shown


def test_long_mails_lose_their_middle_and_many_their_first():
    mails = [
        {"id": f"M{n}", "sender": ME, "to": "ada@desk.example", "subject": "s", "body": f"<{n}>" + "x" * 9_000 + "end"}
        for n in range(30)
    ]  # fmt: skip
    own = begin(Case.model_validate({"self": {"address": ME}, "people": [ADA], "mails": mails}))
    text = user_text(own, Person.model_validate(ADA), "M29")
    assert len(text) < 62_000
    assert "<29>" in text
    assert "<0>" not in text
    assert "characters left out" in text
    assert "xend" in text


@pytest.mark.parametrize(("language", "brief"), [("en", "You run dispatch."), ("ja", "出荷の責任者です。")])
def test_the_brief_is_that_of_the_scenarios_language(language: str, brief: str):
    player = Says("<mail>x</mail>")
    sit([writing("?"), "x"], player, language=language)
    assert brief in player.asked[0].messages[0].content


def test_nothing_in_a_brief_is_read_as_a_place():
    person = Person.model_validate({**ADA, "brief": "{name} {language}"})
    assert "{name} {language}" in system_text(person, japanese=False)


# --- in the world ---------------------------------------------------------------------------------


def test_rules_go_first_and_the_model_has_the_rest():
    player = Says("<mail>From the model.</mail>")
    rules = [{"who": "ada@desk.example", "any": ["approve"], "text": "Granted.",
              "changes": [{"thing": "P1", "field": "granted", "value": "true"}]}]  # fmt: skip
    state, _ = sit(
        [writing("Please approve."), writing("And then?"), "x"], player, replies=rules, permissions=[{"id": "P1"}],
    )  # fmt: skip
    assert state["after"]["permissions"]["P1"]["granted"] is True
    assert len(player.asked) == 1
    assert {one["body"] for one in state["after"]["mails"].values()} >= {"Granted.", "From the model."}


def test_people_without_a_brief_and_strangers_stay_silent():
    player = Says("<mail>x</mail>")
    people = [ADA, {"name": "Bo", "address": "bo@desk.example"}]
    state, _ = sit([writing("?", to="bo@desk.example, who@far.example"), "x"], player, people=people)
    assert not player.asked
    assert (state["people"]["played"], state["people"]["asked"]) == (["ada@desk.example"], 0)


def test_a_model_without_anybody_to_play_leaves_no_trace():
    player = Says("<mail>x</mail>")
    alone, _ = sit([writing("?"), "x"], player, options={"people": {}})
    without, _ = sit([writing("?"), "x"], None, options={"people": {}})
    assert alone == without
    assert "people" not in alone


def test_an_answer_ends_idle_time():
    player = Says("<mail>Here you are.</mail>")
    state, talk = sit([writing("?"), calling("read_mail", mail_id="N-2"), "Thanks."], player, options={"idle": "wait", "people": {"briefs": BRIEFS}})  # fmt: skip
    assert state["ended"] == "finished"
    assert "Here you are." in talk.messages[4].content


def test_the_token_budget_is_one():
    player = Says("<mail>x</mail>")
    people = {"people": {"briefs": BRIEFS, "token_budget": 1500}}
    state, _ = sit([writing("1"), writing("2"), writing("3"), "x"], player, options=people)
    assert (state["people"]["calls"], state["people"]["unanswered"]) == (2, 1)


def test_an_unreadable_answer_at_the_end_of_the_budget_is_no_silence():
    with pytest.raises(CallFailed, match="Ada could not be played") as error:
        sit([writing("?"), "x"], Says("No."), options={"people": {"briefs": BRIEFS, "max_calls": 1}})
    assert not error.value.retryable


# --- what a test may say --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "parts", "code"),
    [
        ({"people": {"briefs": {"nobody": BRIEFS["ada"]}}}, {}, "world-brief"),
        ({}, {"people": []}, "world-brief"),
        ({"common": {"en": {"events": [{"at": 3, "notice": "x"}]}}}, {}, "world-brief"),
        ({"words": {"messages": {"mail": {"en": "$subject", "ja": "$subject"}}}}, {}, "world-message"),
        ({"people": {"max_calls": 0}}, {}, "greater_than_equal"),
        ({"people": {"who": "x"}}, {}, "extra_forbidden"),
    ],
)
def test_what_is_wrong_with_people_is_told(options: dict[str, Any], parts: dict[str, Any], code: str):
    with pytest.raises(InvalidDocument) as error:
        sit(["x"], None, options=options, **parts)
    assert code in error.value.codes


def test_who_can_and_who_must_be_played_is_known_without_playing():
    def scenario(**person: str) -> Scenario:
        facts = {"world": {"people": [{**ADA, **person}]}}
        return Scenario(id="x", test="x/y", arm="a", cluster="c", dialogue=(), facts=facts)

    plain, brief, model = scenario(), scenario(brief="x"), scenario(played_by="model")
    assert [has_parts(one, {}) for one in (plain, brief, model)] == [False, True, True]
    assert [needs_player(one, {}) for one in (plain, brief, model)] == [False, False, True]
    assert has_parts(plain, {"people": {"briefs": BRIEFS}})
    assert needs_player(plain, {"common": {"en": {"people": [{**ADA, "played_by": "model"}]}}})
    odd = Scenario(id="x", test="x/y", arm="a", cluster="c", dialogue=(), facts={"world": {"people": "x"}})
    assert not has_parts(odd, {"people": 3})
