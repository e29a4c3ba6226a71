"""Transcripts in parts: any may be withheld, the rest still verifies, and nothing else may change."""

import json
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from countermark import canonical
from countermark.canonical import InvalidJson
from countermark.errors import EvidenceError
from countermark.evidence import item_leaf, to_json
from countermark.evidence.codec import from_json
from countermark.evidence.items import item_salt
from countermark.evidence.merkle import leaf_hash, root_of
from countermark.evidence.parts import (
    Part,
    body,
    commitment_of,
    format_blob,
    format_partial,
    from_parts,
    leaves_of,
    parse_blob,
    part_salt,
    read_transcript,
    to_parts,
)
from countermark.records import Exchange, Message, Scenario, ToolCall, Transcript, Usage

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.floats(-1e20, 1e20) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)
MESSAGES = st.builds(
    Message,
    role=st.sampled_from(["user", "assistant"]),
    content=TEXTS,
    tool_calls=st.lists(
        st.builds(ToolCall, id=TEXTS, name=TEXTS, arguments=st.dictionaries(TEXTS, VALUES, max_size=2)),
        max_size=1,
    ).map(tuple),
)
TRANSCRIPTS = st.builds(
    Transcript,
    scenario=st.builds(
        Scenario,
        id=TEXTS,
        test=TEXTS,
        arm=TEXTS,
        cluster=TEXTS,
        dialogue=st.lists(MESSAGES, max_size=2).map(tuple),
        facts=st.dictionaries(TEXTS, VALUES, max_size=2),
    ),
    messages=st.lists(MESSAGES, max_size=4).map(tuple),
    state=st.dictionaries(TEXTS, VALUES, max_size=2),
    fault=st.none() | TEXTS,
    usage=st.builds(Usage, input_tokens=st.integers(0, 9)),
    exchanges=st.lists(st.builds(Exchange, request=TEXTS, response=TEXTS), max_size=3).map(tuple),
)
SALT = bytes(range(32))


@given(TRANSCRIPTS)
def test_there_and_back(transcript: Transcript) -> None:
    parts = to_parts(transcript)
    assert len(parts) == 3 + len(transcript.messages) + len(transcript.exchanges)
    assert not any(b"\n" in part for part in parts)
    value = from_parts(parts)
    assert from_json(Transcript, value).messages == transcript.messages
    expected = to_json(transcript)
    expected["scenario"] = json.loads(canonical.encode(expected["scenario"]))  # 1.0 is written as 1
    assert value == expected


@given(TRANSCRIPTS)
def test_the_scenario_part_is_what_the_draw_commits_to(transcript: Transcript) -> None:
    scenario = body(to_parts(transcript)[1], "scenario")
    assert leaf_hash(item_salt("5eed", "toy/keeping", 3), scenario) == item_leaf(
        "5eed", "toy/keeping", 3, to_json(transcript.scenario)
    )


def test_the_commitment_by_hand() -> None:
    parts = [b'{"head":{}}', b"two", b"three"]
    salts = [part_salt(SALT, index) for index in range(3)]
    leaves = [sha256(b"\x00" + salt + part).digest() for salt, part in zip(salts, parts, strict=True)]
    assert leaves == leaves_of(SALT, parts)
    assert commitment_of(leaves) == sha256(b"\x03" + b"\0" * 7 + b"\x03" + root_of(leaves)).digest()
    assert parse_blob(format_blob(SALT, parts)).commitment == commitment_of(leaves)
    inner = sha256(b"\x01" + leaves[0] + leaves[1]).digest()
    assert root_of([inner, leaves[2]]) == root_of(leaves)
    assert commitment_of([inner, leaves[2]]) != commitment_of(leaves), "a node does not pass as a leaf"


def in_part(parts: list[bytes], shown: list[bool]) -> list[Part]:
    leaves = leaves_of(SALT, parts)
    return [
        Part(leaf, part, part_salt(SALT, index)) if open_ else Part(leaf, None, None, "private")
        for index, (leaf, part, open_) in enumerate(zip(leaves, parts, shown, strict=True))
    ]


@given(st.data())
def test_any_part_withheld_and_any_further_change(data: st.DataObject) -> None:
    """Whatever is withheld, the commitment stays; whatever line is changed, moved, removed or added, it does not."""
    texts = data.draw(st.lists(TEXTS, min_size=1, max_size=6))
    parts = [json.dumps(text, ensure_ascii=False).encode() for text in texts]
    shown = data.draw(st.lists(st.booleans(), min_size=len(parts), max_size=len(parts)))
    blob = format_partial(in_part(parts, shown))
    opened = parse_blob(blob)
    assert opened.commitment == commitment_of(leaves_of(SALT, parts))
    assert opened.salt is None
    assert [part.data for part in opened.parts] == [
        part if open_ else None for part, open_ in zip(parts, shown, strict=True)
    ]
    assert opened.withheld == {index: "private" for index, open_ in enumerate(shown) if not open_}
    lines = blob.splitlines(keepends=True)
    place = data.draw(st.integers(0, len(lines) - 1))
    other = data.draw(st.binary(min_size=32, max_size=32))
    changed = [
        [*lines[:place], *lines[place + 1 :]],
        [*lines[:place], lines[place], *lines[place:]],
        [*lines[:place], format_partial([Part(other, None, None, "private")]), *lines[place + 1 :]],
        [*lines[:place], format_partial([Part(other, b'"more"', other)]), *lines[place + 1 :]],
        lines[::-1],
    ]
    for candidate in changed:
        if candidate != lines:
            assert _commitment(b"".join(candidate)) != opened.commitment


def _commitment(data: bytes) -> bytes | None:
    try:
        return parse_blob(data).commitment
    except InvalidJson:
        return None


@given(TRANSCRIPTS, st.integers(0, 10_000), st.integers(1, 255))
def test_one_byte_changed_in_a_whole_transcript(transcript: Transcript, place: int, flip: int) -> None:
    blob = format_blob(SALT, to_parts(transcript))
    changed = bytearray(blob)
    changed[place % len(blob)] ^= flip
    assert _commitment(bytes(changed)) != parse_blob(blob).commitment


@pytest.mark.parametrize(
    "data",
    [b"", b"{}", b'{"salt":"00"}\n', b'{"salt":"' + b"0" * 64 + b'"}\n{"head":{}}', b"\n", b'{"part":1,"salt":"0"}\n'],
)  # fmt: skip
def test_what_is_no_blob(data: bytes) -> None:
    with pytest.raises(InvalidJson):
        parse_blob(data)


def test_reading_one_from_a_run(tmp_path: Path) -> None:
    scenario = Scenario(id="a", test="b/c", arm="d", cluster="e", dialogue=())
    shown = Transcript(scenario=scenario, messages=(Message(role="user", content="Good day."),))
    path = tmp_path / "blobs/00000007.jsonl"
    path.parent.mkdir()
    path.write_bytes(format_blob(SALT, to_parts(shown)))
    assert read_transcript(tmp_path, 7) == to_json(shown)
    path.write_bytes(format_partial(in_part(to_parts(shown), [True, False, False, True])))
    assert read_transcript(tmp_path, 7) == {
        name: value for name, value in to_json(shown).items() if name != "scenario"
    } | {"messages": []}
    path.write_bytes(format_blob(SALT, to_parts(shown)[:-1]))
    with pytest.raises(EvidenceError, match=r"blobs/00000007\.jsonl"):
        read_transcript(tmp_path, 7)
