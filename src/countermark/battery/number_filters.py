"""Filters for tasks with numbers: they work an expression out and write a number in words or in another notation.

A text that is no arithmetic goes through unchanged, so that one template serves tasks with numbers and with words.
"""

from collections.abc import Callable, Mapping
from fractions import Fraction

from countermark.graders.arithmetic import NotArithmetic, evaluate
from countermark.graders.numerals import in_words


def value_of(text: str) -> str:
    """What an expression comes to: `23 * 4 + 7` is `99`; a fraction is written in lowest terms, `3/4`."""
    number = _number(text)
    return text if number is None else str(number)


def decimal_of(text: str) -> str:
    """The value as a decimal where it ends within six places, else as a fraction in lowest terms."""
    number = _number(text)
    if number is None:
        return text
    scaled = number * 10**6
    if number.denominator == 1 or scaled.denominator > 1:
        return str(number)
    digits = f"{abs(scaled.numerator):07d}"
    return f"{'-' if number < 0 else ''}{digits[:-6]}.{digits[-6:]}".rstrip("0")


def _worded(language: str) -> Callable[[str], str]:
    def write(text: str) -> str:
        number = _number(text)
        whole = number is not None and number.denominator == 1 and 0 <= number < 10**6
        return in_words(int(number), language) if number is not None and whole else text

    return write


def _number(text: str) -> Fraction | None:
    try:
        return evaluate(text)
    except NotArithmetic:
        return None


def one_less(text: str) -> str:
    """The value less one, for lines such as "one more than ..."; a word as it is."""
    number = _number(text)
    return text if number is None else str(number - 1)


NUMBER_FILTERS: Mapping[str, Callable[[str], str]] = {
    "value": value_of, "decimal": decimal_of, "one_less": one_less, "words_en": _worded("en"), "words_ja": _worded("ja"),
    "words_kana": _worded("kana"), "words_fr": _worded("fr"),
}  # fmt: skip
"""By name."""
