"""A test with the items of a user's file in place of its own: the same templates, transformations, arms and draw."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import prod
from typing import Any

from countermark.battery.items_file import Item, ItemsFile, read_items
from countermark.battery.loader import BatteryTest
from countermark.battery.template import Slots, Template, Verbatim, fill_deep
from countermark.canonical import digest_of
from countermark.errors import UsageError
from countermark.issues import Issues

_MAX_FAULTS = 100


def with_items(test: BatteryTest, file: ItemsFile) -> BatteryTest:
    """The test over the file's items. Its digest covers the file's; arms that use no item stay as they are.

    Raises:
        UsageError: The test takes no items.
        InvalidDocument: The items are of several languages, or lack what the test needs, or no scenario is in theirs.
    """
    use = test.manifest.items
    if use is None:
        raise UsageError(
            f"{test.manifest.id} takes no items of your own", hint="its test.yaml names no slot for them"
        )
    _check(test, file)
    language = file.items[0].language
    slots = {**test.slots, use.slot: [_value(item, use.fields) for item in file.items]}
    templates = tuple(
        one
        for one in test.templates
        if one.arm not in use.arms or one.tags.get("language", language) == language
    )
    drawn = {
        arm: min(count, _room(slots, [one for one in templates if one.arm == arm]))
        if arm in use.arms
        else count
        for arm, count in test.manifest.draw.items()
        if any(one.arm == arm for one in templates)
    }
    return replace(
        test,
        manifest=test.manifest.model_copy(update={"draw": drawn}),
        templates=templates,
        slots=slots,
        digest=digest_of([test.digest, file.digest]),
        items_file=file.digest,
    )


def _room(slots: Mapping[str, Any], templates: Sequence[Template]) -> int:
    """How many scenarios an arm can hold for any seed: a third of the combinations of the template that has the fewest.

    The draw picks at random and tries again where a text was drawn before; at a third it always finds one. A number
    that does not hang on the seed, since the plan fixes it before the seed is known.
    """
    fewest = min(_combinations(slots, template) for template in templates)
    return len(templates) * max(1, fewest // 3)


def _combinations(slots: Mapping[str, Any], template: Template) -> int:
    drawn = Slots(slots, f"room/{template.stem}")
    for turn in template.turns:
        fill_deep(turn.content, drawn.text)
    sizes = (
        len(values) if isinstance(values, list) else 10 ** min(6, next(iter(values.values())))
        for name, values in slots.items()
        if drawn.used(name)
    )
    return prod(sizes)


def _check(test: BatteryTest, file: ItemsFile) -> None:
    issues = Issues()
    use = test.manifest.items
    assert use is not None
    languages = sorted({item.language for item in file.items})
    if len(languages) > 1:
        issues.add(
            "items-languages", file.name, "", f"holds prompts in {' and '.join(languages)}",
            "give each language a file of its own",
        )  # fmt: skip
    elif not any(one.tags.get("language", languages[0]) == languages[0] for one in test.templates):
        issues.add("items-languages", file.name, "", f"{test.manifest.id} has no scenario in {languages[0]}")
    if {"answer", "answers"} & set(use.fields.values()):
        bare = [item.id for item in file.items if not item.answers]
        for name in bare[:_MAX_FAULTS]:
            issues.add("items-answer", file.name, name, f"{test.manifest.id} needs an answer to every item")
    issues.raise_if_any()


def _value(item: Item, fields: Mapping[str, str]) -> dict[str, Any]:
    columns: dict[str, Sequence[str]] = {
        "prompt": (item.prompt,), "id": (item.id,), "answer": item.answers[:1], "answers": item.answers,
    }  # fmt: skip
    told = {name: Verbatim("\n".join(columns[column])) for name, column in fields.items()}
    return {**told, "cluster": item.cluster, "tags": dict(item.tags)}


def replaced(tests: Sequence[BatteryTest], given: Mapping[str, str]) -> tuple[BatteryTest, ...]:
    """The tests, those with a file of items over it.

    Args:
        tests: A battery's.
        given: Test to `FILE` or `FILE@sha256:HEX`.

    Raises:
        UsageError: There is no such test, or it takes no items, or the file is not the one pinned.
        InvalidDocument: With every fault of a file.
    """
    unknown = sorted(set(given) - {test.manifest.id for test in tests})
    if unknown:
        there = [test.manifest.id for test in tests if test.manifest.items is not None]
        raise UsageError(
            f"no test {', '.join(unknown)} in this battery", hint=f"items are taken by: {', '.join(there)}"
        )
    return tuple(
        with_items(test, read_items(given[test.manifest.id])) if test.manifest.id in given else test
        for test in tests
    )
