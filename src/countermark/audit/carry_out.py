"""Carrying a plan out: workers take slots in queue order, every attempt enters the log, a killed run goes on.

The loop is ours, not a framework's: an audit needs every attempt as a leaf and results that count in queue order.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import anyio

from countermark.audit.attempt import Attempt, attempt
from countermark.audit.budget import Meter
from countermark.audit.directory import begin_directory, check_own_plan, held, read_plan
from countermark.audit.observer import Observer, Silent
from countermark.audit.planning import Audit, Slot, make_audit, now
from countermark.audit.request import AuditRequest, altered, read_request, write_request
from countermark.audit.witnessing import witnessed
from countermark.canonical import InvalidJson
from countermark.errors import AuditIncomplete, EvidenceError, InvalidDocument, SubjectError
from countermark.evidence import EvidenceLog, SigningKey, from_json, to_bytes, to_json
from countermark.evidence.directory import RUN
from countermark.evidence.recovery import INFLIGHT
from countermark.graders import load_grader
from countermark.records import Outcome, Status, Subject, Transcript, TrialRecord
from countermark.subjects.live import reach

_BACKOFF_S = 0.5
_LONGEST_WAIT_S = 60.0
_NEVER_WAITS = ("reference", "recording")


@dataclass(slots=True)
class Outcomes:
    """What a run left undone, and why."""

    slots: int
    done: int = 0
    halted: dict[str, SubjectError] = field(default_factory=dict)
    over_budget: bool = False
    why_not: str = "the budget is spent"

    def raise_if_incomplete(self, audit_dir: Path) -> None:
        """Raise `AuditIncomplete`, or the subject's own error where not one trial came off."""
        if self.done == self.slots:
            return
        if self.done == 0 and len(self.halted) == 1:
            error = next(iter(self.halted.values()))
            error.hint = f"{error.hint or 'mend it'}; then `countermark resume {audit_dir}`"
            raise error
        why = [f"{name}: {error.message}" for name, error in self.halted.items()]
        if self.over_budget:
            why.append(self.why_not)
        raise AuditIncomplete(
            f"{self.done} of {self.slots} trials are done; " + "; ".join(why),
            hint=f"`countermark resume {audit_dir}` goes on; with --close it seals what there is",
        )


def carry_out(
    request: AuditRequest, audit_dir: Path, key: SigningKey, observer: Observer, *, audit: Audit | None = None
) -> Outcomes:
    """Make the plan, write and sign it, and run it into `audit_dir`, which must not exist or be empty.

    Raises:
        InvalidDocument: The directory holds something.
        SubjectError: A subject cannot be reached or opened at all; nothing is written then.
    """
    audit = audit or make_audit(request)
    Meter(audit, request, ())  # refuses a budget that could not be kept
    anyio.run(_reach_all, audit)
    begin_directory(audit_dir, audit, request, key)
    with held(audit_dir):
        return _go(audit_dir, audit, request, key, observer)


def resume(
    audit_dir: Path,
    key: SigningKey,
    observer: Observer,
    *,
    budget_usd: str | None = None,
    witnesses: Sequence[str] = (),
) -> Outcomes:
    """Go on with an audit that stopped or was killed: no finished trial is lost or counted twice.

    What was in flight is recorded as interrupted and run again as a further attempt. A budget ("none" lifts it) or
    addresses of witnesses replace those it began with.

    Raises:
        InvalidDocument: Not an unfinished audit, or battery or recordings are no longer those of the plan.
        SignerUnknown: It was begun with another key.
        UsageError: Another process is at work on it.
    """
    with held(audit_dir):
        request, audit = _taken_up(audit_dir, key, budget_usd=budget_usd, witnesses=witnesses)
        anyio.run(_reach_all, audit)
        return _go(audit_dir, audit, request, key, observer)


