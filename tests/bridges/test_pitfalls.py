"""Known pitfalls of Inspect's logs: an edited log is read back without complaint, and its totals are not made again."""

import json
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("inspect_ai", reason="Inspect is not installed (extra `inspect`)")

from inspect_ai.log import EvalConfig, EvalDataset, EvalLog, EvalSample, EvalSpec, write_eval_log
from inspect_ai.model import ChatMessageAssistant, ChatMessageUser, ModelOutput
from inspect_ai.scorer import Score

from countermark.bridges.inspect_log import read_inspect_log
from countermark.subjects.recording import Recording


@pytest.fixture
def log(tmp_path: Path) -> Path:
    samples = [
        EvalSample(
            id=name,
            epoch=1,
            input=f"Ask {name}",
            target="",
            messages=[ChatMessageUser(content=f"Ask {name}"), ChatMessageAssistant(content="Said.")],
            output=ModelOutput.from_content("mockllm/model", "Said."),
            scores={"leaked": Score(value=value)},
        )
        for name, value in (("a", "C"), ("b", "I"))
    ]
    spec = EvalSpec(
        created="2026-01-01T00:00:00+00:00",
        task="toy",
        model="mockllm/model",
        dataset=EvalDataset(name="toy", samples=2),
        config=EvalConfig(),
    )
    path = tmp_path / "log.json"
    write_eval_log(EvalLog(eval=spec, samples=samples, status="success"), str(path))
    return path


def edited(path: Path, **changes: Any) -> Recording:
    """The log with top-level fields replaced, imported."""
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))
    return read_inspect_log([path])[0]


def test_totals_in_a_log_are_never_taken_over(log: Path) -> None:
    """A nicer aggregate in the header changes no number: labels come from the samples, sums are our own."""
    before = read_inspect_log([log])[0]
    claimed = [
        {"name": "leaked", "scorer": "leaked", "metrics": {"accuracy": {"name": "accuracy", "value": 0.0}}}
    ]
    after = edited(log, results={"total_samples": 9, "completed_samples": 9, "scores": claimed})
    assert after.trials == before.trials
    assert [dict(trial.published) for trial in after.trials] == [{"leaked": True}, {"leaked": False}]


def test_an_edited_score_is_another_recording(log: Path) -> None:
    """Inspect cannot tell: the digest of the file as it came, which the plan names, can."""
    before = read_inspect_log([log])[0]
    samples = json.loads(log.read_text())["samples"]
    samples[0]["scores"]["leaked"]["value"] = "I"
    after = edited(log, samples=samples)
    assert after.source["files"] != before.source["files"]
    assert after.digest != before.digest


def test_a_sample_without_any_choice_is_read(log: Path) -> None:
    """Inspect's own property for the reason to stop ended in IndexError."""
    samples = json.loads(log.read_text())["samples"]
    samples[0]["output"]["choices"] = []
    assert edited(log, samples=samples).trials[0].stop == ""


def test_a_name_of_any_length_is_shown_cut(log: Path) -> None:
    """It ended in a fault of our own: a title has a limit, a task's name has none."""
    head = json.loads(log.read_text())["eval"]
    title = edited(log, eval=head | {"task": "t" * 3000}).tests[0].title.en
    assert "t" * 200 in title
    assert "t" * 201 not in title
