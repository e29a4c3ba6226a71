"""Part of stage 8: the trials that a report quotes are those due, in their own words."""

from collections.abc import Iterator, Sequence

from countermark.analysis import Shown, event, shown
from countermark.canonical import encode
from countermark.evidence.directory import RUN
from countermark.evidence.parts import read_transcript
from countermark.records import Event, Report
from countermark.verify.state import State


def wrong_events(state: State, report: Report) -> Iterator[str]:
    """Trials quoted that are not due, due ones that are not, and words that nobody said.

    Those whose messages are withheld are not due. Where whole records are withheld, which trials are due cannot be said;
    each quotation is held against its record and transcript all the same.
    """
    if state.unshown:
        yield from _wrong_words(state, _as_quoted(state, report), report.events)
        return
    due = [one for one in _due(state) if not _silent(state, one.seq)]
    if [given.seq for given in report.events] != [one.seq for one in due]:
        yield f"shows the trials {[given.seq for given in report.events]}, due are {[one.seq for one in due]}"
        return
    yield from _wrong_words(state, due, report.events)


def _due(state: State) -> list[Shown]:
    assert state.plan is not None
    assert state.draw is not None
    return shown(state.plan, [entry.record for entry in state.entries], state.draw.sample_key)


def _silent(state: State, seq: int) -> bool:
    """Whether the record's messages are withheld, all or some."""
    redaction = state.redaction
    return redaction is not None and (seq in redaction.transcripts or seq in state.unquotable)


def _as_quoted(state: State, report: Report) -> list[Shown | None]:
    """What each quotation claims to be; None where its record or its words are withheld."""
    assert state.plan is not None
    metrics = {(test.id, metric.id): metric for test in state.plan.tests for metric in test.metrics}
    records = {entry.seq: entry.record for entry in state.entries}
    return [
        Shown(
            seq=given.seq,
            record=records[given.seq],
            metric=metrics[given.test, given.metric],
            chosen=given.chosen,
            also=tuple(given.also),
        )
        if given.seq in records and not _silent(state, given.seq) and (given.test, given.metric) in metrics
        else None
        for given in report.events
    ]


def _wrong_words(state: State, due: Sequence[Shown | None], events: Sequence[Event]) -> Iterator[str]:
    for given, one in zip(events, due, strict=True):
        if one is None:
            yield f"quotes record {given.seq}, which is withheld"
            continue
        said = read_transcript(state.root / RUN, one.seq)["messages"]
        if _plain(given) != _plain(event(one, said)):
            yield f"event of record {one.seq} is not what the record and its transcript say"


def _plain(value: Event) -> bytes:
    return encode(value.model_dump(mode="json", by_alias=True))
