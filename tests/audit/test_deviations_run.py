"""Audits that did not go as planned, on real sockets: what went otherwise stands in the report, and verification counts it."""

import itertools
from pathlib import Path

import pytest

from battery_factory import battery_of
from countermark.audit import AuditRequest, Silent, carry_out, finish
from countermark.audit.carry_out import close_as_it_stands
from countermark.audit.finish import read_records
from countermark.cli import run_command
from countermark.evidence import TrustPolicy, load_or_create_key
from countermark.records import Outcome, Report, Status
from countermark.report import render
from countermark.verify import verify
from servers.loopback import ChatRequest, Said
from servers.openai_wire import openai_error, openai_server

SUBJECT = "openai/x"
REFUSAL = "I am sorry, but I cannot help with that request."
BATTERY = battery_of("agentic/guardrail_bypass", "system/instruction_conflict")


@pytest.fixture(autouse=True)
def keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-loopback-secret")


def asked(server: str, **fields: object) -> AuditRequest:
    return AuditRequest.model_validate(
        {
            "subjects": [SUBJECT],
            "battery": BATTERY,
            "seed": "11",
            "limit": 5,
            "base_urls": {"openai": server},
            **fields,
        }
    )


def sealed(audit_dir: Path, home: Path) -> Report:
    """The report, sealed and found to hold."""
    key = load_or_create_key(home)
    report = finish(audit_dir, key, render)
    trust = TrustPolicy(roles={"auditor": frozenset({key.public.fingerprint})})
    verdict = verify(audit_dir, trust=trust, render=render)
    assert verdict.exit_code == 0, verdict.to_json()
    return report


def counts(report: Report) -> dict[str, int]:
    found: dict[str, int] = {}
    for one in report.deviations:
        found[one.code] = found.get(one.code, 0) + one.count
    return found


def test_attempts_that_failed_are_told(tmp_path: Path) -> None:
    count = itertools.count(1)

    def moody(chat: ChatRequest) -> Said:
        return openai_error(500, "busy", headers={"retry-after": "0"}) if next(count) % 7 == 0 else REFUSAL

    key = load_or_create_key(tmp_path / "home")
    with openai_server(moody) as server:
        carry_out(asked(server.base_url, max_attempts=10), tmp_path / "audit", key, Silent())
    report = sealed(tmp_path / "audit", tmp_path / "home")
    failed = [one for one in read_records(tmp_path / "audit") if one.status is Status.ERROR]
    assert counts(report) == {"retried": len(failed)}
    assert failed
    assert {one.subject for one in report.deviations} == {SUBJECT}


def test_trials_that_never_came_off_are_told(tmp_path: Path) -> None:
    with openai_server(openai_error(500, "down", headers={"retry-after": "0"})) as server:
        request = asked(server.base_url, max_attempts=2, limit=2)
        outcomes = carry_out(request, tmp_path / "audit", load_or_create_key(tmp_path / "home"), Silent())
    report = sealed(tmp_path / "audit", tmp_path / "home")
    tried = outcomes.slots - sum(
        one.outcome is Outcome.UNSUPPORTED for one in read_records(tmp_path / "audit")
    )
    assert counts(report) == {"errored": tried, "retried": tried}


def test_a_budget_that_was_reached_is_told_and_so_are_the_auditors_words(tmp_path: Path) -> None:
    key, audit_dir = load_or_create_key(tmp_path / "home"), tmp_path / "audit"
    with openai_server(REFUSAL) as server:
        request = asked(
            server.base_url,
            prices={SUBJECT: "in=1000,out=1000"},
            budget_usd="1",
            connections=1,
            deviations=["The first day was a holiday."],
        )
        outcomes = carry_out(request, audit_dir, key, Silent())
    assert 0 < outcomes.done < outcomes.slots
    close_as_it_stands(audit_dir, key, deviations=["We ran out of money."])
    report = sealed(audit_dir, tmp_path / "home")
    assert counts(report) == {"budget_reached": outcomes.slots - outcomes.done, "declared": 0}
    words = [one.words for one in report.deviations if one.code == "declared"]
    assert words == ["The first day was a holiday.", "We ran out of money."]


def test_an_audit_closed_early_says_so_on_the_command_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    audit_dir = tmp_path / "audit"
    with openai_server(REFUSAL, key="the-right-key") as server:
        outcomes = carry_out(
            asked(server.base_url), audit_dir, load_or_create_key(tmp_path / "home"), Silent()
        )
    code = run_command(
        [
            "resume",
            str(audit_dir),
            "--close",
            "--deviation",
            "The key was refused.",
            "--home",
            str(tmp_path / "home"),
        ]
    )
    assert code == 4
    said = capsys.readouterr().out
    assert "trials not run: the audit was closed early  openai/x" in said
    assert "in the auditor's own words: The key was refused." in said
    final = [one for one in read_records(audit_dir) if one.final]
    assert outcomes.done == sum(one.outcome is Outcome.UNSUPPORTED for one in final) < outcomes.slots


def test_a_witness_that_was_away_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = run_command(
        ["run", "reference/guarded", "--battery", BATTERY, "--limit", "4", "--seed", "07", "--witness", "http://127.0.0.1:9",
         "--out", str(tmp_path / "audit"), "--home", str(tmp_path / "home")]
    )  # fmt: skip
    said = capsys.readouterr().out
    assert code == 0, said
    assert "times a witness did not cosign  1: unreachable" in said
    assert run_command(["verify", str(tmp_path / "audit"), "--home", str(tmp_path / "home")]) == 0


def test_nothing_out_of_plan_is_said_to_be_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = run_command(
        ["run", "reference/guarded", "--battery", BATTERY, "--limit", "4", "--seed", "07",
         "--out", str(tmp_path / "audit"), "--home", str(tmp_path / "home")]
    )  # fmt: skip
    assert code == 0
    assert "Deviations from the plan: none" in capsys.readouterr().out
