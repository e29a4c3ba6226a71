"""The driver `petri`: one seed of a test by auditing, played by inspect-petri's own auditor against the subject.

Petri runs inside Inspect; subject and auditor are handed to it as models whose every call goes through the talk, so calls,
bytes and costs are kept as with any other driver. Its judge is not asked: the test's own is. Inspect runs one evaluation at
a time in a process, so these trials queue.
"""

import os
import sys
import tempfile
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, partial
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import anyio

from countermark.drivers import Talk
from countermark.errors import CallFailed, MissingExtra
from countermark.records import Message, Reply, Scenario, ToolSpec

if TYPE_CHECKING:
    from inspect_ai.log import EvalSample
    from inspect_ai.model import ChatMessage, Model
    from inspect_ai.tool import ToolInfo

AUDITOR = "auditor"
NEEDS = (3, 12)
_MAX_TURNS = 30
_PROVIDER = "countermark"
_ONE_AT_A_TIME = anyio.Semaphore(1)


def ready() -> None:
    """Raise `MissingExtra` with all that is missing to run Petri, in one line."""
    missing = []
    if sys.version_info < NEEDS:
        missing.append(
            f"Python {'.'.join(map(str, NEEDS))} or later (this is {sys.version_info[0]}.{sys.version_info[1]})"
        )
    if find_spec("inspect_petri") is None:
        missing.append("the library inspect-petri")
    if missing:
        raise MissingExtra(
            f"--driver petri needs {' and '.join(missing)}",
            hint="pip install inspect-petri; or leave the tests their own driver, auditing",
        )


@dataclass(slots=True)
class _Ends:
    """What came of the calls that Inspect made through us: the first error ends the attempt, whatever Inspect makes of it."""

    errors: list[Exception] = field(default_factory=list)
    turns: int = 0


async def petri(scenario: Scenario, talk: Talk, options: Mapping[str, Any]) -> Mapping[str, Any]:
    """Let Petri's auditor play the seed against the subject.

    Args:
        scenario: Its user turns are the seed. Petri's auditor writes the subject's system message itself; one that the scenario
            has is told to it as part of the seed.
        talk: The tape; the role `auditor` is held.
        options: None.

    Returns:
        `audit`: `turns` of the subject, and `ended`. The transcript is the branch that the audit ended on.

    Raises:
        MissingExtra: No Petri here.
        CallFailed: The audit failed, or put nothing to the subject.
        SubjectError: What subject or auditor raised.
    """
    del options
    ready()
    ends = _Ends()
    async with _ONE_AT_A_TIME:
        sample = await _run(_seed(scenario), talk, ends)
    if ends.errors:
        raise ends.errors[0]
    if sample is None or sample.error is not None or not ends.turns:
        why = (
            sample.error.message.splitlines()[0][:200]
            if sample is not None and sample.error
            else "nothing was put"
        )
        raise CallFailed(f"auditor: Petri's audit failed: {why}", retryable=False)
    from countermark.bridges.inspect_log import message_of

    talk.messages[:] = [message_of(message) for message in sample.messages]
    return {"audit": {"turns": ends.turns, "ended": "petri"}}


petri.ready = ready  # type: ignore[attr-defined]


def _seed(scenario: Scenario) -> str:
    parts = [turn.content for turn in scenario.dialogue if turn.role == "user"]
    told = [turn.content for turn in scenario.dialogue if turn.role in ("system", "developer")]
    return "\n\n".join([*parts, *(f"Give the target this system message:\n\n{text}" for text in told)])


async def _run(seed: str, talk: Talk, ends: _Ends) -> "EvalSample | None":
    os.environ.setdefault("INSPECT_DISPLAY", "none")  # read when Inspect is first asked to show something
    from inspect_ai import eval_async
    from inspect_petri import audit  # type: ignore[import-not-found, unused-ignore]

    roles = {
        "target": _model("target", talk, ends),
        AUDITOR: _model(AUDITOR, talk, ends),
        "judge": _model("judge", talk, ends),
    }
    with tempfile.TemporaryDirectory() as folder:
        (log,) = await eval_async(
            audit(seed_instructions=[seed], max_turns=_MAX_TURNS, compaction=False, target_display_name="the assistant"),
            model=None, model_roles=roles, log_dir=folder, log_realtime=False, score=False, score_display=False,
            ctl_server=False, fail_on_error=False, max_samples=1,
        )  # fmt: skip
        return (
            log.samples[0] if log.samples else None
        )  # read here: a log loads its samples when they are looked at


def _model(role: str, talk: Talk, ends: _Ends) -> "Model":
    """A model of Inspect's whose answers come from the talk."""
    from inspect_ai.model import GenerateConfig, get_model

    _door()
    model = get_model(f"{_PROVIDER}/{role}", config=GenerateConfig(max_retries=0), memoize=False)
    model.api.asked = partial(_hand_over, role, talk, ends)  # type: ignore[attr-defined]
    return model


@cache
def _door() -> None:
    """Make the provider known to Inspect, once a process."""
    from inspect_ai.model import GenerateConfig, ModelAPI, ModelOutput, modelapi

    class Door(ModelAPI):
        """Hands Inspect's calls over to whoever set `asked`."""

        asked: Callable[..., Awaitable[ModelOutput]]

        async def generate(
            self,
            input: "list[ChatMessage]",  # noqa: A002
            tools: "list[ToolInfo]",
            tool_choice: Any,
            config: GenerateConfig,
        ) -> ModelOutput:
            """One call."""
            del tool_choice
            return await self.asked(input, tools, config.max_tokens)

    modelapi(name=_PROVIDER)(Door)


async def _hand_over(
    role: str,
    talk: Talk,
    ends: _Ends,
    put: "list[ChatMessage]",
    tools: "list[ToolInfo]",
    max_tokens: int | None,
) -> Any:
    from countermark.bridges.inspect_log import message_of

    try:
        reply = await _answer(role, talk, [message_of(one) for one in put], tools, max_tokens)
    except Exception as error:
        ends.errors.append(error)
        raise
    ends.turns += role == "target"
    return _output(role, reply)


async def _answer(
    role: str, talk: Talk, messages: list[Message], tools: "Sequence[ToolInfo]", max_tokens: int | None
) -> Reply:
    offered = [
        ToolSpec(name=one.name, description=one.description, parameters=one.parameters.model_dump(mode="json", exclude_none=True))
        for one in tools
    ]  # fmt: skip
    if role != "target":
        return await talk.ask(AUDITOR, messages, tools=offered, max_tokens=max_tokens or 4096)
    talk.messages[:] = messages
    said = await talk.turn(tools=offered)
    return Reply(message=said, stop=talk.stop)


def _output(role: str, reply: Reply) -> Any:
    from inspect_ai.model import ChatCompletionChoice, ChatMessageAssistant, ModelOutput, ModelUsage
    from inspect_ai.tool import ToolCall

    calls = [
        ToolCall(id=one.id, function=one.name, arguments=dict(one.arguments), parse_error=one.fault)
        for one in reply.message.tool_calls
    ]
    message = ChatMessageAssistant(content=reply.message.content, tool_calls=calls or None, source="generate")
    stop: Any = "tool_calls" if calls else "stop"
    used = reply.usage
    return ModelOutput(
        model=f"{_PROVIDER}/{role}",
        choices=[ChatCompletionChoice(message=message, stop_reason=stop)],
        # Counted here, since Inspect would fetch a table from the network to count them itself.
        usage=ModelUsage(
            input_tokens=used.input_tokens,
            output_tokens=used.output_tokens,
            total_tokens=used.input_tokens + used.output_tokens,
        ),
    )
