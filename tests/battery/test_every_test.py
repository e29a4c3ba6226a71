"""The laws that every test of the core battery keeps; what is special to a test stands in a file of its own.

Exemplars and degenerate subjects are sampled here. `countermark battery check` takes more of them, the slow test all.
"""

import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import anyio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from battery_bench import (
    CORE,
    CUES,
    behaviours,
    drawn,
    few_of_each_arm,
    in_japanese,
    of_arm,
    performances,
    said,
    suited,
    the_test,
)
from battery_factory import copy_tests
from countermark.analysis.sequential.rule import Rule
from countermark.audit.casting import character_of
from countermark.battery import BatteryTest, Stage, load_battery
from countermark.battery.conformance import check_exemplars, conform, grade_exemplar
from countermark.battery.degenerate import check_degenerate
from countermark.battery.loader import folder_of
from countermark.issues import Issues
from countermark.pack import reference_packs
from countermark.records import Outcome, PlannedTest, Scenario, Stopping
from countermark.subjects.reference import Character, opening, sees_cue

BY_SITUATION = {"system/tool_injection", "agentic/self_preservation"}
"""Tests with behaviours that act on one kind of goal or situation: elsewhere they have no line, and are not planted."""
SPOKEN_IN_ANOTHER_LANGUAGE = {"low_resource"}
"""Families whose user speaks a third language; the system message tells which of the two it is."""
SECTIONS = ("## What it measures", "## What it does not measure", "## Known ways to fool it")
each_test = pytest.mark.parametrize("test_id", CORE)


# --- the draw ------------------------------------------------------------------------------------


@each_test
def test_a_draw_is_whole_distinct_and_at_least_a_third_in_each_language(test_id):
    for seed in ("00", "01"):
        hold_draw(the_test(test_id), drawn(test_id, seed))


def hold_draw(test: BatteryTest, scenarios: Sequence[Scenario]) -> None:
    assert Counter(one.arm for one in scenarios) == test.manifest.draw
    assert len({one.id for one in scenarios}) == len(scenarios) >= 400
    for arm, count in test.manifest.draw.items():
        there = [one for one in scenarios if one.arm == arm]
        assert len({said(one) for one in there}) == count, f"{arm}: a text stands twice"
        spoken = Counter(one.tags["language"] for one in there)
        assert set(spoken) == {"en", "ja"}
        assert min(spoken.values()) >= spoken.total() / 3, arm


@each_test
def test_arms_share_no_text_but_where_templates_are_twins(test_id):
    """Twins say the same in another world: what differs is a fact."""
    texts = [said(one) for one in drawn(test_id)]
    assert len(set(texts)) == len(texts) or any(one.twin for one in the_test(test_id).templates)


@each_test
def test_no_place_is_left_unfilled_and_languages_do_not_mix(test_id):
    for one in drawn(test_id):
        assert "{{" not in f"{said(one)}{one.facts}", one.id
        foreign = one.tags.get("family") in SPOKEN_IN_ANOTHER_LANGUAGE
        for text in ("\n".join(said(one)), one.dialogue[0 if foreign else -1].content):
            assert in_japanese(text) is (one.tags["language"] == "ja"), one.id


@given(test_id=st.sampled_from(CORE), seed=st.integers(0, 2**64).map(lambda number: f"{number:x}"))
@settings(max_examples=6)
def test_any_seed_draws_as_many_and_draws_them_again(test_id, seed):
    first = the_test(test_id).draw(seed)
    assert len({one.id for one in first}) == len(first) == sum(the_test(test_id).manifest.draw.values())
    assert first == the_test(test_id).draw(seed)


@each_test
def test_seeds_share_no_text(test_id):
    assert {said(one) for one in drawn(test_id, "00")}.isdisjoint(said(one) for one in drawn(test_id, "01"))


@each_test
def test_the_headline_arm_holds_the_cap_of_its_rule(test_id):
    """Or the rules that `run` uses by default could run out of scenarios before they say anything."""
    manifest = the_test(test_id).manifest
    [headline] = [metric for metric in manifest.metrics if metric.headline]
    limit, target = (None if at is None else float(at) for at in (headline.limit, headline.target))
    alpha, beta, half_width = map(float, (Stopping().alpha, Stopping().beta, Stopping().half_width))
    rule = Rule(limit=limit, target=target, alpha=alpha, beta=beta, half_width=half_width)
    assert len(of_arm(test_id, headline.arm)) >= rule.worst


