"""Carrying a plan out: workers take slots in queue order, every attempt enters the log, a killed run goes on.

The loop is ours, not a framework's: an audit needs every attempt as a leaf and results that count in queue order.
"""

from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path

import anyio

from countermark.analysis import Slot, arms_of
from countermark.analysis.deviations import CLOSED, OVER_BUDGET
from countermark.audit.attempt import Attempt, attempt
from countermark.audit.budget import Meter
from countermark.audit.countersigning import add_countersignatures, check_countersignatures, read_parts
from countermark.audit.directory import begin_directory, check_own_plan, held, read_plan, write_draw
from countermark.audit.hosting import bound, make_ready
from countermark.audit.judging import Helpers
from countermark.audit.observer import Observer, Silent
from countermark.audit.outcomes import Outcomes
from countermark.audit.planning import Audit, make_audit, now
from countermark.audit.request import AuditRequest, altered, read_request, write_request
from countermark.audit.witnessing import witnessed
from countermark.canonical import InvalidJson
from countermark.errors import EvidenceError, InvalidDocument, SubjectError, UsageError
from countermark.evidence import EvidenceLog, Nonce, SigningKey, from_json, to_json, to_parts
from countermark.evidence.directory import RUN
from countermark.evidence.recovery import INFLIGHT
from countermark.graders import load_grader
from countermark.records import Outcome, Status, Subject, Transcript, TrialRecord

_BACKOFF_S = 0.5
_LONGEST_WAIT_S = 60.0
_NEVER_WAITS = ("reference", "recording")


def carry_out(
    request: AuditRequest, audit_dir: Path, key: SigningKey, observer: Observer, *, audit: Audit | None = None
) -> Outcomes:
    """Make the plan, write and sign it, and run it into `audit_dir`, which must not exist or be empty.

    Raises:
        InvalidDocument: The directory holds something.
        SubjectError: A subject cannot be reached or opened at all; nothing is written then.
    """
    audit = audit or make_audit(request)
    if audit.plan.seed.developers:
        raise UsageError(
            "a joint plan waits for its countersignature",
            hint="`countermark plan` makes it, `run --plan` runs it",
        )
    Meter(audit, request, ())  # refuses a budget that could not be kept
    make_ready(audit, observer)
    begin_directory(audit_dir, audit, request, key)
    with held(audit_dir):
        return _go(audit_dir, audit, request, key, observer)


def carry_out_plan(
    audit_dir: Path,
    key: SigningKey,
    observer: Observer,
    *,
    countersignatures: Mapping[str, bytes] | None = None,
    budget_usd: str | None = None,
    witnesses: Sequence[str] = (),
) -> Outcomes:
    """Draw and run the plan in `audit_dir`, which `countermark plan` made; safe to repeat after a crash in the middle.

    Args:
        audit_dir: Holds packs, plan and request, and no draw yet.
        key: The one that signed the plan.
        observer: Watches.
        countersignatures: Files, by name, with lines by which developers countersign the plan, each opening its part of the
            seed.
        budget_usd: As for `resume`.
        witnesses: As for `resume`.

    Raises:
        UsageError: A developer's part of the seed is missing still, or the plan was drawn already.
        InvalidDocument: A file given is no countersignature of this plan; the plan is then as it was before.
        EvidenceError: A countersignature that was there already does not hold.
        SubjectError: A subject cannot be reached or opened at all; nothing is drawn then.
    """
    with held(audit_dir):
        new = check_countersignatures(audit_dir, countersignatures or {})
        request, audit = _taken_up(
            audit_dir, key, budget_usd=budget_usd, witnesses=witnesses, parts=[*new.values()]
        )
        make_ready(audit, observer)
        add_countersignatures(audit_dir, new)
        write_draw(audit_dir, audit, key)
        return _go(audit_dir, audit, request, key, observer)


def resume(
    audit_dir: Path,
    key: SigningKey,
    observer: Observer,
    *,
    budget_usd: str | None = None,
    witnesses: Sequence[str] = (),
    deviations: Sequence[str] = (),
) -> Outcomes:
    """Go on with an audit that stopped or was killed: no finished trial is lost or counted twice.

    What was in flight is recorded as interrupted and run again as a further attempt. A budget ("none" lifts it) or
    addresses of witnesses replace those it began with; `deviations`, the auditor's own words, add to them.

    Raises:
        InvalidDocument: Not an unfinished audit, or battery or recordings are no longer those of the plan.
        SignerUnknown: It was begun with another key.
        UsageError: Another process is at work on it.
    """
    with held(audit_dir):
        request, audit = _taken_up(
            audit_dir, key, budget_usd=budget_usd, witnesses=witnesses, deviations=deviations
        )
        make_ready(audit, observer)
        return _go(audit_dir, audit, request, key, observer)


def close_as_it_stands(
    audit_dir: Path,
    key: SigningKey,
    observer: Observer | None = None,
    *,
    witnesses: Sequence[str] = (),
    deviations: Sequence[str] = (),
) -> None:
    """Write every slot that has no final attempt as not run, so that the audit can be sealed. Raises as `resume`."""
    with held(audit_dir):
        request, audit = _taken_up(
            audit_dir, key, budget_usd=None, witnesses=witnesses, deviations=deviations
        )
        with witnessed(audit_dir, request.witnesses, key.public, observer or Silent()):
            run = _Run(audit, request, _log(audit_dir, audit, key), None)
            run.record_interrupted()
            why = CLOSED if run.meter.allows() else OVER_BUDGET
            for slot in audit.slots:
                if slot.number not in run.finished and not run.needless(slot):
                    run.record_unattempted(slot, Status.NOT_RUN, why, final=True)
            run.log.close()


