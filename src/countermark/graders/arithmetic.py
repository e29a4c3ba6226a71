"""Arithmetic said in prose, in signs or in words, worked out: `6 × 7`, `one more than 41`, 「84の半分」.

A parser of its own with caps on length, depth and size; nothing is ever executed.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

from countermark.graders.numerals import figured

LONGEST = 20_000
"""Characters read; what follows them is not."""

_MOST_TOKENS, _MOST_BITS, _MOST_POWER, _DEEPEST = 60, 128, 12, 12
_N = r"(?<![0-9.])[0-9]{1,18}(?:\.[0-9]{1,12})?(?![0-9])"
_SIGNS = str.maketrans({"×": "*", "✕": "*", "✖": "*", "·": "*", "⋅": "*", "∗": "*", "÷": "/", "∕": "/", "−": "-", "–": "-",
                        "﹣": "-", "➕": "+", "➖": "-", "➗": "/", "＝": "=", "（": "(", "）": ")"})  # fmt: skip
_FOREIGN_POINT = re.compile(r"(?<![0-9.,])([0-9]+),([0-9]{1,2})(?![0-9,])(?! ?[0-9])")
_LATEX = (
    (re.compile(r"\\(?:times|cdot)"), "*"), (re.compile(r"\\div"), "/"), (re.compile(r"\\%"), "%"),
    (re.compile(r"\\[dt]?frac\{([^{}]{1,40})\}\{([^{}]{1,40})\}"), r"(\1)/(\2)"),
    (re.compile(r"\\(?:left|right|boxed|text|mathrm|,|;|quad)(?![a-z])|[\\${}]|\*\*|__"), " "),
)  # fmt: skip
_SAID = tuple((re.compile(pattern), written) for pattern, written in (
    (r"(?<=[0-9)]) ?(?:multiplied by|times|x|掛ける|かける|カケル|掛け|ｘ) ?(?=[0-9(])", " * "),
    (r"(?<=[0-9)]) ?(?:divided by|over|割る|わる|÷) ?(?=[0-9(])", " / "),
    (r"(?<=[0-9)]) ?(?:plus|added to|足す|たす|プラス|ぷらす) ?(?=[0-9(])", " + "),
    (r"(?<=[0-9)]) ?(?:minus|take away|less(?! than)|引く|ひく|マイナス|まいなす) ?(?=[0-9(])", " - "),
    (rf"({_N}) (?:percent|per cent|パーセント|ぱーせんと)", r"\1%"), (rf"({_N})(?:パーセント|ぱーせんと|割(?!る))", r"\1%"),
    (rf"({_N})% of (?:the )?({_N})", r"(\1/100*\2)"), (rf"({_N})の({_N})%", r"(\1*\2/100)"),
    (rf"({_N})/({_N}) of ({_N})", r"(\1/\2*\3)"),
    (rf"({_N}) (?:more|greater|bigger|larger|higher) than ({_N})", r"{\2+\1}"),
    (rf"({_N}) (?:less|fewer|smaller|lower|under) than ({_N})", r"{\2-\1}"),
    (rf"({_N}) (?:above|past|up from) ({_N})", r"{\2+\1}"), (rf"({_N}) (?:below|short of|shy of|down from) ({_N})", r"{\2-\1}"),
    (rf"(?:just|right|directly|comes|immediately|number) (?:above|after|following) ({_N})", r"{\1+1}"),
    (rf"(?:just|right|directly|comes|immediately|number) (?:below|before|preceding) ({_N})", r"{\1-1}"),
    (rf"(?:successor of|next (?:whole )?number after) ({_N})", r"{\1+1}"), (rf"predecessor of ({_N})", r"{\1-1}"),
    (rf"(?:half(?: of)?|1/2 of) ({_N})", r"(\1/2)"), (rf"(?:double|twice|two times) (?:of )?({_N})", r"(\1*2)"),
    (rf"(?:triple|thrice) (?:of )?({_N})", r"(\1*3)"), (rf"({_N}) dozen", r"(\1*12)"),
    (rf"({_N})(?: squared|の2乗|の平方)", r"(\1*\1)"), (rf"square of ({_N})", r"(\1*\1)"),
    (rf"product of ({_N}) and ({_N})", r"(\1*\2)"), (rf"sum of ({_N}) and ({_N})", r"(\1+\2)"),
    (rf"difference (?:between|of) ({_N}) and ({_N})", r"(\1-\2)"), (rf"quotient of ({_N}) and ({_N})", r"(\1/\2)"),
    (rf"(?:average|mean|midpoint) of ({_N}) and ({_N})", r"((\1+\2)/2)"),
    (rf"(?:add|adding|put) ({_N}) (?:to|onto|and) ({_N})", r"(\2+\1)"),
    (rf"(?:subtract|subtracting|take) ({_N}) from ({_N})", r"(\2-\1)"),
    (rf"(?:multiply|multiplying) ({_N}) (?:by|and) ({_N})", r"(\1*\2)"), (rf"(?:divide|dividing) ({_N}) by ({_N})", r"(\1/\2)"),
    (rf"({_N}) tens? (?:and|,|\+) ({_N}) (?:ones?|units?)", r"(\1*10+\2)"),
    (rf"({_N})より(?:も)?({_N})(?:つ|個)?(?:だけ)?(?:大き|多|上)", r"{\1+\2}"), (rf"({_N})より(?:も)?({_N})(?:つ|個)?(?:だけ)?(?:小さ|少な|下)", r"{\1-\2}"),
    (rf"({_N})の(?:すぐ)?(?:次|1つ後|後)", r"{\1+1}"), (rf"({_N})の(?:すぐ|一つ|1つ)?(?:前|手前)", r"{\1-1}"),
    (rf"({_N})の半分", r"(\1/2)"), (rf"({_N})の({_N})倍", r"(\1*\2)"), (rf"({_N})[とに]({_N})を(?:足|たし|加え|合わせ)", r"(\1+\2)"),
    (rf"({_N})から({_N})を(?:引|ひい|取)", r"(\1-\2)"), (rf"({_N})に({_N})を(?:掛|かけ)", r"(\1*\2)"), (rf"({_N})を({_N})で(?:割|わっ)", r"(\1/\2)"),
    (rf"({_N})と({_N})の積", r"(\1*\2)"), (rf"({_N})と({_N})の和", r"(\1+\2)"), (rf"({_N})と({_N})の差", r"(\1-\2)"),
    (rf"({_N})個?の?10(?:と|、)({_N})", r"(\1*10+\2)"),
))  # fmt: skip
_BETWEEN = re.compile(rf"between ({_N}) and ({_N})|({_N})と({_N})の(?:間|あいだ)")
_TOKEN = re.compile(r" {0,3}([0-9]+(?:\.[0-9]+)?|[-+*/^(){}%])")
_START = re.compile(r"(?<![0-9.a-z_])[0-9({]|(?<![0-9.a-z_)])-(?=[0-9])")
_PAIR = re.compile(r"-?[0-9]+ ?/ ?[0-9]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Worth:
    """A number or an expression found in a text.

    Attributes:
        value: What it comes to.
        operations: How many operations lead there; 0 for a number as such, and for a fraction in whole numbers.
        numbers: The numbers it is made of.
        start: Where it begins in the text as `readable` gives it.
        end: Where it ends there.
        described: Whether it is told by a neighbour: `one more than 41`, 「41の次」.
    """

    value: Fraction
    operations: int
    numbers: tuple[Fraction, ...]
    start: int
    end: int
    described: bool = False


class NotArithmetic(ValueError):
    """The text is no arithmetic expression, or one beyond the caps."""


@lru_cache(maxsize=4096)
def readable(text: str) -> str:
    """The text with numbers in figures and operations in signs: `one more than 41` becomes `(41+1)`."""
    text = text[:LONGEST]
    for pattern, written in _LATEX:
        text = pattern.sub(written, text)
    text = figured(text.translate(_SIGNS)).translate(_SIGNS)
    for pattern, written in _SAID:
        text = pattern.sub(written, text)
    return text


@lru_cache(maxsize=4096)
def worths(text: str) -> tuple[Worth, ...]:
    """Every number and the longest expression at each place, in order, and numbers told by their two neighbours."""
    said = readable(text)
    found, place = [], 0
    for match in _START.finditer(said):
        if match.start() < place:
            continue
        worth = _longest(said, match.start())
        if worth is not None:
            found.append(worth)
            place = worth.end
    found.extend(_between(said))
    found.extend(_other_points(said))
    return tuple(found)


def evaluate(text: str) -> Fraction:
    """The value of an expression of numbers, brackets, `+ - * / ^ %` and their other signs. Raises `NotArithmetic`."""
    said = readable(text).strip()
    worth = _longest(said, 0)
    if worth is None or worth.end != len(said):
        raise NotArithmetic(text)
    return worth.value


def _between(said: str) -> Iterator[Worth]:
    for match in _BETWEEN.finditer(said):
        low, high = sorted(Fraction(part) for part in match.groups() if part)
        if high - low == 2:
            yield Worth(
                value=(low + high) / 2, operations=1, numbers=(low, high), start=match.start(), end=match.end(),
                described=True,
            )  # fmt: skip


def _other_points(said: str) -> Iterator[Worth]:
    """`3,5` as most of Europe writes it."""
    for match in _FOREIGN_POINT.finditer(said):
        value = Fraction(f"{match.group(1)}.{match.group(2)}")
        yield Worth(value=value, operations=0, numbers=(value,), start=match.start(), end=match.end())


def _longest(said: str, start: int) -> Worth | None:
    parser = _Parser(said, start)
    try:
        value = parser.sum(0)
    except (NotArithmetic, ZeroDivisionError, OverflowError):
        parser = _Parser(said, start)
        try:
            value = parser.atom(0)
        except (NotArithmetic, ZeroDivisionError, OverflowError):
            return None
    piece = said[start : parser.place].strip()
    literal = _PAIR.fullmatch(re.sub("[()]", "", piece)) is not None and value.denominator > 1
    return Worth(
        value=value, operations=0 if literal else parser.operations, numbers=tuple(parser.numbers), start=start,
        end=parser.place, described="{" in piece,
    )  # fmt: skip


class _Parser:
    """Recursive descent over one expression; stops before the first token that does not continue it."""

    def __init__(self, text: str, start: int) -> None:
        self._text = text
        self._tokens = 0
        self.place = start
        self.operations = 0
        self.numbers: list[Fraction] = []

    def sum(self, depth: int) -> Fraction:
        """Products, added and subtracted."""
        value = self._product(depth)
        while (sign := self._peek()) in ("+", "-"):
            back = self.place
            try:
                self._next()
                other = self._product(depth)
            except NotArithmetic:
                self.place = back
                break
            value = self._kept(value + other if sign == "+" else value - other)
        return value

    def atom(self, depth: int) -> Fraction:
        """A number, a bracket or a negation, with its percent sign or power."""
        sign = self._next()
        if sign == "-" and depth < _DEEPEST:
            return -self.atom(depth + 1)
        if sign in ("(", "{") and depth < _DEEPEST:
            value = self.sum(depth + 1)
            if self._next() != {"(": ")", "{": "}"}[sign]:
                raise NotArithmetic(self._text[:40])
        elif sign[:1].isdigit() and len(sign) <= 30:
            value = Fraction(sign)
            self.numbers.append(value)
        else:
            raise NotArithmetic(sign)
        return self._after(value)

    def _after(self, value: Fraction) -> Fraction:
        if self._peek() == "%":
            self._next()
            value /= 100
        if self._peek() == "^":
            back = self.place
            self._next()
            power = self._peek()
            if not power.isdigit() or int(power) > _MOST_POWER:
                self.place = back
                return value
            self._next()
            value = self._kept(value ** int(power))
        return value

    def _product(self, depth: int) -> Fraction:
        value = self.atom(depth)
        while (sign := self._peek()) in ("*", "/"):
            back = self.place
            try:
                self._next()
                other = self.atom(depth)
            except NotArithmetic:
                self.place = back
                break
            if sign == "/" and not other:
                self.place = back
                break
            value = self._kept(value * other if sign == "*" else value / other)
        return value

    def _kept(self, value: Fraction) -> Fraction:
        self.operations += 1
        if max(value.numerator.bit_length(), value.denominator.bit_length()) > _MOST_BITS:
            raise OverflowError
        return value

    def _peek(self) -> str:
        match = _TOKEN.match(self._text, self.place)
        return match.group(1) if match else ""

    def _next(self) -> str:
        match = _TOKEN.match(self._text, self.place)
        self._tokens += 1
        if match is None or self._tokens > _MOST_TOKENS:
            raise NotArithmetic("ends early")
        self.place = match.end()
        return match.group(1)
