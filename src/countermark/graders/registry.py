"""What a grader is, and finding one by name through the entry point group `countermark.graders`."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.metadata import entry_points
from typing import Any

from countermark.errors import GradingError
from countermark.records import Grade, Outcome, Transcript

GradeFunction = Callable[[Transcript, Mapping[str, Any]], Grade]


@dataclass(frozen=True, slots=True, kw_only=True)
class Grader:
    """A deterministic grader: the same transcript always gets the same grade, so anybody can grade again.

    Attributes:
        name: As in `test.yaml`.
        version: Counts up when any grade may come out differently.
        labels: What it can say.
        grade: The function.
    """

    name: str
    version: int
    labels: tuple[str, ...]
    grade: GradeFunction

    @property
    def reference(self) -> str:
        """`name@version`, as it stands in every record."""
        return f"{self.name}@{self.version}"

    def __call__(self, transcript: Transcript, options: Mapping[str, Any]) -> Grade:
        """The grade; an attempt that broke off is `ungraded`, whatever was said before."""
        if transcript.fault is not None:
            return Grade(outcome=Outcome.UNGRADED, labels={}, reason=f"attempt broke off: {transcript.fault}")
        return self.grade(transcript, options)


def grader(*, name: str, version: int, labels: tuple[str, ...]) -> Callable[[GradeFunction], Grader]:
    """Make a function from transcript and options to grade a `Grader`."""

    def wrap(function: GradeFunction) -> Grader:
        return Grader(name=name, version=version, labels=labels, grade=function)

    return wrap


@cache
def load_grader(name: str) -> Grader:
    """The grader of that name. Raises `GradingError` naming those there are."""
    found = {point.name: point for point in entry_points(group="countermark.graders")}
    if name not in found:
        raise GradingError(f"no grader named {name!r}", hint=f"there are: {', '.join(sorted(found))}")
    loaded: Grader = found[name].load()
    return loaded
