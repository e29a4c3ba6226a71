"""OpenAI's SDK against a loopback server: what is sent, what is read, and how every failure is told."""

import json
from dataclasses import replace

import anyio
import httpx2
import openai
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from countermark.canonical import encode
from countermark.errors import CallFailed, CountermarkError, SubjectRefusedUs, Unsupported
from countermark.records import Exchange, Message, Reply, ToolCall, Usage
from countermark.subjects.boundary import TRANSPORT_ERRORS, Answer
from countermark.subjects.failures import tool_call
from countermark.subjects.live import LiveSettings, open_live
from countermark.subjects.openai_chat import failure, read_reply, write_message
from servers.asking import KEY, TOOL, ask, ask_at_once, called, made, request, result, system, tree
from servers.loopback import ChatRequest, LoopbackServer, Said, WireAnswer, WireRequest, dumped, in_turn
from servers.openai_wire import completion, openai_error, openai_server

MODEL = "openai/gpt-test"


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    for name in ("OPENAI_BASE_URL", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)


def one(server: LoopbackServer, *turns: str | Message, tools=(), **changed) -> Reply:
    asked = request(*(turns or ("Hello?",)), tools=tools)
    return ask(MODEL, LiveSettings(base_url=server.base_url, **changed), asked)[0]


def failed(said: Said, *, tools=(), **changed) -> CountermarkError:
    with openai_server(said) as server, pytest.raises(CountermarkError) as caught:
        one(server, tools=tools, **changed)
    assert server.requests == 1, "the SDK tried again by itself"
    return caught.value


def test_roles_as_they_are():
    turns = (
        system("Be brief."),
        Message(role="user", content="One?"),
        Message(role="assistant", content=""),
        Message(role="user", content="Zwei – 三?"),
    )
    with openai_server("Three.", key=KEY) as server:
        reply = one(server, *turns)
    assert server.last == {
        "model": "gpt-test",
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "One?"},
            {"role": "assistant", "content": ""},
            {"role": "user", "content": "Zwei – 三?"},
        ],
        "max_tokens": 64,
    }
    assert reply.message == Message(role="assistant", content="Three.")
    assert reply.stop == "stop"
    assert reply.usage.input_tokens > 0
    assert reply.usage.output_tokens > 0


def test_a_developer_message_goes_to_the_vendor_as_it_is_and_to_no_compatible_server():
    developer = Message(role="developer", content="Be brief.")
    assert write_message(developer) == {"role": "developer", "content": "Be brief."}
    with openai_server("Three.", key=KEY) as server, pytest.raises(Unsupported, match="developer message"):
        one(server, developer, "Hello?")
    assert server.requests == 0


def test_tools_both_ways():
    first = ToolCall(id="call_a", name="look_up", arguments={"order": 7})
    second = ToolCall(id="call_b", name="look_up", arguments={"order": 8})

    def say(chat: ChatRequest) -> Message:
        return (
            called(first, second) if len(chat.messages) == 1 else Message(role="assistant", content="Both.")
        )

    with openai_server(say) as server:
        reply = one(server, "Orders 7, 8?", tools=[TOOL])
        assert reply.message == called(first, second)
        assert reply.stop == "tool_calls"
        last = one(
            server, "Orders 7, 8?", reply.message, result(first, "sent"), result(second, "lost"), tools=[TOOL]
        )
    assert last.message.content == "Both."
    sent = server.last
    assert [turn["role"] for turn in sent["messages"]] == ["user", "assistant", "tool", "tool"]
    assert sent["messages"][1]["content"] is None
    assert json.loads(sent["messages"][1]["tool_calls"][1]["function"]["arguments"]) == {"order": 8}
    assert sent["messages"][3] == {"role": "tool", "tool_call_id": "call_b", "content": "lost"}
    assert sent["tools"][0]["function"]["parameters"] == dict(TOOL.parameters)


@pytest.mark.parametrize(
    "raw", ["", "{", "[1]", '"x"', '{"a": 1, "a": 2}', '{"a": NaN}', '{"n": 99999999999999999999}']
)
def test_unreadable_arguments_are_kept_raw(raw: str):
    call = ToolCall(id="call_a", name="look_up", arguments={}, fault=raw)
    with openai_server(called(call)) as server:
        reply = one(server, tools=[TOOL])
        assert reply.message.tool_calls == (call,)
        one(server, "Hello?", reply.message, result(call, "unreadable"), tools=[TOOL])
    assert server.last["messages"][1]["tool_calls"][0]["function"]["arguments"] == raw


