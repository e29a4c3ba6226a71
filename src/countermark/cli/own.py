"""What the auditor's own commands work on: an audit that is sealed and whole, with the key that sealed it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from countermark.cli.given import paste_at_home
from countermark.cli.key import open_key
from countermark.errors import SignerUnknown, UsageError
from countermark.evidence import SigningKey
from countermark.evidence.keys import key_path
from countermark.evidence.manifest import SIGNATURES
from countermark.evidence.withholding import FOLDER

_WORDS = {
    "stripped": ("has lost its seal", "work from the audit as it was sealed"),
    "pack": (
        "is a release pack, not an audit",
        "`countermark pack publish` copies the public part of a pack",
    ),
    "plan": ("is a plan without the audit", "name the directory above, once it was run"),
    "empty": ("is empty", "name the audit's directory"),
    "other": ("is no audit", "name the audit's directory, the one that holds MANIFEST.sha256"),
}


def sealed_audit(audit: Path) -> Path:
    """The directory, if it is an audit that was finished and sealed. Raises `UsageError`, which says what it is instead."""
    from countermark.verify.container import RESUME_FILE, audit_above, what_lies

    kind = what_lies(audit)
    if kind == "unfinished" or (
        kind in ("audit", "stripped") and _has(audit, RESUME_FILE) and not _has(audit, SIGNATURES)
    ):
        raise UsageError(
            f"{audit} is an audit that was not finished",
            hint=f"finish it: `{paste_at_home('resume', audit)}`",
        )
    if kind == "planned":
        raise UsageError(
            f"{audit} is a plan that was not run", hint=f"run it: `{paste_at_home('run', '--plan', audit)}`"
        )
    if kind == "part":
        raise UsageError(f"{audit} is a part of an audit", hint=f"name the whole audit: {audit_above(audit)}")
    if kind in _WORDS:
        raise UsageError(f"{audit} {_WORDS[kind][0]}", hint=_WORDS[kind][1])
    if _has(audit, FOLDER):
        raise UsageError(f"{audit} is itself a redacted copy", hint="name the audit as it was sealed")
    return audit


def sealing_key(audit: Path, home: Path) -> SigningKey:
    """The auditor's key in `home`, which must be there and must have sealed the audit: none is made.

    Raises:
        UsageError: There is no key, or it cannot be opened.
        SignerUnknown: Another key sealed the audit.
        EvidenceError: The seal does not hold.
    """
    from countermark.evidence.redacting import open_seal

    if not key_path(home, "auditor").exists():
        raise UsageError(f"{home} holds no auditor's key", hint=f"name the --home whose key sealed {audit}")
    key = open_key(home)
    with by_this_key(audit, home, key):
        open_seal(audit, key)
    return key


@contextmanager
def by_this_key(directory: Path, home: Path, key: SigningKey) -> Iterator[None]:
    """Say of which directory it is that another key signed it, and what to do. Raises `SignerUnknown`."""
    try:
        yield
    except SignerUnknown as error:
        raise SignerUnknown(
            f"{directory}: {error.message}; the auditor's key in {home} is {key.public.fingerprint}",
            hint="name the --home whose key signed it",
        ) from error


def _has(folder: Path, name: str) -> bool:
    return (folder / name).exists()
