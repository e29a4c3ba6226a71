"""Two subjects on the same scenarios: is there a difference, how large is it, and what would have been found?

Everything is paired by scenario: the same scenarios, the same environments, the same grader. Several subjects or several
metrics at once: `compare_many`. The tests themselves are in `flips`, sizes and detectable differences in `detectable`.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from countermark.analysis.detectable import smallest_detectable
from countermark.analysis.flips import SignFlip, mcnemar_mid_p, sign_flip
from countermark.analysis.grouping import Labels, Names, Numbers, codes_of, labels_of, numbers_of, same_length
from countermark.analysis.intervals import Estimand, correlation_quantile, tail_of
from countermark.errors import AnalysisError

if TYPE_CHECKING:
    from countermark.analysis.grouping import FloatArray, IntArray

Verdict = Literal["difference", "no difference found", "equivalent"]
_LARGEST_EPOCHS = 1_000_000
"""Common multiple of the numbers of epochs past which the differences count as lying on no lattice."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparisonRules:
    """What is fixed before two subjects are compared; belongs in the plan.

    `margin`: the difference within which they count as equivalent, or None where none was planned. `power`: at which
    the smallest detectable difference is told. `seed`: for draws, where a test needs any.
    """

    level: float = 0.95
    estimand: Estimand = "S"
    margin: float | None = None
    power: float = 0.8
    seed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """A against B on one metric; differences are A - B of rates, in [-1, 1].

    `scenarios`, `trials` (rows, one of A and one of B each) and `units` (what is independent: scenarios, or clusters)
    are counts; `only_a` and `only_b` count the rows in which one alone carries the label. `smallest_detectable` is None
    where no difference at all could have been called at this level and power.
    """

    verdict: Verdict
    estimand: Estimand
    rate_a: float
    rate_b: float
    difference: float
    low: float
    high: float
    level: float
    interval_method: str
    p: float
    test: str
    scenarios: int
    trials: int
    units: int
    only_a: int
    only_b: int
    margin: float | None
    equivalent: bool | None
    p_equivalence: float | None
    smallest_detectable: float | None
    power: float


@dataclass(frozen=True, slots=True, kw_only=True)
class _Units:
    """Independent units, arrays of shape (U,): sums of scenario differences; scenarios, rows and discordant rows in each.

    `epochs`: the sums are multiples of 1 / epochs, or None.
    """

    sums: "FloatArray"
    scenarios: "IntArray"
    trials: "IntArray"
    discordant: "IntArray"
    epochs: int | None

    @property
    def single(self) -> bool:
        """Whether every unit is one row."""
        return bool((self.trials == 1).all())


@dataclass(frozen=True, slots=True, kw_only=True)
class _Mean:
    """Mean difference over units and two pseudo-units, its standard error and degrees of freedom."""

    centre: float
    error: float
    freedom: int


