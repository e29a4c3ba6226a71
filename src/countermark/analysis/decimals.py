"""Numbers as they are signed: decimals in strings, no float."""

from decimal import Decimal
from fractions import Fraction


def decimal(value: Fraction | float) -> str:
    """A number as a decimal string with six places, half to even."""
    exact = (
        Decimal(value.numerator) / Decimal(value.denominator)
        if isinstance(value, Fraction)
        else Decimal(value)
    )
    return str(exact.quantize(Decimal("0.000001")))
