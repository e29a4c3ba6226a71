"""Another driver for the tests that it suits, and the roles that drivers need, checked before anything is planned."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from countermark.audit.role_models import RoleModel
from countermark.battery import BatteryTest
from countermark.battery.manifest import Choice
from countermark.drivers import load_driver
from countermark.drivers.world_people import has_parts
from countermark.errors import UsageError
from countermark.records import PlannedTest, Scenario

_SUITS = {"attacker": ("dialogue", "attacker"), "petri": ("auditing", "petri")}
"""Driver that may be asked for to the drivers in whose place it can stand."""
_ATTACKED = "attack"


def driven(tests: Sequence[BatteryTest], driver: str | None) -> list[BatteryTest]:
    """The tests, those that `driver` suits with it in place of their own, with its default options.

    `attacker` suits tests by dialogue that have an arm `attack`, and puts the other arms as they are written; `petri` suits
    tests by auditing.

    Raises:
        UsageError: No such driver, none of these tests suits it, or what it needs is not installed.
    """
    if driver is None:
        return list(tests)
    if driver not in _SUITS:
        raise UsageError(
            f"--driver {driver}: no driver that others can be replaced by",
            hint=f"there are: {', '.join(_SUITS)}",
        )
    ready = getattr(load_driver(driver), "ready", None)
    if ready is not None:
        ready()
    found = [_with(test, driver) if _suits(test, driver) else test for test in tests]
    if all(one is other for one, other in zip(found, tests, strict=True)):
        raise UsageError(
            f"--driver {driver} suits no test of this battery", hint="see docs/reference/roles.md"
        )
    return found


def check_roles(tests: Iterable[PlannedTest], models: Sequence[RoleModel]) -> None:
    """Raise `UsageError` where a test's driver needs a role that nobody holds."""
    held = {model.role for model in models}
    missing = {role: test.id for test in tests for role in test.needs if role not in held}
    if missing:
        roles = " ".join(f"--role {role}=MODEL" for role in sorted(missing))
        raise UsageError(
            f"{', '.join(sorted(missing.values()))}: its driver needs a model", hint=f"give {roles}"
        )


def has_people(driver: Choice, scenarios: Iterable[Scenario]) -> bool:
    """Whether a model in the role `world` has somebody to play in one of the scenarios."""
    return driver.name == "world" and any(has_parts(one, driver.options) for one in scenarios)


def _suits(test: BatteryTest, driver: str) -> bool:
    own = test.manifest.driver.name
    return (
        own != driver and own in _SUITS[driver] and (driver != "attacker" or _ATTACKED in test.manifest.draw)
    )


def _with(test: BatteryTest, driver: str) -> BatteryTest:
    return replace(test, manifest=test.manifest.model_copy(update={"driver": Choice(name=driver)}))
