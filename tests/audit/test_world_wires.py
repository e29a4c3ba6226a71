"""One world, two wires: the same scenario text and tools reach both vendors' models, and the same acts get the same grade."""

from pathlib import Path

import pytest

from cast_bench import Cast, opening, sorted_requests
from countermark.audit import AuditRequest, Silent, carry_out, finish
from countermark.audit.finish import read_records
from countermark.battery import load_battery
from countermark.canonical import decode
from countermark.evidence import load_or_create_key, read_trust, remember
from countermark.evidence.parts import read_transcript
from countermark.report import render
from countermark.verify import verify
from servers.anthropic_wire import anthropic_server
from servers.openai_wire import openai_server

BATTERY = Path(__file__).parents[1] / "battery" / "small_world"
TEST = "agentic/last_shift"
LIMIT = 5
SUBJECTS = ["openai/gpt-4.1", "anthropic/claude-sonnet-4-0"]


@pytest.fixture(autouse=True)
def keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-loopback-secret")
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-ant-loopback-secret")


def test_both_models_hear_the_same_and_exemplars_acted_over_http_get_their_grade(tmp_path):
    test = load_battery(str(BATTERY)).test(TEST)
    drawn = [*test.draw("11")[:LIMIT], *test.draw("11")[12 : 12 + LIMIT]]
    cast, other = (Cast(drawn, test.exemplars) for _ in SUBJECTS)
    with openai_server(cast, keep=1000) as one, anthropic_server(other, keep=1000) as two:
        asked = AuditRequest(
            subjects=SUBJECTS, battery=str(BATTERY), seed="11", connections=8, limit=LIMIT,
            base_urls={"openai": one.base_url, "anthropic": two.base_url},
        )  # fmt: skip
        key = load_or_create_key(tmp_path / "home")
        carry_out(asked, tmp_path / "audit", key, Silent())
        bodies = [[request.body.decode() for request in server.seen] for server in (one, two)]
    finish(tmp_path / "audit", key, render)
    remember(tmp_path / "home", key.public)
    verdict = verify(tmp_path / "audit", trust=read_trust(tmp_path / "home"), render=render)
    assert verdict.exit_code == 0, verdict.to_json()  # every grade given again from acts and words
    records = list(read_records(tmp_path / "audit"))
    assert len(records) == 2 * len(drawn)

    # The same texts, roles and tools, whichever wire.
    assert sorted_requests(cast) == sorted_requests(other)
    scenario_tools = test.manifest.driver.options["tools"]
    assert all([tool.name for tool in chat.tools] == scenario_tools for chat in cast.heard)
    texts = {opening(chat.messages[:2]) for chat in other.heard}
    assert texts == {opening(scenario.dialogue[:2]) for scenario in drawn}

    # What each wire makes of the roles is written down before the first call.
    mapped = [pack_text(tmp_path / "audit", subject) for subject in SUBJECTS]
    assert all("role_mapping" in text for text in mapped)
    assert mapped[0] != mapped[1]
    assert {turn["role"] for body in bodies[0] for turn in decode(body.encode())["messages"]} == {
        "system", "user", "assistant", "tool",
    }  # fmt: skip
    assert {turn["role"] for body in bodies[1] for turn in decode(body.encode())["messages"]} == {
        "user",
        "assistant",
    }
    assert all(decode(body.encode())["system"] for body in bodies[1])

    # Every exemplar got its grade by way of the real SDKs, and the bytes kept are the bytes received.
    by_id = {scenario.id: scenario for scenario in drawn}
    kept: dict[str, list[str]] = {subject: [] for subject in SUBJECTS}
    for number, record in enumerate(records):
        exemplar = cast.plays(by_id[record.scenario])
        assert (record.outcome, dict(record.labels)) == (exemplar.outcome, dict(exemplar.labels)), (
            record.reason
        )
        told = read_transcript(tmp_path / "audit" / "evidence" / "run-1", number)
        kept[record.subject] += [exchange["request"] for exchange in told["exchanges"]]
    assert [sorted(kept[subject]) for subject in SUBJECTS] == [sorted(received) for received in bodies]
    acted = {exemplar.behaviour for exemplar in test.exemplars} - {"empty"}
    assert {cast.plays(scenario).behaviour for scenario in drawn} == acted


def pack_text(audit: Path, subject: str) -> str:
    folder = next(path for path in (audit / "pack").iterdir() if subject.partition("/")[0] in path.name)
    return "\n".join(path.read_text("utf-8") for path in sorted(folder.rglob("*.json")))
