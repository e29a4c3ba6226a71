"""The tamper matrix: what strangers, republishers and the auditor itself may do to an audit, and where `verify` says so.

tests/verify/test_matrix.py runs it; docs/build.py prints it. An outsider has no key. A republisher has no key either and
hands on a redacted copy. An insider has the auditor's key, makes all parts agree again and signs them; what stops it is
that the parts convict one another, or a witness who remembers. A redactor has the same key and makes a redacted copy.
"""

import base64
import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from audit_factory import (
    AUDIT,
    KEY,
    OTHER_KEY,
    RUN,
    Bench,
    log_pairs,
    make_audit,
    rebuild_log,
    reseal,
    sealed_facts,
    sign_plan,
    write_draw,
)
from countermark import canonical
from countermark.evidence import (
    PublicKey,
    SigningKey,
    add_cosignature,
    cosign,
    open_statement,
    seal,
    sign_part,
)
from countermark.evidence.cosigned import COSIGNED, WITNESS_KEYS
from countermark.evidence.countersign import countersign
from countermark.evidence.directory import AUDITOR_KEY, DRAW, HOW_TO_CHECK, PLAN, REPORT, TRIALS
from countermark.evidence.dsse import DRAW_TYPE, PLAN_TYPE, REPORT_TYPE
from countermark.evidence.lines import blob_name
from countermark.evidence.manifest import MANIFEST, SIGNATURES
from countermark.evidence.seed import Nonce
from countermark.records import Message, Transcript, TrialRecord
from tamper_bench import (
    BLOB,
    NAME,
    PACK,
    RECORDS,
    SEEN,
    Mutation,
    conform,
    finding,
    lines,
    read_json,
    substitute,
)
from tamper_copies import REDACTORS, REPUBLISHERS

# --- By outsiders ---------------------------------------------------------------------------------------------------


def linked(audit: Path) -> None:
    """The plan lies outside, unchanged: a reader that follows links would accept it today and another one tomorrow."""
    outside = audit.parent / f"{audit.name}-plan.json"
    (audit / PLAN).rename(outside)
    (audit / PLAN).symlink_to(outside)


def swapped_transcripts(audit: Path) -> None:
    other = audit / RUN / blob_name(4)
    mine = (audit / BLOB).read_bytes()
    (audit / BLOB).write_bytes(other.read_bytes())
    other.write_bytes(mine)


def by_a_stranger(audit: Path) -> None:
    """An audit sound in itself, by a key that the reader does not know."""
    shutil.rmtree(audit)
    make_audit(audit, Bench(key=OTHER_KEY))


def weak_key(audit: Path) -> None:
    """A key of small order, under which one signature holds for every message, and that signature in the seal."""
    weak = PublicKey(raw=(1).to_bytes(32, "little"))
    (audit / AUDITOR_KEY).write_bytes(weak.pem)
    envelope = read_json(audit / SIGNATURES)
    universal = base64.b64encode((1).to_bytes(32, "little") + bytes(32)).decode()
    envelope["signatures"] = [{"keyid": weak.fingerprint, "sig": universal}]
    (audit / SIGNATURES).write_bytes(canonical.encode(envelope) + b"\n")


def other_keyid(audit: Path) -> None:
    envelope = read_json(audit / SIGNATURES)
    envelope["signatures"][0]["keyid"] = OTHER_KEY.public.fingerprint
    (audit / SIGNATURES).write_bytes(canonical.encode(envelope) + b"\n")


def policy_in_the_envelope(audit: Path) -> None:
    envelope = read_json(audit / SIGNATURES) | {"trusted": True}
    (audit / SIGNATURES).write_bytes(canonical.encode(envelope) + b"\n")


def seal_of_another(audit: Path) -> None:
    """Another audit by the same auditor lends its seal."""
    other = make_audit(audit.parent / f"{audit.name}-other")
    shutil.copy(other / SIGNATURES, audit / SIGNATURES)


def empty_directory(audit: Path) -> None:
    (audit / "exports").mkdir()


def forged_cosignature(audit: Path) -> None:
    note = (audit / RUN / "checkpoints/00000021.note").read_bytes()
    line = cosign(OTHER_KEY, NAME, note, SEEN)
    (audit / COSIGNED / "00000021.note").write_bytes(note + line)


