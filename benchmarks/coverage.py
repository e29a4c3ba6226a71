"""How often intervals that say 95 % cover, and how often tests at 5 % cry out, by simulation: ours beside their rivals.

    python benchmarks/coverage.py [--quick | --repeats 3000] [--processes 2] [--section rate|pair|judged]
                                  [--write docs/reference/statistics]

Prints Markdown tables. With --write each table replaces what stands between `<!-- NAME:begin -->` and
`<!-- NAME:end -->` in the directory's pages: coverage (intervals.md), comparisons (compare.md). Section `judged` is
`coverage_judged.py` beside this file, where there is one: its `tables(repeats)` gives {(page, NAME): Markdown}.

Seeds: every cell of a grid draws from numpy's default_rng([section, cell]) with section 11 or 21, so that a cell is the
same whatever else runs. Nothing is left out: a table's figure is the worst over its whole grid, misses included.
"""

import argparse
import runpy
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from itertools import product
from multiprocessing import Pool
from pathlib import Path
from typing import NamedTuple, TypeVar

import numpy as np
from pages import put
from scipy.special import expit, ndtr, ndtri, stdtr, stdtrit

from countermark.analysis.compare import compare_subjects, paired_interval
from countermark.analysis.intervals import clopper_pearson, clustered_rate

EPOCHS = 5
COUNTS = (20, 50, 200)
RATES = (0.002, 0.01, 0.02, 0.05, 0.1, 0.3, 0.5)
SPIKE = -1.0
CORRELATIONS = (0.0, 0.1, 0.3, 0.5, 0.7, 0.9, 1.0, SPIKE)
Cell = TypeVar("Cell")
Result = TypeVar("Result")
Bounds = tuple[float, float, float]
"""Lower and upper bound of the interval, and the one-sided 95 % upper bound."""


class RateCell(NamedTuple):
    """One law of section 1.1: K scenarios of five epochs, mean rate, correlation within scenarios (SPIKE: see `rates`)."""

    count: int
    rate: float
    correlation: float


class PairCell(NamedTuple):
    """One law of section 2.1: logit-normal scenario rates with this sd, of which a part is shared by A and B."""

    count: int
    epochs: int
    rate_a: float
    rate_b: float
    shared: float
    sd: float


# 1.1: one rate


def rates(cell: RateCell, shape: tuple[int, int], generator: np.random.Generator) -> np.ndarray:
    """Rates of scenarios: Beta with this mean and correlation; SPIKE: a few scenarios at 1/2, the others at 0."""
    if cell.correlation == SPIKE:
        return 0.5 * (generator.random(shape) < 2 * cell.rate)
    if cell.correlation == 0:
        return np.full(shape, cell.rate)
    if cell.correlation == 1:
        return (generator.random(shape) < cell.rate).astype(float)
    total = (1 - cell.correlation) / cell.correlation
    return generator.beta(cell.rate * total, (1 - cell.rate) * total, shape)


def squared_error(events: np.ndarray) -> float:
    """Clustered variance of the rate: K/(K-1) sum (x_i - m p)^2 / n^2."""
    count, trials = events.size, events.size * EPOCHS
    return count / (count - 1) * float(((events - EPOCHS * events.sum() / trials) ** 2).sum()) / trials**2


def ours(events: np.ndarray) -> Bounds:
    listed, sizes = events.tolist(), [EPOCHS] * events.size
    both = clustered_rate(listed, sizes)
    return both.low, both.high, clustered_rate(listed, sizes, side="upper").high


def clt(events: np.ndarray) -> Bounds:
    rate, error = events.mean() / EPOCHS, squared_error(events) ** 0.5
    return rate - ndtri(0.975) * error, rate + ndtri(0.975) * error, rate + ndtri(0.95) * error


def unclustered(events: np.ndarray) -> Bounds:
    counts = float(events.sum()), float(events.size * EPOCHS)
    return *clopper_pearson(*counts), clopper_pearson(*counts, side="upper")[1]


def wilson(events: np.ndarray) -> Bounds:
    """Wilson's interval at the design-based effective sample p (1 - p) / se^2; at the calls where that is 0 / 0."""
    rate, square = events.mean() / EPOCHS, squared_error(events)
    worth = rate * (1 - rate) / square if square and 0 < rate < 1 else float(events.size * EPOCHS)

    def bound(z: float) -> float:
        reach = (rate * (1 - rate) / worth + z * z / (4 * worth**2)) ** 0.5
        return (rate + z * z / (2 * worth) + (1 if z > 0 else -1) * abs(z) * reach) / (1 + z * z / worth)

    return bound(ndtri(0.025)), bound(ndtri(0.975)), bound(ndtri(0.95))


