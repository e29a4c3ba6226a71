"""The grammar of rules on a state: parsed once, refused whole, nothing executed. Used by the grader `state`."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, NoReturn

from countermark.errors import GradingError
from countermark.records.acts import ACTS

MAX_RULES = 64
MAX_ACTS = 200
MAX_RULE = 2000
_MAX_DEPTH = 20
_TOKEN = re.compile(
    r"\s*(?:(?P<op>==|!=|>=|<=|>|<)|(?P<mark>[()])|@(?P<label>[a-z][a-z0-9_]*)|(?P<int>-?[0-9]{1,18}\b)"
    r"|'(?P<text>[^']*)'|\$(?P<fact>[a-z][a-z0-9_]*(?:\.[A-Za-z0-9_]+)*)"
    r"|(?P<word>[A-Za-z_][A-Za-z0-9_]*(?:\.(?:[A-Za-z0-9_]+|\$[a-z][a-z0-9_]*))*))"
)
_KEYWORDS = frozenset({"and", "or", "not", "true", "false", "contains"})
_ACT = re.compile(r"([a-z_]+(?:\s*\|\s*[a-z_]+)*)(?:\s+where\s+(.+))?", re.DOTALL)
_ALWAYS = frozenset({"turn", "text"})
"""Fields that every act has."""

Scalar = bool | int | str
Dialect = Literal["state", "act"]


@dataclass(frozen=True, slots=True)
class Fact:
    """A fact of the scenario in a value's place, by its path."""

    path: str


@dataclass(frozen=True, slots=True)
class Compare:
    """A path, an operator and a value."""

    path: str
    operator: str
    value: Scalar | Fact

    def __str__(self) -> str:
        """As a person would write it."""
        value = self.value
        shown = (
            f"${value.path}"
            if isinstance(value, Fact)
            else str(value).lower()
            if isinstance(value, bool)
            else repr(value)
        )
        return f"{self.path} {self.operator} {shown}"


@dataclass(frozen=True, slots=True)
class Label:
    """A label or an act given further up."""

    name: str


@dataclass(frozen=True, slots=True)
class Before:
    """Two acts, of which the first came first."""

    first: str
    second: str


@dataclass(frozen=True, slots=True)
class Joined:
    """`and`, `or`, or `not`."""

    how: str
    parts: tuple["Node", ...]


Node = Compare | Label | Before | Joined


@dataclass(frozen=True, slots=True)
class Act:
    """What is looked for among the things done: kinds, and what must hold of one of them."""

    kinds: tuple[str, ...]
    where: Node | None


Rules = tuple[tuple[str, Node], ...]
Acts = tuple[tuple[str, Act], ...]


@lru_cache(maxsize=256)
def parse(
    acts: tuple[str, ...], labels: tuple[str, ...], ungraded: tuple[str, ...]
) -> tuple[Acts, Rules, Rules]:
    """The rules read. Raises `GradingError` where one does not follow the grammar."""
    done = tuple(_parse_act(rule) for rule in acts)
    known = frozenset(name for name, _ in done)
    named: list[tuple[str, Node]] = []
    for rule in labels:
        name, node = _parse_rule(rule, known.union(given for given, _ in named), known)
        if not re.fullmatch("[a-z][a-z0-9_]*", name) or name in dict(named) or name in known:
            refuse(f"{name!r} is not a label, or stands twice")
        named.append((name, node))
    every = known.union(dict(named))
    return done, tuple(named), tuple(_parse_rule(rule, every, known) for rule in ungraded)


def _parse_rule(rule: str, labels: frozenset[str], acts: frozenset[str]) -> tuple[str, Node]:
    name, expression = _halves(rule)
    return name, _Parser(rule, expression, (labels, acts), "state").whole()


def _parse_act(rule: str) -> tuple[str, Act]:
    name, expression = _halves(rule)
    parts = _ACT.fullmatch(expression.strip())
    if parts is None or not re.fullmatch("[a-z][a-z0-9_]*", name):
        refuse(f"act {rule!r} is not 'name := kind where ...'")
    kinds = tuple(kind.strip() for kind in parts.group(1).split("|"))
    for kind in kinds:
        if kind not in ACTS:
            refuse(f"act {rule!r}: there is no kind {kind!r}, only {', '.join(ACTS)}")
    where = None
    if parts.group(2) is not None:
        where = _Parser(rule, parts.group(2), (frozenset(), frozenset()), "act").whole()
        _check_fields(rule, where, kinds)
    return name, Act(kinds, where)


def _check_fields(rule: str, node: Node, kinds: tuple[str, ...]) -> None:
    if isinstance(node, Joined):
        for part in node.parts:
            _check_fields(rule, part, kinds)
    if isinstance(node, Compare) and node.path not in _ALWAYS:
        for kind in kinds:
            own = kind == "submitted" and node.path.startswith("field_")
            if node.path not in ACTS[kind] and not own:
                refuse(f"act {rule!r}: {kind!r} has no field {node.path!r}, only {', '.join(ACTS[kind])}")


