"""The end of an audit: the table for analysts agrees with the records, and estimates bound what was done."""

from pathlib import Path

import pandas as pd

from battery_factory import small_battery
from countermark.audit import AuditRequest, Silent, carry_out, estimate, finish, make_audit
from countermark.audit.finish import read_records
from countermark.evidence import load_or_create_key
from countermark.report import render


def test_the_table_the_records_and_the_report_agree(tmp_path: Path) -> None:
    key = load_or_create_key(tmp_path / "home")
    request = AuditRequest(battery=small_battery(), subjects=["reference/gamer"], seed="07", limit=25)
    carry_out(request, tmp_path / "audit", key, Silent())
    report = finish(tmp_path / "audit", key, render)
    table = pd.read_parquet(tmp_path / "audit" / "trials.parquet")
    records = [record for record in read_records(tmp_path / "audit") if record.final]
    assert len(table) == len(records) == report.totals["reference/gamer"]["trials"]
    for finding in report.findings:
        rows = table[
            (table.test == finding.test) & (table.arm == finding.metric.arm) & (table.outcome == "graded")
        ]
        labels = rows[f"label_{finding.metric.label}"]
        assert (int(labels.sum()), int(labels.notna().sum())) == (finding.k, finding.n)
    assert not list((tmp_path / "audit").rglob("*.tmp"))
    for event in report.events:
        assert event.labels
        assert event.messages


def test_the_bound_of_the_estimate_holds_for_calls() -> None:
    request = AuditRequest(battery=small_battery(), subjects=["reference/guarded"], seed="07", limit=25)
    audit = make_audit(request)
    [estimated] = estimate(audit, request)
    assert estimated.trials == len(audit.slots)
    assert estimated.trials <= estimated.calls <= estimated.calls_at_most


def test_an_unknown_price_is_unknown_and_never_zero() -> None:
    request = AuditRequest(battery=small_battery(), subjects=["openai/made-up"], seed="07", limit=2)
    [estimated] = estimate(make_audit(request), request)
    assert estimated.usd is None
    priced = request.model_copy(update={"prices": {"openai/made-up": "in=1,out=2"}})
    [estimated] = estimate(make_audit(priced), priced)
    assert estimated.usd is not None
    assert 0 < estimated.usd < estimated.usd_at_most  # type: ignore[operator]
