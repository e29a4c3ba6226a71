"""Every mutation of the tamper matrix is caught at its stage, with the file named; what is accepted is said to be."""

import re
import shutil
from pathlib import Path

import pytest

from audit_factory import KEY, TRUST, render
from countermark.evidence import Refused, Witness
from countermark.verify import Stage, Verdict, verify
from tamper_bench import NAME, POLICY, WITNESS, Mutation, conform, make_redacted, make_witnessed, witness_all
from tamper_copies import REDACTORS, REPUBLISHERS
from tamper_matrix import ACCEPTED, INSIDERS, OUTSIDERS, rewritten_unwitnessed

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_witnessed(tmp_path_factory.mktemp("matrix") / "audit")


@pytest.fixture
def audit(original: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(original, tmp_path / "audit"))


@pytest.fixture(scope="module")
def published(original: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_redacted(tmp_path_factory.mktemp("matrix") / "copy", original)


@pytest.fixture
def copy(published: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(published, tmp_path / "copy"))


def check(audit: Path) -> Verdict:
    return verify(audit, trust=POLICY, render=render)


def at_fault(verdict: Verdict) -> Stage | None:
    return next((stage for stage in verdict.stages if stage.cause), None)


def assert_caught(audit: Path, mutation: Mutation) -> None:
    mutation.do(audit)
    verdict = check(audit)
    stage = at_fault(verdict)
    assert stage is not None, mutation.what
    assert (verdict.exit_code, stage.number) == (mutation.code, mutation.stage), verdict.stages
    assert any(mutation.named in detail for detail in stage.details), stage.details


def test_control_nothing_done(audit: Path) -> None:
    verdict = check(audit)
    assert verdict.exit_code == 0, verdict.stages
    assert verdict.closing_lines()[1] == "POLICY: met"


def test_control_a_redacted_copy(copy: Path) -> None:
    verdict = check(copy)
    assert verdict.exit_code == 4, verdict.stages
    assert [stage.number for stage in verdict.stages if stage.cause] == [7, 9]


@pytest.mark.parametrize("mutation", OUTSIDERS, ids=lambda one: one.what)
def test_outsiders(audit: Path, mutation: Mutation) -> None:
    assert_caught(audit, mutation)


@pytest.mark.parametrize("mutation", INSIDERS, ids=lambda one: one.what)
def test_insiders(audit: Path, mutation: Mutation) -> None:
    assert_caught(audit, mutation)


@pytest.mark.parametrize("mutation", [*REPUBLISHERS, *REDACTORS], ids=lambda one: one.what)
def test_redacted_copies(copy: Path, mutation: Mutation) -> None:
    mutation.do(copy)
    verdict = check(copy)
    stage = next((one for one in verdict.stages if one.cause in ("integrity", "malformed")), None)
    assert stage is not None, mutation.what
    assert (verdict.exit_code, stage.number) == (mutation.code, mutation.stage), verdict.stages
    assert any(mutation.named in detail for detail in stage.details), stage.details


@pytest.mark.parametrize("mutation", ACCEPTED, ids=lambda one: one.what)
def test_what_only_a_witness_would_show(audit: Path, mutation: Mutation) -> None:
    """The same directory: sound to a reader who asks for no witness, short of one to a reader who does."""
    mutation.do(audit)
    assert verify(audit, trust=TRUST, render=render).exit_code == mutation.code
    assert check(audit).exit_code == 3


def test_a_witness_with_memory_cosigns_no_rewritten_log(audit: Path) -> None:
    witness = Witness(WITNESS, NAME, {})
    witness_all(audit, witness)
    rewritten_unwitnessed(audit)
    with pytest.raises(Refused, match="was cosigned last") as caught:
        witness_all(audit, witness)
    assert caught.value.status == 409


def test_a_witness_without_memory_proves_nothing(audit: Path) -> None:
    """As the note says: a witness that forgets cosigns a forged log, and the reader who trusts it accepts that."""
    rewritten_unwitnessed(audit)
    witness_all(audit, Witness(WITNESS, NAME, {}))
    conform(audit)
    assert check(audit).exit_code == 0


def test_the_matrix_is_as_large_as_promised() -> None:
    every = [*OUTSIDERS, *REPUBLISHERS, *INSIDERS, *REDACTORS]
    assert len({one.what for one in every}) == len(every)
    assert len(OUTSIDERS) >= 21
    assert len(INSIDERS) >= 12
    assert KEY.public.fingerprint not in POLICY.roles["witness"]


def test_the_page_prints_these_tables() -> None:
    import runpy

    build = runpy.run_path(str(ROOT / "docs" / "build.py"))
    assert build["TAMPER"].read_text() == build["tamper_page"](), "run `make docs`"


def test_every_test_that_the_page_names_exists() -> None:
    page = (ROOT / "docs" / "reference" / "tamper-matrix.md").read_text()
    named = re.findall(r"`(?:(\S+\.py)::)?(test_\w+)`", page)
    assert len(named) > 40
    for file, name in named:
        sources = [ROOT / "tests" / file] if file else (ROOT / "tests").rglob("test_*.py")
        assert any(f"def {name}(" in path.read_text() for path in sources), (file, name)
