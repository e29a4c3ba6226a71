"""Before the first call: subjects are reached, and weights that the auditor runs itself are hashed, loaded and bound.

The lines go to identity.jsonl, see `countermark.evidence.identity`.
"""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import anyio

from countermark.audit.casting import Role
from countermark.audit.observer import Observer
from countermark.audit.planning import Audit, now
from countermark.evidence.identity import add_identity
from countermark.subjects.live import reach
from countermark.subjects.weights import HostedWeights
from countermark.subjects.weights_files import Tell

_TELL_EVERY_S = 10.0


def make_ready(audit: Audit, observer: Observer) -> None:
    """Open every live subject once and touch its address; hash and load weights. So a missing key costs nothing.

    Raises:
        InvalidDocument: Weights that are not those of the pack's list, every file named.
        SubjectError: A subject cannot be reached, opened or made of its weights.
    """
    anyio.run(_reach_all, audit)
    hosted = _hosted(audit.roles)
    try:
        for one in hosted:
            observer.note(f"{one.given.subject}: hashing {len(one.given.listed)} files, then loading them")
            one.load(_telling(one.given.subject, observer))
    except BaseException:
        for one in hosted:
            one.close()
        raise


@contextmanager
def bound(audit_dir: Path, roles: Sequence[Role], observer: Observer) -> Iterator[None]:
    """Write what was loaded before the calls, and what hashing it once more found after them.

    A run that is killed or fails leaves no second line: the weights are hashed again when it is resumed.
    """
    hosted = _hosted(roles)
    try:
        for one in hosted:
            one.bind(add_identity(audit_dir, "loaded", {**one.facts, "at": now()}))
        yield
        for one in hosted:
            add_identity(audit_dir, "hashed again", _again(one, observer))
    finally:
        for one in hosted:
            one.close()


async def _reach_all(audit: Audit) -> None:
    for role in audit.roles:
        if role.settings is not None:
            await role.open(audit.stage, audit.seed.value).aclose()
            await reach(role.id, role.settings)
    for model in audit.models:
        await model.open().aclose()
        await reach(model.model, model.settings)


def _hosted(roles: Sequence[Role]) -> list[HostedWeights]:
    return [role.hosted for role in roles if role.hosted is not None]


def _again(one: HostedWeights, observer: Observer) -> dict[str, Any]:
    subject = one.given.subject
    found = one.hash_again(_telling(subject, observer))
    if found.faults:
        observer.note(f"{subject}: the weights changed during the run: {'; '.join(found.faults[:3])}")
    return {
        "subject": subject,
        "binding": one.binding,
        "files": len(one.given.listed),
        "faults": list(found.faults[:100]),
        "touched": list(found.touched[:100]),
        "at": now(),
    }


def _telling(subject: str, observer: Observer) -> Tell:
    """Progress of a hashing that takes long, in a line every ten seconds."""
    last = time.monotonic()

    def tell(name: str, done: int, total: int) -> None:
        nonlocal last
        if time.monotonic() - last >= _TELL_EVERY_S:
            last = time.monotonic()
            share = f"{done / 1e9:.1f} of {total / 1e9:.1f} GB"
            observer.note(f"{subject}: hashed {share}, now {name}")

    return tell
