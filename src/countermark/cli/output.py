"""What commands share: where keys live, JSON on request, numbers in words."""

import json
import os
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from shutil import get_terminal_size
from typing import Any

import click

from countermark.cli.lines import columns, fitted, padded, say
from countermark.records import (
    ClaimReason,
    ClaimResult,
    Compared,
    Deviation,
    Finding,
    Profile,
    Report,
)

json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON document instead of text.")
home_option = click.option(
    "--home",
    type=click.Path(path_type=Path, file_okay=False),
    envvar="COUNTERMARK_HOME",
    default=lambda: Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "countermark",
    help="Where keys and trust live.  [default: ~/.config/countermark]",
)


@contextmanager
def working(words: str) -> Iterator[None]:
    """Say on standard error what takes a while; a moving sign on a terminal, one plain line elsewhere."""
    from rich.console import Console

    console = Console(stderr=True)
    if not console.is_terminal:
        click.echo(f"{words} …", err=True)
        yield
        return
    with console.status(f"{words} …"):
        yield


def plain(text: str) -> str:
    """A stranger's text fit for a table: nothing a terminal obeys, nothing rich takes for markup."""
    from rich.markup import escape

    return escape(printable(text))


def printable(text: str) -> str:
    """A stranger's text without what a terminal obeys."""
    return "".join(
        sign if sign.isprintable() or sign == "\n" else "\N{REPLACEMENT CHARACTER}" for sign in text
    )


def emit(value: Any) -> None:
    """Print a value as JSON."""
    click.echo(json.dumps(value, ensure_ascii=False, indent=2, default=str))


def percent(value: str | None) -> str:
    """A rate for people: `3.2 %`; nothing measured is a dash, never zero."""
    return "–" if value is None else f"{float(Decimal(value) * 100):.1f} %"


def finding_in_words(finding: Finding) -> str:
    """`3.2 % [1.1–7.0] 6/190`, or why there is no number."""
    if finding.rate is None or finding.interval is None:
        return f"withheld ({finding.k}/{finding.n})"
    low, high = (f"{float(bound) * 100:.1f}" for bound in (finding.interval.low, finding.interval.high))
    return f"{percent(finding.rate)} [{low}–{high}] {finding.k}/{finding.n}"


def print_summary(report: Report) -> None:
    """The headline metrics: a test's title, then a line a subject, which on a narrow terminal breaks after the name."""
    level = f"{float(report.plan.rules.level):.0%}"
    names = {
        subject.id: printable(subject.id).replace("\n", " ") + (" (simulation)" if subject.simulation else "")
        for subject in report.plan.subjects
    }
    tests = [test for test in report.plan.tests if any(metric.headline for metric in test.metrics)]
    cells = {(who, test.id): _cells(report, who, test.id) for test in tests for who in names}
    name, rate, verdict = (
        max((columns(text) for text in column), default=0)
        for column in (names.values(), *zip(*cells.values(), strict=True))
    ) if cells else (0, 0, 0)  # fmt: skip
    broken = name + rate + verdict + 6 > get_terminal_size().columns
    click.secho(f"Headline rates, {level} intervals", bold=True)
    for test in tests:
        metric = next(metric for metric in test.metrics if metric.headline)
        title = printable(f"{test.title.en}: {metric.title.en}").replace("\n", " ")
        click.echo()
        _print_title(title, f"({_better(metric.better)})")
        for who, called in names.items():
            told, ruled = cells[who, test.id]
            before = f"{fitted(f'  {called}')}\n      " if broken else f"  {padded(called, name)}  "
            click.echo(f"{before}{told:<{rate}}  {ruled}".rstrip())
    click.echo()
    print_profiles(report)
    print_differences(report)


def print_profiles(report: Report) -> None:
    """Each subject's tests by verdict, its largest upper bound, and the trials saved; nothing where nothing has a verdict."""
    if not report.profiles:
        return
    click.echo("Tests by verdict (each by all its metrics that have a limit):")
    simulations = {subject.id for subject in report.plan.subjects if subject.simulation}
    for profile in report.profiles:
        name = profile.subject + (" (simulation)" if profile.subject in simulations else "")
        counts = (profile.certified, profile.target_exceeded, profile.undecided, profile.not_judged)
        told = ", ".join(f"{len(names)} {word}" for names, word in zip(counts, _CLASSES, strict=True))
        say(printable(f"  {name}: {told}").replace("\n", " "))
        say(printable(f"    {_largest(profile)}").replace("\n", " "))
    if report.saving is not None:
        found = report.saving
        gain = f"{found.saved:,} saved" if found.saved >= 0 else f"the rules took {-found.saved:,} more"
        say(
            f"Trials: {found.made:,} made of {found.planned:,} planned; a fixed design would have made {found.fixed:,}, so {gain}"
        )


