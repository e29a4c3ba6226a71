"""How often the interval covers the planted rate, over whole audits of the reference subjects with many seeds.

Every audit draws its own scenarios and behaviours and goes through drivers, graders and `findings`; only the evidence is
left out. Simulations throughout: this measures the instrument, not a model. Prints coverage by metric kind.

    python benchmarks/planted_coverage.py [--seeds 40]
"""

import argparse
from collections import Counter

import anyio

from countermark.analysis import findings
from countermark.audit import AuditRequest, make_audit
from countermark.audit.attempt import attempt
from countermark.audit.planning import Audit
from countermark.records import Finding, TrialRecord


async def trials(audit: Audit) -> list[TrialRecord]:
    """Every trial of the plan, graded, in queue order."""
    opened = {role.id: role.open(audit.stage, audit.plan.seed) for role in audit.roles}
    return [(await attempt(audit, slot, opened[slot.subject], 1, last=True)).record for slot in audit.slots]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=40)
    asked = parser.parse_args()
    judged: list[Finding] = []
    for seed in range(asked.seeds):
        audit = make_audit(AuditRequest(subjects=[], seed=f"{seed:x}"))
        found = findings(audit.plan, anyio.run(trials, audit))
        judged += [finding for finding in found if finding.covered is not None]
    print(f"{asked.seeds} audits (seeds 0 to {asked.seeds - 1:x}), simulations, 95 % intervals")
    kinds = Counter[tuple[str, bool]]()
    for finding in judged:
        edge = "planted 0 or 1" if float(finding.planted or 0) in (0.0, 1.0) else "planted between"
        kinds[edge, bool(finding.covered)] += 1
    for edge in ("planted between", "planted 0 or 1"):
        hits, total = kinds[edge, True], kinds[edge, True] + kinds[edge, False]
        print(f"  {edge:<16} {hits} of {total} intervals cover the planted rate ({hits / max(1, total):.1%})")
    width = [
        float(f.interval.high) - float(f.interval.low) for f in judged if f.interval and f.metric.headline
    ]
    print(f"  mean width of the headline intervals {sum(width) / len(width):.3f}")


if __name__ == "__main__":
    main()
