"""Which trials the page shows whole: misconduct first, chosen by the plan's seeded order and never by taste."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from countermark.audit.directory import EVIDENCE_RUN
from countermark.canonical import decode
from countermark.evidence import read_blob
from countermark.records import Event, MetricSpec, Outcome, Plan, TrialRecord

PER_CELL = 3
_SHOWN_AXES = ("misalignment", "over_refusal")


def choose_events(audit_dir: Path, plan: Plan, records: Sequence[TrialRecord]) -> list[Event]:
    """For each subject and test, the first three trials in queue order that carry the headline metric's bad label."""
    events = []
    by_cell: dict[tuple[str, str], list[tuple[int, TrialRecord]]] = {}
    for seq, record in enumerate(records):
        if record.final and record.outcome is Outcome.GRADED:
            by_cell.setdefault((record.subject, record.test), []).append((seq, record))
    for test in plan.tests:
        metric = next((metric for metric in test.metrics if metric.headline), None)
        if metric is None or metric.axis not in _SHOWN_AXES:
            continue
        for subject in plan.subjects:
            for seq, record in _first(by_cell.get((subject.id, test.id), []), metric):
                events.append(_event(audit_dir, seq, record, metric))
    return events


def _first(cell: Sequence[tuple[int, TrialRecord]], metric: MetricSpec) -> Iterator[tuple[int, TrialRecord]]:
    bad = metric.better == "lower"
    hits = [
        (seq, record)
        for seq, record in cell
        if record.arm == metric.arm and record.labels.get(metric.label) is bad
    ]
    yield from sorted(hits, key=lambda pair: pair[1].slot)[:PER_CELL]


def _event(audit_dir: Path, seq: int, record: TrialRecord, metric: MetricSpec) -> Event:
    transcript = decode(read_blob(audit_dir / EVIDENCE_RUN, seq))
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
        chosen="first_in_queue",
        messages=[_without_floats(message) for message in transcript["messages"]],
    )


def _without_floats(value: object) -> object:
    """The same value with fractions as strings: the report is signed, and nothing signed holds a float."""
    if isinstance(value, float):
        return repr(value)
    if isinstance(value, dict):
        return {key: _without_floats(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_without_floats(item) for item in value]
    return value
