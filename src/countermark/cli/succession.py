"""`countermark key rotate`, `key withdraw`, `key follow`: statements about keys, and doing as they say."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from countermark.cli.given import faults_of, paste_at_home, policy_of
from countermark.cli.lines import example
from countermark.cli.output import emit, home_option, json_option, printable
from countermark.cli.placing import outside
from countermark.errors import UsageError
from countermark.evidence import SigningKey
from countermark.evidence.keys import key_path
from countermark.evidence.succession import Rotation, read_statement, withdraw
from countermark.evidence.succession import rotate as rotation_of
from countermark.evidence.trust import TRUST
from countermark.evidence.trust import follow as follow_statement
from countermark.files import read_capped, write_atomic

_out_option = click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    required=True,
    help="The file to write, for your readers.",
)


@click.command(
    "rotate",
    epilog=example(
        "countermark key new --name auditor-2027",
        "countermark key rotate --to auditor-2027 --out rotation.intoto.jsonl",
    ),
)
@click.option("--name", default="auditor", show_default=True, help="The key that names its successor.")
@click.option("--to", "successor", required=True, help="The successor, made by `key new --name`.")
@_out_option
@home_option
@json_option
def rotate(*, name: str, successor: str, out: Path, home: Path, as_json: bool) -> int:
    """Name another key as this one's successor; both sign. Readers take it over with `countermark key follow`."""
    old, new = _existing(home, name), _existing(home, successor)
    if old.public == new.public:
        raise UsageError("a key cannot be its own successor")
    return _written(
        out,
        rotation_of(old, new),
        {"old": old.public.fingerprint, "new": new.public.fingerprint},
        as_json=as_json,
    )


@click.command(
    "withdraw",
    epilog=example(
        "countermark key withdraw --since 2026-11-01T00:00:00Z --reason 'laptop lost' --out withdrawal.intoto.jsonl"
    ),
)
@click.option("--name", default="auditor", show_default=True, help="The key to withdraw.")
@click.option(
    "--since",
    required=True,
    type=click.DateTime(["%Y-%m-%dT%H:%M:%SZ"]),
    help="From when on it may be in other hands, UTC.",
)
@click.option("--reason", required=True, help="Why, for your readers.")
@_out_option
@home_option
@json_option
def withdraw_command(*, name: str, since: datetime, reason: str, out: Path, home: Path, as_json: bool) -> int:
    """Withdraw a key: what nobody else saw before --since is not to be believed. Readers use `countermark key follow`."""
    key = _existing(home, name)
    line = withdraw(key, int(since.replace(tzinfo=UTC).timestamp()), reason)
    return _written(
        out,
        line,
        {"key": key.public.fingerprint, "since": since.strftime("%Y-%m-%dT%H:%M:%SZ")},
        as_json=as_json,
    )


@click.command("follow", epilog=example("countermark key follow rotation.intoto.jsonl"))
@click.argument("statement", type=click.Path(path_type=Path, dir_okay=False))
@click.option(
    "--trust",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Your trust policy.  [default: HOME/trust.json]",
)
@home_option
@json_option
def follow(*, statement: Path, trust: Path | None, home: Path, as_json: bool) -> int:
    """Do as a key's own STATEMENT says: trust its successor in its roles, or believe it no more from a time on.

    Compare a successor's fingerprint with its owner over another channel first: whoever has the old key can name one.
    """
    data = read_capped(statement, max_bytes=2 * 1024 * 1024)
    with faults_of(statement, "key-statement", "give what `countermark key rotate` or `key withdraw` wrote"):
        said = read_statement(data)
    policy_of(trust, home)
    policy = follow_statement(trust or home, said)
    shown: dict[str, Any] = {"policy": str(trust or home / TRUST)}
    if isinstance(said, Rotation):
        new = said.new.fingerprint
        roles = sorted(role for role, keys in policy.roles.items() if new in keys)
        shown |= {"old": said.old.fingerprint, "new": new, "roles": roles}
        words = f"{new} is trusted as {' and '.join(roles)}, as {said.old.fingerprint} is"
    else:
        since = datetime.fromtimestamp(policy.withdrawn[said.key.fingerprint], UTC).strftime(
            "%Y-%m-%dT%H:%M:%SZ"
        )
        shown |= {"key": said.key.fingerprint, "since": since, "reason": said.reason}
        words = f"{said.key.fingerprint} is not believed from {since} on: {printable(said.reason)}"
    if as_json:
        emit(shown)
    else:
        click.echo(words)
    return 0


def _existing(home: Path, name: str) -> SigningKey:
    from countermark.cli.key import open_key

    if not key_path(home, name).exists():
        raise UsageError(
            f"there is no key {name} in {home}", hint=paste_at_home("key", "new", "--name", name)
        )
    return open_key(home, name)


def _written(out: Path, data: bytes, shown: dict[str, str], *, as_json: bool) -> int:
    if out.exists():
        raise UsageError(f"{out} is there already", hint="choose another --out")
    outside(out)
    write_atomic(out, data)
    if as_json:
        emit({**shown, "out": str(out)})
    else:
        click.echo(f"wrote {out}: give it to your readers, who use `countermark key follow`")
    return 0
