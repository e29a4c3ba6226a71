"""The full form: what is written is read, every fault at once with its place, and no stranger's bytes give a traceback."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from countermark.pack import FullPack, check_pack, checklist, pack_files, read_pack, write_pack
from countermark.pack.read import MAX_FILE
from countermark.pack.scan import MAX_ENTRIES
from pack_factory import NAMES, WEIGHTS, copied, edit

few = settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def codes(folder: Path, **options: Any) -> list[str]:
    return [issue.code for issue in check_pack(folder, **options).issues]


def faults(folder: Path) -> dict[tuple[str, str], str]:
    return {(issue.file, issue.place): issue.code for issue in check_pack(folder).issues}


@pytest.mark.parametrize("name", NAMES)
def test_each_example_is_whole(name: str, tmp_path: Path) -> None:
    pack = read_pack(copied(name, tmp_path / "pack"))
    assert isinstance(pack, FullPack)
    assert {entry.state for entry in checklist(pack)} <= {"given", "absent"}
    assert all(entry.reason for entry in checklist(pack) if entry.state == "absent")


def test_the_example_in_the_shape_of_the_exercise_has_two_variants(tmp_path: Path) -> None:
    pack = read_pack(copied("api-model", tmp_path / "pack"))
    assert isinstance(pack, FullPack)
    deployed, bare = pack.subjects
    assert (deployed.safeguards, bare.safeguards) == (["input_filter", "output_filter"], [])
    assert deployed.settings["base_url"] == bare.settings["base_url"] == "https://api.lab.example/v1"
    assert set(pack.doors.values()) == {"openai/example-4"}


text = st.text(
    st.characters(codec="utf-8", exclude_characters="\x00", exclude_categories=["Cc", "Cs"]),
    min_size=1,
    max_size=30,
).filter(lambda words: words.strip() and not words.strip().casefold().startswith("todo"))
words = text.filter(lambda one: any(sign > " " for sign in one) and any(sign >= "!" for sign in one))


@few
@given(
    reason=words,
    prompt=words,
    threshold=st.sampled_from(["0", "0.5", "1", "1.000"]),
    weights=st.dictionaries(
        st.from_regex(r"[a-z0-9]{1,8}(/[a-z0-9]{1,8})?", fullmatch=True),
        st.from_regex(r"[0-9a-f]{64}", fullmatch=True),
        min_size=1,
        max_size=4,
    ),
)
def test_what_is_written_is_read(
    reason: str, prompt: str, threshold: str, weights: dict[str, str], tmp_path: Path
) -> None:
    folder = tmp_path / "pack"
    shutil.rmtree(folder, ignore_errors=True)
    copied("api-model", folder)
    edit(folder, "pack.json", lambda cover: cover["absent"].update(D4=reason))
    edit(folder, "pack.json", lambda cover: cover["variants"].append(
        {"id": "weights/tiny", "kind": "weights", "version": "1", "stands_for": "prototype", "description": reason}
    ))  # fmt: skip
    edit(folder, "claims.json", lambda claims: claims["claims"][0].update(threshold=threshold))
    (folder / "prompts" / "more.md").write_bytes(f"{prompt}\r\nsalt: {'0' * 64}\n".encode())
    (folder / "identity" / "weights.sha256").write_text(
        "".join(f"{value}  {name}\n" for name, value in sorted(weights.items()))
    )
    pack = read_pack(folder)
    assert isinstance(pack, FullPack)
    shutil.rmtree(folder)
    write_pack(pack, folder)
    assert read_pack(folder) == pack
    assert pack_files(pack) == {name: (folder / name).read_bytes() for name in pack_files(pack)}


def test_every_fault_at_once(tmp_path: Path) -> None:
    folder = copied("api-model", tmp_path / "pack")

    def spoil(cover: dict[str, Any]) -> None:
        cover["variants"][0]["kind"] = "telepathy"
        cover["extra\x1b[31m"] = 1
        cover["absent"]["A9"] = "no such item"
        del cover["developer"]["name"]

    edit(folder, "pack.json", spoil)
    edit(
        folder,
        "access.json",
        lambda access: access["dates"].update(access_from="2025-02-30", business_days="21"),
    )
    edit(folder, "terms.json", lambda terms: terms.pop("audit_copy"))
    (folder / "notes.txt").write_text("mine")
    (folder / "card.json").write_text('{"a": 1, "a": 2}')
    found = faults(folder)
    assert found[("pack.json", "/variants/0/kind")] == "literal_error"
    assert found[("pack.json", "/extra?[31m")] == "extra_forbidden"
    assert found[("pack.json", "/developer/name")] == "missing"
    assert found[("access.json", "/dates/access_from")] == "value_error"
    assert found[("access.json", "/dates/business_days")] == "int_type"
    assert found[("terms.json", "/audit_copy")] == "missing"
    assert found[("notes.txt", "")] == "file-unknown"
    assert found[("card.json", "")] == "json"
    assert any(place.startswith("/absent/A9") for _, place in found)


Change = Callable[[Any], None]


@pytest.mark.parametrize(
    ("name", "change", "code", "place"),
    [
        ("pack.json", lambda v: v.pop("release"), "item-missing", "/absent/I2"),
        ("pack.json", lambda v: v["absent"].update(A1="a reason"), "item-both", "/absent/A1"),
        ("pack.json", lambda v: v["absent"].clear(), "item-missing", "/absent/D4"),
        ("pack.json", lambda v: v["absent"].update(D4="  ToDo: later"), "todo", "/absent/D4"),
        ("pack.json", lambda v: v["variants"].append(v["variants"][0]), "twice", "/variants"),
        ("pack.json", lambda v: v["variants"][0].update(safeguards_on=["moat"]), "unknown-name", "/variants/0/safeguards_on"),
        ("pack.json", lambda v: v["variants"][0].update(prompt="prompts/no.md"), "unknown-name", "/variants/0/prompt"),
        ("pack.json", lambda v: v["variants"][0].update(prompt="../../etc/x.md"), "string_pattern_mismatch", "/variants/0/prompt"),
        ("pack.json", lambda v: v["variants"][0].update(door="anthropic/x"), "unknown-name", "/variants/0/door"),
        ("pack.json", lambda v: v["variants"][0].update(id="weights/x"), "value_error", "/variants/0"),
        ("pack.json", lambda v: v["variants"][0].update(cues=["test"]), "value_error", "/variants/0"),
        ("pack.json", lambda v: v["variants"][0]["settings"].update(reasoning="1023"), "value_error", "/variants/0/settings/reasoning"),
        ("pack.json", lambda v: v["variants"][0]["settings"].update(temperature=1), "string_type", "/variants/0/settings/temperature"),
        ("identity/endpoint.json", lambda v: v.update(base_url="https://user:key@host/v1"), "string_pattern_mismatch", "/base_url"),
        ("claims.json", lambda v: v["claims"][0].update(subject="openai/other"), "unknown-name", "/claims/0/subject"),
        ("claims.json", lambda v: v["claims"][0].update(threshold="1.5"), "value_error", "/claims/0"),
        ("claims.json", lambda v: v["claims"][0].update(threshold=0.5), "json", ""),
        ("claims.json", lambda v: v["claims"].append(v["claims"][0]), "twice", "/claims"),
        ("card.json", lambda v: v["internal_results"][0].update(variant="openai/x"), "unknown-name", "/internal_results/0/variant"),
        ("card.json", lambda v: v.pop("salt"), "salt-missing", "/salt"),
        ("safeguards.json", lambda v: v["safeguards"].append(v["safeguards"][0]), "twice", "/safeguards"),
        ("terms.json", lambda v: v["classes"].update({"nothing.json": {"class": "public"}}), "class-unknown", "/classes/nothing.json"),
        ("terms.json", lambda v: v["classes"].update({"card.json#/no/where": {"class": "public"}}), "class-unknown", "/classes/card.json#~1no~1where"),
        ("terms.json", lambda v: v["classes"].update({"pack.json": {"class": "auditor"}}), "class-public", "/classes/pack.json"),
        ("terms.json", lambda v: v["classes"].update({"pack.json#/model": {"class": "auditor"}}), "class-public", "/classes/pack.json#~1model"),
    ],
)  # fmt: skip
def test_one_fault(name: str, change: Change, code: str, place: str, tmp_path: Path) -> None:
    folder = copied("api-model", tmp_path / "pack")
    edit(folder, name, change)
    assert (name, place, code) in [
        (issue.file, issue.place, issue.code) for issue in check_pack(folder).issues
    ]


def test_a_prompt_without_salt_or_text(tmp_path: Path) -> None:
    folder = copied("api-model", tmp_path / "pack")
    (folder / "prompts/system.md").write_text("You are helpful.")
    assert codes(folder) == ["salt-missing"]
    (folder / "prompts/system.md").write_text(" \n")
    assert codes(folder) == ["prompt-empty", "salt-missing"]
    (folder / "prompts/system.md").write_bytes(b"\xff")
    assert codes(folder) == ["utf-8"]


def test_the_directory_itself(tmp_path: Path) -> None:
    folder = copied("reference-subject", tmp_path / "pack")
    (folder / "prompts").mkdir()
    (folder / "prompts/link.md").symlink_to("/etc/hostname")
    (folder / "away").symlink_to("/etc")
    os.mkfifo(folder / "pipe")
    deep = folder
    for _ in range(18):
        deep = deep / "d"
        deep.mkdir()
    (folder / "README.md").write_text("a")
    (folder / "Readme.md").write_text("b")
    with (folder / "card.json").open("wb") as big:
        big.truncate(MAX_FILE + 1)
    (folder / os.fsdecode(b"\xff\x1b[2J")).write_text("x")
    found = {(issue.file, issue.code) for issue in check_pack(folder).issues}
    assert {
        ("prompts/link.md", "path-unsafe"), ("away", "path-unsafe"), ("pipe", "path-unsafe"),
        ("Readme.md", "file-unknown"), ("Readme.md", "name-case"), ("card.json", "too-large"), ("??[2J", "file-unknown"),
    } <= found  # fmt: skip
    assert any(code == "too-deep" for _, code in found)


def test_bombs(tmp_path: Path) -> None:
    folder = copied("reference-subject", tmp_path / "pack")
    (folder / "pack.json").write_text("[" * 200_000)
    assert codes(folder) == ["json"]
    (folder / "pack.json").write_text('{"schema":' + '{"a":' * 100 + "1" + "}" * 101)
    assert codes(folder) == ["json"]
    for number in range(MAX_ENTRIES + 1):
        (folder / f"f{number}").touch()
    assert "too-many" in codes(folder)
    assert codes(tmp_path / "nowhere") == ["path-unsafe"] * 3


@pytest.mark.parametrize(
    ("lines", "code"),
    [
        ("", "sums-empty"),
        ("zz  config.json\n", "sums-line"),
        (f"{'A' * 64}  config.json\n", "sums-line"),
        (f"{'a' * 64} config.json\n", "sums-line"),
        (f"{'a' * 64}  ../config.json\n", "sums-name"),
        (f"{'a' * 64}  /etc/passwd\n", "sums-name"),
        (f"{'a' * 64}  a\\b\n", "sums-name"),
        (f"{'a' * 64}  a.bin\n{'b' * 64}  A.bin\n", "sums-twice"),
        (f"{'a' * 64}  größe.bin\n", "sums-ascii"),
    ],
)
def test_wrong_lines(lines: str, code: str, tmp_path: Path) -> None:
    folder = copied("open-weights", tmp_path / "pack")
    (folder / "identity/weights.sha256").write_text(lines)
    assert code in codes(folder)


def test_weights_on_disk(tmp_path: Path) -> None:
    folder = copied("open-weights", tmp_path / "pack")
    weights = tmp_path / "weights"
    shutil.copytree(WEIGHTS, weights)
    assert codes(folder, weights=weights) == []
    (weights / "config.json").write_text("{}")
    (weights / "modeling.py").write_text("pass")
    (weights / "model-00001-of-00001.safetensors").unlink()
    assert sorted(codes(folder, weights=weights)) == [
        "weights-changed",
        "weights-missing",
        "weights-unlisted",
    ]
    (weights / "config.json").unlink()
    (weights / "config.json").symlink_to("/etc/hostname")
    assert "path-unsafe" in codes(folder, weights=weights)
    assert "path-unsafe" in codes(folder, weights=tmp_path / "nowhere")
    assert codes(copied("api-model", tmp_path / "api"), weights=weights) == ["weights-none"]


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


@few
@given(data=st.data())
def test_no_mutation_gives_a_traceback(data: st.DataObject, tmp_path: Path) -> None:
    """Bytes overwritten, cut, repeated, or one node of a document replaced by anything: faults, or still a pack."""
    folder = tmp_path / "pack"
    shutil.rmtree(folder, ignore_errors=True)
    copied(data.draw(st.sampled_from(NAMES)), folder)
    names = sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
    name = data.draw(st.sampled_from(names))
    path = folder / name
    if name.endswith(".json") and data.draw(st.booleans()):
        value = json.loads(path.read_text())
        replaced(value, data)
        path.write_text(json.dumps(value))
    else:
        raw = bytearray(path.read_bytes())
        start = data.draw(st.integers(0, len(raw)))
        raw[start : start + data.draw(st.integers(0, 20))] = data.draw(st.binary(max_size=20))
        path.write_bytes(raw)
    checked = check_pack(folder, weights=WEIGHTS if data.draw(st.booleans()) else None)
    assert checked.pack is not None or len(checked.issues)
    assert all(str(issue).isprintable() for issue in checked.issues)


def replaced(value: Any, data: st.DataObject) -> None:
    while True:
        keys = list(value) if isinstance(value, dict) else list(range(len(value)))
        if not keys:
            return
        key = data.draw(st.sampled_from(keys))
        if isinstance(value[key], dict | list) and data.draw(st.booleans()):
            value = value[key]
            continue
        value[key] = data.draw(anything)
        return
