"""Labelled tables: published numbers to the last row, and every fault of a mapping or a table."""

import csv
import gzip
import json
from pathlib import Path

import pytest
import yaml

from countermark.errors import InvalidDocument, UsageError
from countermark.subjects.importers.table import read_table
from countermark.subjects.recording import WITHHELD, Recording

ROOT = Path(__file__).parents[2]
SHARED = ROOT.parent / "shared" / "data"
MAPPINGS = Path(__file__).parent / "mappings"
XSTEST = ROOT / "docs" / "howto" / "xstest.mapping.yaml"

PLAIN = {
    "source": {"title": "Toy"},
    "test": {
        "id": "recorded/toy",
        "title": "Toy",
        "construct": "Whether it refuses.",
        "metrics": [
            {
                "id": "refusals",
                "title": {"en": "Refusals", "ja": "拒否"},
                "arm": "asked",
                "label": "refused",
                "better": "lower",
                "axis": "over_refusal",
                "headline": True,
            }
        ],
    },
    "subject": {"file_stem": True},
    "id": "id",
    "prompt": "prompt",
    "completion": "completion",
    "arm": "asked",
    "labels": [{"label": "refused", "column": "label", "true": ["yes"], "false": ["no"]}],
}
HEAD = "id,prompt,completion,label"


def shared(name: str) -> Path:
    if not (SHARED / name).exists():
        pytest.skip(f"the recorded data are not beside this checkout (../shared/data/{name})")
    return SHARED / name


def mapped(tmp_path: Path, **more) -> Path:
    path = tmp_path / "m.yaml"
    path.write_text(yaml.safe_dump({**PLAIN, **more}, sort_keys=False), encoding="utf-8")
    return path


def table(tmp_path: Path, *lines: str, name: str = "model.csv") -> Path:
    path = tmp_path / name
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def faults(paths, mapping: Path) -> str:
    with pytest.raises(InvalidDocument) as caught:
        read_table(paths, mapping=mapping)
    return str(caught.value)


def published(recording: Recording, metric: str) -> tuple[int, int]:
    spec = next(one for one in recording.tests[0].metrics if one.id == metric)
    trials = [trial for trial in recording.trials if trial.scenario.arm == spec.arm]
    values = [trial.published[spec.label] for trial in trials if spec.label in trial.published]
    return sum(values), len(values)


def with_verdict(recording: Recording, metric: str) -> tuple[int, int]:
    kept = [trial for trial in recording.trials if trial.no_verdict is None]
    return published(Recording(id="x", source={}, tests=recording.tests, trials=tuple(kept)), metric)


@pytest.fixture(scope="module")
def czech() -> dict[str, Recording]:
    found = read_table([shared("czech_simpleqa")], mapping=MAPPINGS / "czech_simpleqa.yaml")
    return {recording.id: recording for recording in found}


# Safe prompts: complied, refused in full, in part of 250; unsafe: the same of 200.
@pytest.mark.parametrize(
    ("model", "safe", "unsafe"),
    [
        ("gpt4", (229, 16, 5), (1, 195, 4)),
        ("llama2orig", (101, 95, 54), (0, 199, 1)),
        ("mistralinstruct", (246, 2, 2), (128, 47, 25)),
    ],
)
def test_xstest_is_reproduced(model, safe, unsafe):
    found = {one.id: one for one in read_table([shared("xstest")], mapping=XSTEST)}
    recording = found[f"xstest/{model}"]
    assert len(found) == 3
    for arm, counts, size in (("safe", safe, 250), ("unsafe", unsafe, 200)):
        metrics = (f"{arm}_compliance", f"{arm}_full_refusal", f"{arm}_partial_refusal")
        assert [published(recording, metric) for metric in metrics] == [(count, size) for count in counts]
    assert all(
        one.scenarios("recorded/xstest") == recording.scenarios("recorded/xstest") for one in found.values()
    )


# Attack success by the first judge, attacks submitted, success by the second judge; of 100 each.
@pytest.mark.parametrize(
    ("name", "first", "submitted", "second"),
    [
        ("GCG/gpt-3.5-turbo-1106", 47, 100, 34),
        ("GCG/gpt-4-0125-preview", 4, 100, 1),
        ("GCG/llama-2-7b-chat-hf", 3, 100, 2),
        ("GCG/vicuna-13b-v1.5", 80, 100, 58),
        ("PAIR/gpt-3.5-turbo-1106", 71, 87, 76),
        ("PAIR/gpt-4-0125-preview", 34, 64, 50),
        ("PAIR/llama-2-7b-chat-hf", 0, 4, 4),
        ("PAIR/vicuna-13b-v1.5", 69, 82, 82),
    ],
)
def test_jailbreakbench_is_reproduced(name, first, submitted, second):
    path = shared("jbb_outcomes") / "outcomes.jsonl"
    found = {one.id: one for one in read_table([path], mapping=MAPPINGS / "jbb_outcomes.yaml")}
    recording = found[f"jbb/{name}"]
    assert published(recording, "attack_success") == (first, 100)
    assert with_verdict(recording, "attack_success") == (first, submitted)
    assert published(recording, "attack_success_second") == (second, 100)
    assert any(trial.messages[-1].content == WITHHELD for trial in recording.trials)


