"""What commands say of a plan: what it fixes, who signed it, and whether it waits to be run."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from countermark.audit.request import RESUME_FILE
from countermark.canonical import digest
from countermark.cli.given import paste_at_home
from countermark.cli.lines import say
from countermark.cli.output import printable
from countermark.errors import CountermarkError, InvalidDocument, UsageError
from countermark.evidence import open_statement, parse_public_key
from countermark.evidence.countersign import split_signatures
from countermark.evidence.directory import PLAN, PLANNER_KEY, RUN
from countermark.evidence.dsse import MAX_LINE, PLAN_TYPE
from countermark.evidence.lines import RECORDS
from countermark.evidence.manifest import MANIFEST, MAX_MANIFEST, SIGNATURES, check_manifest
from countermark.evidence.seed import MAX_PARTIES
from countermark.files import inside, read_capped
from countermark.pack import PACK_FILE
from countermark.records import Plan

_LONGEST = 48
"""Signs of an option's value that a line still shows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Signed:
    """The signature over plan/: whose it says it is (empty where there is no key), its manifest, and every fault in words."""

    signer: str
    manifest: bytes
    faults: tuple[str, ...]


def signed_by(audit_dir: Path) -> Signed:
    """Who signed the plan in an audit directory, and whether it is the plan that was signed; raises nothing."""
    manifest, signer, faults = b"", "", []
    try:
        manifest = read_capped(
            inside(audit_dir, f"plan/{MANIFEST}"), max_bytes=MAX_MANIFEST, name=f"plan/{MANIFEST}"
        )
        faults += [f"plan/{issue}" for issue in check_manifest(audit_dir / "plan", manifest)]
        name = f"plan/{PLANNER_KEY}"
        key = parse_public_key(read_capped(inside(audit_dir, name), max_bytes=4096, name=name))
        signer = key.fingerprint
        name = f"plan/{SIGNATURES}"
        data = read_capped(inside(audit_dir, name), max_bytes=MAX_LINE * (MAX_PARTIES + 1), name=name)
        statement = open_statement(split_signatures(data)[0], [key])
        if statement.predicate_type != PLAN_TYPE or set(statement.subjects) != {MANIFEST}:
            faults.append(f"{name}: [signature-type] is no auditor's signature of a plan")
        elif statement.subjects[MANIFEST] != digest(manifest):
            faults.append(f"{name}: [signature-manifest] is over another manifest")
    except InvalidDocument as error:
        faults += error.faults
    except CountermarkError as error:
        faults.append(f"plan/{SIGNATURES}: [signature] {error.message}")
    return Signed(signer=signer, manifest=manifest, faults=tuple(faults))


def check_waiting(audit_dir: Path, *more: object) -> None:
    """See that a directory holds a plan that was not begun yet.

    Args:
        audit_dir: As it was given.
        more: What else `run --plan` was given, for the command to be pasted.

    Raises:
        UsageError: It says what lies there instead, and what to do.
    """
    if not (audit_dir / PLAN).is_file():
        raise UsageError(f"{audit_dir} holds no {PLAN}", hint=_instead(audit_dir, more))
    if not (audit_dir / RUN / RECORDS).exists():
        return
    if (audit_dir / RESUME_FILE).exists():
        going_on = paste_at_home("resume", audit_dir)
        raise UsageError(f"the plan in {audit_dir} was begun already", hint=f"go on with it: {going_on}")
    raise UsageError(
        f"{audit_dir} is finished: its plan was run, and it is sealed",
        hint=f"check it: {paste_at_home('verify', audit_dir)}; for another audit make another plan",
    )


def _instead(audit_dir: Path, more: tuple[object, ...]) -> str:
    if (audit_dir / Path(PLAN).name).is_file():
        above = audit_dir.parent if audit_dir.name else audit_dir.absolute().parent
        return f"name the directory above: {paste_at_home('run', '--plan', above, *more)}"
    if (audit_dir / PACK_FILE).is_file():
        return f"it is a pack, of which a plan is made first: {paste_at_home('plan', audit_dir, '--out', 'AUDIT')}"
    return "name the directory that `countermark plan … --out DIR` made"


def described(planned: Plan) -> dict[str, Any]:
    """What a plan fixes; plain JSON values."""
    return {
        "audit": planned.audit,
        "auditor": planned.auditor,
        "battery": planned.battery,
        "seed": planned.seed.model_dump(),
        "subjects": [{"id": one.id, "kind": one.kind, "tests": one.tests} for one in planned.subjects],
        "tests": [
            {
                "id": test.id,
                "version": test.version,
                "items": test.items,
                "arms": test.arms,
                "caps": test.caps,
                "grader": test.grader,
                "grader_options": test.grader_options,
                "min_graded": test.min_graded,
                "digest": test.digest,
                "metrics": [
                    metric.model_dump(include={"id", "arm", "label", "better", "limit", "target"})
                    for metric in test.metrics
                ],
            }
            for test in planned.tests
        ],
        "roles": [one.model_dump() for one in planned.roles],
        "rules": planned.rules.model_dump(mode="json"),
    }


def print_plan(shown: dict[str, Any]) -> None:
    """What a plan fixes, for people: long options of graders by how many entries they have."""
    for line in (*_who(shown), *_tests(shown), *_fixed(shown)):
        say(printable(line).replace("\n", " "), hang=13)
    click.echo("Options of graders are shortened; --json has them whole.")


def _who(shown: dict[str, Any]) -> Iterator[str]:
    yield f"plan {shown['audit']} by {shown['auditor']}, battery {shown['battery']}"
    for one in shown["subjects"]:
        yield f"  subject  {one['id']} ({one['kind']}): {', '.join(one['tests'])}"
    for one in shown["roles"]:
        yield f"  role     {one['role']}: {one['model']}"


def _tests(shown: dict[str, Any]) -> Iterator[str]:
    for test in shown["tests"]:
        arms = ", ".join(f"{arm} {count}" for arm, count in test["arms"].items())
        yield f"  test     {test['id']} {test['version']}: {test['items']} scenarios ({arms})"
        options = ", ".join(_option(name, value) for name, value in test["grader_options"].items())
        yield (
            f"           graded by {test['grader']}{f' ({options})' if options else ''}; "
            f"a metric needs {test['min_graded']} verdicts; folder {test['digest'][:16]}…"
        )
        for metric in test["metrics"]:
            limit = f", limit {metric['limit']}, target {metric['target']}" if metric["limit"] else ""
            cap = f", at most {test['caps'][metric['id']]} trials" if metric["id"] in test["caps"] else ""
            how = f"{metric['label']} in {metric['arm']}, {metric['better']} is better"
            yield f"           {metric['id']}: {how}{limit}{cap}"


def _option(name: str, value: object) -> str:
    """An option of a grader on one line: what is long only by its length."""
    if isinstance(value, list | dict):
        return f"{name}: {len(value)} {'entry' if len(value) == 1 else 'entries'}"
    text = str(value)
    return f"{name}: {text if len(text) <= _LONGEST else text[:_LONGEST] + '…'}"


def _fixed(shown: dict[str, Any]) -> Iterator[str]:
    for name, value in shown["rules"].items():
        said = ", ".join(f"{key} {one}" for key, one in value.items()) if isinstance(value, dict) else value
        yield f"  rule     {name}: {said if said not in (None, []) else 'none'}"
    yield f"  seed     auditor's part committed to by {shown['seed']['auditor']}"
    for commitment in shown["seed"]["developers"]:
        yield f"           a developer's by {commitment}, opened by its countersignature"
