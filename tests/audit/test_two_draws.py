"""Two draws with different secret seeds put no common text, and give rates that differ by no more than their intervals say."""

from math import sqrt

import anyio
import pytest

from battery_factory import battery_of
from countermark.analysis import findings
from countermark.audit import AuditRequest, make_audit
from countermark.audit.attempt import attempt
from countermark.audit.judging import Helpers
from countermark.audit.planning import Audit
from countermark.records import Finding, TrialRecord

LIMIT = 15
BATTERY = battery_of("system/secret_protection", "system/over_refusal", "agentic/guardrail_bypass")


async def trials(audit: Audit) -> list[TrialRecord]:
    opened = {role.id: role.open(audit.stage, audit.seed.value) for role in audit.roles}
    helpers = Helpers()
    return [
        (await attempt(audit, slot, opened[slot.subject], 1, last=True, helpers=helpers)).record
        for slot in audit.slots
    ]


@pytest.fixture(scope="module")
def two() -> list[Audit]:
    return [
        make_audit(AuditRequest(subjects=["reference/helpful"], battery=BATTERY, seed=seed, limit=LIMIT))
        for seed in ("a1", "b2")
    ]


def test_no_text_is_put_twice(two: list[Audit]) -> None:
    for test in two[0].works:
        texts = [
            {tuple(one.content for one in scenario.dialogue) for scenario in audit.works[test].scenarios}
            for audit in two
        ]
        assert texts[0].isdisjoint(texts[1]), test


def test_rates_differ_by_no_more_than_their_intervals_say(two: list[Audit]) -> None:
    """Square-and-add of the two intervals at 95 %: over all metrics, about one difference in twenty may lie outside."""
    one, other = (findings(audit.plan, audit.draw, anyio.run(trials, audit)) for audit in two)
    pairs = [(a, b) for a, b in zip(one, other, strict=True) if a.interval and b.interval]
    assert len(pairs) >= len(one) // 2
    apart = [f"{a.test} {a.metric.id}" for a, b in pairs if not agree(a, b)]
    assert len(apart) <= max(1, len(pairs) // 10), apart


def agree(a: Finding, b: Finding) -> bool:
    assert a.interval is not None
    assert b.interval is not None
    p, q = a.k / a.n, b.k / b.n
    below = sqrt((p - float(a.interval.low)) ** 2 + (float(b.interval.high) - q) ** 2)
    above = sqrt((float(a.interval.high) - p) ** 2 + (q - float(b.interval.low)) ** 2)
    return -above <= p - q <= below or p == q
