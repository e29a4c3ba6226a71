"""`countermark key`, and how every command opens a private key."""

import os
import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from countermark.cli.anchor import trust_identity, trust_time
from countermark.cli.fingerprint import fingerprint
from countermark.cli.given import paste_at_home, public_key
from countermark.cli.lines import example
from countermark.cli.output import emit, home_option, json_option
from countermark.cli.succession import follow, rotate, withdraw_command
from countermark.errors import InvalidDocument, UsageError, to_paste
from countermark.evidence import (
    PublicKey,
    SigningKey,
    load_or_create_key,
    read_trust,
    remember,
)
from countermark.evidence.keys import (
    create_key,
    is_encrypted,
    key_path,
    mode_warning,
    public_path,
    publish,
    why_no_key,
)
from countermark.evidence.trust import ROLES, TRUST, WITNESS_ROLES
from countermark.files import read_capped
from countermark.issues import Issues

PASSPHRASE = "COUNTERMARK_PASSPHRASE"  # noqa: S105  (the name of a variable)


AUDITOR = "auditor"
"""The key that `run` signs with."""


def open_key(home: Path, name: str = AUDITOR) -> SigningKey:
    """The private key of that name in `home`, made without a passphrase where there is none, which is said once.

    Its passphrase, if it has one, comes from the environment or is asked for on a terminal.

    Raises:
        UsageError: No passphrase can be had, it is the wrong one, or others may read the file.
    """
    path = key_path(home, name)
    made = not path.exists()
    passphrase = None
    if made:
        passphrase = os.environb.get(PASSPHRASE.encode()) or None
    elif is_encrypted(path):
        passphrase = _passphrase(f"Passphrase of {path}")
    with _named(path):
        key = load_or_create_key(home, passphrase, name=name)
    publish(home, name, key.public)
    if made and passphrase is None:
        click.echo(
            f"made {path} without a passphrase, good for rehearsals; "
            f"`{to_paste('key', 'new', '--name', name)}` makes one with a passphrase, in a --home that has none",
            err=True,
        )
    return key


@click.group(epilog=example("countermark key new"))
def key() -> None:
    """Make, show and trust signing keys."""


key.add_command(fingerprint)
key.add_command(trust_time)
key.add_command(trust_identity)
key.add_command(rotate)
key.add_command(withdraw_command)
key.add_command(follow)


@key.command(epilog=example("countermark key new --name developer --home ~/lab"))
@click.option("--name", default="auditor", show_default=True, help="`run` signs with the key named auditor.")
@click.option(
    "--no-passphrase", is_flag=True, help="Leave the file unencrypted: for rehearsals and services."
)
@home_option
@json_option
def new(*, name: str, no_passphrase: bool, home: Path, as_json: bool) -> int:
    """Make an Ed25519 key: HOME/keys/NAME.pem, encrypted, and its public part NAME.pub.pem to give to others.

    The passphrase comes from COUNTERMARK_PASSPHRASE or is asked for. Nothing is ever overwritten.
    """
    private = key_path(home, name)
    if private.exists():
        use = "use it: `run` signs with it" if name == AUDITOR else "use it, or choose another --name"
        raise UsageError(
            f"{private} is there already; a key is never overwritten",
            hint=f"{use}; `{paste_at_home('key', 'show')}` shows it",
        )
    passphrase = None if no_passphrase else _passphrase(f"New passphrase for {private}", confirm=True)
    made = create_key(home, name, passphrase)
    shown = _described(home, name, made.public)
    if as_json:
        emit(shown)
        return 0
    click.echo(f"private  {shown['private']}" + ("" if passphrase else "  (no passphrase)"))
    click.echo(f"public   {shown['public']}")
    click.echo(f"fingerprint  {shown['fingerprint']}")
    click.echo("Give the public part to whoever reads your audits, and the fingerprint over another channel.")
    return 0


@key.command(epilog=example("countermark key show --json"))
@home_option
@json_option
def show(*, home: Path, as_json: bool) -> int:
    """Show every key in HOME: fingerprint, where its public part lies, and who else may read it.

    A file among them that is no key is named, and the exit code is 2 then.
    """
    names = sorted(
        path.name.removesuffix(".pem")
        for path in (home / "keys").glob("*.pem")
        if not path.name.endswith(".pub.pem")
    )
    faults: list[str] = []
    keys = [_looked_at(home, name, faults) for name in names]
    if as_json:
        emit({"home": str(home), "keys": keys})
    elif not keys:
        click.echo(f"no key in {home}; `{paste_at_home('key', 'new')}` makes one")
    else:
        for one in keys:
            _print_key(one)
    if faults:
        click.echo(f"countermark: {InvalidDocument(faults).message}", err=True)
    return 2 if faults else 0


