"""How small a difference a paired comparison would have found, and how many pairs a planned one needs."""

import math

from countermark.analysis.intervals import tail_of
from countermark.errors import AnalysisError


def discordance(rate_a: float, rate_b: float, correlation: float = 0.0) -> float:
    """Share of pairs in which one subject alone carries the label, for two rates and the correlation of the labels.

    D = p (1 - q) + q (1 - p) - 2 r sqrt(p (1 - p) q (1 - q)), cut to what the two rates allow: at least |p - q|.

    Args:
        rate_a: p, in [0, 1].
        rate_b: q, in [0, 1].
        correlation: r of the two labels of a pair, in [0, 1].
    Raises:
        AnalysisError: A rate or correlation outside [0, 1].
    """
    if not (0 <= rate_a <= 1 and 0 <= rate_b <= 1 and 0 <= correlation <= 1):
        raise AnalysisError(
            f"rates {rate_a} and {rate_b}, correlation {correlation}", hint="each lies between 0 and 1"
        )
    apart = rate_a * (1 - rate_b) + rate_b * (1 - rate_a)
    shared = correlation * math.sqrt(rate_a * (1 - rate_a) * rate_b * (1 - rate_b))
    return max(abs(rate_a - rate_b), apart - 2 * shared)


def pairs_needed(difference: float, discordant: float, *, level: float = 0.95, power: float = 0.8) -> int:
    """Scenarios that a paired comparison needs: (z_{1-a/2} sqrt(D) + z_power sqrt(D - d^2))^2 / d^2, rounded up.

    One trial a scenario; with clusters multiply by the design effect. Assumes independent scenarios and counts large
    enough for the normal law.

    Args:
        difference: d, in (0, 1].
        discordant: D, share of discordant pairs, in [d, 1] (see `discordance`).
        level: 1 - a, two-sided, in (0, 1).
        power: In (0, 1).
    Raises:
        AnalysisError: A number outside its range.
    Source:
        Connor 1987.
    """
    if not 0 < difference <= discordant <= 1:
        raise AnalysisError(
            f"a difference of {difference} among {discordant} discordant pairs",
            hint="0 < difference <= share of discordant pairs <= 1",
        )
    return math.ceil(_pairs(difference, discordant, level, power) - 1e-9)


def smallest_detectable(
    pairs: float, rate: float, *, correlation: float = 0.0, level: float = 0.95, power: float = 0.8
) -> float | None:
    """The smallest difference that so many pairs would find with this power: Connor's formula solved for d.

    The second rate is taken on the side of 1/2, where labels vary most, so the answer errs on the large side; the share
    of discordant pairs grows with d as the two rates and the correlation say.

    Args:
        pairs: Independent pairs, or what clustered ones are worth; above 0.
        rate: Rate of the first subject, in [0, 1].
        correlation: Of the two labels of a pair, in [0, 1].
        level: Two-sided, in (0, 1).
        power: In (0, 1).
    Returns:
        d in (0, 1), or None where not even the largest difference would be found.
    Raises:
        AnalysisError: A number outside its range.
    Source:
        Connor 1987.
    """
    from scipy.optimize import brentq

    if not 0 < pairs < math.inf:
        raise AnalysisError(f"{pairs} pairs", hint="at least one pair is needed")
    discordance(rate, rate, correlation)
    near = min(rate, 1 - rate)

    def spare(difference: float) -> float:
        share = discordance(near, min(1.0, near + difference), correlation)
        return pairs - _pairs(difference, share, level, power)

    largest = 1 - near
    if spare(largest) < 0:
        return None
    return float(brentq(spare, 1e-9, largest, xtol=1e-9))


def _pairs(difference: float, discordant: float, level: float, power: float) -> float:
    from scipy.special import ndtri

    if not 0 < power < 1:
        raise AnalysisError(f"power {power}", hint="power lies between 0 and 1: 0.8, say")
    found = ndtri(1 - tail_of(level, "both")) * math.sqrt(discordant)
    told = ndtri(power) * math.sqrt(max(0.0, discordant - difference**2))
    return float((found + told) ** 2 / difference**2)
