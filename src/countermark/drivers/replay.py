"""Replay of a published run: everything that was said and done then is laid on the tape; nobody is asked anything."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

from countermark.drivers.talk import Talk
from countermark.errors import CallFailed, Unsupported
from countermark.records import Message, Scenario, TrialKey


class Recalled(Protocol):
    """A published run, as far as replaying it needs."""

    @property
    def messages(self) -> Sequence[Message]:
        """All turns in order."""
        ...

    @property
    def published(self) -> Mapping[str, bool]:
        """Labels the publication gave."""
        ...

    @property
    def no_verdict(self) -> str | None:
        """Why the run has no verdict although it was published, or None."""
        ...

    @property
    def upstream_error(self) -> str | None:
        """What failed when the run was made, or None."""
        ...

    @property
    def stop(self) -> str:
        """Why the last turn ended."""
        ...


@runtime_checkable
class Recalls(Protocol):
    """A subject that remembers whole runs."""

    def recall(self, key: TrialKey) -> Recalled:
        """The run of that trial. Raises `Unsupported` where there is none."""
        ...


async def replay(scenario: Scenario, talk: Talk, options: Mapping[str, Any]) -> Mapping[str, Any]:
    """Lay the recorded run on the tape. Takes no options.

    Returns:
        `{"no_verdict": reason}` where the publication's verdict on this run is to be left out, else {}: the state is
        what graders see and evidence keeps.

    Raises:
        Unsupported: The subject is no recording, or does not hold this trial.
        CallFailed: The run failed when it was made; its turns and published labels stand on the tape already.
    """
    del scenario, options
    if not isinstance(talk.subject, Recalls):
        raise Unsupported("only a recording can be replayed")
    run = talk.subject.recall(talk.key)
    talk.messages.extend(run.messages)
    talk.published.update(run.published)
    talk.stop = run.stop
    if run.upstream_error is not None:
        raise CallFailed(f"the run failed when it was recorded: {run.upstream_error}", retryable=False)
    return {"no_verdict": run.no_verdict} if run.no_verdict else {}
