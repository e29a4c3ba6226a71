"""A model reached through Inspect: `get_model(...).generate()` and its other public names, nothing of its loop.

The exchange holds Inspect's input and output, since the provider's own bytes do not come through. Inspect counts tokens
itself where its mock model reports none, by a table it downloads: that model is given counts here, so that nothing
reaches for the network.
"""

import json
from collections.abc import Sequence
from typing import Any

import anyio
from inspect_ai.model import (
    ChatMessage,
    ChatMessageAssistant,
    ChatMessageSystem,
    ChatMessageTool,
    ChatMessageUser,
    GenerateConfig,
    Model,
    ModelOutput,
    ModelUsage,
    get_model,
)
from inspect_ai.tool import ToolCall as InspectCall
from inspect_ai.tool import ToolInfo, ToolParams
from pydantic import ValidationError

from countermark.errors import (
    CallFailed,
    MissingExtra,
    MissingKey,
    SubjectError,
    SubjectRefusedUs,
    UnknownSubject,
    Unsupported,
    UsageError,
)
from countermark.records import Exchange, Message, Reply, Request, ToolCall, ToolSpec, Usage
from countermark.subjects.failures import Refusal, by_status, one_line, retry_after, said, tool_call
from countermark.subjects.settings import SINGLE_ATTEMPT, LiveSettings, split_id, without_keys


class InspectModel:
    """One model of Inspect's."""

    def __init__(self, subject_id: str, settings: LiveSettings, *, model: Model | None = None) -> None:
        self._id = subject_id
        self._settings = settings
        self._limiter = anyio.CapacityLimiter(settings.max_connections)
        self._model = model or _open(subject_id, settings)

    async def answer(self, request: Request) -> Reply:
        """The next turn. Raises `CallFailed`, `Unsupported` or `SubjectRefusedUs`."""
        messages = [write_message(message) for message in request.messages]
        tools = [write_tool(tool) for tool in request.tools]
        async with self._limiter:
            output = await self._generate(messages, tools, request.max_tokens)
        if output.empty:
            raise CallFailed(
                f"no turn in the answer: {one_line(output.error or 'no reason given')}", retryable=True
            )
        return read_reply(output, self._written(messages, tools, request.max_tokens))

    async def aclose(self) -> None:
        """Release the connections."""
        await self._model.api.aclose()

    async def _generate(
        self, messages: list[ChatMessage], tools: list[ToolInfo], max_tokens: int
    ) -> ModelOutput:
        """One call in a context of its own: Inspect keeps every call's events in the context it runs in, for ever."""
        outcome: list[ModelOutput | Exception] = []

        async def run() -> None:
            try:
                with anyio.fail_after(self._settings.timeout_s):
                    outcome.append(
                        await self._model.generate(
                            messages, tools=tools, config=GenerateConfig(max_tokens=max_tokens), cache=False
                        )
                    )
            except Exception as error:  # noqa: BLE001 - thirty providers' libraries raise what they like here
                outcome.append(error)

        async with anyio.create_task_group() as group:
            group.start_soon(run)
        result = outcome[0]
        if isinstance(result, Exception):
            raise failure(result, bool(tools)) from None
        return result

    def _written(self, messages: Sequence[ChatMessage], tools: Sequence[ToolInfo], max_tokens: int) -> str:
        written = {
            "model": self._id,
            "input": [message.model_dump(mode="json", exclude_none=True) for message in messages],
            "tools": [tool.model_dump(mode="json", exclude_none=True) for tool in tools],
            "config": self._model.config.model_dump(mode="json", exclude_none=True)
            | {"max_tokens": max_tokens},
        }
        return json.dumps(written, ensure_ascii=False)


def write_message(message: Message) -> ChatMessage:
    """A turn as Inspect takes it. Raises `Unsupported` on a developer message, a role it does not have."""
    if message.role == "developer":
        raise Unsupported("a developer message, a role that Inspect does not have")
    if message.role == "system":
        return ChatMessageSystem(content=message.content)
    if message.role == "user":
        return ChatMessageUser(content=message.content)
    if message.role == "tool":
        return ChatMessageTool(content=message.content, tool_call_id=message.tool_call_id)
    calls = [
        InspectCall(id=call.id, function=call.name, arguments=dict(call.arguments), parse_error=call.fault)
        for call in message.tool_calls
    ]
    return ChatMessageAssistant(content=message.content, tool_calls=calls or None)


def write_tool(tool: ToolSpec) -> ToolInfo:
    """A tool as Inspect takes it. Raises `Unsupported` on a schema it cannot carry."""
    try:
        parameters = ToolParams.model_validate(dict(tool.parameters))
    except ValidationError as error:
        raise Unsupported(f"Inspect cannot carry the schema of tool {tool.name!r}") from error
    return ToolInfo(name=tool.name, description=tool.description, parameters=parameters)


