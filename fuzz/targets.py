"""What is fuzzed: each reader of strangers' bytes as a function of bytes, with the seeds that mutation starts from.

A reader may refuse with an error of the one tree or `InvalidJson`. Anything else that it raises is a crash, and so is
accepting what it should not: `Wrong`. No fuzzer is imported here: fuzz/run.py hands the targets to atheris,
tests/fuzz/ to hypothesis. The seeds are made from the repository's own files when they are asked for.
"""

import io
import json
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import seeds
from seeds import workspace

from countermark import canonical
from countermark.canonical import InvalidJson
from countermark.errors import CountermarkError
from countermark.issues import Issues

REFUSALS = (CountermarkError, InvalidJson)


class Wrong(AssertionError):
    """A reader took what it should have refused, or read it otherwise than it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A reader under fire: `read` takes the bytes, `seeds` gives good ones to begin from."""

    read: Callable[[bytes], object]
    seeds: Callable[[], list[bytes]]
    words: tuple[bytes, ...] = ()
    """What mutation may put in: spellings with a meaning of their own."""
    longest: int = 1 << 14


def expect(condition: object, why: str) -> None:
    """Raise `Wrong` unless the condition holds."""
    if not condition:
        raise Wrong(why)


def read_json(data: bytes) -> None:
    """Strict JSON says what the standard library says, or refuses; the fast reader says what the slow one does."""
    from countermark.evidence import quick

    for floats in (True, False):
        slow, fast = (_value(reader, data, floats) for reader in (canonical.decode, quick.decode))
        expect(slow == fast, f"two readers differ: {slow!r:.80}, {fast!r:.80}")
    value = canonical.decode(data)
    expect(value == json.loads(data), "read otherwise than the standard library reads it")
    signed = canonical.decode(data, floats=False)
    expect(canonical.decode(canonical.encode(signed)) == signed, "does not survive writing")


def _value(reader: Callable[..., object], data: bytes, floats: bool) -> object:
    try:
        return repr(reader(data, floats=floats))
    except InvalidJson as error:
        return error.args


def read_yaml(data: bytes) -> None:
    """YAML as a battery's folder holds it: faults are noted, nothing is raised."""
    from countermark.battery.yaml_files import parse_yaml

    parse_yaml(data.decode("utf-8", "replace"), "test.yaml", Issues())


def read_manifest(data: bytes) -> None:
    """Both readers of `sha256sum` lines; a manifest has one spelling."""
    from countermark.evidence.manifest import format_manifest, parse_manifest
    from countermark.pack.sums import parse_sums

    parse_sums(data, "identity/weights.sha256", Issues())
    expect(format_manifest(parse_manifest(data)) == data, "a manifest with two spellings")


def read_envelope(data: bytes) -> None:
    """A line of signatures.intoto.jsonl, and a bundle of a model signature."""
    from audit_factory import KEY, OTHER_KEY
    from countermark.evidence import open_statement
    from countermark.pack.model_signature import check_model_signature

    check_model_signature(data, {"model": "0" * 64}, Issues(), key=KEY.public.pem)
    statement = open_statement(data, [KEY.public, OTHER_KEY.public])
    expect(data in seeds.envelopes(), f"a signature of {statement.signer} that was never given")


def read_statement(data: bytes) -> None:
    """The payload of an envelope, signed whatever it says."""
    import base64

    from audit_factory import KEY
    from countermark.evidence import open_statement
    from countermark.evidence.dsse import PAYLOAD_TYPE, pae

    sig = base64.b64encode(KEY.sign(pae(data))).decode()
    envelope = {
        "payload": base64.b64encode(data).decode(),
        "payloadType": PAYLOAD_TYPE,
        "signatures": [{"keyid": KEY.public.fingerprint, "sig": sig}],
    }
    open_statement(canonical.encode(envelope) + b"\n", [KEY.public])


def read_note(data: bytes) -> None:
    """A checkpoint, its cosignatures, and a witness's submission."""
    from audit_factory import KEY, OTHER_KEY
    from countermark.evidence import Witness, open_cosignature, open_note, parse_submission
    from countermark.evidence.notes import split_cosigned

    submitted = _refused(lambda: parse_submission(data))
    if submitted is not None:
        _refused(lambda: Witness(OTHER_KEY, "witness", {}).add(submitted, KEY.public, time=0))
    note = seeds.notes()[0]
    for line in _refused(lambda: split_cosigned(data, note)) or []:
        _refused(lambda line=line: open_cosignature(line, note, [OTHER_KEY.public]))
    open_note(data, KEY.public)
    expect(data in seeds.notes(), "a checkpoint that was never signed")


def _refused(read: Callable[[], object]) -> object:
    try:
        return read()
    except REFUSALS:
        return None


