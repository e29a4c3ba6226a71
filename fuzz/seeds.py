"""What fuzzing begins from: good examples of everything that is read, made from the repository's own files when asked for.

Also the one directory that targets work in, and the words with a meaning of their own that mutation may put in.
"""

import io
import json
import shutil
import sys
import tempfile
import zipfile
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from countermark import canonical  # noqa: E402

MAPPING = (ROOT / "docs" / "howto" / "xstest.mapping.yaml").read_bytes()
TABLE = (
    "id,prompt,completion,final_label,type,safe_prompt\n",
    "1,Hello?,Hello.,1_full_compliance,greeting,1\n",
)
JSON_WORDS = (
    b"null", b"true", b"NaN", b"-Infinity", b"1e400", b"-0", b"0.1", b"9007199254740993", b'"\\ud800"', b"[[[[", b'{"":{',
    b'"\\u0000"', b"[]", b"{}", b'""',
)  # fmt: skip  # fmt: skip
YAML_WORDS = (
    b"!!int", b"!!float", b"!!bool", b"!!timestamp", b"!!binary", b"!!set", b"!!omap", b"!!pairs", b"!!merge", b"!!null",
    b"!!map", b"!!seq", b"!!str", b"!!value", b"!!python/object:os.system", b"<<:", b"? ", b"&a ", b"*a", b"%YAML 1.1", b"---",
    b"%TAG ! x:", b'""', b'"\\U', b'"\\x', b"0x", b"0b", b"1:", b"1_0", b"2001-01-01", b"...", b"!<%", b"- ", b"[", b"{",
)  # fmt: skip  # fmt: skip
ZIP_WORDS = (
    b"PK\x01\x02",
    b"PK\x03\x04",
    b"PK\x05\x06",
    b"PK\x06\x06",
    b"PK\x06\x07",
    b"\x01\x00",
    b"\x5d\x00",
    b"../",
)


@cache
def workspace() -> Path:
    """A directory in memory where there is one, gone when the process ends."""
    import atexit

    memory = Path("/dev/shm")
    place = tempfile.mkdtemp(prefix="fuzz-", dir=memory if memory.is_dir() else None)
    atexit.register(shutil.rmtree, place, ignore_errors=True)
    return Path(place)


@cache
def audit() -> Path:
    """A small sealed audit with a witness's cosignatures, made once by the tests' own factory."""
    from tamper_bench import make_witnessed

    return make_witnessed(workspace() / "audit")


def audit_files() -> dict[str, bytes]:
    """Name to content of every file of the untouched audit."""
    return files_of(audit())


@cache
def files_of(directory: Path) -> dict[str, bytes]:
    from countermark.files import walk

    return {name: (directory / name).read_bytes() for name in walk(directory)}


def sources(kind: str) -> dict[str, bytes]:
    return audit_files() if kind == "audit" else pack_files()


@cache
def pack_files() -> dict[str, bytes]:
    """A pack with every file that a pack may hold: two examples laid over each other, and a model signature."""
    import base64

    packs = ROOT / "examples" / "packs"
    both = {**files_of(packs / "open-weights"), **files_of(packs / "api-model")}
    resource = {"name": "w", "algorithm": "sha256", "digest": "0" * 64}
    said = {
        "predicateType": "https://model_signing/signature/v1.0",
        "predicate": {
            "resources": [resource],
            "serialization": {"method": "files", "hash_type": "sha256", "ignore_paths": [".git"]},
        },
    }
    payload = base64.b64encode(canonical.encode(said)).decode()
    envelope = {
        "payload": payload,
        "payloadType": "application/vnd.in-toto+json",
        "signatures": [{"sig": "", "keyid": ""}],
    }
    return both | {"identity/model.sig": canonical.encode({"dsseEnvelope": envelope})}


