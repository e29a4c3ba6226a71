"""The end of an audit: table, findings, report, page, seal. Needs the directory alone, no model."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from countermark.analysis import (
    ablations,
    awareness,
    claim_results,
    comparisons,
    coverage,
    deviations,
    environments,
    event,
    findings,
    limits,
    profiles,
    role_totals,
    saving,
    shown,
    span,
    totals,
)
from countermark.audit.budget import price_of
from countermark.audit.directory import held, read_draw, read_plan
from countermark.audit.request import RESUME_FILE, AuditRequest, read_request
from countermark.audit.table import write_table
from countermark.canonical import decode, encode
from countermark.evidence import (
    SigningKey,
    cosigned_sizes,
    from_json,
    log_origin,
    read_cosignatures,
    read_log,
    read_transcript,
    read_witness_keys,
    root_of_log,
    seal,
)
from countermark.evidence.directory import DRAW, RUN
from countermark.evidence.identity import hosted_subjects, read_identity
from countermark.evidence.unwitnessed import read_unwitnessed
from countermark.files import read_capped, write_atomic
from countermark.pack import reasoning_settings, stated_claims
from countermark.records import Draw, Plan, Report, RoleTotal, TrialRecord, Usage

Render = Callable[[Report], dict[str, bytes]]


def finish(audit_dir: Path, key: SigningKey, render: Render) -> Report:
    """Write `trials.parquet`, `report/` and the seal over everything; safe to repeat after a crash in the middle.

    Args:
        audit_dir: An audit whose every slot has its final attempt.
        key: The auditor's.
        render: From report to files of `report/`.
    """
    with held(audit_dir):
        return _finish(audit_dir, key, render)


def _finish(audit_dir: Path, key: SigningKey, render: Render) -> Report:
    plan, draw, request = read_plan(audit_dir), read_draw(audit_dir), read_request(audit_dir)
    records = list(read_records(audit_dir))
    write_table(records, audit_dir / "trials.parquet")
    composed = compose(audit_dir, (plan, draw), request, records, key)
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
    for line in read_log(audit_dir / RUN):
        yield from_json(TrialRecord, line.record)


def compose(
    audit_dir: Path,
    planned: tuple[Plan, Draw],
    request: AuditRequest,
    records: Sequence[TrialRecord],
    key: SigningKey,
) -> Report:
    """The report as a value."""
    plan, draw = planned
    found = findings(plan, draw, records)
    size, root = root_of_log(audit_dir / RUN)
    witnessed, stated = _witnessed(audit_dir), stated_claims(audit_dir / "pack")
    started, ended = span(records)
    return Report(
        plan=plan,
        draw=draw,
        started=started,
        ended=ended,
        evidence={
            "origin": log_origin(plan.audit, read_capped(audit_dir / DRAW)),
            "size": size,
            "root": root,
            "key": key.public.fingerprint,
            **witnessed,
        },
        totals={subject: _priced(subject, due, request) for subject, due in totals(plan, records).items()},
        findings=found,
        coverage=dict(coverage(found)),
        events=[
            event(one, read_transcript(audit_dir / RUN, one.seq)["messages"])
            for one in shown(plan, records, draw.sample_key)
        ],
        limits=limits(
            plan,
            witnessed=witnessed.get("cosigned") == size,
            hosted=hosted_subjects(read_identity(audit_dir)),
        ),
        claims=claim_results(plan, found, stated.claims),
        claims_withheld=stated.withheld,
        deviations=deviations(
            plan, records, unwitnessed=read_unwitnessed(audit_dir), declared=request.deviations
        ),
        profiles=profiles(plan, found),
        saving=saving(plan, found),
        comparisons=comparisons(plan, records, found, reasoning=reasoning_settings(audit_dir / "pack")),
        awareness=awareness(plan, records),
        ablations=ablations(plan, records),
        environments=environments(plan, records),
        roles=[_role_priced(total, request) for total in role_totals(plan, records)],
    )


def _role_priced(total: RoleTotal, request: AuditRequest) -> RoleTotal:
    known = price_of(total.model, request) if not total.unmetered else None
    used = Usage(input_tokens=total.input_tokens, output_tokens=total.output_tokens)
    return total.model_copy(update={"cost_usd": None if known is None else f"{known.of(used):.6f}"})


def _priced(subject: str, counted: dict[str, int], request: AuditRequest) -> dict[str, str | int]:
    """Totals with their cost, where a price is known and every call came back with its tokens."""
    known = price_of(subject, request) if counted["input_tokens"] and not counted["unmetered"] else None
    if known is None:
        return {**counted}
    used = Usage(input_tokens=counted["input_tokens"], output_tokens=counted["output_tokens"])
    return {**counted, "cost_usd": f"{known.of(used):.6f}"}


def _witnessed(audit_dir: Path) -> dict[str, str | int]:
    """The last size that was cosigned and by whom; nothing where no witness did."""
    sizes = cosigned_sizes(audit_dir)
    if not sizes:
        return {}
    found, _ = read_cosignatures(audit_dir, sizes[-1], read_witness_keys(audit_dir))
    return {"cosigned": sizes[-1], "witnesses": " ".join(sorted(one.name for one in found))}
