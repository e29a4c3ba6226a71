"""What a plan says of the packs it is made with: whether their developers signed them, and whether the auditor accepted them.

None of that stops a plan: a pack need be neither signed nor accepted. But whoever skipped a step by mistake reads it in time.
What does is a signature that does not hold, since no audit made with that pack would verify.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from countermark.cli.lines import say
from countermark.cli.output import printable
from countermark.evidence import PublicKey, TrustPolicy
from countermark.issues import Issues
from countermark.pack import PACK_MANIFEST, PACK_SIGNATURES
from countermark.verify.packs import (
    DEVELOPER_KEY,
    RECEIVED,
    PackSignature,
    open_pack_signatures,
    parse_developer_key,
)

if TYPE_CHECKING:
    from countermark.audit.casting import Role

_HINT = "ask its developer for the pack again: no audit made with this one would verify"


@dataclass(frozen=True, slots=True, kw_only=True)
class HandedOver:
    """One pack, by the directory it came from.

    Attributes:
        pack: The directory.
        developer: Fingerprint of the key whose signature as developer holds; empty where there is none.
        trusted: Whether the auditor's policy trusts that key as developer.
        accepted: Whether the auditor's own acceptance stands behind it.
    """

    pack: str
    developer: str
    trusted: bool
    accepted: bool


def handed_over(roles: Sequence["Role"], trust: TrustPolicy, auditor: PublicKey) -> list[HandedOver]:
    """Each pack that was handed over as a directory, once, in the order of the subjects.

    Args:
        roles: The audit's.
        trust: The auditor's policy.
        auditor: The auditor's key; an acceptance by another is not the auditor's.

    Raises:
        InvalidDocument: The auditor's own acceptance does not hold.
    """
    found, issues = [], Issues()
    for pack, files in _packs(roles).items():
        signed = _signatures(pack, files, [auditor], issues)
        developer = next((one.signer for one in signed if one.role == "developer"), "")
        trusted = bool(developer) and trust.trusts(developer, "developer")
        accepted = any(one.role == "auditor" for one in signed)
        found.append(HandedOver(pack=pack, developer=developer, trusted=trusted, accepted=accepted))
    issues.raise_if_any()
    return found


def refuse_broken(roles: Sequence["Role"]) -> None:
    """See that every signature over a pack holds, as far as its key is at hand: `verify` refuses an audit of another one.

    Raises:
        InvalidDocument: Naming every fault of every pack's signatures.
    """
    issues = Issues()
    for pack, files in _packs(roles).items():
        _signatures(pack, files, [], issues)
    issues.raise_if_any()


def print_handed_over(packs: Sequence[HandedOver]) -> None:
    """One line for each pack that is unsigned, signed by somebody whom the policy does not trust, or not accepted."""
    for one in packs:
        lacking = "; ".join(_lacking(one))
        if lacking:
            say(printable(f"!  {one.pack}: {lacking}").replace("\n", " "), hang=3)


def as_json(packs: Sequence[HandedOver]) -> list[dict[str, Any]]:
    """The same as plain values."""
    return [asdict(one) for one in packs]


def _packs(roles: Sequence["Role"]) -> dict[str, Mapping[str, bytes]]:
    return {role.source: role.received for role in roles if role.source and role.received is not None}


def _signatures(
    pack: str, files: Mapping[str, bytes], auditors: Sequence[PublicKey], issues: Issues
) -> tuple[PackSignature, ...]:
    """What stage 4 of `verify` will find in the audit's copy; faults are told of the pack's own files."""
    lines, manifest = (files.get(f"{RECEIVED}{name}", b"") for name in (PACK_SIGNATURES, PACK_MANIFEST))
    pem, faults = files.get(DEVELOPER_KEY), Issues()
    key = None if pem is None else parse_developer_key(pem, faults)
    found = open_pack_signatures(lines, manifest, key, auditors, faults) if lines else ()
    for one in faults:
        issues.add(one.code, f"{pack}/{one.file}", one.place, one.message, one.hint or _HINT)
    return found


def _lacking(one: HandedOver) -> Iterator[str]:
    if not one.developer:
        yield "no developer signed it"
    elif not one.trusted:
        yield f"signed by {one.developer}, whom your policy does not trust as developer"
    if not one.accepted:
        yield "it bears no acceptance of yours"
