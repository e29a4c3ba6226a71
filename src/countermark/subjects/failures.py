"""What a provider says about a call that failed, read apart, and the error of ours that follows from it.

Nothing here imports a vendor's SDK.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from countermark.canonical import InvalidJson, decode, encode
from countermark.errors import CallFailed, SubjectError, SubjectRefusedUs, Unsupported
from countermark.records import ToolCall

_MAX_MESSAGE = 300
_NO_TOOLS = re.compile(
    r"\b(?:tools?|functions?|function.call\w*)\b.*(?:not support|n't support|unsupported|not enabled|not available)"
    r"|(?:not support|n't support|unsupported|support).{0,40}\b(?:tools?|tool use|function.call\w*)\b"
    r"|\btools?\b.*\brequires --",
    re.IGNORECASE | re.DOTALL,
)
_SETTINGS = (
    "temperature", "max_tokens", "max_completion_tokens", "reasoning_effort", "thinking", "output_config"
)  # fmt: skip
_SETTING_FIRST = re.compile(rf"^\W*(?:{'|'.join(_SETTINGS)})\b")
_BLOCKED = ("content_filter", "content_policy_violation")
_OUT_OF_CREDIT = re.compile(
    r"insufficient_quota|billing_error|spend_limit_reached|credit balance is too low", re.IGNORECASE
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """An error answer, read: what the provider says about it, on one line and without the key."""

    status: int
    message: str
    code: str
    param: str
    request_id: str | None
    retry_after_s: float | None


def by_status(told: Refusal, *, with_tools: bool) -> SubjectError:
    """The error for an answer with an error status."""
    line = f"HTTP {told.status}: {told.message}" + (f" (call {told.request_id})" if told.request_id else "")
    if with_tools and told.status in (400, 404, 422, 500, 501) and _NO_TOOLS.search(told.message):
        return Unsupported(f"the subject takes no tools: {line}")
    if told.status == 402 or (
        told.status in (400, 429) and _OUT_OF_CREDIT.search(f"{told.code} {told.message}")
    ):
        return _refused(line, "the account has no credit left: top it up, then resume")
    if told.status in (401, 403):
        return _refused(line, "check the key and what it may use")
    if told.status < 400 or told.status in (404, 405, 410):
        return _refused(line, "check the model's name and the base address")
    if told.status == 400 and _names_setting(told):
        return _refused(
            line, "the model takes no such setting: change or leave out temperature, reasoning, token field"
        )
    retryable = told.status in (408, 409, 425, 429, 499) or told.status >= 500
    return CallFailed(line, retryable=retryable, retry_after_s=told.retry_after_s if retryable else None)


def blocked(told: Refusal) -> str | None:
    """The provider's word for having blocked the prompt itself, where an error answer says that."""
    if told.status not in (400, 403, 422):
        return None
    flagged = told.code == "invalid_prompt" and "policy" in told.message
    return told.code if flagged or told.code in _BLOCKED else None


def malformed(what: str) -> CallFailed:
    """The error for an answer that is JSON but not what the API promises."""
    return CallFailed(f"the answer is malformed: {one_line(what)}", retryable=True)


def unusable(error: Exception) -> SubjectRefusedUs:
    """The error where a library itself will not send: credentials it cannot load, options that contradict."""
    return _refused(
        f"{type(error).__name__}: {one_line(str(error))}", "check the key and the vendor's other variables"
    )


def tool_call(call_id: str, name: str, arguments: object) -> ToolCall:
    """A subject's tool call; arguments that are no JSON object fit for the record are kept raw in `fault`."""
    raw = arguments if isinstance(arguments, str) else json.dumps(arguments, ensure_ascii=False)
    try:
        value = decode(raw.encode())
        encode(value)
    except (InvalidJson, UnicodeEncodeError):
        value = None
    if not isinstance(value, dict):
        return ToolCall(id=call_id, name=name, arguments={}, fault=raw)
    return ToolCall(id=call_id, name=name, arguments=value)


def one_line(text: str) -> str:
    """A stranger's text fit for one line of a terminal: printable, single-spaced, at most 300 characters."""
    words = "".join(sign if sign.isprintable() else " " for sign in text[: 4 * _MAX_MESSAGE]).split()
    line = " ".join(words)
    return line if len(line) <= _MAX_MESSAGE else line[: _MAX_MESSAGE - 1] + "…"


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds the server asks to wait: `retry-after-ms`, or `retry-after` in seconds or as a date; at most a day."""
    for name, scale in (("retry-after-ms", 1000), ("retry-after", 1)):
        value = headers.get(name, "").strip()
        if re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,6})?", value):
            return min(float(value) / scale, 86_400.0)
    try:
        moment = parsedate_to_datetime(headers.get("retry-after", ""))
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return min(max((moment - datetime.now(UTC)).total_seconds(), 0.0), 86_400.0)


def said(content: bytes) -> tuple[str, str, str]:
    """Message, code and parameter in an error body; the text itself where it is not JSON."""
    try:
        value = decode(content, max_bytes=8 * 1024 * 1024)
    except InvalidJson:
        return content[: 4 * _MAX_MESSAGE].decode(errors="replace"), "", ""
    error = value.get("error", value) if isinstance(value, dict) else value
    if not isinstance(error, dict):
        return str(error), "", ""
    message = next((error[name] for name in ("message", "detail", "error") if error.get(name)), error)
    details = error.get("details")
    detailed = details.get("error_code") if isinstance(details, dict) else None
    code = error.get("code") or detailed or error.get("type") or ""
    return str(message), str(code), str(error.get("param") or "")


def _names_setting(told: Refusal) -> bool:
    coded = told.code in ("unsupported_parameter", "unsupported_value") and told.param in _SETTINGS
    return coded or _SETTING_FIRST.match(told.message) is not None


def _refused(line: str, hint: str) -> SubjectRefusedUs:
    return SubjectRefusedUs(line, hint=hint)
