"""Opening by id, reaching without spending, describing without a key."""

import subprocess
import sys
from pathlib import Path

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from countermark.errors import (
    CountermarkError,
    MissingExtra,
    MissingKey,
    SubjectUnreachable,
    UnknownSubject,
    UsageError,
)
from countermark.subjects import live
from countermark.subjects.live import LiveSettings, describe, open_live, reach
from countermark.subjects.settings import address, is_own, shown, split_id, token_field
from servers.asking import KEY
from servers.openai_wire import openai_server

PROXIES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "OPENAI_BASE_URL", "ANTHROPIC_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    for name in PROXIES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


def test_importing_imports_no_sdk():
    code = (
        "import sys, countermark.subjects.live, countermark.subjects.prices;"
        "print(sorted({'openai', 'anthropic', 'inspect_ai', 'httpx2'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("provider", ["openai", "anthropic"])
@pytest.mark.parametrize("value", [None, "", "  "])
def test_missing_key(provider: str, value: str | None, monkeypatch: pytest.MonkeyPatch):
    variable = f"{provider.upper()}_API_KEY"
    if value is not None:
        monkeypatch.setenv(variable, value)
    with pytest.raises(MissingKey, match=f"^no {variable} in the environment$") as caught:
        open_live(f"{provider}/model", settings=LiveSettings())
    assert "\n" not in caught.value.hint


@pytest.mark.parametrize("value", ["sk-é", "sk a", "sk\nb"])
def test_key_that_is_none(value: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("OPENAI_API_KEY", value)
    with pytest.raises(MissingKey) as caught:
        open_live("openai/model", settings=LiveSettings())
    assert value not in str(caught.value)


@pytest.mark.parametrize(
    "subject", ["", "openai", "openai/", "/model", "Open AI/x", "../x", "openai/" + "x" * 200]
)
def test_no_subject(subject: str):
    with pytest.raises(UnknownSubject):
        open_live(subject, settings=LiveSettings())


@given(st.text(max_size=30))
def test_any_id_is_split_or_refused(text: str):
    try:
        provider, model = split_id(text)
    except UnknownSubject:
        return
    assert f"{provider}/{model}" == text


def test_missing_library(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(live, "find_spec", lambda _: None)
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    with pytest.raises(MissingExtra, match="'openai'") as caught:
        open_live("openai/model", settings=LiveSettings())
    assert caught.value.hint == "pip install 'countermark[run]'"
    with pytest.raises(MissingExtra, match="'inspect_ai'") as caught:
        open_live("google/model", settings=LiveSettings())
    assert caught.value.hint == "pip install 'countermark[inspect]'"
    with pytest.raises(UnknownSubject, match="'opnai'") as unknown:
        open_live("opnai/model", settings=LiveSettings())
    assert "openai, anthropic" in unknown.value.hint


@pytest.mark.parametrize(
    "wrong",
    [
        {"base_url": "ftp://host/v1"},
        {"base_url": "127.0.0.1:8000"},
        {"base_url": "http://"},
        {"base_url": "http://host:99999/"},
        {"base_url": "http://ho st/"},
        {"timeout_s": 0},
        {"timeout_s": float("nan")},
        {"max_connections": 0},
        {"temperature": "hot"},
        {"temperature": "1e0"},
        {"reasoning": "lots"},
        {"reasoning": "512"},
        {"token_field": "tokens"},
    ],
)
def test_settings_nobody_takes(wrong: dict[str, object]):
    with pytest.raises(UsageError) as caught:
        LiveSettings(**wrong)
    assert caught.value.hint


def test_address(monkeypatch: pytest.MonkeyPatch):
    assert address("openai", LiveSettings()) == "https://api.openai.com/v1"
    assert token_field(LiveSettings()) == "max_completion_tokens"
    assert is_own("openai", LiveSettings())
    monkeypatch.setenv("OPENAI_BASE_URL", "http://localhost:11434/v1")
    assert address("openai", LiveSettings()) == "http://localhost:11434/v1"
    assert token_field(LiveSettings()) == "max_tokens"
    assert address("openai", LiveSettings(base_url="http://a/v1")) == "http://a/v1"
    assert address("google", LiveSettings()) is None
    monkeypatch.setenv("OPENAI_BASE_URL", "localhost")
    with pytest.raises(UsageError):
        address("openai", LiveSettings())


def test_shown_has_no_secret():
    assert shown("https://user:secret@host:8443/v1?key=secret#x") == "https://host:8443/v1"
    assert shown("http://[::1]:80/v1") == "http://[::1]:80/v1"


def test_reach_sends_nothing():
    with openai_server() as server:
        anyio.run(reach, "openai/model", LiveSettings(base_url=server.base_url))
    assert server.requests == 0


def test_nothing_there():
    with openai_server() as server:
        gone = server.base_url
    with pytest.raises(
        SubjectUnreachable, match=f"openai/model: nothing answers at {gone}: .*refused"
    ) as caught:
        anyio.run(reach, "openai/model", LiveSettings(base_url=gone))
    assert "\n" not in str(caught.value)
    assert caught.value.hint


def test_no_such_host():
    with pytest.raises(SubjectUnreachable, match=r"host\.invalid"):
        anyio.run(reach, "anthropic/model", LiveSettings(base_url="http://user:secret@host.invalid/"))


def test_reach_leaves_a_proxy_alone(monkeypatch: pytest.MonkeyPatch):
    with openai_server() as server:
        gone = server.base_url
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    anyio.run(reach, "openai/model", LiveSettings(base_url=gone))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with pytest.raises(SubjectUnreachable):
        anyio.run(reach, "openai/model", LiveSettings(base_url=gone))


def test_reach_knows_no_address_of_inspects():
    anyio.run(reach, "google/model", LiveSettings())


@pytest.mark.parametrize("subject", ["openai/gpt", "anthropic/claude", "google/gemini/pro"])
def test_describe(subject: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("ANTHROPIC_API_KEY", KEY)
    told = describe(
        subject,
        LiveSettings(base_url="http://me:secret@host/v1?k=secret", reasoning="low", temperature="0.5"),
    )
    assert all(isinstance(value, str) and value for value in told.values())
    assert f"{told['provider']}/{told['model']}" == subject
    assert (told["base_url"], told["reasoning"], told["temperature"]) == ("http://host/v1", "low", "0.5")
    assert "secret" not in str(told)
    assert KEY not in str(told)
    assert any(sign.isdigit() for sign in told["sdk"])


def test_describe_without_an_address():
    assert "base_url" not in describe("google/gemini", LiveSettings())
    assert describe("openai/gpt", LiveSettings())["base_url"] == "https://api.openai.com/v1"


def test_describe_tells_where_the_system_text_goes():
    assert "stays system" in describe("openai/gpt", LiveSettings())["role_mapping"]
    assert "top-level system" in describe("anthropic/claude", LiveSettings())["role_mapping"]
    assert "max_completion_tokens" in describe("openai/gpt", LiveSettings())["api"]


def test_the_guide_shows_every_error_line():
    """The page on live subjects quotes the messages; a changed message must be changed there as well."""
    guide = (Path(__file__).parents[2] / "docs" / "howto" / "live.md").read_text(encoding="utf-8")
    for said in (
        "in the environment", "is not installed", "names no live subject", "nothing answers at", "HTTP 401", "HTTP 404",
        "no credit left", "takes no such setting", "takes no tools", "no whole answer within", "connection failed",
        "is not JSON", "is malformed", "HTTP 429",
    ):  # fmt: skip
        assert said in guide, said
    assert issubclass(SubjectUnreachable, CountermarkError)
