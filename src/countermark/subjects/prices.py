"""What a model's tokens cost by the vendor's list, for budgets and estimates. Unknown is None, never zero."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from pathlib import Path

from countermark import strict_yaml
from countermark.errors import UsageError
from countermark.records import Usage

_LIST = Path(__file__).with_name("prices.yaml")
_MILLION = Decimal(1_000_000)
_SNAPSHOT = re.compile(r"(-[0-9]{4}-[0-9]{2}-[0-9]{2}|[-@][0-9]{8}|-latest|-0)?")
_AMOUNT = re.compile(r"[0-9]{1,6}(\.[0-9]{1,6})?")
_OWN = "given by the user"


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """US dollars for one token, in and out.

    Attributes:
        as_of: Date of the price list (ISO 8601), or that the user gave it.
    """

    input: Decimal
    output: Decimal
    as_of: str = _OWN

    def of(self, usage: Usage) -> Decimal:
        """US dollars for so many tokens."""
        return self.input * usage.input_tokens + self.output * usage.output_tokens


def price(model_id: str) -> Price | None:
    """The list price of `provider/model`, or None where it is not known.

    A dated snapshot has its model's price unless it is listed itself; the longest listed name that fits counts.
    """
    provider, _, model = model_id.partition("/")
    listed = _listed().get(provider, {})
    fitting = [name for name in listed if model.startswith(name) and _SNAPSHOT.fullmatch(model[len(name) :])]
    return listed[max(fitting, key=len)] if fitting else None


def parse_price(text: str) -> Price:
    """A price as people write it: `in=2.5,out=10`, US dollars for a million tokens. Raises `UsageError`."""
    parts = dict(part.strip().partition("=")[::2] for part in text.split(","))
    if set(parts) != {"in", "out"} or not all(_AMOUNT.fullmatch(amount) for amount in parts.values()):
        raise UsageError(
            f"price {text!r} is not readable", hint="write in=2.5,out=10: US dollars for a million tokens"
        )
    return _price(parts["in"], parts["out"], _OWN)


@cache
def _listed() -> Mapping[str, Mapping[str, Price]]:
    providers = strict_yaml.load(_LIST.read_text(encoding="utf-8"))
    return {
        provider: {
            name: _price(told["input"], told["output"], listed["as_of"])
            for name, told in listed["models"].items()
        }
        for provider, listed in providers.items()
    }


def _price(into: str, out: str, as_of: str) -> Price:
    return Price(input=Decimal(into) / _MILLION, output=Decimal(out) / _MILLION, as_of=as_of)
