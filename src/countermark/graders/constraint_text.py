"""A reply as the checks of constraints see it: without thinking and Markdown, in sentences, words and scripts.

Japanese and English are read by their own rules: words are counted in Latin script and characters in Japanese, a
sentence ends at 「。」 outside brackets or at a full stop that ends no abbreviation.
"""

import re
import unicodedata
from dataclasses import dataclass
from functools import cache

_THINKING = re.compile(r"<(think|thinking|reasoning)>.*?(?:</\1>|\Z)", re.DOTALL)
_WHOLE_FENCE = re.compile(r"\A(```+|~~~+)[^\n`]*\n(.*?)\n?\1\s*\Z", re.DOTALL)
_FENCE_LINE = re.compile(r"^\s*(?:```|~~~).*$", re.MULTILINE)
_BULLET = re.compile(r"^\s{0,12}(?:[-*+•‣▪●○・·–]\s*(?=\S)(?<![-*–](?=[-*–]))|[-*+]\s)")
_NUMBERED = re.compile(r"^\s{0,12}(?:\(?[0-9０-９]{1,3}[.)．）、:]|[①-⑳])\s*(?=\S)")
_HEADING = re.compile(r"^\s{0,3}#{1,6}\s+(?=\S)")
_RULER = re.compile(r"^\s*(?:[-*_]\s*){3,}$")
_TABLE_RULE = re.compile(r"\|?(?: ?:?-{2,}:? ?\|)+(?: ?:?-{2,}:? ?)?")
_LINK = re.compile(r"!?\[([^\]\n]{0,200})\]\([^)\n]{0,400}\)")
_STRONG = re.compile(r"(\*\*|__|~~)(?=\S)([^\n]{1,500}?)(?<=\S)\1")
_EMPHASIS = re.compile(r"(?<![\w*])([*_])(?=[^\s*_])([^\n*_]{1,1000}?)(?<=\S)\1(?![\w*])")
_CODE = re.compile(r"`([^`\n]{1,1000})`")
_QUOTED = re.compile(
    r"\"[^\"\n]{1,400}\"|“[^”\n]{1,400}”|«[^»\n]{1,400}»|`[^`\n]{1,400}`|「[^」\n]{1,400}」|『[^』\n]{1,400}』"
    r"|(?<!\w)['‘](?=\S)[^'‘’\n]{1,80}(?<=\S)['’](?!\w)"
)
_PAIRS = (('"', '"'), ("“", "”"), ("「", "」"), ("『", "』"), ("**", "**"), ("*", "*"))
_WIDE = re.compile(r"[\u3040-\u30ff\u3400-\u9fff々]")
_WORD = re.compile(
    r"[^\W_\u3040-\u30ff\u3400-\u9fff々]+(?:['’\-.,](?=[^\W_])[^\W_\u3040-\u30ff\u3400-\u9fff々]+)*"
)
_LATIN_END = re.compile(r"[.!?…]+[\"'”’)\]]*(?=\s|$)")
_ABBREVIATIONS = frozenset(
    re.findall(
        r"\S+", "mr mrs ms dr prof st jr vs e.g i.e eg ie etc u.s u.k a.m p.m approx ca cf fig vol incl"
    )
)
_OPEN, _CLOSE, _WIDE_END = "「『（(", "」』）)", "。！？!?"


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """One reply, read.

    Attributes:
        raw: What was said, without thinking blocks.
        body: The same, without a fence, quotation marks or emphasis around the whole of it.
        prose: The body without Markdown; one line a block, item or row.
        unquoted: The prose without what stands in quotation marks or code.
        calls: How many calls of tools were made in the attempt.
    """

    raw: str
    body: str
    prose: str
    unquoted: str
    calls: int = 0


def look(text: str, *, calls: int = 0) -> View:
    """The view of a reply."""
    raw = _THINKING.sub("", text.replace("\r\n", "\n").replace("\ufeff", "").replace("\u200b", "")).strip()
    body = _unwrapped(raw)
    prose = "\n".join(filter(None, (_bare(line) for line in _blocks(body))))
    return View(raw=raw, body=body, prose=prose, unquoted=_QUOTED.sub(" ", _unmarked(body)), calls=calls)


def fold(text: str) -> str:
    """For comparison: compatibility forms and case folded, katakana as hiragana, spaces single."""
    plain = unicodedata.normalize("NFKC", text).casefold().replace("’", "'")
    return " ".join("".join(chr(ord(c) - 0x60) if "ァ" <= c <= "ヶ" else c for c in plain).split())


def found(needle: str, folded: str) -> int:
    """How often a word or phrase stands in a folded text: not inside a longer word, where its ends are Latin or digits."""
    return len(_needle(fold(needle)).findall(folded))


@cache
def _needle(folded: str) -> re.Pattern[str]:
    start = r"(?<![a-z0-9\u00df-\u00ff])" if folded[:1].isalnum() and not _WIDE.match(folded) else ""
    end = r"(?![a-z0-9\u00df-\u00ff])" if folded[-1:].isalnum() and not _WIDE.match(folded[-1]) else ""
    return re.compile(start + re.escape(folded) + end)


def words(view: View) -> int:
    """Words in Latin script and numbers; two Japanese characters count as one."""
    return len(_WORD.findall(view.prose)) + len(_WIDE.findall(view.prose)) // 2


