"""`countermark report`."""

from pathlib import Path

import click

from countermark.canonical import InvalidJson, decode
from countermark.cli.ablations import print_ablations
from countermark.cli.awareness import print_awareness
from countermark.cli.environments import print_environments
from countermark.cli.output import (
    emit,
    json_option,
    print_claims,
    print_deviations,
    print_differences,
    print_findings,
    print_profiles,
)
from countermark.cli.placing import outside
from countermark.errors import InvalidDocument
from countermark.files import inside, read_capped, write_atomic
from countermark.records import Report
from countermark.report import render


@click.command(epilog="Example: countermark report audits/20261123-101500 --page page")
@click.argument("audit_dir", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option(
    "--page", type=click.Path(path_type=Path, file_okay=False), help="Also lay the page out into this folder."
)
@json_option
def report(*, audit_dir: Path, page: Path | None, as_json: bool) -> int:
    """Print every number of the audit in AUDIT_DIR. Needs no model and changes nothing in it."""
    if page is not None:
        outside(page, "--page")
    document = _read(audit_dir)
    if page is not None:
        for name, content in render(document).items():
            write_atomic(page / name, content)
    if as_json:
        emit(document.model_dump(mode="json", by_alias=True, exclude={"events"}))
    else:
        print_findings(document)
        print_profiles(document)
        print_differences(document, whole=True)
        print_awareness(document)
        print_ablations(document)
        print_environments(document)
        print_claims(document)
        print_deviations(document)
    return 0


def _read(audit_dir: Path) -> Report:
    name = "report/report.json"
    try:
        return Report.model_validate(decode(read_capped(inside(audit_dir, name), name=name), floats=False))
    except (InvalidJson, ValueError) as error:
        raise InvalidDocument([f"{name}: [report] {error}"]) from error
