"""Stage 4: seal, plan, packs and run belong together."""

import re
from datetime import datetime
from typing import TypeVar

from countermark.canonical import InvalidJson, decode, encode
from countermark.evidence.directory import (
    AUDITOR_KEY,
    DRAW,
    HOW_TO_CHECK,
    PLAN,
    REPORT,
    RUN,
    how_to_check,
    log_origin,
)
from countermark.evidence.items import LEAVES, MAX_LEAVES, parse_leaves
from countermark.evidence.late import may_lie_beside
from countermark.evidence.manifest import MANIFEST, SIGNATURES
from countermark.evidence.merkle import root_of
from countermark.evidence.withholding import ORIGINAL
from countermark.files import read_capped
from countermark.records import Draw, Plan, PlannedSubject, PlannedTest
from countermark.verify import countersigned
from countermark.verify.packs import RECEIVED, check_received
from countermark.verify.state import State
from countermark.verify.verdict import Notes

Written = TypeVar("Written", Plan, Draw)
MAX_PLAN = 16 * 1024 * 1024
MAX_SLOTS = 50_000_000
_MAX_METRICS, _MAX_CAPS = 40, 200_000
_SEALED = {
    "origin",
    "size",
    "root",
    "plan_sha256",
    "report_sha256",
    "numbers_sha256",
    "original",
    "redaction_sha256",
}
_PLAN_KEY = "plan/auditor.pub.pem"
_CIPHER = re.compile(r"evidence/run-1/sealed/[0-9]{8,}\.age")
_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z")
_PART = re.compile(
    r"MANIFEST\.sha256|signatures\.intoto\.jsonl|VERIFY\.txt|trials\.parquet|keys/(auditor|witness/[0-9a-f]{64})\.pub\.pem"
    r"|pack/[^/]+/.+|plan/(plan\.json|auditor\.pub\.pem|MANIFEST\.sha256|signatures\.intoto\.jsonl)"
    r"|draw/(draw\.json|items\.json|MANIFEST\.sha256|signatures\.intoto\.jsonl)|reveal/(seed\.json|items\.jsonl)"
    r"|redaction/(redaction\.json|original/(MANIFEST\.sha256|signatures\.intoto\.jsonl))"
    r"|redaction/superseded/[1-9][0-9]?/(redaction\.json|MANIFEST\.sha256|signatures\.intoto\.jsonl)"
    r"|evidence/run-1/(records\.jsonl|identity\.jsonl|unwitnessed\.jsonl|inflight\.jsonl|(blobs|checkpoints|cosigned)/[^/]+)"
    r"|report/(report\.json|index(\.[a-z]{2})?\.html|exports/.+)"
)


def check(state: State, notes: Notes) -> None:
    """The seal names this plan, report and log; the plan names these packs; there is no run but the one reported."""
    assert state.seal is not None
    _check_seal(state, notes)
    _read_plan(state, notes)
    if state.plan is None:
        return
    _check_plan(state, notes)
    _read_draw(state, notes)
    if state.draw is None:
        return
    if state.seal.predicate.get("origin") != state.origin:
        notes.wrong(
            f"the seal is of the log {state.seal.predicate.get('origin')!r}, {PLAN} and {DRAW} make {state.origin!r}"
        )
    _check_stated(state, notes)
    _check_packs(state, notes)
    countersigned.check(state, notes)
    _check_layout(state, notes)
    if not notes.broken:
        notes.say(f"audit {state.plan.audit}: packs, plan, draw, log and report name one another")


def _check_layout(state: State, notes: Notes) -> None:
    """Nothing lies in the directory that is no part of an audit: a seal over it would lend it weight."""
    for name in sorted(state.files):
        if name.startswith("evidence/") and not name.startswith(f"{RUN}/"):
            notes.wrong(f"{name}: lies outside {RUN}, the one run that is reported")
        elif not (_is_part(state, name) or may_lie_beside(name.removeprefix(f"{ORIGINAL}/"))):
            notes.partial(f"{name}: is no part of an audit; sealed with it, and checked by nothing")
    assert state.key is not None
    if HOW_TO_CHECK not in state.files:
        notes.partial(f"{HOW_TO_CHECK}: is missing")
    elif read_capped(state.root / HOW_TO_CHECK) != how_to_check(state.key):
        notes.partial(
            f"{HOW_TO_CHECK}: is not the text this version writes; do not run what stands in it unread"
        )


def _is_part(state: State, name: str) -> bool:
    """A ciphertext is part of a redacted copy alone: elsewhere there is nothing withheld that it could be of."""
    return _PART.fullmatch(name) is not None or (
        state.redaction is not None and _CIPHER.fullmatch(name) is not None
    )


