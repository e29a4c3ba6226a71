"""Reading a battery: every fault of every file at once, then frozen values.

A battery is a directory with `battery.yaml` and one folder `family/test/` a test; nothing in it is executed.
"""

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from countermark.battery.exemplars import Exemplar
from countermark.battery.judge import read_judge
from countermark.battery.manifest import BatteryManifest, TestManifest
from countermark.battery.template import Slots, Template, TemplateError, fill_deep, split_turns
from countermark.battery.yaml_files import read_front_matter, read_yaml, validate
from countermark.canonical import digest_of
from countermark.errors import UnsafePath, UsageError
from countermark.files import inside, read_capped, walk
from countermark.issues import Issues
from countermark.records import Message, PlannedJudge, Scenario

BUILT_IN = Path(__file__).parent
_MAX_TRIES = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class BatteryTest:
    """One test, read: manifest, templates, slots, exemplars, and the digest of its folder."""

    manifest: TestManifest
    templates: tuple[Template, ...]
    slots: Mapping[str, Any]
    exemplars: tuple[Exemplar, ...]
    digest: str
    judge: PlannedJudge | None = None
    items_file: str | None = None
    """SHA-256 of the user's file whose items stand in place of its own."""

    def draw(self, seed: str, limit: int | None = None) -> tuple[Scenario, ...]:
        """The scenarios of this seed, arms in alphabetical order, templates in turn, all texts distinct.

        Args:
            seed: The audit's.
            limit: At most so many of each arm: the first ones of the whole draw.
        Raises:
            TemplateError: The slots hold too few combinations for the draw, or a place names no slot.
        """
        drawn: list[Scenario] = []
        for arm, count in sorted(self.manifest.draw.items()):
            templates = [template for template in self.templates if template.arm == arm]
            drawn.extend(self._draw_arm(seed, templates, count if limit is None else min(count, limit)))
        return tuple(drawn)

    def _draw_arm(self, seed: str, templates: list[Template], count: int) -> list[Scenario]:
        if not templates:
            raise TemplateError("an arm of the draw has no template")
        seen: set[str] = set()
        drawn: list[Scenario] = []
        for number in range(count):
            template = templates[number % len(templates)]
            turn = number // len(templates) if template.twin else number
            for attempt in range(_MAX_TRIES):
                scenario = self._scenario(seed, template, f"{turn}.{attempt}")
                if scenario.id not in seen:
                    break
            else:
                raise TemplateError(
                    f"template {template.stem!r} has too few combinations for {count} scenarios"
                )
            seen.add(scenario.id)
            drawn.append(scenario)
        return drawn

    def _scenario(self, seed: str, template: Template, number: str) -> Scenario:
        drawn_as = template.twin or template.stem
        slots = Slots(self.slots, f"{seed}/{self.manifest.id}/{drawn_as}/{number}")
        facts = fill_deep(template.facts, slots.text)
        dialogue = tuple(
            Message(role=turn.role, content=fill_deep(turn.content, slots.text)) for turn in template.turns
        )
        shown = digest_of([[turn.role, turn.content] for turn in dialogue] + [facts])
        return Scenario(
            id=f"{self.manifest.id}#{template.stem}-{shown[:10]}",
            test=self.manifest.id,
            arm=template.arm,
            cluster="/".join(self._cluster_part(part, template, slots) for part in self.manifest.cluster_by),
            dialogue=dialogue,
            facts=facts,
            tags={"template": template.stem, **_pair_tag(template, number), **template.tags, **slots.tags},
        )

    def _cluster_part(self, part: str, template: Template, slots: Slots) -> str:
        if part == "template":
            return template.stem
        return f"{part}{slots.source(part)}" if slots.used(part) else f"{part}-"


