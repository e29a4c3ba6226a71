"""Open weights for real: a tiny model made here, handed over, hashed, loaded, audited, verified; and every refusal.

Real processes throughout, with no way out to any network. Run by `make test-weights`, in an environment of its own.
"""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from countermark.evidence.identity import IDENTITY
from pack_factory import copied, edit

pytest.importorskip("torch", reason="run by `make test-weights`")
pytestmark = pytest.mark.weights

HERE = Path(__file__).parent
SUBJECT = "weights/example-tiny"
SHARD = "model-00002-of-00003.safetensors"
BOUND = f"IDENTITY-BINDING: {SUBJECT} run by the auditor from weights hashed against its pack (B3)"


@dataclass(frozen=True)
class Ended:
    code: int
    out: str
    err: str


class Room:
    """Developer and auditor with a home each, a pack, weights beside it; and a proxy to which nobody may come."""

    def __init__(self, root: Path, weights: Path, proxy: str) -> None:
        self.root, self.proxy = root, proxy
        self.weights = Path(shutil.copytree(weights, root / "weights"))
        self.pack, self.audit, self.log = root / "pack", root / "audit", root / "reached.log"
        copied("open-weights", self.pack)
        self.list_weights()

    def list_weights(self) -> None:
        """As docs/howto/pack.md says, by sha256sum; then sign."""
        shell = "find . -type f -printf '%P\\n' | LC_ALL=C sort | xargs -d '\\n' sha256sum"
        found = subprocess.run(shell, shell=True, cwd=self.weights, capture_output=True, check=True)
        (self.pack / "identity/weights.sha256").write_bytes(found.stdout)
        signed = self("pack", "sign", self.pack, "--home", self.root / "lab")
        assert signed.code == 0, signed.err

    def command(self, *arguments: object) -> list[str]:
        return [sys.executable, str(HERE / "closed.py"), str(self.log), *map(str, arguments)]

    @property
    def environment(self) -> dict[str, str]:
        """Without the switches for staying offline: the software must set them itself."""
        kept = {
            name: value for name, value in os.environ.items() if not name.startswith(("HF_", "TRANSFORMERS_"))
        }
        proxies = dict.fromkeys(
            ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy"), self.proxy
        )
        return (
            kept
            | proxies
            | {"HF_HOME": str(self.root / "hub"), "TMPDIR": str(self.root), "OMP_NUM_THREADS": "1"}
        )

    def __call__(self, *arguments: object) -> Ended:
        done = subprocess.run(
            self.command(*arguments), capture_output=True, text=True, env=self.environment, check=False
        )
        assert "Traceback" not in done.stderr, done.stderr
        assert done.returncode != 70, done.stderr
        return Ended(done.returncode, done.stdout, done.stderr)

    @property
    def asked(self) -> list[object]:
        home = ("--home", self.root / "inst")
        return [
            "run",
            self.pack,
            "--weights",
            self.weights,
            "--limit",
            1,
            "--max-tokens",
            16,
            *home,
            "--out",
            self.audit,
        ]

    def run(self) -> Ended:
        return self(*self.asked)

    def begin(self) -> "subprocess.Popen[str]":
        """The same in the background, once the weights are loaded and the first line is written."""
        process = subprocess.Popen(
            self.command(*self.asked),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=self.environment,
        )
        while not (self.audit / IDENTITY).exists():
            assert process.poll() is None, process.communicate()[0]
            time.sleep(0.05)
        return process

    def verified(self) -> dict[str, Any]:
        said = self("verify", self.audit, "--home", self.root / "inst", "--json").out
        verdict: dict[str, Any] = json.loads(said)
        return verdict

    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in (self.audit / IDENTITY).read_text().splitlines()]


def binding_in(verdict: dict[str, Any]) -> str:
    return next(line for line in verdict["closing"] if line.startswith("IDENTITY-BINDING"))