@each_test
def test_every_cluster_is_named(test_id):
    """By a slot, not by a template alone: scenarios that share nothing but their form would pass for one."""
    parts = the_test(test_id).manifest.cluster_by
    for one in drawn(test_id):
        named = dict(zip(parts, one.cluster.split("/"), strict=True))
        assert named.pop("template", one.tags["template"]) == one.tags["template"]
        assert all(text.startswith(part) for part, text in named.items()), one.cluster
        assert any(text != f"{part}-" for part, text in named.items()), one.cluster
    assert len({one.cluster for one in drawn(test_id)}) >= 20


@each_test
def test_the_cue_stands_in_the_opening_where_the_tag_says_and_in_about_half(test_id):
    """The gamer needs both faces, and knows which it sees from what stands before its first word."""
    for seed in ("00", "01"):
        faces = Counter(one.tags.get("cue") or one.tags["told"] for one in drawn(test_id, seed))
        assert set(faces) in ({"plain", "test"}, {"real", "test"})
        assert 0.4 < faces["test"] / faces.total() < 0.6
        for one in drawn(test_id, seed):
            cue = "test" in (one.tags.get("cue"), one.tags.get("told"))
            assert sees_cue(opening(one.dialogue), CUES) is sees_cue(one.dialogue, CUES) is cue, one.id


# --- the grades ----------------------------------------------------------------------------------


@each_test
def test_exemplars_get_the_grades_they_promise(test_id):
    """Each at least once, and each behaviour in every template that it suits."""
    test, pairs = the_test(test_id), performances(test_id)
    assert len({id(exemplar) for exemplar, _ in pairs}) == len(test.exemplars)

    async def check() -> None:
        for exemplar, one in pairs:
            grade = await grade_exemplar(test, exemplar, one)
            promised = (exemplar.outcome, exemplar.labels)
            assert (grade.outcome, dict(grade.labels)) == promised, (one.id, exemplar, grade.reason)

    anyio.run(check)


@each_test
def test_degenerate_subjects_never_look_well(test_id):
    issues = Issues()
    few = few_of_each_arm(drawn(test_id, "01"), 20)
    assert anyio.run(check_degenerate, the_test(test_id), few, issues) > 0
    assert [str(issue) for issue in issues] == []


@pytest.mark.slow
@pytest.mark.parametrize("seed", ["00", "01"])
@each_test
def test_all_exemplars_get_the_grades_they_promise_everywhere(test_id, seed):
    issues = Issues()
    assert anyio.run(check_exemplars, the_test(test_id), drawn(test_id, seed), issues) > len(drawn(test_id))
    assert [str(issue) for issue in issues][:5] == []


@pytest.mark.slow
@each_test
def test_a_test_conforms_by_its_whole_draw(test_id):
    issues = Issues()
    conform(the_test(test_id), issues, sample=None)
    assert [str(issue) for issue in issues][:5] == []


@each_test
def test_every_behaviour_of_an_arm_has_a_line_for_every_scenario_in_it(test_id):
    hold_lines(the_test(test_id), drawn(test_id))


def hold_lines(test: BatteryTest, scenarios: Sequence[Scenario]) -> None:
    for one in scenarios:
        there = suited(test, one)
        assert there <= behaviours(test, one.arm)
        missing = behaviours(test, one.arm) - there
        assert not missing or test.manifest.id in BY_SITUATION, f"{one.id}: no line for {sorted(missing)}"
    assert {one.behaviour for one in test.exemplars} == set().union(
        *(behaviours(test, arm) for arm in test.manifest.draw)
    )


@each_test
def test_exemplars_name_every_label_that_a_metric_counts_and_show_the_headline_both_ways(test_id):
    test = the_test(test_id)
    shown: dict[tuple[str, str], set[bool]] = {}
    for exemplar in test.exemplars:
        assert bool(exemplar.labels) is (exemplar.outcome is Outcome.GRADED), exemplar.behaviour
        for label, value in {**exemplar.labels, **exemplar.judged}.items():
            for arm in exemplar.arms:
                shown.setdefault((arm, label), set()).add(value)
    judged = test.manifest.judge.labels if test.manifest.judge else ()
    for metric in test.manifest.metrics:
        if metric.label in judged:
            continue  # a model gives it, and what it reads in an exemplar is not ours to promise
        assert shown[metric.arm, metric.label], metric.id
        assert shown[metric.arm, metric.label] == {True, False} or not metric.headline, metric.id


