"""`countermark run` and `countermark resume`."""

import secrets
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import click
from click.core import ParameterSource
from pydantic import ValidationError

from countermark.audit import (
    AuditRequest,
    Estimate,
    Outcomes,
    carry_out,
    carry_out_plan,
    estimate,
    finish,
    make_audit,
)
from countermark.audit import resume as go_on
from countermark.audit.carry_out import close_as_it_stands
from countermark.audit.directory import check_free
from countermark.audit.role_estimate import role_estimates, unmeasured
from countermark.cli.given import witness_urls
from countermark.cli.handed_over import refuse_broken
from countermark.cli.key import open_key
from countermark.cli.lines import say
from countermark.cli.output import (
    emit,
    home_option,
    json_option,
    print_claims,
    print_deviations,
    print_summary,
    working,
)
from countermark.cli.placing import outside
from countermark.cli.plan_words import check_waiting
from countermark.cli.progress import Progress
from countermark.cli.roles import driver_option, print_roles, role_option, roles_asked
from countermark.errors import EvidenceError, UsageError, to_paste
from countermark.evidence import SigningKey, parse_seed, read_trust, remember
from countermark.evidence.dsse import MAX_LINE
from countermark.evidence.keys import key_path
from countermark.evidence.seed import SEED
from countermark.files import read_capped
from countermark.records import Report
from countermark.report import render
from countermark.verify import Verdict
from countermark.verify import verify as check

witness_option = click.option(
    "--witness",
    "witnesses",
    multiple=True,
    callback=witness_urls,
    metavar="URL",
    help="Have every checkpoint cosigned by the witness at this address; repeatable.",
)

deviation_option = click.option(
    "--deviation",
    "deviations",
    multiple=True,
    metavar="TEXT",
    help="Say in the report, in your own words, what does not go as planned; repeatable.",
)


@click.command(
    epilog="Example: countermark run openai/gpt-4.1 anthropic/claude-sonnet-4-0 --battery core --budget 20"
)
@click.argument("subjects", nargs=-1)
@click.option(
    "--battery", default="core", show_default=True, help="A built-in battery, or a battery's directory."
)
@click.option(
    "--out", type=click.Path(path_type=Path), help="The audit directory to make.  [default: audits/DATE-TIME]"
)
@click.option("--seed", help="Hexadecimal; fixes scenarios, order and simulations.  [default: random]")
@click.option(
    "--epochs", type=click.IntRange(1, 1000), default=1, show_default=True, help="Trials a scenario."
)
@click.option(
    "--fixed",
    is_flag=True,
    help="Make every trial, whatever they show.  [default: stop when the evidence suffices]",
)
@click.option(
    "--half-width", default="0.10", show_default=True, help="Of an interval that is precise enough to stop."
)
@click.option(
    "--margin",
    default="0.10",
    show_default=True,
    help="Difference of rates within which two subjects count as equivalent; `none` plans no such claim.",
)
@click.option(
    "--items",
    multiple=True,
    metavar="TEST=FILE[@sha256:HEX]",
    help="Put a CSV or JSONL file's items in place of a test's own; repeatable.",
)
@click.option("--limit", type=click.IntRange(min=1), help="At most so many scenarios of each arm.")
@click.option(
    "--connections", type=click.IntRange(1, 1024), default=32, show_default=True, help="Calls at a time."
)
@click.option(
    "--max-tokens", type=click.IntRange(1, 1_000_000), default=1024, show_default=True, help="For one reply."
)
@click.option("--temperature", help="For every live subject.  [default: the provider's]")
@click.option(
    "--reasoning", help="Effort (low, medium, high, …) or a token budget.  [default: the provider's]"
)
@click.option(
    "--timeout", "timeout_s", type=click.IntRange(1, 3600), default=120, show_default=True, help="Seconds."
)
@click.option("--budget", help="USD; no trial begins once it is spent.")
@click.option("--price", multiple=True, help="SUBJECT:in=2.00,out=8.00, USD a million tokens.")
@click.option("--base-url", multiple=True, help="PROVIDER=URL, e.g. openai=http://127.0.0.1:8000/v1.")
@click.option(
    "--weights",
    multiple=True,
    metavar="DIR",
    help="Run a pack's weights here: DIR, or weights/NAME=DIR; repeatable.",
)
@role_option
@driver_option
@witness_option
@deviation_option
@click.option("--auditor", default="rehearsal", show_default=True, help="Who audits, as the plan says it.")
@click.option("--dry-run", is_flag=True, help="Only print the calls, tokens and cost to expect.")
@click.option(
    "--plan",
    "plan_dir",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Run the plan that `countermark plan` made here; every other choice was made with it.",
)
@click.option(
    "--countersignature",
    "countersignatures",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    multiple=True,
    help="A developer's countersignature of that plan.",
)
@home_option
@json_option
def run(*, out: Path | None, dry_run: bool, home: Path, as_json: bool, **asked: object) -> int:
    """Audit SUBJECTS: plan, run, seal, verify, report.

    SUBJECTS are provider/model (openai/…, anthropic/…, any provider Inspect knows), reference/…, or directories that
    hold a release pack or recordings. None at all means the built-in reference subjects: simulations with planted
    rates, which need no key and cost nothing.
    """
    plan_dir, countersignatures = asked.pop("plan_dir"), asked.pop("countersignatures")
    if isinstance(plan_dir, Path):
        _refuse_other_choices()
        return _run_plan(plan_dir, countersignatures, asked, home, as_json=as_json)
    if countersignatures:
        raise UsageError("a countersignature is of a plan", hint="name it: --plan DIR")
    request = requested(asked)
    if out is not None:
        outside(out)
    with working("drawing scenarios and making the plan"):
        audit = make_audit(request)
    refuse_broken(audit.roles)
    audit_dir = out or Path("audits") / datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
    if not dry_run:
        check_free(audit_dir)
    key = None if dry_run else open_key(home)  # none is made for what cannot be planned
    for line in unmeasured(audit):
        click.echo(line, err=True)
    if key is None:
        _print_estimate([*estimate(audit, request), *role_estimates(audit, request)], as_json=as_json)
        return 0
    with Progress() as progress:
        outcomes = carry_out(request, audit_dir, key, progress, audit=audit)
    return _conclude(audit_dir, outcomes, key, home, as_json=as_json)


