"""Subjects held against each other: every pair of one kind, on every metric of every test both took, paired by scenario.

Comparable or not at all. What is compared are the trials that count for both subjects' findings: queue and stopping rules
fix them, so auditor and verifier find the same ones. How: docs/reference/statistics/compare.md.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

from countermark.analysis.compare import Comparison, ComparisonRules, compare_subjects
from countermark.analysis.compare_many import benjamini_hochberg, holm
from countermark.analysis.decimals import decimal
from countermark.analysis.grouping import final_graded
from countermark.analysis.standings import fronts, rankings
from countermark.records import (
    Compared,
    Comparisons,
    Finding,
    MetricSpec,
    Plan,
    PlannedSubject,
    PlannedTest,
    TrialRecord,
    Unlike,
)

if TYPE_CHECKING:
    from countermark.analysis.grouping import IntArray

HOLM, BH = "holm", "benjamini-hochberg"
MOST_SUBJECTS = 60
"""Subjects of a kind that are compared, the plan's first; a stranger's plan could name any number."""
_NONE = -1
"""In place of a label: the trial has none, or does not count for the finding."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One subject's trials of one test: arrays of one length, a row for each (scenario, epoch) that anybody was graded on."""

    labels: "Mapping[str, IntArray]"
    """Metric to 0, 1 or -1."""
    graders: frozenset[str]
    findings: Mapping[str, Finding]


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """One test: its rows' scenarios and clusters as whole numbers, and each subject's side."""

    test: PlannedTest
    scenarios: "IntArray"
    clusters: "IntArray"
    sides: Mapping[str, Side]
    roles: Mapping[str, str]
    """Role that has a part in the test to the model in it: one that is a subject too judged or attacked itself."""

    def pairs(self, metric: str, *subjects: str) -> "IntArray":
        """Rows that count for every one of the subjects' findings."""
        import numpy as np

        both = np.ones(self.scenarios.size, dtype=bool)
        for subject in subjects:
            both &= self.labels(subject, metric) != _NONE
        return np.flatnonzero(both)

    def labels(self, subject: str, metric: str) -> "IntArray":
        """A subject's labels, a row each: 0, 1, or -1 for none that counts."""
        return self.sides[subject].labels[metric]


def comparisons(
    plan: Plan,
    records: Sequence[TrialRecord],
    found: Sequence[Finding],
    *,
    reasoning: Mapping[str, str] | None = None,
) -> Comparisons | None:
    """Every comparison of the audit; None where no two subjects are of one kind.

    Simulations are compared among themselves, models among themselves, recordings among themselves, each kind with a
    family of its own: its headline metrics x pairs, adjusted by Holm, and all its other comparisons, by
    Benjamini and Hochberg. Equivalence against the planned margin is adjusted likewise.

    Args:
        plan: Subjects, tests, level, margin and power.
        records: Every attempt; final graded ones count, as far as they count for the findings.
        found: The findings.
        reasoning: Subject to its reasoning setting; one that is not named has the default.
    """
    every = _kinds(plan)
    if not every:
        return None
    kinds = {kind: subjects[:MOST_SUBJECTS] for kind, subjects in every.items()}
    tables = _tables(plan, records, found)
    rows: list[Compared] = []
    for subjects in kinds.values():
        for headline in (True, False):
            rows += _family(plan, tables, subjects, headline, reasoning or {})
    comparing = plan.rules.comparing
    return Comparisons(
        level=plan.rules.level,
        power=comparing.power,
        margin=comparing.margin,
        headline=HOLM,
        exploratory=BH,
        interval="paired t, two pseudo-units",
        after_stopping=plan.rules.stopping is not None and any(kind != "recording" for kind in kinds),
        left_out=[subject.id for subjects in every.values() for subject in subjects[MOST_SUBJECTS:]],
        rows=rows,
        rankings=rankings(plan, kinds, rows),
        fronts=fronts(plan, kinds, tables),
    )


def _kinds(plan: Plan) -> dict[str, list[PlannedSubject]]:
    """Kind to its subjects, where there are two or more."""
    kinds: dict[str, list[PlannedSubject]] = defaultdict(list)
    for subject in plan.subjects:
        kinds[subject.kind].append(subject)
    return {kind: subjects for kind, subjects in kinds.items() if len(subjects) > 1}


