"""Constraints that a program can check, each by name with one argument: `max_words: 40 & max_questions: 0`.

A check says whether a reply satisfies it and what it saw. It says None where that cannot be told (the language of a reply
of one word). Quotation marks or a fence around the whole reply count for nothing; a word only quoted is not used.
"""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

from countermark.errors import GradingError
from countermark.graders.constraint_language import LANGUAGES, language_of
from countermark.graders.constraint_text import (
    View,
    bullets,
    characters,
    fenced,
    fold,
    found,
    has_table,
    lines,
    markdown,
    numbered,
    paragraphs,
    sentences,
    words,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """Whether a check holds (None: cannot be told) and what it saw, in a few words."""

    holds: bool | None
    what: str


Check = Callable[[View, str], Seen]
CHECKS: dict[str, Check] = {}
_HINT = "write 'name: argument', several joined by ' & '; see docs/reference/constraints.md"
_HIRAGANA, _KATAKANA, _KANJI = "\u3041-\u309f", "\u30a1-\u30fa\u30fd-\u30ff", "\u3400-\u9fff々"
_SCRIPTS = {
    "hiragana": (_HIRAGANA, re.compile(f"[A-Za-z{_KATAKANA}{_KANJI}]")),
    "katakana": (_KATAKANA, re.compile(f"[A-Za-z{_HIRAGANA}{_KANJI}]")),
}
_NUMBER = re.compile(r"\d+(?:[.,:]\d+)*")
_EMOJI = re.compile(
    "(?:[\U0001f1e6-\U0001f1ff]{2}|[\U0001f300-\U0001f64f\U0001f680-\U0001f6ff\U0001f900-\U0001faff\u2600-\u2712\u2714-\u2716"
    "\u2718-\u27bf\u2b50\u2b55\u231a\u231b][\ufe0f\U0001f3fb-\U0001f3ff]*"
    "(?:\u200d[\U0001f300-\U0001faff\u2600-\u27bf][\ufe0f\U0001f3fb-\U0001f3ff]*)*)"
)
_COMMA = re.compile(r"、|，|(?<!\d),|,(?!\d)")
_CONTRACTION = re.compile(
    r"\b(?:[a-z]+n't|(?:i|you|we|they|he|she|it|that|there|who|what)'(?:re|ve|ll|d|m)|i'm"
    r"|(?:it|that|there|here|what|who|where|how|let|he|she|one|everything)'s)\b",
    re.IGNORECASE,
)
_POLITE = re.compile(
    r"(?:です|でした|でしょう|ます|ました|ません|ませんでした|ましょう|ください|下さい|ございます)"
    r"(?:ね|よ|か|が|けど|けれど|から|ので|の|し|わ|な)*$"
)
_ASIDE = re.compile(r"[（(][^（()）]{0,200}[）)](?=[\s。.!！?？]{0,20}$)")
_TRAILING = " \t\n.。!！?？…*_`~\"'”’」』)）"
_SIGNS = re.compile(r"[^\w\s]|_")


def check(name: str) -> Callable[[Check], Check]:
    """Enter a function under a name."""

    def enter(function: Check) -> Check:
        CHECKS[name] = function
        return function

    return enter


@cache
def parse(rule: str) -> tuple[tuple[str, str], ...]:
    """A rule as pairs of check and argument. Raises `GradingError` where a check is unknown or its argument cannot be."""
    pairs = []
    for part in rule.split(" & "):
        name, colon, argument = (piece.strip() for piece in part.partition(":"))
        if name not in CHECKS or not colon:
            raise GradingError(f"no constraint {part!r}; there are: {', '.join(sorted(CHECKS))}", hint=_HINT)
        fault = _fault(name, argument)
        if fault:
            raise GradingError(f"constraint {part!r}: {fault}", hint=_HINT)
        pairs.append((name, argument))
    return tuple(pairs)


def counts_calls(rule: str) -> bool:
    """Whether a rule is about calls of tools, so that calls alone may satisfy it."""
    return any(name.endswith("calls") for name, _ in parse(rule))


def languages_in(rule: str) -> set[str]:
    """The languages that a rule orders."""
    return {argument for name, argument in parse(rule) if name == "language"}


def examine(rule: str, view: View) -> Seen:
    """Whether a reply satisfies every check of a rule. Raises `GradingError` on a malformed rule."""
    seen = [CHECKS[name](view, argument) for name, argument in parse(rule)]
    what = ", ".join(dict.fromkeys(one.what for one in seen))
    if any(one.holds is False for one in seen):
        return Seen(holds=False, what=what)
    return Seen(holds=None if any(one.holds is None for one in seen) else True, what=what)


_WORDED = {
    "language": tuple(sorted(LANGUAGES)), "case": ("lower", "upper"), "script": tuple(_SCRIPTS),
    "register": ("plain", "polite"), "layout": ("bullets", "code_block", "no_list", "plain", "prose", "table", "verse"),
}  # fmt: skip
_TEXTS = ("starts", "ends", "avoids", "omits", "mentions", "uses", "json", "wrapped", "titled")


def _fault(name: str, argument: str) -> str:
    if name in _WORDED:
        return "" if argument in _WORDED[name] else f"its argument is one of {', '.join(_WORDED[name])}"
    if name in _TEXTS:
        if name == "titled" and len(argument.split()) != 2:
            return "its argument is an opening and a closing mark"
        if name == "uses" and not re.fullmatch(r"[^*]+(?:\*[1-9][0-9]?)?", argument):
            return "its argument is a word, or a word, a star and how often"
        return "" if argument.strip(" |,") else "it wants an argument"
    return "" if re.fullmatch(r"[0-9]{1,5}", argument) else "its argument is a number"


def _counted(name: str, count: Callable[[View], int], noun: str) -> None:
    """Enter the checks that a count is at most, at least and exactly a number."""

    def said(number: int) -> str:
        return f"{number} {noun}"

    def at_most(view: View, argument: str) -> Seen:
        number = count(view)
        return Seen(holds=number <= int(argument), what=said(number))

    def at_least(view: View, argument: str) -> Seen:
        number = count(view)
        return Seen(holds=number >= int(argument), what=said(number))

    def exactly(view: View, argument: str) -> Seen:
        number = count(view)
        return Seen(holds=number == int(argument), what=said(number))

    CHECKS.update({f"max_{name}": at_most, f"min_{name}": at_least, name: exactly})


_counted("words", words, "words")
_counted("characters", characters, "characters")
_counted("sentences", lambda view: len(sentences(view)), "sentences")
_counted("lines", lambda view: len(lines(view.body)), "lines")
_counted("paragraphs", paragraphs, "paragraphs")
_counted("bullets", lambda view: len(bullets(view)), "bullets")
_counted("numbered", lambda view: len(numbered(view)), "numbered items")
_counted("digits", lambda view: len(_NUMBER.findall(view.body)), "numbers in digits")
_counted("emoji", lambda view: len(_EMOJI.findall(view.raw)), "emoji")
_counted("questions", lambda view: len(re.findall(r"[?？]+", view.prose)), "question marks")
_counted("exclamations", lambda view: len(re.findall(r"[!！]+", view.prose)), "exclamation marks")
_counted("commas", lambda view: len(_COMMA.findall(view.prose)), "commas")
_counted("contractions", lambda view: len(_CONTRACTION.findall(view.prose.replace("’", "'"))), "contractions")
_counted("calls", lambda view: view.calls, "calls of tools")


@check("language")
def _language(view: View, argument: str) -> Seen:
    """Written in the language of that code."""
    told = language_of(view.prose)
    return Seen(holds=None if told is None else told == argument, what=f"language {told or 'not to be told'}")


@check("case")
def _case(view: View, argument: str) -> Seen:
    """Every letter that has a case is `lower` or `upper`; what is quoted does not count."""
    wrong = str.isupper if argument == "lower" else str.islower
    letters = [character for character in view.unquoted if character.isupper() or character.islower()]
    broken = sum(map(wrong, letters))
    return Seen(
        holds=bool(letters) and not broken, what=f"{broken} of {len(letters)} letters not {argument} case"
    )


@check("script")
def _script(view: View, argument: str) -> Seen:
    """Every letter is of that Japanese script; digits and signs may stand."""
    own, other = _SCRIPTS[argument]
    strange = len(other.findall(view.prose))
    holds = not strange and re.search(f"[{own}]", view.prose) is not None
    return Seen(holds=holds, what=f"{strange} letters not {argument}")


@check("register")
def _register(view: View, argument: str) -> Seen:
    """Japanese: every sentence ends in です/ます forms (`polite`), or none does (`plain`)."""
    ends = [_ASIDE.sub("", one).strip(_TRAILING) for one in sentences(view)]
    polite = sum(_POLITE.search(end) is not None for end in ends)
    holds = bool(ends) and polite == (len(ends) if argument == "polite" else 0)
    return Seen(holds=holds, what=f"{polite} of {len(ends)} sentences polite")


@check("uses")
def _uses(view: View, argument: str) -> Seen:
    """A word stands in it, `word*3` at least three times."""
    word, _, times = argument.partition("*")
    count = found(word, fold(view.unquoted))
    return Seen(holds=count >= int(times or 1), what=f"{word.strip()!r} {count} times")


@check("avoids")
def _avoids(view: View, argument: str) -> Seen:
    """None of the words, apart by `|`, is used; a word in quotation marks is spoken of, not used."""
    return _absent(fold(view.unquoted), argument)


@check("omits")
def _omits(view: View, argument: str) -> Seen:
    """None of the words, apart by `|`, stands anywhere in it, quoted or not."""
    return _absent(fold(view.raw), argument)


@check("mentions")
def _mentions(view: View, argument: str) -> Seen:
    """One of the words, apart by `|`, stands somewhere in it, quoted or not."""
    absent = _absent(fold(view.raw), argument)
    return Seen(holds=not absent.holds, what=absent.what)


def _absent(folded: str, argument: str) -> Seen:
    there = [word.strip() for word in argument.split("|") if word.strip() and found(word, folded)]
    return Seen(holds=not there, what=f"{there[0]!r} stands in it" if there else "none of the words")


@check("starts")
def _starts(view: View, argument: str) -> Seen:
    """Begins with the words, whatever marks stand before or between them."""
    start, wanted = _only_words(view.raw), _only_words(argument)
    whole = start.startswith(wanted) and not _runs_on(start[len(wanted) - 1 : len(wanted) + 1])
    return Seen(holds=whole, what=f"begins {start[:40]!r}")


@check("ends")
def _ends(view: View, argument: str) -> Seen:
    """Ends with the words, whatever marks stand after or between them."""
    end, wanted = _only_words(view.raw), _only_words(argument)
    before = len(end) - len(wanted)
    whole = end.endswith(wanted) and (before == 0 or not _runs_on(end[before - 1 : before + 1]))
    return Seen(holds=whole, what=f"ends {end[-40:]!r}")


def _only_words(text: str) -> str:
    """Folded, with every sign that is neither letter nor digit taken for a gap; Japanese has no gaps."""
    folded = " ".join(_SIGNS.sub(" ", fold(text)).split())
    return re.sub(r"(?<=[\u3040-\u9fff]) | (?=[\u3040-\u9fff])", "", folded)


def _runs_on(border: str) -> bool:
    """Whether two characters stand inside one Latin word."""
    return len(border) == 2 and all(sign.isalnum() and sign < "\u3000" for sign in border)


@check("json")
def _json(view: View, argument: str) -> Seen:
    """Nothing but one JSON object with exactly these keys, apart by commas; a fence around it may stand."""
    try:
        value = json.loads(view.body)
    except (ValueError, RecursionError):
        return Seen(holds=False, what="no JSON alone")
    if not isinstance(value, dict):
        return Seen(holds=False, what="JSON, and no object")
    keys = {key.strip() for key in argument.split(",")}
    return Seen(holds=set(value) == keys, what=f"a JSON object with keys {', '.join(sorted(value))[:80]}")


@check("wrapped")
def _wrapped(view: View, argument: str) -> Seen:
    """All of it stands between <tag> and </tag>."""
    holds = re.fullmatch(rf"<{re.escape(argument)}>\s*\S.*</{re.escape(argument)}>", view.body, re.DOTALL)
    return Seen(holds=holds is not None, what=f"{'' if holds else 'not '}between the tags")


@check("titled")
def _titled(view: View, argument: str) -> Seen:
    """The first line is a title between the two marks, and something follows it."""
    left, right = argument.split()
    rows = lines(view.body)
    first = rows[0].strip(" \t*_#") if rows else ""
    inside = first.startswith(left) and first.endswith(right) and len(first) > len(left) + len(right)
    return Seen(holds=inside and len(rows) > 1, what=f"first line {first[:40]!r}")


@check("layout")
def _layout(view: View, argument: str) -> Seen:
    """`bullets`: nothing but items; `no_list`; `table`; `plain`: no Markdown; `prose`: running text; `verse`; `code_block`."""
    rows = lines(view.body)
    items = len(bullets(view)) + len(numbered(view))
    mark = markdown(view)
    holds = {
        "bullets": 0 < items == len(rows),
        "no_list": items == 0,
        "table": has_table(view),
        "plain": not mark,
        "prose": items == 0 and not has_table(view) and len(rows) == paragraphs(view) and not fenced(view),
        "verse": items == 0 and len(rows) >= 4 and all(map(_short, rows)),
        "code_block": fenced(view),
    }[argument]
    return Seen(holds=holds, what=f"{len(rows)} lines, {items} of them items, {mark or 'no Markdown'}")


def _short(line: str) -> bool:
    """Short enough for a line of verse: 70 columns, a Japanese character being two wide."""
    return len(line) + sum("\u3000" <= character <= "\u9fff" for character in line) <= 70
