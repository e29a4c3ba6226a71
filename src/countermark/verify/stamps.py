"""Time stamps, identities and late cosignatures of timestamps/: read once, and none of them believed unless it holds.

A file there that does not hold counts for nothing and is named. It never makes an otherwise valid audit invalid: it is not
under the seal unless it was there at sealing, and then stage 3 has compared it.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from countermark.errors import CountermarkError, EvidenceError, SignerUnknown, UnsafePath, UsageError
from countermark.evidence.cosigned import (
    MAX_WITNESS_KEYS,
    read_cosignatures,
    read_witness_key,
    read_witness_keys,
)
from countermark.evidence.dsse import DRAW_TYPE, PLAN_TYPE, REPORT_TYPE
from countermark.evidence.keys import PublicKey
from countermark.evidence.late import (
    DRAW,
    FOLDER,
    MAX_BUNDLE,
    MAX_STAMP,
    MAX_STAMPS,
    PLAN,
    SEAL,
    TSR,
    is_late_key,
    late_name,
    size_of,
    target_of,
)
from countermark.evidence.manifest import MAX_MANIFEST
from countermark.evidence.notes import Cosignature
from countermark.evidence.withholding import ORIGINAL
from countermark.files import read_capped
from countermark.verify.state import State

_KINDS = {PLAN: PLAN_TYPE, DRAW: DRAW_TYPE, SEAL: REPORT_TYPE}


@dataclass(frozen=True, slots=True, kw_only=True)
class Anchor:
    """File `name` holds, and `by` vouches that `target` existed by `time`; `size` of the log, where that is a checkpoint."""

    name: str
    target: str
    time: int
    by: str
    signed: bool
    """A sigstore identity signed it; else an authority stamped it."""
    size: int | None = None


@dataclass(slots=True, kw_only=True)
class Anchors:
    """What timestamps/ came to: what holds, who cosigned late at which size, what was not checked, what is broken."""

    held: list[Anchor] = field(default_factory=list)
    cosigned: list[tuple[int, Cosignature]] = field(default_factory=list)
    unchecked: list[str] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)

    def of(self, target: str, *, signed: bool) -> list[Anchor]:
        """Those that hold of one target and kind."""
        return [one for one in self.held if (one.target, one.signed) == (target, signed)]


def read_anchors(state: State) -> Anchors:
    """Everything in timestamps/, judged by the reader's policy; read once for all stages."""
    if state.anchors is None:
        state.anchors = Anchors()
        for name in sorted(name for name in state.files if _inside(name).startswith(f"{FOLDER}/")):
            _judge(state, state.anchors, name)
        _read_late(state, state.anchors)
    return state.anchors


def saw_all(anchor: Anchor, size: int) -> bool:
    """Whether a time stamp is of the whole log: of its last checkpoint, or of the seal, which covers that."""
    return not anchor.signed and (anchor.target == SEAL or anchor.size == size)


def _judge(state: State, found: Anchors, name: str) -> None:
    about = target_of(_inside(name))
    if about is None:
        return
    if _inside(name) != name:  # a redacted copy keeps what was said of the seal it came from beside that seal
        about = about[0], f"{ORIGINAL}/{about[1]}"
    if len(found.held) + len(found.unchecked) + len(found.broken) >= MAX_STAMPS:
        raise EvidenceError(f"{FOLDER}: holds over {MAX_STAMPS} files")
    target, file = about
    check = _stamp if name.endswith(TSR) else _bundle
    try:
        found.held.append(check(state, name, target, file))
    except (SignerUnknown, UsageError) as error:
        found.unchecked.append(f"{name}: not checked: {error.message}")
    except UnsafePath as error:
        found.broken.append(f"{name}: counts for nothing: {error.faults[0]}")
    except CountermarkError as error:
        found.broken.append(f"{name}: counts for nothing: {error.message}")


def _inside(name: str) -> str:
    return name.removeprefix(f"{ORIGINAL}/")


def _stamp(state: State, name: str, target: str, file: str) -> Anchor:
    from countermark.evidence.timestamps import check_stamp

    rule = state.trust.timestamps if state.trust else None
    reply, data = _both(state, name, file, MAX_STAMP)
    stamp = check_stamp(reply, data, rule.roots.values() if rule else ())
    size = size_of(name)
    return Anchor(name=name, target=target, time=stamp.time, by=stamp.authority, signed=False, size=size)


def _bundle(state: State, name: str, target: str, file: str) -> Anchor:
    rule = state.trust.sigstore if state.trust else None
    if rule is None:
        raise SignerUnknown("your policy pins no sigstore root")
    from countermark.evidence.keyless import check_bundle

    bundle, data = _both(state, name, file, MAX_BUNDLE)
    found = check_bundle(bundle, data, _KINDS[target], rule.trusted_root, rule.identities)
    by = f"{found.who.identity} (by {found.who.issuer})"
    return Anchor(name=name, target=target, time=found.time, by=by, signed=True)


def _both(state: State, name: str, file: str, most: int) -> tuple[bytes, bytes]:
    if file not in state.files:
        raise EvidenceError(f"{file}, which it is of, is not there")
    return (
        read_capped(state.root / name, max_bytes=most, name=name),
        read_capped(state.root / file, max_bytes=MAX_MANIFEST, name=file),
    )


def _read_late(state: State, found: Anchors) -> None:
    """Cosignatures that came after the seal: of a sealed checkpoint, under a key that lies beside them."""
    sizes = {
        late_name(size): size
        for name in state.files
        if target_of(name) is None and (size := size_of(name)) is not None
    }
    keys = list(_late_keys(state, found)) if sizes else []
    for name, size in sorted(sizes.items()):
        try:
            held, unknown = read_cosignatures(state.root, size, keys, name=name)
        except EvidenceError as error:
            found.broken.append(f"{error.message}; it counts for nothing")
            continue
        found.cosigned += [(size, one) for one in held]
        found.unchecked += [f"{name}: not checked: {text}" for text in unknown]


def _late_keys(state: State, found: Anchors) -> Iterator[PublicKey]:
    names = sorted(name for name in state.files if is_late_key(name))
    for name in names[:MAX_WITNESS_KEYS]:
        try:
            yield read_witness_key(state.root, name)
        except EvidenceError as error:
            found.broken.append(f"{error.message}; it counts for nothing")
    try:
        yield from read_witness_keys(state.root)
    except EvidenceError as error:
        found.broken.append(error.message)
