"""The twelve stages in order, and what stops at which failure."""

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from countermark.errors import CountermarkError, EvidenceError, UnsafePath
from countermark.evidence.trust import TrustPolicy
from countermark.verify import anchors, container, identity, redaction, seals
from countermark.verify.state import State
from countermark.verify.verdict import Figures, Notes, Stage, Verdict

if TYPE_CHECKING:
    from countermark.verify.state import Render

Check = Callable[[State, Notes], None]
_LAST_OF_FILES = 3
"""Stages up to this one run whatever fails, so that a file that was touched is named."""


def verify(audit_dir: Path, *, trust: TrustPolicy | None, render: "Render | None" = None) -> Verdict:
    """Check an audit directory without trusting anything in it; nothing is executed, written or fetched.

    Args:
        audit_dir: Any path; what is wrong with it is in the verdict, never an exception.
        trust: Whom the reader trusts; None or empty reaches exit code 3 at best.
        render: From report to the files of report/, to compare with those that are there.
    """
    state = State(root=Path(audit_dir), trust=trust, render=render)
    with _seldom_collected():
        return Verdict(stages=verify_to(state, len(_STAGES) - 1), figures=_figures(state))


def verify_to(state: State, last: int) -> list[Stage]:
    """The stages from 0 to `last`, as `verify` runs them; `state` is filled as far as they get."""
    stages: list[Stage] = []
    stopped = False
    for number, (name, check) in enumerate(_STAGES[: last + 1]):
        notes = Notes()
        if stopped and not (number <= _LAST_OF_FILES and state.sealed):
            stages.append(Stage(number=number, name=name, state="not reached", details=[]))
            continue
        _guarded(check, state, notes)
        stages.append(notes.stage(number, name))
        stopped = stopped or notes.broken or (number == _LAST_OF_FILES and state.seal is None)
    return stages


@contextmanager
def _seldom_collected() -> Iterator[None]:
    """Look for cyclic garbage a hundredth as often.

    The many records kept for the numbers hold none, and a tenth of the time went into looking through them again.
    """
    often, *older = gc.get_threshold()
    gc.set_threshold(often * 100, *older)
    try:
        yield
    finally:
        gc.set_threshold(often, *older)


def _guarded(check: Check, state: State, notes: Notes) -> None:
    try:
        check(state, notes)
    except EvidenceError as error:
        notes.wrong(error.message)
    except UnsafePath as error:
        notes.malformed("; ".join(error.faults))
    except CountermarkError as error:
        notes.malformed(error.message)
    except OSError as error:
        notes.malformed(f"{error.filename}: cannot be read ({error.strerror})")
    except (ValueError, RecursionError) as error:
        notes.malformed(f"cannot be read: {error}")


def _late(module: str) -> Check:
    """A stage whose module needs pydantic, and so is imported only when the stage is reached."""

    def check(state: State, notes: Notes) -> None:
        import_module(f"countermark.verify.{module}").check(state, notes)

    return check


def _figures(state: State) -> Figures:
    return Figures(
        disclosed=state.disclosed,
        records=state.size,
        in_part=len(state.in_part),
        recomputed=state.recomputed,
        bounded=state.bounded,
        numbers=state.numbers,
        binding=identity.in_words(state),
        lacking=state.lacking,
        witnessed=anchors.in_words(state),
    )


_STAGES: tuple[tuple[str, Check], ...] = (
    ("container", container.check),
    ("trust policy", seals.check_trust),
    ("signatures", seals.check_signatures),
    ("manifests", seals.check_manifests),
    ("chain", _late("chain")),
    ("identity", identity.check),
    ("log", _late("log")),
    ("transcripts", _late("transcripts")),
    ("numbers", _late("numbers")),
    ("redaction", redaction.check),
    ("anchors", anchors.check),
    ("exports", _late("exports")),
)
