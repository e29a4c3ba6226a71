"""One HTTP call at a provider's boundary: the bytes kept, the body capped, every failure told as one of ours.

The vendors' SDKs build the request, sign it and send it; their retrying is off, since every attempt is evidence.
"""

from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import anyio
import httpx2
from pydantic import BaseModel, ConfigDict, ValidationError

from countermark.canonical import InvalidJson, decode
from countermark.errors import CallFailed, SubjectError
from countermark.records import Exchange
from countermark.subjects.failures import Refusal, blocked, malformed, one_line, retry_after, said
from countermark.subjects.settings import WITHHELD, LiveSettings

MAX_BODY = 8 * 1024 * 1024
_POOL = 32
_FRAMING = ("content-encoding", "content-length", "transfer-encoding")

Model = TypeVar("Model", bound=BaseModel)

TRANSPORT_ERRORS: tuple[type[Exception], ...] = (
    httpx2.HTTPError,
    httpx2.InvalidURL,
    httpx2.StreamError,
    anyio.EndOfStream,
    anyio.BrokenResourceError,
    anyio.ClosedResourceError,
    OSError,
)
"""What the SDKs let through unwrapped, or wrap as the cause of their own."""


class Wire(BaseModel):
    """What we read of a provider's answer: frozen, anything else in it ignored (the exchange has it all)."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class CappedClient(httpx2.AsyncClient):
    """The SDKs' HTTP client: reads every body to its end but not past `MAX_BODY`, and follows no redirect.

    A pool looks at every one of its connections for every request, so many connections are spread over pools of `_POOL`.
    """

    def __init__(self, settings: LiveSettings) -> None:
        context = httpx2.create_ssl_context()
        timeout = httpx2.Timeout(settings.timeout_s, pool=None)
        super().__init__(timeout=timeout, verify=context)
        self._pools = [
            httpx2.AsyncClient(
                timeout=timeout,
                limits=httpx2.Limits(max_connections=_POOL, max_keepalive_connections=_POOL),
                follow_redirects=False,
                verify=context,
            )
            for _ in range(-(-settings.max_connections // _POOL))
        ]
        self._busy = [0] * len(self._pools)

    async def send(self, request: httpx2.Request, *, stream: bool = False, **options: Any) -> httpx2.Response:
        """The whole answer, decoded. Raises `httpx2.RemoteProtocolError` where the body is too large."""
        del stream
        place = self._busy.index(min(self._busy))
        self._busy[place] += 1
        try:
            response = await self._pools[place].send(request, stream=True, **options)
            try:
                body = await _read_capped(response)
            finally:
                await response.aclose()
        finally:
            self._busy[place] -= 1
        headers = [(name, value) for name, value in response.headers.multi_items() if name not in _FRAMING]
        return httpx2.Response(response.status_code, headers=headers, content=body, request=request)

    async def aclose(self) -> None:
        """Release the connections."""
        for pool in self._pools:
            await pool.aclose()
        await super().aclose()


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A provider's answer: the JSON object in it and the bytes around it.

    `blocked` is the provider's word where it refused the prompt itself; the object is then empty.
    """

    body: Mapping[str, Any]
    exchange: Exchange
    blocked: str | None = None


