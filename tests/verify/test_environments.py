"""Rates by environment are recomputed from the records, or said not to have been."""

import json
from pathlib import Path
from typing import Any

import pytest

from audit_factory import TRUST, Bench, make_audit, render
from countermark.verify import Verdict, verify
from redaction_factory import copy_of, decision


def told(document: dict[str, Any]) -> None:
    document["tests"][0]["metrics"][0]["environments"] = "lang"


def checked(folder: Path) -> Verdict:
    return verify(folder, trust=TRUST, render=render)


def audited(folder: Path, change: str = "") -> Path:
    def report(document: dict[str, Any]) -> None:
        rows = document["environments"]
        assert [row["environments"] for row in rows] == [2, 2]
        if change == "number":
            rows[1]["highest"]["environment"] = "fr"
        if change == "more":
            rows[0]["safe"] = True
        if change == "gone":
            del document["environments"]

    return make_audit(folder, Bench(plan=told, report=report))


def test_rates_that_hold(tmp_path: Path) -> None:
    verdict = checked(audited(tmp_path / "audit"))
    assert verdict.exit_code == 0, verdict


@pytest.mark.parametrize("change", ["number", "more", "gone"])
def test_rates_that_do_not(tmp_path: Path, change: str) -> None:
    verdict = checked(audited(tmp_path / "audit", change))
    assert verdict.exit_code == 1
    assert "its rates by environment are not what the records give" in str(verdict)


def test_rates_of_a_plan_that_asks_for_none(tmp_path: Path) -> None:
    source = audited(tmp_path / "source")
    rows = json.loads((source / "report/report.json").read_bytes())["environments"]
    bench = Bench(report=lambda document: document.update(environments=rows))
    assert "its rates by environment" in str(checked(make_audit(tmp_path / "audit", bench)))


def test_where_a_record_is_withheld_they_are_partial(tmp_path: Path) -> None:
    copy = copy_of(audited(tmp_path / "audit"), tmp_path / "copy", decision(records=(4,)))
    verdict = checked(copy)
    assert verdict.exit_code == 4
    assert "rates by environment are not recomputed, since records are withheld" in str(verdict)
