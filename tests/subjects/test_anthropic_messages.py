"""Anthropic's SDK against a loopback server: what is sent, what is read, and how every failure is told."""

import json

import anthropic
import httpx2
import pytest

from countermark.errors import CallFailed, CountermarkError, SubjectRefusedUs, Unsupported, UsageError
from countermark.records import Message, Reply, ToolCall, Usage
from countermark.subjects.anthropic_messages import failure
from countermark.subjects.boundary import TRANSPORT_ERRORS
from countermark.subjects.live import LiveSettings
from servers.anthropic_wire import anthropic_error, anthropic_server, turn
from servers.asking import KEY, TOOL, ask, ask_at_once, called, made, request, result, system, tree
from servers.loopback import ChatRequest, LoopbackServer, Said, WireAnswer, as_reply, dumped

MODEL = "anthropic/claude-test"
FIRST = ToolCall(id="toolu_a", name="look_up", arguments={"order": 7})
SECOND = ToolCall(id="toolu_b", name="look_up", arguments={"order": 8})
THOUGHT = {"type": "thinking", "thinking": "Hm.", "signature": "c2lnbmVk"}


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", KEY)
    for name in (
        "ANTHROPIC_BASE_URL",
        "ANTHROPIC_AUTH_TOKEN",
        "HTTP_PROXY",
        "http_proxy",
        "ALL_PROXY",
        "all_proxy",
    ):
        monkeypatch.delenv(name, raising=False)


def one(server: LoopbackServer, *turns: str | Message, tools=(), **changed) -> Reply:
    asked = request(*(turns or ("Hello?",)), tools=tools)
    return ask(MODEL, LiveSettings(base_url=server.base_url, **changed), asked)[0]


def failed(said: Said, *, tools=(), **changed) -> CountermarkError:
    with anthropic_server(said) as server, pytest.raises(CountermarkError) as caught:
        one(server, tools=tools, **changed)
    assert server.requests == 1, "the SDK tried again by itself"
    return caught.value


def test_system_goes_to_the_top():
    with anthropic_server("Three.", key=KEY) as server:
        reply = one(
            server,
            system("Be brief."),
            system("Be kind."),
            "One?",
            Message(role="assistant", content="Two."),
            "三?",
        )
    assert server.last == {
        "model": "claude-test",
        "max_tokens": 64,
        "system": "Be brief.\n\nBe kind.",
        "messages": [
            {"role": "user", "content": "One?"},
            {"role": "assistant", "content": "Two."},
            {"role": "user", "content": "三?"},
        ],
    }
    assert reply.message == Message(role="assistant", content="Three.")
    assert reply.stop == "end_turn"
    assert reply.usage.input_tokens > 0
    assert server.seen[-1].headers["anthropic-version"] >= "2026-10-21"


def test_system_text_later_is_unsupported_and_nothing_is_sent():
    with anthropic_server() as server, pytest.raises(Unsupported, match="system text after"):
        one(server, "Hello?", system("Now be brief."), "Well?")
    assert server.requests == 0


def test_a_developer_message_is_unsupported_and_nothing_is_sent():
    developer = Message(role="developer", content="Be brief.")
    with anthropic_server() as server, pytest.raises(Unsupported, match="developer message"):
        one(server, developer, "Hello?")
    assert server.requests == 0


def test_tools_both_ways_and_results_in_one_turn():
    def say(chat: ChatRequest) -> Message:
        return (
            called(FIRST, SECOND, text="Looking.")
            if len(chat.messages) == 1
            else Message(role="assistant", content="Both.")
        )

    with anthropic_server(say) as server:
        reply = one(server, "Orders?", tools=[TOOL])
        assert reply.message == called(FIRST, SECOND, text="Looking.")
        assert reply.stop == "tool_use"
        last = one(
            server,
            "Orders?",
            reply.message,
            result(FIRST, "sent"),
            result(SECOND, "lost"),
            "And?",
            tools=[TOOL],
        )
    assert last.message.content == "Both."
    assert server.last["messages"][1:] == [
        {
            "role": "assistant",
            "content": [
                {"type": "text", "text": "Looking."},
                {"type": "tool_use", "id": "toolu_a", "name": "look_up", "input": {"order": 7}},
                {"type": "tool_use", "id": "toolu_b", "name": "look_up", "input": {"order": 8}},
            ],
        },
        {
            "role": "user",
            "content": [
                {"type": "tool_result", "tool_use_id": "toolu_a", "content": "sent"},
                {"type": "tool_result", "tool_use_id": "toolu_b", "content": "lost"},
            ],
        },
        {"role": "user", "content": "And?"},
    ]
    assert server.last["tools"][0]["input_schema"] == dict(TOOL.parameters)


