"""What tests of whole runs share: the end of an audit as its auditor makes it, its check, and an insider who changes its log."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from countermark.audit import finish
from countermark.evidence import EvidenceLog, load_or_create_key, read_blob, read_log, read_trust, remember
from countermark.evidence.parts import parse_blob
from countermark.records import Report
from countermark.report import render
from countermark.verify import verify

Pairs = list[tuple[dict[str, Any], list[bytes]]]
"""Each record of a log with the parts of its transcript."""


def sealed(audit_dir: Path, home: Path | None = None) -> Report:
    """The report of a run that is over, sealed, trusted and found to hold. Keys lie in `home`, by default beside it."""
    home = home or audit_dir.parent / "home"
    key = load_or_create_key(home)
    report = finish(audit_dir, key, render)
    remember(home, key.public)
    verdict = verify(audit_dir, trust=read_trust(home), render=render)
    assert verdict.exit_code == 0, verdict.to_json()
    return report


def rewritten(audit_dir: Path, change: Callable[[Pairs], object]) -> list[str]:
    """An insider with the key, which lies beside the audit, makes the log again, changed, and seals it; what convicts them."""
    run_dir, home = audit_dir / "evidence/run-1", audit_dir.parent / "home"
    key = load_or_create_key(home)
    origin = max((run_dir / "checkpoints").iterdir()).read_text().split("\n")[0]
    pairs = [(dict(line.record), _parts(run_dir, line.seq)) for line in read_log(run_dir)]
    change(pairs)
    shutil.rmtree(run_dir)
    log = EvidenceLog.create(run_dir, origin=origin, key=key)
    for record, parts in pairs:
        log.append(record, parts)
    log.close()
    finish(audit_dir, key, render)
    remember(home, key.public)
    verdict = verify(audit_dir, trust=read_trust(home), render=render)
    assert verdict.exit_code == 1, verdict.to_json()
    return [line for stage in verdict.stages for line in stage.details]


def _parts(run_dir: Path, seq: int) -> list[bytes]:
    return [part.data or b"" for part in parse_blob(read_blob(run_dir, seq)).parts]


def replaced(parts: list[bytes], mark: bytes, old: bytes, new: bytes, *, nth: int = 0) -> None:
    """Put `new` for `old` in a part that holds `mark` and `old`, the first of them by default."""
    places = [number for number, part in enumerate(parts) if mark in part and old in part]
    parts[places[nth]] = parts[places[nth]].replace(old, new)
