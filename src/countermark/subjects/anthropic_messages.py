"""A model behind Anthropic's Messages API, by the vendor's SDK.

Roles: leading `system` turns become the top-level `system`; a later one is `Unsupported`, and so is a `developer`
turn, since the API has no such role and merging the two would hide which was tested. Results of tools become
`tool_result` blocks, those that follow each other in one `user` turn. A turn of the model that made tool calls goes
back block for block as it came, thinking included, as the API requires; other turns go back as their text. A turn in
which the model said nothing is left out, since the API takes no empty one.
"""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any

import anthropic
import anyio
import httpx2
from pydantic import Field

from countermark.errors import SubjectError, Unsupported, UsageError
from countermark.records import Message, Reply, Request, ToolSpec, Usage
from countermark.subjects.boundary import (
    Answer,
    Boundary,
    CappedClient,
    Wire,
    by_transport,
    keeping,
    refusal,
    validated,
)
from countermark.subjects.failures import by_status, malformed, tool_call, unusable
from countermark.subjects.settings import LiveSettings, address, key

ID_HEADER = "request-id"
WITH_TEMPERATURE = "2023-06-01"
"""The last version of the API whose requests may carry a temperature."""
_KEPT_TURNS = 4096
_EFFORTS = ("low", "medium", "high", "xhigh", "max")


class AnthropicMessages:
    """One model, one HTTP client."""

    def __init__(self, model: str, settings: LiveSettings) -> None:
        self._model = model
        self._settings = settings
        self._fixed = fixed_fields(settings)
        self._turns: OrderedDict[str, tuple[Message, Sequence[Mapping[str, Any]]]] = OrderedDict()
        headers = {"anthropic-version": WITH_TEMPERATURE} if settings.temperature is not None else None
        secret = key("anthropic")
        self._client = anthropic.AsyncAnthropic(
            api_key=secret,
            base_url=address("anthropic", settings),
            max_retries=0,
            timeout=settings.timeout_s,
            default_headers=headers,
            open_telemetry=False,
            http_client=CappedClient(settings),
        )
        self._boundary = Boundary(
            send=self._send,
            failure=failure,
            errors=anthropic.AnthropicError,
            key=secret,
            id_header=ID_HEADER,
            timeout_s=settings.timeout_s,
            limiter=anyio.CapacityLimiter(settings.max_connections),
        )

    async def answer(self, request: Request) -> Reply:
        """The next turn. Raises `CallFailed`, `Unsupported` or `SubjectRefusedUs`."""
        answer = await self._boundary.call(self._body(request))
        with keeping(answer.exchange):
            reply, blocks = read_reply(answer)
        if reply.message.tool_calls:
            self._turns[reply.message.tool_calls[0].id] = (reply.message, blocks)
            if len(self._turns) > _KEPT_TURNS:
                self._turns.popitem(last=False)
        return reply

    async def aclose(self) -> None:
        """Release the connections."""
        await self._client.close()

    async def _send(self, body: dict[str, Any]) -> httpx2.Response:
        return await self._client.post("/v1/messages", body=body, cast_to=httpx2.Response)

    def _body(self, request: Request) -> dict[str, Any]:
        system, turns = split_system(request.messages)
        body: dict[str, Any] = {"model": self._model, "max_tokens": request.max_tokens}
        if system:
            body["system"] = system
        body["messages"] = self._write(turns)
        if request.tools:
            body["tools"] = [write_tool(tool) for tool in request.tools]
        return body | self._fixed

    def _write(self, turns: Sequence[Message]) -> list[dict[str, Any]]:
        written: list[dict[str, Any]] = []
        for place, message in enumerate(turns):
            if message.role == "tool" and place and turns[place - 1].role == "tool":
                written[-1]["content"].append(_result(message))
            elif message.role == "tool":
                written.append({"role": "user", "content": [_result(message)]})
            elif message.role == "user":
                written.append({"role": "user", "content": message.content})
            elif message.tool_calls or message.content.strip():
                written.append({"role": "assistant", "content": self._own_turn(message)})
        return written

    def _own_turn(self, message: Message) -> str | Sequence[Mapping[str, Any]]:
        if not message.tool_calls:
            return message.content
        kept = self._turns.get(message.tool_calls[0].id)
        if kept is not None and kept[0] == message:
            self._turns.move_to_end(message.tool_calls[0].id)
            return kept[1]
        said = [{"type": "text", "text": message.content}] if message.content.strip() else []
        calls = [
            {"type": "tool_use", "id": call.id, "name": call.name, "input": dict(call.arguments)}
            for call in message.tool_calls
        ]
        return [*said, *calls]


