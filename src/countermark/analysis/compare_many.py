"""Many comparisons at once: adjusted p-values, ranks with their uncertainty, and who is dominated by whom.

A claim that *all* tests hold needs no adjustment (each must hold anyway); "at least one" and every list of findings do.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from countermark.analysis.compare import not_worse_p
from countermark.analysis.flips import sign_flip
from countermark.analysis.grouping import Numbers, numbers_of
from countermark.analysis.shuffles import shuffled_statistics, statistics
from countermark.errors import AnalysisError

if TYPE_CHECKING:
    from countermark.analysis.grouping import BoolArray, FloatArray, IntArray

PERMUTATIONS = 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class PairwiseTest:
    """One pair of subjects on one metric: positions in the arrays, mean of A - B, p alone and p adjusted for the family."""

    metric: str
    a: int
    b: int
    difference: float
    statistic: float
    p: float
    p_adjusted: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Rank:
    """A subject's place, 1 the best, with the places that the adjusted tests do not exclude."""

    subject: int
    best: int
    worst: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Dominance:
    """One subject better on one axis and not worse by the margin on the other; p is adjusted over all such claims."""

    better: int
    worse: int
    axis: str
    p: float
    p_adjusted: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ParetoSet:
    """Subjects that no other is shown to dominate, and the claims that dominate the rest."""

    members: tuple[int, ...]
    dominated: tuple[Dominance, ...]
    margin: float
    level: float


def holm(p_values: Numbers) -> "FloatArray":
    """Adjusted p-values that keep the chance of any false finding, whatever the dependence.

    Args:
        p_values: Shape (n,), each in [0, 1].
    Returns:
        Shape (n,), in the order given; at or under alpha: found.
    Raises:
        AnalysisError: A p missing or outside [0, 1], none at all.
    Source:
        Holm 1979.
    """
    import numpy as np

    given = _p_values(p_values)
    order = np.argsort(given, kind="stable")
    steps = np.maximum.accumulate(given[order] * np.arange(given.size, 0, -1))
    return _back(np.minimum(1.0, steps), order)


def benjamini_hochberg(p_values: Numbers) -> "FloatArray":
    """Adjusted p-values that keep the expected share of false findings, under independence or positive dependence.

    For exploratory lists. Args, returns and errors as in `holm`.

    Source:
        Benjamini & Hochberg 1995.
    """
    import numpy as np

    given = _p_values(p_values)
    order = np.argsort(given, kind="stable")
    steps = given[order] * given.size / np.arange(1, given.size + 1)
    return _back(np.minimum(1.0, np.minimum.accumulate(steps[::-1])[::-1]), order)


def e_benjamini_hochberg(e_values: Numbers, *, alpha: float = 0.05) -> "BoolArray":
    """Which e-values are findings, with the expected share of false ones at most alpha, whatever the dependence.

    The k largest, for the largest k whose k-th largest e-value is at least n / (alpha k). For lists that grow while
    trials are still coming in: e-values may be stopped at any time.

    Args:
        e_values: Shape (n,), not below 0; infinite is allowed.
        alpha: In (0, 1).
    Returns:
        Shape (n,), true where found.
    Raises:
        AnalysisError: An e-value missing or below 0, none at all, alpha outside (0, 1).
    Source:
        Wang & Ramdas 2022.
    """
    import numpy as np

    _check_alpha(alpha)
    given = np.asarray(e_values, dtype=np.float64)
    if given.ndim != 1 or not given.size or np.isnan(given).any() or (given < 0).any():
        raise AnalysisError(
            "e-values missing or below zero", hint="give one e-value, 0 or more, for each test"
        )
    falling = np.sort(given)[::-1]
    enough = np.flatnonzero(falling * np.arange(1, given.size + 1) >= given.size / alpha)
    found: BoolArray = given >= falling[enough[-1]] if enough.size else np.zeros(given.size, dtype=np.bool_)
    return found


