"""Numbers from grades: rates, intervals, comparisons, grader error, stopping. Pure functions on arrays and tables."""

from countermark.analysis.findings import coverage, findings
from countermark.analysis.intervals import RateInterval, clopper_pearson, clustered_rate, correlation_quantile
from countermark.analysis.summary import event, limits, shown, span, totals

__all__ = [
    "RateInterval",
    "clopper_pearson",
    "clustered_rate",
    "correlation_quantile",
    "coverage",
    "event",
    "findings",
    "limits",
    "shown",
    "span",
    "totals",
]
