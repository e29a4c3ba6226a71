"""What is no audit is called what it is; what was one, and lost its seal or more to a stranger, is broken, and never harmless."""

import shutil
from collections.abc import Callable
from itertools import product
from pathlib import Path

import pytest

from audit_factory import TRUST, make_audit, render
from countermark.audit.request import RESUME_FILE as REQUEST
from countermark.evidence.manifest import MANIFEST, OUTSIDE, SIGNATURES
from countermark.verify import Verdict, verify
from countermark.verify.container import RESUME_FILE, audit_above, audits_below, what_lies
from pack_factory import copied
from second_reader import second

HARMLESS = {"pack", "plan", "planned", "part", "empty", "other"}


@pytest.fixture
def audit(tmp_path: Path) -> Path:
    return make_audit(tmp_path / "audit")


def check(directory: Path) -> Verdict:
    return verify(directory, trust=TRUST, render=render)


def not_audits(audit: Path) -> dict[str, Path]:
    """Kind to a directory that is one."""
    home = audit.parent
    found = {kind: home / kind for kind in ("pack", "plan", "planned", "empty", "other", "missing", "file")}
    shutil.copytree(audit / "plan", found["plan"])
    shutil.copytree(audit / "plan", found["planned"] / "plan")
    copied("reference-subject", found["pack"])
    for name in OUTSIDE:
        shutil.copy(audit / "plan" / name, found["pack"] / name)
    found["empty"].mkdir()
    found["other"].mkdir()
    (found["other"] / "note.txt").write_text("nothing")
    found["file"].write_text("{}")
    return {**found, "part": audit / "report"}


def test_what_is_no_audit_is_called_what_it_is(audit: Path) -> None:
    for kind, directory in not_audits(audit).items():
        assert what_lies(directory) == kind
        verdict = check(directory)
        assert verdict.exit_code == 2, kind
        assert verdict.stages[0].state == "failed"
        assert {stage.state for stage in verdict.stages[1:]} == {"not reached"}, kind
        assert len(verdict.stages[0].details) == 1


def test_every_part_of_an_audit_leads_to_the_whole(audit: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    inner = [path for path in audit.rglob("*") if path.is_dir()]
    assert {what_lies(path) for path in inner} == {"part"}
    assert {audit_above(path) for path in [*inner, audit / "report/index.html"]} == {audit}
    monkeypatch.chdir(audit / "report")
    assert audit_above(Path()) == Path("..")
    assert audits_below(audit.parent) == [audit]


def without(*names: str) -> Callable[[Path], None]:
    def remove(audit: Path) -> None:
        for name in names:
            shutil.rmtree(audit / name) if (audit / name).is_dir() else (audit / name).unlink()

    return remove


@pytest.mark.parametrize("removed", [(MANIFEST,), (SIGNATURES,), (MANIFEST, SIGNATURES)], ids=" ".join)
@pytest.mark.parametrize("planted", ["", "pack.json", "plan.json", "resume.json"])
def test_an_audit_that_lost_its_seal_is_broken(audit: Path, removed: tuple[str, ...], planted: str) -> None:
    """Whatever else is put beside it: one file must not turn what was sealed into something that never was."""
    without(*removed)(audit)
    if planted:
        (audit / planted).write_text("{}")
    verdict = check(audit)
    assert verdict.exit_code == 1
    assert verdict.closing_lines()[0] == "CRYPTO: does not hold"
    said = "\n".join(detail for stage in verdict.stages for detail in stage.details)
    assert all(name in said for name in removed)


def test_the_second_verifier_says_the_same_of_a_seal_that_is_gone(audit: Path) -> None:
    without(*OUTSIDE)(audit)
    with pytest.raises(second.Broken, match="seal is gone"):
        second.Audit(audit).check_files()


LARGE = ("evidence", "draw", "report", "trials.parquet", "VERIFY.txt", "keys")


@pytest.mark.parametrize("kept", LARGE)
def test_any_one_part_that_a_run_makes_keeps_it_an_audit(audit: Path, kept: str) -> None:
    without(*(name for name in LARGE if name != kept and (audit / name).exists()), "plan")(audit)
    if not (audit / kept).exists():
        pytest.skip(f"the factory makes no {kept}")
    for sealed, planted in product((True, False), ("pack.json", "plan.json")):
        (audit / planted).write_text("{}")
        if not sealed:
            without(*(name for name in OUTSIDE if (audit / name).exists()))(audit)
        assert what_lies(audit) not in HARMLESS
        assert check(audit).exit_code == 1


def test_an_unfinished_audit_is_told_from_one_that_lost_its_seal(audit: Path) -> None:
    """Before sealing there are request, plan, draw and log, and nothing that sealing writes."""
    assert RESUME_FILE == REQUEST
    without(*OUTSIDE, "VERIFY.txt", "keys", "report")(audit)
    assert what_lies(audit) == "stripped"
    (audit / RESUME_FILE).write_text("{}")
    assert what_lies(audit) == "unfinished"
    verdict = check(audit)
    assert verdict.exit_code == 2
    assert "its seal was taken away" in verdict.stages[0].details[0]
