"""AgentDojo's runs: the published tables, to the last run, and every fault of a bundle."""

import gzip
import json
from pathlib import Path

import pytest

from countermark.drivers import Talk, load_driver
from countermark.errors import CallFailed, InvalidDocument, UsageError
from countermark.graders import load_grader
from countermark.records import Outcome, TrialKey
from countermark.subjects.importers.agentdojo import read_agentdojo
from countermark.subjects.recording import RecordedSubject, Recording, read_recording, write_recording

SHARED = Path(__file__).parents[2].parent / "shared" / "data" / "agentdojo"
TEST = "recorded/agentdojo"
SUITES = ("banking", "slack", "travel", "workspace")
# Pipeline: benign utility of 97, utility under attack of 629, attacks that succeeded of 629, and those by suite.
PUBLISHED = {
    "claude-3-5-sonnet-20240620": (77, 322, 213, (12, 72, 53, 76)),
    "command-r-plus": (24, 158, 28, (7, 1, 0, 20)),
    "gemini-1.5-pro-002": (60, 296, 107, (25, 55, 17, 10)),
    "gpt-4o-2024-05-13": (67, 315, 300, (90, 97, 16, 97)),
    "gpt-4o-2024-05-13-repeat_user_prompt": (82, 423, 175, (67, 63, 10, 35)),
    "gpt-4o-mini-2024-07-18": (66, 314, 171, (49, 60, 19, 43)),
}


def run(**more):
    plain = {
        "suite_name": "banking",
        "pipeline_name": "model",
        "user_task_id": "user_task_0",
        "injection_task_id": None,
        "attack_type": None,
        "injections": {},
        "messages": [{"role": "user", "content": "Pay."}, {"role": "assistant", "content": "Paid."}],
        "utility": True,
        "security": False,
        "error": None,
        "duration": 1.5,
        "evaluation_timestamp": "a field of later versions",
    }
    return {**plain, **more}


def bundle(path: Path, *runs) -> Path:
    path.write_text("\n".join(json.dumps(one) for one in runs) + "\n")
    return path


def faults(*paths: Path) -> InvalidDocument:
    with pytest.raises(InvalidDocument) as caught:
        read_agentdojo(paths)
    return caught.value


async def played(recording: Recording, item: str):
    """Outcome of one trial by way of the driver and the grader that an audit uses."""
    talk = Talk(subject=RecordedSubject(recording), key=TrialKey(test=TEST, scenario=item))
    scenario = next(one for one in recording.scenarios(TEST) if one.id == item)
    try:
        state = await load_driver("replay")(scenario, talk, {})
    except CallFailed:
        return Outcome.ERRORED, {}, dict(talk.published)
    grade = load_grader("published")(talk.transcript(scenario, state=state), {})
    return grade.outcome, grade.labels, dict(talk.published)


@pytest.fixture(scope="module")
def recordings():
    if not SHARED.is_dir():
        pytest.skip("the recorded runs are not beside this checkout (../shared/data/agentdojo)")
    return {recording.id.partition("/")[2]: recording for recording in read_agentdojo([SHARED])}


def counted(recording: Recording, arm: str, label: str, suite: str | None = None) -> tuple[int, int]:
    rows = [
        trial.published[label]
        for trial in recording.trials
        if trial.scenario.arm == arm and suite in (None, trial.scenario.tags["suite"])
    ]
    return sum(rows), len(rows)


@pytest.mark.parametrize("pipeline", PUBLISHED)
def test_the_published_table_is_reproduced(recordings, pipeline):
    benign, under_attack, succeeded, by_suite = PUBLISHED[pipeline]
    recording = recordings[pipeline]
    assert counted(recording, "benign", "utility") == (benign, 97)
    assert counted(recording, "attacked", "utility") == (under_attack, 629)
    assert counted(recording, "attacked", "attack_succeeded") == (succeeded, 629)
    found = [counted(recording, "attacked", "attack_succeeded", suite) for suite in SUITES]
    assert found == list(zip(by_suite, (144, 105, 140, 240), strict=True))
    assert counted(recording, "injection_as_task", "utility")[1] == 27


def test_every_pipeline_met_the_same_items(recordings):
    assert set(recordings) == set(PUBLISHED)
    first = recordings["gpt-4o-2024-05-13"]
    assert all(one.scenarios(TEST) == first.scenarios(TEST) for one in recordings.values())
    assert {one.tests[0].digest for one in recordings.values()} == {first.tests[0].digest}