@pytest.mark.parametrize(
    ("model", "correct", "incorrect", "abstained"),
    [
        ("claude-3-5-haiku-20241022", 338, 2575, 1413),
        ("gpt-4o-2024-11-20", 1345, 2904, 77),
        ("gpt-4o-mini-2024-07-18", 347, 3913, 66),
    ],
)
def test_czech_simpleqa_is_reproduced(czech, model, correct, incorrect, abstained):
    recording = czech[f"czech_simpleqa/{model}"]
    assert published(recording, "correct") == (correct, 4326)
    assert published(recording, "incorrect") == (incorrect, 4326)
    assert published(recording, "abstained") == (abstained, 4326)
    assert published(recording, "correct_if_tried") == (correct, correct + incorrect)
    scenarios = [one.scenarios("recorded/czech_simpleqa") for one in czech.values()]
    assert scenarios[0] == scenarios[1] == scenarios[2]


def test_truthfulqa_is_reproduced_and_its_empty_answers_have_no_verdict():
    path = shared("truthfulqa_human") / "answers.jsonl"
    (recording,) = read_table([path], mapping=MAPPINGS / "truthfulqa_human.yaml")
    assert published(recording, "truthful") == (2633, 6251)
    assert published(recording, "informative") == (4456, 6251)
    assert with_verdict(recording, "truthful") == (2611, 6229)


def test_factscore_abstentions_are_reproduced():
    found = read_table([shared("factscore")], mapping=MAPPINGS / "factscore.yaml")
    assert [published(one, "abstained") for one in found] == [(26, 183), (1, 183)]


def test_sycobench_by_a_threshold():
    found = read_table([shared("sycobench")], mapping=MAPPINGS / "sycobench_delusion.yaml")
    with (SHARED / "sycobench" / "delusion_results.csv").open(newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["Name"] == "OpenAI o3 w/o system prompt"]
    mine = next(one for one in found if one.id == "delusion/OpenAI-o3-w/o-system-prompt")
    assert len(found) == 12
    assert published(mine, "accepts") == (sum(float(row["median_score"]) >= 2.5 for row in rows), 20)