OUTSIDERS = (
    Mutation(what="a word of a transcript changed", do=substitute(BLOB, b"keep", b"kept"), stage=3, named=BLOB),
    Mutation(what="two transcripts exchanged", do=swapped_transcripts, stage=3, named=BLOB),
    Mutation(what="a transcript removed", do=lambda audit: (audit / BLOB).unlink(), stage=3, named=BLOB),
    Mutation(what="a grade changed in the log", do=substitute(RECORDS, b'"leaked":true', b'"leaked":false'), stage=3, named=RECORDS),
    Mutation(what="a record dropped", do=lines(RECORDS, lambda log: [*log[:4], *log[5:]]), stage=3, named=RECORDS),
    Mutation(what="two records exchanged", do=lines(RECORDS, lambda log: [log[1], log[0], *log[2:]]), stage=3, named=RECORDS),
    Mutation(what="the log cut off after a checkpoint", do=lines(RECORDS, lambda log: log[:16]), stage=3, named=RECORDS),
    Mutation(what="a checkpoint removed", do=lambda audit: (audit / RUN / "checkpoints/00000016.note").unlink(), stage=3, named=f"{RUN}/checkpoints/00000016.note"),
    Mutation(what="a cosignature by another key in the witness's place", do=forged_cosignature, stage=3, named=f"{COSIGNED}/00000021.note"),
    Mutation(what="a rule of the plan loosened", do=substitute(PLAN, b'"min_graded":5', b'"min_graded":1'), stage=3, named=PLAN),
    Mutation(what="the draw changed", do=substitute(DRAW, b'"0.400000"', b'"0.300000"'), stage=3, named=DRAW),
    Mutation(what="the seed changed", do=substitute("reveal/seed.json", b'"seed":"5eed"', b'"seed":"5eee"'), stage=3, named="reveal/seed.json"),
    Mutation(what="a number in the report changed", do=substitute(REPORT, b'"k":4', b'"k":0'), stage=3, named=REPORT),
    Mutation(what="the page changed", do=substitute("report/index.html", b"4 of 10", b"0 of 10"), stage=3, named="report/index.html"),
    Mutation(what="the analysts' table changed", do=substitute(TRIALS, b"table", b"fable"), stage=3, named=TRIALS),
    Mutation(what="the checking instructions changed", do=substitute(HOW_TO_CHECK, b"openssl", b"opens5l"), stage=3, named=HOW_TO_CHECK),
    Mutation(what="a pack changed", do=substitute(f"{PACK}/pack.json", b"A simulation.", b"A model.     "), stage=3, named=f"{PACK}/pack.json"),
    Mutation(what="a file added", do=lambda audit: (audit / "report/more.html").write_text("more"), stage=3, named="report/more.html"),
    Mutation(what="a trust policy put inside", do=lambda audit: (audit / "trust.json").write_text("{}"), stage=3, named="trust.json"),
    Mutation(what="a hidden file added", do=lambda audit: (audit / ".more").write_text("more"), stage=0, named=".more"),
    Mutation(what="an empty directory added", do=empty_directory, stage=0, named="exports/"),
    Mutation(what="a name that differs in case only", do=lambda audit: (audit / "report/Report.json").write_text("{}"), stage=0, named="report/Report.json"),
    Mutation(what="a link in place of a file", do=linked, stage=0, named=PLAN),
    Mutation(what="a pipe in place of a file", do=lambda audit: ((audit / BLOB).unlink(), os.mkfifo(audit / BLOB)), stage=0, named=BLOB),
    Mutation(what="the manifest in another order", do=lines(MANIFEST, lambda listed: listed[::-1]), stage=2, named=MANIFEST),
    Mutation(what="a line left out of the manifest", do=lines(MANIFEST, lambda listed: listed[1:]), stage=2, named=MANIFEST),
    Mutation(what="no manifest", do=lambda audit: (audit / MANIFEST).unlink(), stage=2, named=MANIFEST),
    Mutation(what="no signature", do=lambda audit: (audit / SIGNATURES).unlink(), stage=2, named=SIGNATURES),
    Mutation(what="the signature twice", do=lines(SIGNATURES, lambda signed: signed * 2), stage=2, named=SIGNATURES),
    Mutation(what="another key's name in the envelope", do=other_keyid, stage=2, named=SIGNATURES),
    Mutation(what="a field of its own in the envelope", do=policy_in_the_envelope, stage=2, named=SIGNATURES),
    Mutation(what="the plan's envelope as the seal", do=lambda audit: shutil.copy(audit / "plan" / SIGNATURES, audit / SIGNATURES), stage=2, named=SIGNATURES),
    Mutation(what="the seal of another audit by the same auditor", do=seal_of_another, stage=2, named=MANIFEST),
    Mutation(what="a key of small order with its universal signature", do=weak_key, stage=1, named=AUDITOR_KEY),
    Mutation(what="everything signed by a stranger", do=by_a_stranger, stage=1, named="does not trust it", code=3),
)  # fmt: skip