def max_t(
    metrics: "Mapping[str, FloatArray]", *, permutations: int = PERMUTATIONS, seed: int = 0
) -> tuple[PairwiseTest, ...]:
    """All pairs of subjects on all metrics, adjusted together: step-down max-T by permuting subjects within scenarios.

    Statistic of a pair: sum d / sqrt(sum d^2) over scenario differences d, a monotone form of paired t that is 0 where
    nothing differs. Each permutation shuffles the subjects of every scenario on its own; p is (1 + as extreme) /
    (1 + permutations). Assumes independent rows, and that subjects are exchangeable within a scenario where none
    differ; with some truly different, a pair's law is taken from shuffles of all of them, which is exact for two
    subjects and approximate for more. Keeps the chance of any false finding; uses what the tests share, so finds more
    than Holm.

    Args:
        metrics: Name of a metric to shape (K, M): means of K scenarios (or clusters, where these are what is
            independent) for the same M subjects. Metrics may differ in K.
        permutations: At least 99; a p cannot fall under 1 / (1 + permutations).
        seed: Of the shuffles.
    Returns:
        One entry for each metric and pair a < b, metrics in the order given.
    Raises:
        AnalysisError: No metric, a value missing, under two subjects or scenarios, subjects that differ in number.
    Source:
        Westfall & Young 1993.
    """
    import numpy as np

    tables = {name: _table(values, name) for name, values in metrics.items()}
    if len({table.shape[1] for table in tables.values()}) != 1:
        raise AnalysisError(
            "metrics with different numbers of subjects" if tables else "no metric",
            hint="give every metric as an array of scenarios by the same subjects",
        )
    if permutations < 99:
        raise AnalysisError(f"{permutations} permutations", hint="at least 99, or no p can be small")
    generator = np.random.default_rng(seed)
    seen = np.concatenate([statistics(table) for table in tables.values()])
    drawn = np.concatenate(
        [shuffled_statistics(table, permutations, generator) for table in tables.values()], axis=1
    )
    alone, adjusted = _step_down(np.abs(seen), np.abs(drawn))
    subjects = next(iter(tables.values())).shape[1]
    pairs = [(name, a, b) for name in tables for a in range(subjects) for b in range(a + 1, subjects)]
    return tuple(
        PairwiseTest(
            metric=name, a=a, b=b, difference=float((tables[name][:, a] - tables[name][:, b]).mean()),
            statistic=float(statistic), p=float(p), p_adjusted=float(p_adjusted),
        )
        for (name, a, b), statistic, p, p_adjusted in zip(pairs, seen, alone, adjusted, strict=True)
    )  # fmt: skip


def rank_intervals(tests: Sequence[PairwiseTest], *, alpha: float = 0.05) -> tuple[Rank, ...]:
    """Places of subjects on one metric, lower rate first: [1 + significantly better ones, M - significantly worse ones].

    All intervals hold together at 1 - alpha, as the tests are adjusted. Subjects that no test parts share places.

    Args:
        tests: Every pair of the subjects once, of one metric, adjusted (`max_t`).
        alpha: In (0, 1).
    Raises:
        AnalysisError: A pair missing or twice, several metrics, alpha outside (0, 1).
    Source:
        Mogstad, Romano, Shaikh & Wilhelm 2024.
    """
    _check_alpha(alpha)
    subjects = 1 + max((test.b for test in tests), default=0)
    pairs = sorted((test.a, test.b) for test in tests)
    whole = [(a, b) for a in range(subjects) for b in range(a + 1, subjects)]
    if not tests or pairs != whole or len({test.metric for test in tests}) > 1:
        raise AnalysisError(
            "not every pair of subjects once on one metric", hint="filter max_t's tests by metric"
        )
    better, worse = [0] * subjects, [0] * subjects
    for test in tests:
        if test.p_adjusted <= alpha and test.difference:
            first, last = (test.a, test.b) if test.difference < 0 else (test.b, test.a)
            better[last] += 1
            worse[first] += 1
    return tuple(
        Rank(subject=subject, best=1 + better[subject], worst=subjects - worse[subject])
        for subject in range(subjects)
    )


