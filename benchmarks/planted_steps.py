"""Rates planted from 0 to 1 in steps, in every metric of every test of a battery: do measured intervals cover them?

Each audit plants one step in every arm: the share of a behaviour whose exemplars carry one metric's label, against one whose
exemplars do not. The metric and the behaviours change from audit to audit; which there are follows from the test's own files,
so that a new test takes part by itself. Every trial goes through queue, driver, grader and `findings`. Simulations throughout.

    python benchmarks/planted_steps.py [--seeds 200] [--limit 60] [--stopping] [--processes 2] [--battery core]
                                        [--write docs/reference/statistics.md]
"""

import argparse
from collections import Counter, defaultdict
from dataclasses import replace
from fractions import Fraction
from functools import partial
from multiprocessing import get_context

import anyio
from pages import print_and_put
from planted_coverage import trials

from countermark.analysis import findings
from countermark.audit import AuditRequest, make_audit
from countermark.audit.planning import Audit, Work
from countermark.battery import Stage, load_battery
from countermark.errors import Unsupported
from countermark.records import Finding, MetricSpec, Scenario, Stopping
from countermark.subjects.reference import Character, Planting

STEPS = tuple(Fraction(step, 20) for step in (0, 1, 2, 4, 6, 10, 14, 16, 18, 19, 20))
SUBJECT = "reference/helpful"


def behaviours(
    stage: Stage, names: list[str], arm: list[Scenario], label: str
) -> tuple[list[str], list[str]]:
    """Behaviours that can be acted out in every scenario of the arm: those that carry the label, and those that do not."""
    having, lacking = [], []
    for name in names:
        try:
            labels = [stage.labels(scenario, name).get(label) for scenario in arm]
        except Unsupported:
            continue
        if all(labels):
            having.append(name)
        elif labels and all(one is False for one in labels):
            lacking.append(name)
    return having, lacking


def plantings(work: Work, stage: Stage, names: list[str], seed: int) -> list[tuple[Planting, MetricSpec]]:
    """One for each arm of a test, with the metric it is for: this audit's step of this audit's metric."""
    arms: dict[str, list[Scenario]] = defaultdict(list)
    for scenario in work.scenarios:
        arms[scenario.arm].append(scenario)
    found = []
    for arm, scenarios in arms.items():
        metrics = [metric for metric in work.planned.metrics if metric.arm == arm]
        turn = seed // len(STEPS)
        for metric in metrics[turn % len(metrics) :] + metrics[: turn % len(metrics)] if metrics else []:
            pair = behaviours(stage, names, scenarios, metric.label)
            if all(pair):
                step = STEPS[seed % len(STEPS)]
                one, other = (side[turn % len(side)] for side in pair)
                shares = {one: step, other: 1 - step}
                found.append((Planting(test=work.planned.id, arm=arm, cue=None, shares=shares), metric))
                break
    return found


def replanted(audit: Audit, seed: int, battery: str) -> Audit:
    """The audit with the steps in place of what its subject's pack plants; arms that can hold none are not put."""
    tests = {test.manifest.id: test for test in load_battery(battery).tests}
    planted = [
        pair
        for id_, work in audit.works.items()
        for pair in plantings(
            work, audit.stage, sorted({one.behaviour for one in tests[id_].exemplars}), seed
        )
    ]
    character = Character(id=SUBJECT, plantings=[planting for planting, _ in planted])
    put = {(planting.test, planting.arm) for planting, _ in planted}
    rates: dict[str, dict[str, str]] = defaultdict(dict)
    for planting, metric in planted:
        rates[planting.test][metric.id] = _rate(character, audit.works[planting.test], metric, audit.stage)
    return replace(
        audit,
        roles=(replace(audit.roles[0], character=character),),
        draw=audit.draw.model_copy(update={"planted": {SUBJECT: dict(rates)}}),
        slots=tuple(slot for slot in audit.slots if (slot.test, audit.scenario(slot).arm) in put),
    )


def _rate(character: Character, work: Work, metric: MetricSpec, stage: Stage) -> str:
    arm = [scenario for scenario in work.scenarios if scenario.arm == metric.arm]
    return f"{float(character.planted_rate(arm, metric.label, stage) or 0):.6f}"


def one_audit(seed: int, asked: argparse.Namespace) -> list[Finding]:
    """Its findings that have a planted rate and an interval."""
    request = AuditRequest(
        subjects=[SUBJECT], seed=f"{seed:x}", limit=asked.limit, battery=asked.battery,
        stopping=Stopping() if asked.stopping else None,
    )  # fmt: skip
    audit = replanted(make_audit(request), seed, asked.battery)
    found = findings(audit.plan, audit.draw, anyio.run(trials, audit))
    return [finding for finding in found if finding.covered is not None]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=200)
    parser.add_argument("--limit", type=int, default=60, help="scenarios of each arm")
    parser.add_argument("--stopping", action="store_true")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--battery", default="core")
    print_and_put(parser, measure, "planted-steps")


def measure(asked: argparse.Namespace) -> None:
    """Run the audits and print what came of them."""
    with get_context("spawn").Pool(asked.processes) as pool:
        audits = pool.map(partial(one_audit, asked=asked), range(asked.seeds), chunksize=1)
    found = [finding for each in audits for finding in each]
    if not found:
        raise SystemExit(
            f"no metric could be planted and measured in {asked.seeds} audits of at most {asked.limit} scenarios of each arm: "
            "give a higher --limit"
        )
    way = "stopped by their rules" if asked.stopping else "of fixed size"
    battery = load_battery(asked.battery)
    print(
        f"{asked.seeds} audits of {battery.reference} {way}, at most {asked.limit} scenarios of each arm, simulations, 95 % intervals"
    )
    _print("test", [(finding.test, finding) for finding in found])
    _print("planted", [(_place(finding), finding) for finding in found])
    untouched = {test.manifest.id for test in battery.tests} - {one.test for one in found}
    for test in sorted(untouched):
        print(f"  {test}: no metric could be planted and measured")


def _place(finding: Finding) -> str:
    rate = float(finding.planted or 0)
    return (
        "0"
        if rate == 0
        else "1"
        if rate == 1
        else "under .1"
        if rate < 0.1
        else "over .9"
        if rate > 0.9
        else ".1 to .9"
    )


def _print(head: str, rows: list[tuple[str, Finding]]) -> None:
    counts = Counter((name, bool(finding.covered)) for name, finding in rows)
    width = max(len(name) for name, _ in counts)
    print(f"  {head:<{width}}  intervals  cover")
    for name in sorted({name for name, _ in counts}):
        hits, total = counts[name, True], counts[name, True] + counts[name, False]
        print(f"  {name:<{width}}  {total:>9}  {hits / total:.1%}")
    hits, total = sum(count for (_, hit), count in counts.items() if hit), counts.total()
    print(f"  {'all':<{width}}  {total:>9}  {hits / total:.1%}")


if __name__ == "__main__":
    main()