def compare_subjects(
    scenarios: Names,
    labels_a: Labels,
    labels_b: Labels,
    *,
    clusters: Names | None = None,
    rules: ComparisonRules | None = None,
) -> Comparison:
    """Compare two subjects on one metric; one row is one scenario and epoch that both were graded on.

    Estimand S asks about scenarios like these: what is independent are the clusters, or the scenarios where no clusters
    are given. Estimand F asks about this battery alone: scenarios are fixed, trials independent, clusters play no part.
    Test: McNemar's mid-p where every unit is one row, else the exact sign-flip over units. Interval: paired t over
    units with two pseudo-units (`paired_interval`). With a planned margin: two one-sided tests. A "difference" smaller
    than the margin keeps that word; `equivalent` then says that it is within the margin.

    Args:
        scenarios: Shape (n,), scenario of each row; epochs of a scenario repeat it. Scenarios weigh the same.
        labels_a: Shape (n,), 0/1, A's label in that scenario and epoch.
        labels_b: Shape (n,), 0/1, B's label in the same scenario and epoch.
        clusters: Shape (n,), source of each row; every scenario lies in one cluster.
        rules: Level, estimand, margin, power, seed; by default 95 %, S, no margin, 80 %.
    Raises:
        AnalysisError: Labels other than 0/1, lengths that differ, under two units, a scenario in two clusters, or a
            level, power or margin outside (0, 1).
    """
    rules = rules or ComparisonRules()
    _check(rules)
    a, b = labels_of(labels_a, "labels of A"), labels_of(labels_b, "labels of B")
    lengths = {"scenarios": len(scenarios), "labels_of_A": a.size, "labels_of_B": b.size}
    same_length(**lengths, **({} if clusters is None else {"clusters": len(clusters)}))
    differing = a.astype(int) - b.astype(int)
    codes, count = codes_of(scenarios, "scenarios")
    units = _units(codes, differing, clusters if rules.estimand == "S" else None)
    only_a, only_b = int((a & ~b).sum()), int((b & ~a).sum())
    found = _tested(units, (only_a, only_b), rules.seed)
    weight = 1 / _sizes(codes, count)[codes] / count
    rate_a, rate_b = float((a * weight).sum()), float((b * weight).sum())
    mean = _pseudo_mean(
        units.sums, units.scenarios, _half(float(units.trials.mean()), _hanging_together(units))
    )
    low, high = _around(mean, tail_of(rules.level, "both"))
    p_equivalence = None if rules.margin is None else _outside(mean, rules.margin)
    equivalent = None if p_equivalence is None else p_equivalence <= 1 - rules.level
    return Comparison(
        verdict=_verdict(found.p, equivalent, 1 - rules.level), estimand=rules.estimand,
        rate_a=min(1.0, rate_a), rate_b=min(1.0, rate_b), difference=float(units.sums.sum() / count),
        low=low, high=high, level=rules.level, interval_method="paired t, two pseudo-units",
        p=found.p, test=found.method, scenarios=count, trials=a.size, units=units.sums.size,
        only_a=only_a, only_b=only_b, margin=rules.margin, equivalent=equivalent, p_equivalence=p_equivalence,
        smallest_detectable=_smallest(units, (int(a.sum()), int(b.sum()), only_a + only_b), mean, rules),
        power=rules.power,
    )  # fmt: skip


def paired_interval(
    differences: Numbers, *, epochs: float = 1, correlation: float = 0.0, level: float = 0.95
) -> tuple[float, float]:
    """Interval for the mean of scenario differences: paired t on {d_1 ... d_K, +h, -h}, h^2 = (1 + (m - 1) r) / m.

    Assumes independent scenarios. The two pseudo-scenarios keep it from zero width where nothing differs; at m = 1 it
    is Bonett-Price's interval up to the quantile of t. `compare_subjects` takes for r the 75 % posterior quantile of the
    correlation of discordance within units: with r = 0 the interval is too narrow where a subject answers all epochs of
    a scenario alike and few scenarios differ.

    Args:
        differences: Shape (K,), differences of scenario means in [-1, 1], K at least 2.
        epochs: m, trials of each subject in a scenario (their mean where they differ), at least 1; 1 is always safe.
        correlation: r, of the rows of a scenario, in [0, 1]; 1 is always safe.
        level: Coverage, in (0, 1).
    Returns:
        Lower and upper bound, within [-1, 1].
    Raises:
        AnalysisError: Under two scenarios, a difference missing or outside [-1, 1], fewer than one epoch.
    Source:
        Bonett & Price 2012 for one trial a pair; the pseudo-scenarios' size for several was chosen by simulation
        (docs/reference/statistics/compare.md).
    """
    return _around(_mean_of(differences, epochs, correlation), tail_of(level, "both"))


def equivalence_p(
    differences: Numbers, margin: float, *, epochs: float = 1, correlation: float = 0.0
) -> float:
    """The p of two one-sided tests that the mean difference lies within +-margin: the larger of the two.

    At p <= alpha the interval of level 1 - 2 alpha lies inside the margin. Same mean and error as `paired_interval`.

    Args:
        differences: Shape (K,), as in `paired_interval`, as are `epochs` and `correlation`.
        margin: In (0, 1), fixed before the data were seen.
    Raises:
        AnalysisError: As `paired_interval`; a margin outside (0, 1).
    Source:
        Schuirmann 1987.
    """
    _check(ComparisonRules(margin=margin))
    return _outside(_mean_of(differences, epochs, correlation), margin)


