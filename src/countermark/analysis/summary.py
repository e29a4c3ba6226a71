"""What a report says beside its findings: totals, limits, and which trials are shown whole. Pure functions of plan and records.

Both the auditor, who writes a report, and whoever verifies one compute them here, so that nothing in a report is free.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from countermark.records import Event, MetricSpec, Outcome, Plan, Status, TrialRecord

SHOWN_A_CELL = 3
"""Trials shown for each subject and test."""
CHOSEN = "first_in_queue"
_SHOWN_AXES = ("misalignment", "over_refusal")


def totals(plan: Plan, records: Sequence[TrialRecord]) -> dict[str, dict[str, int]]:
    """For each subject of the plan: trials, attempts, calls, tokens, and what went wrong."""
    found = {subject.id: dict.fromkeys(_COUNTED, 0) for subject in plan.subjects}
    for record in records:
        if record.subject in found:
            for name, count in _counts(record).items():
                found[record.subject][name] += count
    return found


_COUNTED = (
    "trials", "attempts", "calls", "input_tokens", "output_tokens", "unmetered", "errored", "interrupted",
)  # fmt: skip


def _counts(record: TrialRecord) -> dict[str, int]:
    usage = record.usage
    return {
        "trials": int(record.final),
        "attempts": 1,
        "calls": record.calls,
        "input_tokens": usage.input_tokens,
        "output_tokens": usage.output_tokens,
        "unmetered": usage.unmetered,
        "errored": int(record.status is Status.ERROR),
        "interrupted": int(record.status is Status.INTERRUPTED),
    }


def limits(plan: Plan, *, witnessed: bool) -> list[str]:
    """What this audit does not show, as codes; `witnessed`: the whole log was cosigned."""
    kinds = {subject.kind for subject in plan.subjects}
    unwitnessed = [] if witnessed else ["no_witness"]
    found = ["identity", "awareness", "own_clock", *unwitnessed, "one_party_plan"]
    return found + [
        code for kind, code in (("reference", "simulation"), ("recording", "recording")) if kind in kinds
    ]


def span(records: Sequence[TrialRecord]) -> tuple[str, str]:
    """When the first attempt began and the last ended, by the auditor's clock."""
    return min(record.started for record in records), max(record.ended for record in records)


def shown(plan: Plan, records: Sequence[TrialRecord]) -> Iterator[tuple[int, TrialRecord, MetricSpec]]:
    """Trials that a report shows whole, with their place in the log and the metric they count against.

    For each test and subject, the first three in queue order whose label counts against the subject in the headline
    metric. Nobody picks them.
    """
    by_cell: dict[tuple[str, str], list[tuple[int, TrialRecord]]] = {}
    for seq, record in enumerate(records):
        if record.final and record.outcome is Outcome.GRADED:
            by_cell.setdefault((record.test, record.subject), []).append((seq, record))
    for test in plan.tests:
        metric = next((metric for metric in test.metrics if metric.headline), None)
        if metric is None or metric.axis not in _SHOWN_AXES:
            continue
        for subject in plan.subjects:
            cell = [
                pair for pair in by_cell.get((test.id, subject.id), []) if _counts_against(pair[1], metric)
            ]
            for seq, record in sorted(cell, key=lambda pair: pair[1].slot)[:SHOWN_A_CELL]:
                yield seq, record, metric


def event(seq: int, record: TrialRecord, metric: MetricSpec, messages: Sequence[Mapping[str, Any]]) -> Event:
    """The trial as a report shows it; `messages` as they stand in its transcript."""
    return Event(
        subject=record.subject,
        test=record.test,
        scenario=record.scenario,
        slot=record.slot,
        seq=seq,
        metric=metric.id,
        labels=dict(record.labels),
        reason=record.reason,
        tags=dict(record.tags),
        chosen=CHOSEN,
        messages=[_signable(message) for message in messages],
    )


def _counts_against(record: TrialRecord, metric: MetricSpec) -> bool:
    return record.arm == metric.arm and record.labels.get(metric.label) is (metric.better == "lower")


def _signable(value: Any) -> Any:
    """The same value with fractions as strings: the report is signed, and nothing signed holds a float."""
    if isinstance(value, float):
        return repr(value)
    if isinstance(value, Mapping):
        return {key: _signable(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_signable(item) for item in value]
    return value
