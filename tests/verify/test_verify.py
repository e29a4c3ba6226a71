"""A sealed audit verifies; what is not checked is said; whatever is wrong is in the verdict."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from audit_factory import KEY, RUN, TRUST, make_audit, render
from countermark.evidence import TrustPolicy
from countermark.verify import Verdict, verify


@pytest.fixture(scope="module")
def audit(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_audit(tmp_path_factory.mktemp("verify") / "audit")


def states(verdict: Verdict) -> list[str]:
    return [stage.state for stage in verdict.stages]


def said(verdict: Verdict) -> str:
    return "\n".join(detail for stage in verdict.stages for detail in stage.details)


def test_a_sealed_audit_holds(audit: Path) -> None:
    verdict = verify(audit, trust=TRUST, render=render)
    expected = ["ok"] * 12
    for silent in (5, 10):
        expected[silent] = "not checked"
    assert states(verdict) == expected, said(verdict)
    assert verdict.exit_code == 0
    assert [stage.number for stage in verdict.stages] == list(range(12))


def test_closing_lines(audit: Path) -> None:
    lines = verify(audit, trust=TRUST, render=render).closing_lines()
    assert lines[:6] == [
        "CRYPTO: files, signatures, chain and log hold",
        "POLICY: met",
        "IDENTITY-BINDING: 2 simulations, no model behind them",
        "TIME: the signers' own clocks; no outside anchor",
        "DISCLOSED: 21/21 transcripts",
        "NUMBERS: recomputed 2/2",
    ]
    assert lines[6].startswith("NOT PROVEN: ")


def test_to_json_is_plain(audit: Path) -> None:
    from countermark.canonical import encode

    plain = verify(audit, trust=TRUST).to_json()
    assert encode(plain)
    assert plain["stages"][0]["name"] == "container"


@pytest.mark.parametrize("trust", [None, TrustPolicy()])
def test_without_policy_the_signer_is_unknown(audit: Path, trust: TrustPolicy | None) -> None:
    verdict = verify(audit, trust=trust, render=render)
    assert verdict.exit_code == 3
    assert verdict.stages[1].state == "not checked"
    assert KEY.public.fingerprint in said(verdict)
    assert verdict.closing_lines()[1] == "POLICY: none given, signer unknown"


def test_a_policy_for_others_or_another_role_does_not_cover_the_auditor(audit: Path) -> None:
    for roles in ({"auditor": frozenset({"0" * 64})}, {"developer": TRUST.roles["auditor"]}):
        verdict = verify(audit, trust=TrustPolicy(roles=roles), render=render)
        assert verdict.exit_code == 3
        assert verdict.stages[1].state == "failed"
        assert verdict.stages[8].state == "ok"


def test_without_renderer_the_page_is_not_checked(audit: Path) -> None:
    verdict = verify(audit, trust=TRUST)
    assert verdict.stages[11].state == "not checked"
    assert verdict.exit_code == 4


def test_another_rendering_is_partial(audit: Path) -> None:
    verdict = verify(audit, trust=TRUST, render=lambda _: {"index.html": b"newer"})
    assert verdict.stages[11].state == "partial"
    assert "report/index.html" in said(verdict)
    assert verdict.exit_code == 4


def test_a_renderer_that_fails_is_no_traceback(audit: Path) -> None:
    assert verify(audit, trust=TRUST, render=lambda _: {"x": {}["y"]}).exit_code == 2


def test_a_grader_that_is_not_installed_leaves_grades_unchecked(
    audit: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from countermark.graders import load_grader
    from countermark.verify import transcripts

    newer = replace(load_grader("leak"), version=99)
    monkeypatch.setattr(transcripts, "load_grader", lambda _: newer)
    verdict = verify(audit, trust=TRUST, render=render)
    assert verdict.stages[7].state == "partial"
    assert verdict.exit_code == 4


@pytest.mark.parametrize("kind", ["missing", "empty", "file", "unsealed"])
def test_what_is_no_audit_is_malformed(tmp_path: Path, kind: str) -> None:
    target = tmp_path / "x"
    if kind in ("empty", "unsealed"):
        target.mkdir()
    if kind == "file":
        target.write_text("{}")
    if kind == "unsealed":
        (target / "note.txt").write_text("nothing")
    verdict = verify(target, trust=TRUST, render=render)
    assert verdict.exit_code == 2
    assert len(verdict.stages) == 12
    assert verdict.closing_lines()[0] == "CRYPTO: does not hold"


def test_an_unclosed_log_is_no_sealed_evidence(tmp_path: Path) -> None:
    from audit_factory import reseal

    audit = make_audit(tmp_path / "audit")
    (audit / RUN / "inflight.jsonl").write_text('{"attempt":1,"slot":3}\n')
    reseal(audit)
    verdict = verify(audit, trust=TRUST, render=render)
    assert verdict.exit_code == 1
    assert "never closed" in said(verdict)


def test_hostile_names_reach_no_terminal(tmp_path: Path) -> None:
    audit = make_audit(tmp_path / "audit")
    (audit / "\x1b[2Jgone\n\u202e").write_text("x")
    verdict = verify(audit, trust=TRUST, render=render)
    assert verdict.exit_code == 1
    assert "\x1b" not in said(verdict).replace("\n", "")
    assert "\\x1b[2Jgone\\n\\u202e" in said(verdict)


def test_import_is_light() -> None:
    heavy = "numpy scipy pyarrow pydantic jinja2"
    code = f"import sys, countermark.verify, countermark.evidence; print([m for m in '{heavy}'.split() if m in sys.modules])"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "[]"
