"""A second reader of audit directories, written from docs/reference/evidence-format.md and from nothing else.

It shares no code with the countermark package and does not import it: if both accept an audit, or both refuse it, the
page says enough and neither merely agrees with itself. It needs Python 3.11 and `cryptography`.

    python second_verifier.py AUDIT [KEY.pem]

KEY.pem is the auditor's key as you got it from the auditor. Without it the key that lies in the directory is used, and
the last line says that whoever made the directory chose it. One line is printed for each check. Exit code: 0 all of
them hold, 1 something does not, 2 something cannot be read.

It does not give grades again, compute intervals, stops or planted rates, look up quotations, hold claims against numbers,
make pages again, or know any trust policy, witness, time stamp or pack's fields: `countermark verify` does. What neither
can show stands in docs/reference/verify.md.
"""

import base64
import hashlib
import hmac
import json
import os
import re
import sys
from collections import Counter
from decimal import Decimal
from itertools import product
from pathlib import Path

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

MANIFEST, SIGNATURES = "MANIFEST.sha256", "signatures.intoto.jsonl"
# What may come after the seal: others signed it, and it is not checked here.
LATER = re.compile(
    r"timestamps/(((plan|draw|seal|checkpoint-[0-9]{8,16})(\.[2-9])?\.tsr)|((plan|draw|seal)(\.[2-9])?\.sigstore\.json)"
    r"|(cosigned-[0-9]{8,16}\.note)|(witness-[0-9a-f]{64}\.pub\.pem))"
)
NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._@+=,~-]{0,199}(/[A-Za-z0-9_][A-Za-z0-9._@+=,~-]{0,199}){0,15}")
PAYLOAD_TYPE = "application/vnd.in-toto+json"
PREDICATES = "https://countermark.example/ns"
RUN = "evidence/run-1"
COPY = "redaction/"
CHANGES = re.compile(
    r"evidence/run-1/(records\.jsonl|blobs/[0-9]{8,}\.jsonl)|trials\.parquet|reveal/(seed\.json|items\.jsonl)|report/.+"
)
CIPHER = re.compile(r"evidence/run-1/sealed/[0-9]{8,}\.age")
OUTCOMES = ("graded", "ungraded", "errored", "unsupported", "not_run")
STATUSES = ("ok", "error", "unsupported", "interrupted", "not_run")
NO_TOKENS = {"input_tokens": 0, "output_tokens": 0, "unmetered": 0}
MOST_SLOTS = 1_000_000
RECORD = {
    "arm": str, "attempt": int, "cluster": str, "epoch": int, "final": bool, "grader": str, "item": int, "labels": dict,
    "outcome": str, "published": dict, "scenario": str, "seq": int, "slot": int, "status": str, "subject": str,
    "tags": dict, "test": str, "transcript": str, "usage": dict,
}  # fmt: skip
DEFAULTS = {
    "ablations": [], "absent": "", "alpha": "0.05", "arm": None, "arms": [], "awareness": "", "batch": 1, "beta": "0.10",
    "caps": {}, "comparing": {"margin": "0.10", "power": "0.80"}, "developers": [], "environments": "", "epochs": 1, "excluded": [],
    "facts": [], "frame": 1, "grader_options": {}, "half_width": "0.10", "headline": False, "high": 10, "items_file": None, "judge": None,
    "labels": [], "level": "0.95", "limit": None, "low": 0, "margin": "0.10", "max_attempts": 3, "max_tokens": 1024,
    "min_graded": 10, "planted": {}, "played": False, "power": "0.80", "present": "", "roles": [], "runs": 1, "sample": 5, "scale": None,
    "scales": [], "settings": {}, "stopping": None, "tag": None, "target": None, "within": "0.1", "worst": "0.1",
}  # fmt: skip
FIELD_PRIME = 2**255 - 19
CURVE_D = -121665 * pow(121666, -1, FIELD_PRIME)


class Broken(Exception):
    """Something does not hold: exit code 1."""


class Unreadable(Exception):
    """Something is not of the form the page gives: exit code 2."""


def require(condition, message):
    if not condition:
        raise Broken(message)


# --- JSON -------------------------------------------------------------------------------------------------------------


def read_json(data, *, fractions=False):
    """Strict JSON: no duplicate key, NaN, infinity or lone surrogate, 64 levels at most."""

    def pairs_once(pairs):
        if len(dict(pairs)) != len(pairs):
            raise Unreadable("JSON: a key stands twice in one object")
        return dict(pairs)

    def number(text):
        value = float(text)
        if not fractions or value in (float("inf"), -float("inf")):
            raise Unreadable(f"JSON: {text} in a place where only whole, finite numbers stand")
        return value

    def constant(text):
        raise Unreadable(f"JSON: {text}")

    try:
        value = json.loads(
            data.decode(), object_pairs_hook=pairs_once, parse_float=number, parse_constant=constant
        )
        json.dumps(value, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        raise Unreadable(f"JSON: {error}") from error
    if depth(value) > 64:
        raise Unreadable("JSON: nested deeper than 64")
    return value


def depth(value):
    inside = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
    return 0 if inside is None else 1 + max(map(depth, inside), default=0)


def canonical(value):
    """RFC 8785, as text."""
    if isinstance(value, dict):
        names = sorted(value, key=lambda name: name.encode("utf-16-be"))
        return "{" + ",".join(f"{canonical(name)}:{canonical(value[name])}" for name in names) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(canonical, value)) + "]"
    if isinstance(value, float):
        return canonical_float(value)
    if isinstance(value, int) and abs(value) > 2**53 - 1:
        raise Unreadable("JSON: a whole number beyond 2^53 - 1")
    return json.dumps(value, ensure_ascii=False)