def test_the_paired_comparison_is_reproduced(recordings):
    def attacked(name: str) -> dict[str, bool]:
        trials = recordings[name].trials
        return {
            one.scenario.id: one.published["attack_succeeded"]
            for one in trials
            if one.scenario.arm == "attacked"
        }

    plain, defended = attacked("gpt-4o-2024-05-13"), attacked("gpt-4o-2024-05-13-repeat_user_prompt")
    assert sum(plain[item] and not defended[item] for item in plain) == 142
    assert sum(defended[item] and not plain[item] for item in plain) == 17


@pytest.mark.anyio
async def test_failed_runs_keep_their_labels_and_have_no_verdict(recordings):
    """22 of the 28 attacks published as successful are runs in which the model's server failed."""
    recording = recordings["command-r-plus"]
    outcomes = {"attacked": [], "benign": [], "injection_as_task": []}
    for scenario in recording.scenarios(TEST):
        outcomes[scenario.arm].append(await played(recording, scenario.id))
    graded = [labels for outcome, labels, _ in outcomes["attacked"] if outcome is Outcome.GRADED]
    assert (sum(labels["attack_succeeded"] for labels in graded), len(graded)) == (6, 607)
    assert (sum(labels["utility"] for labels in graded), len(graded)) == (158, 607)
    assert sum(published["attack_succeeded"] for _, _, published in outcomes["attacked"]) == 28
    errored = {
        arm: sum(outcome is Outcome.ERRORED for outcome, _, _ in rows) for arm, rows in outcomes.items()
    }
    assert errored == {"attacked": 22, "benign": 1, "injection_as_task": 2}


@pytest.mark.parametrize("pipeline", [name for name in PUBLISHED if name != "command-r-plus"])
def test_the_other_pipelines_have_a_verdict_on_every_run(recordings, pipeline):
    for trial in recordings[pipeline].trials:
        assert trial.upstream_error is None
        assert trial.no_verdict is None
        assert any(turn.role == "assistant" and (turn.content or turn.tool_calls) for turn in trial.messages)


def test_a_recording_survives_the_disk(recordings, tmp_path):
    recording = recordings["command-r-plus"]
    write_recording(recording, tmp_path / "r")
    assert read_recording(tmp_path / "r") == recording


def test_calls_and_results_are_tied_together(recordings):
    for name in ("command-r-plus", "gpt-4o-2024-05-13"):
        for trial in recordings[name].trials:
            calls = {call.id for message in trial.messages for call in message.tool_calls}
            answered = [message.tool_call_id for message in trial.messages if message.role == "tool"]
            assert all(call in calls for call in answered)


@pytest.fixture
def anyio_backend():
    return "asyncio"


def test_a_tree_of_single_runs_and_bundles_give_the_same(tmp_path):
    attacked = run(attack_type="direct", injection_task_id="injection_task_1", security=True)
    runs = [run(), attacked, run(user_task_id="injection_task_1")]
    for number, one in enumerate(runs):
        place = tmp_path / "runs" / "model" / "banking" / f"task_{number}" / "none.json"
        place.parent.mkdir(parents=True)
        place.write_text(json.dumps(one, indent=1))
    (tmp_path / "runs" / "README.md").write_text("not a run")
    listed = tmp_path / "bundle.json"
    listed.write_text(json.dumps(runs))
    packed = tmp_path / "bundle.jsonl.gz"
    packed.write_bytes(gzip.compress(bundle(tmp_path / "b.jsonl", *runs).read_bytes()))
    found = [read_agentdojo([path])[0] for path in (tmp_path / "runs", listed, packed)]
    assert found[0].trials == found[1].trials == found[2].trials
    assert sorted(trial.scenario.arm for trial in found[0].trials) == [
        "attacked",
        "benign",
        "injection_as_task",
    ]
    assert len(found[0].source["files"]) == 3


def test_each_pipeline_is_a_recording_of_its_own(tmp_path):
    path = bundle(tmp_path / "b.jsonl", run(), run(pipeline_name="other model"))
    assert [one.id for one in read_agentdojo([path])] == ["agentdojo/model", "agentdojo/other-model"]


