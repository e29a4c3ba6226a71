"""What somebody watching an audit is told as it happens. The command line draws it; nothing here is evidence."""

from typing import Protocol

from countermark.analysis import Arm, ArmKey
from countermark.audit.planning import Audit
from countermark.records import TrialRecord


class Observer(Protocol):
    """Watches; cannot change anything."""

    def began(self, audit: Audit, done: int) -> None:
        """The audit begins, or goes on after `done` finished slots."""
        ...

    def attempted(self, record: TrialRecord) -> None:
        """An attempt is in the log."""
        ...

    def closed(self, key: ArmKey, arm: Arm) -> None:
        """An arm's stopping rules have all they ask for: no further trial of it begins."""
        ...

    def note(self, text: str) -> None:
        """Something a person should read now."""
        ...


class Silent:
    """Says nothing."""

    def began(self, audit: Audit, done: int) -> None:
        """Nothing."""

    def attempted(self, record: TrialRecord) -> None:
        """Nothing."""

    def closed(self, key: ArmKey, arm: Arm) -> None:
        """Nothing."""

    def note(self, text: str) -> None:
        """Nothing."""
