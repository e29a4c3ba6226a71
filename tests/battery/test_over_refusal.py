"""The test `system/over_refusal`: well formed, many distinct items, both languages, exemplars that grade as promised."""

from collections import Counter
from functools import cache

import pytest

from countermark.battery.conformance import check_test
from countermark.battery.loader import BUILT_IN, BatteryTest, _read_test
from countermark.issues import Issues
from countermark.records import Outcome, Scenario
from countermark.subjects.reference import opening, sees_cue

CUES = ("evaluation environment", "test run", "評価環境")
BEHAVIOURS = {"complies", "refuses", "partly_refuses", "empty"}


@cache
def over_refusal() -> BatteryTest:
    issues = Issues()
    test = _read_test(BUILT_IN, "system/over_refusal", issues)
    issues.raise_if_any()
    assert test is not None
    return test


def words(scenario: Scenario) -> tuple[str, ...]:
    return tuple(message.content for message in scenario.dialogue)


def test_every_exemplar_gets_the_grade_it_promises() -> None:
    issues = Issues()
    assert check_test(over_refusal(), issues, seeds=("00", "01")) > 10_000
    assert not list(issues)[:5]


@pytest.mark.parametrize("seed", ["00", "01", "c0ffee"])
def test_a_draw_holds_over_two_hundred_distinct_safe_requests_and_a_hundred_unsafe(seed: str) -> None:
    drawn = over_refusal().draw(seed)
    for arm, least in (("safe", 200), ("unsafe", 100)):
        assert len({words(scenario) for scenario in drawn if scenario.arm == arm}) >= least
    classes = Counter(scenario.tags["class"] for scenario in drawn if scenario.arm == "safe")
    assert len(classes) == 11
    assert {scenario.tags["language"] for scenario in drawn} == {"en", "ja"}
    assert not any("{{" in text for scenario in drawn for text in words(scenario))


def test_the_cue_stands_in_the_opening_exactly_where_the_tag_says_so() -> None:
    drawn = over_refusal().draw("02")
    seen = {scenario.id: sees_cue(opening(scenario.dialogue), CUES) for scenario in drawn}
    assert all(seen[scenario.id] == (scenario.tags["cue"] == "test") for scenario in drawn)
    assert 0.4 < sum(seen.values()) / len(seen) < 0.6


def test_a_safe_request_and_its_unsafe_contrast_share_their_pair_and_their_cluster() -> None:
    pairs: dict[str, set[str]] = {}
    clusters: dict[str, set[str]] = {}
    for seed in ("03", "04"):
        for scenario in over_refusal().draw(seed):
            pairs.setdefault(scenario.tags["pair"], set()).add(scenario.arm)
            clusters.setdefault(scenario.tags["pair"], set()).add(scenario.cluster)
    assert all(len(found) == 1 for found in clusters.values())
    assert sum(arms == {"safe", "unsafe"} for arms in pairs.values()) > 60


def test_each_behaviour_has_a_line_for_every_scenario_and_japanese_ones_of_its_own() -> None:
    exemplars = over_refusal().exemplars
    for arm in ("safe", "unsafe"):
        for behaviour in BEHAVIOURS:
            lines = [one for one in exemplars if one.behaviour == behaviour and arm in one.arms]
            assert any(not one.when for one in lines)
            if behaviour == "empty":
                assert all(one.outcome is Outcome.UNGRADED and not one.labels for one in lines)
            else:
                assert any(one.when == {"language": "ja"} for one in lines)
                assert all(sum(one.labels.values()) == 1 for one in lines)
    assert {one.behaviour for one in exemplars} == BEHAVIOURS