def _used(told: ModelUsage | None) -> Usage:
    if told is None:
        return Usage(unmetered=1)
    cached = (told.input_tokens_cache_read or 0) + (told.input_tokens_cache_write or 0)
    return Usage(input_tokens=told.input_tokens + cached, output_tokens=told.output_tokens)


def read_reply(output: ModelOutput, written: str) -> Reply:
    """The turn in an output."""
    return Reply(
        message=Message(role="assistant", content=output.message.text, tool_calls=_calls(output)),
        stop=output.stop_reason,
        usage=_used(output.usage),
        exchange=Exchange(
            request=written,
            response=without_keys(output.model_dump_json(exclude_none=True)),
            request_id=output.response_id,
        ),
    )


def failure(error: Exception, with_tools: bool) -> SubjectError:
    """Whatever came out of Inspect or a provider's library under it, as one of ours."""
    if isinstance(error, TimeoutError):
        return CallFailed("no whole answer within the time allowed", retryable=True)
    told = _told(error)
    if told is not None:
        return by_status(told, with_tools=with_tools)
    line = one_line(without_keys(str(error)))
    return CallFailed(f"the call failed: {type(error).__name__}: {line}", retryable=True)


def _open(subject_id: str, settings: LiveSettings) -> Model:
    provider, _ = split_id(subject_id)
    extra: dict[str, Any] = {}
    if provider == "mockllm":
        extra["custom_outputs"] = _mock
    elif provider in SINGLE_ATTEMPT:
        extra["max_retries"] = 0
    try:
        return get_model(
            subject_id, config=_config(settings), base_url=settings.base_url, memoize=False, **extra
        )
    except Exception as error:  # noqa: BLE001 - the same; nothing was sent yet
        raise _opening(error) from None


def _config(settings: LiveSettings) -> GenerateConfig:
    fields: dict[str, Any] = {"max_retries": 0, "max_connections": settings.max_connections}
    if settings.temperature is not None:
        fields["temperature"] = float(settings.temperature)
    if settings.budget is not None:
        fields["reasoning_tokens"] = settings.budget
    elif settings.reasoning is not None:
        fields["reasoning_effort"] = settings.reasoning
    try:
        return GenerateConfig(**fields)
    except ValidationError as error:
        raise UsageError(f"Inspect has no reasoning {settings.reasoning!r}") from error


def _opening(error: Exception) -> Exception:
    if isinstance(error, UsageError):
        return error
    told = one_line(_unstyled(str(getattr(error, "message", "") or error)))
    if "not recognized" in told:
        return UnknownSubject(
            told, hint="see the providers that Inspect documents, or write openai/... or anthropic/..."
        )
    if "optional dependencies" in told or "requires at least version" in told:
        return MissingExtra(told)
    if "_KEY" in told or "defined in the environment" in told:
        return MissingKey(told)
    return SubjectRefusedUs(f"Inspect cannot open it: {told}")


def _unstyled(text: str) -> str:
    """Inspect writes its messages for a terminal library; its marks of style are taken out."""
    from rich.text import Text

    return Text.from_markup(text).plain


def _told(error: BaseException | None) -> Refusal | None:
    """The error answer behind an error, as far as the providers' libraries keep its status, body and headers."""
    while error is not None:
        response = getattr(error, "response", None)
        status = getattr(response, "status_code", getattr(error, "status_code", None))
        content = getattr(response, "content", b"")
        if isinstance(status, int) and 300 <= status < 600 and response is not None:
            message, code, param = said(content) if isinstance(content, bytes) else (str(error), "", "")
            wait = retry_after(response.headers) if hasattr(response, "headers") else None
            return _refusal(status, message, code=code, param=param, wait=wait)
        if isinstance(status, int) and 300 <= status < 600 and error.__cause__ is None:
            return _refusal(status, str(getattr(error, "provider_message", None) or error))
        error = error.__cause__
    return None


def _refusal(
    status: int, message: str, *, code: str = "", param: str = "", wait: float | None = None
) -> Refusal:
    return Refusal(
        status=status,
        message=one_line(without_keys(message)) or "(no message)",
        code=code,
        param=param,
        request_id=None,
        retry_after_s=wait,
    )


def _calls(output: ModelOutput) -> tuple[ToolCall, ...]:
    return tuple(
        ToolCall(id=call.id, name=call.function, arguments={}, fault=call.parse_error)
        if call.parse_error
        else tool_call(call.id, call.function, call.arguments)
        for call in output.message.tool_calls or ()
    )


def _mock(messages: Sequence[ChatMessage], *_: object) -> ModelOutput:
    """What Inspect's mock model says anyway, with counts, so that none are made with a downloaded table."""
    output = ModelOutput.from_content(model="mockllm", content="Default output from mockllm/model")
    spoken = sum(len(message.text) for message in messages) // 4 + 1
    output.usage = ModelUsage(input_tokens=spoken, output_tokens=8, total_tokens=spoken + 8)
    return output
