"""Deviations in a sealed audit: whoever holds the key and tells them otherwise is convicted by the records."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from audit_factory import RUN, TRUST, Bench, make_audit, render, reseal
from countermark.evidence.unwitnessed import read_unwitnessed
from countermark.verify import Verdict, verify


def check(audit: Path) -> Verdict:
    return verify(audit, trust=TRUST, render=render)


def told(verdict: Verdict) -> str:
    assert all(one.state in ("ok", "not checked") for one in verdict.stages[:8]), verdict.stages
    assert verdict.stages[8].state == "failed", verdict.stages
    assert verdict.exit_code == 1
    return "\n".join(verdict.stages[8].details)


LIES: dict[str, tuple[Callable[[dict[str, Any]], object], str]] = {
    "left out": (lambda report: report["deviations"].clear(), "1 retried simulation/"),
    "fewer": (lambda report: report["deviations"][0].update(count=0), "is due and not told"),
    "more": (lambda report: report["deviations"][0].update(count=2), "2 retried simulation/"),
    "another kind": (lambda report: report["deviations"][0].update(code="interrupted"), "1 interrupted simulation/"),
    "another subject": (lambda report: report["deviations"][0].update(subject="simulation/nobody"), "simulation/nobody"),
    "another test": (lambda report: report["deviations"][0].update(test="toy/other"), "toy/other"),
    "turned into words": (lambda report: report["deviations"][0].update(code="declared", words="Nothing much."), "is due and not told"),
    "a field of its own": (lambda report: report["deviations"][0].update(remark="harmless"), "is told and not found"),
    "twice": (lambda report: report["deviations"].append(report["deviations"][0]), "one stands twice"),
    "made up": (lambda report: report["deviations"].append({"code": "unwitnessed", "count": 1, "words": "a: b"}), "1 unwitnessed a: b is told and not found"),
}  # fmt: skip


@pytest.mark.parametrize("name", LIES)
def test_a_deviation_told_otherwise_is_caught(tmp_path: Path, name: str) -> None:
    change, expected = LIES[name]
    verdict = check(make_audit(tmp_path / "audit", Bench(report=lambda report: change(report) and None)))
    assert expected in told(verdict)


def test_a_witness_that_was_away_must_be_told(tmp_path: Path) -> None:
    audit = make_audit(tmp_path / "audit")
    assert check(audit).exit_code == 0
    (audit / RUN / "unwitnessed.jsonl").write_bytes(b'{"outcome":"refused","witness":"alpha"}\n{"outc')
    reseal(audit)
    said = told(check(audit))
    assert "1 unwitnessed alpha: refused is due and not told" in said
    assert "1 unwitnessed : unreadable is due and not told" in said


@pytest.mark.parametrize(
    "line", [b"[]", b"1", b"{", b"\xff", b'{"a":1,"a":2}', b'{"a":' + b"[" * 5000, b'{"size":1.5}']
)
def test_a_line_that_cannot_be_read_is_still_an_entry(tmp_path: Path, line: bytes) -> None:
    path = tmp_path / RUN / "unwitnessed.jsonl"
    path.parent.mkdir(parents=True)
    path.write_bytes(line + b"\n" + b'{"outcome":"refused","witness":"alpha"}\n')
    first, second = read_unwitnessed(tmp_path)
    assert first["outcome"] == "unreadable"
    assert second["outcome"] == "refused"


def test_no_file_is_no_entry(tmp_path: Path) -> None:
    assert read_unwitnessed(tmp_path) == []
