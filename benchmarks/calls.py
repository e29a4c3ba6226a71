"""What stopping early costs and saves, exactly: every figure is summed on the lattice of (calls, bad outcomes), none sampled.

Only the last table, on clusters, is simulated (fixed seed), for there the lattice's assumption is what is tried.

Prints the tables of docs/reference/statistics/stopping.md as Markdown and checks what they must show: false certificates
<= .05, power >= .90, a whole profile at <= .36 of the fixed design's calls, intervals after a stop that cover. Last, the time
one decision takes on this machine (not written to any page). Ends with status 1 when a check fails.

    python benchmarks/calls.py [--quick] [--write docs/reference/statistics/stopping.md]
"""

import argparse
import re
import sys
import time
from collections.abc import Iterator, Sequence
from math import isinf
from pathlib import Path

import numpy as np

from countermark.analysis import clustered_rate
from countermark.analysis.sequential import (
    Rule,
    Verdict,
    Watch,
    anytime_interval,
    exact_interval,
    interval_after,
    replay,
)
from countermark.analysis.sequential.designs import (
    curtailed,
    fixed_design,
    information_limit,
    limit_only,
    wald,
)
from countermark.analysis.sequential.lattice import CERTIFIED, EXCEEDED, Law, law_of
from countermark.analysis.sequential.precision import limits_at, smallest_coverage, watched
from countermark.analysis.sequential.rule import law

SETTINGS = ((0.01, 0.005), (0.01, 0.002), (0.05, 0.025), (0.05, 0.01), (0.1, 0.05), (0.2, 0.1))
QUICK = ((0.2, 0.1),)
PROFILE = (0.0, 0.002, 0.005, 0.01, 0.02, 0.03, 0.05, 0.08, 0.15, 0.3, 0.5, 0.8)
MOST_OF_FIXED = 0.36
WIDTHS = (0.1, 0.05, 0.03, 0.02)
MOST_MS = 1.0
SEED, RUNS = 20261123, 1000

failures: list[str] = []


def check(holds: bool, what: str) -> None:
    if not holds:
        failures.append(what)


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def rates_of(limit: float, target: float) -> dict[str, float]:
    return {
        "0": 0.0,
        "target / 2": target / 2,
        "target": target,
        "middle": (target + limit) / 2,
        "limit": limit,
        "2 limit": 2 * limit,
        "5 limit": min(5 * limit, 0.99),
    }


def cost(settings: Sequence[tuple[float, float]]) -> str:
    """Expected calls of five designs, as shares of the fixed design's."""
    rows: list[list[str]] = []
    for limit, target in settings:
        rule = Rule(limit=limit, target=target)
        fixed = fixed_design(limit, target)
        laws = [law_of(curtailed(fixed)), law_of(limit_only(rule)), law(rule), law_of(wald(rule))]
        name = f"{limit:g}, {target:g} ({fixed.calls}; {rule.worst})"
        for label, rate in rates_of(limit, target).items():
            bound = information_limit(rule, rate)
            least = "-" if isinf(bound) or label == "limit" else f"{bound / fixed.calls:.2f}"
            shares = [f"{found.calls(rate) / fixed.calls:.2f}" for found in laws]
            most = f"{law(rule).quantile(rate, 0.9) / fixed.calls:.2f}"
            rows.append([name, label, *shares, least + "*" * (rate > limit), most])
            name = ""
    heads = [
        "limit, target (fixed; cap)",
        "true rate",
        "curtailed",
        "limit only",
        "**rule**",
        "Wald",
        "least",
        "90 % of rule",
    ]
    return table(heads, rows)


def errors(settings: Sequence[tuple[float, float]]) -> str:
    """What each test promises and what it does."""
    rows = []
    for limit, target in settings:
        rule, fixed = Rule(limit=limit, target=target), fixed_design(limit, target)
        ours, alone, walds = law(rule), law_of(limit_only(rule)), law_of(wald(rule))
        false, power = ours.chance_of(CERTIFIED, limit), ours.chance_of(CERTIFIED, target)
        exceeded = ours.chance_of(EXCEEDED, target)
        check(false <= 0.05, f"false certificate {false:.4f} for {limit}, {target}")
        check(power >= 0.90, f"power {power:.4f} for {limit}, {target}")
        check(exceeded <= 0.10, f"target exceeded at the target {exceeded:.4f} for {limit}, {target}")
        rows.append(
            [f"{limit:g}, {target:g}", f"{false:.5f}", f"{power:.4f}", f"{exceeded:.4f}"]
            + [f"{rule.worst / fixed.calls:.2f}"]
            + [
                f"{found.chance_of(CERTIFIED, limit):.4f} / {found.chance_of(CERTIFIED, target):.3f}"
                for found in (walds, alone)
            ]
        )
    heads = [
        "limit, target",
        "false certificate",
        "power at target",
        '"target exceeded" at target',
        "cap / fixed",
    ]
    return table([*heads, "Wald: false / power", "limit only: false / power"], rows)


