"""Scripted dialogue: the system or developer message, then the user's turns one by one, the subject answering each.

Where the scenario has the fact `tools`, these are offered, and a call is answered with the text that the fact holds,
whatever its arguments; the same subject speaks again until it calls none.
"""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from countermark.drivers.talk import Talk
from countermark.issues import Issues
from countermark.records import Message, Scenario, ToolCall, ToolSpec

MAX_ROUNDS = 6
"""Turns with calls after one user turn; after them the next user turn follows."""
MAX_CALLS = 16
"""Calls of one turn that are answered with a result; further ones are told that they are too many."""


class ScriptedTool(BaseModel):
    """A tool of the fact `tools`: what the subject reads of it, and the text every call of it returns."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,59}$")]
    description: Annotated[str, Field(min_length=1, max_length=2000)]
    parameters: Annotated[dict[str, str], Field(max_length=10)] = {}
    """Parameter to its description; all are required texts."""
    result: Annotated[str, Field(min_length=1, max_length=20_000)]

    def spec(self) -> ToolSpec:
        """As a subject is offered it."""
        fields = {name: {"type": "string", "description": text} for name, text in self.parameters.items()}
        schema = {"type": "object", "properties": fields, "required": list(fields)}
        return ToolSpec(name=self.name, description=self.description, parameters=schema)


_TOOLS = TypeAdapter(Annotated[list[ScriptedTool], Field(max_length=20)])


async def dialogue(scenario: Scenario, talk: Talk, options: Mapping[str, Any]) -> Mapping[str, Any]:
    """Put the scenario's turns in order. A single user turn makes it the single-turn driver. Takes no options.

    Raises:
        InvalidDocument: The fact `tools` does not describe tools.
    """
    del options
    tools = read_tools(scenario)
    for message in scenario.dialogue:
        talk.say(message)
        if message.role == "user":
            await answered(talk, tools)
    return {}


async def answered(talk: Talk, tools: Mapping[str, ScriptedTool]) -> None:
    """The subject's turns up to the one in which it calls no tool."""
    offered = [tool.spec() for tool in tools.values()]
    for _ in range(MAX_ROUNDS):
        reply = await talk.turn(tools=offered)
        if not reply.tool_calls or not tools:
            return
        for place, call in enumerate(reply.tool_calls):
            talk.say(Message(role="tool", content=result_of(tools, call, place), tool_call_id=call.id))


def result_of(tools: Mapping[str, ScriptedTool], call: ToolCall, place: int) -> str:
    """The text that answers a call; `place` counts the calls of its turn from 0."""
    if place >= MAX_CALLS:
        return "error: too many calls in one turn"
    tool = tools.get(call.name)
    return tool.result if tool else "error: there is no such tool"


def read_tools(scenario: Scenario) -> dict[str, ScriptedTool]:
    """The tools of the fact `tools`, by name. Raises `InvalidDocument`."""
    if "tools" not in scenario.facts:
        return {}
    issues, tools = Issues(), {}
    try:
        tools = {tool.name: tool for tool in _TOOLS.validate_python(scenario.facts["tools"])}
    except ValidationError as error:
        for fault in error.errors():
            issues.add(
                fault["type"], scenario.id, "/facts/tools/" + "/".join(map(str, fault["loc"])), fault["msg"]
            )
    issues.raise_if_any()
    return tools
