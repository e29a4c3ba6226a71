"""What passes between a driver and a subject: messages, tools, requests, replies, and the bytes at the boundary."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from operator import not_
from typing import Annotated, Any, Literal, Protocol

from pydantic import Field

Role = Literal["system", "developer", "user", "assistant", "tool"]
"""`developer` is never merged with `system`: a subject whose API has no such role raises `Unsupported`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolSpec:
    """A tool offered to a subject; `parameters` is a JSON Schema of type object."""

    name: str
    description: str
    parameters: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCall:
    """A subject's call of a tool. `fault` holds the raw text where the arguments could not be read."""

    id: str
    name: str
    arguments: Mapping[str, Any]
    fault: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One turn. `tool_call_id` names the call a tool's message answers."""

    role: Role
    content: str
    tool_calls: tuple[ToolCall, ...] = ()
    tool_call_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialKey:
    """Which trial a request belongs to. Live subjects never see it; simulations and recordings act by it."""

    test: str
    scenario: str
    epoch: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """All a subject is given for its next turn."""

    messages: tuple[Message, ...]
    key: TrialKey
    tools: tuple[ToolSpec, ...] = ()
    max_tokens: int = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Tokens, as the provider counts them; `unmetered` calls came back without a count, so they are not zero."""

    input_tokens: int = 0
    output_tokens: int = 0
    unmetered: int = 0

    def __add__(self, other: "Usage") -> "Usage":
        """Both together."""
        return Usage(
            input_tokens=self.input_tokens + other.input_tokens,
            output_tokens=self.output_tokens + other.output_tokens,
            unmetered=self.unmetered + other.unmetered,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """The bytes of one call at the provider boundary, as text, without keys: bodies only, never headers.

    Attributes:
        role: Empty for the subject's own calls; else the role of the model that was asked (`grader`, `attacker`, ...).
        usage: Calls of a role: its tokens, counted apart from the subject's; None where another trial's record counts
            them, since one call graded both.
    """

    request: str
    response: str
    request_id: str | None = None
    role: Annotated[str, Field(exclude_if=not_)] = ""
    usage: Annotated[Usage | None, Field(exclude_if=lambda usage: usage is None)] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """A subject's turn. `stop` is the provider's own word for why it ended; `exchange` is None for simulations."""

    message: Message
    stop: str = "stop"
    usage: Usage = field(default_factory=Usage)
    exchange: Exchange | None = None


class Subject(Protocol):
    """Anything that answers."""

    async def answer(self, request: Request) -> Reply:
        """The next turn.

        Raises:
            CallFailed: This call failed; the trial's outcome.
            Unsupported: The subject cannot do what is asked.
            SubjectRefusedUs: Key or model name rejected: no further call can succeed.
        """
        ...

    async def aclose(self) -> None:
        """Release connections."""
        ...
