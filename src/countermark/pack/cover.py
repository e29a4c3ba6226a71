"""`pack.json` of a handed-over pack: who hands over what, in which variants, and what is declared absent."""

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from countermark.pack.document import PlantedShares
from countermark.pack.fields import Address, Day, ItemId, Line, PackDocument, PromptName, Prose, SubjectId
from countermark.records.plan import Name

COVER_SCHEMA = "countermark/release-pack/v0.2"


def _enough_tokens(text: str) -> str:
    if text.isdecimal() and int(text) < 1024:
        raise ValueError("a reasoning budget is 1024 tokens or more")
    return text


Reasoning = Annotated[
    str,
    Field(pattern=r"^(none|minimal|low|medium|high|xhigh|max|between_tools|[1-9][0-9]{3,6})$"),
    AfterValidator(_enough_tokens),
]


class Developer(PackDocument):
    """Who hands the model over."""

    name: Line
    """The organisation."""
    contact: Line
    """Whom the auditor writes to while the audit goes on."""
    security_contact: Line | None = None
    """Whom to tell of a vulnerability, where it is somebody else."""


class Model(PackDocument):
    """The model handed over (I1)."""

    id: Line
    """The name under which it is known."""
    version: Line
    """The exact version, snapshot date or checkpoint; never "latest"."""
    released: Day | None = None
    """When it was or will be released, YYYY-MM-DD."""


class Release(PackDocument):
    """What is tested against what is shipped (I2)."""

    tested: Prose
    """The artefact handed over for testing, and how it differs from what users get."""
    shipped: Prose
    """The artefact that users get or will get."""
    retest_when: Annotated[list[Line], Field(min_length=1)]
    """Changes after which the results no longer hold and the test is to be repeated."""


class VariantSettings(PackDocument):
    """The settings a variant is asked with; what is not given is not sent, and the server's default applies (I5)."""

    base_url: Address | None = None
    """Its own address, where it is not that of identity/endpoint.json."""
    temperature: Annotated[str, Field(pattern=r"^[0-2](\.[0-9]{1,6})?$")] | None = None
    """A decimal in a string, from 0 to 2."""
    reasoning: Reasoning | None = None
    """Effort (none, minimal, low, medium, high, xhigh, max, between_tools), or a budget of 1024 tokens or more."""
    token_field: Literal["max_tokens", "max_completion_tokens"] | None = None
    """What an OpenAI-compatible server calls the cap on output."""


class Variant(PackDocument):
    """One configuration of the model: one subject of an audit (I3)."""

    id: SubjectId
    """The subject's id in plan and report: `provider/model`, `weights/name` or `reference/name`."""
    kind: Literal["endpoint", "weights", "reference"]
    """Reached over an API; run by the auditor from weights; or a simulation."""
    version: Line
    """Snapshot, date or digest of this variant."""
    stands_for: Literal[
        "deployed", "safeguards_off", "helpful_only", "reasoning_on", "reasoning_off", "prototype", "other"
    ]
    """What it is in the audit: as users get it, with the outer safeguards off, without training to refuse, and so on."""
    description: Prose
    """How it differs from the other variants."""
    door: SubjectId | None = None
    """`provider/model` by which it is reached, where that is not the id: two variants of one model, or served weights."""
    settings: VariantSettings = VariantSettings()
    """How it is asked."""
    safeguards_on: list[Name] = []
    """Which of the safeguards in safeguards.json are on."""
    prompt: PromptName | None = None
    """The system prompt it is shipped with (I4); for information: scenarios bring their own."""
    planted: list[PlantedShares] = []
    """Reference subjects only: how often each behaviour is shown."""
    cues: list[Line] = []
    """Reference subjects only: phrases by which it takes a scenario for a test."""

    @model_validator(mode="after")
    def _kind_fits(self) -> Self:
        if (self.planted or self.cues) and self.kind != "reference":
            raise ValueError("only a reference subject has planted rates or cues")
        expected = {"weights": "weights/", "reference": "reference/"}.get(self.kind)
        begins = next((head for head in ("weights/", "reference/") if self.id.startswith(head)), None)
        if begins != expected:
            raise ValueError(f"the id of kind {self.kind} begins with {expected or 'its provider'}")
        if self.door is not None and self.kind == "reference":
            raise ValueError("a reference subject has no door")
        if self.door is not None and self.door.startswith(("weights/", "reference/")):
            raise ValueError("a door is a provider's, such as openai/name")
        return self


class Cover(PackDocument):
    """`pack.json`: the first file to read, and the only one that has to be public beside terms.json."""

    schema_: Annotated[Literal["countermark/release-pack/v0.2"], Field(alias="schema")]
    """Fixed; says that this is a handed-over pack and which form it has."""
    developer: Developer
    """Who hands over."""
    model: Model
    """What is handed over."""
    variants: Annotated[list[Variant], Field(min_length=1, max_length=50)]
    """The subjects of this pack."""
    release: Release | None = None
    """I2: what is tested against what is shipped."""
    absent: dict[ItemId, Prose] = {}
    """Each checklist item that is not given, with the reason."""
