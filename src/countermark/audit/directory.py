"""The audit directory (charter, section 6): beginning it, reading its plan back, naming its parts."""

from pathlib import Path

from pydantic import ValidationError

from countermark.audit.planning import Audit
from countermark.audit.request import AuditRequest, write_request
from countermark.canonical import InvalidJson, decode, digest, encode
from countermark.errors import InvalidDocument, UnsafePath
from countermark.evidence import NS, SigningKey, sign_part, write_manifest
from countermark.files import inside, read_capped, slug, write_atomic
from countermark.pack import PACK_FILE, encode_pack
from countermark.records import Plan

PLAN_FILE = "plan/plan.json"
EVIDENCE_RUN = "evidence/run-1"


def encode_plan(plan: Plan) -> bytes:
    """The plan as canonical JSON."""
    return encode(plan.model_dump(mode="json", by_alias=True))


def begin_directory(audit_dir: Path, audit: Audit, request: AuditRequest, key: SigningKey) -> None:
    """Write packs and plan, sign the plan, keep the request. All of it stands before the first call is made.

    Raises:
        InvalidDocument: `audit_dir` exists and is not an empty directory.
    """
    if audit_dir.exists() and (not audit_dir.is_dir() or any(audit_dir.iterdir())):
        raise InvalidDocument([f"{audit_dir}: [not-empty] is there already and is not an empty directory"])
    for role in audit.roles:
        folder = audit_dir / "pack" / slug(role.id)
        write_atomic(folder / PACK_FILE, encode_pack(role.pack))
        write_manifest(folder)
    plan = encode_plan(audit.plan)
    write_atomic(audit_dir / PLAN_FILE, plan)
    sign_part(
        audit_dir / "plan",
        key,
        f"{NS}/audit-plan/v0.1",
        {"audit": audit.plan.audit, "plan_sha256": digest(plan)},
    )
    write_request(request, audit_dir)


def read_plan(audit_dir: Path) -> Plan:
    """The plan in an audit directory. Raises `InvalidDocument` with every fault."""
    try:
        raw = decode(read_capped(inside(audit_dir, PLAN_FILE), name=PLAN_FILE), floats=False)
        return Plan.model_validate(raw)
    except UnsafePath as error:
        raise InvalidDocument([f"{audit_dir}: [no-plan] {error.faults[0]}"], ["no-plan"]) from error
    except InvalidJson as error:
        raise InvalidDocument([f"{PLAN_FILE}: [json] {error}"], ["json"]) from error
    except ValidationError as error:
        raise InvalidDocument(
            [f"{PLAN_FILE}: /{'/'.join(map(str, fault['loc']))}: [{fault['type']}] {fault['msg']}"
             for fault in error.errors()]
        ) from error  # fmt: skip
