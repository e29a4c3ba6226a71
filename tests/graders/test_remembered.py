"""Readings of texts that are kept."""

import pytest

from countermark.graders.remembered import SHORT, remembered


def test_a_short_text_is_read_once_and_a_long_one_every_time():
    read: list[str] = []

    @remembered
    def length(text: str) -> int:
        """How long a text is."""
        read.append(text)
        return len(text)

    short, long = "a" * SHORT, "a" * (SHORT + 1)
    assert [length(short), length(short), length(long), length(long)] == [SHORT, SHORT, SHORT + 1, SHORT + 1]
    assert read == [short, long, long]
    assert length.__doc__ == "How long a text is."


def test_a_fault_is_raised_every_time():
    @remembered
    def fails(text: str) -> int:
        raise ValueError(text)

    for _ in range(2):
        with pytest.raises(ValueError, match="x"):
            fails("x")
