"""What tests of whole runs share: the end of an audit as its auditor makes it, and its check."""

from pathlib import Path

from countermark.audit import finish
from countermark.evidence import load_or_create_key, read_trust, remember
from countermark.records import Report
from countermark.report import render
from countermark.verify import verify


def sealed(audit_dir: Path, home: Path | None = None) -> Report:
    """The report of a run that is over, sealed, trusted and found to hold. Keys lie in `home`, by default beside it."""
    home = home or audit_dir.parent / "home"
    key = load_or_create_key(home)
    report = finish(audit_dir, key, render)
    remember(home, key.public)
    verdict = verify(audit_dir, trust=read_trust(home), render=render)
    assert verdict.exit_code == 0, verdict.to_json()
    return report
