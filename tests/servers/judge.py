"""Judges on the loopback: they read the fenced transcripts out of what they are asked, and answer by a rule of the test's."""

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from servers.loopback import ChatRequest, Responder

Say = Callable[[str], Mapping[str, Any]]
"""From the lines within one fence to what is said of them: `labels`, `scores`, `reason`."""
_FENCE = re.compile(r"^<<<TRANSCRIPT ([0-9a-f]{16})>>>\n(.*?)\n<<<END \1>>>$", re.DOTALL | re.MULTILINE)


def fenced(chat: ChatRequest) -> dict[str, str]:
    """Mark to the transcript within it, as the judge was shown them."""
    return dict(_FENCE.findall(chat.messages[-1].content))


def judge(say: Say) -> Responder:
    """A judge that answers in the form, by the rule."""

    def respond(chat: ChatRequest) -> str:
        verdicts = {mark: {"reason": "by rule", **say(shown)} for mark, shown in fenced(chat).items()}
        return json.dumps({"verdicts": verdicts}, ensure_ascii=False)

    return respond


def subject_said(shown: str) -> str:
    """All that the subject said in a transcript as a judge sees it."""
    turns = [json.loads(line) for line in shown.splitlines()]
    return "\n".join(turn["text"] for turn in turns if turn.get("by") == "subject")


def strings_in(text: str) -> list[str]:
    """Every string in a JSON text, keys apart."""
    found, left = [], [json.loads(text)]
    while left:
        one = left.pop()
        if isinstance(one, str):
            found.append(one)
        elif isinstance(one, dict):
            left.extend(one.values())
        elif isinstance(one, list):
            left.extend(one)
    return found
