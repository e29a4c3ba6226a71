"""How many gold labels a run needs, how to split them by verdict, and which trials to label."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import ceil

from countermark.analysis.intervals import clopper_pearson
from countermark.analysis.judged import LabelCounts, judged_interval, judged_upper
from countermark.errors import AnalysisError

SPREAD_FLAGGED, SPREAD_UNFLAGGED = 0.45, 0.10
"""Standard deviations of the truth among flagged and unflagged trials that the Neyman split supposes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """What a run is expected to look like before any label; shares in [0, 1]."""

    judged: int
    """Trials with a verdict, one a cluster."""
    flagged_share: float
    """q: known once the grader has run."""
    confirmed: float
    """PPV expected among the flagged."""
    missed: float
    """FOR expected among the rest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelPlan:
    """A number of gold labels and its split, enough for the goal if the forecast holds."""

    labels: int
    flagged: int
    unflagged: int
    goal: str
    reached: float
    """Half-width, or one-sided upper bound, that the forecast then gives."""
    blind: int
    """Labels that the same goal needs when they are drawn blind of the verdict and the grader is not used."""
    level: float
    method: str = "post-stratified, melded; Neyman split with standard deviations .45 and .10"


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelDraw:
    """Which trials to label: places in the order given, ascending; drawn with numpy's PCG64 at `seed`."""

    flagged: tuple[int, ...]
    unflagged: tuple[int, ...]
    seed: int
    method: str = "one trial a cluster at random, then at random within each verdict"


def split_labels(labels: int, judged: int, flagged: int) -> tuple[int, int]:
    """Labels for flagged and unflagged trials: Neyman's split, at least one for each verdict that occurs.

    Args:
        labels: To be split, between 1 (2 where both verdicts occur) and `judged`.
        judged: Trials with a verdict.
        flagged: Of these, flagged.
    Raises:
        AnalysisError: Fewer labels than verdicts that occur, more than trials, flagged outside [0, judged].
    """
    rest = judged - flagged
    least = (flagged > 0) + (rest > 0)
    if not (0 <= flagged <= judged and max(1, least) <= labels <= judged):
        raise AnalysisError(
            f"{labels} labels for {judged} trials of which {flagged} are flagged",
            hint="at least one label for each verdict that occurs, and no more labels than trials",
        )
    weight, other = flagged * SPREAD_FLAGGED, rest * SPREAD_UNFLAGGED
    wanted = round(labels * weight / (weight + other))
    lowest, highest = max(min(1, flagged), labels - rest), min(flagged, labels - min(1, rest))
    taken = min(max(wanted, lowest), highest)
    return taken, labels - taken


def plan_half_width(forecast: Forecast, half_width: float, *, level: float = 0.95) -> LabelPlan:
    """Fewest labels for which the forecast gives an interval of at most this half-width.

    Raises:
        AnalysisError: Half-width outside (0, 1), a forecast outside its bounds, or a goal that labelling every trial
            does not reach.
    """

    def wide(labels: int) -> float:
        found = judged_interval(_expected(forecast, labels), level=level)
        return (found.high - found.low) / 2

    def blind(labels: int) -> float:
        low, high = clopper_pearson(labels * _rate(forecast), labels, level=level)
        return (high - low) / 2

    return _plan(forecast, f"half-width of at most {half_width:g}", half_width, (wide, blind), level)


def plan_certificate(
    limit: float, *, judged: int, flagged_share: float, confirmed: float = 0.0, level: float = 0.95
) -> LabelPlan:
    """Fewest labels that certify "rate < limit", one-sided, if no labelled unflagged trial turns out to be bad.

    Args:
        limit: The rate to stay under, in (0, 1).
        judged: Trials with a verdict, one a cluster.
        flagged_share: Share of them flagged.
        confirmed: Share of labelled flagged trials expected to be bad; 0: all false alarms.
        level: Confidence of the bound.
    Raises:
        AnalysisError: A limit outside (0, 1), a forecast outside its bounds, or a limit that labelling every trial
            does not reach.
    """
    forecast = Forecast(judged=judged, flagged_share=flagged_share, confirmed=confirmed, missed=0.0)

    def bound(labels: int) -> float:
        return judged_upper(_expected(forecast, labels), level=level)

    def blind(labels: int) -> float:
        return clopper_pearson(labels * _rate(forecast), labels, level=2 * level - 1)[1]

    return _plan(forecast, f"upper bound under {limit:g}", limit, (bound, blind), level)


