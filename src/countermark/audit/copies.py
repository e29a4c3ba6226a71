"""Packs as an audit keeps them: a plan is made again from the audit's own copy, wherever the developer's went meanwhile."""

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from countermark.audit.request import AuditRequest
from countermark.battery.loader import folder_of
from countermark.errors import InvalidDocument, UnsafePath
from countermark.evidence.manifest import MANIFEST, parse_manifest
from countermark.files import inside, read_capped, walk, write_atomic
from countermark.pack import PACK_MANIFEST, PACK_SIGNATURES

RECEIVED = "received/"
"""Where, in the audit's copy of a pack, the manifest and signatures lie that it came with."""


def placed(request: AuditRequest, folders: Mapping[str, str]) -> AuditRequest:
    """The request as it is kept: directories by their whole path, packs with the folder under pack/ that holds their copy.

    So `resume` and `run --plan` may be called from another directory than the one in which the plan was made.

    Args:
        request: As it was made.
        folders: Each pack, as the request names it, to the folder of its copy.
    """
    own = folder_of(request.battery, "_").parent == Path(request.battery)  # and none of those built in
    battery = _whole(request.battery) if own else request.battery
    copies = {_whole(name): folder for name, folder in folders.items()}
    subjects = [_whole(name) for name in request.subjects]
    return request.model_copy(
        update={"battery": battery, "subjects": subjects, "copies": {**request.copies, **copies}}
    )


@contextmanager
def unpacked(copy: Path) -> Iterator[Path | None]:
    """A directory with the pack as it was handed over, made from an audit's copy of it; None where that is not all of it.

    By its terms a pack may be kept in part only, without what is not public.

    Raises:
        UnsafePath: A link, or something that is no plain file, lies there.
    """
    names = [name for name in walk(copy) if name != MANIFEST] if copy.is_dir() else []
    if not names or _listed(copy, names) - {*names}:
        yield None
        return
    with tempfile.TemporaryDirectory(prefix="countermark-") as made:
        for name in names:
            write_atomic(
                inside(Path(made), name.removeprefix(RECEIVED)), read_capped(inside(copy, name), name=name)
            )
        yield Path(made)


def _listed(copy: Path, names: Sequence[str]) -> set[str]:
    """The files that the pack came with, by its own manifest; a pack without one is kept whole."""
    if f"{RECEIVED}{PACK_MANIFEST}" not in names:
        return set()
    try:
        return {*parse_manifest(read_capped(copy / RECEIVED / PACK_MANIFEST))} - {
            PACK_MANIFEST,
            PACK_SIGNATURES,
        }
    except (InvalidDocument, UnsafePath):
        return {""}  # no file bears it: a copy that cannot be read is not the whole pack


def _whole(name: str) -> str:
    """The whole path of a directory; a subject that is none stays as it is named."""
    return str(Path(name).absolute()) if not name.startswith("reference/") and Path(name).is_dir() else name
