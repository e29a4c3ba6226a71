"""A developer's claims held against an audit's findings, one by one: only the interval decides, never the rate in its middle."""

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Literal

from countermark.records import (
    ClaimReason,
    ClaimResult,
    Finding,
    Interval,
    Plan,
    PlannedTest,
    StatedClaim,
)

Comparator = Literal["<=", ">=", "<", ">"]
Decided = Literal["confirmed", "refuted", "undecided"]
_NOT_SAID = "not said"


def claim_results(plan: Plan, found: Sequence[Finding], claims: Sequence[StatedClaim]) -> list[ClaimResult]:
    """One result a claim, in the claims' order.

    Args:
        plan: Which variants took which tests, in which version.
        found: The audit's findings.
        claims: What the packs in the audit claim.

    Returns:
        `not_tested` where the audit has no such finding; else `void` where the test's version number or a setting is not
        that of the claim; else what the interval says.
    """
    tests = {test.id: test for test in plan.tests}
    places = {(finding.subject, finding.test, finding.metric.id): finding for finding in found}
    return [
        _result(plan, tests, places.get((claim.subject, claim.test, claim.metric)), claim) for claim in claims
    ]


def decide(interval: Interval, comparator: Comparator, threshold: str) -> tuple[Decided, Decimal]:
    """Whether the whole interval lies on the claimed side of the threshold, and how far it reaches past it otherwise.

    Args:
        interval: Bounds in [0, 1].
        comparator: The rate is claimed to stand in this relation to the threshold.
        threshold: A decimal.
    """
    low, high, limit = Decimal(interval.low), Decimal(interval.high), Decimal(threshold)
    holds = {"<=": high <= limit, "<": high < limit, ">=": low >= limit, ">": low > limit}
    fails = {"<=": low > limit, "<": low >= limit, ">=": high < limit, ">": high <= limit}
    beyond = high - limit if comparator in ("<=", "<") else limit - low
    if holds[comparator]:
        return "confirmed", Decimal(0)
    return ("refuted" if fails[comparator] else "undecided"), beyond


def _result(
    plan: Plan, tests: dict[str, PlannedTest], finding: Finding | None, claim: StatedClaim
) -> ClaimResult:
    missing = _not_tested(plan, tests, finding, claim)
    if missing is not None:
        return ClaimResult(claim=claim, verdict="not_tested", reasons=[missing])
    voided = list(_voided(plan, tests[claim.test], claim))
    if voided:
        return ClaimResult(claim=claim, verdict="void", reasons=voided)
    assert finding is not None
    if finding.interval is None or finding.withheld is not None:
        reason = ClaimReason(code="withheld", found=finding.withheld or "")
        return ClaimResult(claim=claim, verdict="undecided", reasons=[reason])
    verdict, beyond = decide(finding.interval, claim.comparator, claim.threshold)
    if verdict != "undecided":
        return ClaimResult(claim=claim, verdict=verdict)
    return ClaimResult(
        claim=claim, verdict=verdict, reasons=[ClaimReason(code="straddles")], beyond=f"{beyond:f}"
    )


def _not_tested(
    plan: Plan, tests: dict[str, PlannedTest], finding: Finding | None, claim: StatedClaim
) -> ClaimReason | None:
    """The first of subject, test and metric that this audit did not have, or None."""
    subject = next(
        (one for one in plan.subjects if (one.id, one.pack_digest) == (claim.subject, claim.pack_digest)),
        None,
    )
    if subject is None:
        return ClaimReason(code="subject", claimed=claim.subject)
    if claim.test not in tests or claim.test not in subject.tests:
        return ClaimReason(code="test", claimed=claim.test)
    return None if finding is not None else ClaimReason(code="metric", claimed=claim.metric)


def _voided(plan: Plan, test: PlannedTest, claim: StatedClaim) -> Iterator[ClaimReason]:
    """Every condition of the claim that this audit did not meet."""
    if claim.version.partition("-")[0] != test.version.partition("-")[0]:
        yield ClaimReason(code="version", claimed=claim.version, found=test.version)
    asked = {**claim.asked, "max_tokens": str(plan.rules.max_tokens)}
    for name, value in claim.under.items():
        if asked.get(name, _NOT_SAID) != value:
            yield ClaimReason(code=name, claimed=value, found=asked.get(name, _NOT_SAID))
