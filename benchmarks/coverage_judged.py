"""Coverage of corrected rates by simulation: what is recommended where the grader errs, and what is not.

1,000 graded trials, 100 or 300 gold labels, a grader with sensitivity and specificity .90/.99 or .80/.95, true rates
.002 to .20. Every cell has a seed of its own, printed with the tables. Also printed: label budgets (computed, not simulated)
and the coverage of AC1's interval.

    python benchmarks/coverage_judged.py [--repeats 1000] [--quick] [--write docs/reference/statistics/graders.md]
"""

import argparse
import time
from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from math import inf
from pathlib import Path

import numpy as np
from pages import put
from scipy.special import ndtri, stdtrit

from countermark.analysis.intervals import clopper_pearson
from countermark.analysis.judged import (
    Calibration,
    LabelCounts,
    contains,
    judged_interval,
    judged_rate,
    lang_reiczigel,
    rogan_gladen,
)
from countermark.analysis.judged_agreement import _ac1, agreement
from countermark.analysis.labels import plan_certificate, split_labels
from countermark.errors import AnalysisError

TRIALS = 1000
GRADERS = ((0.90, 0.99), (0.80, 0.95))
RATES = (0.002, 0.01, 0.05, 0.20)
BUDGETS = (100, 300)
BETTER = (0.10, 0.03)
SEED = 20261123
GOOD = 0.945
WIDTHS = 100
MELDED = "**post-stratified, melded (claims)**"
ROWS = (
    "naive: Clopper-Pearson on the verdicts",
    "gold labels alone, Clopper-Pearson",
    "Rogan-Gladen, Wald, external set",
    "Lang-Reiczigel, external set (screening)",
    "Lang-Reiczigel, external set that flatters the grader",
    "post-stratified, Beta (display)",
    MELDED,
)
LAWS = (
    (0.005, 0.01, 0.01, 0.975), (0.01, 0.0025, 0.0025, 0.985), (0.02, 0.015, 0.02, 0.945), (0.1, 0.05, 0.05, 0.8),
    (0.4, 0.1, 0.1, 0.4), (0.25, 0.25, 0.25, 0.25), (0.498, 0.001, 0.001, 0.5), (0.3, 0.02, 0.1, 0.58), (0.05, 0.2, 0.02, 0.73),
)  # fmt: skip
Interval = tuple[float, float]


@dataclass(frozen=True)
class Cell:
    """One setting of the grid: what is true, and how many labels there are."""

    rate: float
    sensitivity: float
    specificity: float
    labels: int


@lru_cache(maxsize=1 << 16)
def corrected(counts: LabelCounts, use: str) -> Interval:
    found = judged_interval(counts, use=use)
    return found.low, found.high


@lru_cache(maxsize=1 << 16)
def holds(counts: LabelCounts, use: str, rate: float) -> bool:
    return contains(counts, rate, use=use)


def wald(flagged: int, external: Calibration) -> Interval:
    """Rogan-Gladen with the delta method: zero width where the calibration set is perfect and nothing is flagged."""
    p, se, sp = flagged / TRIALS, external.caught / external.bad, external.cleared / external.good
    try:
        rate = rogan_gladen(p, se, sp)
    except AnalysisError:
        return 0.0, 1.0
    spread = (
        p * (1 - p) / TRIALS
        + rate**2 * se * (1 - se) / external.bad
        + (1 - rate) ** 2 * sp * (1 - sp) / external.good
    )
    reach = ndtri(0.975) * spread**0.5 / (se + sp - 1)
    return max(0.0, rate - reach), min(1.0, rate + reach)


def calibrated(
    generator: np.random.Generator, labels: int, sensitivity: float, specificity: float
) -> Calibration:
    half = labels // 2
    return Calibration(
        caught=int(generator.binomial(half, sensitivity)), bad=half,
        cleared=int(generator.binomial(half, specificity)), good=half,
    )  # fmt: skip


def screened(flagged: int, external: Calibration) -> Interval:
    """Where the set allows no rate at all, nothing is covered."""
    try:
        found = lang_reiczigel(flagged, TRIALS, external)
    except AnalysisError:
        return 0.0, 0.0
    return found.low, found.high