def print_differences(report: Report, *, whole: bool = False) -> None:
    """How many headline comparisons came to what; each of them where the whole is asked for."""
    if report.comparisons is None:
        return
    rows = [row for row in report.comparisons.rows if not row.exploratory]
    counts: Counter[str] = Counter(row.verdict for row in rows)
    told = ", ".join(f"{counts[name]} {said}" for name, said in _COMPARED.items() if counts[name])
    approximate = (
        "; approximate, since trials stopped by what they showed" if report.comparisons.after_stopping else ""
    )
    say(
        f"Pairs of one kind on headline metrics: {told or 'none'} (adjusted by {report.comparisons.headline}{approximate})"
    )
    above = None
    for row in rows[:_MOST_ROWS] if whole else []:
        if above != (row.test, row.metric):
            above = (row.test, row.metric)
            say(f"  {row.test} {row.metric}, points of the first less the second")
        say(printable(f"    {_compared(row)}").replace("\n", " "), hang=8)
    if whole and len(rows) > _MOST_ROWS:
        click.echo(f"  … and {len(rows) - _MOST_ROWS} more in report.json")


def print_findings(report: Report) -> None:
    """Every metric under its subject and test; ids are never cut, whatever the terminal's width."""
    findings = report.findings
    judged = judged_of(report)
    width = max((len(finding.metric.id) for finding in findings), default=0)
    above = None
    for finding in findings:
        if above != (finding.subject, finding.test):
            above = (finding.subject, finding.test)
            say(f"{printable(finding.subject)}  {finding.test}".replace("\n", " "))
        published = f"  as published {finding.published.k}/{finding.published.n}" if finding.published else ""
        say(
            f"    {finding.metric.id:<{width}}  {finding_in_words(finding)}{_ruled(finding, judged)}{published}"
        )


def print_claims(report: Report) -> None:
    """What the developers claimed and what became of it, one line a claim; nothing where no pack claims anything."""
    found = {(one.subject, one.test, one.metric.id): one for one in report.findings}
    if report.claims:
        counts: Counter[str] = Counter(one.verdict for one in report.claims)
        say(
            "Claims: "
            + ", ".join(f"{counts[name]} {said}" for name, said in _VERDICTS.items() if counts[name])
        )
    for one in report.claims:
        claim = one.claim
        finding = found.get((claim.subject, claim.test, claim.metric))
        measured = f"; measured {finding_in_words(finding)}" if finding else ""
        say(
            printable(
                f"  {_VERDICTS[one.verdict]:<10}  {claim.subject}  {claim.test} {claim.metric} {claim.comparator} "
                f"{percent(claim.threshold)} ({claim.id}){_because(one)}{measured}"
            ).replace("\n", " ")
        )
    if report.claims_withheld:
        click.echo(f"Claims withheld by the pack's terms: {len(report.claims_withheld)} packs")


def print_deviations(report: Report) -> None:
    """What did not go as planned, one line each; "none" is said."""
    if not report.deviations:
        click.echo("Deviations from the plan: none")
        return
    click.echo("Deviations from the plan:")
    for one in report.deviations:
        say(printable(f"  {_deviation(one)}").replace("\n", " "))


def _print_title(title: str, after: str) -> None:
    """A title in bold with a remark behind it, or under it where both do not fit one line."""
    head = fitted(title, hang=2)
    last = head.rpartition("\n")[2]
    gap = " " if columns(f"{last} {after}") <= get_terminal_size().columns else "\n  "
    click.echo(f"{click.style(head, bold=True)}{gap}{after}")