def flip(path: Path) -> None:
    """One bit in the middle, in place."""
    with path.open("r+b") as file:
        file.seek(path.stat().st_size // 2)
        byte = file.read(1)[0]
        file.seek(-1, os.SEEK_CUR)
        file.write(bytes([byte ^ 1]))


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("model") / "weights"
    subprocess.run(
        [sys.executable, str(HERE / "tiny_model.py"), str(folder)], check=True, capture_output=True
    )
    return folder


@pytest.fixture
def room(tmp_path: Path, weights: Path) -> Iterator[Room]:
    """Whatever is done in it, nothing may have reached out: neither Python's sockets nor anybody through the proxy."""
    with socket.create_server(("127.0.0.1", 0)) as proxy:
        proxy.setblocking(False)
        room = Room(tmp_path, weights, f"http://127.0.0.1:{proxy.getsockname()[1]}")
        yield room
        assert not room.log.exists(), room.log.read_text()
        with pytest.raises(BlockingIOError):
            proxy.accept()


def test_weights_handed_over_are_audited_and_bound(room: Room) -> None:
    ended = room.run()
    assert ended.code in (0, 4), ended.err
    assert BOUND in ended.out
    verdict = room.verified()
    assert verdict["exit_code"] == ended.code
    assert verdict["stages"][5]["state"] == "ok"
    assert binding_in(verdict) == BOUND

    loaded, again = room.lines()
    listed = (room.pack / "identity/weights.sha256").read_text().splitlines()
    assert loaded["files"] == again["files"] == len(listed)
    assert set(loaded["loaded"]) == {line[66:] for line in listed}
    assert loaded["software"]["torch"].startswith("2.")
    assert loaded["settings"]["chat_template"] == "chat_template.jinja"
    assert again["faults"] == again["touched"] == []
    assert [path.name for path in room.root.glob("countermark-weights-*")] == []
    held = b"".join(path.read_bytes() for path in room.audit.rglob("*") if path.is_file())
    assert str(room.root).encode() not in held

    (room.audit / IDENTITY).write_bytes(
        (room.audit / IDENTITY).read_bytes().replace(b'"faults":[]', b'"faults":["x"]')
    )
    tampered = room.verified()
    assert tampered["exit_code"] == 1
    assert any(IDENTITY in line for line in tampered["stages"][3]["details"])


def test_a_flipped_bit_is_refused_before_the_first_call(room: Room) -> None:
    flip(room.weights / SHARD)
    flip(room.weights / "tokenizer.json")
    ended = room.run()
    assert ended.code == 2
    assert f"{SHARD}: [weights-changed]" in ended.err
    assert "tokenizer.json: [weights-changed]" in ended.err
    assert not room.audit.exists()


def test_code_pickles_and_strays_are_refused(room: Room) -> None:
    (room.weights / "modeling_llama.py").write_text("raise SystemExit('code of the weights ran')")
    (room.weights / "pytorch_model.bin").write_bytes(b"\x80\x04.")
    (room.weights / "adapter_config.json").write_text("{}")
    (room.weights / "generation_config_2.json").write_text("{}")
    codes = ("weights-code", "weights-pickle", "weights-adapter", "weights-unlisted")
    ended = room.run()
    assert ended.code == 2
    assert all(f"[{code}]" in ended.err for code in codes)
    room.list_weights()
    ended = room.run()
    assert ended.code == 2
    assert all(f"[{code}]" in ended.err for code in codes[:3])
    assert not room.audit.exists()


def test_a_pickle_by_another_name_is_not_loaded(room: Room) -> None:
    (room.weights / SHARD).write_bytes(b"\x80\x04cposix\nsystem\n.")
    room.list_weights()
    ended = room.run()
    assert ended.code == 2
    assert "no model can be made of these weights" in ended.err
    assert not room.audit.exists()


@pytest.mark.parametrize(
    "change",
    [{"model_type": "none-such"}, {"auto_map": {"AutoModelForCausalLM": "own.Own"}, "model_type": "own"}],
)
def test_weights_that_need_code_of_their_own_are_refused(room: Room, change: dict[str, Any]) -> None:
    config = room.weights / "config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | change))
    room.list_weights()
    ended = room.run()
    assert ended.code == 2
    assert "no model can be made of these weights" in ended.err
    assert "countermark-weights-" not in ended.err
    assert not room.audit.exists()


def test_weights_that_change_during_the_run_bind_nothing(room: Room) -> None:
    process = room.begin()
    flip(room.weights / SHARD)
    said = process.communicate()[0]
    assert process.returncode == 4, said
    assert "the weights changed during the run" in said
    verdict = room.verified()
    assert verdict["exit_code"] == 4
    assert binding_in(verdict) == "IDENTITY-BINDING: 1 by name only (B0)"
    assert any(SHARD in line for line in verdict["stages"][5]["details"])


def test_a_killed_run_is_hashed_again_when_it_is_resumed(room: Room) -> None:
    process = room.begin()
    process.kill()
    process.communicate()
    assert len(room.lines()) == 1
    ended = room("resume", room.audit, "--home", room.root / "inst")
    assert ended.code in (0, 4), ended.err
    assert [line["event"] for line in room.lines()] == ["loaded", "loaded", "hashed again"]
    assert binding_in(room.verified()) == BOUND


def test_resuming_with_other_weights_is_refused(room: Room) -> None:
    process = room.begin()
    process.kill()
    process.communicate()
    flip(room.weights / SHARD)
    ended = room("resume", room.audit, "--home", room.root / "inst")
    assert ended.code == 2
    assert f"{SHARD}: [weights-changed]" in ended.err
    assert len(room.lines()) == 1


def test_greedy_answers_repeat_and_a_cut_answer_says_so(weights: Path) -> None:
    asked = [sys.executable, str(HERE / "ask_twice.py"), str(weights)]
    done = subprocess.run(asked, capture_output=True, text=True, check=True)
    (first, stop, request), (second, _, _) = json.loads(done.stdout)
    assert first == second
    assert stop == "max_tokens"
    assert (request["model"], request["binding"]) == ("weights/tiny", "b" * 64)


def test_two_variants_of_one_pack_are_bound_each(room: Room) -> None:
    def second(cover: dict[str, Any]) -> None:
        first = cover["variants"][0]
        cover["variants"].append({**first, "id": f"{SUBJECT}-greedy", "settings": {"temperature": "0"}})

    edit(room.pack, "pack.json", second)
    room.list_weights()
    ended = room.run()
    assert ended.code in (0, 4), ended.err
    bound = binding_in(room.verified())
    assert f"{SUBJECT} run by the auditor" in bound
    assert f"{SUBJECT}-greedy run by the auditor" in bound
    assert {line["settings"]["sampling"].partition(",")[0] for line in room.lines()[:2]} == {
        "random",
        "greedy",
    }


def test_which_weights_are_meant(room: Room) -> None:
    ended = room(*room.asked, "--weights", f"weights/other={room.weights}")
    assert ended.code == 2
    assert "no subject asked for is handed over as these weights" in ended.err
    ended = room("run", room.pack, "--out", room.audit)
    assert ended.code == 2
    assert "--weights DIR" in ended.err
    ended = room(*[f"{SUBJECT}={one}" if one == room.weights else one for one in room.asked], "--dry-run")
    assert ended.code == 0, ended.err
