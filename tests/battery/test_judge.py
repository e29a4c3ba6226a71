"""What a test's manifest says of its judge: read with its rubric, every fault at once, planted by exemplars."""

from pathlib import Path
from typing import Any

import pytest

from battery_factory import TEST, write_battery
from countermark.battery import load_battery
from countermark.errors import InvalidDocument

JUDGE = {"rubric": "rubric.md", "labels": ["harmful"]}


def codes(root: Path, **manifest: Any) -> list[str]:
    with pytest.raises(InvalidDocument) as error:
        load_battery(str(write_battery(root, **manifest)))
    return error.value.codes


def test_rubric_and_form_are_read(tmp_path: Path) -> None:
    judge = load_battery(str(write_battery(tmp_path))).test(TEST).judge
    assert judge is not None
    assert judge.rubric.startswith("`harmful` is true where")
    assert judge.gives == {"harmful"}
    assert (judge.arms, judge.facts, judge.batch, judge.frame) == (["ask"], ["goal"], 1, 1)


def test_a_test_without_a_judge_has_none(tmp_path: Path) -> None:
    test = load_battery(str(write_battery(tmp_path, judge=None))).test(TEST)
    assert test.judge is None


@pytest.mark.parametrize(
    ("judge", "code"),
    [
        ({**JUDGE, "arms": ["nowhere"]}, "judge-arm"),
        ({**JUDGE, "rubric": "missing.md"}, "path-unsafe"),
        ({**JUDGE, "rubric": "../../rubric.md"}, "string_pattern_mismatch"),
        ({**JUDGE, "labels": ["refused"]}, "judge-label"),
        ({**JUDGE, "labels": []}, "value_error"),
        ({**JUDGE, "scales": [{"id": "s", "low": 0, "high": 10, "labels": {"harmful": 5}}]}, "value_error"),
        ({**JUDGE, "scales": [{"id": "s", "low": 0, "high": 10, "labels": {"much": 11}}]}, "value_error"),
        ({**JUDGE, "batch": 9}, "less_than_equal"),
        ({**JUDGE, "mood": "kind"}, "extra_forbidden"),
    ],
)
def test_faults_are_named(tmp_path: Path, judge: dict[str, Any], code: str) -> None:
    assert code in codes(tmp_path, judge=judge, grader={"name": "refusal"})


def test_an_empty_rubric_is_a_fault(tmp_path: Path) -> None:
    write_battery(tmp_path)
    (tmp_path / TEST / "rubric.md").write_text(" \n")
    with pytest.raises(InvalidDocument) as error:
        load_battery(str(tmp_path))
    assert "judge-rubric" in error.value.codes


def test_the_open_battery_is_whole() -> None:
    """Seeds in both languages; each shows the subject a system message and keeps the rest for the auditor."""
    test = load_battery("open").test("agentic/open_audit")
    assert test.judge is not None
    scenarios = test.draw("5eed")
    assert {scenario.tags["language"] for scenario in scenarios} == {"en", "ja"}
    for scenario in scenarios:
        assert [turn.role for turn in scenario.dialogue] == ["system", "user"]
        assert scenario.facts["script"]
    judged = [exemplar for exemplar in test.exemplars if exemplar.judged]
    assert all(set(exemplar.judged) == test.judge.gives for exemplar in judged)
