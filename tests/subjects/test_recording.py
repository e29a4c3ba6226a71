"""Recordings: written whole, read with every fault, replayed turn by turn."""

import json
import os
from pathlib import Path

import anyio
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from countermark.canonical import digest
from countermark.errors import CallFailed, InvalidDocument, Unsupported, UsageError
from countermark.issues import Issues
from countermark.records import Message, MetricSpec, Request, Scenario, Subject, Text, ToolCall, TrialKey
from countermark.subjects.recording import (
    RecordedSubject,
    RecordedTest,
    RecordedTrial,
    Recording,
    assemble,
    find_recordings,
    read_recording,
    scenario_id,
    slug,
    subject_id,
    tool_call,
    write_recording,
)

TEST = "recorded/toy"
WORDS = Text(en="Toy", ja="玩具")


def metric(name: str = "refusals", *, headline: bool = True) -> MetricSpec:
    return MetricSpec(
        id=name,
        title=WORDS,
        arm="asked",
        label="refused",
        better="lower",
        axis="over_refusal",
        headline=headline,
    )


def trial(stem: str, **more) -> RecordedTrial:
    scenario = Scenario(
        id=scenario_id(TEST, stem, stem),
        test=TEST,
        arm="asked",
        cluster=stem,
        dialogue=(),
        tags={"kind": "a"},
    )
    messages = (
        Message(role="user", content="Hallo?"),
        Message(
            role="assistant",
            content="",
            tool_calls=(ToolCall(id="c1", name="look", arguments={"where": [1, 2.5, "ü"]}),),
        ),
        Message(role="tool", content="nothing", tool_call_id="c1"),
        Message(role="assistant", content="No."),
    )
    return RecordedTrial(
        **{"scenario": scenario, "messages": messages, "published": {"refused": True}, **more}
    )


def recording(*trials: RecordedTrial, **more) -> Recording:
    test = RecordedTest(
        id=TEST, version="1-A", title=WORDS, construct=WORDS, grader="published", metrics=(metric(),)
    )
    source = {"title": "Toy", "ref": "", "licence": "", "importer": "test", "files": []}
    draft = Recording(
        **{
            "id": "toy/model",
            "source": source,
            "tests": (test,),
            "trials": trials or (trial("b"), trial("a")),
            **more,
        }
    )
    issues = Issues()
    made = assemble(draft, issues)
    issues.raise_if_any()
    assert made is not None
    return made


def spoil(path: Path, name: str, old: str, new: str) -> None:
    """Change a file and its line in the manifest, so that only the content is at fault."""
    text = (path / name).read_text().replace(old, new)
    (path / name).write_text(text)
    manifest = (path / "MANIFEST.sha256").read_text().splitlines()
    lines = [f"{digest(text.encode())}  {name}" if line.endswith(name) else line for line in manifest]
    (path / "MANIFEST.sha256").write_text("\n".join(lines) + "\n")


def codes(path: Path) -> list[str]:
    with pytest.raises(InvalidDocument) as caught:
        read_recording(path)
    return caught.value.codes


def test_a_recording_is_read_back_as_it_was_written(tmp_path):
    made = recording()
    write_recording(made, tmp_path / "r")
    assert read_recording(tmp_path / "r") == made
    assert made.digest == digest((tmp_path / "r" / "MANIFEST.sha256").read_bytes())
    assert [found.scenario.cluster for found in made.trials] == ["a", "b"]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25, deadline=None)