@dataclass(frozen=True, slots=True, kw_only=True)
class Battery:
    """A battery, read whole."""

    manifest: BatteryManifest
    tests: tuple[BatteryTest, ...]

    @property
    def reference(self) -> str:
        """`id@version`."""
        return f"{self.manifest.id}@{self.manifest.version}"

    def test(self, test_id: str) -> BatteryTest:
        """The test of that id. Raises `KeyError`."""
        return next(test for test in self.tests if test.manifest.id == test_id)


def load_battery(name: str = "core", *, only: Collection[str] | None = None) -> Battery:
    """The battery built in under `name`, or the one in the directory `name`.

    Args:
        name: Of a battery, or a directory.
        only: Tests to read; None reads all. The manifest names all tests either way.

    Raises:
        UsageError: There is no such battery.
        InvalidDocument: With every fault of every file.
    """
    built_in = BUILT_IN / f"{name}.yaml"
    if name.isidentifier() and built_in.is_file():
        return _built_in(name, None if only is None else frozenset(only))
    return _read_battery(Path(name), "battery.yaml", name, only=only)


def folder_of(name: str, test_id: str) -> Path:
    """Where a test of the battery `name` lies."""
    built_in = name.isidentifier() and (BUILT_IN / f"{name}.yaml").is_file()
    return (BUILT_IN if built_in else Path(name)) / test_id


@lru_cache(maxsize=8)
def _built_in(name: str, only: frozenset[str] | None) -> Battery:
    """A battery of the package, read once: its files do not change, and its draws are proven by its own tests."""
    return _read_battery(BUILT_IN, f"{name}.yaml", name, prove=False, only=only)


def _read_battery(
    root: Path, manifest_name: str, name: str, *, prove: bool = True, only: Collection[str] | None = None
) -> Battery:
    if not root.is_dir():
        there = ", ".join(sorted(path.stem for path in BUILT_IN.glob("*.yaml")))
        raise UsageError(f"no battery {name!r}", hint=f"built in: {there}; or the directory of one")
    issues = Issues()
    raw = read_yaml(root, manifest_name, issues)
    manifest = validate(BatteryManifest, raw, manifest_name, issues)
    wanted = [test for test in (manifest.tests if manifest else ()) if only is None or test in only]
    tests = [_read_test(root, test_id, issues, prove=prove) for test_id in wanted]
    issues.raise_if_any()
    assert manifest is not None
    return Battery(manifest=manifest, tests=tuple(test for test in tests if test is not None))


def _read_test(root: Path, test_id: str, issues: Issues, *, prove: bool = True) -> BatteryTest | None:
    before = len(issues)
    manifest = validate(
        TestManifest, read_yaml(root, f"{test_id}/test.yaml", issues), f"{test_id}/test.yaml", issues
    )
    slots = read_yaml(root, f"{test_id}/slots.yaml", issues)
    templates = tuple(_read_templates(root, test_id, issues))
    exemplars = tuple(_read_exemplars(root, test_id, issues))
    judge = read_judge(root, manifest, issues) if manifest else None
    digest = _folder_digest(root, test_id, issues)
    if manifest is None or len(issues) > before:
        return None
    test = BatteryTest(
        manifest=manifest, templates=templates, slots=slots, exemplars=exemplars, digest=digest, judge=judge
    )
    _check_together(test, test_id, issues, prove=prove)
    return test if len(issues) == before else None


def _read_templates(root: Path, test_id: str, issues: Issues) -> list[Template]:
    templates = []
    for name in _names(root, f"{test_id}/scenarios", ".md", issues):
        front, body = read_front_matter(root, name, issues)
        try:
            turns = split_turns(body)
        except TemplateError as error:
            issues.add("template-turns", name, "body", str(error))
            continue
        unknown = sorted(set(front) - {"arm", "tags", "facts", "twin"})
        if unknown or "arm" not in front:
            issues.add("template-front", name, "front matter", f"needs arm; unknown: {unknown}")
            continue
        tags = {key: str(value) for key, value in front.get("tags", {}).items()}
        templates.append(
            Template(
                stem=Path(name).stem,
                arm=front["arm"],
                tags=tags,
                facts=front.get("facts", {}),
                turns=turns,
                twin=str(front.get("twin", "")),
            )
        )
    return templates


