"""Stage 8: every number recomputed from the records and compared with the report, one by one."""

import re
from collections.abc import Iterator, Sequence

from countermark.analysis import (
    ablations,
    awareness,
    coverage,
    environments,
    findings,
    limits,
    role_totals,
    span,
    totals,
)
from countermark.canonical import InvalidJson, decode, encode
from countermark.evidence.directory import REPORT, TRIALS, numbers_digest
from countermark.evidence.identity import hosted_subjects, read_identity
from countermark.files import read_capped
from countermark.records import Finding, Plan, Report, TrialRecord
from countermark.verify import bounded
from countermark.verify.quotations import wrong_events
from countermark.verify.standings import wrong_comparisons, wrong_profiles
from countermark.verify.state import State
from countermark.verify.statements import say_statements, wrong_claims, wrong_deviations
from countermark.verify.verdict import Notes

MAX_REPORT = 256 * 1024 * 1024
_ALSO = {"key", "cosigned", "witnesses"}
_COST = re.compile(r"[0-9]{1,12}\.[0-9]{6}")


def check(state: State, notes: Notes) -> None:
    """Recompute findings, coverage and totals; hold the report's plan, log and quotations against the evidence."""
    assert state.plan is not None
    assert state.draw is not None
    report = state.report = read_report(state, notes)
    if report is None:
        return
    records = [entry.record for entry in state.entries]
    due = findings(state.plan, state.draw, records)
    _check_findings(state, notes, due, report.findings)
    _check_identity(state, notes, report)
    sums = _exact_sums(state, records, due, report)
    if state.unshown:
        sums = bounded.wrong_sums(state, records, report)
        notes.say("deviations and times are not recounted, since records are withheld")
        if report.comparisons is not None:
            notes.partial("comparisons between subjects are not recomputed, since records are withheld")
    _check_tables(state, notes, report, records)
    for fault in [
        *_unknown(report),
        *sums,
        *_wrong_limits(state, report),
        *wrong_claims(state, report.findings if state.unshown else due, report),
        *wrong_profiles(state, report.findings if state.unshown else due, report),
    ]:
        notes.wrong(f"{REPORT}: {fault}")
    for fault in wrong_events(state, report):
        notes.wrong(f"{REPORT}: {fault}")
    say_statements(notes, report)
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
        data = read_capped(state.root / REPORT, max_bytes=MAX_REPORT, name=REPORT)
        decode(data, max_bytes=MAX_REPORT, floats=False)
        report = Report.model_validate_json(data, strict=True)  # "4" is no number, and "yes" no truth value
        if encode(report.model_dump(mode="json", by_alias=True)) != data:
            notes.malformed(f"{REPORT}: is not spelled as this version writes what it says")
        _check_numbers_sealed(state, notes, data)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        notes.malformed(f"{REPORT}: /{'/'.join(str(part) for part in first['loc'])}: {first['msg']}")
    except InvalidJson as error:
        notes.malformed(f"{REPORT}: {error}")
    else:
        return report
    return None


def _check_numbers_sealed(state: State, notes: Notes, data: bytes) -> None:
    """A copy is held against the digest of the numbers that the first seal names: it has to be that of these."""
    assert state.seal is not None
    if state.redaction is None and state.seal.predicate.get("numbers_sha256") != numbers_digest(data):
        notes.wrong(f"{REPORT}: its numbers are not those whose digest the seal names")


def _check_findings(state: State, notes: Notes, due: Sequence[Finding], given: Sequence[Finding]) -> None:
    state.numbers = len(due)
    if len(given) != len(due):
        notes.wrong(f"{REPORT}: holds {len(given)} findings, the plan asks for {len(due)}")
    if state.unshown:
        bounded.check_findings(state, notes, due, given)
        return
    for wanted, found in zip(due, given, strict=False):
        if _canonical(wanted) == _canonical(found):
            state.recomputed += 1
        else:
            notes.wrong(
                f"{REPORT}: {found.subject}, {found.test}, {found.metric.id}: says {_short(found)}, "
                f"recomputed {_short(wanted)}{_where(wanted, found)}"
            )


