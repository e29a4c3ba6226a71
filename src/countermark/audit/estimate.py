"""What a plan will cost before anything is spent: calls, tokens, money; each an expected figure and an upper bound."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal

from countermark.audit.budget import price_of
from countermark.audit.planning import Audit, Work
from countermark.audit.request import AuditRequest
from countermark.records import Scenario, Usage
from countermark.subjects.prices import Price

# Rules of thumb, said as such wherever the figures are shown: English and Japanese prompts average about three
# characters a token; a chat reply about 250 tokens; an agent about half its allowed steps.
CHARACTERS_A_TOKEN = 3
TOKENS_A_REPLY = 250
_TOOLS_TOKENS = 900
_DEFAULT_STEPS = 12
_LED = {"attacker": 6, "auditing": 30, "petri": 30}
"""Drivers whose user side a model leads, to the subject's turns by default."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """Expected and worst-case figures for one subject; `usd` is None where no price is known, 0 where nothing is paid."""

    subject: str
    trials: int
    calls: int
    calls_at_most: int
    input_tokens: int
    output_tokens: int
    usd: Decimal | None
    usd_at_most: Decimal | None


@dataclass(frozen=True, slots=True)
class _Load:
    calls: int = 0
    usage: Usage = field(default_factory=Usage)

    def __add__(self, other: "_Load") -> "_Load":
        return _Load(self.calls + other.calls, self.usage + other.usage)


def estimate(audit: Audit, request: AuditRequest) -> list[Estimate]:
    """One estimate a subject, without retries."""
    return [_subject(audit, request, role.id, paid=role.settings is not None) for role in audit.roles]


def _subject(audit: Audit, request: AuditRequest, subject: str, *, paid: bool) -> Estimate:
    slots = [slot for slot in audit.slots if slot.subject == subject]
    pairs = [(audit.works[slot.test], audit.scenario(slot)) for slot in slots]
    expected = _sum(_load(work, scenario, TOKENS_A_REPLY, half=True) for work, scenario in pairs)
    worst = _sum(_load(work, scenario, request.max_tokens, half=False) for work, scenario in pairs)
    known = price_of(subject, request) if paid else None
    return Estimate(
        subject=subject,
        trials=len(slots),
        calls=expected.calls,
        calls_at_most=worst.calls,
        input_tokens=expected.usage.input_tokens if paid else 0,
        output_tokens=expected.usage.output_tokens if paid else 0,
        usd=_usd(known, expected, paid=paid),
        usd_at_most=_usd(known, worst, paid=paid),
    )


def _usd(known: Price | None, load: _Load, *, paid: bool) -> Decimal | None:
    if not paid:
        return Decimal(0)
    return None if known is None else known.of(load.usage)


def _sum(loads: Iterable[_Load]) -> _Load:
    return sum(loads, _Load())


def _load(work: Work, scenario: Scenario, reply: int, *, half: bool) -> _Load:
    """Every call sends the whole dialogue so far again."""
    turns = [message for message in scenario.dialogue if message.role == "user"]
    steps = int(work.driver_options.get("max_steps", _DEFAULT_STEPS)) if work.planned.driver == "desk" else 0
    if work.planned.driver in _LED:
        steps = int(work.driver_options.get("max_turns", _LED[work.planned.driver]))
    calls = max(1, steps // 2 if half else steps) if steps else max(1, len(turns))
    prompt = sum(len(message.content) for message in scenario.dialogue) // CHARACTERS_A_TOKEN
    per_call = prompt + (_TOOLS_TOKENS if steps else 0)
    sent = calls * per_call + reply * calls * (calls - 1) // 2
    return _Load(calls, Usage(input_tokens=sent, output_tokens=calls * reply))
