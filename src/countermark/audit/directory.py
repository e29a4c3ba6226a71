"""The audit directory (charter, section 6): beginning it, reading its plan back, naming its parts."""

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError

from countermark.audit.copies import placed
from countermark.audit.planning import Audit
from countermark.audit.request import AuditRequest, write_request
from countermark.canonical import InvalidJson, decode, digest
from countermark.errors import CountermarkError, InvalidDocument, SignerUnknown, UnsafePath, UsageError
from countermark.evidence import EvidenceLog, SigningKey, open_statement, sign_part, write_manifest
from countermark.evidence.countersign import split_signatures
from countermark.evidence.directory import DRAW, PLAN, PLANNER_KEY, RUN
from countermark.evidence.dsse import DRAW_TYPE, PLAN_TYPE
from countermark.evidence.items import LEAVES, format_leaves
from countermark.evidence.manifest import SIGNATURES
from countermark.evidence.seed import SEED
from countermark.files import inside, read_capped, sync_directory, write_atomic
from countermark.records import Draw, Plan

Written = TypeVar("Written", Plan, Draw)


def begin_directory(audit_dir: Path, audit: Audit, request: AuditRequest, key: SigningKey) -> None:
    """Write packs, plan and draw, sign both, keep the request. All of it stands before the first call is made.

    It is made beside its place and moved there whole, so that a kill leaves either nothing or what `resume` takes up.

    Raises:
        InvalidDocument: `audit_dir` exists and is not an empty directory.
    """
    with _drafted(audit_dir) as draft:
        _write_plan(draft, audit, request, key)
        write_draw(draft, audit, key)


def begin_plan(audit_dir: Path, audit: Audit, request: AuditRequest, key: SigningKey) -> None:
    """As `begin_directory`, but nothing is drawn: the plan goes to the developers first. Raises likewise."""
    with _drafted(audit_dir) as draft:
        _write_plan(draft, audit, request, key)


def write_draw(audit_dir: Path, audit: Audit, key: SigningKey) -> None:
    """Write and sign what the seed made of the plan, and begin the log under its name.

    Raises:
        UsageError: There is a log already.
    """
    write_atomic(audit_dir / SEED, audit.seed.to_bytes(), mode=0o600)
    write_atomic(audit_dir / DRAW, audit.draw_bytes)
    write_atomic(audit_dir / LEAVES, format_leaves(audit.leaves))
    sign_part(audit_dir / "draw", key, DRAW_TYPE, {"audit": audit.plan.audit, "origin": audit.origin})
    EvidenceLog.create(audit_dir / RUN, origin=audit.origin, key=key).release()


def check_free(audit_dir: Path) -> None:
    """See that an audit can be begun there. Raises `InvalidDocument` where something lies there."""
    if audit_dir.exists() and (not audit_dir.is_dir() or any(audit_dir.iterdir())):
        raise InvalidDocument([f"{audit_dir}: [not-empty] is there already and is not an empty directory"])


@contextmanager
def _drafted(audit_dir: Path) -> Iterator[Path]:
    check_free(audit_dir)
    draft = audit_dir.with_name(f".{audit_dir.name}.{os.getpid()}.draft")
    try:
        yield draft
        draft.rename(audit_dir)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    sync_directory(audit_dir.parent)


def _write_plan(draft: Path, audit: Audit, request: AuditRequest, key: SigningKey) -> None:
    for name, files in {role.pack_folder: role.pack_files for role in audit.roles}.items():
        folder = draft / "pack" / name
        for file, data in files.items():
            write_atomic(inside(folder, file), data)
        write_manifest(folder)
    write_atomic(draft / PLAN, audit.plan_bytes)
    write_atomic(draft / "plan" / PLANNER_KEY, key.public.pem)
    sign_part(
        draft / "plan", key, PLAN_TYPE, {"audit": audit.plan.audit, "plan_sha256": digest(audit.plan_bytes)}
    )
    folders = {role.source: role.pack_folder for role in audit.roles if role.source}
    write_request(placed(request, folders), draft)


def check_own_plan(audit_dir: Path, key: SigningKey) -> None:
    """See that this key signed the plan as it stands, before anything is added under it.

    Raises:
        SignerUnknown: Another key signed it, or the plan was changed since.
    """
    data = read_capped(inside(audit_dir, f"plan/{SIGNATURES}"), max_bytes=64 * 1024 * 1024)
    try:
        statement = open_statement(split_signatures(data)[0], [key.public])
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
    return _read(audit_dir, PLAN, Plan)


def read_draw(audit_dir: Path) -> Draw:
    """The draw in an audit directory. Raises `InvalidDocument` with every fault."""
    return _read(audit_dir, DRAW, Draw)


def _read(audit_dir: Path, name: str, kind: type[Written]) -> Written:
    code = f"no-{Path(name).stem}"
    try:
        return kind.model_validate(decode(read_capped(inside(audit_dir, name), name=name), floats=False))
    except UnsafePath as error:
        raise InvalidDocument([f"{audit_dir}: [{code}] {error.faults[0]}"], [code]) from error
    except InvalidJson as error:
        raise InvalidDocument([f"{name}: [json] {error}"], ["json"]) from error
    except ValidationError as error:
        raise InvalidDocument(
            [f"{name}: /{'/'.join(map(str, fault['loc']))}: [{fault['type']}] {fault['msg']}"
             for fault in error.errors()]
        ) from error  # fmt: skip
