"""`countermark pack`: fill in, check, sign, show, publish and accept release packs."""

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Literal

import click

from countermark.cli.given import any_public_pem, paste_at_home, public_key, public_keys
from countermark.cli.key import open_key
from countermark.cli.output import emit, home_option, json_option
from countermark.cli.pack_words import accepted_checks, print_summary, signed_as, summary, whole_or_raise
from countermark.cli.placing import outside
from countermark.errors import InvalidDocument, SignerUnknown, UnknownSubject, UsageError, to_paste
from countermark.evidence import Nonce, SigningKey, read_trust, sign_part, sign_statement
from countermark.evidence.countersign import SEED_COMMITMENT
from countermark.evidence.dsse import ACCEPTANCE_TYPE, PACK_TYPE
from countermark.evidence.keys import key_path
from countermark.evidence.seed import keep, opened_for
from countermark.files import inside, read_capped, write_atomic
from countermark.issues import Issue
from countermark.pack import (
    DEVELOPER_KEY,
    PACK_MANIFEST,
    PACK_SIGNATURES,
    STANDS_FOR,
    FullPack,
    ReleasePack,
    check_pack,
    init_pack,
    publish,
    reference_packs,
)
from countermark.verify.packs import signatures_in

ACCEPTANCE = "acceptance.intoto.jsonl"
AUDITOR_KEY = "auditor.pub.pem"

directory_argument = click.argument("directory", type=click.Path(path_type=Path))
key_option = click.option(
    "--auditor-key",
    "auditor_keys",
    type=click.Path(path_type=Path, dir_okay=False),
    multiple=True,
    help="Public key of an auditor who accepted the pack.",
)
weights_option = click.option(
    "--weights", type=click.Path(path_type=Path), help="Where the weights lie, to hash every one of them."
)


@click.group(epilog="Example: countermark pack check packs/my-model")
def pack() -> None:
    """Fill in, check, sign, show, publish and accept release packs."""


@pack.command(
    epilog="Example: countermark pack init packs/my-model --model openai/my-model --developer 'Our Lab'"
)
@directory_argument
@click.option("--model", required=True, help="provider/model; for weights a name is enough.")
@click.option("--developer", required=True, help="Who hands the model over.")
@click.option("--kind", type=click.Choice(["endpoint", "weights"]), default="endpoint", show_default=True)
@click.option(
    "--variant",
    "variants",
    multiple=True,
    help=f"One subject each: {', '.join(STANDS_FOR)}.",
)
@json_option
def init(
    *,
    directory: Path,
    model: str,
    developer: str,
    kind: Literal["endpoint", "weights"],
    variants: tuple[str, ...],
    as_json: bool,
) -> int:
    """Write a pack to be filled in into DIRECTORY, which must not exist or be empty.

    Every field says what it asks for; `pack check` lists what is left to do.
    """
    outside(directory, "DIRECTORY")
    written = init_pack(directory, model=model, developer=developer, kind=kind, variants=variants)
    if as_json:
        emit({"directory": str(directory), "written": written})
        return 0
    for name in written:
        click.echo(f"wrote {directory / name}")
    click.echo(
        f"Fill it in ({directory / 'README.md'} says how), then: {to_paste('pack', 'check', directory)}"
    )
    return 0


@pack.command(epilog="Example: countermark pack check packs/my-model --weights /models/my-model")
@directory_argument
@weights_option
@click.option(
    "--model-key",
    type=click.Path(path_type=Path, dir_okay=False),
    help="PEM of the key under which identity/model.sig, an OpenSSF model signature, must hold.",
)
@json_option
def check(*, directory: Path, weights: Path | None, model_key: Path | None, as_json: bool) -> int:
    """List everything wrong with the pack in DIRECTORY: each fault with file, place, code and hint."""
    _see_directory(directory)
    key = None if model_key is None else any_public_pem(model_key)
    checked = check_pack(directory, weights=weights, model_key=key)
    _, doubts = signatures_in(directory)
    faults = [*checked.issues, *(issue for issue in doubts if issue not in [*checked.issues])]
    if as_json:
        emit(summary(checked.pack, (), faults))
        return 2 if faults else 0
    whole_or_raise(faults)
    assert checked.pack is not None
    subjects = checked.pack.subjects if isinstance(checked.pack, FullPack) else (checked.pack,)
    click.echo(f"{', '.join(one.subject.id for one in subjects)}: no fault found")
    return 0


