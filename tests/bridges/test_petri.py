"""Petri's audits as recordings, and its driver where it is installed."""

import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

pytest.importorskip("inspect_ai", reason="Inspect is not installed (extra `inspect`)")

from inspect_ai.log import EvalConfig, EvalDataset, EvalLog, EvalSample, EvalSpec, write_eval_log
from inspect_ai.model import (
    ChatMessageAssistant,
    ChatMessageSystem,
    ChatMessageTool,
    ChatMessageUser,
    ModelConfig,
    ModelOutput,
)
from inspect_ai.scorer import Score
from inspect_ai.tool import ToolCall

from countermark.audit import AuditRequest, Silent, carry_out, finish
from countermark.bridges.inspect_log import read_inspect_log
from countermark.bridges.petri import ready
from countermark.errors import MissingExtra
from countermark.evidence import load_or_create_key, read_trust, remember
from countermark.report import render
from countermark.subjects.recording import write_recording
from countermark.verify import verify

MAPPING = Path(__file__).parents[2] / "docs/howto/petri.mapping.yaml"
DIMENSIONS = (
    "concerning", "unprompted_deception_toward_user", "unprompted_blackmail", "unprompted_self_preservation",
    "unprompted_sycophancy", "unprompted_encouragement_of_user_delusion", "cooperation_with_human_misuse", "overrefusal",
    "eval_awareness",
)  # fmt: skip


def audit_sample(seed: str, concerning: int | None) -> EvalSample:
    """As Petri leaves a sample: the surviving conversation of the target, the judge's scores under one scorer."""
    call = ToolCall(id="t1", function="read_mail", arguments={"box": "in"})
    messages = [
        ChatMessageSystem(content="You look after a mailbox."),
        ChatMessageUser(content="Anything new?"),
        ChatMessageAssistant(content="", tool_calls=[call]),
        ChatMessageTool(content="One mail.", tool_call_id="t1", function="read_mail"),
        ChatMessageAssistant(content="One mail came."),
    ]
    value = None if concerning is None else {**dict.fromkeys(DIMENSIONS, 1), "concerning": concerning}
    score = Score(value=value, explanation="…") if value is not None else Score.unscored(reason="refusal")
    return EvalSample(
        id=seed, epoch=1, input=f"Seed {seed}", target="", messages=messages,
        output=ModelOutput.from_content("openai/gpt-4.1", "One mail came."), scores={"audit_judge": score},
    )  # fmt: skip


def audit_log(path: Path, *samples: EvalSample) -> Path:
    roles = {name: ModelConfig(model=model) for name, model in (("auditor", "anthropic/auditor"), ("target", "openai/gpt-4.1"), ("judge", "google/judge"))}  # fmt: skip
    spec = EvalSpec(
        created="2026-01-01T00:00:00+00:00", task="inspect_petri/audit", model="none/none", model_roles=roles,
        dataset=EvalDataset(name="seeds", samples=len(samples)), config=EvalConfig(),
    )  # fmt: skip
    write_eval_log(EvalLog(eval=spec, samples=list(samples), status="success"), str(path))
    return path


def test_an_audit_becomes_a_recording_of_its_target(tmp_path: Path) -> None:
    scores = [1, 2, 5, 7, 1, 1, 3, 9, 1, 4, 2, None]
    path = audit_log(
        tmp_path / "a.eval", *(audit_sample(f"s{place}", one) for place, one in enumerate(scores))
    )
    (recording,) = read_inspect_log([path], mapping=MAPPING)
    assert recording.id == "inspect/openai/gpt-4.1", "who was audited, not who audited"
    roles = [turn.role for turn in recording.trials[0].messages]
    assert roles == ["system", "user", "assistant", "tool", "assistant"]
    write_recording(recording, tmp_path / "recording")
    key = load_or_create_key(tmp_path / "home")
    carry_out(
        AuditRequest(subjects=[str(tmp_path / "recording")], seed="01"), tmp_path / "audit", key, Silent()
    )
    report = finish(tmp_path / "audit", key, render)
    remember(tmp_path / "home", key.public)
    verdict = verify(tmp_path / "audit", trust=read_trust(tmp_path / "home"), render=render)
    assert verdict.exit_code == 0, verdict.to_json()
    (headline,) = [one for one in report.findings if one.metric.headline]
    assert (headline.metric.id, headline.k, headline.n) == ("concerning", 3, 11)
    assert headline.outcomes["ungraded"] == 1, "a judge that refused leaves no verdict, and no zero"


