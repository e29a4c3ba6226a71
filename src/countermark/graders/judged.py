"""From a judge's recorded answers to labels, by rule: who holds the evidence gets the same labels and asks no model.

`audit` grades by `regrade`, and so does `verify`. What a judge is shown: `judge_prompt`; how it is asked: `judging`.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from countermark.canonical import InvalidJson, decode
from countermark.errors import GradingError
from countermark.graders.judge_prompt import FRAME, Block, block_of, blocks_in, system_text, user_text
from countermark.graders.registry import Grader, grader
from countermark.graders.wires import read_asked
from countermark.records import Exchange, Grade, JudgeScale, Outcome, PlannedJudge, PlannedTest, Transcript

GRADER = "grader"
MAX_ANSWER = 20_000
"""Characters of an answer, for each transcript it speaks of."""
MAX_ASKED = 6
"""Exchanges a trial: three tries, and three more after an answer that could not be read."""
_REASON = 300
_FENCE = re.compile(r"```(?:json)?[ \t]*\n(.*)\n```", re.DOTALL)
_THINKING = re.compile(r"\A\s*<(think|thinking|reasoning)>.*?</\1>", re.DOTALL)


class Unreadable(ValueError):
    """An answer that gives no verdict; its text names the fault in words that can be sent back to the judge."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What a judge says of one transcript; labels that it cannot say are left out."""

    labels: Mapping[str, bool]
    scores: Mapping[str, int] = field(default_factory=dict)
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judging:
    """Whose transcript it is, which is masked, and whether the plan has a grader at all."""

    subject: str
    judged: bool


@grader(name="spoken", version=1, labels=())
def spoken(transcript: Transcript, options: Mapping[str, Any]) -> Grade:
    """Graded, without any label, if the subject said or did something: for tests on which only a judge says more."""
    del options
    turns = [message for message in transcript.messages if message.role == "assistant"]
    if not any(message.content.strip() or message.tool_calls for message in turns):
        return Grade(outcome=Outcome.UNGRADED, labels={}, reason="the subject said nothing")
    return Grade(outcome=Outcome.GRADED, labels={}, reason=f"{len(turns)} turns of the subject")


def regrade(own: Grader, transcript: Transcript, test: PlannedTest, judging: Judging) -> Grade:
    """The whole grade of a transcript: the deterministic grader's, then the judge's recorded verdict.

    Args:
        own: The test's grader.
        transcript: With the judge's exchanges, where it was asked.
        test: From the plan.
        judging: Whose transcript, and whether there is a grader.

    Raises:
        GradingError: The grader's own; or the judge was asked where nobody should, not asked where it should have been,
            shown something else, or asked on after a verdict.
    """
    grade = own(transcript, test.grader_options)
    if test.judge is None or not judging.judged:
        return grade
    if not is_due(test.judge, transcript, grade):
        if any(one.role == GRADER for one in transcript.exchanges):
            raise GradingError("the judge was asked about a trial that it should not read")
        return grade
    verdict, why = _verdict(test.judge, transcript, judging.subject)
    clash = sorted(test.judge.gives & grade.labels.keys())
    if clash:
        raise GradingError(f"{own.reference} gives {', '.join(clash)} itself, which the judge is to give")
    said = why if verdict is None else _in_words(verdict)
    labels = {**grade.labels, **(verdict.labels if verdict else {})}
    return Grade(outcome=grade.outcome, labels=labels, reason=f"{grade.reason}; judge: {said}")


def is_due(judge: PlannedJudge, transcript: Transcript, grade: Grade) -> bool:
    """Whether a judge is asked about a trial: one that the deterministic grader could grade, of an arm it reads."""
    return grade.outcome is Outcome.GRADED and (not judge.arms or transcript.scenario.arm in judge.arms)


def read_verdict(text: str, judge: PlannedJudge, mark: str, *, shared: int = 1) -> Verdict:
    """The verdict on the transcript with that mark.

    Args:
        text: The judge's answer: one JSON object, by itself or in one code fence, after thinking at most.
        judge: The form.
        mark: Of the transcript.
        shared: How many transcripts the answer speaks of.

    Raises:
        Unreadable: It is not in the form; nothing is guessed.
    """
    plain = _THINKING.sub("", text).strip()
    fenced = _FENCE.fullmatch(plain)
    plain = fenced[1] if fenced else plain
    if not plain:
        raise Unreadable("there is no answer")
    if len(plain) > MAX_ANSWER * shared:
        raise Unreadable(f"it is over {MAX_ANSWER * shared} characters")
    try:
        value = decode(plain.encode("utf-8"))
    except (InvalidJson, UnicodeEncodeError):
        raise Unreadable("it is not one JSON object alone") from None
    match value:
        case {"verdicts": {**verdicts}} if len(value) == 1:
            return _read_one(verdicts.get(mark), judge, mark)
    raise Unreadable('it is not an object whose one key is "verdicts"')


