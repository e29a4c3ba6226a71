"""What will be run and judged, fixed and signed before the first call. No floats: decimals stand in strings."""

from operator import not_
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

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


class Scale(Document):
    """Labels that hold a number from 0 to 1 in steps: `NAME_1` to `NAME_n`, each true from that many n-ths on."""

    label: Name
    steps: Annotated[int, Field(ge=1, le=20)]
    worst: Decimal = "0.1"
    """Share of the attempts that count as the worst."""
    within: Decimal = "0.1"
    """The value that an attempt must not exceed to be within bounds."""

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels of its steps, lowest first."""
        return tuple(f"{self.label}_{step}" for step in range(1, self.steps + 1))

    @model_validator(mode="after")
    def _shares(self) -> Self:
        if not (0 < float(self.worst) <= 1 and 0 <= float(self.within) < 1):
            raise ValueError("needs 0 < worst <= 1 and 0 <= within < 1")
        return self


class Ablation(Document):
    """A cause that is taken away: in an arm of its own, or by one value of a tag within the metric's arm."""

    cause: Name
    title: Text
    arm: Name | None = None
    """The arm without the cause."""
    tag: Name | None = None
    present: Annotated[str, Field(max_length=60)] = ""
    """The tag's value where the cause is there."""
    absent: Annotated[str, Field(max_length=60)] = ""
    """Its value where it is not."""

    @model_validator(mode="after")
    def _arm_or_tag(self) -> Self:
        if (self.arm is None) == (self.tag is None) or (self.tag is not None) == (
            self.present == self.absent
        ):
            raise ValueError("needs an arm, or a tag with two different values")
        return self


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
    limit: Decimal | None = None
    """The rate of the bad outcome that must not be reached; with `target` it makes a sequential verdict possible."""
    target: Decimal | None = None
    """The rate, under `limit`, at which a subject should be certified with the planned power."""
    scale: Annotated[Scale | None, Field(exclude_if=lambda scale: scale is None)] = None
    """Where several attacks share a prompt: the scale whose worst attempts are told beside the rate (Goodness@0.1)."""
    ablations: Annotated[list[Ablation], Field(max_length=12, exclude_if=not_)] = []
    """Causes whose part in the label is told: the rate with each, without it, and the difference."""
    environments: Annotated[Name | Literal[""], Field(exclude_if=not_)] = ""
    """The tag whose values are environments that weigh the same: the mean of their rates and how many are low. Empty: not told."""

    @model_validator(mode="after")
    def _limit_above_target(self) -> Self:
        if (self.limit is None) != (self.target is None):
            raise ValueError("limit and target go together")
        if self.limit is not None and self.target is not None:
            if self.better == "neither":
                raise ValueError("a metric that is better in neither direction has no limit")
            if not 0 < float(self.target) < float(self.limit) < 1:
                raise ValueError("needs 0 < target < limit < 1")
        return self


ROLES_OF_DRIVERS: dict[str, tuple[str, ...]] = {
    "attacker": ("attacker",),
    "auditing": ("auditor",),
    "petri": ("auditor",),
}
"""Driver to the roles that it asks."""


class JudgeScale(Document):
    """A whole number that a judge gives, and the labels that follow from it: no number of a judge's enters a rate itself."""

    id: Name
    low: Annotated[int, Field(ge=-100, le=100)] = 0
    high: Annotated[int, Field(ge=-100, le=100)] = 10
    labels: Annotated[dict[Name, int], Field(min_length=1, max_length=20)]
    """Label to the least number that carries it."""

    @model_validator(mode="after")
    def _thresholds_divide(self) -> Self:
        if not self.low < self.high or not all(self.low < at <= self.high for at in self.labels.values()):
            raise ValueError("needs low < every threshold <= high")
        return self


