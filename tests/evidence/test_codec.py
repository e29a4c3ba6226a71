"""Values of `records` as JSON and back."""

import json
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from countermark.canonical import InvalidJson, encode
from countermark.evidence import from_json, to_bytes, to_json
from countermark.records import (
    Exchange,
    Message,
    Outcome,
    Scenario,
    Status,
    ToolCall,
    Transcript,
    TrialRecord,
    Usage,
)

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)  # fmt: skip
CALLS = st.builds(
    ToolCall, id=TEXT, name=TEXT, arguments=st.dictionaries(TEXT, PLAIN, max_size=3), fault=st.none() | TEXT
)
MESSAGES = st.builds(
    Message,
    role=st.sampled_from(["system", "user", "assistant", "tool"]),
    content=TEXT,
    tool_calls=st.lists(CALLS, max_size=2).map(tuple),
    tool_call_id=st.none() | TEXT,
)
USAGE = st.builds(Usage, input_tokens=st.integers(0, 10**9), output_tokens=st.integers(0, 10**9))
SCENARIOS = st.builds(
    Scenario, id=TEXT, test=TEXT, arm=TEXT, cluster=TEXT, dialogue=st.lists(MESSAGES, max_size=3).map(tuple),
    facts=st.dictionaries(TEXT, PLAIN, max_size=3), tags=st.dictionaries(TEXT, TEXT, max_size=3),
)  # fmt: skip
TRANSCRIPTS = st.builds(
    Transcript, scenario=SCENARIOS, messages=st.lists(MESSAGES, max_size=3).map(tuple), fault=st.none() | TEXT,
    state=st.dictionaries(TEXT, PLAIN, max_size=3), published=st.dictionaries(TEXT, st.booleans(), max_size=3),
    stop=TEXT, usage=USAGE,
    exchanges=st.lists(st.builds(Exchange, request=TEXT, response=TEXT, request_id=st.none() | TEXT), max_size=2).map(tuple),
)  # fmt: skip

RECORD = TrialRecord(
    slot=1, subject="s", test="a/b", scenario="a/b#c", item=0, epoch=0, attempt=1, final=True, status=Status.OK,
    outcome=Outcome.GRADED, arm="x", cluster="c", labels={"leaked": True}, reason="r", grader="leak@1",
    started="2026-11-23T10:00:00Z", ended="2026-11-23T10:00:01Z", request_ids=("one", "two"),
)  # fmt: skip


@given(TRANSCRIPTS)
def test_a_transcript_comes_back(transcript: Transcript) -> None:
    data = to_bytes(transcript)
    assert json.loads(data) == to_json(transcript)
    assert from_json(Transcript, data) == transcript
    assert from_json(Transcript, to_json(transcript)) == transcript


def test_a_record_comes_back() -> None:
    plain = to_json(RECORD)
    assert plain["status"] == "ok"
    assert plain["request_ids"] == ["one", "two"]
    assert from_json(TrialRecord, plain) == RECORD
    assert from_json(TrialRecord, encode(plain)) == RECORD


def test_unknown_fields_are_tolerated() -> None:
    assert from_json(TrialRecord, to_json(RECORD) | {"seq": 4, "transcript": "ff", "later": {}}) == RECORD


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("slot", "1"), ("slot", True), ("slot", 1.0), ("final", 1), ("final", "true"), ("status", "fine"),
        ("labels", {"leaked": 1}), ("labels", []), ("reason", None), ("request_ids", "one"), ("usage", {"input_tokens": "1"}),
        ("usage", None), ("tags", {"a": 1}),
    ],
)  # fmt: skip
def test_other_types_are_refused(field: str, value: Any) -> None:
    with pytest.raises(InvalidJson, match=field):
        from_json(TrialRecord, to_json(RECORD) | {field: value})


def test_a_missing_field_is_refused() -> None:
    plain = to_json(RECORD)
    del plain["slot"]
    with pytest.raises(InvalidJson, match="slot: Field required"):
        from_json(TrialRecord, plain)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b"null",
        b'{"slot":1,"slot":1}',
        b'{"slot":NaN}',
        b"\xff",
        b'{"reason":"\\ud800"}',
        b"[" * 9999,
    ],
)
def test_loose_json_is_refused(data: bytes) -> None:
    with pytest.raises(InvalidJson):
        from_json(TrialRecord, data)


def test_what_json_cannot_hold_is_refused() -> None:
    scenario = Scenario(id="a", test="a", arm="a", cluster="a", dialogue=(), facts={"x": "\ud800"})
    with pytest.raises(InvalidJson):
        to_bytes(scenario)
    for facts in (MappingProxyType({}), {"x": object()}):
        with pytest.raises(InvalidJson):
            to_bytes(Scenario(id="a", test="a", arm="a", cluster="a", dialogue=(), facts=facts))
