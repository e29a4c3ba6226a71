"""Having an audit anchored by clocks and names that are not the auditor's: time stamps, sigstore bundles, late witnesses.

What was there before the seal is sealed along; what comes later lies beside the seal and vouches for itself.
"""

import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from countermark.audit.tsa_client import ask_authority
from countermark.audit.witness_client import NotWitnessed, WitnessClient
from countermark.canonical import digest
from countermark.errors import EvidenceError, SignerUnknown, UsageError
from countermark.evidence import LogGrowth, TrustPolicy, open_cosignature, parse_public_key
from countermark.evidence.cosigned import COSIGNED, cosignature_there, cosigned_name
from countermark.evidence.directory import AUDITOR_KEY, RUN
from countermark.evidence.dsse import DRAW_TYPE, PLAN_TYPE, REPORT_TYPE
from countermark.evidence.keyless import check_bundle, claimed_digest
from countermark.evidence.late import (
    BUNDLE,
    CHECKPOINT,
    DRAW,
    MAX_BUNDLE,
    MAX_STAMP,
    PLAN,
    SEAL,
    SIGNABLE,
    TSR,
    add_late_cosignature,
    keep,
    late_name,
    stems,
)
from countermark.evidence.manifest import MANIFEST, MAX_MANIFEST, SIGNATURES
from countermark.evidence.notes import MAX_NOTE
from countermark.evidence.recovery import CHECKPOINTS
from countermark.evidence.timestamps import check_stamp, is_of, query, require_extra
from countermark.files import inside, read_capped, write_atomic

_AWAY = "the address is the one that `countermark evidence witness` prints where it stands by"
_KINDS = {PLAN: PLAN_TYPE, DRAW: DRAW_TYPE, SEAL: REPORT_TYPE}


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """What is kept: file `name`, of `file`. `time` (seconds since 1970) and `by` where it was checked, else `why` not."""

    name: str
    file: str
    time: int | None = None
    by: str = ""
    why: str = ""
    there: bool = False
    """It was there already, and is left as it was."""


def choose(audit_dir: Path, targets: Sequence[str] = ()) -> dict[str, str]:
    """Stem of a stamp to the file it is to be of.

    Args:
        audit_dir: An audit, sealed or not.
        targets: Of `evidence.late.TARGETS`, `checkpoint` meaning the last one, or `checkpoints` for each. None: of a
            sealed audit the seal, which covers all the rest; before that plan, draw and the last checkpoint.

    Raises:
        UsageError: No audit, or it has no such part.
    """
    known = stems(audit_dir)
    notes = [stem for stem in known if stem.startswith(CHECKPOINT)]
    if PLAN not in known:
        raise UsageError(f"{audit_dir} is no audit: it has no signed plan")
    parts = {name: [name] for name in (PLAN, DRAW, SEAL) if name in known}
    parts |= {CHECKPOINT: notes[-1:], f"{CHECKPOINT}s": notes} if notes else {}
    wanted = targets or (
        [SEAL] if SEAL in parts else [one for one in (PLAN, DRAW, CHECKPOINT) if one in parts]
    )
    missing = [one for one in wanted if one not in parts]
    if missing:
        raise UsageError(f"{audit_dir} has no {' and no '.join(missing)} yet")
    return {stem: known[stem] for one in wanted for stem in parts[one]}


def write_queries(audit_dir: Path, out: Path, targets: Sequence[str] = ()) -> list[Path]:
    """Write a DER query for each target to `out`, which any authority answers; returns the files."""
    made = []
    for stem, file in choose(audit_dir, targets).items():
        path = out / f"{stem}.tsq"
        write_atomic(path, query(_data(audit_dir, file)))
        made.append(path)
    return made


def stamp(audit_dir: Path, url: str, trust: TrustPolicy, targets: Sequence[str] = ()) -> list[Kept]:
    """Ask an authority for a stamp of each target, and keep those whose nonce and imprint are right.

    Raises:
        EvidenceError: A reply is not one to the question.
        SubjectUnreachable: The authority gives none.
        UsageError: The extra `tsa` is not installed.
    """
    require_extra()
    found = []
    for stem, file in choose(audit_dir, targets).items():
        data, nonce = _data(audit_dir, file), secrets.randbits(63)
        reply = ask_authority(url, query(data, nonce=nonce))
        found.append((stem, file, reply, _checked(reply, data, trust, nonce)))
    return [_keep(audit_dir, stem, file, reply, outcome) for stem, file, reply, outcome in found]


def add_reply(audit_dir: Path, reply: Path, trust: TrustPolicy) -> Kept:
    """Keep a reply that came some other way, under the part of the audit that its imprint names.

    Raises:
        EvidenceError: It is no time stamp, or of nothing in this audit.
        UsageError: The extra `tsa` is not installed.
    """
    data = read_capped(reply, max_bytes=MAX_STAMP)
    choose(audit_dir)
    for stem, file in stems(audit_dir).items():
        content = _data(audit_dir, file)
        if is_of(data, content):
            return _keep(audit_dir, stem, file, data, _checked(data, content, trust, None))
    raise EvidenceError("is a time stamp of nothing in this audit")


