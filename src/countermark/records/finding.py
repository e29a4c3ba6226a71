"""Numbers with their intervals, and the report that holds them. Rates are decimals in strings: no float is signed."""

from operator import not_
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field

from countermark.records.awareness import Awareness
from countermark.records.environments import Environments
from countermark.records.measured import Breakdown, Interval, PublishedCount, Share, Stop, Value, Worst
from countermark.records.plan import Decimal, Digest, Draw, MetricSpec, Plan


class Finding(Value):
    """One metric of one test for one subject."""

    subject: str
    test: str
    metric: MetricSpec
    k: int
    """Graded trials that carry the label."""
    n: int
    """Graded trials in the arm, up to the stop where there is one."""
    clusters: int
    rate: Decimal | None
    """k / n; None where withheld."""
    interval: Interval | None
    estimand: Literal["S"] = "S"
    """S: scenarios like these; F: exactly these scenarios."""
    withheld: str | None = None
    """Why there is no number, or None. Never read as zero."""
    outcomes: dict[str, int]
    """Trials of the arm by outcome; with `spared` they add up to what was planned."""
    spared: int = 0
    """Trials of the arm that its stopping rules made needless: neither made nor recorded."""
    stop: Stop | None = None
    """How the metric's stopping rule ended; None in a fixed design."""
    planted: Decimal | None = None
    """Reference subjects: the planted rate."""
    covered: bool | None = None
    """Whether the interval covers the planted rate."""
    published: PublishedCount | None = None
    breakdowns: list[Breakdown] = []
    worst: Annotated[Worst | None, Field(exclude_if=lambda worst: worst is None)] = None
    """What the worst attempts show, where the metric has a scale."""


class Event(Value):
    """A trial shown to the reader, with why it was chosen."""

    subject: str
    test: str
    scenario: str
    slot: int
    seq: int
    """Line of records.jsonl, from 0."""
    metric: str
    outcome: str = "graded"
    """What became of the trial; labels are empty unless it is `graded`."""
    labels: dict[str, bool]
    reason: str
    tags: dict[str, str]
    chosen: str
    """Code of why it is shown: `random_sample` or `first_in_queue`; the page has a sentence for each."""
    also: list[str] = []
    """Codes of further reasons that hold for it."""
    messages: list[dict[str, Any]]
    """As they stand in the transcript; what is cut says so: a text as `{"head", "left_out", "tail"}` in characters, turns as
    `{"turns_left_out"}` in their place, a turn's further tool calls as `{"calls_left_out"}`."""


class StatedClaim(Value):
    """What a developer's pack claims of one variant, and how that variant was asked."""

    pack: str
    """The pack's folder under pack/."""
    pack_digest: Digest
    id: str
    """Unique in the pack."""
    statement: str
    subject: str
    test: str
    version: str
    metric: str
    comparator: Literal["<=", ">=", "<", ">"]
    threshold: Decimal
    under: dict[str, str] = {}
    """Setting to the value it was claimed under; only these are compared."""
    asked: dict[str, str] = {}
    """Setting to the value the pack has the variant asked with."""
    void_if: list[str]
    """In words; no machine judges them."""


class ClaimReason(Value):
    """Why a claim is void, not tested, or cannot be decided: a code, and what was claimed and found where they differ."""

    code: str
    claimed: str = ""
    found: str = ""


class ClaimResult(Value):
    """One claim held against the findings. Only the interval decides, never the rate in its middle."""

    claim: StatedClaim
    verdict: Literal["confirmed", "refuted", "undecided", "void", "not_tested"]
    reasons: list[ClaimReason] = []
    beyond: Decimal | None = None
    """Undecided: how far the interval reaches past the threshold, against the claim."""


class RoleTotal(Value):
    """What a model in a role was asked over the whole audit, apart from what the subjects were."""

    role: str
    model: str
    calls: int
    input_tokens: int
    output_tokens: int
    unmetered: int
    """Calls that came back without a count."""
    cost_usd: Decimal | None = None
    """By the price at hand when the report was made; None where none was."""


class Deviation(Value):
    """Something that did not go as planned, counted; or, with code `declared`, the auditor's own words."""

    code: str
    subject: str = ""
    test: str = ""
    count: int = 0
    """Of what, the code's sentence says: trials, attempts or checkpoints."""
    words: str = ""
    """`declared`: what the auditor says. Otherwise a name or reason that belongs to the sentence."""


class Judged(Value):
    """What an audit says of one metric that has a limit."""

    test: str
    metric: str
    verdict: Literal["certified", "target_exceeded", "undecided", "not_judged"]
    """not_judged: nothing was measured, so nothing is said."""
    basis: Literal["rule", "interval"] | None
    """The declared stopping rule; or, in a fixed design, the whole interval against limit and target."""
    estimand: Literal["F", "S"] | None
    """Of what: this battery's draw, or scenarios like these."""


class Saving(Value):
    """Trials made under stopping rules, beside what other designs would have made. An arm's trials count once."""

    arms: int
    """Arms that a rule governed."""
    made: int
    spared: int
    """Planned, and neither made nor recorded, since the rules had what they ask for."""
    planned: int
    fixed: int
    """Of the fixed design that promises the same, as far as the plan has trials: what it could not have made is not saved."""
    saved: int
    """fixed - made; below zero where the rules took longer."""


class LargestBound(Value):
    """The largest upper end of the intervals for the bad outcome: no rate of misconduct or over-refusal was measured above it."""

    bound: Decimal
    """1 where one of them was not measured."""
    level: Decimal
    """One-sided. It holds for all of them together with no correction (intersection-union)."""
    metrics: list[str]
    """`test metric` where it stands."""
    unmeasured: list[str]


