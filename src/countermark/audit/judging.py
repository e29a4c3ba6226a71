"""The models in roles while an audit runs: opened once, and the judge's desk, where transcripts that wait are put together.

A batch mixes whichever subjects wait at the moment, so that a judge that drifts drifts for all of them alike.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import zip_longest

import anyio

from countermark.audit.role_models import RoleModel
from countermark.drivers import Talk
from countermark.errors import SubjectError
from countermark.graders import load_grader
from countermark.graders.judged import GRADER, is_due
from countermark.graders.judging import Case, ask
from countermark.records import Exchange, Plan, PlannedTest, Scenario, Subject, Usage

_LINGER_S = 0.25
"""How long a batch waits for more transcripts, and for some of every subject."""


@dataclass(slots=True)
class _Waiting:
    """A transcript at the desk, and what becomes of it."""

    case: Case
    full: anyio.Event = field(default_factory=anyio.Event)
    done: anyio.Event = field(default_factory=anyio.Event)
    exchanges: tuple[Exchange, ...] = ()
    error: SubjectError | None = None


class Helpers:
    """The opened models of an audit's roles. Close it when no trial is under way any more."""

    def __init__(self, models: Sequence[RoleModel] = (), plan: Plan | None = None) -> None:
        self.roles: Mapping[str, Subject] = {model.role: model.open() for model in models}
        self._pools: dict[str, list[_Waiting]] = {}
        self._takers = (
            Counter(test for one in plan.subjects for test in one.tests) if plan else Counter[str]()
        )

    async def aclose(self) -> None:
        """Release connections."""
        for one in self.roles.values():
            await one.aclose()

    async def judge(self, test: PlannedTest, subject: str, scenario: Scenario, talk: Talk) -> None:
        """Ask the judge about an attempt that has ended, where one is due, and lay its exchanges on the tape.

        Args:
            test: From the plan.
            subject: Whose attempt.
            scenario: Put in it.
            talk: Its tape, whole, with the final state.

        Raises:
            SubjectError: The provider rejects the judge's key or name; no further call can succeed.
        """
        model = self.roles.get(GRADER)
        transcript = talk.transcript(scenario, state=talk.state)
        if model is None or test.judge is None:
            return
        grade = load_grader(test.grader)(transcript, test.grader_options)
        if is_due(test.judge, transcript, grade):
            case = Case(transcript=transcript, subject=subject)
            try:
                talk.exchanges.extend(await self._ask(model, test, case))
            except SubjectError as error:
                if isinstance(error.exchange, Exchange):
                    talk.exchanges.append(replace(error.exchange, role=GRADER, usage=Usage()))
                raise type(error)(f"{GRADER}: {error.message}", hint=error.hint) from error

    async def _ask(self, model: Subject, test: PlannedTest, case: Case) -> tuple[Exchange, ...]:
        assert test.judge is not None
        if test.judge.batch == 1:
            return (await ask(model, test.judge, [case]))[0]
        mine, pool = _Waiting(case=case), self._pools.setdefault(test.id, [])
        pool.append(mine)
        if _enough(pool, test.judge.batch, self._takers.get(test.id, 1)):
            pool[0].full.set()
        if pool[0] is mine:
            with anyio.move_on_after(_LINGER_S):
                await mine.full.wait()
            del self._pools[test.id]  # whoever comes next begins another
            async with anyio.create_task_group() as group:
                for batch in dealt(pool, test.judge.batch):
                    group.start_soon(_judge_batch, model, test, batch)
        await mine.done.wait()
        if mine.error is not None:
            raise mine.error
        return mine.exchanges


def dealt(pool: Sequence[_Waiting], size: int) -> list[list[_Waiting]]:
    """The pool in batches of `size` at most, subjects taking turns as far as they reach."""
    hands: dict[str, list[_Waiting]] = {}
    for one in pool:
        hands.setdefault(one.case.subject, []).append(one)
    turns = [one for turn in zip_longest(*hands.values()) for one in turn if one is not None]
    return [turns[start : start + size] for start in range(0, len(turns), size)]


def _enough(pool: Sequence[_Waiting], size: int, takers: int) -> bool:
    """Whether a batch can be filled with somebody of every subject that takes the test, as far as it holds so many."""
    return len(pool) >= size and len({one.case.subject for one in pool}) >= min(takers, size)


async def _judge_batch(model: Subject, test: PlannedTest, batch: Sequence[_Waiting]) -> None:
    assert test.judge is not None
    try:
        found = await ask(model, test.judge, [one.case for one in batch])
        for one, exchanges in zip(batch, found, strict=True):
            one.exchanges = exchanges
    except SubjectError as error:
        for one in batch:
            one.error = error
    finally:
        for one in batch:
            one.done.set()
