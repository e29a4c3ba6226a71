"""Redacted copies of the factory's audit, and what an insider with the auditor's key does to one."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from audit_factory import KEY, RUN, render
from countermark.canonical import decode, encode
from countermark.evidence import open_statement
from countermark.evidence.manifest import parse_manifest
from countermark.evidence.redacting import Making, redact, sign_copy
from countermark.evidence.selecting import Wanted, select
from countermark.evidence.withholding import LIST, ORIGINAL, Decision, Redaction, parse_redaction
from countermark.files import walk
from countermark.records import TrialRecord


def write_table(records: Sequence[TrialRecord], path: Path) -> None:
    path.write_bytes(b"a table of %d records" % len(records))


MAKING = Making(render=render, write_table=write_table)


def wish(what: str, **more: Any) -> Wanted:
    given = {"reason": "privacy", "decided_by": "the auditor", "until": "never"} | more
    return Wanted(what=what, **given)


def decision(**more: Any) -> Decision:
    return Decision(**({"reason": "privacy", "decided_by": "the auditor", "until": "never"} | more))


def copy_of(audit: Path, out: Path, *decisions: Decision, before: Path | None = None) -> Path:
    redact(audit, out, decisions, KEY, MAKING, before=before)
    return out


def copy_by(audit: Path, out: Path, *wishes: Wanted) -> Path:
    return copy_of(audit, out, *select(audit / RUN, wishes))


def read_list(copy: Path) -> Redaction:
    return parse_redaction((copy / LIST).read_bytes())


def sign_again(copy: Path, change: Callable[[dict[str, Any]], object] = lambda _: None) -> None:
    """As an insider: list the files as they now are, change the list, sign."""
    before = parse_manifest((copy / ORIGINAL / "MANIFEST.sha256").read_bytes())
    left_out = ("redaction/", "evidence/run-1/sealed/")
    names = [name for name in walk(copy) if not name.startswith(left_out)]
    now = {
        name: _sha(copy / name)
        for name in names
        if name not in ("MANIFEST.sha256", "signatures.intoto.jsonl")
    }
    document = decode((copy / LIST).read_bytes())
    document["files"] = [
        {"file": name, "before": before.get(name), "after": now.get(name)}
        for name in sorted(before.keys() | now.keys())
        if before.get(name) != now.get(name)
    ]
    change(document)
    (copy / LIST).write_bytes(encode(document))
    line = (copy / ORIGINAL / "signatures.intoto.jsonl").read_bytes()
    sign_copy(copy, KEY, open_statement(line, [KEY.public]))


def _sha(path: Path) -> str:
    from countermark.canonical import digest

    return digest(path.read_bytes())
