"""What a live subject is asked with: the id read apart, the settings, the address and the key.

Nothing here imports a vendor's SDK.
"""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from urllib.parse import SplitResult, urlsplit, urlunsplit

from countermark.errors import MissingKey, UnknownSubject, UsageError

WITHHELD = "[key withheld]"
EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh", "max", "between_tools")
TOKEN_FIELDS = ("max_tokens", "max_completion_tokens")
SINGLE_ATTEMPT = (
    "cloudflare", "deepseek", "hf-inference-providers", "meta", "mockllm", "moonshot", "openai-api",
    "openai-api-completions", "openrouter", "perplexity",
)  # fmt: skip
"""Providers of Inspect's whose library can be told not to try again by itself (0.3.285)."""
PROVIDER = r"[a-z][a-z0-9_-]{0,39}"
"""How a provider's name is spelt."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveSettings:
    """How a live subject is asked; everything in it is recorded in the subject's pack.

    Attributes:
        base_url: Address of the API; None is the environment's, then the vendor's own.
        timeout_s: Seconds for one call, from sending to the last byte.
        max_connections: Calls in flight at most.
        temperature: Decimal in a string; None sends none, and the provider's default applies.
        reasoning: One of `EFFORTS`, or a token budget of at least 1,024 in digits; None sends none.
        token_field: What an OpenAI-compatible server calls the cap on output; None is `max_completion_tokens` for
            the vendor's own address, which has deprecated the other, and `max_tokens` elsewhere.

    Raises:
        UsageError: A value no provider takes.
    """

    base_url: str | None = None
    timeout_s: float = 120
    max_connections: int = 32
    temperature: str | None = None
    reasoning: str | None = None
    token_field: str | None = None

    def __post_init__(self) -> None:
        """Refuse what no provider takes, before anything is spent."""
        if self.base_url is not None:
            split_address(self.base_url)
        if not 0 < self.timeout_s <= 3600:
            raise UsageError(f"timeout of {self.timeout_s} seconds", hint="give more than 0, at most 3600")
        if not 1 <= self.max_connections <= 4096:
            raise UsageError(f"{self.max_connections} connections", hint="give 1 to 4096")
        if self.temperature is not None and not re.fullmatch(r"[0-2](\.[0-9]{1,6})?", self.temperature):
            raise UsageError(f"temperature {self.temperature!r}", hint="give a decimal from 0 to 2")
        if self.reasoning is not None and self.reasoning not in EFFORTS and self.budget is None:
            raise UsageError(
                f"reasoning {self.reasoning!r}", hint=f"give {', '.join(EFFORTS)}, or 1024 or more tokens"
            )
        if self.token_field not in (None, *TOKEN_FIELDS):
            raise UsageError(f"token field {self.token_field!r}", hint=f"give {' or '.join(TOKEN_FIELDS)}")

    @property
    def budget(self) -> int | None:
        """The reasoning budget in tokens, where `reasoning` is a number."""
        given = self.reasoning
        number = int(given) if given is not None and re.fullmatch(r"[0-9]{4,7}", given) else 0
        return number if number >= 1024 else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Vendor:
    """A provider reached by its own SDK."""

    sdk: str
    key_variable: str
    url_variable: str
    url: str


VENDORS: Mapping[str, Vendor] = MappingProxyType(
    {
        "openai": Vendor(
            sdk="openai",
            key_variable="OPENAI_API_KEY",
            url_variable="OPENAI_BASE_URL",
            url="https://api.openai.com/v1",
        ),
        "anthropic": Vendor(
            sdk="anthropic",
            key_variable="ANTHROPIC_API_KEY",
            url_variable="ANTHROPIC_BASE_URL",
            url="https://api.anthropic.com",
        ),
    }
)


def split_id(subject_id: str) -> tuple[str, str]:
    """`provider/model` apart; the model's name may hold further slashes. Raises `UnknownSubject`."""
    provider, slash, model = subject_id.partition("/")
    if not slash or not re.fullmatch(PROVIDER, provider) or not model.strip() or len(model) > 180:
        raise UnknownSubject(
            f"{subject_id!r} names no live subject", hint="write provider/model, such as openai/gpt-4.1-mini"
        )
    return provider, model


def split_address(url: str) -> SplitResult:
    """An http(s) address apart. Raises `UsageError` on anything else."""
    try:
        parts = urlsplit(url)
        fine = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        fine = False
    if not fine or not url.isprintable() or " " in url:
        raise UsageError(
            f"base address {url!r} is not an http or https address",
            hint="write it like http://127.0.0.1:8000/v1",
        )
    return parts


def address(provider: str, settings: LiveSettings) -> str | None:
    """The base address that will be used, or None where only Inspect knows it."""
    vendor = VENDORS.get(provider)
    if settings.base_url is not None or vendor is None:
        return settings.base_url
    url = os.environ.get(vendor.url_variable) or vendor.url
    split_address(url)
    return url


def shown(url: str) -> str:
    """An address without user, password, query or fragment."""
    parts = split_address(url)
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname or ""
    return urlunsplit((parts.scheme, f"{host}:{parts.port}" if parts.port else host, parts.path, "", ""))


def is_own(provider: str, settings: LiveSettings) -> bool:
    """Whether the address is the vendor's own and not a compatible server's."""
    url = address(provider, settings)
    vendor = VENDORS.get(provider)
    return url is not None and vendor is not None and urlsplit(url).hostname == urlsplit(vendor.url).hostname


def key(provider: str) -> str:
    """The vendor's key from the environment. Raises `MissingKey`; the key itself stands in no message."""
    variable = VENDORS[provider].key_variable
    value = os.environ.get(variable, "").strip()
    if not value:
        raise MissingKey(
            f"no {variable} in the environment",
            hint=f"export {variable}=...; for a server of your own that wants no key, {variable}=none",
        )
    if not value.isascii() or not value.isprintable() or " " in value:
        raise MissingKey(f"{variable} holds characters that no key has", hint="copy the key again, alone")
    return value


def without_keys(text: str) -> str:
    """The text without any key, token or secret that stands in the environment, whichever library uses it."""
    for name, value in os.environ.items():
        if name.upper().endswith(("_KEY", "_TOKEN", "_SECRET")) and len(value) >= 8:
            text = text.replace(value, WITHHELD)
    return text


def token_field(settings: LiveSettings) -> str:
    """The name under which an OpenAI-compatible server is told the cap on output tokens."""
    own = "max_completion_tokens" if is_own("openai", settings) else "max_tokens"
    return settings.token_field or own
