"""Verdicts, savings and comparisons on the page: words, shapes, guides, and what is never said."""

import re
from typing import Any

import pytest

from countermark.records import Report
from countermark.report import render
from countermark.report.book import open_book
from countermark.report.comparing import MAX_EXPLORATORY, MAX_HEADLINE, points
from countermark.report.stops import bound_of, chips, ruling, sign
from countermark.report.words import Words
from report_factory import REFUSAL, SECRET, full_report, metric, mixed_report, simulated_report
from standing_factory import CANDID, LEAKY, PRUDISH, with_standing

FILES = {"en": "index.html", "ja": "index.ja.html"}


def page(report: Report, language: str = "en") -> str:
    return render(report)[FILES[language]].decode("utf-8")


def part(text: str, section: str) -> str:
    """One section of the page."""
    found = re.search(rf'<section id="{section}".*?</section>', text, re.DOTALL)
    assert found
    return found[0]


def plain(text: str) -> str:
    return " ".join(re.sub(r"<[^>]*>", " ", text).split())


def test_each_verdict_has_a_shape_of_its_own() -> None:
    shapes = [
        re.sub(r"v-\w+", "", sign(name))
        for name in ("certified", "target_exceeded", "undecided", "not_judged")
    ]
    assert len(set(shapes)) == 4


@pytest.mark.parametrize("language", FILES)
def test_the_four_classes_stand_at_the_top_in_words(language: str) -> None:
    words = Words(language)
    short = part(page(full_report(), language), "short")
    for code in ("certified", "target_exceeded", "undecided", "not_judged"):
        assert short.count(f"{words.of('stop_verdict', code)}</li>") == 4, code
        assert str(words.of("stop_meaning", code)) in short
    assert "4,656" in short
    assert "3,063" in short


def test_a_withheld_metric_leaves_neither_certificate_nor_bound() -> None:
    book = open_book(full_report(), Words("en"))
    counts = {chip.verdict: chip.count for chip in chips(book.profiles[PRUDISH])}
    assert counts["not_judged"] == 1
    short = plain(part(page(full_report()), "short"))
    assert short.count("No largest upper bound: 1 of its metrics") == 1
    assert short.count("Largest upper bound of misconduct or over-refusal: 27.1 % (one-sided, 97.5 %)") + short.count(
        "Largest upper bound of misconduct or over-refusal: 27.2 % (one-sided, 97.5 %)"
    ) == 3  # fmt: skip


def test_trials_lost_are_not_called_saved() -> None:
    short = plain(part(page(full_report()), "short"))
    assert "so 768 were saved (66.0 %)" in short
    document = full_report().model_dump(mode="python", by_alias=True)
    document["saving"] |= {"fixed": 100, "made": 140, "saved": -40}
    lost = plain(part(page(Report.model_validate(document)), "short"))
    assert "would have made 100, so the rules took 40 more." in lost


def test_the_matrix_says_verdict_and_threshold() -> None:
    matrix = plain(part(page(full_report()), "matrix"))
    assert "certified (under 10 %)" in matrix
    assert "target exceeded (over 5 %)" in matrix or "target exceeded (over the limit of 10 %)" in matrix
    assert "A verdict is one-sided" in matrix
    bare = plain(part(page(simulated_report()), "matrix"))
    assert "no limit planned" in bare
    assert "A verdict is one-sided" not in bare


def test_limit_and_target_are_drawn_and_named_where_there_are_some() -> None:
    tests = part(page(full_report()), "tests")
    figures = re.findall(r"<figure>.*?</figure>", tests, re.DOTALL)
    guided = [figure for figure in figures if 'class="guide limit"' in figure]
    assert len(guided) == 3 < len(figures)
    for figure in guided:
        assert "limit 10" in plain(figure)
        assert "target 5" in plain(figure)
        assert figure.count('class="guide limit"') == figure.count('class="guide target"') == 5
    assert 'class="guide' not in part(page(simulated_report()), "tests")


def test_the_table_of_verdicts_holds_both_intervals_named_by_what_they_are_about() -> None:
    tests = plain(part(page(full_report()), "tests"))
    assert "95 % interval, scenarios like these (S)" in tests
    assert "95 % interval exact for the rule (F or S)" in tests
    assert "median-unbiased estimate" in tests
    assert "12.3 %" in tests
    assert all(
        said in tests for said in ("had all it asks for", "reached its cap", "trials ran out", "not needed")
    )
    assert "Verdicts and stopping" not in page(simulated_report())


