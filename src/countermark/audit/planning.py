"""Making the plan: which scenarios, in which order, for whom, under which rules; everything fixed before the first call."""

import secrets
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from countermark import __version__
from countermark.analysis import ArmKey, Slot, queue, with_caps
from countermark.audit.casting import Role, cast
from countermark.audit.driving import check_roles, driven, has_people
from countermark.audit.request import AuditRequest
from countermark.audit.role_models import RoleModel, role_models
from countermark.battery import Battery, BatteryTest, Stage, load_battery
from countermark.battery.own_items import replaced
from countermark.canonical import digest, encode
from countermark.drivers.world_people import PLAYER
from countermark.errors import UsageError
from countermark.evidence import Nonce, Seed, item_leaves, log_origin, manifest_of, sample_key
from countermark.evidence.merkle import root_of
from countermark.graders import load_grader
from countermark.graders.awareness import REFERENCE as AWARENESS
from countermark.records import (
    Draw,
    MetricSpec,
    Plan,
    PlannedSubject,
    PlannedTest,
    Rules,
    Scenario,
    SeedRule,
)
from countermark.subjects.recording import RecordedTest


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """One test with its drawn scenarios and what the driver needs."""

    planned: PlannedTest
    scenarios: tuple[Scenario, ...]
    driver_options: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Audit:
    """A plan with all that carrying it out needs."""

    plan: Plan
    seed: Seed
    draw: Draw
    roles: tuple[Role, ...]
    works: Mapping[str, Work]
    slots: tuple[Slot, ...]
    leaves: Mapping[str, Sequence[bytes]]
    stage: Stage
    models: tuple[RoleModel, ...] = ()

    @property
    def origin(self) -> str:
        """The log's name: the audit's, and the digest of its draw, which names the plan."""
        return log_origin(self.plan.audit, self.draw_bytes)

    @property
    def plan_bytes(self) -> bytes:
        """plan/plan.json."""
        return plan_bytes(self.plan)

    @property
    def draw_bytes(self) -> bytes:
        """draw/draw.json."""
        return encode(self.draw.model_dump(mode="json", by_alias=True))

    @property
    def due(self) -> dict[ArmKey, list[int]]:
        """The slots of each arm of each test for each subject, in queue order."""
        found: dict[ArmKey, list[int]] = {}
        for slot in self.slots:
            found.setdefault((slot.subject, slot.test, self.scenario(slot).arm), []).append(slot.number)
        return found

    def scenario(self, slot: Slot) -> Scenario:
        """The situation a slot puts."""
        return self.works[slot.test].scenarios[slot.item]


def make_audit(
    request: AuditRequest,
    *,
    audit: str | None = None,
    created: str | None = None,
    developers: Sequence[Nonce] = (),
    copies: Path | None = None,
) -> Audit:
    """The audit asked for, drawn.

    Args:
        request: Subjects, battery, limits, the auditor's part of the seed.
        audit: Name of an audit begun earlier, to make the same plan again; a fresh random one by default.
        created: When that was.
        developers: The developers' parts of the seed, as far as they are known. While one of a joint plan is missing,
            the plan is whole all the same, but scenarios, draw and order are not those that will be run.
        copies: pack/ of an audit begun earlier, whose packs are read in place of the developers'.

    Raises:
        UsageError: No subject takes any test of the battery.
        InvalidDocument: Battery, pack or recording is malformed.
    """
    created = created or now()
    seed = Seed(auditor=Nonce(value=request.seed, salt=request.seed_salt), developers=tuple(developers))
    roles, models = cast(request, on=created[:10], copies=copies), role_models(request)
    battery = load_battery(request.battery) if any(role.recording is None for role in roles) else None
    works, stage = _works(battery, roles, request, seed.value)
    subjects = [_planned_subject(role, works) for role in roles]
    taken = {test for subject in subjects for test in subject.tests}
    works = {test: work for test, work in works.items() if test in taken}
    if not works:
        raise UsageError("no subject asked for takes any test of this battery")
    check_roles((work.planned for work in works.values()), models)
    plan = Plan(
        audit=audit or secrets.token_hex(16),
        created=created,
        auditor=request.auditor,
        software=f"countermark {__version__}",
        battery=battery.reference if battery else "recordings",
        seed=SeedRule(auditor=seed.auditor.commitment, developers=_owed(request, roles)),
        tests=[work.planned for work in works.values()],
        subjects=subjects,
        roles=[model.planned for model in models],
        rules=_rules(request),
    )
    return replace(_drawn(with_caps(plan), seed, roles, works, stage), models=models)


