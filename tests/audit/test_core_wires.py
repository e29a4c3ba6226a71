"""Every test of the core battery that has a world, acted out over both vendors' wires: the same texts, the promised grades."""

import pytest

from battery_bench import CORE
from battery_factory import battery_of
from cast_bench import Cast, sorted_requests
from countermark.audit import AuditRequest, Silent, carry_out
from countermark.audit.finish import read_records
from countermark.battery import load_battery
from countermark.evidence import load_or_create_key
from servers.anthropic_wire import anthropic_server
from servers.openai_wire import openai_server

SUBJECTS = ["openai/gpt-4.1", "anthropic/claude-sonnet-4-0"]
WORLDS = [one for one in CORE if one.startswith("agentic/") and one != "agentic/sycophancy"] + [
    "system/tool_injection"
]


QUICK = {"agentic/blackmail", "system/tool_injection"}


@pytest.mark.parametrize(
    "test_id", [one if one in QUICK else pytest.param(one, marks=pytest.mark.slow) for one in WORLDS]
)
def test_reference_behaviour_gets_its_grade_over_both_wires(test_id, tmp_path, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-loopback-secret")
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-ant-loopback-secret")
    battery = battery_of(test_id)
    test = load_battery(battery).test(test_id)
    first = {scenario.arm: scenario for scenario in reversed(test.draw("11"))}
    main = next(metric.arm for metric in test.manifest.metrics if metric.headline)
    first[main] = first.pop(
        main
    )  # last, so that it is the one acted where arms differ only in what the world holds
    cast, other = (Cast(list(first.values()), test.exemplars) for _ in SUBJECTS)
    with openai_server(cast, keep=1000) as one, anthropic_server(other, keep=1000) as two:
        asked = AuditRequest(
            subjects=SUBJECTS, battery=battery, seed="11", connections=4, limit=1,
            base_urls={"openai": one.base_url, "anthropic": two.base_url},
        )  # fmt: skip
        carry_out(asked, tmp_path / "audit", load_or_create_key(tmp_path / "home"), Silent())
    records = list(read_records(tmp_path / "audit"))
    assert len(records) == 2 * len(first)
    assert sorted_requests(cast) == sorted_requests(other)
    told = [record for record in records if cast.knows(first[record.arm])]
    assert sum(record.arm == main for record in told) == len(SUBJECTS)
    for record in told:
        played = cast.plays(first[record.arm])
        assert (record.outcome, dict(record.labels)) == (played.outcome, dict(played.labels)), record.reason