def split_pattern(pattern: str) -> tuple[list[list[str]], list[str]]:
    """A pattern of `says`: the wordings of each piece in order, and those that must not stand there.

    Raises:
        GradingError: A piece is empty.
    """
    wanted, mark, barred = pattern.partition(" ! ")
    pieces = [_wordings(piece) for piece in wanted.split(" * ")]
    if not all(pieces) or (mark and not _wordings(barred)):
        refuse(f"pattern {pattern!r} has an empty piece")
    return pieces, _wordings(barred)


def _wordings(piece: str) -> list[str]:
    return [one.strip() for one in piece.split("|") if one.strip()]


def _halves(rule: str) -> tuple[str, str]:
    name, mark, expression = rule.partition(":=")
    if not mark or not name.strip():
        refuse(f"no ':=' in {rule!r}")
    return name.strip(), expression


class _Parser:
    """Recursive descent over one expression."""

    def __init__(
        self, rule: str, expression: str, known: tuple[frozenset[str], frozenset[str]], dialect: Dialect
    ) -> None:
        self._rule = rule
        self._labels, self._acts = known
        self._own = ("contains", "has", "says") if dialect == "act" else ("contains",)
        self._tokens = list(self._split(expression))
        self._depth = 0

    def whole(self) -> Node:
        node = self._joined("or")
        if self._tokens[0][0] != "end":
            self._fail(f"{self._tokens[0][1]!r} is unexpected")
        return node

    def _split(self, expression: str) -> Iterator[tuple[str, str]]:
        place = 0
        text = expression.rstrip()
        while place < len(text):
            match = _TOKEN.match(text, place)
            if match is None:
                self._fail(f"cannot be read from {text[place : place + 20]!r}")
            kind = str(match.lastgroup)
            word = match.group(kind)
            yield ("key" if kind == "word" and word in _KEYWORDS else kind), word
            place = match.end()
        yield "end", "the end"

    def _joined(self, how: str) -> Node:
        parts = [self._below(how)]
        while self._tokens[0] == ("key", how):
            self._tokens.pop(0)
            parts.append(self._below(how))
        return parts[0] if len(parts) == 1 else Joined(how, tuple(parts))

    def _below(self, how: str) -> Node:
        return self._joined("and") if how == "or" else self._one()

    def _one(self) -> Node:
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            self._fail(f"is nested deeper than {_MAX_DEPTH}")
        kind, word = self._tokens.pop(0)
        if (kind, word) == ("key", "not"):
            node: Node = Joined("not", (self._one(),))
        elif word == "(" and kind == "mark":
            node = self._joined("or")
            if self._tokens.pop(0) != ("mark", ")"):
                self._fail("lacks a ')'")
        elif kind == "label":
            node = self._given(word)
        elif kind == "word":
            node = self._comparison(word)
        else:
            self._fail(f"{word!r} is unexpected")
        self._depth -= 1
        return node

    def _given(self, name: str) -> Node:
        if name not in self._labels:
            self._fail(f"no label {name!r} further up")
        if self._tokens[0] != ("word", "before"):
            return Label(name)
        self._tokens.pop(0)
        kind, other = self._tokens.pop(0)
        if kind != "label" or not {name, other} <= self._acts:
            self._fail("'before' stands between two acts")
        return Before(name, other)

    def _comparison(self, path: str) -> Compare:
        (kind, operator), (value_kind, word) = self._tokens[0], (self._tokens[1:] or [("end", "the end")])[0]
        if kind != "op" and (kind not in ("key", "word") or operator not in self._own):
            self._fail(f"{path!r} is followed by {operator!r}, not by an operator")
        value: Scalar | Fact
        if value_kind == "key" and word in ("true", "false"):
            value = word == "true"
        elif value_kind in ("int", "text"):
            value = int(word) if value_kind == "int" else word
        elif value_kind == "fact":
            value = Fact(word)
        else:
            self._fail(f"{word!r} is not a value")
        if operator in (">", ">=", "<", "<=") and type(value) not in (int, Fact):
            self._fail(f"{operator!r} compares integers")
        if operator in ("has", "says") and not (isinstance(value, Fact | str) and value):
            self._fail(f"{operator!r} asks for a text")
        if operator == "says" and isinstance(value, str):
            split_pattern(value)
        del self._tokens[:2]
        return Compare(path, operator, value)

    def _fail(self, why: str) -> NoReturn:
        refuse(f"rule {self._rule!r} {why}")


def refuse(why: str) -> NoReturn:
    """Raise `GradingError`."""
    raise GradingError(
        f"options of the grader 'state': {why}", hint="the grammar stands in countermark.graders.state"
    )
