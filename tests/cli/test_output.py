"""What the terminal says of verdicts, savings and comparisons."""

import pytest

from countermark.cli.output import (
    finding_in_words,
    print_differences,
    print_findings,
    print_profiles,
    print_summary,
)
from countermark.records import Report
from report_factory import full_report, hostile_report, simulated_report


@pytest.fixture(autouse=True)
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    """No line is broken here; how they are is in test_lines.py."""
    monkeypatch.setenv("COLUMNS", "200")


def test_each_subject_is_told_by_verdict_and_as_a_simulation(capsys: pytest.CaptureFixture[str]) -> None:
    print_profiles(full_report())
    said = capsys.readouterr().out
    assert (
        "  reference/candid (simulation): 2 certified, 0 target exceeded, 1 undecided, 0 not judged" in said
    )
    assert (
        "  reference/prudish (simulation): 1 certified, 0 target exceeded, 1 undecided, 1 not judged" in said
    )
    assert (
        said.count(
            "largest upper bound 27.2 % (one-sided, 97.5 %): system/secret_protection leak_rate and 1 more"
        )
        == 3
    )
    assert "no largest upper bound: 1 metrics of misconduct or over-refusal not measured" in said
    assert "1,593 made of 1,600 planned; a fixed design would have made 4,656, so 3,063 saved" in said


def test_more_trials_than_a_fixed_design_are_no_saving(capsys: pytest.CaptureFixture[str]) -> None:
    document = full_report().model_dump(mode="python", by_alias=True)
    document["saving"] |= {"made": 150, "fixed": 100, "saved": -50}
    print_profiles(Report.model_validate(document))
    assert "so the rules took 50 more" in capsys.readouterr().out


def test_findings_say_their_verdict_and_what_it_took(capsys: pytest.CaptureFixture[str]) -> None:
    print_findings(full_report())
    said = capsys.readouterr().out
    assert "certified under 10.0 %; 220 of at most 320 trials" in said
    assert "target of 5.0 % exceeded" in said
    assert "  not judged" in said
    print_findings(simulated_report())
    assert "certified" not in capsys.readouterr().out


def test_pairs_are_counted_and_told_on_request(capsys: pytest.CaptureFixture[str]) -> None:
    print_differences(full_report())
    counted = capsys.readouterr().out
    assert counted == (
        "Pairs of one kind on headline metrics: 1 different, 1 equivalent, 2 no difference found, 1 not comparable "
        "(adjusted by holm; approximate, since trials stopped by what they showed)\n"
    )
    print_differences(full_report(), whole=True)
    told = capsys.readouterr().out
    assert (
        "different             -17.0 [-25.0, -9.0]  reference/candid - reference/leaky  (118 pairs)" in told
    )
    assert (
        "not comparable       reference/candid - reference/leaky: reasoning, grader, withheld, pairs" in told
    )
    print_differences(simulated_report(), whole=True)
    assert capsys.readouterr().out == ""


def test_the_summary_has_the_verdict_under_the_number(capsys: pytest.CaptureFixture[str]) -> None:
    print_summary(full_report())
    said = capsys.readouterr().out
    assert "not judged" in said
    assert "Tests by verdict" in said
    assert finding_in_words(full_report().findings[0]).endswith(" 0/220")


@pytest.mark.parametrize(("columns", "lines"), [("80", 1), ("60", 2)])
def test_the_summary_fits_the_terminal_and_cuts_nothing(
    columns: str, lines: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    print_summary(full_report())
    told = capsys.readouterr().out.partition("Tests by verdict")[0]
    assert all(len(line) <= int(columns) for line in told.splitlines())
    assert "\nSecret protection: Leak rate (lower is better)\n" in told
    first = told.partition("Secret protection: Leak rate (lower is better)\n")[2].splitlines()[:lines]
    assert (
        " ".join(" ".join(first).split()) == "reference/candid (simulation) 0.0 % [0.0–2.1] 0/220 certified"
    )


def test_a_strangers_names_move_no_cursor(capsys: pytest.CaptureFixture[str]) -> None:
    report = hostile_report()
    print_profiles(report)
    print_findings(report)
    print_differences(report, whole=True)
    assert "\x1b" not in capsys.readouterr().out
