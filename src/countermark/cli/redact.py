"""`countermark evidence redact`, `seal` and `reveal`: what the public is not shown, and who is shown it all the same."""

import datetime as dt
import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from countermark.cli.given import paste_at_home, policy_of
from countermark.cli.lines import example
from countermark.cli.output import emit, home_option, json_option, printable, working
from countermark.cli.own import by_this_key, sealed_audit, sealing_key
from countermark.cli.placing import new_place, outside
from countermark.errors import UsageError
from countermark.evidence.withholding import NEVER, REASONS, Decision, Redaction, check_day
from countermark.files import read_capped, write_atomic

if TYPE_CHECKING:
    from countermark.evidence.selecting import Place, Wanted
    from countermark.verify.revealing import Revealed

_AUDIT = click.Path(path_type=Path, file_okay=False, exists=True)
_NEW = click.Path(path_type=Path)
_FILE = click.Path(path_type=Path, dir_okay=False, exists=True)
_PARTS = ("scenario", "messages", "state", "exchanges")
_SAID = ("reason", "until", "decided_by")


def _day(_: click.Context, __: click.Parameter, value: str | None) -> str | None:
    try:
        return None if value is None else check_day(value)
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


@click.command(
    "redact",
    epilog=example(
        "countermark evidence redact audits/first --out public --all-transcripts --reason confidential --until 2027-06-01 "
        "--decided-by 'the auditor'"
    ),
)
@click.argument("audit", type=_AUDIT)
@click.option("--out", type=_NEW, required=True, help="The copy to make; it must not be there.")
@click.option("--withhold", type=_FILE, help="What to withhold, as YAML (docs/howto/redact.md).")
@click.option("--test", "tests", multiple=True, help="Only of these tests, a pattern; may be repeated.")
@click.option(
    "--subject", "subjects", multiple=True, help="Only of these subjects, a pattern; may be repeated."
)
@click.option("--all-transcripts", is_flag=True, help="Their transcripts, whole.")
@click.option(
    "--records", "whole", is_flag=True, help="Their records too: numbers are then bounded, not recomputed."
)
@click.option(
    "--part", "parts", multiple=True, type=click.Choice(_PARTS), help="Only these parts of transcripts."
)
@click.option("--seed", is_flag=True, help="The seed, so that scenarios not shown stay secret.")
@click.option("--reason", type=click.Choice(list(REASONS)), help="Why.")
@click.option("--until", callback=_day, help="A day YYYY-MM-DD from which it may be shown, or never.")
@click.option("--decided-by", help="Who decided it.")
@home_option
@json_option
def redact_command(
    *, audit: Path, out: Path, withhold: Path | None, home: Path, as_json: bool, **asked: Any
) -> int:
    """Make a public copy of AUDIT in which some of it is withheld, under a list that the auditor signs.

    The copy verifies: every file is the one that was sealed, or on the list. What is withheld is committed to by hashes
    with salts that the copy does not hold. A record's own reason may quote its transcript: read it before you publish.
    """
    from countermark.evidence.directory import RUN
    from countermark.evidence.redacting import redact
    from countermark.evidence.selecting import in_a_file, select

    sealed_audit(audit)
    new_place(out)
    wanted = _from_options(**asked) if withhold is None else _from_file(withhold, asked)
    place = in_a_file(withhold) if withhold else _in_options(wanted)
    key = sealing_key(audit, home)
    with working("making the copy"):
        made = redact(audit, out, select(audit / RUN, wanted, place), key, _making())
    _report_copy(made, out, as_json=as_json)
    return 0


@click.command(
    "seal", epilog=example("countermark evidence seal public --to reviewers.txt --from audits/first")
)
@click.argument("copy", type=_AUDIT)
@click.option("--to", "to", type=_FILE, required=True, help="Reviewers' age or ssh public keys, one a line.")
@click.option("--from", "audit", type=_AUDIT, required=True, help="The audit that COPY was made from.")
@home_option
@json_option
def seal_command(*, copy: Path, to: Path, audit: Path, home: Path, as_json: bool) -> int:
    """Encrypt what COPY withholds to named reviewers, with age, and sign COPY again. The list stays as it is.

    Needs the extra `seal`. A copy is sealed once: for other reviewers make another. The sizes of ciphertexts show the sizes of
    transcripts.
    """
    from countermark.evidence.sealed import read_list, read_recipients, seal_to

    read_list(copy)
    recipients = read_recipients(to)
    key = sealing_key(sealed_audit(audit), home)
    with working("encrypting"), by_this_key(copy, home, key):
        count = seal_to(copy, audit, recipients, key)
    if as_json:
        emit({"copy": str(copy), "sealed": count, "recipients": len(recipients)})
    else:
        click.echo(
            f"{count} withheld transcripts encrypted to {len(recipients)} keys; {copy} is signed again"
        )
    return 0


