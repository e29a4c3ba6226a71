"""`countermark evidence`."""

from contextlib import closing
from pathlib import Path

import click

from countermark.cli.anchor import cosign_command, stamp_command
from countermark.cli.key import open_key
from countermark.cli.lines import example
from countermark.cli.output import emit, home_option, json_option
from countermark.cli.redact import redact_command, reveal_command, seal_command
from countermark.cli.witness_server import WitnessServer
from countermark.errors import UsageError
from countermark.evidence import Witness, WitnessState, read_trust
from countermark.evidence.keys import public_path
from countermark.evidence.notes import require_ed25519, require_witness_name

KEY = "witness"


@click.group(epilog=example("countermark evidence witness --state witness --port 8407"))
def evidence() -> None:
    """Witness another party's audits; anchor your own in time, withhold what the public is not to see."""


evidence.add_command(stamp_command)
evidence.add_command(cosign_command)
evidence.add_command(redact_command)
evidence.add_command(seal_command)
evidence.add_command(reveal_command)


@evidence.command(
    epilog=example("countermark evidence witness --state witness --name lab.example/witness --port 8407")
)
@click.option(
    "--state",
    type=click.Path(path_type=Path, file_okay=False),
    required=True,
    help="What it must not forget.",
)
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen at.")
@click.option(
    "--port", type=click.IntRange(0, 65535), default=0, show_default=True, help="0: any free one, printed."
)
@click.option("--name", help="Its name in cosignatures.  [default: witness-FINGERPRINT, cut]")
@home_option
@json_option
def witness(*, state: Path, host: str, port: int, name: str | None, home: Path, as_json: bool) -> int:
    """Stand by and cosign the checkpoints of audits, each only if its log has grown from the last one cosigned.

    It signs with HOME/keys/witness.pem and sees a log's name, size and root, never a record. Where HOME/trust.json
    names auditors, only their logs are served. Stop it with Ctrl-C; killed at any moment, it forgets nothing.
    """
    if name is not None:
        require_witness_name(name)
    auditors = read_trust(home).roles.get("auditor", frozenset())
    # Whatever may be wrong with what was given is found before a key is made.
    try:
        with _listening(host, port) as server, closing(WitnessState(state)) as memory:
            key = open_key(home, KEY)
            require_ed25519(key.public, "a witness")
            called = name or f"witness-{key.public.fingerprint[:16]}"
            server.witness = Witness(key, called, memory, auditors=auditors)
            _announce(server, home, as_json=as_json)
            server.serve_forever()
    except KeyboardInterrupt:
        click.echo("countermark: the witness stopped; what it cosigned it remembers", err=True)
    return 0


def _listening(host: str, port: int) -> WitnessServer:
    """Whoever connects waits until the server serves."""
    try:
        return WitnessServer((host, port))
    except (OSError, UnicodeError) as error:  # a host with a label too long is no Unicode to the resolver
        why = error.strerror if isinstance(error, OSError) else "no host's name"
        raise UsageError(
            f"cannot listen at {host}:{port} ({why})", hint="choose another --host or --port"
        ) from error


def _announce(server: WitnessServer, home: Path, *, as_json: bool) -> None:
    facts = {
        "url": server.url,
        "name": server.witness.name,
        "fingerprint": server.witness.key.public.fingerprint,
        "public": str(public_path(home, KEY)),
        "logs": len(server.witness.logs),
    }
    if as_json:
        emit(facts)
    else:
        click.echo(f"{facts['name']} cosigns at {facts['url']}; {facts['logs']} logs known")
        click.echo(f"key {facts['fingerprint']}, {facts['public']}")
