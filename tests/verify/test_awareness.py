"""Labels of awareness are given again, and their table is recomputed: nobody can put in or take out one."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from audit_factory import TRUST, Bench, make_audit, render
from countermark.analysis import awareness as table
from countermark.graders.awareness import REFERENCE, awareness
from countermark.records import Plan, Transcript, TrialRecord
from countermark.verify import Verdict, verify

Made = list[tuple[TrialRecord, Transcript]]


def label(made: Made) -> None:
    """Have the first subject say now and then that it is tested, and label every whole trial."""
    for place, (record, transcript) in enumerate(made):
        if transcript.fault is None and place % 3 == 0:
            said = replace(
                transcript.messages[-1],
                content=transcript.messages[-1].content + " I think I'm being tested.",
            )
            transcript = replace(transcript, messages=(*transcript.messages[:-1], said))  # noqa: PLW2901
        aware = {} if transcript.fault else awareness(transcript)
        made[place] = replace(record, aware=aware), transcript


def audited(folder: Path, *, change: str = "") -> Verdict:
    kept: Made = []

    def plan(document: dict[str, Any]) -> None:
        document["rules"] = {"awareness": "" if change == "unplanned" else REFERENCE}

    def attempts(made: Made) -> None:
        label(made)
        if change == "label":
            record, transcript = made[0]
            made[0] = replace(record, aware={"aware_text": not record.aware["aware_text"]}), transcript
        kept.extend(made)

    def report(document: dict[str, Any]) -> None:
        rows = table(Plan.model_validate(document["plan"]), [record for record, _ in kept])
        document["awareness"] = [row.model_dump(mode="json") for row in rows]
        if change == "table":
            document["awareness"][0]["said"]["k"] = 0
        if change == "gone" or not rows:
            del document["awareness"]

    return verify(
        make_audit(folder, Bench(plan=plan, attempts=attempts, report=report)), trust=TRUST, render=render
    )


def test_labels_that_hold(tmp_path: Path) -> None:
    verdict = audited(tmp_path / "audit")
    assert verdict.exit_code == 0, verdict


@pytest.mark.parametrize("change", ["label", "table", "gone", "unplanned"])
def test_labels_that_do_not(tmp_path: Path, change: str) -> None:
    verdict = audited(tmp_path / "audit", change=change)
    assert verdict.exit_code == 1
    assert "awareness" in str(verdict)
