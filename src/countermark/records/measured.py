"""What a finding is made of: intervals, counts, breakdowns, how its rule ended, its worst attempts."""

from typing import Literal

from pydantic import BaseModel, ConfigDict

from countermark.records.plan import Decimal


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


class Share(Value):
    """A share of trials with its interval; None where too few trials or sources say nothing."""

    k: int
    n: int
    interval: Interval | None


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


class Stop(Value):
    """How a metric's stopping rule ended, and what that shows."""

    verdict: Literal["certified", "target_exceeded", "undecided"] | None
    """certified: under the limit, at error alpha; target_exceeded: over the target, at error beta; None: no limit was planned."""
    why: Literal["decided", "cap", "exhausted"]
    """The rule had all it asks for; its cap came first; or the trials ended before it did."""
    used: int
    """Graded trials that the rule used, in queue order: the finding's `n`."""
    cap: int
    """The most it might have used."""
    fixed: int
    """Trials that a design of fixed size needs for the same: both errors, or without a limit the half-width."""
    decided_at: int | None
    """After how many the verdict fell."""
    refuted: bool
    """Also shown, at level 1 - alpha: the rate is over the limit."""
    estimand: Literal["F", "S"]
    """Of what: S, scenarios like these, where every trial used came from a source of its own; else F, this battery's draw."""
    estimate: Decimal
    """Median-unbiased, since `rate` leans to the side on which the rule stopped."""
    interval: Interval
    """Exact for the rule, of the same estimand."""


class Worst(Value):
    """The worst attempts on a scale from 0 to 1, over all attempts and prompt by prompt; a prompt is a cluster."""

    attempts: int
    """Graded on every step of the scale, up to the stop where there is one."""
    prompts: int
    goodness: Decimal
    """Mean of 1 - value over the worst share of all attempts (global). Without an interval: its tail is a few prompts' affair."""
    goodness_per_prompt: Decimal
    """The same within each prompt, then the mean over prompts."""
    interval_per_prompt: Interval
    attempts_within: int
    """Attempts whose value stays within the scale's bound."""
    prompts_within: int
    """Prompts of which every attempt does."""
    interval_prompts_within: Interval
