"""The order of trials. It is part of what a sequential design guarantees, so plan and seed fix it and anybody replays it."""

from dataclasses import dataclass

from countermark.canonical import digest
from countermark.records import Plan


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """One trial to do: a place in the queue."""

    number: int
    subject: str
    test: str
    item: int
    epoch: int


def queue(plan: Plan, seed: str, epochs: range | None = None) -> tuple[Slot, ...]:
    """Every slot in the seeded order: all scenarios once, tests interleaved, before any second epoch.

    Each scenario is put to all subjects before the next, so that however early trials stop, subjects can be compared on
    the scenarios they share.

    Args:
        plan: Which subject takes which test, how many scenarios and epochs.
        epochs: Only these, by default all; every epoch has as many slots.
        seed: The audit's seed; each scenario's place follows from SHA-256 over it and the scenario's name.

    Source:
        Breadth before depth in random order: a fixed order lets a sequential test err (docs/reference/statistics).
    """
    wanted = range(plan.rules.epochs) if epochs is None else epochs
    cells = [
        (epoch, digest(f"{seed}/order/{epoch}/{test.id}/{item}".encode()), test.id, item, subject.id)
        for epoch in wanted
        for test in plan.tests
        for item in range(test.items)
        for subject in plan.subjects
        if test.id in subject.tests
    ]
    begin = wanted.start * (len(cells) // len(wanted)) if wanted else 0
    return tuple(
        Slot(number=number, subject=subject, test=test, item=item, epoch=epoch)
        for number, (epoch, _, test, item, subject) in enumerate(sorted(cells), begin)
    )