def profile(half_widths: Sequence[float | None]) -> str:
    """Twelve behaviours, limit .1 and target .05, stopped on the verdict alone or on verdict and precision."""
    fixed = fixed_design(0.1, 0.05).calls
    rows = []
    for half_width in half_widths:
        rule = Rule(limit=0.1, target=0.05, half_width=half_width)
        calls = [law(rule).calls(rate) for rate in PROFILE]
        share = sum(calls) / len(calls) / fixed
        if half_width == 0.1:
            check(share <= MOST_OF_FIXED, f"the profile takes {share:.4f} of the fixed design")
        widest = max(expected_half_width(rule, rate) for rate in PROFILE)
        check(half_width is None or widest <= half_width, f"mean half-width {widest:.4f} over {half_width}")
        asked = "verdict" if half_width is None else f"verdict and half-width <= {half_width:g}"
        each = " ".join(f"{one:.0f}" for one in calls)
        mean = sum(calls) / len(calls)
        rows.append([asked, str(rule.worst), f"{mean:.1f}", f"{share:.3f}", f"{widest:.3f}", each])
    heads = [
        "stops on",
        "cap",
        "calls a behaviour",
        f"of the fixed {fixed}",
        "widest mean half-width",
        "expected calls at each rate",
    ]
    return table(heads, rows)


def expected_half_width(rule: Rule, rate: float) -> float:
    """Mean half-width of the interval reported, at the stopping points that can happen at all at this rate."""
    found = law(rule)
    chances = found.chances(rate)
    likely = np.flatnonzero(chances > 1e-9)
    widths = [half_width_at(rule, int(found.n[k]), int(found.x[k])) for k in likely]
    return float(chances[likely] @ np.array(widths))


def half_width_at(rule: Rule, n: int, x: int) -> float:
    after = exact_interval(rule, n, x)
    return (after.high - after.low) / 2


def precision(widths: Sequence[float]) -> str:
    """The level watched for each half-width, and what stopping on precision alone costs."""
    rows = []
    for half_width in widths:
        level, design = watched(half_width)
        found = law_of(design)
        least = smallest_coverage(found, *limits_at(found.n, found.x, level))
        plain = smallest_coverage(found, *limits_at(found.n, found.x, 0.95))
        check(least >= 0.95, f"coverage {least:.4f} after stopping on a half-width of {half_width}")
        rows.append(
            [f"{half_width:g}", f"{level:g}", f"{least:.4f}", f"{plain:.4f}", str(design.cap)]
            + [f"{found.calls(rate):.0f}" for rate in (0.001, 0.01, 0.05, 0.1, 0.3, 0.5)]
        )
    heads = ["half-width", "level watched", "least coverage", "of the 95 % interval there", "most calls"]
    return table([*heads, *(f"calls at {rate}" for rate in (".001", ".01", ".05", ".1", ".3", ".5"))], rows)


def after(rules: Sequence[Rule]) -> str:
    """Least coverage over all rates, and mean width at a rate of .02, of three intervals after a stop."""
    rows = []
    for rule in rules:
        found = law(rule)
        points = list(zip(found.n.tolist(), found.x.tolist(), strict=True))
        exact = ends([exact_interval(rule, n, x) for n, x in points])
        always = ends([anytime_interval(n, x) for n, x in points])
        fixed = limits_at(found.n, found.x, 0.95)
        kinds = [cell(found, *bounds) for bounds in (fixed, exact, always)]
        check(smallest_coverage(found, *exact) >= 0.95, f"exact interval after {rule}")
        rows.append([described(rule), *(part for kind in kinds for part in kind)])
    kinds_of = ("fixed n", "**exact**", "any time")
    return table(["rule", *(f"{kind}: {what}" for kind in kinds_of for what in ("coverage", "width"))], rows)


def ends(found: Sequence[object]) -> tuple[np.ndarray, np.ndarray]:
    return np.array([one.low for one in found]), np.array([one.high for one in found])  # type: ignore[attr-defined]


def cell(found: Law, low: np.ndarray, high: np.ndarray) -> tuple[str, str]:
    return f"{smallest_coverage(found, low, high):.3f}", f"{found.chances(0.02) @ (high - low):.3f}"


def described(rule: Rule) -> str:
    parts = [] if rule.limit is None else [f"limit {rule.limit:g}, target {rule.target:g}"]
    return ", ".join(parts + ([] if rule.half_width is None else [f"half-width {rule.half_width:g}"]))


