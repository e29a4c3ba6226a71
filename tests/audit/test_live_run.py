"""Whole audits of live subjects: the vendors' real SDKs against loopback servers on both wires, faults included."""

import itertools
from collections import Counter
from pathlib import Path

import pytest

from audit_bench import sealed
from battery_factory import battery_of
from countermark.audit import AuditRequest, Silent, carry_out, finish
from countermark.audit.carry_out import close_as_it_stands, resume
from countermark.audit.finish import read_records
from countermark.errors import AuditIncomplete, MissingKey, SubjectRefusedUs, SubjectUnreachable
from countermark.evidence import load_or_create_key, read_blob
from countermark.records import Message, Outcome, Status, ToolCall
from countermark.report import render
from servers.anthropic_wire import anthropic_server
from servers.loopback import ChatRequest, Said
from servers.openai_wire import openai_error, openai_server

BATTERY = battery_of("agentic/guardrail_bypass", "system/instruction_conflict")
"""Tools of a desk, tools that answer always the same, and a role that not every wire has."""


@pytest.fixture(autouse=True)
def keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-loopback-secret")
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-ant-loopback-secret")


def polite(chat: ChatRequest) -> Said:
    """Refuses to talk and escalates with tools: a reply for every test."""
    escalate = next((tool for tool in chat.tools if tool.name == "escalate"), None)
    if escalate is not None and chat.messages[-1].role == "user":
        arguments = {"to": "duty manager", "message": "please decide"}
        return Message(
            role="assistant",
            content="",
            tool_calls=(ToolCall(id="c1", name="escalate", arguments=arguments),),
        )
    return "I am sorry, but I cannot help with that request."


def request(**fields: object) -> AuditRequest:
    return AuditRequest.model_validate(
        {"battery": BATTERY, "seed": "11", "limit": 10, "connections": 8, **fields}
    )


def test_both_vendors_in_one_audit(tmp_path: Path) -> None:
    key = load_or_create_key(tmp_path / "home")
    with openai_server(polite) as one, anthropic_server(polite) as other:
        asked = request(
            subjects=["openai/gpt-4.1", "anthropic/claude-sonnet-4-0"],
            base_urls={"openai": one.base_url, "anthropic": other.base_url},
        )
        outcomes = carry_out(asked, tmp_path / "audit", key, Silent())
        assert outcomes.done == outcomes.slots > 100
        assert one.requests == other.requests > 60
        assert one.most_in_flight <= 8
    sealed(tmp_path / "audit", tmp_path / "home")
    records = list(read_records(tmp_path / "audit"))
    by_wire = {
        subject: {
            (r.scenario, r.outcome, tuple(sorted(r.labels.items()))) for r in records if r.subject == subject
        }
        for subject in asked.subjects
    }
    assert by_wire["openai/gpt-4.1"] == by_wire["anthropic/claude-sonnet-4-0"], (
        "the wire must not change a grade"
    )
    sent = [record for record in records if record.outcome is not Outcome.UNSUPPORTED]
    assert all(record.usage.input_tokens > 0 and record.request_ids for record in sent)
    assert all(record.arm == "developer" and not record.calls for record in records if record not in sent)
    everything = b"".join(path.read_bytes() for path in (tmp_path / "audit").rglob("*") if path.is_file())
    assert b"loopback-secret" not in everything


