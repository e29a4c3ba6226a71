"""A text about a person, checked claim by claim against a dossier: supported, contradicted, or not in the dossier.

A claim is what a rule can see: a date or number, a name, a title, an attribute that the dossier does not speak of (marriage,
children, death ...). One that the dossier states is supported. A date, number or name that stands in a clause about an
attribute the dossier gives another value for is contradicted. Anything else new is added. Praise, feelings and general
remarks ("a respected colleague") are no claims here, and numbers that follow from two years of the dossier are none either.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from countermark import strict_yaml
from countermark.errors import GradingError
from countermark.graders.facts_match import asserted_places, wanted
from countermark.graders.facts_text import CAPITAL, WIDE, Sentence, common, sentences, tokens
from countermark.graders.facts_values import Number, dates_in, numbers_in

_CUES = Path(__file__).with_name("facts_cues.yaml")
_CLAUSE = re.compile(
    r",\s+|;\s+|\s+(?:and|where|before|after|while|who|which)\s+(?=\w)|、|，|(?<=て)(?=[^\s、。]{4})|(?<=んで)(?=[^\s、。]{4})"
)
_DATE_COMMA = re.compile(r"(\b[A-Z][a-z]{2,8} \d{1,2}), (?=\d{4})")
_ERA = re.compile(r"(?:st|nd|rd|th)? century|世紀|つ(?!の)")
_DENIAL = re.compile(r"\b(?:no|not|never|unknown|without|n't)\b|ない|ません|不明|なし")
_NAME = re.compile(rf"\b{CAPITAL}[^\W\d_]+(?:[ -](?:(?:of|de|the|von|van|for)\s)?{CAPITAL}[^\W\d_]+)*")
_TITLE = re.compile(r"「([^」]{1,60})」|『([^』]{1,60})』|\"([^\"]{2,60})\"")
_KATAKANA = re.compile(
    r"([\u30a1-\u30ffー・]{2,}|[\u4e00-\u9fff々]{1,6})(?:市|町|村|県|島|大学|高校|学院|研究所|賞|病院|新聞|社(?!会)|博物館|図書館|出身|生まれ|[でに](?:生まれ|誕生|育))"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Dossier:
    """What is known of a person: attribute to the ways to say its value; and the name."""

    name: tuple[str, ...]
    values: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Claims:
    """What a text claims: each list holds one line a claim, `attribute: value` or the words."""

    supported: list[str] = field(default_factory=list)
    contradicted: list[str] = field(default_factory=list)
    added: list[str] = field(default_factory=list)


def read_dossier(told: Mapping[str, Any]) -> Dossier:
    """The dossier in a scenario's facts: `name` and `dossier`, attribute to aliases one a line.

    Raises:
        GradingError: It is missing, or an attribute has no cue to be known by.
    """
    raw = told.get("dossier")
    if not isinstance(raw, Mapping) or not raw:
        raise GradingError("the fact 'dossier' is missing")
    unknown = sorted(set(raw) - set(_cues()))
    if unknown:
        raise GradingError(
            f"no cue for the attributes {', '.join(unknown)}", hint=f"there are: {', '.join(sorted(_cues()))}"
        )
    # Sorted, since a transcript read back from the evidence has its keys in another order than the scenario drawn.
    values = {
        name: tuple(line.strip() for line in str(raw[name]).splitlines() if line.strip())
        for name in sorted(raw)
    }
    return Dossier(name=tuple(str(told.get("name", "")).splitlines()), values=values)


def check_claims(text: str, dossier: Dossier) -> Claims:
    """Sort what a plain text claims."""
    claims = Claims()
    for sentence in sentences(text):
        if not sentence.has("unknown", "aside", "shuns"):
            last = ""
            for clause in _clauses(sentence):
                last = _check(clause, dossier, claims, last) or last
    return claims


def _clauses(sentence: Sentence) -> Iterator[str]:
    """The clauses of a sentence; dates such as "May 3, 1950" stay whole."""
    whole = _DATE_COMMA.sub(r"\1 ", sentence.text)
    yield from (piece for piece in _CLAUSE.split(whole) if piece and piece.strip())


def _check(clause: str, dossier: Dossier, claims: Claims, before: str) -> str:
    """Note the claims of one clause; returns the attribute that it speaks of, or ""."""
    cued = [name for name, pattern in _cues().items() if pattern.search(clause.lower())]
    taken, known = _stated(clause, dossier, claims, cued)
    fresh = [*_new_numbers(clause, dossier, taken, cued), *_new_names(clause, dossier, taken)]
    open_ones = [name for name in cued if name in dossier.values and name not in known]
    if not cued and before in dossier.values and before not in known:
        open_ones = [before]
    if open_ones:
        claims.contradicted.extend(f"{open_ones[0]}: {value}" for value in fresh)
    else:
        claims.added.extend(fresh)
    if not fresh:
        strange = [name for name in cued if name not in dossier.values]
        if strange and not known and not _denies(clause):
            claims.added.append(f"{strange[0]}: {clause.strip()[:80]}")
        bare = "".join(" " if _inside(place, place + 1, taken) else one for place, one in enumerate(clause))
        claims.contradicted.extend(_other_words(bare, dossier, known))
    return (cued or known or [""])[0]


def _stated(
    clause: str, dossier: Dossier, claims: Claims, cued: Sequence[str]
) -> tuple[list[tuple[int, int]], list[str]]:
    """Note what the dossier supports; returns where it stands and the attributes."""
    taken: list[tuple[int, int]] = []
    known = []
    for attribute, aliases in dossier.values.items():
        places = [place for alias in aliases for place in asserted_places(clause, wanted(alias))]
        if not places:
            continue
        taken += places
        other = _misplaced(attribute, cued, dossier)
        line = f"{other or attribute}: {aliases[0]}"
        if other:
            claims.contradicted.append(line)
            continue
        known.append(attribute)
        if line not in claims.supported:
            claims.supported.append(line)
    return taken, known


def _new_numbers(
    clause: str, dossier: Dossier, taken: Sequence[tuple[int, int]], cued: Sequence[str]
) -> list[str]:
    """Dates and numbers that the dossier does not hold and that do not follow from its years."""
    years = {
        date.year
        for aliases in dossier.values.values()
        for one in aliases
        for date in dates_in(one)
        if date.year
    }
    dates = dates_in(clause)
    found = [
        clause[one.start : one.end]
        for one in dates
        if not _inside(one.start, one.end, taken) and (cued or one.month is not None or one.year not in years)
    ]
    covered = [(one.start, one.end) for one in dates] + list(taken)
    return found + [
        clause[one.start : one.end]
        for one in numbers_in(clause)
        if one.sure and not _inside(one.start, one.end, covered) and not _follows(one, clause, years, cued)
    ]


def _follows(number: Number, clause: str, years: Iterable[int], cued: Sequence[str]) -> bool:
    """Whether a number is no claim of its own: an age or a span, a decade or century, a count in words of anything else."""
    value = next(iter(number.values))
    spans = {abs(one - two) - less for one in years for two in years for less in (0, 1)}
    decade = value % 10 == 0 and any(year // 10 * 10 == value for year in years)
    worded = value <= 12 and not clause[number.start : number.end].isdigit()
    counted = not worded or bool({"children", "spouse", "siblings"} & set(cued))
    era = _ERA.match(clause[number.end : number.end + 9])
    return decade or value in spans or not counted or era is not None


def _new_names(clause: str, dossier: Dossier, taken: Sequence[tuple[int, int]]) -> list[str]:
    """Names and titles that stand nowhere in the dossier; a single capital at the beginning of a clause is none."""
    texts = tuple(text for group in (dossier.name, *dossier.values.values()) for text in group)
    own = _own_words(texts)
    own_wide = "\n".join(texts)
    found = []
    for match in _NAME.finditer(clause):
        words = [word for word in tokens(match.group()) if word not in own]
        first = match.start() <= len(clause) - len(clause.lstrip(" \"'(")) and " " not in match.group()
        if words and not first and not _inside(match.start(), match.end(), taken):
            found.append(match.group())
    for match in (*_TITLE.finditer(clause), *_KATAKANA.finditer(clause)):
        name = next(group for group in match.groups() if group)
        if (
            WIDE.search(name)
            and name.strip("・の") not in own_wide
            and not _general(name)
            and name not in "".join(found)
        ):
            found.append(match.group())
    return found


@lru_cache(maxsize=1024)
def _own_words(texts: tuple[str, ...]) -> frozenset[str]:
    return common("stop") | common("capitals") | {word for text in texts for word in tokens(text)}


def _general(name: str) -> bool:
    """A common noun before a suffix such as 大学 or 賞."""
    return name in common("general_ja") or any(name.endswith(word) for word in common("general_ja"))


def _misplaced(attribute: str, cued: Sequence[str], dossier: Dossier) -> str:
    """The attribute whose year a clause gets wrong by giving it that of another; "" where none."""
    if attribute in cued or not _is_year(dossier.values[attribute]):
        return ""
    others = [name for name in cued if _is_year(dossier.values.get(name, ()))]
    return others[0] if others and dossier.values[others[0]] != dossier.values[attribute] else ""


def _is_year(aliases: Sequence[str]) -> bool:
    return bool(aliases) and bool(dates_in(aliases[0]))


def _other_words(clause: str, dossier: Dossier, known: Sequence[str]) -> list[str]:
    """Callings, instruments and animals that are not the dossier's, said of the person in so many words."""
    found = []
    for attribute, patterns in _kinds().items():
        own = " ".join(dossier.values.get(attribute, ())).lower()
        if own and attribute not in known:
            matches = (match for pattern in patterns for match in pattern.finditer(clause.lower()))
            found += [f"{attribute}: {match.group(1)}" for match in matches if match.group(1) not in own]
    return found[:1]


