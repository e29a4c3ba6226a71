"""The tape of one attempt: what was said so far, what it cost, and the bytes that crossed the boundary."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from countermark.errors import SubjectError, Unsupported, UsageError
from countermark.records import (
    Exchange,
    Message,
    Reply,
    Request,
    Scenario,
    Subject,
    ToolSpec,
    Transcript,
    TrialKey,
    Usage,
    as_exchange,
    failed_exchange,
)


@dataclass(slots=True)
class Talk:
    """One attempt at a scenario, kept as it happens so that a failed attempt still leaves its transcript.

    Drivers add turns with `say` and ask for the subject's with `turn`; a model in a role, such as an attacker, is asked with
    `ask`, and what passes with it stands on the tape as exchanges only. `published` holds the labels that a recording's
    publication gave to this run, `state` what the driver returned.
    """

    subject: Subject
    key: TrialKey
    max_tokens: int = 1024
    messages: list[Message] = field(default_factory=list)
    exchanges: list[Exchange] = field(default_factory=list)
    usage: Usage = field(default_factory=Usage)
    calls: int = 0
    stop: str = ""
    published: dict[str, bool] = field(default_factory=dict)
    roles: Mapping[str, Subject] = field(default_factory=dict)
    state: Mapping[str, Any] = field(default_factory=dict)

    def say(self, message: Message) -> None:
        """Add a turn that is not the subject's."""
        self.messages.append(message)

    async def turn(self, tools: Sequence[ToolSpec] = ()) -> Message:
        """Ask the subject for its next turn, add it and return it. Raises what `Subject.answer` raises."""
        self.calls += 1
        request = Request(
            messages=tuple(self.messages), key=self.key, tools=tuple(tools), max_tokens=self.max_tokens
        )
        try:
            reply = await self.subject.answer(request)
        except SubjectError as error:
            if isinstance(error, Unsupported) and error.exchange is None:
                self.calls -= 1  # nothing was sent
            if isinstance(error.exchange, Exchange):
                self.exchanges.append(error.exchange)
            raise
        self.messages.append(reply.message)
        self.usage = self.usage + reply.usage
        self.stop = reply.stop
        if reply.exchange is not None:
            self.exchanges.append(reply.exchange)
        return reply.message

    async def ask(
        self,
        role: str,
        messages: Sequence[Message],
        *,
        tools: Sequence[ToolSpec] = (),
        max_tokens: int = 1024,
    ) -> Reply:
        """What the model in a role answers to `messages`, which the subject never sees.

        Raises:
            UsageError: Nobody holds the role.
            SubjectError: What `Subject.answer` raises, the role named in its message.
        """
        model = self.roles.get(role)
        if model is None:
            raise UsageError(f"no model is in the role {role}", hint=f"give one: --role {role}=MODEL")
        request = Request(messages=tuple(messages), key=self.key, tools=tuple(tools), max_tokens=max_tokens)
        try:
            reply = await model.answer(request)
        except SubjectError as error:
            if not isinstance(error, Unsupported) or error.exchange is not None:
                self.exchanges.append(failed_exchange(request, error, role))
            error.message, error.exchange = f"{role}: {error.message}", None
            raise
        self.exchanges.append(as_exchange(request, reply, role))
        return reply

    def transcript(
        self, scenario: Scenario, *, state: Mapping[str, Any] | None = None, fault: str | None = None
    ) -> Transcript:
        """All of it, as a frozen value."""
        return Transcript(
            scenario=scenario,
            messages=tuple(self.messages),
            state=state or {},
            published=dict(self.published),
            fault=fault,
            stop=self.stop,
            usage=self.usage,
            exchanges=tuple(self.exchanges),
        )