@cache
def envelopes() -> list[bytes]:
    """A statement under either key."""
    from audit_factory import KEY, OTHER_KEY
    from countermark.evidence import sign_statement
    from countermark.evidence.dsse import PLAN_TYPE, REPORT_TYPE

    said = {"origin": "0123", "size": 21, "root": "ab" * 32}
    subjects = {"MANIFEST.sha256": "cd" * 32}
    return [
        sign_statement(KEY, REPORT_TYPE, subjects, said),
        sign_statement(OTHER_KEY, PLAN_TYPE, subjects, {"audit": "0123"}),
    ]


@cache
def notes() -> list[bytes]:
    """Two checkpoints."""
    from audit_factory import KEY
    from countermark.evidence import Checkpoint, sign_note

    return [
        sign_note(KEY, Checkpoint(origin="countermark/0123", size=size, root_hex="ab" * 32))
        for size in (8, 21)
    ]


def note_seeds() -> list[bytes]:
    """Checkpoints, one of them cosigned, one submitted to a witness."""
    from audit_factory import OTHER_KEY
    from countermark.evidence import Submission, cosign
    from countermark.evidence.notes import join_cosigned

    note = notes()[0]
    line = cosign(OTHER_KEY, "witness.example", note, 1_700_000_000)
    submitted = Submission(old=0, proof=(), note=note).to_bytes()
    return [*notes(), join_cosigned(note, [line]), submitted]


@cache
def recording() -> dict[str, bytes]:
    """recording.json and trials.jsonl of a recording imported from a small table."""
    from countermark.subjects.importers.table import read_table
    from countermark.subjects.recording import encode_recording

    mapping, table = workspace() / "seed.mapping.yaml", workspace() / "seed.csv"
    mapping.write_bytes(MAPPING)
    table.write_text("".join(TABLE))
    return encode_recording(read_table([table], mapping=mapping)[0])


def redactions() -> list[bytes]:
    """The list of a copy that withholds something of every kind."""
    from countermark.evidence.withholding import Decision, Redaction
    from tamper_bench import DECIDED, WITHHELD

    decisions = (*WITHHELD, Decision(records=(1,), seed=True, **DECIDED))
    files = {"reveal/seed.json": ("ab" * 32, None), "evidence/run-1/records.jsonl": ("ab" * 32, "cd" * 32)}
    return [Redaction(original="ef" * 32, decisions=decisions, files=files).to_bytes()]


def recording_seeds() -> list[bytes]:
    """The recording's two files, behind the byte that chooses."""
    return [bytes([number]) + recording()[name] for number, name in enumerate(sorted(recording()))]


def pack_seeds() -> list[bytes]:
    """Every file of the example pack, behind the byte that chooses it."""
    return numbered("pack")


def audit_seeds() -> list[bytes]:
    """Every file of the audit, behind the byte that chooses it; of the transcripts two."""
    names = [*sorted(audit_files()), *sorted(EXTRA["audit"])]
    named = list(zip(names, numbered("audit"), strict=True))
    blobs = [seed for name, seed in named if "/blobs/" in name]
    return [*(seed for name, seed in named if "/blobs/" not in name), *blobs[:2]]


def numbered(kind: str) -> list[bytes]:
    """Every file, and every one that might be added, behind the byte that chooses it."""
    found = [*sorted(sources(kind).items()), *sorted(EXTRA[kind].items())]
    return [bytes([number]) + data for number, (_, data) in enumerate(found)]


EXTRA: dict[str, dict[str, bytes]] = {
    "pack": {"MANIFEST.sha256": b"0" * 64 + b"  pack.json\n", "signatures.intoto.jsonl": b"{}\n"},
    "audit": {
        "identity.jsonl": b'{"at":"2026-11-23T10:00:00.000Z","event":"loaded","schema":"countermark/identity/v0.1"}\n',
        "evidence/run-1/unwitnessed.jsonl": b'{"outcome":"timeout","size":8,"witness":"w"}\n',
        "reveal/items.jsonl": b'{"item":0,"leaf":"' + b"ab" * 32 + b'","test":"toy/keeping"}\n',
        "timestamps/plan.tsr": b"\x30\x03\x02\x01\x00",
        "timestamps/seal.sigstore.json": b'{"dsseEnvelope":{"payload":""}}',
        "timestamps/cosigned-00000021.note": b"x\n",
    },
}
"""Files that may lie there and do not in the copy, each with something like its content."""


