"""Options of `run` and `plan make` for models in roles and for the driver that uses them."""

from collections.abc import Sequence

import click

from countermark.cli.lines import say
from countermark.cli.output import printable
from countermark.errors import UsageError
from countermark.records import Report

role_option = click.option(
    "--role",
    "roles",
    multiple=True,
    metavar="NAME=MODEL",
    help="A model that is no subject: grader, attacker, auditor or world; also NAME=MODEL,temperature=0,reasoning=low.",
)

driver_option = click.option(
    "--driver", metavar="NAME", help="In place of the driver of the tests that it suits: attacker, petri."
)


def roles_asked(given: Sequence[str]) -> dict[str, dict[str, str]]:
    """`grader=openai/gpt-4.1,temperature=0` as the fields of the role's request, which the request itself checks.

    Raises:
        UsageError: Not in that form, or a role twice.
    """
    found: dict[str, dict[str, str]] = {}
    for item in given:
        whole, *settings = item.split(",")
        role, sign, model = whole.partition("=")
        pairs = [one.partition("=") for one in settings]
        if not sign or not role or not model or not all(name and value for name, _, value in pairs):
            raise UsageError(f"--role {item!r} needs NAME=MODEL", hint="grader=openai/gpt-4.1,temperature=0")
        if role in found:
            raise UsageError(f"--role names {role} twice", hint="one model a role")
        found[role] = {"model": model, **{name: value for name, _, value in pairs}}
    return found


def print_roles(report: Report) -> None:
    """A line for each model in a role: what it was asked, and what that cost where a price is known."""
    for one in report.roles:
        cost = "cost unknown" if one.cost_usd is None else f"{one.cost_usd} USD"
        tokens = f"{one.input_tokens:,} tokens in, {one.output_tokens:,} out"
        line = f"Role {one.role}, {printable(one.model)}: {one.calls:,} calls, {tokens}: {cost}"
        say(line.replace("\n", " "))
