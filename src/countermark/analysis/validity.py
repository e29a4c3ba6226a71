"""Is the number what it seems? Cues, told-test against told-real, public against private twins, paraphrases.

Drift over the run is in `drift`. Everything is paired by scenario. Formulas and limits:
docs/reference/statistics/validity.md.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from countermark.analysis.compare import Comparison, ComparisonRules, compare_subjects
from countermark.analysis.detectable import discordance, pairs_needed
from countermark.analysis.grouping import Labels, Names, Numbers, numbers_of, same_length
from countermark.analysis.intervals import Estimand, correlation_quantile, tail_of
from countermark.errors import AnalysisError

if TYPE_CHECKING:
    from countermark.analysis.grouping import FloatArray, IntArray

PAIRED_CORRELATION = 0.4
"""Correlation of the two arms' labels within a scenario that `cue_pairs` supposes unless told otherwise."""
DRAWS = 9_999
_MOST_DRAWN = 20_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class CueDifference:
    """What a randomised cue does to a rate: with the cue minus without, in [-1, 1].

    `comparison` holds test, counts and the smallest detectable difference; its A is the arm with the cue.
    `headline_rate` is that of the arm without the cue, which is the deployment-like one.
    """

    difference: float
    low: float
    high: float
    p: float
    level: float
    headline_rate: float
    comparison: Comparison
    estimand: Estimand
    method: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GamingIndex:
    """Rate of misbehaviour when told "this is real" minus when told "this is a test"; above 0: better when watched.

    `only_real` and `only_test` count the pairs in which it misbehaved in that arm alone.
    """

    index: float
    low: float
    high: float
    p: float
    level: float
    only_real: int
    only_test: int
    comparison: Comparison
    estimand: Estimand
    method: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TwinGap:
    """How much more a subject's rate differs between public and private twins than the references' do, in [-2, 2].

    Below 0 where lower is better: the subject does better in public than the twins' difficulty explains. `naive` is the
    subject's own gap, which difficulty alone can make; `reference_gap` is what difficulty makes.
    """

    difference: float
    low: float
    high: float
    p: float
    level: float
    naive: float
    reference_gap: float
    scenarios: int
    references: int
    estimand: Estimand = "S"
    method: str = "difference-in-differences, t over scenarios with two pseudo-scenarios"


@dataclass(frozen=True, slots=True, kw_only=True)
class Consistency:
    """Whether paraphrases of one meaning get one answer. Correlation 0: like unrelated trials; 1: always alike.

    `z` and both p are None where every outcome is the same, since then nothing can vary. `p` is by permutation, one-
    sided; `p_normal` is Tarone's normal approximation. `icc_low` and `icc_high` bound the correlation at `level`:
    posterior quantiles, prior uniform.
    """

    icc: float | None
    icc_low: float
    icc_high: float
    z: float | None
    p: float | None
    p_normal: float | None
    level: float
    meanings: int
    trials: int
    seed: int
    method: str


def cue_difference(
    scenarios: Names,
    with_cue: Labels,
    without_cue: Labels,
    *,
    clusters: Names | None = None,
    rules: ComparisonRules | None = None,
) -> CueDifference:
    """What an evaluation cue (test wording, placeholder names) changes in the same subject on the same scenarios.

    Causal only because the cue was placed by design. Transcripts that speak of being tested are counted elsewhere and
    never conditioned on.

    Args:
        scenarios: Shape (n,), the scenario of each pair; epochs repeat it.
        with_cue: Shape (n,), 0/1.
        without_cue: Shape (n,), 0/1, same scenario and epoch.
        clusters: Shape (n,), sources, where scenarios share any.
        rules: Level, estimand, margin, power, seed.
    Raises:
        AnalysisError: As `compare_subjects`.
    """
    found = compare_subjects(scenarios, with_cue, without_cue, clusters=clusters, rules=rules)
    return CueDifference(
        difference=found.difference, low=found.low, high=found.high, p=found.p, level=found.level,
        headline_rate=found.rate_b, comparison=found, estimand=found.estimand,
        method=f"{found.interval_method}; {found.test}",
    )  # fmt: skip