def close_as_it_stands(
    audit_dir: Path, key: SigningKey, observer: Observer | None = None, *, witnesses: Sequence[str] = ()
) -> None:
    """Write every slot that has no final attempt as not run, so that the audit can be sealed. Raises as `resume`."""
    with held(audit_dir):
        request, audit = _taken_up(audit_dir, key, budget_usd=None, witnesses=witnesses)
        with witnessed(audit_dir, request.witnesses, key.public, observer or Silent()):
            run = _Run(audit, request, _log(audit_dir, audit, key), None)
            run.record_interrupted()
            for slot in audit.slots:
                if slot.number not in run.finished:
                    run.record_unattempted(
                        slot, Status.NOT_RUN, "not run before the audit was closed", final=True
                    )
            run.log.close()


def _taken_up(
    audit_dir: Path, key: SigningKey, *, budget_usd: str | None, witnesses: Sequence[str]
) -> tuple[AuditRequest, Audit]:
    """The request and the audit of an unfinished directory, the plan made again and found to be the signed one."""
    request, planned = read_request(audit_dir), read_plan(audit_dir)
    check_own_plan(audit_dir, key)
    changed = {
        "budget_usd": None if budget_usd == "none" else budget_usd or request.budget_usd,
        "witnesses": list(witnesses) or request.witnesses,
    }
    request = altered(request, changed)
    audit = make_audit(request, audit=planned.audit, created=planned.created)
    if audit.plan.model_copy(update={"software": planned.software}) != planned:
        raise InvalidDocument(
            [
                f"{audit_dir}/plan/plan.json: [plan-changed] battery, packs or recordings differ from when it was made"
            ],
            ["plan-changed"],
        )
    write_request(request, audit_dir)
    return request, audit


def _log(audit_dir: Path, audit: Audit, key: SigningKey) -> EvidenceLog:
    return EvidenceLog.resume(audit_dir / RUN, origin=audit.plan.audit, key=key)


def _go(
    audit_dir: Path, audit: Audit, request: AuditRequest, key: SigningKey, observer: Observer
) -> Outcomes:
    log = _log(audit_dir, audit, key)
    with witnessed(audit_dir, request.witnesses, key.public, observer):
        return anyio.run(_run, _Run(audit, request, log, observer))


async def _reach_all(audit: Audit) -> None:
    """Open every live subject once and touch its address, so that a missing key or a wrong address costs nothing."""
    for role in audit.roles:
        if role.settings is not None:
            await role.open(audit.stage, audit.plan.seed).aclose()
            await reach(role.id, role.settings)


async def _run(run: "_Run") -> Outcomes:
    try:
        return await run.all()
    finally:
        run.log.close()


