"""Scripted dialogue: the system message, then the user's turns one by one, the subject answering each."""

from collections.abc import Mapping
from typing import Any

from countermark.drivers.talk import Talk
from countermark.records import Scenario


async def dialogue(scenario: Scenario, talk: Talk, options: Mapping[str, Any]) -> Mapping[str, Any]:
    """Put the scenario's turns in order. A single user turn makes it the single-turn driver. Takes no options."""
    del options
    for message in scenario.dialogue:
        talk.say(message)
        if message.role == "user":
            await talk.turn()
    return {}
