"""Stopping when the evidence suffices: rules declared before a run, exact laws of stopped runs, intervals after a stop."""

from countermark.analysis.sequential.after import AfterStop, anytime_interval, exact_interval, interval_after
from countermark.analysis.sequential.rule import Evidence, Rule, Stopped, Verdict, Watch, Why, replay

__all__ = [
    "AfterStop",
    "Evidence",
    "Rule",
    "Stopped",
    "Verdict",
    "Watch",
    "Why",
    "anytime_interval",
    "exact_interval",
    "interval_after",
    "replay",
]
