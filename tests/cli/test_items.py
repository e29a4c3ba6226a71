"""`run --items`: a user's file through a whole audit, its digest in the plan, the worst attempts recomputed by `verify`."""

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from countermark.analysis import findings
from countermark.audit import make_audit
from countermark.audit.directory import read_draw, read_plan
from countermark.audit.finish import read_records
from countermark.audit.request import AuditRequest
from countermark.battery.loader import BUILT_IN
from countermark.cli import run_command
from countermark.records import MetricSpec


@pytest.fixture
def battery(tmp_path: Path) -> Path:
    """A battery of its own that holds the built-in test alone."""
    root = tmp_path / "battery"
    shutil.copytree(BUILT_IN / "system" / "jailbreak", root / "system" / "jailbreak")
    (root / "battery.yaml").write_text(
        "id: one\nversion: 1-A\ntitle: {en: One, ja: 一つ}\ntests: [system/jailbreak]\n"
    )
    return root


@pytest.fixture
def items(tmp_path: Path) -> Path:
    path = tmp_path / "own.csv"
    rows = "".join(f"Ask for [stand-in {place}] {{{{x}}}}.,c{place // 2}\n" for place in range(12))
    path.write_text("prompt,cluster\n" + rows)
    return path


def run(tmp_path: Path, battery: Path, *more: object) -> int:
    words = [
        "run",
        "reference/helpful",
        "--battery",
        battery,
        "--seed",
        "0b",
        "--limit",
        40,
        "--fixed",
        *more,
    ]
    return run_command(
        [str(word) for word in [*words, "--home", tmp_path / "home", "--out", tmp_path / "audit"]]
    )


def findings_of(audit: Path) -> list[dict[str, Any]]:
    report: dict[str, Any] = json.loads((audit / "report" / "report.json").read_text())
    return list(report["findings"])


def test_an_audit_over_a_users_items(tmp_path: Path, battery: Path, items: Path) -> None:
    digest = hashlib.sha256(items.read_bytes()).hexdigest()
    assert run(tmp_path, battery, "--items", f"system/jailbreak={items}@sha256:{digest}") == 0
    audit = tmp_path / "audit"
    planned = json.loads((audit / "plan" / "plan.json").read_text())["tests"][0]
    assert planned["items_file"] == digest
    assert planned["digest"] != json.loads(plan_without(battery))["tests"][0]["digest"]
    records = list(read_records(audit))
    assert len({record.cluster for record in records if record.arm == "attack"}) == 6
    first = next(one for one in findings_of(audit) if one["metric"]["id"] == "attack_success")
    worst = first["worst"]
    assert worst["prompts"] <= 6
    assert worst["attempts"] == first["n"]
    assert worst["attempts_within"] == first["n"] - first["k"]
    again = findings(read_plan(audit), read_draw(audit), records)
    assert [one.model_dump(mode="json").get("worst") for one in again] == [
        one.get("worst") for one in findings_of(audit)
    ]


def plan_without(battery: Path) -> bytes:
    request = AuditRequest(subjects=["reference/helpful"], battery=str(battery), seed="0b", limit=40)
    return make_audit(request).plan_bytes


def test_another_file_than_the_one_pinned_is_refused(
    tmp_path: Path, battery: Path, items: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(tmp_path, battery, "--items", f"system/jailbreak={items}@sha256:{'0' * 64}") == 2
    assert "it is another file than was pinned" in capsys.readouterr().err
    items.write_text("prompt,odd\nOne,Two\n")
    assert run(tmp_path, battery, "--items", f"system/jailbreak={items}") == 2
    assert "is no column of an items file" in capsys.readouterr().err
    assert run(tmp_path, battery, "--items", "system/jailbreak") == 2
    assert not (tmp_path / "audit").exists()


def test_a_metric_without_a_scale_is_written_as_before() -> None:
    plain = {
        "id": "m",
        "title": {"en": "m", "ja": "m"},
        "arm": "a",
        "label": "l",
        "better": "lower",
        "axis": "other",
    }
    assert "scale" not in MetricSpec.model_validate(plain).model_dump(mode="json")