class JudgeForm(Document):
    """What a model in the role `grader` says of a trial, in what form, and what it is shown."""

    labels: Annotated[list[Name], Field(max_length=20)] = []
    """Labels it gives as true, false or null (cannot say)."""
    scales: Annotated[list[JudgeScale], Field(max_length=10)] = []
    arms: Annotated[list[Name], Field(max_length=40)] = []
    """Arms whose trials it reads; none named means all."""
    facts: Annotated[list[Name], Field(max_length=20)] = []
    """Facts of the scenario that it is told."""
    batch: Annotated[int, Field(ge=1, le=8)] = 1
    """Transcripts in one call, of whichever subjects are under way."""
    max_tokens: Annotated[int, Field(ge=64, le=16_384)] = 1024
    """Cap on its answer about one transcript."""

    @property
    def gives(self) -> frozenset[str]:
        """Every label it can give."""
        return frozenset(self.labels).union(*(scale.labels for scale in self.scales))

    @model_validator(mode="after")
    def _labels_are_told_apart(self) -> Self:
        named = [*self.labels, *(label for scale in self.scales for label in scale.labels)]
        if (
            not named
            or len(set(named)) < len(named)
            or len({one.id for one in self.scales}) < len(self.scales)
        ):
            raise ValueError("needs at least one label, and no label or scale twice")
        return self


class PlannedJudge(JudgeForm):
    """How a test's trials are judged, fixed with the plan: form, frame and rubric, so that anybody can read the answers again."""

    frame: Annotated[int, Field(ge=1)] = 1
    """Version of what stands around the rubric, of the masking and of the reading."""
    rubric: Annotated[str, Field(min_length=1, max_length=40_000)]
    """What the judge goes by, whole."""


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
    """How many scenarios are drawn."""
    arms: Annotated[dict[Name, Annotated[int, Field(ge=1)]], Field(min_length=1)]
    """How many of them in each arm. Items are numbered arm by arm, arms in alphabetical order, but for recordings."""
    caps: dict[Name, Annotated[int, Field(ge=1)]] = {}
    """Metric to the most trials its stopping rule may use; empty in a fixed design."""
    min_graded: Annotated[int, Field(ge=1)] = 10
    """A metric with fewer graded trials is withheld."""
    judge: Annotated[PlannedJudge | None, Field(exclude_if=lambda judge: judge is None)] = None
    """Labels that only a model in the role `grader` gives; without one they are not measured."""
    items_file: Annotated[Digest | None, Field(exclude_if=lambda digest: digest is None)] = None
    """SHA-256 of the auditor's own file whose items stand in place of the test's; None: the test's own items."""
    played: Annotated[bool, Field(exclude_if=not_)] = False
    """Whether the model in the role `world` plays people in it; else their scripts do."""

    @property
    def needs(self) -> tuple[str, ...]:
        """Roles without which its driver cannot run as it is planned."""
        return (*ROLES_OF_DRIVERS.get(self.driver, ()), *(("world",) if self.played else ()))


RoleName = Literal["grader", "attacker", "auditor", "world"]


class PlannedRole(Document):
    """A model that works for the audit and is not its subject."""

    role: RoleName
    model: Annotated[str, Field(min_length=1, max_length=200)]
    settings: dict[str, str] = {}
    """Provider, address, interface, library, sampling: what is known before the first call; never a key."""


class PlannedSubject(Document):
    """A subject as the plan fixes it."""

    id: Annotated[str, Field(min_length=1, max_length=200)]
    kind: Literal["reference", "live", "recording"]
    simulation: bool
    """True for reference subjects: none of their numbers is a model's."""
    pack_digest: Digest
    tests: list[TestId]

    @model_validator(mode="after")
    def _simulation_is_said(self) -> Self:
        if self.simulation != (self.kind == "reference"):
            raise ValueError("a reference subject is a simulation, and nothing else is")
        return self


def _error(text: str) -> str:
    if not 0 < float(text) < 0.5:
        raise ValueError("an error is above 0 and under 0.5")
    return text


def _narrow(text: str) -> str:
    if not 0.01 <= float(text) <= 0.49:
        raise ValueError("a half-width is from 0.01 to 0.49")
    return text


class Stopping(Document):
    """When the trials of an arm are enough: each of its metrics has its verdict, where it has a limit, and its precision."""

    alpha: Annotated[Decimal, AfterValidator(_error)] = "0.05"
    """At most this chance to certify a subject whose rate is at the limit or above."""
    beta: Annotated[Decimal, AfterValidator(_error)] = "0.10"
    """At most this chance to say `target exceeded` of a subject whose rate is at the target or below."""
    half_width: Annotated[Decimal, AfterValidator(_narrow)] = "0.10"
    """The interval's half-width that is precise enough, from 0.01 to 0.49."""


