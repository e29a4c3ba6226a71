"""Plan, run and resume battery × subjects, stopping when the evidence suffices, writing records as it goes."""

from countermark.audit.carry_out import Outcomes, carry_out, resume
from countermark.audit.casting import cast
from countermark.audit.estimate import Estimate, estimate
from countermark.audit.finish import finish
from countermark.audit.observer import Observer, Silent
from countermark.audit.planning import Audit, Slot, make_audit
from countermark.audit.request import AuditRequest

__all__ = [
    "Audit",
    "AuditRequest",
    "Estimate",
    "Observer",
    "Outcomes",
    "Silent",
    "Slot",
    "carry_out",
    "cast",
    "estimate",
    "finish",
    "make_audit",
    "resume",
]