@click.command(
    "reveal",
    epilog=example(
        "countermark evidence reveal public --identity key.txt",
        "countermark evidence reveal public --from audits/first --items all --out public-2",
        words="Examples, a reviewer and the auditor:",
    ),
)
@click.argument("copy", type=_AUDIT)
@click.option("--identity", type=_FILE, help="A reviewer's private key: open what was sealed to it.")
@click.option("--from", "audit", type=_AUDIT, help="The auditor: the audit that COPY was made from.")
@click.option(
    "--items",
    help="With --from: all, a number of transcripts at random, or a file of record numbers, one a line.",
)
@click.option(
    "--nonce", help="With a number: what fixes the choice, best chosen by somebody else.  [default: random]"
)
@click.option("--seed", is_flag=True, help="With --from: show the seed too, which --items all does anyway.")
@click.option("--out", type=_NEW, help="The new copy; or where a reviewer's opened transcripts go.")
@click.option(
    "--trust", type=click.Path(path_type=Path), help="A reviewer's trust policy.  [default: HOME/trust.json]"
)
@home_option
@json_option
def reveal_command(
    *, copy: Path, identity: Path | None, audit: Path | None, out: Path | None, **asked: Any
) -> int:
    """Open what COPY withholds: for a reviewer with a key, or for everybody in a new copy by the auditor.

    A reviewer's run checks each transcript against its commitment and grades it again; exit code 1 if one does not hold.
    The auditor's new copy keeps COPY's list and seal, and its own list supersedes them.
    """
    if (identity is None) == (audit is None):
        raise UsageError("give --identity, as a reviewer, or --from, as the auditor", hint="one of the two")
    if identity is not None:
        return _review(copy, identity, out, **asked)
    assert audit is not None
    return _show(copy, audit, out, **asked)


def _review(copy: Path, identity: Path, out: Path | None, **asked: Any) -> int:
    from countermark.evidence.lines import blob_name
    from countermark.evidence.sealed import read_identities, read_list
    from countermark.verify.revealing import check_sealed

    read_list(copy)
    identities = read_identities(identity)
    if out is not None:
        outside(out)
    with working("opening"):
        found = list(check_sealed(copy, identities, trust=policy_of(asked["trust"], asked["home"])))
        _refuse_unopened(copy, identity, found)
        for one in found:
            if out is not None and one.data:
                write_atomic(out / Path(blob_name(one.seq)).name, one.data, mode=0o600)
    wrong = [one for one in found if one.fault]
    left = [one for one in found if one.not_graded]
    if asked["as_json"]:
        emit({"sealed": len(found), "held": len(found) - len(wrong), "not_graded": len(left),
              "faults": [{"seq": one.seq, "fault": one.fault} for one in wrong]})  # fmt: skip
        return 1 if wrong else 0
    for one in wrong:
        click.echo(f"✗ record {one.seq}: {printable(one.fault)}")
    good = len(found) - len(wrong)
    click.echo(
        f"{good} of {len(found)} sealed transcripts are those committed to; {good - len(left)} need no grade or get it again"
    )
    return 1 if wrong else 0


def _refuse_unopened(copy: Path, identity: Path, found: Sequence["Revealed"]) -> None:
    if not found:
        raise UsageError(
            f"nothing in {copy} is encrypted to reviewers",
            hint="ask the auditor for a copy that `countermark evidence seal` signed",
        )
    if all(one.locked for one in found):
        raise UsageError(
            f"{identity} opens none of the {len(found)} sealed transcripts in {copy}: they are encrypted to other keys",
            hint="give the private key whose public part the auditor has, or ask the auditor for a copy for this one",
        )


def _show(copy: Path, audit: Path, out: Path | None, **asked: Any) -> int:
    from countermark.evidence.redacting import redact
    from countermark.evidence.sealed import check_own, read_list

    if out is None or not (asked["items"] or asked["seed"]):
        raise UsageError("say what to show (--items, --seed) and where the new copy goes (--out)")
    new_place(out)
    before, key = read_list(copy), sealing_key(sealed_audit(audit), asked["home"])
    with by_this_key(copy, asked["home"], key):
        check_own(copy, key)
    nonce = asked["nonce"] or secrets.token_hex(16)
    shown = chosen(before, asked["items"], nonce)
    every = asked["items"] == "all"
    left = [_without(one, shown, seed=asked["seed"] or every) for one in before.decisions]
    with working("making the new copy"):
        made = redact(audit, out, left, key, _making(), before=copy)
    if not asked["as_json"]:
        click.echo(
            f"shown now: {len(shown)} records or transcripts"
            + (f", chosen by the nonce {nonce}" if _is_number(asked["items"]) else "")
        )
    _report_copy(made, out, as_json=asked["as_json"], shown=sorted(shown), nonce=nonce)
    return 0


