"""Finding a driver by name through the entry point group `countermark.drivers`, so that others can ship theirs."""

from collections.abc import Awaitable, Callable, Mapping
from functools import cache
from importlib.metadata import entry_points
from typing import Any

from countermark.drivers.talk import Talk
from countermark.errors import UsageError
from countermark.records import Scenario

Driver = Callable[[Scenario, Talk, Mapping[str, Any]], Awaitable[Mapping[str, Any]]]
"""Puts the scenario through the talk under the test's options; returns the simulated world's final state, or {}."""


@cache
def load_driver(name: str) -> Driver:
    """The driver of that name. Raises `UsageError` naming those there are."""
    found = {point.name: point for point in entry_points(group="countermark.drivers")}
    if name not in found:
        raise UsageError(f"no driver named {name!r}", hint=f"there are: {', '.join(sorted(found))}")
    driver: Driver = found[name].load()
    return driver
