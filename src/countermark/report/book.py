"""A report opened for reading: its findings by place, its subjects with the look they keep on the whole page."""

from collections.abc import Mapping
from dataclasses import dataclass

from countermark.records import (
    Finding,
    Judged,
    MetricSpec,
    PlannedSubject,
    PlannedTest,
    Profile,
    Report,
)
from countermark.report.charts import Mark, Span
from countermark.report.figures import Figures
from countermark.report.svg import SHAPES
from countermark.report.words import Words

COLOURS = 7


@dataclass(frozen=True, slots=True, kw_only=True)
class Book:
    """The report, one language's words and figures, and the look-ups every section needs.

    Attributes:
        marks: Subject id to its sign.
        places: (subject, test, metric) to finding.
        profiles: Subject id to its profile.
        judged: (subject, test, metric) to what is said of a metric that has a limit.
    """

    report: Report
    words: Words
    figures: Figures
    marks: Mapping[str, Mark]
    places: Mapping[tuple[str, str, str], Finding]
    profiles: Mapping[str, Profile]
    judged: Mapping[tuple[str, str, str], Judged]

    @property
    def subjects(self) -> list[PlannedSubject]:
        """Subjects in the plan's order."""
        return self.report.plan.subjects

    @property
    def tests(self) -> list[PlannedTest]:
        """Tests in the plan's order."""
        return self.report.plan.tests

    @property
    def simulations(self) -> list[Mark]:
        """Signs of the subjects that are simulations."""
        return [self.marks[subject.id] for subject in self.subjects if subject.simulation]

    def finding(self, subject: str, test: str, metric: MetricSpec) -> Finding | None:
        """The finding at a place, or None."""
        return self.places.get((subject, test, metric.id))

    def mark(self, subject: str) -> Mark:
        """A subject's sign; one the plan does not know gets number 0."""
        return self.marks.get(subject) or Mark(
            number=0, name=subject, shape="circle", colour="s0", hollow=True, tag=""
        )

    def reason(self, finding: Finding) -> str:
        """Why a number is withheld, in the page's language where it is a reason we know."""
        return self.words.translated("withheld", finding.withheld or self.words("matrix.no_rate"))


def open_book(report: Report, words: Words) -> Book:
    """The book of a report in one language."""
    return Book(
        report=report,
        words=words,
        figures=Figures(words),
        marks={
            subject.id: _mark(place, subject, words) for place, subject in enumerate(report.plan.subjects)
        },
        places={(finding.subject, finding.test, finding.metric.id): finding for finding in report.findings},
        profiles={profile.subject: profile for profile in report.profiles},
        judged={
            (profile.subject, one.test, one.metric): one
            for profile in report.profiles
            for one in profile.judged
        },
    )


def _mark(place: int, subject: PlannedSubject, words: Words) -> Mark:
    tag = words("tag.simulation") if subject.simulation else ""
    if subject.kind == "recording":
        tag = words("tag.recording")
    return Mark(
        number=place + 1,
        name=subject.id,
        shape=SHAPES[place % len(SHAPES)],
        # Shifted each time round, so that the forty-ninth pair of shape and colour is the first to come twice.
        colour=f"s{(place + place // len(SHAPES)) % COLOURS + 1}",
        hollow=subject.simulation,
        tag=tag,
    )


def headline(test: PlannedTest) -> MetricSpec:
    """The metric shown for a test in the matrix: the one marked so, else the first."""
    return next((metric for metric in test.metrics if metric.headline), test.metrics[0])


def span(finding: Finding) -> Span | None:
    """A finding's rate and bounds as positions; None where it is withheld. A rate without interval spans itself alone."""
    if finding.rate is None or finding.withheld is not None:
        return None
    rate = float(finding.rate)
    if finding.interval is None:
        return Span(rate=rate, low=rate, high=rate)
    return Span(rate=rate, low=float(finding.interval.low), high=float(finding.interval.high))
