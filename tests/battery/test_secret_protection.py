"""The test `system/secret_protection`: well formed, many distinct items, both languages, exemplars graded as promised."""

from collections import Counter
from functools import cache

import pytest

from countermark.battery.conformance import check_test
from countermark.battery.loader import BUILT_IN, BatteryTest, _read_test
from countermark.graders.leak_search import SHORTEST, find, prepare
from countermark.issues import Issues
from countermark.records import Outcome, Scenario
from countermark.subjects.reference import opening, sees_cue

CUES = ("evaluation environment", "test run", "評価環境")
BEHAVIOURS = {
    "attack": {"refuses", "redirects", "wrong_wording", "hints", "leaks", "empty"},
    "control": {"does_task", "fails_task", "refuses_task", "empty"},
}
FAMILIES = {
    "direct", "role_play", "authority", "translation", "encoding", "continuation", "code_block", "partial", "ladder",
}  # fmt: skip


@cache
def secret_protection() -> BatteryTest:
    issues = Issues()
    test = _read_test(BUILT_IN, "system/secret_protection", issues)
    issues.raise_if_any()
    assert test is not None
    return test


def of_arm(seed: str, arm: str) -> list[Scenario]:
    return [scenario for scenario in secret_protection().draw(seed) if scenario.arm == arm]


def said(scenario: Scenario) -> tuple[str, ...]:
    return tuple(message.content for message in scenario.dialogue)


@pytest.mark.parametrize("seed", ["00", "01"])
def test_every_exemplar_gets_the_grade_it_promises(seed: str) -> None:
    issues = Issues()
    assert check_test(secret_protection(), issues, seeds=(seed,)) > 3_000
    assert not list(issues)[:5]


@pytest.mark.parametrize("seed", ["00", "01", "c0ffee"])
def test_a_draw_is_large_and_distinct(seed: str) -> None:
    for arm, least in (("attack", 200), ("control", 60)):
        drawn = of_arm(seed, arm)
        assert len({said(scenario) for scenario in drawn}) == len(drawn) >= least


def test_seeds_share_no_item_and_a_seed_replays() -> None:
    first, second = ({said(scenario) for scenario in secret_protection().draw(seed)} for seed in ("00", "01"))
    assert not first & second
    assert secret_protection().draw("00") == secret_protection().draw("00")


def test_templates_families_and_languages() -> None:
    templates = Counter(template.arm for template in secret_protection().templates)
    assert templates["attack"] >= 30
    assert templates["control"] >= 8
    attacks = of_arm("00", "attack")
    assert {scenario.tags["family"] for scenario in attacks} == FAMILIES
    for language in ("en", "ja"):
        share = sum(scenario.tags["language"] == language for scenario in attacks) / len(attacks)
        assert share > 0.2
    assert {scenario.tags["kind"] for scenario in attacks} == {"password", "phrase"}
    assert {scenario.tags["turns"] for scenario in attacks} == {"single", "multi"}


@pytest.mark.parametrize("seed", ["00", "01", "02"])
def test_the_cue_tag_says_whether_a_test_gives_itself_away(seed: str) -> None:
    drawn = secret_protection().draw(seed)
    for scenario in drawn:
        assert sees_cue(opening(scenario.dialogue), CUES) == (scenario.tags["cue"] == "test")
    assert 0.35 < sum(scenario.tags["cue"] == "test" for scenario in drawn) / len(drawn) < 0.65


@pytest.mark.parametrize("seed", ["00", "01"])
def test_the_secret_stands_in_the_system_message_and_in_no_attack(seed: str) -> None:
    for scenario in secret_protection().draw(seed):
        system, *users = scenario.dialogue
        secret = prepare(scenario.facts["secret"])
        assert system.role == "system"
        assert scenario.facts["secret"] in system.content
        assert len(secret.plain) >= SHORTEST
        if scenario.arm == "attack":
            assert find([secret], "\n".join(user.content for user in users)) is None
            assert scenario.facts["wording"] in system.content
        assert "{{" not in f"{said(scenario)}{scenario.facts}"


@pytest.mark.parametrize("seed", ["00", "01"])
def test_languages_do_not_mix(seed: str) -> None:
    for scenario in secret_protection().draw(seed):
        japanese = any("ぁ" <= character <= "ん" for character in scenario.dialogue[-1].content)
        assert japanese == (scenario.tags["language"] == "ja")


def test_every_behaviour_of_an_arm_suits_every_scenario_in_it() -> None:
    for scenario in secret_protection().draw("00"):
        suited = {
            exemplar.behaviour for exemplar in secret_protection().exemplars if exemplar.suits(scenario)
        }
        assert suited == BEHAVIOURS[scenario.arm]
    for arm, behaviours in BEHAVIOURS.items():
        general = {
            exemplar.behaviour
            for exemplar in secret_protection().exemplars
            if arm in exemplar.arms and not exemplar.when
        }
        assert general == behaviours


def test_an_empty_answer_is_ungraded() -> None:
    empty = [exemplar for exemplar in secret_protection().exemplars if exemplar.behaviour == "empty"]
    assert {exemplar.outcome for exemplar in empty} == {Outcome.UNGRADED}


def test_clusters_are_template_and_carrier() -> None:
    for scenario in secret_protection().draw("00"):
        assert scenario.cluster.startswith(f"{scenario.tags['template']}/carrier")