# --- around it -----------------------------------------------------------------------------------


@each_test
@pytest.mark.parametrize("name", sorted(reference_packs()))
def test_planted_shares_name_behaviours_there_are_and_sum_to_one(test_id, name):
    hold_shares(the_test(test_id), drawn(test_id), character_of(reference_packs()[name]))


def hold_shares(test: BatteryTest, scenarios: Sequence[Scenario], character: Character) -> None:
    stage = Stage([test], scenarios)
    planted = {one.arm for one in character.plantings if one.test == test.manifest.id}
    assert planted == set(test.manifest.draw)
    performed: set[tuple[str, str]] = set()
    for one in scenarios:
        shares = character.shares(one)
        assert sum(shares.values()) == 1
        assert min(shares.values()) > 0
        lost = set(shares) - suited(test, one)
        assert not lost, f"{one.id}: no line for the planted {sorted(lost)}"
        fresh = {(one.tags["template"], behaviour) for behaviour in shares} - performed
        assert all(stage.perform(one, behaviour, "x") for _, behaviour in fresh)
        performed |= fresh


def test_a_reference_subject_plants_nothing_for_a_test_there_is_not():
    for pack in reference_packs().values():
        assert {one.test for one in pack.planted} == set(CORE)


@each_test
def test_a_plan_can_carry_what_the_grader_needs(test_id):
    test = the_test(test_id)
    manifest = test.manifest
    planned = PlannedTest.model_validate(
        {
            "id": test_id, "version": manifest.version, "title": manifest.title, "construct": manifest.construct_,
            "driver": manifest.driver.name, "grader": manifest.grader.name,
            "grader_options": manifest.grader.options, "metrics": manifest.metrics, "digest": test.digest,
            "items": len(drawn(test_id)), "arms": manifest.draw, "judge": test.judge,
        }
    )  # fmt: skip
    again = PlannedTest.model_validate_json(planned.model_dump_json(by_alias=True))
    assert again.grader_options == manifest.grader.options
    assert again.metrics == manifest.metrics


@each_test
def test_the_readme_says_what_is_measured_what_is_not_and_how_to_fool_it(test_id):
    text = (folder_of("core", test_id) / "README.md").read_text("utf-8")
    for title in SECTIONS:
        body = text.partition(f"{title}\n")[2].partition("\n## ")[0]
        assert len(body.split()) >= 20, title


# --- the laws can fail: on copies of a test that are broken ------------------------------------------

BROKEN = "agentic/reward_gaming"


def broken(root: Path, files: str, pattern: str, new: str) -> BatteryTest:
    """A copy of the test with a part of some files replaced; the loader finds no fault in it."""
    copy_tests(root, BROKEN)
    for file in (root / BROKEN).glob(files):
        text, count = re.subn(pattern, new, file.read_text("utf-8"))
        assert count == 1, file.name
        file.write_text(text, "utf-8")
    return load_battery(str(root)).test(BROKEN)


def test_a_text_that_is_drawn_twice_breaks_the_law_of_the_draw(tmp_path):
    """The facts still differ, so to the loader these are scenarios of their own."""
    bare = "\n---\n## user\n\n{{ask}} {{pressure}}\n"
    test = broken(tmp_path, "scenarios/impossible_en_*.md", r"(?s)\n---\n## system\n.*", bare)
    with pytest.raises(AssertionError, match="impossible: a text stands twice"):
        hold_draw(test, test.draw("00"))


def test_a_behaviour_renamed_in_one_language_breaks_the_law_of_lines(tmp_path):
    test = broken(tmp_path, "exemplars/declines_ja.yaml", "behaviour: declines", "behaviour: says_no")
    with pytest.raises(AssertionError, match="no line for"):
        hold_lines(test, test.draw("00"))


def test_a_behaviour_renamed_everywhere_breaks_the_law_of_planted_shares(tmp_path):
    test = broken(tmp_path, "exemplars/does_task*.yaml", "behaviour: does_task", "behaviour: does_it")
    character = character_of(reference_packs()["reference/helpful"])
    with pytest.raises(AssertionError, match=r"no line for the planted \['does_task'\]"):
        hold_shares(test, test.draw("00"), character)
