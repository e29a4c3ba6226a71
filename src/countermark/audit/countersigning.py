"""Developers' countersignatures of a plan in the audit's directory: taken in once, and read back for the seed."""

from collections.abc import Sequence
from pathlib import Path

from countermark.audit.directory import read_plan
from countermark.errors import EvidenceError, UsageError
from countermark.evidence import Nonce, parse_public_key
from countermark.evidence.countersign import Countersignature, split_signatures
from countermark.evidence.directory import PLANNER_KEY
from countermark.evidence.manifest import SIGNATURES
from countermark.files import inside, read_capped, write_atomic
from countermark.records import Plan
from countermark.verify.countersigned import open_parts

_MAX = 64 * 1024 * 1024


def add_countersignatures(audit_dir: Path, lines: Sequence[bytes]) -> None:
    """Put developers' lines behind the auditor's in plan/signatures.intoto.jsonl; those that are there are left.

    Raises:
        EvidenceError: One does not hold; the file is then as it was before.
    """
    path = inside(audit_dir, f"plan/{SIGNATURES}")
    before = read_capped(path, max_bytes=_MAX)
    first, there = split_signatures(before)
    given = [line.rstrip(b"\n") + b"\n" for line in lines]
    new = [line for line in dict.fromkeys(given) if line not in there]
    if not new:
        return
    write_atomic(path, b"".join([first, *there, *new]))
    faults = _opened(audit_dir, read_plan(audit_dir))[1]
    if faults:
        write_atomic(path, before)
        raise EvidenceError("; ".join(faults), hint="ask for the countersignature of this very plan")


def read_parts(audit_dir: Path, plan: Plan) -> tuple[Nonce, ...]:
    """The developers' parts of the seed, each as its countersignature opened it.

    Raises:
        EvidenceError: A countersignature does not hold; all that is wrong is said.
        UsageError: One that the plan waits for is missing.
    """
    if not plan.seed.developers:
        return ()
    found, faults = _opened(audit_dir, plan)
    if faults:
        raise EvidenceError("; ".join(faults))
    missing = [commitment for commitment in plan.seed.developers if commitment not in found]
    if missing:
        raise UsageError(
            f"the plan waits for the countersignature that opens {', '.join(missing)}",
            hint="its developer makes it with `countermark plan countersign`; then `run --plan DIR --countersignature FILE`",
        )
    return tuple(found[commitment].part for commitment in plan.seed.developers)


def _opened(audit_dir: Path, plan: Plan) -> tuple[dict[str, Countersignature], list[str]]:
    auditor = parse_public_key(read_capped(inside(audit_dir, f"plan/{PLANNER_KEY}"), max_bytes=4096))
    return open_parts(audit_dir, plan.seed.developers, auditor)