def _plan(
    forecast: Forecast,
    goal: str,
    wanted: float,
    reached: tuple[Callable[[int], float], Callable[[int], float]],
    level: float,
) -> LabelPlan:
    _check(forecast, wanted, level)
    flagged = round(forecast.judged * forecast.flagged_share)
    least = (flagged > 0) + (flagged < forecast.judged)
    labels = _fewest(reached[0], wanted, least, forecast.judged)
    if labels is None:
        raise AnalysisError(
            f"{goal}: not reached by labelling all {forecast.judged} trials",
            hint="run more trials, or ask for less",
        )
    taken, rest = split_labels(labels, forecast.judged, flagged)
    blind = _fewest(reached[1], wanted, 1, 1 << 40)
    assert blind is not None
    return LabelPlan(
        labels=labels,
        flagged=taken,
        unflagged=rest,
        goal=goal,
        reached=reached[0](labels),
        blind=blind,
        level=level,
    )


def _fewest(reached: Callable[[int], float], wanted: float, least: int, most: int) -> int | None:
    """Least number with `reached` under `wanted`, by doubling and halving; None if `most` does not do."""
    high = least
    while reached(high) >= wanted:
        if high == most:
            return None
        least, high = high + 1, min(2 * high, most)
    while least < high:
        middle = (least + high) // 2
        least, high = (least, middle) if reached(middle) < wanted else (middle + 1, high)
    return high


def _expected(forecast: Forecast, labels: int) -> LabelCounts:
    """The table that the forecast gives: flagged labels found bad rounded up, so that a certificate is not flattered."""
    flagged = round(forecast.judged * forecast.flagged_share)
    taken, rest = split_labels(labels, forecast.judged, flagged)
    return LabelCounts(
        judged=forecast.judged,
        flagged=flagged,
        labels_flagged=taken,
        bad_flagged=ceil(taken * forecast.confirmed),
        labels_unflagged=rest,
        bad_unflagged=ceil(rest * forecast.missed),
    )


def _rate(forecast: Forecast) -> float:
    return forecast.flagged_share * forecast.confirmed + (1 - forecast.flagged_share) * forecast.missed


def _check(forecast: Forecast, wanted: float, level: float) -> None:
    shares = (forecast.flagged_share, forecast.confirmed, forecast.missed)
    if not (0 < wanted < 1 and 0.5 < level < 1 and forecast.judged > 0 and all(0 <= s <= 1 for s in shares)):
        raise AnalysisError(
            f"no label budget for {forecast} at goal {wanted} and level {level}",
            hint="goal and level lie between 0 and 1 (level above .5), shares in [0, 1], and there is at least one trial",
        )


def draw_labels(
    flagged: Sequence[bool], clusters: Sequence[str], labels: tuple[int, int], *, seed: int
) -> LabelDraw:
    """Which trials to label: at most one a cluster, at random within each verdict.

    Clusters are thinned to one trial each before any verdict is looked at. To prefer flagged trials already there would
    take the clusters of the flagged away from the unflagged, and so hide misses.

    Args:
        flagged: Shape (N,), the grader's verdicts.
        clusters: Shape (N,).
        labels: Wanted among flagged and among unflagged trials; all there are where there are fewer.
        seed: Of numpy's PCG64; publish it.
    Raises:
        AnalysisError: Unequal lengths, no trial, a negative number of labels.
    """
    import numpy as np

    if len(flagged) != len(clusters) or not len(flagged) or min(labels) < 0:
        raise AnalysisError(
            f"{len(flagged)} verdicts, {len(clusters)} clusters, {labels} labels",
            hint="give one cluster for each verdict, and numbers of labels of 0 or more",
        )
    order = np.random.default_rng(seed).permutation(len(flagged)).tolist()
    first = {clusters[place]: place for place in reversed(order)}
    thinned = [place for place in order if first[clusters[place]] == place]
    parts = [[place for place in thinned if bool(flagged[place]) is verdict] for verdict in (True, False)]
    return LabelDraw(
        flagged=tuple(sorted(parts[0][: labels[0]])),
        unflagged=tuple(sorted(parts[1][: labels[1]])),
        seed=seed,
    )
