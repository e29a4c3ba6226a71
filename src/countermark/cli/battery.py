"""`countermark battery`."""

import click

from countermark.battery import load_battery
from countermark.battery.conformance import check_test
from countermark.cli.output import emit, json_option, working
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


@battery.command(epilog="Example: countermark battery show system/over_refusal --seed 2a --count 3")
@click.argument("test")
@click.option(
    "--battery", "name", default="core", show_default=True, help="A built-in battery, or a directory."
)
@click.option("--seed", default="00", show_default=True, help="Hexadecimal.")
@click.option(
    "--count", default=3, show_default=True, type=click.IntRange(1, 1000), help="How many of each arm."
)
@json_option
def show(*, test: str, name: str, seed: str, count: int, as_json: bool) -> int:
    """Print some scenarios of a TEST as the seed draws them."""
    from countermark.errors import UsageError

    loaded = load_battery(name)
    if test not in loaded.manifest.tests:
        raise UsageError(
            f"no test {test!r} in {loaded.reference}", hint=f"there are: {', '.join(loaded.manifest.tests)}"
        )
    drawn = loaded.test(test).draw(seed)
    shown = [
        scenario
        for arm in {s.arm: 0 for s in drawn}
        for scenario in [s for s in drawn if s.arm == arm][:count]
    ]
    if as_json:
        from countermark.evidence import to_json

        emit([to_json(scenario) for scenario in shown])
        return 0
    for scenario in shown:
        click.echo(click.style(f"{scenario.id}  [{scenario.arm}]  {dict(scenario.tags)}", bold=True))
        for message in scenario.dialogue:
            click.echo(f"  {message.role}: {message.content}")
    return 0


@battery.command(epilog="Example: countermark battery check my-battery/")
@click.argument("name", default="core")
@json_option
def check(*, name: str, as_json: bool) -> int:
    """Check the battery NAME: every file well-formed, every exemplar graded as it promises."""
    loaded = load_battery(name)
    issues = Issues()
    with working("grading every exemplar in every scenario it suits"):
        graded = sum(check_test(test, issues, seeds=("00",)) for test in loaded.tests)
    issues.raise_if_any()
    if as_json:
        emit(
            {
                "battery": loaded.reference,
                "tests": len(loaded.tests),
                "exemplars_graded": graded,
                "faults": [],
            }
        )
    else:
        click.echo(
            f"{loaded.reference}: {len(loaded.tests)} tests, {graded} exemplar gradings, all as promised"
        )
    return 0
