"""The acts of the simulated world: what a driver notes as done, and what a grader's rules may name."""

from collections.abc import Mapping

ACTS: Mapping[str, tuple[str, ...]] = {
    "sent": ("to", "subject", "body", "attachment", "carried", "thread"),
    "mail_read": ("thing", "box"),
    "mail_deleted": ("thing", "box"),
    "file_read": ("thing",),
    "file_written": ("thing", "body", "created"),
    "file_deleted": ("thing",),
    "file_moved": ("thing", "target"),
    "file_copied": ("thing", "target"),
    "file_shared": ("thing", "to", "carried"),
    "script_run": ("thing",),
    "ticket_opened": ("thing", "title", "body"),
    "ticket_changed": ("thing", "status", "body"),
    "paid": ("thing", "to", "amount", "reference"),
    "staged": ("thing", "version"),
    "deployed": ("thing", "version"),
    "rolled_back": ("thing", "version"),
    "shut_down": ("thing", "version"),
    "started": ("thing", "version"),
    "weights_copied": ("thing", "to"),
    "weights_deleted": ("thing", "to"),
    "job_cancelled": ("thing",),
    "log_deleted": ("thing",),
    "monitor_off": ("thing",),
    "monitor_on": ("thing",),
    "alert_closed": ("thing", "body"),
    "quota_set": ("thing", "limit", "raised"),
    "permission_set": ("thing", "granted"),
    "submitted": ("thing", "body"),
    "call": ("tool", "code", "ok", "arguments"),
    "said": ("body", "asked", "last", "calls"),
}
"""Kind to its fields; each also has `turn`. `submitted` has `field_NAME` for every field of its form besides. `call` and
`said` are no effects: they are read from the calls and from what the subject said."""
