"""The loader: the draw is a law of the seed, and a malformed battery gets every fault at once."""

import shutil
from pathlib import Path

import pytest

from countermark.battery import load_battery
from countermark.battery.loader import BUILT_IN
from countermark.errors import InvalidDocument, UsageError


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    """A battery of one built-in test, to be broken."""
    folder = tmp_path / "mine"
    shutil.copytree(BUILT_IN / "system" / "over_refusal", folder / "system" / "over_refusal")
    (folder / "battery.yaml").write_text(
        "id: mine\nversion: 1-A\ntitle: {en: Mine, ja: 自作}\ntests: [system/over_refusal]\n"
    )
    return folder


def faults(folder: Path) -> list[str]:
    with pytest.raises(InvalidDocument) as caught:
        load_battery(str(folder))
    return caught.value.faults


def test_a_strangers_battery_loads(copied: Path) -> None:
    assert load_battery(str(copied)).reference == "mine@1-A"


def test_every_fault_of_every_file_at_once(copied: Path) -> None:
    test = copied / "system" / "over_refusal"
    manifest = (test / "test.yaml").read_text()
    (test / "test.yaml").write_text(manifest.replace("draw:", "drwa:").replace("version:", "versoin:"))
    (test / "slots.yaml").write_text("a: 1\na: 2\n")
    broken = sorted((test / "scenarios").glob("*.md"))
    broken[0].write_text("no front matter\n")
    broken[1].write_text("---\narm: safe\nwhat: x\n---\n## user\nhello\n")
    broken[2].write_text("---\narm: safe\n---\nhello\n")
    min((test / "exemplars").glob("*.yaml")).write_text("behaviour: BAD NAME\n")
    text = "\n".join(faults(copied))
    for said in (
        "/draw", "/drwa", "/version", "/versoin", "stands twice", broken[0].name, broken[1].name, broken[2].name,
        "exemplars/", "/behaviour",
    ):  # fmt: skip
        assert said in text, said


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: &x [1]\nb: *x\n", "aliases"),
        ("a: !!python/object/apply:os.system ['true']\n", "tag"),
        ("- 1\n", "not a mapping"),
        ("a: [\n", "yaml"),
        ("\x00", "yaml"),
        ("a: " + "[" * 5000, "yaml"),
    ],
)
def test_hostile_yaml(copied: Path, text: str, said: str) -> None:
    (copied / "battery.yaml").write_text(text)
    assert said in faults(copied)[0]


def test_a_bomb_a_link_and_a_climbing_name(copied: Path, tmp_path: Path) -> None:
    with (copied / "battery.yaml").open("wb") as file:
        file.truncate(200_000_000)
    assert "limit" in faults(copied)[0]
    (copied / "battery.yaml").unlink()
    (tmp_path / "elsewhere.yaml").write_text("id: x\n")
    (copied / "battery.yaml").symlink_to(tmp_path / "elsewhere.yaml")
    assert "symbolic link" in faults(copied)[0]
    (copied / "battery.yaml").unlink()
    (copied / "battery.yaml").write_text(
        "id: mine\nversion: 1-A\ntitle: {en: a, ja: b}\ntests: [../../etc/passwd]\n"
    )
    assert "/tests/0" in faults(copied)[0]


def test_labels_that_disagree_are_refused(copied: Path) -> None:
    folder = copied / "system" / "over_refusal" / "exemplars"
    (folder / "zz.yaml").write_text(
        "behaviour: refuses\narms: [safe]\nlabels: {refused: false, partial: false, complied: true}\n"
        "steps: [{say: Sure.}]\n"
    )
    assert "exemplar-labels" in "\n".join(faults(copied))


def test_an_unknown_slot_is_named(copied: Path) -> None:
    one = min((copied / "system" / "over_refusal" / "scenarios").glob("safe*.md"))
    one.write_text(one.read_text() + "\n{{no_such_slot}}\n")
    assert "no_such_slot" in "\n".join(faults(copied))


def test_only_what_is_asked_for_is_read(copied: Path) -> None:
    """A fault of another test does not stand in the way, and the manifest still names it."""
    manifest = copied / "battery.yaml"
    manifest.write_text(manifest.read_text().replace("over_refusal]", "over_refusal, system/nowhere]"))
    found = load_battery(str(copied), only=["system/over_refusal"])
    assert [test.manifest.id for test in found.tests] == ["system/over_refusal"]
    assert len(found.manifest.tests) == 2
    assert "nowhere" in "\n".join(faults(copied))
    assert load_battery(only=["system/none"]).tests == ()


def test_no_such_battery() -> None:
    with pytest.raises(UsageError, match="no battery"):
        load_battery("nowhere")
