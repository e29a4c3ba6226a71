"""The tamper matrix for redacted copies: what who hands them on may do, and what the auditor who made them may."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from audit_factory import RUN
from countermark import canonical
from countermark.evidence.directory import REPORT
from countermark.evidence.lines import blob_name, format_withheld, read_log
from countermark.evidence.manifest import MANIFEST, SIGNATURES
from countermark.evidence.parts import Part, format_partial, parse_blob, part_salt
from countermark.evidence.seed import SEED
from countermark.evidence.withholding import LIST, ORIGINAL, Decision, Redaction
from tamper_bench import (
    BLOB,
    DECIDED,
    RECORDS,
    Mutation,
    finding,
    lines,
    read_json,
    sign_copy_again,
    substitute,
)

# --- By republishers ------------------------------------------------------------------------------------------------


def hide_transcript(copy: Path) -> None:
    (copy / RUN / blob_name(6)).unlink()


def hide_part(copy: Path) -> None:
    """One turn more of a transcript, as the format has it."""
    path = copy / RUN / blob_name(6)
    blob = parse_blob(path.read_bytes())
    assert blob.salt is not None
    parts = [Part(one.leaf, one.data, part_salt(blob.salt, at)) for at, one in enumerate(blob.parts)]
    parts[-2] = Part(parts[-2].leaf, None, None, "hazard")
    path.write_bytes(format_partial(parts))


def hide_record(copy: Path) -> None:
    (copy / RUN / blob_name(6)).unlink()
    log = list(read_log(copy / RUN))
    lines(RECORDS, lambda held: [*held[:6], format_withheld(log[6].leaf, "hazard"), *held[7:]])(copy)


def hide_seed(copy: Path) -> None:
    shutil.rmtree((copy / SEED).parent)


def original_seal(copy: Path) -> None:
    """The seal of the whole audit, which lies in the copy, in place of the copy's own."""
    for name in (MANIFEST, SIGNATURES):
        shutil.copy(copy / ORIGINAL / name, copy / name)


REPUBLISHERS = (
    Mutation(what="one transcript more left out", do=hide_transcript, stage=3, named=f"{RUN}/{blob_name(6)}"),
    Mutation(what="one turn more withheld", do=hide_part, stage=3, named=f"{RUN}/{blob_name(6)}"),
    Mutation(what="one record more withheld", do=hide_record, stage=3, named=RECORDS),
    Mutation(what="the seed left out", do=hide_seed, stage=3, named=SEED),
    Mutation(what="the list lengthened to fit", do=substitute(LIST, b'"transcripts":[3,4]', b'"transcripts":[3,4,6]'), stage=3, named=LIST),
    Mutation(what="the embargo lengthened", do=substitute(LIST, b"2100-01-01", b"2999-01-01"), stage=3, named=LIST),
    Mutation(what="no list", do=lambda copy: (copy / LIST).unlink(), stage=3, named=LIST),
    Mutation(what="a transcript made up for one that is withheld", do=lambda copy: shutil.copy(copy / RUN / blob_name(6), copy / BLOB), stage=3, named=BLOB),
    Mutation(what="no trace of the first seal", do=lambda copy: shutil.rmtree(copy / ORIGINAL), stage=3, named=f"{ORIGINAL}/{MANIFEST}"),
    Mutation(what="the first seal in the copy's place", do=original_seal, stage=3, named=BLOB),
)  # fmt: skip
"""On a redacted copy, by whoever hands it on."""


# --- By redactors ---------------------------------------------------------------------------------------------------


def signed(change: Callable[[Path], object]) -> Callable[[Path], None]:
    """The change, every changed file listed with its digests, and the copy signed again; what is withheld is not listed."""

    def apply(copy: Path) -> None:
        change(copy)
        sign_copy_again(copy)

    return apply


def decided(change: Callable[[tuple[Decision, ...]], tuple[Decision, ...]]) -> Callable[[Path], None]:
    def follow(listed: Redaction) -> Redaction:
        return replace(listed, decisions=change(listed.decisions))

    return lambda copy: sign_copy_again(copy, follow)


def nicer_copy(copy: Path) -> None:
    """Where the transcripts are withheld, who would notice."""
    report = read_json(copy / REPORT)
    finding(report).update(k=0, rate="0.000000")
    (copy / REPORT).write_bytes(canonical.encode(report))


def nicer_words_in_part(copy: Path) -> None:
    """Another answer in a transcript of which turns are withheld."""
    path = copy / RUN / blob_name(5)
    parts = list(parse_blob(path.read_bytes()).parts)
    assert parts[4].data is not None
    parts[4] = parts[4]._replace(data=parts[4].data.replace(b"I keep", b"I kept"))
    path.write_bytes(format_partial(parts))


REDACTORS = (
    Mutation(what="a transcript left out and not listed", do=signed(hide_transcript), stage=7, named=f"{RUN}/{blob_name(6)}"),
    Mutation(what="a turn withheld and not listed", do=signed(hide_part), stage=9, named=f"{RUN}/{blob_name(6)}"),
    Mutation(what="a record withheld and not listed", do=signed(hide_record), stage=9, named=f"{RECORDS}: record 6"),
    Mutation(what="the seed left out and not listed", do=signed(hide_seed), stage=9, named=SEED),
    Mutation(what="more listed than is withheld", do=decided(lambda made: (*made, Decision(transcripts=(7,), **DECIDED))), stage=9, named=f"{RUN}/{blob_name(7)}"),
    Mutation(what="a reason of its own", do=decided(lambda made: (replace(made[0], reason="unwelcome"), made[1])), stage=9, named=LIST),
    Mutation(what="a nicer number in a redacted copy", do=signed(nicer_copy), stage=3, named=f"{ORIGINAL}/{SIGNATURES}"),
    Mutation(what="nicer words beside withheld ones", do=signed(nicer_words_in_part), stage=7, named=f"{RUN}/{blob_name(5)}"),
)  # fmt: skip
"""On a redacted copy, by the auditor, who signs it again."""