def documents() -> list[bytes]:
    """The JSON documents of the example packs."""
    return [path.read_bytes() for path in sorted((ROOT / "examples" / "packs").rglob("*.json"))]


def manifests() -> list[bytes]:
    """A manifest of two files."""
    from countermark.evidence import manifest_of

    return [manifest_of({"plan/plan.json": b"{}", "report/report.json": b"[]"})]


def log_lines() -> list[bytes]:
    """A line as a log begins with."""
    from audit_factory import attempts
    from countermark.evidence import to_json
    from countermark.evidence.lines import format_line

    record = to_json(attempts()[0][0]) | {"seq": 0, "transcript": "ab" * 32}
    return [format_line(b"l" * 32, canonical.encode(record))]


def transcripts() -> list[bytes]:
    """An answered attempt, a failed one, and one with a part withheld."""
    from audit_factory import attempts
    from countermark.evidence.parts import Part, format_blob, format_partial, parse_blob, part_salt, to_parts

    whole = [format_blob(b"s" * 32, to_parts(transcript)) for _, transcript in attempts()[7:9]]
    parts = parse_blob(whole[0]).parts
    opened = [Part(one.leaf, one.data, part_salt(b"s" * 32, at)) for at, one in enumerate(parts)]
    opened[3] = Part(opened[3].leaf, None, None, "hazard")
    return [*whole, format_partial(opened)]


def revealed() -> list[bytes]:
    """The seed, and two items of which one keeps its scenario."""
    from audit_factory import SEED
    from countermark.evidence.reveal import RevealedItem, format_items

    items = {("toy/keeping", 0): RevealedItem(b"s" * 32, None), ("toy/keeping", 1): RevealedItem(None, b"l" * 32)}  # fmt: skip
    return [SEED.to_bytes(), format_items(items)]


def payloads() -> list[bytes]:
    """What the envelopes sign."""
    import base64

    return [base64.b64decode(json.loads(line)["payload"]) for line in envelopes()]


def yaml_seeds() -> list[bytes]:
    """Short texts with every kind of value and layout."""
    return [
        b"a: [1, 0x1f, 1.5, .inf, yes, ~, 2001-01-01, 'x', \"\\u0041\"]\n",
        b"b: |\n  text\n? c\n: {d: e}\nf: >-\n  g\n",
        b"- a\n- b: c\n  d:\n  - e\n",
        b"%YAML 1.1\n---\na: !!int '1'\nb: !!binary aGk=\n...\n",
    ]


def archives() -> list[bytes]:
    """Archives packed in the two ways that the standard library knows."""

    def packed(method: int) -> bytes:
        target = io.BytesIO()
        with zipfile.ZipFile(target, "w", method) as archive:
            for name in ("header.json", "samples/1_epoch_1.json"):
                archive.writestr(zipfile.ZipInfo(name), b'{"version":2}' * 9, method)
        return target.getvalue()

    return [packed(zipfile.ZIP_STORED), packed(zipfile.ZIP_DEFLATED)]


def keys() -> list[bytes]:
    """One good key."""
    from audit_factory import KEY

    return [KEY.public.pem]


def policies() -> list[bytes]:
    """Two good policies."""
    roles = {"auditor": ["0" * 64], "witness": ["1" * 64]}
    plain = {"schema": "countermark/trust/v0.1", "roles": roles}
    return [
        canonical.encode(plain),
        canonical.encode(plain | {"witnesses": {"required": 1, "of": ["witness"]}}),
    ]


def tables() -> list[bytes]:
    """The small table in three forms."""
    head, *rows = (line.rstrip("\n").split(",") for line in TABLE)
    objects = [dict(zip(head, row, strict=True)) for row in rows]
    csv = "".join(TABLE).encode()
    lines = b"".join(canonical.encode(row) + b"\n" for row in objects)
    return [b"\x00" + csv, b"\x04" + lines, b"\x06" + canonical.encode(objects)]
