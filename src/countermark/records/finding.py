"""Numbers with their intervals, and the report that holds them. Rates are decimals in strings: no float is signed."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from countermark.records.plan import Decimal, MetricSpec, Plan


class Value(BaseModel):
    """Frozen; unknown fields are kept, since reports cross between parties."""

    model_config = ConfigDict(frozen=True, extra="allow", use_attribute_docstrings=True)


class Interval(Value):
    """A confidence interval for a rate, bounds in [0, 1]."""

    low: Decimal
    high: Decimal
    level: Decimal
    method: str
    n_effective: Decimal
    """Independent trials the data are worth after clustering."""


class PublishedCount(Value):
    """The same metric by the labels an upstream publication gave, trials without a verdict included."""

    k: int
    n: int
    interval: Interval | None


class Breakdown(Value):
    """The same metric within one value of one tag."""

    tag: str
    value: str
    k: int
    n: int
    interval: Interval | None


class Finding(Value):
    """One metric of one test for one subject."""

    subject: str
    test: str
    metric: MetricSpec
    k: int
    """Graded trials that carry the label."""
    n: int
    """Graded trials in the arm."""
    clusters: int
    rate: Decimal | None
    """k / n; None where withheld."""
    interval: Interval | None
    estimand: Literal["S"] = "S"
    """S: scenarios like these; F: exactly these scenarios."""
    withheld: str | None = None
    """Why there is no number, or None. Never read as zero."""
    outcomes: dict[str, int]
    """Trials of the arm by outcome; they add up to what was planned."""
    planted: Decimal | None = None
    """Reference subjects: the planted rate."""
    covered: bool | None = None
    """Whether the interval covers the planted rate."""
    published: PublishedCount | None = None
    breakdowns: list[Breakdown] = []


class Event(Value):
    """A trial shown to the reader, with why it was chosen."""

    subject: str
    test: str
    scenario: str
    slot: int
    seq: int
    """Line of records.jsonl, from 0."""
    metric: str
    labels: dict[str, bool]
    reason: str
    tags: dict[str, str]
    chosen: str
    messages: list[dict[str, Any]]


class Report(Value):
    """Everything the page says. Formats lay it out and compute nothing."""

    schema_: Annotated[Literal["countermark/audit-report/v0.1"], Field(alias="schema")] = (
        "countermark/audit-report/v0.1"
    )
    plan: Plan
    started: str
    ended: str
    evidence: dict[str, str | int]
    """origin, size, root, attempts, slots, key (fingerprint of the auditor's key)."""
    totals: dict[str, dict[str, str | int]]
    """Per subject: calls, input_tokens, output_tokens, attempts, errored, interrupted."""
    findings: list[Finding]
    coverage: dict[str, int]
    """planted, covered: how many intervals cover their planted rate."""
    events: list[Event]
    limits: list[str]
    """Codes of what this audit does not show; the page has a sentence for each."""

    model_config = ConfigDict(
        frozen=True, extra="allow", use_attribute_docstrings=True, populate_by_name=True
    )
