"""Frozen values that pass between the stages: chat, scenario, transcript, grade, plan, finding."""

from countermark.records.chat import (
    Exchange,
    Message,
    Reply,
    Request,
    Subject,
    ToolCall,
    ToolSpec,
    TrialKey,
    Usage,
)
from countermark.records.finding import Breakdown, Event, Finding, Interval, PublishedCount, Report
from countermark.records.plan import MetricSpec, Plan, PlannedSubject, PlannedTest, Rules, Text
from countermark.records.trial import Grade, Outcome, Scenario, Status, Transcript, TrialRecord

__all__ = [
    "Breakdown",
    "Event",
    "Exchange",
    "Finding",
    "Grade",
    "Interval",
    "Message",
    "MetricSpec",
    "Outcome",
    "Plan",
    "PlannedSubject",
    "PlannedTest",
    "PublishedCount",
    "Reply",
    "Report",
    "Request",
    "Rules",
    "Scenario",
    "Status",
    "Subject",
    "Text",
    "ToolCall",
    "ToolSpec",
    "Transcript",
    "TrialKey",
    "TrialRecord",
    "Usage",
]
