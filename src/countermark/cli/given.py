"""Files that a command is given: what is wrong with one is a fault of that file, told with its name, and exits with 2."""

import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from countermark.canonical import InvalidJson, decode
from countermark.errors import EvidenceError, InvalidDocument, to_paste
from countermark.evidence import PublicKey, TrustPolicy, parse_public_key, read_trust
from countermark.evidence.trust import TRUST
from countermark.files import read_capped
from countermark.issues import Issue, Issues

_MAX_PEM = 4096
_MAX_ROOT = 1024 * 1024
_BEGIN, _END = b"-----BEGIN PUBLIC KEY-----", b"-----END PUBLIC KEY-----"
_PUBLIC = "give the public part, such as NAME.pub.pem"


def paste_at_home(*words: object) -> str:
    """A command to be pasted, as `to_paste` quotes it, with the `--home` of the command under way if one was given to it."""
    ctx = click.get_current_context(silent=True)
    if ctx is None or ctx.get_parameter_source("home") is not ParameterSource.COMMANDLINE:
        return to_paste(*words)
    return to_paste(*words, "--home", ctx.params["home"])


@contextmanager
def faults_of(path: Path, code: str, hint: str = "") -> Iterator[None]:
    """Tell what does not hold, or is malformed, as a fault of the file at `path`: no evidence is at stake yet.

    Raises:
        InvalidDocument: In place of `EvidenceError` and `InvalidJson`.
    """
    try:
        yield
    except EvidenceError as error:
        raise _fault(path, code, error.message, error.hint or hint) from error
    except InvalidJson as error:
        raise _fault(path, code, f"is no JSON: {error}", hint) from error


def witness_urls(ctx: click.Context, option: click.Parameter, given: str | tuple[str, ...]) -> Any:
    """See that an option's value, or each of its values, is a witness's address. Raises `click.BadParameter`."""
    from countermark.audit.request import WITNESS_URL

    del ctx
    for url in [given] if isinstance(given, str) else given:
        if not re.fullmatch(WITNESS_URL, url):
            meant = f"http://{url}"
            hint = f"; did you mean {meant}?" if re.fullmatch(WITNESS_URL, meant) else ""
            raise click.BadParameter(
                f"{url!r} is no address such as http://127.0.0.1:8407{hint}", param=option
            )
    return given


def policy_of(trust: Path | None, home: Path) -> TrustPolicy:
    """The reader's policy: the one in `home`, which may have none yet, or the one named by --trust, which must be there.

    Raises:
        InvalidDocument: The policy named is not there, or one is malformed.
    """
    if trust is not None:
        named = trust / TRUST if trust.is_dir() else trust
        if not named.exists():
            raise _fault(named, "trust-missing", "does not exist", "`countermark key trust` makes a policy")
    return read_trust(trust or home)


def public_key(path: Path) -> PublicKey:
    """The public key in a PEM file. Raises `InvalidDocument`, which names the file and everything that is wrong with it."""
    data = read_capped(path, max_bytes=_MAX_PEM)
    try:
        return parse_public_key(data)
    except InvalidDocument as error:
        why = error.faults[0].partition("] ")[2]
        issues = Issues()
        for message, hint in _wrong_with_key(data) or [(why, _PUBLIC)]:
            issues.add("key-refused", path, "", message, hint)
        issues.raise_if_any()
        raise


def _wrong_with_key(data: bytes) -> list[tuple[str, str]]:
    """What keeps a file from being one public key and nothing else, and what to do; nothing where it is none at all."""
    if b"PRIVATE KEY-----" in data:
        return [
            (
                "is a private key",
                "give its public part, NAME.pub.pem beside it; nobody else may have this file",
            )
        ]
    keys = data.count(_BEGIN)
    if not keys:
        return []
    found = []
    if keys > 1:
        found.append((f"holds {keys} keys", "give each key in a file of its own"))
    if b"\r" in data:
        found.append(
            (
                "its lines end in CR LF, not in LF",
                "save it with the line ends of Unix: tr -d '\\r' < IN > OUT",
            )
        )
    plain = data.replace(b"\r", b"")
    if not plain.startswith(_BEGIN) or not plain.endswith(_END + b"\n") or plain.count(b"\n\n"):
        hint = f"keep the lines from {_BEGIN.decode()} to {_END.decode()}, each with its line feed, and nothing else"
        found.append(("has text, spaces or empty lines around the key", hint))
    return found


def public_keys(home: Path) -> dict[str, PublicKey]:
    """The public parts in HOME/keys by name; a file that is none is left out. No private key is opened."""
    found = {}
    for path in sorted((home / "keys").glob("*.pub.pem")):
        with suppress(InvalidDocument):
            found[path.name.removesuffix(".pub.pem")] = public_key(path)
    return found


def any_public_pem(path: Path) -> bytes:
    """A PEM file that holds a public key of whatever kind. Raises `InvalidDocument`, which names the file."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    data = read_capped(path, max_bytes=_MAX_PEM)
    try:
        load_pem_public_key(data)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise _fault(path, "key-refused", "is not a PEM public key", _PUBLIC) from error
    return data


def certificates(path: Path) -> bytes:
    """A PEM file that holds certificates. Raises `InvalidDocument`, which names the file."""
    from cryptography import x509

    data = read_capped(path, max_bytes=_MAX_ROOT)
    try:
        x509.load_pem_x509_certificates(data)
    except ValueError as error:
        hint = "give the root certificate of an authority"
        raise _fault(path, "certificate", "holds no PEM certificate", hint) from error
    return data


def json_file(path: Path, hint: str) -> bytes:
    """A file that holds JSON. Raises `InvalidDocument`, which names the file."""
    data = read_capped(path, max_bytes=_MAX_ROOT)
    with faults_of(path, "json", hint):
        decode(data, max_bytes=_MAX_ROOT)
    return data


def _fault(path: Path, code: str, why: str, hint: str) -> InvalidDocument:
    issue = Issue(code=code, file=str(path), place="", message=why, hint=hint)
    return InvalidDocument([str(issue)], [code])
