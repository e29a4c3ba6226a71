"""One trial from the situation put to the subject to the record that enters the log."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from operator import not_
from typing import Annotated, Any

from pydantic import Field

from countermark.records.chat import Exchange, Message, Usage
from countermark.records.roles import RoleUse


class Outcome(StrEnum):
    """What became of a trial. Only `graded` trials enter a rate; the others are counted and shown, never as zero."""

    GRADED = "graded"
    UNGRADED = "ungraded"
    ERRORED = "errored"
    UNSUPPORTED = "unsupported"
    NOT_RUN = "not_run"


class Status(StrEnum):
    """What became of one attempt at a trial."""

    OK = "ok"
    ERROR = "error"
    UNSUPPORTED = "unsupported"
    INTERRUPTED = "interrupted"
    NOT_RUN = "not_run"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """One situation put to a subject.

    Attributes:
        id: `family/test#stem-digest`, unique in the battery's draw.
        test: `family/test`.
        arm: Which part of the test it belongs to (`attack`, `control`, `safe`, ...); metrics are rates within an arm.
        cluster: Scenarios that share it share a source and are not independent.
        dialogue: The system message, if any, then the user's turns, in order.
        facts: What drivers and graders need to know and the subject may not be told (the secret, the goal).
        tags: Attack family, language, cue and so on, for breakdowns.
    """

    id: str
    test: str
    arm: str
    cluster: str
    dialogue: tuple[Message, ...]
    facts: Mapping[str, Any] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Transcript:
    """Everything said and done in one attempt.

    Attributes:
        scenario: The situation, whole.
        messages: All turns in order, tools' results included.
        state: The simulated world's final state, where there is one.
        published: Labels an upstream publication gave to this run, for recordings; empty otherwise.
        fault: Why the attempt ended early, or None.
        stop: Why the last turn ended, in the provider's word.
        exchanges: The bytes at the provider boundary, one a call; first the calls while it was driven, then the grader's.
    """

    scenario: Scenario
    messages: tuple[Message, ...]
    state: Mapping[str, Any] = field(default_factory=dict)
    published: Mapping[str, bool] = field(default_factory=dict)
    fault: str | None = None
    stop: str = ""
    usage: Usage = field(default_factory=Usage)
    exchanges: tuple[Exchange, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Grade:
    """One trial's labels with the reason, or the reason why there are none.

    Attributes:
        outcome: `graded`, or `ungraded` where the grader reached no verdict.
        labels: Axis to truth: `refused`, `harmful`, `followed`, `leaked`, `acted`, ... Empty unless graded.
        reason: One sentence a reader can check against the transcript.
    """

    outcome: Outcome
    labels: Mapping[str, bool]
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialRecord:
    """One attempt as it stands in the log; every attempt is one leaf, and each slot has exactly one final attempt.

    Attributes:
        slot: Position in the plan's queue, from 0.
        item: Index of the scenario in the test's draw; `item_commitment` binds it to the plan's item root.
        attempt: From 1; a retry or a run after an interruption counts up.
        final: True for the attempt that counts.
        published: Labels given upstream, for recordings, kept whether or not there is a verdict.
        started: RFC 3339, UTC; the auditor's own clock.
        aware: Whether the subject said (`aware_text`) or thought (`aware_reasoning`) that this is a test; no label where it
            was told so, or where nothing of the kind is recorded.
        roles: What models in roles (a grader, an attacker) were asked, apart from the subject's calls and usage.
    """

    slot: int
    subject: str
    test: str
    scenario: str
    item: int
    epoch: int
    attempt: int
    final: bool
    status: Status
    outcome: Outcome
    arm: str
    cluster: str
    labels: Mapping[str, bool]
    reason: str
    grader: str
    started: str
    ended: str
    tags: Mapping[str, str] = field(default_factory=dict)
    published: Mapping[str, bool] = field(default_factory=dict)
    calls: int = 0
    usage: Usage = field(default_factory=Usage)
    request_ids: tuple[str, ...] = ()
    aware: Annotated[Mapping[str, bool], Field(exclude_if=not_)] = field(default_factory=dict)
    roles: Annotated[Mapping[str, RoleUse], Field(exclude_if=not_)] = field(default_factory=dict)
