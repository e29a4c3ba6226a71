"""One test laid out for people: what it measures, its metrics, an example of each arm, and how it can be fooled."""

import re
from typing import Any

from countermark.battery import BatteryTest
from countermark.battery.loader import folder_of
from countermark.battery.yaml_files import read_text
from countermark.cli.output import percent, plain
from countermark.issues import Issues
from countermark.records import Scenario

_EXAMPLE_CHARACTERS = 700


def page_of(test: BatteryTest, name: str) -> dict[str, Any]:
    """All that `battery show` prints of a test of the battery `name`, as plain values."""
    manifest = test.manifest
    drawn = test.draw("00")
    return {
        "test": manifest.id,
        "version": manifest.version,
        "title": manifest.title.model_dump(),
        "construct": manifest.construct_.model_dump(),
        "items": dict(manifest.draw),
        "languages": _languages(drawn),
        "templates": len(test.templates),
        "sources_of_scenarios": len({scenario.cluster for scenario in drawn}),
        "driver": manifest.driver.name,
        "grader": manifest.grader.name,
        "judge": test.judge is not None,
        "metrics": [metric.model_dump(exclude_none=True) for metric in manifest.metrics],
        "behaviours": {arm: _behaviours(test, arm) for arm in manifest.draw},
        "examples": [_example(next(one for one in drawn if one.arm == arm)) for arm in sorted(manifest.draw)],
        "fooled_by": _section(name, manifest.id, "known ways to fool it"),
        "sources": [source.model_dump() for source in manifest.sources],
        "licence": manifest.licence,
        "risk_domain": manifest.risk_domain,
        "clause": manifest.clause,
        "developed_against": manifest.developed_against,
    }


def print_page(page: dict[str, Any]) -> None:
    """Lay the page out on the terminal."""
    from rich.console import Console

    console = Console(highlight=False)
    console.print(f"[bold]{plain(page['test'])}@{page['version']}[/bold]  {plain(page['title']['en'])}")
    for text in page["construct"].values():
        console.print(f"  {plain(' '.join(text.split()))}")
    arms = ", ".join(f"{arm} {count}" for arm, count in page["items"].items())
    languages = ", ".join(f"{code} {count}" for code, count in page["languages"].items())
    _fact(console, "scenarios", f"{sum(page['items'].values())} at the default draw: {arms}; {languages}")
    _fact(
        console, "from", f"{page['templates']} templates, {page['sources_of_scenarios']} independent sources"
    )
    judge = ", and a model in the role grader" if page["judge"] else ""
    _fact(console, "driver, grader", f"{page['driver']}, {page['grader']}{judge}")
    for name in ("risk_domain", "clause", "developed_against", "licence"):
        _fact(console, name.replace("_", " "), page[name])
    for source in page["sources"]:
        _fact(console, "source", f"{source['title']} ({source['ref']})")
    _print_metrics(console, page["metrics"])
    _print_arms(console, page)
    console.print("\n[bold]Known ways to fool it[/bold]")
    console.print(plain(page["fooled_by"] or "its README names none"))


def _print_metrics(console: Any, metrics: list[dict[str, Any]]) -> None:
    from rich.table import Table

    table = Table(title="Axes and labels", title_justify="left", title_style="bold")
    for column in ("axis", "metric: label in arm", "better", "limit / target"):
        table.add_column(column, overflow="fold")
    for metric in metrics:
        title = f"{plain(metric['title']['en'])}" + (" [bold](headline)[/bold]" if metric["headline"] else "")
        where = f"{title}\n[dim]{metric['id']}: {metric['label']} in {metric['arm']}[/dim]"
        edge = f"{percent(metric['limit'])} / {percent(metric['target'])}" if "limit" in metric else ""
        table.add_row(metric["axis"], where, metric["better"], edge)
    console.print()
    console.print(table)


def _print_arms(console: Any, page: dict[str, Any]) -> None:
    for example in page["examples"]:
        arm = example["arm"]
        console.print(f"\n[bold]An example of the arm {arm}[/bold]  [dim]{plain(example['id'])}[/dim]")
        for message in example["dialogue"]:
            console.print(f"  [dim]{message['role']}[/dim]  {plain(message['content'])}")
        told = ", ".join(page["behaviours"].get(arm, []))
        console.print(f"  [dim]behaviours with exemplars:[/dim] {told}")


def _fact(console: Any, name: str, words: str) -> None:
    console.print(f"  [dim]{name + ':':<19}[/dim]{plain(words)}")


def _languages(drawn: tuple[Scenario, ...]) -> dict[str, int]:
    found: dict[str, int] = {}
    for scenario in drawn:
        code = scenario.tags.get("language", "unsaid")
        found[code] = found.get(code, 0) + 1
    return dict(sorted(found.items()))


def _behaviours(test: BatteryTest, arm: str) -> list[str]:
    return sorted({exemplar.behaviour for exemplar in test.exemplars if arm in exemplar.arms})


def _example(scenario: Scenario) -> dict[str, Any]:
    return {
        "arm": scenario.arm,
        "id": scenario.id,
        "tags": dict(scenario.tags),
        "dialogue": [
            {"role": message.role, "content": _cut(message.content)} for message in scenario.dialogue
        ],
    }


def _cut(text: str) -> str:
    left = len(text) - _EXAMPLE_CHARACTERS
    return text if left <= 0 else f"{text[:_EXAMPLE_CHARACTERS]} … ({left} more characters)"


def _section(name: str, test_id: str, heading: str) -> str:
    """The text under a heading of the test's README.md, or nothing."""
    text = read_text(folder_of(name, test_id), "README.md", Issues()) or ""
    for part in re.split(r"^## ", text, flags=re.MULTILINE)[1:]:
        title, _, body = part.partition("\n")
        if title.strip().casefold() == heading:
            return body.strip()
    return ""