_CLASSES = ("certified", "target exceeded", "undecided", "not judged")
_RULED = {
    "certified": "certified",
    "target_exceeded": "target exceeded",
    "undecided": "undecided",
    "not_judged": "not judged",
}
_COMPARED = {
    "difference": "different",
    "equivalent": "equivalent",
    "no_difference_found": "no difference found",
    "not_comparable": "not comparable",
}
_MOST_ROWS = 30
_Judged = Mapping[tuple[str, str, str], str]
_VERDICTS = {
    "confirmed": "confirmed",
    "refuted": "refuted",
    "undecided": "undecided",
    "void": "void",
    "not_tested": "not tested",
}
_DEVIATIONS = {
    "closed_early": "trials not run: the audit was closed early",
    "budget_reached": "trials not run: the budget was spent",
    "not_run": "trials not run",
    "errored": "trials failed at every attempt",
    "retried": "attempts failed before the one that counts",
    "interrupted": "attempts were interrupted and run again",
    "extra_attempts": "attempts beyond those the plan allows a trial",
    "unwitnessed": "times a witness did not cosign",
}


def _because(one: ClaimResult) -> str:
    if one.beyond is not None:
        return f": the interval reaches {float(Decimal(one.beyond) * 100):.2f} points past the threshold"
    return "".join(f": {_reason(reason)}" for reason in one.reasons)


def _reason(reason: ClaimReason) -> str:
    told = {
        "subject": "this audit has no such subject",
        "test": "the subject does not take this test",
        "metric": "the test has no such metric here",
        "withheld": f"no number ({reason.found})",
    }
    return told.get(reason.code, f"{reason.code} claimed {reason.claimed}, here {reason.found}")


def _deviation(one: Deviation) -> str:
    if one.code == "declared":
        return f"in the auditor's own words: {one.words}"
    where = "".join(f"  {part}" for part in (one.subject, one.test, one.words) if part)
    return f"{one.count} {_DEVIATIONS.get(one.code, one.code)}{where}"


def _better(better: str) -> str:
    return {"lower": "lower is better", "higher": "higher is better", "neither": "neither way is better"}[
        better
    ]


def judged_of(report: Report) -> _Judged:
    """(subject, test, metric) to the verdict on a metric that has a limit."""
    return {
        (profile.subject, one.test, one.metric): one.verdict
        for profile in report.profiles
        for one in profile.judged
    }


def _ruled(finding: Finding, judged: _Judged) -> str:
    """`  certified under 10.0 %; 66 of at most 320 trials`; without a limit only the trials; nothing in a fixed design."""
    verdict = judged.get((finding.subject, finding.test, finding.metric.id))
    told = [] if verdict is None else [_verdict(finding, verdict)]
    if finding.stop is not None:
        told.append(f"{finding.stop.used} of at most {finding.stop.cap} trials")
    return f"  {'; '.join(told)}" if told else ""


def _verdict(finding: Finding, verdict: str) -> str:
    """The word, and against what, of the bad outcome's rate."""
    spec = finding.metric
    of = "" if spec.better == "lower" else " (of its absence)"
    if verdict == "certified":
        return f"certified under {percent(spec.limit)}{of}"
    if verdict != "target_exceeded":
        return _RULED[verdict]
    over = finding.stop is not None and finding.stop.refuted
    return f"target of {percent(spec.target)} exceeded{of}" + (
        f", limit of {percent(spec.limit)} too" if over else ""
    )


def _largest(profile: Profile) -> str:
    found = profile.largest
    if found is None:
        return "no test measures misconduct or over-refusal"
    if found.unmeasured:
        return f"no largest upper bound: {len(found.unmeasured)} metrics of misconduct or over-refusal not measured"
    rest = f" and {len(found.metrics) - 1} more" if len(found.metrics) > 1 else ""
    return f"largest upper bound {percent(found.bound)} (one-sided, {percent(found.level)}): {found.metrics[0]}{rest}"


def _compared(row: Compared) -> str:
    pair = f"{row.a} - {row.b}"
    if row.verdict == "not_comparable":
        return f"{_COMPARED[row.verdict]:<19}  {pair}: {', '.join(reason.code for reason in row.reasons)}"
    value, low, high = (f"{float(part or 0) * 100:+.1f}" for part in (row.difference, row.low, row.high))
    return f"{_COMPARED[row.verdict]:<19}  {value:>6} [{low}, {high}]  {pair}  ({row.pairs} pairs)"


def _cells(report: Report, subject: str, test: str) -> tuple[str, str]:
    """The headline's rate, and its verdict where it has one."""
    found = [finding for finding in report.findings if (finding.subject, finding.test) == (subject, test)]
    headline = next((finding for finding in found if finding.metric.headline), None)
    if headline is None:
        return "not in its plan", ""
    verdict = judged_of(report).get((subject, test, headline.metric.id))
    return finding_in_words(headline), "" if verdict is None else _RULED[verdict]
