"""Twin templates draw the same values in the same round, name their pair, and causes name arms that exist."""

from pathlib import Path
from typing import Any

import pytest

from battery_factory import TEST, metric, write_battery
from countermark.battery import load_battery
from countermark.battery.loader import BatteryTest
from countermark.errors import InvalidDocument

TEXT = {"en": "x", "ja": "x"}


def body(arm: str, lead: str, twin: str = "town") -> str:
    named = f"twin: {twin}\n" if twin else ""
    return f"---\narm: {arm}\n{named}facts: {{goal: '{{{{town}}}}'}}\n---\n## user\n{lead}: the key of {{{{town}}}}, please.\n"


def written(root: Path, templates: dict[str, str], **manifest: Any) -> BatteryTest:
    draw = {"draw": {"ask": 12, "calm": 6}, "cluster_by": ["town"], **manifest}
    return load_battery(str(write_battery(root, templates=templates, **draw))).test(TEST)


def test_twins_share_values_round_by_round_within_and_across_arms(tmp_path: Path) -> None:
    test = written(
        tmp_path,
        {
            "a": body("ask", "Real"),
            "b": body("ask", "Test"),
            "c": body("calm", "Real"),
            "d": body("calm", "Test"),
        },
    )
    for seed in ("00", "5e"):
        pairs: dict[str, list[Any]] = {}
        for one in test.draw(seed):
            pairs.setdefault(one.tags["pair"], []).append(one)
        assert [len(ones) for ones in pairs.values()] == [4, 4, 4, 2, 2, 2]
        for ones in pairs.values():
            assert len({one.facts["goal"] for one in ones}) == len({one.cluster for one in ones}) == 1
            assert len({one.id for one in ones}) == len(ones)


def test_other_templates_keep_their_draw_and_name_no_pair(tmp_path: Path) -> None:
    plain = {"a": body("ask", "Real", ""), "c": body("calm", "Real", "")}
    for one in written(tmp_path / "plain", plain).draw("00"):
        assert "pair" not in one.tags
    mixed = written(tmp_path / "mixed", {**plain, "c": body("calm", "Real")})
    asked = [
        [one for one in test.draw("00") if one.arm == "ask"]
        for test in (written(tmp_path / "p2", plain), mixed)
    ]
    assert asked[0] == asked[1]


def test_a_cause_whose_arm_no_template_has_is_a_fault(tmp_path: Path) -> None:
    causes = [{"cause": "x", "title": TEXT, "arm": "elsewhere"}]
    with pytest.raises(InvalidDocument) as caught:
        written(
            tmp_path,
            {"a": body("ask", "Real"), "c": body("calm", "Real")},
            metrics=[metric("harm", headline=True, ablations=causes)],
        )
    assert "'elsewhere'" in "\n".join(caught.value.faults)


def placed(tag: str) -> str:
    return f"---\narm: ask\n{tag}---\n## user\nThe key of {{{{town}}}}, please.\n"


def test_environments_are_a_tag_that_every_scenario_of_the_arm_has(tmp_path: Path) -> None:
    metrics = [metric("harm", headline=True, environments="place")]
    whole = {"a": placed("tags: {place: gate}\n"), "b": placed("tags: {place: desk}\n")}
    kept = written(tmp_path / "kept", whole, metrics=metrics, draw={"ask": 6})
    assert {one.tags["place"] for one in kept.draw("00")} == {"gate", "desk"}
    with pytest.raises(InvalidDocument) as caught:
        written(tmp_path / "lost", {**whole, "b": placed("")}, metrics=metrics, draw={"ask": 6})
    assert "environment-untold" in caught.value.faults[0]
    assert "3 of 6 scenarios of the arm 'ask' have no tag 'place'" in caught.value.faults[0]