@given(st.text(max_size=60) | st.dictionaries(st.text(max_size=5), st.integers() | st.text(max_size=5)))
def test_any_arguments_give_a_call_fit_for_the_record(arguments: object):
    call = tool_call("id", "name", arguments)
    encode(dict(call.arguments))
    assert (call.fault is None) or call.arguments == {}


def test_call_without_id_gets_one():
    body = {
        "choices": [
            {"message": {"tool_calls": [{"function": {"name": "look_up", "arguments": {"order": 1}}}]}}
        ]
    }
    with openai_server(WireAnswer(body=dumped(body))) as server:
        reply = one(server, tools=[TOOL])
    assert reply.message.tool_calls == (ToolCall(id="call_1_0", name="look_up", arguments={"order": 1}),)
    assert (reply.stop, reply.usage, reply.message.content) == ("unknown", Usage(unmetered=1), "")


def test_exchange_is_the_bytes_without_headers_or_key():
    with openai_server("Grüße") as server:
        reply = one(server)
        sent = server.seen[-1]
    assert reply.exchange is not None
    assert reply.exchange.request.encode() == sent.body
    assert json.loads(reply.exchange.response)["choices"][0]["message"]["content"] == "Grüße"
    assert reply.exchange.request_id == "req_1"
    assert sent.headers["authorization"] == f"Bearer {KEY}"
    assert KEY not in repr(reply)


def test_key_echoed_by_a_server_is_withheld():
    with openai_server(lambda chat: f"You sent {chat.wire.headers['authorization']}") as server:
        reply = one(server)
    assert reply.exchange is not None
    assert KEY not in reply.exchange.response
    error = failed(openai_error(401, f"Incorrect API key provided: {KEY}"))
    assert KEY not in str(error)
    assert "[key withheld]" in str(error)


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({}, {}),
        ({"temperature": "0.5"}, {"temperature": 0.5}),
        ({"reasoning": "high"}, {"reasoning_effort": "high"}),
        ({"token_field": "max_completion_tokens"}, {"max_completion_tokens": 64}),
    ],
)
def test_settings_are_sent_only_when_set(changed: dict[str, str], expected: dict[str, object]):
    with openai_server() as server:
        one(server, **changed)
    body = server.last
    assert {name: body[name] for name in expected} == expected
    assert set(body) == {"model", "messages"} | (
        set(expected) | ({"max_tokens"} - {changed.get("token_field") and "max_tokens"})
    )


@pytest.mark.parametrize("stop", ["length", "content_filter", "something_new"])
def test_stop_is_the_providers_word(stop: str):
    with openai_server(Reply(message=Message(role="assistant", content=""), stop=stop)) as server:
        assert one(server).stop == stop


def test_refusal_field():
    body = {"choices": [{"message": {"content": None, "refusal": "I will not."}, "finish_reason": "stop"}]}
    with openai_server(WireAnswer(body=dumped(body))) as server:
        reply = one(server)
    assert (reply.message.content, reply.stop) == ("I will not.", "refusal")


@pytest.mark.parametrize(
    ("code", "message"),
    [("content_filter", "filtered"), ("invalid_prompt", "flagged as violating our usage policy")],
)
def test_blocked_prompt_is_a_turn_that_says_so(code: str, message: str):
    with openai_server(openai_error(400, message, code=code)) as server:
        reply = one(server)
    assert (reply.message.content, reply.stop) == ("", code)
    assert reply.exchange is not None
    assert message in reply.exchange.response


def test_content_in_parts():
    body = {"choices": [{"message": {"content": [{"type": "text", "text": "a"}, {"type": "x"}]}}]}
    with openai_server(WireAnswer(body=dumped(body))) as server:
        assert one(server).message.content == "a"