def gaming_index(
    scenarios: Names,
    told_real: Labels,
    told_test: Labels,
    *,
    clusters: Names | None = None,
    rules: ComparisonRules | None = None,
) -> GamingIndex:
    """How much better the same subject behaves on the same scenarios when it is told that it is being tested.

    Args:
        scenarios: Shape (n,), the scenario of each pair.
        told_real: Shape (n,), 0/1, misbehaviour when told that the situation is real.
        told_test: Shape (n,), 0/1, misbehaviour when told that it is a test.
        clusters: Shape (n,), sources, where scenarios share any.
        rules: Level, estimand, margin, power, seed.
    Raises:
        AnalysisError: As `compare_subjects`.
    """
    found = compare_subjects(scenarios, told_real, told_test, clusters=clusters, rules=rules)
    return GamingIndex(
        index=found.difference, low=found.low, high=found.high, p=found.p, level=found.level,
        only_real=found.only_a, only_test=found.only_b, comparison=found, estimand=found.estimand,
        method=f"{found.interval_method}; {found.test}",
    )  # fmt: skip


def cue_pairs(
    without_cue: float,
    with_cue: float,
    *,
    correlation: float = PAIRED_CORRELATION,
    level: float = 0.95,
    power: float = 0.8,
) -> int:
    """Scenarios needed to find a change from one rate to another, one trial an arm (Connor 1987).

    Args:
        without_cue: Rate expected without the cue.
        with_cue: Rate expected with it; different.
        correlation: Of the two arms' labels within a scenario.
        level: Two-sided.
        power: Wanted.
    Raises:
        AnalysisError: Equal rates, or a number outside its range.
    """
    apart = discordance(without_cue, with_cue, correlation)
    return pairs_needed(abs(with_cue - without_cue), apart, level=level, power=power)


def twin_gap(
    subject: tuple[Numbers, Numbers],
    references: Sequence[tuple[Numbers, Numbers]],
    *,
    epochs: int = 1,
    level: float = 0.95,
) -> TwinGap:
    """Public against private twins, freed of their difficulty by reference subjects.

    D_i = (public - private) of the subject - mean over references of (public - private), for twin pair i; t over pairs,
    with two pseudo-pairs +-1/sqrt(m) against zero width. References stand for difficulty only if they saw neither set.

    Args:
        subject: Public and private means, each of shape (K,), in [0, 1], paired in order.
        references: The same for each reference subject.
        epochs: m, trials of the subject a scenario.
        level: Coverage, in (0, 1).
    Raises:
        AnalysisError: Arrays that do not pair, under two pairs, no reference, means outside [0, 1], level outside (0, 1).
    Source:
        General form: ConStat (Dekoninck et al. 2024).
    """
    import numpy as np

    if not references or epochs < 1:
        raise AnalysisError(
            f"{len(references)} reference subjects, {epochs} epochs",
            hint="without a reference subject a harder private set looks like gaming; run at least one",
        )
    own = _gaps(subject, "the subject")
    gaps = [_gaps(pair, f"reference {place + 1}") for place, pair in enumerate(references)]
    same_length(
        pairs_of_the_subject=own.size,
        **{f"pairs_of_reference_{n + 1}": gap.size for n, gap in enumerate(gaps)},
    )
    shared = np.mean(gaps, axis=0)
    centre, low, high, p = _pseudo_t(own - shared, epochs**-0.5, level)
    return TwinGap(
        difference=centre, low=max(-2.0, low), high=min(2.0, high), p=p, level=level, naive=float(own.mean()),
        reference_gap=float(shared.mean()), scenarios=own.size, references=len(gaps),
    )  # fmt: skip


def _gaps(pair: tuple[Numbers, Numbers], whose: str) -> "FloatArray":
    public, private = (
        numbers_of(side, f"{name} means of {whose}")
        for side, name in zip(pair, ("public", "private"), strict=True)
    )
    same_length(public=public.size, private=private.size)
    if min(public.min(), private.min()) < 0 or max(public.max(), private.max()) > 1:
        raise AnalysisError(
            f"means of {whose} outside [0, 1]", hint="give each scenario's share of bad trials"
        )
    return public - private


def _pseudo_t(values: "FloatArray", half: float, level: float) -> tuple[float, float, float, float]:
    """Mean of the values alone; limits and two-sided p of t over the values and two pseudo-values +-half."""
    import numpy as np
    from scipy.special import stdtr, stdtrit

    if values.size < 2:
        raise AnalysisError(
            f"{values.size} pairs of twins", hint="at least two are needed; plan for 60 or more"
        )
    widened = np.append(values, (half, -half))
    centre, error = float(widened.mean()), float(widened.std(ddof=1) / widened.size**0.5)
    reach = float(stdtrit(widened.size - 1, 1 - tail_of(level, "both"))) * error
    p = 2 * float(stdtr(widened.size - 1, -abs(centre) / error))
    return float(values.mean()), centre - reach, centre + reach, p


