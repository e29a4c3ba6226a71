"""`terms.json`: who may see which file from when, who may publish what (G4, G5); and the questions asked of it."""

from typing import Annotated, Literal

from pydantic import Field

from countermark.pack.fields import Day, Line, PackDocument, Prose

Class = Literal["public", "auditor", "restricted"]
ALWAYS_PUBLIC = frozenset({"pack.json", "terms.json", "keys/developer.pub.pem"})
"""Without these nobody could tell what was withheld, by whom and why."""
_FOREVER = "9999-12-31"


class Rule(PackDocument):
    """The confidentiality of one file or field."""

    class_: Annotated[Class, Field(alias="class")]
    """`public`; `auditor`: whoever audits; `restricted`: the named reviewers only."""
    public_from: Day | None = None
    """An embargo: withheld before that day, public from it on."""


class Reviewer(PackDocument):
    """Who may see what is restricted."""

    name: Line
    """Who."""
    organisation: Line
    """For whom they work."""
    key: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")] | None = None
    """Fingerprint of their key, where known."""


class Publication(PackDocument):
    """G4: what the auditor may publish."""

    auditor_may_publish: bool
    """Without the developer's consent."""
    review_days: Annotated[int, Field(ge=0, le=365)]
    """Days the developer has to look at a report beforehand."""
    may_ask_to_withhold: Prose
    """On which grounds the developer may ask that something be left out; never a result."""
    canaries: Prose
    """Canary strings and how test content is kept out of training data."""


class Disclosure(PackDocument):
    """G5: what happens to a vulnerability that the audit finds."""

    days: Annotated[int, Field(ge=0, le=365)]
    """Until it may be published; 60 is usual."""
    contact: Line
    """Whom the auditor tells first."""


class Terms(PackDocument):
    """`terms.json`: classes, reviewers and rights."""

    default: Class
    """The class of every file that `classes` does not name."""
    classes: Annotated[dict[str, Rule], Field(max_length=500)] = {}
    """By file (`card.json`) or field (`card.json#/behaviour/vulnerabilities`). A file goes out as a whole or not at
    all: if one field of it is not public, the file is not."""
    audit_copy: Literal["whole", "public"]
    """What the audit directory holds of this pack."""
    reviewers: list[Reviewer] = []
    """Who may see what is restricted."""
    publication: Publication | None = None
    """G4."""
    disclosure: Disclosure | None = None
    """G5."""


def is_public(terms: Terms, name: str, on: str) -> bool:
    """Whether a file may go out on a day (YYYY-MM-DD)."""
    return public_from(terms, name) <= on


def public_from(terms: Terms, name: str) -> str:
    """The day from which a file is public: 0000-00-00 for always, 9999-12-31 for never."""
    if name in ALWAYS_PUBLIC:
        return "0000-00-00"
    rules = [rule for place, rule in terms.classes.items() if place.startswith(f"{name}#")]
    rules.append(terms.classes.get(name) or Rule(class_=terms.default))
    return max(_from(rule) for rule in rules)


def _from(rule: Rule) -> str:
    if rule.public_from is not None:
        return rule.public_from
    return "0000-00-00" if rule.class_ == "public" else _FOREVER