def not_worse_p(differences: Numbers, margin: float, *, epochs: float = 1, correlation: float = 0.0) -> float:
    """The p of the one-sided test that the mean of A - B is below the margin (A not worse, where lower is better).

    Args, errors and method as in `equivalence_p`.
    """
    from scipy.special import stdtr

    _check(ComparisonRules(margin=margin))
    mean = _mean_of(differences, epochs, correlation)
    return float(stdtr(mean.freedom, (mean.centre - margin) / mean.error))


def _check(rules: ComparisonRules) -> None:
    tail_of(rules.level, "both")
    if not 0 < rules.power < 1:
        raise AnalysisError(f"power {rules.power}", hint="power lies between 0 and 1: 0.8, say")
    if rules.margin is not None and not 0 < rules.margin < 1:
        raise AnalysisError(
            f"margin {rules.margin}", hint="a margin is a difference of rates between 0 and 1"
        )
    if rules.estimand not in ("F", "S"):
        raise AnalysisError(
            f"estimand {rules.estimand!r}", hint="F for this battery, S for scenarios like these"
        )


def _sizes(codes: "IntArray", count: int) -> "IntArray":
    import numpy as np

    sizes: IntArray = np.bincount(codes, minlength=count)
    return sizes


def _units(codes: "IntArray", differing: "IntArray", clusters: Names | None) -> _Units:
    """Rows to scenarios, scenarios to clusters; without clusters each scenario is a unit."""
    import numpy as np

    count = int(codes.max()) + 1
    epochs = _sizes(codes, count)
    # Sums stay whole numbers up to the one division, so that equal differences are equal.
    sums = np.bincount(codes, weights=differing, minlength=count) / epochs
    owner, owners = (np.arange(count), count) if clusters is None else _owners(codes, count, clusters)
    if owners < 2:
        raise AnalysisError(
            "one source only: " + ("one scenario" if clusters is None else "one cluster"),
            hint="needs at least two independent sources; for this battery alone ask for estimand F"
            if clusters is not None
            else "needs at least two scenarios",
        )
    return _Units(
        sums=np.bincount(owner, weights=sums, minlength=owners).astype(np.float64),
        scenarios=_sizes(owner, owners),
        trials=_sizes(owner[codes], owners),
        discordant=_sizes(owner[codes[differing != 0]], owners),
        epochs=_common(epochs),
    )


def _common(epochs: "IntArray") -> int | None:
    """A number that every difference of scenario means is a multiple of one over, unless it grows past use."""
    import math

    common = 1
    for size in set(epochs.tolist()):
        common = math.lcm(common, size)
        if common > _LARGEST_EPOCHS:
            return None
    return common


def _owners(codes: "IntArray", count: int, clusters: Names) -> tuple["IntArray", int]:
    """The cluster of each scenario."""
    import numpy as np

    named, clusters_count = codes_of(clusters, "clusters")
    owner = np.zeros(count, dtype=np.int64)
    owner[codes] = named
    if (owner[codes] != named).any():
        raise AnalysisError(
            "a scenario lies in two clusters", hint="give every row of a scenario the same cluster"
        )
    return owner, clusters_count


def _tested(units: _Units, discordant: tuple[int, int], seed: int) -> SignFlip:
    if units.single:
        return SignFlip(p=mcnemar_mid_p(*discordant), method="McNemar mid-p")
    return sign_flip(units.sums, epochs=units.epochs, seed=seed)


def _verdict(p: float, equivalent: bool | None, alpha: float) -> Verdict:
    if p <= alpha:
        return "difference"
    return "equivalent" if equivalent else "no difference found"


