"""`countermark plan`: make a plan for a developer to countersign before anything is drawn or asked."""

from datetime import UTC, datetime
from pathlib import Path

import click

from countermark.audit import make_audit
from countermark.audit.directory import begin_plan, check_free, read_plan
from countermark.audit.request import RESUME_FILE, altered
from countermark.cli.given import paste_at_home, public_keys
from countermark.cli.handed_over import as_json as packs_as_json
from countermark.cli.handed_over import handed_over, print_handed_over, refuse_broken
from countermark.cli.key import open_key
from countermark.cli.lines import say
from countermark.cli.output import emit, home_option, json_option, working
from countermark.cli.placing import outside
from countermark.cli.plan_words import described, print_plan, signed_by
from countermark.cli.power import show_power
from countermark.cli.run import requested, run
from countermark.errors import EvidenceError, InvalidDocument, SignerUnknown, UsageError
from countermark.evidence import SigningKey, read_trust
from countermark.evidence.countersign import countersign as sign_plan
from countermark.evidence.directory import PLANNER_KEY
from countermark.evidence.keys import key_path
from countermark.evidence.seed import Nonce, mark_opened, opened_for, recall, signed_with
from countermark.files import inside, read_capped, write_atomic
from countermark.records import Plan

COUNTERSIGNATURE = "countersignature.intoto.jsonl"
_HANDED_TOO_MUCH = (
    "!  {file} lies beside the plan: it holds the auditor's part of the seed, and with yours it draws the scenarios. "
    "An auditor gives plan/ alone: say so, and have another plan made"
)
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
    for path, option in ((out, "--out"), (picture, "--picture")):
        if isinstance(path, Path):
            outside(path, option)
    request = altered(requested(asked), {"joint": not solo})
    with working("making the plan"):
        audit = make_audit(request)
    refuse_broken(audit.roles)
    if power:
        return show_power(audit, request, picture if isinstance(picture, Path) else None, as_json=as_json)
    audit_dir = out or Path("audits") / datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
    check_free(audit_dir)
    key = open_key(home)
    packs = handed_over(audit.roles, read_trust(home), key.public)
    begin_plan(audit_dir, audit, request, key)
    shown = {**described(audit.plan), "audit_dir": str(audit_dir), "signer": key.public.fingerprint}
    if as_json:
        emit({**shown, "packs": packs_as_json(packs)})
        return 0
    print_plan(shown)
    print_handed_over(packs)
    click.echo(f"signed by {key.public.fingerprint}")
    if audit.plan.seed.developers:
        click.echo(
            f"Give the developer {audit_dir / 'plan'}, a folder of that name, and nothing else of {audit_dir}: "
            "it holds your part of the seed."
        )
        click.echo(
            f"Then: {paste_at_home('run', '--plan', audit_dir, '--countersignature', COUNTERSIGNATURE)}"
        )
    else:
        click.echo(f"Then: {paste_at_home('run', '--plan', audit_dir)}")
    return 0


make.params[:0] = [option for option in run.params if option.name not in _NOT_PLANNED]


@plan.command(epilog="Example: countermark plan show audits/joint/plan")
@click.argument("plan_dir", type=click.Path(path_type=Path, exists=True, file_okay=False))
@json_option
def show(*, plan_dir: Path, as_json: bool) -> int:
    """Print what the plan in PLAN_DIR fixes, and whose signature is on it: tests, metrics with limits, subjects, rules, seed.

    A plan that was changed after it was signed is told, with exit code 1.
    """
    whole = _audit_of(plan_dir)
    shown, signed = described(read_plan(whole)), signed_by(whole)
    if as_json:
        emit({**shown, "signer": signed.signer, "faults": signed.faults})
        return 1 if signed.faults else 0
    print_plan(shown)
    if signed.faults:
        raise EvidenceError(
            "this is not the plan that was signed\n" + "\n".join(signed.faults),
            hint="ask the auditor for the plan",
        )
    say(
        f"signed by {signed.signer}: compare this fingerprint with the auditor's over another channel",
        hang=13,
    )
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
    if out.exists():
        raise UsageError(f"{out} is there already", hint="choose another --out")
    outside(out)
    signed = _plan_digest(whole)
    if opened_for(home, part.commitment) not in (None, signed):
        raise UsageError(
            "your part of the seed was opened for another plan already: opened twice, it would let the auditor choose",
            hint="sign the pack again (`countermark pack sign`): that commits to a new part; the auditor plans anew with it",
        )
    key = _pack_signer(plan_dir, part, home, name)
    if (whole / RESUME_FILE).exists():
        click.echo(_HANDED_TOO_MUCH.format(file=whole / RESUME_FILE), err=True)
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
    signed = signed_by(audit_dir)
    if signed.faults:
        raise InvalidDocument(signed.faults)
    if not read_trust(home).trusts(signed.signer, "auditor"):
        trusting = paste_at_home("key", "trust", audit_dir / "plan" / PLANNER_KEY, "--role", "auditor")
        raise SignerUnknown(
            f"the plan is signed by {signed.signer}, whom you do not trust as auditor",
            hint=f"if it is theirs: {trusting}",
        )
    return signed.manifest


def _own_part(planned: Plan, home: Path) -> Nonce:
    parts = [part for part in (recall(home, one) for one in planned.seed.developers) if part is not None]
    if len(parts) != 1:
        what = "no part" if not parts else f"{len(parts)} parts"
        raise UsageError(
            f"the plan waits for {what} of the seed that {home} keeps",
            hint="countersign with the --home that signed the pack; one signature a developer",
        )
    return parts[0]


def _pack_signer(plan_dir: Path, part: Nonce, home: Path, name: str) -> SigningKey:
    """The key of that name, once it is seen to be the one that signed the pack: no other may open the pack's part.

    Raises:
        UsageError: It is another one, or there is none of that name; none is made.
    """
    signer = signed_with(home, part.commitment)
    if signer is None:
        raise UsageError(
            f"{home} does not say which key signed the pack together with this part of the seed",
            hint="sign the pack again (`countermark pack sign`): that commits to a new part; the auditor plans anew with it",
        )
    other = next((one for one, public in public_keys(home).items() if public.fingerprint == signer), "")
    using = paste_at_home("plan", "countersign", plan_dir, "--key", other)
    hint = f"countersign with it: {using}" if other else "name the --home and --key that signed the pack"
    if not key_path(home, name).exists():
        raise UsageError(f"{home} holds no key named {name}; the pack was signed by {signer}", hint=hint)
    key = open_key(home, name)
    if key.public.fingerprint != signer:
        raise UsageError(
            f"the key {name} ({key.public.fingerprint}) did not sign the pack, {signer} did: "
            "no auditor could take its countersignature",
            hint=hint,
        )
    return key


def _sha256(data: bytes) -> str:
    from countermark.canonical import digest

    return digest(data)


def _plan_digest(audit_dir: Path) -> str:
    return _sha256(read_capped(inside(audit_dir, "plan/plan.json")))