def simple(generator: np.random.Generator, cell: Cell, bad: int, flagged: int) -> list[Interval]:
    """One run's intervals that need no labels by verdict, in the order of `ROWS`."""
    own = cell.sensitivity, cell.specificity
    better = [min(1.0, rate + more) for rate, more in zip(own, BETTER, strict=True)]
    external, flattering = (calibrated(generator, cell.labels, *rates) for rates in (own, better))
    blind = int(generator.hypergeometric(bad, TRIALS - bad, cell.labels))
    return [
        clopper_pearson(flagged, TRIALS),
        clopper_pearson(blind, cell.labels),
        wald(flagged, external),
        screened(flagged, external),
        screened(flagged, flattering),
    ]


def repetition(generator: np.random.Generator, cell: Cell) -> tuple[list[Interval], LabelCounts]:
    """One run of the setting: the simple intervals, and the labels by verdict."""
    bad = int(generator.binomial(TRIALS, cell.rate))
    caught = int(generator.binomial(bad, cell.sensitivity))
    flagged = caught + int(generator.binomial(TRIALS - bad, 1 - cell.specificity))
    taken, rest = split_labels(cell.labels, TRIALS, flagged)
    counts = LabelCounts(
        judged=TRIALS, flagged=flagged, labels_flagged=taken, labels_unflagged=rest,
        bad_flagged=int(generator.hypergeometric(caught, flagged - caught, taken)),
        bad_unflagged=int(generator.hypergeometric(bad - caught, TRIALS - flagged - bad + caught, rest)),
    )  # fmt: skip
    return simple(generator, cell, bad, flagged), counts


def cell_figures(cell: Cell, generator: np.random.Generator, repeats: int) -> tuple[np.ndarray, np.ndarray]:
    """Coverage and mean width of each row; widths of the post-stratified rows from the first repeats only."""
    covered, width = np.zeros(len(ROWS)), np.zeros(len(ROWS))
    weights = np.array([repeats] * (len(ROWS) - 2) + [min(repeats, WIDTHS)] * 2)
    for turn in range(repeats):
        intervals, counts = repetition(generator, cell)
        held = [low <= cell.rate <= high for low, high in intervals]
        covered += [*held, *(holds(counts, use, cell.rate) for use in ("display", "claim"))]
        shown = (
            [corrected(counts, use) for use in ("display", "claim")] if turn < WIDTHS else [(0.0, 0.0)] * 2
        )
        width += [high - low for low, high in [*intervals, *shown]]
    return covered / repeats, width / weights


def measured(labels: int, repeats: int) -> tuple[np.ndarray, np.ndarray]:
    """Coverage and mean width: shape (rows, graders, rates)."""
    covered = np.zeros((len(ROWS), len(GRADERS), len(RATES)))
    width = np.zeros_like(covered)
    for g, r in product(range(len(GRADERS)), range(len(RATES))):
        generator = np.random.default_rng([SEED, labels, g, r])
        covered[:, g, r], width[:, g, r] = cell_figures(
            Cell(RATES[r], *GRADERS[g], labels), generator, repeats
        )
    return covered, width


def figure(value: float) -> str:
    return f"{value:.3f}".removeprefix("0")


def coverage_table(repeats: int) -> tuple[str, float]:
    """The table of rates, and the lowest coverage of the recommended row."""
    cells: dict[int, list[str]] = {}
    worst = 1.0
    for labels in BUDGETS:
        covered, width = measured(labels, repeats)
        narrow = width.mean(axis=1)[:, [RATES.index(0.01), RATES.index(0.20)]]
        cells[labels] = [
            f"{figure(covered[row].min())} ({figure(covered[row].mean())}) | {figure(narrow[row, 0])} / {figure(narrow[row, 1])}"
            for row in range(len(ROWS))
        ]
        worst = min(worst, float(covered[ROWS.index(MELDED)].min()))
    head = "| estimator | 100 labels: coverage | width at .01 / .20 | 300 labels: coverage | width at .01 / .20 |\n|---|---|---|---|---|"
    rows = [f"| {name} | {cells[100][n]} | {cells[300][n]} |" for n, name in enumerate(ROWS)]
    note = (
        f"Coverage of nominal 95 % intervals: lowest of 8 cells (mean). {TRIALS:,} trials, graders "
        + " and ".join(f"Se {se} / Sp {sp}" for se, sp in GRADERS)
        + f", rates {', '.join(map(str, RATES))}; {repeats:,} repeats a cell, numpy PCG64 seeded [{SEED}, labels, grader, rate]; widths of the post-stratified rows from the first {WIDTHS}. "
        f"The flattering set has Se {BETTER[0]} and Sp {BETTER[1]} better than this run."
    )
    return "\n".join([head, *rows, "", note]), worst


