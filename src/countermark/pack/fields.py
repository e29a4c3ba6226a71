"""The kinds of field that the documents of a release pack are made of. Strict: nothing is converted in silence."""

import types
from datetime import date
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import AfterValidator, ConfigDict, Field

from countermark.records.plan import Document

_PRINTED = r"^[^\x00-\x1f\x7f-\x9f]*[^\x00-\x20\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*$"


class PackDocument(Document):
    """A document of a pack: frozen, strict, no unknown field."""

    model_config = ConfigDict(strict=True)


def _real_day(text: str) -> str:
    date.fromisoformat(text)
    return text


Line = Annotated[str, Field(min_length=1, max_length=300, pattern=_PRINTED)]
"""One line of text, not blank."""
Prose = Annotated[str, Field(min_length=1, max_length=20_000, pattern=r"\S")]
"""Text of any number of lines, not blank."""
Day = Annotated[str, Field(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"), AfterValidator(_real_day)]
"""A date, YYYY-MM-DD."""
Address = Annotated[
    str, Field(max_length=500, pattern=r"^https?://[A-Za-z0-9._:\[\]-]+(/[A-Za-z0-9._~/-]*)?$")
]
"""An http or https address without user, query or fragment: a pack never holds a credential."""
SUBJECT_ID = r"^[a-z][a-z0-9_-]{0,39}/[A-Za-z0-9._:@/+-]{1,150}$"
SubjectId = Annotated[str, Field(pattern=SUBJECT_ID)]
"""`provider/model`, `weights/name` or `reference/name`."""
PromptName = Annotated[str, Field(pattern=r"^prompts/[A-Za-z0-9][A-Za-z0-9._-]{0,79}\.md$")]
"""A file under prompts/."""
Salt = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
"""32 random bytes, so that nobody who knows only the file's SHA-256 can guess its content."""
ItemId = Literal[
    "I1", "I2", "I3", "I4", "I5", "I6", "I7",
    "A1", "A2", "A3", "A4", "A5", "A6",
    "D1", "D2", "D3", "D4", "D5",
]  # fmt: skip
"""An item of the checklist that the developer owes."""


def unwrapped(annotation: Any) -> Any:
    """The kind of value behind `Annotated[...]` and `... | None`."""
    while get_origin(annotation) in (Union, types.UnionType) or hasattr(annotation, "__metadata__"):
        annotation = next(one for one in get_args(annotation) if one is not type(None))
    return annotation
