"""Asking a live subject in tests: opened, asked, closed."""

from collections.abc import Iterator, Sequence

import anyio
import httpx2

from countermark.records import Message, Reply, Request, ToolCall, ToolSpec, TrialKey
from countermark.subjects.live import LiveSettings, open_live

KEY = "sk-test-0123456789abcdef"
TRIAL = TrialKey(test="system/example", scenario="system/example#1")
TOOL = ToolSpec(
    name="look_up",
    description="Looks up an order.",
    parameters={"type": "object", "properties": {"order": {"type": "integer"}}, "required": ["order"]},
)


def request(*turns: str | Message, tools: Sequence[ToolSpec] = (), max_tokens: int = 64) -> Request:
    """A request; texts are user turns."""
    messages = tuple(Message(role="user", content=turn) if isinstance(turn, str) else turn for turn in turns)
    return Request(messages=messages, key=TRIAL, tools=tuple(tools), max_tokens=max_tokens)


def system(text: str) -> Message:
    """A system turn."""
    return Message(role="system", content=text)


def called(*calls: ToolCall, text: str = "") -> Message:
    """A turn of the model that calls tools."""
    return Message(role="assistant", content=text, tool_calls=calls)


def result(call: ToolCall, text: str) -> Message:
    """A tool's answer to a call."""
    return Message(role="tool", content=text, tool_call_id=call.id)


def ask(subject_id: str, settings: LiveSettings, *requests: Request) -> list[Reply]:
    """The replies to the requests, one after the other."""

    async def run() -> list[Reply]:
        subject = open_live(subject_id, settings=settings)
        try:
            return [await subject.answer(each) for each in requests]
        finally:
            await subject.aclose()

    return anyio.run(run)


def ask_at_once(subject_id: str, settings: LiveSettings, asked: Request, times: int) -> None:
    """The same request many times at once."""

    async def run() -> None:
        subject = open_live(subject_id, settings=settings)
        try:
            async with anyio.create_task_group() as group:
                for _ in range(times):
                    group.start_soon(subject.answer, asked)
        finally:
            await subject.aclose()

    anyio.run(run)


def tree(root: type[Exception]) -> Iterator[type[Exception]]:
    """A class of errors and every class under it."""
    yield root
    for child in root.__subclasses__():
        yield from tree(child)


def made(kind: type[Exception]) -> Exception:
    """An error of an SDK's class, with what such errors carry."""
    asked = httpx2.Request("POST", "http://127.0.0.1/")
    status = getattr(kind, "status_code", 500)
    answer = httpx2.Response(status if isinstance(status, int) else 500, content=b"{}", request=asked)
    error = kind.__new__(kind)
    Exception.__init__(error, "told")
    error.__dict__.update(message="told", request=asked, request_id=None, body=None, response=answer)
    return error