def pareto_set(
    misbehaviour: "FloatArray",
    over_refusal: "FloatArray",
    margin: float,
    *,
    level: float = 0.95,
    epochs: int = 1,
) -> ParetoSet:
    """Which subjects no other is shown to dominate, on misbehaviour against over-refusal (lower is better on both).

    A dominates B only where A is better on one axis (exact sign-flip, one-sided) and not worse by the margin on the
    other (paired t with two pseudo-scenarios, one-sided). Both must hold, so a claim's p is the larger of the two; all
    2 M (M - 1) claims are adjusted together by Holm. What is not shown to be dominated stays in: a small audit leaves
    everybody in.

    Args:
        misbehaviour: Shape (K1, M), means of scenarios (or clusters) for M subjects, in [0, 1].
        over_refusal: Shape (K2, M), the same of benign scenarios, for the same subjects.
        margin: In (0, 1), planned: how much worse still counts as not worse.
        level: 1 - chance of any false domination, in (0, 1).
        epochs: Means are over so many trials each; 1 is always safe for the interval, and the means then need not lie
            on a lattice.
    Raises:
        AnalysisError: As `max_t`; a margin or level outside (0, 1).
    """
    _check_alpha(1 - level)
    axes = {
        "misbehaviour": _table(misbehaviour, "misbehaviour"), "over_refusal": _table(over_refusal, "over_refusal"),
    }  # fmt: skip
    subjects = axes["misbehaviour"].shape[1]
    if axes["over_refusal"].shape[1] != subjects:
        raise AnalysisError(
            "axes with different numbers of subjects", hint="give the same subjects on both axes"
        )
    claims = [
        (a, b, axis, other)
        for a in range(subjects)
        for b in range(subjects)
        for axis, other in (("misbehaviour", "over_refusal"), ("over_refusal", "misbehaviour"))
        if a != b
    ]
    p_values = [
        max(
            _better_p(axes[axis][:, a] - axes[axis][:, b], epochs),
            not_worse_p(axes[other][:, a] - axes[other][:, b], margin, epochs=epochs),
        )
        for a, b, axis, other in claims
    ]
    adjusted = holm(p_values)
    shown = tuple(
        Dominance(better=a, worse=b, axis=axis, p=p, p_adjusted=float(p_adjusted))
        for (a, b, axis, _), p, p_adjusted in zip(claims, p_values, adjusted, strict=True)
        if p_adjusted <= 1 - level
    )
    beaten = {claim.worse for claim in shown}
    members = tuple(subject for subject in range(subjects) if subject not in beaten)
    return ParetoSet(members=members, dominated=shown, margin=margin, level=level)


def _better_p(differences: "FloatArray", epochs: int) -> float:
    """One-sided sign-flip that A - B is below zero: half the two-sided p on that side, whose law is symmetric."""
    total = float(differences.sum())
    return 1.0 if total >= 0 else sign_flip(differences, epochs=_lattice(differences, epochs)).p / 2


def _lattice(differences: "FloatArray", epochs: int) -> int | None:
    import numpy as np

    steps = differences * epochs
    return epochs if np.abs(steps - np.rint(steps)).max() < 1e-6 else None


def _check_alpha(alpha: float) -> None:
    if not 0 < alpha < 1:
        raise AnalysisError(f"alpha {alpha}", hint="an error probability lies between 0 and 1: 0.05, say")


def _p_values(given: Numbers) -> "FloatArray":
    found = numbers_of(given, "p-values")
    if ((found < 0) | (found > 1)).any():
        raise AnalysisError("p-values outside 0 to 1", hint="give probabilities")
    return found


def _back(values: "FloatArray", order: "IntArray") -> "FloatArray":
    import numpy as np

    found = np.empty_like(values)
    found[order] = values
    return found


def _table(values: "FloatArray", name: str) -> "FloatArray":
    import numpy as np

    found = np.asarray(values, dtype=np.float64)
    if found.ndim != 2 or min(found.shape) < 2:
        raise AnalysisError(
            f"{name}: an array of shape {found.shape}", hint="scenarios by subjects, at least two of each"
        )
    if not np.isfinite(found).all() or (found < 0).any() or (found > 1).any():
        raise AnalysisError(
            f"{name}: a mean is missing or outside 0 to 1",
            hint="leave out scenarios that not every subject has a verdict on",
        )
    return found


def _step_down(seen: "FloatArray", drawn: "FloatArray") -> tuple["FloatArray", "FloatArray"]:
    """Values of p, alone and adjusted: the largest of the statistics that are still in, from the most to the least extreme."""
    import numpy as np

    order = np.argsort(-seen, kind="stable")
    ranked = drawn[:, order]
    # For each place the largest over that place and all less extreme ones.
    rest = np.maximum.accumulate(ranked[:, ::-1], axis=1)[:, ::-1]
    enough = seen[order] - 1e-9
    alone = (1 + (ranked >= enough).sum(axis=0)) / (1 + len(drawn))
    adjusted = np.maximum.accumulate((1 + (rest >= enough).sum(axis=0)) / (1 + len(drawn)))
    return _back(alone, order), _back(adjusted, order)
