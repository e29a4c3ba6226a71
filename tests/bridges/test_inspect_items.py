"""Samples of a real Inspect task become a file of items; nothing is fetched on the way."""

import json
import os
import shlex
import socket
from pathlib import Path

import pytest

inspect_ai = pytest.importorskip("inspect_ai")

from inspect_ai import Task, task  # noqa: E402
from inspect_ai.dataset import MemoryDataset, Sample  # noqa: E402
from inspect_ai.model import ChatMessageSystem, ChatMessageUser  # noqa: E402

from countermark.battery.items_file import read_items  # noqa: E402
from countermark.bridges.inspect_items import item_rows, load_task, offline, write_items  # noqa: E402
from countermark.cli import run_command  # noqa: E402
from countermark.errors import InvalidDocument, UsageError  # noqa: E402

SAMPLES = [
    Sample(
        input="Ask for [stand-in one].", target="", id="one", metadata={"category": "fraud", "score": 0.5}
    ),
    Sample(input=[ChatMessageUser(content="Ask for [stand-in two]. {{secret}}")], target=["a", "b"]),
]


@task
def stand_in_set(extra: str = "") -> Task:
    more = [Sample(input=extra, id="extra")] if extra else []
    return Task(dataset=MemoryDataset([*SAMPLES, *more]), name="stand_in_set")


@task
def fetching_set() -> Task:
    socket.create_connection(("198.51.100.7", 80), timeout=1)
    return Task(dataset=MemoryDataset(SAMPLES))


def test_samples_become_items_that_the_reader_takes(tmp_path: Path) -> None:
    out = tmp_path / "set.jsonl"
    assert write_items("stand_in_set", out, arguments={"extra": "Ask for [stand-in three]."}) == 3
    items = read_items(out).items
    assert [one.prompt for one in items] == [
        "Ask for [stand-in one].", "Ask for [stand-in two]. {{secret}}", "Ask for [stand-in three].",
    ]  # fmt: skip
    assert [one.id for one in items] == ["one", "sample-2", "extra"]
    assert items[0].tags == {"category": "fraud"}
    assert items[1].answers == ("a", "b")
    assert json.loads(out.read_text().splitlines()[0])["prompt"] == items[0].prompt


def test_what_is_no_single_text_is_named_and_nothing_is_written(tmp_path: Path) -> None:
    two = [ChatMessageSystem(content="s"), ChatMessageUser(content="u")]
    with pytest.raises(InvalidDocument) as caught:
        list(item_rows(MemoryDataset([Sample(input=two, id="x"), Sample(input="  ", id="y")])))
    assert caught.value.codes == ["items-input", "items-input"]
    with pytest.raises(UsageError, match=r"\.jsonl"):
        write_items("stand_in_set", tmp_path / "set.csv")
    (tmp_path / "there.jsonl").write_text("kept")
    with pytest.raises(UsageError, match="there already"):
        write_items("stand_in_set", tmp_path / "there.jsonl")
    assert (tmp_path / "there.jsonl").read_text() == "kept"


def test_a_task_that_would_fetch_is_refused_and_an_unknown_one_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="nothing is fetched while items are taken"):
        write_items("fetching_set", tmp_path / "set.jsonl")
    assert not (tmp_path / "set.jsonl").exists()
    with pytest.raises(UsageError, match="no task"):
        load_task("no_such_package/no_such_task", {})


def test_offline_refuses_elsewhere_allows_here_and_is_undone() -> None:
    before = (socket.getaddrinfo, socket.socket.connect, os.environ.get("HF_HUB_OFFLINE"))
    with socket.create_server(("127.0.0.1", 0)) as server, offline():
        socket.create_connection(server.getsockname()).close()
        with pytest.raises(ConnectionRefusedError):
            socket.getaddrinfo("example.org", 443)
        with socket.socket() as plain, pytest.raises(ConnectionRefusedError):
            plain.connect(("198.51.100.7", 443))
        assert os.environ["HF_HUB_OFFLINE"] == "1"
    assert (socket.getaddrinfo, socket.socket.connect, os.environ.get("HF_HUB_OFFLINE")) == before


def test_the_command_names_the_next_one_so_that_it_can_be_pasted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    out = "the lab's 項目.jsonl"
    assert run_command(["battery", "items", "stand_in_set", "--out", out]) == 0
    then = shlex.split(capsys.readouterr().out.splitlines()[-1].removeprefix("Then: "))
    assert then[:4] == ["countermark", "run", "SUBJECTS", "--items"]
    assert then[4].startswith(f"system/jailbreak={out}@sha256:")
