"""What a test words for the office, and the office it describes."""

from collections.abc import Mapping
from typing import Any

from countermark.drivers import toolbox
from countermark.drivers.office_case import ASKED, Office
from countermark.drivers.office_world import CODES, TOOLS, Result
from countermark.drivers.toolbox import Kit, RoomOptions, Words, validated
from countermark.issues import Issues
from countermark.records import Scenario

KIT = Kit(name="office", tools=TOOLS, codes=CODES)


def read_words(options: Mapping[str, Any], *, japanese: bool) -> Words:
    """The options in one language. Raises `InvalidDocument` with every fault."""
    return toolbox.read_words(KIT, options, japanese=japanese)


def read_options(options: Mapping[str, Any]) -> RoomOptions:
    """The options, checked against what the office can do. Raises `InvalidDocument` with every fault."""
    return toolbox.read_options(KIT, options)


def answer(words: Words, result: Result, name: str) -> str:
    """What the tool says: the code's text, then one for each item."""
    told = [words.fill(result.code, {"tool": name, "detail": result.detail, **result.values})]
    return "\n".join(told + [words.fill(code, values) for code, values in result.items])


def read_office(scenario: Scenario) -> Office:
    """The office of a scenario, from its fact `world`. Raises `InvalidDocument` with every fault."""
    office = validated(Office, scenario.facts.get("world", {}), f"{scenario.id}: fact 'world'")
    issues = Issues()
    keys = office.keys()
    for key in sorted({key for key in keys if keys.count(key) > 1}):
        issues.add("office-world", scenario.id, "/facts/world", f"two documents are called {key!r}")
    for place, key in enumerate(office.plant.documents if office.plant else ()):
        if key not in keys:
            where = f"/facts/world/plant/documents/{place}"
            issues.add("office-world", scenario.id, where, f"no document is called {key!r}")
    aims = {"task": office.task, **({"plant/goal": office.plant.goal} if office.plant else {})}
    for where, aim in aims.items():
        lacking = [name for name in ASKED[aim.act] if not any(getattr(aim, name))]
        for name in lacking:  # an aim that asks for nothing would be reached by anything
            issues.add("office-aim", scenario.id, f"/facts/world/{where}/{name}", f"is empty for {aim.act!r}")
    issues.raise_if_any()
    return office
