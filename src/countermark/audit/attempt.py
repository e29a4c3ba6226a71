"""One attempt at one trial: drive, transcribe, grade. Whatever goes wrong in it is an outcome, not a crash."""

import logging
from dataclasses import dataclass
from typing import Any

from countermark.analysis import Slot
from countermark.audit.judging import Helpers
from countermark.audit.planning import Audit, now
from countermark.drivers import Talk, load_driver
from countermark.errors import CallFailed, SubjectError, Unsupported
from countermark.graders import load_grader
from countermark.graders.awareness import awareness
from countermark.graders.judged import GRADER, Judging, regrade
from countermark.records import (
    Grade,
    Outcome,
    Scenario,
    Status,
    Subject,
    Transcript,
    TrialKey,
    TrialRecord,
    role_uses,
)

_PASSING = (CallFailed, Unsupported)
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """What one attempt left, and whether and when another may succeed."""

    record: TrialRecord
    transcript: Transcript
    retryable: bool = False
    retry_after_s: float | None = None
    strange: str | None = None
    """A failure that is not the subject's but some code's, for a person to look at; the trial is errored all the same."""
    halts: SubjectError | None = None
    """Why no further call to this subject can succeed, or None."""


async def attempt(
    audit: Audit, slot: Slot, subject: Subject, number: int, *, last: bool, helpers: Helpers
) -> Attempt:
    """Try the slot once.

    Args:
        audit: The audit it belongs to.
        slot: Which trial.
        subject: Opened.
        number: From 1.
        last: No further attempt is allowed, so this one is final even if it fails.
        helpers: The models in roles, opened.
    """
    work = audit.works[slot.test]
    scenario = audit.scenario(slot)
    key = TrialKey(test=slot.test, scenario=scenario.id, epoch=slot.epoch)
    talk = Talk(subject=subject, key=key, max_tokens=audit.plan.rules.max_tokens, roles=helpers.roles)
    started = now()
    failure: Exception | None = None
    try:
        talk.state = dict(await load_driver(work.planned.driver)(scenario, talk, work.driver_options))
        await helpers.judge(work.planned, slot.subject, scenario, talk)
    except Exception as error:  # noqa: BLE001  (an error in a trial is an outcome; the charter allows it here)
        failure = error
        _log.debug("trial %s attempt %d failed", slot.number, number, exc_info=True)
    transcript = talk.transcript(scenario, state=talk.state, fault=_fault(failure))
    status, grade = _judge(audit, slot, transcript, failure)
    retryable = isinstance(failure, CallFailed) and failure.retryable
    halts = failure if isinstance(failure, SubjectError) and not isinstance(failure, _PASSING) else None
    record = TrialRecord(
        **_place(slot, scenario),
        attempt=number,
        final=halts is None and (last or not retryable),
        status=status,
        outcome=grade.outcome,
        labels=dict(grade.labels),
        reason=grade.reason,
        grader=load_grader(work.planned.grader).reference,
        started=started,
        ended=now(),
        published=dict(transcript.published),
        calls=talk.calls,
        usage=talk.usage,
        request_ids=tuple(exchange.request_id for exchange in talk.exchanges if exchange.request_id),
        aware=awareness(transcript) if status is Status.OK and audit.plan.rules.awareness else {},
        roles=role_uses(talk.exchanges),
    )
    after = failure.retry_after_s if isinstance(failure, CallFailed) else None
    return Attempt(
        record=record,
        transcript=transcript,
        retryable=retryable,
        retry_after_s=after,
        strange=None if failure is None or isinstance(failure, SubjectError) else transcript.fault,
        halts=halts,
    )


def _place(slot: Slot, scenario: Scenario) -> dict[str, Any]:
    """What a record says of the trial whatever comes of it."""
    return {
        "slot": slot.number,
        "subject": slot.subject,
        "test": slot.test,
        "scenario": scenario.id,
        "item": slot.item,
        "epoch": slot.epoch,
        "arm": scenario.arm,
        "cluster": scenario.cluster,
        "tags": dict(scenario.tags),
    }


def _judge(
    audit: Audit, slot: Slot, transcript: Transcript, failure: Exception | None
) -> tuple[Status, Grade]:
    if failure is None:
        planned = audit.works[slot.test].planned
        judging = Judging(subject=slot.subject, judged=audit.plan.role(GRADER) is not None)
        return Status.OK, regrade(load_grader(planned.grader), transcript, planned, judging)
    fault = transcript.fault or ""
    if isinstance(failure, Unsupported):
        return Status.UNSUPPORTED, Grade(outcome=Outcome.UNSUPPORTED, labels={}, reason=fault)
    return Status.ERROR, Grade(outcome=Outcome.ERRORED, labels={}, reason=fault)


def _fault(failure: Exception | None) -> str | None:
    if failure is None:
        return None
    # Our own errors are worded for people; of others only the class, since their text may hold keys or bodies.
    return failure.message if isinstance(failure, SubjectError) else f"{type(failure).__name__} in the trial"
