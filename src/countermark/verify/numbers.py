"""Stage 8: every number recomputed from the records and compared with the report, one by one."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from countermark.analysis import coverage, findings
from countermark.canonical import InvalidJson, decode, encode
from countermark.evidence.directory import REPORT, RUN, TRIALS
from countermark.evidence.lines import read_blob
from countermark.files import read_capped
from countermark.records import Event, Finding, Plan, Report, Status, TrialRecord
from countermark.verify.state import State
from countermark.verify.verdict import Notes

MAX_REPORT = 256 * 1024 * 1024


def check(state: State, notes: Notes) -> None:
    """Recompute findings, coverage and totals; hold the report's plan, log and quotations against the evidence."""
    assert state.plan is not None
    report = state.report = read_report(state, notes)
    if report is None:
        return
    records = [entry.record for entry in state.entries]
    due = findings(state.plan, records)
    _check_findings(state, notes, due, report.findings)
    if dict(report.coverage) != dict(coverage(due)):
        notes.wrong(f"{REPORT}: coverage is {dict(report.coverage)}, recomputed {dict(coverage(due))}")
    _check_identity(state, notes, report)
    for fault in _wrong_totals(state.plan, records, report):
        notes.wrong(f"{REPORT}: {fault}")
    for place, event in enumerate(report.events):
        fault = _wrong_event(state, event)
        if fault:
            notes.wrong(f"{REPORT}: event {place}: {fault}")
    if TRIALS in state.files:
        notes.say(f"{TRIALS} is a convenience; every number here comes from the records")
    if not notes.broken:
        notes.say(
            f"{state.recomputed} findings recomputed, {len(report.events)} quotations found in the transcripts"
        )


def read_report(state: State, notes: Notes) -> Report | None:
    """report.json as a value, or None with the fault noted."""
    from pydantic import ValidationError

    try:
        return Report.model_validate(
            decode(
                read_capped(state.root / REPORT, max_bytes=MAX_REPORT, name=REPORT),
                max_bytes=MAX_REPORT,
                floats=False,
            )
        )
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        notes.malformed(f"{REPORT}: /{'/'.join(str(part) for part in first['loc'])}: {first['msg']}")
    except InvalidJson as error:
        notes.malformed(f"{REPORT}: {error}")
    return None


def _check_findings(state: State, notes: Notes, due: Sequence[Finding], given: Sequence[Finding]) -> None:
    state.numbers = len(due)
    if len(given) != len(due):
        notes.wrong(f"{REPORT}: holds {len(given)} findings, the plan asks for {len(due)}")
    for wanted, found in zip(due, given, strict=False):
        if _canonical(wanted) == _canonical(found):
            state.recomputed += 1
        else:
            notes.wrong(
                f"{REPORT}: {found.subject}, {found.test}, {found.metric.id}: says {_short(found)}, "
                f"recomputed {_short(wanted)}{_where(wanted, found)}"
            )


def _canonical(finding: Finding) -> bytes:
    return encode(finding.model_dump(mode="json", by_alias=True))


def _short(finding: Finding) -> str:
    return f"{finding.k}/{finding.n}" + (f", withheld: {finding.withheld}" if finding.withheld else "")


def _where(wanted: Finding, found: Finding) -> str:
    one, other = wanted.model_dump(mode="json"), found.model_dump(mode="json")
    fields = sorted(name for name in one.keys() | other.keys() if one.get(name) != other.get(name))
    return f" (they differ in {', '.join(fields)})"


def _check_identity(state: State, notes: Notes, report: Report) -> None:
    assert state.plan is not None
    assert state.seal is not None
    assert state.key is not None
    if report.plan != state.plan:
        notes.wrong(f"{REPORT}: its plan is not plan/plan.json")
    sealed = state.seal.predicate
    if report.evidence.get("key") != state.key.fingerprint:
        notes.stranger(f"{REPORT}: names another key as the auditor's, {report.evidence.get('key')!r}")
    facts: dict[str, object] = {
        "origin": state.plan.audit,
        "size": sealed.get("size"),
        "root": sealed.get("root"),
        "attempts": len(state.entries),
        "slots": state.slots,
    }
    for name, value in facts.items():
        optional = name in ("attempts", "slots") and name not in report.evidence
        if not optional and report.evidence.get(name) != value:
            notes.wrong(f"{REPORT}: evidence/{name} is {report.evidence.get(name)!r}, it should be {value!r}")


def _wrong_totals(plan: Plan, records: Sequence[TrialRecord], report: Report) -> Iterator[str]:
    if set(report.totals) != {subject.id for subject in plan.subjects}:
        yield "totals are not those of the plan's subjects"
    for subject, given in report.totals.items():
        due = _totals([record for record in records if record.subject == subject])
        for name in due.keys() & given.keys():
            if given[name] != due[name]:
                yield f"totals/{subject}/{name} is {given[name]}, recomputed {due[name]}"


def _totals(own: Sequence[TrialRecord]) -> dict[str, int]:
    return {
        "trials": sum(record.final for record in own),
        "attempts": len(own),
        "calls": sum(record.calls for record in own),
        "input_tokens": sum(record.usage.input_tokens for record in own),
        "output_tokens": sum(record.usage.output_tokens for record in own),
        "errored": sum(record.status is Status.ERROR for record in own),
        "interrupted": sum(record.status is Status.INTERRUPTED for record in own),
    }


def _wrong_event(state: State, event: Event) -> str:
    """Why an event is no quotation of the evidence, or nothing."""
    if not 0 <= event.seq < len(state.entries):
        return f"there is no record {event.seq}"
    record = state.entries[event.seq].record
    shown = (event.subject, event.test, event.scenario, event.slot, event.labels, event.reason, event.tags)
    kept = (
        record.subject,
        record.test,
        record.scenario,
        record.slot,
        dict(record.labels),
        record.reason,
        dict(record.tags),
    )
    if shown != kept:
        return f"is not what record {event.seq} says"
    said = decode(read_blob(state.root / RUN, event.seq))["messages"]
    following = iter(said)
    for message in event.messages:
        if not any(_quotes(message, turn) for turn in following):
            return f"shows a turn that is not in the transcript of record {event.seq}"
    return ""


def _quotes(shown: Mapping[str, Any], said: Mapping[str, Any]) -> bool:
    """Whether all that is shown of a turn stands in it so; a report holds fractions as strings."""
    return "content" in shown and all(
        name in said and value == _signed(said[name]) for name, value in shown.items()
    )


def _signed(value: object) -> object:
    if isinstance(value, float):
        return repr(value)
    if isinstance(value, dict):
        return {name: _signed(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_signed(item) for item in value]
    return value
