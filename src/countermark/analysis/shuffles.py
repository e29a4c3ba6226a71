"""Subjects shuffled within every scenario, many times over: what max-T compares the data with."""

import math
from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

    from countermark.analysis.grouping import FloatArray

_CHUNK = 4_000_000
"""Numbers permuted at a time: 32 MB."""
_LISTED = 1_000
"""Most orders of a row that are listed."""


def statistics(table: "FloatArray") -> "FloatArray":
    """The statistic sum d / sqrt(sum d^2) of every pair of columns a < b; 0 where nothing differs.

    Args:
        table: Shape (K, M).
    Returns:
        Shape (M (M - 1) / 2,).
    """
    found: FloatArray = _of_pairs(table.sum(axis=0)[None], (table.T @ table)[None])[0]
    return found


def shuffled_statistics(
    table: "FloatArray", permutations: int, generator: "np.random.Generator"
) -> "FloatArray":
    """The same after shuffling the columns of every row on its own, shape (permutations, M (M - 1) / 2).

    Rows that agree in their values are drawn together, by how many of them fall on each order: that is the same law, and
    with 0/1 outcomes its cost does not grow with the rows. Rows on which all subjects agree change nothing.
    """
    import numpy as np

    subjects = table.shape[1]
    differing = np.sort(table[(table != table[:, :1]).any(axis=1)], axis=1)
    sums, products = np.zeros((permutations, subjects)), np.zeros((permutations, subjects, subjects))
    if not differing.size:
        return _of_pairs(sums, products)
    kinds, counts = np.unique(differing, axis=0, return_counts=True)
    single = []
    for kind, count in zip(kinds, counts, strict=True):
        if 2 * _orders(kind) > count * subjects:
            single.append(np.tile(kind, (int(count), 1)))
            continue
        orders = np.array(list(_distinct(Counter(kind.tolist()))))
        times = generator.multinomial(count, np.full(len(orders), 1 / len(orders)), permutations).astype(
            float
        )
        sums += times @ orders
        outer = orders[:, :, None] * orders[:, None, :]
        products += (times @ outer.reshape(len(orders), -1)).reshape(products.shape)
    if single:
        _add_rows(np.concatenate(single), (sums, products), generator)
    return _of_pairs(sums, products)


def _orders(kind: "FloatArray") -> float:
    """Number of distinct orders of a row; infinite where they are too many to list."""
    repeats = Counter(kind.tolist()).values()
    found = math.factorial(kind.size) // math.prod(math.factorial(count) for count in repeats)
    return found if found <= _LISTED else math.inf


def _distinct(values: Counter[float]) -> Iterator[tuple[float, ...]]:
    """Each distinct order of the values once, in lexicographic order."""
    left = +values
    if not left:
        yield ()
    for value in sorted(left):
        for rest in _distinct(left - Counter([value])):
            yield (value, *rest)


def _add_rows(
    rows: "FloatArray", totals: tuple["FloatArray", "FloatArray"], generator: "np.random.Generator"
) -> None:
    """Shuffle each row by itself, a chunk of permutations at a time, and add to the sums and products in place."""
    import numpy as np

    sums, products = totals
    each = max(1, _CHUNK // rows.size)
    for start in range(0, len(sums), each):
        part = slice(start, start + each)
        copies = np.broadcast_to(rows, (len(sums[part]), *rows.shape))
        drawn = generator.permuted(copies, axis=2)
        sums[part] += drawn.sum(axis=1)
        products[part] += drawn.transpose(0, 2, 1) @ drawn


def _of_pairs(sums: "FloatArray", products: "FloatArray") -> "FloatArray":
    """Sums (n, M) and products (n, M, M) of the columns to statistics of the pairs."""
    import numpy as np

    first, last = np.triu_indices(sums.shape[1], 1)
    square = products[:, first, first] + products[:, last, last] - 2 * products[:, first, last]
    # Rounding leaves crumbs of either sign where d is 0 throughout.
    real = square > 1e-9
    found: FloatArray = np.zeros_like(square)
    root = np.sqrt(square, where=real, out=np.ones_like(square))
    np.divide(sums[:, first] - sums[:, last], root, out=found, where=real)
    return found
