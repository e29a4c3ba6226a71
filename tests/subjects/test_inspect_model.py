"""Through Inspect: its mock model on a closed network, and a compatible server on the loopback."""

import json
import socket

import anyio
import pytest

from countermark.errors import (
    CallFailed,
    CountermarkError,
    MissingExtra,
    MissingKey,
    SubjectRefusedUs,
    UnknownSubject,
    Unsupported,
)
from countermark.records import Message, ToolCall, ToolSpec
from countermark.subjects.inspect_model import write_message
from countermark.subjects.live import LiveSettings, open_live
from servers.asking import KEY, TOOL, ask, ask_at_once, called, request, result, system
from servers.loopback import ChatRequest, WireAnswer
from servers.openai_wire import openai_error, openai_server

# Inspect's retrying asks its helper for a parameter under a deprecated name.
pytestmark = pytest.mark.filterwarnings("ignore:The 'initial' parameter is deprecated:DeprecationWarning")

COMPATIBLE = "openai-api/loopback/tiny"


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOOPBACK_API_KEY", KEY)
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def closed_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Any look-up of a name or any connection beyond this machine fails the test at once."""

    def refuse(*told: object, **_: object) -> None:
        raise AssertionError(f"reached for the network: {told}")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(socket.socket, "connect", refuse)


@pytest.mark.usefixtures("closed_network")
def test_mock_model_on_a_closed_network():
    reply = ask("mockllm/model", LiveSettings(), request(system("Be brief."), "Hello?", tools=[TOOL]))[0]
    assert reply.message == Message(role="assistant", content="Default output from mockllm/model")
    assert reply.stop == "stop"
    assert reply.usage.input_tokens > 0
    assert reply.usage.output_tokens > 0
    assert reply.exchange is not None
    sent = json.loads(reply.exchange.request)
    assert [turn["role"] for turn in sent["input"]] == ["system", "user"]
    assert sent["tools"][0]["name"] == "look_up"
    assert json.loads(reply.exchange.response)["choices"][0]["stop_reason"] == "stop"


def test_no_trace_is_kept_between_calls():
    """Inspect's events of a call go with the call; it would otherwise keep them all in the caller's context."""
    from inspect_ai.log import transcript

    async def run() -> int:
        subject = open_live("mockllm/model", settings=LiveSettings())
        for _ in range(3):
            await subject.answer(request("Hello?"))
        await subject.aclose()
        return len(transcript().events)

    assert anyio.run(run) == 0


def test_roles_and_tools_both_ways():
    call = ToolCall(id="call_a", name="look_up", arguments={"order": 7})

    def say(chat: ChatRequest) -> Message:
        return called(call) if len(chat.messages) == 2 else Message(role="assistant", content="Sent.")

    with openai_server(say, key=KEY) as server:
        replies = ask(
            COMPATIBLE,
            LiveSettings(base_url=server.base_url, temperature="0.5"),
            request(system("Be brief."), "Order 7?", tools=[TOOL]),
            request(system("Be brief."), "Order 7?", called(call), result(call, "sent"), tools=[TOOL]),
        )
        sent = server.last
    assert replies[0].message == called(call)
    assert replies[0].stop == "tool_calls"
    assert replies[1].message.content == "Sent."
    assert [turn["role"] for turn in sent["messages"]] == ["system", "user", "assistant", "tool"]
    assert sent["messages"][2]["tool_calls"][0]["id"] == "call_a"
    assert sent["messages"][3]["tool_call_id"] == "call_a"
    assert sent["temperature"] == 0.5
    assert replies[1].usage.output_tokens > 0
    assert KEY not in repr(replies)


def test_a_developer_message_is_unsupported():
    with pytest.raises(Unsupported, match="developer message"):
        write_message(Message(role="developer", content="Be brief."))


def test_unreadable_arguments():
    call = ToolCall(id="call_a", name="look_up", arguments={}, fault='{"order": ')
    with openai_server(called(call)) as server:
        reply = ask(COMPATIBLE, LiveSettings(base_url=server.base_url), request("Order?", tools=[TOOL]))[0]
    told = reply.message.tool_calls[0]
    assert told.arguments == {}
    assert told.fault
    assert '{"order":' in told.fault


def failed(said: WireAnswer, *, tools: tuple[ToolSpec, ...] = (), **changed: float) -> CountermarkError:
    with openai_server(said) as server, pytest.raises(CountermarkError) as caught:
        ask(COMPATIBLE, LiveSettings(base_url=server.base_url, **changed), request("Hello?", tools=tools))
    assert server.requests == 1, "Inspect or the library under it tried again by itself"
    assert KEY not in str(caught.value)
    assert str(caught.value).isprintable()
    return caught.value


@pytest.mark.parametrize("status", [429, 500, 503])
def test_passing_failures_may_be_tried_again(status: int):
    error = failed(openai_error(status, "busy"))
    assert isinstance(error, CallFailed)
    assert error.retryable
    assert f"HTTP {status}" in str(error)


def test_other_failures():
    assert isinstance(failed(openai_error(401, "Incorrect API key")), SubjectRefusedUs)
    assert isinstance(failed(openai_error(404, "No such model")), SubjectRefusedUs)
    lasting = failed(openai_error(400, "no"))
    assert isinstance(lasting, CallFailed)
    assert not lasting.retryable
    assert isinstance(failed(openai_error(400, "tiny does not support tools"), tools=(TOOL,)), Unsupported)
    assert isinstance(failed(WireAnswer(body=b"{", cut_after=1)), CallFailed)
    assert "time" in str(failed(WireAnswer(delay_s=60), timeout_s=0.3))


def test_key_echoed_by_a_server_is_withheld():
    assert "[key withheld]" in str(failed(openai_error(400, f"you sent {KEY}")))
    with openai_server(f"you sent {KEY}") as server:
        reply = ask(COMPATIBLE, LiveSettings(base_url=server.base_url), request("Hello?"))[0]
    assert reply.exchange is not None
    assert KEY not in reply.exchange.response


def test_not_one_more_than_allowed():
    with openai_server() as server:
        server.hold = 4
        ask_at_once(
            COMPATIBLE, LiveSettings(base_url=server.base_url, max_connections=4), request("Hello?"), 12
        )
    assert (server.most_in_flight, server.requests) == (4, 12)


def test_opening(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("LOOPBACK_API_KEY")
    with pytest.raises(MissingKey, match="LOOPBACK_API_KEY") as keyless:
        open_live(COMPATIBLE, settings=LiveSettings(base_url="http://127.0.0.1:9/v1"))
    with pytest.raises(UnknownSubject, match="nonesuch") as unknown:
        open_live("nonesuch/model", settings=LiveSettings())
    for caught in (keyless, unknown):
        assert str(caught.value).isprintable()
        assert "[bold]" not in str(caught.value)


def test_provider_whose_library_is_missing():
    from importlib.util import find_spec

    if find_spec("mistralai") is not None:
        pytest.skip("the library of this provider is installed here")
    with pytest.raises(MissingExtra, match="pip install mistralai"):
        open_live("mistral/model", settings=LiveSettings())
