"""How numbers are written: one place for percentages, counts, intervals and moments, in the page's language.

Rates come as decimal strings and stay decimals. The only arithmetic is of notation: k / n as a percentage where the
report holds both but no rate, and a rate's complement where an axis runs the other way.
"""

from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction

from markupsafe import Markup

from countermark.records import Breakdown, Finding, Interval, PublishedCount
from countermark.report.words import Words

_FEW = 50
_ZERO, _ONE, _HUNDREDTH = Decimal(0), Decimal(1), Decimal("0.0001")


class Figures:
    """Writes numbers for one language."""

    def __init__(self, words: Words) -> None:
        self._words = words

    def percent(self, value: Decimal | str, n: int = _FEW) -> Markup:
        """A rate in [0, 1] as a percentage; whole under 50 trials, else one decimal; near the edge never 0 or 100."""
        return self._words("figures.percent", value=digits(Decimal(value), n))

    def interval(self, interval: Interval | None, n: int) -> Markup:
        """`2.8-9.3 %`, or `up to 1.7 %` from zero, or `at least 98.3 %` to one; a word where there is none."""
        if interval is None:
            return self._words("figures.no_interval")
        low, high = Decimal(interval.low), Decimal(interval.high)
        if low < _HUNDREDTH:
            return self._words("figures.up_to", high=digits(high, n))
        if high > _ONE - _HUNDREDTH:
            return self._words("figures.at_least", low=digits(low, n))
        return self._words("figures.between", low=digits(low, n), high=digits(high, n))

    def reading(self, finding: Finding) -> Markup:
        """`12 of 220 (5.5 %; 2.8-9.3 %)`. The finding has a rate."""
        return self._reading(finding.k, finding.n, finding.rate or "0", finding.interval)

    def share(self, part: Breakdown | PublishedCount) -> Markup:
        """The same for a part that comes without a rate: k of n is written as a percentage too."""
        if part.n == 0:
            return self._words("figures.none_counted")
        if isinstance(part, Breakdown) and part.interval is None:
            return self.of(part.k, part.n)  # too few for a rate: the counts alone
        return self._reading(part.k, part.n, ratio(part.k, part.n), part.interval)

    def counted(self, k: int, n: int, interval: Interval) -> Markup:
        """The same for a bare count with its interval; n is above 0."""
        return self._reading(k, n, ratio(k, n), interval)

    def fraction(self, value: str) -> Markup:
        """A mean between 0 and 1 that is no rate, to two decimals: `0.82`."""
        return self._words(
            "figures.plain", value=str(Decimal(value).quantize(Decimal("0.01"), rounding=ROUND_HALF_UP))
        )

    def of(self, k: int, n: int) -> Markup:
        """`12 of 220`."""
        return self._words("figures.k_of_n", k=self.count(k), n=self.count(n))

    def count(self, value: object) -> str:
        """A whole number with thousands apart; anything else as it is."""
        return f"{value:,}" if isinstance(value, int) else str(value)

    def effective(self, interval: Interval | None) -> str:
        """What the trials are worth after clustering, to one decimal."""
        if interval is None:
            return self._words("figures.absent")
        value = Decimal(interval.n_effective).quantize(Decimal("0.1"), rounding=ROUND_HALF_UP)
        return f"{value:,}".removesuffix(".0")

    def level(self, level: str) -> Markup:
        """A confidence level as a percentage without idle zeros."""
        return self._words("figures.percent", value=f"{(Decimal(level) * 100).normalize():f}")

    def period(self, start: str, end: str) -> str:
        """From one time to another; what both share is said once."""
        first, last = self.moment(start), self.moment(end)
        same = first[:10] == last[:10] and first[16:] == last[16:] and len(first) > 16
        return f"{first[:16]}–{last[11:]}" if same else f"{first} – {last}"

    def moment(self, stamp: str) -> str:
        """An RFC 3339 time to the minute, UTC as such; anything else as it is."""
        try:
            moment = datetime.fromisoformat(stamp)
        except ValueError:
            return stamp
        zone = "UTC" if moment.utcoffset() is not None and not moment.utcoffset() else f"{moment:%z}"
        return f"{moment:%Y-%m-%d %H:%M} {zone}".rstrip()

    def _reading(self, k: int, n: int, rate: Decimal | str, interval: Interval | None) -> Markup:
        return self._words(
            "figures.reading",
            k=self.count(k),
            n=self.count(n),
            rate=self.percent(rate, n),
            interval=self.interval(interval, n),
        )


def digits(value: Decimal, n: int) -> str:
    """The number of a percentage as text. What is not 0 or 100 never reads as 0 or 100."""
    if value in (_ZERO, _ONE):
        return f"{int(value * 100)}"
    from_edge = min(value, _ONE - value)
    if from_edge < _HUNDREDTH:
        return "<0.01" if value < _HUNDREDTH else ">99.99"
    step = (
        "1"
        if n < _FEW and from_edge >= _HUNDREDTH * 100
        else "0.1"
        if from_edge >= _HUNDREDTH * 10
        else "0.01"
    )
    return str((value * 100).quantize(Decimal(step), rounding=ROUND_HALF_UP))


def ratio(k: int, n: int) -> Decimal:
    """K / n for a notation or a place on an axis; 0 where n is 0 (nothing is drawn there)."""
    share = Fraction(k, n) if n else Fraction()
    return Decimal(share.numerator) / Decimal(share.denominator)


def complement(interval: Interval) -> Interval:
    """The interval of 1 - rate."""
    low, high = _ONE - Decimal(interval.high), _ONE - Decimal(interval.low)
    return interval.model_copy(update={"low": str(low), "high": str(high)})
