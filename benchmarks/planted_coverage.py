"""Whole audits of the reference subjects with many seeds, stopped by their rules: are verdicts right, do intervals cover?

Every audit draws its own scenarios and behaviours and goes through queue, drivers, graders, stopping and `findings`; only the
evidence is left out. Simulations throughout: this measures the instrument, not a model.

A verdict is wrong where it says `certified` of a planted rate at the limit or above, or `target exceeded` of one at the target or
below. Coverage is of the planted rate, by the printed interval (scenarios like these) and by the one exact for the rule.

    python benchmarks/planted_coverage.py [--seeds 200] [--fixed] [--processes 2]
"""

import argparse
import io
import sys
from collections import Counter
from contextlib import redirect_stdout
from multiprocessing import get_context
from pathlib import Path

import anyio

from countermark.analysis import arms_of, findings
from countermark.audit import AuditRequest, make_audit
from countermark.audit.attempt import attempt
from countermark.audit.planning import Audit
from countermark.records import Finding, Outcome, Stopping, TrialRecord


async def trials(audit: Audit) -> list[TrialRecord]:
    """The trials of the plan that are needed, graded, in queue order."""
    opened = {role.id: role.open(audit.stage, audit.seed.value) for role in audit.roles}
    arms = arms_of(audit.plan, audit.due)
    made = []
    for slot in audit.slots:
        arm = arms.get((slot.subject, slot.test, audit.scenario(slot).arm))
        if arm is None or not arm.over:
            record = (await attempt(audit, slot, opened[slot.subject], 1, last=True)).record
            made.append(record)
            if arm is not None:
                arm.take(slot.number, record.labels if record.outcome is Outcome.GRADED else {})
    return made


def one_audit(asked: tuple[int, bool]) -> tuple[list[Finding], int, int]:
    """Its findings, the trials made, and those of the plan."""
    seed, fixed = asked
    request = AuditRequest(subjects=[], seed=f"{seed:x}", stopping=None if fixed else Stopping())
    audit = make_audit(request)
    made = anyio.run(trials, audit)
    return findings(audit.plan, audit.draw, made), len(made), len(audit.slots)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=200)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--fixed", action="store_true", help="no stopping rules")
    parser.add_argument("--write", type=Path, help="also write it into this page, between its markers")
    asked = parser.parse_args()
    said = io.StringIO()
    with redirect_stdout(said):
        measure(asked)
    print(said.getvalue(), end="")
    if asked.write:
        write(asked.write, said.getvalue(), " ".join(sys.argv[1:]))


def write(page: Path, said: str, options: str) -> None:
    """Put what was printed between the page's markers."""
    begin, end = "<!-- planted:begin -->", "<!-- planted:end -->"
    head, _, rest = page.read_text().partition(begin)
    command = f"benchmarks/planted_coverage.py {options.partition(' --write')[0]}".strip()
    page.write_text(f"{head}{begin}\n`{command}`:\n\n```\n{said}```\n{end}{rest.partition(end)[2]}")


def measure(asked: argparse.Namespace) -> None:
    """Run the audits and print what came of them."""
    with get_context("spawn").Pool(asked.processes) as pool:
        audits = pool.map(one_audit, [(seed, asked.fixed) for seed in range(asked.seeds)], chunksize=1)
    found = [finding for each, _, _ in audits for finding in each]
    print(f"{asked.seeds} audits (seeds 0 to {asked.seeds - 1:x}), simulations, 95 % intervals")
    made, planned = sum(made for _, made, _ in audits), sum(planned for _, _, planned in audits)
    print(f"  {made} of {planned} planned trials were made ({made / planned:.1%})")
    _print_coverage([finding for finding in found if finding.covered is not None])
    if not asked.fixed:
        _print_verdicts([finding for finding in found if finding.stop and finding.stop.verdict])


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


def _print_verdicts(decided: list[Finding]) -> None:
    told = Counter[tuple[str, str]]()
    used: Counter[str] = Counter()
    fixed: Counter[str] = Counter()
    for finding in decided:
        assert finding.stop is not None
        planted, limit, target = (
            float(x or 0) for x in (finding.planted, finding.metric.limit, finding.metric.target)
        )
        planted = 1 - planted if finding.metric.better == "higher" else planted  # the bad outcome's rate
        where = (
            "at the limit or above"
            if planted >= limit
            else "at the target or below"
            if planted <= target
            else "between"
        )
        told[where, str(finding.stop.verdict)] += 1
        used[where] += finding.stop.used
        fixed[where] += finding.stop.fixed or 0
    for where in sorted(used):
        counts = {verdict: count for (place, verdict), count in told.items() if place == where}
        total = sum(counts.values())
        shares = ", ".join(
            f"{verdict} {count} ({count / total:.1%})" for verdict, count in sorted(counts.items())
        )
        saved = f"; {used[where] / fixed[where]:.2f} of the fixed design's trials" if fixed[where] else ""
        print(f"  planted {where}: {shares}{saved}")


if __name__ == "__main__":
    main()
