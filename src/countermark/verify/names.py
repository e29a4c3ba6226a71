"""By which names a live subject is asked for, and by which its answers call it, against its pack. Part of stages 5 and 7."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from countermark.errors import EvidenceError
from countermark.verify.verdict import Notes

if TYPE_CHECKING:
    from countermark.pack import FullPack, ReleasePack
    from countermark.verify.identity import Shown

ENDPOINT = "identity/endpoint.json"


def asked_for(subject: str, pack: "FullPack | ReleasePack | None") -> frozenset[str]:
    """Every name under which the runner asks for a subject; none where no pack is at hand."""
    from countermark.pack import FullPack

    if pack is None:
        return frozenset()
    door = pack.doors.get(subject, subject) if isinstance(pack, FullPack) else subject
    # The vendors are told the model alone, Inspect the whole door, and weights in the auditor's own hands go by their id.
    return frozenset({subject, door, door.partition("/")[2]})


def check_asked(subject: str, shown: "Shown", model: object) -> None:
    """Raise `EvidenceError` where another model was asked for than the subject is; count a request that names none."""
    if not shown.names:
        return
    if not isinstance(model, str):
        shown.unnamed += 1
    elif model not in shown.names:
        raise EvidenceError(
            f"the model {model[:200]!r} was asked for, and the pack names {sorted(shown.names)} for {subject}"
        )


def compare(subject: str, shown: "Shown", notes: Notes) -> None:
    """Say by what names a model called itself in its answers, against what its pack declares."""
    from countermark.pack import FullPack

    told = ", ".join(sorted(shown.answered))
    pack = shown.pack
    if not isinstance(pack, FullPack):
        notes.say(f"{subject}: its answers call the model {told}; nobody declared what it is")
        return
    declared = list(_declared_names(subject, pack))
    strange = [name for name in shown.answered if name not in shown.asked and not _fits(name, declared)]
    if strange:
        notes.partial(
            f"{subject}: its answers call the model {', '.join(sorted(strange))}, which its pack does not declare"
        )
    else:
        notes.say(f"{subject}: its answers call the model {told}, as asked for or as its pack declares")


def _declared_names(subject: str, pack: "FullPack") -> Iterator[str]:
    from countermark.pack.parts import Endpoint

    endpoint = pack.part(ENDPOINT)
    yield from (variant.version for variant in pack.cover.variants if variant.id == subject)
    yield pack.cover.model.version
    if isinstance(endpoint, Endpoint):
        yield endpoint.snapshot


def _fits(name: str, declared: Sequence[str]) -> bool:
    """Whether a name stands in what is declared, or a declared version, itself long enough to say something, in it."""
    return any(name in one or (len(one) >= 4 and one in name) for one in declared)
