"""The audit directory (charter, section 6): beginning it, reading its plan back, naming its parts."""

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pydantic import ValidationError

from countermark.audit.planning import Audit
from countermark.audit.request import AuditRequest, write_request
from countermark.canonical import InvalidJson, decode, digest, encode
from countermark.errors import CountermarkError, InvalidDocument, SignerUnknown, UnsafePath, UsageError
from countermark.evidence import EvidenceLog, SigningKey, open_statement, sign_part, write_manifest
from countermark.evidence.directory import PLAN, RUN
from countermark.evidence.dsse import PLAN_TYPE
from countermark.evidence.manifest import SIGNATURES
from countermark.files import inside, read_capped, sync_directory, write_atomic
from countermark.records import Plan


def begin_directory(audit_dir: Path, audit: Audit, request: AuditRequest, key: SigningKey) -> None:
    """Write packs and plan, sign the plan, keep the request. All of it stands before the first call is made.

    It is made beside its place and moved there whole, so that a kill leaves either nothing or what `resume` takes up.

    Raises:
        InvalidDocument: `audit_dir` exists and is not an empty directory.
    """
    if audit_dir.exists() and (not audit_dir.is_dir() or any(audit_dir.iterdir())):
        raise InvalidDocument([f"{audit_dir}: [not-empty] is there already and is not an empty directory"])
    draft = audit_dir.with_name(f".{audit_dir.name}.{os.getpid()}.draft")
    try:
        _write_beginning(draft, audit, request, key)
        draft.rename(audit_dir)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    sync_directory(audit_dir.parent)


def _write_beginning(draft: Path, audit: Audit, request: AuditRequest, key: SigningKey) -> None:
    for name, files in {role.pack_folder: role.pack_files for role in audit.roles}.items():
        folder = draft / "pack" / name
        for file, data in files.items():
            write_atomic(inside(folder, file), data)
        write_manifest(folder)
    plan = encode(audit.plan.model_dump(mode="json", by_alias=True))
    write_atomic(draft / PLAN, plan)
    sign_part(draft / "plan", key, PLAN_TYPE, {"audit": audit.plan.audit, "plan_sha256": digest(plan)})
    write_request(request, draft)
    EvidenceLog.create(draft / RUN, origin=audit.plan.audit, key=key).release()


def check_own_plan(audit_dir: Path, key: SigningKey) -> None:
    """See that this key signed the plan as it stands, before anything is added under it.

    Raises:
        SignerUnknown: Another key signed it, or the plan was changed since.
    """
    line = read_capped(inside(audit_dir, f"plan/{SIGNATURES}"), max_bytes=1_000_000)
    try:
        statement = open_statement(line, [key.public])
    except CountermarkError as error:
        raise SignerUnknown(
            f"{audit_dir}: the plan is not signed by the key at hand ({key.public.fingerprint[:16]}…)",
            hint="go on with the --home the audit was begun with",
        ) from error
    if statement.predicate.get("plan_sha256") != digest(read_capped(inside(audit_dir, PLAN))):
        raise InvalidDocument([f"{audit_dir}/{PLAN}: [plan-changed] is not the plan that was signed"])


@contextmanager
def held(audit_dir: Path) -> Iterator[None]:
    """Keep every other process from writing this audit. Raises `UsageError` where one is at it."""
    descriptor = os.open(audit_dir, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError as error:
        raise UsageError(
            f"another process is at work on {audit_dir}", hint="let it finish, or stop it"
        ) from error
    finally:
        os.close(descriptor)


def read_plan(audit_dir: Path) -> Plan:
    """The plan in an audit directory. Raises `InvalidDocument` with every fault."""
    try:
        raw = decode(read_capped(inside(audit_dir, PLAN), name=PLAN), floats=False)
        return Plan.model_validate(raw)
    except UnsafePath as error:
        raise InvalidDocument([f"{audit_dir}: [no-plan] {error.faults[0]}"], ["no-plan"]) from error
    except InvalidJson as error:
        raise InvalidDocument([f"{PLAN}: [json] {error}"], ["json"]) from error
    except ValidationError as error:
        raise InvalidDocument(
            [f"{PLAN}: /{'/'.join(map(str, fault['loc']))}: [{fault['type']}] {fault['msg']}"
             for fault in error.errors()]
        ) from error  # fmt: skip