INTERVALS: dict[str, Callable[[np.ndarray], Bounds]] = {
    "**Clopper-Pearson at effective n (ours)**": ours,
    "CLT, clustered standard error": clt,
    "Wilson at the design-based effective n": wilson,
    "Clopper-Pearson on calls, clusters ignored": unclustered,
}


def rate_cell(numbered: tuple[int, RateCell], repeats: int) -> dict[str, tuple[float, float, float]]:
    """For each method: two-sided coverage, coverage of the upper bound, mean width. Equal data are computed once."""
    number, cell = numbered
    generator = np.random.default_rng([11, number])
    events = generator.binomial(EPOCHS, rates(cell, (repeats, cell.count), generator))
    drawn, times = np.unique(np.sort(events, axis=1), axis=0, return_counts=True)
    found = {}
    for name, method in INTERVALS.items():
        bounds = np.array([method(one) for one in drawn])
        both = (bounds[:, 0] <= cell.rate) & (cell.rate <= bounds[:, 1])
        each = np.array([both, cell.rate <= bounds[:, 2], bounds[:, 1] - bounds[:, 0]], dtype=float)
        found[name] = tuple((each @ times / repeats).tolist())
    return found


def rate_tables(repeats: int, processes: int) -> dict[tuple[str, str], str]:
    cells = [RateCell(*one) for one in product(COUNTS, RATES, CORRELATIONS)]
    results = spread(partial(rate_cell, repeats=repeats), cells, processes)
    head = ["method", *(f"K = {count}" for count in COUNTS)]
    rows = []
    for name in INTERVALS:
        shown = []
        for count in COUNTS:
            of_count = [(cell, result[name]) for cell, result in results if cell.count == count]
            least = [min(result[place] for _, result in of_count) for place in (0, 1)]
            widths = [
                np.mean([
                    result[2] for cell, result in of_count if cell.rate == rate and 0 <= cell.correlation <= 0.5
                ])
                for rate in (0.02, 0.3)
            ]  # fmt: skip
            shown.append(f"{least[0]:.3f} / {least[1]:.3f}, {widths[0]:.3f} / {widths[1]:.3f}")
        rows.append([name, *shown])
    told = (
        f"R = {repeats} a cell, {len(cells)} cells, {EPOCHS} epochs. Rates {listed(RATES)}; correlation within scenarios "
        f"{listed(CORRELATIONS[:-1])} (Beta), and a few scenarios at 1/2 with the others at 0. Each entry: least coverage of "
        f"the two-sided 95 % interval / of the one-sided 95 % upper bound, mean width at rate 0.02 / 0.3 (correlation up to "
        f"0.5). {error_of(repeats)} Seeds: default_rng([11, cell])."
    )
    return {("intervals.md", "coverage"): f"{table(head, rows)}\n\n{told}"}


# 2.1: two subjects

PAIR_COUNTS = (10, 20, 50, 200)
PAIR_RATES = ((0.01, 0.01), (0.05, 0.05), (0.2, 0.2), (0.05, 0.2), (0.2, 0.5))
PAIR_EPOCHS = (1, 5)
ALPHA = 0.05
LEAST = 0.945
ALIKE = float("inf")
ALIKE_RATES = ((0.05, 0.05), (0.0, 0.02), (0.0, 0.05), (0.01, 0.1))
OURS, PLAIN, STUDENT = "ours", "paired t, pseudo-scenarios of 1/sqrt(m)", "paired t"
GAUSS, NAIVE = "paired z, clustered standard error", "two proportions z, scenarios ignored"
TESTS = {
    OURS: "**McNemar mid-p (m = 1), sign-flip (m = 5) (ours)**",
    **{name: name for name in (STUDENT, GAUSS, NAIVE)},
}
PAIR_INTERVALS = {
    OURS: "**paired t, two pseudo-scenarios with r (ours)**",
    **{name: name for name in (PLAIN, STUDENT, GAUSS)},
}


