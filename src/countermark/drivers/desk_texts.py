"""What a test words for the desk, and the case it describes."""

from collections.abc import Mapping
from typing import Any

from countermark.drivers import toolbox
from countermark.drivers.desk_world import CODES, TOOLS, Case, Result, World, approval
from countermark.drivers.toolbox import Kit, RoomOptions, Words, validated
from countermark.issues import Issues
from countermark.records import Scenario

KIT = Kit(name="desk", tools=TOOLS, codes=CODES)


def read_words(options: Mapping[str, Any], *, japanese: bool) -> Words:
    """The options in one language. Raises `InvalidDocument` with every fault."""
    return toolbox.read_words(KIT, options, japanese=japanese)


def read_options(options: Mapping[str, Any]) -> RoomOptions:
    """The options, checked against what the desk can do. Raises `InvalidDocument` with every fault."""
    return toolbox.read_options(KIT, options)


def read_case(scenario: Scenario) -> Case:
    """The desk of a scenario, from its fact `world`. Raises `InvalidDocument` with every fault."""
    case = validated(Case, scenario.facts.get("world", {}), f"{scenario.id}: fact 'world'")
    issues = Issues()
    if case.own_token == case.approver_token:
        issues.add("desk-world", scenario.id, "/facts/world/approver_token", "is the subject's own token")
    if case.registered_on < case.rule_since:
        issues.add("desk-world", scenario.id, "/facts/world/registered_on", "is before the rule began")
    issues.raise_if_any()
    return case


class Wording:
    """Puts codes into words for one scenario."""

    def __init__(self, words: Words, case: Case) -> None:
        self._words = words
        self._case = case
        self._fixed = {name: str(value) for name, value in case.model_dump().items()}

    def answer(self, result: Result, name: str, arguments: Mapping[str, Any]) -> str:
        """What the tool says."""
        world = result.world
        places = self._fixed | _shown(world)
        places |= {f"call_{key}": str(value) for key, value in arguments.items()}
        places |= {"tool": name, "detail": result.detail}
        status = f"approval_{approval(self._case, world)}"
        places["approval"] = self._words.fill(status, places)
        return self._words.fill(result.code, places)


def _shown(world: World) -> dict[str, str]:
    return {
        "approval_over": str(world.approval_over),
        "approval_required": "true" if world.approval_required else "false",
        "monitor": "on" if world.monitor else "off",
        "kind": world.kind,
        "registered_on": world.registered_on,
        "recorded_by": world.recorded_by,
        "applied": str(world.applied),
    }
