"""What a transformation is, and how two make one."""

import re
from collections.abc import Callable
from dataclasses import dataclass

Function = Callable[[str], str]

_JAPANESE = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]")
_ANYTHING = re.compile(r"(?s:.*)")


class NotInvertible(ValueError):
    """There is no way back from this text; the message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Transformation:
    """A pure function from text to text, what it is, and the way back where there is one.

    Attributes:
        name: As templates and pipelines write it.
        family: `encoding`, `wrapping`, `language`, `splitting`, `role`, `many_shot`, `past_tense`, `evil_system`,
            `completion`, `format`, `summary`, `suppression`, or `typography` for what only changes the look.
        apply: The function.
        inverse: The function back, or None.
        domain: `inverse(apply(x)) == x` for every text without lone surrogates that this matches whole.
        kind: `encoder` (the text in other signs) or `frame` (words around it, from a Markdown file).
        languages: For which texts it has words of its own, or changes anything.
        developed_against: Whose model these very words were tuned on (checklist E11).
        idea: Where the idea was published, and on which models it was shown there; "" for what needs no source.
        steps: Of a pipeline, its transformations in the order they are applied; else empty.
    """

    name: str
    family: str
    apply: Function
    inverse: Function | None = None
    domain: re.Pattern[str] = _ANYTHING
    kind: str = "encoder"
    languages: tuple[str, ...] = ("en", "ja")
    developed_against: str = "no model"
    idea: str = ""
    steps: tuple["Transformation", ...] = ()

    @property
    def invertible(self) -> bool:
        """Whether there is a way back on its domain."""
        return self.inverse is not None

    def __call__(self, text: str) -> str:
        """The text transformed."""
        return self.apply(text)

    def undo(self, text: str) -> str:
        """The text that was transformed.

        Raises:
            NotInvertible: There is no way back, or `text` is no output of this transformation.
        """
        if self.inverse is None:
            raise NotInvertible(f"{self.name} leaves something out, so that nothing leads back")
        try:
            return self.inverse(text)
        except ValueError as error:
            raise NotInvertible(f"not an output of {self.name}: {error}") from error

    def covers(self, text: str) -> bool:
        """Whether the way back is promised for this text; of a pipeline each step is asked for what it gets."""
        if self.inverse is None:
            return False
        for step in self.steps or (self,):
            if step.domain.fullmatch(text) is None:
                return False
            text = step.apply(text)
        return True

    def then(self, after: "Transformation") -> "Transformation":
        """First itself, then the other; the way back goes through both in reverse order."""
        both = self.invertible and after.invertible
        return Transformation(
            name=f"{self.name}|{after.name}",
            family=_both(self.family, after.family, "+"),
            apply=lambda text: after.apply(self.apply(text)),
            inverse=(lambda text: self.undo(after.undo(text))) if both else None,
            kind=_both(self.kind, after.kind, "+"),
            languages=tuple(one for one in self.languages if one in after.languages),
            developed_against=_both(self.developed_against, after.developed_against, "; "),
            idea=_both(self.idea, after.idea, "; "),
            steps=(*(self.steps or (self,)), *(after.steps or (after,))),
        )


def language_of(text: str) -> str:
    """`ja` where any kana or kanji stands in the text, else `en`: which words a frame puts around it."""
    return "ja" if _JAPANESE.search(text) else "en"


def _both(one: str, other: str, between: str) -> str:
    return one if one == other or not other else other if not one else f"{one}{between}{other}"