def _tables(plan: Plan, records: Sequence[TrialRecord], found: Sequence[Finding]) -> dict[str, Table]:
    graded = final_graded(records, lambda record: record.test)
    tables = {}
    for test in plan.tests:
        held: dict[str, str] = {
            role.role: role.model for role in plan.roles if role.role == "grader" or role.role in test.needs
        }
        tables[test.id] = _table(test, graded.get(test.id, []), found, held)
    return tables


def _table(
    test: PlannedTest, records: Sequence[TrialRecord], found: Sequence[Finding], roles: Mapping[str, str]
) -> Table:
    """From the test's final graded records."""
    import numpy as np

    rows: dict[tuple[str, int], int] = {}
    scenarios: dict[str, tuple[int, int]] = {}
    clusters: dict[str, int] = {}
    codes: list[tuple[int, int]] = []
    graded: dict[str, list[tuple[int, TrialRecord]]] = defaultdict(list)
    for record in records:
        row = rows.setdefault((record.scenario, record.epoch), len(rows))
        if row == len(codes):
            if record.scenario not in scenarios:
                cluster = clusters.setdefault(record.cluster, len(clusters))
                scenarios[record.scenario] = len(scenarios), cluster
            codes.append(scenarios[record.scenario])
        graded[record.subject].append((row, record))
    own = [finding for finding in found if finding.test == test.id]
    sides = {
        subject: _side(graded[subject], [one for one in own if one.subject == subject], len(rows))
        for subject in dict.fromkeys(finding.subject for finding in own)
    }
    coded = np.array(codes, dtype=np.int64).reshape(-1, 2)
    return Table(test=test, scenarios=coded[:, 0], clusters=coded[:, 1], sides=sides, roles=roles)


def _side(graded: list[tuple[int, TrialRecord]], found: Sequence[Finding], rows: int) -> Side:
    graded.sort(key=lambda pair: pair[1].slot)
    return Side(
        labels={finding.metric.id: _labels(graded, finding, rows) for finding in found},
        graders=frozenset(record.grader for _, record in graded),
        findings={finding.metric.id: finding for finding in found},
    )


def _labels(graded: Sequence[tuple[int, TrialRecord]], finding: Finding, rows: int) -> "IntArray":
    """The labels of the finding's own trials: the first `n` in queue order that have one."""
    import numpy as np

    labels = np.full(rows, _NONE, dtype=np.int64)
    arm, label = finding.metric.arm, finding.metric.label
    having = [(row, one.labels[label]) for row, one in graded if one.arm == arm and label in one.labels]
    for row, carried in having[: finding.n]:
        labels[row] = carried
    return labels


@dataclass(frozen=True, slots=True, kw_only=True)
class _Cell:
    """One pair on one metric, and why it cannot be compared, if so."""

    table: Table
    metric: MetricSpec
    a: str
    b: str
    reasons: list[Unlike]

    def compare(self, rules: ComparisonRules) -> Comparison:
        rows = self.table.pairs(self.metric.id, self.a, self.b)
        one, other = (self.table.labels(name, self.metric.id)[rows] for name in (self.a, self.b))
        return compare_subjects(
            self.table.scenarios[rows], one, other, clusters=self.table.clusters[rows], rules=rules
        )


