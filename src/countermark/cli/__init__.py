"""One file a command group; parses, calls one function, prints, maps errors to exit codes.

Exit codes: 0 all is well; 1 evidence does not hold; 2 usage, or a malformed document, or a subject out of reach;
3 evidence holds but its signer is unknown to this reader; 4 incomplete.
"""

import sys
from importlib import import_module

import click

from countermark import __version__
from countermark.errors import CountermarkError, UsageError

_COMMANDS = {
    "run": ("countermark.cli.run:run", "Audit subjects: plan, run, seal, verify, report."),
    "plan": ("countermark.cli.plan:plan", "Make a plan for a developer to countersign before it runs."),
    "resume": ("countermark.cli.run:resume", "Go on with an audit that stopped or was killed."),
    "verify": ("countermark.cli.verify:verify", "Check an audit directory without trusting anyone."),
    "report": ("countermark.cli.report:report", "Print an audit's numbers, or lay its page out again."),
    "import": ("countermark.cli.importing:import_", "Turn published runs into recordings."),
    "pack": ("countermark.cli.pack:pack", "Check or show release packs."),
    "key": ("countermark.cli.key:key", "Make, show and trust signing keys."),
    "evidence": ("countermark.cli.evidence:evidence", "Witness others' audits; anchor your own in time."),
    "battery": ("countermark.cli.battery:battery", "List, show or check the standard tests."),
}

_DISK = "make room or choose another place; an audit under way goes on with `countermark resume DIR`"


class _Commands(click.Group):
    """Commands imported only when used, so that `--help` starts at once."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names in the order of the work."""
        del ctx
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command, imported."""
        del ctx
        if cmd_name not in _COMMANDS:
            return None
        module, _, name = _COMMANDS[cmd_name][0].partition(":")
        command: click.Command = getattr(import_module(module), name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """One line a command, without importing any."""
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl([(name, words) for name, (_, words) in _COMMANDS.items()])


@click.command(
    cls=_Commands,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Begin with `countermark run`: it audits the built-in reference subjects, without a key.",
)
@click.version_option(__version__, "-V", "--version")
def command() -> None:
    """countermark: put a verifiable mark on another party's AI model."""


def main(arguments: list[str] | None = None) -> None:
    """The console script."""
    sys.exit(run_command(arguments))


def run_command(arguments: list[str] | None = None) -> int:
    """Carry out one command line; returns the exit code. No traceback for anything a user can cause."""
    given = sys.argv[1:] if arguments is None else arguments
    try:
        code = command.main(args=given, prog_name="countermark", standalone_mode=False)
    except click.Abort:
        return _stopped()
    except Exception as error:  # noqa: BLE001  (the charter allows it around a command)
        return _explain(error, as_json="--json" in given)
    except BaseException as error:
        if isinstance(_first(error), KeyboardInterrupt):
            return _stopped()
        raise
    return code if isinstance(code, int) else 0


def _explain(error: Exception, *, as_json: bool) -> int:
    cause = _first(error)
    if isinstance(cause, click.ClickException):
        cause.show()
        return 2
    if isinstance(cause, BrokenPipeError):
        return 0
    if isinstance(cause, OSError):
        where = f"{cause.filename}: " if cause.filename else ""
        cause = UsageError(f"{where}{cause.strerror or cause}", hint=_DISK)
    if isinstance(cause, CountermarkError):
        return _say(cause, as_json=as_json)
    return _say_internal(cause)


def _stopped() -> int:
    click.echo(
        "countermark: stopped; `countermark resume DIR` goes on with an audit that was under way", err=True
    )
    return 4


def _first(error: BaseException) -> BaseException:
    """Of tasks that failed together, the first is the one to tell."""
    return _first(error.exceptions[0]) if isinstance(error, BaseExceptionGroup) else error


def _say(error: CountermarkError, *, as_json: bool) -> int:
    if as_json:
        import json

        fault = {"error": type(error).__name__, "message": error.message, "hint": error.hint}
        click.echo(json.dumps(fault, ensure_ascii=False))
    click.echo(f"countermark: {error.message}", err=True)
    if error.hint:
        click.echo(f"  → {error.hint}", err=True)
    return error.exit_code


def _say_internal(error: BaseException) -> int:
    import os
    import traceback

    click.echo(f"countermark: a fault of its own: {type(error).__name__}: {error}", err=True)
    if os.environ.get("COUNTERMARK_DEBUG"):
        click.echo("".join(traceback.format_exception(error)), err=True)
    else:
        click.echo("  → please report it; COUNTERMARK_DEBUG=1 shows where it happened", err=True)
    return 70
