"""Withheld records and transcripts encrypted to named reviewers with age, each checked against its commitment when opened.

age hides and nothing else: it neither says who sealed a file nor gives the same bytes twice. So a ciphertext is made once,
and what counts is that the plaintext is the one that the log commits to.
"""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from countermark.canonical import InvalidJson, digest
from countermark.errors import EvidenceError, InvalidDocument, MissingExtra, UsageError
from countermark.evidence.directory import RUN
from countermark.evidence.dsse import MAX_LINE as MAX_STATEMENT
from countermark.evidence.dsse import REDACTION_TYPE, open_statement
from countermark.evidence.keys import SigningKey
from countermark.evidence.lines import (
    MAX_BLOB,
    MAX_LINE,
    RECORDS,
    LogLine,
    blob_name,
    format_line,
    parse_line,
    read_blob,
    read_log,
    read_public_log,
)
from countermark.evidence.manifest import MANIFEST, MAX_MANIFEST, SIGNATURES, parse_manifest
from countermark.evidence.parts import Blob, parse_blob
from countermark.evidence.redacting import open_seal, sign_copy
from countermark.evidence.withholding import LIST, MAX_LIST, SEALED, Redaction, parse_redaction
from countermark.files import read_capped, write_atomic
from countermark.issues import Issues

MAX_SEALED = MAX_LINE + MAX_BLOB + 1024 * 1024
MAX_KEYS = 256
_MAX_KEY_FILE = 1024 * 1024
_OTHER_KEYS = "no matching keys"
"""How age says that a file is for somebody else, and not broken."""


class Plaintext(NamedTuple):
    """What a ciphertext holds: the record's line of the log, and its transcript as it was sealed."""

    line: LogLine
    blob: Blob
    data: bytes
    """The transcript's bytes."""


class Locked(str):
    """Why a ciphertext was not opened, where nothing is wrong with it: it is for other keys than those at hand."""

    __slots__ = ()


class _NotForUs(EvidenceError):
    """None of the keys at hand is among a ciphertext's recipients."""


def read_list(copy: Path) -> Redaction:
    """The list of a redacted copy; its seal is `verify`'s to check. Raises `EvidenceError`, `UsageError`."""
    if not (copy / LIST).exists():
        raise UsageError(
            f"{copy} is no redacted copy: it has no {LIST}", hint="countermark evidence redact makes one"
        )
    return parse_redaction(read_capped(copy / LIST, max_bytes=MAX_LIST, name=LIST))


def withheld_seqs(redaction: Redaction) -> list[int]:
    """Records of which something is withheld, in order."""
    return sorted({*redaction.records, *redaction.transcripts, *redaction.parts})


def read_recipients(path: Path) -> list[Any]:
    """The reviewers' public keys in a file: one a line, age1… or ssh-…; lines that begin with # are passed over.

    Raises:
        InvalidDocument: Naming every line that is none.
    """
    pyrage, issues, found = _pyrage(), Issues(), []
    for number, text in _key_lines(path):
        kind = pyrage.ssh if text.startswith("ssh-") else pyrage.x25519
        try:
            found.append(kind.Recipient.from_str(text))
        except pyrage.RecipientError as error:
            issues.add("recipient", path, f"line {number}", f"is no age or ssh public key ({error})")
    if not found and not len(issues):
        issues.add("recipient", path, "", "names nobody")
    issues.raise_if_any()
    return found


def read_identities(path: Path) -> list[Any]:
    """A reviewer's private keys in a file: AGE-SECRET-KEY-1… lines, or one ssh key. Raises `InvalidDocument`."""
    pyrage = _pyrage()
    data = read_capped(path, max_bytes=_MAX_KEY_FILE)
    try:
        if b"PRIVATE KEY-----" in data:
            return [pyrage.ssh.Identity.from_buffer(data)]
        found = [pyrage.x25519.Identity.from_str(text) for _, text in _key_lines(path)]
    except pyrage.IdentityError as error:
        raise InvalidDocument(
            [f"{path}: [identity] holds no age or ssh private key ({error})"], ["identity"]
        ) from error
    if not found:
        raise InvalidDocument([f"{path}: [identity] holds no key"], ["identity"])
    return found


def seal_to(
    copy: Path,
    audit: Path,
    recipients: Sequence[Any],
    key: SigningKey,
    *,
    tick: Callable[[], None] = lambda: None,
) -> int:
    """Encrypt what a copy withholds, and sign the copy again; the list stays as it is. Returns how many were encrypted.

    Killed in between, the copy lacks its files in the manifest until this is run again, which makes all of them anew: who
    could read those that nobody signed is not known.

    Args:
        copy: A redacted copy.
        audit: The audit it was made from.
        recipients: From `read_recipients`.
        key: The auditor's.
        tick: Called after each.

    Raises:
        UsageError: `copy` is no copy of `audit`, withholds nothing of the log, or is sealed to reviewers already.
        EvidenceError: One of them is not as it was sealed, or not by this key.
    """
    pyrage, redaction = _pyrage(), read_list(copy)
    sealed = open_seal(audit, key)
    check_own(copy, key)
    if redaction.original != sealed.subjects[MANIFEST]:
        raise UsageError(
            f"{copy} is a copy of another audit than {audit}", hint="name the audit that the copy was made of"
        )
    wanted = withheld_seqs(redaction)
    _refuse_to_seal(copy, wanted)
    lines = {line.seq: line for line in read_log(audit / RUN) if line.seq in set(wanted)}
    for seq in wanted:
        plain = format_line(lines[seq].leaf_salt, lines[seq].data) + read_blob(audit / RUN, seq)
        write_atomic(copy / name_of(seq), pyrage.encrypt(plain, list(recipients)))
        tick()
    sign_copy(copy, key, sealed)
    return len(wanted)


