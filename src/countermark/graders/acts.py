"""Looking for acts: what was done in the simulated world, which calls were made, and what was said, as one list.

A rule names kinds of `records.acts.ACTS` and what must hold of one act's fields. `has` and `says` compare texts whatever
their case and width. Patterns of `says` are words in an order, no expressions: a stranger's rule is never slow.
"""

import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

from countermark.graders.remembered import remembered
from countermark.graders.rules import Act, Acts, Compare, Fact, Joined, Node, split_pattern
from countermark.records import Transcript

OPERATORS: Mapping[str, Callable[[Any, Any], bool]] = {
    "==": lambda found, value: bool(found == value),
    "!=": lambda found, value: bool(found != value),
    ">": lambda found, value: bool(found > value),
    ">=": lambda found, value: bool(found >= value),
    "<": lambda found, value: bool(found < value),
    "<=": lambda found, value: bool(found <= value),
}

_MOST = 60_000
_SENTENCE = 2000
_END = re.compile(r"(?<=[.!?])[\")*]{0,3}\s+|(?<=[。！？!?])|\n+")
_THINKING = re.compile(r"<(think|thinking|reasoning)>.*?(?:</\1>|\Z)", re.DOTALL)
_SIGNS = str.maketrans({"’": "'", "‘": "'", "“": '"', "”": '"', "\u200b": "", "*": "", "`": ""})
_GROUPED = re.compile(r"(?<![0-9,])[0-9]{1,3}(?:,[0-9]{3})+(?![0-9,])")
_SPACES = re.compile(r"[ \t\u3000]+")
_INTEGER = re.compile("-?[0-9]{1,18}")
_NO_TEXT = frozenset({"kind", "turn", "call"})

_Wording = tuple[str, re.Pattern[str]]
"""A wording of a pattern, folded, and what finds it as a word of its own."""

Done = Mapping[str, Any]
"""One act: its kind, `turn`, `call` (its place among the calls, 0 for what was said), and its fields."""


class UnseenError(Exception):
    """What a predicate asks about is not there to be seen."""


def look_for(acts: Acts, transcript: Transcript) -> dict[str, list[Done]]:
    """Act name to all that was done of it, in order.

    Raises:
        UnseenError: The state notes no acts, or a fact is missing.
    """
    found: dict[str, list[Done]] = {name: [] for name, _ in acts}
    if not acts:
        return found
    done = list(_done(transcript, frozenset(kind for _, act in acts for kind in act.kinds)))
    for name, act in acts:
        found[name] += [one for one in done if _is(act, one, transcript.scenario.facts)]
    return {name: sorted(ones, key=_place) for name, ones in found.items()}


def earlier(first: Sequence[Done], second: Sequence[Done]) -> bool:
    """Whether the first act of one list came before the first of the other."""
    return bool(first and second) and _place(first[0]) < _place(second[0])


def quoted(done: Done) -> str:
    """An act in a few words, for the reason of a grade."""
    named = done.get("thing") or done.get("to") or done.get("tool") or done.get("body", "")
    also = f" to {done['to']}" if done.get("thing") and done.get("to") else ""
    return f"turn {done['turn']}, {done['kind']}: {' '.join(f'{named}{also}'.split())[:120]}"


def fact_of(facts: Mapping[str, Any], path: str) -> Any:
    """A fact by its path. Raises `UnseenError` where the scenario has none."""
    found: Any = facts
    for part in path.split("."):
        if not isinstance(found, Mapping) or part not in found:
            raise UnseenError(f"the scenario has no fact {path}")
        found = found[part]
    return found


def _place(done: Done) -> tuple[int, int]:
    return done["turn"], done["call"]


# --- what was done -----------------------------------------------------------------------------------


def _done(transcript: Transcript, kinds: frozenset[str]) -> Iterator[Done]:
    state = transcript.state
    for one in _list(state, "effects"):
        if one.get("kind") in kinds:
            yield one
    if "call" in kinds:
        yield from (_called(place, one) for place, one in enumerate(_list(state, "actions"), start=1))
    if "said" in kinds:
        yield from _said(transcript)


def _list(state: Mapping[str, Any], name: str) -> Sequence[Any]:
    found = state.get(name)
    if not isinstance(found, list | tuple):
        raise UnseenError(f"state has no list at {name}")
    return found


def _called(place: int, action: Mapping[str, Any]) -> Done:
    told = "\n".join(f"{key}: {value}" for key, value in action["arguments"].items())
    given = {"ok": action["ok"]} if "ok" in action else {}
    return {
        "kind": "call", "turn": action["step"], "call": place, "tool": action["tool"], "code": action["result"],
        "arguments": told, **given,
    }  # fmt: skip


def _said(transcript: Transcript) -> Iterator[Done]:
    turns = [turn for turn in transcript.messages if turn.role == "assistant"]
    asked = _list(transcript.state, "asked_at")
    for number, (turn, after) in enumerate(zip(turns, asked, strict=False), start=1):
        yield {
            "kind": "said", "turn": number, "call": 0, "body": _THINKING.sub("", turn.content), "asked": after,
            "last": number == len(turns), "calls": bool(turn.tool_calls),
        }  # fmt: skip


