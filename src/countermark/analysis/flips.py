"""Exact tests of two subjects on the same scenarios: McNemar's mid-p, and flipping the signs of scenario differences."""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from countermark.analysis.grouping import Numbers, numbers_of
from countermark.errors import AnalysisError

if TYPE_CHECKING:
    from countermark.analysis.grouping import FloatArray, IntArray

_CONVOLVED = 4_000
"""Largest sum of |differences|, in lattice steps, whose law is convolved directly; every tail is then exact."""
_TRANSFORMED = 5_000_000
"""Largest sum times number of distinct differences whose law is had by Fourier transform."""
_FLOOR = 1e-12
"""Least p told from a transform or a sum of floats: rounding is far below it, and it errs towards no difference."""
_ENUMERATED = 20
DRAWS = 9_999
"""Draws where the law can be neither computed nor enumerated; p is then (1 + as extreme) / (1 + draws)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SignFlip:
    """A two-sided p and how it was had."""

    p: float
    method: str


def mcnemar_mid_p(only_a: int, only_b: int) -> float:
    """Two-sided mid-p of McNemar's test: 2 P(X <= min) - P(X = min), X ~ Bin(only_a + only_b, 1/2).

    Assumes independent pairs with one trial each. Where no pair is discordant p is 1.

    Args:
        only_a: Pairs in which only A carries the label.
        only_b: Pairs in which only B does.
    Raises:
        AnalysisError: A negative or fractional count.
    Source:
        Fagerland, Lydersen & Laake 2013.
    """
    from scipy.special import bdtr, betaln

    if any(count < 0 or count != int(count) for count in (only_a, only_b)):
        raise AnalysisError(
            f"{only_a} and {only_b} discordant pairs", hint="counts are whole and not below zero"
        )
    total, least = only_a + only_b, min(only_a, only_b)
    # log of the binomial coefficient by betaln: 100,000 pairs do not overflow.
    log_point = -betaln(least + 1, total - least + 1) - math.log(total + 1) - total * math.log(2)
    return float(min(1.0, 2 * bdtr(least, total, 0.5) - math.exp(log_point)))


def sign_flip(differences: Numbers, *, epochs: int | None = 1, seed: int = 0) -> SignFlip:
    """Two-sided test that each difference is as likely to be d as -d: P(|sum of +-d| >= |sum of d|).

    Exact where A and B are exchangeable within each unit (a scenario, or a cluster of them), which equal behaviour
    implies. Zeros change nothing. On a lattice the law is computed: one binomial where all |d| agree, else by
    convolution, past 4,000 steps by Fourier transform (p then never below 1e-12). Off it, every one of 2^n sign
    patterns up to n = 20 differences, beyond that 9,999 seeded draws with (1 + as extreme) / (1 + draws).

    Args:
        differences: Shape (K,), one for each independent unit, finite.
        epochs: The differences are multiples of 1 / epochs; None: they lie on no lattice.
        seed: For the draws, where there are any.
    Raises:
        AnalysisError: A value missing, none at all, or no multiple of 1 / epochs.
    Source:
        Fisher 1935 (randomisation test); +1: Phipson & Smyth 2010.
    """
    import numpy as np

    given = numbers_of(differences, "differences")
    given = given[given != 0]
    if not given.size:
        return SignFlip(p=1.0, method="sign-flip, exact")
    if epochs is None:
        return _off_lattice(given, seed)
    steps = given * epochs
    whole = np.rint(steps)
    if np.abs(steps - whole).max() > 1e-6 or np.abs(whole).max() > 2**52:
        raise AnalysisError(
            f"a difference is no multiple of 1/{epochs}",
            hint="give the number of epochs the means are taken over, or None",
        )
    return _on_lattice(whole.astype(np.int64), seed)


def _on_lattice(steps: "IntArray", seed: int) -> SignFlip:
    import numpy as np

    sizes = np.abs(steps) // np.gcd.reduce(steps)
    seen = int(abs(steps.sum()) // np.gcd.reduce(steps))
    values, counts = np.unique(sizes, return_counts=True)
    reach = int((values * counts).sum())
    if values.size == 1:
        p = _one_binomial(seen, reach)
    elif reach <= _CONVOLVED:
        p = _convolved(seen, values, counts)
    elif reach * values.size <= _TRANSFORMED:
        p = max(_FLOOR, _transformed(seen, values, counts))
    else:
        return _off_lattice(steps.astype(np.float64), seed)
    return SignFlip(p=min(1.0, p), method="sign-flip, exact")


def _one_binomial(seen: int, total: int) -> float:
    """All steps are one: the sum is 2 X - total with X ~ Bin(total, 1/2)."""
    from scipy.special import bdtr

    return 1.0 if seen == 0 else float(2 * bdtr((total - seen) // 2, total, 0.5))


def _convolved(seen: int, values: "IntArray", counts: "IntArray") -> float:
    """Law of the sum over (-reach ... reach) by direct convolution: only positive terms, so tails keep their digits."""
    import numpy as np
    from scipy.special import betaln

    law = np.ones(1)
    for value, count in zip(values.tolist(), counts.tolist(), strict=True):
        heads = np.arange(count + 1)
        log_binomial = -betaln(heads + 1, count - heads + 1) - math.log(count + 1) - count * math.log(2)
        kernel = np.zeros(2 * value * count + 1)
        kernel[:: 2 * value] = np.exp(log_binomial)
        law = np.convolve(law, kernel)
    centre = law.size // 2
    return 1.0 if seen == 0 else float(2 * law[centre + seen :].sum())


def _transformed(seen: int, values: "IntArray", counts: "IntArray") -> float:
    """The same law from its characteristic function, the product of cos(value * angle)^count."""
    import numpy as np
    from scipy.fft import irfft, next_fast_len

    reach = int((values * counts).sum())
    length = next_fast_len(2 * reach + 1, real=True)
    angle = 2 * np.pi * np.arange(length // 2 + 1) / length
    spectrum = np.ones_like(angle)
    for value, count in zip(values.tolist(), counts.tolist(), strict=True):
        spectrum *= np.cos(value * angle) ** count
    law = np.maximum(irfft(spectrum, length), 0.0)
    return 1.0 if seen == 0 else float(2 * law[seen : reach + 1].sum())


def _off_lattice(given: "FloatArray", seed: int) -> SignFlip:
    """Every sign pattern, or draws; sums that agree to nine digits count as equal."""
    import numpy as np

    sizes = np.abs(given)
    enough = abs(given.sum()) - 1e-9 * sizes.sum()
    if given.size <= _ENUMERATED:
        sums = np.zeros(1)
        for size in sizes:
            sums = np.concatenate((sums + size, sums - size))
        return SignFlip(p=float(np.mean(np.abs(sums) >= enough)), method="sign-flip, exact")
    extreme = np.abs(_drawn(sizes, seed)) >= enough
    p = float((1 + extreme.sum()) / (1 + DRAWS))
    return SignFlip(p=p, method=f"sign-flip, {DRAWS} draws, seed {seed}")


def _drawn(sizes: "FloatArray", seed: int) -> "FloatArray":
    """Sums under random signs; equal sizes are drawn together as one binomial, single ones by random bytes."""
    import numpy as np

    generator = np.random.default_rng(seed)
    values, counts = np.unique(sizes, return_counts=True)
    sums = np.zeros(DRAWS)
    for value, count in zip(values[counts > 1], counts[counts > 1], strict=True):
        sums += value * (2.0 * generator.binomial(count, 0.5, DRAWS) - count)
    single = values[counts == 1]
    # Eight signs at a time: a random byte looks its sum up.
    signs = 2.0 * np.unpackbits(np.arange(256, dtype=np.uint8)[:, None], axis=1) - 1
    padded = np.append(single, np.zeros(-single.size % 8)).reshape(-1, 8)
    for eight in padded:
        sums += (signs @ eight)[generator.integers(0, 256, DRAWS, dtype=np.uint8)]
    return sums
