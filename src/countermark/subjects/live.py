"""Opening a live subject by its id: `openai/...` and `anthropic/...` by the vendors' SDKs, any other by Inspect.

Importing this module imports no SDK; opening a subject imports the one it needs.
"""

import os
import re
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from types import ModuleType
from urllib.request import getproxies, proxy_bypass

import anyio

from countermark.errors import MissingExtra, SubjectUnreachable, UnknownSubject
from countermark.records import Subject
from countermark.subjects.settings import (
    SINGLE_ATTEMPT,
    VENDORS,
    LiveSettings,
    address,
    key,
    shown,
    split_address,
    split_id,
    token_field,
)

__all__ = ["LiveSettings", "describe", "open_live", "reach"]

_REACH_S = 10.0
INSPECT_PROVIDERS = (
    "azureai", "bedrock", "cloudflare", "deepseek", "fireworks", "google", "grok", "groq", "hf",
    "hf-inference-providers", "litellm-proxy", "llama-cpp-python", "meta", "mistral", "mockllm", "moonshot",
    "ollama", "openai-api", "openrouter", "perplexity", "sagemaker", "sambanova", "sglang", "together", "vllm",
)  # fmt: skip
"""Providers of Inspect itself, for messages where it is not installed; its plug-ins add others."""

_ROLES = {
    "openai": "system stays system, in place; user, assistant and tool likewise; tools are native functions",
    "anthropic": "leading system text becomes the top-level system; results of tools become tool_result blocks of a"
    " user turn; tools are native",
    "inspect": "as Inspect maps its system, user, assistant and tool messages for this provider",
}
_RETRIES = {
    True: "none by the library: every attempt is recorded",
    False: "the provider's own library may try again, unseen",
}
_KEPT = {
    "openai": "no: the API gives none back",
    "anthropic": "within turns that call tools, block for block; not otherwise",
    "inspect": "no",
}


def open_live(subject_id: str, *, settings: LiveSettings) -> Subject:
    """The subject of that id, ready to answer; nothing is sent yet.

    Raises:
        UnknownSubject: No such provider.
        MissingExtra: The library that reaches it is not installed.
        MissingKey: Its key is not in the environment.
        UsageError: A setting that this provider does not know.
    """
    provider, model = split_id(subject_id)
    if provider == "openai":
        key(provider)
        return _import("openai", "run", "openai_chat").OpenAIChat(model, settings)  # type: ignore[no-any-return]
    if provider == "anthropic":
        key(provider)
        return _import("anthropic", "run", "anthropic_messages").AnthropicMessages(  # type: ignore[no-any-return]
            model, settings
        )
    if find_spec("inspect_ai") is None and provider not in INSPECT_PROVIDERS:
        raise UnknownSubject(f"no provider {provider!r}", hint=f"there are: {', '.join(known())}")
    return _import("inspect_ai", "inspect", "inspect_model").InspectModel(  # type: ignore[no-any-return]
        subject_id, settings
    )


def known() -> tuple[str, ...]:
    """Names of the providers there are, the vendors' own first."""
    return (*VENDORS, *INSPECT_PROVIDERS)


async def reach(subject_id: str, settings: LiveSettings) -> None:
    """Open and close a TCP connection to the address that will be used: nothing is sent, nothing spent.

    Returns at once where a proxy stands between, or where only Inspect knows the address.

    Raises:
        SubjectUnreachable: Nothing answers there; with the address and the reason.
    """
    url = address(split_id(subject_id)[0], settings)
    if url is None or _proxied(url):
        return
    parts = split_address(url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    try:
        with anyio.fail_after(_REACH_S):
            stream = await anyio.connect_tcp(str(parts.hostname), port)
            await stream.aclose()
    except OSError as error:
        why = f"no answer within {_REACH_S:g} s" if isinstance(error, TimeoutError) else _why(error)
        raise SubjectUnreachable(
            f"{subject_id}: nothing answers at {shown(url)}: {why}",
            hint="check the address, that the server runs, and whether this network needs a proxy",
        ) from None


def describe(subject_id: str, settings: LiveSettings) -> dict[str, str]:
    """What is known about a public API's model before the first call, for the pack made for it; never a key.

    `base_url` is left out where only Inspect knows it.
    """
    provider, model = split_id(subject_id)
    kind = provider if provider in VENDORS else "inspect"
    url = address(provider, settings)
    return {
        "provider": provider,
        "model": model,
        **({"base_url": shown(url)} if url is not None else {}),
        "api": _api(kind, settings),
        "sdk": _sdk(VENDORS[kind].sdk if kind in VENDORS else "inspect-ai"),
        "role_mapping": _ROLES[kind],
        "reasoning": settings.reasoning or "not sent: the provider's default for this model",
        "reasoning_kept_between_turns": _KEPT[kind],
        "temperature": settings.temperature or "not sent: the provider's default for this model",
        "retries": _RETRIES[kind != "inspect" or provider in SINGLE_ATTEMPT],
        "max_connections": str(settings.max_connections),
        "timeout_s": f"{settings.timeout_s:g}",
    }


def _import(library: str, extra: str, module: str) -> ModuleType:
    from importlib import import_module

    hint = f"pip install 'countermark[{extra}]'"
    if find_spec(library) is None:
        raise MissingExtra(f"the library {library!r} is not installed", hint=hint)
    try:
        return import_module(f"countermark.subjects.{module}")
    except ImportError as error:
        raise MissingExtra(
            f"the library {library!r} is too old or broken: {error}", hint=f"{hint} -U"
        ) from error


def _api(kind: str, settings: LiveSettings) -> str:
    if kind == "openai":
        return f"OpenAI Chat Completions, cap on output as {token_field(settings)}"
    if kind == "anthropic":
        fixed = settings.temperature is not None
        return "Anthropic Messages, version " + (
            "2023-06-01, since a temperature is set" if fixed else "of the SDK"
        )
    return "inspect_ai.model; the exchange is Inspect's own input and output, not the provider's bytes"


def _sdk(distribution: str) -> str:
    try:
        return f"{distribution} {version(distribution)}"
    except PackageNotFoundError:
        return f"{distribution}, not installed"


def _proxied(url: str) -> bool:
    parts = split_address(url)
    proxies = getproxies()
    named = parts.scheme in proxies or "all" in proxies
    return named and not proxy_bypass(f"{parts.hostname}:{parts.port or ''}")


def _why(error: OSError) -> str:
    cause = error
    while isinstance(cause.__cause__, OSError):
        cause = cause.__cause__
    return os.strerror(cause.errno) if cause.errno and cause.errno > 0 else re.sub(r"\s+", " ", str(cause))