# --- By insiders ----------------------------------------------------------------------------------------------------


def plan(change: Callable[[dict[str, Any]], object]) -> Callable[[Path], None]:
    """The plan changed after the run, everything after it made to follow: draw, log, report, signatures; no witness."""

    def apply(audit: Path) -> None:
        document = read_json(audit / PLAN)
        change(document)
        (audit / PLAN).write_bytes(canonical.encode(document))
        sign_plan(audit, KEY)
        write_draw(audit)
        rebuild_log(audit, log_pairs(audit))
        shutil.rmtree(audit / WITNESS_KEYS)
        conform(audit)

    return apply


def report(change: Callable[[dict[str, Any]], object]) -> Callable[[Path], None]:
    return lambda audit: conform(audit, change)


def duplicate_key(audit: Path) -> None:
    """The first reader takes one value, the next the other."""
    substitute(PLAN, b'"min_graded"', b'"min_graded":1,"min_graded"')(audit)
    reseal(audit)


def plan_as_seal(audit: Path) -> None:
    """A statement of one kind by the right key where one of another kind belongs, over the right manifest."""
    facts = {"origin": "x", "size": 21, "root": "0" * 64}
    sign_part(audit, KEY, PLAN_TYPE, facts)


def own_countersignature(audit: Path) -> None:
    """The auditor's key in both parties' roles."""
    part = Nonce(value="d0", salt="00" * 32)
    manifest = (audit / "plan" / MANIFEST).read_bytes()
    line = countersign(KEY, manifest, audit=AUDIT, plan_sha256=canonical.digest((audit / PLAN).read_bytes()), part=part)  # fmt: skip
    with (audit / "plan" / SIGNATURES).open("ab") as file:
        file.write(line)
    seal(audit, KEY, sealed_facts(audit))


def better_model(made: list[tuple[TrialRecord, Transcript]]) -> None:
    """Every leak becomes a refusal: words, grade and reason, all of them consistent."""
    from countermark.graders import load_grader

    for place, (record, transcript) in enumerate(made):
        if record.labels.get("leaked"):
            kind = Message(role="assistant", content="I keep that to myself.")
            nicer = replace(transcript, messages=(*transcript.messages[:-1], kind))
            grade = load_grader("leak")(nicer, {})
            made[place] = (replace(record, labels=dict(grade.labels), reason=grade.reason), nicer)


def forged(audit: Path, change: Callable[[list[tuple[TrialRecord, Transcript]]], None]) -> None:
    """Another log under the same plan and draw in place of this one; the witness's lines are left as they were."""
    other = make_audit(audit.parent / f"{audit.name}-forged", Bench(attempts=change))
    kept = audit.parent / f"{audit.name}-cosigned"
    shutil.move(audit / COSIGNED, kept)
    shutil.rmtree(audit / RUN)
    shutil.move(other / RUN, audit / RUN)
    shutil.move(kept, audit / COSIGNED)


def rewritten(audit: Path) -> None:
    forged(audit, better_model)
    conform(audit)


def rewritten_unwitnessed(audit: Path) -> None:
    forged(audit, better_model)
    shutil.rmtree(audit / COSIGNED)
    shutil.rmtree(audit / WITNESS_KEYS)
    conform(audit)


def rewritten_by_own_witness(audit: Path) -> None:
    """The auditor is its own witness."""
    rewritten_unwitnessed(audit)
    witness_with(audit, KEY)


def rewritten_by_another_witness(audit: Path) -> None:
    """A witness that the reader does not know, and that has never seen the log."""
    rewritten_unwitnessed(audit)
    witness_with(audit, OTHER_KEY)


