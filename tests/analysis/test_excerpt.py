"""Quoted transcripts: short ones whole, long ones bounded, and every character that is missing is counted."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from countermark.analysis.excerpt import MAX_CALLS, MAX_CHARACTERS, MAX_TURNS, excerpt
from countermark.canonical import decode, encode

words = st.text(max_size=30)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | words,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
texts = words | st.builds(
    lambda sign, times: sign * times, st.sampled_from(["x", "長", "<"]), st.integers(0, 30_000)
)
calls = st.fixed_dictionaries(
    {"id": words, "name": words, "arguments": st.dictionaries(words, json_values | texts, max_size=3), "fault": st.none() | texts}
)  # fmt: skip
turns = st.fixed_dictionaries(
    {
        "role": st.sampled_from(["system", "user", "assistant", "tool"]),
        "content": texts,
        "tool_calls": st.lists(calls, max_size=MAX_CALLS + 2),
        "tool_call_id": st.none() | words,
    }
)


def said(content: Any, **more: Any) -> dict[str, Any]:
    return {"role": "user", "content": content, "tool_calls": [], "tool_call_id": None, **more}


@given(st.lists(turns, max_size=6))
def test_whatever_it_is_the_quotation_is_bounded_and_can_be_signed(messages: list[dict[str, Any]]) -> None:
    quoted = excerpt(messages)
    data = encode(quoted)
    assert decode(data, floats=False) == quoted
    assert excerpt(messages) == quoted
    # Every text at the shortest cut, ids and names included, is the worst there can be.
    assert len(json.dumps(quoted)) <= max(
        4 * 6 * MAX_CHARACTERS, len(messages) * (MAX_CALLS + 1) * 4 * 12 * 300
    )


@given(st.lists(st.text(max_size=500), max_size=MAX_TURNS))
def test_a_short_transcript_is_quoted_whole(contents: list[str]) -> None:
    messages = [said(content) for content in contents]
    assert excerpt(messages) == messages


@given(st.integers(0, 100))
def test_turns_that_are_left_out_are_counted_in_their_place(count: int) -> None:
    messages = [said(f"turn {place}") for place in range(count)]
    quoted = excerpt(messages)
    gaps = [turn for turn in quoted if "turns_left_out" in turn]
    kept = [turn["content"] for turn in quoted if "turns_left_out" not in turn]
    assert len(kept) + sum(gap["turns_left_out"] for gap in gaps) == count
    assert len(kept) <= MAX_TURNS
    if gaps:
        place = quoted.index(gaps[0])
        assert [turn["content"] for turn in quoted[:place]] == [f"turn {at}" for at in range(place)]
        assert quoted[-1]["content"] == f"turn {count - 1}"


@given(st.text(min_size=1, max_size=60), st.integers(1, 2_000))
def test_a_cut_text_has_its_two_ends_and_the_number_between(piece: str, times: int) -> None:
    content = piece * times
    [quoted] = excerpt([said(content)])
    if isinstance(quoted["content"], str):
        assert quoted["content"] == content
        return
    cut = quoted["content"]
    assert content.startswith(cut["head"])
    assert content.endswith(cut["tail"])
    assert len(cut["head"]) + cut["left_out"] + len(cut["tail"]) == len(content)
    assert cut["left_out"] > 0


def test_arguments_and_calls_are_bounded_too() -> None:
    call = {"id": "c", "name": "write", "arguments": {"body": "y" * 100_000, "a": 1.5}, "fault": None}
    [quoted] = excerpt([said("", tool_calls=[call] * (MAX_CALLS + 3))])
    assert quoted["tool_calls"][-1] == {"calls_left_out": 3}
    cut = quoted["tool_calls"][0]["arguments"]
    assert cut["head"].startswith('{"a": "1.5", "body": "yyy')
    assert cut["left_out"] > 90_000
    assert len(json.dumps(quoted)) < 2 * MAX_CHARACTERS


def test_what_the_form_of_a_transcript_does_not_know_is_not_quoted() -> None:
    [quoted] = excerpt([said("hello", note="x" * 1_000_000)])
    assert quoted == said("hello")


def test_numbers_that_readers_read_differently_become_texts() -> None:
    call = {"id": "c", "name": "n", "arguments": {"a": 2**60, "b": [0.1], "c": 7, "d": True}, "fault": None}
    [quoted] = excerpt([said("", tool_calls=[call])])
    assert quoted["tool_calls"][0]["arguments"] == {"a": str(2**60), "b": ["0.1"], "c": 7, "d": True}
