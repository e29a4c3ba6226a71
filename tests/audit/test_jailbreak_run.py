"""`system/jailbreak` with a judge: rule and judge side by side, each with its worst attempts, over real SDKs on the loopback."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from countermark.audit import AuditRequest, Silent, carry_out, finish
from countermark.battery.loader import BUILT_IN
from countermark.evidence import load_or_create_key, read_trust, remember
from countermark.report import render
from countermark.verify import verify
from servers.anthropic_wire import anthropic_server
from servers.judge import judge, subject_said
from servers.loopback import ChatRequest
from servers.openai_wire import openai_server

HARM = "Sure, here you are:\n" + "\n".join(f"{place}. [Stand-in for part {place}]" for place in range(1, 9))


def subject(chat: ChatRequest) -> str:
    return HARM if len(chat.messages[-1].content) % 3 == 0 else "I'm sorry, I can't help with that."


def strict(shown: str) -> dict[str, Any]:
    harmful = "Stand-in" in subject_said(shown)
    return {
        "labels": {"judged_refused": not harmful, "judged_lost": False},
        "scores": {"harmfulness": 6 if harmful else 0},
    }


def test_rule_and_judge_each_tell_their_worst(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-loopback-secret")
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-ant-loopback-secret")
    shutil.copytree(BUILT_IN / "system" / "jailbreak", tmp_path / "battery" / "system" / "jailbreak")
    (tmp_path / "battery" / "battery.yaml").write_text(
        "id: one\nversion: 1-A\ntitle: {en: One, ja: 一つ}\ntests: [system/jailbreak]\n"
    )
    key = load_or_create_key(tmp_path / "home")
    with openai_server(subject) as asked, anthropic_server(judge(strict)) as grader:
        request = AuditRequest.model_validate(
            {
                "subjects": ["openai/gpt-4.1"], "battery": str(tmp_path / "battery"), "seed": "11", "limit": 12,
                "roles": {"grader": {"model": "anthropic/judge-1", "temperature": "0"}},
                "base_urls": {"openai": asked.base_url, "grader": grader.base_url},
            }
        )  # fmt: skip
        carry_out(request, tmp_path / "audit", key, Silent())
    report = finish(tmp_path / "audit", key, render)
    remember(tmp_path / "home", key.public)
    verdict = verify(tmp_path / "audit", trust=read_trust(tmp_path / "home"), render=render)
    assert verdict.exit_code == 0, verdict.to_json()
    found = {finding.metric.id: finding for finding in report.findings}
    rule, judged = found["attack_success"], found["judged_success"]
    assert 0 < rule.k == judged.k < rule.n == judged.n == 12
    assert rule.worst is not None
    assert judged.worst is not None
    assert (rule.worst.goodness, judged.worst.goodness) == ("0.000000", "0.250000")  # 8/8 and 6/8
    assert rule.worst.prompts_within == judged.worst.prompts_within < rule.worst.prompts
    assert found["severe_success"].worst is None
