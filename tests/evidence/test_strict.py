"""The fast strict reader refuses what `canonical.decode` refuses, and reads what it reads."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from countermark.canonical import InvalidJson, decode
from countermark.evidence.strict import parse

LOOSE = [
    "", "x", "{", "[1,]", '{"a":1,"a":2}', '{"b":{"a":1,"a":2}}', "NaN", "[Infinity]", "-Infinity", "1e999", '"\\ud800"',
    '{"\\udc00":1}', "[" * 65 + "]" * 65, "[" * 100_000, '{"a":' * 70 + "1" + "}" * 70, "1" * 5000, "\ufeff1", "1 2",
]  # fmt: skip
TIGHT = [
    "1",
    "null",
    '"[[[["',
    '{"a":[1,2,{"b":null}]}',
    "[" * 64 + "]" * 64,
    '"\\ud83d\\ude00"',
    " [1] ",
    "[" + "[]," * 200 + "[]]",
]


@pytest.mark.parametrize("text", LOOSE)
def test_refused_by_both(text: str) -> None:
    for reader in (parse, decode):
        with pytest.raises((InvalidJson, ValueError)):
            reader(text.encode())
    with pytest.raises(InvalidJson):
        parse(text.encode())


@pytest.mark.parametrize("text", TIGHT)
def test_read_by_both(text: str) -> None:
    assert parse(text.encode()) == decode(text.encode()) == json.loads(text)


def test_floats_only_where_asked() -> None:
    for text in ("1.0", "[1e2]", '{"a":-0.5}'):
        assert parse(text.encode(), floats=True) == json.loads(text)
        with pytest.raises(InvalidJson, match="decimals stand in strings"):
            parse(text.encode())


def test_size_is_capped_and_utf8_required() -> None:
    with pytest.raises(InvalidJson, match="over the limit"):
        parse(b"[1,2,3]", max_bytes=6)
    with pytest.raises(InvalidJson):
        parse(b'"\xed\xa0\x80"')


@given(st.binary(max_size=60) | st.text('{}[]",:0123456789.eE-+\\u dnultrfase', max_size=60).map(str.encode))
def test_both_agree_on_anything(data: bytes) -> None:
    try:
        expected = decode(data)
    except ValueError:
        with pytest.raises(InvalidJson):
            parse(data, floats=True)
    else:
        assert repr(parse(data, floats=True)) == repr(expected)
