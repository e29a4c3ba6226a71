"""Make a public copy of a sealed audit: what is withheld leaves, the rest stays byte for byte, a signed list names both.

The copy keeps the manifest and the signature of the audit as it was sealed, in redaction/original/.
"""

import shutil
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from os import getpid
from pathlib import Path
from typing import TYPE_CHECKING, Any

from countermark import canonical
from countermark.canonical import digest
from countermark.errors import EvidenceError, UsageError
from countermark.evidence.codec import from_json
from countermark.evidence.directory import REPORT, RUN, TRIALS, numbers_digest, sign_part
from countermark.evidence.dsse import MAX_LINE, REDACTION_TYPE, REPORT_TYPE, Statement, open_statement
from countermark.evidence.items import item_salt
from countermark.evidence.keys import SigningKey
from countermark.evidence.late import SEAL, may_lie_beside, target_of
from countermark.evidence.lines import RECORDS, LogLine, blob_name, format_line, format_withheld, read_log
from countermark.evidence.manifest import MANIFEST, MAX_MANIFEST, SIGNATURES, hash_file, parse_manifest
from countermark.evidence.merkle import leaf_hash
from countermark.evidence.parts import MESSAGE, SCENARIO, Part, body, format_partial, part_salt
from countermark.evidence.reveal import ITEMS, RevealedItem, format_items
from countermark.evidence.seed import MAX_SEED, SEED, Seed, parse_seed
from countermark.evidence.selecting import part_kinds, whole_blob
from countermark.evidence.withholding import (
    FOLDER,
    LIST,
    MAX_LIST,
    ORIGINAL,
    SEALED,
    SUPERSEDED,
    Decision,
    Redaction,
    parse_redaction,
)
from countermark.files import read_capped, walk, write_atomic

if TYPE_CHECKING:
    from countermark.records import Report, TrialRecord

MAX_REPORT = 256 * 1024 * 1024
_LEAST_SEED = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Making:
    """What makes derived files again, handed in because this package lays nothing out.

    Attributes:
        render: From report to the files of report/.
        write_table: From records to trials.parquet at the path given.
    """

    render: "Callable[[Report], Mapping[str, bytes]]"
    write_table: "Callable[[Sequence[TrialRecord], Path], None]"


def redact(
    audit: Path,
    out: Path,
    decisions: Sequence[Decision],
    key: SigningKey,
    making: Making,
    *,
    before: Path | None = None,
) -> Redaction:
    """Write the public copy of `audit` to `out`, which must not be there; returns the signed list.

    Args:
        audit: As it was sealed, whole.
        out: Made beside its place and moved there whole.
        decisions: What leaves.
        key: The auditor's, which sealed the audit.
        making: Makes derived files again.
        before: An earlier copy that this one supersedes; its list, and its ciphertexts for what stays withheld, are kept.

    Raises:
        UsageError: `out` is there, `audit` is itself a copy, or the seed is too short to be withheld.
        EvidenceError: `audit` is not as it was sealed, or not by this key.
    """
    if out.exists():
        raise UsageError(f"{out} is there already", hint="choose another --out; nothing is overwritten")
    if out.resolve().is_relative_to(audit.resolve()):
        raise UsageError(
            f"{out} lies in the audit itself, whose seal it would break", hint="choose another --out"
        )
    sealed = open_seal(audit, key)
    _of_same_audit(before, sealed)
    draft = out.with_name(f".{out.name}.{getpid()}.draft")
    try:
        copy = _Copy(audit, draft, decisions, sealed)
        copy.make(making)
        redaction = copy.list(before)
        _carry_over(before, draft, redaction)
        write_atomic(draft / LIST, redaction.to_bytes())
        sign_copy(draft, key, sealed)
        draft.rename(out)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return redaction


def _of_same_audit(before: Path | None, sealed: Statement) -> None:
    if before is None:
        return
    earlier = parse_redaction(read_capped(before / LIST, max_bytes=MAX_LIST, name=LIST))
    if earlier.original != sealed.subjects[MANIFEST]:
        raise UsageError(
            f"{before} is a copy of another audit",
            hint="name the audit that the copy was made of with --from",
        )


def open_seal(audit: Path, key: SigningKey) -> Statement:
    """The statement by which `key` sealed an audit that is no copy. Raises `UsageError`, `EvidenceError`, `SignerUnknown`."""
    if (audit / FOLDER).exists():
        raise UsageError(f"{audit} is itself a redacted copy", hint="work from the audit as it was sealed")
    statement = open_statement(
        read_capped(audit / SIGNATURES, max_bytes=MAX_LINE, name=SIGNATURES), [key.public]
    )
    manifest = read_capped(audit / MANIFEST, max_bytes=MAX_MANIFEST, name=MANIFEST)
    if statement.predicate_type != REPORT_TYPE or statement.subjects.get(MANIFEST) != digest(manifest):
        raise EvidenceError(f"{audit}: its signature is not over its manifest", hint="run countermark verify")
    return statement


