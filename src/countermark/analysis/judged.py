"""Rates where the grader errs: what gold labels from the same run say, and what a calibration set from elsewhere hints.

A claim rests on labels from the same run, stratified by the grader's verdict. Sensitivity and specificity measured
elsewhere give a screening number only. Formulas, assumptions, coverage: docs/reference/statistics/graders.md.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Literal

from countermark.analysis.grouping import Labels, Names, codes_of, labels_of, same_length
from countermark.analysis.intervals import Estimand, RateInterval, clopper_pearson, clustered_rate
from countermark.analysis.melding import BetaLaw, Mixture, check_counts, lower_law, upper_law
from countermark.errors import AnalysisError

if TYPE_CHECKING:
    from countermark.analysis.grouping import BoolArray, IntArray

Use = Literal["claim", "display"]
"""A claim takes the melded interval; a display may take the shorter one from Beta(x + 1/2, n - x + 1/2)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelCounts:
    """What the grader said of a run, and what gold labels said of some of it. *Flagged*: the grader found the label."""

    judged: int
    """Trials with a verdict."""
    flagged: int
    """Of these, flagged."""
    labels_flagged: int
    """Gold labels among the flagged."""
    bad_flagged: int
    """Of these, truly bad."""
    labels_unflagged: int
    """Gold labels among the rest."""
    bad_unflagged: int
    """Of these, truly bad: misses."""
    effective: float | None = None
    """What `judged` trials are worth where some share a cluster; None: as many as there are."""
    repeated_clusters: int = 0
    """Clusters with more than one label: these labels are not independent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedRate:
    """A rate corrected by gold labels, with its interval; dimensionless, in [0, 1]."""

    rate: float
    """q PPV + (1 - q) FOR."""
    low: float
    high: float
    level: float
    flagged_share: float
    """q: what the grader alone would have reported."""
    confirmed: float | None
    """PPV: share of labelled flagged trials that are bad; None where nothing was flagged."""
    missed: float | None
    """FOR: share of labelled unflagged trials that are bad; None where all were flagged."""
    basis: LabelCounts
    estimand: Estimand
    method: str
    use: Use


@dataclass(frozen=True, slots=True, kw_only=True)
class Accuracy:
    """A grader's data sheet from labels drawn blind of its verdict: each rate with its Clopper-Pearson interval."""

    sensitivity: RateInterval
    specificity: RateInterval
    level: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """A calibration set from elsewhere: `caught` of `bad` trials flagged, `cleared` of `good` ones not flagged."""

    caught: int
    bad: int
    cleared: int
    good: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ScreeningRate:
    """A rate corrected by sensitivity and specificity from elsewhere. Never a claim: it holds only if both carry over."""

    rate: float
    """Rogan-Gladen, cut to [0, 1]."""
    uncut: float
    """Before cutting; far outside [0, 1] says that the calibration set does not fit this run."""
    low: float
    high: float
    level: float
    basis: Calibration
    estimand: Estimand = "S"
    supposes: str = "the grader errs on this subject as it did on the calibration set"
    method: str = "lang-reiczigel 2014"
    use: str = "screening"


def judged_rate(
    flagged: Labels,
    truth: Sequence[bool | None],
    clusters: Names,
    *,
    level: float = 0.95,
    use: Use = "claim",
) -> JudgedRate:
    """The rate over scenarios like these, from the grader's verdicts and gold labels for some of them.

    Labels must be drawn at random within each verdict, at most one a cluster; `draw_labels` draws so.

    Args:
        flagged: Shape (N,), the grader's verdict on each graded trial.
        truth: Shape (N,), the gold label, or None where there is none.
        clusters: Shape (N,), the trial's cluster.
        level: Coverage, in (0, 1).
        use: Claim (melded; refuses clusters with two labels) or display (Beta; reports them in `basis`).
    Raises:
        AnalysisError: As `count_labels` and `judged_interval`.
    """
    return judged_interval(count_labels(flagged, truth, clusters), level=level, use=use)


def count_labels(flagged: Labels, truth: Sequence[bool | None], clusters: Names) -> LabelCounts:
    """Counts for `judged_interval`; where trials share clusters, their number is replaced by what they are worth.

    Args:
        flagged: Shape (N,), 0/1.
        truth: Shape (N,), 0/1, None without a label.
        clusters: Shape (N,), text or whole numbers.
    Raises:
        AnalysisError: Unequal lengths, no trial, a verdict or label that is not true or false (NaN included), a cluster
            without a name, all trials in one cluster.
    """
    import numpy as np

    verdicts = labels_of(flagged, "verdicts")
    same_length(verdicts=verdicts.size, places_for_labels=len(truth), clusters=len(clusters))
    labelled = np.fromiter((label is not None for label in truth), dtype=np.bool_, count=len(truth))
    gold = np.zeros(len(truth), dtype=np.bool_)
    if labelled.any():
        gold[labelled] = labels_of([label for label in truth if label is not None], "gold labels")
    codes, count = codes_of(clusters, "clusters")
    return LabelCounts(
        judged=verdicts.size,
        flagged=int(verdicts.sum()),
        labels_flagged=int((labelled & verdicts).sum()),
        bad_flagged=int((gold & verdicts).sum()),
        labels_unflagged=int((labelled & ~verdicts).sum()),
        bad_unflagged=int((gold & ~verdicts).sum()),
        effective=_effective(verdicts, codes, count),
        repeated_clusters=int((np.bincount(codes[labelled], minlength=count) > 1).sum()),
    )


