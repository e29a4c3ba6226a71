"""Developers' countersignatures of a plan in the audit's directory: taken in once, and read back for the seed."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from countermark.audit.directory import read_plan
from countermark.errors import EvidenceError, SignerUnknown, UsageError
from countermark.evidence import Nonce, PublicKey, parse_public_key
from countermark.evidence.countersign import Countersignature, open_countersignature, split_signatures
from countermark.evidence.directory import PLANNER_KEY
from countermark.evidence.manifest import MANIFEST, MAX_MANIFEST, SIGNATURES
from countermark.evidence.seed import MAX_PARTIES
from countermark.files import inside, read_capped, write_atomic
from countermark.issues import Issues
from countermark.records import Plan
from countermark.verify.countersigned import open_parts, owners

_MAX = 64 * 1024 * 1024
_HINT = (
    "ask its developer for the countersignature of this very plan, as `countermark plan countersign` wrote it"
)


def check_countersignatures(audit_dir: Path, given: Mapping[str, bytes]) -> dict[bytes, Nonce]:
    """The lines given that are not in plan/signatures.intoto.jsonl yet, each with the part that it opens; nothing is written.

    Args:
        audit_dir: Holds plan/ and the packs.
        given: Name of each file, as its giver knows it, to what is in it.

    Raises:
        InvalidDocument: Naming every line that does not hold, or opens what another one opened.
    """
    if not given:
        return {}
    there = split_signatures(_signatures(audit_dir))[1]
    issues, manifest, known = Issues(), _manifest(audit_dir), _countersigners(audit_dir)
    opened = dict.fromkeys(_opened(audit_dir, read_plan(audit_dir))[0], b"")
    new: dict[bytes, Nonce] = {}
    for file, place, line in _lines(given, issues):
        if line in there:
            continue
        try:
            part = _opens(line, manifest, known)
        except (EvidenceError, SignerUnknown) as error:
            issues.add("countersignature", file, place, error.message, _HINT)
            continue
        if opened.setdefault(part.commitment, line) != line:
            why = "opens a part of the seed that another countersignature opened"
            issues.add("countersignature", file, place, why, _HINT)
        new[line] = part
    issues.raise_if_any()
    return new


def add_countersignatures(audit_dir: Path, new: Iterable[bytes]) -> None:
    """Put developers' lines, as `check_countersignatures` found them good, behind those in plan/signatures.intoto.jsonl."""
    lines = [*new]
    if lines:
        write_atomic(inside(audit_dir, f"plan/{SIGNATURES}"), b"".join([_signatures(audit_dir), *lines]))


def read_parts(audit_dir: Path, plan: Plan, more: Iterable[Nonce] = ()) -> tuple[Nonce, ...]:
    """The developers' parts of the seed, each as its countersignature opened it.

    Args:
        audit_dir: Holds plan/ and the packs.
        plan: Its plan.
        more: Parts that lines not yet put there open.

    Raises:
        EvidenceError: A countersignature does not hold; all that is wrong is said.
        UsageError: One that the plan waits for is missing.
    """
    if not plan.seed.developers:
        return ()
    found, faults = _opened(audit_dir, plan)
    if faults:
        raise EvidenceError("; ".join(faults))
    parts = {commitment: one.part for commitment, one in found.items()}
    parts |= {part.commitment: part for part in more}
    missing = [commitment for commitment in plan.seed.developers if commitment not in parts]
    if missing:
        raise UsageError(
            f"the plan waits for the countersignature that opens {', '.join(missing)}",
            hint="its developer makes it with `countermark plan countersign`; then `run --plan DIR --countersignature FILE`",
        )
    return tuple(parts[commitment] for commitment in plan.seed.developers)


def _lines(given: Mapping[str, bytes], issues: Issues) -> Iterator[tuple[str, str, bytes]]:
    """File, place and line of what may be a countersignature; a file of none or too many lines is a fault."""
    for file, data in given.items():
        lines = data.splitlines()
        if not 0 < len(lines) <= MAX_PARTIES:
            issues.add("countersignature", file, "", f"has {len(lines)} lines: is no countersignature", _HINT)
            continue
        for number, line in enumerate(lines, 1):
            yield file, f"line {number}", line + b"\n"


def _countersigners(audit_dir: Path) -> dict[str, PublicKey]:
    """Each commitment that the plan names to the key that signed it with its pack; the auditor's own key is none."""
    named = read_plan(audit_dir).seed.developers
    auditor = _auditor(audit_dir)
    return {name: key for name, key in owners(audit_dir).items() if name in named and key != auditor}


def _opens(line: bytes, manifest: bytes, known: Mapping[str, PublicKey]) -> Nonce:
    """The part of the seed that a countersignature opens, once it holds. Raises `EvidenceError`, `SignerUnknown`."""
    one = open_countersignature(line, manifest, list(known.values()))
    commitment = one.part.commitment
    if commitment not in known or known[commitment].fingerprint != one.signer:
        raise EvidenceError(f"opens {commitment}, which its signer's pack did not commit to for this plan")
    return one.part


def _signatures(audit_dir: Path) -> bytes:
    return read_capped(inside(audit_dir, f"plan/{SIGNATURES}"), max_bytes=_MAX)


def _manifest(audit_dir: Path) -> bytes:
    return read_capped(inside(audit_dir, f"plan/{MANIFEST}"), max_bytes=MAX_MANIFEST)


def _auditor(audit_dir: Path) -> PublicKey:
    return parse_public_key(read_capped(inside(audit_dir, f"plan/{PLANNER_KEY}"), max_bytes=4096))


def _opened(audit_dir: Path, plan: Plan) -> tuple[dict[str, Countersignature], list[str]]:
    return open_parts(audit_dir, plan.seed.developers, _auditor(audit_dir))
