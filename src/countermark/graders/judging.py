"""Asking a judge about transcripts. Its answers are kept as exchanges; what they say is for `judged` to read.

Whatever goes wrong with a call is an outcome: it is tried again, and in the end the labels are not measured. Only a key or a model's
name that the provider rejects is raised, since no further call can succeed.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import anyio

from countermark.errors import CallFailed, Unsupported
from countermark.graders.judge_prompt import Block, block_of, system_text, user_text
from countermark.graders.judged import GRADER, Unreadable, read_verdict, said
from countermark.records import (
    Exchange,
    Message,
    PlannedJudge,
    Request,
    Subject,
    Transcript,
    TrialKey,
    as_exchange,
    failed_exchange,
)

TRIES = 3
_BACKOFF_S, _LONGEST_S = 0.5, 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A transcript to be judged, and whose it is: the id goes into the masking and nowhere else."""

    transcript: Transcript
    subject: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """One request until it was answered or given up: its exchanges, the last of which holds the answer if there is one."""

    exchanges: list[Exchange] = field(default_factory=list)
    answered: bool


async def ask(model: Subject, judge: PlannedJudge, cases: Sequence[Case]) -> list[tuple[Exchange, ...]]:
    """The judge's exchanges about each case: all in one call, then each that got no readable verdict once more by itself.

    Raises:
        SubjectError: The provider rejects key or model (`SubjectRefusedUs` and the like).
    """
    blocks = [block_of(judge, case.transcript, case.subject) for case in cases]
    key = _key(cases[0])
    together = list(dict.fromkeys(blocks))  # the same words in the same situation are judged once
    first = await _call(model, judge, together, key)
    found = []
    for place, block in enumerate(blocks):
        # Each keeps the whole exchange, and the first alone its tokens, so that sums are right.
        own = first.exchanges if place == 0 else [_uncounted(one) for one in first.exchanges]
        fault = _fault(first, judge, block, len(together)) if first.answered else ""
        more = (await _call(model, judge, [block], key, fault)).exchanges if fault else []
        found.append((*own, *more))
    return found


async def _call(
    model: Subject, judge: PlannedJudge, blocks: Sequence[Block], key: TrialKey, fault: str = ""
) -> _Asked:
    request = Request(
        messages=(
            Message(role="system", content=system_text()),
            Message(role="user", content=user_text(judge, blocks, fault)),
        ),
        key=key,
        max_tokens=judge.max_tokens * len(blocks),
    )
    exchanges = []
    for number in range(TRIES):
        try:
            reply = await model.answer(request)
        except (CallFailed, Unsupported) as error:
            exchanges.append(failed_exchange(request, error, GRADER))
            if isinstance(error, Unsupported) or not error.retryable:
                break
            if number < TRIES - 1:
                await anyio.sleep(_wait_s(error, number))
        else:
            return _Asked(exchanges=[*exchanges, as_exchange(request, reply, GRADER)], answered=True)
    return _Asked(exchanges=exchanges, answered=False)


def _fault(asked: _Asked, judge: PlannedJudge, block: Block, shared: int) -> str:
    """What is wrong with the answer, for this transcript; "" where it can be read."""
    try:
        read_verdict(said(asked.exchanges[-1]), judge, block.mark, shared=shared)
    except Unreadable as fault:
        return str(fault)
    return ""


def _uncounted(exchange: Exchange) -> Exchange:
    return Exchange(
        request=exchange.request,
        response=exchange.response,
        request_id=exchange.request_id,
        role=exchange.role,
    )


def _wait_s(error: CallFailed, number: int) -> float:
    asked = error.retry_after_s
    return min(_LONGEST_S, asked if asked is not None else _BACKOFF_S * 2**number)


def _key(case: Case) -> TrialKey:
    return TrialKey(test=case.transcript.scenario.test, scenario=case.transcript.scenario.id)