def read_log_line(data: bytes) -> None:
    """A line of records.jsonl as far as the record it holds; what is read is written and read again the same."""
    from countermark.evidence.codec import from_checked
    from countermark.evidence.lines import format_line, parse_line
    from countermark.records import TrialRecord

    line = parse_line(data, 0)
    expect(parse_line(format_line(line.leaf_salt, line.data), 0) == line, "does not survive writing")
    from_checked(TrialRecord, line.data)


def read_transcript(data: bytes) -> None:
    """A blob, whole or in part, under whatever commitment it has; what is disclosed whole is written and read again."""
    from countermark.evidence.parts import format_blob, format_partial, parse_blob, to_parts
    from countermark.verify.opening import open_transcript

    blob = parse_blob(data)
    if blob.salt is None:
        expect(parse_blob(format_partial(blob.parts)).parts == blob.parts, "does not survive writing")
    opened = open_transcript(blob, blob.commitment.hex())
    if not opened.withheld:
        stored = parse_blob(format_blob(b"s" * 32, to_parts(opened.transcript)))
        again = open_transcript(stored, stored.commitment.hex()).transcript
        expect(again == opened.transcript, "does not survive writing")


def read_seed(data: bytes) -> None:
    """reveal/seed.json and reveal/items.jsonl."""
    from countermark.evidence.reveal import format_items, parse_items
    from countermark.evidence.seed import parse_seed

    items = _refused(lambda: parse_items(data))
    expect(items is None or format_items(items) == data, "items with two spellings")
    parse_seed(data)


def read_redaction(data: bytes) -> None:
    """The signed list of a redacted copy; it has one spelling."""
    from countermark.evidence.withholding import parse_redaction

    expect(parse_redaction(data).to_bytes() == data, "a list with two spellings")


def read_key(data: bytes) -> None:
    """A public key has one spelling."""
    from countermark.evidence import parse_public_key

    expect(parse_public_key(data).pem == data, "a key with two spellings")


def read_trust_policy(data: bytes) -> None:
    """trust.json."""
    from countermark.evidence import read_trust

    path = workspace() / "trust.json"
    path.write_bytes(data)
    read_trust(path)


def read_pack_file(data: bytes) -> None:
    """A pack with one file replaced: the first byte says which, the rest is its content."""
    from countermark.pack import check_pack

    directory = _replaced("pack", data)
    checked = check_pack(directory, model_key=b"no key")
    expect(all(str(issue).isprintable() for issue in checked.issues), "a fault that no terminal may see")


def read_recording_file(data: bytes) -> None:
    """recording.json or trials.jsonl replaced: the first byte says which."""
    from countermark.subjects.recording_reading import parse_recording

    names = sorted(seeds.recording())
    chosen = names[data[0] % len(names)] if data else names[0]
    parse_recording({**seeds.recording(), chosen: data[1:]}, Issues())


def read_mapping(data: bytes) -> None:
    """A mapping, then the table under it where it is one."""
    from countermark.subjects.importers.table import read_table

    path = workspace() / "fuzzed.mapping.yaml"
    path.write_bytes(data)
    table = workspace() / "mapped.csv"
    table.write_text("".join(seeds.TABLE))
    read_table([table], mapping=path)


def read_table_file(data: bytes) -> None:
    """A table under a good mapping; the first byte says of what form."""
    from countermark.subjects.importers.table import SUFFIXES, read_table
    from countermark.subjects.recording_documents import _RawLabels

    mapping = workspace() / "good.mapping.json"  # as JSON it is read a hundred times faster
    if not mapping.exists():
        import yaml

        mapping.write_bytes(canonical.encode(yaml.load(seeds.MAPPING.decode(), Loader=_RawLabels)))
    suffix = SUFFIXES[data[0] % len(SUFFIXES)] if data else ".csv"
    path = workspace() / f"table{suffix}"
    path.write_bytes(data[1:])
    try:
        read_table([path], mapping=mapping)
    finally:
        path.unlink()


def read_archive(data: bytes) -> None:
    """Whether an Inspect archive may be opened at all; nothing that passes holds a name that climbs."""
    from countermark.bridges.inspect_archive import vet_archive

    if vet_archive(data, "log.eval", Issues()):
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            names = archive.namelist()
        expect(not any(".." in name.split("/") or name.startswith("/") for name in names), "climbs out")


def verify_one_file(data: bytes) -> None:
    """A whole audit with one file replaced or added: the first byte says which; only the original holds."""
    from audit_factory import render
    from countermark.verify import verify
    from tamper_bench import POLICY

    verdict = verify(_replaced("audit", data), trust=POLICY, render=render)
    json.dumps(verdict.to_json())
    name, _, changed = _choice("audit", data)
    beside = name.startswith("timestamps/")  # may be added to a sealed audit: it vouches for itself
    expect(beside or (verdict.exit_code == 0) != changed, "a changed file passed")


