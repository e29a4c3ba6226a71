"""What the documents of one pack say of one another: names that lead nowhere, classes that cannot hold, missing salts."""

import re
from collections import Counter
from collections.abc import Iterable

from countermark.issues import Issues
from countermark.pack.full import (
    PACK_FILE,
    PARTS,
    TERMS_FILE,
    WEIGHTS_FILE,
    FullPack,
)
from countermark.pack.parts import Card, Claims, Safeguards
from countermark.pack.scan import shown
from countermark.pack.terms import ALWAYS_PUBLIC, is_public

_SALT = re.compile(r"\bsalt: [0-9a-f]{64}\b")


def check_consistency(pack: FullPack, names: Iterable[str], issues: Issues) -> None:
    """Every contradiction between the documents.

    Args:
        pack: The pack.
        names: The files there are, withheld ones included.
        issues: Codes `twice`, `unknown-name`, `identity-unused`, `class-unknown`, `class-public`, `salt-missing`.
    """
    _check_names(pack, issues)
    _check_claims(pack, issues)
    _check_identity(pack, issues)
    _check_classes(pack, {*names}, issues)
    _check_salts(pack, issues)


def _check_names(pack: FullPack, issues: Issues) -> None:
    safeguards = pack.part("safeguards.json")
    known = {one.id for one in safeguards.safeguards} if isinstance(safeguards, Safeguards) else set()
    listed = [one.id for one in safeguards.safeguards] if isinstance(safeguards, Safeguards) else []
    _once(listed, "safeguards.json", "/safeguards", issues)
    _once([one.id.casefold() for one in pack.cover.variants], PACK_FILE, "/variants", issues)
    for number, variant in enumerate(pack.cover.variants):
        place = f"/variants/{number}"
        for name in variant.safeguards_on:
            if name not in known and "safeguards.json" not in pack.withheld:
                hint = "describe it in safeguards.json"
                issues.add(
                    "unknown-name", PACK_FILE, f"{place}/safeguards_on", f"no safeguard {name!r}", hint
                )
        if variant.prompt and variant.prompt not in {*pack.prompts, *pack.withheld}:
            issues.add("unknown-name", PACK_FILE, f"{place}/prompt", f"{variant.prompt} is not there")
        if variant.door and variant.kind == "endpoint" and _provider(variant.door) != _provider(variant.id):
            issues.add("unknown-name", PACK_FILE, f"{place}/door", "is another provider's than the id")


def check_ids(raw: object, issues: Issues) -> None:
    """Ids of variants that stand twice in a `pack.json` that is not whole yet: code `twice`."""
    variants = raw.get("variants") if isinstance(raw, dict) else None
    ids = [one.get("id") for one in variants if isinstance(one, dict)] if isinstance(variants, list) else []
    _once([one.casefold() for one in ids if isinstance(one, str)], PACK_FILE, "/variants", issues)


def _check_claims(pack: FullPack, issues: Issues) -> None:
    subjects = {variant.id for variant in pack.cover.variants}
    claims, card = pack.part("claims.json"), pack.part("card.json")
    named: list[tuple[str, str, str]] = []
    if isinstance(claims, Claims):
        _once([claim.id for claim in claims.claims], "claims.json", "/claims", issues)
        named += [
            ("claims.json", f"/claims/{place}/subject", claim.subject)
            for place, claim in enumerate(claims.claims)
        ]
        _check_conditions(pack, claims, issues)
    if isinstance(card, Card):
        named += [
            ("card.json", f"/internal_results/{place}/variant", result.variant)
            for place, result in enumerate(card.internal_results or ())
        ]
    for file, where, subject in named:
        if subject not in subjects:
            hint = f"there are: {', '.join(sorted(subjects))}"
            issues.add("unknown-name", file, where, f"no variant {subject!r} in {PACK_FILE}", hint)


def _check_conditions(pack: FullPack, claims: Claims, issues: Issues) -> None:
    """The safeguards under which something is claimed are described, where their description may be seen."""
    safeguards = pack.part("safeguards.json")
    known = {one.id for one in safeguards.safeguards} if isinstance(safeguards, Safeguards) else set()
    for place, claim in enumerate(claims.claims):
        for name in claim.under.safeguards_on or ():
            if name not in known and "safeguards.json" not in pack.withheld:
                where, hint = f"/claims/{place}/under/safeguards_on", "describe it in safeguards.json"
                issues.add("unknown-name", "claims.json", where, f"no safeguard {name!r}", hint)


def _check_identity(pack: FullPack, issues: Issues) -> None:
    kinds = {variant.kind for variant in pack.cover.variants}
    present = {"identity/endpoint.json": "endpoint"} if pack.part("identity/endpoint.json") else {}
    present |= {WEIGHTS_FILE: "weights"} if pack.weights else {}
    for file, kind in present.items():
        if kind not in kinds:
            issues.add("identity-unused", file, "", f"no variant in {PACK_FILE} is of kind {kind}")


def _check_classes(pack: FullPack, names: set[str], issues: Issues) -> None:
    for place, rule in pack.terms.classes.items():
        name, _, pointer = place.partition("#")
        where = f"/classes/{shown(place).replace('~', '~0').replace('/', '~1')}"
        if name not in names:
            issues.add("class-unknown", TERMS_FILE, where, "is no file of this pack", "correct or remove it")
        elif name in ALWAYS_PUBLIC and (pointer or rule.class_ != "public" or rule.public_from):
            hint = "without it nobody could tell what is withheld, and why"
            issues.add("class-public", TERMS_FILE, where, f"{name} is always public, and as a whole", hint)
        elif pointer and not _leads_somewhere(pack, name, pointer):
            issues.add("class-unknown", TERMS_FILE, where, "leads to no field of that file")


def _leads_somewhere(pack: FullPack, name: str, pointer: str) -> bool:
    """Whether a JSON pointer leads to something in a document; in a withheld one nobody can tell."""
    if name in pack.withheld:
        return True
    part = pack.part(name)
    if part is None or not pointer.startswith("/"):
        return False
    value: object = part.model_dump(mode="json", by_alias=True, exclude_none=True)
    for step in pointer[1:].split("/"):
        key = step.replace("~1", "/").replace("~0", "~")
        if isinstance(value, dict) and key in value:
            value = value[key]
        elif isinstance(value, list) and key.isdecimal() and key.isascii() and int(key[:6]) < len(value):
            value = value[int(key[:6])]
        else:
            return False
    return True


def _check_salts(pack: FullPack, issues: Issues) -> None:
    """A file that is withheld now or later shows its SHA-256: without a salt, whoever guesses the content is told so."""
    hint = '"salt": 64 random hexadecimal digits, such as `openssl rand -hex 32` prints'
    for name in PARTS:
        part = pack.part(name)
        if part is not None and part.salt is None and not is_public(pack.terms, name, "0000-00-00"):
            issues.add("salt-missing", name, "/salt", "is not public and bears no salt", hint)
    for name, text in pack.prompts.items():
        if not is_public(pack.terms, name, "0000-00-00") and not _SALT.search(text):
            hint = "end it with a line `<!-- salt: … -->` of 64 random hexadecimal digits"
            issues.add("salt-missing", name, "", "is not public and bears no salt", hint)


def _once(ids: list[str], file: str, place: str, issues: Issues) -> None:
    for one in sorted(one for one, count in Counter(ids).items() if count > 1):
        issues.add("twice", file, place, f"{shown(one)!r} stands twice")


def _provider(subject: str) -> str:
    return subject.partition("/")[0]
