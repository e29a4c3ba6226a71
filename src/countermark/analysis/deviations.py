"""What did not go as planned, counted from plan and records; and what the auditor declares in words beside it."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from countermark.records import Deviation, Outcome, Plan, Status, TrialRecord

CLOSED = "not run before the audit was closed"
"""Reason of a trial that was left when the auditor closed the audit."""
OVER_BUDGET = "not run: the budget was spent"
"""Reason of a trial that was left because no further trial may begin under the budget."""
DECLARED = "declared"
_WORDS = 200
"""Characters of a witness's name and outcome."""
_REASONS = {CLOSED: "closed_early", OVER_BUDGET: "budget_reached"}
_CODES = (
    "closed_early", "budget_reached", "not_run", "errored", "retried", "interrupted", "extra_attempts", "unwitnessed",
)  # fmt: skip

_Place = tuple[str, str, str, str]
"""Code, subject, test, words."""


def deviations(
    plan: Plan,
    records: Sequence[TrialRecord],
    *,
    unwitnessed: Sequence[Mapping[str, Any]] = (),
    declared: Sequence[str] = (),
) -> list[Deviation]:
    """Every deviation, by code, then in the plan's order of tests and subjects; empty where all went as planned.

    Args:
        plan: What was to be done.
        records: Every attempt.
        unwitnessed: The entries of evidence/run-1/unwitnessed.jsonl: checkpoints that a witness was asked to cosign in vain.
        declared: What the auditor says did not go as planned, in its own words.

    Returns:
        `closed_early`, `budget_reached`, `not_run`: trials never attempted, by reason. `errored`: trials that failed at every
        attempt. `retried`: attempts that failed before the one that counts. `interrupted`: attempts cut off and run
        again. `extra_attempts`: attempts beyond those the plan allows a trial. `unwitnessed`: checkpoints, by witness and outcome.
        `declared`: the auditor's words.
    """
    counts: Counter[_Place] = Counter()
    for place in (*_of_records(records), *_extra(plan, records)):
        counts[place] += 1
    for place in _of_witnesses(unwitnessed):
        counts[place] += 1
    found = [
        Deviation(code=code, subject=subject, test=test, words=words, count=count)
        for (code, subject, test, words), count in sorted(
            counts.items(), key=lambda item: _order(plan, item[0])
        )
    ]
    return [*found, *(Deviation(code=DECLARED, words=words) for words in declared)]


def _of_records(records: Iterable[TrialRecord]) -> Iterator[_Place]:
    for record in records:
        if record.status is Status.INTERRUPTED:
            yield "interrupted", record.subject, record.test, ""
        elif record.status is Status.NOT_RUN:
            code = _REASONS.get(record.reason, "not_run")
            yield code, record.subject, record.test, record.reason if code == "not_run" else ""
        elif record.final and record.outcome is Outcome.ERRORED:
            yield "errored", record.subject, record.test, ""
        elif not record.final:
            yield "retried", record.subject, record.test, ""


def _extra(plan: Plan, records: Iterable[TrialRecord]) -> Iterator[_Place]:
    """Attempts that reached the subject beyond the plan's number; interrupted ones do not count towards it."""
    made: Counter[int] = Counter()
    for record in records:
        if record.status in (Status.INTERRUPTED, Status.NOT_RUN):
            continue
        made[record.slot] += 1
        if made[record.slot] > plan.rules.max_attempts:
            yield "extra_attempts", record.subject, record.test, ""


def _of_witnesses(entries: Iterable[Mapping[str, Any]]) -> Iterator[_Place]:
    for entry in entries:
        yield "unwitnessed", "", "", f"{entry.get('witness', '')}: {entry.get('outcome', '')}"[:_WORDS]


def _order(plan: Plan, place: _Place) -> tuple[int, int, int, str]:
    code, subject, test, words = place
    tests = [one.id for one in plan.tests]
    subjects = [one.id for one in plan.subjects]
    return (
        _CODES.index(code),
        tests.index(test) if test in tests else -1,
        subjects.index(subject) if subject in subjects else -1,
        words,
    )
