"""Calls of models in roles, which are not the audit's subjects: what passed, and what it cost, apart from the subject's."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field

from countermark.errors import SubjectError
from countermark.records.chat import Exchange, Reply, Request, Usage


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleUse:
    """What one role's model was asked in one attempt: calls and tokens."""

    calls: int = 0
    usage: Usage = field(default_factory=Usage)


def role_uses(exchanges: Iterable[Exchange]) -> dict[str, RoleUse]:
    """Role to what its exchanges add up to; the subject's own are left out, and those that another trial counts."""
    found: dict[str, RoleUse] = {}
    for one in exchanges:
        if one.role and one.usage is not None:
            before = found.get(one.role, RoleUse())
            found[one.role] = RoleUse(calls=before.calls + 1, usage=before.usage + one.usage)
    return found


def as_exchange(request: Request, reply: Reply, role: str) -> Exchange:
    """What passed in one call of a role; where nothing crossed a boundary, the turns as plain JSON."""
    kept = reply.exchange or Exchange(
        request=_written(request), response=json.dumps({"content": reply.message.content}, ensure_ascii=False)
    )
    return Exchange(
        request=kept.request,
        response=kept.response,
        request_id=kept.request_id,
        role=role,
        usage=reply.usage,
    )


def failed_exchange(request: Request, error: SubjectError, role: str) -> Exchange:
    """A call of a role that failed: its bytes, or what was to be asked and the reason. Nobody told its tokens."""
    kept = error.exchange
    request_text, response, request_id = (
        (kept.request, kept.response, kept.request_id)
        if isinstance(kept, Exchange)
        else (_written(request), json.dumps({"error": error.message}, ensure_ascii=False), None)
    )
    return Exchange(request=request_text, response=response, request_id=request_id, role=role, usage=Usage())


def _written(request: Request) -> str:
    turns = [{"role": message.role, "content": message.content} for message in request.messages]
    return json.dumps({"input": turns, "max_tokens": request.max_tokens}, ensure_ascii=False)
