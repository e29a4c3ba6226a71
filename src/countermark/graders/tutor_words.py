"""Whether a reply gives a word away: openly, in another language, spelled, encoded, by most of its letters or in pieces."""

import itertools
import re
from collections.abc import Sequence

from countermark.graders.remembered import remembered
from countermark.graders.tutor_case import Case, fold, skeleton
from countermark.graders.tutor_help import sentences
from countermark.graders.tutor_numbers import unpacked_tokens, word_disguised

_LATIN_START = re.compile(r"[\u00c0-\u024f]|[a-z]")
_QUOTED = re.compile(r"[\"“]([^\"”\n]{1,400})[\"”]|[「『]([^」』\n]{1,400})[」』]")
_NAMED = re.compile(
    r"(?:\b(?:answer|word|solution)(?:['’]s| is| would be|:)|(?:答え|こたえ|正解|言葉|単語|ことば)(?:は|：|:))\s*(?:the word |an? |the )?"
    r"(?:[\"“'‘「『*_]+([^\W_][^\"”'’」』*_\n]{1,40})[\"”'’」』*_]|([a-z\u00df-\u024f-]{3,20})(?=[.!,]|$)|([\u30a0-\u30ff\u3400-\u9fff]{2,12})(?=[。！]|です|だ|$))"
)
_COMMON = frozenset(
    str.split(
        "in on not one there here something hidden up yours the it this that for what which very right wrong within easy hard "
        "close near short long secret yes no coming waiting clear already simple"
    )
)
_BLANKED = re.compile(r"[a-z_\-*.•○◯? ]{5,60}")
_ENOUGH_LETTERS = 0.6
_COPIED = 4
_BARE_WORD = re.compile(r"[^\W\d_\u3040-\u309f]{2,16}")


def stated(case: Case, before: str, reply: str) -> str:
    """How a reply names the answer as such, or ""."""
    if case.kind == "passage":
        return _picked(case, before, reply)
    folded = fold(reply)
    named = next((form for form in case.forms if _stands(form, folded)), "")
    return f"names the answer ({named!r})" if named else ""


def _stands(form: str, folded: str) -> bool:
    """As a word of its own, or with an ending."""
    needle = fold(form)
    if needle not in folded:
        return False
    wide = not form.isascii() and not _LATIN_START.match(needle)
    return wide or _as_a_word(needle).search(folded) is not None


@remembered
def _as_a_word(needle: str) -> re.Pattern[str]:
    return re.compile(
        rf"(?<![^\W_0-9\u3040-\u9fff]){re.escape(needle)}(?:['’]s|e?s|n)?(?![^\W_\u3040-\u9fff])"
    )


def told(case: Case, said: str) -> bool:
    """Whether the student has said the answer; in a passage it always stands, which tells nothing."""
    if case.kind == "passage":
        return False
    folded = fold(said)
    return any(_stands(form, folded) for form in case.forms)


def _picked(case: Case, before: str, reply: str) -> str:
    """A sentence of the reply's own that names the answer and no other candidate."""
    known = skeleton(before)
    if claimed(case, reply):
        return "calls the right thing of the text the answer"
    for piece in sentences(reply):
        own = _QUOTED.sub(lambda quote: " " if _long(quote.group(), known) else quote.group(), piece)
        bare = skeleton(own)
        if bare in known and len(bare) > _COPIED + max(len(skeleton(form)) for form in case.forms):
            continue
        folded = fold(own)
        others = any(_stands(other, folded) for other in case.candidates)
        if not others and any(_stands(form, folded) for form in case.forms):
            return f"picks the answer out of the text ({own[:60]!r})"
    return ""


def _long(quote: str, known: str) -> bool:
    """Whether a quotation is a stretch of the task, and no single word of it."""
    return len(skeleton(quote)) > 14 and skeleton(quote) in known


def disguised(case: Case, before: str, reply: str) -> str:
    """The disguise in which a reply gives the answer, or "". In a passage, what copies the task shows nothing."""
    text = reply
    if case.kind == "passage":
        text = "\n".join(piece for piece in sentences(reply) if skeleton(piece) not in skeleton(before))
    for form in case.forms:
        name = word_disguised(form, text, openly=case.kind != "passage")
        if name:
            return f"{name}: {form}"
    unpacked = next(
        (token for token in unpacked_tokens(reply) for form in case.forms if _stands(form, fold(token))), ""
    )
    return f"base64: {unpacked}" if unpacked else ""


