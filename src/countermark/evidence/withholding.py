"""The signed list of a redacted copy: exactly what is withheld, why, who decided it and until when.

It lies in redaction/redaction.json beside the manifest and signature of the audit as it was sealed, so that every file of
the copy is either the one that was sealed or named in the list with both digests.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from countermark import canonical
from countermark.canonical import InvalidJson
from countermark.errors import EvidenceError

SCHEMA = "countermark/redaction/v0.1"
FOLDER = "redaction"
LIST = f"{FOLDER}/redaction.json"
ORIGINAL = f"{FOLDER}/original"
SUPERSEDED = f"{FOLDER}/superseded"
SEALED = "evidence/run-1/sealed"
NEVER = "never"
MAX_LIST = 256 * 1024 * 1024
REASONS: Mapping[str, str] = {
    "privacy": "it tells of people",
    "hazard": "it could help somebody do harm",
    "item_security": "the scenarios are to be used again",
    "confidential": "the developer's terms keep it confidential",
    "vulnerability": "it shows a weakness that is not yet mended",
    "legal": "a law or a court forbids showing it",
    "copyright": "it holds another's work",
}
"""Why something may be withheld: the closed list of codes, each in words."""
_DIGEST = re.compile(r"[0-9a-f]{64}")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_MAX_WHO = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What one decision withholds.

    Attributes:
        reason: A code of `REASONS`.
        decided_by: Who, in words.
        until: A day, YYYY-MM-DD, from which it may be shown, or `never`.
        records: Records withheld whole, their transcripts with them.
        transcripts: Records whose transcript is withheld whole.
        parts: Records to the indices of the parts of their transcript that are withheld.
        seed: Whether the seed is withheld.
    """

    reason: str
    decided_by: str
    until: str
    records: tuple[int, ...] = ()
    transcripts: tuple[int, ...] = ()
    parts: Mapping[int, tuple[int, ...]] = field(default_factory=dict)
    seed: bool = False

    @property
    def empty(self) -> bool:
        """Whether it withholds nothing."""
        return not (self.records or self.transcripts or self.parts or self.seed)

    def over(self, today: date) -> bool:
        """Whether the day has come from which it may be shown."""
        return self.until != NEVER and date.fromisoformat(self.until) <= today


@dataclass(frozen=True, slots=True, kw_only=True)
class Redaction:
    """The list.

    Attributes:
        original: SHA-256 of the manifest of the audit as it was sealed.
        decisions: Each withholds something of its own.
        files: Each file that differs from what was sealed, to its SHA-256 before and after; None where it was not, or is
            not, there. Neither redaction/ nor evidence/run-1/sealed/ is listed.
        supersedes: SHA-256 of the list that stood before, or None.
    """

    original: str
    decisions: tuple[Decision, ...]
    files: Mapping[str, tuple[str | None, str | None]]
    supersedes: str | None = None

    @property
    def records(self) -> dict[int, Decision]:
        """Each record withheld whole."""
        return {seq: one for one in self.decisions for seq in one.records}

    @property
    def transcripts(self) -> dict[int, Decision]:
        """Each disclosed record whose transcript is withheld whole."""
        return {seq: one for one in self.decisions for seq in one.transcripts}

    @property
    def parts(self) -> dict[int, dict[int, Decision]]:
        """Each record whose transcript is withheld in part, to the indices of the parts."""
        found: dict[int, dict[int, Decision]] = {}
        for one in self.decisions:
            for seq, indices in one.parts.items():
                found.setdefault(seq, {}).update(dict.fromkeys(indices, one))
        return found

    @property
    def seed(self) -> Decision | None:
        """The decision by which the seed is withheld."""
        return next((one for one in self.decisions if one.seed), None)

    def to_bytes(self) -> bytes:
        """redaction/redaction.json: canonical JSON."""
        return canonical.encode(
            {
                "schema": SCHEMA,
                "original": self.original,
                "supersedes": self.supersedes,
                "withheld": [_plain(one) for one in self.decisions],
                "files": [
                    {"file": name, "before": before, "after": after}
                    for name, (before, after) in sorted(self.files.items())
                ],
            }
        )


