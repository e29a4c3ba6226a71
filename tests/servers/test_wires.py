"""The loopback servers: the same fake model hears and says the same by either wire."""

import pytest

from countermark.errors import CallFailed, SubjectRefusedUs
from countermark.records import Message, Reply, ToolCall, Usage
from countermark.subjects.live import LiveSettings
from servers.anthropic_wire import anthropic_server
from servers.asking import KEY, TOOL, ask, called, request, result, system
from servers.loopback import ChatRequest, in_turn
from servers.openai_wire import openai_server

WIRES = [("openai/model", openai_server), ("anthropic/model", anthropic_server)]
CALL = ToolCall(id="call_a", name="look_up", arguments={"order": 7})


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("ANTHROPIC_API_KEY", KEY)
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(("subject", "serve"), WIRES)
def test_a_fake_model_hears_what_was_asked(subject, serve):
    heard: list[ChatRequest] = []

    def say(chat: ChatRequest) -> Reply:
        heard.append(chat)
        return Reply(message=called(CALL), stop="done", usage=Usage(input_tokens=11, output_tokens=5))

    asked = request(
        system("Be brief."), "Order 7?", called(CALL, text="Looking."), result(CALL, "sent"), tools=[TOOL]
    )
    with serve(say) as server:
        reply = ask(subject, LiveSettings(base_url=server.base_url), asked)[0]
    assert heard[0].messages == asked.messages
    assert heard[0].tools == asked.tools
    assert (heard[0].model, heard[0].max_tokens) == ("model", asked.max_tokens)
    assert (reply.message, reply.stop) == (called(CALL), "done")
    assert reply.usage == Usage(input_tokens=11, output_tokens=5)


@pytest.mark.parametrize(("subject", "serve"), WIRES)
def test_wrong_key_is_refused(subject, serve):
    with serve(key="another") as server, pytest.raises(SubjectRefusedUs, match="HTTP 401"):
        ask(subject, LiveSettings(base_url=server.base_url), request("Hello?"))


@pytest.mark.parametrize(("subject", "serve"), WIRES)
def test_one_connection_is_kept_alive_and_counted(subject, serve):
    with serve(in_turn("One.", "Two."), keep=2) as server:
        replies = ask(subject, LiveSettings(base_url=server.base_url), *[request("Hello?")] * 3)
    assert [reply.message.content for reply in replies] == ["One.", "Two.", "Two."]
    assert (server.requests, server.connections, server.most_in_flight, len(server.seen)) == (3, 1, 1, 2)


def test_results_that_answer_no_call_are_refused_as_the_vendor_does():
    with anthropic_server() as server, pytest.raises(CallFailed, match="tool_use_id"):
        ask(
            "anthropic/model",
            LiveSettings(base_url=server.base_url),
            request("Hello?", Message(role="tool", content="x")),
        )
