"""Frames: transformations that put words around a text. Each is a Markdown file in `frames/`.

Front matter says what it is; under `## en` and `## ja` stand the words, with the text's place as `{{text}}` or
`{{text|encoder}}`, or `{{text|first_half}}` and `{{text|second_half}}` for its halves in turn.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from countermark import strict_yaml
from countermark.battery.transforms.values import Transformation, language_of

FRAMES = Path(__file__).with_name("frames")
_PLACE = re.compile(r"\{\{text((?:\|[a-z0-9_]+)*)\}\}")
_HEADING = re.compile(r"^## (en|ja)[ \t]*$", re.MULTILINE)
_HALVES = ("first_half", "second_half")
_FIELDS = {"family", "developed_against", "idea"}
_MAX_SEAMS = 64
"""Places where two halves may meet that are tried on the way back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Body:
    """One language's words: what stands before, between and after the places, and each place's encoders."""

    words: tuple[str, ...]
    places: tuple[tuple[Transformation, ...], ...]

    def put(self, text: str) -> str:
        """The words with the text in its places."""
        shown = [self.words[0]]
        for place, after in zip(self.places, self.words[1:], strict=True):
            part = text
            for encoder in place:
                part = encoder.apply(part)
            shown += [part, after]
        return "".join(shown)

    def find(self, shown: str) -> str | None:
        """The text that was put, or None where these words do not stand around one."""
        head, tail = self.words[0], self.words[-1]
        if len(shown) < len(head) + len(tail) or not (shown.startswith(head) and shown.endswith(tail)):
            return None
        inner = shown[len(head) : len(shown) - len(tail)]
        if len(self.places) == 1:
            tried = [_undone(inner, self.places[0])]
        else:
            tried = [one + other for one, other in _seams(inner, self.words[1])]
        return next((text for text in tried if text is not None and self.put(text) == shown), None)


def read_frames(encoders: Mapping[str, Transformation], folder: Path = FRAMES) -> list[Transformation]:
    """Every frame of a folder, by name.

    Raises:
        ValueError: A file is malformed; the message names it and says how.
    """
    return [_frame(path, encoders) for path in sorted(folder.glob("*.md"))]


def _frame(path: Path, encoders: Mapping[str, Transformation]) -> Transformation:
    head, separator, rest = path.read_text("utf-8").removeprefix("---\n").partition("\n---\n")
    facts: dict[str, Any] = strict_yaml.load(head)
    pieces = _HEADING.split(rest)
    bodies = {
        language: _body(words.strip(), path.name, encoders)
        for language, words in zip(pieces[1::2], pieces[2::2], strict=True)
    }
    if not separator or set(facts) - _FIELDS or "family" not in facts or "en" not in bodies:
        raise ValueError(f"{path.name}: needs front matter (family, developed_against, idea) and '## en'")
    return Transformation(
        name=path.stem,
        kind="frame",
        apply=partial(_put, bodies),
        inverse=partial(_taken, bodies) if all(map(_leads_back, bodies.values())) else None,
        domain=_domain(bodies),
        languages=tuple(sorted(bodies)),
        **{"idea": "", **facts},
    )


def _body(words: str, file: str, encoders: Mapping[str, Transformation]) -> _Body:
    pieces = _PLACE.split(words)
    names = [[name for name in piece.split("|") if name] for piece in pieces[1::2]]
    unknown = sorted({name for own in names for name in own} - set(encoders))
    if not names or unknown:
        raise ValueError(f"{file}: needs a place {{{{text}}}}; encoders that there are not: {unknown}")
    return _Body(
        words=tuple(pieces[::2]), places=tuple(tuple(encoders[name] for name in own) for own in names)
    )


def _put(bodies: Mapping[str, _Body], text: str) -> str:
    return bodies.get(language_of(text), bodies["en"]).put(text)


def _taken(bodies: Mapping[str, _Body], shown: str) -> str:
    for body in bodies.values():
        text = body.find(shown)
        if text is not None:
            return text
    raise ValueError("its words do not stand around a text")


def _leads_back(body: _Body) -> bool:
    if len(body.places) == 1:
        return all(encoder.invertible for encoder in body.places[0])
    return tuple(tuple(encoder.name for encoder in place) for place in body.places) == tuple(
        (name,) for name in _HALVES
    )


def _domain(bodies: Mapping[str, _Body]) -> re.Pattern[str]:
    """Texts that every encoder of every body can bring back."""
    used = {encoder.domain.pattern for body in bodies.values() for place in body.places for encoder in place}
    return re.compile("".join(rf"(?=(?:{pattern})\Z)" for pattern in sorted(used)) + "(?s:.*)")


def _undone(part: str, place: tuple[Transformation, ...]) -> str | None:
    try:
        for encoder in reversed(place):
            part = encoder.undo(part)
    except ValueError:
        return None
    return part


def _seams(inner: str, between: str) -> list[tuple[str, str]]:
    """The ways to part `inner` at these words."""
    found: list[tuple[str, str]] = []
    at = inner.find(between)
    while at >= 0 and len(found) < _MAX_SEAMS:
        found.append((inner[:at], inner[at + len(between) :]))
        at = inner.find(between, at + 1)
    return found