def _check_tables(state: State, notes: Notes, report: Report, records: Sequence[TrialRecord]) -> None:
    """The exploratory tables, each a function of plan and all records: wrong, or not recomputed where a record is withheld."""
    assert state.plan is not None
    for name, given, compute in (
        ("ablation table is", report.ablations, ablations),
        ("rates by environment are", report.environments, environments),
        ("awareness is", report.awareness, awareness),
    ):
        if not state.unshown:
            if given != compute(state.plan, records):
                notes.wrong(f"{REPORT}: its {name} not what the records give")
        elif given:
            notes.partial(f"{name} not recomputed, since records are withheld")


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
    if report.draw != state.draw:
        notes.wrong(f"{REPORT}: its draw is not draw/draw.json")
    sealed = state.seal.predicate
    if report.evidence.get("key") != state.key.fingerprint:
        notes.stranger(f"{REPORT}: names another key as the auditor's, {report.evidence.get('key')!r}")
    facts: dict[str, object] = {
        "origin": state.origin,
        "size": sealed.get("size"),
        "root": sealed.get("root"),
        "attempts": state.size,
        "slots": state.slots,
    }
    for name, value in facts.items():
        optional = name in ("attempts", "slots") and name not in report.evidence
        if not optional and report.evidence.get(name) != value:
            notes.wrong(f"{REPORT}: evidence/{name} is {report.evidence.get(name)!r}, it should be {value!r}")
    for name in sorted(report.evidence.keys() - facts.keys() - _ALSO):
        notes.wrong(f"{REPORT}: evidence/{name} is nothing that this version writes or checks")


def _unknown(report: Report) -> Iterator[str]:
    """What this version writes nothing of: a field that nobody recomputes could say anything."""
    for name in sorted(report.model_extra or {}):
        yield f"/{name} is no field of a report"
    if any(not isinstance(count, int) or isinstance(count, bool) for count in report.coverage.values()):
        yield "/coverage holds no whole numbers"


def _wrong_totals(plan: Plan, records: Sequence[TrialRecord], report: Report) -> Iterator[str]:
    due = totals(plan, records)
    if set(report.totals) != set(due):
        yield "totals are not those of the plan's subjects"
        return
    for subject, given in report.totals.items():
        counted = {name: value for name, value in given.items() if name != "cost_usd"}
        for name in sorted(counted.keys() | due[subject].keys()):
            if counted.get(name) != due[subject].get(name):
                yield f"totals/{subject}/{name} is {counted.get(name)}, recomputed {due[subject].get(name)}"
        if not _COST.fullmatch(str(given.get("cost_usd", "0.000000"))):
            yield f"totals/{subject}/cost_usd is no amount"


def _exact_sums(
    state: State, records: Sequence[TrialRecord], due: Sequence[Finding], report: Report
) -> Iterator[str]:
    """What follows from all records together: wrong where one of them is missing."""
    assert state.plan is not None
    if dict(report.coverage) != dict(coverage(due)):
        yield f"coverage is {dict(report.coverage)}, recomputed {dict(coverage(due))}"
    yield from _wrong_totals(state.plan, records, report)
    if [one.model_copy(update={"cost_usd": None}) for one in report.roles] != role_totals(
        state.plan, records
    ):
        yield "roles are not the plan's, or their calls and tokens not those of the records"
    if records and (report.started, report.ended) != span(records):
        yield f"started and ended are not those of the records, {span(records)}"
    yield from wrong_deviations(state, records, report)
    yield from wrong_comparisons(state, records, due, report)


def _wrong_limits(state: State, report: Report) -> Iterator[str]:
    assert state.plan is not None
    witnessed = report.evidence.get("cosigned") == state.size
    hosted = hosted_subjects(read_identity(state.root))
    if report.limits != limits(state.plan, witnessed=witnessed, hosted=hosted):
        yield "limits are not those of such an audit"
