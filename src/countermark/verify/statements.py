"""Part of stage 8: the developers' claims held against the findings again, and the deviations counted again."""

from collections.abc import Iterator, Sequence

from countermark.analysis import claim_results, deviations
from countermark.analysis.deviations import DECLARED
from countermark.canonical import encode
from countermark.evidence.unwitnessed import read_unwitnessed
from countermark.pack import stated_claims
from countermark.records import ClaimResult, Deviation, Finding, Report, TrialRecord
from countermark.verify.state import State
from countermark.verify.verdict import Notes


def wrong_claims(state: State, found: Sequence[Finding], report: Report) -> Iterator[str]:
    """Every claim whose result is not the one that the packs in the audit and the recomputed findings give.

    Args:
        state: Packs and plan have been checked.
        found: The findings, recomputed.
        report: As it was given.
    """
    assert state.plan is not None
    stated = stated_claims(state.root / "pack")
    due = claim_results(state.plan, found, stated.claims)
    if [_name(one) for one in report.claims] != [_name(one) for one in due]:
        yield f"holds the claims {[_name(one) for one in report.claims]}, the packs make {[_name(one) for one in due]}"
        return
    for given, wanted in zip(report.claims, due, strict=True):
        if _plain(given) != _plain(wanted):
            yield f"claim {_name(given)}: says {_short(given)}, recomputed {_short(wanted)}{_where(given, wanted)}"
    if report.claims_withheld != stated.withheld:
        yield f"claims_withheld is {report.claims_withheld}, recomputed {stated.withheld}"


def wrong_deviations(state: State, records: Sequence[TrialRecord], report: Report) -> Iterator[str]:
    """Every deviation that is missing, made up or miscounted; the auditor's own words nobody can recompute."""
    assert state.plan is not None
    words = _declared(report)
    due = deviations(
        state.plan,
        records,
        unwitnessed=read_unwitnessed(state.root),
        declared=[one.words for one in words],
    )
    given = {_plain(one): one for one in report.deviations}
    wanted = {_plain(one): one for one in due}
    for one in (wanted[key] for key in wanted.keys() - given.keys()):
        yield f"deviations: {_told(one)} is due and not told"
    for one in (given[key] for key in given.keys() - wanted.keys()):
        yield f"deviations: {_told(one)} is told and not found"
    same = given.keys() == wanted.keys()
    if same and [_plain(one) for one in report.deviations] != [_plain(one) for one in due]:
        yield "deviations: are not in their order, or one stands twice"


def say_statements(notes: Notes, report: Report) -> None:
    """How many claims were held against the findings, and what of the deviations is words."""
    if report.claims:
        notes.say(f"{len(report.claims)} claims of developers held against the findings again")
    if report.claims_withheld:
        notes.say(f"the claims of {len(report.claims_withheld)} packs are withheld by the packs' terms")
    words = len(_declared(report))
    if words:
        notes.say(f"{words} deviations are the auditor's own words, which nothing here can check")


def _declared(report: Report) -> list[Deviation]:
    return [one for one in report.deviations if one.code == DECLARED]


def _name(one: ClaimResult) -> str:
    return f"{one.claim.pack}/{one.claim.id}"


def _short(one: ClaimResult) -> str:
    return f"{one.verdict}{''.join(f', {reason.code}' for reason in one.reasons)}"


def _told(one: Deviation) -> str:
    return " ".join(part for part in (str(one.count), one.code, one.subject, one.test, one.words) if part)


def _where(given: ClaimResult, wanted: ClaimResult) -> str:
    one, other = given.model_dump(mode="json"), wanted.model_dump(mode="json")
    pairs = {**{f"claim/{name}": name for name in one["claim"].keys() | other["claim"].keys()}}
    fields = [place for place, name in pairs.items() if one["claim"].get(name) != other["claim"].get(name)]
    outer = one.keys() | other.keys()
    fields += [name for name in outer - {"claim"} if one.get(name) != other.get(name)]
    return f" (they differ in {', '.join(sorted(fields))})"


def _plain(value: ClaimResult | Deviation) -> bytes:
    return encode(value.model_dump(mode="json", by_alias=True))