def _drawn(plan: Plan, seed: Seed, roles: Sequence[Role], works: Mapping[str, Work], stage: Stage) -> Audit:
    """The plan with what the seed makes of it."""
    leaves = {
        test: item_leaves(seed.value, test, [_plain(scenario) for scenario in work.scenarios])
        for test, work in works.items()
    }
    draw = Draw(
        plan=digest(plan_bytes(plan)),
        items={test: root_of(own).hex() for test, own in leaves.items()},
        planted=_planted_rates(plan, roles, works, stage),
        sample_key=sample_key(seed.value),
    )
    return Audit(
        plan=plan,
        seed=seed,
        draw=draw,
        leaves=leaves,
        roles=tuple(roles),
        works=works,
        slots=queue(plan, seed.value),
        stage=stage,
    )


def _plain(scenario: Scenario) -> dict[str, Any]:
    """As `asdict`, without copying facts, which are plain values already."""
    named = {field.name: getattr(scenario, field.name) for field in fields(scenario)}
    return {**named, "dialogue": [asdict(message) for message in scenario.dialogue]}


def _rules(request: AuditRequest) -> Rules:
    return Rules(
        epochs=request.epochs,
        max_attempts=request.max_attempts,
        max_tokens=request.max_tokens,
        stopping=request.stopping,
        comparing=request.comparing,
        awareness=AWARENESS,
    )


def _owed(request: AuditRequest, roles: Sequence[Role]) -> list[str]:
    """The commitments of the developers who are to have a part in the seed."""
    return sorted({role.commitment for role in roles if role.commitment}) if request.joint else []


def _planted_rates(
    plan: Plan, roles: Sequence[Role], works: Mapping[str, Work], stage: Stage
) -> dict[str, dict[str, dict[str, str]]]:
    return {
        role.id: {test: _planted(role, works[test], stage) for test in subject.tests}
        for role, subject in zip(roles, plan.subjects, strict=True)
        if role.character
    }


def plan_bytes(plan: Plan) -> bytes:
    """plan/plan.json."""
    return encode(plan.model_dump(mode="json", by_alias=True))


def now() -> str:
    """The auditor's clock, RFC 3339, UTC, milliseconds."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _works(
    battery: Battery | None, roles: Sequence[Role], request: AuditRequest, seed: str
) -> tuple[dict[str, Work], Stage]:
    tests = driven(replaced(battery.tests if battery else (), request.items), request.driver)
    works = {test.manifest.id: _battery_work(test, request, seed) for test in tests}
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


def _battery_work(test: BatteryTest, request: AuditRequest, seed: str) -> Work:
    manifest = test.manifest
    scenarios = test.draw(seed, request.limit)
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
        arms=_arms(scenarios),
        judge=test.judge,
        items_file=test.items_file,
        played=PLAYER in request.roles and has_people(manifest.driver, scenarios),
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
        arms=_arms(kept),
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


def _arms(scenarios: Sequence[Scenario]) -> dict[str, int]:
    return dict(Counter(scenario.arm for scenario in scenarios))


def _planned_subject(role: Role, works: Mapping[str, Work]) -> PlannedSubject:
    tests = [work for work in works.values() if _takes(role, work)]
    for work in tests:
        load_grader(work.planned.grader)  # fails before the first call, not after
    return PlannedSubject(
        id=role.id,
        kind=role.pack.subject.kind,
        simulation=role.character is not None,
        pack_digest=digest(manifest_of(role.pack_files)),
        tests=[work.planned.id for work in tests],
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
        if rate is not None and _said_by_exemplars(role, work, metric, stage):
            planted[metric.id] = f"{float(rate):.6f}"
    return planted


def _said_by_exemplars(role: Role, work: Work, metric: MetricSpec, stage: Stage) -> bool:
    """Whether every behaviour planted says what a judge must find; of labels by rule they always do."""
    if work.planned.judge is None or metric.label not in work.planned.judge.gives:
        return True
    assert role.character is not None
    graded = (
        stage.labels(scenario, name)
        for scenario in work.scenarios
        if scenario.arm == metric.arm
        for name in role.character.shares(scenario)
    )
    return all(metric.label in labels for labels in graded if labels)
