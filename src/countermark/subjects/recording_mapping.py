"""What people write to say how a table is to be read: `mapping.yaml`, strict, with every fault named."""

from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Self

from pydantic import BeforeValidator, Field, model_validator

from countermark.records import MetricSpec, Text
from countermark.records.plan import Document, Name, TestId
from countermark.subjects.recording_values import RecordedTest, SourceFile


def _both(value: Any) -> Any:
    """A plain text stands for both of the page's languages."""
    return {"en": value, "ja": value} if isinstance(value, str) else value


def _list(value: Any) -> Any:
    """One column stands for a list of one."""
    return [value] if isinstance(value, str) else value


def _subject(value: Any) -> Any:
    return {"text": value} if isinstance(value, str) else value


def _arm(value: Any) -> Any:
    return {"fixed": value} if isinstance(value, str) else value


def _raws(value: Any) -> Any:
    return [_raw(item) for item in value] if isinstance(value, list) else [_raw(value)]


def _raw(value: Any) -> Any:
    """A value of the mapping as the text a cell is compared by."""
    if value is None or isinstance(value, bool):
        return {None: "", True: "true", False: "false"}[value]
    return str(value) if isinstance(value, int | float) else value


Words = Annotated[Text, BeforeValidator(_both)]
Columns = Annotated[list[str], BeforeValidator(_list), Field(min_length=1, max_length=10)]
Raws = Annotated[list[str], BeforeValidator(_raws), Field(max_length=1000)]


class Metric(MetricSpec):
    """A rate, as in a test of the battery; its title may be one plain text."""

    title: Words


class SourceText(Document):
    """Where the runs were published."""

    title: Annotated[str, Field(min_length=1, max_length=300)]
    ref: Annotated[str, Field(max_length=500)] = ""
    licence: Annotated[str, Field(max_length=300)] = ""

    def recorded(self, importer: str, files: Iterable[SourceFile]) -> dict[str, Any]:
        """The source as a recording holds it, files by name."""
        listed = [file.model_dump() for file in sorted(files, key=lambda file: file.name)]
        return {**self.model_dump(), "importer": importer, "files": listed}


class TestText(Document):
    """What the published runs measure."""

    __test__ = False

    id: TestId
    version: Annotated[str, Field(pattern=r"^[0-9]+-[A-Z]+$")] = "1-A"
    title: Words
    construct_: Annotated[Words, Field(alias="construct")]
    metrics: Annotated[list[Metric], Field(min_length=1, max_length=40)]

    def recorded(self) -> RecordedTest:
        """The test as a recording holds it, graded by its published labels."""
        return RecordedTest(
            id=self.id,
            version=self.version,
            title=self.title,
            construct=self.construct_,
            grader="published",
            metrics=tuple(self.metrics),
        )


class RecordedText(Document):
    """Source and test of an importer that knows its format."""

    source: SourceText
    test: TestText


class SubjectFrom(Document):
    """Whose rows they are: `text` for all, the name of each `file_stem`, or one or more columns. Exactly one is given."""

    text: Annotated[str, Field(min_length=1, max_length=150)] | None = None
    column: Columns | None = None
    file_stem: bool = False

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        if sum((self.text is not None, self.column is not None, self.file_stem)) != 1:
            raise ValueError("give exactly one of text, column and file_stem: true")
        return self


class ArmFrom(Document):
    """Which arm a row belongs to: `fixed` for all, or by the raw values of a column."""

    fixed: Name | None = None
    column: str | None = None
    values: Annotated[dict[str, Name], Field(max_length=1000)] = {}

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if (self.fixed is None) == (self.column is None) or (self.column is None) != (not self.values):
            raise ValueError("give either fixed, or column with values")
        return self

    @property
    def arms(self) -> set[str]:
        """Every arm a row may come into."""
        return {self.fixed} if self.fixed is not None else set(self.values.values())


