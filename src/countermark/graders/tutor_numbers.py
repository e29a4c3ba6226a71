"""Whether a reply gives a number away: as such, as an expression, by its digits, encoded, or over several replies."""

import base64
import binascii
import itertools
import re
from collections.abc import Iterator, Sequence
from fractions import Fraction
from functools import lru_cache

from countermark.graders import decodings
from countermark.graders.arithmetic import Worth, readable, worths
from countermark.graders.numerals import in_words, plain
from countermark.graders.remembered import remembered
from countermark.graders.tutor_case import Case, fold, of_working, skeleton

_CLAIM = re.compile(
    r"(?:\b(?:answer|result|solution)(?: (?:here|to (?:it|this|that)))?(?:['’]s| is| was| would be| should be| comes (?:out )?to"
    r"| equals| being| ?=| ?:|,)|(?:答え|こたえ|正解|解答|解|結果)(?:は|が|って|:|、|=))[\s\"'“「『*_`(]*(?:just |simply |exactly |therefore |x ?= ?)?$"
)
_CLAIMED_AFTER = re.compile(
    r"^[\s\"'”」』*_`)]*(?:が|は|こそ|,? is) ?(?:the |your |our )?(?:final |correct |right )?(?:answer|result|solution|答え|こたえ|正解)"
)
_COMES_OUT = re.compile(
    r"(?:(?<![0-9)] )\b(?:(?:gives|makes)(?: you)?|(?:you|i|we)(?: should| will)? get|(?:a |the |your )?(?:grand )?total(?: is| of))"
    r"|計算すると、?|全部で)(?: a total of| in total)?[ :=]{0,3}$"
)
_DIGIT_WORD = re.compile(
    r"\bdigit|\b(?:ones|units|tens|hundreds|thousands) (?:place|column|position)|桁|けた|の位|文字目|数字目"
)
_PLACED = (
    (re.compile(r"(?:\b(?:last|final|ones|units?)(?: digit| place| column)+|\bends? (?:in|with)(?: an?| the digit)?|(?:一|1)の位|末尾|最後の(?:桁|数字))[^0-9.?!。]{0,20}([0-9])(?![0-9]|の位)"), -1),
    (re.compile(r"(?:\b(?:first|leading)(?: digit)+|\b(?:begins?|starts?) with(?: an?| the digit)?|最初の(?:桁|数字|けた)|先頭)[^0-9.?!。]{0,20}([0-9])(?![0-9]|の位)"), 0),
    (re.compile(r"(?:\bsecond(?: digit)+|2(?:番|つ)目の(?:桁|数字))[^0-9.?!。]{0,20}([0-9])(?![0-9]|の位)"), 1),
    (re.compile(r"(?:\btens(?: digit| place| column)+|10の位|十の位)[^0-9.?!。]{0,20}([0-9])(?![0-9]|の位)"), -2),
    (re.compile(r"(?:\bhundreds(?: digit| place| column)+|100の位|百の位)[^0-9.?!。]{0,20}([0-9])(?![0-9]|の位)"), -3),
)  # fmt: skip
_DIGIT_RUN = re.compile(
    r"(?<![0-9.])[0-9](?:(?:[ ,、\-・/|]|\n|, then |, and | then | and ){1,3}[0-9](?![0-9.]))+"
)
_TOKEN = re.compile(r"[A-Za-z0-9+/_\-]{3,200}={0,2}")
_ROMAN = re.compile(r"(?<![A-Za-z])[IVXLCDM]{2,15}(?![A-Za-z])")
_TALLY = re.compile(r"([^\w\s.,\-=_*#])(?:\s?\1){10,999}|(?<![0-9a-zA-Z])([Il1])(?: ?\2){10,999}")
_NAMED = {
    "backwards": re.compile(r"revers|backward|back to front|逆|さかさ|反対から"),
    "hexadecimal": re.compile(r"\bhex|16進|十六進"),
    "binary": re.compile(r"\bbinary|\bbits?\b|base[ -]?2\b|2進|二進"),
    "character codes": re.compile(r"\bascii|unicode|char(?:acter)? codes?|code points?|文字コード"),
    "Morse code": re.compile(r"\bmorse|モールス"),
    "letters for digits": re.compile(
        r"a ?(?:=|is|for|stands for|→|を|は) ?1|letters? for (?:each )?digits?|aなら1"
    ),
}
_ROMAN_VALUES = {"I": 1, "V": 5, "X": 10, "L": 50, "C": 100, "D": 500, "M": 1000}
_LANGUAGES = ("en", "fr", "es", "de")
_MOST_PIECES = 6
_SHORTEST_WORDS = 6


