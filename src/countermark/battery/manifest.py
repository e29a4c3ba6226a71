"""What people write in `battery.yaml` and `test.yaml`."""

from typing import Annotated, Any

from pydantic import Field

from countermark.records.plan import Document, MetricSpec, Name, TestId, Text


class Choice(Document):
    """A driver or a grader by name, with its options."""

    name: Name
    options: dict[str, Any] = {}


class Source(Document):
    """Where the idea or the material comes from."""

    title: str
    ref: str
    licence: str = ""


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
    developed_against: str = "no model"
    """Whose model the attacks were found on (adversarial selection, checklist E11)."""


class BatteryManifest(Document):
    """`battery.yaml`: which tests stand together under one name and version."""

    id: Name
    version: Annotated[str, Field(pattern=r"^[0-9]+-[A-Z]+$")]
    title: Text
    tests: Annotated[list[TestId], Field(min_length=1)]
