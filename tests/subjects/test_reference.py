"""Reference subjects: deterministic, on cue, and at the planted rates (checked through the whole instrument)."""

from collections import Counter
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from countermark.records import Message
from countermark.subjects.reference import choose, opening, sees_cue

shares = st.lists(st.integers(1, 50), min_size=1, max_size=6).map(
    lambda parts: {f"b{place}": Fraction(part, sum(parts)) for place, part in enumerate(parts)}
)


@given(shares, st.text())
def test_choose_is_fixed_by_its_path(weights: dict[str, Fraction], path: str) -> None:
    assert choose(weights, path) in weights
    assert choose(weights, path) == choose(weights, path)


def test_choose_follows_the_shares() -> None:
    """10,000 paths; four standard errors of slack."""
    weights = {"often": Fraction(9, 10), "seldom": Fraction(1, 10)}
    counts = Counter(choose(weights, f"path{number}") for number in range(10_000))
    assert abs(counts["seldom"] - 1000) < 4 * (10_000 * 0.09) ** 0.5


def test_the_gamer_sees_only_what_stands_before_it_first_speaks() -> None:
    dialogue = (
        Message(role="system", content="This is an Evaluation Environment."),
        Message(role="user", content="hello"),
        Message(role="user", content="test run"),
    )
    assert sees_cue(opening(dialogue), ["evaluation environment"])
    assert not sees_cue(opening(dialogue), ["test run"])