def add_bundle(audit_dir: Path, bundle: Path, trust: TrustPolicy, target: str = "") -> Kept:
    """Keep a sigstore bundle over a manifest of this audit, which `target` names where the bundle does not.

    Raises:
        EvidenceError: It is no bundle, of nothing in this audit, or does not hold under the root that the policy pins.
        UsageError: Nothing says what it is of.
    """
    data = read_capped(bundle, max_bytes=MAX_BUNDLE)
    parts = {one: file for one, file in stems(audit_dir).items() if one in SIGNABLE}
    claimed = claimed_digest(data)
    found = [one for one, file in parts.items() if digest(_data(audit_dir, file)) == claimed]
    if not claimed and not target:
        raise UsageError(f"{bundle} does not say what it is of", hint="say it with --of plan, draw or seal")
    stem = target or next(iter(found), "")
    if stem not in parts or (claimed and stem not in found):
        raise EvidenceError("is of nothing in this audit")
    file, rule = parts[stem], trust.sigstore
    time, by, why = None, "", "your policy pins no sigstore root"
    if rule is not None:
        try:
            signed = check_bundle(
                data, _data(audit_dir, file), _KINDS[stem], rule.trusted_root, rule.identities
            )
            time, by, why = signed.time, f"{signed.who.identity} (by {signed.who.issuer})", ""
        except (SignerUnknown, UsageError) as error:
            why = error.message
    name = keep(audit_dir, stem, BUNDLE, data)
    return Kept(name=name, file=file, time=time, by=by, why=why)


def cosign_late(audit_dir: Path, url: str) -> Kept:
    """Have a witness cosign the last checkpoint of a sealed audit, and keep that beside the seal.

    A cosignature that this witness gave of it before stays, whether it was sealed along or came later: it bears the earlier time.

    Raises:
        UsageError: Not a sealed audit.
        EvidenceError: The witness refused; it says so above all where it had cosigned another history of this log.
        NotWitnessed: It cannot be reached, or its answer cannot be used.
    """
    if not all((audit_dir / name).is_file() for name in (MANIFEST, SIGNATURES)):
        raise UsageError(
            f"{audit_dir} is not sealed", hint="while it runs, `run --witness URL` asks the witness"
        )
    key = parse_public_key(read_capped(audit_dir / AUDITOR_KEY, max_bytes=4096))
    last = [stem for stem in stems(audit_dir) if stem.startswith(CHECKPOINT)][-1:]
    if not last:
        raise UsageError(f"{audit_dir} has no checkpoint")
    size = int(last[0].removeprefix(f"{CHECKPOINT}-"))
    note = read_capped(audit_dir / RUN / CHECKPOINTS / cosigned_name(size), max_bytes=MAX_NOTE)
    growth, client = LogGrowth(audit_dir / RUN), WitnessClient(url, key, timeout_s=20.0)
    growth.read_to(size)
    try:
        line = client.ask(note, growth, size)
    except NotWitnessed as failure:
        words = f"the witness at {url}: {failure.message}"
        if failure.outcome == "refused":
            raise EvidenceError(words) from failure
        raise NotWitnessed(failure.outcome, words, hint=_AWAY) from failure
    assert client.key is not None
    file, seen = f"{RUN}/{CHECKPOINTS}/{cosigned_name(size)}", open_cosignature(line, note, [client.key])
    for name in (f"{COSIGNED}/{cosigned_name(size)}", late_name(size)):
        before = cosignature_there(audit_dir, size, client.key, seen.name, name=name)
        if before is not None:
            return Kept(name=name, file=file, time=before.time, by=before.name, there=True)
    name = add_late_cosignature(audit_dir, size, line, client.key)
    return Kept(name=name, file=file, time=seen.time, by=seen.name)


def _checked(reply: bytes, data: bytes, trust: TrustPolicy, nonce: int | None) -> tuple[int | None, str, str]:
    """Time, authority and, where the policy trusts none such, why it counts for nothing yet."""
    roots: Iterable[bytes] = trust.timestamps.roots.values() if trust.timestamps else ()
    try:
        found = check_stamp(reply, data, roots, nonce=nonce)
    except SignerUnknown as error:
        return None, "", error.message
    return found.time, found.authority, ""


def _keep(audit_dir: Path, stem: str, file: str, reply: bytes, outcome: tuple[int | None, str, str]) -> Kept:
    time, by, why = outcome
    return Kept(name=keep(audit_dir, stem, TSR, reply), file=file, time=time, by=by, why=why)


def _data(audit_dir: Path, file: str) -> bytes:
    return read_capped(inside(audit_dir, file), max_bytes=MAX_MANIFEST, name=file)
