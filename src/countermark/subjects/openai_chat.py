"""A model behind OpenAI's Chat Completions, by the vendor's SDK: theirs, or any compatible server's.

Roles: `system` stays `system`, in its place; `developer`, `user`, `assistant` and `tool` likewise; tools are native
functions. `developer` is known at the vendor's own address only: a compatible server may drop or merge it unseen, so
there it is `Unsupported`. The API gives no reasoning back, so none is kept between turns.
"""

import json
from typing import Any

import anyio
import httpx2
import openai
from pydantic import Field

from countermark.errors import SubjectError, Unsupported
from countermark.records import Message, Reply, Request, ToolCall, ToolSpec, Usage
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
from countermark.subjects.settings import LiveSettings, address, is_own, key, token_field

ID_HEADER = "x-request-id"
_UNREADABLE = (openai.APIError, openai.LengthFinishReasonError, openai.ContentFilterFinishReasonError)


class OpenAIChat:
    """One model, one HTTP client."""

    def __init__(self, model: str, settings: LiveSettings) -> None:
        self._model = model
        self._settings = settings
        self._token_field = token_field(settings)
        self._own = is_own("openai", settings)
        self._client = openai.AsyncOpenAI(
            api_key=key("openai"),
            base_url=address("openai", settings),
            max_retries=0,
            timeout=settings.timeout_s,
            http_client=CappedClient(settings),
        )
        self._boundary = Boundary(
            send=self._send,
            failure=failure,
            errors=openai.OpenAIError,
            key=self._client.api_key,
            id_header=ID_HEADER,
            timeout_s=settings.timeout_s,
            limiter=anyio.CapacityLimiter(settings.max_connections),
        )

    async def answer(self, request: Request) -> Reply:
        """The next turn. Raises `CallFailed`, `Unsupported` or `SubjectRefusedUs`."""
        if any(message.role == "developer" for message in request.messages) and not self._own:
            raise Unsupported("a developer message, a role that is known at the vendor's own address only")
        answer = await self._boundary.call(self._body(request))
        with keeping(answer.exchange):
            return read_reply(answer, turn=len(request.messages))

    async def aclose(self) -> None:
        """Release the connections."""
        await self._client.close()

    async def _send(self, body: dict[str, Any]) -> httpx2.Response:
        return await self._client.post("/chat/completions", body=body, cast_to=httpx2.Response)

    def _body(self, request: Request) -> dict[str, Any]:
        body: dict[str, Any] = {
            "model": self._model,
            "messages": [write_message(message) for message in request.messages],
            self._token_field: request.max_tokens,
        }
        if self._settings.temperature is not None:
            body["temperature"] = float(self._settings.temperature)
        if self._settings.reasoning is not None:
            body["reasoning_effort"] = self._settings.reasoning
        if request.tools:
            body["tools"] = [write_tool(tool) for tool in request.tools]
        return body


def write_message(message: Message) -> dict[str, Any]:
    """A turn as the API takes it."""
    if message.role == "tool":
        return {"role": "tool", "tool_call_id": message.tool_call_id or "", "content": message.content}
    if message.role == "assistant" and message.tool_calls:
        calls = [_write_call(call) for call in message.tool_calls]
        return {"role": "assistant", "content": message.content or None, "tool_calls": calls}
    return {"role": message.role, "content": message.content}


def write_tool(tool: ToolSpec) -> dict[str, Any]:
    """A tool as the API takes it."""
    function = {"name": tool.name, "description": tool.description, "parameters": dict(tool.parameters)}
    return {"type": "function", "function": function}


class _Function(Wire):
    name: str
    arguments: str | dict[str, Any] = "{}"


class _Call(Wire):
    id: str | None = None
    function: _Function


class _Part(Wire):
    text: str = ""


class _Message(Wire):
    content: str | list[_Part] | None = None
    refusal: str | None = None
    tool_calls: list[_Call] | None = None


class _Choice(Wire):
    message: _Message
    finish_reason: str | None = None


class _Usage(Wire):
    prompt_tokens: int = Field(default=0, ge=0)
    completion_tokens: int = Field(default=0, ge=0)


class _Completion(Wire):
    choices: list[_Choice] = Field(min_length=1)
    usage: _Usage | None = None


def read_reply(answer: Answer, *, turn: int) -> Reply:
    """The turn in an answer; `turn` numbers calls that a server left without an id. Raises `CallFailed`."""
    if answer.blocked is not None:
        return Reply(
            message=Message(role="assistant", content=""), stop=answer.blocked, exchange=answer.exchange
        )
    completion = validated(_Completion, answer.body)
    choice = completion.choices[0]
    message = Message(
        role="assistant", content=_text(choice.message), tool_calls=_calls(choice.message, turn)
    )
    return Reply(
        message=message,
        stop=_stop(choice),
        usage=_used(completion.usage),
        exchange=answer.exchange,
    )


def _used(told: _Usage | None) -> Usage:
    if told is None:
        return Usage(unmetered=1)
    return Usage(input_tokens=told.prompt_tokens, output_tokens=told.completion_tokens)


def failure(error: Exception, with_tools: bool) -> SubjectError:
    """An error of the SDK, or one it lets through, as one of ours."""
    if isinstance(error, openai.APIStatusError):
        return by_status(refusal(error.response, ID_HEADER), with_tools=with_tools)
    if isinstance(error, openai.APIConnectionError):
        return by_transport(error)
    if isinstance(error, _UNREADABLE):
        return malformed(str(error))
    if isinstance(error, openai.OpenAIError):
        return unusable(error)
    return by_transport(error)


def _text(message: _Message) -> str:
    content = message.content
    text = "".join(part.text for part in content) if isinstance(content, list) else content
    return text or message.refusal or ""


def _calls(message: _Message, turn: int) -> tuple[ToolCall, ...]:
    return tuple(
        tool_call(call.id or f"call_{turn}_{number}", call.function.name, call.function.arguments)
        for number, call in enumerate(message.tool_calls or ())
    )


def _stop(choice: _Choice) -> str:
    if choice.message.refusal and not choice.message.content:
        return "refusal"
    return choice.finish_reason or "unknown"


def _write_call(call: ToolCall) -> dict[str, Any]:
    arguments = call.fault if call.fault is not None else json.dumps(dict(call.arguments), ensure_ascii=False)
    return {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": arguments}}
