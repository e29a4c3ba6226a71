"""Part of stage 8 for copies in which records are withheld: numbers recomputed where they can be, else held within bounds."""

from collections import defaultdict
from collections.abc import Iterator, Sequence

from countermark.analysis import bound, coverage, span, totals
from countermark.canonical import encode
from countermark.evidence.directory import REPORT
from countermark.records import Finding, Report, TrialRecord
from countermark.verify.state import State
from countermark.verify.verdict import Notes

_LEAST = [
    "errored",
    "interrupted",
    "trials",
    "attempts",
    "calls",
    "input_tokens",
    "output_tokens",
    "unmetered",
]


def check_findings(state: State, notes: Notes, due: Sequence[Finding], given: Sequence[Finding]) -> None:
    """Each finding is the recomputed one where no withheld record can belong to it; otherwise it is a possible one.

    Args:
        state: With plan and disclosed records.
        notes: Stage 8's.
        due: The findings over the disclosed records alone.
        given: Those of the report, of the same length.
    """
    assert state.plan is not None
    arms: dict[tuple[str, str, str], list[TrialRecord]] = defaultdict(list)
    for entry in state.entries:
        if entry.record.final:
            arms[entry.record.subject, entry.record.test, entry.record.arm].append(entry.record)
    for wanted, found in zip(due, given, strict=False):
        name = f"{REPORT}: {found.subject}, {found.test}, {found.metric.id}"
        if (wanted.subject, wanted.test, wanted.metric) != (found.subject, found.test, found.metric):
            notes.wrong(f"{name}: stands where {wanted.subject}, {wanted.test}, {wanted.metric.id} is due")
            continue
        finals = arms[wanted.subject, wanted.test, wanted.metric.arm]
        stops = wanted.stop is not None or found.stop is not None
        if stops and not state.holes.get((wanted.subject, wanted.test, wanted.metric.arm), 1):
            _compare_stopped(state, notes, name, wanted, found)
            continue
        within = bound(state.plan, finals, found, len(state.unshown))
        if not within.unknown and _plain(wanted) == _plain(found):
            state.recomputed += 1
            continue
        if stops:
            notes.partial(
                f"{name}: neither recomputed nor bounded: trials that were due before its stop are withheld, so nothing "
                f"vouches for {found.k}/{found.n}, its interval or its verdict"
            )
            continue
        fault = within.fault or next(_wrong_outcomes(wanted, found, within.unknown), "")
        if not within.unknown:
            fault = fault or "is not the finding that the disclosed records give"
        if fault:
            notes.wrong(f"{name}: {fault}")
            continue
        state.bounded += 1
        notes.partial(
            f"{name}: not recomputed, bounded: says {found.k}/{found.n}, {within.unknown} of its trials may be among the "
            f"withheld records, so the rate lies from {within.low} to {within.high}"
        )


def _compare_stopped(state: State, notes: Notes, name: str, wanted: Finding, found: Finding) -> None:
    """Every trial up to the stop is disclosed: all but the counts of what came after it must be as recomputed."""
    one, other = (finding.model_copy(update={"outcomes": {}, "spared": 0}) for finding in (wanted, found))
    if _plain(one) == _plain(other):
        state.recomputed += 1
    else:
        notes.wrong(f"{name}: says {found.k}/{found.n}, recomputed {wanted.k}/{wanted.n}")


def wrong_sums(state: State, records: Sequence[TrialRecord], report: Report) -> Iterator[str]:
    """Totals, times and coverage that the disclosed records and the report's own findings do not allow."""
    assert state.plan is not None
    least = totals(state.plan, records)
    if set(report.totals) != set(least):
        yield "totals are not those of the plan's subjects"
        return
    for subject, counted in report.totals.items():
        for name in _LEAST:
            value = counted.get(name)
            if type(value) is not int or value < least[subject][name]:
                yield f"totals/{subject}/{name} is {value}, the disclosed records alone have {least[subject][name]}"
    if sum(int(counted.get("attempts", 0)) for counted in report.totals.values()) != state.size:
        yield f"totals: attempts do not add up to the {state.size} records of the log"
    if dict(report.coverage) != dict(coverage(report.findings)):
        yield "coverage is not that of its findings"
    if records and not (report.started <= span(records)[0] and report.ended >= span(records)[1]):
        yield "started and ended do not cover the disclosed records"


def _wrong_outcomes(wanted: Finding, found: Finding, unknown: int) -> Iterator[str]:
    for name, count in wanted.outcomes.items():
        value = found.outcomes.get(name, 0)
        if not count <= value <= count + unknown:
            yield f"counts {value} trials as {name}, the records allow {count} to {count + unknown}"


def _plain(finding: Finding) -> bytes:
    return encode(finding.model_dump(mode="json", by_alias=True))
