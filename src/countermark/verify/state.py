"""What the stages hand one another. Nothing in it is filled before the stage that checks it."""

import bisect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from countermark.evidence.dsse import Statement
from countermark.evidence.keys import PublicKey
from countermark.evidence.manifest import OUTSIDE
from countermark.evidence.notes import Cosignature
from countermark.evidence.trust import TrustPolicy

if TYPE_CHECKING:
    from countermark.evidence.reveal import RevealedItem
    from countermark.evidence.withholding import Redaction

if TYPE_CHECKING:  # pydantic costs a quarter of a second: it is imported only when an audit is read
    from countermark.records import Draw, Plan, Report, TrialRecord
    from countermark.verify.identity import Identity
    from countermark.verify.stamps import Anchors

    Render = Callable[[Report], Mapping[str, bytes]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One line of the log, kept for later stages: the record, and what its transcript must match."""

    seq: int
    """Its line in the log, from 0."""
    record: "TrialRecord"
    commitment: str


@dataclass(slots=True, kw_only=True)
class State:
    """Everything known about the audit so far."""

    root: Path
    trust: TrustPolicy | None
    render: "Render | None"
    files: dict[str, int] = field(default_factory=dict)
    """Stage 0: name to size of every plain file."""
    odd: dict[str, str] = field(default_factory=dict)
    """Stage 0: name to what is wrong with what stands there."""
    digests: dict[str, str] = field(default_factory=dict)
    """Stage 3: name to SHA-256."""
    later: frozenset[str] = frozenset()
    """Stage 3: files that came after the seal, each of a name that may."""
    key: PublicKey | None = None
    """Stage 1: the auditor's claimed key."""
    seal: Statement | None = None
    """Stage 2: the statement over the root manifest."""
    statements: dict[str, Statement] = field(default_factory=dict)
    """Stage 2: the statements over plan/ and draw/, by part."""
    plan: "Plan | None" = None
    """Stage 4."""
    draw: "Draw | None" = None
    """Stage 4."""
    holes: dict[tuple[str, str, str], int] = field(default_factory=dict)
    """Stage 6: subject, test and arm to how many trials that were due are not among the disclosed records; empty where
    no stopping rule could be replayed."""
    leaves: dict[str, list[bytes]] = field(default_factory=dict)
    """Stage 4: the leaf of every scenario drawn, by test."""
    origin: str = ""
    """Stage 4: the log's name, which follows from plan and draw."""
    seed: str | None = None
    """Stage 4: the audit's seed, where it is revealed."""
    identity: "Identity | None" = None
    """Stage 5, and 7: what is shown of which weights or endpoint answered."""
    redaction: "Redaction | None" = None
    """Stage 3: what a redacted copy withholds, by its signed list; None for an audit as it was sealed."""
    items: "Mapping[tuple[str, int], RevealedItem]" = field(default_factory=dict)
    """Stage 6: what reveal/items.jsonl says, where it is there."""
    unshown: dict[int, str] = field(default_factory=dict)
    """Stage 6: records that are withheld, with the reason's code in the log."""
    size: int = 0
    """Stage 6: how many records the log holds, withheld ones included."""
    entries: list[Entry] = field(default_factory=list)
    """Stage 6: the records that are disclosed; `entries[seq]` is record `seq` only where none is withheld."""
    cosigned: int | None = None
    """Stage 6: the last size that a witness cosigned."""
    cosignatures: list[Cosignature] = field(default_factory=list)
    """Stage 6: those at that size, each of which holds."""
    sightings: list[tuple[int, int]] = field(default_factory=list)
    """Stage 6: at which sizes, in order, a witness whom the reader trusts had seen the log, and when, seconds since 1970."""
    anchors: "Anchors | None" = None
    """Stage 6 or 10: what timestamps/ came to."""
    lacking: str = ""
    """Stages 6 and 10: what the reader's policy asks for in vain, in words."""
    report: "Report | None" = None
    """Stage 8."""
    disclosed: int = 0
    """Stage 7: transcripts that are disclosed whole."""
    in_part: dict[int, dict[int, str]] = field(default_factory=dict)
    """Stage 7: records whose transcript is disclosed in part, to the parts withheld with their reasons' codes."""
    unquotable: set[int] = field(default_factory=set)
    """Stage 7: records of whose messages some are withheld."""
    recomputed: int = 0
    bounded: int = 0
    numbers: int = 0

    def between(self, start: int, end: int) -> list[Entry]:
        """The disclosed records from `start` on and before `end`, by their place in the log."""
        first, last = (
            bisect.bisect_left(self.entries, seq, key=lambda entry: entry.seq) for seq in (start, end)
        )
        return self.entries[first:last]

    @property
    def today(self) -> date:
        """By the reader's clock, UTC."""
        return datetime.now(UTC).date()

    @property
    def sealed(self) -> bool:
        """Whether a manifest or a signature at the root says that this was sealed once."""
        return any(name in self.files or name in self.odd for name in OUTSIDE)

    @property
    def slots(self) -> int:
        """How many trials the plan asks for: subjects by the items of their tests, by epochs."""
        assert self.plan is not None
        items = {test.id: test.items for test in self.plan.tests}
        trials = sum(items.get(test, 0) for subject in self.plan.subjects for test in subject.tests)
        return trials * self.plan.rules.epochs
