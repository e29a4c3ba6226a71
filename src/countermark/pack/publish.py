"""The public subset of a signed pack: what is not public is left out, and what is left still verifies."""

from collections.abc import Iterable
from pathlib import Path

from countermark.errors import InvalidDocument
from countermark.files import inside, write_atomic
from countermark.pack.document import ReleasePack
from countermark.pack.full import PACK_MANIFEST, PACK_SIGNATURES, FullPack
from countermark.pack.read import read_pack, received_files
from countermark.pack.terms import is_public

_OUTSIDE = (PACK_MANIFEST, PACK_SIGNATURES)


def publish(directory: Path, out: Path, on: str) -> list[str]:
    """Copy to `out` what is public on a day, with the whole manifest and its signatures.

    Args:
        directory: A signed pack without fault.
        out: A directory that is not there or is empty.
        on: YYYY-MM-DD; embargoes that ended by then are over.

    Returns:
        The files withheld.

    Raises:
        InvalidDocument: The pack has faults or is not signed, or `out` holds something.
    """
    pack = read_pack(directory)
    files = received_files(directory)
    if not {*_OUTSIDE} <= files.keys():
        raise InvalidDocument(
            [f"{PACK_SIGNATURES}: [not-signed] a subset verifies only by the signature over the whole"],
            ["not-signed"],
        )
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise InvalidDocument(
            [f"{out}: [not-empty] is there already and is not an empty directory"], ["not-empty"]
        )
    kept = public_names(pack, files, on)
    for name in sorted(kept):
        write_atomic(inside(out, name), files[name])
    return sorted(files.keys() - kept)


def public_names(pack: FullPack | ReleasePack, names: Iterable[str], on: str) -> set[str]:
    """Those of a pack's files that may go out on a day; a short pack is public as a whole."""
    if isinstance(pack, ReleasePack):
        return {*names}
    return {name for name in names if name in _OUTSIDE or is_public(pack.terms, name, on)}