def test_a_limit_of_what_should_be_done_is_turned_round() -> None:
    spec = metric("done", ("x", "x"), "a", "done", "utility", limit="0.10", target="0.05")
    assert (bound_of(spec, "limit"), bound_of(spec, "target")) == ("0.9", "0.95")
    report = full_report()
    finding = next(one for one in report.findings if (one.subject, one.test) == (CANDID, SECRET))
    higher = finding.model_copy(update={"metric": finding.metric.model_copy(update={"better": "higher"})})
    told = ruling(open_book(report, Words("en")), higher)
    assert plain(str(told.threshold)) == "(over 90 %)"


@pytest.mark.parametrize("language", FILES)
def test_each_verdict_on_a_pair_is_a_word_a_sign_and_what_stands_beside_it(language: str) -> None:
    words = Words(language)
    text = part(page(full_report(), language), "compare")
    rulings = dict(re.findall(r'<span class="ruling">(<svg.*?</svg>)<strong>([^<]*)</strong>', text)[::-1])
    assert set(rulings.values()) >= {
        str(words.of("compare_verdict", code))
        for code in ("difference", "equivalent", "no_difference_found", "not_comparable")
    }
    assert len(rulings) == 4
    assert str(words("compare.detectable", value="21.1")) in text
    assert str(words("compare.blind")) in text
    assert str(words("compare.within", margin="10.0")) in text
    assert "−17.0" in text
    for code in ("reasoning", "grader", "withheld", "pairs", "one_source"):
        assert re.search(
            re.escape(str(words.of("unlike", code))).replace(r"\{a\}", ".*").replace(r"\{b\}", ".*"), text
        ), code
    assert "a_reason_of_tomorrow" in text
    assert str(words("compare.stopped")) in text
    assert str(words("compare.left_out", count=1)) in text


def test_exploratory_comparisons_are_folded_and_differences_come_first() -> None:
    text = part(page(full_report()), "compare")
    headline, _, rest = text.partition("<details")
    assert "Ordinary task done" not in headline
    assert rest.index("Ordinary task done") < rest.index("Refusal under attack")
    assert "All other metrics, exploratory (2)" in plain(rest)


def test_places_and_fronts_are_shown_with_ties() -> None:
    text = plain(part(page(full_report()), "compare"))
    assert "4 reference/shortcut simulation Secret protection · Leak rate 1 2–4 2–3 2–4" in text
    trade = plain(part(page(full_report()), "trade"))
    assert (
        "reference/candid dominates reference/leaky: less misconduct, and on over-refusal not worse by 10.0 points"
        in trade
    )
    assert "reference/shortcut dominates reference/prudish: less over-refusal" in trade
    assert "Simulations: the paired tests show none to be dominated" in trade


@pytest.mark.parametrize("language", FILES)
@pytest.mark.parametrize("make", [simulated_report, mixed_report])
def test_nothing_to_compare_is_said(make: Any, language: str) -> None:
    assert str(Words(language)("compare.none")) in part(page(make(), language), "compare")


def test_many_pairs_are_capped_and_counted() -> None:
    document = full_report().model_dump(mode="python", by_alias=True)
    rows = document["comparisons"]["rows"]
    document["comparisons"]["rows"] = [rows[0]] * (MAX_HEADLINE + 7) + [rows[-1]] * (MAX_EXPLORATORY + 9)
    text = plain(part(page(Report.model_validate(document)), "compare"))
    assert "7 more are in report.json." in text
    assert "9 more are in report.json." in text


def test_simulations_are_labelled_in_every_row_of_a_comparison() -> None:
    text = part(page(full_report()), "compare")
    assert text.count('<span class="id">reference/') == text.count('<span class="tag">simulation</span>') > 10


@pytest.mark.parametrize(
    ("value", "shown"), [("0.123456", "+12.3"), ("-0.0004", "0.0"), ("-0.25", "−25.0"), ("0", "0.0")]
)
def test_points_bear_their_sign(value: str, shown: str) -> None:
    assert points(value) == shown


def test_a_report_of_a_stranger_without_what_it_should_hold_still_lays_out() -> None:
    document = with_standing(simulated_report()).model_dump(mode="python", by_alias=True)
    document["profiles"][0]["largest"]["metrics"] = []
    document["profiles"][1]["largest"]["metrics"] = ["no/such", "", f"{REFUSAL} none"]
    document["comparisons"]["rows"][0] |= {
        "a": "nobody",
        "b": LEAKY,
        "low": None,
        "metric": "none",
        "test": "no/such",
    }
    document["comparisons"]["rankings"][0] |= {"test": "no/such"}
    assert "nobody" in page(Report.model_validate(document))