def budget_table() -> str:
    head = "| limit | flagged, all false alarms | labels | of these flagged | labels blind of the verdict |\n|---|---|---|---|---|"
    rows = [head]
    for limit in (0.01, 0.05):
        for share in (0.0, 0.01, 0.05):
            plan = plan_certificate(limit, judged=TRIALS, flagged_share=share)
            rows.append(
                f"| {limit:.2f} | {share:.0%} of {TRIALS:,} | {plan.labels} | {plan.flagged} | {plan.blind} |"
            )
    return "\n".join([*rows, "", "Computed by `plan_certificate`, one-sided 95 %, no miss among the labels."])


def agreement_rows(repeats: int) -> str:
    """Gwet's plain interval beside ours, at the same laws."""
    rows = [
        "| trials | Gwet's plain interval: coverage | with 1/2 in each cell: coverage | mean width |\n|---|---|---|---|"
    ]
    for trials in (20, 50, 200):
        generator = np.random.default_rng([SEED, trials])
        plain, ours, width = (np.zeros(len(LAWS)) for _ in range(3))
        for place, law in enumerate(LAWS):
            share = np.array(law) / sum(law)
            true = _ac1(tuple(map(tuple, share.reshape(2, 2))), 0.0)[0]
            for draw in generator.multinomial(trials, share, size=repeats):
                table = ((int(draw[0]), int(draw[1])), (int(draw[2]), int(draw[3])))
                found, (point, error) = agreement(table), _ac1(table, 0.0)
                plain[place] += abs(point - true) <= stdtrit(trials - 1, 0.975) * error
                ours[place] += found.ac1_low <= true <= found.ac1_high
                width[place] += found.ac1_high - found.ac1_low
        rows.append(
            f"| {trials} | {figure(plain.min() / repeats)} ({figure(plain.mean() / repeats)}) | "
            f"{figure(ours.min() / repeats)} ({figure(ours.mean() / repeats)}) | {figure(width.mean() / repeats)} |"
        )
    note = f"Lowest of {len(LAWS)} laws (mean); {repeats:,} repeats each, PCG64 seeded [{SEED}, trials]."
    return "\n".join([*rows, "", note])


def seconds(trials: int = 100_000) -> float:
    """Best of three for one claim on so many trials, four a cluster."""
    generator = np.random.default_rng(SEED)
    flagged = generator.random(trials) < 0.05
    truth: list[bool | None] = [None] * trials
    for place in range(0, 4 * 400, 4):
        truth[place] = bool(flagged[place])
    clusters = np.arange(trials) // 4
    best = inf
    for _ in range(3):
        begun = time.perf_counter()
        judged_rate(flagged, truth, clusters)
        best = min(best, time.perf_counter() - begun)
    return best


def tables(repeats: int) -> dict[tuple[str, str], str]:
    """What `coverage.py` asks for: every table by page and name of its markers."""
    table, worst = coverage_table(repeats)
    verdict = f"Lowest coverage of the recommended row: {worst:.3f}; aim {GOOD}: {'met' if worst >= GOOD else 'MISSED'}."
    found = {
        "judged": f"{table}\n\n{verdict}",
        "label-budget": budget_table(),
        "agreement": agreement_rows(repeats),
    }
    return {("graders.md", name): text for name, text in found.items()}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repeats", type=int, default=1000)
    parser.add_argument("--quick", action="store_true", help="40 repeats: does it run, not what does it say")
    parser.add_argument("--write", type=Path, help="put the tables into this page, between their markers")
    asked = parser.parse_args()
    found = tables(40 if asked.quick else asked.repeats)
    for (_, name), text in found.items():
        print(f"{name}\n{text}\n", flush=True)
        if asked.write:
            put(asked.write, name, text)
    print(f"one claim on 100,000 trials: {seconds():.3f} s, aim 0.2 s")


if __name__ == "__main__":
    main()