def test_thinking_goes_back_block_for_block():
    def say(chat: ChatRequest) -> WireAnswer:
        said = (
            called(FIRST, text="Looking.")
            if len(chat.messages) == 1
            else Message(role="assistant", content="Sent.")
        )
        return turn(as_reply(said, chat), chat, before=[THOUGHT])

    with anthropic_server(say) as server:
        replies = ask(
            MODEL,
            LiveSettings(base_url=server.base_url, reasoning="low"),
            request("Order 7?", tools=[TOOL]),
            request("Order 7?", called(FIRST, text="Looking."), result(FIRST, "sent"), tools=[TOOL]),
            request("Order 7?", called(FIRST, text="Changed."), result(FIRST, "sent"), tools=[TOOL]),
        )
        bodies = [json.loads(seen.body) for seen in server.seen]
    assert replies[0].message == called(FIRST, text="Looking.")
    assert bodies[1]["messages"][1]["content"][0] == THOUGHT
    assert bodies[2]["messages"][1]["content"][0] == {"type": "text", "text": "Changed."}


def test_empty_turn_of_the_model_is_left_out():
    with anthropic_server() as server:
        one(server, "One?", Message(role="assistant", content=" \n"), "Two?")
    assert [told["role"] for told in server.last["messages"]] == ["user", "user"]


def test_arguments_unfit_for_the_record_are_kept_raw():
    body = {
        "content": [{"type": "tool_use", "id": "toolu_a", "name": "look_up", "input": {"order": 10**20}}],
        "stop_reason": "tool_use",
        "usage": {"input_tokens": 1, "output_tokens": 2},
    }
    with anthropic_server(WireAnswer(body=dumped(body))) as server:
        call = one(server, tools=[TOOL]).message.tool_calls[0]
    assert call == ToolCall(
        id="toolu_a", name="look_up", arguments={}, fault='{"order": 100000000000000000000}'
    )


def test_exchange_is_the_bytes_without_headers_or_key():
    with anthropic_server("Grüße") as server:
        reply = one(server)
    assert reply.exchange is not None
    assert reply.exchange.request.encode() == server.seen[-1].body
    assert json.loads(reply.exchange.response)["content"][0]["text"] == "Grüße"
    assert reply.exchange.request_id == "req_1"
    assert KEY not in repr(reply)
    assert KEY in server.seen[-1].headers["authorization"]


def test_usage_counts_cached_input():
    body = {
        "content": [{"type": "text", "text": "Hi."}, {"type": "something_new"}],
        "stop_reason": "end_turn",
        "usage": {
            "input_tokens": 3, "cache_creation_input_tokens": 20, "cache_read_input_tokens": 100, "output_tokens": 5
        },
    }  # fmt: skip
    with anthropic_server(WireAnswer(body=dumped(body))) as server:
        assert one(server).usage == Usage(input_tokens=123, output_tokens=5)


@pytest.mark.parametrize("stop", ["refusal", "max_tokens", "something_new"])
def test_stop_is_the_providers_word(stop: str):
    with anthropic_server(Reply(message=Message(role="assistant", content=""), stop=stop)) as server:
        reply = one(server)
    assert (reply.stop, reply.message.content) == (stop, "")


@pytest.mark.parametrize(
    ("reasoning", "expected"),
    [
        (None, {}),
        ("none", {"thinking": {"type": "disabled"}}),
        ("between_tools", {"thinking": {"type": "between_tools"}}),
        ("high", {"thinking": {"type": "adaptive"}, "output_config": {"effort": "high"}}),
        ("2048", {"thinking": {"type": "enabled", "budget_tokens": 2048}}),
    ],
)
def test_reasoning(reasoning: str | None, expected: dict[str, object]):
    with anthropic_server() as server:
        one(server, reasoning=reasoning)
    assert {
        name: server.last[name] for name in server.last if name in ("thinking", "output_config")
    } == expected


def test_reasoning_it_does_not_know():
    with anthropic_server() as server, pytest.raises(UsageError, match="minimal"):
        one(server, reasoning="minimal")


def test_temperature_takes_the_version_that_has_it():
    with anthropic_server() as server:
        one(server, temperature="0")
    assert server.last["temperature"] == 0
    assert server.seen[-1].headers["anthropic-version"] == "2023-06-01"


@pytest.mark.parametrize(
    ("status", "kind"),
    [(408, "timeout_error"), (409, "conflict_error"), (429, "rate_limit_error"), (500, "api_error"),
     (503, "api_error"), (504, "timeout_error"), (529, "overloaded_error")],
)  # fmt: skip
def test_passing_failures_may_be_tried_again(status: int, kind: str):
    error = failed(anthropic_error(status, kind, "busy", headers={"retry-after": "7"}))
    assert isinstance(error, CallFailed)
    assert (error.retryable, error.retry_after_s) == (True, 7.0)
    assert f"HTTP {status}: busy (call req_error)" in str(error)