def _family(
    plan: Plan,
    tables: Mapping[str, Table],
    subjects: Sequence[PlannedSubject],
    headline: bool,
    reasoning: Mapping[str, str],
) -> list[Compared]:
    """One family of one kind: headline metrics, or all others."""
    cells = [
        _cell(tables[test.id], metric, (one.id, other.id), reasoning)
        for test in plan.tests
        for metric in test.metrics
        if metric.headline is headline
        for one, other in combinations(subjects, 2)
        if test.id in one.tests and test.id in other.tests
    ]
    comparing = plan.rules.comparing
    rules = ComparisonRules(
        level=float(plan.rules.level),
        margin=None if comparing.margin is None else float(comparing.margin),
        power=float(comparing.power),
    )
    compared = [None if cell.reasons else cell.compare(rules) for cell in cells]
    done = [one for one in compared if one is not None]
    adjust = holm if headline else benjamini_hochberg
    adjusted = iter(adjust([one.p for one in done]).tolist() if done else [])
    equal = iter(adjust([one.p_equivalence or 0.0 for one in done]).tolist() if done else [])
    size = max(1, len(done))
    return [
        _unlike(cell, exploratory=not headline)
        if one is None
        else _row(
            cell, one, (next(adjusted), next(equal)), _Family(rules=rules, size=size, headline=headline)
        )
        for cell, one in zip(cells, compared, strict=True)
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Family:
    rules: ComparisonRules
    size: int
    headline: bool

    @property
    def strict(self) -> ComparisonRules:
        """Rules at the level that every one of the family's tests passes at, whatever the others say (Bonferroni)."""
        level = 1 - (1 - self.rules.level) / self.size
        return ComparisonRules(level=level, power=self.rules.power)


def _cell(table: Table, metric: MetricSpec, pair: tuple[str, str], reasoning: Mapping[str, str]) -> _Cell:
    return _Cell(
        table=table,
        metric=metric,
        a=pair[0],
        b=pair[1],
        reasons=_reasons(table, metric, pair, reasoning),
    )


def _reasons(
    table: Table, metric: MetricSpec, pair: tuple[str, str], reasoning: Mapping[str, str]
) -> list[Unlike]:
    """Everything that keeps two numbers from standing side by side. Item set, version and attempts are the plan's, for all."""
    a, b = (table.sides[name] for name in pair)
    settings = [reasoning.get(name, "default") for name in pair]
    graders = [" ".join(sorted(side.graders)) for side in (a, b)]
    found = []
    if settings[0] != settings[1]:
        found.append(Unlike(code="reasoning", a=settings[0], b=settings[1]))
    for role, model in table.roles.items():
        if model in pair and (
            role != "grader" or (table.test.judge and metric.label in table.test.judge.gives)
        ):
            found.append(Unlike(code="own_role", a=model, b=role))
    held = [side.findings[metric.id].withheld or "" for side in (a, b)]
    if any(held):
        return [*found, Unlike(code="withheld", a=held[0], b=held[1])]
    if graders[0] != graders[1]:
        found.append(Unlike(code="grader", a=graders[0], b=graders[1]))
    rows = table.pairs(metric.id, *pair)
    if rows.size < table.test.min_graded:
        found.append(Unlike(code="pairs", a=str(rows.size), b=str(table.test.min_graded)))
    elif len(set(table.clusters[rows].tolist())) < 2:
        found.append(Unlike(code="one_source"))
    return found


def _unlike(cell: _Cell, *, exploratory: bool) -> Compared:
    return Compared(
        a=cell.a, b=cell.b, test=cell.table.test.id, metric=cell.metric.id, exploratory=exploratory,
        verdict="not_comparable", reasons=cell.reasons,
    )  # fmt: skip


def _row(cell: _Cell, found: Comparison, adjusted: tuple[float, float], family: _Family) -> Compared:
    """The verdict is the adjusted test's; the interval is at the plan's level for itself."""
    alpha = 1 - family.rules.level
    planned = family.rules.margin is not None
    verdict, detectable = "no_difference_found", None
    if adjusted[0] <= alpha:
        verdict = "difference"
    elif planned and adjusted[1] <= alpha:
        verdict = "equivalent"
    else:
        detectable = cell.compare(family.strict).smallest_detectable
    return Compared.model_validate(
        {
            "a": cell.a, "b": cell.b, "test": cell.table.test.id, "metric": cell.metric.id,
            "exploratory": not family.headline, "verdict": verdict,
            "rate_a": decimal(found.rate_a), "rate_b": decimal(found.rate_b),
            "difference": decimal(found.difference), "low": decimal(found.low), "high": decimal(found.high),
            "p": decimal(found.p), "p_adjusted": decimal(adjusted[0]),
            "p_equivalence": decimal(adjusted[1]) if planned else None,
            "method": found.test, "pairs": found.trials, "units": found.units,
            "only_a": found.only_a, "only_b": found.only_b,
            "detectable": None if detectable is None else decimal(detectable),
        }
    )  # fmt: skip