def canonical_float(value):
    """A number as ECMAScript writes it: Python finds the same shortest digits and sets the point elsewhere."""
    if value == 0:
        return "0"
    sign, digits, exponent = Decimal(repr(value)).normalize().as_tuple()
    text, point = "".join(map(str, digits)), len(digits) + exponent
    if -6 < point <= 0:
        text = "0." + "0" * -point + text
    elif 0 < point <= 21:
        text = text.ljust(point, "0") if len(text) <= point else f"{text[:point]}.{text[point:]}"
    else:
        text = f"{text[0]}{'.' * (len(text) > 1)}{text[1:]}e{point - 1:+d}"
    return "-" * sign + text


# --- Hashes, keys and signatures --------------------------------------------------------------------------------------


def sha256(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


def leaf_hash(salt, record):
    return sha256(b"\x00", salt, record)


def node_hash(left, right):
    return sha256(b"\x01", left, right)


def commitment(part):
    """Of a party to its part of the seed."""
    return sha256(b"\x02", from_hex(part["salt"]), part["value"].encode()).hex()


def tree_levels(leaves):
    """The hashes of all complete subtrees: of 1 leaf, of 2, of 4 ..., from the left."""
    levels = [leaves]
    while len(levels[-1]) > 1:
        below = levels[-1]
        levels.append([node_hash(*below[at : at + 2]) for at in range(0, len(below) - 1, 2)])
    return levels


def tree_root(levels, size):
    """The root over the first `size` leaves."""
    root, right_edge = None, size
    for height in range(size.bit_length()):
        if size >> height & 1:
            right_edge -= 1 << height
            subtree = levels[height][right_edge >> height]
            root = subtree if root is None else node_hash(subtree, root)
    return sha256() if root is None else root


def is_part(part):
    return sorted(part) == ["salt", "value"] and re.fullmatch("[0-9a-f]{1,64}", part["value"]) is not None


def item_salt(seed, test, index):
    message = b"item\x00" + test.encode() + b"\x00" + index.to_bytes(8, "big")
    return hmac.digest(seed.encode(), message, "sha256")


def joint_seed(values):
    """Of the parties' digits, the auditor's first."""
    return (
        values[0]
        if len(values) == 1
        else sha256(b"countermark/seed/v0.1\0" + "\0".join(values).encode()).hex()
    )


def make_queue(plan, seed):
    """The trial in each slot."""
    cells = [
        (epoch, sha256(f"{seed}/order/{epoch}/{test['id']}/{item}".encode()), test["id"], item, one["id"])
        for epoch in range(plan["rules"].get("epochs", 1))
        for test in plan["tests"]
        for one in plan["subjects"]
        if test["id"] in one["tests"]
        for item in range(test["items"])
    ]
    return [(subject, test, item, epoch) for epoch, _, test, item, subject in sorted(cells)]


def arm_of(test, item):
    """Items are numbered arm by arm, arms in alphabetical order."""
    for arm, count in sorted(test["arms"].items()):
        if item < count:
            return arm
        item -= count
    raise Broken(f"{test['id']}: has no such item")


def read_key(pem):
    try:
        key = serialization.load_pem_public_key(pem)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise Unreadable(f"the key is not PEM: {error}") from error
    if not isinstance(key, Ed25519PublicKey):
        raise Unreadable("the key is not an Ed25519 key")
    again = key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    if again != pem or is_weak(key.public_bytes_raw()):
        raise Unreadable("the key is not spelt as its own re-encoding, or it is of small order")
    return key


def is_weak(raw):
    """Whether eight times the point is nothing. Doubling needs y alone, since x squared follows from it."""
    y = int.from_bytes(raw, "little") & (2**255 - 1)
    if y >= FIELD_PRIME:
        return True
    for _ in range(3):
        xx = (y * y - 1) * pow(CURVE_D * y * y + 1, -1, FIELD_PRIME)
        y = (y * y + xx) * pow(1 - CURVE_D * xx * y * y, -1, FIELD_PRIME) % FIELD_PRIME
    return y == 1


def fingerprint(key):
    der = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return sha256(der).hex()


def signed_by(key, signature, data):
    try:
        key.verify(signature, data)
    except InvalidSignature:
        return False
    return True


def from_hex(text):
    require(re.fullmatch("[0-9a-f]{64}", text), "a salt or hash is not 64 hexadecimal digits")
    return bytes.fromhex(text)


def from_base64(text):
    try:
        data = base64.b64decode(text, validate=True)
    except ValueError as error:
        raise Broken(f"base64: {error}") from error
    require(base64.b64encode(data).decode() == text, "base64 with loose bits")
    return data


def open_envelope(line, key):
    """The statement in a DSSE envelope, once the signature holds."""
    envelope = read_json(line)
    require(canonical(envelope).encode() + b"\n" == line, "an envelope is not one line of canonical JSON")
    fields, (one, *others) = sorted(envelope), envelope["signatures"]
    plain = fields == ["payload", "payloadType", "signatures"] and sorted(one) == ["keyid", "sig"]
    require(plain and not others, "an envelope does not hold a payload with one signature and nothing else")
    kind, payload, sig = envelope["payloadType"], from_base64(envelope["payload"]), one["sig"]
    ours = kind == PAYLOAD_TYPE and one["keyid"] == fingerprint(key)
    require(ours, "an envelope of another type, or of another key")
    signed = b"DSSEv1 %d %b %d %b" % (len(kind), kind.encode(), len(payload), payload)
    require(signed_by(key, from_base64(sig), signed), "a signature does not hold")
    return read_json(payload)


def read_manifest(data, part=""):
    """Name to digest."""
    listed = {}
    for line in data.decode("ascii").split("\n")[:-1]:
        require(re.fullmatch(r"[0-9a-f]{64}  .+", line), f"{part}{MANIFEST}: a line of another form")
        listed[line[66:]] = line[:64]
    text = "".join(f"{value}  {name}\n" for name, value in sorted(listed.items()))
    require(text and text.encode() == data, f"{part}{MANIFEST}: not sorted, or empty")
    return listed


def open_note(data, key):
    """Origin, size and root of a checkpoint, once the auditor's signature holds."""
    note = re.fullmatch(r"((\S+)\n(0|[1-9][0-9]{0,15})\n(\S{44})\n)\n— (\S+) (\S{92})\n", data.decode())
    require(note is not None and note[2] == note[5], "is not a checkpoint of its signer")
    signature = from_base64(note[6])
    key_hash = sha256(note[5].encode(), b"\n\x01", key.public_bytes_raw())[:4]
    require(
        signature[:4] == key_hash and signed_by(key, signature[4:], note[1].encode()),
        "its signature does not hold",
    )
    return note[2], int(note[3]), from_base64(note[4])


# --- The checks, in order ---------------------------------------------------------------------------------------------


class Audit:
    """What is known so far: each check fills in what the next ones build on, and returns what it prints."""

    def __init__(self, root, key=None):
        self.root, self.key, self.given = Path(root), key, key is not None

    def read(self, name):
        try:
            return (self.root / name).read_bytes()
        except OSError as error:
            raise Broken(f"{name}: {error.strerror}") from error

    def check_files(self):
        """Every file is named by the root manifest with its digest, and nothing else lies there."""
        found = {}
        for folder, folders, files in os.walk(self.root):
            require(folders or files, f"{folder}: is empty")
            for name in (*folders, *files):
                path = Path(folder) / name
                plain = not path.is_symlink() and (path.is_dir() or path.is_file())
                require(plain, f"{path}: a link or a device")
            for name in files:
                path = Path(folder) / name
                with path.open("rb") as file:
                    digest = hashlib.file_digest(file, "sha256").hexdigest()
                found[path.relative_to(self.root).as_posix()] = digest
        if not {MANIFEST, SIGNATURES} & set(found):
            was_sealed = {"VERIFY.txt", "keys/auditor.pub.pem"} & set(found)
            raise Broken("its seal is gone") if was_sealed else Unreadable("this is no sealed audit")
        self.digests = found
        return f"{self.check_manifest('')} files are those of the manifest"

    def check_manifest(self, part):
        """The manifest of one part against the files there; returns how many."""
        listed = read_manifest(self.read(part + MANIFEST), part)
        present = {name[len(part) :]: value for name, value in self.digests.items() if name.startswith(part)}
        late = {name for name in present if LATER.fullmatch(part + name) and name not in listed}
        present = {
            name: present[name] for name in present if name not in late and name not in (MANIFEST, SIGNATURES)
        }
        for name in sorted(present.keys() | listed):
            require(NAME.fullmatch(name), f"{part}{name}: a name that no audit may hold")
            require(present.get(name) == listed.get(name), f"{part}{name}: changed, added or removed")
        return len(present)

    def check_seal(self):
        """The auditor's signature over the manifest; plan and report are those it names."""
        self.key = self.key or read_key(self.read("keys/auditor.pub.pem"))
        self.copy = any(name.startswith(COPY) for name in self.digests)
        self.seal = self.open_part("", "redaction/v0.1" if self.copy else "audit-report/v0.1")
        for name, fact in (("plan/plan.json", "plan_sha256"), ("report/report.json", "report_sha256")):
            require(self.seal.get(fact) == self.digests.get(name), f"{name}: is not the one the seal names")
        return f"{'a redacted copy, ' * self.copy}signed by {fingerprint(self.key)}"

    def check_copy(self):
        """In a redacted copy every file is the one that was sealed at first, or is on the signed list."""
        self.listed = {"withheld": [], "files": []}
        if not self.copy:
            return "no copy: the audit as it was sealed"
        data = self.read(f"{COPY}redaction.json")
        self.listed = read_json(data)
        same = canonical(self.listed).encode() == data and sha256(data).hex() == self.seal["redaction_sha256"]
        require(same, f"{COPY}redaction.json: is not the list that the seal names")
        before = read_manifest(self.read(f"{COPY}original/{MANIFEST}"))
        digest = sha256(self.read(f"{COPY}original/{MANIFEST}")).hex()
        require(digest == self.listed["original"] == self.seal["original"], "it is a copy of another audit")
        sealed = self.open_part(f"{COPY}original/", "audit-report/v0.1")
        for name in ("origin", "size", "root", "plan_sha256", "numbers_sha256"):
            require(sealed[name] == self.seal[name], f"the seal before and this one differ in {name}")
        now = {name: value for name, value in self.digests.items() if name not in (MANIFEST, SIGNATURES)}
        now = {name: now[name] for name in now if not (name.startswith(COPY) or CIPHER.fullmatch(name))}
        now = {name: now[name] for name in now if name in before or not LATER.fullmatch(name)}
        changed = {name: (before.get(name), now.get(name)) for name in before.keys() | now}
        changed = {name: pair for name, pair in changed.items() if pair[0] != pair[1]}
        given = {one["file"]: (one["before"], one["after"]) for one in self.listed["files"]}
        for name in sorted(changed.keys() | given):
            require(changed.get(name) == given.get(name), f"{name}: changed, and not as the list says")
            require(CHANGES.fullmatch(name), f"{name}: changed, which no list allows")
        self.check_numbers_sealed()
        return f"{len(before) - len(changed.keys() & before)} of {len(before)} files as sealed at first, {len(given)} listed"

    def check_numbers_sealed(self):
        """Beside its quotations, the report is the one whose digest was sealed at first."""
        report = read_json(self.read("report/report.json"))
        require(type(report) is dict, "report.json: is no object")
        same = sha256(canonical(report | {"events": []}).encode()).hex() == self.seal["numbers_sha256"]
        require(same, "beside its quotations, the report is not the one sealed at first")

    def open_part(self, part, kind, line=None, key=None):
        """The predicate signed over the manifest of one part."""
        statement = open_envelope(line or self.read(part + SIGNATURES), key or self.key)
        known = statement.get("_type"), statement.get("predicateType")
        require(
            known == ("https://in-toto.io/Statement/v1", f"{PREDICATES}/{kind}"),
            f"{part}{SIGNATURES}: a statement of another kind, {known[1]}",
        )
        subject = [{"digest": {"sha256": sha256(self.read(part + MANIFEST)).hex()}, "name": MANIFEST}]
        require(statement.get("subject") == subject, f"{part}{MANIFEST}: is not the one that was signed")
        return statement["predicate"]

    def check_plan(self):
        """The plan is signed, by developers too where it says so; subjects take planned tests."""
        self.check_manifest("plan/")
        first, *others = self.read("plan/" + SIGNATURES).splitlines(keepends=True)
        said = self.open_part("plan/", "audit-plan/v0.1", first)
        self.plan = plan = read_json(self.read("plan/plan.json"))
        due = {"audit": plan["audit"], "plan_sha256": self.digests["plan/plan.json"]}
        require(said == due, "the plan is signed for another audit")
        self.tests = {test["id"]: test for test in plan["tests"]}
        self.subjects = {subject["id"]: subject for subject in plan["subjects"]}
        once = len(self.tests) == len(plan["tests"]) and len(self.subjects) == len(plan["subjects"])
        require(once, "plan: a test or subject stands twice")
        self.epochs = plan["rules"].get("epochs", 1)
        self.due = [(name, test) for name, one in self.subjects.items() for test in one["tests"]]
        require(len(set(self.due)) == len(self.due), "plan: a subject takes a test twice")
        known = {test for _, test in self.due} <= set(self.tests)
        require(known, "plan: a subject takes a test that is not planned")
        for name, test in self.tests.items():
            require(sum(test["arms"].values()) == test["items"], f"plan: {name}: its arms are not its items")
        self.slots = sum(self.tests[test]["items"] for _, test in self.due) * self.epochs
        self.parts = self.countersigned(others)
        said = f", {len(others)} countersignatures" if others else ""
        return f"audit {plan['audit']}, {len(self.subjects)} subjects, {self.slots} trials at most{said}"

    def countersigned(self, lines):
        """The developers' parts of the seed by commitment: each signed its commitment with its pack, and opens it now."""
        owed = {}
        for part in self.pack_parts():
            try:
                key = read_key(self.read(f"{part}keys/developer.pub.pem"))
                came = part + "received/" if f"{part}received/{MANIFEST}" in self.digests else part
                for line in self.read(came + SIGNATURES).splitlines(keepends=True):
                    given = self.open_part(came, "release-pack/v0.1", line, key)
                    owed[given.get("seed_commitment")] = key
            except (Broken, Unreadable):
                continue  # not handed over by a developer, or by one whose signature does not hold
        opened = {}
        planned = self.plan["seed"].get("developers", [])
        for line in lines:
            named = read_json(line)["signatures"][0]["keyid"]
            keys = [key for name, key in owed.items() if name in planned and fingerprint(key) == named]
            require(keys and named != fingerprint(self.key), "plan: a countersignature by nobody it names")
            part = self.open_part("plan/", "plan-countersignature/v0.1", line, keys[0])["part"]
            require(owed.get(commitment(part)) == keys[0], "plan: a countersignature opens another's part")
            require(opened.setdefault(commitment(part), part) is part, "plan: countersigned twice over")
        require(sorted(opened) == sorted(planned), "plan: a countersignature it names is missing")
        return opened

    def check_draw(self):
        """The draw is signed and of this plan, and so is the log's name; the seed is that of its parts and makes the queue."""
        self.check_manifest("draw/")
        said = self.open_part("draw/", "audit-draw/v0.1")
        self.draw = draw = read_json(self.read("draw/draw.json"))
        require(draw["plan"] == self.digests["plan/plan.json"], "the draw is of another plan")
        require(set(draw["items"]) == set(self.tests), "the draw is of other tests")
        self.origin = f"{self.plan['audit']}/{self.digests['draw/draw.json']}"
        require(self.origin == self.seal["origin"], "the seal is of another audit than plan and draw")
        due = {"audit": self.plan["audit"], "origin": self.origin}
        require(said == due, "the draw is signed for another log")
        self.seed = self.queue = None
        if "reveal/seed.json" not in self.digests:
            require(self.copy, "reveal/seed.json: is missing, and no list withholds it")
            return "the seed is not revealed"
        said = read_json(self.read("reveal/seed.json"))
        parts = [said["auditor"], *sorted(said["developers"], key=commitment)]
        plain = sorted(said) == ["auditor", "developers", "schema", "seed"]
        plain = plain and said["schema"] == "countermark/seed/v0.1" and all(map(is_part, parts))
        require(plain, "reveal/seed.json: is not the parts of a seed")
        require(commitment(parts[0]) == self.plan["seed"]["auditor"], "the auditor's part is another")
        require({commitment(one): one for one in parts[1:]} == self.parts, "a developer's part is another")
        self.seed = joint_seed([one["value"] for one in parts])
        require(said["seed"] == self.seed, "the seed is not that of its parts")
        key = hmac.digest(self.seed.encode(), b"sample", "sha256").hex()
        require(draw["sample_key"] == key, "the sample's key does not follow from the seed")
        require(self.slots <= MOST_SLOTS, f"over {MOST_SLOTS} trials: not replayed here")
        self.queue = make_queue(self.plan, self.seed)
        return f"log {self.origin}, the seed is that of {len(parts)} parties"

    def pack_parts(self):
        return {"/".join(name.split("/")[:2]) + "/" for name in self.digests if name.startswith("pack/")}

    def check_packs(self):
        """Each pack is whole and is one that the plan names; there is one run."""
        parts = self.pack_parts()
        for part in parts:
            self.check_manifest(part)
        held = {self.digests.get(part + MANIFEST) for part in parts}
        planned = {one["pack_digest"] for one in self.plan["subjects"]}
        require(held == planned, "packs are not those of the plan")
        runs = {name.split("/")[1] for name in self.digests if name.startswith("evidence/")}
        require(runs == {"run-1"}, f"evidence/: holds {sorted(runs)}, not run-1 alone")
        return f"{len(parts)} packs"

    def check_log(self):
        """Leaves recomputed, the root as sealed, each checkpoint the root of its prefix."""
        self.records, self.withheld, leaves = [], {}, []
        data = self.read(f"{RUN}/records.jsonl")
        require(data.endswith(b"\n") or not data, "records.jsonl: the last line is torn")
        for number, line in enumerate(data.split(b"\n")[:-1]):
            held, where = read_json(line), f"records.jsonl, line {number + 1}"
            if sorted(held) == ["leaf", "withheld"]:
                require(canonical(held).encode() == line, f"{where}: is not canonical")
                leaves.append(from_hex(held["leaf"]))
                self.withheld[number] = held["withheld"]
                continue
            require(sorted(held) == ["leaf_salt", "record"], f"{where}: has other fields")
            start, record = line[:89], line[89:-1]
            spelled = start == b'{"leaf_salt":"%s","record":' % held["leaf_salt"].encode()
            require(spelled and record[:1] + record[-1:] == b"{}", f"{where}: is spelled otherwise")
            leaves.append(leaf_hash(from_hex(held["leaf_salt"]), record))
            self.records.append(read_record(record, number))
        levels, size = tree_levels(leaves), len(leaves)
        sealed = [self.seal["size"], self.seal["root"]]
        same = sealed == [size, tree_root(levels, size).hex()]
        require(same, f"the log is not the sealed one: {size} records")
        names = sorted(name for name in self.digests if name.startswith(f"{RUN}/checkpoints/"))
        for name in names:
            origin, at, root = open_note(self.read(name), self.key)
            ours = name == f"{RUN}/checkpoints/{at:08d}.note" and origin == self.origin
            require(ours, f"{name}: of another log")
            require(at <= size and root == tree_root(levels, at), f"{name}: is no prefix of the log")
        require(f"{RUN}/checkpoints/{size:08d}.note" in names, "no checkpoint at the end of the log")
        self.size = size
        return f"{size} records under {self.seal['root']}, {len(names)} checkpoints"

    def check_slots(self):
        """Each planned trial has one slot; its attempts count from 1, and the last one, alone, is final."""
        trials, attempts, final = {}, Counter(), set()
        for record in self.records:
            slot, test = record["slot"], self.tests.get(record["test"])
            require((record["subject"], record["test"]) in self.due, f"slot {slot}: was not planned")
            planned = 0 <= record["item"] < test["items"] and 0 <= record["epoch"] < self.epochs
            require(planned and 0 <= slot < self.slots, f"slot {slot}: was not planned")
            replayed = self.subjects[record["subject"]]["kind"] == "recording"
            arm = arm_of(test, record["item"])
            require(replayed or record["arm"] == arm, f"slot {slot}: its item is of the arm {arm}")
            require(record["grader"].partition("@")[0] == test["grader"], f"slot {slot}: has another grader")
            trial = tuple(record[name] for name in ("subject", "test", "item", "epoch"))
            require(trials.setdefault(slot, trial) == trial, f"slot {slot}: stood for another trial before")
            drawn = self.queue is None or self.queue[slot] == trial
            require(drawn, f"slot {slot}: stands for another trial in the order of the seed")
            attempts[slot] += 1
            require(record["attempt"] == attempts[slot], f"slot {slot}: attempts do not count 1, 2, 3")
            require(slot not in final, f"slot {slot}: an attempt after the final one")
            final |= {slot} if record["final"] else set()
            answered = record["status"] == "ok"
            means = answered == (record["outcome"] in OUTCOMES[:2])
            require(means, f"slot {slot}: status and outcome disagree")
            require(record["final"] or not answered, f"slot {slot}: a second try after an answer")
            labelled = record["outcome"] == "graded" or not record["labels"]
            require(labelled, f"slot {slot}: labels without a grade")
        require(len(set(trials.values())) == len(trials), "a trial has two slots")
        if self.plan["rules"].get("stopping") is None:
            enough = self.slots - len(self.withheld) <= len(final) <= self.slots
            require(enough, f"{len(final)} trials have a final attempt, {self.slots} were planned")
        if not self.withheld:
            require(set(trials) == final, "a trial has attempts and no final one")
        return f"{len(final)} of {self.slots} trials, {len(self.records)} attempts"

    def revealed_items(self):
        """What reveal/items.jsonl says of items, where it is there."""
        data = self.read("reveal/items.jsonl") if "reveal/items.jsonl" in self.digests else b""
        told = [read_json(line) for line in data.split(b"\n")[:-1]]
        return [
            one for one in told if one["item"] in range(self.tests.get(one["test"], {"items": 0})["items"])
        ]

    def salt_of(self, test, item):
        return item_salt(self.seed, test, item) if self.seed is not None else self.salts.get((test, item))

    def transcript(self, name, record):
        try:
            return read_transcript(self.read(name), record)
        except (Broken, Unreadable) as error:
            raise type(error)(f"{name}: {error}") from error

    def check_transcripts(self):
        """Each is the one committed to, and the record repeats it rightly; scenarios are those of the draw."""
        named = {f"{RUN}/blobs/{one['seq']:08d}.jsonl": one for one in self.records}
        found = {name for name in self.digests if name.startswith(f"{RUN}/blobs/")}
        require(f"{RUN}/inflight.jsonl" not in self.digests, "the log was never closed")
        require(found <= set(named), f"{min(found - set(named), default='')}: belongs to no record")
        self.missing = {record["seq"] for name, record in named.items() if name not in found}
        self.partly, leaves, self.salts = {}, {test: {} for test in self.tests}, {}
        for one in self.revealed_items():
            if "leaf" in one:
                leaves[one["test"]][one["item"]] = from_hex(one["leaf"])
            else:
                self.salts[one["test"], one["item"]] = from_hex(one["salt"])
        for name in sorted(found):
            record = named[name]
            transcript = self.transcript(name, record)
            scenario, line = transcript["scenario"], transcript["line"]
            self.partly |= {record["seq"]: transcript["withheld"]} if transcript["withheld"] else {}
            shown = [("status", record["status"] == "ok", transcript.get("fault") is None)]
            shown += [(field, record[field], transcript.get(field, {})) for field in ("published", "usage")]
            if scenario is not None:
                shown += [("tags", record["tags"], scenario.get("tags", {}))]
                shown += [("scenario", record["scenario"], scenario["id"])]
                shown += [(field, record[field], scenario[field]) for field in ("test", "arm", "cluster")]
            for what, recorded, told in shown:
                require(recorded == told, f"{name}: {what} is {recorded!r} in the record, {told!r} in it")
            salt = self.salt_of(record["test"], record["item"])
            if line is not None and salt is not None:
                leaf = leaf_hash(salt, line)
                seen = leaves[record["test"]].setdefault(record["item"], leaf)
                require(seen == leaf, f"{name}: another scenario than an earlier transcript of the same item")
        for test, seen in leaves.items():
            root = tree_root(tree_levels([seen[item] for item in sorted(seen)]), len(seen)).hex()
            whole = len(seen) == self.tests[test]["items"]
            same = root == self.draw["items"][test]
            require(not whole or same, f"{test}: its scenarios are not those that the draw committed to")
        said = self.check_withheld()
        return f"{len(found)} transcripts, {sum(map(len, leaves.values()))} scenarios; {said}"

    def check_withheld(self):
        """What is withheld is exactly what the signed list names, part by part, for the reason it gives."""
        listed, decisions = self.listed["withheld"], Counter()
        records = {seq: one["reason"] for one in listed for seq in one["records"]}
        missing = {seq for one in listed for seq in one["transcripts"]}
        partly = {}
        for one in listed:
            decisions += Counter(("record", seq) for seq in (*one["records"], *one["transcripts"]))
            decisions += Counter(["seed"] * one["seed"])
            for part in one["parts"]:
                partly.setdefault(part["seq"], {}).update(dict.fromkeys(part["parts"], one["reason"]))
                decisions += Counter((part["seq"], index) for index in part["parts"])
        require(all(times == 1 for times in decisions.values()), "the list names something twice")
        for what, found, named in (
            ("records", self.withheld, records),
            ("transcripts", self.missing, missing),
            ("parts of transcripts", self.partly, partly),
            ("the seed", "reveal/seed.json" not in self.digests, any(one["seed"] for one in listed)),
        ):
            require(found == named, f"withheld of {what}: {found or 'nothing'}, listed: {named or 'nothing'}")
        for name in self.digests:
            cipher = CIPHER.fullmatch(name) and int(name[-12:-4])
            known = cipher is None or cipher in records.keys() | missing | partly.keys()
            require(known, f"{name}: the ciphertext of nothing that is withheld")
        hidden = len(records), len(missing), len(partly)
        return (
            "withheld: {} records, {} transcripts, {} in part".format(*hidden)
            if listed
            else "nothing withheld"
        )

    def check_numbers(self):
        """The report repeats plan, draw and log, and every count in every finding is that of the records."""
        self.check_numbers_sealed()
        report = read_json(self.read("report/report.json"))
        require(repeats(report["plan"], self.plan), "the report's plan is not plan/plan.json")
        require(repeats(report["draw"], self.draw), "the report's draw is not draw/draw.json")
        facts = {name: self.seal[name] for name in ("origin", "size", "root")} | {
            "key": fingerprint(self.key)
        }
        require(facts.items() <= report["evidence"].items(), "the report's evidence is not the sealed log")
        due = [
            (subject["id"], test["id"], metric)
            for test, subject in product(self.plan["tests"], self.plan["subjects"])
            if test["id"] in subject["tests"]
            for metric in test["metrics"]
        ]
        given = report["findings"]
        require(len(due) == len(given), f"{len(given)} findings, {len(due)} were planned")
        for (subject, test, metric), finding in zip(due, given, strict=True):
            where = f"{subject}, {test}, {metric['id']}"
            same = [finding["subject"], finding["test"]] == [subject, test]
            same = same and repeats(finding["metric"], metric)
            require(same, f"{where}: the report has another finding in its place")
            self.check_finding(where, finding, metric)
        self.check_totals(report)
        self.check_sample(report)
        how = "counted again, or held within bounds" if self.withheld else "counted again"
        return f"{len(due)} findings {how}"

    def finals(self, subject, test):
        """In the order of slots."""
        own = [one for one in self.records if (one["subject"], one["test"]) == (subject, test)]
        return sorted((one for one in own if one["final"]), key=lambda one: one["slot"])

    def check_finding(self, where, finding, metric):
        cell = self.finals(finding["subject"], finding["test"])
        arm = [one for one in cell if one["arm"] == metric["arm"]]
        counted = up_to(arm, metric["label"], finding["stop"]["used"]) if finding.get("stop") else arm
        test = self.tests[finding["test"]]
        expected = count(counted, metric, test.get("min_graded", 10)) | {"outcomes": outcomes(arm, metric)}
        if self.plan["rules"].get("stopping") is not None:
            expected["spared"] = test["arms"][metric["arm"]] * self.epochs - len(arm)
        unknown = min(len(self.withheld), test["arms"][metric["arm"]] * self.epochs - len(arm))
        if unknown:
            self.check_bounds(where, finding, graded(arm, metric["label"]), expected["outcomes"], unknown)
            return
        for name, value in expected.items():
            require(finding[name] == value, f"{where}: {name} is {finding[name]}, counted {value}")
        published = [one["published"] for one in arm]
        published = [one[metric["label"]] for one in published if metric["label"] in one]
        given = finding["published"] or {"k": 0, "n": 0}
        same = [given["k"], given["n"]] == [sum(published), len(published)]
        require(same, f"{where}: published is miscounted")
        for part in finding["breakdowns"]:
            rows = count([one for one in counted if one["tags"].get(part["tag"]) == part["value"]], metric, 1)
            same = [part["k"], part["n"]] == [rows["k"], rows["n"]]
            require(same, f"{where}: {part['tag']} is miscounted")

    def check_bounds(self, where, finding, rows, shown, unknown):
        """With records withheld that may be the arm's: the counts are possible, and the rate is theirs."""
        n, k, label = finding["n"], finding["k"], finding["metric"]["label"]
        among = rows if finding.get("stop") is None else rows[: max(0, n - unknown)]
        least = len(rows) if finding.get("stop") is None else 0
        hits = sum(one["labels"][label] for one in among)
        possible = least <= n <= len(rows) + unknown and hits <= k <= hits + n - len(among)
        given = finding["outcomes"]
        possible = possible and all(shown[name] <= given[name] <= shown[name] + unknown for name in OUTCOMES)
        require(possible, f"{where}: {k} of {n} is not what the disclosed records allow")
        same = finding["rate"] is None or finding["rate"] == share(k, n)
        require(same, f"{where}: the rate is not that of its counts")

    def check_totals(self, report):
        require(set(report["totals"]) == set(self.subjects), "totals are of other subjects")
        for subject, totals in report["totals"].items():
            own = [one for one in self.records if one["subject"] == subject]
            counted = {name: sum(one["usage"][name] for one in own) for name in NO_TOKENS}
            counted |= {"attempts": len(own), "errored": sum(one["status"] == "error" for one in own)}
            if self.withheld:
                counted = {name: totals[name] for name in counted if counted[name] <= totals[name]}
            require(counted.items() <= totals.items(), f"{subject}: the report's totals are not the records'")

    def check_sample(self, report):
        """The random sample is the one that the draw's key picks."""
        if self.withheld:
            return  # which trials it holds depends on them
        key, most = self.draw["sample_key"].encode(), self.plan["rules"].get("sample", 5)
        for subject, test in self.due:
            seen = [one for one in self.finals(subject, test) if one["status"] != "not_run"]
            picked = sorted(seen, key=lambda one: hmac.digest(key, str(one["slot"]).encode(), "sha256"))[
                :most
            ]
            events = [one for one in report["events"] if (one["subject"], one["test"]) == (subject, test)]
            shown = [one["seq"] for one in events if one["chosen"] == "random_sample"]
            hidden = self.missing | {seq for seq in self.partly if seq not in shown}
            same = sorted(shown) == sorted(one["seq"] for one in picked if one["seq"] not in hidden)
            require(same, f"{subject}, {test}: the trials shown are not the random sample")


def read_record(data, number):
    record = {"tags": {}, "published": {}, "usage": NO_TOKENS} | read_json(data)
    where = f"records.jsonl, line {number + 1}"
    for name, kind in RECORD.items():
        require(type(record.get(name)) is kind, f"{where}: {name} is not what it should be")
    record["usage"] = NO_TOKENS | record["usage"]
    labels = [*record["labels"].values(), *record["published"].values()]
    require(all(type(label) is bool for label in labels), f"{where}: a label is no truth value")
    known = record["seq"] == number and record["outcome"] in OUTCOMES and record["status"] in STATUSES
    require(known, f"{where}: seq, outcome or status is none there can be")
    return record


def read_parts(data):
    """Leaf and bytes of each part of a stored transcript, or None and the reason why it is withheld."""
    first, *lines = data.split(b"\n")
    require(lines and lines.pop() == b"", "the last line is torn")
    salt = read_json(first).get("salt") if b'"salt":' in first[:8] else None
    if salt is not None:
        salts = (hmac.digest(from_hex(salt), at.to_bytes(8, "big"), "sha256") for at in range(len(lines)))
        return [(leaf_hash(salt, line), line, "") for salt, line in zip(salts, lines, strict=True)]
    parts = []
    for line in [first, *lines]:
        held = read_json(line)
        require(canonical(held).encode() == line, "a line is not canonical")
        if sorted(held) == ["leaf", "withheld"]:
            parts.append((from_hex(held["leaf"]), None, held["withheld"]))
            continue
        require(sorted(held) == ["part", "salt"], "a line has other fields")
        parts.append((leaf_hash(from_hex(held["salt"]), held["part"].encode()), held["part"].encode(), ""))
    return parts


def read_transcript(data, record):
    """The fields of the head; `scenario`, or None, and `line`, its bytes; `withheld`, index to reason of what is not shown."""
    parts = read_parts(data)
    leaves = [leaf for leaf, _, _ in parts]
    root = tree_root(tree_levels(leaves), len(leaves))
    made = sha256(b"\x03", len(leaves).to_bytes(8, "big"), root).hex()
    require(made == record["transcript"], "is not the one committed to")
    values = [None if part is None else read_json(part, fractions=True) for _, part, _ in parts]
    head = values[0]["head"]
    kinds = ["head", "scenario", *["message"] * head["messages"], "state", *["exchange"] * head["exchanges"]]
    same = len(kinds) == len(values)
    same = same and all(one is None or list(one) == [kind] for one, kind in zip(values, kinds, strict=True))
    require(same, "its parts are not those that its head announces")
    shown = {"published": {}, "usage": NO_TOKENS, "fault": None} | head
    shown["usage"] = NO_TOKENS | shown["usage"]
    whole = {"scenario": None, "line": None} if values[1] is None else {
        "scenario": values[1]["scenario"], "line": parts[1][1].removeprefix(b'{"scenario":')[:-1],
    }  # fmt: skip
    hidden = {at: reason for at, (_, part, reason) in enumerate(parts) if part is None}
    return shown | whole | {"withheld": hidden}


def repeats(full, given):
    """Whether a document is another with all that may be left out filled in."""
    if isinstance(full, dict) and isinstance(given, dict):
        if not set(given) <= set(full):
            return False
        known = all(repeats(full[name], given[name]) for name in given)
        filled = set(full) - set(given) - {"schema"}
        return known and all(full[name] == DEFAULTS.get(name, full) for name in filled)
    if isinstance(full, list) and isinstance(given, list):
        return len(full) == len(given) and all(map(repeats, full, given))
    return type(full) is type(given) and full == given


def graded(arm, label):
    return [one for one in arm if one["outcome"] == "graded" and label in one["labels"]]


def up_to(arm, label, used):
    """The arm's records up to the graded one with that number."""
    last = graded(arm, label)[used - 1 : used]
    return arm[: arm.index(last[0]) + 1] if last else arm


def outcomes(arm, metric):
    counts = Counter(one["outcome"] for one in arm)
    with_label = len(graded(arm, metric["label"]))
    counts["ungraded"] += counts["graded"] - with_label  # a grade without this label is no verdict on it
    counts["graded"] = with_label
    return {name: counts[name] for name in OUTCOMES}


def share(hits, trials):
    """Six places, half to even."""
    return str((Decimal(hits) / trials).quantize(Decimal("0.000001")))


def count(arm, metric, least):
    """The numbers of one finding from its final records."""
    rows = [one for one in graded(arm, metric["label"]) if one["arm"] == metric["arm"]]
    hits, clusters = (
        sum(one["labels"][metric["label"]] for one in rows),
        len({one["cluster"] for one in rows}),
    )
    withheld = len(rows) < least or clusters < 2
    rate = None if withheld else share(hits, len(rows))
    return {"k": hits, "n": len(rows), "clusters": clusters, "rate": rate}


CHECKS = {
    "files": Audit.check_files,
    "seal": Audit.check_seal,
    "copy": Audit.check_copy,
    "plan": Audit.check_plan,
    "draw": Audit.check_draw,
    "packs": Audit.check_packs,
    "log": Audit.check_log,
    "slots": Audit.check_slots,
    "transcripts": Audit.check_transcripts,
    "numbers": Audit.check_numbers,
}


def verify(audit, tell=print):
    """Run the checks up to the first that fails; returns the exit code."""
    for name, check in CHECKS.items():
        try:
            tell(f"ok    {name}: {check(audit)}")
        except Broken as error:
            tell(f"FAIL  {name}: {error}")
            return 1
        except (
            Unreadable,
            KeyError,
            TypeError,
            AttributeError,
            ValueError,
            RecursionError,
            OSError,
        ) as error:
            tell(f"FAIL  {name}: cannot be read: {type(error).__name__}: {error}")
            return 2
    return 0


def main(arguments):
    if len(arguments) not in (1, 2):
        sys.stderr.write("usage: second_verifier.py AUDIT [KEY.pem]\n")
        return 2
    try:
        key = read_key(Path(arguments[1]).read_bytes()) if len(arguments) == 2 else None
    except (Broken, Unreadable, ValueError, OSError) as error:
        sys.stderr.write(f"{arguments[1]}: is no public key: {error}\n")
        return 2
    code = verify(Audit(arguments[0], key))
    if not code:
        whose = "the key you gave" if key else "the key in the directory, which whoever made it chose"
        print(f"      all checks hold under {whose}. That shows who signed what, never that it is true.")
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