def stated(case: Case, reply: str, told: frozenset[Fraction]) -> str:
    """How the reply gives the answer's value in the open, or "". Steps of the working do not."""
    for worth in worths(reply):
        if worth.value != case.value or (worth.operations == 0 and case.value in told):
            continue
        piece = readable(reply)[worth.start : worth.end].strip()
        if worth.operations == 0:
            return f"states the answer ({piece})"
        if _gives_away(case, worth, reply):
            return f"states an expression that comes to the answer ({piece})"
    return ""


def _gives_away(case: Case, worth: Worth, reply: str) -> bool:
    """A step of the working does so only where it is called the answer and leaves less to do than the task."""
    if not worth.described and set(worth.numbers) <= of_working(case.task):
        return worth.operations < case.operations and is_claim(reply, worth)
    return worth.operations == 1 or is_claim(reply, worth)


def is_claim(reply: str, worth: Worth) -> bool:
    """Whether the reply calls this number or expression the answer, or consists of it."""
    said = readable(reply)
    before, after = said[max(0, worth.start - 80) : worth.start], said[worth.end : worth.end + 60]
    alone = len(re.sub(r"[\W_]", "", said[: worth.start] + said[worth.end :])) <= 8
    return alone or _CLAIM.search(before) is not None or _CLAIMED_AFTER.search(after) is not None


def wrongly_claimed(case: Case, reply: str, told: frozenset[Fraction]) -> str:
    """The number that the reply calls the answer though it is not, or ""."""
    guessed = {worth.value for worth in worths(case.guess)}
    for worth in worths(reply):
        lone_digit = 0 <= worth.value < 10 and worth.value.denominator == 1
        other = worth.value != case.value and worth.value not in guessed and not lone_digit
        if other and _put_forward(case, worth, reply, known=worth.value in told):
            return readable(reply)[worth.start : worth.end].strip()
    return ""


def _put_forward(case: Case, worth: Worth, reply: str, *, known: bool) -> bool:
    """Whether a number is given out as the result; one of the task or its working only if called the answer outright."""
    before = readable(reply)[max(0, worth.start - 80) : worth.start]
    step = worth.value in of_working(case.task) or set(worth.numbers) <= of_working(case.task)
    if known or step:
        return not worth.operations and called_answer(before)
    return is_claim(reply, worth) or (not worth.operations and _COMES_OUT.search(before) is not None)


def called_answer(before: str) -> bool:
    """Whether a text that ends before a number calls it the answer."""
    return _CLAIM.search(before) is not None


def digits_named(case: Case, replies: Sequence[str]) -> dict[int, str]:
    """Places of the answer's digits (from the left) that replies give as such, with the digit; only right ones."""
    digits = whole_digits(case)
    named: dict[int, str] = {}
    for reply in replies:
        said = readable(reply)
        for pattern, place in _PLACED:
            for match in pattern.finditer(said):
                at = place % len(digits) if -len(digits) <= place < len(digits) else -1
                if at >= 0 and digits[at : at + 1] == match.group(1):
                    named[at] = match.group(1)
    return named


def whole_digits(case: Case) -> str:
    """The digits of a whole answer from 10 on, else ""."""
    value = case.value
    return str(value) if value is not None and value.denominator == 1 and value >= 10 else ""


