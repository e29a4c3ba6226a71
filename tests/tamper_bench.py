"""What the tamper matrix is made of: a mutation, the good audits that are attacked, and an insider's tools."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from audit_factory import KEY, RUN, compose, make_audit, render, reseal, sealed_facts
from countermark import canonical
from countermark.evidence import (
    LogGrowth,
    SigningKey,
    Submission,
    TrustPolicy,
    Witness,
    WitnessRule,
    add_cosignature,
    from_json,
    open_statement,
    read_log,
)
from countermark.evidence.cosigned import cosigned_sizes
from countermark.evidence.directory import DRAW, PLAN, REPORT
from countermark.evidence.late import may_lie_beside
from countermark.evidence.lines import blob_name
from countermark.evidence.manifest import SIGNATURES, hash_file, parse_manifest
from countermark.evidence.parts import read_transcript
from countermark.evidence.redacting import Making, redact, sign_copy
from countermark.evidence.withholding import FOLDER, LIST, ORIGINAL, Decision, Redaction, parse_redaction
from countermark.files import walk
from countermark.records import Draw, Plan, Report, Transcript, TrialRecord

WITNESS = SigningKey.from_seed(b"a witness's key for tests.......")
NAME = "lab.example/witness"
POLICY = TrustPolicy(
    roles={
        "auditor": frozenset({KEY.public.fingerprint}),
        "witness": frozenset({WITNESS.public.fingerprint}),
    },
    witnesses=WitnessRule(required=1),
)
RECORDS = f"{RUN}/records.jsonl"
BLOB = f"{RUN}/{blob_name(3)}"
PACK = "pack/simulation-careful"
SEEN = 1_800_000_000
"""When the witness saw the log, seconds since 1970; after the records."""
DECIDED = {"reason": "hazard", "decided_by": "An Institute", "until": "2100-01-01"}
WITHHELD = (Decision(transcripts=(3, 4), **DECIDED), Decision(parts={5: (2, 3)}, **DECIDED))
"""Two transcripts, and of a third two turns."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutation:
    """One thing done to a good audit, and what `verify` must say of it."""

    what: str
    do: Callable[[Path], object]
    stage: int
    """The first stage that finds fault."""
    named: str
    """The file named there; for a missing cosignature, what is asked for."""
    code: int = 1


def make_witnessed(directory: Path) -> Path:
    """A sealed audit whose every checkpoint a witness with memory has cosigned, in order."""
    make_audit(directory)
    witness_all(directory, Witness(WITNESS, NAME, {}))
    conform(directory)
    return directory


def witness_all(directory: Path, witness: Witness) -> None:
    """Submit every checkpoint, from the first. Raises `Refused` where the witness remembers another log."""
    growth = LogGrowth(directory / RUN)
    old = 0
    for note in sorted((directory / RUN / "checkpoints").iterdir()):
        size = int(note.stem)
        growth.read_to(size)
        submission = Submission(old=old, proof=tuple(growth.proof(old, size)), note=note.read_bytes())
        line = witness.add(submission, KEY.public, time=SEEN)
        add_cosignature(directory, size, line, witness.key.public)
        old = size


def conform(
    directory: Path,
    change: Callable[[dict[str, Any]], object] | None = None,
    pages: Callable[[Report], Mapping[str, bytes]] = render,
) -> None:
    """Make report, pages, manifests and signatures follow from plan, draw and log; then, perhaps, change the report."""
    lines = list(read_log(directory / RUN))
    made = [
        (
            from_json(TrialRecord, line.record),
            from_json(Transcript, read_transcript(directory / RUN, line.seq)),
        )
        for line in lines
    ]
    plan = Plan.model_validate(read_json(directory / PLAN))
    draw = Draw.model_validate(read_json(directory / DRAW))
    evidence: dict[str, Any] = sealed_facts(directory) | {"key": KEY.public.fingerprint}
    sizes = cosigned_sizes(directory)
    report = compose((plan, draw), made, evidence | ({"cosigned": sizes[-1]} if sizes else {}))
    if change is not None:
        change(report)
    (directory / REPORT).write_bytes(canonical.encode(report))
    for name, page in pages(Report.model_validate(read_json(directory / REPORT))).items():
        (directory / "report" / name).write_bytes(page)
    reseal(directory)


def read_json(path: Path) -> Any:
    return canonical.decode(path.read_bytes())


def make_redacted(directory: Path, whole: Path) -> Path:
    """A redacted copy of a witnessed audit, as its auditor makes it."""
    making = Making(render=render, write_table=lambda _, path: path.write_bytes(b"a table for analysts"))
    redact(whole, directory, WITHHELD, KEY, making)
    return directory


def sign_copy_again(copy: Path, change: Callable[[Redaction], Redaction] = lambda listed: listed) -> None:
    """What a redactor does with the key: list every file that differs from the original, change the list, sign both."""
    before = parse_manifest((copy / ORIGINAL / "MANIFEST.sha256").read_bytes())
    now = {
        name: hash_file(copy / name)
        for name in walk(copy)
        if not name.startswith(f"{FOLDER}/") and (name in before or not may_lie_beside(name))
    }
    pairs = {name: (before.get(name), now.get(name)) for name in before.keys() | now.keys()}
    for name in ("MANIFEST.sha256", SIGNATURES):
        pairs.pop(name, None)
    listed = parse_redaction((copy / LIST).read_bytes())
    files = {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}
    (copy / LIST).write_bytes(change(replace(listed, files=files)).to_bytes())
    sealed = open_statement((copy / ORIGINAL / SIGNATURES).read_bytes(), [KEY.public])
    sign_copy(copy, KEY, sealed)


def substitute(name: str, old: bytes, new: bytes) -> Callable[[Path], None]:
    def change(audit: Path) -> None:
        data = (audit / name).read_bytes()
        assert old in data, (name, old)
        (audit / name).write_bytes(data.replace(old, new, 1))

    return change


def lines(name: str, change: Callable[[list[bytes]], list[bytes]]) -> Callable[[Path], None]:
    def apply(audit: Path) -> None:
        before = (audit / name).read_bytes().splitlines(keepends=True)
        after = change(list(before))
        assert after != before
        (audit / name).write_bytes(b"".join(after))

    return apply


def finding(document: dict[str, Any]) -> dict[str, Any]:
    """The one that shows four leaks in ten."""
    worse: dict[str, Any] = document["findings"][1]
    return worse
