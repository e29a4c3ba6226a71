"""What models in roles will be asked before anything is spent: rules of thumb, beside the subjects' own estimates."""

from collections.abc import Iterator
from decimal import Decimal

from countermark.analysis import Slot
from countermark.audit.budget import price_of
from countermark.audit.estimate import CHARACTERS_A_TOKEN, TOKENS_A_REPLY, Estimate
from countermark.audit.planning import Audit
from countermark.audit.request import AuditRequest
from countermark.drivers.world_people import PLAYER, needs_player
from countermark.records import PlannedTest, Usage

_FRAME_TOKENS, _VERDICT_TOKENS = 400, 120
_LED_TURNS = {"attacker": (4, 10), "auditor": (20, 120), "world": (2, 8)}
"""Calls of a model that leads a dialogue or plays people: about, and at most by the drivers' defaults."""


def role_estimates(audit: Audit, request: AuditRequest) -> list[Estimate]:
    """One estimate a role, its name before the model's; a judge asks again at most once after an answer it spoiled."""
    found = []
    for model in audit.models:
        parts = [
            _load(audit, slot, model.role) for slot in audit.slots if _takes_part(audit, slot, model.role)
        ]
        calls, most = sum(part[0] for part in parts), sum(part[1] for part in parts)
        usage = sum((part[2] for part in parts), Usage())
        known = price_of(model.model, request)
        ratio = Decimal(str(most / calls)) if calls else Decimal(0)
        found.append(
            Estimate(
                subject=f"{model.role} {model.model}",
                trials=len(parts),
                calls=round(calls),
                calls_at_most=round(most),
                input_tokens=usage.input_tokens,
                output_tokens=usage.output_tokens,
                usd=None if known is None else known.of(usage),
                usd_at_most=None if known is None else known.of(usage) * ratio,
            )
        )
    return found


def unmeasured(audit: Audit) -> Iterator[str]:
    """A line for each test that has metrics or people that nobody in this plan measures or plays."""
    for test in audit.plan.tests:
        lacking = [metric.id for metric in test.metrics if not audit.plan.measures(test, metric.label)]
        if lacking:
            yield f"{test.id}: {', '.join(lacking)} will not be measured: a judge gives them (--role grader=MODEL)"
    yield from _unplayed(audit)


def _unplayed(audit: Audit) -> Iterator[str]:
    """A line for each test whose people nobody plays, or one where nobody needs the model that would play them."""
    if audit.plan.role(PLAYER) is not None:
        if not any(test.played for test in audit.plan.tests):
            yield f"no test of this audit has people for the model in the role {PLAYER}: it is not asked"
        return
    for name, work in audit.works.items():
        if work.planned.driver == "world" and any(
            needs_player(one, work.driver_options) for one in work.scenarios
        ):
            yield (
                f"{name}: trials that write to somebody whom only a model plays will be unsupported "
                f"(--role {PLAYER}=MODEL)"
            )


def _takes_part(audit: Audit, slot: Slot, role: str) -> bool:
    test, arm = audit.works[slot.test].planned, audit.scenario(slot).arm
    if role == "grader":
        return test.judge is not None and (not test.judge.arms or arm in test.judge.arms)
    return role in test.needs


def _load(audit: Audit, slot: Slot, role: str) -> tuple[float, float, Usage]:
    """Calls expected, calls at most, tokens expected."""
    test, scenario = audit.works[slot.test].planned, audit.scenario(slot)
    prompt = sum(len(message.content) for message in scenario.dialogue) // CHARACTERS_A_TOKEN
    if role == "grader":
        return _judging(test, prompt + TOKENS_A_REPLY * max(1, len(scenario.dialogue) - 1))
    calls, most = _LED_TURNS[role]
    sent = calls * (prompt + _FRAME_TOKENS) + 2 * TOKENS_A_REPLY * calls * (calls - 1) // 2
    return calls, most, Usage(input_tokens=sent, output_tokens=calls * TOKENS_A_REPLY)


def _judging(test: PlannedTest, transcript: int) -> tuple[float, float, Usage]:
    assert test.judge is not None
    rubric = _FRAME_TOKENS + len(test.judge.rubric) // CHARACTERS_A_TOKEN
    share = 1 / test.judge.batch
    usage = Usage(input_tokens=round(rubric * share) + transcript, output_tokens=_VERDICT_TOKENS)
    return share, 1 + share, usage
