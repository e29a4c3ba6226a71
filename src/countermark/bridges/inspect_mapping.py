"""What people write to say how an Inspect log's scores become labels, and labels metrics."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from countermark.records.plan import Document, Name
from countermark.subjects.recording_mapping import Raws, SourceText, Words


class ScoreLabel(Document):
    """One label from one scorer's value, or from one `key` of it where the value is a mapping.

    A value in neither list, and one that is no number where a threshold stands, leaves the sample without this label.
    With neither lists nor threshold, C, I, true, false, 1 and 0 are read as they are.
    """

    label: Name
    scorer: str
    key: str | None = None
    true: Raws = []
    false: Raws = []
    true_at_least: float | None = None

    @model_validator(mode="after")
    def _clear(self) -> Self:
        if self.true_at_least is not None and (self.true or self.false):
            raise ValueError("true_at_least stands in place of true and false")
        if set(self.true) & set(self.false):
            raise ValueError("a value stands in both lists")
        return self


class Metric(Document):
    """A rate over all samples of a task that carry the label; the task is its arm."""

    id: Name
    title: Words
    label: Name
    better: Literal["lower", "higher", "neither"] = "neither"
    axis: Literal["misalignment", "over_refusal", "utility", "other"] = "other"
    headline: bool = False


class LogMapping(Document):
    """A mapping for Inspect logs; whatever is left out is done as without one."""

    source: SourceText | None = None
    labels: Annotated[list[ScoreLabel], Field(max_length=40)] = []
    metrics: Annotated[list[Metric], Field(max_length=40)] = []

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        labels = [label.label for label in self.labels]
        if len(set(labels)) != len(labels):
            raise ValueError("a label is defined twice")
        if self.labels:
            strangers = sorted({metric.label for metric in self.metrics} - set(labels))
            if strangers:
                raise ValueError(f"metrics count labels that are not defined: {', '.join(strangers)}")
        return self


class _TestWords(Document):
    title: Words
    construct_: Annotated[Words, Field(alias="construct")]


class _MetricWords(Document):
    title: Words


class LogWords(Document):
    """`inspect_log.yaml`: what an imported log is called on the page."""

    source: SourceText
    test: _TestWords
    metric: _MetricWords
