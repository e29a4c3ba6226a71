"""The second verifier under the tamper matrix: it refuses what the first does, but for what it says it does not check."""

import shutil
from pathlib import Path

import pytest

from audit_factory import KEY
from second_reader import second
from tamper_bench import Mutation, make_redacted, make_witnessed
from tamper_copies import REDACTORS, REPUBLISHERS
from tamper_matrix import INSIDERS, OUTSIDERS

NOT_ITS_OWN = {
    "a rule of the plan loosened after the run": "no witness is asked for",
    "grades rewritten, words and all, under the old cosignatures": "cosignatures are not looked at",
    "grades rewritten, words and all, without cosignatures": "no witness is asked for",
    "grades rewritten, the auditor its own witness": "no witness is asked for",
    "grades rewritten, before a witness nobody knows": "no witness is asked for",
    "a seal with a word of its own": "a seal may say more",
    "another key beside the plan": "its own key is the one it was given",
    "VERIFY.txt left out": "texts for readers are not read",
    "a witness of its own naming in the report": "of the log's facts, those of the seal are compared",
    "words for an amount": "totals are not counted",
    "a nicer interval": "intervals are not computed",
    "a verdict of its own": "verdicts are not formed",
    "a quotation nobody said": "quotations are not looked up",
    "a reason of its own": "reasons are not read",
}
"""What it accepts, and why."""


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_witnessed(tmp_path_factory.mktemp("second") / "audit")


@pytest.fixture(scope="module")
def published(original: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_redacted(tmp_path_factory.mktemp("second") / "copy", original)


def says(audit: Path) -> tuple[int, list[str]]:
    lines: list[str] = []
    code: int = second.verify(second.Audit(audit, second.read_key(KEY.public.pem)), lines.append)
    return code, lines


def test_both_forms_are_accepted(original: Path, published: Path) -> None:
    for audit in (original, published):
        code, lines = says(audit)
        assert code == 0, lines[-1]
    assert "withheld: 0 records, 2 transcripts, 1 in part" in lines[-2]


@pytest.mark.parametrize("mutation", [*OUTSIDERS, *INSIDERS], ids=lambda one: one.what)
def test_whole_audits(original: Path, tmp_path: Path, mutation: Mutation) -> None:
    assert_said(Path(shutil.copytree(original, tmp_path / "audit")), mutation)


@pytest.mark.parametrize("mutation", [*REPUBLISHERS, *REDACTORS], ids=lambda one: one.what)
def test_redacted_copies(published: Path, tmp_path: Path, mutation: Mutation) -> None:
    assert_said(Path(shutil.copytree(published, tmp_path / "copy")), mutation)


def assert_said(audit: Path, mutation: Mutation) -> None:
    mutation.do(audit)
    code, lines = says(audit)
    if mutation.what in NOT_ITS_OWN:
        assert code == 0, lines[-1]
    else:
        assert code in (1, 2), mutation.what
        assert lines[-1].startswith("FAIL")