class _Run:
    """The state of one process's work on an audit; one writer, so records enter the log one by one."""

    def __init__(
        self, audit: Audit, request: AuditRequest, log: EvidenceLog, observer: Observer | None
    ) -> None:
        self.audit = audit
        self.request = request
        self.log = log
        self.observer = observer
        earlier = _records(log)
        self.attempts = _last_attempts(earlier)
        self.finished = {record.slot for record in earlier if record.final}
        self.meter = Meter(audit, request, earlier)
        self.told: set[tuple[str, str]] = set()
        self.outcomes = Outcomes(slots=len(audit.slots), done=len(self.finished))

    async def all(self) -> Outcomes:
        """Run every slot that has no final attempt."""
        self.record_interrupted()
        if self.observer:
            self.observer.began(self.audit, len(self.finished))
        async with anyio.create_task_group() as group:
            for role in self.audit.roles:
                waiting = deque(
                    slot
                    for slot in self.audit.slots
                    if slot.subject == role.id and slot.number not in self.finished
                )
                if waiting:
                    group.start_soon(
                        self._subject, role.open(self.audit.stage, self.audit.plan.seed), role.id, waiting
                    )
        return self.outcomes

    async def _subject(self, subject: Subject, name: str, waiting: deque[Slot]) -> None:
        workers = 1 if self._answers_at_once(name) else self.request.connections
        try:
            async with anyio.create_task_group() as group:
                for _ in range(min(workers, len(waiting))):
                    group.start_soon(self._worker, subject, waiting)
        finally:
            with anyio.CancelScope(shield=True):
                await subject.aclose()

    def _answers_at_once(self, name: str) -> bool:
        role = next(role for role in self.audit.roles if role.id == name)
        return role.pack.subject.kind in _NEVER_WAITS

    async def _worker(self, subject: Subject, waiting: deque[Slot]) -> None:
        while waiting:
            if not self.meter.allows():
                self.outcomes.over_budget, self.outcomes.why_not = True, self.meter.why_not
                return
            await self._slot(subject, waiting.popleft(), waiting)
            await anyio.lowlevel.checkpoint()

    async def _slot(self, subject: Subject, slot: Slot, waiting: deque[Slot]) -> None:
        allowed = self.audit.plan.rules.max_attempts
        first = self.attempts.get(slot.number, 0) + 1
        for number in range(first, first + allowed):
            self.log.begin(slot.number, number)
            tried = await attempt(self.audit, slot, subject, number, last=number == first + allowed - 1)
            self._write(tried.record, tried.transcript)
            self._tell(slot, tried)
            if tried.halts is not None:
                self._halt(slot.subject, tried.halts, waiting)
            if tried.halts is not None or tried.record.final:
                return
            await anyio.sleep(_wait_s(tried, number - first))

    def _tell(self, slot: Slot, tried: Attempt) -> None:
        if self.observer and tried.strange and (slot.test, tried.strange) not in self.told:
            self.told.add((slot.test, tried.strange))
            self.observer.note(f"{slot.test}: {tried.strange}: a fault of the software, not of the subject")

    def _halt(self, subject: str, error: SubjectError, waiting: deque[Slot]) -> None:
        waiting.clear()
        if subject not in self.outcomes.halted:
            self.outcomes.halted[subject] = error
            if self.observer:
                self.observer.note(f"{subject}: {error.message}")

    def _write(self, record: TrialRecord, transcript: Transcript) -> None:
        self.log.append(to_json(record), to_bytes(transcript))
        self.attempts[record.slot] = record.attempt
        self.meter.spend(record)
        if record.final:
            self.finished.add(record.slot)
            self.outcomes.done += 1
        if self.observer:
            self.observer.attempted(record)

    def record_interrupted(self) -> None:
        """Give every attempt that was under way when the process died its leaf."""
        by_number = {slot.number: slot for slot in self.audit.slots}
        for number, tries in self.log.in_flight:
            if number not in by_number:
                raise EvidenceError(f"{INFLIGHT}: slot {number} is not in the plan")
            if number not in self.finished:
                self.attempts[number] = tries - 1
                self.record_unattempted(
                    by_number[number], Status.INTERRUPTED, "the run was killed", final=False
                )

    def record_unattempted(self, slot: Slot, status: Status, reason: str, *, final: bool) -> None:
        """A leaf for an attempt that has no transcript."""
        scenario = self.audit.scenario(slot)
        record = TrialRecord(
            slot=slot.number,
            subject=slot.subject,
            test=slot.test,
            scenario=scenario.id,
            item=slot.item,
            epoch=slot.epoch,
            attempt=self.attempts.get(slot.number, 0) + 1,
            final=final,
            status=status,
            outcome=Outcome.NOT_RUN,
            arm=scenario.arm,
            cluster=scenario.cluster,
            labels={},
            reason=reason,
            grader=load_grader(self.audit.works[slot.test].planned.grader).reference,
            started=now(),
            ended=now(),
            tags=dict(scenario.tags),
        )
        self._write(record, Transcript(scenario=scenario, messages=(), fault=reason))


def _records(log: EvidenceLog) -> list[TrialRecord]:
    try:
        return [from_json(TrialRecord, record) for record in log.records]
    except InvalidJson as error:
        raise EvidenceError(
            f"records.jsonl: {error}", hint="this log was not written by this software"
        ) from error


def _last_attempts(records: list[TrialRecord]) -> dict[int, int]:
    last: dict[int, int] = {}
    for record in records:
        last[record.slot] = max(record.attempt, last.get(record.slot, 0))
    return last


def _wait_s(tried: Attempt, retries: int) -> float:
    asked = tried.retry_after_s
    return min(_LONGEST_WAIT_S, asked if asked is not None else _BACKOFF_S * 2**retries)