@pytest.mark.parametrize("status", [400, 413, 422])
def test_lasting_failures_are_not_tried_again(status: int):
    error = failed(anthropic_error(status, "invalid_request_error", "prompt is too long"))
    assert isinstance(error, CallFailed)
    assert not error.retryable


@pytest.mark.parametrize(
    ("status", "kind", "message"),
    [
        (401, "authentication_error", "invalid x-api-key"),
        (402, "billing_error", "pay first"),
        (403, "permission_error", "not yours"),
        (404, "not_found_error", "model: claude-test"),
        (400, "invalid_request_error", "Your credit balance is too low to access the API."),
        (400, "invalid_request_error", '"thinking.type.disabled" is not supported for this model.'),
        (400, "invalid_request_error", "temperature: Extra inputs are not permitted"),
        (400, "invalid_request_error", "max_tokens: 64 > 32, which is the maximum allowed"),
    ],
)
def test_what_no_further_call_can_mend(status: int, kind: str, message: str):
    error = failed(anthropic_error(status, kind, message))
    assert isinstance(error, SubjectRefusedUs)
    assert error.hint
    assert message in str(error)


def test_spending_limit_is_no_passing_429():
    error = {
        "type": "rate_limit_error",
        "message": "no",
        "details": {"error_code": "contract_spend_limit_reached"},
    }
    assert isinstance(failed(WireAnswer(status=429, body=dumped({"error": error}))), SubjectRefusedUs)


def test_no_tools():
    said = anthropic_error(400, "invalid_request_error", "claude-test does not support tools")
    assert isinstance(failed(said, tools=[TOOL]), Unsupported)
    assert isinstance(failed(said), CallFailed)


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (WireAnswer(body=b'{"content": [', cut_after=9), "connection failed"),
        (WireAnswer(cut_after=-1), "connection failed"),
        (WireAnswer(body=b'{"content": ['), "not JSON"),
        (WireAnswer(body=b"<html>Bad gateway</html>", content_type="text/html"), "not JSON"),
        (WireAnswer(body=b"{}"), "content"),
        (WireAnswer(body=b'{"content": [{"text": "no type"}]}'), "content/0/type"),
        (WireAnswer(body=b'{"content": [], "usage": {"input_tokens": -1}}'), "usage/input_tokens"),
        (WireAnswer(body=b" " * (8 * 1024 * 1024 + 1)), "over 8388608 bytes"),
        (WireAnswer(delay_s=60), "0.3 s"),
        (WireAnswer(body=b"{}" * 100, drip_s=0.05), "0.3 s"),
    ],
)
def test_faults_on_the_wire(said: WireAnswer, why: str):
    error = failed(said, timeout_s=0.3 if said.delay_s or said.drip_s else 30.0)
    assert isinstance(error, CallFailed)
    assert error.retryable
    assert why in str(error)


def test_thirty_two_means_thirty_two():
    with anthropic_server() as server:
        server.hold = 32
        ask_at_once(MODEL, LiveSettings(base_url=server.base_url, max_connections=32), request("Hello?"), 96)
    assert (server.most_in_flight, server.requests) == (32, 96)


PASSING = {
    "APIError", "APIResponseValidationError", "APIWebhookValidationError", "APIConnectionError", "APITimeoutError",
    "RetryableError",
}  # fmt: skip
LASTING = {"AnthropicError", "CredentialsError", "IdentityTokenFileError", "StreamAlreadyConsumed"}
PASSING_STATUS = {400, 408, 409, 412, 413, 422, 429, 431, 499, 500, 501, 503, 504, 529}
LASTING_STATUS = {401, 402, 403, 404}


def test_every_error_of_the_sdk_is_mapped():
    """A class or status that a new version adds fails here, until somebody decides what it means."""
    found = {kind for kind in tree(anthropic.AnthropicError) if kind.__module__.startswith("anthropic")}
    for kind in found:
        error = failure(made(kind), False)
        if issubclass(kind, anthropic.APIStatusError):
            status = made(kind).response.status_code
            assert status in PASSING_STATUS | LASTING_STATUS, f"decide what {kind.__name__} ({status}) means"
            passing = status in PASSING_STATUS
        elif kind.__module__.startswith("anthropic.lib"):  # helpers that are not used here
            passing = isinstance(error, CallFailed)
        else:
            assert kind.__name__ in PASSING | LASTING, f"decide what {kind.__name__} means"
            passing = kind.__name__ in PASSING
        assert type(error) is (CallFailed if passing else SubjectRefusedUs), kind
        assert str(error)


def test_every_error_of_the_transport_is_caught():
    for kind in (*tree(httpx2.HTTPError), *tree(httpx2.StreamError), httpx2.InvalidURL):
        assert issubclass(kind, TRANSPORT_ERRORS)
        assert failure(kind.__new__(kind), False).retryable
