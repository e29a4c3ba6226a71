"""A small HTTP/1.1 server on the loopback, in a thread of its own, that speaks a provider's wire and fails on demand.

`openai_wire` and `anthropic_wire` build on it. No framework: benchmarks use it, so a request costs little.

    with openai_server("Hello.") as server:
        ...  # server.base_url, server.requests, server.most_in_flight, server.seen
"""

import asyncio
import json
import threading
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from countermark.records import Message, Reply, ToolSpec

MAX_REQUEST = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class WireRequest:
    """One request as it came: headers in lower case, `number` from 1 in the order of arrival."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes
    number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WireAnswer:
    """One answer, or a fault.

    Attributes:
        body: Sent as it is.
        delay_s: Wait before the first byte, on top of the server's latency.
        cut_after: Close the connection after so many bytes of the body, though more were promised; -1 before any byte.
        drip_s: Send the body byte by byte with this pause between.
    """

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    content_type: str = "application/json"
    delay_s: float = 0.0
    cut_after: int | None = None
    drip_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatRequest:
    """A request for a turn, read: what a reference subject needs, whichever wire it came by."""

    model: str
    messages: tuple[Message, ...]
    tools: tuple[ToolSpec, ...]
    max_tokens: int
    body: Mapping[str, Any]
    wire: WireRequest


Said = str | Message | Reply | WireAnswer
Responder = Callable[[ChatRequest], Said]
"""What a fake model says: a text, a turn, a whole reply with stop and usage, or a raw answer or fault."""


class LoopbackServer:
    """Answers every request by `handle`; a context manager.

    Attributes:
        requests: How many requests came.
        in_flight, most_in_flight: Requests being answered now, and at most at any time.
        connections: How many connections were opened.
        seen: The last `keep` requests.
        hold: Where set, no answer goes out before so many requests wait, then all of them do.
    """

    def __init__(
        self,
        handle: Callable[[WireRequest], WireAnswer],
        *,
        path: str = "",
        latency_s: float = 0.0,
        keep: int = 100,
    ) -> None:
        self.latency_s = latency_s
        self.requests = 0
        self.in_flight = 0
        self.most_in_flight = 0
        self.connections = 0
        self.seen: deque[WireRequest] = deque(maxlen=keep)
        self.handle = handle
        self.hold = 0
        self.port = 0
        self._path = path
        self._open: set[_Connection] = set()
        self._held: list[tuple[_Connection, WireAnswer]] = []
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="loopback", daemon=True)
        self._ready = threading.Event()

    @property
    def base_url(self) -> str:
        """The address to give to a client."""
        return f"http://127.0.0.1:{self.port}{self._path}"

    @property
    def last(self) -> Any:
        """The JSON body of the last request."""
        return json.loads(self.seen[-1].body)

    def __enter__(self) -> Self:
        self._thread.start()
        self._ready.wait()
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def _release(self) -> None:
        if len(self._held) >= self.hold:
            held, self._held = self._held, []
            for connection, answer in held:
                connection.send(answer)

    def _run(self) -> None:
        server = self._loop.run_until_complete(
            self._loop.create_server(lambda: _Connection(self), "127.0.0.1", 0, backlog=1024)
        )
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        self._loop.run_forever()
        self._loop.run_until_complete(self._end(server))
        self._loop.close()

    async def _end(self, server: asyncio.Server) -> None:
        """Close what is open, connections that are just being accepted included: a socket left is a warning."""
        server.close()
        accepting = asyncio.all_tasks() - {asyncio.current_task()}
        await asyncio.gather(*accepting, return_exceptions=True)
        for connection in list(self._open):
            connection.drop()
        await server.wait_closed()
        await asyncio.sleep(0)


class _Connection(asyncio.Protocol):
    """One connection, kept alive; requests on it are answered one after the other."""

    def __init__(self, server: LoopbackServer) -> None:
        self._server = server
        self._buffer = bytearray()
        self._busy = False
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._server.connections += 1
        self._server._open.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        self._server._open.discard(self)
        if self._busy:
            self._server.in_flight -= 1
            self._busy = False

    def drop(self) -> None:
        self._transport.abort()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if not self._busy:
            self._next()

    def _next(self) -> None:
        request = self._take()
        if request is None:
            return
        server = self._server
        self._busy = True
        server.in_flight += 1
        server.most_in_flight = max(server.most_in_flight, server.in_flight)
        server.seen.append(request)
        answer = server.handle(request)
        delay = server.latency_s + answer.delay_s
        if server.hold:
            server._held.append((self, answer))
            server._release()
        elif delay:
            server._loop.call_later(delay, self.send, answer)
        else:
            self.send(answer)

    def _take(self) -> WireRequest | None:
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            return None
        start, *lines = self._buffer[:end].decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        length = int(headers.get("content-length", "0"))
        if length > MAX_REQUEST or len(self._buffer) < end + 4 + length:
            return None
        body = bytes(self._buffer[end + 4 : end + 4 + length])
        del self._buffer[: end + 4 + length]
        self._server.requests += 1
        method, path, _ = start.split(" ", 2)
        return WireRequest(method=method, path=path, headers=headers, body=body, number=self._server.requests)

    def send(self, answer: WireAnswer) -> None:
        if not self._busy:  # the client has hung up
            return
        head = {
            "content-type": answer.content_type,
            "content-length": str(len(answer.body)),
            **answer.headers,
        }
        lines = "".join(f"{name}: {value}\r\n" for name, value in head.items())
        start = f"HTTP/1.1 {answer.status} Loopback\r\n{lines}\r\n".encode("latin-1")
        if answer.cut_after is not None:
            if answer.cut_after >= 0:
                self._transport.write(start + answer.body[: answer.cut_after])
            self._transport.close()
        elif answer.drip_s:
            self._transport.write(start)
            self._drip(answer, 0)
        else:
            self._transport.write(start + answer.body)
            self._done()

    def _drip(self, answer: WireAnswer, place: int) -> None:
        if not self._busy:
            return
        if place == len(answer.body):
            self._done()
            return
        self._transport.write(answer.body[place : place + 1])
        self._server._loop.call_later(answer.drip_s, self._drip, answer, place + 1)

    def _done(self) -> None:
        self._busy = False
        self._server.in_flight -= 1
        if self._buffer:
            self._next()


def dumped(value: object) -> bytes:
    """JSON as the vendors send it: UTF-8, not escaped."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def responder(said: Said | Responder) -> Responder:
    """A constant made a function; a function as it is."""
    return said if callable(said) else lambda _: said


def in_turn(*said: Said) -> Responder:
    """Says the given things one after the other, the last for ever."""
    left = deque(said)
    return lambda _: left.popleft() if len(left) > 1 else left[0]


def counted(text: str) -> int:
    """Tokens, near enough."""
    return len(text) // 4 + 1


def as_reply(said: Said, request: ChatRequest) -> Reply:
    """A text, turn or reply as a reply with plausible usage; `stop` empty where none was given."""
    from countermark.records import Usage

    if isinstance(said, Reply):
        return said
    assert not isinstance(said, WireAnswer)
    message = Message(role="assistant", content=said) if isinstance(said, str) else said
    spoken = sum(counted(turn.content) for turn in request.messages)
    usage = Usage(input_tokens=spoken, output_tokens=counted(message.content))
    return Reply(message=message, stop="", usage=usage)
