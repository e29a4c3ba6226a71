"""`countermark import`."""

from importlib.metadata import entry_points
from pathlib import Path

import click

from countermark.cli.output import emit, json_option, working
from countermark.cli.placing import outside
from countermark.errors import UsageError, to_paste
from countermark.files import slug
from countermark.subjects.recording import write_recording


@click.command("import", epilog="Example: countermark import agentdojo runs/ --out recordings/agentdojo")
@click.argument("importer")
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--mapping", type=click.Path(path_type=Path, dir_okay=False), help="Names columns and labels (table)."
)
@click.option(
    "--out",
    required=True,
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder for the recordings.",
)
@json_option
def import_(*, importer: str, paths: tuple[Path, ...], mapping: Path | None, out: Path, as_json: bool) -> int:
    """Turn published runs at PATHS into recordings, which `run` audits like any subject.

    IMPORTER is agentdojo, table (labelled prompts and completions) or inspect (.eval logs). Every fault of the input
    is listed at once, and then nothing is written.
    """
    outside(out)
    found = {point.name: point for point in entry_points(group="countermark.importers")}
    if importer not in found:
        raise UsageError(f"no importer named {importer!r}", hint=f"there are: {', '.join(sorted(found))}")
    with working(f"reading {len(paths)} path{'s' if len(paths) > 1 else ''}"):
        recordings = found[importer].load()(list(paths), mapping=mapping)
        for recording in recordings:
            write_recording(recording, out / slug(recording.id))
    made = [{"recording": recording.id, "trials": len(recording.trials)} for recording in recordings]
    if as_json:
        emit({"out": str(out), "recordings": made})
        return 0
    for one in made:
        click.echo(f"{one['recording']}: {one['trials']} trials")
    click.echo(f"Audit them: {to_paste('run', out)}")
    return 0