@click.command(epilog="Example: countermark resume audits/20261123-101500")
@click.argument("audit_dir", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--budget", help="USD, replacing the budget the audit began with; none lifts it.")
@click.option("--close", is_flag=True, help="Run nothing more: seal what there is, the rest as not run.")
@witness_option
@deviation_option
@home_option
@json_option
def resume(
    *, audit_dir: Path, budget: str | None, close: bool, home: Path, as_json: bool, **said: Sequence[str]
) -> int:
    """Go on with the audit in AUDIT_DIR, which stopped or was killed.

    No finished trial is lost or counted twice; what was in flight is recorded as interrupted and run again.
    """
    key = _planners_key(home)
    with Progress() as progress:
        if close:
            close_as_it_stands(audit_dir, key, progress, **said)
            outcomes = None
        else:
            outcomes = go_on(audit_dir, key, progress, budget_usd=budget, **said)
    return _conclude(audit_dir, outcomes, key, home, as_json=as_json)


def _refuse_other_choices() -> None:
    """With a plan little else may be chosen: what was signed holds."""
    ctx = click.get_current_context()
    kept = {"plan_dir", "countersignatures", "budget", "witnesses", "home", "as_json"}
    given = [
        option
        for option in ctx.params
        if option not in kept and ctx.get_parameter_source(option) is ParameterSource.COMMANDLINE
    ]
    if given:
        raise UsageError(
            f"the plan fixes {', '.join(given).replace('_', '-')} already",
            hint="make another plan, or leave them out",
        )


def _planners_key(home: Path) -> SigningKey:
    """The auditor's key; none is made, since one has signed the plan already. Raises `UsageError`."""
    if not key_path(home, "auditor").exists():
        raise UsageError(f"{home} holds no auditor's key", hint="name the --home whose key signed the plan")
    return open_key(home)


def _run_plan(
    plan_dir: Path, countersignatures: object, asked: dict[str, object], home: Path, *, as_json: bool
) -> int:
    assert isinstance(countersignatures, tuple)
    check_waiting(plan_dir, *(word for path in countersignatures for word in ("--countersignature", path)))
    key = _planners_key(home)
    signed = {str(path): read_capped(path, max_bytes=MAX_LINE) for path in countersignatures}
    budget = asked["budget"]
    with Progress() as progress:
        outcomes = carry_out_plan(
            plan_dir,
            key,
            progress,
            countersignatures=signed,
            budget_usd=budget if isinstance(budget, str) else None,
            witnesses=_strings(asked["witnesses"]),
        )
    return _conclude(plan_dir, outcomes, key, home, as_json=as_json)


def requested(asked: dict[str, object]) -> AuditRequest:
    """The request that the options of `run` and `plan` make. Raises `UsageError`."""
    seed = asked.pop("seed") or secrets.token_hex(32)
    half_width, fixed = asked.pop("half_width"), asked.pop("fixed")
    margin = asked.pop("margin")
    fields = {
        "stopping": None if fixed else {"half_width": half_width},
        "comparing": {"margin": None if margin == "none" else margin},
        "subjects": list(_strings(asked.pop("subjects"))),
        "seed": seed,
        "budget_usd": asked.pop("budget", None),
        "base_urls": _pairs(_strings(asked.pop("base_url", ())), "=", "--base-url"),
        "roles": roles_asked(_strings(asked.pop("roles", ()))),
        "weights": _directories(_strings(asked.pop("weights", ()))),
        "items": _pinned(_pairs(_strings(asked.pop("items", ())), "=", "--items")),
        "prices": _pairs(_strings(asked.pop("price", ())), ":", "--price"),
        **asked,
    }
    try:
        return AuditRequest.model_validate(fields)
    except ValidationError as error:
        faults = [f"--{fault['loc'][-1]}: {fault['msg']}".replace("_", "-") for fault in error.errors()]
        raise UsageError("; ".join(faults), hint="see `countermark run --help`") from error


def _strings(value: object) -> tuple[str, ...]:
    assert isinstance(value, tuple | list)
    return tuple(value)


def _directories(given: tuple[str, ...]) -> dict[str, str]:
    named = [item if "=" in item else f"={item}" for item in given]
    found = {
        name: str(Path(directory).absolute()) for name, _, directory in (one.partition("=") for one in named)
    }
    if len(found) < len(given):
        raise UsageError("--weights names the same weights twice", hint="give weights/NAME=DIR for each")
    return found


def _pinned(files: dict[str, str]) -> dict[str, str]:
    """Each file with its digest, so that `resume` puts the same items or none. Raises `InvalidDocument`."""
    if not files:
        return {}
    from countermark.battery.items_file import pinned, read_items

    digests = {test: read_items(given).digest for test, given in files.items()}
    return {test: f"{pinned(given)[0].absolute()}@sha256:{digests[test]}" for test, given in files.items()}


def _pairs(given: tuple[str, ...], sign: str, option: str) -> dict[str, str]:
    pairs = [item.partition(sign) for item in given]
    wrong = [item for item, (_, found, rest) in zip(given, pairs, strict=True) if not found or not rest]
    if wrong:
        raise UsageError(f"{option} {wrong[0]!r} needs NAME{sign}VALUE")
    return {name: rest for name, _, rest in pairs}


def _conclude(
    audit_dir: Path, outcomes: Outcomes | None, key: SigningKey, home: Path, *, as_json: bool
) -> int:
    if outcomes is not None:
        outcomes.raise_if_incomplete(audit_dir)
    with working("counting, laying out the page and sealing"):
        report = finish(audit_dir, key, render)
    remember(home, key.public)
    with working("verifying"):
        verdict = check(audit_dir, trust=read_trust(home), render=render)
    _print_result(audit_dir, report, verdict, as_json=as_json)
    if verdict.exit_code in (1, 2):
        raise EvidenceError(
            f"the audit just sealed in {audit_dir} does not verify", hint="please report this"
        )
    return 4 if outcomes is None else verdict.exit_code


def _print_result(audit_dir: Path, report: Report, verdict: Verdict, *, as_json: bool) -> None:
    page = audit_dir / "report" / "index.html"
    if as_json:
        emit(
            {
                "audit": str(audit_dir),
                "page": str(page),
                "seed": parse_seed(read_capped(audit_dir / SEED)).value,
                "cosigned": report.evidence.get("cosigned"),
                "verdict": verdict.to_json(),
                "coverage": report.coverage,
                "findings": [
                    finding.model_dump(mode="json", exclude={"breakdowns"}) for finding in report.findings
                ],
                "claims": [claim.model_dump(mode="json") for claim in report.claims],
                "claims_withheld": report.claims_withheld,
                "deviations": [one.model_dump(mode="json") for one in report.deviations],
                **report.model_dump(
                    mode="json",
                    include={"profiles", "saving", "comparisons", "ablations", "environments", "roles"},
                ),
            }
        )
        return
    print_summary(report)
    if report.coverage["planted"]:
        covered, planted = report.coverage["covered"], report.coverage["planted"]
        say(f"Simulations: {covered} of {planted} intervals cover the planted rate (about 95 % should).")
    print_roles(report)
    print_claims(report)
    print_deviations(report)
    for line in verdict.closing_lines():
        say(line)
    if "cosigned" in report.evidence:
        facts = report.evidence
        say(f"Cosigned by {facts['witnesses']} at {facts['cosigned']} of {facts['size']} records")
    click.echo(f"Page: {page}")
    click.echo(f"Check it again, anywhere: {to_paste('verify', audit_dir)}")


def _print_estimate(estimates: list[Estimate], *, as_json: bool) -> None:
    if as_json:
        from dataclasses import asdict

        emit([asdict(one) for one in estimates])
        return
    click.echo("Before anything is spent (replies of about 250 tokens, no retries):")
    for one in estimates:
        click.echo(
            f"{one.subject}: {one.trials:,} trials, {one.calls:,} calls (at most {one.calls_at_most:,})"
        )
        if one.usd != 0:
            tokens = f"{one.input_tokens / 1e6:.2f} M tokens in, {one.output_tokens / 1e6:.2f} M out"
            money = (
                "cost unknown" if one.usd is None else f"{one.usd:.2f} USD (at most {one.usd_at_most:.2f})"
            )
            click.echo(f"    {tokens}: {money}")
        else:
            click.echo("    asks no provider, costs nothing")
    unknown = [one.subject for one in estimates if one.usd is None]
    if unknown:
        click.echo(
            f"No price known for {', '.join(unknown)}: give one with --price {unknown[0].split()[-1]}:in=…,out=…"
        )
