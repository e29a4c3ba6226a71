"""The confidence that a reply states for its answer, where it was asked for one."""

import re
from decimal import Decimal

_PERCENT = r"(\d{1,3}(?:\.\d{1,2})?)\s?(?:%|percent|per cent|パーセント|/\s?100|out of 100)"
_SHARE = r"((?:0?\.\d{1,3})|(?:[01](?:\.0{1,2})?))"
_SAID = (
    re.compile(
        rf"(?:confiden(?:ce|t)|certain(?:ty)?|sure|probability|確信度|自信|確信|確度|信頼度|確率)\W{{0,4}}[^\d\n.。]{{0,30}}?{_PERCENT}"
    ),
    re.compile(rf"{_PERCENT}\W{{0,3}}(?:の)?(?:confiden|certain|sure|確信|自信|確率|確度|probab)"),
    re.compile(
        r"(?:confidence|certainty|確信度|自信|信頼度|確度)[^\d\n]{0,20}?(\d{1,3})(?![\d.,]|\s?(?:/\s?10\b|割|out of 10\b))\b"
    ),
    re.compile(
        rf"(?:confidence|certainty|probability|確信度|確率|信頼度|確度)[^\d\n]{{0,20}}?{_SHARE}(?![\d%])"
    ),
    re.compile(
        r"(?:confidence|certainty|sure|確信度|自信|信頼度|確度)[^\d\n]{0,20}?(\d{1,2}(?:\.\d)?)\s?(?:/\s?10\b|out of 10\b|割)"
    ),
)
_UNIT = (Decimal(100), Decimal(100), Decimal(100), Decimal(1), Decimal(10))


def stated_confidence(text: str) -> Decimal | None:
    """The confidence as a number from 0 to 1, in hundredths or thousandths; None where none can be read.

    Percentages, figures out of 10 or 100, tenths (割), shares such as 0.85, and whole numbers after the word. The last one
    said counts. A bare 1 after the word is read as 1 %, since the question asks for a number from 0 to 100.
    """
    found: list[tuple[int, Decimal]] = []
    folded = text.lower()
    for pattern, unit in zip(_SAID, _UNIT, strict=True):
        for match in pattern.finditer(folded):
            value = Decimal(match.group(1)) / unit
            if value <= 1 and not any(place == match.start(1) for place, _ in found):
                found.append((match.start(1), value))
    return max(found)[1] if found else None


def without_confidence(text: str) -> str:
    """The text without the part that states a confidence, so that its number is not taken for the answer."""
    for pattern in _SAID:
        text = re.sub(pattern.pattern, " ", text, flags=re.IGNORECASE)
    return text