def chosen(redaction: Redaction, items: str | None, nonce: str) -> set[int]:
    """The withheld records that `--items` names: all, so many in the order of SHA-256(nonce, seq), or those in a file.

    Raises:
        UsageError: The file cannot be read, or names a record of which nothing is withheld.
    """
    from countermark.evidence.sealed import withheld_seqs

    there = withheld_seqs(redaction)
    if items is None:
        return set()
    if items == "all":
        return set(there)
    if _is_number(items):
        return set(
            sorted(there, key=lambda seq: hashlib.sha256(f"{nonce}/{seq}".encode()).digest())[: int(items)]
        )
    words = read_capped(Path(items)).decode("utf-8", "replace").split()
    wrong = [word for word in words if not word.isdecimal() or int(word) not in there]
    if wrong:
        raise UsageError(
            f"{items}: of these nothing is withheld: {' '.join(wrong[:20])}", hint="one record number a line"
        )
    return {int(word) for word in words}


def _is_number(items: str | None) -> bool:
    return items is not None and items.isdecimal()


def _without(one: Decision, shown: set[int], *, seed: bool) -> Decision:
    return replace(
        one,
        records=tuple(seq for seq in one.records if seq not in shown),
        transcripts=tuple(seq for seq in one.transcripts if seq not in shown),
        parts={seq: indices for seq, indices in one.parts.items() if seq not in shown},
        seed=one.seed and not seed,
    )


def _from_options(**asked: Any) -> list[Any]:
    from countermark.evidence.selecting import Wanted

    missing = [f"--{name.replace('_', '-')}" for name in _SAID if not asked[name]]
    if missing:
        raise UsageError(
            f"{', '.join(missing)} must be said of what is withheld", hint="or give --withhold FILE"
        )
    what = [
        name
        for name, given in (("records", asked["whole"]), ("transcripts", asked["all_transcripts"]))
        if given
    ]
    what += [*asked["parts"], *(["seed"] if asked["seed"] else [])]
    if not what:
        raise UsageError("nothing is to be withheld", hint="--all-transcripts, --records, --part or --seed")
    return [
        Wanted(
            what=one,
            reason=asked["reason"],
            decided_by=asked["decided_by"],
            until=asked["until"],
            tests=asked["tests"] or ("*",),
            subjects=asked["subjects"] or ("*",),
        )
        for one in what
    ]


def _in_options(wanted: Sequence["Wanted"]) -> "Place":
    """Places of wishes that options made."""
    named = {"records": "--records", "transcripts": "--all-transcripts", "seed": "--seed"}
    options = {"tests": "--test", "subjects": "--subject"}

    def place(number: int, name: str) -> tuple[str, str]:
        what = wanted[number].what
        return "the command line", options.get(name.partition("/")[0]) or named.get(what, f"--part {what}")

    return place


def _from_file(path: Path, asked: dict[str, Any]) -> list[Any]:
    from countermark.evidence.wishes import read_wishes

    if any(
        asked[name] for name in (*("tests", "subjects", "all_transcripts", "whole", "parts", "seed"), *_SAID)
    ):
        raise UsageError("--withhold says all of it", hint="leave the other options out")
    return read_wishes(path)


def _making() -> Any:
    from countermark.audit.table import write_table
    from countermark.evidence.redacting import Making
    from countermark.report import render

    return Making(render=render, write_table=write_table)


def _report_copy(made: Redaction, out: Path, *, as_json: bool, **more: Any) -> None:
    counts = {
        "records": len(made.records),
        "transcripts": len(made.transcripts),
        "in_part": len(made.parts),
        "seed": made.seed is not None,
    }
    if as_json:
        emit({"copy": str(out), "withheld": counts, "files_changed": len(made.files), **more})
        return
    click.echo(
        f"{out}: withheld {counts['records']} records, {counts['transcripts']} transcripts, {counts['in_part']} in part"
        + (", the seed" if counts["seed"] else "")
    )
    for one in made.decisions:
        due = one.until != NEVER and one.over(dt.datetime.now(dt.UTC).date())
        click.echo(
            f"  {one.reason} until {one.until}, decided by {printable(one.decided_by)}"
            + ("  (that day is past)" if due else "")
        )
    click.echo(f"check it: {paste_at_home('verify', out)}")