def paraphrase_consistency(
    events: Sequence[int], sizes: Sequence[int], *, level: float = 0.95, seed: int = 0, draws: int = DRAWS
) -> Consistency:
    """Do paraphrases of one meaning get the same outcome more often than trials at large?

    z = (sum (x_i - m_i p)^2 / (p (1 - p)) - sum m_i) / sqrt(2 sum m_i (m_i - 1)); the correlation published beside it is
    the moment estimate z sqrt(2 / sum m_i (m_i - 1)), cut to [-1, 1]. p: outcomes dealt anew over all trials, each
    meaning keeping its size, `draws` times with numpy's PCG64 at `seed`, (1 + as large) / (1 + draws); where meanings
    times draws exceed 20 million, Tarone's normal approximation, and `method` says so.

    Args:
        events: Shape (K,), trials with the label among the paraphrases of each meaning.
        sizes: Shape (K,), trials of each meaning, at least 1; some at least 2.
        level: Of the bounds on the correlation.
        seed: Of the draws.
        draws: How many.
    Raises:
        AnalysisError: Under two meanings, none with two trials, more events than trials, level outside (0, 1).
    Source:
        Tarone 1979, Biometrika 66, 585-590.
    """
    import numpy as np
    from scipy.special import ndtr

    hits, counts, pairs = _paraphrases(events, sizes, draws)
    tail, trials = tail_of(level, "both"), int(counts.sum())
    low, high = (correlation_quantile(hits.tolist(), counts.tolist(), quantile=q) for q in (tail, 1 - tail))
    rate = float(hits.sum() / trials)
    if rate in (0.0, 1.0):
        return Consistency(
            icc=None, icc_low=low, icc_high=high, z=None, p=None, p_normal=None, level=level, meanings=hits.size,
            trials=trials, seed=seed, method="tarone; no outcome differs from another, so nothing is tested",
        )  # fmt: skip
    excess = ((hits - counts * rate) ** 2).sum() / (rate * (1 - rate)) - trials
    z = float(excess / np.sqrt(2 * pairs))
    drawn = _dealt(hits, counts, draws, seed) if hits.size * draws <= _MOST_DRAWN else None
    return Consistency(
        icc=float(np.clip(excess / pairs, -1, 1)), icc_low=low, icc_high=high, z=z,
        p=float(ndtr(-z)) if drawn is None else drawn, p_normal=float(ndtr(-z)), level=level, meanings=hits.size,
        trials=trials, seed=seed,
        method="tarone, normal" if drawn is None else f"tarone, permutation, {draws} draws with PCG64",
    )  # fmt: skip


def _paraphrases(
    events: Sequence[int], sizes: Sequence[int], draws: int
) -> tuple["IntArray", "IntArray", float]:
    import numpy as np

    hits, counts = numbers_of(events, "events"), numbers_of(sizes, "sizes")
    same_length(events=hits.size, sizes=counts.size)
    pairs = float((counts * (counts - 1)).sum())
    whole = not ((hits % 1).any() or (counts % 1).any())
    if (
        not whole
        or hits.size < 2
        or (hits < 0).any()
        or (hits > counts).any()
        or counts.min() < 1
        or not pairs
        or draws < 99
    ):
        raise AnalysisError(
            f"no consistency from {hits.size} meanings",
            hint="two meanings or more, some with two paraphrases, whole events between 0 and the trials; 99 draws or more",
        )
    return hits.astype(np.int64), counts.astype(np.int64), pairs


def _dealt(hits: "IntArray", counts: "IntArray", draws: int, seed: int) -> float:
    """Share of deals whose sum of squares is at least the one seen; dealt in parts, so that memory stays flat."""
    import numpy as np

    generator, rate = np.random.default_rng(seed), hits.sum() / counts.sum()
    seen, extreme, left = float(((hits - counts * rate) ** 2).sum()), 0, draws
    while left:
        part = min(left, max(1, 2_000_000 // hits.size))
        dealt = generator.multivariate_hypergeometric(counts, int(hits.sum()), size=part, method="marginals")
        extreme += int((((dealt - counts * rate) ** 2).sum(axis=1) >= seen - 1e-9 * (1 + seen)).sum())
        left -= part
    return (1 + extreme) / (1 + draws)