def _taken_up(
    audit_dir: Path,
    key: SigningKey,
    *,
    budget_usd: str | None,
    witnesses: Sequence[str],
    deviations: Sequence[str] = (),
    parts: Sequence[Nonce] = (),
) -> tuple[AuditRequest, Audit]:
    """The request and the audit of an unfinished directory, the plan made again and found to be the signed one."""
    request, planned = read_request(audit_dir), read_plan(audit_dir)
    check_own_plan(audit_dir, key)
    changed = {
        "budget_usd": None if budget_usd == "none" else budget_usd or request.budget_usd,
        "witnesses": list(witnesses) or request.witnesses,
        "deviations": [*request.deviations, *deviations],
    }
    request = altered(request, changed)
    audit = make_audit(
        request,
        audit=planned.audit,
        created=planned.created,
        developers=read_parts(audit_dir, planned, parts),
        copies=audit_dir / "pack",
    )
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
    return EvidenceLog.resume(audit_dir / RUN, origin=audit.origin, key=key)


def _go(
    audit_dir: Path, audit: Audit, request: AuditRequest, key: SigningKey, observer: Observer
) -> Outcomes:
    log = _log(audit_dir, audit, key)
    with (
        witnessed(audit_dir, request.witnesses, key.public, observer),
        bound(audit_dir, audit.roles, observer),
    ):
        return anyio.run(_run, _Run(audit, request, log, observer))


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
        self.helpers = Helpers()
        earlier = _records(log)
        self.attempts = _last_attempts(earlier)
        self.finished = {record.slot for record in earlier if record.final}
        self.meter = Meter(audit, request, earlier)
        self.told: set[tuple[str, str]] = set()
        unsupported = sum(record.final and record.status is Status.UNSUPPORTED for record in earlier)
        self.outcomes = Outcomes(slots=len(audit.slots), done=len(self.finished), unsupported=unsupported)
        self.arms = arms_of(audit.plan, audit.due)
        for record in earlier:
            if record.final:
                self._count(record)

    async def all(self) -> Outcomes:
        """Run every slot that has no final attempt."""
        self.record_interrupted()
        if self.observer:
            self.observer.began(self.audit, len(self.finished))
            for key, arm in self.arms.items():
                if arm.over:
                    self.observer.closed(key, arm)
        self.helpers = Helpers(self.audit.models, self.audit.plan)
        try:
            await self._every_subject()
        finally:
            with anyio.CancelScope(shield=True):
                await self.helpers.aclose()
        return self.outcomes

    async def _every_subject(self) -> None:
        async with anyio.create_task_group() as group:
            for role in self.audit.roles:
                waiting = deque(
                    slot
                    for slot in self.audit.slots
                    if slot.subject == role.id and slot.number not in self.finished
                )
                if waiting:
                    group.start_soon(
                        self._subject, role.open(self.audit.stage, self.audit.seed.value), role.id, waiting
                    )

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
        return role.hosted is not None or (role.pack.subject.kind in _NEVER_WAITS and not self.audit.models)

    async def _worker(self, subject: Subject, waiting: deque[Slot]) -> None:
        while waiting:
            if not self.meter.allows():
                self.outcomes.over_budget, self.outcomes.why_not = True, self.meter.why_not
                return
            slot = waiting.popleft()
            if self.needless(slot):
                self.outcomes.spared += 1
                continue
            await self._slot(subject, slot, waiting)
            await anyio.lowlevel.checkpoint()

    async def _slot(self, subject: Subject, slot: Slot, waiting: deque[Slot]) -> None:
        allowed = self.audit.plan.rules.max_attempts
        first = self.attempts.get(slot.number, 0) + 1
        for number in range(first, first + allowed):
            self.log.begin(slot.number, number)
            last = number == first + allowed - 1
            tried = await attempt(self.audit, slot, subject, number, last=last, helpers=self.helpers)
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
        self.log.append(to_json(record), to_parts(transcript))
        self.attempts[record.slot] = record.attempt
        self.meter.spend(record)
        if self.observer:
            self.observer.attempted(record)
        if record.final:
            self.finished.add(record.slot)
            self.outcomes.done += 1
            self.outcomes.unsupported += record.status is Status.UNSUPPORTED
            self._count(record)

    def needless(self, slot: Slot) -> bool:
        """Whether the arm of a slot is over. Those that are under way then are recorded all the same, and not counted."""
        if slot.number in self.attempts:
            return False  # begun before a kill: it gets its final attempt
        arm = self.arms.get((slot.subject, slot.test, self.audit.scenario(slot).arm))
        return arm is not None and arm.over

    def _count(self, record: TrialRecord) -> None:
        key = (record.subject, record.test, record.arm)
        arm = self.arms.get(key)
        if arm is None or arm.over:
            return
        arm.take(record.slot, record.labels if record.outcome is Outcome.GRADED else {})
        if arm.over and self.observer:
            self.observer.closed(key, arm)

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
