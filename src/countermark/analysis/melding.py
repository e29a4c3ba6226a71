"""Melded intervals: limits of a combination of rates, each known from its own sample. Quadrature, no draws.

A lower limit meets each rate through Beta(x, n - x + 1), an upper limit through Beta(x + 1, n - x): the laws behind
Clopper-Pearson. Where there are no events, the lower law is all at 0; where there is no trial, the upper one is all at 1.
Source: Fay, Proschan & Brittain 2015, Biometrics 71, 146-156. With one rate the limits are Clopper-Pearson's own; with
two they belong to Fisher's exact one-sided test.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from countermark.errors import AnalysisError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    FloatArray = npt.NDArray[np.float64]

Below = Callable[[float], float]
"""A distribution function."""
_REACH, _FAR = 5.5, 8.0
_SMOOTH, _COARSE, _FINE, _LINE = 15.0, 0.25, 0.1, 0.02
_TOLERANCE = 1e-10


@dataclass(frozen=True, slots=True)
class BetaLaw:
    """A law on [0, 1]: Beta(a, b); all at 0 where a is 0, all at 1 where b is 0."""

    a: float
    b: float

    @property
    def fixed(self) -> float | None:
        """Where all the mass is, if it is at one end."""
        if self.a <= 0:
            return 0.0
        return 1.0 if self.b <= 0 else None

    @property
    def mean(self) -> float:
        """Expectation."""
        return self.a / (self.a + self.b) if self.fixed is None else self.fixed

    @property
    def spread(self) -> float:
        """Standard deviation."""
        if self.fixed is not None:
            return 0.0
        total = self.a + self.b
        return float((self.a * self.b / (total + 1)) ** 0.5 / total)

    def below(self, bound: "FloatArray") -> "FloatArray":
        """P(value <= bound), elementwise; bounds may lie outside [0, 1]."""
        import numpy as np
        from scipy.special import betainc

        if self.fixed is not None:
            return np.where(bound >= self.fixed, 1.0, 0.0)
        return np.asarray(betainc(self.a, self.b, np.clip(bound, 0.0, 1.0)))

    def strictly_below(self, bound: "FloatArray") -> "FloatArray":
        """P(value < bound), which differs from `below` only where all the mass is at one point."""
        import numpy as np

        return self.below(bound) if self.fixed is None else np.where(bound > self.fixed, 1.0, 0.0)

    @property
    def step(self) -> float:
        """Step of the other laws' nodes that this one needs when it is integrated exactly: finer where it has a corner."""
        return _COARSE if min(self.a, self.b) >= _SMOOTH else _FINE

    def nodes(self, step: float) -> tuple["FloatArray", "FloatArray"]:
        """Points and weights: the trapezoid rule in normal scores, which is all but exact for smooth integrands.

        Args:
            step: Distance of two nodes, in standard deviations of the normal score.
        """
        import numpy as np
        from scipy.special import betainccinv, betaincinv, ndtr

        if self.fixed is not None:
            return np.array([self.fixed]), np.ones(1)
        reach = _FAR if step <= _LINE else _REACH
        scores = np.arange(-reach, reach + step / 2, step)
        weights = np.exp(-scores * scores / 2)
        low = betaincinv(self.a, self.b, ndtr(scores))
        high = betainccinv(self.a, self.b, ndtr(-scores))
        return np.where(scores < 0, low, high), weights / weights.sum()


def lower_law(events: float, trials: float) -> BetaLaw:
    """The law through which a lower limit meets a rate; all at 0 where there are no events."""
    return BetaLaw(events, trials - events + 1)


def upper_law(events: float, trials: float) -> BetaLaw:
    """The law through which an upper limit meets a rate; all at 1 where every trial is an event, or none was made."""
    return BetaLaw(events + 1, trials - events)