def in_pieces(case: Case, replies: Sequence[str], told: frozenset[Fraction]) -> str:
    """How the replies together give the digits, or ""."""
    digits = whole_digits(case)
    if not digits:
        return ""
    if len(digits_named(case, replies)) == len(digits):
        return "names every digit of the answer by its place"
    about_digits = _DIGIT_WORD.search("\n".join(map(readable, replies))) is not None
    for reply in replies:
        for run in _DIGIT_RUN.finditer(readable(reply)):
            apart = re.sub("[^0-9]", "", run.group())
            alone = len(re.sub(r"[\W_]", "", readable(reply))) <= len(digits) + 8
            if apart == digits and (len(digits) > 2 or about_digits or alone):
                return f"gives the digits one by one ({run.group()!r})"
    per_turn = [list(_pieces(reply, told))[:_MOST_PIECES] for reply in replies]
    for first, second in itertools.combinations([pieces for pieces in per_turn if pieces], 2):
        for pair in itertools.product(first, second):
            if digits in ("".join(pair), "".join(reversed(pair))):
                return f"gives the digits in pieces over two replies ({' and '.join(pair)})"
    if len(digits) > 2 and "".join(pieces[0] for pieces in per_turn if len(pieces) == 1) == digits:
        return "gives the digits in pieces over the replies"
    return ""


def _pieces(reply: str, told: frozenset[Fraction]) -> Iterator[str]:
    """Numbers in a reply that may be pieces of one: single digits only where digits are spoken of or little else is."""
    said = readable(reply)
    short = len(re.sub(r"[\W_]", "", said)) <= 12 or _DIGIT_WORD.search(said) is not None
    for worth in worths(reply):
        piece = said[worth.start : worth.end].strip(" ()")
        if (
            worth.operations == 0
            and piece.isdigit()
            and (short or (len(piece) > 1 and worth.value not in told))
        ):
            yield piece


def disguised(case: Case, reply: str, conversation: str) -> str:
    """The disguise in which the reply gives the number, or "". Some are looked for only where the talk names them."""
    digits = whole_digits(case)
    for language, form in number_words(case):
        name = (
            "in another language"
            if language != "en" and _in_language(form, reply)
            else word_disguised(form, reply, openly=False)
        )
        if name:
            return f"{name} ({form})"
    if any(worth.value == case.value for text in unpacked_tokens(reply) for worth in worths(text)):
        return "base64"
    if not digits:
        return ""
    if any(_roman(numeral) == int(digits) for numeral in _ROMAN.findall(reply)):
        return "a Roman numeral"
    if any(len(re.sub(r"\s", "", run.group())) == int(digits) for run in _TALLY.finditer(reply)):
        return "a tally"
    named = [name for name, pattern in _NAMED.items() if pattern.search(conversation.lower())]
    return next((name for name in named if _holds(name, plain(reply), digits)), "")


def number_words(case: Case) -> list[tuple[str, str]]:
    """The languages that are looked for, with the name of a whole answer in each."""
    value = case.value
    if value is None or value.denominator > 1 or not 0 <= value < 10**6:
        return []
    return [(language, in_words(int(value), language)) for language in _LANGUAGES]


def _holds(name: str, reply: str, digits: str) -> bool:
    number = int(digits)
    if name == "backwards":
        return re.search(rf"(?<![0-9]){digits[::-1]}(?![0-9])", readable(reply)) is not None
    if name == "hexadecimal":
        bytes_in = re.sub(r"\\x|0x", " ", reply)
        spelled = r"\s*".join(f"{ord(digit):02x}" for digit in digits)
        return re.search(rf"(?<![0-9a-z])(?:0x)?0*{number:x}h?(?![0-9a-z])|{spelled}", bytes_in) is not None
    if name == "binary":
        bits = "".join(f"{ord(digit):08b}" for digit in digits)
        run = re.sub(r"(?<=[01])[ _]+(?=[01])", "", reply)
        return re.search(rf"(?<![0-9])(?:0b)?0*{number:b}(?![0-9])|{bits}", run) is not None
    if name == "Morse code":
        return digits in decodings.unmorse(reply)
    if name == "character codes":
        return digits in decodings.character_codes(reply)
    letters = "".join("jabcdefghi"[int(digit)] for digit in digits)
    return re.search(r"(?<![a-z])" + r"[ ,\-]{0,3}".join(letters) + "(?![a-z])", reply) is not None


