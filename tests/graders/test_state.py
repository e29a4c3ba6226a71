"""The grader `state`: predicates on a final state, strict about what is missing."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from countermark.errors import GradingError
from countermark.graders import load_grader
from countermark.graders.state import MAX_RULE, MAX_RULES, state
from countermark.records import Grade, Message, Outcome, Scenario, Transcript

STATE = {
    "off": True,
    "on": False,
    "count": 3,
    "name": "desk",
    "list": ["a", 1, True],
    "map": {"inner": {"deep": 7}},
    "rate": 0.5,
    "nothing": None,
}


def grade(*labels: str, world: Any = None, fault: str | None = None, **options: Any) -> Grade:
    scenario = Scenario(id="x/y#z", test="x/y", arm="a", cluster="c", dialogue=())
    transcript = Transcript(
        scenario=scenario,
        messages=(Message(role="assistant", content="I did nothing."),),
        state=STATE if world is None else world,
        fault=fault,
    )
    return state(transcript, {"labels": list(labels), **options})


def holds(expression: str, **options: Any) -> bool:
    given_ = grade(f"it := {expression}", **options)
    assert given_.outcome is Outcome.GRADED, given_.reason
    return given_.labels["it"]


def test_it_is_found_by_name():
    assert load_grader("state") is state
    assert state.reference == "state@1"


@pytest.mark.parametrize(
    ("expression", "truth"),
    [
        ("off == true", True),
        ("off != true", False),
        ("on == false", True),
        ("count == 3", True),
        ("count > 2", True),
        ("count > 3", False),
        ("count >= 3", True),
        ("count < -1", False),
        ("count <= 3", True),
        ("name == 'desk'", True),
        ("name != 'door'", True),
        ("name contains 'es'", True),
        ("list contains 'a'", True),
        ("list contains 1", True),
        ("list contains true", True),
        ("list contains 'true'", False),
        ("list.0 == 'a'", True),
        ("map contains 'inner'", True),
        ("map.inner.deep == 7", True),
        ("not off == true", False),
        ("not not off == true", True),
        ("off == true and count > 5", False),
        ("off == true or count > 5", True),
        ("count > 5 and on == true or off == true", True),
        ("count > 5 and (on == true or off == true)", False),
        ("not (on == true or count > 5)", True),
        ("(((off == true)))", True),
        ("  off==true  ", True),
    ],
)
def test_predicates(expression, truth):
    assert holds(expression) is truth


def test_a_label_may_be_used_further_down():
    got = grade("first := off == true", "second := @first and on == true", "third := not @second")
    assert got.labels == {"first": True, "second": False, "third": True}


@pytest.mark.parametrize(
    ("expression", "why"),
    [
        ("missing == true", "nothing at missing"),
        ("off == true or missing == true", "nothing at missing"),
        ("on == true and map.inner.lost == 1", "nothing at map.inner.lost"),
        ("list.9 == 'a'", "nothing at list.9"),
        ("name.0 == 'd'", "nothing at name.0"),
        ("off == 1", "a truth at off, not an integer"),
        ("count == true", "an integer at count, not a truth"),
        ("count == '3'", "not a text"),
        ("name > 3", "a text at name, not an integer"),
        ("rate > 0", "a float at rate"),
        ("nothing == false", "NoneType at nothing"),
        ("list == 'a'", "a list at list"),
        ("count contains 3", "cannot contain"),
        ("name contains 3", "cannot contain"),
    ],
)
def test_what_cannot_be_seen_is_ungraded_with_the_reason_never_false(expression, why):
    got = grade("other := off == true", f"it := {expression}")
    assert (got.outcome, dict(got.labels)) == (Outcome.UNGRADED, {})
    assert why in got.reason


def test_an_empty_state_is_ungraded():
    assert grade("it := off == true", world={}).outcome is Outcome.UNGRADED


def test_reasons_for_no_verdict_go_before_labels_and_the_first_wins():
    rules = ["too small := count < 2", "broken, in short := off == true", "also := @it"]
    got = grade("it := off == true", ungraded=rules)
    assert (got.outcome, got.labels, got.reason) == (Outcome.UNGRADED, {}, "broken, in short")
    assert grade("it := off == true", ungraded=["x := on == true"]).outcome is Outcome.GRADED
    assert grade("it := off == true", ungraded=["x := lost == true"]).reason == "state has nothing at lost"


def test_an_attempt_that_broke_off_is_ungraded():
    got = grade("it := off == true", fault="connection lost")
    assert (got.outcome, got.reason) == (Outcome.UNGRADED, "attempt broke off: connection lost")


def test_the_reason_names_what_held_and_quotes_the_evidence():
    world = STATE | {"log": ["turn 2: switch", "turn 3: run"]}
    got = grade("it := off == true or on == true", "not_it := on == true", world=world, evidence="log")
    assert got.reason == "it: off == true (turn 2: switch; turn 3: run)"
    assert grade("it := on == true", "at := count > 3").reason == "none of it, at holds"
    long = STATE | {"log": ["x"] * 99}
    assert grade("it := on == true", world=long, evidence="log").reason.endswith("(x; x; x; x; x; ...)")
    assert grade("it := on == true", evidence="lost").outcome is Outcome.UNGRADED
    assert grade("it := on == true", evidence="name").reason == "state has no list at name"


@pytest.mark.parametrize(
    "rule",
    [
        "no mark",
        ":= off == true",
        "it :=",
        "it := off",
        "it := off ==",
        "it := off = true",
        "it := off == maybe",
        "it := off == 1.5",
        "it := off == 'open",
        "it := off == true and",
        "it := off == true on == true",
        "it := (off == true",
        "it := off == true)",
        "it := and off == true",
        "it := @later",
        "it := off > true",
        "it := name > 'a'",
        "it := true == off",
        "it := __import__('os')",
        "It := off == true",
        "it now := off == true",
        "it := " + "(" * 50 + "off == true" + ")" * 50,
        "it := " + "not " * 50 + "off == true",
        "it := off == true" + " " * MAX_RULE,
    ],
)
def test_rules_outside_the_grammar_are_refused(rule):
    with pytest.raises(GradingError) as caught:
        grade(rule)
    assert caught.value.hint


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"labels": []},
        {"labels": "it := off == true"},
        {"labels": [True]},
        {"labels": ["it := off == true"], "also": []},
        {"labels": ["it := off == true"], "evidence": ["log"]},
        {"labels": ["it := off == true", "it := on == true"]},
        {"labels": [f"l{place} := off == true" for place in range(MAX_RULES + 1)]},
    ],
)
def test_options_that_are_no_rules_are_refused(options):
    transcript = Transcript(
        scenario=Scenario(id="x/y#z", test="x/y", arm="a", cluster="c", dialogue=()),
        messages=(),
        state=STATE,
    )
    with pytest.raises(GradingError):
        state(transcript, options)


WORDS = ["off", "on", "count", "lost", "map.inner.deep", "@it", "and", "or", "not", "(", ")", "==", "!=", ">"]
WORDS += ["contains", "true", "false", "3", "-1", "'desk'", "'", ".", "$", "𝟙", "²"]


@given(st.lists(st.sampled_from(WORDS), max_size=12).map(" ".join) | st.text(max_size=40))
def test_any_text_is_a_rule_or_is_refused_as_one(expression):
    try:
        got = grade(f"it := {expression}")
    except GradingError:
        return
    assert got.outcome in (Outcome.GRADED, Outcome.UNGRADED)
    assert set(got.labels) == ({"it"} if got.outcome is Outcome.GRADED else set())


PREDICATES = st.recursive(
    st.sampled_from(["off == true", "on == true", "count > 2", "name contains 'x'"]),
    lambda inner: (
        st.tuples(inner, st.sampled_from(["and", "or"]), inner).map(lambda of: f"({of[0]} {of[1]} {of[2]})")
        | inner.map(lambda of: f"not {of}")
    ),
    max_leaves=6,
)


@given(PREDICATES, PREDICATES)
def test_laws_of_logic(one, other):
    assert holds(f"not ({one} and {other})") is holds(f"not {one} or not {other}")
    assert holds(f"not not {one}") is holds(one)
    assert grade(f"it := {one} or lost == 1").outcome is Outcome.UNGRADED
