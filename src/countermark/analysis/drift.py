"""Did the rate move while the audit ran? A trend over the queue or the clock, and the first half against the second.

The queue is a seeded shuffle, so without drift every order of outcomes was as likely: the tests need no model.
Formulas and limits: docs/reference/statistics/validity.md.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from countermark.analysis.grouping import Labels, Numbers, labels_of, numbers_of, same_length
from countermark.analysis.intervals import Estimand, RateInterval, clopper_pearson
from countermark.analysis.melding import melded_difference
from countermark.errors import AnalysisError

if TYPE_CHECKING:
    from countermark.analysis.grouping import BoolArray, FloatArray, IntArray

WINDOWS = 20
DRAWS = 9_999


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """A run's rate over its course.

    `windows`: events and trials in up to twenty equal parts of the order, first to last. `trend`: correlation of label
    and window, in [-1, 1]; 0 where no outcome differs from another. `first` and `second`: both halves with their
    Clopper-Pearson intervals; `difference`: second minus first, melded interval, Fisher's exact two-sided p.
    """

    trend: float
    p_trend: float
    windows: tuple[tuple[int, int], ...]
    first: RateInterval
    second: RateInterval
    difference: float
    low: float
    high: float
    p_halves: float
    level: float
    trials: int
    seed: int
    draws: int
    estimand: Estimand = "F"
    method: str = "trend: permutation over windows, PCG64; halves: Fisher's exact test, melded interval"


def drift_over_run(
    positions: Numbers, labels: Labels, *, level: float = 0.95, seed: int = 0, draws: int = DRAWS
) -> Drift:
    """Whether the rate moved over the run; the two-sided tests are exact where the order was drawn at random.

    Trend: sum of window scores over trials with the label, against `draws` deals of the labels over the windows (numpy's
    PCG64 at `seed`), p = (1 + as extreme) / (1 + draws). Windows rather than trials, so that a million trials cost what
    a thousand do. Where scenarios repeat in later epochs, both tests err on the safe side.

    Args:
        positions: Shape (n,), place in the queue or time of each graded trial; ties go to one window.
        labels: Shape (n,), 0/1.
        level: Of the intervals.
        seed: Of the draws.
        draws: At least 99.
    Raises:
        AnalysisError: Unequal lengths, no trials, values missing, all trials at one position, too few draws.
    """
    place, hits = numbers_of(positions, "positions"), labels_of(labels)
    same_length(positions=place.size, labels=hits.size)
    ranks = _mid_ranks(place)
    late = ranks > 0.5
    if late.all() or not late.any() or draws < 99:
        raise AnalysisError(
            f"no drift from {place.size} trials and {draws} draws",
            hint="trials need at least two positions, not most of them at one; draws at least 99",
        )
    events, sizes = _by_window(ranks, hits)
    trend, p_trend = _trend(events, sizes, draws, seed)
    halves = [(int(hits[part].sum()), int(part.sum())) for part in (~late, late)]
    first, second = (_rate(*half, level) for half in halves)
    low, high = melded_difference(halves[1], halves[0], level=level)
    return Drift(
        trend=trend, p_trend=p_trend, windows=tuple(zip(events.tolist(), sizes.tolist(), strict=True)),
        first=first, second=second, difference=second.rate - first.rate, low=low, high=high,
        p_halves=fisher_two_sided(*halves), level=level, trials=place.size, seed=seed, draws=draws,
    )  # fmt: skip


def _mid_ranks(place: "FloatArray") -> "FloatArray":
    """Rank of each trial, in (0, 1); ties share the mean of theirs."""
    import numpy as np

    _, codes, counts = np.unique(place, return_inverse=True, return_counts=True)
    upto = np.cumsum(counts)
    found: FloatArray = (upto - counts / 2)[codes] / place.size
    return found


def _by_window(ranks: "FloatArray", hits: "BoolArray") -> tuple["IntArray", "IntArray"]:
    import numpy as np

    windows = min(WINDOWS, ranks.size)
    codes = np.minimum((ranks * windows).astype(int), windows - 1)
    sizes = np.bincount(codes, minlength=windows)
    events = np.bincount(codes[hits], minlength=windows)
    filled = sizes > 0
    return events[filled], sizes[filled]


def _trend(events: "IntArray", sizes: "IntArray", draws: int, seed: int) -> tuple[float, float]:
    import numpy as np

    trials, total = int(sizes.sum()), int(events.sum())
    scores = (np.cumsum(sizes) - sizes / 2) / trials
    scores = scores - (scores * sizes).sum() / trials
    if total in (0, trials):
        return 0.0, 1.0
    dealt = np.random.default_rng(seed).multivariate_hypergeometric(
        sizes, total, size=draws, method="marginals"
    )
    seen = float(scores @ events)
    extreme = int((np.abs(dealt @ scores) >= abs(seen) - 1e-9).sum())
    spread = (sizes * scores**2).sum() * total * (1 - total / trials)
    return float(seen / np.sqrt(spread)), (1 + extreme) / (1 + draws)


def _rate(events: int, trials: int, level: float) -> RateInterval:
    low, high = clopper_pearson(events, trials, level=level)
    return RateInterval(
        rate=events / trials, low=low, high=high, n_effective=trials, method="clopper-pearson on calls",
        estimand="F", level=level,
    )  # fmt: skip


def fisher_two_sided(first: tuple[int, int], second: tuple[int, int]) -> float:
    """Fisher's exact p for two samples of events and trials: all tables no likelier than the one seen.

    Args:
        first: Events and trials.
        second: The same.
    Raises:
        AnalysisError: Events outside the trials.
    """
    import numpy as np
    from scipy.special import betaln

    (hits, trials), (others, rest) = first, second
    if not (0 <= hits <= trials and 0 <= others <= rest):
        raise AnalysisError(f"{first} and {second}", hint="events lie between 0 and the trials")
    total = hits + others
    events = np.arange(max(0, total - rest), min(total, trials) + 1)
    log_ways = -betaln(events + 1, trials - events + 1) - betaln(
        total - events + 1, rest - total + events + 1
    )
    weight = np.exp(log_ways - log_ways.max())
    return float(min(1.0, weight[weight <= weight[hits - events[0]] * (1 + 1e-9)].sum() / weight.sum()))
