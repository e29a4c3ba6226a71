"""OpenAI's Chat Completions on the loopback: not streamed, with tool calls, usage and request ids."""

import json
from collections.abc import Mapping
from typing import Any

from countermark.records import Message, Reply, ToolCall, ToolSpec
from servers.loopback import (
    ChatRequest,
    LoopbackServer,
    Responder,
    Said,
    WireAnswer,
    WireRequest,
    as_reply,
    dumped,
    responder,
)


def openai_server(
    said: Said | Responder = "Hello.", *, latency_s: float = 0.0, key: str | None = None, keep: int = 100
) -> LoopbackServer:
    """A server at `base_url` (with /v1) whose model says what is given; `key`: refuse any other with 401."""
    respond = responder(said)

    def handle(request: WireRequest) -> WireAnswer:
        if request.method != "POST" or request.path != "/v1/chat/completions":
            return openai_error(404, f"Invalid URL ({request.method} {request.path})")
        if key is not None and request.headers.get("authorization") != f"Bearer {key}":
            return openai_error(401, "Incorrect API key provided.", code="invalid_api_key")
        try:
            chat = read_chat(request)
        except (ValueError, KeyError, TypeError) as error:
            return openai_error(400, f"malformed request: {error!r}")
        told = respond(chat)
        return told if isinstance(told, WireAnswer) else completion(as_reply(told, chat), chat)

    return LoopbackServer(handle, path="/v1", latency_s=latency_s, keep=keep)


def openai_error(
    status: int,
    message: str,
    *,
    code: str | None = None,
    param: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> WireAnswer:
    """An error in the vendor's shape."""
    kind = "invalid_request_error" if status < 500 else "server_error"
    error = {"message": message, "type": kind, "param": param, "code": code}
    return WireAnswer(
        status=status, body=dumped({"error": error}), headers={"x-request-id": "req_error", **(headers or {})}
    )


def completion(reply: Reply, chat: ChatRequest) -> WireAnswer:
    """A turn in the vendor's shape."""
    number = chat.wire.number
    message: dict[str, Any] = {"role": "assistant", "content": reply.message.content or None, "refusal": None}
    if reply.message.tool_calls:
        message["tool_calls"] = [_call(call) for call in reply.message.tool_calls]
    stop = reply.stop or ("tool_calls" if reply.message.tool_calls else "stop")
    used = reply.usage
    body = {
        "id": f"chatcmpl-{number}",
        "object": "chat.completion",
        "created": 1_700_000_000,
        "model": chat.model,
        "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": stop}],
        "usage": {
            "prompt_tokens": used.input_tokens,
            "completion_tokens": used.output_tokens,
            "total_tokens": used.input_tokens + used.output_tokens,
        },
        "system_fingerprint": "fp_loopback",
    }
    return WireAnswer(body=dumped(body), headers={"x-request-id": f"req_{number}"})


def read_chat(request: WireRequest) -> ChatRequest:
    """The request, read into our own values."""
    body = json.loads(request.body)
    return ChatRequest(
        model=body["model"],
        messages=tuple(_message(turn) for turn in body["messages"]),
        tools=tuple(_tool(tool["function"]) for tool in body.get("tools", ())),
        max_tokens=body.get("max_completion_tokens") or body.get("max_tokens") or 0,
        body=body,
        wire=request,
    )


def _message(turn: Mapping[str, Any]) -> Message:
    calls = tuple(_read_call(call) for call in turn.get("tool_calls") or ())
    return Message(
        role=turn["role"],
        content=turn.get("content") or "",
        tool_calls=calls,
        tool_call_id=turn.get("tool_call_id"),
    )


def _read_call(call: Mapping[str, Any]) -> ToolCall:
    told = call["function"]
    try:
        return ToolCall(id=call["id"], name=told["name"], arguments=json.loads(told["arguments"]))
    except ValueError:
        return ToolCall(id=call["id"], name=told["name"], arguments={}, fault=told["arguments"])


def _tool(told: Mapping[str, Any]) -> ToolSpec:
    return ToolSpec(
        name=told["name"], description=told.get("description", ""), parameters=told.get("parameters", {})
    )


def _call(call: ToolCall) -> dict[str, Any]:
    arguments = call.fault if call.fault is not None else json.dumps(dict(call.arguments))
    return {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": arguments}}
