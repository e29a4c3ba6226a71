"""Evaluation awareness as far as it is said: how often, what it goes with, and what being told of a test changes.

Everything here is exploratory: nothing of it decides a verdict. Formulas: docs/reference/statistics/validity.md.
"""

from collections import defaultdict
from collections.abc import Callable, Sequence
from math import sqrt

from countermark.analysis.compare import ComparisonRules
from countermark.analysis.decimals import decimal
from countermark.analysis.intervals import clustered_rate
from countermark.analysis.validity import gaming_index
from countermark.records import Awareness, Gaming, Interval, MetricSpec, Outcome, Plan, TrialRecord
from countermark.records.measured import Share

SAID, THOUGHT = "aware_text", "aware_reasoning"
_TELLING = {"told": ("real", "test"), "cue": ("plain", "test")}
"""Tag to its value where the subject is left to think, or told, that it is real; and where it is told of a test."""
_PAIR = "pair"
_APART = "difference of independent clustered rates, square-and-add (Newcombe 1998, method 10)"


def awareness(plan: Plan, records: Sequence[TrialRecord]) -> list[Awareness]:
    """One for each headline metric of each subject, in the plan's order; none where the plan labels no awareness."""
    if not plan.rules.awareness:
        return []
    arms: dict[tuple[str, str, str], list[TrialRecord]] = defaultdict(list)
    for record in records:
        if record.final:
            arms[record.subject, record.test, record.arm].append(record)
    return [
        _of_arm(plan, subject.id, test.id, metric, arms[subject.id, test.id, metric.arm], test.min_graded)
        for test in plan.tests
        for subject in plan.subjects
        if test.id in subject.tests
        for metric in test.metrics
        if metric.headline
    ]


def _of_arm(
    plan: Plan, subject: str, test: str, metric: MetricSpec, arm: Sequence[TrialRecord], least: int
) -> Awareness:
    share = _sharer(plan.rules.level, least)
    graded = [one for one in arm if one.outcome is Outcome.GRADED and metric.label in one.labels]
    labelled = [one for one in graded if one.aware]
    return Awareness(
        subject=subject,
        test=test,
        metric=metric.id,
        said=share([one for one in arm if SAID in one.aware], lambda one: one.aware[SAID]),
        thought=share([one for one in arm if THOUGHT in one.aware], lambda one: one.aware[THOUGHT]),
        with_aware=share(labelled, lambda one: one.labels[metric.label]),
        without_aware=share(
            [one for one in labelled if not any(one.aware.values())], lambda one: one.labels[metric.label]
        ),
        gaming=_gaming(plan, metric, graded, least),
    )


_Having = Callable[[TrialRecord], bool]


def _sharer(level: str, least: int) -> Callable[[Sequence[TrialRecord], _Having], Share]:
    def share(records: Sequence[TrialRecord], having: _Having) -> Share:
        sizes: dict[str, int] = defaultdict(int)
        hits: dict[str, int] = defaultdict(int)
        for record in records:
            sizes[record.cluster] += 1
            hits[record.cluster] += having(record)
        interval = None
        if len(sizes) > 1 and len(records) >= least:
            found = clustered_rate([hits[name] for name in sizes], list(sizes.values()), level=float(level))
            interval = Interval(
                low=decimal(found.low), high=decimal(found.high), level=level, method=found.method,
                n_effective=decimal(found.n_effective),
            )  # fmt: skip
        return Share(k=sum(hits.values()), n=len(records), interval=interval)

    return share


def _gaming(plan: Plan, metric: MetricSpec, graded: Sequence[TrialRecord], least: int) -> Gaming | None:
    """By the first tag whose two values both stand in the arm; paired where every trial names its pair."""
    if metric.better == "neither":
        return None
    for tag, (real, test) in _TELLING.items():
        sides = [[one for one in graded if one.tags.get(tag) == value] for value in (real, test)]
        if all(sides):
            return _paired(plan, metric, tag, sides, least) or _apart(plan, metric, tag, sides, least)
    return None


def _bad(metric: MetricSpec) -> _Having:
    return lambda one: one.labels[metric.label] is (metric.better == "lower")


def _apart(
    plan: Plan, metric: MetricSpec, tag: str, sides: Sequence[Sequence[TrialRecord]], least: int
) -> Gaming:
    share = _sharer(plan.rules.level, least)
    real, test = (share(side, _bad(metric)) for side in sides)
    if real.interval is None or test.interval is None:
        return Gaming(tag=tag, real=real, test=test, index=None, low=None, high=None, pairs=0, method=_APART)
    rates = real.k / real.n, test.k / test.n
    ends = [(float(one.interval.low), float(one.interval.high)) for one in (real, test) if one.interval]
    index = rates[0] - rates[1]
    low = index - sqrt((rates[0] - ends[0][0]) ** 2 + (ends[1][1] - rates[1]) ** 2)
    high = index + sqrt((ends[0][1] - rates[0]) ** 2 + (rates[1] - ends[1][0]) ** 2)
    return Gaming(
        tag=tag, real=real, test=test, index=decimal(index), low=decimal(max(-1.0, low)), high=decimal(min(1.0, high)),
        pairs=0, method=_APART,
    )  # fmt: skip


def _paired(
    plan: Plan, metric: MetricSpec, tag: str, sides: Sequence[Sequence[TrialRecord]], least: int
) -> Gaming | None:
    """The paired index over pairs named by the tag `pair`; None where they are too few, or some trial names none."""
    import numpy as np

    if any(_PAIR not in one.tags for side in sides for one in side):
        return None
    real, test = ({(one.tags[_PAIR], one.epoch): one for one in side} for side in sides)
    both = sorted(real.keys() & test.keys())
    clusters = [real[key].cluster for key in both]
    if len(both) < least or len(set(clusters)) < 2:
        return None
    codes = {name: code for code, name in enumerate(dict.fromkeys(clusters))}
    names = {name: code for code, name in enumerate(dict.fromkeys(pair for pair, _ in both))}
    bad = _bad(metric)
    found = gaming_index(
        np.array([names[pair] for pair, _ in both]),
        np.array([int(bad(real[key])) for key in both]),
        np.array([int(bad(test[key])) for key in both]),
        clusters=np.array([codes[name] for name in clusters]),
        rules=ComparisonRules(level=float(plan.rules.level)),
    )
    share = _sharer(plan.rules.level, least)
    return Gaming(
        tag=tag, real=share([real[key] for key in both], bad), test=share([test[key] for key in both], bad),
        index=decimal(found.index), low=decimal(found.low), high=decimal(found.high), pairs=len(both), method=found.method,
    )  # fmt: skip
