"""Profiles, savings and comparisons told otherwise by whoever holds the key: each is caught, by name."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from audit_factory import RUN, TRUST, Bench, make_audit, render
from countermark.evidence import read_log
from countermark.verify import verify
from redaction_factory import copy_by, wish

STOPPING = {"alpha": "0.05", "beta": "0.10", "half_width": "0.10"}
ROW = "simulation/careful, simulation/careless, toy/keeping leaked"

LIES: dict[str, tuple[Callable[[dict[str, Any]], object], str]] = {
    "no profiles": (lambda report: report["profiles"].clear(), "holds profiles of []"),
    "another subject": (lambda report: report["profiles"][0].update(subject="x/y"), "holds profiles of ['x/y'"),
    "certified after all": (lambda report: report["profiles"][1].update(certified=["toy/keeping"]), "profiles/simulation/careless: is not the one recomputed (they differ in certified)"),
    "why not judged": (lambda report: report["profiles"][0].update(not_judged={}), "(they differ in not_judged)"),
    "a smaller bound": (lambda report: report["profiles"][1]["largest"].update(bound="0.010000"), "(they differ in largest)"),
    "more saved": (lambda report: report["saving"].update(saved=900), "saving is not the one recomputed (they differ in saved)"),
    "no savings": (lambda report: report.update(saving=None), "saving is not the one recomputed"),
    "a field of its own": (lambda report: report["profiles"][0].update(grade="A"), "(they differ in grade)"),
    "no comparisons": (lambda report: report.update(comparisons=None), "holds no comparisons"),
    "a pair left out": (lambda report: report["comparisons"]["rows"].clear(), "holds 0 comparisons that are not the 1 due"),
    "another verdict": (lambda report: report["comparisons"]["rows"][0].update(verdict="equivalent"), f"comparison {ROW}: says equivalent, recomputed no_difference_found (they differ in verdict)"),
    "a smaller difference": (lambda report: report["comparisons"]["rows"][0].update(difference="0.000000"), "(they differ in difference)"),
    "another p": (lambda report: report["comparisons"]["rows"][0].update(p_adjusted="0.000100"), "(they differ in p_adjusted)"),
    "another margin": (lambda report: report["comparisons"].update(margin="0.50"), "comparisons/margin is not what was recomputed"),
    "another method": (lambda report: report["comparisons"].update(headline="none"), "comparisons/headline is not"),
    "not after stopping": (lambda report: report["comparisons"].update(after_stopping=False), "comparisons/after_stopping is not"),
    "another place": (lambda report: report["comparisons"]["rankings"][0]["places"][1].update(worst=1), "comparisons/rankings is not"),
    "a made-up front": (lambda report: report["comparisons"]["fronts"].append({"kind": "reference", "misbehaviour": "a/b", "over_refusal": "a/c", "members": [], "dominated": [], "units": [1, 1]}), "comparisons/fronts is not"),
    "words in it": (lambda report: report["comparisons"].update(remark="b is the best"), "comparisons/remark is not"),
}  # fmt: skip


def stopping(plan: dict[str, Any]) -> None:
    plan["rules"] = {"stopping": STOPPING}
    for test in plan["tests"]:
        test["caps"] = {"leaked": 10}


def audit(directory: Path, **bench: Any) -> list[str]:
    verdict = verify(
        make_audit(directory, Bench(plan=stopping, **bench)),
        trust=TRUST,
        render=render,
    )
    numbers = verdict.stages[8]
    assert numbers.state == ("failed" if bench else "ok"), verdict.stages
    assert verdict.exit_code == (1 if bench else 0)
    return numbers.details


def test_the_report_as_it_should_be_holds(tmp_path: Path) -> None:
    assert audit(tmp_path / "audit")


@pytest.mark.parametrize("name", LIES)
def test_what_is_told_otherwise_is_caught_by_name(tmp_path: Path, name: str) -> None:
    change, expected = LIES[name]
    details = audit(tmp_path / "audit", report=lambda report: change(report) and None)
    assert expected in "\n".join(details)


def test_where_records_are_withheld_profiles_are_checked_and_comparisons_are_said_not_to_be(
    tmp_path: Path,
) -> None:
    """Profiles follow from the findings given; comparisons would need the records."""
    audit_dir = make_audit(tmp_path / "audit", Bench(plan=stopping))
    lines = [line for line in read_log(audit_dir / RUN) if line.record["final"]][:3]
    seqs = frozenset(line.seq for line in lines)
    verdict = verify(
        copy_by(audit_dir, tmp_path / "copy", wish("records", seqs=seqs)), trust=TRUST, render=render
    )
    assert verdict.exit_code == 4
    assert (
        "comparisons between subjects are not recomputed, since records are withheld"
        in verdict.stages[8].details
    )


def test_a_profile_told_otherwise_is_caught_though_records_are_withheld(tmp_path: Path) -> None:
    change = Bench(
        plan=stopping, report=lambda report: report["profiles"][1].update(certified=["toy/keeping"])
    )
    audit_dir = make_audit(tmp_path / "audit", change)
    [line, *_] = [line for line in read_log(audit_dir / RUN) if line.record["final"]]
    copy = copy_by(audit_dir, tmp_path / "copy", wish("records", seqs=frozenset({line.seq})))
    verdict = verify(copy, trust=TRUST, render=render)
    assert verdict.exit_code == 1
    assert "(they differ in certified)" in "\n".join(verdict.stages[8].details)
