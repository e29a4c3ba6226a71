"""Weights to be run here: whose they are, what is told while they are hashed, and a machine that cannot run them."""

from importlib.util import find_spec
from pathlib import Path

import pytest

from countermark.audit import AuditRequest, make_audit
from countermark.audit.hosting import _telling
from countermark.audit.observer import Silent
from countermark.cli import run_command
from countermark.errors import UsageError
from pack_factory import EXAMPLES, WEIGHTS

PACK = str(EXAMPLES / "open-weights")
SUBJECT = "weights/example-tiny"


def hosted(weights: dict[str, str], pack: str = PACK) -> list[str]:
    audit = make_audit(AuditRequest(subjects=[pack], seed="5eed", limit=1, weights=weights))
    return [role.hosted.given.directory.name for role in audit.roles if role.hosted is not None]


@pytest.mark.parametrize("name", ["", SUBJECT, "example-tiny"])
def test_weights_are_named_by_subject_by_model_or_not_at_all(name: str) -> None:
    assert hosted({name: str(WEIGHTS)}) == [WEIGHTS.name]


def test_a_subjects_own_directory_goes_first() -> None:
    assert hosted({"": "elsewhere", SUBJECT: str(WEIGHTS)}) == [WEIGHTS.name]


@pytest.mark.parametrize("weights", [{"weights/other": "x"}, {SUBJECT: "x", "other": "x"}])
def test_weights_of_nobody_are_refused(weights: dict[str, str]) -> None:
    with pytest.raises(UsageError):
        hosted(weights)


def test_weights_for_a_pack_without_any_are_refused() -> None:
    with pytest.raises(UsageError, match="no subject asked for"):
        hosted({"": "x"}, "reference/guarded")


@pytest.mark.skipif(find_spec("torch") is not None, reason="torch is installed")
def test_without_the_libraries_nothing_is_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    home = ("--home", str(tmp_path / "home"))
    asked = ["run", PACK, "--weights", str(WEIGHTS), "--limit", "1", *home, "--out", str(tmp_path / "audit")]
    assert run_command(asked) == 2
    said = capsys.readouterr().err
    assert "torch, transformers, accelerate" in said
    assert "countermark[weights]" in said
    assert not (tmp_path / "audit").exists()


def test_a_dry_run_reads_no_weights(tmp_path: Path) -> None:
    assert (
        run_command(["run", PACK, "--weights", str(tmp_path / "nowhere"), "--limit", "1", "--dry-run"]) == 0
    )


def test_long_hashing_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    observer = Silent()
    monkeypatch.setattr(observer, "note", told.append)
    monkeypatch.setattr("countermark.audit.hosting._TELL_EVERY_S", 0.0)
    _telling(SUBJECT, observer)("model.safetensors", 2_000_000_000, 8_000_000_000)
    assert told == [f"{SUBJECT}: hashed 2.0 of 8.0 GB, now model.safetensors"]
