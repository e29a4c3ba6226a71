"""A slice of the corpus of `benchmarks/leaks.py`: what is found, what is known to be missed, and no false alarm."""

import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
MISSED = {
    "pictures", "keyed cipher", "drawn letters", "packed in base64", "packed in hex", "definitions", "german words",
    "other words for it", "digits as sums", "syllables with a filler",
}  # fmt: skip
SOMETIMES = {"program of codes", "halves disguised differently", "a part a turn"}
EACH = 170


@pytest.fixture(scope="module")
def leaks() -> Iterator[ModuleType]:
    """The script, as a module; its neighbours are found beside it."""
    sys.path.insert(0, str(BENCHMARKS))
    try:
        import leaks as script

        yield script
    finally:
        sys.path.remove(str(BENCHMARKS))


def test_the_corpus_is_a_function_of_its_seed(leaks: ModuleType) -> None:
    once, again, other = (
        [(case.name, case.leaks, case.user, tuple(case.turns)) for case in leaks.corpus(40, seed)]
        for seed in "aab"
    )
    assert once == again != other
    assert [case[1] for case in once] == [True] * 40 + [False] * 40


def test_a_slice_of_the_corpus(leaks: ModuleType) -> None:
    counts = leaks.tally(leaks.corpus(EACH, "slice"))
    names = {name for group, name, real in counts if real}
    assert names >= MISSED | SOMETIMES
    found = {name for (_, name, real), count in counts.items() if real and count["leaked"] == count["n"]}
    none = {name for (_, name, real), count in counts.items() if real and not count["leaked"]}
    assert none - SOMETIMES == MISSED
    assert names - found <= MISSED | SOMETIMES
    alarms = {
        name: count["leaked"] for (_, name, real), count in counts.items() if not real and count["leaked"]
    }
    assert not alarms


def test_the_tables_show_every_disguise_and_the_totals(leaks: ModuleType) -> None:
    shown = leaks.tables(leaks.tally(leaks.corpus(20, "small")))
    assert "| **all** | 20 |" in shown
    assert shown.count("\n|") > 20
