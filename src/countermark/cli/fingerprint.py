"""`countermark key fingerprint`."""

from pathlib import Path

import click

from countermark.cli.given import public_key
from countermark.cli.lines import example
from countermark.cli.output import emit, json_option


@click.command(epilog=example("countermark key fingerprint laboratory.pub.pem"))
@click.argument("public", type=click.Path(path_type=Path, dir_okay=False))
@json_option
def fingerprint(*, public: Path, as_json: bool) -> int:
    """Print the fingerprint of the key in PUBLIC.pem, which nobody trusts by that.

    Compare it with what the key's owner tells you over another channel; then `countermark key trust` it.
    """
    key = public_key(public)
    if as_json:
        emit({"file": str(public), "fingerprint": key.fingerprint, "kind": key.kind})
    else:
        click.echo(key.fingerprint)
    return 0
