"""The page with a whole battery: the summary by test, what is folded, awareness, the worst attempts, models in roles."""

import re

import pytest

from countermark.records import Awareness, Gaming, Report, RoleTotal
from countermark.records.measured import Share, Worst
from countermark.records.plan import PlannedJudge, Scale
from countermark.report import render
from countermark.report.sections import MAX_OPEN
from countermark.report.words import Words
from report_factory import REFERENCE, REFUSAL, SECRET, crowded_report, full_report, interval, simulated_report

FILES = {"en": "index.html", "ja": "index.ja.html"}
LANGUAGES = ["en", "ja"]


def part(report: Report, name: str, language: str = "en") -> str:
    """One section of the page."""
    found = re.search(
        rf'<section id="{name}".*?</section>', render(report)[FILES[language]].decode(), re.DOTALL
    )
    assert found
    return found[0]


def plain(markup: str) -> str:
    """Its text, white space as one blank."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", markup))


def share(k: int, n: int, *, told: bool = True) -> Share:
    return Share(k=k, n=n, interval=interval(k, n) if told else None)


def aware_report() -> Report:
    """The simulated report with awareness of two subjects, one of them with a gaming index."""
    gaming = Gaming(
        tag="cue", real=share(24, 53), test=share(1, 57), index="0.435286", low="0.273587", high="0.583715", pairs=17,
        method="invented",
    )  # fmt: skip
    none = Share(k=0, n=0, interval=None)
    rows = [
        Awareness(
            subject=REFERENCE[0], test=SECRET, metric="leak_rate", said=share(7, 43), thought=share(3, 9, told=False),
            with_aware=share(11, 43), without_aware=share(9, 36), gaming=gaming,
        ),
        Awareness(
            subject=REFERENCE[1], test=SECRET, metric="leak_rate", said=share(0, 40), thought=none,
            with_aware=share(8, 40), without_aware=share(8, 40), gaming=None,
        ),
    ]  # fmt: skip
    return simulated_report().model_copy(update={"awareness": rows})


@pytest.mark.parametrize("language", LANGUAGES)
def test_awareness_is_told_as_a_lower_bound_with_its_rates_and_the_index(language: str) -> None:
    words = Words(language)
    text = plain(part(aware_report(), "awareness", language))
    assert str(words("awareness.note")) in text
    assert str(words("figures.k_of_n", k="3", n="9")) in text
    for k, n in ((7, 43), (11, 43), (9, 36), (24, 53), (1, 57)):
        assert str(words("figures.k_of_n", k=k, n=n)) in text
    assert str(words("compare.difference", value="+43.5", low="+27.4", high="+58.4")) in text
    assert str(words.of("aware_by", "cue")) in text
    assert str(words("awareness.none")) not in text
    assert {"en": "lower bound", "ja": "下限"}[language] in text


def test_awareness_that_was_not_measured_is_said_so() -> None:
    text = plain(part(simulated_report(), "awareness"))
    assert "Not measured" in text
    assert "gaming" not in text.lower()


def test_a_tag_of_tomorrow_and_an_unknown_metric_are_shown_as_they_are() -> None:
    report = aware_report()
    row = report.awareness[0]
    assert row.gaming is not None
    odd = row.model_copy(
        update={"metric": "x_rate", "gaming": row.gaming.model_copy(update={"tag": "<b>new"})}
    )
    markup = part(report.model_copy(update={"awareness": [odd]}), "awareness")
    assert "&lt;b&gt;new" in markup
    assert "x_rate" in markup


def deep_report() -> Report:
    """The simulated report, its leak rate with a scale and the worst attempts of one subject."""
    report = simulated_report()
    worst = Worst(
        attempts=123, prompts=45, goodness="0.288462", goodness_per_prompt="0.816667",
        interval_per_prompt=interval(36, 45), attempts_within=110, prompts_within=33,
        interval_prompts_within=interval(33, 45),
    )  # fmt: skip
    place = next(place for place, one in enumerate(report.findings) if one.metric.id == "leak_rate")
    findings = list(report.findings)
    findings[place] = findings[place].model_copy(update={"worst": worst})
    test = report.plan.tests[0]
    scale = Scale(label="harm", steps=4)
    metrics = [
        one.model_copy(update={"scale": scale}) if one.id == "leak_rate" else one for one in test.metrics
    ]
    tests = [test.model_copy(update={"metrics": metrics}), *report.plan.tests[1:]]
    return report.model_copy(
        update={"findings": findings, "plan": report.plan.model_copy(update={"tests": tests})}
    )


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_worst_attempts_stand_beside_the_rate_with_a_sentence_what_they_are(language: str) -> None:
    words = Words(language)
    markup = part(deep_report(), "tests", language)
    text = plain(markup)
    assert " 0.29 " in text
    assert "0.82" in text
    assert str(words("figures.k_of_n", k=110, n=123)) in text
    assert str(words("figures.k_of_n", k=33, n=45)) in text
    note = str(words("worst.note", share=words("figures.percent", value="10")))
    assert text.count(plain(note)) == 1
    assert markup.index(note) < markup.index("<details"), "beside the headline, not folded"
    assert plain(note) not in plain(part(simulated_report(), "tests", language))


def test_a_role_has_its_calls_tokens_and_cost_apart() -> None:
    roles = [
        RoleTotal(role="grader", model="x/judge", calls=1234, input_tokens=55_001, output_tokens=7_002, unmetered=3, cost_usd="1.25"),
        RoleTotal(role="attacker", model="x/<i>", calls=1, input_tokens=2, output_tokens=3, unmetered=0),
    ]  # fmt: skip
    report = simulated_report().model_copy(update={"roles": roles})
    markup = part(report, "method")
    text = plain(markup)
    assert "judge (grader) x/judge 1,234 55,001 7,002 3 1.25" in text
    assert "attacker x/&lt;i&gt; 1 2 3 0 no price at hand" in text
    assert "Models in roles" not in plain(part(simulated_report(), "method"))


@pytest.mark.parametrize("language", LANGUAGES)
def test_metrics_that_only_a_judge_measures_are_named_where_there_is_none(language: str) -> None:
    words = Words(language)
    report = simulated_report()
    form = PlannedJudge(labels=["leaked"], rubric="Whether it was told.")
    judge = report.plan.tests[0].model_copy(update={"judge": form})
    plan = report.plan.model_copy(update={"tests": [judge, *report.plan.tests[1:]]})
    text = plain(part(report.model_copy(update={"plan": plan}), "method", language))
    assert str(words("method.unjudged")) in text
    assert f"{words.text(judge.title)}: {words.text(judge.metrics[0].title)}" in text
    assert str(words("method.unjudged")) not in plain(part(report, "method", language))


def test_the_matrix_has_a_row_a_test_that_links_to_it() -> None:
    page = render(crowded_report())["index.html"].decode()
    matrix = part(crowded_report(), "matrix")
    rows = re.findall(r'<th scope="row"><a href="#(test-\d+)">([^<]*)</a>', matrix)
    assert rows == [(f"test-{place + 1}", f"Number {place}") for place in range(15)]
    assert all(f'id="{name}"' in page for name, _ in rows)
    assert page.index('id="matrix"') < page.index('id="short"') < page.index('id="tests"')


def test_of_many_tests_only_the_headline_stands_open() -> None:
    report = crowded_report()
    assert len(report.plan.tests) > MAX_OPEN
    for test, article in zip(
        report.plan.tests, re.findall(r"<article.*?</article>", part(report, "tests"), re.DOTALL), strict=True
    ):
        above, _, below = article.partition("<details")
        assert above.count("<figure>") == 1
        assert below.count("<figure>") == len(test.metrics) - 1
        assert not re.search(r"<details[^>]* open", article)
    assert " of 220 (" not in plain(part(report, "short"))
    assert " of 220 (" in plain(part(full_report(), "short"))
    assert REFUSAL in part(full_report(), "tests")
