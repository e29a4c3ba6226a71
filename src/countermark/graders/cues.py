r"""What a text must hold before a pattern can match it: the cheap question that is asked before the dear one.

A pattern of phrases is long, and most sentences hold none of its words. The functions here read the pattern itself, so
that no cue is forgotten when a phrase is added. They know the syntax that phrases are written in and raise `ValueError`
at anything else: characters, `[classes]`, `(?:groups)`, lookarounds, `|`, `? * + {m,n}`, `^ $ .`, `\b \w \W \s \d`.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

KEY, _MOST = 4, 3
_PART = re.compile(
    r"\(\?(?::|<?[=!])|[|)]|\[\^?\]?(?:\\.|[^\]\\])*\]|\\.|[?*+]|\{\d+(?:,\d*)?\}|[^()\[\]{}?*+|\\]",
    re.DOTALL,
)
_PLAIN_MARKS = re.compile(r"\[(?!\^)[^\w\\-]+-?\]")
_REPEATS = frozenset("?*+{")
_WORD = re.compile(r"\w+")
_SPACED = bytes(code if _WORD.match(chr(code)) and code < 128 else 32 for code in range(256))

Needs = frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Piece:
    """A part of a pattern: one character, a class of them, an assertion that consumes nothing, or a group.

    Attributes:
        char: The character it stands for, or "".
        clear: It is one character that is part of no word.
        edge: It consumes nothing and holds only at the edge of a word.
        empty: It consumes nothing.
        branches: What a group may be.
        optional: It may be left out.
        once: It stands at most once.
    """

    char: str = ""
    clear: bool = False
    edge: bool = False
    empty: bool = False
    branches: tuple[tuple["_Piece", ...], ...] = ()
    optional: bool = False
    once: bool = True


_Pieces = tuple[_Piece, ...]


def keys_of(text: str) -> Needs:
    """The keys of a lower-case text: the first four characters of each word, as far as it is written in ASCII."""
    spaced = text.encode("ascii", "replace").translate(_SPACED).decode("ascii")
    return frozenset([word[:KEY] for word in set(spaced.split())])


def word_needs(pattern: str, cost: Callable[[str], float]) -> tuple[Needs, ...]:
    """Sets of keys: a text in which the pattern matches has a key of each set. At most three, the rarest first.

    Args:
        pattern: In the syntax above.
        cost: How often a key stands in ordinary texts, in any unit.
    """
    return _best(list(_candidates(_parsed(pattern), False, False, words=True, cost=cost)), cost)


def text_needs(pattern: str) -> tuple[Needs, ...]:
    """Sets of texts: a text in which the pattern matches holds a member of each set. At most three, the longest first."""
    return _best(list(_candidates(_parsed(pattern), False, False, words=False, cost=_short)), _short)


def _short(text: str) -> float:
    return 8.0 ** -len(text)


def _best(found: Sequence[Needs], cost: Callable[[str], float]) -> tuple[Needs, ...]:
    return tuple(sorted(dict.fromkeys(found), key=lambda needs: sum(map(cost, needs)))[:_MOST])


def _candidates(
    pieces: _Pieces, left: bool, right: bool, *, words: bool, cost: Callable[[str], float]
) -> Iterator[Needs]:
    """Every set of which a match must hold a member; `left` and `right`: whether what is beside is surely no word."""
    yield from _words(pieces, left, right) if words else _runs(pieces)
    for place, piece in enumerate(pieces):
        if piece.optional or not piece.branches:
            continue
        starts = piece.once and _clear_beside(pieces[:place], left, last=True)
        ends = piece.once and _clear_beside(pieces[place + 1 :], right, last=False)
        each = [
            _best(list(_candidates(branch, starts, ends, words=words, cost=cost)), cost)
            for branch in piece.branches
        ]
        if all(each):
            yield frozenset().union(*(needs[0] for needs in each))


def _runs(pieces: _Pieces) -> Iterator[Needs]:
    """The runs of characters that stand in every match."""
    run = ""
    for piece in (*pieces, _Piece()):
        if piece.char and not piece.optional and piece.once:
            run += piece.char
        elif not piece.empty and run.strip():
            yield frozenset({run.strip()})
            run = ""


def _words(pieces: _Pieces, left: bool, right: bool) -> Iterator[Needs]:
    """The keys of the words that stand in every match and surely begin where they seem to."""
    word, begun = "", False
    for place, piece in enumerate((*pieces, _Piece())):
        fixed = (
            piece.char.isascii()
            and piece.char != ""
            and not piece.clear
            and not piece.optional
            and piece.once
        )
        if fixed:
            begun = begun if word else _clear_beside(pieces[:place], left, last=True)
            word += piece.char
        elif not (piece.empty and not piece.edge):
            if word and begun and (len(word) >= KEY or _clear_beside(pieces[place:], right, last=False)):
                yield frozenset({word[:KEY]})
            word = ""


def _clear_beside(pieces: _Pieces, beyond: bool, *, last: bool) -> bool:
    """Whether no word character can stand right before what follows these pieces (`last`), or right after what precedes them.

    `beyond`: whether that is sure of what lies on their other side.
    """
    for piece in reversed(pieces) if last else pieces:
        if piece.edge:
            return True
        if piece.empty:
            continue
        if not _clear(piece, True, last=last):
            return False
        if not piece.optional and _clear(piece, False, last=last):
            return True
    return beyond


def _clear(piece: _Piece, otherwise: bool, *, last: bool) -> bool:
    """Whether the last (or first) character that the piece consumes is part of no word; `otherwise` if it consumes none."""
    if not piece.branches:
        return piece.clear
    return all(_clear_beside(branch, otherwise, last=last) for branch in piece.branches)


def _parsed(pattern: str) -> _Pieces:
    parts = _PART.findall(pattern)
    if sum(map(len, parts)) != len(pattern):
        raise ValueError(f"cannot read the pattern {pattern!r}")
    parts.reverse()
    branches = _group(parts)
    if parts:
        raise ValueError(f"a bracket too many in {pattern!r}")
    return branches[0] if len(branches) == 1 else (_Piece(branches=branches),)


def _group(parts: list[str]) -> tuple[_Pieces, ...]:
    """The branches up to the end of a group, taken off the end of the reversed parts."""
    branches: list[list[_Piece]] = [[]]
    while parts and parts[-1] != ")":
        part = parts.pop()
        if part == "|":
            branches.append([])
        elif part[0] in _REPEATS:
            branches[-1][-1] = _repeated(branches[-1][-1], part)
        elif part[0] == "(":
            inner = _group(parts)
            if not parts:
                raise ValueError("a group has no end")
            parts.pop()
            branches[-1].append(_Piece(branches=inner) if part == "(?:" else _look(part, inner))
        else:
            branches[-1].append(_single(part))
    return tuple(map(tuple, branches))


def _look(part: str, inner: tuple[_Pieces, ...]) -> _Piece:
    """A lookaround; one that asks for a character that is part of no word stands at an edge."""
    return _Piece(
        empty=True, edge=part == "(?=" and all(_clear_beside(branch, False, last=False) for branch in inner)
    )


def _repeated(piece: _Piece, part: str) -> _Piece:
    if part == "?" and not piece.once:
        return piece  # `+?` and its like only say which match comes first.
    least = part == "+" or (part[0] == "{" and int(part[1:-1].partition(",")[0]) > 0)
    return replace(piece, optional=not least, once=part == "?")


@lru_cache(maxsize=1024)
def _single(part: str) -> _Piece:
    """A character, a class, or an assertion about the place."""
    if part in ("^", "$", r"\b"):
        return _Piece(edge=True, empty=True)
    if part[0] == "[":
        return _Piece(clear=_PLAIN_MARKS.fullmatch(part) is not None)
    if part[0] == "\\" and part[1].isalnum():
        if part[1] not in "wWsSdDn":
            raise ValueError(f"cannot read {part} in a pattern")
        return _Piece(clear=part[1] in "Wsn")
    char = part[-1]
    return _Piece() if part == "." else _Piece(char=char, clear=not _WORD.match(char))
