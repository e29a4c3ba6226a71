"""Inspect's logs: what Inspect itself wrote becomes recordings, and a stranger's archive is vetted before it is read."""

import io
import json
import struct
import zipfile
from pathlib import Path

import pytest

from countermark.errors import InvalidDocument
from countermark.issues import Issues

pytest.importorskip("inspect_ai", reason="Inspect is not installed (extra `inspect`)")

from inspect_ai.log import (
    EvalConfig,
    EvalDataset,
    EvalError,
    EvalLog,
    EvalSample,
    EvalSampleLimit,
    EvalSpec,
    ProvenanceData,
    write_eval_log,
)
from inspect_ai.model import (
    ChatMessageAssistant,
    ChatMessageSystem,
    ChatMessageTool,
    ChatMessageUser,
    ContentReasoning,
    ContentText,
    ModelOutput,
)
from inspect_ai.scorer import Score
from inspect_ai.tool import ToolCall

from countermark.bridges import inspect_archive
from countermark.bridges.inspect_log import read_inspect_log
from countermark.subjects.recording import read_recording, write_recording


def sample(name="a", epoch=1, scores=None, **more) -> EvalSample:
    messages = [ChatMessageUser(content=f"Ask {name}"), ChatMessageAssistant(content="Said.")]
    values = {name: Score(value=value) for name, value in (scores or {}).items()}
    plain = {
        "id": name,
        "epoch": epoch,
        "input": f"Ask {name}",
        "target": "",
        "messages": messages,
        "output": ModelOutput.from_content("mockllm/model", "Said."),
        "scores": values,
    }
    return EvalSample(**{**plain, **more})


