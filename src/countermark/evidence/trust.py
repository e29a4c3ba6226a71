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
WITNESS_ROLES = ("developer", "witness")
"""Who may cosign: anybody but the auditor, whose own word needs a witness."""
_MOST_WITNESSES = 16
_FINGERPRINT = re.compile("[0-9a-f]{64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class WitnessRule:
    """The end of a log must be cosigned by `required` different keys that are trusted in a role of `of`."""

    required: int
    of: tuple[str, ...] = ("witness",)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustPolicy:
    """Role to the fingerprints trusted in it, and whether witnesses are demanded. Empty trusts nobody."""

    roles: Mapping[str, frozenset[str]] = field(default_factory=dict)
    witnesses: WitnessRule | None = None

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
    known = isinstance(value, dict) and {"schema", "roles"} <= set(value) <= {"schema", "roles", "witnesses"}
    if not known or value["schema"] != SCHEMA:
        raise _refused(path, f"is not an object of schema {SCHEMA!r}, roles and perhaps witnesses")
    rule = _rule(path, value["witnesses"]) if "witnesses" in value else None
    return TrustPolicy(roles=_roles(path, value["roles"]), witnesses=rule)


def remember(
    path: Path, public_key: PublicKey, role: str = "auditor", *, required: int | None = None
) -> TrustPolicy:
    """Trust a key in a role from now on.

    Args:
        path: A home directory, whose trust.json it is, or a file named *.json; made where there is none.
        public_key: The key.
        role: One of `ROLES`.
        required: Also demand from now on that so many keys trusted in this role, or in one demanded before, cosign; 0
            demands none. None leaves the policy's demand as it is.

    Raises:
        InvalidDocument: The role is unknown, or the policy that is there is malformed.
    """
    path = path if path.suffix == ".json" and not path.is_dir() else path / TRUST
    before = read_trust(path) if path.exists() else TrustPolicy()
    roles = {name: set(keys) for name, keys in before.roles.items()}
    roles.setdefault(role, set()).add(public_key.fingerprint)
    rule = before.witnesses
    if required is not None:
        of = {role, *(rule.of if rule else ())}
        rule = WitnessRule(required=required, of=tuple(sorted(of))) if required else None
    document: dict[str, Any] = {
        "schema": SCHEMA,
        "roles": {name: sorted(keys) for name, keys in roles.items()},
    }
    if rule:
        document["witnesses"] = {"required": rule.required, "of": list(rule.of)}
    policy = TrustPolicy(roles=_roles(path, document["roles"]), witnesses=rule)
    write_atomic(path, canonical.encode(document) + b"\n", mode=0o600)
    return policy


def _rule(path: Path, value: Any) -> WitnessRule:
    match value:
        case {"required": int(required), "of": [*of]} if len(value) == 2 and not isinstance(required, bool):
            if 1 <= required <= _MOST_WITNESSES and of and all(role in WITNESS_ROLES for role in of):
                return WitnessRule(required=required, of=tuple(of))
    raise _refused(
        path,
        f"witnesses is not a number required (1 to {_MOST_WITNESSES}) of roles {', '.join(WITNESS_ROLES)}",
    )


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