def _refuse_to_seal(copy: Path, wanted: Sequence[int]) -> None:
    """Raise `UsageError` where there is nothing to encrypt, or it was encrypted and signed: to whom, no file says."""
    if not wanted:
        raise UsageError(
            f"{copy} withholds no record and no transcript: there is nothing to encrypt to anybody",
            hint="the seed is not shown to reviewers",
        )
    listed = parse_manifest(read_capped(copy / MANIFEST, max_bytes=MAX_MANIFEST, name=MANIFEST))
    there = sum(name_of(seq) in listed for seq in wanted)
    if there:
        raise UsageError(
            f"{copy} is sealed to reviewers already, {there} of {len(wanted)} withheld transcripts: nobody else gets them there",
            hint="for other reviewers make another copy of the audit (`countermark evidence redact`) and seal that one",
        )


def check_own(copy: Path, key: SigningKey) -> None:
    """See that this key signed the copy as it stands. Raises `EvidenceError`, `SignerUnknown`."""
    line = read_capped(copy / SIGNATURES, max_bytes=MAX_STATEMENT, name=SIGNATURES)
    statement = open_statement(line, [key.public])
    listed = digest(read_capped(copy / LIST, max_bytes=MAX_LIST, name=LIST))
    manifest = digest(read_capped(copy / MANIFEST, max_bytes=MAX_MANIFEST, name=MANIFEST))
    if (
        statement.predicate_type != REDACTION_TYPE
        or statement.predicate.get("redaction_sha256") != listed
        or statement.subjects.get(MANIFEST) != manifest
    ):
        raise EvidenceError(
            f"{copy}: is not the copy that its seal speaks of", hint="run countermark verify on it"
        )


def name_of(seq: int) -> str:
    """Where in a copy the ciphertext of record `seq` lies."""
    return f"{SEALED}/{seq:08d}.age"


def open_sealed(copy: Path, identities: Sequence[Any]) -> Iterator[tuple[int, Plaintext | str]]:
    """Each ciphertext of a copy: the record's number and what it holds, or why that does not count.

    The copy's log must have been verified: what is opened is held against its leaves.
    """
    sealed = [seq for seq in withheld_seqs(read_list(copy)) if (copy / name_of(seq)).exists()]
    wanted = set(sealed)
    lines = {line.seq: line for line in read_public_log(copy / RUN) if line.seq in wanted}
    for seq in sealed:
        try:
            yield seq, _opened(copy, seq, lines[seq].leaf, identities)
        except _NotForUs as error:
            yield seq, Locked(error.message)
        except (EvidenceError, InvalidDocument) as error:
            yield seq, error.message
        except InvalidJson as error:
            yield seq, f"{name_of(seq)}: holds no line of {RECORDS} with its transcript ({error})"


def _opened(copy: Path, seq: int, leaf: bytes, identities: Sequence[Any]) -> Plaintext:
    pyrage, name = _pyrage(), name_of(seq)
    data = read_capped(copy / name, max_bytes=MAX_SEALED, name=name)
    try:
        plain: bytes = pyrage.decrypt(data, list(identities))
    except pyrage.DecryptError as error:
        kind = _NotForUs if _OTHER_KEYS in str(error).lower() else EvidenceError
        raise kind(f"{name}: is not opened by these keys ({error})") from error
    end = plain.find(b"\n", 0, MAX_LINE) + 1
    line = parse_line(plain[:end], seq)
    if line.leaf != leaf:
        raise EvidenceError(f"{name}: holds another record than the log commits to")
    blob = parse_blob(plain[end:])
    if blob.salt is None or blob.commitment.hex() != line.record.get("transcript"):
        raise EvidenceError(f"{name}: holds another transcript than {blob_name(seq)} was")
    return Plaintext(line, blob, plain[end:])


def _key_lines(path: Path) -> list[tuple[int, str]]:
    text = read_capped(path, max_bytes=_MAX_KEY_FILE).decode("utf-8", "replace")
    lines = [(number, line.strip()) for number, line in enumerate(text.splitlines(), 1)]
    kept = [(number, line) for number, line in lines if line and not line.startswith("#")]
    if len(kept) > MAX_KEYS:
        raise InvalidDocument([f"{path}: [keys-many] holds over {MAX_KEYS} keys"], ["keys-many"])
    return kept


def _pyrage() -> Any:
    try:
        import pyrage
    except ImportError as error:
        raise MissingExtra(
            "encrypting to reviewers needs the extra `seal`", hint="pip install 'countermark[seal]'"
        ) from error
    return pyrage
