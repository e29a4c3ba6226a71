"""How the packs inside an audit have their subjects asked, as far as that decides whether two can be compared."""

from pathlib import Path
from typing import Any

from countermark.canonical import InvalidJson, decode
from countermark.files import inside, read_capped
from countermark.pack.full import PACK_FILE
from countermark.pack.scan import MAX_ENTRIES

DEFAULT = "default"
"""No setting was sent: the provider's own holds."""
_MAX_PACK = 16 * 1024 * 1024


def reasoning_settings(packs: Path) -> dict[str, str]:
    """Subject to its reasoning setting, `default` where none was sent.

    Args:
        packs: `pack/` in the audit. What is no pack in it adds nothing: it is judged where packs are checked.

    Raises:
        UnsafePath: A folder or file is none.
    """
    names = sorted(path.name for path in packs.iterdir()) if packs.is_dir() else []
    found: dict[str, str] = {}
    for name in names[:MAX_ENTRIES]:
        path = inside(packs, f"{name}/{PACK_FILE}")
        if path.is_file():
            found |= _asked(read_capped(path, max_bytes=_MAX_PACK, name=f"{name}/{PACK_FILE}"))
    return found


def _asked(data: bytes) -> dict[str, str]:
    try:
        raw = decode(data, max_bytes=_MAX_PACK)
    except InvalidJson:
        return {}
    match raw:
        case {"subject": {"id": str(subject)}}:
            return {subject: _reasoning(raw)}
        case {"variants": [*variants]}:
            return {one["id"]: _reasoning(one) for one in variants if _named(one)}
    return {}


def _named(variant: Any) -> bool:
    return isinstance(variant, dict) and isinstance(variant.get("id"), str)


def _reasoning(holder: dict[str, Any]) -> str:
    settings = holder.get("settings")
    given = settings.get("reasoning") if isinstance(settings, dict) else None
    if given is None or str(given).startswith("not sent"):
        return DEFAULT
    return str(given)
