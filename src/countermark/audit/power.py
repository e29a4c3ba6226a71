"""What a plan can tell and what it will cost, before anything is asked: each metric's rule, and each subject's trials."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from countermark.analysis.power import Planned, PowerRow, power_table
from countermark.analysis.stopping import ArmKey, rule_of
from countermark.audit.planning import Audit
from countermark.records import Plan, PlannedSubject


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """Trials of one subject: of the whole plan, at most under the rules, and on average if every rate is at the place named.

    An arm takes as long as its slowest metric, and the average of the slowest is over the slowest average: so `about` is a
    lower bound, and near it where one metric of an arm is much slower than the others.
    """

    subject: str
    planned: int
    at_most: int
    about: Mapping[str, int]


def planned_power(audit: Audit) -> list[PowerRow]:
    """One row for each metric of each test that a rule may stop, `test/metric` by name; none in a fixed design."""
    subject = _any_ruled(audit.plan)
    if subject is None:
        return []
    rows = [
        Planned(
            name=f"{test.id} {metric.id}",
            rule=rule,
            scenarios=test.arms[metric.arm] * audit.plan.rules.epochs,
        )
        for test in audit.plan.tests
        for metric in test.metrics
        for rule in [rule_of(audit.plan, subject, test, metric)]
        if rule is not None
    ]
    return power_table(rows)


def expected_trials(audit: Audit, rows: Iterable[PowerRow]) -> list[Expected]:
    """How many trials each subject will take."""
    by_name = {row.name: row for row in rows}
    return [
        _expected(audit.plan, subject, by_name, {key: len(slots) for key, slots in audit.due.items()})
        for subject in audit.plan.subjects
    ]


def _expected(
    plan: Plan, subject: PlannedSubject, rows: Mapping[str, PowerRow], due: Mapping[ArmKey, int]
) -> Expected:
    tests = {test.id: test for test in plan.tests}
    planned = at_most = 0
    about = {"rates at 0": 0.0, "rates at the targets": 0.0, "rates at the limits": 0.0}
    for (name, test, arm), count in due.items():
        if name != subject.id:
            continue
        ruled = [row for metric in tests[test].metrics if metric.arm == arm
                 for row in [rows.get(f"{test} {metric.id}")] if row is not None]  # fmt: skip
        free = subject.kind == "recording" or not ruled
        planned += count
        at_most += count if free else min(count, max(row.worst for row in ruled))
        for place in about:
            about[place] += count if free else min(count, max(_calls(row, place) for row in ruled))
    return Expected(
        subject=subject.id, planned=planned, at_most=at_most, about={k: round(v) for k, v in about.items()}
    )


def _calls(row: PowerRow, place: str) -> float:
    """Average calls of a metric; one without a limit is taken at a rate of 0, and else at its worst, a half."""
    limited = {"rates at 0": "zero", "rates at the targets": "target", "rates at the limits": "limit"}[place]
    plain = "0" if place == "rates at 0" else "0.5"
    return next(at.calls for at in row.at if at.where in (limited, plain))


def _any_ruled(plan: Plan) -> PlannedSubject | None:
    subjects = plan.subjects if plan.rules.stopping is not None else []
    return next((subject for subject in subjects if subject.kind != "recording"), None)
