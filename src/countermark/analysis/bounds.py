"""Between which values a rate must lie when some records are withheld. Pure functions of plan, disclosed records and report.

Each withheld record may have been a graded trial of any arm, with the label or without it, as far as the plan has room.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from countermark.analysis.decimals import decimal
from countermark.analysis.stopping import rule_of
from countermark.records import Finding, Outcome, Plan, TrialRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """What a finding can be.

    Attributes:
        unknown: How many trials of its arm may be among the withheld records.
        low: The least rate they allow, as a decimal string.
        high: The greatest.
        fault: Why the finding that was given is not possible, or nothing.
    """

    unknown: int
    low: str
    high: str
    fault: str = ""


def bound(plan: Plan, finals: Sequence[TrialRecord], given: Finding, hidden: int) -> Bound:
    """What a finding can be, and whether the one given is.

    With n graded trials disclosed, k of them with the label, and m unknown, a fixed design's rate lies from k / (n + m) to
    (k + m) / (n + m). A stopping rule counts the beginning of the queue: of the n' trials that a finding counts at least
    n' - m are disclosed, and they are the first disclosed ones; with k' labels among them, its count lies from k' to k' + m.

    Args:
        plan: Says how many trials the arm has.
        finals: The disclosed final records of the finding's subject, test and arm.
        given: The finding as reported.
        hidden: How many records of the log are withheld.
    """
    label = given.metric.label
    graded = [one for one in finals if one.outcome is Outcome.GRADED and label in one.labels]
    hits = [one.labels[label] for one in sorted(graded, key=lambda one: one.slot)]
    unknown = max(0, min(_planned(plan, given) - len(finals), hidden))
    stops = _stops(plan, given)
    counts = range(0 if stops else len(hits), len(hits) + unknown + 1)
    sure = max(0, given.n - unknown) if stops else len(hits)
    least, total = sum(hits[:sure]), given.n if stops else len(hits) + unknown
    most = least + max(0, total - sure)
    possible = range(least, least + max(0, given.n - sure) + 1)
    return Bound(
        unknown=unknown,
        low=decimal(Fraction(least, total)) if total else "0.000000",
        high=decimal(Fraction(most, total)) if total else "1.000000",
        fault=_fault(given, counts, possible),
    )


def _fault(given: Finding, counts: range, possible: range) -> str:
    if given.n not in counts:
        return f"counts {given.n} graded trials, the records allow {counts[0]} to {counts[-1]}"
    if given.k not in possible:
        return f"counts {given.k} of {given.n}, the records allow {possible[0]} to {possible[-1]}"
    if given.rate is not None and (not given.n or given.rate != decimal(Fraction(given.k, given.n))):
        return f"its rate {given.rate} is not {given.k}/{given.n}"
    if given.rate is None and not given.withheld:
        return "lacks its rate, and does not say why"
    return ""


def _planned(plan: Plan, given: Finding) -> int:
    test = next(test for test in plan.tests if test.id == given.test)
    return test.arms.get(given.metric.arm, 0) * plan.rules.epochs


def _stops(plan: Plan, given: Finding) -> bool:
    test = next(test for test in plan.tests if test.id == given.test)
    subject = next(subject for subject in plan.subjects if subject.id == given.subject)
    return rule_of(plan, subject, test, given.metric) is not None