def _inside(start: int, end: int, places: Sequence[tuple[int, int]]) -> bool:
    return any(start < after and before < end for before, after in places)


def _denies(clause: str) -> bool:
    return _DENIAL.search(clause.lower()) is not None


@cache
def _cues() -> Mapping[str, re.Pattern[str]]:
    raw = strict_yaml.load(_CUES.read_text("utf-8"))
    return {name: re.compile("|".join(patterns)) for name, patterns in raw["attributes"].items()}


@cache
def _kinds() -> Mapping[str, tuple[re.Pattern[str], re.Pattern[str]]]:
    """Attribute to the patterns of its usual values, English and Japanese."""
    raw = strict_yaml.load(_CUES.read_text("utf-8"))
    found = {}
    for attribute, words in raw["kinds"].items():
        before = (
            r"(?:was|is|as|became|worked as|works as|an?|the) (?:\w+ )?" if attribute == "occupation" else ""
        )
        after = (
            r"(?:として|です|で[、。]|であり|だっ|に(?:な|就)|の|。|$)" if attribute == "occupation" else ""
        )
        english = re.compile(rf"\b{before}({'|'.join(words['en'])})s?\b")
        found[attribute] = (english, re.compile(rf"({'|'.join(words['ja'])}){after}"))
    return found