def said(exchange: Exchange) -> str:
    """The text of the answer in an exchange of any door: the vendors' wires, Inspect's output, or plain `content`.

    "" where there is none: an error, a refusal of the prompt, a call of tools.
    """
    try:
        value = json.loads(exchange.response)
    except (ValueError, RecursionError):
        return ""
    match value:
        case {"choices": [{"message": {"content": content}}, *_]} | {"content": content}:
            return "".join(_texts(content))
    return ""


def _verdict(judge: PlannedJudge, transcript: Transcript, subject: str) -> tuple[Verdict | None, str]:
    """The verdict in the judge's exchanges, or why there is none."""
    if judge.frame != FRAME:
        raise GradingError(f"the judge was asked in frame {judge.frame}, this version reads frame {FRAME}")
    asked = [one for one in transcript.exchanges if one.role == GRADER]
    if not asked or len(asked) > MAX_ASKED:
        raise GradingError(f"the judge was asked {len(asked)} times, not 1 to {MAX_ASKED}")
    block, faults = block_of(judge, transcript, subject), [""]
    for place, exchange in enumerate(asked):
        shared = _check_shown(exchange, judge, block, faults)
        try:
            found = read_verdict(said(exchange), judge, block.mark, shared=shared)
        except Unreadable as fault:
            faults.append(str(fault))
            continue
        if place < len(asked) - 1:
            raise GradingError("the judge was asked again after it had given a verdict")
        return found, ""
    return None, f"no verdict, {faults[-1]}"


def _check_shown(exchange: Exchange, judge: PlannedJudge, own: Block, faults: Sequence[str]) -> int:
    """See that the call held frame, rubric and transcript and no word more; how many transcripts. Raises `GradingError`.

    An answer that could not be read may have been asked for again with its fault, and with nothing else. By which model and how
    it was sampled is the plan's, which `verify` holds it against.
    """
    asked = read_asked(exchange.request)
    if asked is None:
        raise GradingError("what the judge was asked cannot be read, so nobody can say what it was shown")
    text = asked.turns[-1][1] if asked.turns else ""
    blocks = blocks_in(text)
    fair = own in blocks and text in {user_text(judge, blocks, fault) for fault in faults}
    if not fair or asked.turns != (("system", system_text()), ("user", text)):
        raise GradingError(
            "the judge was shown another frame, rubric or transcript than the plan and the evidence have, or a word more"
        )
    if asked.tools or asked.more or asked.cap != judge.max_tokens * len(blocks):
        raise GradingError(
            "the judge was given tools, fields or a cap on its answer that the plan does not have"
        )
    return len(blocks)


def _read_one(value: object, judge: PlannedJudge, mark: str) -> Verdict:
    labels, scores, reason = _parts(value, judge, mark)
    scales = {one.id: one for one in judge.scales}
    if set(labels) != set(judge.labels) or set(scores) != set(scales):
        raise Unreadable(f"its labels or scores under {mark} are not those asked for")
    if not all(one is None or isinstance(one, bool) for one in labels.values()):
        raise Unreadable(f"a label under {mark} is not true, false or null")
    if not all(one is None or _fits(one, scales[name]) for name, one in scores.items()):
        raise Unreadable(f"a score under {mark} is not a whole number of its scale, or null")
    given = {name: one for name, one in labels.items() if one is not None}
    points = {name: one for name, one in scores.items() if one is not None}
    for name, number in points.items():
        given |= {label: number >= at for label, at in scales[name].labels.items()}
    return Verdict(labels=given, scores=points, reason=_one_line(reason))


def _parts(value: object, judge: PlannedJudge, mark: str) -> tuple[dict[str, Any], dict[str, Any], str]:
    """Labels, scores and reason of a verdict; a form that asks for none of a kind may go without it."""
    shown = value if isinstance(value, dict) else {}
    labels = shown.get("labels", None if judge.labels else {})
    scores = shown.get("scores", None if judge.scales else {})
    reason = shown.get("reason")
    if not isinstance(labels, dict) or not isinstance(scores, dict) or not isinstance(reason, str):
        raise Unreadable(f"it has no labels, scores and reason under {mark}")
    return labels, scores, reason


def _fits(value: object, scale: JudgeScale) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and scale.low <= value <= scale.high


def _in_words(verdict: Verdict) -> str:
    shown = [f"{name} {number}" for name, number in sorted(verdict.scores.items())]
    told = ", ".join(f"{name} {str(value).lower()}" for name, value in sorted(verdict.labels.items()))
    return "; ".join(part for part in (", ".join(shown), told or "cannot say", verdict.reason) if part)


def _one_line(text: str) -> str:
    line = " ".join("".join(sign if sign.isprintable() else " " for sign in text[: 4 * _REASON]).split())
    return line if len(line) <= _REASON else line[: _REASON - 1] + "…"


def _texts(content: object) -> Iterator[str]:
    if isinstance(content, str):
        yield content
    for part in content if isinstance(content, Sequence) and not isinstance(content, str) else ():
        if (
            isinstance(part, dict)
            and part.get("type", "text") == "text"
            and isinstance(part.get("text"), str)
        ):
            yield part["text"]