def _effective(verdicts: "BoolArray", codes: "IntArray", count: int) -> float | None:
    import numpy as np

    if count == verdicts.size:
        return None
    hits, sizes = np.bincount(codes[verdicts], minlength=count), np.bincount(codes, minlength=count)
    return clustered_rate(hits.tolist(), sizes.tolist()).n_effective


def judged_interval(counts: LabelCounts, *, level: float = 0.95, use: Use = "claim") -> JudgedRate:
    """The post-stratified rate q PPV + (1 - q) FOR with its interval, by quadrature; deterministic.

    Claim: melded limits (Fay et al. 2015). The lower one meets q, PPV and FOR through Beta(x, n - x + 1), the upper one
    through Beta(x + 1, n - x); wherever PPV < FOR the law of q is taken from the other side, since the rate then falls
    in q. Display: quantiles under Beta(x + 1/2, n - x + 1/2) for all three.

    Raises:
        AnalysisError: No trials, counts that do not fit together, a verdict without any label, a claim from clusters
            with more than one label, level outside (0, 1).
    """
    _check(counts, level, use)
    share, tail = counts.flagged / counts.judged, (1 - level) / 2
    lower, upper = _laws(counts, use)
    low, high = lower.quantile(tail), upper.quantile(1 - tail)
    confirmed = _share(counts.bad_flagged, counts.labels_flagged)
    missed = _share(counts.bad_unflagged, counts.labels_unflagged)
    return JudgedRate(
        rate=share * (confirmed or 0.0) + (1 - share) * (missed or 0.0),
        low=low,
        high=high,
        level=level,
        flagged_share=share,
        confirmed=confirmed,
        missed=missed,
        basis=counts,
        estimand="S",
        method=f"post-stratified by verdict, {'melded' if use == 'claim' else 'beta'}, quadrature",
        use=use,
    )


def judged_upper(counts: LabelCounts, *, level: float = 0.95) -> float:
    """One-sided upper bound of a claim: the upper limit of the two-sided interval at level 2 level - 1.

    Raises:
        AnalysisError: As `judged_interval`.
    """
    return judged_interval(counts, level=2 * level - 1).high


def contains(counts: LabelCounts, rate: float, *, level: float = 0.95, use: Use = "claim") -> bool:
    """Whether `judged_interval` contains a rate, at a tenth of its cost: for simulations of coverage.

    Raises:
        AnalysisError: As `judged_interval`.
    """
    _check(counts, level, use)
    low, high = (law.distribution()[0](rate) for law in _laws(counts, use))
    return low >= (1 - level) / 2 and high <= (1 + level) / 2


def _laws(counts: LabelCounts, use: Use) -> tuple[Mixture, Mixture]:
    """The laws whose quantiles are the lower and the upper limit."""
    worth = counts.judged if counts.effective is None else counts.effective
    shares = (counts.flagged / counts.judged * worth, worth)
    rates = (
        (counts.bad_flagged, counts.labels_flagged),
        (counts.bad_unflagged, counts.labels_unflagged),
    )
    if use == "display":
        share, bad, missed = (BetaLaw(x + 0.5, n - x + 0.5) for x, n in (shares, *rates))
        law = Mixture(share, share, bad, missed)
        return law, law
    low = Mixture(lower_law(*shares), upper_law(*shares), *(lower_law(*rate) for rate in rates))
    high = Mixture(upper_law(*shares), lower_law(*shares), *(upper_law(*rate) for rate in rates))
    return low, high


def _share(events: float, trials: float) -> float | None:
    return events / trials if trials else None


def _check(counts: LabelCounts, level: float, use: Use) -> None:
    """Every fault of the counts at once."""
    worth = counts.judged if counts.effective is None else counts.effective
    whole = (counts.bad_flagged, counts.labels_flagged, counts.flagged, counts.judged)
    rest = (counts.bad_unflagged, counts.labels_unflagged, counts.judged - counts.flagged)
    faults = {
        "level outside (0, 1)": not 0 < level < 1,
        "no trial with a verdict": not (counts.judged > 0 and worth > 0),
        "more labels, or more bad ones, than there are trials with that verdict": not (
            _rises(whole) and _rises(rest)
        ),
        "no gold label among the flagged trials": counts.flagged > 0 and counts.labels_flagged == 0,
        "no gold label among the unflagged trials": counts.flagged < counts.judged
        and counts.labels_unflagged == 0,
        f"{counts.repeated_clusters} clusters have more than one label, which are not independent": (
            use == "claim" and counts.repeated_clusters > 0
        ),
    }
    found = [fault for fault, present in faults.items() if present]
    if found:
        raise AnalysisError(
            "no rate from these labels: " + "; ".join(found),
            hint="label trials of both verdicts, drawn at random within each, at most one a cluster (draw_labels)",
        )


