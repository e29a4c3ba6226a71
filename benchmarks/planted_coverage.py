"""Whole audits of the reference subjects with many seeds, stopped by their rules: are verdicts right, do intervals cover?

Every audit draws its own scenarios and behaviours and goes through queue, drivers, graders, stopping and `findings`; only the
evidence is left out. Simulations throughout: this measures the instrument, not a model.

A verdict is wrong where it says `certified` of a planted rate at the limit or above, or `target exceeded` of one at the target or
below. Coverage is of the planted rate, by the printed interval (scenarios like these) and by the one exact for the rule.

    python benchmarks/planted_coverage.py [--seeds 200] [--fixed] [--processes 2]
"""

import argparse
from collections import Counter
from dataclasses import dataclass
from multiprocessing import get_context

import anyio
from pages import print_and_put

from countermark.analysis import arms_of, findings
from countermark.analysis.sequential.rule import law
from countermark.analysis.stopping import rule_of
from countermark.audit import AuditRequest, make_audit
from countermark.audit.attempt import attempt
from countermark.audit.judging import Helpers
from countermark.audit.planning import Audit
from countermark.records import Finding, Outcome, Stopping, TrialRecord


async def trials(audit: Audit) -> list[TrialRecord]:
    """The trials of the plan that are needed, graded, in queue order."""
    opened = {role.id: role.open(audit.stage, audit.seed.value) for role in audit.roles}
    arms = arms_of(audit.plan, audit.due)
    helpers = Helpers()
    made = []
    for slot in audit.slots:
        arm = arms.get((slot.subject, slot.test, audit.scenario(slot).arm))
        if arm is None or not arm.over:
            record = (await attempt(audit, slot, opened[slot.subject], 1, last=True, helpers=helpers)).record
            made.append(record)
            if arm is not None:
                arm.take(slot.number, record.labels if record.outcome is Outcome.GRADED else {})
    return made


@dataclass(frozen=True)
class Told:
    """What one audit said: its findings, the trials its verdicts were expected to take, those made, and those of the plan."""

    battery: str
    findings: list[Finding]
    expected: list[float | None]
    made: int
    planned: int


def one_audit(asked: tuple[int, bool]) -> Told:
    seed, fixed = asked
    request = AuditRequest(subjects=[], seed=f"{seed:x}", stopping=None if fixed else Stopping())
    audit = make_audit(request)
    made = anyio.run(trials, audit)
    found = findings(audit.plan, audit.draw, made)
    expected = [calls_expected(audit, finding) for finding in found]
    return Told(audit.plan.battery, found, expected, len(made), len(audit.slots))


def calls_expected(audit: Audit, finding: Finding) -> float | None:
    """The trials that the metric's rule takes at the planted rate on average, by its exact law; None where no verdict was planned."""
    if finding.stop is None or finding.stop.verdict is None or finding.planted is None:
        return None
    subject = next(one for one in audit.plan.subjects if one.id == finding.subject)
    test = next(one for one in audit.plan.tests if one.id == finding.test)
    rule = rule_of(audit.plan, subject, test, finding.metric)
    return law(rule).calls(bad_rate(finding)) if rule else None


def bad_rate(finding: Finding) -> float:
    """The planted rate of the outcome that counts against the subject."""
    planted = float(finding.planted or 0)
    return 1 - planted if finding.metric.better == "higher" else planted


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=200)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--fixed", action="store_true", help="no stopping rules")
    print_and_put(parser, measure, "planted")


def measure(asked: argparse.Namespace) -> None:
    """Run the audits and print what came of them."""
    with get_context("spawn").Pool(asked.processes) as pool:
        audits = pool.map(one_audit, [(seed, asked.fixed) for seed in range(asked.seeds)], chunksize=1)
    found = [finding for each in audits for finding in each.findings]
    print(
        f"{asked.seeds} audits of {audits[0].battery} (seeds 0 to {asked.seeds - 1:x}), simulations, 95 % intervals"
    )
    made, planned = sum(each.made for each in audits), sum(each.planned for each in audits)
    print(f"  {made} of {planned} planned trials were made ({made / planned:.1%})")
    _print_coverage([finding for finding in found if finding.covered is not None])
    if not asked.fixed:
        expected = [calls for each in audits for calls in each.expected]
        _print_verdicts([(f, calls) for f, calls in zip(found, expected, strict=True) if calls is not None])


def _print_coverage(judged: list[Finding]) -> None:
    kinds = Counter[tuple[str, str, bool]]()
    for finding in judged:
        planted = float(finding.planted or 0)
        edge = "planted 0 or 1" if planted in (0.0, 1.0) else "planted between"
        kinds["printed interval", edge, bool(finding.covered)] += 1
        if finding.stop:
            exact = finding.stop.interval
            kinds["exact for the rule", edge, float(exact.low) <= planted <= float(exact.high)] += 1
    for name, edge in sorted({(name, edge) for name, edge, _ in kinds}):
        hits, total = kinds[name, edge, True], kinds[name, edge, True] + kinds[name, edge, False]
        print(f"  {name:<18} {edge:<16} {hits} of {total} cover the planted rate ({hits / total:.1%})")
    wide = [
        float(f.interval.high) - float(f.interval.low) for f in judged if f.interval and f.metric.headline
    ]
    print(f"  mean width of the headline intervals {sum(wide) / len(wide):.3f}")


def _print_verdicts(decided: list[tuple[Finding, float]]) -> None:
    places = "at the limit or above", "at the target or below", "between"
    for where in places:
        here = [(finding, calls) for finding, calls in decided if _place(finding) == where]
        if not here:
            continue
        stops = [finding.stop for finding, _ in here if finding.stop]
        counts = Counter(str(stop.verdict) for stop in stops)
        shares = ", ".join(
            f"{name} {count} ({count / len(here):.1%})" for name, count in sorted(counts.items())
        )
        print(f"  planted {where}: {shares}")
        used, fixed, expected = (
            sum(stop.used for stop in stops),
            sum(stop.fixed for stop in stops),
            sum(calls for _, calls in here),
        )
        print(
            f"    trials: {used} used, {expected:.0f} expected by the rules' law, {fixed} of the fixed design "
            f"({used / fixed:.2f} of it, expected {expected / fixed:.2f})"
        )


def _place(finding: Finding) -> str:
    rate, limit, target = (
        bad_rate(finding),
        float(finding.metric.limit or 0),
        float(finding.metric.target or 0),
    )
    if rate >= limit:
        return "at the limit or above"
    return "at the target or below" if rate <= target else "between"


if __name__ == "__main__":
    main()
