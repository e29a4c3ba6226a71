"""What is read at once reads as what is read strictly, part by part, and refuses the same."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from countermark.canonical import InvalidJson
from countermark.evidence.codec import from_json
from countermark.evidence.merkle import leaf_hash
from countermark.evidence.parts import (
    HEAD,
    body,
    format_blob,
    from_parts,
    leaves_of,
    parse_blob,
    part_salt,
    to_parts,
)
from countermark.records import Exchange, Message, Scenario, ToolCall, Transcript, Usage
from countermark.verify import reading
from countermark.verify.opening import open_transcript
from countermark.verify.reading import read_head

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20) | st.text('":\\{},\n', max_size=8)
CALLS = st.lists(st.builds(ToolCall, id=TEXTS, name=TEXTS, arguments=st.just({})), max_size=1).map(tuple)
ROLES = st.sampled_from(["system", "developer", "user", "assistant", "tool"])
MESSAGES = st.builds(Message, role=ROLES, content=TEXTS, tool_calls=CALLS, tool_call_id=st.none() | TEXTS)
EXCHANGES = st.builds(
    Exchange,
    request=TEXTS,
    response=TEXTS,
    request_id=st.none() | TEXTS,
    role=st.sampled_from(["", "", "grader"]),
    usage=st.none() | st.builds(Usage),
)
TRANSCRIPTS = st.builds(
    Transcript,
    scenario=st.just(Scenario(id="a", test="t", arm="x", cluster="c", dialogue=())),
    messages=st.lists(MESSAGES, max_size=4).map(tuple),
    published=st.dictionaries(TEXTS, st.booleans(), max_size=1),
    fault=st.none() | TEXTS,
    stop=st.sampled_from(["stop", "max_tokens", ""]) | TEXTS,
    usage=st.builds(Usage, input_tokens=st.integers(0, 2**53), output_tokens=st.integers(0, 99)),
    exchanges=st.lists(EXCHANGES, max_size=3).map(tuple),
)
SALT = bytes(range(32))


def opened(stored: bytes) -> Transcript | str:
    try:
        blob = parse_blob(stored)
        return open_transcript(blob, blob.commitment.hex()).transcript
    except InvalidJson:
        return "refused"


def strictly(stored: bytes) -> Transcript | str:
    try:
        return from_json(Transcript, from_parts([part.data or b"" for part in parse_blob(stored).parts]))
    except InvalidJson:
        return "refused"


@given(TRANSCRIPTS)
def test_what_was_written_is_read(transcript: Transcript) -> None:
    assert opened(format_blob(SALT, to_parts(transcript))) == transcript


@given(TRANSCRIPTS, st.data())
def test_any_change_of_bytes_is_read_as_strictly(transcript: Transcript, data: st.DataObject) -> None:
    stored = format_blob(SALT, to_parts(transcript))
    place = data.draw(st.integers(76, len(stored) - 1))
    put = data.draw(
        st.sampled_from([b'"', b"\\", b",", b"null", b'","', b'"a"', b"\\u0022", b"\xff", b"[", b"0", b" "])
    )
    changed = stored[:place] + put + stored[place + data.draw(st.integers(0, 3)) :]
    assert not isinstance(strictly(changed), str) or opened(changed) == "refused"
    assert opened(changed) in (strictly(changed), "refused")


def test_each_text_is_a_string_of_its_own() -> None:
    """Two texts that only together are as many strings as there should be."""
    cut = [(b'"a","b',), (b'c"',)]
    assert reading._texts(cut) == [(), ()]
    assert reading._texts([(b'"a"', b'"b"'), (b'"c"',)]) == [("a", "b"), ("c",)]
    assert reading._texts([(b'"a",\n"b"',), (b"",)]) == [(), ()]
    assert reading._texts([]) == []


@pytest.mark.parametrize("was", [b'"a","content":"b"', b'"a","role":"user"', b"1", b"null", b'"\t"'])
def test_a_key_twice_or_no_text_is_refused(was: bytes) -> None:
    message = Message(role="user", content="CONTENT")
    stored = format_blob(
        SALT,
        to_parts(
            Transcript(
                scenario=Scenario(id="", test="", arm="", cluster="", dialogue=()), messages=(message,)
            )
        ),
    )
    assert isinstance(opened(stored), Transcript)
    assert opened(stored.replace(b'"CONTENT"', was)) == "refused"


@pytest.mark.parametrize("end", [b"null!", b"nullnull", b'"r"!', b"1}", b"null"])
def test_an_exchange_ends_where_it_ends(end: bytes) -> None:
    data = b'{"request":"{}","response":"{}","request_id":' + end
    sound = b'{"request":"{}","response":"{}","request_id":null}'
    assert [one.request for one in reading._exchanges([sound])] == ["{}"]
    with pytest.raises(InvalidJson):
        list(reading._exchanges([data]))


@given(TRANSCRIPTS)
def test_heads_of_either_spelling(transcript: Transcript) -> None:
    parts = to_parts(transcript)
    other = json.dumps(json.loads(parts[0])).encode()  # with spaces: the slow way
    spaced = b'{"head":' + other.partition(b": ")[2]
    assert read_head(parts[0], len(parts)) == read_head(spaced, len(parts))
    assert body(spaced, HEAD)
    with pytest.raises(InvalidJson):
        read_head(parts[0], len(parts) + 1)


@given(st.binary(min_size=32, max_size=32), st.lists(st.binary(max_size=40), max_size=300))
def test_many_leaves_are_those_made_one_by_one(salt: bytes, parts: list[bytes]) -> None:
    assert leaves_of(salt, parts) == [
        leaf_hash(part_salt(salt, index), part) for index, part in enumerate(parts)
    ]
