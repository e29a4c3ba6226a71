"""Which of several wishes withholds what, where they meet: the stronger one, whatever their order. Pure.

A record withheld whole is more than its transcript withheld whole, and that is more than parts of it. Of two alike the one
that withholds for longer counts; then the reason that stands first in `REASONS`, then the name.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby

from countermark.evidence.withholding import NEVER, REASONS, Decision

RECORDS, TRANSCRIPTS, SEED = "records", "transcripts", "seed"
_SHOWN = 10
_SEED = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """What one wish asks for.

    Attributes:
        what: `RECORDS`, `TRANSCRIPTS`, `SEED`, or any other word for parts.
        held: Record to the indices of the parts of its transcript; none where it is withheld whole. Empty for the seed.
    """

    what: str
    reason: str
    decided_by: str
    until: str
    held: Mapping[int, tuple[int, ...]] = field(default_factory=dict)

    @property
    def strength(self) -> int:
        """How much it withholds of a record: 2 all, 1 the transcript, 0 parts."""
        return {RECORDS: 2, TRANSCRIPTS: 1}.get(self.what, 0)

    @property
    def end(self) -> str:
        """Its day, fit for comparison: `never` comes after every day."""
        return "~" if self.until == NEVER else self.until

    @property
    def rank(self) -> tuple[int, str, int, str]:
        """The greater one counts."""
        known = [*REASONS]
        place = known.index(self.reason) if self.reason in REASONS else len(known)
        return self.strength, self.end, -place, self.decided_by


Fault = tuple[int, str, str, str, str]
"""Number of the wish, code, field, message, hint."""
_Thing = tuple[int, int | None]
"""A record, and the part of its transcript or None for more than parts; the seed stands as record `_SEED`."""


def settle(claims: Sequence[Claim]) -> tuple[list[Decision], list[Fault]]:
    """The decisions, one a wish in their order, each thing under one; and what keeps the wishes from being met together."""
    at: dict[int, list[int]] = {}
    for number, claim in enumerate(claims):
        for seq in [_SEED] if claim.what == SEED else claim.held:
            at.setdefault(seq, []).append(number)
    given: list[list[_Thing]] = [[] for _ in claims]
    useful: set[int] = set()
    over: dict[tuple[int, int], list[int]] = {}
    for seq, numbers in sorted(at.items()):
        for thing, asking in _things(claims, seq, numbers):
            best = max(asking, key=lambda number: claims[number].rank)
            given[best].append(thing)
            useful.update(number for number in asking if claims[number].rank == claims[best].rank)
            for number in asking:
                if claims[number].end > claims[best].end:
                    over.setdefault((best, number), []).append(seq)
    told = useful.union(number for _, number in over)
    faults = [*_shorter(claims, over), *_covered(claims, told)]
    decisions = [_decision(claim, things) for claim, things in zip(claims, given, strict=True)]
    return [one for one in decisions if not one.empty], faults


def _things(claims: Sequence[Claim], seq: int, numbers: Sequence[int]) -> Iterator[tuple[_Thing, list[int]]]:
    """What is withheld of a record, and which wishes ask for it: the whole where one does, else each part."""
    if seq == _SEED or any(claims[number].strength for number in numbers):
        yield (seq, None), [*numbers]
        return
    parts: dict[int, list[int]] = {}
    for number in numbers:
        for index in claims[number].held[seq]:
            parts.setdefault(index, []).append(number)
    for index, asking in sorted(parts.items()):
        yield (seq, index), asking


def _decision(claim: Claim, things: Sequence[_Thing]) -> Decision:
    whole = tuple(seq for seq, index in things if index is None and seq != _SEED)
    some = groupby((thing for thing in things if thing[1] is not None), key=lambda thing: thing[0])
    return Decision(
        reason=claim.reason,
        decided_by=claim.decided_by,
        until=claim.until,
        records=whole if claim.what == RECORDS else (),
        transcripts=whole if claim.what == TRANSCRIPTS else (),
        parts={seq: tuple(index for _, index in found if index is not None) for seq, found in some},
        seed=claim.what == SEED and bool(things),
    )


def _shorter(claims: Sequence[Claim], over: Mapping[tuple[int, int], Sequence[int]]) -> Iterator[Fault]:
    """A list says one day of a record: that of the stronger wish must not come before that of the weaker one."""
    for (best, number), seqs in sorted(over.items()):
        strong, weak = claims[best], claims[number]
        shown = ", ".join(map(str, seqs[:_SHOWN])) + (", …" if len(seqs) > _SHOWN else "")
        what = (
            f"{strong.until} comes before {weak.until}, until when another entry withholds {weak.what} of the same records: "
            f"{shown}"
        )
        hint = f"say {weak.until} here, or of these in an entry of their own with what: {strong.what}"
        yield best, "wish-shorter", "until", what, hint


def _covered(claims: Sequence[Claim], told: set[int]) -> Iterator[Fault]:
    for number, claim in enumerate(claims):
        if (claim.held or claim.what == SEED) and number not in told:
            all_of_it = "the seed" if claim.what == SEED else f"all its {claim.what}"
            what = f"adds nothing: other entries withhold {all_of_it}, with more or for longer"
            yield number, "wish-covered", "", what, "leave it out"
