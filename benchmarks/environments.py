"""Coverage and width of the interval for a mean of environments' rates, beside two that were not taken; prints a Markdown table.

    python benchmarks/environments.py [--repeats 2000] [--write docs/reference/statistics]

Laws of the environments' true rates, all with the same mean: beta with correlation 0 to .7, a few at 1/2 or at 1 with the others at 0, and one in ten far
above the others. Seeds: default_rng([31, cell]). The pooled interval costs a quadrature for each run: it is simulated for the last law alone, with a
tenth of the repeats.
"""

import argparse
from fractions import Fraction
from itertools import product
from pathlib import Path

import numpy as np
import numpy.typing as npt
from pages import put
from scipy.special import stdtrit

from countermark.analysis import clustered_rate, mean_of_rates

LEVEL = 0.95
COUNTS = (5, 10, 21, 50)
TRIALS = ("3", "20", "1 to 40")
RATES = (0.01, 0.05, 0.2, 0.45)
LAWS = ("0", "0.1", "0.3", "0.7", "half", "all", "one in ten")
OUTLIERS = LAWS[-1]
SHARE = 0.1

Array = npt.NDArray[np.float64]
Bounds = tuple[float, float]


def truths(law: str, mean: float, count: int, rng: np.random.Generator) -> Array:
    """True rates of `count` environments, shape (count,), drawn by the law."""
    if law == "half":
        return (rng.random(count) < 2 * mean) * 0.5
    if law == "all":
        return (rng.random(count) < mean) * 1.0
    if law == OUTLIERS:
        high = min(1.0, 5 * mean)
        return np.where(rng.random(count) < SHARE, high, (mean - SHARE * high) / (1 - SHARE))
    within = float(law)
    if not within:
        return np.full(count, mean)
    total = (1 - within) / within
    return rng.beta(mean * total, (1 - mean) * total, count)


def sizes_of(trials: str, count: int, rng: np.random.Generator) -> npt.NDArray[np.int64]:
    """Trials in each environment, shape (count,)."""
    if trials.isdigit():
        return np.full(count, int(trials))
    return rng.integers(1, 41, count)


def by_t(rates: Array) -> Bounds:
    """Student's interval over the environments' rates."""
    half = stdtrit(rates.size - 1, (1 + LEVEL) / 2) * rates.std(ddof=1) / np.sqrt(rates.size)
    return float(rates.mean() - half), float(rates.mean() + half)


def by_count(rates: Array) -> Bounds:
    """The one that the report has."""
    found = mean_of_rates([Fraction(rate) for rate in rates], level=LEVEL)
    return found.low, found.high


def simulate(count: int, repeats: int) -> dict[str, tuple[float, float]]:
    """Method to its least coverage and mean width over all cells of one number of environments."""
    cells: dict[str, list[tuple[float, float]]] = {}
    for cell, (trials, mean, law) in enumerate(product(TRIALS, RATES, LAWS)):
        rng = np.random.default_rng([31, 1000 * count + cell])
        found: dict[str, list[tuple[bool, float]]] = {}
        for run in range(repeats):
            sizes = sizes_of(trials, count, rng)
            events = rng.binomial(sizes, truths(law, mean, count, rng))
            bounds = {"ours": by_count(events / sizes), "t": by_t(events / sizes)}
            if law == OUTLIERS:
                bounds["ours, outliers"] = bounds["ours"]
                if run % 10 == 0:
                    pooled = clustered_rate(events.tolist(), sizes.tolist(), level=LEVEL)
                    bounds["pooled, outliers"] = pooled.low, pooled.high
            for method, (low, high) in bounds.items():
                found.setdefault(method, []).append((low <= mean <= high, high - low))
        for method, runs in found.items():
            covered, width = np.mean(runs, axis=0)
            cells.setdefault(method, []).append((float(covered), float(width)))
    return {
        method: (min(one for one, _ in ends), float(np.mean([width for _, width in ends])))
        for method, ends in cells.items()
    }


def table(repeats: int) -> str:
    """The Markdown table with what it was made from."""
    found = {count: simulate(count, repeats) for count in COUNTS}
    rows = {
        "ours": "**Clopper-Pearson on the environments' rates (ours)**",
        "t": "t over the environments' rates",
        "ours, outliers": "ours, one environment in ten far above the others",
        "pooled, outliers": "pooled clustered interval, the same",
    }
    lines = [
        "| method | " + " | ".join(f"K = {count}" for count in COUNTS) + " |",
        "|" + " --- |" * (len(COUNTS) + 1),
        *(
            f"| {words} | "
            + " | ".join(f"{found[count][method][0]:.3f}, {found[count][method][1]:.3f}" for count in COUNTS)
            + " |"
            for method, words in rows.items()
        ),
    ]
    cells = len(TRIALS) * len(RATES) * len(LAWS)
    return "\n".join(lines) + (
        f"\n\nR = {repeats} a cell, {cells} cells a column ({repeats // 10} for the pooled interval): "
        f"{', '.join(TRIALS)} trials an environment; mean rates {', '.join(map(str, RATES))}; seven laws. Each entry: least coverage of the "
        f"{LEVEL:.0%} interval over cells, mean width. Standard error of one cell at 0.95: {np.sqrt(0.0475 / repeats):.4f} "
        f"(pooled {np.sqrt(0.0475 / (repeats // 10)):.4f}); the least of many cells lies a few of these too low."
    )


def main() -> None:
    """Print the table, and put it into the page where asked."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repeats", type=int, default=2000)
    parser.add_argument("--write", type=Path)
    asked = parser.parse_args()
    text = table(asked.repeats)
    print(text)
    if asked.write:
        put(asked.write / "environments.md", "environments", text)


if __name__ == "__main__":
    main()
