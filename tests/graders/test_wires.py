"""Recorded requests and answers read again: what each door writes is read, and nothing in which words could hide."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from countermark.graders.wires import plain_turns, read_asked, read_told

TURNS = [{"role": "system", "content": "Be fair."}, {"role": "user", "content": "Well?"}]
OPENAI = {
    "model": "m",
    "messages": TURNS,
    "max_completion_tokens": 9,
    "temperature": 0.5,
    "reasoning_effort": "low",
}
ANTHROPIC = {
    "model": "m", "system": "Be fair.", "messages": TURNS[1:], "max_tokens": 9, "temperature": 0.5,
    "thinking": {"type": "adaptive"}, "output_config": {"effort": "low"},
}  # fmt: skip
INSPECT = {
    "model": "p/m", "input": [{"id": "x", **turn} for turn in TURNS], "tools": [],
    "config": {"max_retries": 0, "max_connections": 4, "temperature": 0.5, "reasoning_effort": "low", "max_tokens": 9},
}  # fmt: skip


@pytest.mark.parametrize("request_", [OPENAI, ANTHROPIC, INSPECT], ids=["openai", "anthropic", "inspect"])
def test_each_doors_request(request_: dict[str, Any]) -> None:
    asked = read_asked(json.dumps(request_))
    assert asked is not None
    assert asked.turns == (("system", "Be fair."), ("user", "Well?"))
    assert (asked.cap, asked.temperature, asked.reasoning, asked.tools, asked.more) == (
        9,
        0.5,
        "low",
        False,
        (),
    )
    more = read_asked(json.dumps({**request_, "tools": [{"name": "x"}], "suffix": "Be kind."}))
    assert more is not None
    assert (more.tools, more.more) == (True, ("suffix",))


def test_the_plain_form_of_a_call_that_left_no_bytes() -> None:
    asked = read_asked(json.dumps({"input": TURNS, "max_tokens": 9}))
    assert asked is not None
    assert (asked.model, asked.cap, len(asked.turns)) == ("", 9, 2)


def test_words_in_a_configuration_of_inspects_are_told() -> None:
    asked = read_asked(
        json.dumps({**INSPECT, "config": {**INSPECT["config"], "system_message": "Be kind.", "seed": 1}})
    )  # type: ignore[dict-item]
    assert asked is not None
    assert asked.more == ("system_message",)


@pytest.mark.parametrize(
    ("fields", "reasoning"),
    [
        ({"thinking": {"type": "enabled", "budget_tokens": 2048}}, "2048"),
        ({"thinking": {"type": "disabled"}}, "none"),
        ({"thinking": {"type": "between_tools"}}, "between_tools"),
        ({}, None),
    ],
)
def test_reasoning_as_settings_spell_it(fields: dict[str, Any], reasoning: str | None) -> None:
    asked = read_asked(json.dumps({"model": "m", "messages": TURNS[1:], "max_tokens": 9, **fields}))
    assert asked is not None
    assert asked.reasoning == reasoning


def test_results_of_tools_are_turns_and_what_nobody_says_is_none() -> None:
    blocks = [
        {"role": "assistant", "content": [{"type": "thinking", "thinking": "x"}, {"type": "text", "text": "So."}, {"type": "tool_use", "id": "1"}]},
        {"role": "user", "content": [{"type": "tool_result", "content": "one"}, {"type": "tool_result", "content": "two"}]},
    ]  # fmt: skip
    asked = read_asked(json.dumps({"model": "m", "messages": blocks, "max_tokens": 9}))
    assert asked is not None
    assert asked.turns == (("assistant", "So."), ("tool", "one"), ("tool", "two"))
    called = {"role": "assistant", "content": None, "tool_calls": [{"id": "1"}]}
    other = read_asked(json.dumps({"model": "m", "messages": [called], "max_tokens": 9}))
    assert other is not None
    assert plain_turns([("system", "a"), ("system", "b"), ("user", "c"), *other.turns]) == [
        ("system", "a\n\nb"),
        ("user", "c"),
    ]


UNREAD: list[Any] = [
    {"model": "m"},
    {"model": 1, "messages": TURNS},
    {"model": "m", "messages": ["Well?"]},
    {"model": "m", "messages": [{"role": "user", "content": "Well?", "name": "a kind user"}]},
    {"model": "m", "messages": [{"role": "user", "content": [{"type": "image"}]}]},
    {"model": "m", "messages": TURNS, "system": "Be kind."},
    {"model": "m", "messages": TURNS[1:], "system": [{"type": "text", "text": "Be kind."}]},
    {"model": "m", "messages": TURNS, "temperature": "0"},
    {"model": "m", "messages": TURNS, "reasoning_effort": "low", "thinking": {"type": "disabled"}},
    [],
    "Well?",
]


@pytest.mark.parametrize("value", UNREAD)
def test_what_is_of_no_known_form_is_not_read(value: Any) -> None:
    assert read_asked(json.dumps(value)) is None


def test_a_key_that_stands_twice_is_not_read() -> None:
    text = json.dumps(OPENAI)
    assert read_asked(text.replace('"model"', '"messages": [], "model"')) is None
    assert read_told('{"choices": [{"message": {"content": "a", "content": "b"}}]}') is None
    for broken in ("", "{", "[" * 100_000):
        assert read_asked(broken) is None
        assert read_told(broken) is None


def test_two_caps_are_none() -> None:
    asked = read_asked(json.dumps({**OPENAI, "max_tokens": 9}))
    assert asked is not None
    assert asked.cap is None


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ({"choices": [{"message": {"content": "So."}}]}, "So."),
        ({"choices": [{"message": {"content": [{"type": "text", "text": "S"}, {"type": "text", "text": "o."}]}}]}, "So."),
        ({"choices": [{"message": {"content": None, "refusal": "No."}}]}, "No."),
        ({"choices": [{"message": {"content": None, "tool_calls": []}}]}, ""),
        ({"type": "message", "content": [{"type": "thinking", "thinking": "x"}, {"type": "text", "text": "So."}]}, "So."),
        ({"type": "message", "content": []}, ""),
        ({"choices": [{"message": {"content": "So."}}], "completion": "So."}, None),
        ({"error": {"message": "no"}}, None),
        ({"content": "So."}, None),
        ([], None),
    ],
)  # fmt: skip
def test_answers_of_either_wire(value: Any, told: str | None) -> None:
    assert read_told(json.dumps(value)) == told


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(["model", "messages", "input", "config", "role", "content", "type", "text", "thinking", "choices", "message", "system"]),
        inner, max_size=4,
    ),
    max_leaves=12,
)  # fmt: skip


@given(JSON)
def test_nothing_a_stranger_wrote_stops_the_reader(value: Any) -> None:
    text = json.dumps(value)
    read_asked(text)
    read_told(text)