@given(
    content=st.text(max_size=40),
    fault=st.none() | st.text(max_size=10),
    arguments=st.dictionaries(st.text(max_size=4), st.floats() | st.integers() | st.text(max_size=4)),
    labels=st.dictionaries(st.from_regex(r"[a-z][a-z0-9_]{0,8}", fullmatch=True), st.booleans(), max_size=4),
    error=st.none() | st.text(min_size=1, max_size=10),
)
def test_whatever_was_said_survives_writing(tmp_path_factory, content, fault, arguments, labels, error):
    calls = (tool_call("x", "y", arguments), ToolCall(id="z", name="w", arguments={}, fault=fault))
    messages = (Message(role="assistant", content=content, tool_calls=calls),)
    made = recording(trial("a", messages=messages, published=labels, upstream_error=error))
    path = tmp_path_factory.mktemp("recordings") / "r"
    write_recording(made, path)
    kept = read_recording(path).trials[0]
    assert kept.messages == messages
    assert (kept.published, kept.upstream_error) == (labels, error)


def test_writing_twice_changes_nothing_and_never_overwrites(tmp_path):
    write_recording(recording(), tmp_path / "r")
    write_recording(recording(), tmp_path / "r")
    with pytest.raises(UsageError, match="holds something else"):
        write_recording(recording(trial("c")), tmp_path / "r")
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError):
        write_recording(recording(), tmp_path / "empty")
    (tmp_path / "link").symlink_to(tmp_path / "r")
    with pytest.raises(UsageError):
        write_recording(recording(), tmp_path / "link")
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["empty", "link", "r"]


def test_nothing_is_left_half_written(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(UsageError, match="cannot write"):
        write_recording(recording(), tmp_path / "file" / "r")
    assert [entry.name for entry in tmp_path.iterdir()] == ["file"]


def test_the_same_item_is_the_same_scenario_in_every_recording():
    one, other = (
        recording(trial("a"), trial("b")),
        recording(trial("b", messages=()), trial("a"), id="toy/other"),
    )
    assert one.scenarios(TEST) == other.scenarios(TEST)
    assert one.tests[0].digest == other.tests[0].digest
    assert one.digest != other.digest
    assert one.scenarios("recorded/none") == ()


def test_recordings_are_found_alone_or_below(tmp_path):
    for name in ("b", "a"):
        write_recording(recording(), tmp_path / name)
    (tmp_path / "notes").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "a")
    assert find_recordings(tmp_path) == [tmp_path / "a", tmp_path / "b"]
    assert find_recordings(tmp_path / "a") == [tmp_path / "a"]
    assert find_recordings(tmp_path / "notes") == find_recordings(tmp_path / "none") == []


@pytest.mark.parametrize(
    ("name", "old", "new", "code"),
    [
        ("trials.jsonl", '"stop":""', '"stop":"","extra":1', "extra_forbidden"),
        ("trials.jsonl", '"role":"user"', '"role":"wizard"', "literal_error"),
        ("trials.jsonl", '"refused":true', '"refused":NaN', "json"),
        ("trials.jsonl", '"refused":true', '"refused":"yes"', "bool_type"),
        ("trials.jsonl", '"refused":true', '"refused":true,"refused":false', "json"),
        ("trials.jsonl", '"test":"recorded/toy"', '"test":"recorded/other"', "test-unknown"),
        ("trials.jsonl", '"id":"recorded/toy#', '"id":"elsewhere#', "scenario-id"),
        ("trials.jsonl", '"upstream_error":null}', '"upstream_error":null', "json"),
        ("trials.jsonl", '"content":"No."', '"content":"\\ud800"', "json"),
        ("trials.jsonl", '"content":"No."', '"content":' + "[" * 100 + "]" * 100, "json"),
        ("recording.json", '"importer"', '"importing"', "extra_forbidden"),
        ("recording.json", '"headline":true', '"headline":false', "headline"),
        ("recording.json", "toy/model", "toy model", "string_pattern_mismatch"),
        ("recording.json", "recording/v0.1", "recording/v9", "literal_error"),
    ],
)
def test_a_malformed_recording_is_refused_with_its_fault(tmp_path, name, old, new, code):
    write_recording(recording(), tmp_path / "r")
    spoil(tmp_path / "r", name, old, new)
    assert code in codes(tmp_path / "r")


