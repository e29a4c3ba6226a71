"""What people write in `battery.yaml` and `test.yaml`."""

from typing import Annotated, Any, Literal

from pydantic import Field

from countermark.records.plan import Document, JudgeForm, MetricSpec, Name, TestId, Text


class Choice(Document):
    """A driver or a grader by name, with its options."""

    name: Name
    options: dict[str, Any] = {}


class Source(Document):
    """Where the idea or the material comes from."""

    title: str
    ref: str
    licence: str = ""


class JudgeChoice(JudgeForm):
    """What a model in the role `grader` says of a trial, and the file of the test's folder that it goes by."""

    rubric: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,58}\.md$")]


class ItemsUse(Document):
    """Where the items of a user's file stand in place of a test's own."""

    slot: Name
    """The slot whose values they become; one of `cluster_by`."""
    fields: Annotated[dict[Name, Literal["prompt", "answer", "answers", "id"]], Field(min_length=1)]
    """Field of the slot's values to the column it comes from; `answers` are joined by line breaks."""
    arms: Annotated[list[Name], Field(min_length=1)]
    """Arms whose templates use the slot."""


class TestManifest(Document):
    """`test.yaml`: what the test is."""

    __test__ = False

    id: TestId
    version: Annotated[str, Field(pattern=r"^[0-9]+-[A-Z]+$")]
    """Number: results comparable; letter: wording only."""
    title: Text
    construct_: Annotated[Text, Field(alias="construct")]
    """What it claims to measure."""
    driver: Choice
    grader: Choice
    judge: JudgeChoice | None = None
    """Labels that only a model gives; without one in the role `grader` they are not measured."""
    metrics: Annotated[list[MetricSpec], Field(min_length=1, max_length=40)]
    cluster_by: Annotated[list[str], Field(min_length=1)]
    """`template` or names of slots: scenarios that agree in all of them share a source."""
    draw: dict[Name, Annotated[int, Field(ge=1, le=100_000)]]
    """Scenarios drawn by default, for each arm."""
    sources: list[Source]
    licence: str
    risk_domain: str
    clause: str
    """Which clause of a model's specification it probes."""
    items: ItemsUse | None = None
    """How a user's own items enter; None: it takes none."""
    developed_against: str = "no model"
    """Whose model the attacks were found on (adversarial selection, checklist E11)."""


class BatteryManifest(Document):
    """`battery.yaml`: which tests stand together under one name and version."""

    id: Name
    version: Annotated[str, Field(pattern=r"^[0-9]+-[A-Z]+$")]
    title: Text
    tests: Annotated[list[TestId], Field(min_length=1)]
