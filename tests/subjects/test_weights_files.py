"""Weights against their list before anything is loaded: needs neither torch nor a model."""

import hashlib
import json
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from countermark.errors import InvalidDocument
from countermark.subjects.weights_files import Staged, hash_again, moved, stage, template_of

SHARDS = ("model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors")
INDEX = "model.safetensors.index.json"


def silent(name: str, done: int, total: int) -> None:
    """Nobody listens."""


def sums(directory: Path) -> dict[str, str]:
    files = [path for path in directory.rglob("*") if path.is_file()]
    return {
        path.relative_to(directory).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in files
    }


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    """What a loader would find, as far as names go; no test here loads it."""
    folder = tmp_path / "weights"
    folder.mkdir()
    for number, shard in enumerate(SHARDS):
        (folder / shard).write_bytes(bytes([number]) * 5000)
    (folder / INDEX).write_text(json.dumps({"metadata": {}, "weight_map": {"a": SHARDS[0], "b": SHARDS[1]}}))
    (folder / "config.json").write_text('{"model_type": "llama"}')
    (folder / "tokenizer_config.json").write_text('{"chat_template": "{{ messages }}"}')
    (folder / "README.md").write_text("A model.")
    return folder


def refused(folder: Path, listed: Mapping[str, str]) -> set[tuple[str, str]]:
    """File and code of every fault."""
    with pytest.raises(InvalidDocument) as caught:
        stage(folder, listed, silent)
    return {
        (line.partition(":")[0], code)
        for line, code in zip(caught.value.faults, caught.value.codes, strict=True)
    }


@pytest.fixture
def staged(weights: Path) -> Iterator[Staged]:
    staged = stage(weights, sums(weights), silent)
    yield staged
    staged.close()


def test_a_loader_sees_what_was_hashed_and_nothing_else(staged: Staged, weights: Path) -> None:
    assert sorted(path.name for path in staged.folder.iterdir()) == sorted(
        [*SHARDS, INDEX, "config.json", "tokenizer_config.json"]
    )
    assert "README.md" not in staged.shown
    assert staged.folder.stat().st_mode & 0o077 == 0
    (weights / "config.json").write_text("{}")
    assert (staged.folder / "config.json").read_text() == '{"model_type": "llama"}'
    assert (
        staged.bytes
        == sum(path.stat().st_size for path in weights.iterdir()) + len('{"model_type": "llama"}') - 2
    )
    staged.close()
    assert not staged.folder.exists()
    assert weights.exists()


def test_progress_ends_at_the_total(weights: Path) -> None:
    told: list[tuple[int, int]] = []
    stage(weights, sums(weights), lambda _, done, total: told.append((done, total))).close()
    assert told == sorted(told)
    assert told[-1][0] == told[-1][1] == sum(path.stat().st_size for path in weights.iterdir())


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


BREAKS: list[tuple[Callable[[Path], object], tuple[str, str]]] = [
    (lambda folder: flip(folder / SHARDS[0]), (SHARDS[0], "weights-changed")),
    (lambda folder: flip(folder / "README.md"), ("README.md", "weights-changed")),
    (lambda folder: (folder / SHARDS[1]).unlink(), (SHARDS[1], "weights-missing")),
    (
        lambda folder: (folder / "chat_template.jinja").write_text("x"),
        ("chat_template.jinja", "weights-unlisted"),
    ),
    (
        lambda folder: (folder / "sub").mkdir() or (folder / "sub" / "more.safetensors").write_text("x"),
        ("sub/more.safetensors", "weights-unlisted"),
    ),
    (
        lambda folder: (folder / "modeling_llama.py").write_text("import os"),
        ("modeling_llama.py", "weights-code"),
    ),
    (
        lambda folder: (folder / "pytorch_model.bin").write_bytes(b"\x80\x04."),
        ("pytorch_model.bin", "weights-pickle"),
    ),
    (
        lambda folder: (folder / "adapter_config.json").write_text("{}"),
        ("adapter_config.json", "weights-adapter"),
    ),
    (lambda folder: (folder / "vocab.txt").symlink_to("/etc/hostname"), ("vocab.txt", "path-unsafe")),
    (lambda folder: os.mkfifo(folder / "vocab.txt"), ("vocab.txt", "weights-unlisted")),
]


