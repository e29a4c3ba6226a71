"""Every order of outcomes, one by one: the second implementation that the lattice is held against."""

from collections import Counter

from countermark.analysis.sequential.lattice import CERTIFIED, EXCEEDED, UNDECIDED, Boundaries

Point = tuple[int, int, int]
"""(calls, bad outcomes, code of the verdict)."""


def brute_force(design: Boundaries) -> Counter[Point]:
    """How many orders end at each point, by walking all of them: up to 2^cap."""
    found: Counter[Point] = Counter()
    walks: list[Point] = [(0, 0, UNDECIDED)]
    while walks:
        n, x, verdict = walks.pop()
        for bad in (0, 1):
            point = judged(design, n + 1, x + bad, verdict)
            if over(design, *point):
                found[point] += 1
            else:
                walks.append(point)
    return found


def judged(design: Boundaries, n: int, x: int, verdict: int) -> Point:
    if verdict == UNDECIDED and design.judged:
        verdict = CERTIFIED if x <= design.certify[n] else EXCEEDED if x >= design.exceed[n] else UNDECIDED
    return n, x, verdict


def over(design: Boundaries, n: int, x: int, verdict: int) -> bool:
    precise = design.precise is None or min(x, n - x) <= design.precise[n]
    return n == design.cap or (precise and (verdict != UNDECIDED or not design.judged))