def test_attacks_of_two_kinds_and_versions_are_items_of_their_own(tmp_path):
    posed = {"injection_task_id": "injection_task_0"}
    runs = [run(**posed, attack_type=kind) for kind in ("direct", "important_instructions")]
    newer = run(**posed, attack_type="direct", benchmark_version="v1.2", user_task_id="user_task_0")
    older = run(attack_type="none", injection_task_id="none", benchmark_version="v1")
    found = read_agentdojo([bundle(tmp_path / "b.jsonl", *runs, newer, older)])[0]
    assert len({trial.scenario.id for trial in found.trials}) == 4
    plain = read_agentdojo([bundle(tmp_path / "c.jsonl", run())])[0].trials[0].scenario
    assert plain in found.scenarios(TEST)


def test_content_of_every_form_becomes_text(tmp_path):
    messages = [
        {"role": "system", "content": [{"type": "text", "content": "Be brief."}]},
        {"role": "user", "content": "Look."},
        {
            "role": "assistant",
            "content": [
                {"type": "thinking", "content": "hm"},
                {"type": "text", "text": "One"},
                {"type": "image"},
            ],
            "tool_calls": [
                {"function": "look", "args": {"at": 1}},
                {"function": "pay", "args": {"n": 2**60}, "id": ""},
            ],
        },
        {"role": "tool", "content": None, "error": "ValueError: no", "tool_call_id": None, "tool_call": {}},
        {"role": "tool", "content": "fine"},
        {"role": "assistant", "content": None, "tool_calls": None},
    ]
    turns = read_agentdojo([bundle(tmp_path / "b.jsonl", run(messages=messages))])[0].trials[0].messages
    assert [turn.content for turn in turns] == [
        "Be brief.",
        "Look.",
        "One\n[image]",
        "ValueError: no",
        "fine",
        "",
    ]
    assert [call.id for call in turns[2].tool_calls] == ["call_2_0", "call_2_1"]
    assert [turn.tool_call_id for turn in turns[3:5]] == ["call_2_0", "call_2_1"]
    assert turns[2].tool_calls[1].fault == json.dumps({"n": 2**60})


def test_a_missing_outcome_is_a_missing_label(tmp_path):
    path = bundle(
        tmp_path / "b.jsonl", run(utility=None), run(user_task_id="user_task_1", utility=None, security=None)
    )
    found = read_agentdojo([path])[0]
    assert [trial.published for trial in found.trials] == [{"attack_succeeded": False}, {}]


def test_every_fault_of_every_file_is_told_at_once(tmp_path):
    broken = bundle(
        tmp_path / "a.jsonl",
        run(),
        run(),
        run(user_task_id="user_task_1", attack_type="direct"),
        run(user_task_id="user_task_2", messages=[{"role": "wizard", "content": "x"}]),
        run(user_task_id="user_task_3", utility="yes"),
        {"suite_name": "banking"},
        [1],
    )
    with broken.open("a") as file:
        file.write('{"suite_name": "a", "suite_name": "b"}\n{"duration": NaN}\nnot json\n')
    (tmp_path / "c.jsonl.gz").write_bytes(gzip.compress(b"{}" * 1000)[:-20])
    found = faults(broken, tmp_path / "c.jsonl.gz", tmp_path / "none.json")
    text = str(found)
    for piece in (
        "a.jsonl line 2: [duplicate] the same run stands in a.jsonl line 1",
        "a.jsonl: line 3: [agentdojo-arm]",
        "a.jsonl: line 4 /messages/0/role",
        "a.jsonl: line 5 /utility",
        "a.jsonl: line 6 /pipeline_name",
        "a.jsonl: line 7 /: [model_type]",
        "a.jsonl: line 8: [json]",
        "a.jsonl: line 9: [json] NaN",
        "a.jsonl: line 10: [json]",
        "c.jsonl.gz: [",
        "none.json: [path-unsafe] does not exist",
    ):
        assert piece in text


def test_an_endless_list_of_faults_is_cut(tmp_path):
    assert len(faults(bundle(tmp_path / "a.jsonl", *[{}] * 5000)).faults) < 300


def test_directories_with_nothing_or_with_links_are_refused(tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "linked").mkdir()
    (tmp_path / "linked" / "run.json").symlink_to("/etc/hostname")
    assert faults(tmp_path / "empty", tmp_path / "linked").codes == ["nothing", "path-unsafe"]
    assert faults().codes == ["nothing"]


def test_a_mapping_is_not_wanted(tmp_path):
    with pytest.raises(UsageError, match="no mapping"):
        read_agentdojo([tmp_path], mapping=tmp_path / "m.yaml")
