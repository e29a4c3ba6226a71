"""Stage 4: seal, plan, packs and run belong together."""

from countermark.canonical import decode
from countermark.evidence.directory import PLAN, REPORT, RUN
from countermark.evidence.manifest import MANIFEST
from countermark.files import read_capped
from countermark.verify.state import State
from countermark.verify.verdict import Notes

MAX_PLAN = 64 * 1024 * 1024
MAX_SLOTS = 50_000_000


def check(state: State, notes: Notes) -> None:
    """The seal names this plan, report and log; the plan names these packs; there is no run but the one reported."""
    assert state.seal is not None
    _check_seal(state, notes)
    _read_plan(state, notes)
    if state.plan is None:
        return
    if state.seal.predicate.get("origin") != state.plan.audit:
        notes.wrong(
            f"the seal is of audit {state.seal.predicate.get('origin')!r}, {PLAN} of {state.plan.audit!r}"
        )
    _check_plan(state, notes)
    _check_packs(state, notes)
    for name in state.files:
        if name.startswith("evidence/") and not name.startswith(f"{RUN}/"):
            notes.wrong(f"{name}: lies outside {RUN}, the one run that is reported")
    if not notes.broken:
        notes.say(f"audit {state.plan.audit}: packs, plan, log and report name one another")


def _check_seal(state: State, notes: Notes) -> None:
    assert state.seal is not None
    for name, fact in ((PLAN, "plan_sha256"), (REPORT, "report_sha256")):
        if name not in state.digests:
            notes.malformed(f"{name}: is missing")
        elif state.seal.predicate.get(fact) != state.digests[name]:
            notes.wrong(f"{name}: is not the one that the seal names")


def _read_plan(state: State, notes: Notes) -> None:
    from pydantic import ValidationError

    from countermark.records import Plan

    if PLAN not in state.files:
        return
    try:
        value = decode(
            read_capped(state.root / PLAN, max_bytes=MAX_PLAN, name=PLAN), max_bytes=MAX_PLAN, floats=False
        )
        state.plan = Plan.model_validate(value)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        notes.malformed(f"{PLAN}: /{'/'.join(str(part) for part in first['loc'])}: {first['msg']}")


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
    if state.slots > MAX_SLOTS:
        notes.malformed(f"{PLAN}: asks for {state.slots} trials, over the limit of {MAX_SLOTS}")


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