def log(path: Path, *samples: EvalSample, task="toy/Task-1", model="mockllm/model", version=2) -> Path:
    spec = EvalSpec(
        created="2026-01-01T00:00:00+00:00",
        task=task,
        task_version=version,
        model=model,
        dataset=EvalDataset(name="toy", samples=len(samples)),
        config=EvalConfig(),
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    write_eval_log(EvalLog(eval=spec, samples=list(samples), status="success"), str(path))
    return path


def mapping(tmp_path: Path, **content) -> Path:
    path = tmp_path / "m.json"
    path.write_text(json.dumps(content))
    return path


def by_stem(recording, stem: str):
    return next(trial for trial in recording.trials if f"#{stem}-" in trial.scenario.id)


def faults(*paths: Path, **more) -> str:
    with pytest.raises(InvalidDocument) as caught:
        read_inspect_log(paths, **more)
    return str(caught.value)


@pytest.mark.parametrize("suffix", ["eval", "json"])
def test_samples_become_runs_with_their_scores(tmp_path, suffix):
    samples = [
        sample("a", scores={"match": "C", "Deep/Judge": False, "share": 0.4}),
        sample("b", scores={"match": "I", "Deep/Judge": 1, "share": 1.0}),
        sample("c", scores={"match": "P", "Deep/Judge": {"x": 1}, "share": "N"}),
    ]
    (recording,) = read_inspect_log([log(tmp_path / f"l.{suffix}", *samples)])
    assert recording.id == "inspect/mockllm/model"
    test = recording.tests[0]
    assert (test.id, test.version, test.grader) == ("recorded/toy_task_1", "2-A", "published")
    assert [(metric.id, metric.arm, metric.headline) for metric in test.metrics] == [
        ("deep_judge", "toy_task_1", True),
        ("match", "toy_task_1", False),
        ("share", "toy_task_1", False),
    ]
    assert by_stem(recording, "a").published == {"match": True, "deep_judge": False}
    assert by_stem(recording, "b").published == {"match": False, "deep_judge": True, "share": True}
    assert by_stem(recording, "c").published == {}
    assert by_stem(recording, "c").no_verdict == "no scorer said yes or no"
    assert [turn.content for turn in by_stem(recording, "a").messages] == ["Ask a", "Said."]
    write_recording(recording, tmp_path / "r")
    assert read_recording(tmp_path / "r") == recording


def test_tools_reasoning_and_conversations_are_laid_out(tmp_path):
    call = ToolCall(id="c1", function="look", arguments={"at": 2**60})
    messages = [
        ChatMessageSystem(content="Be brief."),
        ChatMessageUser(content="Look."),
        ChatMessageAssistant(
            content=[ContentReasoning(reasoning="hm"), ContentText(text="Looking")], tool_calls=[call]
        ),
        ChatMessageTool(content="a wall", tool_call_id="c1", function="look"),
        ChatMessageAssistant(content="A wall."),
    ]
    one = sample("a", messages=messages, input=messages[:2], scores={"match": "C"})
    (recording,) = read_inspect_log([log(tmp_path / "l.eval", one)])
    turns = recording.trials[0].messages
    assert [turn.role for turn in turns] == ["system", "user", "assistant", "tool", "assistant"]
    assert turns[2].content == "Looking"
    assert turns[2].tool_calls[0].fault == json.dumps({"at": 2**60})
    assert turns[3].tool_call_id == "c1"


def test_errors_limits_invalidations_and_unscored_samples_have_no_verdict(tmp_path):
    error = EvalError(message="server on fire", traceback="", traceback_ansi="")
    doubt = ProvenanceData(author="reviewer", reason="wrong tool")
    samples = [
        sample("broken", error=error, scores={"match": "I"}),
        sample("long", limit=EvalSampleLimit(type="token", limit=10), scores={"match": "C"}),
        sample("void", invalidation=doubt, scores={"match": "C"}),
        sample("unscored", scores={"match": float("nan")}),
        sample("bare"),
    ]
    (recording,) = read_inspect_log([log(tmp_path / "l.eval", *samples)])
    broken = by_stem(recording, "broken")
    assert (broken.upstream_error, broken.published) == ("server on fire", {"match": False})
    assert (by_stem(recording, "long").stop, by_stem(recording, "broken").stop) == ("token", "stop")
    assert by_stem(recording, "void").no_verdict == "invalidated upstream: wrong tool"
    assert by_stem(recording, "unscored").published == by_stem(recording, "bare").published == {}


def test_epochs_are_repeats_of_one_item_and_items_are_the_same_for_every_model(tmp_path):
    samples = [sample("a", epoch, {"match": "C"}) for epoch in (1, 2)]
    for model in ("x/one", "y/two"):
        log(tmp_path / "logs" / f"{model[0]}.eval", *samples, model=model)
    one, two = read_inspect_log([tmp_path / "logs"])
    assert (one.id, two.id) == ("inspect/x/one", "inspect/y/two")
    test = one.tests[0]
    assert one.scenarios(test.id) == two.scenarios(test.id)
    assert test.digest == two.tests[0].digest
    first, second = (trial.scenario for trial in one.trials)
    assert second.id == f"{first.id}-e2"
    assert first.cluster == second.cluster
    assert (first.tags, second.tags) == ({"epoch": "1"}, {"epoch": "2"})


def test_another_question_under_the_same_id_is_another_item(tmp_path):
    one = log(tmp_path / "x.eval", sample("a", scores={"match": "C"}), model="x/m")
    two = log(tmp_path / "y.eval", sample("a", input="changed", scores={"match": "C"}), model="y/m")
    found = read_inspect_log([one, two])
    assert found[0].trials[0].scenario.id != found[1].trials[0].scenario.id


def test_a_mapping_says_what_scores_mean(tmp_path):
    rule = mapping(
        tmp_path,
        source={"title": "Our runs", "ref": "internal", "licence": "none"},
        labels=[
            {"label": "graded_high", "scorer": "judge", "key": "grade", "true_at_least": 7},
            {"label": "partial", "scorer": "match", "true": ["P"], "false": ["C", "I"]},
            {"label": "rated_one", "scorer": "rate", "true": [1], "false": [0, False]},
        ],
        metrics=[
            {
                "id": "high",
                "title": "High grades",
                "label": "graded_high",
                "better": "higher",
                "axis": "utility",
            },
            {"id": "part", "title": {"en": "Partial", "ja": "部分"}, "label": "partial", "headline": True},
        ],
    )
    samples = [
        sample("a", scores={"judge": {"grade": 7}, "match": "P", "rate": 1.0}),
        sample("b", scores={"judge": {"grade": 6.5}, "match": "I", "rate": False}),
        sample("c", scores={"judge": {"other": 1}, "match": "N", "rate": 0.5}),
    ]
    (recording,) = read_inspect_log([log(tmp_path / "l.eval", *samples)], mapping=rule)
    assert by_stem(recording, "a").published == {"graded_high": True, "partial": True, "rated_one": True}
    assert by_stem(recording, "b").published == {"graded_high": False, "partial": False, "rated_one": False}
    assert by_stem(recording, "c").published == {}
    assert [(metric.id, metric.better, metric.headline) for metric in recording.tests[0].metrics] == [
        ("high", "higher", False),
        ("part", "neither", True),
    ]
    assert recording.source["title"] == "Our runs"
    assert [file["name"] for file in recording.source["files"]] == ["l.eval", "m.json"]


def test_many_samples_are_read_in_chunks(tmp_path):
    samples = [sample(f"s{number}", scores={"match": "C"}) for number in range(230)]
    (recording,) = read_inspect_log([log(tmp_path / "l.eval", *samples)])
    assert len(recording.trials) == 230


def test_faults_of_logs_and_mappings_are_told(tmp_path):
    first = log(tmp_path / "first.eval", sample("a", scores={"match": "C"}))
    again = log(tmp_path / "again.eval", sample("a", scores={"match": "C"}))
    newer = log(tmp_path / "newer.eval", sample("a", scores={"match": "C"}), version=3, model="x/m")
    blank = log(tmp_path / "blank.eval", task="other")
    (tmp_path / "no.json").write_text('{"version": 2}')
    (tmp_path / "no.eval").write_bytes(b"PK nonsense")
    text = faults(
        first, again, newer, blank, tmp_path / "no.json", tmp_path / "no.eval", tmp_path / "gone.eval"
    )
    for piece in (
        "again.eval: sample a, epoch 1: [duplicate]",
        "newer.eval: /eval/task: [task-version]",
        "blank.eval: [nothing] holds no sample",
        "no.json: [inspect-log] Inspect cannot read it",
        "no.eval: [archive]",
        "gone.eval: [path-unsafe] does not exist",
    ):
        assert piece in text
    assert "no-label" in faults(log(tmp_path / "vague.eval", sample("a", scores={"match": 0.5})))
    assert "extra_forbidden" in faults(first, mapping=mapping(tmp_path, lables=[]))
    strangers = mapping(
        tmp_path,
        labels=[{"label": "a", "scorer": "match"}],
        metrics=[{"id": "b", "title": "B", "label": "b"}],
    )
    assert "labels that are not defined: b" in faults(first, mapping=strangers)


def archive(*members: tuple[str, bytes], method=zipfile.ZIP_DEFLATED) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", method) as made:
        for name, data in members:
            made.writestr(zipfile.ZipInfo(name), data, method)
    return packed.getvalue()


def refused(data: bytes) -> str:
    issues = Issues()
    assert not inspect_archive.vet_archive(data, "x.eval", issues)
    return str(next(iter(issues)))


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, 93])
def test_an_ordinary_archive_passes_whatever_it_is_packed_with(method):
    data = archive(("header.json", b"{}"), ("samples/a.json", bytes(range(256)) * 20_000), method=method)
    assert inspect_archive.vet_archive(data, "x.eval", Issues())


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, 93])
def test_a_bomb_is_refused(method):
    one = archive(("a.json", b"\0" * 200_000_000), method=method)
    assert "inflates to over" in refused(one) or "declares to inflate" in refused(one)
    many = archive(*((f"{number}.json", b"\0" * 30_000_000) for number in range(4)), method=method)
    assert "declares to inflate to over" in refused(many)


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, 93])
def test_a_bomb_that_declares_little_is_refused(method):
    data = bytearray(archive(("a.json", b"\0" * 100_000_000), method=method))
    place = data.index(struct.pack("<I", 100_000_000), data.index(b"PK\x01\x02"))
    data[place : place + 4] = struct.pack("<I", 10)
    assert "inflates to over" in refused(bytes(data))
    small = bytearray(archive(("a.json", b"\0" * 1000), method=method))
    place = small.index(struct.pack("<I", 1000), small.index(b"PK\x01\x02"))
    small[place : place + 4] = struct.pack("<I", 10)
    assert "is not the size it declares" in refused(bytes(small))


@pytest.mark.parametrize("name", ["../a.json", "/a.json", "a\\..\\b.json", "samples/../../a.json"])
def test_names_that_climb_are_refused(name):
    assert "climbs out" in refused(archive((name, b"{}")))


def test_doubles_odd_packing_and_rubbish_are_refused(monkeypatch):
    with pytest.warns(UserWarning, match="Duplicate name"):
        twice = archive(("a.json", b"1"), ("a.json", b"2"))
    assert "two members have one name" in refused(twice)
    assert "unusual way" in refused(archive(("a.json", b"1"), method=zipfile.ZIP_BZIP2))
    assert "not between 1 and" in refused(archive())
    assert "[archive]" in refused(b"rubbish")
    monkeypatch.setattr(inspect_archive, "MAX_ENTRIES", 1)
    assert "holds 2 members" in refused(archive(("a", b""), ("b", b"")))
    whole = archive(("a.json", b"1" * 1000), method=zipfile.ZIP_STORED)
    moved = whole.replace(b"PK\x03\x04", b"PK\x03\x05", 1)
    assert "not where the directory says" in refused(moved)
