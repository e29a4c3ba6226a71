"""Reading what a test's manifest says of its judge: the form, and the rubric from the test's folder."""

from pathlib import Path

from countermark.battery.manifest import TestManifest
from countermark.battery.yaml_files import read_text
from countermark.errors import GradingError
from countermark.graders import load_grader
from countermark.issues import Issues
from countermark.records import PlannedJudge

MAX_RUBRIC = 40_000


def read_judge(root: Path, manifest: TestManifest, issues: Issues) -> PlannedJudge | None:
    """The judge of a test as a plan fixes it; None without one, or with every fault noted.

    Args:
        root: Of the battery.
        manifest: The test's.
        issues: `judge-rubric`: empty or too long; `judge-arm`: an arm without scenarios; `judge-label`: a label that the
            test's own grader gives; and the faults of reading a file.
    """
    judge = manifest.judge
    if judge is None:
        return None
    before, file = len(issues), f"{manifest.id}/test.yaml"
    rubric = read_text(root, f"{manifest.id}/{judge.rubric}", issues)
    if rubric is not None and not 0 < len(rubric.strip()) <= MAX_RUBRIC:
        issues.add(
            "judge-rubric", f"{manifest.id}/{judge.rubric}", "", f"is empty, or over {MAX_RUBRIC} characters"
        )
    for arm in judge.arms:
        if arm not in manifest.draw:
            issues.add("judge-arm", file, "/judge/arms", f"no scenario is drawn for the arm {arm!r}")
    for label in sorted(judge.gives & _own_labels(manifest)):
        issues.add(
            "judge-label",
            file,
            "/judge",
            f"the grader {manifest.grader.name} gives {label!r} itself",
            "rename one",
        )
    if len(issues) > before or rubric is None:
        return None
    return PlannedJudge(**judge.model_dump(exclude={"rubric"}), rubric=rubric.strip())


def _own_labels(manifest: TestManifest) -> frozenset[str]:
    try:
        return frozenset(load_grader(manifest.grader.name).labels) | frozenset(manifest.grader.options)
    except GradingError:
        return frozenset()  # conformance tells of a grader that is not there