def _pair_tag(template: Template, number: str) -> dict[str, str]:
    return {"pair": f"{template.twin}-{number}"} if template.twin else {}


def _read_exemplars(root: Path, test_id: str, issues: Issues) -> list[Exemplar]:
    exemplars = []
    for name in _names(root, f"{test_id}/exemplars", ".yaml", issues):
        exemplar = validate(Exemplar, read_yaml(root, name, issues), name, issues)
        if exemplar is not None:
            exemplars.append(exemplar)
    return exemplars


def _check_together(test: BatteryTest, test_id: str, issues: Issues, *, prove: bool) -> None:
    manifest, file = test.manifest, f"{test_id}/test.yaml"
    if manifest.id != test_id:
        issues.add("test-id", file, "/id", f"is {manifest.id!r}, the folder says {test_id!r}")
    arms = {template.arm for template in test.templates}
    ablated = [cause.arm for metric in manifest.metrics for cause in metric.ablations if cause.arm]
    for arm in [*manifest.draw, *(metric.arm for metric in manifest.metrics), *ablated]:
        if arm not in arms:
            issues.add(
                "arm-unknown", file, "/draw", f"no template has the arm {arm!r}", f"there are: {sorted(arms)}"
            )
    if sum(metric.headline for metric in manifest.metrics) != 1:
        issues.add("headline", file, "/metrics", "exactly one metric is the headline")
    _check_labels(test, test_id, issues)
    try:
        if prove:
            _check_environments(manifest, test.draw("00"), issues)
    except (TemplateError, KeyError) as error:
        issues.add("draw", file, "/draw", str(error))


def _check_environments(manifest: TestManifest, drawn: Collection[Scenario], issues: Issues) -> None:
    """A trial without the tag would be in no environment, and missing from their mean without a word."""
    for place, metric in enumerate(manifest.metrics):
        arm = [one for one in drawn if one.arm == metric.arm]
        untold = sum(metric.environments not in one.tags for one in arm) if metric.environments else 0
        if untold:
            issues.add(
                "environment-untold", f"{manifest.id}/test.yaml", f"/metrics/{place}/environments",
                f"{untold} of {len(arm)} scenarios of the arm {metric.arm!r} have no tag {metric.environments!r}",
                "give the tag to every template of the arm, or to every value of a slot that all of them use",
            )  # fmt: skip


def _check_labels(test: BatteryTest, test_id: str, issues: Issues) -> None:
    expected: dict[tuple[str, str], object] = {}
    for exemplar in test.exemplars:
        for arm in exemplar.arms:
            grade = (exemplar.outcome, {**exemplar.labels, **exemplar.judged})
            if expected.setdefault((arm, exemplar.behaviour), grade) != grade:
                issues.add(
                    "exemplar-labels", f"{test_id}/exemplars", exemplar.behaviour,
                    f"exemplars of this behaviour in arm {arm!r} expect different grades",
                )  # fmt: skip


def _folder_digest(root: Path, test_id: str, issues: Issues) -> str:
    whole = hashlib.sha256()
    try:
        for name in walk(inside(root, test_id)):
            whole.update(
                f"{name}\0{hashlib.sha256(read_capped(root / test_id / name)).hexdigest()}\n".encode()
            )
    except UnsafePath as error:
        issues.add("path-unsafe", test_id, "", error.faults[0])
    return whole.hexdigest()


def _names(root: Path, folder: str, suffix: str, issues: Issues) -> list[str]:
    try:
        names = [f"{folder}/{name}" for name in walk(inside(root, folder)) if name.endswith(suffix)]
    except UnsafePath:
        names = []
    if not names:
        issues.add("folder-empty", folder, "", f"holds no *{suffix} file")
    return names