def test_every_failed_attempt_is_a_leaf(tmp_path: Path) -> None:
    """Every seventh request is refused with 429 or 500: retried as further attempts, graded in the end."""
    count = itertools.count(1)

    def moody(chat: ChatRequest) -> Said:
        number = next(count)
        if number % 7 == 0:
            return openai_error(429 if number % 2 else 500, "busy", headers={"retry-after": "0"})
        return polite(chat)

    key = load_or_create_key(tmp_path / "home")
    with openai_server(moody) as server:
        asked = request(
            subjects=["openai/gpt-4.1"], base_urls={"openai": server.base_url}, max_attempts=10, limit=5
        )
        carry_out(asked, tmp_path / "audit", key, Silent())
        assert server.requests == sum(record.calls for record in read_records(tmp_path / "audit"))
    sealed(tmp_path / "audit", tmp_path / "home")
    records = list(read_records(tmp_path / "audit"))
    failed = [record for record in records if record.status is Status.ERROR]
    assert failed
    assert all(
        record.outcome is Outcome.ERRORED and not record.labels and not record.final for record in failed
    )
    assert Counter(record.outcome for record in records if record.final)[Outcome.ERRORED] == 0
    blob = read_blob(tmp_path / "audit" / "evidence" / "run-1", records.index(failed[0]))
    assert b"loopback-secret" not in blob
    assert b"busy" in blob, "the bytes of a failed call are evidence too"


def test_what_always_fails_is_errored_never_a_pass(tmp_path: Path) -> None:
    with openai_server(openai_error(500, "down", headers={"retry-after": "0"})) as server:
        asked = request(subjects=["openai/x"], base_urls={"openai": server.base_url}, max_attempts=2)
        carry_out(asked, tmp_path / "audit", load_or_create_key(tmp_path / "home"), Silent())
    report = finish(tmp_path / "audit", load_or_create_key(tmp_path / "home"), render)
    assert all(finding.rate is None and finding.withheld for finding in report.findings)
    for finding in report.findings:
        outcome = "unsupported" if finding.metric.arm == "developer" else "errored"
        assert finding.outcomes[outcome] == sum(finding.outcomes.values())


def test_a_rejected_key_stops_the_subject_and_resumes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key, audit_dir = load_or_create_key(tmp_path / "home"), tmp_path / "audit"
    with openai_server(polite, key="the-right-key") as server:
        asked = request(subjects=["openai/x"], base_urls={"openai": server.base_url}, limit=5)
        outcomes = carry_out(asked, audit_dir, key, Silent())
        with pytest.raises(SubjectRefusedUs, match="key"):
            outcomes.raise_if_incomplete(audit_dir)
        assert server.requests <= 8, "no worker goes on after the key was rejected"
        monkeypatch.setenv("OPENAI_API_KEY", "the-right-key")
        outcomes = resume(audit_dir, key, Silent())
        assert outcomes.done == outcomes.slots
    sealed(audit_dir, tmp_path / "home")


def test_the_budget_is_kept_and_the_rest_sealed_as_not_run(tmp_path: Path) -> None:
    key, audit_dir = load_or_create_key(tmp_path / "home"), tmp_path / "audit"
    with openai_server(polite) as server:
        asked = request(
            subjects=["openai/x"],
            base_urls={"openai": server.base_url},
            prices={"openai/x": "in=1000,out=1000"},
            budget_usd="2",
            connections=1,
        )
        outcomes = carry_out(asked, audit_dir, key, Silent())
    assert outcomes.over_budget
    assert 0 < outcomes.done < outcomes.slots
    with pytest.raises(AuditIncomplete, match="budget"):
        outcomes.raise_if_incomplete(audit_dir)
    close_as_it_stands(audit_dir, key)
    sealed(audit_dir, tmp_path / "home")
    finals = [record for record in read_records(audit_dir) if record.final]
    assert sum(record.outcome is Outcome.NOT_RUN for record in finals) == outcomes.slots - outcomes.done


def test_nothing_is_written_where_nothing_can_begin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    key = load_or_create_key(tmp_path / "home")
    with pytest.raises(SubjectUnreachable):
        carry_out(
            request(subjects=["openai/x"], base_urls={"openai": "http://127.0.0.1:9/v1"}),
            tmp_path / "audit",
            key,
            Silent(),
        )
    monkeypatch.delenv("OPENAI_API_KEY")
    with pytest.raises(MissingKey):
        carry_out(request(subjects=["openai/x"]), tmp_path / "audit", key, Silent())
    assert not (tmp_path / "audit").exists()
