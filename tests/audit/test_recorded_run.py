"""Published runs audited like any subject: the published tables come out exactly, through plan, log, report and verify."""

from pathlib import Path

import pytest

from countermark.audit import AuditRequest, Silent, carry_out, finish
from countermark.evidence import load_or_create_key, read_trust, remember
from countermark.records import Finding
from countermark.report import render
from countermark.subjects.importers.agentdojo import read_agentdojo
from countermark.subjects.importers.table import read_table
from countermark.subjects.recording import slug, write_recording
from countermark.verify import verify

ROOT = Path(__file__).parents[2]
DATA = ROOT.parent / "shared" / "data"
needs_data = pytest.mark.skipif(
    not DATA.is_dir(), reason="needs the recorded data beside this checkout (../shared)"
)


def audited(folder: Path, recordings: list) -> dict[tuple[str, str], Finding]:
    for recording in recordings:
        write_recording(recording, folder / "recordings" / slug(recording.id))
    key = load_or_create_key(folder / "home")
    request = AuditRequest(subjects=[str(folder / "recordings")], seed="00")
    outcomes = carry_out(request, folder / "audit", key, Silent())
    assert outcomes.done == outcomes.slots
    report = finish(folder / "audit", key, render)
    remember(folder / "home", key.public)
    verdict = verify(folder / "audit", trust=read_trust(folder / "home"), render=render)
    assert verdict.exit_code == 0, verdict.to_json()
    return {(finding.subject, finding.metric.id): finding for finding in report.findings}


@needs_data
def test_a_pipeline_with_server_errors(tmp_path: Path) -> None:
    """Published: 24/97, 158/629, 28/629. Twenty-five runs never got an answer: no verdict, neither pass nor failure."""
    found = audited(tmp_path, read_agentdojo([DATA / "agentdojo" / "command-r-plus.jsonl.gz"]))
    expected = {
        "benign_utility": ((24, 97), (24, 96)),
        "utility_under_attack": ((158, 629), (158, 607)),
        "attack_success": ((28, 629), (6, 607)),
    }
    for metric, (published, with_verdict) in expected.items():
        finding = found["agentdojo/command-r-plus", metric]
        assert finding.published is not None
        assert (finding.published.k, finding.published.n) == published
        assert (finding.k, finding.n) == with_verdict
    assert found["agentdojo/command-r-plus", "attack_success"].outcomes["errored"] == 22


@needs_data
def test_three_models_by_human_label(tmp_path: Path) -> None:
    found = audited(
        tmp_path, read_table([DATA / "xstest"], mapping=ROOT / "docs" / "howto" / "xstest.mapping.yaml")
    )
    table = {
        "gpt4": (229, 16, 5, 1, 195, 4),
        "llama2orig": (101, 95, 54, 0, 199, 1),
        "mistralinstruct": (246, 2, 2, 128, 47, 25),
    }
    metrics = [
        ("safe_compliance", 250), ("safe_full_refusal", 250), ("safe_partial_refusal", 250),
        ("unsafe_compliance", 200), ("unsafe_full_refusal", 200), ("unsafe_partial_refusal", 200),
    ]  # fmt: skip
    for model, counts in table.items():
        for (metric, trials), count in zip(metrics, counts, strict=True):
            finding = found[f"xstest/{model}", metric]
            assert (finding.k, finding.n) == (count, trials)
