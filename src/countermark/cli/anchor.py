"""`countermark evidence stamp`, `evidence cosign`, and what they take to be believed: `key trust-time`, `trust-identity`."""

from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from countermark.cli.given import certificates, faults_of, json_file, policy_of, witness_urls
from countermark.cli.lines import example
from countermark.cli.output import emit, home_option, json_option, printable
from countermark.cli.placing import outside
from countermark.errors import UsageError, to_paste
from countermark.evidence.keyless import Identity
from countermark.evidence.late import CHECKPOINT, SIGNABLE, TARGETS
from countermark.evidence.trust import TRUST, TrustPolicy, remember_identity, remember_time_root

if TYPE_CHECKING:
    from countermark.audit.anchoring import Kept

_FILE = click.Path(path_type=Path, dir_okay=False)
_trust_option = click.option(
    "--trust", type=click.Path(path_type=Path), help="Your trust policy.  [default: HOME/trust.json]"
)


@click.command(
    "stamp",
    epilog=example(
        "countermark evidence stamp audits/first --request queries",
        "countermark evidence stamp audits/first --tsa https://tsa.example/tsr",
    ),
)
@click.argument("audit_dir", type=click.Path(path_type=Path, file_okay=False, exists=True))
@click.option(
    "--request",
    "out",
    type=click.Path(path_type=Path, file_okay=False),
    help="Write queries to this folder, for any authority.",
)
@click.option("--tsa", help="Ask the authority at this address.")
@click.option("--add", "replies", type=_FILE, multiple=True, help="Keep this reply (.tsr); repeatable.")
@click.option(
    "--sigstore-bundle",
    "bundles",
    type=_FILE,
    multiple=True,
    help="Keep this signature over plan or seal; repeatable.",
)
@click.option(
    "--of",
    "targets",
    type=click.Choice([*TARGETS, f"{CHECKPOINT}s"]),
    multiple=True,
    help="What to stamp.  [default: of a sealed audit the seal; before that plan, draw and last checkpoint]",
)
@_trust_option
@home_option
@json_option
def stamp_command(  # noqa: PLR0913
    *, audit_dir: Path, out: Path | None, tsa: str | None, replies: tuple[Path, ...], bundles: tuple[Path, ...],
    targets: tuple[str, ...], trust: Path | None, home: Path, as_json: bool,
) -> int:  # fmt: skip
    """Anchor AUDIT_DIR in time: RFC 3161 time stamps, and signatures of sigstore identities made elsewhere.

    A stamp that is there before the seal is sealed along. One that comes later lies beside the seal, in timestamps/. An
    authority sees a hash and nothing else. Whether a stamp counts is decided by each reader's policy.
    """
    from countermark.audit.anchoring import add_bundle, add_reply, stamp, write_queries

    if not (out or tsa or replies or bundles):
        raise UsageError("nothing to do", hint="give --request, --tsa, --add or --sigstore-bundle")
    if out:
        outside(out, "--request")
    if bundles and (len(targets) > 1 or not set(targets) <= set(SIGNABLE)):
        raise UsageError("a sigstore bundle is of one manifest", hint=f"--of {', '.join(SIGNABLE)}")
    policy = policy_of(trust, home)
    queries = write_queries(audit_dir, out, targets) if out else []
    kept = stamp(audit_dir, tsa, policy, targets) if tsa else []
    for reply in replies:
        with faults_of(reply, "time-stamp", "give an authority's reply to a query that --request wrote"):
            kept.append(add_reply(audit_dir, reply, policy))
    for bundle in bundles:
        with faults_of(bundle, "sigstore-bundle", "give a bundle over a MANIFEST.sha256 of this audit"):
            kept.append(add_bundle(audit_dir, bundle, policy, next(iter(targets), "")))
    if as_json:
        emit({"queries": [str(one) for one in queries], "kept": [_as_json(one) for one in kept]})
        return 0
    then = to_paste("evidence", "stamp", audit_dir, "--add", "REPLY.tsr")
    for path in queries:
        click.echo(f"{path}  (send it to an authority, then `{then}`)")
    for one in kept:
        click.echo(_in_words(one))
    return 0


