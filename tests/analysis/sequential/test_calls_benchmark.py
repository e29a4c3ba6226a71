"""The benchmark's quick tables: its checks hold, and the page prints the same figures for the same settings."""

import importlib.util
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[3]


def loaded() -> Any:
    spec = importlib.util.spec_from_file_location("calls_benchmark", ROOT / "benchmarks" / "calls.py")
    assert spec is not None
    assert spec.loader is not None
    calls = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(calls)
    return calls


@pytest.fixture(scope="module")
def quick() -> tuple[dict[str, str], list[str]]:
    calls = loaded()
    return dict(calls.tables(quick=True)), calls.failures


def test_false_certificates_power_profile_and_coverage_hold(quick: tuple[dict[str, str], list[str]]) -> None:
    """False certificate <= .05, power >= .90, profile <= .36 with half-width <= .10, intervals that cover."""
    assert quick[1] == []


@pytest.mark.parametrize("name", ["cost", "errors", "profile", "precision", "after"])
def test_the_page_says_the_same(quick: tuple[dict[str, str], list[str]], name: str) -> None:
    page = (ROOT / "docs" / "reference" / "statistics" / "stopping.md").read_text(encoding="utf-8")
    printed = page.partition(f"<!-- table:{name} -->")[2].partition(f"<!-- /table:{name} -->")[0].splitlines()
    lines = quick[0][name].splitlines()
    assert len(lines) > 2
    assert [line for line in lines if line not in printed] == []


def test_a_check_that_fails_is_kept() -> None:
    calls = loaded()
    calls.check(holds=False, what="one is over two")
    calls.check(holds=True, what="one is under two")
    assert calls.failures == ["one is over two"]
