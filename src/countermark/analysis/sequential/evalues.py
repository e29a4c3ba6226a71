"""E-values for a rate against a point: closed forms that stay finite and right where the incomplete beta underflows.

An e-value is evidence against a hypothesis: under it the value exceeds 1/alpha, at any time and however often one looks,
with probability at most alpha (Ville's inequality). All values are natural logarithms.
"""

from math import inf, log
from typing import TYPE_CHECKING, Any

from countermark.errors import AnalysisError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    FloatArray = npt.NDArray[np.float64]

WEIGHT = 0.7
"""Share of the e-value that bets on the planned rate itself; the rest is spread over the rates beyond it. Not tuned."""
_JEFFREYS = 0.5
_UNDERFLOW = 1e-280
_TERMS = 100_000


def log_betainc(a: Any, b: Any, c: float) -> "FloatArray":
    """Log I_c(a, b), the regularised incomplete beta function, also where I_c itself is below the smallest double.

    Args:
        a: First parameter, above 0; an array of any shape.
        b: Second parameter, above 0; broadcasts with `a`.
        c: Upper end of the integral, in (0, 1).
    Returns:
        Array of the broadcast shape, at most 0.
    Source:
        scipy's `betainc` above 1e-280; below it the continued fraction of DLMF 8.17.22, by Lentz's method.
    """
    import numpy as np
    from scipy.special import betainc, betaln

    first, second = np.broadcast_arrays(np.asarray(a, dtype=float), np.asarray(b, dtype=float))
    plain = np.asarray(betainc(first, second, c))
    found: FloatArray = np.asarray(np.log(np.maximum(plain, _UNDERFLOW)))
    tiny = plain < _UNDERFLOW
    if tiny.any():
        a_, b_ = first[tiny], second[tiny]
        power = a_ * np.log(c) + b_ * np.log1p(-c) - betaln(a_, b_) - np.log(a_)
        found[tiny] = power + np.log(_continued_fraction(a_, b_, c))
    return found


def _continued_fraction(a: "FloatArray", b: "FloatArray", c: float) -> "FloatArray":
    """The factor a B(a, b) I_c(a, b) / (c^a (1-c)^b), for c below the mean of Beta(a, b), where it converges fast."""
    import numpy as np

    upper = np.ones_like(a)
    lower = 1 / (1 - (a + b) * c / (a + 1))
    value = lower.copy()
    for m in range(1, _TERMS):
        even = m * (b - m) * c / ((a + 2 * m - 1) * (a + 2 * m))
        odd = -(a + m) * (a + b + m) * c / ((a + 2 * m) * (a + 2 * m + 1))
        lower, upper = 1 / (1 + even * lower), 1 + even / upper
        value = value * lower * upper
        lower, upper = 1 / (1 + odd * lower), 1 + odd / upper
        step = lower * upper
        value = value * step
        if np.all(np.abs(step - 1) < 1e-15):
            break
    return value


def log_point(n: Any, x: Any, alternative: float, null: float) -> "FloatArray":
    """Log of (q/p)^x ((1-q)/(1-p))^(n-x): the likelihood ratio of `alternative` q against `null` p, both in (0, 1)."""
    import numpy as np

    n_, x_ = np.asarray(n, dtype=float), np.asarray(x, dtype=float)
    found: FloatArray = x_ * log(alternative / null) + (n_ - x_) * (np.log1p(-alternative) - np.log1p(-null))
    return found


def log_mixture_below(n: Any, x: Any, null: float, edge: float) -> "FloatArray":
    """Log of the mean likelihood ratio against `null` over rates drawn from Beta(1/2, 1/2) cut to [0, `edge`].

    Valid evidence against every rate >= `null` when edge <= null, because each ratio is a supermartingale there.

    Args:
        n: Trials; array.
        x: Bad outcomes, 0 <= x <= n; array.
        null: The rate argued against, in (0, 1).
        edge: Largest rate bet on, in (0, null].
    """
    import numpy as np
    from scipy.special import betaln

    n_, x_ = np.asarray(n, dtype=float), np.asarray(x, dtype=float)
    a, b = x_ + _JEFFREYS, n_ - x_ + _JEFFREYS
    integral = betaln(a, b) + log_betainc(a, b, edge)
    prior = betaln(_JEFFREYS, _JEFFREYS) + log_betainc(_JEFFREYS, _JEFFREYS, edge)
    found: FloatArray = integral - prior - x_ * log(null) - (n_ - x_) * np.log1p(-null)
    return found


def log_mixture_above(n: Any, x: Any, null: float, edge: float) -> "FloatArray":
    """The mirror image: rates cut to [`edge`, 1], evidence against every rate <= `null` when edge >= null."""
    import numpy as np

    n_, x_ = np.asarray(n, dtype=float), np.asarray(x, dtype=float)
    return log_mixture_below(n_, n_ - x_, 1 - null, 1 - edge)


def log_certify(n: Any, x: Any, limit: float, target: float) -> "FloatArray":
    """Log e-value against "rate >= limit": w of it bets on `target`, the rest on the rates below `target`.

    Certify "rate < limit" at log(1/alpha). Falls as x grows.

    Args:
        n: Trials; array.
        x: Bad outcomes; array that broadcasts with `n`.
        limit: In (0, 1).
        target: In (0, limit).
    Raises:
        AnalysisError: target not in (0, limit), or limit not under 1.
    """
    import numpy as np

    check_rates(limit, target)
    point = log(WEIGHT) + log_point(n, x, target, limit)
    found: FloatArray = np.logaddexp(point, log(1 - WEIGHT) + log_mixture_below(n, x, limit, target))
    return found


def log_exceeds_target(n: Any, x: Any, limit: float, target: float) -> "FloatArray":
    """Log e-value against "rate <= target": w of it bets on `limit`, the rest on the rates above `limit`."""
    import numpy as np

    n_, x_ = np.asarray(n, dtype=float), np.asarray(x, dtype=float)
    return log_certify(n_, n_ - x_, 1 - target, 1 - limit)


def log_exceeds_limit(n: Any, x: Any, limit: float) -> "FloatArray":
    """Log e-value against "rate <= limit", by the mixture over the rates above it: "refuted" at log(1/alpha)."""
    return log_mixture_above(n, x, limit, limit)


def divergence(p: float, q: float) -> float:
    """Kullback-Leibler divergence of a call that is bad with chance `p` in [0, 1] from one with chance `q` in (0, 1)."""
    bad = p * log(p / q) if p > 0 else 0.0
    good = (1 - p) * log((1 - p) / (1 - q)) if p < 1 else 0.0
    return bad + good


def check_rates(limit: float, target: float) -> None:
    """Refuse a limit and a target that cannot be told apart or are no rates."""
    if not 0 < target < limit < 1:
        raise AnalysisError(
            f"limit {limit} and target {target} are no pair to decide between",
            hint="give 0 < target < limit < 1: the limit is what must not be reached, the target what you hope for",
        )


def check_counts(n: int, x: int) -> None:
    """Refuse counts that no run can have."""
    if not (0 <= x <= n < inf):
        raise AnalysisError(
            f"{x} bad outcomes in {n} trials", hint="give whole numbers with 0 <= bad outcomes <= trials"
        )