def melded_difference(
    first: tuple[float, float], second: tuple[float, float], *, level: float = 0.95
) -> tuple[float, float]:
    """Interval for the first rate minus the second, from independent samples.

    Args:
        first: Events and trials; neither need be whole.
        second: The same.
        level: Coverage, in (0, 1).
    Returns:
        Lower and upper limit, in [-1, 1].
    Raises:
        AnalysisError: No trials, events outside the trials, level outside (0, 1).
    """
    return _melded(_difference_quantile, first, second, level)


def melded_ratio(
    first: tuple[float, float], second: tuple[float, float], *, level: float = 0.95
) -> tuple[float, float]:
    """Interval for the first rate over the second, from independent samples; the upper limit may be infinite.

    Args:
        first: Events and trials; neither need be whole.
        second: The same.
        level: Coverage, in (0, 1).
    Returns:
        Lower and upper limit, 0 or above.
    Raises:
        AnalysisError: No trials, events outside the trials, level outside (0, 1).
    """
    return _melded(_ratio_quantile, first, second, level)


def _melded(
    at: Callable[[BetaLaw, BetaLaw, float], float],
    first: tuple[float, float],
    second: tuple[float, float],
    level: float,
) -> tuple[float, float]:
    """Each limit from the law of the first rate's limit on that side and of the second's on the other."""
    check_counts(*first, level=level)
    check_counts(*second, level=level)
    tail = (1 - level) / 2
    low = at(lower_law(*first), upper_law(*second), tail)
    return low, at(upper_law(*first), lower_law(*second), 1 - tail)


def check_counts(events: float, trials: float, *, level: float) -> None:
    """Refuse counts that no interval can be had from.

    Raises:
        AnalysisError: No trials, events outside the trials (NaN included), level outside (0, 1).
    """
    if not (trials > 0 and 0 <= events <= trials and 0 < level < 1):
        raise AnalysisError(
            f"no interval for {events} events in {trials} trials at level {level}",
            hint="needs at least one trial, and events between 0 and the trials",
        )


def quantile(below: Below, tail: float, bracket: tuple[float, float]) -> float:
    """Where a distribution function passes `tail`: within 1e-10, or an end of the bracket.

    Args:
        below: Rises from 0 to 1 over the bracket.
        tail: In (0, 1).
        bracket: Least and greatest possible value.
    """
    from scipy.optimize import brentq

    low, high = bracket
    if below(low) >= tail:
        return low
    if below(high) <= tail:
        return high
    return float(brentq(lambda bound: below(bound) - tail, low, high, xtol=_TOLERANCE, rtol=1e-12))


def _difference_quantile(first: BetaLaw, second: BetaLaw, tail: float) -> float:
    """Integrated over the narrower of the two laws, so that the other stays smooth at the scale of the nodes."""
    if first.spread >= second.spread:
        points, weights = second.nodes(_LINE)
        return quantile(lambda bound: float(weights @ first.below(points + bound)), tail, (-1.0, 1.0))
    points, weights = first.nodes(_LINE)
    return quantile(
        lambda bound: 1 - float(weights @ second.strictly_below(points - bound)), tail, (-1.0, 1.0)
    )


def _ratio_quantile(first: BetaLaw, second: BetaLaw, tail: float) -> float:
    """In t = ratio / (1 + ratio), from 0 to 1, so that an infinite ratio is a point like others."""
    first_is_wider = _relative(first) >= _relative(second)
    points, weights = second.nodes(_LINE) if first_is_wider else first.nodes(_LINE)

    def below(share: float) -> float:
        if share >= 1:
            return 1.0
        if first_is_wider:
            return float(weights @ first.below(points * (share / (1 - share))))
        if share <= 0:
            return 1 - float(weights @ (points > 0))
        return 1 - float(weights @ second.strictly_below(points * ((1 - share) / share)))

    share = quantile(below, tail, (0.0, 1.0))
    return float("inf") if share >= 1 - _TOLERANCE else share / (1 - share)


def _relative(law: BetaLaw) -> float:
    """Spread relative to the mean."""
    return 0.0 if law.fixed is not None else law.spread / law.mean


