"""Stage 10: when the parts of an audit were there, by clocks that are not the auditor's.

A time stamp says that something existed *by* a time, never that it did not exist before. So order is shown in one way
only: the plan was seen before the log had begun to grow, and the log before the report.
"""

from datetime import UTC, datetime

from countermark.evidence.directory import REPORT
from countermark.evidence.late import CHECKPOINT, DRAW, FOLDER, PLAN, SEAL
from countermark.verify.stamps import Anchor, read_anchors, saw_all
from countermark.verify.state import State
from countermark.verify.verdict import Notes
from countermark.verify.witnesses import longest_delay, trusted

_WORDS = {PLAN: "the plan", DRAW: "the draw", SEAL: "the whole audit"}
_CLOCKS_MAY_DIFFER_S = 2


def check(state: State, notes: Notes) -> None:
    """What witnesses, time stamps and identities say of times, in which order, and whether the policy's are there."""
    assert state.report is not None
    claimed = state.report.evidence.get("cosigned")
    if claimed is not None and claimed != state.cosigned:
        notes.wrong(f"{REPORT}: evidence/cosigned is {claimed!r}, it should be {state.cosigned!r}")
    anchors = read_anchors(state)
    _tell_witnesses(state, notes)
    for one in sorted(anchors.held, key=lambda one: one.time):
        notes.say(f"{one.name}: {_in_words(one)}")
    for text in anchors.unchecked:
        notes.not_checked(text)
    for text in anchors.broken:
        notes.partial(text)
    if not (
        state.cosigned is not None or anchors.cosigned or anchors.held or anchors.unchecked or anchors.broken
    ):
        notes.not_checked("there is neither a witness's time nor a time stamp")
    _tell_order(state, notes)
    _ask_policy(state, notes)
    _ask_about_withdrawn(state, notes)


def in_words(state: State) -> str:
    """For the closing line on time: a clock counts here only if the reader trusts whose it is."""
    said = [_witness_in_words(state)]
    held = state.anchors.held if state.anchors else []
    for target in (PLAN, SEAL):
        times = [one for one in held if one.target == target]
        if times:
            first = min(times, key=lambda one: one.time)
            said.append(f"{_WORDS[target]} existed by {shown(first.time)} ({first.by})")
    return "; ".join(text for text in said if text)