@dataclass(slots=True, kw_only=True)
class Boundary:
    """Where one subject's calls cross: how they are sent, and at most how many at once.

    Attributes:
        send: Sends a request body by the SDK and gives the raw answer.
        failure: Makes an error of the SDK one of ours, given whether tools were offered.
        errors: The root of the SDK's own errors.
        key: What must appear nowhere.
        id_header: The header that carries the provider's id of the call.
    """

    send: Callable[[dict[str, Any]], Awaitable[httpx2.Response]]
    failure: Callable[[Exception, bool], SubjectError]
    errors: type[Exception]
    key: str
    id_header: str
    timeout_s: float
    limiter: anyio.CapacityLimiter

    async def call(self, body: dict[str, Any]) -> Answer:
        """Send one request body. Raises `CallFailed`, `Unsupported` or `SubjectRefusedUs`, and nothing else."""
        async with self.limiter:
            try:
                with anyio.fail_after(self.timeout_s):
                    response = await self.send(body)
            except TimeoutError as error:
                raise CallFailed(f"no whole answer within {self.timeout_s:g} s", retryable=True) from error
            except (self.errors, *TRANSPORT_ERRORS) as error:
                return self._blocked(error, with_tools="tools" in body)
        exchange = self._exchange(response)
        with keeping(exchange):
            return Answer(body=self._object(response), exchange=exchange)

    def _blocked(self, error: Exception, *, with_tools: bool) -> Answer:
        response = getattr(error, "response", None)
        if not isinstance(response, httpx2.Response):
            raise self._clean(self.failure(error, with_tools)) from None
        exchange, word = self._exchange(response), blocked(refusal(response, self.id_header))
        if word is None:
            with keeping(exchange):
                raise self._clean(self.failure(error, with_tools)) from None
        return Answer(body={}, exchange=exchange, blocked=word)

    def _object(self, response: httpx2.Response) -> Mapping[str, Any]:
        try:
            value = decode(response.content, max_bytes=MAX_BODY)
        except InvalidJson as error:
            raise CallFailed(f"the answer is not JSON: {one_line(str(error))}", retryable=True) from error
        if not isinstance(value, dict):
            raise CallFailed("the answer is JSON but not an object", retryable=True)
        return value

    def _exchange(self, response: httpx2.Response) -> Exchange:
        return Exchange(
            request=response.request.content.decode(),
            response=self._without_key(response.content.decode(errors="replace")),
            request_id=request_id(response, self.id_header),
        )

    def _clean(self, error: SubjectError) -> SubjectError:
        error.message = self._without_key(error.message)
        error.args = (error.message,)
        return error

    def _without_key(self, text: str) -> str:
        return text.replace(self.key, WITHHELD) if len(self.key) >= 8 else text


@contextmanager
def keeping(exchange: Exchange) -> Iterator[None]:
    """Whatever of ours is raised inside carries the exchange, so that a failed attempt leaves its bytes too."""
    try:
        yield
    except SubjectError as error:
        error.exchange = exchange
        raise


def refusal(response: httpx2.Response, id_header: str) -> Refusal:
    """An error answer, read: both vendors' shapes, and whatever else a proxy in between may say."""
    message, code, param = said(response.content)
    return Refusal(
        status=response.status_code,
        message=one_line(message) or "(no message)",
        code=code,
        param=param,
        request_id=request_id(response, id_header),
        retry_after_s=retry_after(response.headers),
    )


def by_transport(error: Exception) -> CallFailed:
    """The error for a connection that failed, was cut or timed out."""
    cause = error.__cause__ or error
    if isinstance(cause, (httpx2.TimeoutException, TimeoutError)):
        return CallFailed("the connection timed out", retryable=True)
    told = one_line(str(cause))
    return CallFailed(
        f"the connection failed: {type(cause).__name__}{f': {told}' if told else ''}", retryable=True
    )


def validated(model: type[Model], body: Mapping[str, Any]) -> Model:
    """The answer's object as `model`. Raises `CallFailed` where it is not what the API promises."""
    try:
        return model.model_validate(body)
    except ValidationError as error:
        fault = error.errors()[0]
        place = "/".join(str(part) for part in fault["loc"])
        raise malformed(f"{place}: {fault['msg']}") from None


def request_id(response: httpx2.Response, header: str) -> str | None:
    """The provider's own id of the call, from its header."""
    value = response.headers.get(header)
    return one_line(value)[:100] if value else None


async def _read_capped(response: httpx2.Response) -> bytes:
    body = bytearray()
    async for chunk in response.aiter_bytes():
        body += chunk
        if len(body) > MAX_BODY:
            raise httpx2.RemoteProtocolError(f"the answer is over {MAX_BODY} bytes")
    return bytes(body)
