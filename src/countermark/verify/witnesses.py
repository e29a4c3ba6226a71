"""Cosignatures: which witness saw the log at which size, and whether those the reader asks for are among them."""

from collections.abc import Collection
from datetime import datetime

from countermark.errors import EvidenceError
from countermark.evidence.cosigned import (
    COSIGNED,
    UNWITNESSED,
    WITNESS_KEYS,
    cosigned_sizes,
    read_cosignatures,
    read_witness_keys,
)
from countermark.evidence.notes import Cosignature
from countermark.evidence.trust import TIMESTAMP, WITNESS_ROLES, WitnessRule
from countermark.verify.stamps import read_anchors, saw_all
from countermark.verify.state import State
from countermark.verify.verdict import Notes


def check(state: State, notes: Notes, checkpoints: Collection[int], size: int) -> None:
    """Every cosignature holds and belongs to a checkpoint; the last checkpoint has those that the policy asks for.

    Cosignatures that came after the seal count like those before it: a witness that remembers refuses a rewritten log
    whenever it is shown. Their time tells how late that was, and the policy may set a limit to it.

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
            notes.say(_in_words(state, one, state.cosigned, size))
    late = [(at, one) for at, one in read_anchors(state).cosigned if at in checkpoints]
    for at, one in late:
        notes.say(f"after the seal, {_in_words(state, one, at, size)}")
        if trusted(state, one):
            state.sightings.append((at, one.time))
    at_end = at_end + [one for at, one in late if at == size]
    if UNWITNESSED in state.files:
        notes.say(f"{UNWITNESSED}: tells of witnesses that were asked and did not cosign")
    _ask_policy(state, notes, at_end)


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
        seen = [one.time for one in found if trusted(state, one)]
        if seen:
            state.sightings.append((size, min(seen)))
    for text in sorted(strangers):
        notes.say(text)


def longest_delay(state: State) -> int | None:
    """Seconds from the end of a record, by the auditor's clock, to the first trusted sight of it, at most.

    A log made up afterwards, under a name that the witness has never heard, is cosigned like any other; but it bears the
    time at which it was shown. None where nobody saw the log or the records' times cannot be read.
    """
    longest, start = 0.0, 0
    for size in sorted({size for size, _ in state.sightings}):
        seen = min(time for at, time in state.sightings if at >= size)
        ended = [entry.record.ended for entry in state.between(start, size)]
        start = size
        if ended:
            try:
                longest = max(longest, seen - datetime.fromisoformat(min(ended)).timestamp())
            except (ValueError, OverflowError):
                return None
    return round(longest) if start else None


def trusted(state: State, one: Cosignature, roles: tuple[str, ...] = WITNESS_ROLES) -> bool:
    """Whether the reader trusts who cosigned; never the auditor, whatever roles its key was given."""
    if state.trust is None or state.key is None or one.signer == state.key.fingerprint:
        return False
    return any(state.trust.trusts(one.signer, role) for role in roles)


def _in_words(state: State, one: Cosignature, at: int, size: int) -> str:
    known = "which you trust" if trusted(state, one) else "which you do not trust as a witness"
    return f"cosigned by {one.name} at {at} of {size} records, key {one.signer}, {known}"


def _ask_policy(state: State, notes: Notes, at_end: list[Cosignature]) -> None:
    rule = state.trust.witnesses if state.trust else None
    if rule is None:
        return
    stamps = (
        [one for one in read_anchors(state).held if saw_all(one, state.size)] if TIMESTAMP in rule.of else []
    )
    state.sightings += [(state.size, one.time) for one in stamps]
    found = len({one.signer for one in at_end if trusted(state, one, rule.of)}) + bool(stamps)
    if found < rule.required:
        words = (
            "witnesses that you trust, or a time stamp,"
            if TIMESTAMP in rule.of
            else "witnesses that you trust"
        )
        state.lacking = f"{found} of {rule.required} {words} cosigned the whole log"
    else:
        state.lacking = _too_late(state, rule)
    if state.lacking:
        notes.stranger(f"your policy is not met: {state.lacking}")


def _too_late(state: State, rule: WitnessRule) -> str:
    """What the policy's limit on delay is missed by, in words, or nothing."""
    if rule.max_delay_s is None:
        return ""
    delay = longest_delay(state)
    if delay is None:
        return "how long a record stood unseen cannot be told"
    if delay > rule.max_delay_s:
        return f"a record stood unseen for {delay} s, and {rule.max_delay_s} s are allowed"
    return ""