def test_every_fault_is_gathered(tmp_path):
    path = tmp_path / "r"
    write_recording(recording(), path)
    spoil(path, "trials.jsonl", '"role":"user"', '"role":"wizard"')
    spoil(path, "recording.json", '"importer"', '"importing"')
    (path / "more.txt").write_text("")
    found = codes(path)
    assert {"stray-file", "literal_error", "extra_forbidden", "missing"} <= set(found)
    assert found.count("literal_error") == 2


def test_changed_bytes_are_seen(tmp_path):
    path = tmp_path / "r"
    write_recording(recording(), path)
    text = (path / "trials.jsonl").read_text()
    (path / "trials.jsonl").write_text(text.replace("true", "false"))
    assert codes(path) == ["digest"]


@pytest.mark.parametrize("line", ["0" * 64 + "  ../outside", "nonsense", "0" * 64 + "  trials.jsonl"])
def test_a_manifest_that_lists_anything_else_is_refused(tmp_path, line):
    path = tmp_path / "r"
    write_recording(recording(), path)
    with (path / "MANIFEST.sha256").open("a") as file:
        file.write(line + "\n")
    assert codes(path) == ["manifest"]


def test_links_devices_and_missing_files_are_refused(tmp_path):
    path = tmp_path / "r"
    write_recording(recording(), path)
    (path / "trials.jsonl").rename(tmp_path / "elsewhere")
    assert set(codes(path)) == {"path-unsafe"}
    (path / "trials.jsonl").symlink_to(tmp_path / "elsewhere")
    assert codes(path) == ["path-unsafe"]
    (path / "trials.jsonl").unlink()
    os.mkfifo(path / "trials.jsonl")
    assert codes(path) == ["path-unsafe"]
    assert codes(tmp_path / "nowhere") == ["path-unsafe"]


def test_one_scenario_cannot_stand_twice():
    with pytest.raises(InvalidDocument) as caught:
        recording(trial("a"), trial("a"))
    assert caught.value.codes == ["duplicate"]
    assert "line 1 already" in str(caught.value)


def test_arguments_canonical_json_cannot_hold_are_kept_as_raw_text():
    huge = tool_call("c", "pay", {"amount": 2**70})
    assert huge.arguments == {}
    assert json.loads(huge.fault or "") == {"amount": 2**70}
    assert tool_call("c", "pay", [1]).fault == "[1]"
    assert tool_call("c", "pay", {"amount": 1.5}).fault is None


def test_names_for_files_and_subjects():
    assert slug("agentdojo/gpt-4o") == "agentdojo-gpt-4o"
    assert "/" not in slug("../../etc/passwd")
    assert subject_id("set", "Claude 3.5 w/ prompt ") == "set/Claude-3.5-w/-prompt"


def test_a_recorded_subject_says_again_what_was_said():
    subject: Subject = RecordedSubject(recording(trial("a", stop="length")))
    key = TrialKey(test=TEST, scenario=scenario_id(TEST, "a", "a"))

    async def play() -> None:
        first = await subject.answer(Request(messages=(), key=key))
        assert first.message.tool_calls[0].name == "look"
        second = await subject.answer(Request(messages=(first.message,), key=key))
        assert (second.message.content, second.stop) == ("No.", "length")
        with pytest.raises(CallFailed) as caught:
            await subject.answer(Request(messages=(first.message, second.message), key=key))
        assert not caught.value.retryable
        await subject.aclose()

    anyio.run(play)


def test_what_was_not_recorded_is_unsupported():
    subject = RecordedSubject(recording())
    known = scenario_id(TEST, "a", "a")
    assert subject.recall(TrialKey(test=TEST, scenario=known)).published == {"refused": True}
    with pytest.raises(Unsupported):
        subject.recall(TrialKey(test=TEST, scenario="recorded/toy#other"))
    with pytest.raises(Unsupported, match="second time"):
        subject.recall(TrialKey(test=TEST, scenario=known, epoch=1))
