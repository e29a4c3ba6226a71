"""A second reader of audit directories, written from docs/reference/evidence-format.md and from nothing else.

It shares no code with the countermark package and does not import it: if both accept an audit, or both refuse it, the
page says enough and neither merely agrees with itself. It needs Python 3.11 and `cryptography`.

    python second_verifier.py AUDIT [KEY.pem]

KEY.pem is the auditor's key as you got it from the auditor. Without it the key that lies in the directory is used, and
the last line says that whoever made the directory chose it. One line is printed for each check. Exit code: 0 all of
them hold, 1 something does not, 2 something cannot be read.

It does not give grades again, compute intervals, look at planted rates, quotations, pages, cosignatures or the packs'
own signatures, or know any trust policy: `countermark verify` does. What neither can show stands in
docs/reference/verify.md.
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
NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._@+=,~-]{0,199}(/[A-Za-z0-9_][A-Za-z0-9._@+=,~-]{0,199}){0,15}")
PAYLOAD_TYPE = "application/vnd.in-toto+json"
PREDICATES = "https://countermark.example/ns"
RUN = "evidence/run-1"
OUTCOMES = ("graded", "ungraded", "errored", "unsupported", "not_run")
STATUSES = ("ok", "error", "unsupported", "interrupted", "not_run")
NO_TOKENS = {"input_tokens": 0, "output_tokens": 0}
RECORD = {
    "arm": str, "attempt": int, "cluster": str, "epoch": int, "final": bool, "grader": str, "item": int, "labels": dict,
    "outcome": str, "published": dict, "scenario": str, "seq": int, "slot": int, "status": str, "subject": str,
    "tags": dict, "test": str, "transcript": str, "usage": dict,
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


def blob_commitment(salt, blob):
    return sha256(b"\x02", salt, blob).hex()


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


def item_leaf(seed, test, index, scenario):
    message = b"item\x00" + test.encode() + b"\x00" + index.to_bytes(8, "big")
    salt = hmac.digest(seed.encode(), message, "sha256")
    return leaf_hash(salt, canonical(scenario).encode())


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
    match envelope:
        case {
            "payload": str(payload),
            "payloadType": str(kind),
            "signatures": [{"keyid": str(keyid), "sig": str(sig)}],
        }:
            payload = from_base64(payload)
        case _:
            raise Broken("an envelope does not hold a payload with one signature")
    require(
        kind == PAYLOAD_TYPE and keyid == fingerprint(key), "an envelope of another type, or of another key"
    )
    signed = b"DSSEv1 %d %b %d %b" % (len(kind), kind.encode(), len(payload), payload)
    require(signed_by(key, from_base64(sig), signed), "a signature does not hold")
    return read_json(payload)


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
                require(
                    not path.is_symlink() and (path.is_dir() or path.is_file()), f"{path}: a link or a device"
                )
            for name in files:
                path = Path(folder) / name
                with path.open("rb") as file:
                    found[path.relative_to(self.root).as_posix()] = hashlib.file_digest(
                        file, "sha256"
                    ).hexdigest()
        if not {MANIFEST, SIGNATURES} & set(found):
            raise Unreadable("this is no sealed audit")
        self.digests = found
        return f"{self.check_manifest('')} files are those of the manifest"

    def check_manifest(self, part):
        """The manifest of one part against the files there; returns how many."""
        listed = []
        for line in self.read(part + MANIFEST).decode("ascii").split("\n")[:-1]:
            require(re.fullmatch(r"[0-9a-f]{64}  .+", line), f"{part}{MANIFEST}: a line of another form")
            listed.append((line[66:], line[:64]))
        text = "".join(f"{value}  {name}\n" for name, value in sorted(dict(listed).items()))
        require(
            text and text.encode() == self.read(part + MANIFEST), f"{part}{MANIFEST}: not sorted, or empty"
        )
        present = {name[len(part) :]: value for name, value in self.digests.items() if name.startswith(part)}
        present = {name: value for name, value in present.items() if name not in (MANIFEST, SIGNATURES)}
        for name in sorted(present.keys() | dict(listed)):
            require(NAME.fullmatch(name), f"{part}{name}: a name that no audit may hold")
            require(present.get(name) == dict(listed).get(name), f"{part}{name}: changed, added or removed")
        return len(present)

    def check_seal(self):
        """The auditor's signature over the manifest; plan and report are those it names."""
        self.key = self.key or read_key(self.read("keys/auditor.pub.pem"))
        self.seal = self.open_part("", "/audit-report/v0.1")
        for name, fact in (("plan/plan.json", "plan_sha256"), ("report/report.json", "report_sha256")):
            require(self.seal.get(fact) == self.digests.get(name), f"{name}: is not the one the seal names")
        return f"signed by {fingerprint(self.key)}"

    def open_part(self, part, *kinds):
        """The predicate signed over the manifest of one part."""
        statement = open_envelope(self.read(part + SIGNATURES), self.key)
        require(
            statement.get("_type") == "https://in-toto.io/Statement/v1", f"{part}{SIGNATURES}: no statement"
        )
        kind = statement.get("predicateType")
        require(
            kind in [PREDICATES + name for name in kinds],
            f"{part}{SIGNATURES}: a statement of another kind, {kind}",
        )
        subject = [{"digest": {"sha256": sha256(self.read(part + MANIFEST)).hex()}, "name": MANIFEST}]
        require(statement.get("subject") == subject, f"{part}{MANIFEST}: is not the one that was signed")
        return statement["predicate"]

    def check_plan(self):
        """The plan is signed and of this audit; subjects take planned tests."""
        self.check_manifest("plan/")
        self.open_part("plan/", "/audit-plan/v0.1")
        self.plan = plan = read_json(self.read("plan/plan.json"))
        require(plan["audit"] == self.seal["origin"], "the seal is of another audit than the plan")
        self.tests = {test["id"]: test for test in plan["tests"]}
        self.subjects = {subject["id"]: subject for subject in plan["subjects"]}
        once = len(self.tests) == len(plan["tests"]) and len(self.subjects) == len(plan["subjects"])
        require(once, "plan: a test or subject stands twice")
        self.epochs = plan["rules"].get("epochs", 1)
        self.due = [(name, test) for name, one in self.subjects.items() for test in one["tests"]]
        require(len(set(self.due)) == len(self.due), "plan: a subject takes a test twice")
        require(
            {test for _, test in self.due} <= set(self.tests),
            "plan: a subject takes a test that is not planned",
        )
        self.slots = sum(self.tests[test]["items"] for _, test in self.due) * self.epochs
        return f"audit {plan['audit']}, {len(self.subjects)} subjects, {self.slots} trials"

    def check_packs(self):
        """Each pack is whole and is one that the plan names; there is one run."""
        parts = {"/".join(name.split("/")[:2]) + "/" for name in self.digests if name.startswith("pack/")}
        for part in parts:
            self.check_manifest(part)
        held = {self.digests.get(part + MANIFEST) for part in parts}
        require(
            held == {one["pack_digest"] for one in self.plan["subjects"]}, "packs are not those of the plan"
        )
        runs = {name.split("/")[1] for name in self.digests if name.startswith("evidence/")}
        require(runs == {"run-1"}, f"evidence/: holds {sorted(runs)}, not run-1 alone")
        return f"{len(parts)} packs"

    def check_log(self):
        """Leaves recomputed, the root as sealed, each checkpoint the root of its prefix."""
        self.records, self.salts, leaves = [], [], []
        for number, line in enumerate(self.read(f"{RUN}/records.jsonl").split(b"\n")[:-1]):
            held = read_json(line)
            require(canonical(held).encode() == line, f"records.jsonl, line {number + 1}: is not canonical")
            require(
                sorted(held) == ["blob_salt", "leaf_salt", "record"],
                f"records.jsonl, line {number + 1}: has other fields",
            )
            salts = [bytes.fromhex(held[name]) for name in ("blob_salt", "leaf_salt")]
            require(
                {len(salt) for salt in salts} == {32},
                f"records.jsonl, line {number + 1}: a salt is not of 32 bytes",
            )
            leaves.append(leaf_hash(salts[1], held["record"].encode()))
            self.salts.append(salts[0])
            self.records.append(read_record(held["record"].encode(), number))
        require(self.read(f"{RUN}/records.jsonl").endswith(b"\n"), "records.jsonl: the last line is torn")
        levels, size = tree_levels(leaves), len(leaves)
        sealed = [self.seal["size"], self.seal["root"]]
        require(
            sealed == [size, tree_root(levels, size).hex()], f"the log is not the sealed one: {size} records"
        )
        names = sorted(name for name in self.digests if name.startswith(f"{RUN}/checkpoints/"))
        for name in names:
            origin, at, root = open_note(self.read(name), self.key)
            require(
                name == f"{RUN}/checkpoints/{at:08d}.note" and origin == self.plan["audit"],
                f"{name}: of another log",
            )
            require(at <= size and root == tree_root(levels, at), f"{name}: is no prefix of the log")
        require(f"{RUN}/checkpoints/{size:08d}.note" in names, "no checkpoint at the end of the log")
        return f"{size} records under {self.seal['root']}, {len(names)} checkpoints"

    def check_slots(self):
        """Each planned trial has one slot; its attempts count from 1, and the last one, alone, is final."""
        trials, attempts, final = {}, Counter(), set()
        for record in self.records:
            slot, test = record["slot"], self.tests.get(record["test"])
            require((record["subject"], record["test"]) in self.due, f"slot {slot}: was not planned")
            planned = 0 <= record["item"] < test["items"] and 0 <= record["epoch"] < self.epochs
            require(planned and 0 <= slot < self.slots, f"slot {slot}: was not planned")
            require(record["grader"].partition("@")[0] == test["grader"], f"slot {slot}: has another grader")
            trial = tuple(record[name] for name in ("subject", "test", "item", "epoch"))
            require(trials.setdefault(slot, trial) == trial, f"slot {slot}: stood for another trial before")
            attempts[slot] += 1
            require(record["attempt"] == attempts[slot], f"slot {slot}: attempts do not count 1, 2, 3")
            require(slot not in final, f"slot {slot}: an attempt after the final one")
            final |= {slot} if record["final"] else set()
            answered = record["status"] == "ok"
            require(
                answered == (record["outcome"] in OUTCOMES[:2]), f"slot {slot}: status and outcome disagree"
            )
            require(record["final"] or not answered, f"slot {slot}: a second try after an answer")
            require(
                record["outcome"] == "graded" or not record["labels"], f"slot {slot}: labels without a grade"
            )
        require(len(set(trials.values())) == len(trials), "a trial has two slots")
        require(
            len(final) == self.slots, f"{len(final)} trials have a final attempt, {self.slots} were planned"
        )
        return f"{self.slots} trials, {len(self.records)} attempts"

    def check_transcripts(self):
        """Each is the one committed to, and the record repeats it rightly; scenarios are those of the plan."""
        named = {f"{RUN}/blobs/{seq:08d}.json" for seq in range(len(self.records))}
        found = {name for name in self.digests if name.startswith(f"{RUN}/blobs/")}
        require(f"{RUN}/inflight.jsonl" not in self.digests, "the log was never closed")
        require(named == found, f"{min(named ^ found, default='')}: missing, or belongs to no record")
        leaves = {test: {} for test in self.tests}
        for record, salt in zip(self.records, self.salts, strict=True):
            name = f"{RUN}/blobs/{record['seq']:08d}.json"
            blob = self.read(name)
            require(
                blob_commitment(salt, blob) == record["transcript"], f"{name}: is not the one committed to"
            )
            transcript = read_json(blob, fractions=True)
            scenario, shown = (
                transcript["scenario"],
                {"published": {}, "usage": NO_TOKENS, "fault": None} | transcript,
            )
            pairs = [(record["scenario"], scenario["id"]), (record["tags"], scenario.get("tags", {}))]
            pairs += [(record[field], scenario[field]) for field in ("test", "arm", "cluster")]
            pairs += [(record[field], shown[field]) for field in ("published", "usage")]
            pairs += [(record["status"] == "ok", shown["fault"] is None)]
            for recorded, told in pairs:
                require(recorded == told, f"{name}: the record says {recorded!r}, the transcript {told!r}")
            leaf = item_leaf(self.plan["seed"], record["test"], record["item"], scenario)
            seen = leaves[record["test"]].setdefault(record["item"], leaf)
            require(seen == leaf, f"{name}: another scenario than an earlier transcript of the same item")
        for test, seen in leaves.items():
            root = tree_root(tree_levels([seen[item] for item in sorted(seen)]), len(seen)).hex()
            whole = len(seen) == self.tests[test]["items"] and root == self.tests[test]["items_root"]
            require(whole, f"{test}: its scenarios are not those that the plan committed to")
        return f"{len(named)} transcripts, {sum(map(len, leaves.values()))} scenarios"

    def check_numbers(self):
        """The report repeats plan and log, and every count in every finding is that of the records."""
        report = read_json(self.read("report/report.json"))
        require(filled(report["plan"]) == filled(self.plan), "the report's plan is not plan/plan.json")
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
        require(
            len(due) == len(report["findings"]),
            f"{len(report['findings'])} findings, {len(due)} were planned",
        )
        for (subject, test, metric), finding in zip(due, report["findings"], strict=True):
            where, given = f"{subject}, {test}, {metric['id']}", {"headline": False} | finding["metric"]
            same = [finding["subject"], finding["test"], given] == [
                subject,
                test,
                {"headline": False} | metric,
            ]
            require(same, f"{where}: the report has another finding in its place")
            cell = [
                one
                for one in self.records
                if (one["subject"], one["test"]) == (subject, test) and one["final"]
            ]
            for name, value in count(cell, metric, self.tests[test].get("min_graded", 10)).items():
                require(finding[name] == value, f"{where}: {name} is {finding[name]}, counted {value}")
            published = [one["published"] for one in cell if one["arm"] == metric["arm"]]
            published = [one[metric["label"]] for one in published if metric["label"] in one]
            given = finding["published"] or {"k": 0, "n": 0}
            require(
                [given["k"], given["n"]] == [sum(published), len(published)],
                f"{where}: published is miscounted",
            )
            for part in finding["breakdowns"]:
                rows = [one for one in cell if one["tags"].get(part["tag"]) == part["value"]]
                counted = count(rows, metric, 1)
                require(
                    [part["k"], part["n"]] == [counted["k"], counted["n"]],
                    f"{where}: {part['tag']} is miscounted",
                )
        for subject, totals in report["totals"].items():
            own = [one for one in self.records if one["subject"] == subject]
            tokens = {name: sum(one["usage"][name] for one in own) for name in NO_TOKENS}
            counted = tokens | {"attempts": len(own), "errored": sum(one["status"] == "error" for one in own)}
            require(
                counted.items() <= totals.items(),
                f"{subject}: the report's totals are not those of the records",
            )
        return f"{len(due)} findings counted again"


