"""The signed list and reveal/items.jsonl: what is written is read, and nothing else is."""

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from countermark.canonical import decode, encode
from countermark.errors import EvidenceError, InvalidDocument, UsageError
from countermark.evidence import EvidenceLog, SigningKey
from countermark.evidence.reveal import RevealedItem, format_items, parse_items
from countermark.evidence.selecting import Wanted, select
from countermark.evidence.wishes import read_wishes
from countermark.evidence.withholding import REASONS, Decision, Redaction, parse_redaction, twice_named

SHAS = st.binary(min_size=32, max_size=32).map(bytes.hex)
PLACES = st.lists(st.integers(0, 50), unique=True, max_size=4).map(lambda found: tuple(sorted(found)))
DECISIONS = st.builds(
    Decision,
    reason=st.sampled_from(list(REASONS)),
    decided_by=st.text(min_size=1, max_size=20),
    until=st.sampled_from(["never", "2031-02-28"]),
    records=PLACES,
    transcripts=PLACES,
    parts=st.dictionaries(st.integers(0, 50), PLACES.filter(bool), max_size=3),
    seed=st.booleans(),
)
LISTS = st.builds(
    Redaction,
    original=SHAS,
    decisions=st.lists(DECISIONS, max_size=3).map(tuple),
    files=st.dictionaries(
        st.text(min_size=1, max_size=9), st.tuples(st.none() | SHAS, st.none() | SHAS), max_size=3
    ),
    supersedes=st.none() | SHAS,
)
JUNK = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 2**53 - 1) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
    max_leaves=6,
)


@given(LISTS)
def test_a_list_is_read_as_it_was_written_or_names_what_stands_twice(one: Redaction) -> None:
    twice = list(twice_named(one.decisions))
    if twice:
        with pytest.raises(EvidenceError, match="twice"):
            parse_redaction(one.to_bytes())
    else:
        assert parse_redaction(one.to_bytes()) == one


@given(LISTS, st.sampled_from(["schema", "original", "supersedes", "withheld", "files"]), JUNK)
def test_junk_in_a_list_is_refused_or_is_what_it_says(one: Redaction, name: str, junk: Any) -> None:
    data = encode(decode(one.to_bytes()) | {name: junk})
    try:
        again = parse_redaction(data).to_bytes()
    except EvidenceError as error:
        again = data if error.message.startswith("redaction/redaction.json: ") else b""
    assert again == data


@pytest.mark.parametrize(
    "change",
    [
        {"until": "2031-02-29"},
        {"until": "soon"},
        {"until": "2031-2-2"},
        {"decided_by": ""},
        {"records": [-1]},
        {"records": [True]},
        {"records": [2, 1]},
        {"parts": [{"seq": 1, "parts": [1], "note": 2}]},
        {"seed": 1},
        {"note": "x"},
    ],
)
def test_a_decision_that_is_none(change: dict[str, Any]) -> None:
    whole = Redaction(
        original="0" * 64, decisions=(Decision(reason="privacy", decided_by="me", until="never"),), files={}
    )
    document = decode(whole.to_bytes())
    document["withheld"][0].update(change)
    with pytest.raises(EvidenceError):
        parse_redaction(encode(document))


def test_an_embargo_is_over_on_its_day() -> None:
    one = Decision(reason="privacy", decided_by="me", until="2031-05-01", seed=True)
    assert not one.over(date(2031, 4, 30))
    assert one.over(date(2031, 5, 1))
    assert not Decision(reason="privacy", decided_by="me", until="never").over(date(9999, 1, 1))


ITEMS = st.dictionaries(
    st.tuples(st.text(max_size=5), st.integers(0, 2**40)),
    st.binary(min_size=32, max_size=32).flatmap(
        lambda data: st.sampled_from([RevealedItem(data, None), RevealedItem(None, data)])
    ),
    max_size=4,
)


@given(ITEMS)
def test_items_there_and_back(items: dict[tuple[str, int], RevealedItem]) -> None:
    data = format_items(items)
    assert parse_items(data) == items
    for changed in (data + b"{}\n", data[:-1], b"\n" + data):
        if changed != data:
            with pytest.raises(EvidenceError, match=r"reveal/items\.jsonl"):
                parse_items(changed)


@pytest.mark.parametrize(
    "line",
    [
        {"test": "a", "item": 1},
        {"test": "a", "item": -1, "salt": "0" * 64},
        {"test": "a", "item": True, "salt": "0" * 64},
        {"test": "a", "item": 1, "salt": "0" * 64, "leaf": "0" * 64},
        {"test": "a", "item": 1, "salt": "0" * 63},
        {"test": "a", "item": 1, "leaf": 7},
    ],
)
def test_a_line_of_items_that_is_none(line: dict[str, Any]) -> None:
    with pytest.raises(EvidenceError, match="line 1"):
        parse_items(encode(line) + b"\n")


def test_items_are_sorted_and_each_stands_once() -> None:
    one = encode({"test": "a", "item": 1, "salt": "0" * 64}) + b"\n"
    other = encode({"test": "a", "item": 0, "salt": "0" * 64}) + b"\n"
    for data in (one + other, one + one):
        with pytest.raises(EvidenceError, match="not sorted"):
            parse_items(data)


def test_earlier_wishes_come_first(tmp_path: Path) -> None:
    log = EvidenceLog.create(tmp_path, origin="a", key=SigningKey.from_seed(bytes(32)))
    head = json.dumps({"head": {"messages": 1, "exchanges": 0}}).encode()
    for slot in range(6):
        test, subject = f"toy/{'ab'[slot % 2]}", f"model/{slot // 3}"
        log.append({"slot": slot, "attempt": 1, "test": test, "subject": subject}, [head, b"1", b"2", b"3"])
    log.close()

    def wish(what: str, **more: Any) -> Wanted:
        return Wanted(what=what, reason="privacy", decided_by="me", until="never", **more)

    first, second, third, seed = select(
        tmp_path,
        [wish("records", subjects=("*/0",), tests=("toy/a",)), wish("messages", seqs=frozenset({0, 1})), wish("transcripts"), wish("seed")],
    )  # fmt: skip
    assert first.records == (0, 2)
    assert second.parts == {1: (2,)}
    assert third.transcripts == (3, 4, 5)
    assert (first.seed, seed.seed) == (False, True)
    with pytest.raises(UsageError, match="nothing is left"):
        select(tmp_path, [wish("transcripts"), wish("state")])


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=8), lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)))  # fmt: skip
def test_no_wish_makes_a_traceback(tmp_path_factory: pytest.TempPathFactory, value: Any) -> None:
    path = tmp_path_factory.getbasetemp() / "wishes.yaml"
    for text in (json.dumps(value), json.dumps({"withhold": [value]}), json.dumps({"withhold": [{"what": value, "until": value}]})):  # fmt: skip
        path.write_text(text)
        with pytest.raises(InvalidDocument):
            read_wishes(path)
