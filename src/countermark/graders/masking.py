"""Taking out of a transcript by what name its subject or its developer is known, so that a judge is blind to who answered.

Only names that are hardly words of their own: "Meta" and "Google" stay, since documents and tasks are full of them. What a
model says of itself in other words stays too.
"""

import re
from functools import lru_cache

MASK = "[model]"
_KNOWN = (
    r"open\s?ai", r"chat\s?gpt(?:[-\s]?[0-9][\w.]*)?", r"gpt[-\s]?[0-9o][\w.-]*", r"o[1345](?:-(?:mini|pro|preview))",
    r"anthropic", r"claude(?:[-\s](?:[0-9][\w.]*|opus|sonnet|haiku|instant)){0,3}", r"deep\s?mind", r"gemini(?:[-\s](?:[0-9][\w.]*|pro|flash|ultra)){0,3}",
    r"gemma(?:[-\s]?[0-9][\w.]*)?", r"llama(?:[-\s]?[0-9][\w.-]*)?", r"mistral(?:\s?ai)?", r"mixtral[\w.-]*", r"x\.?ai(?=\W|$)", r"grok(?:[-\s]?[0-9][\w.]*)?",
    r"deep\s?seek[\w.-]*", r"qwen[\w.-]*", r"kimi(?:[-\s]?k?[0-9][\w.]*)?", r"moonshot\s?ai", r"chatglm[\w.-]*", r"command[-\s]r\+?", r"copilot",
)  # fmt: skip
_IN_ENGLISH = re.compile(rf"(?<![A-Za-z0-9])(?:{'|'.join(_KNOWN)})(?![A-Za-z0-9])", re.IGNORECASE)
_IN_JAPANESE = re.compile(
    "オープンエーアイ|チャットGPT|アンソロピック|クロード|ジェミニ|ディープシーク|ミストラル"
)


def masked(text: str, subject: str) -> str:
    """The text with the subject's id, its model's name and every well-known name of a model or developer as `[model]`.

    Args:
        text: In English or Japanese.
        subject: The subject's id, such as `openai/gpt-4.1`. Of its parts those with a digit count; plain words stay.
    """
    own = _own(subject)
    plain = own.sub(MASK, text) if own is not None else text
    return _IN_JAPANESE.sub(MASK, _IN_ENGLISH.sub(MASK, plain))


@lru_cache(maxsize=256)
def _own(subject: str) -> re.Pattern[str] | None:
    parts = [part for part in subject.split("/") if len(part) >= 4 and any(sign.isdigit() for sign in part)]
    names = sorted({name for name in (subject, *parts) if len(name) >= 4}, key=len, reverse=True)
    if not names:
        return None
    return re.compile(rf"(?<![\w])(?:{'|'.join(map(re.escape, names))})(?![\w])", re.IGNORECASE)