def parse_redaction(data: bytes) -> Redaction:
    """The list in redaction/redaction.json. Unknown reason codes are read, for the verifier to name.

    Raises:
        EvidenceError: It is not what `Redaction.to_bytes` writes.
    """
    try:
        redaction = _redaction(canonical.decode(data, max_bytes=MAX_LIST, floats=False))
        same = redaction.to_bytes() == data
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise EvidenceError(f"{LIST}: {error}") from error
    if not same:
        raise EvidenceError(f"{LIST}: is not in canonical form, or holds unknown fields")
    return redaction


def twice_named(decisions: Iterable[Decision]) -> Iterator[str]:
    """Whatever stands under two decisions, or stands under one in two ways."""
    seen: dict[int, str] = {}
    parts: set[tuple[int, int]] = set()
    seeds = 0
    for one in decisions:
        seeds += one.seed
        for kind, seqs in (("record", one.records), ("transcript", one.transcripts)):
            for seq in seqs:
                if seq in seen:
                    yield f"record {seq} stands twice, as {seen[seq]} and as {kind}"
                seen[seq] = kind
        for seq, indices in one.parts.items():
            if seen.setdefault(seq, "parts") != "parts":
                yield f"record {seq} stands twice, as {seen[seq]} and with parts"
            for index in indices:
                if (seq, index) in parts:
                    yield f"part {index} of record {seq} stands twice"
                parts.add((seq, index))
    if seeds > 1:
        yield "the seed stands twice"


def check_day(text: str) -> str:
    """The text, if it is a day YYYY-MM-DD or `never`. Raises `ValueError`."""
    if text != NEVER:
        if not _DAY.fullmatch(text):
            raise ValueError(f"{text!r} is neither a day YYYY-MM-DD nor never")
        date.fromisoformat(text)
    return text


def _plain(one: Decision) -> dict[str, Any]:
    return {
        "reason": one.reason,
        "decided_by": one.decided_by,
        "until": one.until,
        "records": sorted(one.records),
        "transcripts": sorted(one.transcripts),
        "parts": [{"seq": seq, "parts": sorted(indices)} for seq, indices in sorted(one.parts.items())],
        "seed": one.seed,
    }


def _redaction(value: Any) -> Redaction:
    if value["schema"] != SCHEMA:
        raise InvalidJson(f"its schema is not {SCHEMA}")
    decisions = tuple(_decision(one) for one in value["withheld"])
    for fault in twice_named(decisions):
        raise InvalidJson(fault)
    return Redaction(
        original=_sha(value["original"]),
        decisions=decisions,
        files={str(one["file"]): (_maybe(one["before"]), _maybe(one["after"])) for one in value["files"]},
        supersedes=_maybe(value["supersedes"]),
    )


def _decision(value: Any) -> Decision:
    reason, who = str(value["reason"]), str(value["decided_by"])
    if not 0 < len(who) <= _MAX_WHO or not 0 < len(reason) <= _MAX_WHO:
        raise InvalidJson("a decision lacks its reason or who decided it")
    return Decision(
        reason=reason,
        decided_by=who,
        until=check_day(str(value["until"])),
        records=_numbers(value["records"]),
        transcripts=_numbers(value["transcripts"]),
        parts={_number(one["seq"]): _numbers(one["parts"]) for one in value["parts"]},
        seed=value["seed"] is True,
    )


def _numbers(value: list[Any]) -> tuple[int, ...]:
    return tuple(_number(one) for one in value)


def _number(value: Any) -> int:
    if type(value) is not int or value < 0:
        raise InvalidJson(f"{value!r} is no place in a list")
    return value


def _sha(value: Any) -> str:
    if not isinstance(value, str) or not _DIGEST.fullmatch(value):
        raise InvalidJson("a digest is not 64 hexadecimal digits")
    return value


def _maybe(value: Any) -> str | None:
    return None if value is None else _sha(value)