def sign_copy(copy: Path, key: SigningKey, sealed: Statement) -> None:
    """Write a copy's own manifest and sign it, last of all; what the original's seal said of plan and log stays."""
    kept = {
        name: sealed.predicate[name]
        for name in ("origin", "size", "root", "plan_sha256")
        if name in sealed.predicate
    }
    report = read_capped(copy / REPORT, max_bytes=MAX_REPORT, name=REPORT)
    bound = {
        "original": hash_file(copy / ORIGINAL / MANIFEST),
        "redaction_sha256": hash_file(copy / LIST),
        "report_sha256": digest(report),
        "numbers_sha256": numbers_digest(report),
    }
    sign_part(copy, key, REDACTION_TYPE, kept | bound)


class _Copy:
    """One copy in the making."""

    def __init__(self, audit: Path, out: Path, decisions: Sequence[Decision], sealed: Statement) -> None:
        self.audit, self.out, self.sealed = audit, out, sealed
        self.decisions = tuple(one for one in decisions if not one.empty)
        self.plan = Redaction(original=sealed.subjects[MANIFEST], decisions=self.decisions, files={})
        self.before = parse_manifest(read_capped(audit / MANIFEST, max_bytes=MAX_MANIFEST, name=MANIFEST))
        self.records, self.transcripts = self.plan.records, self.plan.transcripts
        self.parts = self.plan.parts
        self.hidden_scenarios: set[int] = set()
        self.hidden_messages: set[int] = set()

    def make(self, making: Making) -> None:
        """Every file of the copy but the list and the seal."""
        changed = self._changed()
        for name, sha in self.before.items():
            if name not in changed:
                self._copy(name, sha)
        self._copy_late()
        for name in (MANIFEST, SIGNATURES):
            write_atomic(self.out / ORIGINAL / name, read_capped(self.audit / name, max_bytes=MAX_MANIFEST))
        lines = list(read_log(self.audit / RUN))
        beyond = max([*self.records, *self.transcripts, *self.parts], default=-1)
        if beyond >= len(lines):
            raise UsageError(f"the log holds {len(lines)} records; there is no record {beyond}")
        self._write_transcripts()
        self._write_items(lines)
        if self.records:
            self._write_log(lines)
            shown = [line for line in lines if line.seq not in self.records]
            making.write_table(_trials(shown), self.out / TRIALS)
        self._write_report(making)

    def list(self, before: Path | None) -> Redaction:
        """The signed list: decisions, and each file that differs from what was sealed."""
        now = {
            name: hash_file(self.out / name, name=name)
            for name in walk(self.out)
            if not name.startswith(f"{FOLDER}/") and (name in self.before or not may_lie_beside(name))
        }
        files = {
            name: (self.before.get(name), now.get(name))
            for name in self.before.keys() | now.keys()
            if self.before.get(name) != now.get(name)
        }
        return Redaction(
            original=self.plan.original,
            decisions=self.decisions,
            files=files,
            supersedes=hash_file(before / LIST, name=LIST) if before else None,
        )

    def _changed(self) -> set[str]:
        blobs = {f"{RUN}/{blob_name(seq)}" for seq in (*self.records, *self.transcripts, *self.parts)}
        return (
            blobs
            | ({f"{RUN}/{RECORDS}", TRIALS} if self.records else set())
            | ({SEED} if self.plan.seed else set())
        )

    def _copy(self, name: str, sha: str) -> None:
        target = self.out / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(self.audit / name, target, follow_symlinks=False)
        if hash_file(target, name=name) != sha:
            raise EvidenceError(
                f"{name}: is not the file that was sealed", hint="run countermark verify on the audit"
            )

    def _copy_late(self) -> None:
        """Others' stamps that came after the seal; those of the seal itself speak of the original manifest."""
        for name in walk(self.audit):
            if name not in self.before and may_lie_beside(name):
                about = target_of(name)
                of_seal = about is not None and about[0] == SEAL
                target = self.out / (f"{ORIGINAL}/{name}" if of_seal else name)
                write_atomic(target, read_capped(self.audit / name, name=name))

    def _write_transcripts(self) -> None:
        for seq, parts in self.parts.items():
            blob = whole_blob(self.audit / RUN, seq)
            kinds = part_kinds(blob)
            if 0 in parts or max(parts) >= len(blob.parts) or blob.salt is None:
                raise UsageError(f"record {seq} has parts 1 to {len(blob.parts) - 1} that can be withheld")
            salt = blob.salt
            shown = [
                Part(part.leaf, None, None, parts[index].reason)
                if index in parts
                else Part(part.leaf, part.data, part_salt(salt, index))
                for index, part in enumerate(blob.parts)
            ]
            hidden = {kinds[index] for index in parts}
            self.hidden_scenarios.update([seq] if SCENARIO in hidden else [])
            self.hidden_messages.update([seq] if MESSAGE in hidden else [])
            write_atomic(self.out / RUN / blob_name(seq), format_partial(shown))

    def _write_log(self, lines: Sequence[LogLine]) -> None:
        data = b"".join(
            format_withheld(line.leaf, self.records[line.seq].reason)
            if line.seq in self.records
            else format_line(line.leaf_salt, line.data)
            for line in lines
        )
        write_atomic(self.out / RUN / RECORDS, data)

    def _write_items(self, lines: Sequence[LogLine]) -> None:
        """With the seed withheld: the salts of items that a disclosed transcript shows, the leaves of all others."""
        if not self.plan.seed:
            return
        hidden = {*self.records, *self.transcripts, *self.hidden_scenarios}
        shown = {_item(line) for line in lines if line.seq not in hidden}
        unseen = {_item(line): line.seq for line in lines}
        seed = _read_seed(self.audit)
        if len(seed.auditor.value) < _LEAST_SEED:
            raise UsageError(
                f"a seed of {len(seed.auditor.value)} hexadecimal digits can be found by trying, so it cannot be withheld",
                hint="an audit run without --seed draws one of 64 digits",
            )
        found: dict[tuple[str, int], RevealedItem] = {}
        for (test, item), seq in unseen.items():
            salt = item_salt(seed.value, test, item)
            if (test, item) in shown:
                found[test, item] = RevealedItem(salt, None)
            else:
                part = whole_blob(self.audit / RUN, seq).parts[1].data or b""
                found[test, item] = RevealedItem(None, leaf_hash(salt, body(part, SCENARIO)))
        write_atomic(self.out / ITEMS, format_items(found))

    def _write_report(self, making: Making) -> None:
        from countermark.records import Report

        document = canonical.decode(
            read_capped(self.audit / REPORT, max_bytes=MAX_REPORT, name=REPORT),
            max_bytes=MAX_REPORT,
            floats=False,
        )
        hidden = {*self.records, *self.transcripts, *self.hidden_messages}
        kept = quoted(document["events"], hidden)
        if len(kept) == len(document["events"]):
            return
        data = canonical.encode(document | {"events": kept})
        write_atomic(self.out / REPORT, data)
        rendered = making.render(
            Report.model_validate(canonical.decode(data, max_bytes=MAX_REPORT, floats=False))
        )
        for name in [name for name in self.before if name.startswith("report/") and name != REPORT]:
            (self.out / name).unlink()
        for name, content in rendered.items():
            write_atomic(self.out / "report" / name, content)


