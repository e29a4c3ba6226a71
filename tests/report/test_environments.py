"""The page's table of rates by environment: numbers, reasons, strangers' names, and nothing where a plan names none."""

import re

import pytest

from countermark.records import Environments, HighestEnvironment, Report
from countermark.report import render
from countermark.report.words import Words
from report_factory import REFERENCE, SECRET, interval, simulated_report

FILES = {"en": "index.html", "ja": "index.ja.html"}


def row(subject: str, **fields: object) -> Environments:
    return Environments.model_validate(
        {
            "subject": subject, "test": SECRET, "metric": "leak_rate", "tag": "place", "environments": 21, "trials": 420,
            "over_20": 4, "withheld": None, "mean": "0.071429", "interval": interval(30, 420), "at_zero": 17, "under_05": 18,
            "under_50": 19, "highest": HighestEnvironment(environment="quota", k=19, n=20, rate="0.950000"), **fields,
        }
    )  # fmt: skip


WITHHELD = dict.fromkeys(("mean", "interval", "at_zero", "under_05", "under_50", "highest"))


def report(*rows: Environments, named: str = "place") -> Report:
    """The simulated report, its leak rate told by environment."""
    whole = simulated_report()
    test = whole.plan.tests[0]
    metrics = [
        one.model_copy(update={"environments": named}) if one.id == "leak_rate" else one
        for one in test.metrics
    ]
    tests = [test.model_copy(update={"metrics": metrics}), *whole.plan.tests[1:]]
    return whole.model_copy(
        update={"environments": list(rows), "plan": whole.plan.model_copy(update={"tests": tests})}
    )


def table(shown: Report, language: str) -> str:
    """The text of its table and note; empty where there is none."""
    words = Words(language)
    page = render(shown)[FILES[language]].decode()
    summary = re.escape(str(words("environments.summary")))
    found = re.search(rf"<summary>{summary}</summary>.*?</details>", page, re.DOTALL)
    return plain(found[0]) if found else ""


def plain(markup: object) -> str:
    """Text alone, white space as one blank."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", str(markup)))


@pytest.mark.parametrize("language", ["en", "ja"])
def test_mean_counts_and_the_highest_stand_in_a_row(language: str) -> None:
    words = Words(language)
    text = table(report(row(REFERENCE[0])), language)
    assert re.search(r" 21 420 7\.1 ?% ?[(（][^)）]*[)）] 17 18 19 4 quota", text)
    counted = words("figures.k_of_n", k=19, n=20)
    rate = words("figures.percent", value="95")
    assert plain(words("environments.one", environment="quota", rate=rate, counted=counted)) in text
    assert plain(words("environments.note")) in text


@pytest.mark.parametrize("language", ["en", "ja"])
@pytest.mark.parametrize("why", ["few_trials", "one_environment"])
def test_withheld_is_said_with_its_reason_and_shows_no_number(language: str, why: str) -> None:
    words = Words(language)
    text = table(
        report(row(REFERENCE[0], withheld=why, environments=1, trials=5, over_20=0, **WITHHELD)), language
    )
    absent = words("figures.absent")
    reason = words.of("environments_withheld", why)
    assert plain(f" 1 5 {reason} {absent} {absent} {absent} 0 {absent} ") in text


def test_no_event_is_zero_up_to_the_bound_and_no_environment_is_highest() -> None:
    zero = row(
        REFERENCE[0], mean="0.000000", interval=interval(0, 21), at_zero=21, under_05=21, under_50=21, highest=None
    )  # fmt: skip
    absent = Words("en")("figures.absent")
    assert re.search(rf" 0 ?% \(up to [^)]*\) 21 21 21 4 {absent} ", table(report(zero), "en"))


def test_a_strangers_name_of_an_environment_is_shown_and_not_obeyed() -> None:
    odd = HighestEnvironment(environment="<b>quota\u202e", k=1, n=2, rate="0.500000")
    text = table(report(row(REFERENCE[0], highest=odd)), "en")
    assert "&lt;b&gt;quota" in text
    assert "\u202e" not in text


def test_a_report_without_any_is_laid_out_as_before() -> None:
    assert table(simulated_report(), "en") == ""
    named = report()
    assert table(named, "en") == ""
    assert "environments" not in simulated_report().model_dump(mode="json")