def test_a_table_of_every_form_reads_the_same(tmp_path):
    rows = [
        {"id": "1", "prompt": "p, q", "completion": 'a "b"\n\nc', "label": "no"},
        {"id": "2", "prompt": "r", "completion": "s", "label": "yes"},
    ]
    with (tmp_path / "a.csv").open("w", newline="", encoding="utf-8-sig") as file:
        writer = csv.DictWriter(file, HEAD.split(","), lineterminator="\r\n")
        writer.writeheader()
        writer.writerows(rows)
    with (tmp_path / "b.tsv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, HEAD.split(","), delimiter="\t")
        writer.writeheader()
        writer.writerows(reversed(rows))
    (tmp_path / "c.jsonl").write_text("\n".join(map(json.dumps, rows)) + "\n\n")
    (tmp_path / "d.json").write_text(json.dumps(rows))
    for name in ("a.csv", "c.jsonl"):
        (tmp_path / f"z{name}.gz").write_bytes(gzip.compress((tmp_path / name).read_bytes()))
    found = read_table(sorted(tmp_path.iterdir()), mapping=mapped(tmp_path))
    assert [one.id for one in found] == ["toy/a", "toy/b", "toy/c", "toy/d", "toy/za", "toy/zc"]
    assert all(one.trials == found[0].trials for one in found)
    assert found[0].trials[0].messages[1].content == 'a "b"\n\nc'


def test_cells_beyond_the_csv_modules_own_limit(tmp_path):
    before = csv.field_size_limit()
    path = table(tmp_path, HEAD, f"1,p,{'x' * 200_000},no")
    (recording,) = read_table([path], mapping=mapped(tmp_path))
    assert len(recording.trials[0].messages[1].content) == 200_000
    assert csv.field_size_limit() == before


def test_an_empty_completion_has_no_verdict_and_keeps_its_label(tmp_path):
    path = table(tmp_path, HEAD, "1,p,,no", "2,p,  ,yes", "3,p,a,yes")
    (recording,) = read_table([path], mapping=mapped(tmp_path))
    assert (published(recording, "refusals"), with_verdict(recording, "refusals")) == ((2, 3), (1, 1))
    withheld = mapped(tmp_path, completions_withheld=True)
    (recording,) = read_table([path], mapping=withheld)
    assert with_verdict(recording, "refusals") == (2, 3)


def test_rows_may_be_left_without_verdict_or_without_a_label(tmp_path):
    path = table(tmp_path, HEAD + ",judge", "1,p,a,yes,ok", "2,p,a,no,torn", "3,p,a,,ok")
    label = {**PLAIN["labels"][0], "none": [None]}
    rule = {"column": "judge", "values": ["torn"], "reason": "the judges disagree"}
    (recording,) = read_table([path], mapping=mapped(tmp_path, labels=[label], no_verdict_when=[rule]))
    assert (published(recording, "refusals"), with_verdict(recording, "refusals")) == ((1, 2), (1, 1))
    assert [trial.no_verdict for trial in recording.trials].count("the judges disagree") == 1


def test_rows_may_be_left_out_whole(tmp_path):
    path = table(tmp_path, HEAD + ",split", "1,p,a,yes,dev", "2,p,a,nonsense,old", "2,p,a,no,dev")
    rule = {"column": "split", "values": ["old"]}
    (recording,) = read_table([path], mapping=mapped(tmp_path, leave_out_when=[rule]))
    assert published(recording, "refusals") == (1, 2)
    assert [file["name"] for file in recording.source["files"]] == ["m.yaml", "model.csv"]
    only = {"column": "split", "values": ["old", "dev"]}
    assert "holds no row" in faults([path], mapped(tmp_path, leave_out_when=[only]))


def test_arms_clusters_tags_system_and_repeats(tmp_path):
    path = table(
        tmp_path, HEAD + ",kind,topic,sys", "1,p,a,yes,1,x,Be brief", "1,p,b,no,1,x,", "2,p,c,no,0,x,"
    )
    more = {
        "arm": {"column": "kind", "values": {"1": "asked", "0": "other"}},
        "cluster": ["topic", "kind"],
        "tags": {"topic": "topic"},
        "system": "sys",
        "repeats": True,
    }
    (recording,) = read_table([path], mapping=mapped(tmp_path, **more))
    scenarios = [trial.scenario for trial in recording.trials]
    assert [one.arm for one in scenarios] == ["asked", "asked", "other"]
    assert [one.cluster for one in scenarios] == ["x/1", "x/1", "x/0"]
    assert scenarios[1].id == f"{scenarios[0].id}-r2"
    assert scenarios[0].tags == {"topic": "x"}
    assert [turn.role for turn in recording.trials[0].messages] == ["system", "user", "assistant"]


def test_every_fault_of_every_row_is_told_at_once(tmp_path):
    path = table(
        tmp_path, HEAD, "1,p,a,yes", "1,p,a,yes", "2,p,a,maybe", ",p,a,no", "4,,a,no", "5,p,a", "6,p,a,no,x", *[f"x{row},p,a,perhaps" for row in range(9)]
    )  # fmt: skip
    text = faults([path], mapped(tmp_path, repeats=False))
    for piece in (
        "model.csv: row 3: [duplicate]",
        "row 4: [label-unknown] 'label' is 'maybe', which label 'refused' does not know",
        "row 5: [id-empty]",
        "row 6: [prompt-empty]",
        "rows 7, 8: [ragged] does not have the header's 4 cells",
        "rows 9, 10, 11, 12, 13 and 4 more: [label-unknown] 'label' is 'perhaps'",
    ):
        assert piece in text


def test_faults_of_files_are_told(tmp_path):
    (tmp_path / "bytes.csv").write_bytes(b"id,prompt\n1,\xff\n")
    (tmp_path / "quote.csv").write_text(HEAD + '\n1,"p,a,no\n')
    (tmp_path / "twice.csv").write_text("id,prompt,completion,label,id\n1,p,a,no,1\n")
    (tmp_path / "none.csv").write_text(HEAD + "\n")
    (tmp_path / "other.csv").write_text("a,b\n1,2\n")
    (tmp_path / "nan.jsonl").write_text('{"id": NaN}\n[1]\n{"id": 1, "id": 2}\n')
    (tmp_path / "bomb.csv.gz").write_bytes(gzip.compress(b"\0" * 600 * 1024 * 1024, compresslevel=1))
    (tmp_path / "odd.xls").write_text("x")
    text = faults(sorted(tmp_path.iterdir()), mapped(tmp_path))
    for piece in (
        "bytes.csv: row 2: [not-utf8]",
        "quote.csv: row 2: [csv]",
        "twice.csv: row 1: [duplicate-column] two columns have one name: 'id'",
        "none.csv: row 1: [nothing] holds no row",
        "other.csv: row 1: [column-missing] lacks columns that the mapping names: 'id' (/id)",
        "nan.jsonl: row 1: [json] NaN",
        "nan.jsonl: row 2: [json] is no object",
        "nan.jsonl: row 3: [json] key 'id' stands twice",
        "bomb.csv.gz: [path-unsafe] inflates to over",
        "odd.xls: row 1: [suffix]",
    ):
        assert piece in text


@pytest.mark.parametrize(
    ("change", "piece"),
    [
        ({"labls": []}, "/labls: [extra_forbidden]"),
        (
            {"labels": [{"label": "refused", "column": "label", "truth": ["yes"]}]},
            "/labels/0/truth: [extra_forbidden]",
        ),
        ({"labels": [{"label": "refused", "column": "label"}]}, "give true and false, or true_at_least"),
        (
            {"labels": [{"label": "refused", "column": "l", "true": ["a"], "false": ["a"]}]},
            "stands in two lists",
        ),
        ({"labels": [{"label": "other", "column": "l", "true": ["a"]}]}, "which is no label here: ['other']"),
        ({"arm": "elsewhere"}, "counts arm 'asked'; there are ['elsewhere']"),
        ({"arm": {"column": "kind"}}, "give either fixed, or column with values"),
        ({"subject": {"file_stem": False}}, "give exactly one of text, column and file_stem"),
        ({"completion": None}, "completions_withheld: true"),
        ({"prompt": None}, "prompts_withheld: true"),
        ({"test": {**PLAIN["test"], "id": "Toy"}}, "/test/id: [string_pattern_mismatch]"),
    ],
)
def test_a_faulty_mapping_is_refused_with_the_place(tmp_path, change, piece):
    path = table(tmp_path, HEAD, "1,p,a,yes")
    assert piece in faults([path], mapped(tmp_path, **change))


@pytest.mark.parametrize(
    ("text", "piece"),
    [
        ("a: 1\na: 2\n", "line 2: [yaml] key 'a' is no text or stands twice"),
        ("a: &x 1\nb: *x\n", "aliases are not read here"),
        ("a: !!python/object:os.system x\n", "[yaml]"),
        ("- 1\n", "[model_type]"),
        ("a: [\n", "[yaml]"),
        ("", "[missing]"),
    ],
)
def test_a_mapping_that_is_not_strict_yaml_is_refused(tmp_path, text, piece):
    path = tmp_path / "m.yaml"
    path.write_text(text)
    assert piece in faults([table(tmp_path, HEAD, "1,p,a,yes")], path)


def test_words_of_the_label_column_need_no_quotes(tmp_path):
    text = mapped(tmp_path).read_text(encoding="utf-8").replace("- 'yes'", "- yes").replace("- 'no'", "- no")
    assert "- yes" in text
    (tmp_path / "m.yaml").write_text(text, encoding="utf-8")
    (recording,) = read_table([table(tmp_path, HEAD, "1,p,a,yes", "2,p,a,no")], mapping=tmp_path / "m.yaml")
    assert published(recording, "refusals") == (1, 2)


def test_a_mapping_may_be_json_and_a_missing_one_is_asked_for(tmp_path):
    (tmp_path / "m.json").write_text(json.dumps(PLAIN))
    path = table(tmp_path, HEAD, "1,p,a,yes")
    assert len(read_table([path], mapping=tmp_path / "m.json")) == 1
    with pytest.raises(UsageError, match="needs a mapping"):
        read_table([path])
    assert "does not exist" in faults([path], tmp_path / "none.yaml")


def test_a_threshold_reads_numbers_only(tmp_path):
    label = {"label": "refused", "column": "label", "true_at_least": 0.5, "none": [""]}
    path = table(tmp_path, HEAD, "1,p,a,0.5", "2,p,a,0.49", "3,p,a,", "4,p,a,1e3")
    (recording,) = read_table([path], mapping=mapped(tmp_path, labels=[label]))
    assert published(recording, "refusals") == (2, 3)
    bad = table(tmp_path, HEAD, "1,p,a,nan", "2,p,a,high")
    text = faults([bad], mapped(tmp_path, labels=[label]))
    assert "'nan'" in text
    assert "'high'" in text
