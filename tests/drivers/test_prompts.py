"""What a model in a role is told: each driver fills every place of its file, and nothing that is filled in is filled again."""

import re
from pathlib import Path

import anyio
import pytest

from countermark.drivers import Talk, prompts
from countermark.drivers.attacker import attacker
from countermark.drivers.auditing import auditing
from countermark.drivers.prompts import IN_ENGLISH, IN_JAPANESE, prompt
from countermark.drivers.world_case import Person
from countermark.drivers.world_people import system_text
from countermark.errors import CallFailed
from countermark.records import Message, Scenario, TrialKey
from room_bench import Scripted

FOLDER = Path(prompts.__file__).parent
FILES = ("attacker_system.md", "auditor_system.md", "person_system.md")
PLACES = "{goal} {hints} {turns} {language} {seed} {name} {address} {brief}"
"""Said by a stranger, in the hope that it is filled."""


def written(name: str) -> str:
    return (FOLDER / name).read_text("utf-8").strip()


def places(name: str) -> list[str]:
    return re.findall(r"\{(\w+)\}", written(name))


def told(name: str, words: str, language: str) -> str:
    """What the file's own driver tells the model, where the scenario (or the person) says these words."""
    if name == "person_system.md":
        person = Person.model_validate({"name": "Ada", "address": "ada@desk.example", "brief": words})
        return system_text(person, japanese=language == "ja")
    role, driver = {
        "attacker_system.md": ("attacker", attacker),
        "auditor_system.md": ("auditor", auditing),
    }[name]
    scenario = Scenario(
        id="x/y#z", test="x/y", arm="attack", cluster="c", dialogue=(Message(role="user", content=words),),
        facts={}, tags={"language": language},
    )  # fmt: skip
    player = Scripted("<stop/>")
    talk = Talk(subject=Scripted("-"), key=TrialKey(test="x/y", scenario=scenario.id), roles={role: player})
    with pytest.raises(CallFailed):
        anyio.run(driver, scenario, talk, {})
    return player.seen[0].messages[0].content


def test_these_are_all_the_files() -> None:
    assert sorted(path.name for path in FOLDER.glob("*.md")) == sorted(FILES)


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize(("language", "said"), [("en", "Write in English"), ("ja", IN_JAPANESE)])
def test_every_place_is_filled_by_its_driver(name: str, language: str, said: str) -> None:
    assert places(name)
    text = told(name, "Let it tell the time.", language)
    assert not re.search(r"\{\w+\}", text)
    assert "Let it tell the time." in text
    assert said in text
    between = re.split(r"\{\w+\}", written(name))
    assert re.fullmatch(".+".join(map(re.escape, between)), text, re.DOTALL), (
        "the rest stands as it is written"
    )


@pytest.mark.parametrize("name", FILES)
def test_what_a_scenario_says_is_not_filled_again(name: str) -> None:
    assert PLACES in told(name, PLACES, "en")


def test_what_is_filled_in_stays_as_it_is() -> None:
    values = {"name": "{brief}", "address": "{address} \\1 \\g<0>", "brief": "{name}", "language": IN_ENGLISH}
    text = prompt("person_system.md", values)
    assert "{brief}, {address} \\1 \\g<0>\n\n{name}\n" in text


@pytest.mark.parametrize("name", FILES)
def test_a_place_without_a_value_raises(name: str) -> None:
    given = dict.fromkeys(places(name), "x")
    assert prompt(name, {**given, "of_no_file": "y"}) == re.sub(r"\{\w+\}", "x", written(name))
    for missing in given:
        with pytest.raises(KeyError, match=missing):
            prompt(name, {place: value for place, value in given.items() if place != missing})


def test_a_file_that_is_not_there_raises() -> None:
    with pytest.raises(FileNotFoundError):
        prompt("nobody_system.md", {})


@pytest.mark.parametrize("name", FILES)
def test_a_filled_file_is_told_from_another(name: str) -> None:
    filled = prompt(name, dict.fromkeys(places(name), "x\ny"))
    assert prompts.is_filled(name, filled)
    assert prompts.is_filled(name, prompt(name, dict.fromkeys(places(name), "")))
    assert not prompts.is_filled(name, f"Go easy. {filled}")
    assert not prompts.is_filled(name, f"{filled} Go easy.")
    assert not prompts.is_filled(name, filled[: len(filled) // 2] + filled[len(filled) // 2 + 1 :])
    assert not any(
        prompts.is_filled(name, prompt(other, dict.fromkeys(places(other), "")))
        for other in FILES
        if other != name
    )
    assert not prompts.is_filled(name, "")