def _looked_at(home: Path, name: str, faults: list[str]) -> dict[str, Any]:
    """A key as it is shown; what is wrong with its files is added to `faults`."""
    private, shared, public = key_path(home, name), public_path(home, name), None
    issues = Issues()
    if fault := why_no_key(private):
        issues.add(
            "key-refused", private, "", fault, f"move it away; `{paste_at_home('key', 'new')}` makes a key"
        )
    else:
        try:
            public = _public_of(home, name)
            if not is_encrypted(private) and SigningKey.from_pem(read_capped(private)).public != public:
                issues.add("key-pair", shared, "", f"is not the public part of {private.name}", "remove it")
        except InvalidDocument as error:
            faults.extend(error.faults)
    faults.extend(str(issue) for issue in issues)
    return {**_described(home, name, public), "fault": fault}


def _print_key(one: dict[str, Any]) -> None:
    kind = one["fault"] or ("encrypted" if one["encrypted"] else "not encrypted")
    unknown = "no key" if one["fault"] else "fingerprint not known"
    if one["encrypted"] and not one["fault"]:
        unknown += " without the passphrase"
    click.echo(f"{one['name']}  {one['fingerprint'] or unknown}")
    click.echo(f"  private  {one['private']} ({kind})")
    written = "not written yet; any command that opens the key writes it"
    click.echo(f"  public   {one['public'] or ('none' if one['fault'] else written)}")
    if one["warning"]:
        click.echo(f"  !  {one['warning']}: chmod 600 {shlex.quote(one['private'])}")


@key.command(epilog=example("countermark key trust laboratory.pub.pem --role witness --require 1"))
@click.argument("public", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--role", type=click.Choice(ROLES), required=True, help="What you trust its owner as.")
@click.option(
    "--trust", type=click.Path(path_type=Path, dir_okay=False), help="The policy.  [default: HOME/trust.json]"
)
@click.option(
    "--require",
    type=click.IntRange(0, 16),
    help="Demand so many witnesses of every audit from now on; 0 none.",
)
@click.option(
    "--max-delay", type=click.IntRange(0), help="With a demand: most seconds that a record may stand unseen."
)
@home_option
@json_option
def trust(  # noqa: PLR0913
    *,
    public: Path,
    role: str,
    trust: Path | None,
    require: int | None,
    max_delay: int | None,
    home: Path,
    as_json: bool,
) -> int:
    """Trust the key in PUBLIC.pem in a role, from now on, on this machine.

    Compare the fingerprint with its owner over another channel first. Weak keys are refused.
    """
    if require is not None and role not in WITNESS_ROLES:
        raise UsageError("an auditor does not witness its own log", hint="--require goes with --role witness")
    if trust is not None and trust.suffix != ".json":
        raise UsageError(f"{trust} is no policy's name", hint="a trust policy is a file named *.json")
    if max_delay is not None and not (read_trust(trust or home).witnesses if require is None else require):
        raise UsageError("the policy demands no witness", hint="give --require along with --max-delay")
    given = public_key(public)
    if role == "witness" and given.kind != "ed25519":
        raise UsageError(f"a witness signs with an Ed25519 key, this one is {given.kind}")
    policy = remember(trust or home, given, role, required=require, max_delay_s=max_delay)
    rule = policy.witnesses
    shown: dict[str, Any] = {
        "fingerprint": given.fingerprint,
        "role": role,
        "policy": str(trust or home / TRUST),
        "witnesses_required": rule.required if rule else 0,
        "max_delay_s": rule.max_delay_s if rule else None,
    }
    if as_json:
        emit(shown)
        return 0
    click.echo(f"{given.fingerprint} is trusted as {role} by {shown['policy']}")
    if rule:
        click.echo(f"audits must be cosigned by {rule.required} keys trusted as {' or '.join(rule.of)}")
        if rule.max_delay_s is not None:
            click.echo(f"no record may stand unseen for over {rule.max_delay_s} s")
    return 0


def _passphrase(words: str, *, confirm: bool = False) -> bytes:
    given = os.environb.get(PASSPHRASE.encode())
    if given:
        return given
    if not sys.stdin.isatty():
        raise UsageError(
            f"{words}: there is no terminal to ask on",
            hint=f"set {PASSPHRASE}" + (", or use --no-passphrase" if confirm else ""),
        )
    asked: str = click.prompt(words, hide_input=True, confirmation_prompt=confirm, err=True)
    return asked.encode()


def _public_of(home: Path, name: str) -> PublicKey | None:
    if public_path(home, name).exists():
        return public_key(public_path(home, name))
    private = key_path(home, name)
    if is_encrypted(private):
        return None
    with _named(private):
        return SigningKey.from_pem(read_capped(private, max_bytes=4096)).public


@contextmanager
def _named(path: Path) -> Iterator[None]:
    """Say of which file it is that a key cannot be opened."""
    try:
        yield
    except UsageError as error:
        where = "" if str(path) in error.message else f"{path}: "
        raise UsageError(f"{where}{error.message}", hint=error.hint) from error


def _described(home: Path, name: str, public: PublicKey | None) -> dict[str, Any]:
    private, shared = key_path(home, name), public_path(home, name)
    return {
        "name": name,
        "fingerprint": public.fingerprint if public else None,
        "private": str(private),
        "public": str(shared) if shared.exists() else None,
        "encrypted": is_encrypted(private),
        "warning": mode_warning(private),
    }
