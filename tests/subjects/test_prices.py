"""Prices: known ones as the list has them, snapshots as their model, everything else unknown."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from countermark.errors import UsageError
from countermark.records import Usage
from countermark.subjects.prices import Price, parse_price, price


@pytest.mark.parametrize(
    ("model", "listed"),
    [
        ("openai/gpt-4.1", ("2.00", "8.00")),
        ("openai/gpt-4.1-2025-04-14", ("2.00", "8.00")),
        ("openai/gpt-4.1-mini", ("0.40", "1.60")),
        ("openai/gpt-4.1-mini-2025-04-14", ("0.40", "1.60")),
        ("openai/gpt-4o", ("2.50", "10.00")),
        ("openai/gpt-4o-2024-11-20", ("2.50", "10.00")),
        ("openai/gpt-4o-2024-05-13", ("5.00", "15.00")),
        ("anthropic/claude-sonnet-4-20250514", ("3.00", "15.00")),
        ("anthropic/claude-sonnet-4-0", ("3.00", "15.00")),
        ("anthropic/claude-opus-4-5-20251101", ("5.00", "25.00")),
        ("anthropic/claude-opus-4-1", ("15.00", "75.00")),
        ("anthropic/claude-3-5-haiku-latest", ("0.80", "4.00")),
    ],
)
def test_known(model: str, listed: tuple[str, str]):
    found = price(model)
    assert found is not None
    assert (found.input * 1_000_000, found.output * 1_000_000) == (Decimal(listed[0]), Decimal(listed[1]))
    assert found.as_of.startswith("20")


@pytest.mark.parametrize(
    "model",
    [
        "openai/gpt-5.9",  # a later version is not the model whose name it begins with
        "openai/gpt-4.1-mega",
        "openai/gpt-4",
        "openai/gpt",
        "openai/",
        "anthropic/claude-opus-4-9",
        "anthropic/claude-haiku-5-5",
        "anthropic/gpt-4.1",
        "mistral/gpt-4.1",
        "gpt-4.1",
        "",
    ],
)
def test_unknown_is_none(model: str):
    assert price(model) is None


@given(st.text(max_size=40))
def test_never_free(model: str):
    for provider in ("openai", "anthropic"):
        found = price(f"{provider}/{model}")
        assert found is None or (found.input > 0 and found.output > 0)


def test_cost():
    assert price("openai/gpt-4.1").of(Usage(input_tokens=1_000_000, output_tokens=500_000)) == Decimal(6)


def test_own_price():
    own = parse_price(" in=2.5, out=10 ")
    assert own == Price(input=Decimal("0.0000025"), output=Decimal("0.00001"), as_of="given by the user")
    assert parse_price("out=10,in=2.5") == own
    assert parse_price("in=0,out=0").of(Usage(input_tokens=9, output_tokens=9)) == 0


@given(st.decimals(0, 999_999, places=6), st.decimals(0, 999_999, places=6))
def test_own_price_round_trip(into: Decimal, out: Decimal):
    own = parse_price(f"in={into:f},out={out:f}")
    assert (own.input * 1_000_000, own.output * 1_000_000) == (into, out)


@pytest.mark.parametrize(
    "text",
    ["", "2.5", "in=2.5", "in=2.5,out=", "in=-1,out=2", "in=1e3,out=2", "in=NaN,out=1", "in=1,out=2,x=3"],
)
def test_unreadable_price(text: str):
    with pytest.raises(UsageError, match="not readable") as caught:
        parse_price(text)
    assert "in=2.5,out=10" in caught.value.hint