def quoted(events: Sequence[Mapping[str, Any]], hidden: Collection[int]) -> list[Mapping[str, Any]]:
    """The events of a report that quote nothing withheld."""
    return [one for one in events if one["seq"] not in hidden]


def _carry_over(before: Path | None, draft: Path, redaction: Redaction) -> None:
    """The list, manifest and signature of the copy that is superseded, those before it, and ciphertexts still needed."""
    if before is None:
        return
    number = 1
    while (before / SUPERSEDED / str(number)).is_dir():
        shutil.copytree(before / SUPERSEDED / str(number), draft / SUPERSEDED / str(number))
        number += 1
    for name in (LIST, MANIFEST, SIGNATURES):
        data = read_capped(before / name, max_bytes=MAX_MANIFEST, name=name)
        write_atomic(draft / SUPERSEDED / str(number) / Path(name).name, data)
    withheld = {*redaction.records, *redaction.transcripts, *redaction.parts}
    for seq in sorted(withheld):
        name = f"{SEALED}/{seq:08d}.age"
        if (before / name).exists():
            write_atomic(draft / name, read_capped(before / name, name=name))


def _trials(lines: Sequence[LogLine]) -> "list[TrialRecord]":
    from countermark.records import TrialRecord

    return [from_json(TrialRecord, line.record) for line in lines]


def _item(line: LogLine) -> tuple[str, int]:
    return str(line.record["test"]), int(line.record["item"])


def _read_seed(audit: Path) -> Seed:
    return parse_seed(read_capped(audit / SEED, max_bytes=MAX_SEED, name=SEED))
