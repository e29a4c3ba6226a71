"""Two subjects compared after each was stopped by its own rule: false differences, and coverage of the paired interval.

The prefix on which they are compared depends on what they did, so test and interval are approximate. Simulations: scenarios in
random order, one trial each, 340 of them; scenario rates follow a Beta law with the correlation given and are the same for
both subjects (or, where their rates differ, the same quantile of each one's law). `same`: both rates are equal, so every
difference found is false. Beside the stopped pairs stands a fixed design of 100 pairs from the same laws. With 4,000 runs a
row, a share of .05 is known to about .003.

    python benchmarks/compare_stopped.py [--runs 4000] [--seed 1] [--write docs/reference/statistics/compare.md]
"""

import argparse
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pages import put
from scipy.stats import beta as beta_law

from countermark.analysis import ComparisonRules, Rule, Watch, compare_subjects

SCENARIOS, FIXED = 340, 100
RULES = {
    "limit .1, target .05, half-width .1": Rule(limit=0.1, target=0.05, half_width=0.1, cap=320),
    "half-width .1": Rule(half_width=0.1),
}
PAIRS = ((0.02, 0.02), (0.05, 0.05), (0.1, 0.1), (0.2, 0.2), (0.4, 0.4), (0.02, 0.1), (0.1, 0.25), (0.3, 0.5))
CORRELATIONS = (0.0, 0.5)
_COLUMNS = (
    "rule", "rates", "correlation", "pairs, mean", "difference found: stopped", "fixed 100", "wrong side: stopped",
    "interval covers: stopped", "fixed 100",
)  # fmt: skip


@dataclass(slots=True)
class Tally:
    """Runs in which a difference was found, the interval covers the true one, it was found on the wrong side; pairs."""

    found: int = 0
    covered: int = 0
    turned: int = 0
    pairs: int = 0


def labels(rates: tuple[float, float], correlation: float, generator: np.random.Generator) -> np.ndarray:
    """Both subjects' labels, shape (SCENARIOS, 2)."""
    if correlation == 0:
        chances = np.tile(rates, (SCENARIOS, 1))
    else:
        spread = (1 - correlation) / correlation
        place = generator.random(SCENARIOS)
        chances = np.column_stack([beta_law.ppf(place, rate * spread, (1 - rate) * spread) for rate in rates])
    return generator.random((SCENARIOS, 2)) < chances


def stop(rule: Rule, outcomes: np.ndarray) -> int:
    """How many outcomes the rule uses."""
    watch = Watch(rule)
    for bad in outcomes.tolist():
        if watch.take(bad) is not None:
            break
    return watch.n


def count(tally: Tally, both: np.ndarray, true: float) -> None:
    found = compare_subjects(range(len(both)), both[:, 0], both[:, 1], rules=ComparisonRules())
    tally.found += found.verdict == "difference"
    tally.turned += found.verdict == "difference" and true != 0 and (found.difference > 0) != (true > 0)
    tally.covered += found.low <= true <= found.high
    tally.pairs += len(both)


def rows(runs: int, seed: int) -> list[str]:
    """The table's lines."""
    lines = [
        f"| {' | '.join(_COLUMNS)} |",
        "| --- " * len(_COLUMNS) + "|",
    ]
    for name, rule in RULES.items():
        for rates in PAIRS:
            for correlation in CORRELATIONS:
                lines.append(row(name, rule, rates, correlation, (runs, seed)))
                print(lines[-1], flush=True)
    return lines


def row(name: str, rule: Rule, rates: tuple[float, float], correlation: float, size: tuple[int, int]) -> str:
    runs, seed = size
    generator = np.random.default_rng(
        [seed, int(1000 * rates[0]), int(1000 * rates[1]), int(10 * correlation)]
    )
    stopped, fixed = Tally(), Tally()
    true = rates[0] - rates[1]
    for _ in range(runs):
        both = labels(rates, correlation, generator)
        count(stopped, both[: min(stop(rule, both[:, 0]), stop(rule, both[:, 1]))], true)
        count(fixed, both[-FIXED:], true)
    kind = "same" if true == 0 else "differ"
    turned = f"{stopped.turned / runs:.4f}" if true else "-"
    return (
        f"| {name} | {rates[0]:g}, {rates[1]:g} ({kind}) | {correlation:g} | {stopped.pairs / runs:.0f} | "
        f"{stopped.found / runs:.3f} | {fixed.found / runs:.3f} | {turned} | "
        f"{stopped.covered / runs:.3f} | {fixed.covered / runs:.3f} |"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=4_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--write", type=Path, help="put the table between its marks in this file")
    asked = parser.parse_args()
    table = "\n".join([*rows(asked.runs, asked.seed), f"\n{asked.runs:,} runs a row, seed {asked.seed}."])
    if asked.write:
        put(asked.write, "stopped", table)


if __name__ == "__main__":
    main()