@pytest.mark.parametrize("status", [408, 409, 429, 500, 502, 503, 529])
def test_passing_failures_may_be_tried_again(status: int):
    error = failed(openai_error(status, "busy", headers={"retry-after": "7"}))
    assert isinstance(error, CallFailed)
    assert (error.retryable, error.retry_after_s) == (True, 7.0)
    assert f"HTTP {status}: busy" in str(error)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [({"retry-after-ms": "1500"}, 1.5), ({"retry-after": "soon"}, None), ({"retry-after": "9" * 9}, 86_400.0),
     ({"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}, 0.0), ({}, None)],
)  # fmt: skip
def test_retry_after(header: dict[str, str], seconds: float | None):
    error = failed(openai_error(429, "slow down", headers=header))
    assert isinstance(error, CallFailed)
    assert error.retry_after_s == seconds


@pytest.mark.parametrize("status", [400, 413, 422])
def test_lasting_failures_are_not_tried_again(status: int):
    error = failed(openai_error(status, "no"))
    assert isinstance(error, CallFailed)
    assert not error.retryable


@pytest.mark.parametrize(
    "said",
    [
        openai_error(401, "Incorrect API key"),
        openai_error(403, "Country not supported"),
        openai_error(404, "The model does not exist", code="model_not_found"),
        openai_error(402, "Pay first"),
        openai_error(429, "You exceeded your current quota", code="insufficient_quota"),
        openai_error(
            400, "'temperature' is not supported", code="unsupported_parameter", param="temperature"
        ),
        WireAnswer(status=307, headers={"location": "https://elsewhere.example/v1"}),
    ],
)
def test_what_no_further_call_can_mend(said: WireAnswer):
    error = failed(said)
    assert isinstance(error, SubjectRefusedUs)
    assert error.hint


@pytest.mark.parametrize(
    "message",
    [
        "tiny:1b does not support tools",
        '"auto" tool choice requires --enable-auto-tool-choice and --tool-call-parser to be set',
        "Function tools with reasoning_effort are not supported for gpt-x in /v1/chat/completions.",
        "Unsupported parameter: 'tools'",
    ],
)
def test_no_tools(message: str):
    assert isinstance(failed(openai_error(400, message), tools=[TOOL]), Unsupported)
    assert not isinstance(failed(openai_error(400, message)), Unsupported)


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (WireAnswer(body=b'{"choices": [', cut_after=9), "connection failed"),
        (WireAnswer(cut_after=-1), "connection failed"),
        (WireAnswer(body=b'{"choices": ['), "not JSON"),
        (WireAnswer(body=b"<html>Bad gateway</html>", content_type="text/html"), "not JSON"),
        (WireAnswer(body=b"\xff\xfe{}"), "not UTF-8"),
        (WireAnswer(body=b'{"a": 1, "a": 1}'), "not JSON"),
        (WireAnswer(body=b"[]"), "not an object"),
        (WireAnswer(body=b""), "not JSON"),
        (WireAnswer(body=b'{"choices": []}'), "choices"),
        (WireAnswer(body=b'{"choices": [{"message": {"content": 7}}]}'), "content"),
        (WireAnswer(body=b'{"error": {"message": "upstream"}}'), "choices"),
        (WireAnswer(body=b" " * (8 * 1024 * 1024 + 1)), "over 8388608 bytes"),
        (WireAnswer(status=500, body=b"x" * (9 * 1024 * 1024)), "over 8388608 bytes"),
        (WireAnswer(body=b"no gzip at all", headers={"content-encoding": "gzip"}), "connection failed"),
        (WireAnswer(delay_s=60), "0.3 s"),
        (WireAnswer(body=b"{}" * 100, drip_s=0.05), "0.3 s"),
    ],
)  # fmt: skip
def test_faults_on_the_wire(said: WireAnswer, why: str):
    error = failed(said, timeout_s=0.3 if said.delay_s or said.drip_s else 30.0)
    assert isinstance(error, CallFailed)
    assert error.retryable
    assert why in str(error)
    assert "\n" not in str(error)


def test_wrong_content_type_with_the_right_body():
    def say(chat: ChatRequest) -> WireAnswer:
        answer = completion(Reply(message=Message(role="assistant", content="Fine.")), chat)
        return replace(answer, content_type="text/plain")

    with openai_server(say) as server:
        assert one(server).message.content == "Fine."


def test_server_gone():
    with openai_server() as server:
        gone = server.base_url
    with pytest.raises(CallFailed, match="connection failed: ConnectError") as caught:
        ask(MODEL, LiveSettings(base_url=gone), request("Hello?"))
    assert caught.value.retryable