def mean_logit(rate: float, sd: float) -> float:
    """The mean of a normal logit with this sd whose inverse has this mean: bisection on a quadrature."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(61)
    low, high = -40.0, 40.0
    for _ in range(80):
        middle = (low + high) / 2
        mean = float(weights @ expit(middle + sd * nodes) / weights.sum())
        low, high = (middle, high) if mean < rate else (low, middle)
    return low


def scenario_rates(cell: PairCell, repeats: int, generator: np.random.Generator) -> list[np.ndarray]:
    """Rates of A and of B, shape (repeats, K, 1) each; part `shared` of the variance of the logits is common to both."""
    shape = repeats, cell.count, 1
    if cell.sd == ALIKE:
        return [(generator.random(shape) < rate).astype(float) for rate in (cell.rate_a, cell.rate_b)]
    common = generator.standard_normal(shape) * cell.shared**0.5
    own = [generator.standard_normal(shape) * (1 - cell.shared) ** 0.5 for _ in range(2)]
    return [
        expit(mean_logit(rate, cell.sd) + cell.sd * (common + noise))
        for rate, noise in zip((cell.rate_a, cell.rate_b), own, strict=True)
    ]


def rivals(differences: np.ndarray, pooled: float, epochs: int) -> dict[str, tuple[float, float, float]]:
    """p, lower and upper bound of each rival, from differences of scenario means and the pooled rate."""
    count, mean = differences.size, float(differences.mean())
    error = float(differences.std(ddof=1)) / count**0.5
    naive = (2 * pooled * (1 - pooled) / (count * epochs)) ** 0.5
    student = float(stdtrit(count - 1, 0.975))
    low, high = paired_interval(differences, epochs=epochs)
    return {
        PLAIN: (np.nan, low, high),
        STUDENT: (
            float(2 * stdtr(count - 1, -abs(mean) / error)) if error else 1.0,
            mean - student * error,
            mean + student * error,
        ),
        GAUSS: gauss(mean, error),
        NAIVE: gauss(mean, naive),
    }


def gauss(mean: float, error: float) -> tuple[float, float, float]:
    reach = float(ndtri(0.975)) * error
    return float(2 * ndtr(-abs(mean) / error)) if error else 1.0, mean - reach, mean + reach


def pair_cell(
    numbered: tuple[int, PairCell], repeats: int, again: Sequence[int] = ()
) -> dict[str, tuple[float, float, float]]:
    """For each method: share of p <= 5 %, coverage, mean width; `again` makes the seed another one."""
    number, cell = numbered
    generator = np.random.default_rng([21, number, *again])
    shape = repeats, cell.count, cell.epochs
    a, b = (generator.random(shape) < rate for rate in scenario_rates(cell, repeats, generator))
    scenarios, truth = np.repeat(np.arange(cell.count), cell.epochs), cell.rate_a - cell.rate_b
    totals: dict[str, np.ndarray] = {}
    for one_a, one_b in zip(a, b, strict=True):
        found = compare_subjects(scenarios, one_a.ravel(), one_b.ravel())
        differences = one_a.mean(axis=1) - one_b.mean(axis=1)
        pooled = float(one_a.mean() + one_b.mean()) / 2
        each = {OURS: (found.p, found.low, found.high), **rivals(differences, pooled, cell.epochs)}
        for name, (p, low, high) in each.items():
            told = np.array([p <= ALPHA, low <= truth <= high, high - low], dtype=float)
            totals[name] = totals.get(name, 0) + told / repeats
    return {name: tuple(total.tolist()) for name, total in totals.items()}


def pair_tables(repeats: int, processes: int) -> dict[tuple[str, str], str]:
    laws = [(pair, shared, 1.5) for pair in PAIR_RATES for shared in (1.0, 0.5)]
    laws += [(pair, 0.0, ALIKE) for pair in ALIKE_RATES]
    cells = [
        PairCell(count, epochs, *pair, shared, sd)
        for count, epochs, (pair, shared, sd) in product(PAIR_COUNTS, PAIR_EPOCHS, laws)
        if epochs > 1 or sd != ALIKE
    ]
    results = spread(partial(pair_cell, repeats=repeats), cells, processes)
    parts = [
        ("Largest share of false differences at 5 %", TESTS, 0, lambda cell: cell.sd != ALIKE and cell.rate_a == cell.rate_b),
        ("Least / mean coverage of the 95 % interval", PAIR_INTERVALS, 1, lambda cell: cell.sd != ALIKE),
        ("The same where all five epochs of a scenario come out alike (temperature zero)", PAIR_INTERVALS, 1,
         lambda cell: cell.sd == ALIKE),
    ]  # fmt: skip
    shown = [
        f"{title}:\n\n{_pair_table(names, place, [pair for pair in results if wanted(pair[0])])}"
        for title, names, place, wanted in parts
    ]
    told = (
        f"R = {repeats} a cell, {len(cells)} cells; m is the number of epochs. Scenario rates logit-normal with sd 1.5, all or "
        f"half of their variance shared by A and B; rates of A and B {listed(PAIR_RATES)}; all alike: {listed(ALIKE_RATES)}, "
        f"independent scenarios. {error_of(repeats)} Seeds: default_rng([21, cell])."
    )
    return {("compare.md", "comparisons"): "\n\n".join([*shown, told, *repeated(results, repeats)])}


def repeated(
    results: Sequence[tuple[PairCell, dict[str, tuple[float, float, float]]]], repeats: int
) -> list[str]:
    """Ten times as many of each cell where our interval came out under .945, with other seeds: chance or not?"""
    found = []
    for number, (cell, result) in enumerate(results):
        if result[OURS][1] < LEAST:
            parts = [pair_cell((number, cell), repeats, (1, part))[OURS][1] for part in range(10)]
            found.append(
                f"Under {LEAST} came out cell {number} (m = {cell.epochs}, K = {cell.count}, rates {cell.rate_a} and "
                f"{cell.rate_b}, shared part {cell.shared:g}) with {result[OURS][1]:.3f}; repeated with R = {10 * repeats} "
                f"and seeds default_rng([21, {number}, 1, part]): {np.mean(parts):.4f}."
            )
    return found


def _pair_table(
    names: dict[str, str],
    place: int,
    results: Sequence[tuple[PairCell, dict[str, tuple[float, float, float]]]],
) -> str:
    """Methods by number of epochs and scenarios: the worst over the other laws, and for coverage the mean beside it."""
    columns = sorted({(cell.epochs, cell.count) for cell, _ in results})
    rows = []
    for name, title in names.items():
        each = [
            [result[name][place] for cell, result in results if (cell.epochs, cell.count) == column]
            for column in columns
        ]
        told = [f"{min(one):.3f} / {np.mean(one):.3f}" if place else f"{max(one):.3f}" for one in each]
        rows.append([title, *told])
    return table(["method", *(f"m = {epochs}, K = {count}" for epochs, count in columns)], rows)


# Printing


def spread(
    work: Callable[[tuple[int, Cell]], Result], cells: Sequence[Cell], processes: int
) -> list[tuple[Cell, Result]]:
    """Each cell with its result, in order; the cell's number is its seed, so processes change nothing."""
    with Pool(processes) as pool:
        return list(zip(cells, pool.imap(work, enumerate(cells)), strict=True))


