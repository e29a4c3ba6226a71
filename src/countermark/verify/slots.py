"""Part of stage 6: every planned trial in its place of the seeded queue, each with exactly one final attempt."""

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence

from countermark.analysis import Arm, ArmKey, Slot, arm_of, arms_of, queue
from countermark.records import Outcome, Plan, Status, TrialRecord, Usage
from countermark.verify.verdict import Notes


class Slots:
    """Which slot stands for which trial, and how its attempts went: one after another, the last one final.

    Args:
        plan: What was to be done.
        seed: The audit's, or None where it is not revealed.
        most: How many slots the log could come from: a plan that asks for more is not replayed, or a small directory
            could keep a verifier busy for hours.
    """

    def __init__(self, plan: Plan, seed: str | None, most: int) -> None:
        self._seed = seed
        self._most = most
        self._round = sum(test.items for one in plan.subjects for test in plan.tests if test.id in one.tests)
        self._excess = self._round > most
        self._rounds: dict[int, tuple[Slot, ...]] = {}
        self._tests = {test.id: test for test in plan.tests}
        self._takes = {subject.id: frozenset(subject.tests) for subject in plan.subjects}
        self._replayed = {subject.id for subject in plan.subjects if subject.kind == "recording"}
        self._epochs = plan.rules.epochs
        self._trial_of: dict[int, tuple[str, str, int, int]] = {}
        self._slot_of: dict[tuple[str, str, int, int], int] = {}
        self._attempts: dict[int, int] = {}
        self._final: set[int] = set()
        self._graders: dict[str, str] = {}
        self._created = plan.created
        self._plan = plan
        self._finals: list[TrialRecord] = []
        self._spared = 0
        self.holes: dict[ArmKey, int] = {}
        """Arm to how many of its trials that were due have no final attempt among the disclosed records."""
        self.unshown = 0
        """How many records before the next are not disclosed: an attempt that seems to lack may be one of them."""

    def take(self, record: TrialRecord) -> Iterator[str]:
        """What is wrong with the next record."""
        yield from self._place(record)
        yield from self._order(record)
        yield from _sense(record)

    def faults_at_end(self, slots: int, withheld: int = 0) -> Iterator[str]:
        """Slots without a final attempt, or too few of them.

        Args:
            slots: How many the plan asks for, at most.
            withheld: How many records are not disclosed, any of which may be a final one.
        """
        if self._excess:
            yield f"the plan asks for {slots} trials, far more than so short a log could come from"
            return
        if any(not 0 <= slot < slots for slot in self._attempts):
            yield f"a slot lies outside 0 to {slots - 1}"
            return
        if not withheld:
            for slot in sorted(set(self._attempts) - self._final):
                yield f"slot {slot} has no final attempt"
        if self._plan.rules.stopping is not None:
            yield from self._faults_of_arms(withheld)
        elif not slots - withheld <= len(self._final) <= slots:
            yield f"{len(self._final)} trials have a final attempt, the plan asks for {slots}"

    def say(self, notes: Notes) -> None:
        """What the stopping rules spared, or why that could not be seen."""
        if self._plan.rules.stopping is None:
            return
        if self._seed is None:
            notes.partial(
                "the seed is not revealed, so that no trial but the needless ones was left out is not checked"
            )
        elif self._holes:
            notes.partial(
                f"{self._holes} trials that were due are not disclosed: so many of the withheld records are theirs"
            )
        elif self._spared:
            notes.say(
                f"{self._spared} trials were needless by the plan's stopping rules, and no other was left out"
            )

    def _faults_of_arms(self, withheld: int) -> Iterator[str]:
        """A slot may lack its trial only where its arm was over, by the rules, before its turn came; or it is withheld.

        Slots are taken in queue order. So where outcomes are missing, and the rules cannot be replayed to the end, at least
        every gap before the last trial made was due.
        """
        if self._seed is None:
            return
        due: dict[ArmKey, list[int]] = defaultdict(list)
        reached = max((record.epoch for record in self._finals), default=0) + 1
        for slot in (slot for epoch in range(reached) for slot in self._round_of(epoch)):
            due[slot.subject, slot.test, self._arm(slot)].append(slot.number)
        arms = arms_of(self._plan, due)
        for record in self._finals:
            key = (record.subject, record.test, record.arm)
            if key in arms:
                arms[key].take(record.slot, record.labels if record.outcome is Outcome.GRADED else {})
        later = self._plan.rules.epochs - reached
        for key, slots in due.items():
            missing = self._due_and_missing(slots, arms.get(key))
            more = 0 if key in arms and (arms[key].over or self._gaps(slots)) else later * len(slots)
            self.holes[key] = len(missing) + more
            if self.holes[key] and not withheld:
                named = (
                    f"slot {missing[0]} and {len(missing) - 1 + more} more"
                    if missing
                    else f"{more} later slots"
                )
                yield f"{key[0]}, {key[1]}, {key[2]}: {named} lack a final attempt, and were due"
            if key in arms and arms[key].over:
                self._spared += later * len(slots)
        if self._holes > withheld > 0:
            yield f"{self._holes} trials that were due lack a final attempt, {withheld} records are withheld"

    def _due_and_missing(self, slots: Sequence[int], arm: Arm | None) -> list[int]:
        """The slots of an arm that lack their final attempt though they were due, as far as that can be told."""
        if arm is not None and arm.over:
            self._spared += sum(slot not in self._final for slot in slots[arm.closed_at :])
            return [slot for slot in slots[: arm.closed_at] if slot not in self._final]
        # Without a gap every outcome so far is known, and the rules want more; so do arms that no rule ends.
        gaps = [] if arm is None else self._gaps(slots)
        return gaps or [slot for slot in slots if slot not in self._final]

    def _gaps(self, slots: Sequence[int]) -> list[int]:
        """Slots without a final attempt before the last one with one."""
        made = [place for place, slot in enumerate(slots) if slot in self._final]
        return [slot for slot in slots[: made[-1] if made else 0] if slot not in self._final]

    @property
    def _holes(self) -> int:
        return sum(self.holes.values())

    def _round_of(self, epoch: int) -> tuple[Slot, ...]:
        """One epoch of the queue, made when it is first asked for."""
        if epoch not in self._rounds:
            assert self._seed is not None
            if self._round * (len(self._rounds) + 1) > self._most + self._round:
                self._excess = True
                return ()
            self._rounds[epoch] = queue(self._plan, self._seed, range(epoch, epoch + 1))
        return self._rounds[epoch]

    def _arm(self, slot: Slot) -> str:
        """Where the plan does not number items by arm, a test counts as one."""
        return "" if slot.subject in self._replayed else arm_of(self._tests[slot.test], slot.item)

    def _place(self, record: TrialRecord) -> Iterator[str]:
        test = self._tests.get(record.test)
        if test is None or record.test not in self._takes.get(record.subject, frozenset()):
            yield f"{record.subject} was not to take {record.test}"
        elif not (0 <= record.item < test.items and 0 <= record.epoch < self._epochs):
            yield f"item {record.item}, epoch {record.epoch} of {record.test} was not planned"
        elif record.subject not in self._replayed and record.arm != arm_of(test, record.item):
            yield f"item {record.item} of {record.test} is not of the arm {record.arm}"
        elif record.grader.partition("@")[0] != test.grader:
            yield f"was graded by {record.grader}, the plan says {test.grader}"
        elif self._graders.setdefault(record.test, record.grader) != record.grader:
            yield f"was graded by {record.grader}, trials of this test before it by {self._graders[record.test]}"
        if record.started < self._created:
            yield f"started at {record.started}, before the plan was made at {self._created}"
        trial = (record.subject, record.test, record.item, record.epoch)
        if self._seed is not None and not self._excess and not self._is_due(record):
            yield f"slot {record.slot} stands for another trial in the order that the seed makes"
        if self._trial_of.setdefault(record.slot, trial) != trial:
            yield f"slot {record.slot} stood for another trial before"
        if self._slot_of.setdefault(trial, record.slot) != record.slot:
            yield f"the trial of slot {record.slot} had slot {self._slot_of[trial]} before"

    def _is_due(self, record: TrialRecord) -> bool:
        """Whether the seeded order has this trial in this place; a place outside it is told at the end."""
        if not 0 <= record.slot < self._round * self._epochs:
            return True
        slots = self._round_of(record.slot // self._round)
        if not slots:
            return True
        due = slots[record.slot % self._round]
        return (due.subject, due.test, due.item, due.epoch) == (
            record.subject,
            record.test,
            record.item,
            record.epoch,
        )

    def _order(self, record: TrialRecord) -> Iterator[str]:
        expected = self._attempts.get(record.slot, 0) + 1
        hidden = 0 < record.attempt - expected <= self.unshown
        if record.attempt != expected and not hidden:
            yield f"slot {record.slot} comes to attempt {record.attempt}, not {expected}"
        self._attempts[record.slot] = max(expected, record.attempt)
        if record.slot in self._final:
            yield f"slot {record.slot} is tried again after its final attempt"
        if record.final:
            self._final.add(record.slot)
            self._finals.append(record)


_MEANS = {
    Status.OK: (Outcome.GRADED, Outcome.UNGRADED),
    Status.ERROR: (Outcome.ERRORED,),
    Status.UNSUPPORTED: (Outcome.UNSUPPORTED,),
    Status.INTERRUPTED: (Outcome.NOT_RUN,),
    Status.NOT_RUN: (Outcome.NOT_RUN,),
}
_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z")


def _sense(record: TrialRecord) -> Iterator[str]:
    if record.outcome not in _MEANS[record.status]:
        yield f"status {record.status} does not go with outcome {record.outcome}"
    if record.labels and record.outcome is not Outcome.GRADED:
        yield f"an outcome of {record.outcome} bears labels"
    if record.status is Status.OK and not record.final:
        yield "an attempt that was answered is not final: second tries after an answer are not allowed"
    usage = record.usage
    if record.outcome is Outcome.NOT_RUN and (record.calls or usage != Usage() or record.roles):
        yield "an attempt that was never made has calls or tokens"
    if min(record.calls, usage.input_tokens, usage.output_tokens, usage.unmetered) < 0:
        yield "calls or tokens below zero"
    if not (_TIME.fullmatch(record.started) and _TIME.fullmatch(record.ended)):
        yield f"{record.started!r} and {record.ended!r} are no times"
    elif record.started > record.ended:
        yield "ended before it started"