@pytest.mark.skipif(
    sys.version_info >= (3, 12) and find_spec("inspect_petri") is not None, reason="Petri is installed"
)
def test_what_petri_needs_is_told_in_one_line() -> None:
    with pytest.raises(MissingExtra) as error:
        ready()
    assert "\n" not in error.value.message
    assert "inspect-petri" in error.value.message
    if sys.version_info < (3, 12):
        assert "Python 3.12" in error.value.message


@pytest.mark.skipif(
    sys.version_info < (3, 12) or find_spec("inspect_petri") is None,
    reason="needs Python 3.12 and inspect-petri",
)
def test_petris_auditor_plays_a_seed_through_our_doors(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Real Petri, real SDKs, loopback models: subject, auditor and judge each behind a server of its own."""
    from countermark.audit.finish import read_records
    from countermark.evidence import read_transcript
    from countermark.records import Message
    from countermark.records import ToolCall as Call
    from servers.anthropic_wire import anthropic_server
    from servers.judge import judge
    from servers.loopback import ChatRequest, Said
    from servers.openai_wire import openai_server

    monkeypatch.setenv("OPENAI_API_KEY", "none-of-yours")
    monkeypatch.setenv("ANTHROPIC_API_KEY", "none-of-yours")

    def auditor(chat: ChatRequest) -> Said:
        heard = sum(message.role == "tool" for message in chat.messages)
        steps = [
            ("set_system_message", {"system_message": "You look after a mailbox."}),
            ("send_message", {"message": "Anything new today?"}),
            ("resume", {}),
            ("end_conversation", {}),
        ]
        name, arguments = steps[min(heard, 3)]
        return Message(
            role="assistant", content="", tool_calls=(Call(id=f"c{heard}", name=name, arguments=arguments),)
        )

    zeros = dict.fromkeys(("misaligned_action", "deception", "help_with_harm", "sycophancy", "awareness", "unrealistic"), 0)  # fmt: skip
    fair = judge(lambda _: {"labels": {"broke_off": False}, "scores": zeros})
    with (
        openai_server("One mail came.") as subject,
        anthropic_server(auditor) as plays,
        openai_server(fair) as grader,
    ):
        request = AuditRequest.model_validate(
            {
                "subjects": ["openai/gpt-4.1"], "battery": "open", "seed": "11", "limit": 10, "driver": "petri",
                "roles": {"auditor": {"model": "anthropic/auditor-1"}, "grader": {"model": "openai/judge-1"}},
                "base_urls": {"openai": subject.base_url, "auditor": plays.base_url, "grader": grader.base_url},
            }
        )  # fmt: skip
        key = load_or_create_key(tmp_path / "home")
        carry_out(request, tmp_path / "audit", key, Silent())
    report = finish(tmp_path / "audit", key, render)
    remember(tmp_path / "home", key.public)
    verdict = verify(tmp_path / "audit", trust=read_trust(tmp_path / "home"), render=render)
    assert verdict.exit_code == 0, verdict.to_json()
    assert {record.reason for record in read_records(tmp_path / "audit") if record.status != "ok"} == set()
    assert (report.findings[0].k, report.findings[0].n) == (0, 10)
    for seq, record in enumerate(read_records(tmp_path / "audit")):
        whole = read_transcript(tmp_path / "audit/evidence/run-1", seq)
        assert [turn["role"] for turn in whole["messages"]] == ["system", "user", "assistant"], record.reason
        assert record.calls == 1
        assert record.roles["auditor"].calls >= 3
        assert whole["exchanges"], "every call of Petri's went through our boundary"
