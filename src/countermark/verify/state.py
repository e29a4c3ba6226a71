"""What the stages hand one another. Nothing in it is filled before the stage that checks it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from countermark.evidence.dsse import Statement
from countermark.evidence.keys import PublicKey
from countermark.evidence.manifest import OUTSIDE
from countermark.evidence.notes import Cosignature
from countermark.evidence.trust import TrustPolicy

if TYPE_CHECKING:  # pydantic costs a quarter of a second: it is imported only when an audit is read
    from countermark.records import Plan, Report, TrialRecord

    Render = Callable[[Report], Mapping[str, bytes]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One line of the log, kept for later stages: the record, and what its transcript must match."""

    record: "TrialRecord"
    blob_salt: bytes
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
    key: PublicKey | None = None
    """Stage 1: the auditor's claimed key."""
    seal: Statement | None = None
    """Stage 2: the statement over the root manifest."""
    plan: "Plan | None" = None
    """Stage 4."""
    entries: list[Entry] = field(default_factory=list)
    """Stage 6."""
    cosigned: int | None = None
    """Stage 6: the last size that a witness cosigned."""
    cosignatures: list[Cosignature] = field(default_factory=list)
    """Stage 6: those at that size, each of which holds."""
    sightings: list[tuple[int, int]] = field(default_factory=list)
    """Stage 6: at which sizes, in order, a witness whom the reader trusts had seen the log, and when, seconds since 1970."""
    lacking: str = ""
    """Stage 6: which witnesses the reader's policy asks for in vain, in words."""
    report: "Report | None" = None
    """Stage 8."""
    disclosed: int = 0
    recomputed: int = 0
    numbers: int = 0

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