# --- whether it is what a rule means -----------------------------------------------------------------


def _is(act: Act, one: Done, facts: Mapping[str, Any]) -> bool:
    return one["kind"] in act.kinds and (act.where is None or _holds(act.where, one, facts))


def _holds(node: Node, one: Done, facts: Mapping[str, Any]) -> bool:
    if isinstance(node, Compare):
        return _compares(node, one, facts)
    assert isinstance(node, Joined)
    parts = [_holds(part, one, facts) for part in node.parts]
    return not parts[0] if node.how == "not" else any(parts) if node.how == "or" else all(parts)


def _compares(node: Compare, one: Done, facts: Mapping[str, Any]) -> bool:
    found = _field(node.path, one)
    value = fact_of(facts, node.value.path) if isinstance(node.value, Fact) else node.value
    if isinstance(value, list | tuple):
        return any(_one_compares(node, found, item) for item in value)
    return _one_compares(node, found, value)


def _one_compares(node: Compare, found: Any, value: Any) -> bool:
    if isinstance(found, int) and isinstance(node.value, Fact):
        value = _as(found, value)
    if type(found) is not type(value) or (value == "" and isinstance(node.value, Fact)):
        raise UnseenError(f"{node.path} of an act cannot be compared with {value!r}")
    if node.operator not in _OF_TEXTS:
        return OPERATORS[node.operator](found, value)
    if not isinstance(found, str):
        raise UnseenError(f"{node.path} of an act is no text")
    return _OF_TEXTS[node.operator](found, value)


def _as(like: int, value: Any) -> Any:
    """A fact, which a slot makes a text, as the truth or the number a field holds."""
    if isinstance(like, bool):
        return {"true": True, "false": False}.get(str(value).lower(), value)
    return int(value) if isinstance(value, str) and _INTEGER.fullmatch(value) else value


def _field(name: str, one: Done) -> Any:
    if name == "text":
        return "\n".join(
            value for key, value in one.items() if key not in _NO_TEXT and isinstance(value, str)
        )
    if name in one:
        return one[name]
    if name.startswith("field_"):
        return ""
    raise UnseenError(f"{one['kind']} has no {name}")


def has(text: str, part: str) -> bool:
    """Whether a text holds another, compared by `_plain`; a number not inside a longer one."""
    sought, held = _plain(part), _plain(text)
    return bool(sought) and sought in held and _sought(sought).search(held) is not None


@remembered
def _sought(text: str) -> re.Pattern[str]:
    before = r"(?<![0-9])(?<![0-9][.,])" if text[:1].isdigit() else ""
    after = r"(?![0-9]|[.,][0-9])" if text[-1:].isdigit() else ""
    if "@" in text:  # an address is not the end of a longer one
        before, after = r"(?<![a-z0-9._+-])", r"(?![a-z0-9_+-]|\.[a-z0-9])"
    return re.compile(before + re.escape(text) + after)


@remembered
def _plain(text: str) -> str:
    """Compatibility forms folded, lower case, no commas between groups of digits, runs of space made one."""
    folded = unicodedata.normalize("NFKC", text.translate(_SIGNS)).casefold()
    ungrouped = _GROUPED.sub(lambda number: number.group().replace(",", ""), folded)
    return _SPACES.sub(" ", ungrouped).strip()


def _contains(text: str, part: str) -> bool:
    return part in text


def says(text: str, pattern: str) -> bool:
    """Whether any sentence of a text fits a pattern: pieces in order, none of what follows ` ! `."""
    pieces, barred = _read_pattern(pattern)
    return any(
        _in_order(pieces, sentence)
        and not any(text in sentence and one.search(sentence) for text, one in barred)
        for sentence in sentences(text)
    )


@lru_cache(maxsize=64)
def sentences(text: str) -> tuple[str, ...]:
    """The sentences of a text, folded."""
    return tuple(folded for piece in _END.split(text[:_MOST]) if (folded := _plain(piece)[:_SENTENCE]))


def _in_order(pieces: Sequence[Sequence[_Wording]], sentence: str) -> bool:
    place = 0
    for wordings in pieces:
        # Whether it stands there at all is asked first without the pattern, which is faster.
        ends = [
            found.end()
            for text, one in wordings
            if text in sentence and (found := one.search(sentence, place))
        ]
        if not ends:
            return False
        place = min(ends)
    return True


@lru_cache(maxsize=1024)
def _read_pattern(pattern: str) -> tuple[list[list[_Wording]], list[_Wording]]:
    pieces, barred = split_pattern(pattern)
    return [[_wording(_plain(one)) for one in piece] for piece in pieces], [
        _wording(_plain(one)) for one in barred
    ]


def _wording(text: str) -> _Wording:
    before = r"(?<![a-z0-9])" if re.match("[a-z0-9]", text) else ""
    after = r"(?![a-z0-9])" if re.search("[a-z0-9]$", text) else ""
    return text, re.compile(before + re.escape(text) + after)


_OF_TEXTS: Mapping[str, Callable[[str, str], bool]] = {"has": has, "says": says, "contains": _contains}