@pytest.mark.parametrize(("change", "fault"), BREAKS, ids=[f"{fault[1]} {fault[0]}" for _, fault in BREAKS])
def test_each_fault_is_named(weights: Path, change: Callable[[Path], object], fault: tuple[str, str]) -> None:
    listed = sums(weights)
    change(weights)
    assert refused(weights, listed) == {fault}


@pytest.mark.parametrize(
    "name", ["modeling_own.py", "pytorch_model.bin", "model.GGUF", "adapter_config.json"]
)
def test_what_can_run_is_refused_though_it_is_listed(weights: Path, name: str) -> None:
    (weights / name).write_text("x")
    assert {file for file, _ in refused(weights, sums(weights))} == {name}


@pytest.mark.parametrize(
    "shard", ["../secret.safetensors", "/x/model.safetensors", "other.safetensors", "config.json", "", 7]
)
def test_an_index_leads_to_listed_shards_only(weights: Path, shard: object) -> None:
    (weights / INDEX).write_text(json.dumps({"weight_map": {"a": SHARDS[0], "b": shard}}))
    assert refused(weights, sums(weights)) == {(INDEX, "weights-outside")}


def test_all_faults_at_once(weights: Path) -> None:
    listed = sums(weights)
    (weights / "a.py").write_text("")
    (weights / "b.json").write_text("")
    (weights / "config.json").unlink()
    assert refused(weights, listed) == {
        ("a.py", "weights-code"),
        ("b.json", "weights-unlisted"),
        ("config.json", "weights-missing"),
    }


def test_nothing_to_load(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    assert refused(tmp_path, sums(tmp_path)) == {("identity/weights.sha256", "weights-none")}
    assert "path-unsafe" in {code for _, code in refused(tmp_path / "nowhere", {"a.safetensors": "0" * 64})}


def test_a_refusal_leaves_nothing_behind(
    weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    listed = sums(weights)
    flip(weights / SHARDS[0])
    refused(weights, listed)
    assert [path.name for path in tmp_path.iterdir()] == ["weights"]


def test_hashing_again(staged: Staged, weights: Path) -> None:
    assert moved(staged) == []
    assert hash_again(staged, silent).faults == []
    os.utime(weights / SHARDS[0])
    assert moved(staged) == [SHARDS[0]]
    assert hash_again(staged, silent).touched == [SHARDS[0]]
    flip(weights / SHARDS[1])
    (weights / "config.json").unlink()
    (weights / "late.json").write_text("{}")
    again = hash_again(staged, silent)
    assert {line.partition(":")[0] for line in again.faults} == {SHARDS[1], "config.json", "late.json"}
    assert again.touched == [SHARDS[0]]


def test_a_file_put_in_the_place_of_another_has_moved(staged: Staged, weights: Path) -> None:
    copy = weights / SHARDS[0]
    same = copy.read_bytes()
    copy.unlink()
    copy.write_bytes(same)
    assert moved(staged) == [SHARDS[0]]


def test_where_the_chat_template_stands(weights: Path) -> None:
    def found() -> str:
        staged = stage(weights, sums(weights), silent)
        try:
            return template_of(staged)
        finally:
            staged.close()

    assert found() == "tokenizer_config.json"
    (weights / "tokenizer_config.json").write_text("not JSON")
    assert found() == "none"
    (weights / "chat_template.jinja").write_text("x")
    assert found() == "chat_template.jinja"


@settings(max_examples=30)
@given(
    contents=st.dictionaries(st.sampled_from("abcdef"), st.binary(max_size=40), min_size=1), touched=st.data()
)
def test_any_single_change_is_caught(
    contents: dict[str, bytes], touched: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("weights")
    for name, data in contents.items():
        (folder / f"{name}.safetensors").write_bytes(data)
    listed = sums(folder)
    stage(folder, listed, silent).close()
    name = touched.draw(st.sampled_from(sorted(contents)))
    other = touched.draw(st.binary(max_size=40).filter(lambda data: data != contents[name]))
    (folder / f"{name}.safetensors").write_bytes(other)
    assert refused(folder, listed) == {(f"{name}.safetensors", "weights-changed")}