def _check_stated(state: State, notes: Notes) -> None:
    """What else the statements say: plan and draw are those of this audit, and a seal says nothing that nothing checks."""
    assert state.plan is not None
    assert state.seal is not None
    due = {
        "plan/": {"audit": state.plan.audit, "plan_sha256": state.digests[PLAN]},
        "draw/": {"audit": state.plan.audit, "origin": state.origin},
    }
    for part, facts in due.items():
        said = state.statements[part].predicate if part in state.statements else facts
        for name in sorted(said.keys() | facts.keys()):
            if said.get(name) != facts.get(name):
                notes.wrong(
                    f"{part}{SIGNATURES}: its {name} is {said.get(name)!r}, it should be {facts.get(name)!r}"
                )
    if _PLAN_KEY in state.files and read_capped(state.root / _PLAN_KEY) != read_capped(
        state.root / AUDITOR_KEY
    ):
        notes.wrong(f"{_PLAN_KEY}: is another key than {AUDITOR_KEY}")
    for name in sorted(state.seal.predicate.keys() - _SEALED):
        notes.partial(f"{SIGNATURES}: the seal says {name!r}, which nothing here checks")


def _check_seal(state: State, notes: Notes) -> None:
    assert state.seal is not None
    for name, fact in ((PLAN, "plan_sha256"), (REPORT, "report_sha256")):
        if name not in state.digests:
            notes.malformed(f"{name}: is missing")
        elif state.seal.predicate.get(fact) != state.digests[name]:
            notes.wrong(f"{name}: is not the one that the seal names")


def _read_plan(state: State, notes: Notes) -> None:
    if PLAN in state.files:
        state.plan = _parsed(state, notes, PLAN, Plan)


def _parsed(state: State, notes: Notes, name: str, kind: type[Written]) -> Written | None:
    """A signed document as a value, or None with what is wrong with it noted. It has to say which schema it follows."""
    from pydantic import ValidationError

    try:
        data = read_capped(state.root / name, max_bytes=MAX_PLAN, name=name)
        value = decode(data, max_bytes=MAX_PLAN, floats=False)
        found = kind.model_validate_json(data, strict=True)  # "4" is no number, and "yes" no truth value
    except InvalidJson as error:
        notes.malformed(f"{name}: {error}")
        return None
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        notes.malformed(f"{name}: /{'/'.join(str(part) for part in first['loc'])}: {first['msg']}")
        return None
    if "schema" not in value:
        notes.malformed(f"{name}: /schema: is missing")
        return None
    if encode(value) != data:
        notes.malformed(f"{name}: is not in canonical form, so another spelling of it would be another log")
    return found


def _read_draw(state: State, notes: Notes) -> None:
    """The draw is of this plan, and names the plan's tests and simulations and nothing else."""
    assert state.plan is not None
    if DRAW not in state.files:
        notes.wrong(f"{DRAW}: is missing")
        return
    draw = _parsed(state, notes, DRAW, Draw)
    if draw is None:
        return
    simulations = {subject.id for subject in state.plan.subjects if subject.simulation}
    if draw.plan != state.digests.get(PLAN):
        notes.wrong(f"{DRAW}: is of another plan than {PLAN}")
    if set(draw.items) != {test.id for test in state.plan.tests}:
        notes.wrong(f"{DRAW}: its items are not those of the plan's tests")
    if not set(draw.planted) <= simulations:
        notes.wrong(f"{DRAW}: has planted rates for a subject that is no simulation")
    data = read_capped(state.root / DRAW, max_bytes=MAX_PLAN, name=DRAW)
    state.draw, state.origin = draw, log_origin(state.plan.audit, data)
    _read_leaves(state, notes)


def _read_leaves(state: State, notes: Notes) -> None:
    """The leaves of each test are as many as it has items, and make the root that the draw names."""
    assert state.plan is not None
    assert state.draw is not None
    if LEAVES not in state.files:
        notes.wrong(f"{LEAVES}: is missing")
        return
    state.leaves = parse_leaves(read_capped(state.root / LEAVES, max_bytes=MAX_LEAVES, name=LEAVES))
    for name in sorted(state.leaves.keys() - {test.id for test in state.plan.tests}):
        notes.wrong(f"{LEAVES}: holds leaves of {name}, which is not planned")
    for test in state.plan.tests:
        own = state.leaves.get(test.id, [])
        if len(own) != test.items or root_of(own).hex() != state.draw.items.get(test.id):
            notes.wrong(f"{LEAVES}: the leaves of {test.id} do not make the root that {DRAW} names")