def listed(values: Iterable[object]) -> str:
    return ", ".join(str(value).strip("()").replace(", ", " and ") for value in values)


def error_of(repeats: int) -> str:
    """What chance does to a figure that is .95 in truth, and to the least of many."""
    sd = (0.95 * 0.05 / repeats) ** 0.5
    return (
        f"Standard error of one cell at 0.95: {sd:.4f}; the least of many cells lies a few of these too low."
    )


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    return "\n".join("| " + " | ".join(row) + " |" for row in (head, ["---"] * len(head), *rows))


def judged_tables(repeats: int, _processes: int) -> dict[tuple[str, str], str]:
    """The tables of `coverage_judged.py`, where it stands beside this file."""
    beside = Path(__file__).with_name("coverage_judged.py")
    if not beside.exists():
        return {}
    found: dict[tuple[str, str], str] = runpy.run_path(str(beside))["tables"](repeats)
    return found


SECTIONS = {"rate": rate_tables, "pair": pair_tables, "judged": judged_tables}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repeats", type=int, default=3000)
    parser.add_argument("--quick", action="store_true", help="100 repeats: a look, not a table to print")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--section", choices=SECTIONS, action="append")
    parser.add_argument("--write", type=Path, help="directory of the pages that hold the markers")
    asked = parser.parse_args()
    repeats = 100 if asked.quick else asked.repeats
    for section in asked.section or SECTIONS:
        for (page, name), text in SECTIONS[section](repeats, asked.processes).items():
            print(f"{name}\n\n{text}\n")
            if asked.write:
                put(asked.write / page, name, text)


if __name__ == "__main__":
    main()