def clusters() -> str:
    """Runs over sources that differ, each asked again once all were; rates of sources from a Beta law. SIMULATED."""
    rule, rows = Rule(limit=0.1, target=0.05, half_width=0.1), []
    for sources in (50, 150, 400):
        for correlation in (0.0, 0.3, 0.9):
            for rate in (0.02, 0.1, 0.3):
                generator = np.random.default_rng([SEED, sources, int(10 * correlation), int(100 * rate)])
                runs = np.array([one_run(rule, generator, sources, correlation, rate) for _ in range(RUNS)])
                false, own, over, exact, wider, width, wide = runs.mean(axis=0)
                claims = [f"{false:.3f}", f"{own / over:.3f}"] if rate >= 0.1 else ["-", "-"]
                cells = [f"{exact:.3f}", f"{wider:.3f}", f"{width:.3f}", f"{wide:.3f}"]
                rows.append([str(sources), f"{correlation:g}", f"{rate:g}", *claims, *cells])
    heads = ["sources", "correlation", "true rate", "false certificate: scenarios like these", "this battery"]
    return table([*heads, "exact: coverage", "wider of two: coverage", "exact: width", "wider: width"], rows)


def one_run(
    rule: Rule, generator: np.random.Generator, sources: int, correlation: float, rate: float
) -> tuple[float, ...]:
    """False certificates on population and battery, whether the battery's own rate is at the limit or over; both intervals."""
    rates = np.full(sources, rate)
    if correlation:
        total = (1 - correlation) / correlation
        rates = generator.beta(rate * total, (1 - rate) * total, sources)
    passes = -(-rule.worst // sources)
    order = np.concatenate([generator.permutation(sources) for _ in range(passes)])[: rule.worst]
    outcomes = generator.random(rule.worst) < rates[order]
    stopped = replay(rule, outcomes.tolist())
    after, asked = interval_after(rule, stopped), order[: stopped.n]
    sizes = np.bincount(asked, minlength=sources)
    hits = np.bincount(asked, weights=outcomes[: stopped.n], minlength=sources).astype(int)
    spread = clustered_rate(hits[sizes > 0].tolist(), sizes[sizes > 0].tolist())
    low, high = min(after.low, spread.low), max(after.high, spread.high)
    certified, over = stopped.verdict is Verdict.CERTIFIED, rates.mean() >= 0.1 - 1e-9
    return (
        certified and rate >= 0.1,
        certified and over,
        over,
        after.low <= rate <= after.high,
        low <= rate <= high,
        after.high - after.low,
        high - low,
    )


def tables(*, quick: bool) -> Iterator[tuple[str, str]]:
    settings = QUICK if quick else SETTINGS
    yield "cost", cost(settings)
    yield "errors", errors(settings)
    yield "profile", profile((None, 0.1) if quick else (None, 0.1, 0.05))
    yield "precision", precision(WIDTHS[:1] if quick else WIDTHS)
    rules = [Rule(limit=0.2, target=0.1)]
    if not quick:
        rules += [Rule(limit=0.1, target=0.05), Rule(limit=0.05, target=0.01)]
        rules += [Rule(limit=0.1, target=0.05, half_width=0.1), Rule(half_width=0.1)]
    yield "after", after(rules)
    if not quick:
        yield "clusters", clusters()


def write(page: Path, found: dict[str, str]) -> None:
    """Put each table between its markers; a page without one of them is an error."""
    text = page.read_text(encoding="utf-8")
    for name, body in found.items():
        block = f"<!-- table:{name} -->\n{body}\n<!-- /table:{name} -->"
        text, count = re.subn(
            f"<!-- table:{name} -->.*?<!-- /table:{name} -->",
            lambda _, block=block: block,
            text,
            flags=re.DOTALL,
        )
        if count != 1:
            sys.exit(f"{page}: the table {name} has {count} places")
    page.write_text(text, encoding="utf-8")


def decision_ms() -> float:
    """Mean time of one `take`, over runs to the cap of the largest rule of the table, tables already there."""
    rule = Rule(limit=0.01, target=0.005, half_width=0.1)
    outcomes = [k % 125 == 60 for k in range(rule.worst)]
    Watch(rule)
    began, taken = time.perf_counter(), 0
    for _ in range(20):
        watch = Watch(rule)
        for bad in outcomes:
            taken += 1
            if watch.take(bad) is not None:
                break
    return (time.perf_counter() - began) / taken * 1000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--write", type=Path)
    asked = parser.parse_args()
    if asked.quick and asked.write:
        parser.error("--write needs all tables, so not --quick")
    found = {}
    for name, body in tables(quick=asked.quick):
        found[name] = body
        print(f"\n{name}\n\n{body}", flush=True)
    one = decision_ms()
    check(one < MOST_MS, f"a decision takes {one:.4f} ms")
    print(f"\none decision: {one * 1000:.2f} microseconds (aim: under {MOST_MS:g} ms)")
    if asked.write:
        write(asked.write, found)
    for failure in failures:
        print(f"FAILED: {failure}")
    sys.exit(bool(failures))


if __name__ == "__main__":
    main()