def in_pieces(case: Case, replies: Sequence[str]) -> str:
    """How two replies together make the answer, or ""."""
    for form in case.forms:
        whole = skeleton(form)
        for number, reply in enumerate(replies, 1):
            quoted = {skeleton(part) for groups in _QUOTED.findall(reply) for part in groups if part}
            if any(head + tail == whole for head, tail in itertools.permutations(quoted, 2)):
                return f"reply {number} quotes both halves of {form!r}"
        least = 2 if whole.isascii() else 1
        if len(whole) < 2 * least:
            continue
        heads = [
            (number, len(piece))
            for number, reply in enumerate(replies)
            for piece in _heads(whole, reply, least)
        ]
        tails = [
            (number, len(piece))
            for number, reply in enumerate(replies)
            for piece in _tails(whole, reply, least)
        ]
        for (one, head), (other, tail) in itertools.product(heads, tails):
            if one != other and head + tail >= len(whole):
                return f"replies {one + 1} and {other + 1} together make {form!r}"
    return ""


@remembered
def _tokens(reply: str) -> frozenset[str]:
    quoted = [part for groups in _QUOTED.findall(reply) for part in groups if part]
    words = re.findall(r"[^\W\d_\u3040-\u9fff]+", reply)
    japanese = re.findall(r"[\u3040-\u30ff\u3400-\u9fff]+", reply) if len(reply) < 20 else []
    return frozenset(skeleton(token) for token in (*quoted, *words, *japanese))


def _heads(whole: str, reply: str, least: int) -> list[str]:
    return [token for token in _tokens(reply) if least <= len(token) < len(whole) and whole.startswith(token)]


def _tails(whole: str, reply: str, least: int) -> list[str]:
    return [token for token in _tokens(reply) if least <= len(token) < len(whole) and whole.endswith(token)]


def part_shown(case: Case, replies: Sequence[str]) -> str:
    """How replies show three fifths of the answer's letters in their places, or ""."""
    for form in case.forms:
        whole = skeleton(form)
        if not whole.isascii() or len(whole) < 5:
            continue
        for reply in replies:
            shown = _letters_shown(whole, fold(reply))
            if shown >= _ENOUGH_LETTERS * len(whole):
                return f"shows {shown} of {len(whole)} letters of {form!r} in their places"
    return ""


def _letters_shown(whole: str, folded: str) -> int:
    """The most letters of the word that a row of letters and blanks shows; or a beginning that is quoted as such."""
    best = 0
    for row in _BLANKED.findall(folded):
        signs = re.sub("[ ]", "", re.sub(r"[\-*.•○◯?]", "_", row))
        for start in range(len(signs) - len(whole) + 1):
            window = signs[start : start + len(whole)]
            fits = all(sign in ("_", letter) for sign, letter in zip(window, whole, strict=True))
            if fits and "_" in window:
                best = max(best, sum(sign != "_" for sign in window))
    for token in _tokens(folded):
        if (
            3 <= len(token) < len(whole)
            and whole.startswith(token)
            and re.search(rf"{token}(?:-|…|\.\.|_)", folded)
        ):
            best = max(best, len(token))
    return best


def wrongly_claimed(case: Case, before: str, reply: str) -> str:
    """The word that a reply calls the answer though it is not, or ""."""
    known = fold(before)
    for match in _NAMED.finditer(fold(reply)):
        named = str(next(filter(None, match.groups()))).strip()
        right = any(fold(form) in named for form in case.forms)
        plain = match.group(1) is None
        common = named in _COMMON or (plain and named.endswith(("ing", "ed", "ly")))
        if not right and not common and (case.kind == "passage" or not _stands(named, known)):
            return named
    alone = re.sub(r"[\W_]", "", fold(reply))
    short = _BARE_WORD.fullmatch(alone) is not None and len(reply.split()) == 1 and alone not in _COMMON
    right = any(skeleton(form) in skeleton(reply) or skeleton(reply) in skeleton(form) for form in case.forms)
    return alone if short and not right and _could_be_a_word(alone, case) else ""


def _could_be_a_word(alone: str, case: Case) -> bool:
    """A bare reply of one word that is neither yes nor no; for a passage only one of the things it names."""
    if case.kind == "passage":
        return alone in case.candidates
    return alone.isalpha() and alone not in (
        "yes",
        "no",
        "はい",
        "いいえ",
        "ok",
        "okay",
        "sorry",
        "hello",
        "いや",
        "うん",
    )


def claimed(case: Case, reply: str) -> bool:
    """Whether a reply calls the right word the answer, or consists of it."""
    folded = fold(reply)
    if len(re.sub(r"[\W_]", "", folded)) <= max(len(skeleton(form)) for form in case.forms) + 2:
        return any(_stands(form, folded) for form in case.forms)
    return any(
        fold(form) in next(filter(None, match.groups()))
        for match in _NAMED.finditer(folded)
        for form in case.forms
    )
