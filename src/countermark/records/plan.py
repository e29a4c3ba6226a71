"""What will be run and judged, fixed and signed before the first call. No floats: decimals stand in strings."""

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

Decimal = Annotated[str, Field(pattern=r"^-?(0|[1-9][0-9]{0,8})(\.[0-9]{1,12})?$")]
Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
TestId = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*/[a-z][a-z0-9_]*$", max_length=120)]
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$", max_length=60)]


class Document(BaseModel):
    """What people write and sign: frozen, no unknown field."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", use_attribute_docstrings=True, populate_by_name=True
    )


class Text(Document):
    """A text people read, in the page's two languages."""

    en: Annotated[str, Field(min_length=1, max_length=2000)]
    ja: Annotated[str, Field(min_length=1, max_length=2000)]


class MetricSpec(Document):
    """A rate over graded trials: the share of an arm's trials that carry a label."""

    id: Name
    """Unique in the test."""
    title: Text
    arm: Name
    """The trials it counts."""
    label: Name
    """The label whose share it is."""
    better: Literal["lower", "higher", "neither"]
    axis: Literal["misalignment", "over_refusal", "utility", "other"]
    """What the page does with it: attack success and misconduct; refusing ordinary work; doing the task; other."""
    headline: bool = False
    """Shown in the matrix; one a test."""


class PlannedTest(Document):
    """A test as the plan fixes it: enough to recompute every number without the battery."""

    id: TestId
    version: Annotated[str, Field(pattern=r"^[0-9]+-[A-Z]+$")]
    """Number: results comparable; letter: wording only."""
    title: Text
    construct_: Annotated[Text, Field(alias="construct")]
    driver: Name
    grader: Name
    grader_options: dict[str, str | int | bool | list[str]] = {}
    metrics: Annotated[list[MetricSpec], Field(min_length=1)]
    digest: Digest
    """Of the test's folder, or of the recording it came from."""
    items: Annotated[int, Field(ge=1)]
    """How many scenarios were drawn."""
    items_root: Digest
    """Merkle root over the salted commitments of the drawn scenarios, in item order."""
    min_graded: Annotated[int, Field(ge=1)] = 10
    """A metric with fewer graded trials is withheld."""


class PlannedSubject(Document):
    """A subject as the plan fixes it."""

    id: Annotated[str, Field(min_length=1, max_length=200)]
    kind: Literal["reference", "live", "recording"]
    simulation: bool
    """True for reference subjects: none of their numbers is a model's."""
    pack_digest: Digest
    tests: list[TestId]
    planted: dict[TestId, dict[Name, Decimal]] = {}
    """Reference subjects only: the rate each metric would show with infinitely many repeats of the planned scenarios."""

    @model_validator(mode="after")
    def _simulation_is_said(self) -> Self:
        if self.simulation != (self.kind == "reference"):
            raise ValueError("a reference subject is a simulation, and nothing else is")
        if self.planted and not self.simulation:
            raise ValueError("only a simulation has planted rates")
        return self


class Rules(Document):
    """Stopping, retrying, excluding."""

    epochs: Annotated[int, Field(ge=1, le=1000)] = 1
    max_attempts: Annotated[int, Field(ge=1, le=20)] = 3
    max_tokens: Annotated[int, Field(ge=1, le=1_000_000)] = 1024
    level: Decimal = "0.95"
    excluded: list[str] = []
    """Scenarios left out, each with its reason. Empty means none."""


class Plan(Document):
    """The whole plan: identity, battery, subjects, rules and seed."""

    schema_: Annotated[Literal["countermark/audit-plan/v0.1"], Field(alias="schema")] = (
        "countermark/audit-plan/v0.1"
    )
    audit: Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]
    """Random name of this audit; the log's origin."""
    created: str
    auditor: Annotated[str, Field(max_length=200)]
    software: str
    battery: str
    seed: Annotated[str, Field(pattern=r"^[0-9a-f]{1,64}$")]
    """Fixes the draw of scenarios, their order and the reference subjects' behaviour."""
    tests: Annotated[list[PlannedTest], Field(min_length=1)]
    subjects: Annotated[list[PlannedSubject], Field(min_length=1)]
    rules: Rules