@dataclass(frozen=True, slots=True)
class Mixture:
    """The law of q P + (1 - q) F; q follows `share` where P >= F, else `swapped`, at the same normal score."""

    share: BetaLaw
    swapped: BetaLaw
    flagged: BetaLaw
    unflagged: BetaLaw

    def quantile(self, tail: float) -> float:
        """Where the distribution function passes `tail`, within 1e-10 of the quadrature."""
        below, centre, spread = self.distribution()
        near = (max(0.0, centre - 10 * spread), min(1.0, centre + 10 * spread))
        return quantile(below, tail, near if below(near[0]) < tail < below(near[1]) else (0.0, 1.0))

    def distribution(self) -> tuple[Below, float, float]:
        """The distribution function, a centre and a bound on the spread.

        The variable that moves the result most is integrated exactly, the other two over the nodes: so the integrand is
        smooth at the scale of the nodes.
        """
        share, bad, missed = (law.mean for law in (self.share, self.flagged, self.unflagged))
        moves = {
            self._by_share: self.share.spread * abs(bad - missed),
            self._by_flagged: share * self.flagged.spread,
            self._by_unflagged: (1 - share) * self.unflagged.spread,
        }
        below = max(moves, key=moves.__getitem__)()
        return below, share * bad + (1 - share) * missed, sum(moves.values())

    def _by_share(self) -> Below:
        """P(T <= t | P, F): q <= (t - F) / (P - F) where P > F, q >= (F - t) / (F - P) where P < F."""
        import numpy as np

        alone = self.flagged.fixed is not None or self.unflagged.fixed is not None
        step = _LINE if alone else min(self.share.step, self.swapped.step)
        (bad, weight_bad), (missed, weight_missed) = self.flagged.nodes(step), self.unflagged.nodes(step)
        gap = bad[:, None] - missed[None, :]

        def below(bound: float) -> float:
            needed = np.divide(bound - missed[None, :], gap, out=np.zeros_like(gap), where=gap != 0)
            rising, falling = self.share.below(needed), 1 - self.swapped.strictly_below(needed)
            level = np.where(missed[None, :] <= bound, 1.0, 0.0)
            return float(
                weight_bad @ np.where(gap > 0, rising, np.where(gap < 0, falling, level)) @ weight_missed
            )

        return below

    def _by_flagged(self) -> Below:
        """P(T <= t | q, F): P <= (t - (1 - q) F) / q; P is above F in question exactly where t >= F."""
        return self._by_rate(self.flagged, self.unflagged, flip=False)

    def _by_unflagged(self) -> Below:
        """P(T <= t | q, P): F <= (t - q P) / (1 - q); P is below F in question exactly where t > P."""
        return self._by_rate(self.unflagged, self.flagged, flip=True)

    def _by_rate(self, exact: BetaLaw, other: BetaLaw, *, flip: bool) -> Below:
        import numpy as np

        alone = other.fixed is not None or None not in (self.share.fixed, self.swapped.fixed)
        step = _LINE if alone else exact.step
        (main, weight_main), (swapped, weight_swapped) = (
            law.nodes(step) for law in (self.share, self.swapped)
        )
        main, swapped = np.broadcast_arrays(main, swapped)
        if flip:
            main, swapped = 1 - swapped, 1 - main
        weight = weight_main if len(weight_main) >= len(weight_swapped) else weight_swapped
        points, weight_points = other.nodes(step)
        main, swapped = main[:, None], swapped[:, None]

        def below(bound: float) -> float:
            part = np.where(bound >= points[None, :], main, swapped)
            rest = bound - (1 - part) * points[None, :]
            edge = np.where(bound >= points[None, :], np.inf, -np.inf) + np.zeros_like(part)
            needed = np.divide(rest, part, out=edge, where=part > 0)
            return float(weight @ exact.below(needed) @ weight_points)

        return below
