"""Cosignatures: which witness saw the log at which size, and whether those the reader asks for are among them."""

from collections.abc import Collection
from datetime import UTC, datetime

from countermark.errors import EvidenceError
from countermark.evidence.cosigned import (
    COSIGNED,
    UNWITNESSED,
    WITNESS_KEYS,
    cosigned_sizes,
    read_cosignatures,
    read_witness_keys,
)
from countermark.evidence.directory import REPORT
from countermark.evidence.notes import Cosignature
from countermark.evidence.trust import WITNESS_ROLES
from countermark.verify.state import State
from countermark.verify.verdict import Notes


def check(state: State, notes: Notes, checkpoints: Collection[int], size: int) -> None:
    """Every cosignature holds and belongs to a checkpoint; the last checkpoint has those that the policy asks for.

    Args:
        state: Gains what was cosigned last, and what the policy lacks.
        notes: Stage 6's.
        checkpoints: Sizes of the log's checkpoints.
        size: Of the whole log.
    """
    try:
        _read(state, notes, checkpoints)
    except EvidenceError as error:
        notes.wrong(error.message)
    at_end = state.cosignatures if state.cosigned == size else []
    if state.cosigned is None:
        notes.say("no witness cosigned this log")
    else:
        for one in state.cosignatures:
            trusted = "which you trust" if _trusted(state, one) else "which you do not trust as a witness"
            notes.say(
                f"cosigned by {one.name} at {state.cosigned} of {size} records, key {one.signer}, {trusted}"
            )
    if UNWITNESSED in state.files:
        notes.say(f"{UNWITNESSED}: tells of witnesses that were asked and did not cosign")
    _ask_policy(state, notes, at_end)


def check_times(state: State, notes: Notes) -> None:
    """Stage 10: what the report says of witnesses, and by whose clock they saw the log."""
    assert state.report is not None
    claimed = state.report.evidence.get("cosigned")
    if claimed is not None and claimed != state.cosigned:
        notes.wrong(f"{REPORT}: evidence/cosigned is {claimed!r}, it should be {state.cosigned!r}")
    if state.cosigned is None:
        notes.not_checked("there is neither a witness's time nor a time stamp")
        return
    for one in state.cosignatures:
        notes.say(f"{one.name} had seen {state.cosigned} records by {_shown(one.time)}, by its own clock")
    delay = _longest_delay(state)
    if delay is not None:
        size, first = state.sightings[0]
        notes.say(
            f"witnesses you trust saw the log {len(state.sightings)} times, first {size} records by {_shown(first)}; "
            f"the longest that a record stood unseen is {delay} s. What stood unseen could still be replaced"
        )


def in_words(state: State) -> str:
    """For the closing line on time: a witness counts here only if the reader trusts it."""
    known = [one for one in state.cosignatures if _trusted(state, one)]
    if not known:
        return ""
    first = min(known, key=lambda one: one.time)
    delay = _longest_delay(state)
    after = f", none later than {delay} s after it ended" if delay is not None else ""
    return f"{first.name} had seen {state.cosigned} of {len(state.entries)} records by {_shown(first.time)}{after}"


def _longest_delay(state: State) -> int | None:
    """Seconds from the end of a record, by the auditor's clock, to a trusted witness's first sight of it, at most.

    A log made up afterwards, under a name that the witness has never heard, is cosigned like any other; but it bears the
    time at which it was shown. None where the records' times cannot be read.
    """
    longest, start = 0.0, 0
    for size, time in state.sightings:
        ended = [entry.record.ended for entry in state.entries[start:size]]
        start = size
        if ended:
            try:
                longest = max(longest, time - datetime.fromisoformat(min(ended)).timestamp())
            except (ValueError, OverflowError):
                return None
    return round(longest) if start else None


def _read(state: State, notes: Notes, checkpoints: Collection[int]) -> None:
    prefix = f"{COSIGNED}/"
    names = {name for name in state.files if name.startswith(prefix)}
    sizes = cosigned_sizes(state.root)
    for name in sorted(names - {f"{prefix}{size:08d}.note" for size in sizes if size in checkpoints}):
        notes.wrong(f"{name}: belongs to no checkpoint")
    if not names and not any(name.startswith(f"{WITNESS_KEYS}/") for name in state.files):
        return
    keys = read_witness_keys(state.root)
    strangers = set()
    for size in sizes:
        found, unknown = read_cosignatures(state.root, size, keys) if size in checkpoints else ([], [])
        strangers.update(unknown)
        if found:
            state.cosigned, state.cosignatures = size, found
        seen = [one.time for one in found if _trusted(state, one)]
        if seen:
            state.sightings.append((size, min(seen)))
    for text in sorted(strangers):
        notes.say(text)


def _ask_policy(state: State, notes: Notes, at_end: list[Cosignature]) -> None:
    rule = state.trust.witnesses if state.trust else None
    if rule is None:
        return
    trusted = {one.signer for one in at_end if _trusted(state, one, rule.of)}
    if len(trusted) < rule.required:
        state.lacking = f"{len(trusted)} of {rule.required} witnesses that you trust cosigned the whole log"
        notes.stranger(f"your policy is not met: {state.lacking}")


def _trusted(state: State, one: Cosignature, roles: tuple[str, ...] = WITNESS_ROLES) -> bool:
    """Whether the reader trusts who cosigned; never the auditor, whatever roles its key was given."""
    if state.trust is None or state.key is None or one.signer == state.key.fingerprint:
        return False
    return any(state.trust.trusts(one.signer, role) for role in roles)


def _shown(time: int) -> str:
    return datetime.fromtimestamp(time, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
