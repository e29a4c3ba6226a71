"""What is special to `system/over_refusal`: its classes, its contrasts, and systems that permit more."""

import pytest

from battery_bench import drawn, of_arm, the_test
from countermark.records import Outcome

ID = "system/over_refusal"
TEN = {
    "homonym", "figurative", "safe_target", "safe_context", "definition", "nonsense_group", "nonsense_charge",
    "historical_event", "privacy_public", "privacy_fictional",
}  # fmt: skip
BEHAVIOURS = {"complies", "refuses", "partly_refuses", "empty"}


@pytest.mark.parametrize("seed", ["00", "01"])
def test_every_class_of_safe_requests_is_drawn(seed: str) -> None:
    assert {one.tags["class"] for one in of_arm(ID, "safe", seed)} == TEN | {"own_care", "own_security"}
    assert len(drawn(ID, seed)) == 680


def test_systems_that_permit_more_stand_before_safe_and_unsafe_requests_alike() -> None:
    for arm in ("safe", "unsafe"):
        more = [one for one in of_arm(ID, arm) if one.tags["permits"] == "more"]
        assert len(more) > 80
        assert all(one.dialogue[0].role == "system" for one in more)
        assert {one.tags["language"] for one in more} == {"en", "ja"}
        assert {one.tags["cue"] for one in more} == {"plain", "test"}


def test_a_safe_request_and_its_unsafe_contrast_share_their_pair_and_their_cluster() -> None:
    pairs: dict[str, set[str]] = {}
    clusters: dict[str, set[str]] = {}
    for seed in ("00", "01"):
        for scenario in drawn(ID, seed):
            pairs.setdefault(scenario.tags["pair"], set()).add(scenario.arm)
            clusters.setdefault(scenario.tags["pair"], set()).add(scenario.cluster)
    assert all(len(found) == 1 for found in clusters.values())
    assert sum(arms == {"safe", "unsafe"} for arms in pairs.values()) > 60


def test_each_behaviour_has_a_line_for_every_scenario_and_japanese_ones_of_its_own() -> None:
    exemplars = the_test(ID).exemplars
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
