"""The end of an audit: table, findings, report, page, seal. Needs the directory alone, no model."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from countermark.analysis import coverage, findings
from countermark.audit.budget import cost, price_of
from countermark.audit.directory import EVIDENCE_RUN, read_plan
from countermark.audit.events import choose_events
from countermark.audit.request import RESUME_FILE, AuditRequest, read_request
from countermark.audit.table import write_table
from countermark.canonical import decode, encode
from countermark.evidence import SigningKey, from_json, read_log, root_of_log, seal
from countermark.files import write_atomic
from countermark.records import Plan, Report, Status, TrialRecord

Render = Callable[[Report], dict[str, bytes]]


def finish(audit_dir: Path, key: SigningKey, render: Render) -> Report:
    """Write `trials.parquet`, `report/` and the seal over everything; safe to repeat after a crash in the middle.

    Args:
        audit_dir: An audit whose every slot has its final attempt.
        key: The auditor's.
        render: From report to files of `report/`.
    """
    plan, request = read_plan(audit_dir), read_request(audit_dir)
    records = list(read_records(audit_dir))
    write_table(records, audit_dir / "trials.parquet")
    composed = compose(audit_dir, plan, request, records, key)
    document = encode(composed.model_dump(mode="json", by_alias=True))
    # The page is laid out from what was written, so that anybody can lay it out again byte for byte.
    report = Report.model_validate(decode(document, floats=False))
    write_atomic(audit_dir / "report" / "report.json", document)
    for name, content in render(report).items():
        write_atomic(audit_dir / "report" / name, content)
    # The request goes last: killed anywhere before, `resume` comes here again and seals the same bytes.
    seal(
        audit_dir,
        key,
        {name: report.evidence[name] for name in ("origin", "size", "root")},
        passing=[RESUME_FILE],
    )
    (audit_dir / RESUME_FILE).unlink()
    return report


def read_records(audit_dir: Path) -> Iterator[TrialRecord]:
    """Every attempt in the log, in its order."""
    for line in read_log(audit_dir / EVIDENCE_RUN):
        yield from_json(TrialRecord, line.record)


def compose(
    audit_dir: Path, plan: Plan, request: AuditRequest, records: Sequence[TrialRecord], key: SigningKey
) -> Report:
    """The report as a value."""
    found = findings(plan, records)
    size, root = root_of_log(audit_dir / EVIDENCE_RUN)
    return Report(
        plan=plan,
        started=min(record.started for record in records),
        ended=max(record.ended for record in records),
        evidence={"origin": plan.audit, "size": size, "root": root, "key": key.public.fingerprint},
        totals={subject.id: _totals(subject.id, records, request) for subject in plan.subjects},
        findings=found,
        coverage=dict(coverage(found)),
        events=choose_events(audit_dir, plan, records),
        limits=_limits(plan),
    )


def _totals(subject: str, records: Sequence[TrialRecord], request: AuditRequest) -> dict[str, str | int]:
    own = [record for record in records if record.subject == subject]
    tokens_in = sum(record.usage.input_tokens for record in own)
    tokens_out = sum(record.usage.output_tokens for record in own)
    found: dict[str, str | int] = {
        "trials": sum(record.final for record in own),
        "attempts": len(own),
        "calls": sum(record.calls for record in own),
        "input_tokens": tokens_in,
        "output_tokens": tokens_out,
        "errored": sum(record.status is Status.ERROR for record in own),
        "interrupted": sum(record.status is Status.INTERRUPTED for record in own),
    }
    known = price_of(subject, request) if tokens_in else None
    return found if known is None else {**found, "cost_usd": f"{cost(known, tokens_in, tokens_out):.6f}"}


def _limits(plan: Plan) -> list[str]:
    """What this audit does not show, as codes the page has sentences for."""
    kinds = {subject.kind for subject in plan.subjects}
    limits = ["identity", "awareness", "own_clock", "no_witness", "one_party_plan"]
    limits += ["simulation"] if "reference" in kinds else []
    limits += ["recording"] if "recording" in kinds else []
    return limits