def _rises(counts: Sequence[float]) -> bool:
    return counts[0] >= 0 and all(one <= two for one, two in pairwise(counts))


def grader_accuracy(
    found: Calibration, *, drawn: Literal["blind", "by_verdict"], level: float = 0.95
) -> Accuracy:
    """Sensitivity and specificity with Clopper-Pearson intervals.

    Args:
        found: Gold labels against verdicts.
        drawn: How trials came to be labelled. Labels drawn by verdict over-represent flagged trials, so that their table
            gives neither rate (verification bias, Begg & Greenes 1983).
        level: Coverage, in (0, 1).
    Raises:
        AnalysisError: Labels drawn by verdict; no bad or no good trial; counts that do not fit together.
    """
    if drawn == "by_verdict":
        raise AnalysisError(
            "labels drawn by verdict give neither sensitivity nor specificity",
            hint="report `confirmed` and `missed` of judged_rate, or label trials drawn blind of the verdict",
        )
    rates = [_proportion(found.caught, found.bad, level), _proportion(found.cleared, found.good, level)]
    return Accuracy(sensitivity=rates[0], specificity=rates[1], level=level)


def _proportion(events: int, trials: int, level: float) -> RateInterval:
    low, high = clopper_pearson(events, trials, level=level)
    return RateInterval(
        rate=events / trials, low=low, high=high, n_effective=trials, method="clopper-pearson"
    )


def rogan_gladen(apparent: float, sensitivity: float, specificity: float) -> float:
    """The rate that explains an apparent one: (AP + Sp - 1) / (Se + Sp - 1), not cut to [0, 1].

    Args:
        apparent: Share of trials flagged.
        sensitivity: Share of bad trials flagged.
        specificity: Share of good trials not flagged.
    Raises:
        AnalysisError: A share outside [0, 1], or a grader that does not tell bad from good (Se + Sp <= 1).
    Source:
        Rogan & Gladen 1978, Am. J. Epidemiol. 107, 71-76.
    """
    informed = sensitivity + specificity - 1
    if not (all(0 <= share <= 1 for share in (apparent, sensitivity, specificity)) and informed > 0):
        raise AnalysisError(
            f"no rate from {apparent} flagged at sensitivity {sensitivity} and specificity {specificity}",
            hint="sensitivity + specificity must exceed 1: a grader that does not tell bad from good measures nothing",
        )
    return (apparent + specificity - 1) / informed


def lang_reiczigel(
    flagged: int, judged: int, calibration: Calibration, *, level: float = 0.95
) -> ScreeningRate:
    """The rate from the grader's verdicts and a calibration set from elsewhere: a screening number, never a claim.

    It supposes that sensitivity and specificity carry over from the calibration set to this subject. Where they do not,
    coverage breaks down (docs/reference/statistics/graders.md).

    Args:
        flagged: Trials flagged.
        judged: Trials with a verdict.
        calibration: Another set, labelled blind of the verdict.
        level: Coverage, in (0, 1).
    Raises:
        AnalysisError: Counts that do not fit together; a grader that does not tell bad from good; a calibration set
            that allows no rate in [0, 1] for this run.
    Source:
        Lang & Reiczigel 2014, Prev. Vet. Med. 113, 13-22, equations 16 and 17 (in equation 4 read (1 - P)^2).
    """
    from scipy.special import ndtri

    for events, trials in (
        (flagged, judged),
        (calibration.caught, calibration.bad),
        (calibration.cleared, calibration.good),
    ):
        check_counts(events, trials, level=level)
    z = float(ndtri((1 + level) / 2))
    n, n_se, n_sp = judged + z * z, calibration.bad + 2, calibration.good + 2
    p, se, sp = (flagged + z * z / 2) / n, (calibration.caught + 1) / n_se, (calibration.cleared + 1) / n_sp
    centre = rogan_gladen(p, se, sp)
    from_se, from_sp = se * (1 - se) / n_se, sp * (1 - sp) / n_sp
    shift = 2 * z * z * (centre * from_se - (1 - centre) * from_sp)
    spread = (p * (1 - p) / n + centre**2 * from_se + (1 - centre) ** 2 * from_sp) ** 0.5 / (se + sp - 1)
    low, high = _cut(centre + shift - z * spread), _cut(centre + shift + z * spread)
    if low >= high:
        raise AnalysisError(
            f"the calibration set does not fit this run: every rate it allows for {flagged} of {judged} flagged is outside [0, 1]",
            hint="label trials of this run instead (judged_rate)",
        )
    uncut = _point(flagged / judged, calibration)
    return ScreeningRate(
        rate=_cut(uncut),
        uncut=uncut,
        low=low,
        high=high,
        level=level,
        basis=calibration,
    )


def _point(apparent: float, calibration: Calibration) -> float:
    return rogan_gladen(
        apparent, calibration.caught / calibration.bad, calibration.cleared / calibration.good
    )


def _cut(value: float) -> float:
    return min(1.0, max(0.0, value))
