"""Plan, run and resume battery × subjects, stopping when the evidence suffices, writing records as it goes."""

from countermark.audit.carry_out import carry_out, carry_out_plan, resume
from countermark.audit.casting import cast
from countermark.audit.estimate import Estimate, estimate
from countermark.audit.finish import finish
from countermark.audit.observer import Observer, Silent
from countermark.audit.outcomes import Outcomes
from countermark.audit.planning import Audit, make_audit
from countermark.audit.request import AuditRequest

__all__ = [
    "Audit",
    "AuditRequest",
    "Estimate",
    "Observer",
    "Outcomes",
    "Silent",
    "carry_out",
    "carry_out_plan",
    "cast",
    "estimate",
    "finish",
    "make_audit",
    "resume",
]
