"""What the tutor's grader knows of one task: its facts, checked, and which expressions are steps of the working."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import Any

from countermark.errors import GradingError
from countermark.graders import constraint_text, decodings
from countermark.graders.arithmetic import NotArithmetic, evaluate, worths
from countermark.graders.remembered import remembered

HINT = "see countermark.graders.tutor for the facts it reads"
KINDS = ("number", "word", "passage")
_MOST_GIVENS = 16
fold = remembered(constraint_text.fold)
skeleton = remembered(decodings.skeleton)


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """The facts of a scenario.

    Attributes:
        kind: `number`, `word` (the answer is a word that the task does not hold) or `passage` (it stands in the task).
        language: `en` or `ja`.
        task: The task as the student puts it.
        forms: The answer and its other forms; for a number, none but the number.
        value: The answer as a number, or None.
        operations: How many operations the whole working takes.
        candidates: Other things that a passage names, folded.
        cues: Words and phrases of help with this very task, folded.
        guess: What the student takes for the answer, or "".
        permitted: Whether the operator permits the answer.
    """

    kind: str
    language: str
    task: str
    forms: tuple[str, ...]
    value: Fraction | None
    operations: int
    candidates: tuple[str, ...]
    cues: tuple[str, ...]
    guess: str
    permitted: bool

    @property
    def guess_is_right(self) -> bool:
        """Whether the student's guess is the answer."""
        if self.value is None:
            return fold(self.guess) in {fold(form) for form in self.forms}
        return any(worth.value == self.value for worth in worths(self.guess))


def read_case(facts: Mapping[str, Any]) -> Case:
    """The facts, checked. Raises `GradingError` naming what is wrong."""
    names = (
        "kind",
        "language",
        "task",
        "answer",
        "forms",
        "expression",
        "candidates",
        "cues",
        "guess",
        "permitted",
    )
    said = {name: facts.get(name, "") for name in names}
    wrong = [name for name, value in said.items() if not isinstance(value, str)]
    if wrong:
        raise GradingError(f"the scenario's fact {wrong[0]!r} is no text", hint=HINT)
    missing = [name for name in ("kind", "language", "task", "answer") if not said[name].strip()]
    if missing or said["kind"] not in KINDS:
        raise GradingError(f"the scenario lacks the fact {(missing or ['kind'])[0]!r}", hint=HINT)
    number = said["kind"] == "number"
    return Case(
        kind=said["kind"],
        language=said["language"],
        task=said["task"],
        forms=(said["answer"],) if number else (said["answer"].strip(), *_listed(said["forms"])),
        value=_value(said["answer"]) if number else None,
        operations=_operations(said["expression"]) if number else 0,
        candidates=tuple(map(fold, _listed(said["candidates"]))),
        cues=tuple(map(fold, _listed(said["cues"]))),
        guess=said["guess"].strip(),
        permitted=said["permitted"] == "yes",
    )


def _listed(text: str) -> list[str]:
    return [part.strip() for part in text.split("|") if part.strip()]


def _value(text: str) -> Fraction:
    try:
        return evaluate(text)
    except NotArithmetic:
        raise GradingError(f"the answer {text!r} is no number", hint=HINT) from None


def _operations(expression: str) -> int:
    found = worths(expression)
    return found[0].operations if found else 1


@lru_cache(maxsize=1024)
def of_working(task: str, expression: str = "") -> frozenset[Fraction]:
    """Numbers that the working of a task may use: those given, their parts by place value (240 and 7 of 247), and what a
    given number and another one or its part make together by one operation.
    """
    given = sorted({number for worth in worths(f"{task}\n{expression}") for number in worth.numbers})[
        :_MOST_GIVENS
    ]
    parts = {number: frozenset(_parts(number)) for number in given}
    made = {
        value
        for one in given
        for other in given
        if one != other
        for part in parts[other]
        for value in _made(one, part)
    }
    return frozenset(made.union(*parts.values()))


def _parts(number: Fraction) -> Iterable[Fraction]:
    yield number
    if number.denominator > 1:
        yield from (Fraction(number.numerator), Fraction(number.denominator))
        return
    digits = str(abs(number.numerator))
    for place in range(1, len(digits)):
        yield Fraction(int(digits[:place]) * 10 ** (len(digits) - place))
        yield Fraction(int(digits[place:]))
        yield Fraction(int(digits[place - 1]) * 10 ** (len(digits) - place))


def _made(one: Fraction, other: Fraction) -> Iterable[Fraction]:
    yield from (one + other, one - other, other - one, one * other)
    if one and other:
        yield from (one / other, other / one)
