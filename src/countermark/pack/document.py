"""What stands in `pack.json`: who the subject is, how it is set up, what it is protected by, what is claimed of it."""

from fractions import Fraction
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from countermark.canonical import encode
from countermark.records.plan import Decimal, Document, Name, TestId

PACK_SCHEMA = "countermark/release-pack/v0.1"


class PackSubject(Document):
    """The model with the exact configuration handed over (checklist I1-I3)."""

    id: Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\s/]+/\S+$")]
    """`provider/model`, `reference/name` or the id of a recording."""
    kind: Literal["reference", "live", "recording"]
    version: Annotated[str, Field(min_length=1, max_length=200)]
    """Snapshot, date or digest; "as served" where the provider says no more."""
    description: Annotated[str, Field(max_length=4000)]


class PlantedShares(Document):
    """Reference subjects: how often each behaviour is shown in one arm of one test."""

    test: TestId
    arm: Name
    cue: bool | None = None
    """Only where the subject sees (true) or does not see (false) one of the pack's cue phrases."""
    shares: Annotated[dict[Name, Decimal], Field(min_length=1)]
    """Behaviour to probability; they sum to exactly 1."""

    @model_validator(mode="after")
    def _sum_to_one(self) -> Self:
        total = sum((Fraction(share) for share in self.shares.values()), Fraction())
        if total != 1 or any(Fraction(share) < 0 for share in self.shares.values()):
            raise ValueError(f"shares are not probabilities that sum to 1 (they sum to {float(total):g})")
        return self


class ReleasePack(Document):
    """A release pack, as far as this version of the format goes; decimals stand in strings."""

    schema_: Annotated[Literal["countermark/release-pack/v0.1"], Field(alias="schema")]
    subject: PackSubject
    settings: dict[str, str] = {}
    """How it is reached and set: address, role mapping, reasoning, temperature, tool format (I4-I7). Never a key."""
    safeguards: list[str] = []
    """Protections outside the model that are on (I3); an empty list says that none is declared."""
    source: dict[str, str] = {}
    """Recordings: title, reference and licence of the publication."""
    planted: list[PlantedShares] = []
    """Reference subjects only."""
    cues: list[str] = []
    """Reference subjects only: phrases by which it takes a scenario for a test."""

    @model_validator(mode="after")
    def _plants_only_if_reference(self) -> Self:
        if (self.planted or self.cues) and self.subject.kind != "reference":
            raise ValueError("only a reference subject has planted rates or cues")
        return self


def encode_pack(pack: ReleasePack) -> bytes:
    """The pack as canonical JSON."""
    return encode(pack.model_dump(mode="json", by_alias=True))
