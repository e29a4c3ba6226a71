"""`countermark plan`: make a plan for a developer to countersign before anything is drawn or asked."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from countermark.audit import make_audit
from countermark.audit.directory import begin_plan, read_plan
from countermark.audit.request import altered
from countermark.cli.key import open_key
from countermark.cli.output import emit, home_option, json_option, printable, working
from countermark.cli.power import show_power
from countermark.cli.run import requested, run
from countermark.errors import CountermarkError, InvalidDocument, SignerUnknown, UsageError
from countermark.evidence import open_statement, parse_public_key, read_trust
from countermark.evidence.countersign import countersign as sign_plan
from countermark.evidence.countersign import split_signatures
from countermark.evidence.directory import PLANNER_KEY
from countermark.evidence.dsse import PLAN_TYPE
from countermark.evidence.manifest import MANIFEST, MAX_MANIFEST, SIGNATURES, check_manifest
from countermark.evidence.seed import Nonce, mark_opened, opened_for, recall
from countermark.files import inside, read_capped, write_atomic
from countermark.records import Plan

COUNTERSIGNATURE = "countersignature.intoto.jsonl"
_NOT_PLANNED = {"plan_dir", "countersignatures", "dry_run", "out", "home", "as_json"}
"""Options of `run` that a plan has no use for, or has of its own."""


class _Plan(click.Group):
    """`plan SUBJECTS…` makes a plan; `plan countersign` and `plan show` are its subcommands."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Anything that is no subcommand belongs to `make`."""
        if not args or (args[0] not in self.commands and args[0] not in ("-h", "--help")):
            args.insert(0, "make")
        return super().parse_args(ctx, args)


@click.group(
    cls=_Plan, epilog="Example: countermark plan packs/my-model --out audits/joint --auditor 'An Institute'"
)
def plan() -> None:
    """Make a plan and sign it; a developer countersigns it; `countermark run --plan` then draws and runs it.

    `countermark plan SUBJECTS… --out DIR` takes the subjects and options of `countermark run`.
    """


@plan.command(epilog="Example: countermark plan packs/my-model --out audits/joint --auditor 'An Institute'")
@click.option(
    "--out", type=click.Path(path_type=Path), help="The audit directory to make.  [default: audits/DATE-TIME]"
)
@click.option("--solo", is_flag=True, help="No developer has a part in the seed.")
@click.option("--power", is_flag=True, help="Only print what the plan can tell and will cost; write no plan.")
@click.option(
    "--picture",
    type=click.Path(path_type=Path, dir_okay=False),
    help="With --power: the chances as an SVG file.",
)
@home_option
@json_option
def make(*, out: Path | None, solo: bool, home: Path, as_json: bool, **asked: object) -> int:
    """Make and sign the plan of an audit of SUBJECTS; nothing is drawn and nobody is asked yet.

    Where a pack's developer committed to a part of the seed when it signed, that developer countersigns the plan and
    opens its part; your own part opens after the run. So neither of you chooses the scenarios.
    """
    power, picture = bool(asked.pop("power")), asked.pop("picture")
    request = altered(requested(asked), {"joint": not solo})
    with working("making the plan"):
        audit = make_audit(request)
    if power:
        return show_power(audit, request, picture if isinstance(picture, Path) else None, as_json=as_json)
    key = open_key(home)
    audit_dir = out or Path("audits") / datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
    begin_plan(audit_dir, audit, request, key)
    shown = {**_described(audit.plan), "audit_dir": str(audit_dir), "signer": key.public.fingerprint}
    if as_json:
        emit(shown)
        return 0
    _print(shown)
    click.echo(f"signed by {key.public.fingerprint}")
    if audit.plan.seed.developers:
        click.echo(
            f"Give the developer {audit_dir / 'plan'}, and nothing else of {audit_dir}: it holds your part of the seed."
        )
        click.echo(f"Then: countermark run --plan {audit_dir} --countersignature {COUNTERSIGNATURE}")
    else:
        click.echo(f"Then: countermark run --plan {audit_dir}")
    return 0


make.params[:0] = [option for option in run.params if option.name not in _NOT_PLANNED]


@plan.command(epilog="Example: countermark plan show audits/joint/plan")
@click.argument("plan_dir", type=click.Path(path_type=Path, exists=True, file_okay=False))
@json_option
def show(*, plan_dir: Path, as_json: bool) -> int:
    """Print what the plan in PLAN_DIR fixes: tests, metrics with their limits, subjects, rules, seed."""
    shown = _described(read_plan(_audit_of(plan_dir)))
    if as_json:
        emit(shown)
    else:
        _print(shown)
    return 0


