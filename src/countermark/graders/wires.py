"""A recorded call read again: who was asked, in what words and with which settings, whatever door it went through.

Read are OpenAI's Chat Completions, Anthropic's Messages, Inspect's input and output, and the plain form of a call that left
no bytes. A request in which anything could stand unseen (two spellings of one key, an unknown block) is not read at all.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

Turn = tuple[str, str]
"""Role and text; the result of a tool is a turn of the role `tool`."""

_CAPS = ("max_tokens", "max_completion_tokens")
_SAMPLING = frozenset({"temperature", "reasoning_effort", "thinking", "output_config"})
_WIRE = frozenset({"model", "messages", "system", "tools", *_CAPS, *_SAMPLING})
_PLAIN = frozenset({"input", "max_tokens"})
_INSPECT = frozenset({"model", "input", "tools", "config", "binding"})
_CONFIG = frozenset({"temperature", "reasoning_effort", "reasoning_tokens", "max_tokens", "max_retries", "max_connections"})  # fmt: skip
_TURN = frozenset({"role", "content", "tool_calls", "tool_call_id", "id", "source"})
_SILENT = frozenset({"thinking", "redacted_thinking", "reasoning", "tool_use"})
_OPERATOR = ("system", "developer")


class _Unread(ValueError):
    """What stands here has no place in a form that is known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A request.

    Attributes:
        model: As the provider was told; "" in the plain form, which names none.
        turns: All of them, the operator's text among them.
        cap: On tokens of the answer; None where none or two are sent.
        temperature: None where none is sent.
        reasoning: The effort or budget, as settings spell it; None where none is sent.
        tools: Whether any are offered.
        more: Keys that none of our doors sends.
    """

    model: str
    turns: tuple[Turn, ...]
    cap: int | None
    temperature: float | None
    reasoning: str | None
    tools: bool
    more: tuple[str, ...]


@lru_cache(maxsize=8)
def read_asked(text: str) -> Asked | None:
    """The request in a text; None where it is of no known form. The last few are kept: a batch asks once for several trials."""
    try:
        value = json.loads(text, object_pairs_hook=_once)
        match value:
            case {"messages": [*messages]}:
                return _wire(value, messages)
            case {"input": [*messages], "config": dict() as config}:
                return _inspect(value, messages, config)
            case {"input": [*messages]}:
                return _plain(value, messages)
    except (ValueError, RecursionError):
        pass
    return None


def read_told(text: str) -> str | None:
    """The words of the answer in a text of either vendor's wire; None where it is neither."""
    try:
        match json.loads(text, object_pairs_hook=_once):
            case {"choices": [{"message": {**message}}, *_], **rest} if "completion" not in rest:
                return _spoken(message.get("content")) or _spoken(message.get("refusal"))
            case {"type": "message", "content": [*blocks]}:
                return _spoken([one for one in blocks if _kind(one) == "text"])
    except (ValueError, RecursionError):
        pass
    return None


def plain_turns(turns: Sequence[Turn]) -> list[Turn]:
    """The turns as every door sends them: the operator's leading texts as one, a turn without words left out."""
    first = next((place for place, turn in enumerate(turns) if turn[0] != "system"), len(turns))
    head = [("system", "\n\n".join(text for _, text in turns[:first]))] if first else []
    return [*head, *(turn for turn in turns[first:] if turn[0] != "assistant" or turn[1].strip())]


def _wire(value: Mapping[str, Any], messages: Sequence[Any]) -> Asked:
    turns = tuple(turn for message in messages for turn in _turns(message))
    if "system" in value:
        if not isinstance(value["system"], str) or any(role in _OPERATOR for role, _ in turns):
            raise _Unread("system")
        turns = (("system", value["system"]), *turns)
    caps = [value[name] for name in _CAPS if name in value]
    return Asked(
        model=_text(value.get("model")),
        turns=turns,
        cap=_number(caps[0]) if len(caps) == 1 else None,
        temperature=_decimal(value.get("temperature")),
        reasoning=_reasoning(value),
        tools=bool(value.get("tools")),
        more=tuple(sorted(value.keys() - _WIRE)),
    )


def _inspect(value: Mapping[str, Any], messages: Sequence[Any], config: Mapping[str, Any]) -> Asked:
    budget = config.get("reasoning_tokens")
    said = {name for name, one in config.items() if isinstance(one, str | list | dict)}
    return Asked(
        model=_text(value.get("model")),
        turns=tuple(turn for message in messages for turn in _turns(message)),
        cap=_number(config.get("max_tokens")),
        temperature=_decimal(config.get("temperature")),
        reasoning=_reasoning(config) if budget is None else str(_number(budget)),
        tools=bool(value.get("tools")),
        # Inspect may add numbers of its own to a configuration; words have no business there.
        more=tuple(sorted((value.keys() - _INSPECT) | (said - _CONFIG))),
    )


def _plain(value: Mapping[str, Any], messages: Sequence[Any]) -> Asked:
    return Asked(
        model="",
        turns=tuple(turn for message in messages for turn in _turns(message)),
        cap=_number(value.get("max_tokens")),
        temperature=None,
        reasoning=None,
        tools=False,
        more=tuple(sorted(value.keys() - _PLAIN)),
    )


def _reasoning(value: Mapping[str, Any]) -> str | None:
    """Effort or budget, in the words of the settings."""
    sent = {name: value[name] for name in ("reasoning_effort", "thinking", "output_config") if name in value}
    match len(sent), sent:
        case 0, _:
            return None
        case 1, {"reasoning_effort": str(effort)}:
            return effort
        case 1, {"thinking": {"type": "enabled", "budget_tokens": int(budget)}}:
            return str(budget)
        case 1, {"thinking": {"type": "disabled"}}:
            return "none"
        case 1, {"thinking": {"type": "between_tools"}}:
            return "between_tools"
        case 2, {"thinking": {"type": "adaptive"}, "output_config": {"effort": str(effort)}}:
            return effort
    raise _Unread("reasoning")


def _turns(message: Any) -> Iterator[Turn]:
    """The turns in one message: its text, and each result of a tool in it."""
    if not isinstance(message, dict) or not message.keys() <= _TURN:
        raise _Unread("message")
    role, content = _text(message.get("role")), message.get("content")
    if not isinstance(content, list):
        yield role, "" if content is None else _text(content)
        return
    if any(_kind(one) not in ("text", "tool_result", *_SILENT) for one in content):
        raise _Unread("block")
    results = [one for one in content if _kind(one) == "tool_result"]
    yield from (("tool", _spoken(one.get("content")) or "") for one in results)
    texts = [one for one in content if _kind(one) == "text"]
    if texts or not results:
        yield role, _spoken(texts) or ""


def _spoken(content: Any) -> str | None:
    """The text in what stands for content; "" for none."""
    if content is None:
        return ""
    if isinstance(content, list):
        return "".join(_text(one.get("text", "")) if isinstance(one, dict) else _text(one) for one in content)
    return _text(content)


def _kind(block: Any) -> str:
    if not isinstance(block, dict):
        raise _Unread("block")
    return str(block.get("type", ""))


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise _Unread("text")
    return value


def _number(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _decimal(value: Any) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _Unread("temperature")
    return float(value)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object whose every key stands once: of two, one reader takes the first and another the last."""
    found = dict(pairs)
    if len(found) < len(pairs):
        raise _Unread("key")
    return found