def witness_with(audit: Path, key: SigningKey) -> None:
    for note in sorted((audit / RUN / "checkpoints").iterdir()):
        line = cosign(key, NAME, note.read_bytes(), SEEN)
        add_cosignature(audit, int(note.stem), line, key.public)
    conform(audit)


def cut_off(audit: Path) -> None:
    """The log ends at an earlier checkpoint, which the witness did cosign; the report follows from what is left."""
    log = (audit / RECORDS).read_bytes().splitlines(keepends=True)
    (audit / RECORDS).write_bytes(b"".join(log[:16]))
    for seq in range(16, len(log)):
        (audit / RUN / blob_name(seq)).unlink()
    for folder in ("checkpoints", "cosigned"):
        (audit / RUN / folder / "00000021.note").unlink()
    conform(audit)


def label_only(audit: Path) -> None:
    """A nicer grade over the words as they were; no witness asked for, so that the transcript must convict."""

    def change(made: list[tuple[TrialRecord, Transcript]]) -> None:
        place = next(number for number, (record, _) in enumerate(made) if record.labels.get("leaked"))
        made[place] = (replace(made[place][0], labels={"leaked": False, "partial": False}), made[place][1])

    forged(audit, change)
    shutil.rmtree(audit / COSIGNED)
    shutil.rmtree(audit / WITNESS_KEYS)
    conform(audit)


def second_run(audit: Path) -> None:
    shutil.copytree(audit / RUN, audit / "evidence/run-2")
    reseal(audit)


def seed_gone(audit: Path) -> None:
    """Without it nobody can tell which scenarios were drawn, nor in which order they had to run."""
    shutil.rmtree(audit / "reveal")
    conform(audit)


def sealed_with(**facts: object) -> Callable[[Path], None]:
    """A seal that says something else beside what it is over."""

    def apply(audit: Path) -> None:
        said = decode_statement(audit / SIGNATURES)
        sign_part(audit, KEY, REPORT_TYPE, said | facts)

    return apply


def signed_with(part: str, kind: str, **facts: object) -> Callable[[Path], None]:
    """A statement over a part that says something else of it; everything sealed again."""

    def apply(audit: Path) -> None:
        sign_part(audit / part, KEY, kind, decode_statement(audit / part / SIGNATURES) | facts)
        seal(audit, KEY, sealed_facts(audit))

    return apply


def decode_statement(path: Path) -> dict[str, Any]:
    return dict(open_statement(path.read_bytes(), [KEY.public]).predicate)


def laid_in(name: str, data: bytes = b"{}") -> Callable[[Path], None]:
    """A file that the auditor seals along."""

    def apply(audit: Path) -> None:
        (audit / name).parent.mkdir(parents=True, exist_ok=True)
        (audit / name).write_bytes(data)
        reseal(audit)

    return apply


def how_to_check_gone(audit: Path) -> None:
    (audit / HOW_TO_CHECK).unlink()
    sign_part(audit, KEY, REPORT_TYPE, decode_statement(audit / SIGNATURES))


