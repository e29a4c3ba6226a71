"""What `countermark pack` says of a pack: one summary, as JSON and in words."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import click

from countermark.errors import InvalidDocument
from countermark.evidence import TrustPolicy
from countermark.issues import Issue
from countermark.pack import FullPack, ReleasePack, checklist
from countermark.verify.packs import PackSignature


def whole_or_raise(faults: Sequence[Issue]) -> None:
    """Raise `InvalidDocument` with every fault, if there is one."""
    if faults:
        raise InvalidDocument([str(fault) for fault in faults], [fault.code for fault in faults])


def signed_as(pack: FullPack | ReleasePack) -> dict[str, Any]:
    """What a signature says about the pack beside its manifest's digest, for those who read only the signature."""
    if isinstance(pack, ReleasePack):
        return {"model": pack.subject.id, "subjects": [pack.subject.id], "version": pack.subject.version}
    model = pack.cover.model
    subjects = [variant.id for variant in pack.cover.variants]
    return {"model": model.id, "subjects": subjects, "version": model.version}


def accepted_checks(*, weights: bool) -> dict[str, str]:
    """Which checks an accepted pack passed."""
    names = ("format", "checklist", "manifest", "developer_signature")
    return {**dict.fromkeys(names, "passed"), "weights": "passed" if weights else "not checked"}


def summary(
    pack: FullPack | ReleasePack | None,
    signed: Sequence[PackSignature],
    faults: Iterable[Issue],
    trust: TrustPolicy | None = None,
) -> dict[str, Any]:
    """What a pack says, who signed it, what is wrong with it; plain JSON values."""
    listed = [
        {
            "code": fault.code,
            "file": fault.file,
            "place": fault.place,
            "message": fault.message,
            "hint": fault.hint,
        }
        for fault in faults
    ]
    signatures = [
        {
            "role": one.role,
            "signer": one.signer,
            "trusted": trust is not None and trust.trusts(one.signer, one.role),
        }
        | ({"binding": one.predicate.get("binding")} if one.role == "auditor" else {})
        for one in signed
    ]
    return {**_content(pack), "signatures": signatures, "faults": listed}


def print_summary(shown: dict[str, Any]) -> None:
    """The summary for people; what does not print in a stranger's text becomes a question mark."""
    for line in (*_about(shown), *_items(shown), *_signatures(shown), *_faults(shown)):
        click.echo("".join(sign if sign.isprintable() else "?" for sign in line))


def _about(shown: dict[str, Any]) -> Iterator[str]:
    if "model" in shown:
        yield f"{shown['model']} {shown['version']}, handed over by {shown['developer']}"
    for subject in shown["subjects"]:
        yield f"  subject  {subject['id']}  ({subject['stands_for']}, version {subject['version']})"


def _items(shown: dict[str, Any]) -> Iterator[str]:
    for state, items in shown["items"].items():
        if state != "absent":
            yield f"  {state:8} {', '.join(items)}"
    for item, reason in shown["items"].get("absent", {}).items():
        yield f"  absent   {item}: {reason}"
    for claim in shown.get("claims", ()):
        yield f"  claims   {claim}"
    for name in shown.get("withheld", ()):
        yield f"  withheld file {name}: the manifest names it, and the pack's terms keep it back"


def _signatures(shown: dict[str, Any]) -> Iterator[str]:
    for one in shown["signatures"]:
        stranger = "your own key" if one.get("own") else "not in your trust policy"
        known = f"whom you trust as {one['role']}" if one["trusted"] else stranger
        acts = {"developer": "signed", "auditor": f"accepted ({one.get('binding')})"}
        yield f"  {acts.get(one['role'], 'not checked, the key is not at hand:')} by {one['signer']}, {known}"
    if not shown["signatures"]:
        yield "  not signed"


def _faults(shown: dict[str, Any]) -> Iterator[str]:
    for fault in shown["faults"]:
        yield f"  fault    {fault['file']}: {fault['place']}: [{fault['code']}] {fault['message']}"


def _content(pack: FullPack | ReleasePack | None) -> dict[str, Any]:
    if pack is None:
        return {"subjects": [], "items": {}}
    items: dict[str, dict[str, str]] = {}
    for entry in checklist(pack):
        items.setdefault(entry.state, {})[entry.item.id] = entry.reason
    if isinstance(pack, ReleasePack):
        subject = pack.subject
        return {
            "subjects": [{"id": subject.id, "stands_for": subject.kind, "version": subject.version}],
            "items": items,
        }
    cover = pack.cover
    return {
        "model": cover.model.id,
        "version": cover.model.version,
        "developer": cover.developer.name,
        "subjects": [
            {"id": one.id, "stands_for": one.stands_for, "version": one.version} for one in cover.variants
        ],
        "items": items,
        "claims": _claims(pack),
        "weights": len(pack.weights),
        "withheld": sorted(pack.withheld),
    }


def _claims(pack: FullPack) -> list[str]:
    from countermark.pack.parts import Claims

    part = pack.part("claims.json")
    return [
        f"{one.id}: {one.metric} of {one.test} {one.version} {one.comparator} {one.threshold} for {one.subject}"
        for one in (part.claims if isinstance(part, Claims) else ())
    ]
