"""What a report says beside its findings: totals, limits, and which trials are shown whole. Pure functions of plan and records.

Both the auditor, who writes a report, and whoever verifies one compute them here, so that nothing in a report is free.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from countermark.analysis.excerpt import excerpt
from countermark.analysis.sample import Cell, sampled
from countermark.records import (
    Event,
    MetricSpec,
    Outcome,
    Plan,
    PlannedTest,
    RoleTotal,
    RoleUse,
    Status,
    TrialRecord,
)

SHOWN_A_CELL = 3
"""Trials chosen for each subject and test because they count against the subject."""
SAMPLE, CHOSEN = "random_sample", "first_in_queue"
"""Why a trial is shown."""
_SHOWN_AXES = ("misalignment", "over_refusal")


def totals(plan: Plan, records: Sequence[TrialRecord]) -> dict[str, dict[str, int]]:
    """For each subject of the plan: trials, attempts, calls, tokens, and what went wrong."""
    found = {subject.id: dict.fromkeys(_COUNTED, 0) for subject in plan.subjects}
    for record in records:
        if record.subject in found:
            for name, count in _counts(record).items():
                found[record.subject][name] += count
    return found


def role_totals(plan: Plan, records: Sequence[TrialRecord]) -> list[RoleTotal]:
    """What each role of the plan was asked, in the plan's order: apart from the subjects' totals."""
    uses: dict[str, RoleUse] = {role.role: RoleUse() for role in plan.roles}
    for record in records:
        for name, use in record.roles.items():
            before = uses.get(name, RoleUse())
            uses[name] = RoleUse(calls=before.calls + use.calls, usage=before.usage + use.usage)
    models: dict[str, str] = {role.role: role.model for role in plan.roles}
    return [
        RoleTotal(
            role=name,
            model=models.get(name, ""),
            calls=use.calls,
            input_tokens=use.usage.input_tokens,
            output_tokens=use.usage.output_tokens,
            unmetered=use.usage.unmetered,
        )
        for name, use in uses.items()
    ]


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


def limits(plan: Plan, *, witnessed: bool, hosted: Collection[str] = ()) -> list[str]:
    """What this audit does not show, as codes; `witnessed`: the whole log was cosigned; `hosted`: subjects the auditor ran
    itself from hashed weights.
    """
    named = ["identity"] if {subject.id for subject in plan.subjects} - {*hosted} else []
    bound = ["identity_hosted"] if hosted else []
    kinds = {subject.kind for subject in plan.subjects}
    unwitnessed = [] if witnessed else ["no_witness"]
    one_sided = [] if plan.seed.developers else ["one_party_plan"]
    found = [
        *named,
        *bound,
        "awareness_said" if plan.rules.awareness else "awareness",
        "own_clock",
        *unwitnessed,
        *one_sided,
    ]
    tests = {test.id for test in plan.tests}
    if "system/over_refusal" in tests and "system/jailbreak" not in tests:
        found.append("no_jailbreak")
    return found + [
        code for kind, code in (("reference", "simulation"), ("recording", "recording")) if kind in kinds
    ]


def span(records: Sequence[TrialRecord]) -> tuple[str, str]:
    """When the first attempt began and the last ended, by the auditor's clock."""
    return min(record.started for record in records), max(record.ended for record in records)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A trial that a report shows, with its place in the log, the metric it is shown for, and why it is there."""

    seq: int
    record: TrialRecord
    metric: MetricSpec
    chosen: str
    also: tuple[str, ...] = ()


def shown(plan: Plan, records: Sequence[TrialRecord], sample_key: str) -> list[Shown]:
    """Trials that a report shows with their transcripts, by test and subject. Nobody picks them.

    First the random sample (`analysis.sample`), whatever the trials say. Then the first three in queue order whose label
    counts against the subject in the headline metric; one that is in the sample already is not shown twice.

    Args:
        plan: Says how large the sample is.
        records: Every attempt; only final ones are shown.
        sample_key: From the draw, 64 hexadecimal digits.
    """
    finals: dict[Cell, list[tuple[int, TrialRecord]]] = {}
    for seq, record in enumerate(records):
        if record.final:
            finals.setdefault((record.test, record.subject), []).append((seq, record))
    drawn = sampled(finals, sample_key, plan.rules.sample)
    return [
        one
        for test in plan.tests
        for subject in plan.subjects
        for cell in [(test.id, subject.id)]
        for one in _shown_of(test, finals.get(cell, []), drawn.get(cell, []))
    ]


def event(one: Shown, messages: Sequence[Mapping[str, Any]]) -> Event:
    """The trial as a report shows it; `messages` as they stand in its transcript, cut where they are long."""
    record = one.record
    return Event(
        subject=record.subject,
        test=record.test,
        scenario=record.scenario,
        slot=record.slot,
        seq=one.seq,
        metric=one.metric.id,
        outcome=record.outcome.value,
        labels=dict(record.labels),
        reason=record.reason,
        tags=dict(record.tags),
        chosen=one.chosen,
        also=list(one.also),
        messages=excerpt(messages),
    )


def _shown_of(
    test: PlannedTest, finals: Sequence[tuple[int, TrialRecord]], drawn: Sequence[tuple[int, TrialRecord]]
) -> list[Shown]:
    metric = next((metric for metric in test.metrics if metric.headline), test.metrics[0])
    against = [pair for pair in finals if _counts_against(pair[1], metric)]
    first = sorted(against, key=lambda pair: pair[1].slot)[:SHOWN_A_CELL]
    both = {seq for seq, _ in first} & {seq for seq, _ in drawn}
    return [
        *(
            Shown(seq=seq, record=record, metric=metric, chosen=SAMPLE, also=(CHOSEN,) if seq in both else ())
            for seq, record in drawn
        ),
        *(
            Shown(seq=seq, record=record, metric=metric, chosen=CHOSEN)
            for seq, record in first
            if seq not in both
        ),
    ]


def _counts_against(record: TrialRecord, metric: MetricSpec) -> bool:
    judged = metric.headline and metric.axis in _SHOWN_AXES and record.outcome is Outcome.GRADED
    return (
        judged and record.arm == metric.arm and record.labels.get(metric.label) is (metric.better == "lower")
    )