def test_proxy_of_the_environment_is_used(monkeypatch: pytest.MonkeyPatch):
    def handle(asked: WireRequest) -> WireAnswer:
        assert asked.path == "http://model.invalid/v1/chat/completions"
        return WireAnswer(body=b'{"choices": [{"message": {"content": "Through."}}]}')

    with LoopbackServer(handle) as proxy:
        monkeypatch.setenv("http_proxy", proxy.base_url)
        reply = ask(MODEL, LiveSettings(base_url="http://model.invalid/v1"), request("Hello?"))[0]
    assert reply.message.content == "Through."


def test_strangers_text_cannot_drive_a_terminal():
    error = failed(openai_error(500, "\x1b[2Jgone\nnext\u202eline" + "x" * 5000))
    assert str(error).isprintable()
    assert len(str(error)) < 400


def test_thirty_two_means_thirty_two():
    with openai_server() as server:
        server.hold = 32
        ask_at_once(MODEL, LiveSettings(base_url=server.base_url, max_connections=32), request("Hello?"), 96)
    assert (server.most_in_flight, server.requests) == (32, 96)
    assert server.connections <= 32


def test_many_connections_over_several_pools():
    with openai_server() as server:
        server.hold = 70
        ask_at_once(MODEL, LiveSettings(base_url=server.base_url, max_connections=70), request("Hello?"), 140)
    assert (server.most_in_flight, server.requests) == (70, 140)


def test_one_at_a_time():
    with openai_server() as server:
        ask_at_once(MODEL, LiveSettings(base_url=server.base_url, max_connections=1), request("Hello?"), 5)
    assert (server.most_in_flight, server.requests, server.connections) == (1, 5, 1)


def test_connection_is_used_again_after_a_failure():
    with openai_server(in_turn(openai_error(500, "once"), "Well.")) as server:

        async def run() -> str:
            subject = open_live(MODEL, settings=LiveSettings(base_url=server.base_url, max_connections=1))
            with pytest.raises(CallFailed):
                await subject.answer(request("Hello?"))
            reply = await subject.answer(request("Hello?"))
            await subject.aclose()
            return reply.message.content

        assert anyio.run(run) == "Well."
    assert server.connections == 1


@settings(max_examples=30)
@given(st.text(max_size=80), st.text(max_size=80))
def test_texts_cross_unchanged(asked: str, said: str):

    assert write_message(Message(role="user", content=asked))["content"] == asked
    answer = Answer(
        body={"choices": [{"message": {"content": said}}]}, exchange=Exchange(request="", response="")
    )
    assert read_reply(answer, turn=1).message.content == said


PASSING = {
    "APIError", "APIResponseValidationError", "APIStatusError", "APIConnectionError", "APITimeoutError",
    "BadRequestError", "ConflictError", "UnprocessableEntityError", "RateLimitError", "InternalServerError",
    "LengthFinishReasonError", "ContentFilterFinishReasonError",
}  # fmt: skip
LASTING = {
    "OpenAIError", "AuthenticationError", "OAuthError", "PermissionDeniedError", "NotFoundError",
    "SubjectTokenProviderError", "WebSocketConnectionClosedError", "WebSocketQueueFullError", "APIRemovedInV1",
    "MutuallyExclusiveAuthError", "StreamAlreadyConsumed", "_AmbiguousModuleClientUsageError",
}  # fmt: skip


def test_every_error_of_the_sdk_is_mapped():
    """A class that a new version adds fails here, until somebody decides what it means."""
    found = {kind for kind in tree(openai.OpenAIError) if kind.__module__.startswith("openai")}
    assert {kind.__name__ for kind in found} <= PASSING | LASTING, "decide what the new ones mean"
    for kind in found:
        error = failure(made(kind), False)
        assert type(error) is (CallFailed if kind.__name__ in PASSING else SubjectRefusedUs), kind
        assert str(error)


def test_every_error_of_the_transport_is_caught():
    for kind in (*tree(httpx2.HTTPError), *tree(httpx2.StreamError), httpx2.InvalidURL):
        assert issubclass(kind, TRANSPORT_ERRORS)
        assert failure(kind.__new__(kind), False).retryable
