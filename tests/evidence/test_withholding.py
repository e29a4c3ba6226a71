"""The signed list and reveal/items.jsonl: what is written is read, and nothing else is."""

import json
from datetime import date
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from countermark.canonical import decode, encode
from countermark.errors import EvidenceError, InvalidDocument
from countermark.evidence import EvidenceLog, SigningKey
from countermark.evidence.reveal import RevealedItem, format_items, parse_items
from countermark.evidence.selecting import Wanted, in_a_file, select
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


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six records: toy/a and toy/b by turns, three of model/0 and three of model/1; each transcript has a head and 3 parts."""
    folder = tmp_path_factory.mktemp("log")
    log = EvidenceLog.create(folder, origin="a", key=SigningKey.from_seed(bytes(32)))
    head = json.dumps({"head": {"messages": 1, "exchanges": 0}}).encode()
    for slot in range(6):
        test, subject = f"toy/{'ab'[slot % 2]}", f"model/{slot // 3}"
        log.append({"slot": slot, "attempt": 1, "test": test, "subject": subject}, [head, b"1", b"2", b"3"])
    log.close()
    return folder


def wish(what: str, **more: Any) -> Wanted:
    return Wanted(**({"what": what, "reason": "privacy", "decided_by": "me", "until": "never"} | more))


def held(decisions: list[Decision]) -> dict[str, Any]:
    """What decisions withhold together, whoever decided it."""
    whole = Redaction(original="0" * 64, decisions=tuple(decisions), files={})
    parts = {seq: sorted(found) for seq, found in whole.parts.items()}
    return {
        "records": sorted(whole.records),
        "transcripts": sorted(whole.transcripts),
        "parts": parts,
        "seed": whole.seed is not None,
    }


def test_the_stronger_wish_counts_whatever_the_order(log: Path) -> None:
    wishes = [
        wish("transcripts", tests=("toy/a",)),
        wish("records", seqs=frozenset({0, 1, 2, 3})),
        wish("messages", seqs=frozenset({3, 4, 5})),
        wish("seed"),
    ]
    for order in permutations(wishes):
        found = held(select(log, order))
        assert found == {"records": [0, 1, 2, 3], "transcripts": [4], "parts": {5: [2]}, "seed": True}


WISHES = st.lists(
    st.builds(
        wish,
        st.sampled_from(["records", "transcripts", "messages", "state", "scenario", "seed"]),
        tests=st.sampled_from(
            [("*",), ("toy/a",), ("toy/b",), ("toy/a", "toy/b"), ("toy/c",), ("*/a", "toy/c")]
        ),
        subjects=st.sampled_from([("*",), ("model/0",), ("*/1",), ("model/2",)]),
        seqs=st.frozensets(st.integers(0, 7), max_size=3),
        until=st.sampled_from(["never", "2031-01-01", "2032-01-01"]),
        reason=st.sampled_from(["privacy", "hazard"]),
    ),
    min_size=1,
    max_size=4,
)


@given(WISHES, st.randoms(use_true_random=False))
def test_any_order_of_wishes_withholds_the_same_or_is_refused(
    log: Path, wishes: list[Wanted], chance: Any
) -> None:
    def outcome(order: list[Wanted]) -> Any:
        try:
            return held(select(log, order))
        except InvalidDocument as error:
            return sorted(error.codes)

    assert outcome(chance.sample(wishes, len(wishes))) == outcome(wishes)


def test_whatever_matches_nothing_is_told_at_once(log: Path) -> None:
    wishes = [
        wish("transcripts", tests=("toy/a", "toy/aa*"), subjects=("model/*", "model/9")),
        wish("records", seqs=frozenset({1, 99, 6})),
        wish("exchanges"),
        wish("messages", tests=("toy/a",), seqs=frozenset({0, 1})),
        wish("records", tests=("toy/a",), seqs=frozenset({1})),
        wish("state", tests=("toy/a", "toy/b"), seqs=frozenset({0})),
    ]
    with pytest.raises(InvalidDocument) as caught:
        select(log, wishes, in_a_file(Path("w.yaml")))
    assert caught.value.faults == [
        "w.yaml: withhold/0/tests/1: [wish-nothing] 'toy/aa*' matches no test of this audit; did you mean toy/a or toy/b?",
        (
            "w.yaml: withhold/0/subjects/1: [wish-nothing] 'model/9' matches no subject of this audit; "
            "did you mean model/1 or model/0?"
        ),
        "w.yaml: withhold/1/records: [wish-nothing] there is no record 6; the log holds 6, from 0",
        "w.yaml: withhold/1/records: [wish-nothing] there is no record 99; the log holds 6, from 0",
        "w.yaml: withhold/2: [wish-nothing] none of the 6 records that it selects has any exchanges; leave it out",
        (
            "w.yaml: withhold/3/records: [wish-nothing] record 1 is not of the tests and subjects it names; "
            "leave it out, or give it an entry of its own"
        ),
        (
            "w.yaml: withhold/3: [wish-covered] adds nothing: other entries withhold all its messages, with more or for longer; "
            "leave it out"
        ),
        (
            "w.yaml: withhold/4: [wish-nothing] selects no record: none meets all that it asks for; "
            "`countermark report` prints the names"
        ),
        (
            "w.yaml: withhold/5/tests/1: [wish-nothing] 'toy/b' matches no record that the rest of it selects; "
            "leave it out, or give it an entry of its own"
        ),
        (
            "w.yaml: withhold/5: [wish-covered] adds nothing: other entries withhold all its state, with more or for longer; "
            "leave it out"
        ),
    ]


def test_what_is_covered_or_would_be_shown_too_soon_is_told(log: Path) -> None:
    for wishes, code in (
        ([wish("transcripts"), wish("state")], "wish-covered"),
        ([wish("seed"), wish("seed", reason="hazard")], "wish-covered"),
        ([wish("records", seqs=frozenset({2, 3}), until="2031-01-01"), wish("transcripts")], "wish-shorter"),
        ([wish("transcripts", until="2031-01-01"), wish("state", until="2031-01-02")], "wish-shorter"),
    ):
        for order in permutations(wishes):
            with pytest.raises(InvalidDocument) as caught:
                select(log, order)
            assert caught.value.codes == [code]
    mended = [
        wish("records", seqs=frozenset({2, 3})),
        wish("records", until="2031-01-01"),
        wish("state", seqs=frozenset({3})),
    ]
    first, second = select(log, mended[:2])
    assert (first.records, second.records) == ((2, 3), (0, 1, 4, 5))
    with pytest.raises(InvalidDocument, match="wish-covered"):
        select(log, mended)


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=8), lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)))  # fmt: skip
def test_no_wish_makes_a_traceback(tmp_path_factory: pytest.TempPathFactory, value: Any) -> None:
    path = tmp_path_factory.getbasetemp() / "wishes.yaml"
    for text in (json.dumps(value), json.dumps({"withhold": [value]}), json.dumps({"withhold": [{"what": value, "until": value}]})):  # fmt: skip
        path.write_text(text)
        with pytest.raises(InvalidDocument):
            read_wishes(path)
