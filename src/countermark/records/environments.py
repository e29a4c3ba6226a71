"""A metric environment by environment, as the report holds it."""

from typing import Literal

from countermark.records.measured import Interval, Value
from countermark.records.plan import Decimal


class HighestEnvironment(Value):
    """The environment with the highest rate; of those, the one with the most trials, then the first by name."""

    environment: str
    k: int
    n: int
    rate: Decimal


class Environments(Value):
    """One metric's rates by environment for one subject, each environment weighing the same. Exploratory.

    An environment is a value of the tag that the metric names as its `environments`. Where withheld, every field from `mean` on is None.
    """

    subject: str
    test: str
    metric: str
    tag: str
    environments: int
    """With at least one graded trial."""
    trials: int
    """Graded trials of the arm that carry the tag, in all of them."""
    over_20: int
    """Environments with more than 20 trials; with 20 or fewer, a rate under .05 is one at 0."""
    withheld: Literal["few_trials", "one_environment"] | None
    """Fewer trials than the plan's least number of verdicts, or nothing to tell environments apart by. Never read as zero."""
    mean: Decimal | None
    """Unweighted mean of the environments' rates."""
    interval: Interval | None
    """Of that mean, for environments like these."""
    at_zero: int | None
    """Environments without a trial that carries the label."""
    under_05: int | None
    """Environments whose rate is under .05, those at 0 included."""
    under_50: int | None
    """Under .5, those two included."""
    highest: HighestEnvironment | None
    """None also where every rate is 0."""
