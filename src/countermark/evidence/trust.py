"""Whom the reader trusts in which role. It comes from the reader's own machine, never from inside an audit."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from countermark import canonical
from countermark.errors import InvalidDocument
from countermark.evidence.keys import PublicKey
from countermark.files import read_capped, write_atomic

SCHEMA = "countermark/trust/v0.1"
TRUST = "trust.json"
ROLES = ("auditor", "developer", "witness")
_FINGERPRINT = re.compile("[0-9a-f]{64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustPolicy:
    """Role to the fingerprints trusted in it. Empty trusts nobody."""

    roles: Mapping[str, frozenset[str]] = field(default_factory=dict)

    def trusts(self, fingerprint: str, role: str) -> bool:
        """Whether the key of that fingerprint is trusted in that role."""
        return fingerprint in self.roles.get(role, frozenset())


def read_trust(path: Path) -> TrustPolicy:
    """The policy in a trust.json, or in the one of a home directory; a home without one trusts nobody.

    Raises:
        InvalidDocument: The file named is missing or malformed.
    """
    if path.is_dir() or not (path.exists() or path.suffix == ".json"):
        path = path / TRUST
        if not path.exists():
            return TrustPolicy()
    try:
        value = canonical.decode(read_capped(path, max_bytes=1024 * 1024), floats=False)
    except canonical.InvalidJson as error:
        raise _refused(path, str(error)) from error
    if not isinstance(value, dict) or set(value) != {"schema", "roles"} or value["schema"] != SCHEMA:
        raise _refused(path, f"is not an object of schema {SCHEMA!r} and roles")
    return TrustPolicy(roles=_roles(path, value["roles"]))


def remember(home: Path, public_key: PublicKey, role: str = "auditor") -> TrustPolicy:
    """Trust a key in a role from now on: `home`/trust.json with it added. Raises `InvalidDocument` on an unknown role."""
    path = home / TRUST
    roles = {name: set(keys) for name, keys in read_trust(home).roles.items()}
    roles.setdefault(role, set()).add(public_key.fingerprint)
    listed = {name: sorted(keys) for name, keys in roles.items()}
    policy = TrustPolicy(roles=_roles(path, listed))
    write_atomic(path, canonical.encode({"schema": SCHEMA, "roles": listed}) + b"\n", mode=0o600)
    return policy


def _roles(path: Path, roles: Any) -> dict[str, frozenset[str]]:
    if not isinstance(roles, dict) or not set(roles) <= set(ROLES):
        raise _refused(path, f"roles are not among {', '.join(ROLES)}")
    for role, keys in roles.items():
        good = isinstance(keys, list) and all(
            isinstance(key, str) and _FINGERPRINT.fullmatch(key) for key in keys
        )
        if not good:
            raise _refused(path, f"role {role} is not a list of fingerprints (64 hexadecimal digits)")
    return {role: frozenset(keys) for role, keys in roles.items()}


def _refused(path: Path, why: str) -> InvalidDocument:
    return InvalidDocument([f"{path}: [trust-malformed] {why}"], ["trust-malformed"])
