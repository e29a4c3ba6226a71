"""Models in roles: from `--role NAME=MODEL` to models that can be opened and stand in the plan.

A role is held by a live model. Its settings are its own, but for the address of its provider, the time-out and the number
of connections, which it shares with the subjects unless it is told otherwise.
"""

from dataclasses import dataclass
from typing import get_args

from countermark.audit.request import AuditRequest
from countermark.errors import UnknownSubject, UsageError
from countermark.records import PlannedRole, RoleName, Subject
from countermark.subjects.live import LiveSettings, describe, open_live

ROLES: tuple[RoleName, ...] = get_args(RoleName)


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleModel:
    """One role and the model in it, not yet opened."""

    role: RoleName
    model: str
    settings: LiveSettings

    @property
    def planned(self) -> PlannedRole:
        """As the plan has it."""
        return PlannedRole(role=self.role, model=self.model, settings=describe(self.model, self.settings))

    def open(self) -> Subject:
        """Something that answers; nothing is sent yet. Raises `SubjectError`."""
        return open_live(self.model, settings=self.settings)


def role_models(request: AuditRequest) -> tuple[RoleModel, ...]:
    """The models asked for, in the order of `ROLES`.

    Raises:
        UsageError: No such role, or a setting no provider takes.
        UnknownSubject: A model that is not written as a live one.
    """
    unknown = sorted(set(request.roles) - set(ROLES))
    if unknown:
        raise UsageError(f"no role {unknown[0]!r}", hint=f"there are: {', '.join(ROLES)}")
    return tuple(_model(role, request) for role in ROLES if role in request.roles)


def _model(role: RoleName, request: AuditRequest) -> RoleModel:
    asked = request.roles[role]
    provider = asked.model.partition("/")[0]
    if provider in ("reference", "weights") or not provider or "/" not in asked.model:
        raise UnknownSubject(
            f"{asked.model!r} cannot hold the role {role}",
            hint="give a live model as provider/model, such as openai/gpt-4.1",
        )
    settings = LiveSettings(
        base_url=request.base_urls.get(role, request.base_urls.get(provider)),
        timeout_s=request.timeout_s,
        max_connections=request.connections,
        temperature=asked.temperature,
        reasoning=asked.reasoning,
    )
    return RoleModel(role=role, model=asked.model, settings=settings)
