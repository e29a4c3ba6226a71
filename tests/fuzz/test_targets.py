"""The targets of `make fuzz` with a small budget: good bytes are taken, changed ones taken or refused, nothing crashes."""

import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parents[2] / "fuzz"))

from targets import TARGETS, Target, Wrong, attempt, expect

SLOW = {"verify": 15, "verify-signed": 10, "pack": 25, "table": 25, "mapping": 12}
"""Examples where each takes its time; the others get sixty."""


@st.composite
def changed(draw: st.DrawFn, good: list[bytes], words: tuple[bytes, ...]) -> bytes:
    """One of the good inputs, cut, doubled or overwritten in up to four places."""
    data = draw(st.sampled_from(good))
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(data)))
        end = draw(st.integers(start, min(len(data), start + 24)))
        piece = draw(st.binary(max_size=12) | st.sampled_from([*words, b"", data[start:end] * 2, b"\n"]))
        data = data[:start] + piece + data[end:]
    return data


@pytest.mark.parametrize("name", TARGETS)
def test_good_input_is_taken(name: str) -> None:
    taken = [attempt(name, seed) for seed in TARGETS[name].seeds()[:8]]
    assert any(taken)


@pytest.mark.parametrize("name", TARGETS)
def test_changed_input_crashes_nothing(name: str) -> None:
    target = TARGETS[name]
    good = target.seeds()

    @settings(
        max_examples=SLOW.get(name, 60),
        deadline=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )
    @given(data=changed(good, target.words) | st.binary(max_size=60))
    def fuzz(data: bytes) -> None:
        attempt(name, data)

    fuzz()


def test_the_harness_tells_a_crash_from_a_refusal(monkeypatch: pytest.MonkeyPatch) -> None:
    def stumble(data: bytes) -> None:
        raise KeyError(data)

    def take_anything(data: bytes) -> None:
        expect(condition=False, why="taken")

    for read, crash in ((stumble, KeyError), (take_anything, Wrong)):
        monkeypatch.setitem(TARGETS, "key", Target(read=read, seeds=TARGETS["key"].seeds))
        with pytest.raises(crash):
            attempt("key", b"")
