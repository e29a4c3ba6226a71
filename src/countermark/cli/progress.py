"""What somebody watching a run sees: a live table on a terminal, plain lines elsewhere."""

import time
from collections import Counter
from types import TracebackType
from typing import Self

import click
from rich.console import Console
from rich.live import Live
from rich.table import Table

from countermark.analysis import Arm, ArmKey
from countermark.analysis.sequential import Stopped
from countermark.audit import Audit
from countermark.cli.output import plain
from countermark.records import MetricSpec, Outcome, TrialRecord

_REFRESH_S = 0.25
_LINE_EVERY_S = 2.0
_CELL_SIGNS = 26
"""The widest cell with its frame."""
_FRAME_LINES = 6
"""Head, frame and caption of the table."""


class Progress:
    """Draws tests × subjects with the rate so far, calls and time left; a context manager and an `Observer`."""

    def __init__(self) -> None:
        self._console = Console(stderr=True)
        self._live = Live(console=self._console, auto_refresh=False) if self._console.is_terminal else None
        self._headlines: dict[str, MetricSpec] = {}
        self._tests: list[str] = []
        self._subjects: list[str] = []
        self._planned: Counter[tuple[str, str]] = Counter()
        self._done: Counter[tuple[str, str]] = Counter()
        self._graded: Counter[tuple[str, str]] = Counter()
        self._hits: Counter[tuple[str, str]] = Counter()
        self._verdicts: dict[tuple[str, str], str] = {}
        self._calls = 0
        self._before = 0
        self._begun = self._drawn = time.monotonic()

    def __enter__(self) -> Self:
        """Begin drawing."""
        if self._live:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Draw the last state and stop."""
        if self._planned:
            self._draw()
        if self._live:
            self._live.stop()

    def began(self, audit: Audit, done: int) -> None:
        """Learn the plan."""
        self._tests = [test.id for test in audit.plan.tests]
        self._subjects = [subject.id for subject in audit.plan.subjects]
        self._headlines = {
            test.id: metric for test in audit.plan.tests for metric in test.metrics if metric.headline
        }
        self._planned = Counter((slot.subject, slot.test) for slot in audit.slots)
        self._before = done
        self._begun = time.monotonic()
        seed = f"seed {audit.seed.value}"
        resumed = f", {done} done before" if done else ""
        self._console.print(
            f"[bold]{len(audit.slots)} trials[/bold] in the plan{resumed}; {seed}", highlight=False
        )

    def attempted(self, record: TrialRecord) -> None:
        """Count one attempt."""
        cell = (record.subject, record.test)
        self._calls += record.calls
        self._done[cell] += record.final
        headline = self._headlines.get(record.test)
        if headline and record.final and record.arm == headline.arm and record.outcome is Outcome.GRADED:
            self._graded[cell] += 1
            self._hits[cell] += record.labels.get(headline.label, False)
        pause = _REFRESH_S if self._live else _LINE_EVERY_S
        if time.monotonic() - self._drawn >= pause:
            self._draw()

    def closed(self, key: ArmKey, arm: Arm) -> None:
        """Take the trials that are needless now out of the count, and keep the verdict."""
        subject, test, name = key
        self._planned[subject, test] -= arm.left
        headline = self._headlines.get(test)
        if headline and headline.arm == name:
            self._verdicts[subject, test] = _in_words(arm.stops[headline.id])

    def note(self, text: str) -> None:
        """Say something above the table."""
        self._console.print(f"[bold]![/bold] {plain(text)}", highlight=False)

    def _draw(self) -> None:
        self._drawn = time.monotonic()
        if self._live:
            self._live.update(self._table(), refresh=True)
        else:
            click.echo(self._line(), err=True)

    def _table(self) -> Table:
        tight = self._crowded()
        table = Table(
            caption=self._line(), caption_justify="left", title_justify="left", pad_edge=not tight,
            show_edge=not tight, collapse_padding=tight,
        )  # fmt: skip
        table.add_column("test", no_wrap=True)
        for subject in self._subjects:
            table.add_column(plain(subject), overflow="fold")
        for test in self._tests:
            table.add_row(test, *(self._cell(subject, test, tight) for subject in self._subjects))
        return table

    def _crowded(self) -> bool:
        """Whether whole cells, of two lines and some twenty signs, would not fit the terminal."""
        width = max(map(len, self._tests), default=0) + _CELL_SIGNS * len(self._subjects)
        return width > self._console.width or 2 * len(self._tests) + _FRAME_LINES > self._console.height

    def _cell(self, subject: str, test: str, tight: bool) -> str:
        cell = (subject, test)
        if not self._planned[cell]:
            return "–"
        share = min(1.0, self._done[cell] / self._planned[cell])
        if tight:
            return f"{share:4.0%} {self._hits[cell]}/{self._graded[cell]}"
        bar = "█" * round(8 * share) + "░" * (8 - round(8 * share))
        told = self._verdicts.get(cell, "so far")
        return f"{bar} {share:4.0%}\n{self._hits[cell]}/{self._graded[cell]} {told}"

    def _line(self) -> str:
        done, planned = self._before + self._done.total(), self._planned.total()
        elapsed = time.monotonic() - self._begun
        left = elapsed / max(1, self._done.total()) * (planned - done)
        return f"{done}/{planned} trials, {self._calls} calls, {elapsed:.0f} s, about {left:.0f} s left"


def _in_words(stopped: Stopped) -> str:
    words = {
        "certified": "certified",
        "target_exceeded": "target exceeded",
        "undecided": "undecided",
        None: "precise",
    }
    return words[stopped.verdict.value if stopped.verdict else None]