@click.command(
    "cosign", epilog=example("countermark evidence cosign audits/first --witness http://127.0.0.1:8407")
)
@click.argument("audit_dir", type=click.Path(path_type=Path, file_okay=False, exists=True))
@click.option(
    "--witness", "url", required=True, callback=witness_urls, metavar="URL", help="The witness's address."
)
@json_option
def cosign_command(*, audit_dir: Path, url: str, as_json: bool) -> int:
    """Have a witness cosign the last checkpoint of a sealed audit, for one that was away while it ran.

    The cosignature lies beside the seal and bears the witness's own time, so every reader sees how late it came. A witness
    that had cosigned another history of this log refuses, and the command exits with 1. Asked again, it changes nothing: the
    first cosignature stays.
    """
    from countermark.audit.anchoring import cosign_late

    kept = cosign_late(audit_dir, url)
    if as_json:
        emit(_as_json(kept))
    else:
        there = "; it was there already and stays as it was" if kept.there else ""
        click.echo(
            f"{kept.name}: cosigned by {printable(kept.by)} at {_shown(kept.time)}, by its own clock{there}"
        )
    return 0


@click.command(
    "trust-time", epilog=example("countermark key trust-time tsa-root.pem --demand plan --demand seal")
)
@click.argument("root", type=_FILE)
@click.option(
    "--demand",
    type=click.Choice(TARGETS),
    multiple=True,
    help="Demand such a stamp of every audit; repeatable.",
)
@click.option("--for-witness", is_flag=True, help="Let a stamp of the whole log stand for a witness.")
@_trust_option
@home_option
@json_option
def trust_time(
    *, root: Path, demand: tuple[str, ...], for_witness: bool, trust: Path | None, home: Path, as_json: bool
) -> int:
    """Trust time stamps whose authority leads to the certificate in ROOT.pem, from now on, on this machine.

    The certificate is copied beside the policy. Compare it with the authority's over another channel first.
    """
    policy = remember_time_root(trust or home, certificates(root), required=demand, for_witness=for_witness)
    return _tell(policy, trust or home, as_json=as_json)


@click.command(
    "trust-identity",
    epilog=example(
        "countermark key trust-identity trusted_root.json --identity audit@lab.example --issuer https://id.example"
    ),
)
@click.argument("root", type=_FILE)
@click.option("--identity", required=True, help="The name in the certificate, exactly.")
@click.option("--issuer", required=True, help="Who vouched for the login, exactly.")
@click.option(
    "--demand",
    type=click.Choice(SIGNABLE),
    multiple=True,
    help="Demand its signature of every audit; repeatable.",
)
@_trust_option
@home_option
@json_option
def trust_identity(  # noqa: PLR0913
    *,
    root: Path,
    identity: str,
    issuer: str,
    demand: tuple[str, ...],
    trust: Path | None,
    home: Path,
    as_json: bool,
) -> int:
    """Accept sigstore signatures of an identity, under the trusted root in ROOT.json, from now on, on this machine.

    The root is copied beside the policy and never refreshed: nothing is asked of a network. Pin a new one when it ages.
    """
    data = json_file(root, "give a sigstore trusted_root.json")
    who = Identity(identity=identity, issuer=issuer)
    policy = remember_identity(trust or home, data, who, required=demand)
    return _tell(policy, trust or home, as_json=as_json)


def _tell(policy: TrustPolicy, path: Path, *, as_json: bool) -> int:
    path = path if path.suffix == ".json" and not path.is_dir() else path / TRUST
    stamps, keyless, rule = policy.timestamps, policy.sigstore, policy.witnesses
    facts: dict[str, Any] = {
        "policy": str(path),
        "time_roots": sorted(stamps.roots) if stamps else [],
        "stamps_demanded": list(stamps.required) if stamps else [],
        "identities": [asdict(one) for one in keyless.identities] if keyless else [],
        "signatures_demanded": list(keyless.required) if keyless else [],
        "witnesses_of": list(rule.of) if rule else [],
    }
    if as_json:
        emit(facts)
        return 0
    roots, names = len(facts["time_roots"]), len(facts["identities"])
    click.echo(
        f"{path} trusts {roots} root{'s' * (roots != 1)} of time stamps and {names} "
        f"identit{'y' if names == 1 else 'ies'}"
    )
    for words, demanded in (
        ("a time stamp", "stamps_demanded"),
        ("an identity's signature", "signatures_demanded"),
    ):
        if facts[demanded]:
            click.echo(f"audits must bear {words} on: {', '.join(facts[demanded])}")
    if rule:
        click.echo(f"audits must be cosigned by {rule.required} of {', '.join(rule.of)}")
    return 0


def _as_json(kept: "Kept") -> dict[str, Any]:
    return {**asdict(kept), "time": _shown(kept.time) if kept.time is not None else None}


def _in_words(kept: "Kept") -> str:
    if kept.time is None:
        return f"{kept.name}: kept; it counts for nothing with you yet: {kept.why}"
    return f"{kept.name}: {kept.file} existed by {_shown(kept.time)}, says {printable(kept.by)}"


def _shown(time: int | None) -> str:
    return datetime.fromtimestamp(time or 0, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
