"""The fast reader of strict JSON reads exactly what the slow one reads, and refuses exactly what it refuses."""

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from countermark import canonical
from countermark.evidence import quick

TEXTS = st.text(st.characters(exclude_categories=["Cs"])) | st.text('":\\{}[], a', max_size=12)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=20,
)


def read(reader: Any, data: bytes, *, floats: bool) -> str:
    try:
        return repr(reader(data, floats=floats))
    except canonical.InvalidJson as error:
        return f"refused: {error}"


def assert_same(data: bytes) -> None:
    for floats in (True, False):
        assert read(quick.decode, data, floats=floats) == read(canonical.decode, data, floats=floats)


@given(VALUES, st.booleans(), st.sampled_from([(",", ":"), (", ", ": "), (" ,", " :")]))
def test_what_is_sound(value: Any, ascii_only: bool, separators: tuple[str, str]) -> None:
    assert_same(json.dumps(value, ensure_ascii=ascii_only, separators=separators).encode())


@given(VALUES, VALUES, TEXTS, st.sampled_from([":", " :", "\t:", "\n :"]))
def test_a_key_twice(one: Any, other: Any, key: str, colon: str) -> None:
    name = json.dumps(key)
    data = f"{{{name}{colon}{json.dumps(one)},{name}:{json.dumps(other)}}}".encode()
    assert read(quick.decode, data, floats=True).startswith("refused: ")
    assert_same(data)
    assert_same(b'{"a\\\\":1,"deep":[%b]}' % data)


@given(st.text('{}[]",:\\0123456789.eE-+ truefalsn\tu', max_size=30))
@example('{"a\\\\":1,"b":1,"b":2}')
@example("1e400")
@example("-0")
@example('{"a":":","b":1}')
@example('"\\ud800"')
@example("[" * 65 + "]" * 65)
@example("1" * 4400)
@example("NaN")
def test_anything_at_all(text: str) -> None:
    assert_same(text.encode())


@given(st.binary(max_size=30))
def test_bytes_that_are_no_text(data: bytes) -> None:
    assert_same(data)


def test_too_long_is_refused_before_it_is_read() -> None:
    with pytest.raises(canonical.InvalidJson, match="over the limit of 3"):
        quick.decode(b"[1,2]", max_bytes=3)