class LabelFrom(Document):
    """How a column's raw value becomes a label: by lists of values, or by a threshold for numbers.

    A raw value in no list is a fault; those in `none` leave the row without this label.
    """

    label: Name
    column: str
    true: Raws = []
    false: Raws = []
    none: Raws = []
    true_at_least: float | None = None

    @model_validator(mode="after")
    def _clear(self) -> Self:
        listed = [*self.true, *self.false, *self.none]
        if self.true_at_least is None and not (self.true or self.false):
            raise ValueError("give true and false, or true_at_least")
        if self.true_at_least is not None and (self.true or self.false):
            raise ValueError("true_at_least stands in place of true and false")
        if len(set(listed)) != len(listed):
            raise ValueError("a value stands in two lists")
        return self


class NoVerdictWhen(Document):
    """Rows whose published labels are kept but count as without verdict."""

    column: str
    values: Annotated[Raws, Field(min_length=1)]
    reason: Annotated[str, Field(max_length=300)] = ""


class LeaveOutWhen(Document):
    """Rows that are no part of what is imported: another split, say, or rows the publication leaves out of its figures."""

    column: str
    values: Annotated[Raws, Field(min_length=1)]


class TableMapping(Document):
    """A table of prompts, completions and labels, column by column."""

    source: SourceText
    test: TestText
    subject: Annotated[SubjectFrom, BeforeValidator(_subject)]
    id: Columns
    """Columns that name the upstream item, the same for every model."""
    repeats: bool = False
    """Rows of one subject may share an item: several samples, or two items with one text."""
    prompt: str | None = None
    prompts_withheld: bool = False
    """Where no prompt is given, say so in its place; otherwise an empty prompt is a fault."""
    system: str | None = None
    completion: str | None = None
    completions_withheld: bool = False
    """Where no completion is given, it was said but not published: the label stands."""
    arm: Annotated[ArmFrom, BeforeValidator(_arm)]
    cluster: Columns | None = None
    """Columns that name the source rows share; without it each item stands alone."""
    tags: Annotated[dict[Name, str], Field(max_length=20)] = {}
    labels: Annotated[list[LabelFrom], Field(min_length=1, max_length=40)]
    no_verdict_when: Annotated[list[NoVerdictWhen], Field(max_length=20)] = []
    leave_out_when: Annotated[list[LeaveOutWhen], Field(max_length=20)] = []
    files: Annotated[list[str], Field(max_length=50)] = []
    """Patterns of the file names to read in a directory; without it every table there."""

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        labels = [label.label for label in self.labels]
        if len(set(labels)) != len(labels):
            raise ValueError("a label is defined twice")
        for metric in self.test.metrics:
            if metric.label not in labels:
                raise ValueError(
                    f"metric {metric.id!r} counts {metric.label!r}, which is no label here: {labels}"
                )
            if metric.arm not in self.arm.arms:
                raise ValueError(
                    f"metric {metric.id!r} counts arm {metric.arm!r}; there are {sorted(self.arm.arms)}"
                )
        if self.completion is None and not self.completions_withheld:
            raise ValueError("name the completion column, or say completions_withheld: true")
        if self.prompt is None and not self.prompts_withheld:
            raise ValueError("name the prompt column, or say prompts_withheld: true")
        return self

    def columns(self) -> Mapping[str, str]:
        """Every column the mapping reads, with the first place that names it."""
        named = [(column, "/id") for column in self.id]
        named += [(column, "/subject") for column in self.subject.column or ()]
        named += [(column, "/cluster") for column in self.cluster or ()]
        named += [
            (column, place)
            for column, place in (
                (self.prompt, "/prompt"),
                (self.completion, "/completion"),
                (self.system, "/system"),
                (self.arm.column, "/arm"),
            )
            if column is not None
        ]
        named += [(column, f"/tags/{tag}") for tag, column in self.tags.items()]
        named += [(label.column, f"/labels/{place}") for place, label in enumerate(self.labels)]
        named += [
            (rule.column, f"/no_verdict_when/{place}") for place, rule in enumerate(self.no_verdict_when)
        ]
        return {column: next(place for name, place in named if name == column) for column, _ in named}
