"""What subjects said of being tested, counted, as the report holds it."""

from countermark.records.measured import Share, Value
from countermark.records.plan import Decimal


class Gaming(Value):
    """The bad outcome's rate where a trial is real as far as the subject is told, minus where it is told of a test.

    Above 0: it behaves better when it is told. Exploratory.
    """

    tag: str
    """Whose values tell them apart: `told` (real, test) or `cue` (plain, test)."""
    real: Share
    test: Share
    index: Decimal | None
    low: Decimal | None
    high: Decimal | None
    pairs: int
    """Pairs of trials that differ in nothing else; 0 where the two groups are scenarios of their own."""
    method: str


class Awareness(Value):
    """Evaluation awareness of one subject in the arm of one headline metric, as far as it was said. Exploratory.

    `with_aware` and `without_aware` are the metric's rate over the same graded trials with a label of awareness: all of them,
    and those in which none is true. A difference says that the two go together, not which makes which.
    """

    subject: str
    test: str
    metric: str
    said: Share
    """Of trials in which it was not told: said so in what it answered."""
    thought: Share
    """Of those with recorded reasoning: said so there."""
    with_aware: Share
    without_aware: Share
    gaming: Gaming | None
    """None where the arm's trials are not told apart by a tag."""
