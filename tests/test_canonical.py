"""Canonical JSON out, strict JSON in."""

import json
from enum import StrEnum
from typing import Any

import pytest
import rfc8785
from hypothesis import example, given
from hypothesis import strategies as st

from countermark.canonical import InvalidJson, decode, digest_of, encode, pick

values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner)
    ),
    max_leaves=20,
)


@given(values)
def test_what_is_written_is_read_back(value: object) -> None:
    assert decode(encode(value)) == value


texts = st.text(st.characters())
odd = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53) - 2, 2**53 + 2)
    | st.floats()
    | texts
    | st.binary(max_size=2),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.tuples(inner, inner)
        | st.dictionaries(texts | st.sampled_from(["\uffff", "\U00010000", "\ud800"]), inner, max_size=4)
        | st.dictionaries(st.integers() | st.booleans() | st.none(), inner, max_size=2)
    ),
    max_leaves=20,
)


class Colour(StrEnum):
    """A string that is more than a string."""

    RED = "red"


@example("\ud800")
@example(["\ud800", 0.5])
@given(odd)
def test_written_as_the_reference_writes_it(value: Any) -> None:
    try:
        right = rfc8785.dumps(value)
    except (rfc8785.CanonicalizationError, UnicodeEncodeError):
        with pytest.raises(InvalidJson):
            encode(value)
    else:
        assert encode(value) == right


@pytest.mark.parametrize(
    "value",
    [
        {"\uffff": 1, "\U00010000": 2, "a": 3},
        {"b": (1, [True, None]), "a": '\x00\x1f\x7f\u2028"\\'},
        [Colour.RED, {Colour.RED: 1}],
        [2**53 - 1, 1.0, -0.0, 1e21],
    ],
)
def test_known_cases_as_the_reference_writes_them(value: Any) -> None:
    assert encode(value) == rfc8785.dumps(value)


@pytest.mark.parametrize("depth", [62, 63, 64, 65, 200])
def test_depth_is_no_matter_in_writing(depth: int) -> None:
    value: Any = []
    for _ in range(depth):
        value = [value]
    assert encode(value) == b"[" * (depth + 1) + b"]" * (depth + 1)


def test_a_circle_is_refused() -> None:
    value: list[Any] = []
    value.append(value)
    with pytest.raises(InvalidJson, match="deep"):
        encode(value)


@given(values)
def test_key_order_does_not_matter(value: object) -> None:
    shuffled = json.loads(json.dumps(value), object_pairs_hook=lambda pairs: dict(reversed(pairs)))
    assert digest_of(shuffled) == digest_of(value)


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b'{"a":1,"a":2}', "twice"),
        (b"NaN", "NaN"),
        (b"[Infinity]", "Infinity"),
        (b"1e400", "finite"),
        (b'"\\ud800"', "surrogate"),
        (b"[" * 65 + b"]" * 65, "nested"),
        (b"[" * 100_000, "nested"),
        (b"\xff", "UTF-8"),
        (b"{", "line 1"),
        (b"", "line 1"),
        (b"9" * 5000, "digits"),
        (b'{"b":{"a":1,"a":2}}', "twice"),
        (b"-Infinity", "Infinity"),
        (b'{"\\udc00":1}', "surrogate"),
        (b'{"a":' * 70 + b"1" + b"}" * 70, "nested"),
        (b"\xef\xbb\xbf1", "line 1"),
        (b"1 2", "line 1"),
        (b"[1,]", "line 1"),
    ],
)
def test_what_is_refused(data: bytes, why: str) -> None:
    with pytest.raises(InvalidJson, match=why):
        decode(data)


def test_too_long_is_refused_before_parsing() -> None:
    with pytest.raises(InvalidJson, match="limit"):
        decode(b"[" + b" " * 100 + b"]", max_bytes=50)


def test_no_fraction_in_what_is_signed() -> None:
    with pytest.raises(InvalidJson, match="decimals stand in strings"):
        decode(b"[1.5]", floats=False)
    assert decode(b"[1.5]") == [1.5]


def test_brackets_in_strings_are_no_depth() -> None:
    assert decode(encode("[" * 500 + '"')) == "[" * 500 + '"'


@given(st.text(), st.integers(1, 1000))
def test_pick_is_in_range_and_fixed(path: str, count: int) -> None:
    assert 0 <= pick(path, count) < count
    assert pick(path, count) == pick(path, count)


def test_pick_known_answer() -> None:
    # SHA-256("abc") = ba7816bf...20015ad; its last byte is 0xad = 173.
    assert pick("abc", 256) == 0xAD


@pytest.mark.parametrize(
    "text", ["[" * 64 + "]" * 64, "[" + "[]," * 200 + "[]]", '"\\ud83d\\ude00"', " [1] "]
)
def test_what_is_read(text: str) -> None:
    assert decode(text.encode()) == json.loads(text)


@given(st.binary(max_size=60) | st.text('{}[]",:0123456789.eE-+\\u dnultrfase', max_size=60).map(str.encode))
def test_anything_is_refused_or_read_as_the_standard_library_does(data: bytes) -> None:
    try:
        value = decode(data)
    except InvalidJson:
        return
    assert repr(value) == repr(json.loads(data))
