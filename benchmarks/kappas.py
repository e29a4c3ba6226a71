"""Cohen's kappa of many tables at once, and its interval by resampling, for the scripts that compare graders with labels."""

from collections.abc import Mapping, Sequence

import numpy as np

Cell = tuple[object, object]
"""The label that was published and ours."""


def kappas(cells: Sequence[Cell], tables: np.ndarray, *, whole: float) -> np.ndarray:
    """Kappa of each table of counts, shape (tables, cells); `whole` where chance alone already agrees on everything."""
    shares = np.asarray(tables, dtype=float)
    shares = shares / shares.sum(axis=1, keepdims=True)
    labels = {label for cell in cells for label in cell}
    truths, saids = ({label: _share(shares, cells, place, label) for label in labels} for place in (0, 1))
    chance = sum(truths[label] * saids[label] for label in labels)
    same = shares[:, [truth == said for truth, said in cells]].sum(axis=1)
    apart = np.where(chance < 1, 1 - chance, 1)
    return np.where(chance < 1, (same - chance) / apart, whole)


def _share(shares: np.ndarray, cells: Sequence[Cell], place: int, label: object) -> np.ndarray:
    return shares[:, [cell[place] == label for cell in cells]].sum(axis=1)


def kappa(counts: Mapping[Cell, int], *, whole: float) -> float:
    """Kappa of one table."""
    return float(kappas(list(counts), np.array([list(counts.values())]), whole=whole)[0])


def kappa_interval(counts: Mapping[Cell, int], *, whole: float, draws: int, seed: int) -> tuple[float, float]:
    """The middle 95 % of kappa over tables drawn anew, cells in the order given; the rows are taken for independent."""
    times = np.array(list(counts.values()))
    drawn = np.random.default_rng(seed).multinomial(times.sum(), times / times.sum(), size=draws)
    return middle(kappas(list(counts), drawn, whole=whole))


def middle(values: np.ndarray) -> tuple[float, float]:
    """The middle 95 %."""
    low, high = np.percentile(values, [2.5, 97.5])
    return float(low), float(high)