@plan.command(
    epilog="Example: countermark plan countersign plan/ --home ~/keys/our-lab --out countersignature.intoto.jsonl"
)
@click.argument("plan_dir", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--out", type=click.Path(path_type=Path), default=Path(COUNTERSIGNATURE), show_default=True)
@click.option(
    "--key", "name", default="developer", show_default=True, help="Which of the keys in HOME signs."
)
@home_option
@json_option
def countersign(*, plan_dir: Path, out: Path, name: str, home: Path, as_json: bool) -> int:
    """Countersign the plan in PLAN_DIR as the developer of a pack in it, and open your part of the seed.

    The plan must be whole, signed by an auditor whom you trust in that role (`countermark key trust PLAN_DIR/auditor.pub.pem
    --role auditor`), and wait for a part that you committed to when you signed your pack. Read it first: `plan show`.
    """
    whole = _audit_of(plan_dir)
    planned, manifest = read_plan(whole), _checked(whole, home)
    part = _own_part(planned, home)
    key = open_key(home, name)
    if out.exists():
        raise UsageError(f"{out} is there already", hint="choose another --out")
    signed = _plan_digest(whole)
    if opened_for(home, part.commitment) not in (None, signed):
        raise UsageError(
            "your part of the seed was opened for another plan already: opened twice, it would let the auditor choose",
            hint="sign the pack again (`countermark pack sign`): that commits to a new part; the auditor plans anew with it",
        )
    mark_opened(home, part.commitment, signed)
    line = sign_plan(key, manifest, audit=planned.audit, plan_sha256=signed, part=part)
    write_atomic(out, line)
    if as_json:
        emit(
            {"written": str(out), "signer": key.public.fingerprint, "plan": signed, "opens": part.commitment}
        )
        return 0
    click.echo(f"countersigned by {key.public.fingerprint}: {out}")
    click.echo("Give it to the auditor. It opens your part of the seed: the plan is fixed from here on.")
    return 0


def _audit_of(plan_dir: Path) -> Path:
    """The directory whose plan/ it is; the audit's own directory is taken as well."""
    if (plan_dir / "plan" / "plan.json").is_file():
        return plan_dir
    if plan_dir.resolve().name != "plan":
        raise UsageError(
            f"{plan_dir} is no plan", hint="name the directory plan/ that the auditor gave you, unrenamed"
        )
    return plan_dir.resolve().parent


def _checked(audit_dir: Path, home: Path) -> bytes:
    """plan/MANIFEST.sha256, once every file is the one it names and an auditor who is trusted signed it."""
    folder = audit_dir / "plan"
    manifest = read_capped(inside(audit_dir, f"plan/{MANIFEST}"), max_bytes=MAX_MANIFEST)
    faults = [f"plan/{issue}" for issue in check_manifest(folder, manifest)]
    if faults:
        raise InvalidDocument(faults)
    auditor = parse_public_key(read_capped(inside(audit_dir, f"plan/{PLANNER_KEY}"), max_bytes=4096))
    line = split_signatures(read_capped(inside(audit_dir, f"plan/{SIGNATURES}")))[0]
    try:
        statement = open_statement(line, [auditor])
    except CountermarkError as error:
        raise InvalidDocument([f"plan/{SIGNATURES}: [signature] {error.message}"]) from error
    if statement.predicate_type != PLAN_TYPE or set(statement.subjects) != {MANIFEST}:
        raise InvalidDocument([f"plan/{SIGNATURES}: [signature-type] is no auditor's signature of a plan"])
    if statement.subjects[MANIFEST] != _sha256(manifest):
        raise InvalidDocument([f"plan/{SIGNATURES}: [signature-manifest] is over another manifest"])
    if not read_trust(home).trusts(auditor.fingerprint, "auditor"):
        raise SignerUnknown(
            f"the plan is signed by {auditor.fingerprint}, whom you do not trust as auditor",
            hint=f"if it is theirs: countermark key trust {folder / PLANNER_KEY} --role auditor",
        )
    return manifest


def _own_part(planned: Plan, home: Path) -> Nonce:
    parts = [part for part in (recall(home, one) for one in planned.seed.developers) if part is not None]
    if len(parts) != 1:
        what = "no part" if not parts else f"{len(parts)} parts"
        raise UsageError(
            f"the plan waits for {what} of the seed that {home} keeps",
            hint="countersign with the --home that signed the pack; one signature a developer",
        )
    return parts[0]


def _sha256(data: bytes) -> str:
    from countermark.canonical import digest

    return digest(data)


def _plan_digest(audit_dir: Path) -> str:
    return _sha256(read_capped(inside(audit_dir, "plan/plan.json")))


def _described(planned: Plan) -> dict[str, Any]:
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


def _print(shown: dict[str, Any]) -> None:
    click.echo(f"plan {shown['audit']} by {printable(shown['auditor'])}, battery {shown['battery']}")
    for one in shown["subjects"]:
        click.echo(f"  subject  {printable(one['id'])} ({one['kind']}): {', '.join(one['tests'])}")
    for one in shown["roles"]:
        click.echo(f"  role     {one['role']}: {printable(one['model'])}")
    for test in shown["tests"]:
        arms = ", ".join(f"{arm} {count}" for arm, count in test["arms"].items())
        click.echo(f"  test     {test['id']} {test['version']}: {test['items']} scenarios ({arms})")
        options = ", ".join(f"{name} {value}" for name, value in test["grader_options"].items())
        click.echo(
            f"             graded by {test['grader']}{f' ({printable(options)})' if options else ''}; "
            f"a metric needs {test['min_graded']} verdicts; folder {test['digest'][:16]}…"
        )
        for metric in test["metrics"]:
            limit = f", limit {metric['limit']}, target {metric['target']}" if metric["limit"] else ""
            cap = f", at most {test['caps'][metric['id']]} trials" if metric["id"] in test["caps"] else ""
            click.echo(
                f"             {metric['id']}: {metric['label']} in {metric['arm']}, {metric['better']} is better{limit}{cap}"
            )
    for name, value in shown["rules"].items():
        said = ", ".join(f"{key} {one}" for key, one in value.items()) if isinstance(value, dict) else value
        click.echo(f"  rule     {name}: {said if said not in (None, []) else 'none'}")
    seed = shown["seed"]
    click.echo(f"  seed     auditor's part committed to by {seed['auditor']}")
    for commitment in seed["developers"]:
        click.echo(f"           a developer's by {commitment}, opened by its countersignature")
