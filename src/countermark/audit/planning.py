"""Making the plan: which scenarios, in which order, for whom, under which rules; everything fixed before the first call."""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from countermark import __version__
from countermark.audit.casting import Role, cast
from countermark.audit.request import AuditRequest
from countermark.battery import Battery, BatteryTest, Stage, load_battery
from countermark.canonical import digest
from countermark.errors import UsageError
from countermark.evidence import items_root, manifest_of
from countermark.graders import load_grader
from countermark.records import MetricSpec, Plan, PlannedSubject, PlannedTest, Rules, Scenario
from countermark.subjects.recording import RecordedTest


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """One test with its drawn scenarios and what the driver needs."""

    planned: PlannedTest
    scenarios: tuple[Scenario, ...]
    driver_options: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """One trial to do: a place in the queue."""

    number: int
    subject: str
    test: str
    item: int
    epoch: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Audit:
    """A plan with all that carrying it out needs."""

    plan: Plan
    roles: tuple[Role, ...]
    works: Mapping[str, Work]
    slots: tuple[Slot, ...]
    stage: Stage

    def scenario(self, slot: Slot) -> Scenario:
        """The situation a slot puts."""
        return self.works[slot.test].scenarios[slot.item]


def make_audit(request: AuditRequest, *, audit: str | None = None, created: str | None = None) -> Audit:
    """The audit asked for.

    Args:
        request: Subjects, battery, limits.
        audit: Name of an audit begun earlier, to make the same plan again; a fresh random one by default.
        created: When that was.
    Raises:
        UsageError: No subject takes any test of the battery.
        InvalidDocument: Battery, pack or recording is malformed.
    """
    created = created or now()
    roles = cast(request, on=created[:10])
    battery = load_battery(request.battery) if any(role.recording is None for role in roles) else None
    works, stage = _works(battery, roles, request)
    subjects = [_planned_subject(role, works, stage) for role in roles]
    taken = {test for subject in subjects for test in subject.tests}
    works = {test: work for test, work in works.items() if test in taken}
    if not works:
        raise UsageError("no subject asked for takes any test of this battery")
    plan = Plan(
        audit=audit or secrets.token_hex(16),
        created=created,
        auditor=request.auditor,
        software=f"countermark {__version__}",
        battery=battery.reference if battery else "recordings",
        seed=request.seed,
        tests=[work.planned for work in works.values()],
        subjects=subjects,
        rules=Rules(epochs=request.epochs, max_attempts=request.max_attempts, max_tokens=request.max_tokens),
    )
    return Audit(plan=plan, roles=roles, works=works, slots=queue(plan), stage=stage)


