"""`countermark pack`."""

from pathlib import Path

import click

from countermark.cli.output import emit, json_option
from countermark.errors import UnknownSubject
from countermark.pack import read_pack, reference_packs


@click.group(epilog="Example: countermark pack check packs/my-model")
def pack() -> None:
    """Check or show release packs."""


@pack.command(epilog="Example: countermark pack check packs/my-model")
@click.argument("directory", type=click.Path(path_type=Path))
@json_option
def check(*, directory: Path, as_json: bool) -> int:
    """List everything wrong with the pack in DIRECTORY."""
    found = read_pack(directory)
    if as_json:
        emit({"subject": found.subject.id, "faults": []})
    else:
        click.echo(f"{found.subject.id}: no fault found")
    return 0


@pack.command(epilog="Example: countermark pack show reference/guarded")
@click.argument("subject")
@json_option
def show(*, subject: str, as_json: bool) -> int:
    """Print the pack of a reference SUBJECT, or the one in a directory."""
    del as_json
    packs = reference_packs()
    if subject not in packs and not Path(subject).is_dir():
        raise UnknownSubject(f"no pack {subject!r}", hint=f"a directory, or one of {', '.join(packs)}")
    emit((packs.get(subject) or read_pack(Path(subject))).model_dump(mode="json", by_alias=True))
    return 0