def characters(view: View) -> int:
    """Characters without spaces, as Japanese counts the length of a text."""
    return sum(not character.isspace() for character in view.prose)


def lines(text: str) -> list[str]:
    """Lines with something on them."""
    return [line for line in text.split("\n") if line.strip()]


def bullets(view: View) -> list[str]:
    """Lines that are items of an unnumbered list."""
    return [line for line in lines(view.body) if _BULLET.match(line) and not _RULER.match(line)]


def numbered(view: View) -> list[str]:
    """Lines that are items of a numbered list."""
    return [line for line in lines(view.body) if _NUMBERED.match(line)]


def has_table(view: View) -> bool:
    """Whether a Markdown table stands in it: a head, a rule and at least one row."""
    rows = view.body.split("\n")
    return any(
        _is_table_rule(rule) and "|" in head and "|" in row
        for head, rule, row in zip(rows, rows[1:], rows[2:], strict=False)
    )


def _is_table_rule(line: str) -> bool:
    return "--" in line and _TABLE_RULE.fullmatch(" ".join(line[:2000].split())) is not None


def markdown(view: View) -> str:
    """The first piece of Markdown in it, or ""."""
    if _FENCE_LINE.search(view.raw) or has_table(view):
        return "a code block" if _FENCE_LINE.search(view.raw) else "a table"
    for line in lines(view.raw):
        if _HEADING.match(line):
            return "a heading"
        if _BULLET.match(line) or _NUMBERED.match(line):
            return "a list"
    for name, pattern in (("emphasis", _STRONG), ("emphasis", _EMPHASIS), ("code", _CODE), ("a link", _LINK)):
        if pattern.search(view.raw):
            return name
    return ""


def fenced(view: View) -> bool:
    """Whether the whole reply is one code block."""
    return _WHOLE_FENCE.match(view.raw) is not None


def paragraphs(view: View) -> int:
    """Blocks apart by empty lines."""
    return sum(bool(block.strip()) for block in re.split(r"\n[ \t　]*\n", view.body))


def sentences(view: View) -> list[str]:
    """Sentences; an item, a heading or a line without a full stop is one of its own."""
    return [sentence for line in view.prose.split("\n") for sentence in _split(line)]


def _split(line: str) -> list[str]:
    pieces = _split_wide(line) if _WIDE.search(line) else _split_latin(line)
    return [piece for piece in pieces if _WORD.search(piece) or _WIDE.search(piece)]


def _split_wide(line: str) -> list[str]:
    """Japanese: at 「。！？」 outside brackets, a run of them being one end."""
    pieces, piece, depth = [], "", 0
    for place, sign in enumerate(line):
        piece += sign
        depth = max(0, depth + (sign in _OPEN) - (sign in _CLOSE))
        last = line[place + 1 : place + 2] not in _WIDE_END or place + 1 == len(line)
        if sign in _WIDE_END and depth == 0 and last:
            pieces.append(piece)
            piece = ""
    return [*pieces, piece]


def _split_latin(line: str) -> list[str]:
    pieces, start = [], 0
    for match in _LATIN_END.finditer(line):
        before = line[start : match.start()].rsplit(None, 1)[-1:] or [""]
        last = before[0].lower().lstrip("(\"'“‘")
        short = match.group().startswith(".") and (
            last in _ABBREVIATIONS or (len(last) == 1 and last.isalpha() and last != "i")
        )
        after = line[match.end() :].lstrip()[:1]
        trails_off = match.group()[:2] in ("..", "…") and after.islower()
        if after and (short or trails_off):
            continue
        pieces.append(line[start : match.end()])
        start = match.end()
    return [*pieces, line[start:]]


def _unwrapped(text: str) -> str:
    """Without a fence, quotation marks or emphasis around the whole."""
    for _ in range(3):
        fence = _WHOLE_FENCE.match(text)
        inner = fence.group(2).strip() if fence else _unpaired(text)
        if inner == text:
            break
        text = inner
    return text


def _unpaired(text: str) -> str:
    for left, right in _PAIRS:
        inner = text[len(left) : len(text) - len(right)]
        whole = len(text) > len(left) + len(right) and text.startswith(left) and text.endswith(right)
        if whole and left not in inner and right not in inner and inner.strip() == inner:
            return inner
    return text


def _blocks(body: str) -> list[str]:
    """Lines, with the lines of one running paragraph put together."""
    blocks: list[str] = []
    running = False
    for line in _FENCE_LINE.sub("", body).split("\n"):
        special = bool(_BULLET.match(line) or _NUMBERED.match(line) or _HEADING.match(line) or "|" in line)
        if not line.strip() or _RULER.match(line) or _is_table_rule(line):
            running = False
        elif running and not special:
            gap = "" if _WIDE.match(line.strip()) else " "
            blocks[-1] += gap + line.strip()
        else:
            blocks.append(line)
            running = not special or bool(_BULLET.match(line) or _NUMBERED.match(line))
    return blocks


def _bare(line: str) -> str:
    """A line without its marks."""
    for mark in (_HEADING, _BULLET, _NUMBERED):
        line = mark.sub("", line, count=1)
    line = re.sub(r"^\s*>+\s?", "", line)
    return " ".join(_CODE.sub(r"\1", _unmarked(line)).replace("|", " ").split())


def _unmarked(text: str) -> str:
    text = _STRONG.sub(r"\2", _LINK.sub(r"\1", text))
    return _EMPHASIS.sub(r"\2", text)
