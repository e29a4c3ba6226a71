"""Whom the reader trusts in which role. It comes from the reader's own machine, never from inside an audit."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from countermark import canonical
from countermark.errors import InvalidDocument, SignerUnknown, UnsafePath
from countermark.evidence.keyless import Identity
from countermark.evidence.keys import PublicKey
from countermark.evidence.late import SIGNABLE, TARGETS
from countermark.evidence.manifest import is_plain_name
from countermark.evidence.succession import Rotation, Withdrawal
from countermark.files import read_capped, write_atomic

SCHEMA = "countermark/trust/v0.1"
TRUST = "trust.json"
ROLES = ("auditor", "developer", "witness")
WITNESS_ROLES = ("developer", "witness")
"""Who may cosign: anybody but the auditor, whose own word needs a witness."""
TIMESTAMP = "timestamp"
"""In `WitnessRule.of`: a time stamp of the whole log stands for one witness."""
_MOST_WITNESSES = 16
_MOST_ROOTS = 16
_LONGEST_DELAY = 10 * 366 * 86400
_MAX_ROOT = 1024 * 1024
_FINGERPRINT = re.compile("[0-9a-f]{64}")
_SECTIONS = {"schema", "roles", "witnesses", "timestamps", "sigstore", "withdrawn"}
_LATEST = 253402300799


@dataclass(frozen=True, slots=True, kw_only=True)
class WitnessRule:
    """The end of a log must be cosigned by `required` different keys that are trusted in a role of `of`.

    `max_delay_s`: how many seconds a record may have stood unseen by them, from its end to their first sight of it.
    """

    required: int
    of: tuple[str, ...] = ("witness",)
    max_delay_s: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TimestampRule:
    """Whose time stamps count: PEM certificates by file name beside the policy; `required`: what must bear one."""

    roots: Mapping[str, bytes] = field(default_factory=dict)
    required: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class KeylessRule:
    """Whose sigstore signatures count, under the trusted root in that file; `required`: what must bear one."""

    trusted_root: Path
    identities: tuple[Identity, ...] = ()
    required: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustPolicy:
    """Role to the fingerprints trusted in it, and what else is demanded. Empty trusts nobody and demands nothing."""

    roles: Mapping[str, frozenset[str]] = field(default_factory=dict)
    witnesses: WitnessRule | None = None
    timestamps: TimestampRule | None = None
    sigstore: KeylessRule | None = None
    withdrawn: Mapping[str, int] = field(default_factory=dict)
    """Fingerprint of a key to the second since 1970 from which on it is not to be believed."""

    def trusts(self, fingerprint: str, role: str) -> bool:
        """Whether the key of that fingerprint is trusted in that role.

        A withdrawn key is trusted as nothing but auditor: stage 10 then asks for a clock that saw the audit before.
        """
        withdrawn = fingerprint in self.withdrawn and role != "auditor"
        return fingerprint in self.roles.get(role, frozenset()) and not withdrawn


def read_trust(path: Path) -> TrustPolicy:
    """The policy in a trust.json, or in the one of a home directory; a home without one trusts nobody.

    Files that it names (roots of time stamps, a sigstore root) lie beside it.

    Raises:
        InvalidDocument: The file named, or one that it names, is missing or malformed.
    """
    if path.is_dir() or not (path.exists() or path.suffix == ".json"):
        path = path / TRUST
        if not path.exists():
            return TrustPolicy()
    try:
        value = canonical.decode(read_capped(path, max_bytes=1024 * 1024), floats=False)
    except canonical.InvalidJson as error:
        raise _refused(path, str(error)) from error
    known = isinstance(value, dict) and {"schema", "roles"} <= set(value) <= _SECTIONS
    if not known or value["schema"] != SCHEMA:
        raise _refused(
            path,
            f"is not an object of schema {SCHEMA!r}, roles and perhaps witnesses, timestamps, sigstore, withdrawn",
        )
    return TrustPolicy(
        roles=_roles(path, value["roles"]),
        witnesses=_rule(path, value["witnesses"]) if "witnesses" in value else None,
        timestamps=_timestamps(path, value["timestamps"]) if "timestamps" in value else None,
        sigstore=_sigstore(path, value["sigstore"]) if "sigstore" in value else None,
        withdrawn=_withdrawn(path, value.get("withdrawn", {})),
    )


def remember(
    path: Path,
    public_key: PublicKey,
    role: str = "auditor",
    *,
    required: int | None = None,
    max_delay_s: int | None = None,
) -> TrustPolicy:
    """Trust a key in a role from now on.

    Args:
        path: A home directory, whose trust.json it is, or a file named *.json; made where there is none.
        public_key: The key.
        role: One of `ROLES`.
        required: Also demand from now on that so many keys trusted in this role, or in one demanded before, cosign; 0
            demands none. None leaves the policy's demand as it is.
        max_delay_s: With a demand, how long a record may stand unseen. None leaves that as it is.

    Raises:
        InvalidDocument: The role is unknown, or the policy that is there is malformed.
    """
    path, before = _open(path)
    roles = {name: set(keys) for name, keys in before.roles.items()}
    roles.setdefault(role, set()).add(public_key.fingerprint)
    rule = before.witnesses
    if required is not None:
        of = {role, *(rule.of if rule else ())}
        kept = rule.max_delay_s if rule else None
        rule = WitnessRule(required=required, of=tuple(sorted(of)), max_delay_s=kept) if required else None
    if rule and max_delay_s is not None:
        rule = replace(rule, max_delay_s=max_delay_s)
    checked = _roles(path, {name: sorted(keys) for name, keys in roles.items()})
    return _write(path, replace(before, roles=checked, witnesses=rule))


def remember_time_root(
    path: Path, pem: bytes, *, required: tuple[str, ...] = (), for_witness: bool = False
) -> TrustPolicy:
    """Trust time stamps under these root certificates from now on; they are copied beside the policy.

    Args:
        path: As for `remember`.
        pem: One certificate or several.
        required: Of `TARGETS`: demand such a time stamp of each from now on.
        for_witness: Also let a time stamp of the whole log stand for a witness; without a demand so far, demand one.

    Raises:
        InvalidDocument: Not certificates, or the policy that is there is malformed.
    """
    path, before = _open(path)
    _certificates(path, "the root given", pem)
    name = f"tsa-{canonical.digest(pem)[:16]}.pem"
    rule = before.timestamps or TimestampRule()
    rule = TimestampRule(roots={**rule.roots, name: pem}, required=_merged(TARGETS, rule.required, required))
    witnesses = before.witnesses
    if for_witness:
        witnesses = witnesses or WitnessRule(required=1, of=WITNESS_ROLES)
        witnesses = replace(witnesses, of=tuple(sorted({*witnesses.of, TIMESTAMP})))
    write_atomic(path.parent / name, pem)
    return _write(path, replace(before, timestamps=rule, witnesses=witnesses))


def remember_identity(
    path: Path, trusted_root: bytes, who: Identity, *, required: tuple[str, ...] = ()
) -> TrustPolicy:
    """Accept sigstore signatures of this identity, under this trusted root, from now on; the root is copied beside.

    A policy has one trusted root: another takes the place of the one before, for every identity.

    Raises:
        InvalidDocument: The root is not JSON, or the policy that is there is malformed.
    """
    path, before = _open(path)
    try:
        canonical.decode(trusted_root, max_bytes=_MAX_ROOT)
    except canonical.InvalidJson as error:
        raise _refused(path, f"the trusted root given is {error}") from error
    root = path.parent / f"sigstore-{canonical.digest(trusted_root)[:16]}.json"
    rule = before.sigstore or KeylessRule(trusted_root=root)
    identities = (*(one for one in rule.identities if one != who), who)
    merged = _merged(SIGNABLE, rule.required, required)
    write_atomic(root, trusted_root)
    return _write(
        path, replace(before, sigstore=KeylessRule(trusted_root=root, identities=identities, required=merged))
    )


def follow(path: Path, statement: Rotation | Withdrawal) -> TrustPolicy:
    """Do as a key's own statement says: trust its successor in its roles, or believe it no more from a time on.

    Raises:
        SignerUnknown: The policy trusts the key in no role, or it was withdrawn and names a successor all the same.
        InvalidDocument: The policy that is there is malformed.
    """
    path, before = _open(path)
    old = (statement.old if isinstance(statement, Rotation) else statement.key).fingerprint
    roles = [role for role, keys in before.roles.items() if old in keys]
    if not roles:
        raise SignerUnknown(f"your policy trusts {old} in no role, so its statement changes nothing")
    if isinstance(statement, Withdrawal):
        since = min(statement.since, before.withdrawn.get(old, statement.since))
        return _write(path, replace(before, withdrawn={**before.withdrawn, old: since}))
    if old in before.withdrawn:
        raise SignerUnknown(f"{old} was withdrawn: whoever has it now cannot name its successor")
    new = {statement.new.fingerprint}
    return _write(
        path, replace(before, roles={**before.roles, **{role: before.roles[role] | new for role in roles}})
    )


def _open(path: Path) -> tuple[Path, TrustPolicy]:
    path = path if path.suffix == ".json" and not path.is_dir() else path / TRUST
    return path, read_trust(path) if path.exists() else TrustPolicy()


def _write(path: Path, policy: TrustPolicy) -> TrustPolicy:
    document: dict[str, Any] = {
        "schema": SCHEMA,
        "roles": {name: sorted(keys) for name, keys in policy.roles.items()},
    }
    if rule := policy.witnesses:
        delay = {} if rule.max_delay_s is None else {"max_delay_s": rule.max_delay_s}
        document["witnesses"] = {"required": rule.required, "of": list(rule.of), **delay}
    if stamps := policy.timestamps:
        document["timestamps"] = {"roots": sorted(stamps.roots), "required": list(stamps.required)}
    if keyless := policy.sigstore:
        document["sigstore"] = {
            "trusted_root": keyless.trusted_root.name,
            "identities": [{"identity": one.identity, "issuer": one.issuer} for one in keyless.identities],
            "required": list(keyless.required),
        }
    if policy.withdrawn:
        document["withdrawn"] = dict(policy.withdrawn)
    write_atomic(path, canonical.encode(document) + b"\n", mode=0o600)
    return policy


def _rule(path: Path, value: Any) -> WitnessRule:
    delay: Any
    match value:
        case {"required": int(required), "of": [*of], **more} if set(more) <= {"max_delay_s"}:
            delay = more.get("max_delay_s")
            good = _whole(required, 1, _MOST_WITNESSES) and (
                delay is None or _whole(delay, 0, _LONGEST_DELAY)
            )
            if good and of and all(role in (*WITNESS_ROLES, TIMESTAMP) for role in of):
                return WitnessRule(required=required, of=tuple(of), max_delay_s=delay)
    raise _refused(
        path,
        f"witnesses is not a number required (1 to {_MOST_WITNESSES}) of roles {', '.join((*WITNESS_ROLES, TIMESTAMP))}, "
        "and perhaps max_delay_s, whole seconds",
    )


def _timestamps(path: Path, value: Any) -> TimestampRule:
    match value:
        case {"roots": [*names], **more} if set(more) <= {"required"}:
            if 0 < len(names) <= _MOST_ROOTS and all(_is_name(name) for name in names):
                roots = {name: _beside(path, name) for name in names}
                for name, pem in roots.items():
                    _certificates(path, name, pem)
                return TimestampRule(roots=roots, required=_demand(path, more, TARGETS))
    raise _refused(
        path, f"timestamps is not a list roots of 1 to {_MOST_ROOTS} files beside it, and perhaps required"
    )


def _sigstore(path: Path, value: Any) -> KeylessRule:
    match value:
        case {"trusted_root": str(name), "identities": [*listed], **more} if set(more) <= {"required"}:
            good = all(
                isinstance(one, dict)
                and set(one) == {"identity", "issuer"}
                and all(isinstance(text, str) and text for text in one.values())
                for one in listed
            )
            if good and listed and _is_name(name):
                _beside(path, name)
                return KeylessRule(
                    trusted_root=path.parent / name,
                    identities=tuple(Identity(**one) for one in listed),
                    required=_demand(path, more, SIGNABLE),
                )
    raise _refused(
        path,
        "sigstore is not a trusted_root (a file beside it), identities of identity and issuer, and perhaps required",
    )


def _withdrawn(path: Path, value: Any) -> dict[str, int]:
    good = isinstance(value, dict) and all(
        _FINGERPRINT.fullmatch(key) and _whole(since, 0, _LATEST) for key, since in value.items()
    )
    if not good:
        raise _refused(path, "withdrawn is not an object of fingerprints to whole seconds since 1970")
    return dict(value)


def _demand(path: Path, more: Mapping[Any, Any], known: tuple[str, ...]) -> tuple[str, ...]:
    required = more.get("required", [])
    if not isinstance(required, list) or not all(one in known for one in required):
        raise _refused(path, f"required is not a list of {', '.join(known)}")
    return tuple(required)


def _merged(known: tuple[str, ...], before: tuple[str, ...], more: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(one for one in known if one in {*before, *more})


def _beside(path: Path, name: str) -> bytes:
    try:
        return read_capped(path.parent / name, max_bytes=_MAX_ROOT, name=name)
    except UnsafePath as error:
        raise _refused(path, f"names {error.faults[0]}") from error


def _certificates(path: Path, name: str, pem: bytes) -> None:
    from cryptography import x509

    try:
        x509.load_pem_x509_certificates(pem)
    except ValueError as error:
        raise _refused(path, f"{name} holds no PEM certificate") from error


def _is_name(name: Any) -> bool:
    return isinstance(name, str) and "/" not in name and is_plain_name(name)


def _whole(value: Any, low: int, high: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and low <= value <= high


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