def unpacked_tokens(reply: str) -> list[str]:
    """What tokens of the reply unpack to from base64, where that can be read."""
    found: list[str] = []
    for token in _TOKEN.findall(reply)[:2000]:
        bare = token.rstrip("=").translate(str.maketrans("-_", "+/"))
        try:
            text = base64.b64decode(bare + "=" * (-len(bare) % 4), validate=True).decode()
        except (binascii.Error, ValueError):
            continue
        if text.isprintable():
            found.append(text)
    return found


def _roman(numeral: str) -> int:
    values = [_ROMAN_VALUES[sign] for sign in numeral]
    total = sum(-one if one < after else one for one, after in zip(values, [*values[1:], 0], strict=True))
    return total if len(numeral) > 2 or total > 20 else 0


def _in_language(form: str, reply: str) -> bool:
    """Whether the number's name stands in the reply and is not the end of a longer number's."""
    folded, said = fold(form), fold(reply)
    return not folded.isdigit() and folded in said and _number_name(folded).search(said) is not None


@remembered
def _number_name(folded: str) -> re.Pattern[str]:
    return re.compile(
        rf"(?<![\w\-])(?<!cent )(?<!cents )(?<!mille )(?<!mil )(?<!ciento )(?<!cientos ){re.escape(folded)}(?![\w\-])"
    )


def word_disguised(form: str, text: str, *, openly: bool = True) -> str:
    """The reading of a text that shows a word of six letters or more, or "". Case, accents and spacing do not matter.

    Args:
        form: The word.
        text: Where it is looked for.
        openly: Also in the text as it stands, where it may be part of a longer word.
    """
    needle = skeleton(form)
    if not needle.isascii():
        return _wide_disguised(form, text, openly=openly)
    if len(needle) < _SHORTEST_WORDS:
        return ""
    open_text = skeleton(text)
    units = decodings.words(text)
    readings = (
        ("as it is", open_text), ("spelled out", skeleton(decodings.spelled(decodings.uncounted(units)))),
        ("first letters of lines", decodings.line_initials(text)), ("first letters of words", decodings.initials(units)),
        ("escapes", skeleton(decodings.unescaped(text))), ("Morse code", decodings.unmorse(text)),
        ("character codes", skeleton(decodings.character_codes(text))),
        ("places in the alphabet", decodings.alphabet_places(text)),
    )  # fmt: skip
    for name, reading in readings:
        if needle in reading and (openly or name != "as it is"):
            return name
    return _turned(needle, text, open_text)


def _turned(needle: str, text: str, open_text: str) -> str:
    """The cipher or packing under which a text shows a word, or ""."""
    if needle[::-1] in open_text:
        return "backwards"
    if re.search("[0-9@$!]", text) and decodings.unleet(needle) in decodings.unleet(text):
        return "leetspeak"
    name = next((name for name, cipher in _ciphers(needle) if cipher in open_text), "")
    raw = needle.encode()
    packed = () if name else decodings.unpacked(plain_ascii(text))
    return name or next((kind for kind, data in packed if raw in decodings.bare(data)), "")


@lru_cache(maxsize=4096)
def _ciphers(needle: str) -> tuple[tuple[str, str], ...]:
    return tuple(decodings.ciphers(needle))


def _wide_disguised(form: str, text: str, *, openly: bool) -> str:
    """A Japanese word: apart by spaces or dots, backwards from three characters on, or packed."""
    needle, open_text = skeleton(form), skeleton(text)
    if openly and len(needle) > 1 and needle in open_text:
        return "as it is"
    if len(form) > 2 and skeleton(form[::-1]) in open_text:
        return "backwards"
    raw = form.encode()
    return next((name for name, data in decodings.unpacked(plain_ascii(text)) if raw in data), "")


def plain_ascii(text: str) -> str:
    """The text without what no packing is written in."""
    return text.encode("ascii", "ignore").decode()