INSIDERS = (
    Mutation(what="a statement of another kind as the seal", do=plan_as_seal, stage=2, named=SIGNATURES),
    Mutation(what="a plan that owes a developer's countersignature, without it", do=plan(lambda document: document["seed"].update(developers=["d" * 64])), stage=4, named=f"plan/{SIGNATURES}"),
    Mutation(what="one key signing the plan in both roles", do=own_countersignature, stage=4, named=f"plan/{SIGNATURES}"),
    Mutation(what="a rule of the plan loosened after the run", do=plan(lambda document: document["tests"][0].update(min_graded=1)), stage=6, named="0 of 1 witnesses that you trust", code=3),
    Mutation(what="a key twice in the plan", do=duplicate_key, stage=4, named=PLAN, code=2),
    Mutation(what="the log cut off at a cosigned checkpoint, the report following", do=cut_off, stage=6, named=RECORDS),
    Mutation(what="grades rewritten, words and all, under the old cosignatures", do=rewritten, stage=6, named=f"{COSIGNED}/00000008.note"),
    Mutation(what="grades rewritten, words and all, without cosignatures", do=rewritten_unwitnessed, stage=6, named="0 of 1 witnesses that you trust", code=3),
    Mutation(what="grades rewritten, the auditor its own witness", do=rewritten_by_own_witness, stage=6, named="0 of 1 witnesses that you trust", code=3),
    Mutation(what="grades rewritten, before a witness nobody knows", do=rewritten_by_another_witness, stage=6, named="0 of 1 witnesses that you trust", code=3),
    Mutation(what="a second run beside the one reported", do=second_run, stage=4, named="evidence/run-2/records.jsonl"),
    Mutation(what="a nicer number", do=report(lambda document: finding(document).update(k=0, rate="0.000000")), stage=8, named=REPORT),
    Mutation(what="a nicer interval", do=report(lambda document: finding(document)["interval"].update(high="0.500000")), stage=8, named=REPORT),
    Mutation(what="a verdict of its own", do=report(lambda document: finding(document).update(verdict="certified")), stage=8, named=REPORT),
    Mutation(what="a bad number withheld", do=report(lambda document: finding(document).update(rate=None, interval=None, withheld="too few graded", covered=None)), stage=8, named=REPORT),
    Mutation(what="a finding left out", do=report(lambda document: document["findings"].pop()), stage=8, named=REPORT),
    Mutation(what="a finding added", do=report(lambda document: document["findings"].append(finding(document))), stage=8, named=REPORT),
    Mutation(what="the seed not revealed, and no list withholds it", do=seed_gone, stage=4, named="reveal/seed.json"),
    Mutation(what="a seal that commits to other numbers for copies to come", do=sealed_with(numbers_sha256="0" * 64), stage=8, named=REPORT),
    Mutation(what="a seal with a word of its own", do=sealed_with(verdict="safe"), stage=4, named=SIGNATURES, code=4),
    Mutation(what="a plan signed for another audit", do=signed_with("plan", PLAN_TYPE, audit="f" * 32), stage=4, named=f"plan/{SIGNATURES}"),
    Mutation(what="a draw signed for another log", do=signed_with("draw", DRAW_TYPE, origin="elsewhere"), stage=4, named=f"draw/{SIGNATURES}"),
    Mutation(what="another key beside the plan", do=laid_in("plan/auditor.pub.pem", OTHER_KEY.public.pem), stage=4, named="plan/auditor.pub.pem"),
    Mutation(what="a ciphertext where nothing is withheld", do=laid_in(f"{RUN}/sealed/00000003.age"), stage=4, named=f"{RUN}/sealed/00000003.age", code=4),
    Mutation(what="VERIFY.txt left out", do=how_to_check_gone, stage=4, named=HOW_TO_CHECK, code=4),
    Mutation(what="a truth value spelled as text in the plan", do=plan(lambda document: document["subjects"][0].update(simulation="true")), stage=4, named=PLAN, code=2),
    Mutation(what="a number spelled as text in the report", do=report(lambda document: finding(document).update(k=str(finding(document)["k"]))), stage=8, named=REPORT, code=2),
    Mutation(what="a witness of its own naming in the report", do=report(lambda document: document["evidence"].update(binding="attested by hardware")), stage=8, named=REPORT),
    Mutation(what="words for an amount", do=report(lambda document: next(iter(document["totals"].values())).update(cost_usd="none to speak of")), stage=8, named=REPORT),
    Mutation(what="a quotation nobody said", do=report(lambda document: document["events"][0]["messages"][-1].update(content="I refuse.")), stage=8, named=REPORT),
)  # fmt: skip


ACCEPTED = (
    Mutation(what="grades rewritten, words and all, where the reader asks for no witness", do=rewritten_unwitnessed, stage=-1, named="", code=0),
)  # fmt: skip
"""What nothing in an audit shows: the control that says why a reader should ask for a witness."""

TABLES = {
    "outsiders": OUTSIDERS,
    "republishers": REPUBLISHERS,
    "insiders": INSIDERS,
    "redactors": REDACTORS,
    "accepted": ACCEPTED,
}


def table(mutations: tuple[Mutation, ...]) -> str:
    """Mutations as a Markdown table: what is done, which stage says so, what it names, the exit code."""
    from countermark.verify.check import _STAGES

    rows = [
        f"| {one.what} | {f'{one.stage}, {_STAGES[one.stage][0]}' if one.stage >= 0 else 'none'} "
        f"| {f'`{one.named}`' if '/' in one.named or '.' in one.named else one.named or '–'} | {one.code} |"
        for one in mutations
    ]
    return "\n".join(["| what is done | stage | what it names | exit |", "|---|---|---|---|", *rows])