class Profile(Value):
    """A subject over all its tests: each test in one class. No total, no weights."""

    subject: str
    certified: list[str]
    """Every metric that has a limit is certified under it, and no metric of the test is withheld."""
    target_exceeded: list[str]
    """At least one is over its target."""
    undecided: list[str]
    not_judged: dict[str, str]
    """Test to why: `withheld` or `no_limit`."""
    judged: list[Judged]
    largest: LargestBound | None
    """None where no test measures misconduct or over-refusal."""
    saving: Saving | None
    """None where every trial was to be made."""


class Unlike(Value):
    """One reason why two numbers are not put side by side: a code, and what each subject had."""

    code: str
    a: str = ""
    b: str = ""


class Compared(Value):
    """Two subjects on one metric, paired by scenario and epoch; differences are a - b. None where not comparable."""

    a: str
    b: str
    test: str
    metric: str
    exploratory: bool
    """False: of the headline family."""
    verdict: Literal["difference", "no_difference_found", "equivalent", "not_comparable"]
    reasons: list[Unlike] = []
    rate_a: Decimal | None = None
    """Over the pairs alone, scenarios weighing the same; not the rate of the finding."""
    rate_b: Decimal | None = None
    difference: Decimal | None = None
    low: Decimal | None = None
    high: Decimal | None = None
    p: Decimal | None = None
    p_adjusted: Decimal | None = None
    """For all comparisons of its family; this decides."""
    p_equivalence: Decimal | None = None
    """Two one-sided tests against the planned margin, adjusted likewise; None where no margin was planned."""
    method: str = ""
    pairs: int = 0
    """Trials of each subject that have a counterpart and count for both subjects' findings."""
    units: int = 0
    """Independent sources among them."""
    only_a: int = 0
    """Discordant pairs: a alone carries the label."""
    only_b: int = 0
    detectable: Decimal | None = None
    """Where no difference was found: the smallest that would have been, at the family's level; None where none would."""


class Place(Value):
    """A subject's place on one metric, 1 the best, with the places that the adjusted tests do not exclude."""

    subject: str
    best: int
    worst: int


class Ranking(Value):
    """The places of the subjects of one kind on one headline metric; all of them hold together."""

    kind: str
    test: str
    metric: str
    places: list[Place]


class Domination(Value):
    """One subject better on one axis and not worse by the margin on the other."""

    better: str
    worse: str
    axis: Literal["misbehaviour", "over_refusal"]
    """On which it is better."""
    p_adjusted: Decimal


class ParetoFront(Value):
    """Subjects of one kind that no other is shown to dominate on misbehaviour against over-refusal."""

    kind: str
    misbehaviour: str
    """Test; its headline metric."""
    over_refusal: str
    members: list[str]
    dominated: list[Domination]
    units: list[int]
    """Independent sources that all of them share, on each axis."""


class Comparisons(Value):
    """Every pair of subjects of the same kind on every metric both were measured on."""

    level: Decimal
    power: Decimal
    margin: Decimal | None
    headline: str
    """How p is adjusted over the headline family of each kind: headline metrics x pairs."""
    exploratory: str
    """How over all other comparisons of each kind."""
    interval: str
    after_stopping: bool
    """Whether trials stopped by what they showed, so that tests and intervals are approximate."""
    left_out: list[str]
    """Subjects past the sixtieth of a kind, which are not compared."""
    rows: list[Compared]
    rankings: list[Ranking]
    fronts: list[ParetoFront]


class Ablated(Value):
    """One metric with and without one of its causes, for one subject; the difference is with minus without. Exploratory."""

    subject: str
    test: str
    metric: str
    cause: str
    """As in the metric's `ablations`."""
    found: Literal["raises", "lowers", "not_shown", "not_measured"]
    """What the interval of the difference shows of the cause: all of it above 0, all below, neither; or there is none."""
    present: Share
    """Of the trials compared: where the cause is there."""
    absent: Share
    """Where it is taken away."""
    difference: Decimal | None
    low: Decimal | None
    high: Decimal | None
    pairs: int
    """Pairs of trials that differ by the cause alone; 0 where the two sides are samples of their own."""
    method: str


class Report(Value):
    """Everything the page says. Formats lay it out and compute nothing."""

    schema_: Annotated[Literal["countermark/audit-report/v0.2"], Field(alias="schema")] = (
        "countermark/audit-report/v0.2"
    )
    plan: Plan
    draw: Draw
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
    claims: list[ClaimResult] = []
    """Every claim of the packs, in the order of the packs' folders."""
    claims_withheld: list[str] = []
    """Folders of packs whose claims are withheld by the packs' terms."""
    deviations: list[Deviation] = []
    """What did not go as planned; empty says that nothing did."""
    profiles: list[Profile] = []
    """One a subject, in the plan's order."""
    saving: Saving | None = None
    """Over all subjects; None where every trial was to be made."""
    comparisons: Comparisons | None = None
    """None where no two subjects are of the same kind."""
    roles: Annotated[list[RoleTotal], Field(exclude_if=not_)] = []
    """What models in roles were asked, in the plan's order."""
    awareness: Annotated[list[Awareness], Field(exclude_if=not_)] = []
    """One a subject and headline metric, in the plan's order; empty where the plan labels none."""
    ablations: Annotated[list[Ablated], Field(exclude_if=not_)] = []
    """One a subject, metric and cause, in the plan's order; empty where no metric names a cause."""
    environments: Annotated[list[Environments], Field(exclude_if=not_)] = []
    """One a subject and metric that names its environments, in the plan's order; empty where none does."""

    model_config = ConfigDict(
        frozen=True, extra="allow", use_attribute_docstrings=True, populate_by_name=True
    )
