"""What somebody asks for with `countermark run`; kept beside an unfinished audit so that `resume` can go on."""

import secrets
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, ValidationError

from countermark.canonical import InvalidJson, decode, encode
from countermark.errors import InvalidDocument, UnsafePath, UsageError
from countermark.files import read_capped, write_atomic
from countermark.records.plan import Comparing, Decimal, Document, Stopping

RESUME_FILE = "resume.json"
WITNESS_URL = r"^https?://([A-Za-z0-9.-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(:[0-9]{1,5})?(/[A-Za-z0-9._~/-]*)?$"
"""An http or https address: host, perhaps port and path, and nothing else."""


class RoleRequest(Document):
    """A model for a role, and how it is sampled."""

    model: Annotated[str, Field(min_length=1, max_length=200)]
    temperature: str | None = None
    reasoning: str | None = None


class AuditRequest(Document):
    """Subjects, battery and limits of one audit. Holds addresses and paths, so it never enters the sealed evidence."""

    schema_: Annotated[Literal["countermark/audit-request/v0.1"], Field(alias="schema")] = (
        "countermark/audit-request/v0.1"
    )
    subjects: list[str]
    battery: str = "core"
    seed: Annotated[str, Field(pattern=r"^[0-9a-f]{1,64}$")]
    """The auditor's part of the seed, and the whole of it unless the plan is a joint one."""
    seed_salt: Annotated[
        str, Field(pattern=r"^[0-9a-f]{64}$", default_factory=partial(secrets.token_hex, 32))
    ]
    """Of the commitment to it that the plan holds."""
    joint: bool = False
    """Developers whose packs commit to a part of the seed have a part in it, and countersign the plan."""
    stopping: Stopping | None = None
    """None makes every trial."""
    comparing: Comparing = Comparing()
    auditor: str = "rehearsal"
    epochs: int = 1
    max_attempts: int = 3
    max_tokens: int = 1024
    items: dict[str, str] = {}
    """Test to the file whose items stand in place of its own, as `FILE@sha256:HEX`."""
    limit: int | None = None
    """At most so many scenarios of each arm."""
    connections: int = 32
    timeout_s: Annotated[int, Field(ge=1, le=3600)] = 120
    temperature: str | None = None
    """None sends none: the provider's default for the model."""
    reasoning: str | None = None
    """Effort or token budget; None sends none."""
    budget_usd: Annotated[Decimal, Field(pattern=r"^[0-9]")] | None = None
    base_urls: dict[str, str] = {}
    """Provider, or role, to address; a role's own goes before its provider's."""
    roles: dict[str, RoleRequest] = {}
    """Role to the model that holds it."""
    driver: str | None = None
    """In place of the driver of the tests that this one can run; None leaves every test its own."""
    weights: dict[str, str] = {}
    """Directories of weights that the auditor runs itself, by subject or by model of a pack; "" where one pack has weights."""
    copies: dict[str, str] = {}
    """Directory of a pack, among `subjects`, to the folder under the audit's pack/ that holds its copy."""
    prices: dict[str, str] = {}
    """Subject to `in=…,out=…`, USD a million tokens."""
    witnesses: Annotated[list[Annotated[str, Field(pattern=WITNESS_URL)]], Field(max_length=8)] = []
    """Addresses of witnesses to ask for cosignatures."""
    deviations: Annotated[
        list[Annotated[str, Field(pattern=r"\S", max_length=2000)]], Field(max_length=100)
    ] = []
    """What did not go as planned, in the auditor's own words."""


def altered(request: AuditRequest, changes: Mapping[str, object]) -> AuditRequest:
    """The request with some fields changed. Raises `UsageError` where a new value makes no sense."""
    try:
        return AuditRequest.model_validate({**request.model_dump(by_alias=True), **changes})
    except ValidationError as error:
        faults = [f"{fault['loc'][0]}: {fault['msg']}" for fault in error.errors()]
        raise UsageError("; ".join(faults)) from error


def write_request(request: AuditRequest, audit_dir: Path) -> None:
    """Keep the request beside the audit until it is sealed."""
    write_atomic(audit_dir / RESUME_FILE, encode(request.model_dump(mode="json", by_alias=True)), mode=0o600)


def read_request(audit_dir: Path) -> AuditRequest:
    """The request of an unfinished audit. Raises `InvalidDocument`."""
    try:
        raw = decode(
            read_capped(audit_dir / RESUME_FILE, max_bytes=1_000_000, name=RESUME_FILE), floats=False
        )
        return AuditRequest.model_validate(raw)
    except UnsafePath as error:
        raise InvalidDocument(
            [f"{audit_dir}: [not-resumable] holds no {RESUME_FILE}: the audit is sealed, or is no audit"]
        ) from error
    except (InvalidJson, ValidationError) as error:
        raise InvalidDocument([f"{RESUME_FILE}: [request] {error}"]) from error