def read_record(data, number):
    record = {"tags": {}, "published": {}, "usage": NO_TOKENS} | read_json(data)
    for name, kind in RECORD.items():
        require(
            type(record.get(name)) is kind,
            f"records.jsonl, line {number + 1}: {name} is not what it should be",
        )
    labels = [*record["labels"].values(), *record["published"].values()]
    require(
        all(type(label) is bool for label in labels),
        f"records.jsonl, line {number + 1}: a label is no truth value",
    )
    known = record["seq"] == number and record["outcome"] in OUTCOMES and record["status"] in STATUSES
    require(known, f"records.jsonl, line {number + 1}: seq, outcome or status is none there can be")
    return record


def filled(plan):
    """A plan with the defaults that may be left out, so that two spellings can be compared."""
    rules = {"epochs": 1, "max_attempts": 3, "max_tokens": 1024, "level": "0.95", "excluded": []}
    tests = [
        {"grader_options": {}, "min_graded": 10}
        | test
        | {"metrics": [{"headline": False} | one for one in test["metrics"]]}
        for test in plan["tests"]
    ]
    subjects = [{"planted": {}} | subject for subject in plan["subjects"]]
    return plan | {"rules": rules | plan["rules"], "tests": tests, "subjects": subjects}


def count(cell, metric, least):
    """The numbers of one finding from its final records."""
    arm = [one for one in cell if one["arm"] == metric["arm"]]
    graded = [one for one in arm if one["outcome"] == "graded" and metric["label"] in one["labels"]]
    outcomes = Counter(one["outcome"] for one in arm)
    outcomes["ungraded"] += outcomes["graded"] - len(graded)  # a grade without this label is no verdict on it
    outcomes["graded"] = len(graded)
    hits, clusters = (
        sum(one["labels"][metric["label"]] for one in graded),
        len({one["cluster"] for one in graded}),
    )
    withheld = len(graded) < least or clusters < 2
    rate = None if withheld else str((Decimal(hits) / len(graded)).quantize(Decimal("0.000001")))
    outcomes = {name: outcomes[name] for name in OUTCOMES}
    return {"k": hits, "n": len(graded), "clusters": clusters, "rate": rate, "outcomes": outcomes}


CHECKS = {
    "files": Audit.check_files,
    "seal": Audit.check_seal,
    "plan": Audit.check_plan,
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
    key = read_key(Path(arguments[1]).read_bytes()) if len(arguments) == 2 else None
    code = verify(Audit(arguments[0], key))
    if not code:
        whose = "the key you gave" if key else "the key in the directory, which whoever made it chose"
        print(f"      all checks hold under {whose}. That shows who signed what, never that it is true.")
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
