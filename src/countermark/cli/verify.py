"""`countermark verify`."""

from pathlib import Path

import click

from countermark.cli.given import paste_at_home, policy_of
from countermark.cli.lines import example
from countermark.cli.output import emit, home_option, json_option, working
from countermark.errors import to_paste
from countermark.evidence.manifest import MANIFEST
from countermark.report import render
from countermark.verify import Verdict
from countermark.verify import verify as check
from countermark.verify.container import RESUME_FILE, audit_above, audits_below, what_lies

_MARKS = {"ok": "✓", "failed": "✗", "partial": "◐", "not checked": "·", "not reached": " "}


@click.command(epilog=example("countermark verify audits/20261123-101500"))
@click.argument("audit_dir", type=click.Path(path_type=Path))
@click.option(
    "--trust", type=click.Path(path_type=Path), help="Your trust policy.  [default: HOME/trust.json]"
)
@home_option
@json_option
def verify(*, audit_dir: Path, trust: Path | None, home: Path, as_json: bool) -> int:
    """Check AUDIT_DIR end to end: files, signatures, log, grades run again, numbers recomputed.

    Exit code: 0 all holds and the signer is trusted; 1 something was changed (named); 2 malformed, or no audit; 3 all holds
    but no signer is known to you; 4 valid but partial. Verified never means true, valid or safe: the last lines say so.
    """
    policy = policy_of(trust, home)
    with working("verifying"):
        verdict = check(audit_dir, trust=policy, render=render)
    if as_json:
        emit(verdict.to_json())
    else:
        _print(verdict)
    hint = _hint(audit_dir, trust) if verdict.exit_code in (1, 2) else ""
    if hint:
        click.echo(f"  → {hint}", err=True)
    return verdict.exit_code


def _hint(given: Path, trust: Path | None) -> str:
    """What to do about a directory that is no sealed audit, or nothing."""
    kind, own, hint = what_lies(given), (given / RESUME_FILE).exists(), ""
    reading = ("--trust", trust) if trust else ()
    match kind:
        case "pack":
            hint = f"a release pack is checked by `{to_paste('pack', 'check', given)}`"
        case "planned" if own:
            hint = f"if it is yours: `{paste_at_home('run', '--plan', given)}` runs it"
        case "plan" | "planned":
            hint = f"`{to_paste('plan', 'show', given)}` shows it; what can be verified is the whole audit, once it was run"
        case "unfinished":
            hint = f"if it is yours: `{paste_at_home('resume', given)}` goes on with it and seals it"
        case "audit" | "stripped" if own:
            hint = f"if it is yours and was stopped while it was sealed: `{paste_at_home('resume', given)}`"
        case "stripped":
            hint = "ask whoever gave it to you for the whole audit"
        case "part" | "file" if above := audit_above(given):
            hint = f"name the whole audit: `{paste_at_home('verify', above, *reading)}`"
        case "file":
            hint = f"name the audit's directory, the one that holds {MANIFEST}"
        case "other" if below := audits_below(given):
            hint = "; ".join(f"`{paste_at_home('verify', one, *reading)}`" for one in below)
    return hint


def _print(verdict: Verdict) -> None:
    for stage in verdict.stages:
        click.echo(f"{_MARKS[stage.state]} {stage.number:>2} {stage.name}: {stage.state}")
        for detail in stage.details:
            click.echo(f"      {detail}")
    click.echo()
    for line in verdict.closing_lines():
        click.echo(line)
