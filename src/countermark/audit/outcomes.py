"""What a run left undone, and why."""

from dataclasses import dataclass, field
from pathlib import Path

from countermark.errors import AuditIncomplete, SubjectError, to_paste


@dataclass(slots=True)
class Outcomes:
    """What a run left undone, and why."""

    slots: int
    done: int = 0
    unsupported: int = 0
    """Of those done, trials that the subject could not take at all: nothing was asked."""
    spared: int = 0
    """Slots that the stopping rules made needless."""
    halted: dict[str, SubjectError] = field(default_factory=dict)
    over_budget: bool = False
    why_not: str = "the budget is spent"

    def raise_if_incomplete(self, audit_dir: Path) -> None:
        """Raise `AuditIncomplete`, or the subject's own error where not one trial came off."""
        if self.done + self.spared == self.slots:
            return
        if self.done == self.unsupported and len(self.halted) == 1:
            error = next(iter(self.halted.values()))
            error.hint = f"{error.hint or 'mend it'}; then `{to_paste('resume', audit_dir)}`"
            raise error
        why = [f"{name}: {error.message}" for name, error in self.halted.items()]
        if self.over_budget:
            why.append(self.why_not)
        raise AuditIncomplete(
            f"{self.done} of {self.slots} trials are done; " + "; ".join(why),
            hint=f"`{to_paste('resume', audit_dir)}` goes on; with --close it seals what there is",
        )