def _hanging_together(units: _Units) -> float:
    """How strongly the rows of a unit may hang together: the quantile that intervals for one rate use, of discordance."""
    if units.single:
        return 0.0
    return correlation_quantile(units.discordant.tolist(), units.trials.tolist())


def _half(epochs: float, correlation: float) -> float:
    """Difference of a pseudo-unit: the sd of a mean of so many rows that hang together so much, each +1 or -1."""
    return float(((1 + (epochs - 1) * correlation) / epochs) ** 0.5)


def _mean_of(differences: Numbers, epochs: float, correlation: float) -> _Mean:
    import numpy as np

    found = numbers_of(differences, "differences")
    if found.size < 2 or np.abs(found).max() > 1 or not epochs >= 1 or not 0 <= correlation <= 1:
        raise AnalysisError(
            f"{found.size} differences up to {np.abs(found).max():g}, {epochs} epochs, correlation {correlation}",
            hint="needs two scenarios or more, differences within -1 and 1, an epoch or more, a correlation in [0, 1]",
        )
    return _pseudo_mean(found, np.ones(found.size, dtype=np.int64), _half(epochs, correlation))


def _pseudo_mean(sums: "FloatArray", scenarios: "IntArray", half: float) -> _Mean:
    """Units weighed by their scenarios, beside two pseudo-units of average weight and difference +-half."""
    import numpy as np

    average = scenarios.mean()
    weights = np.append(scenarios / average, (1.0, 1.0))
    weighted = np.append(sums / average, (half, -half))
    count = weighted.size
    centre = weighted.sum() / count
    square = ((weighted - weights * centre) ** 2).sum() / (count - 1) / count
    return _Mean(centre=float(centre), error=float(np.sqrt(square)), freedom=count - 1)


def _around(mean: _Mean, tail: float) -> tuple[float, float]:
    from scipy.special import stdtrit

    reach = float(stdtrit(mean.freedom, 1 - tail)) * mean.error
    return max(-1.0, mean.centre - reach), min(1.0, mean.centre + reach)


def _outside(mean: _Mean, margin: float) -> float:
    from scipy.special import stdtr

    return float(stdtr(mean.freedom, (abs(mean.centre) - margin) / mean.error))


def _smallest(
    units: _Units, counts: tuple[int, int, int], mean: _Mean, rules: ComparisonRules
) -> float | None:
    """Connor's formula at the number of independent pairs that the rows are worth; `counts`: A, B, discordant."""
    count = units.sums.size
    # The least p there can be: every unit differs, all to one side.
    if (0.5**count if units.single else 0.5 ** (count - 1)) > 1 - rules.level:
        return None
    trials = int(units.trials.sum())
    rate_a, rate_b, discordant = (number / trials for number in counts)
    return smallest_detectable(
        float(trials) if units.single else _worth(units, counts[2], mean),
        (rate_a + rate_b) / 2,
        correlation=_correlation(rate_a, rate_b, discordant),
        level=rules.level,
        power=rules.power,
    )


def _worth(units: _Units, discordant: int, mean: _Mean) -> float:
    """Independent pairs with the same error: variance of one row over that of the mean, the pseudo-units in both.

    With nothing discordant this is about the number of units: how rows of a unit hang together is then unknown.
    """
    trials, size = float(units.trials.sum()), float(units.trials.mean())
    variance = (discordant + 2) / (trials + 2 * size) - mean.centre**2
    least = float(units.scenarios.sum() ** 2 / (units.scenarios**2).sum())
    return min(trials, max(least, variance / mean.error**2))


def _correlation(rate_a: float, rate_b: float, discordant: float) -> float:
    """Of the two labels of a row, cut to [0, 1]; 0 where a rate is 0 or 1 and there is none."""
    spread = (rate_a * (1 - rate_a) * rate_b * (1 - rate_b)) ** 0.5
    both = (rate_a + rate_b - discordant) / 2
    return min(1.0, max(0.0, (both - rate_a * rate_b) / spread)) if spread > 0 else 0.0
