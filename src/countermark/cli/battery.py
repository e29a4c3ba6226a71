"""`countermark battery`."""

from dataclasses import asdict
from pathlib import Path

import click

from countermark.battery import BatteryTest, load_battery
from countermark.battery.conformance import check_many
from countermark.cli.output import emit, json_option, printable, working
from countermark.issues import Issues


@click.group(epilog="Example: countermark battery list")
def battery() -> None:
    """List, show or check the standard tests."""


@battery.command("list", epilog="Example: countermark battery list core --json")
@click.argument("name", default="core")
@json_option
def list_(*, name: str, as_json: bool) -> int:
    """List the tests of the battery NAME (built in, or a directory)."""
    loaded = load_battery(name)
    rows = [
        {
            "test": test.manifest.id,
            "version": test.manifest.version,
            "measures": test.manifest.construct_.en,
            "scenarios": sum(test.manifest.draw.values()),
            "templates": len(test.templates),
        }
        for test in loaded.tests
    ]
    if as_json:
        emit({"battery": loaded.reference, "tests": rows})
        return 0
    click.echo(loaded.reference)
    for row in rows:
        click.echo(
            f"  {row['test']}@{row['version']}: {row['scenarios']} scenarios from {row['templates']} templates"
        )
        click.echo(f"      {row['measures']}")
    return 0


_battery_option = click.option(
    "--battery", "name", default="core", show_default=True, help="A built-in battery, or a directory."
)


@battery.command(epilog="Example: countermark battery show system/over_refusal")
@click.argument("test", required=False)
@_battery_option
@json_option
@click.pass_context
def show(context: click.Context, *, test: str | None, name: str, as_json: bool) -> int:
    """Print what a TEST measures, how, from what, and how it can be fooled; without TEST, list the tests."""
    from countermark.cli.battery_page import page_of, print_page

    if test is None:
        listed: int = context.invoke(list_, name=name, as_json=as_json)
        return listed
    page = page_of(_one(name, test), name)
    if as_json:
        emit(page)
    else:
        print_page(page)
    return 0


@battery.command(epilog="Example: countermark battery draw system/over_refusal --seed 2a --count 3")
@click.argument("test")
@_battery_option
@click.option("--seed", default="00", show_default=True, help="Hexadecimal.")
@click.option(
    "--count", default=3, show_default=True, type=click.IntRange(1, 1000), help="How many of each arm."
)
@json_option
def draw(*, test: str, name: str, seed: str, count: int, as_json: bool) -> int:
    """Print some scenarios of a TEST as the seed draws them."""
    drawn = _one(name, test).draw(seed)
    arms = dict.fromkeys(scenario.arm for scenario in drawn)
    shown = [scenario for arm in arms for scenario in [one for one in drawn if one.arm == arm][:count]]
    if as_json:
        from countermark.evidence import to_json

        emit([to_json(scenario) for scenario in shown])
        return 0
    for scenario in shown:
        click.echo(click.style(f"{scenario.id}  [{scenario.arm}]  {dict(scenario.tags)}", bold=True))
        for message in scenario.dialogue:
            click.echo(f"  {message.role}: {printable(message.content)}")
    return 0


def _one(name: str, test: str) -> BatteryTest:
    """The test alone. Raises `UsageError` with the names that are near."""
    from difflib import get_close_matches

    from countermark.errors import UsageError

    found = load_battery(name, only=[test])
    if found.tests:
        return found.tests[0]
    there = found.manifest.tests
    last = {one.partition("/")[2]: one for one in there}
    near = get_close_matches(test, there) or [last[one] for one in get_close_matches(test, last)]
    hint = f"did you mean {' or '.join(near)}?" if near else f"there are: {', '.join(there)}"
    raise UsageError(f"no test {test!r} in {found.reference}", hint=hint)


@battery.command(epilog="Example: countermark battery check my-battery/ --all")
@click.argument("name", default="core")
@click.option(
    "--sample", default=2, show_default=True, type=click.IntRange(1, 100_000),
    help="Scenarios for each template and each exemplar.",
)  # fmt: skip
@click.option("--all", "whole", is_flag=True, help="Every scenario of the default draw.")
@click.option(
    "--processes", default=2, show_default=True, type=click.IntRange(1, 64), help="Tests checked at once."
)
@json_option
def check(*, name: str, sample: int, whole: bool, processes: int, as_json: bool) -> int:
    """Check the battery NAME: every file well-formed, every exemplar graded as it promises, no credit for doing nothing.

    Subjects that are silent, echo, answer in another language, always refuse, always comply or call every tool with no
    arguments must look well in no test. Two draws must share no text.
    """
    loaded = load_battery(name)
    issues = Issues()
    click.echo(f"checking {len(loaded.tests)} tests of {loaded.reference} …", err=True)
    checked = []
    for one, found in check_many(loaded, name, sample=None if whole else sample, processes=processes):
        checked.append(one)
        issues.found.extend(found)
        click.echo(
            f"  {one.test}: {one.exemplars} exemplar gradings in {one.scenarios} scenarios, {one.degenerate} of degenerate"
            f" subjects, {len(found)} faults",
            err=True,
        )
    issues.raise_if_any()
    gradings = sum(one.exemplars for one in checked)
    extent = (
        "every scenario of the draw"
        if whole
        else f"a sample, {sample} scenarios for each template and exemplar"
    )
    if as_json:
        tests = [asdict(one) for one in checked]
        emit(
            {"battery": loaded.reference, "sample": None if whole else sample, "tests": tests, "exemplars_graded": gradings,
             "faults": []}
        )  # fmt: skip
    else:
        degenerate = sum(one.degenerate for one in checked)
        click.echo(f"{loaded.reference}: {len(checked)} tests, {gradings} exemplar gradings, all as promised")
        click.echo(
            f"{degenerate} trials of degenerate subjects: none looks well anywhere; two draws share no text"
        )
        click.echo(f"extent: {extent}" + ("" if whole else "; --all takes every scenario"))
    return 0


@battery.command(
    epilog="Example: countermark battery items inspect_evals/strong_reject --out strong_reject.jsonl"
)
@click.argument("task")
@click.option(
    "--out", required=True, type=click.Path(path_type=Path, dir_okay=False), help="The .jsonl file to make."
)
@click.option(
    "-T", "arguments", multiple=True, metavar="NAME=VALUE", help="An argument of the task; repeatable."
)
@json_option
def items(*, task: str, out: Path, arguments: tuple[str, ...], as_json: bool) -> int:
    """Write the samples of an Inspect TASK as items for `run --items`.

    The task's package and its data are on this machine already: nothing is fetched. Its code runs in this process.
    """
    from countermark.bridges.inspect_items import write_items
    from countermark.canonical import digest
    from countermark.cli.placing import outside
    from countermark.errors import UsageError, to_paste
    from countermark.files import read_capped

    wrong = [one for one in arguments if "=" not in one]
    if wrong:
        raise UsageError(f"-T {wrong[0]!r} needs NAME=VALUE")
    outside(out)
    with working("making the task and taking its samples"):
        count = write_items(task, out, arguments=dict(one.split("=", 1) for one in arguments))
    found = digest(read_capped(out))
    if as_json:
        emit({"written": str(out), "items": count, "sha256": found})
        return 0
    click.echo(f"{count} items in {out}")
    then = to_paste("run", "SUBJECTS", "--items", f"system/jailbreak={out}@sha256:{found}")
    click.echo(f"Then: {then}")
    return 0
