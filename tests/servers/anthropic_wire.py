"""Anthropic's Messages on the loopback: not streamed, with system text, tool use, usage and request ids.

It is as strict as the vendor about what breaks clients: turns without content, results that answer no call.
"""

import json
from collections.abc import Mapping, Sequence
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


def anthropic_server(
    said: Said | Responder = "Hello.", *, latency_s: float = 0.0, key: str | None = None, keep: int = 100
) -> LoopbackServer:
    """A server at `base_url` (without /v1) whose model says what is given; `key`: refuse any other with 401."""
    respond = responder(said)

    def handle(request: WireRequest) -> WireAnswer:
        if request.method != "POST" or request.path != "/v1/messages":
            return anthropic_error(404, "not_found_error", "Not Found")
        given = request.headers.get("x-api-key") or request.headers.get("authorization", "").removeprefix(
            "Bearer "
        )
        if key is not None and given != key:
            return anthropic_error(401, "authentication_error", "invalid x-api-key")
        try:
            chat = read_chat(request)
        except (ValueError, KeyError, TypeError) as error:
            return anthropic_error(400, "invalid_request_error", f"malformed request: {error}")
        told = respond(chat)
        return told if isinstance(told, WireAnswer) else turn(as_reply(told, chat), chat)

    return LoopbackServer(handle, latency_s=latency_s, keep=keep)


def anthropic_error(
    status: int, kind: str, message: str, *, headers: Mapping[str, str] | None = None
) -> WireAnswer:
    """An error in the vendor's shape."""
    body = {"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_error"}
    return WireAnswer(
        status=status, body=dumped(body), headers={"request-id": "req_error", **(headers or {})}
    )


def turn(reply: Reply, chat: ChatRequest, *, before: Sequence[Mapping[str, Any]] = ()) -> WireAnswer:
    """A turn in the vendor's shape; `before`: blocks that go before its text, such as thinking."""
    number = chat.wire.number
    said = [{"type": "text", "text": reply.message.content}] if reply.message.content else []
    calls = [
        {"type": "tool_use", "id": call.id, "name": call.name, "input": dict(call.arguments)}
        for call in reply.message.tool_calls
    ]
    body = {
        "id": f"msg_{number}",
        "type": "message",
        "role": "assistant",
        "model": chat.model,
        "content": [*before, *said, *calls],
        "stop_reason": reply.stop or ("tool_use" if calls else "end_turn"),
        "stop_sequence": None,
        "usage": {
            "input_tokens": reply.usage.input_tokens,
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": 0,
            "output_tokens": reply.usage.output_tokens,
        },
    }
    return WireAnswer(body=dumped(body), headers={"request-id": f"req_{number}"})


def read_chat(request: WireRequest) -> ChatRequest:
    """The request, read into our own values. Raises `ValueError` where the vendor would refuse it."""
    body = json.loads(request.body)
    messages = [Message(role="system", content=body["system"])] if body.get("system") else []
    called: set[str] = set()
    for told in body["messages"]:
        read = _messages(told)
        called.update(call.id for message in read for call in message.tool_calls)
        if any(message.role == "tool" and message.tool_call_id not in called for message in read):
            raise ValueError("unexpected tool_use_id found in tool_result blocks")
        messages.extend(read)
    return ChatRequest(
        model=body["model"],
        messages=tuple(messages),
        tools=tuple(_tool(tool) for tool in body.get("tools", ())),
        max_tokens=body["max_tokens"],
        body=body,
        wire=request,
    )


def _messages(told: Mapping[str, Any]) -> list[Message]:
    role, content = told["role"], told["content"]
    if role not in ("user", "assistant"):
        raise ValueError(f"unexpected role {role!r}")
    blocks = [{"type": "text", "text": content}] if isinstance(content, str) else content
    texts = [block["text"] for block in blocks if block["type"] == "text"]
    if not blocks or not all(text.strip() for text in texts):
        raise ValueError("text content blocks must be non-empty")
    results = [
        Message(role="tool", content=block["content"], tool_call_id=block["tool_use_id"])
        for block in blocks
        if block["type"] == "tool_result"
    ]
    calls = tuple(
        ToolCall(id=block["id"], name=block["name"], arguments=block["input"])
        for block in blocks
        if block["type"] == "tool_use"
    )
    own = [Message(role=role, content="".join(texts), tool_calls=calls)] if texts or calls else []
    return results + own


def _tool(told: Mapping[str, Any]) -> ToolSpec:
    return ToolSpec(
        name=told["name"], description=told.get("description", ""), parameters=told["input_schema"]
    )