def _check_plan(state: State, notes: Notes) -> None:
    """What the schema cannot say: names are unique, subjects take planned tests, the queue has a bound."""
    assert state.plan is not None
    tests = [test.id for test in state.plan.tests]
    subjects = [subject.id for subject in state.plan.subjects]
    taken = [test for subject in state.plan.subjects for test in subject.tests]
    twice = len(set(tests)) < len(tests) or len(set(subjects)) < len(subjects)
    if twice or any(len(set(one.tests)) < len(one.tests) for one in state.plan.subjects):
        notes.malformed(f"{PLAN}: a test or a subject stands twice")
    if not set(taken) <= set(tests):
        notes.malformed(
            f"{PLAN}: a subject takes a test that is not planned: {sorted(set(taken) - set(tests))}"
        )
    for test in state.plan.tests:
        if sum(test.arms.values()) != test.items:
            notes.malformed(f"{PLAN}: {test.id}: its arms do not add up to its items")
        _check_metrics(state.plan, test, notes)
    if not _is_time(state.plan.created):
        notes.malformed(f"{PLAN}: /created: {state.plan.created!r} is no time")
    if state.slots > MAX_SLOTS:
        notes.malformed(f"{PLAN}: asks for {state.slots} trials, over the limit of {MAX_SLOTS}")


def _is_time(text: str) -> bool:
    try:
        return _TIME.fullmatch(text) is not None and datetime.fromisoformat(text) is not None
    except ValueError:
        return False


def _check_metrics(plan: Plan, test: PlannedTest, notes: Notes) -> None:
    """Metrics are few, each of an arm that is there; caps are of metrics and no larger than their arms."""
    names = [metric.id for metric in test.metrics]
    if len(set(names)) < len(names) or len(names) > _MAX_METRICS:
        notes.malformed(f"{PLAN}: {test.id}: a metric stands twice, or there are over {_MAX_METRICS}")
    if any(metric.arm not in test.arms for metric in test.metrics):
        notes.malformed(f"{PLAN}: {test.id}: a metric is of an arm that has no items")
        return
    most = {metric.id: test.arms[metric.arm] * plan.rules.epochs for metric in test.metrics}
    expected = set(names) if plan.rules.stopping is not None else set()
    if set(test.caps) != expected or any(cap > most[name] for name, cap in test.caps.items()):
        notes.malformed(f"{PLAN}: {test.id}: caps are not one for each metric, within what its arm has")
    elif sum(test.caps.values()) > _MAX_CAPS:
        notes.malformed(f"{PLAN}: {test.id}: caps add up to over {_MAX_CAPS} trials")


def _check_packs(state: State, notes: Notes) -> None:
    assert state.plan is not None
    held = {
        state.digests[name]: name
        for name in state.digests
        if name.startswith("pack/") and name.endswith(f"/{MANIFEST}") and name.count("/") == 2
    }
    planned = {subject.pack_digest for subject in state.plan.subjects}
    for subject in state.plan.subjects:
        if subject.pack_digest not in held:
            notes.wrong(f"pack/: no pack has the digest that {PLAN} names for {subject.id}")
    for value, name in held.items():
        if value not in planned:
            notes.wrong(f"{name}: is the pack of no subject in {PLAN}")
        check_received(state, notes, name.removesuffix(MANIFEST))
    for subject in state.plan.subjects:
        if subject.pack_digest in held:
            part = held[subject.pack_digest].removesuffix(MANIFEST)
            _check_kind(state, notes, subject, part)
            _check_signed(state, notes, subject, part)


def _check_signed(state: State, notes: Notes, subject: PlannedSubject, part: str) -> None:
    """A reader who names developers wants one behind every model; simulations have none."""
    named = state.trust is not None and state.trust.roles.get("developer")
    if named and not subject.simulation and f"{part}{RECEIVED}{SIGNATURES}" not in state.digests:
        notes.stranger(f"{part}: no developer signed it, and your policy names developers")


def _check_kind(state: State, notes: Notes, subject: PlannedSubject, part: str) -> None:
    """The pack is this subject's, and says of it what the plan says: above all, whether it is a simulation."""
    from countermark.pack import ReleasePack, check_pack

    pack = check_pack(state.root / part.rstrip("/"), manifest=False).pack
    if pack is None:
        notes.wrong(f"{part}pack.json: cannot be read, so nothing says what {subject.id} is")
        return
    packed = [pack] if isinstance(pack, ReleasePack) else pack.subjects
    kinds = {one.subject.id: one.subject.kind for one in packed}
    if kinds.get(subject.id) != subject.kind:
        notes.wrong(
            f"{part}pack.json: says {subject.id} is {kinds.get(subject.id, 'none of its subjects')}, "
            f"{PLAN} says {subject.kind}"
        )
