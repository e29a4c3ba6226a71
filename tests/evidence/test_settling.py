"""Wishes that meet: everything asked for is withheld, once, and the order changes nothing."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from countermark.evidence.settling import RECORDS, SEED, TRANSCRIPTS, Claim, settle
from countermark.evidence.withholding import Decision, twice_named

KINDS = {"scenario": (1,), "messages": (2, 3), "state": (4,)}
LATER = ["2031-01-01", "2032-01-01", "never"]
SEQS = st.frozensets(st.integers(0, 4), min_size=1)


@st.composite
def claims(draw: st.DrawFn) -> Claim:
    what = draw(st.sampled_from([RECORDS, TRANSCRIPTS, SEED, *KINDS]))
    return Claim(
        what=what,
        reason=draw(st.sampled_from(["privacy", "hazard", "legal"])),
        decided_by=draw(st.sampled_from("ab")),
        until=draw(st.sampled_from(LATER)),
        held={} if what == SEED else dict.fromkeys(draw(SEQS), KINDS.get(what, ())),
    )


CLAIMS = st.lists(claims(), min_size=1, max_size=5)


def things(decisions: list[Decision]) -> dict[Any, tuple[str, str, str]]:
    """Everything that is withheld, to whose decision it is."""
    found: dict[Any, tuple[str, str, str]] = {}
    for one in decisions:
        said = (one.reason, one.decided_by, one.until)
        found |= dict.fromkeys([(RECORDS, seq) for seq in one.records], said)
        found |= dict.fromkeys([(TRANSCRIPTS, seq) for seq in one.transcripts], said)
        found |= dict.fromkeys(
            [(seq, index) for seq, found_in in one.parts.items() for index in found_in], said
        )
        found |= {SEED: said} if one.seed else {}
    return found


@given(CLAIMS, st.randoms(use_true_random=False))
def test_the_order_changes_nothing(wanted: list[Claim], chance: Any) -> None:
    first, faults = settle(wanted)
    second, others = settle(chance.sample(wanted, len(wanted)))
    assert things(first) == things(second)
    assert {fault[1] for fault in faults} == {fault[1] for fault in others}


@given(CLAIMS)
def test_everything_asked_for_is_withheld_once_and_nothing_else(wanted: list[Claim]) -> None:
    decisions, faults = settle(wanted)
    found = things(decisions)
    assert not [*twice_named(decisions)]
    asked = set()
    for claim in wanted:
        for seq, indices in claim.held.items():
            whole = [key for key in ((RECORDS, seq), (TRANSCRIPTS, seq)) if key in found]
            under = whole if claim.strength < 2 else [(RECORDS, seq)]
            under = under or [(seq, index) for index in indices]
            asked.update(under)
            for key in under:
                assert key in found
                assert faults or LATER.index(found[key][2]) >= LATER.index(claim.until)
        if claim.what == SEED:
            asked.add(SEED)
    assert asked == set(found)