def verify_signed_file(data: bytes) -> None:
    """As before, and sealed again with the auditor's key: later stages read it too, and the second verifier after them.

    What the first takes, the second must take: it checks less, by the same page.
    """
    from audit_factory import KEY, render, reseal
    from countermark.verify import verify
    from second_reader import second
    from tamper_bench import POLICY

    directory = _replaced("audit", data)
    try:
        reseal(directory)
    except (*REFUSALS, ValueError, OSError):
        return  # the factory itself stumbles: nothing was sealed
    finally:
        _TOUCHED["audit"] |= {name for name in seeds.sources("audit") if name.endswith(_SEALS)}
    verdict = verify(directory, trust=POLICY, render=render)
    json.dumps(verdict.to_json())
    if verdict.exit_code in (0, 4):
        lines: list[str] = []
        second.verify(second.Audit(directory, second.read_key(KEY.public.pem)), lines.append)
        expect(lines[-1].startswith("ok"), f"the second verifier refuses it: {lines[-1]}")


_SEALS = ("MANIFEST.sha256", "signatures.intoto.jsonl", "VERIFY.txt", "keys/auditor.pub.pem")
_TOUCHED: dict[str, set[str]] = {}
"""Which files of a copy are not as they were, and must be put back before it is used again."""


def _choice(kind: str, data: bytes) -> tuple[str, bytes, bool]:
    """Which file is replaced or added, by what, and whether that is a change."""
    sources, extra = seeds.sources(kind), seeds.EXTRA[kind]
    names = [*sorted(sources), *sorted(extra)]
    name = names[data[0] % len(names)] if data else names[0]
    return name, data[1:], data[1:] != sources.get(name)


def _replaced(kind: str, data: bytes) -> Path:
    """The working copy of an audit or a pack, all as it was but the file that `data` chooses."""
    copy, sources = workspace() / f"{kind}-copy", seeds.sources(kind)
    for name in _TOUCHED.get(kind, set(sources)):
        if name in sources:
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            (copy / name).write_bytes(sources[name])
        else:
            (copy / name).unlink()
            if not any((copy / name).parent.iterdir()):
                (copy / name).parent.rmdir()
    name, content, _ = _choice(kind, data)
    (copy / name).parent.mkdir(parents=True, exist_ok=True)
    (copy / name).write_bytes(content)
    _TOUCHED[kind] = {name}
    return copy


TARGETS: dict[str, Target] = {
    "json": Target(read=read_json, seeds=seeds.documents, words=seeds.JSON_WORDS),
    "yaml": Target(read=read_yaml, seeds=seeds.yaml_seeds, words=seeds.YAML_WORDS, longest=1 << 8),
    "manifest": Target(read=read_manifest, seeds=seeds.manifests),
    "envelope": Target(read=read_envelope, seeds=seeds.envelopes, words=seeds.JSON_WORDS),
    "statement": Target(read=read_statement, seeds=seeds.payloads, words=seeds.JSON_WORDS),
    "note": Target(read=read_note, seeds=seeds.note_seeds),
    "log-line": Target(read=read_log_line, seeds=seeds.log_lines, words=seeds.JSON_WORDS),
    "transcript": Target(read=read_transcript, seeds=seeds.transcripts, words=seeds.JSON_WORDS),
    "seed": Target(read=read_seed, seeds=seeds.revealed, words=seeds.JSON_WORDS),
    "redaction": Target(read=read_redaction, seeds=seeds.redactions, words=seeds.JSON_WORDS),
    "key": Target(read=read_key, seeds=seeds.keys),
    "trust": Target(read=read_trust_policy, seeds=seeds.policies, words=seeds.JSON_WORDS),
    "pack": Target(read=read_pack_file, seeds=seeds.pack_seeds, words=seeds.JSON_WORDS),
    "recording": Target(read=read_recording_file, seeds=seeds.recording_seeds, words=seeds.JSON_WORDS),
    "mapping": Target(
        read=read_mapping, seeds=lambda: [seeds.MAPPING], words=seeds.YAML_WORDS, longest=1 << 12
    ),
    "table": Target(
        read=read_table_file, seeds=seeds.tables, words=(b'"', b'""', b"\r", b"\x00", *seeds.JSON_WORDS)
    ),
    "archive": Target(read=read_archive, seeds=seeds.archives, words=seeds.ZIP_WORDS),
    "verify": Target(read=verify_one_file, seeds=seeds.audit_seeds, words=seeds.JSON_WORDS),
    "verify-signed": Target(read=verify_signed_file, seeds=seeds.audit_seeds, words=seeds.JSON_WORDS),
}


def attempt(name: str, data: bytes) -> bool:
    """Give the bytes to a target; whether it took them. Raises whatever is a crash."""
    try:
        TARGETS[name].read(data)
    except REFUSALS:
        return False
    return True