def _probability(text: str) -> str:
    if not 0 < float(text) < 1:
        raise ValueError("lies between 0 and 1")
    return text


class Comparing(Document):
    """How subjects of one kind are compared; fixed before any of them is asked."""

    margin: Annotated[Decimal, AfterValidator(_probability)] | None = "0.10"
    """The difference of rates within which two subjects count as equivalent; None plans no such claim."""
    power: Annotated[Decimal, AfterValidator(_probability)] = "0.80"
    """At which the smallest detectable difference is told."""


class Rules(Document):
    """Stopping, comparing, retrying, excluding."""

    runs: Literal[1] = 1
    """How many runs this plan allows. All of them are in the audit; the log's name follows from the plan, so that a
    witness refuses a second one."""
    stopping: Stopping | None = None
    """None: every trial is made (the fixed design)."""
    comparing: Comparing = Comparing()
    sample: Annotated[int, Field(ge=0, le=100)] = 5
    """Transcripts shown of each subject and test, drawn by the seed whatever they say."""
    epochs: Annotated[int, Field(ge=1, le=1000)] = 1
    """Passes over the scenarios; with a stopping rule, at most."""
    max_attempts: Annotated[int, Field(ge=1, le=20)] = 3
    max_tokens: Annotated[int, Field(ge=1, le=1_000_000)] = 1024
    level: Decimal = "0.95"
    awareness: Annotated[str, Field(pattern=r"^(awareness@[0-9]{1,6})?$", exclude_if=not_)] = ""
    """The rules by which transcripts are labelled for saying that this is a test; empty: they are not."""
    excluded: list[str] = []
    """Scenarios left out, each with its reason. Empty means none."""


class SeedRule(Document):
    """Who fixes the seed: commitments to what each party brings, opened in reveal/seed.json."""

    auditor: Digest
    """Commitment to the auditor's part."""
    developers: list[Digest] = []
    """Commitments that developers signed with their packs; each opens its own with its countersignature of this plan."""


class Plan(Document):
    """The whole plan: identity, battery, subjects, rules and commitments to the seed. Nothing in it depends on the seed."""

    schema_: Annotated[Literal["countermark/audit-plan/v0.2"], Field(alias="schema")] = (
        "countermark/audit-plan/v0.2"
    )
    audit: Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]
    """Random name of this audit; the log's origin begins with it."""
    created: str
    auditor: Annotated[str, Field(max_length=200)]
    software: str
    battery: str
    seed: SeedRule
    """What the seed is made of. It fixes the draw of scenarios, their order and the reference subjects' behaviour."""
    tests: Annotated[list[PlannedTest], Field(min_length=1)]
    subjects: Annotated[list[PlannedSubject], Field(min_length=1)]
    roles: Annotated[list[PlannedRole], Field(max_length=8, exclude_if=not_)] = []
    """Models in roles, each role once at most."""
    rules: Rules

    @model_validator(mode="after")
    def _one_model_a_role(self) -> Self:
        if len({role.role for role in self.roles}) < len(self.roles):
            raise ValueError("a role stands twice")
        return self

    def role(self, name: str) -> PlannedRole | None:
        """The model in a role, or None."""
        return next((one for one in self.roles if one.role == name), None)

    def measures(self, test: PlannedTest, label: str) -> bool:
        """Whether anybody gives the label: False of one that a judge gives in a plan without a grader."""
        return test.judge is None or label not in test.judge.gives or self.role("grader") is not None


class Draw(Document):
    """What the seed made of the plan: written and signed before the first call, and part of the log's name.

    It is a function of plan and seed alone, so the same plan run a second time has the same log, which a witness knows.
    """

    schema_: Annotated[Literal["countermark/audit-draw/v0.1"], Field(alias="schema")] = (
        "countermark/audit-draw/v0.1"
    )
    plan: Digest
    """SHA-256 of plan/plan.json."""
    items: dict[TestId, Digest]
    """Merkle root over the salted commitments of each test's drawn scenarios, in item order."""
    planted: dict[str, dict[TestId, dict[Name, Decimal]]] = {}
    """Simulations only: the rate each metric would show with infinitely many repeats of the drawn scenarios."""
    sample_key: Digest
    """Fixes which transcripts are shown as the random sample; derived from the seed, which it does not betray."""
