"""What becomes of keys: one names its successor, or is withdrawn. Statements that a reader follows or does not."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from countermark.canonical import digest
from countermark.errors import EvidenceError, InvalidDocument, SignerUnknown
from countermark.evidence.dsse import (
    MAX_LINE,
    NS,
    Statement,
    open_statement,
    payload_of,
    read_payload,
    sign_statement,
)
from countermark.evidence.keys import PublicKey, SigningKey, parse_public_key

ROTATION_TYPE = f"{NS}/key-rotation/v0.1"
WITHDRAWAL_TYPE = f"{NS}/key-withdrawal/v0.1"
_KEY, _NEW = "key.pub.pem", "successor.pub.pem"
_TIME = "%Y-%m-%dT%H:%M:%SZ"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rotation:
    """`old` names `new` as its successor, and `new` agrees."""

    old: PublicKey
    new: PublicKey


@dataclass(frozen=True, slots=True, kw_only=True)
class Withdrawal:
    """`key` is not to be believed in what nobody else saw before `since`, seconds since 1970."""

    key: PublicKey
    since: int
    reason: str


def rotate(old: SigningKey, new: SigningKey) -> bytes:
    """Two signed lines, by the old key and by the new one: neither can be had without its owner."""
    predicate = {"key": old.public.pem.decode(), "successor": new.public.pem.decode()}
    subjects = {_KEY: digest(old.public.pem), _NEW: digest(new.public.pem)}
    return b"".join(sign_statement(key, ROTATION_TYPE, subjects, predicate) for key in (old, new))


def withdraw(key: SigningKey, since: int, reason: str) -> bytes:
    """One signed line by the key itself."""
    time = datetime.fromtimestamp(since, UTC).strftime(_TIME)
    predicate = {"key": key.public.pem.decode(), "reason": reason, "since": time}
    return sign_statement(key, WITHDRAWAL_TYPE, {_KEY: digest(key.public.pem)}, predicate)


def read_statement(data: bytes) -> Rotation | Withdrawal:
    """The rotation or withdrawal in a file, once its signatures hold under the keys that stand in it.

    Whether the reader trusts any of those keys is the caller's question.

    Raises:
        EvidenceError: It is neither, or a signature does not hold.
    """
    lines = data.splitlines(keepends=True)
    if not 1 <= len(lines) <= 2 or len(data) > 2 * MAX_LINE:
        raise EvidenceError("is no statement about a key")
    said = _claimed(lines[0])
    old = _key(said, "key")
    if len(lines) == 2:
        new = _key(said, "successor")
        subjects = {_KEY: digest(old.pem), _NEW: digest(new.pem)}
        for line, key in zip(lines, (old, new), strict=True):
            _open(line, key, ROTATION_TYPE, subjects, {"key", "successor"})
            if _claimed(line).predicate != said.predicate:
                raise EvidenceError("its two lines say different things")
        if old == new:
            raise EvidenceError("a key cannot be its own successor")
        return Rotation(old=old, new=new)
    _open(lines[0], old, WITHDRAWAL_TYPE, {_KEY: digest(old.pem)}, {"key", "reason", "since"})
    return Withdrawal(key=old, since=_seconds(said), reason=str(said.predicate["reason"])[:500])


def _open(line: bytes, key: PublicKey, kind: str, subjects: dict[str, str], fields: Iterable[str]) -> None:
    try:
        statement = open_statement(line, [key])
    except SignerUnknown as error:
        raise EvidenceError("is not signed by the key it is about") from error
    if statement.predicate_type != kind or dict(statement.subjects) != subjects:
        raise EvidenceError("is a statement of another kind, or about other keys")
    if set(statement.predicate) != set(fields):
        raise EvidenceError("lacks a field, or holds an unknown one")


def _claimed(line: bytes) -> Statement:
    """What a line says, its signature unchecked: enough to find the key it must hold under."""
    return read_payload(payload_of(line), "")


def _key(said: Statement, field: str) -> PublicKey:
    pem = said.predicate.get(field)
    try:
        return parse_public_key(pem.encode() if isinstance(pem, str) else b"")
    except InvalidDocument as error:
        raise EvidenceError(f"its {field} is refused: {error.faults[0]}") from error


def _seconds(said: Statement) -> int:
    try:
        return int(datetime.strptime(str(said.predicate["since"]), _TIME).replace(tzinfo=UTC).timestamp())
    except (ValueError, OverflowError) as error:
        raise EvidenceError("its time is none") from error
