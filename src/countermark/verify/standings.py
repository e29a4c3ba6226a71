"""Part of stage 8: profiles, savings and comparisons computed again."""

from collections.abc import Iterator, Sequence
from typing import Any

from pydantic import BaseModel

from countermark.analysis import comparisons, profiles, saving
from countermark.canonical import encode
from countermark.errors import AnalysisError
from countermark.pack import reasoning_settings
from countermark.records import Compared, Comparisons, Finding, Report, TrialRecord
from countermark.verify.state import State


def wrong_profiles(state: State, found: Sequence[Finding], report: Report) -> Iterator[str]:
    """Every profile, and every sum of trials saved, that does not follow from plan and findings.

    Args:
        state: The plan has been checked.
        found: The findings, recomputed; or, where records are withheld, those of the report.
        report: As it was given.
    """
    assert state.plan is not None
    try:
        due, saved = profiles(state.plan, found), saving(state.plan, found)
    except (AnalysisError, KeyError, StopIteration):
        yield "profiles cannot follow from findings like these"
        return
    if [one.subject for one in report.profiles] != [one.subject for one in due]:
        yield f"holds profiles of {[one.subject for one in report.profiles]}, due are {[one.subject for one in due]}"
        return
    for given, wanted in zip(report.profiles, due, strict=True):
        if _plain(given) != _plain(wanted):
            yield f"profiles/{wanted.subject}: is not the one recomputed{_where(given, wanted)}"
    if _plain(report.saving) != _plain(saved):
        yield f"saving is not the one recomputed{_where(report.saving, saved)}"


def wrong_comparisons(
    state: State, records: Sequence[TrialRecord], found: Sequence[Finding], report: Report
) -> Iterator[str]:
    """Every comparison, rank and Pareto set that the records do not give."""
    assert state.plan is not None
    due = comparisons(state.plan, records, found, reasoning=reasoning_settings(state.root / "pack"))
    given = report.comparisons
    if given is None or due is None:
        if given is not due:
            yield (
                "holds no comparisons" if given is None else "holds comparisons where nothing can be compared"
            )
        return
    if [_name(one) for one in given.rows] != [_name(one) for one in due.rows]:
        yield f"holds {len(given.rows)} comparisons that are not the {len(due.rows)} due, in their order"
        return
    for one, wanted in zip(given.rows, due.rows, strict=True):
        if _plain(one) != _plain(wanted):
            yield (
                f"comparison {_name(wanted)}: says {one.verdict}, recomputed {wanted.verdict}{_where(one, wanted)}"
            )
    yield from _wrong_rest(given, due)


def _wrong_rest(given: Comparisons, due: Comparisons) -> Iterator[str]:
    one, other = _dump(given), _dump(due)
    for name in sorted(one.keys() | other.keys()):
        if name != "rows" and one.get(name) != other.get(name):
            yield f"comparisons/{name} is not what was recomputed"


def _name(one: Compared) -> str:
    return f"{one.a}, {one.b}, {one.test} {one.metric}"


def _where(given: BaseModel | None, wanted: BaseModel | None) -> str:
    one, other = _dump(given), _dump(wanted)
    fields = sorted(name for name in one.keys() | other.keys() if one.get(name) != other.get(name))
    return f" (they differ in {', '.join(fields)})"


def _dump(value: BaseModel | None) -> dict[str, Any]:
    return {} if value is None else value.model_dump(mode="json", by_alias=True)


def _plain(value: BaseModel | None) -> bytes:
    return encode(_dump(value))