def fixed_fields(settings: LiveSettings) -> dict[str, Any]:
    """The fields of every request that follow from the settings. Raises `UsageError` on an effort unknown here."""
    fields: dict[str, Any] = {}
    if settings.temperature is not None:
        fields["temperature"] = float(settings.temperature)
    if settings.budget is not None:
        fields["thinking"] = {"type": "enabled", "budget_tokens": settings.budget}
    elif settings.reasoning == "none":
        fields["thinking"] = {"type": "disabled"}
    elif settings.reasoning == "between_tools":
        fields["thinking"] = {"type": "between_tools"}
    elif settings.reasoning in _EFFORTS:
        fields["thinking"] = {"type": "adaptive"}
        fields["output_config"] = {"effort": settings.reasoning}
    elif settings.reasoning is not None:
        raise UsageError(
            f"Anthropic has no reasoning {settings.reasoning!r}",
            hint=f"give none, between_tools, {', '.join(_EFFORTS)}, or a budget in tokens",
        )
    return fields


def split_system(messages: Sequence[Message]) -> tuple[str, Sequence[Message]]:
    """The leading system text and the turns after it. Raises `Unsupported` on later system text or a developer's."""
    if any(message.role == "developer" for message in messages):
        raise Unsupported("a developer message, a role that this API does not have")
    count = next((place for place, message in enumerate(messages) if message.role != "system"), len(messages))
    turns = messages[count:]
    if any(message.role == "system" for message in turns):
        raise Unsupported("system text after the first turn, which not every model of this API takes")
    return "\n\n".join(message.content for message in messages[:count]), turns


def write_tool(tool: ToolSpec) -> dict[str, Any]:
    """A tool as the API takes it."""
    return {"name": tool.name, "description": tool.description, "input_schema": dict(tool.parameters)}


class _Block(Wire):
    type: str
    text: str = ""
    id: str = ""
    name: str = ""
    input: Any = None


class _Usage(Wire):
    input_tokens: int = Field(default=0, ge=0)
    output_tokens: int = Field(default=0, ge=0)
    cache_creation_input_tokens: int | None = Field(default=None, ge=0)
    cache_read_input_tokens: int | None = Field(default=None, ge=0)


class _Message(Wire):
    content: list[_Block]
    stop_reason: str | None = None
    usage: _Usage | None = None


def read_reply(answer: Answer) -> tuple[Reply, Sequence[Mapping[str, Any]]]:
    """The turn in an answer, and its blocks as they came. Raises `CallFailed`."""
    if answer.blocked is not None:
        silent = Message(role="assistant", content="")
        return Reply(message=silent, stop=answer.blocked, exchange=answer.exchange), ()
    told = validated(_Message, answer.body)
    calls = tuple(
        tool_call(block.id, block.name, block.input) for block in told.content if block.type == "tool_use"
    )
    text = "".join(block.text for block in told.content if block.type == "text")
    reply = Reply(
        message=Message(role="assistant", content=text, tool_calls=calls),
        stop=told.stop_reason or "unknown",
        usage=_usage(told.usage),
        exchange=answer.exchange,
    )
    return reply, answer.body["content"]


def failure(error: Exception, with_tools: bool) -> SubjectError:
    """An error of the SDK, or one it lets through, as one of ours."""
    if isinstance(error, anthropic.APIStatusError):
        return by_status(refusal(error.response, ID_HEADER), with_tools=with_tools)
    if isinstance(error, anthropic.APIConnectionError):
        return by_transport(error)
    if isinstance(error, (anthropic.APIError, anthropic.RetryableError)):
        return malformed(str(error))
    if isinstance(error, anthropic.AnthropicError):
        return unusable(error)
    return by_transport(error)


def _usage(told: _Usage | None) -> Usage:
    if told is None:
        return Usage(unmetered=1)
    cached = (told.cache_creation_input_tokens or 0) + (told.cache_read_input_tokens or 0)
    return Usage(input_tokens=told.input_tokens + cached, output_tokens=told.output_tokens)


def _result(message: Message) -> dict[str, Any]:
    return {"type": "tool_result", "tool_use_id": message.tool_call_id or "", "content": message.content}