def shown(time: int) -> str:
    """Seconds since 1970 as people read them."""
    return datetime.fromtimestamp(time, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _tell_witnesses(state: State, notes: Notes) -> None:
    for one in state.cosignatures:
        notes.say(f"{one.name} had seen {state.cosigned} records by {shown(one.time)}, by its own clock")
    for size, late in read_anchors(state).cosigned:
        notes.say(
            f"{late.name} had seen {size} records by {shown(late.time)}, by its own clock, after the seal"
        )
    delay = longest_delay(state)
    if delay is not None:
        size, first = min(state.sightings)
        notes.say(
            f"seen by those you trust: first {size} records by {shown(first)}, {len(state.sightings)} sightings in all; "
            f"the longest that a record stood unseen is {delay} s. What stood unseen could still be replaced"
        )


def _in_words(one: Anchor) -> str:
    what = _WORDS.get(one.target, f"the log of {one.size} records")
    return f"{one.by} {'signed' if one.signed else 'stamped'} {what}, which existed by {shown(one.time)}"


def _tell_order(state: State, notes: Notes) -> None:
    """Plan, first checkpoint, report, each by the first outside clock that saw it."""
    held = read_anchors(state).held
    plan = _first([one.time for one in held if one.target == PLAN])
    log = _first(
        [*(time for _, time in state.sightings), *(one.time for one in held if one.target == CHECKPOINT)]
    )
    seal = _first([one.time for one in held if one.target == SEAL])
    if plan is not None:
        _tell_plan(state, notes, plan, log)
    seen = [
        f"{name} {shown(time)}"
        for name, time in (("plan", plan), ("log", log), ("report", seal))
        if time is not None
    ]
    if len(seen) > 1:
        notes.say(f"first seen by clocks you trust: {', '.join(seen)}")
    _tell_ahead(state, notes)


def _tell_plan(state: State, notes: Notes, plan: int, log: int | None) -> None:
    if log is not None and plan > log:
        notes.say("the plan was first seen after the log: no clock you trust shows that the plan came first")
        return
    began = _seconds(min((entry.record.started for entry in state.entries), default=""))
    if began is not None:
        order = "before" if plan <= began else "not before"
        notes.say(
            f"the plan was seen {order} the first call, which the auditor's clock puts at {shown(int(began))}"
        )


def _tell_ahead(state: State, notes: Notes) -> None:
    """A record that was seen before it ended: the auditor's clock is ahead of the one that saw it."""
    stamps = [(one.size, one.time) for one in read_anchors(state).held if one.size is not None]
    stamps += [(state.size, one.time) for one in read_anchors(state).held if saw_all(one, state.size)]
    ahead = 0.0
    for size, time in (*state.sightings, *stamps):
        ended = _seconds(max((entry.record.ended for entry in state.between(0, size)), default=""))
        ahead = max(ahead, ended - time if ended is not None else 0.0)
    if ahead > _CLOCKS_MAY_DIFFER_S:
        notes.say(f"the auditor's clock is ahead: a record ends {round(ahead)} s after it was seen")


def _ask_policy(state: State, notes: Notes) -> None:
    trust, anchors = state.trust, read_anchors(state)
    if trust is None:
        return
    wanted = [(one, False) for one in (trust.timestamps.required if trust.timestamps else ())]
    wanted += [(one, True) for one in (trust.sigstore.required if trust.sigstore else ())]
    missing = []
    for target, signed in wanted:
        found = anchors.of(target, signed=signed)
        if target == CHECKPOINT:  # of the last one, or of the seal, which covers it
            found = [one for one in anchors.held if saw_all(one, state.size)]
        if not found:
            missing.append(
                f"no {'signature of an identity' if signed else 'time stamp'} that you trust on the {target}"
            )
    if missing:
        notes.stranger(f"your policy is not met: {'; '.join(missing)}")
        state.lacking = "; ".join([text for text in (state.lacking,) if text] + missing)


def _ask_about_withdrawn(state: State, notes: Notes) -> None:
    """A key that was withdrawn is believed in what somebody else's clock saw sealed before."""
    since = state.trust.withdrawn.get(state.key.fingerprint) if state.trust and state.key else None
    if since is None:
        return
    # Of this seal: a stamp of the original's says nothing about who made a redacted copy of it, and when.
    seals = [
        one for one in read_anchors(state).held if one.target == SEAL and one.name.startswith(f"{FOLDER}/")
    ]
    seen = _first([one.time for one in seals])
    if seen is not None and seen <= since:
        notes.say(f"the auditor's key was withdrawn as of {shown(since)}; this was sealed before")
        return
    why = (
        f"the auditor's key was withdrawn as of {shown(since)}, and no clock you trust saw this sealed before"
    )
    notes.stranger(why)
    state.lacking = "; ".join(text for text in (state.lacking, why) if text)


def _witness_in_words(state: State) -> str:
    late = state.anchors.cosigned if state.anchors else []
    seen = [(state.cosigned, one) for one in state.cosignatures] + list(late)
    known = [(size, one) for size, one in seen if size is not None and trusted(state, one)]
    if not known:
        return ""
    most = max(size for size, _ in known)
    first = min((one for size, one in known if size == most), key=lambda one: one.time)
    delay = longest_delay(state)
    after = f", none later than {delay} s after it ended" if delay is not None else ""
    return f"{first.name} had seen {most} of {state.size} records by {shown(first.time)}{after}"


def _first(times: list[int]) -> int | None:
    return min(times, default=None)


def _seconds(text: str) -> float | None:
    try:
        return datetime.fromisoformat(text).timestamp() if text else None
    except (ValueError, OverflowError):
        return None