@pack.command(epilog="Example: countermark pack sign packs/my-model --home ~/keys/our-lab")
@directory_argument
@click.option(
    "--key", "name", default="developer", show_default=True, help="Which of the keys in HOME signs."
)
@click.option(
    "--replace", is_flag=True, help="Sign in place of another key, whose signature and every acceptance go."
)
@home_option
@json_option
def sign(*, directory: Path, name: str, replace: bool, home: Path, as_json: bool) -> int:
    """Sign the pack in DIRECTORY as its developer: a manifest of every file, and one signature over it.

    The signature also commits to a random part of an audit's seed, kept in HOME until you countersign the audit's plan.

    A pack with faults is not signed, nor one that another key has signed. Signing again after a change replaces your
    signature, and an acceptance is void.
    """
    _see_directory(directory)
    found = check_pack(directory, manifest=False)
    whole_or_raise([*found.issues])
    assert found.pack is not None
    key = _own_key(directory, home, name, replace=replace)
    whole, _ = signatures_in(directory)
    mine = [one for one in whole if one.signer == key.public.fingerprint]
    spent = any(opened_for(home, str(one.predicate.get(SEED_COMMITMENT))) for one in mine)
    unchanged = bool(mine) and not spent and not check_pack(directory).issues
    if not unchanged:
        write_atomic(directory / DEVELOPER_KEY, key.public.pem)
        part = Nonce.random()
        keep(
            home, part, key.public.fingerprint
        )  # before the commitment to it is signed, so that it can be opened whatever happens
        declared = {**signed_as(found.pack), SEED_COMMITMENT: part.commitment}
        sign_part(directory, key, PACK_TYPE, declared)
    if as_json:
        emit({"directory": str(directory), "signer": key.public.fingerprint, "signed": not unchanged})
        return 0
    said = "has been signed by this key already, and nothing changed" if unchanged else "signed"
    click.echo(f"{directory}: {said}; your fingerprint is {key.public.fingerprint}")
    click.echo("Give the auditor this pack, and the fingerprint over another channel.")
    return 0


@pack.command(epilog="Example: countermark pack show reference/guarded")
@click.argument("subject")
@key_option
@home_option
@json_option
def show(*, subject: str, auditor_keys: tuple[Path, ...], home: Path, as_json: bool) -> int:
    """Print what a pack says and who signed it.

    SUBJECT is a directory, or a reference subject, whose pack is printed as it stands.
    """
    packs = reference_packs()
    if subject in packs:
        emit(packs[subject].model_dump(mode="json", by_alias=True))
        return 0
    if not Path(subject).is_dir():
        hint = f"a directory, or one of {', '.join(packs)}"
        raise UnknownSubject(f"no pack {subject!r}", hint=_above(Path(subject)) or hint)
    checked = check_pack(Path(subject))
    own = public_keys(home).values()
    keys = [*(public_key(path) for path in auditor_keys), *own]
    signed, doubts = signatures_in(Path(subject), keys)
    shown = summary(checked.pack, signed, [*checked.issues, *doubts], read_trust(home))
    for one in shown["signatures"]:
        one["own"] = one["signer"] in {key.fingerprint for key in own}
    if as_json:
        emit(shown)
    else:
        print_summary(shown)
    return 2 if shown["faults"] else 0


@pack.command(name="publish", epilog="Example: countermark pack publish packs/my-model --out public/my-model")
@directory_argument
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Not there yet, or empty.")
@click.option("--on", "day", help="The day that decides about embargoes, YYYY-MM-DD.  [default: today]")
@json_option
def publish_(*, directory: Path, out: Path, day: str | None, as_json: bool) -> int:
    """Copy the public part of the signed pack in DIRECTORY; what is left still verifies.

    The whole manifest goes along, so that everybody sees which files are withheld.
    """
    _see_directory(directory)
    outside(out)
    withheld = publish(directory, out, _day(day))
    if as_json:
        emit({"out": str(out), "withheld": withheld})
        return 0
    for name in withheld:
        click.echo(f"withheld {name}")
    click.echo(f"wrote {out}")
    return 0


@pack.command(epilog="Example: countermark pack accept packs/my-model --out acceptance")
@directory_argument
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    required=True,
    help="A file, or a directory; the pack's own directory adds it to the pack's signatures.",
)
@click.option(
    "--binding",
    type=click.Choice(["B0", "B1", "B2", "B3"]),
    default="B0",
    show_default=True,
    help="B0 name only, B1 fingerprints, B2 logs of both sides, B3 you host the hashed weights.",
)
@weights_option
@home_option
@json_option
def accept(
    *, directory: Path, out: Path, binding: str, weights: Path | None, home: Path, as_json: bool
) -> int:
    """Accept the pack in DIRECTORY as its auditor: countersign it with which checks it passed.

    The developer's key must be one you trust in that role: `countermark key trust KEY --role developer`.
    """
    if binding == "B3" and weights is None:
        raise UsageError("binding B3 says that you hashed the weights", hint="name them: --weights DIR")
    _see_directory(directory)
    checked = check_pack(directory, weights=weights)
    signed, doubts = signatures_in(directory)
    whole_or_raise([*checked.issues, *doubts])
    assert checked.pack is not None
    developer = next((one.signer for one in signed if one.role == "developer"), None)
    if developer is None:
        hint = f"its developer signs it: {to_paste('pack', 'sign', directory)}"
        raise UsageError(f"{directory} is not signed", hint=hint)
    if not read_trust(home).trusts(developer, "developer"):
        trusting = paste_at_home("key", "trust", directory / DEVELOPER_KEY, "--role", "developer")
        raise SignerUnknown(
            f"the pack is signed by {developer}, whom you do not trust as developer",
            hint=f"if it is theirs: {trusting}",
        )
    places = _places(directory, out)
    line = _acceptance(directory, checked.pack, developer, home, (binding, weights is not None))
    written = _keep(directory, places, line, home)
    if as_json:
        emit({"written": [str(path) for path in written], "binding": binding, "developer": developer})
        return 0
    click.echo(f"accepted, binding {binding}: " + ", ".join(str(path) for path in written))
    return 0


