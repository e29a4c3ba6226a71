"""A user's own items: read strictly, pinned by digest, put through the same transformations, and never interpreted."""

import hashlib
import json
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from countermark.battery import load_battery
from countermark.battery.items_file import MAX_FAULTS, pinned, read_items
from countermark.battery.own_items import replaced, with_items
from countermark.errors import InvalidDocument, UsageError
from countermark.records.plan import PlannedTest


def jsonl(path: Path, rows: list[object]) -> Path:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), "utf-8")
    return path


def codes_of(path: Path) -> list[str]:
    with pytest.raises(InvalidDocument) as caught:
        read_items(path)
    assert all(path.name in fault and str(path.parent) not in fault for fault in caught.value.faults)
    return caught.value.codes


def test_csv_and_jsonl_say_the_same(tmp_path: Path) -> None:
    table = tmp_path / "items.csv"
    table.write_bytes(
        '\ufeffprompt,id,cluster,answers,tag:topic\r\n"One, with ""quotes""\nand a line",a,c1,"x\ny",t\r\nTwo,,,,\r\n'.encode()
    )
    rows = [
        {"prompt": 'One, with "quotes"\nand a line', "id": "a", "cluster": "c1", "answers": ["x", "y"], "tags": {"topic": "t"}},
        {"prompt": "Two"},
    ]  # fmt: skip
    first, second = read_items(table), read_items(jsonl(tmp_path / "items.jsonl", list(rows)))
    assert first.items == second.items
    assert [one.id for one in first.items] == ["a", "row-2"]
    assert [one.cluster for one in first.items] == ["c1", "row-2"]
    assert first.digest == hashlib.sha256(table.read_bytes()).hexdigest()


def test_the_pin_holds(tmp_path: Path) -> None:
    path = jsonl(tmp_path / "items.jsonl", [{"prompt": "One"}])
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    for given_ in (f"{path}@{digest}", f"{path}@sha256:{digest}", str(path)):
        assert read_items(given_).digest == digest
    assert pinned(f"a@b.jsonl@sha256:{digest}") == (Path("a@b.jsonl"), digest)
    with pytest.raises(UsageError, match="not 0000"):
        read_items(f"{path}@{'0' * 64}")


def test_every_fault_at_once_each_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "items.jsonl"
    lines = [
        '{"prompt": "One", "id": "a"}', '{"prompt": " "}', '{"prompt": "One"}', '{"prompt": "Two", "id": "a", "odd": 1}',
        "[1]", '{"prompt": "Three", "prompt": "Four"}', '{"prompt": "F", "answer": "x", "answers": ["y"]}', '{"id": 1.5}',
        '{"prompt": "Bell\\u0007"}',
    ]  # fmt: skip
    path.write_text("\n".join(lines))
    with pytest.raises(InvalidDocument) as caught:
        read_items(path)
    shown = "\n".join(caught.value.faults)
    for line in (2, 3, 4, 5, 6, 7, 8, 9):
        assert f"line {line}" in shown
    path.write_text("".join('{"prompt": ""}\n' for _ in range(3 * MAX_FAULTS)))
    assert len(codes_of(path)) == MAX_FAULTS + 1


def test_malformed_files_are_refused(tmp_path: Path) -> None:
    for name, data, code in [
        ("a.txt", b"prompt\nOne\n", "items-kind"),
        ("a.csv", b"", "items-column"),
        ("a.csv", b"prompt\n", "items-none"),
        ("a.csv", b"prompt,prompt\nOne,Two\n", "items-column"),
        ("a.csv", b"prompt,formula\nOne,Two\n", "items-column"),
        ("a.csv", b"prompt,id\nOne\n", "items-row"),
        ("a.csv", b'prompt\n"One\n', "items-csv"),
        ("a.csv", b"prompt\n\xff\n", "not-utf8"),
        ("a.jsonl", b"", "items-none"),
        ("a.jsonl", b"{", "json"),
    ]:
        path = tmp_path / name
        path.write_bytes(data)
        assert code in codes_of(path), (name, data)
    (tmp_path / "link.csv").symlink_to(tmp_path / "a.csv")
    assert codes_of(tmp_path / "link.csv") == ["path-unsafe"]
    assert codes_of(tmp_path / "none.csv") == ["path-unsafe"]


@given(st.binary(max_size=200), st.sampled_from([".csv", ".jsonl"]))
def test_any_bytes_are_read_or_refused(tmp_path_factory, data: bytes, suffix: str) -> None:
    path = tmp_path_factory.mktemp("items") / f"any{suffix}"
    path.write_bytes(data)
    with suppress(InvalidDocument):
        assert read_items(path).items


@pytest.fixture
def own(tmp_path: Path) -> Path:
    prompts = [
        {"prompt": f"Ask for [stand-in {place}]. {{{{secret}}}}", "cluster": f"c{place // 2}"}
        for place in range(8)
    ]
    return jsonl(tmp_path / "own.jsonl", list(prompts))


def test_items_stand_in_place_of_the_tests_own_and_are_left_as_they_are(own: Path) -> None:
    core = jailbreak()
    test = with_items(core, read_items(own))
    drawn = test.draw("00")
    attacks = [one for one in drawn if one.arm == "attack"]
    assert len(attacks) == 4 * (8 * 34 // 3)  # templates, items, transformations: a third of what there is
    assert {one.facts["asked"] for one in attacks} == {
        f"Ask for [stand-in {n}]. {{{{secret}}}}" for n in range(8)
    }
    assert len({one.cluster for one in attacks}) == 4
    assert {one.tags["language"] for one in attacks} == {"en"}
    assert len({one.tags["transformation"] for one in attacks}) > 25
    control = [one for one in drawn if one.arm == "control"]
    assert {one.tags["language"] for one in control} == {"en", "ja"}
    assert test.digest != core.digest
    assert test.items_file == read_items(own).digest


def test_few_items_make_a_smaller_draw_of_a_size_that_hangs_on_no_seed(tmp_path: Path) -> None:
    test = with_items(
        jailbreak(), read_items(jsonl(tmp_path / "one.jsonl", [{"prompt": "一つだけ頼みます。"}]))
    )
    sizes = [sum(one.arm == "direct" for one in test.draw(seed)) for seed in ("00", "01")]
    assert 0 < sizes[0] == sizes[1] < jailbreak().manifest.draw["direct"]


def test_what_cannot_be_run_is_refused(own: Path, tmp_path: Path) -> None:
    tests = load_battery().tests
    with pytest.raises(UsageError, match="no test"):
        replaced(tests, {"system/none": str(own)})
    with pytest.raises(UsageError, match="takes no items"):
        replaced(tests, {"agentic/guardrail_bypass": str(own)})
    mixed = jsonl(tmp_path / "mixed.jsonl", [{"prompt": "One"}, {"prompt": "ひとつ"}])
    with pytest.raises(InvalidDocument) as caught:
        with_items(jailbreak(), read_items(mixed))
    assert caught.value.codes == ["items-languages"]


def test_a_plan_without_items_says_nothing_of_them() -> None:
    assert PlannedTest.model_fields["items_file"].default is None


def jailbreak():
    return next(test for test in load_battery().tests if test.manifest.id == "system/jailbreak")