def now() -> str:
    """The auditor's clock, RFC 3339, UTC, milliseconds."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def queue(plan: Plan) -> tuple[Slot, ...]:
    """Every slot in the seeded order: all scenarios once, tests and subjects interleaved, before any second epoch.

    The order is part of the guarantee of a sequential design, so it is fixed by the seed alone and can be replayed.
    """
    cells = [
        (
            epoch,
            digest(f"{plan.seed}/order/{epoch}/{test.id}/{item}/{subject.id}".encode()),
            subject.id,
            test.id,
            item,
        )
        for epoch in range(plan.rules.epochs)
        for test in plan.tests
        for item in range(test.items)
        for subject in plan.subjects
        if test.id in subject.tests
    ]
    return tuple(
        Slot(number=number, subject=subject, test=test, item=item, epoch=epoch)
        for number, (epoch, _, subject, test, item) in enumerate(sorted(cells))
    )


def _works(
    battery: Battery | None, roles: Sequence[Role], request: AuditRequest
) -> tuple[dict[str, Work], Stage]:
    tests = battery.tests if battery else ()
    works = {test.manifest.id: _battery_work(test, request) for test in tests}
    stage = Stage(tests, [scenario for work in works.values() for scenario in work.scenarios])
    for role in roles:
        for recorded in role.recording.tests if role.recording else ():
            assert role.recording is not None
            work = _recorded_work(recorded, role.recording.scenarios(recorded.id), request)
            if works.setdefault(recorded.id, work) != work:
                raise UsageError(
                    f"{role.id} holds other items or another version of {recorded.id} than the recordings before it",
                    hint="numbers over different items cannot be compared: audit it in a run of its own",
                )
    return works, stage


def _battery_work(test: BatteryTest, request: AuditRequest) -> Work:
    manifest = test.manifest
    scenarios = _limited(test.draw(request.seed), request.limit)
    planned = PlannedTest(
        id=manifest.id,
        version=manifest.version,
        title=manifest.title,
        construct_=manifest.construct_,
        driver=manifest.driver.name,
        grader=manifest.grader.name,
        grader_options=manifest.grader.options,
        metrics=_metrics(manifest.metrics, scenarios),
        digest=test.digest,
        items=len(scenarios),
        items_root=_root(request.seed, manifest.id, scenarios),
    )
    return Work(planned=planned, scenarios=scenarios, driver_options=manifest.driver.options)


def _recorded_work(test: RecordedTest, scenarios: Sequence[Scenario], request: AuditRequest) -> Work:
    kept = _limited(tuple(scenarios), request.limit)
    planned = PlannedTest(
        id=test.id,
        version=test.version,
        title=test.title,
        construct_=test.construct,
        driver="replay",
        grader=test.grader,
        grader_options=dict(test.grader_options),
        metrics=_metrics(test.metrics, kept),
        digest=test.digest,
        items=len(kept),
        items_root=_root(request.seed, test.id, kept),
    )
    return Work(planned=planned, scenarios=kept, driver_options={})


def _limited(scenarios: tuple[Scenario, ...], limit: int | None) -> tuple[Scenario, ...]:
    """The first `limit` scenarios of each arm (they are drawn in seeded order), or all."""
    if limit is None:
        return scenarios
    counts: dict[str, int] = {}
    kept = []
    for scenario in scenarios:
        counts[scenario.arm] = counts.get(scenario.arm, 0) + 1
        if counts[scenario.arm] <= limit:
            kept.append(scenario)
    return tuple(kept)


def _metrics(metrics: Sequence[MetricSpec], scenarios: Sequence[Scenario]) -> list[MetricSpec]:
    arms = {scenario.arm for scenario in scenarios}
    return [metric for metric in metrics if metric.arm in arms]


def _root(seed: str, test: str, scenarios: Sequence[Scenario]) -> str:
    return items_root(seed, test, [asdict(scenario) for scenario in scenarios])


def _planned_subject(role: Role, works: Mapping[str, Work], stage: Stage) -> PlannedSubject:
    tests = [work for work in works.values() if _takes(role, work)]
    for work in tests:
        load_grader(work.planned.grader)  # fails before the first call, not after
    return PlannedSubject(
        id=role.id,
        kind=role.pack.subject.kind,
        simulation=role.character is not None,
        pack_digest=digest(manifest_of(role.pack_files)),
        tests=[work.planned.id for work in tests],
        planted={work.planned.id: _planted(role, work, stage) for work in tests} if role.character else {},
    )


def _takes(role: Role, work: Work) -> bool:
    if role.recording is not None:
        return work.planned.id in {test.id for test in role.recording.tests}
    if role.character is not None:
        return work.planned.id in {planting.test for planting in role.character.plantings}
    return work.planned.driver != "replay"


def _planted(role: Role, work: Work, stage: Stage) -> dict[str, str]:
    assert role.character is not None
    planted = {}
    for metric in work.planned.metrics:
        arm = [scenario for scenario in work.scenarios if scenario.arm == metric.arm]
        rate = role.character.planted_rate(arm, metric.label, stage)
        if rate is not None:
            planted[metric.id] = f"{float(rate):.6f}"
    return planted