def _acceptance(
    directory: Path, found: FullPack | ReleasePack, developer: str, home: Path, how: tuple[str, bool]
) -> bytes:
    from countermark.canonical import digest

    key = open_key(home)
    if key.public.fingerprint == developer:
        raise UsageError(
            "the key that signed the pack as developer cannot accept it",
            hint="developer and auditor each have a key of their own",
        )
    signers = {one.signer for one in signatures_in(directory, [key.public])[0]}
    if key.public.fingerprint in signers:
        raise UsageError("this key has accepted the pack already")
    manifest = read_capped(inside(directory, PACK_MANIFEST), name=PACK_MANIFEST)
    predicate = {
        "accepted_on": _day(None),
        "binding": how[0],
        "checks": accepted_checks(weights=how[1]),
        "developer": developer,
        **signed_as(found),
    }
    return sign_statement(key, ACCEPTANCE_TYPE, {PACK_MANIFEST: digest(manifest)}, predicate)


def _places(directory: Path, out: Path) -> list[Path]:
    """Where the acceptance goes: behind the developer's signature, into a directory with the key, or into a file."""
    if out.exists() and out.resolve() == directory.resolve():
        return [directory / PACK_SIGNATURES]
    paths = [out / ACCEPTANCE, out / AUDITOR_KEY] if out.is_dir() or not out.suffix else [out]
    there = [path for path in paths if path.exists()]
    if there:
        raise UsageError(f"{there[0]} is there already", hint="choose another --out")
    outside(out)
    return paths


def _keep(directory: Path, paths: list[Path], line: bytes, home: Path) -> list[Path]:
    """Write the acceptance where it goes; returns where it went."""
    if paths == [directory / PACK_SIGNATURES]:
        write_atomic(paths[0], read_capped(paths[0]) + line)
        return paths
    for path, data in zip(paths, (line, open_key(home).public.pem), strict=False):
        write_atomic(path, data)
    return paths


def _own_key(directory: Path, home: Path, name: str, *, replace: bool) -> SigningKey:
    """The key that signs the pack; where another one's signature lies there, none is made and none may sign.

    Raises:
        UsageError: The pack is another key's, and that was not said to be replaced.
    """
    signed = (directory / PACK_SIGNATURES).exists() and not replace
    signer = _claimed(directory) if signed else ""
    key = open_key(home, name) if not signed or key_path(home, name).exists() else None
    if key is not None and (not signed or key.public.fingerprint == signer):
        return key
    mine = f"the key {name} is {key.public.fingerprint}" if key else f"{home} holds no key named {name}"
    accepting = paste_at_home("pack", "accept", directory, "--out", directory)
    raise UsageError(
        f"{directory} is signed by {signer or 'a key that is not in it'} already, and {mine}",
        hint=f"its auditor accepts it: {accepting}; its developer signs with the --home that signed it, "
        "or with --replace if the key is another one now",
    )


def _claimed(directory: Path) -> str:
    """Fingerprint of the key that a pack says is its developer's, or nothing."""
    try:
        return public_key(inside(directory, DEVELOPER_KEY)).fingerprint
    except InvalidDocument:
        return ""


def _see_directory(directory: Path) -> None:
    """See that a pack's directory is one. Raises `InvalidDocument`."""
    if directory.is_dir():
        return
    why = "is no directory" if directory.exists() else "does not exist"
    hint = _above(directory) or "name the directory of the pack, the one that holds pack.json"
    whole_or_raise([Issue(code="path-unsafe", file=str(directory), place="", message=why, hint=hint)])


def _above(given: Path) -> str:
    """What to name in place of a file that lies in a pack, or nothing."""
    return f"name the directory that it lies in: {given.parent}" if given.is_file() else ""


def _day(given: str | None) -> str:
    if given is None:
        return datetime.now(UTC).date().isoformat()
    try:
        return date.fromisoformat(given).isoformat()
    except ValueError as error:
        raise UsageError(f"{given!r} is no day", hint="write it YYYY-MM-DD") from error
