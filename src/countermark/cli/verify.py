"""`countermark verify`."""

from pathlib import Path

import click

from countermark.cli.output import emit, home_option, json_option, working
from countermark.evidence import read_trust
from countermark.report import render
from countermark.verify import Verdict
from countermark.verify import verify as check

_MARKS = {"ok": "✓", "failed": "✗", "partial": "◐", "not checked": "·", "not reached": " "}


@click.command(epilog="Example: countermark verify audits/20261123-101500")
@click.argument("audit_dir", type=click.Path(path_type=Path))
@click.option(
    "--trust", type=click.Path(path_type=Path), help="Your trust policy.  [default: HOME/trust.json]"
)
@home_option
@json_option
def verify(*, audit_dir: Path, trust: Path | None, home: Path, as_json: bool) -> int:
    """Check AUDIT_DIR end to end: files, signatures, log, grades run again, numbers recomputed.

    Exit code: 0 all holds and the signer is trusted; 1 something was changed (named); 2 malformed; 3 all holds but no
    signer is known to you; 4 valid but partial. Verified never means true, valid or safe: the last lines say so.
    """
    with working("verifying"):
        verdict = check(audit_dir, trust=read_trust(trust or home), render=render)
    if as_json:
        emit(verdict.to_json())
    else:
        _print(verdict)
    return verdict.exit_code


def _print(verdict: Verdict) -> None:
    for stage in verdict.stages:
        click.echo(f"{_MARKS[stage.state]} {stage.number:>2} {stage.name}: {stage.state}")
        for detail in stage.details:
            click.echo(f"      {detail}")
    click.echo()
    for line in verdict.closing_lines():
        click.echo(line)
