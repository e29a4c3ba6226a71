"""Check an audit end to end: integrity, chain of signatures, grades run again, numbers recomputed."""

from countermark.verify.check import verify
from countermark.verify.verdict import Stage, Verdict

__all__ = ["Stage", "Verdict", "verify"]
