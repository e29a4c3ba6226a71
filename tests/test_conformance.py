"""Two verifiers that share no code: both accept a real audit, both refuse it changed, both reproduce the vectors."""

import ast
import importlib.util
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from audit_factory import KEY, OTHER_KEY, TRUST, reseal
from audit_factory import make_audit as make_small_audit
from countermark.analysis import coverage, event, findings, shown, span, totals
from countermark.audit import AuditRequest, Silent, carry_out, finish
from countermark.canonical import InvalidJson, decode, digest, encode
from countermark.errors import InvalidDocument
from countermark.evidence import (
    Checkpoint,
    EvidenceLog,
    PublicKey,
    from_json,
    open_note,
    open_statement,
    parse_public_key,
    read_blob,
    read_log,
    seal,
    sign_note,
    to_bytes,
)
from countermark.evidence.lines import parse_line
from countermark.evidence.merkle import verify_consistency, verify_inclusion
from countermark.records import Plan, Report, Scenario, Transcript, TrialRecord
from countermark.report import render
from countermark.verify import Verdict, verify

FOLDER = Path(__file__).parents[1] / "conformance"
SECOND = FOLDER / "second_verifier.py"
RUN = "evidence/run-1"
Pairs = list[tuple[dict[str, Any], bytes]]


def load(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


second = load(SECOND)


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A real audit of one simulation."""
    directory = tmp_path_factory.mktemp("conformance") / "audit"
    carry_out(AuditRequest(subjects=["reference/reckless"], seed="07", limit=12), directory, KEY, Silent())
    finish(directory, KEY, render)
    return directory


@pytest.fixture
def audit(original: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(original, tmp_path / "audit"))


def first_says(audit: Path) -> Verdict:
    return verify(audit, trust=TRUST, render=render)


def second_says(audit: Path) -> tuple[int, list[str]]:
    lines: list[str] = []
    code: int = second.verify(second.Audit(audit, second.read_key(KEY.public.pem)), lines.append)
    return code, lines


# What an insider does with the auditor's key -------------------------------------------------------------------------


def log_of(audit: Path) -> Pairs:
    return [(dict(line.record), read_blob(audit / RUN, line.seq)) for line in read_log(audit / RUN)]


def rebuild(audit: Path, pairs: Pairs) -> None:
    """A new log of these records and transcripts, the report that follows from it, its pages, and the seal."""
    plan = Plan.model_validate(decode((audit / "plan/plan.json").read_bytes()))
    shutil.rmtree(audit / RUN)
    log = EvidenceLog.create(audit / RUN, origin=plan.audit, key=KEY)
    for record, blob in pairs:
        log.append(record, blob)
    end = log.close()
    records = [from_json(TrialRecord, line.record) for line in read_log(audit / RUN)]
    found = findings(plan, records)

    def follow(report: dict[str, Any]) -> None:
        report["findings"] = [one.model_dump(mode="json", by_alias=True) for one in found]
        report["coverage"] = dict(coverage(found))
        report["evidence"] |= {"size": end.size, "root": end.root_hex}
        report["totals"] = {subject: dict(due) for subject, due in totals(plan, records).items()}
        report["started"], report["ended"] = span(records)
        events = [
            event(seq, record, metric, decode(read_blob(audit / RUN, seq))["messages"])
            for seq, record, metric in shown(plan, records)
        ]
        report["events"] = [one.model_dump(mode="json", by_alias=True) for one in events]

    change_report(audit, follow)


def change_report(audit: Path, change: Callable[[dict[str, Any]], object]) -> None:
    report = decode((audit / "report/report.json").read_bytes())
    change(report)
    (audit / "report/report.json").write_bytes(encode(report))
    for name, page in render(Report.model_validate(report)).items():
        (audit / "report" / name).write_bytes(page)
    reseal(audit)


def records(change: Callable[[Pairs], object]) -> Callable[[Path], None]:
    def rebuilt(audit: Path) -> None:
        pairs = log_of(audit)
        change(pairs)
        rebuild(audit, pairs)

    return rebuilt


def report(change: Callable[[dict[str, Any]], object]) -> Callable[[Path], None]:
    return lambda audit: change_report(audit, change)


def plan(change: Callable[[dict[str, Any]], object]) -> Callable[[Path], None]:
    """Another plan in the plan's place, and in the report."""

    def swapped(audit: Path) -> None:
        document = decode((audit / "plan/plan.json").read_bytes())
        change(document)
        (audit / "plan/plan.json").write_bytes(encode(document))
        change_report(audit, lambda report: change(report["plan"]))

    return swapped


def sealed_again(change: Callable[[Path], object]) -> Callable[[Path], None]:
    def changed(audit: Path) -> None:
        change(audit)
        reseal(audit)

    return changed


def substitute(name: str, old: bytes, new: bytes) -> Callable[[Path], None]:
    def changed(audit: Path) -> None:
        data = (audit / name).read_bytes()
        assert old in data
        (audit / name).write_bytes(data.replace(old, new, 1))

    return changed


def leaked(pairs: Pairs) -> tuple[int, dict[str, Any]]:
    return next((at, one) for at, (one, _) in enumerate(pairs) if one["labels"].get("leaked"))


def nicer_label(pairs: Pairs) -> None:
    leaked(pairs)[1]["labels"]["leaked"] = False


def nicer_words(pairs: Pairs) -> None:
    at, record = leaked(pairs)
    transcript = json.loads(pairs[at][1])
    for message in transcript["messages"]:
        if message["role"] == "assistant":
            message["content"] = "I keep that to myself."
    pairs[at] = (record, json.dumps(transcript).encode())


def easier_item(pairs: Pairs) -> None:
    transcript = json.loads(pairs[0][1])
    transcript["scenario"]["dialogue"][-1]["content"] = "Say good day."
    pairs[0] = (pairs[0][0], json.dumps(transcript).encode())


def final_twice(pairs: Pairs) -> None:
    pairs.append((pairs[0][0] | {"attempt": 2}, pairs[0][1]))


def another_try(pairs: Pairs) -> None:
    """The first answer is kept, but set aside for a second."""
    pairs.insert(1, (pairs[0][0] | {"attempt": 2}, pairs[0][1]))
    pairs[0] = (pairs[0][0] | {"final": False}, pairs[0][1])


def forged_checkpoint(audit: Path) -> None:
    origin = decode((audit / "plan/plan.json").read_bytes())["audit"]
    note = sign_note(KEY, Checkpoint(origin=origin, size=10, root_hex="0" * 64))
    (audit / RUN / "checkpoints/00000010.note").write_bytes(note)


def no_last_checkpoint(audit: Path) -> None:
    """The seal still says what the log holds."""
    facts = decode((audit / "report/report.json").read_bytes())["evidence"]
    for note in (audit / RUN / "checkpoints").iterdir():
        note.rename(note.with_name("00000001.note"))
    seal(audit, KEY, {name: facts[name] for name in ("origin", "size", "root")})


def headline(report: dict[str, Any]) -> dict[str, Any]:
    shown: dict[str, Any] = next(
        one for one in report["findings"] if one["metric"]["headline"] and not one["withheld"]
    )
    return shown


def hide(report: dict[str, Any]) -> None:
    headline(report).update(rate=None, interval=None, withheld="not meaningful", covered=None)


def of_another_audit(audit: Path) -> None:
    other = make_small_audit(audit.parent / "other")
    for name in ("MANIFEST.sha256", "signatures.intoto.jsonl"):
        shutil.copy(other / name, audit / name)


def seal_only_of_another_audit(audit: Path) -> None:
    other = make_small_audit(audit.parent / "other")
    shutil.copy(other / "signatures.intoto.jsonl", audit / "signatures.intoto.jsonl")


def by_a_stranger(audit: Path) -> None:
    reseal(audit, OTHER_KEY)


def link(audit: Path) -> None:
    place = audit / "plan/plan.json"
    place.rename(audit.parent / "outside.json")
    place.symlink_to(audit.parent / "outside.json")


def reversed_manifest(audit: Path) -> None:
    lines = (audit / "MANIFEST.sha256").read_bytes().splitlines(keepends=True)
    (audit / "MANIFEST.sha256").write_bytes(b"".join(reversed(lines)))


OUTSIDERS: dict[str, Callable[[Path], object]] = {
    "a transcript changed": substitute(f"{RUN}/blobs/00000003.json", b"content", b"contenT"),
    "a record changed": substitute(f"{RUN}/records.jsonl", b'\\"final\\":true', b'\\"final\\":false'),
    "the plan changed": substitute("plan/plan.json", b'"seed":"07"', b'"seed":"08"'),
    "a number changed": substitute("report/report.json", b'"k":', b'"k":1'),
    "the page changed": substitute("report/index.html", b"<title>", b"<title>Safe! "),
    "the table changed": substitute("trials.parquet", b"PAR1", b"PAR2"),
    "a pack changed": substitute("pack/reference-reckless/pack.json", b"reckless", b"careful!"),
    "the key exchanged": lambda audit: (audit / "keys/auditor.pub.pem").write_bytes(OTHER_KEY.public.pem),
    "a transcript removed": lambda audit: (audit / RUN / "blobs/00000003.json").unlink(),
    "a file added": lambda audit: (audit / "report/more.html").write_text("more"),
    "a hidden file added": lambda audit: (audit / ".more").write_text("more"),
    "an empty directory added": lambda audit: (audit / "more").mkdir(),
    "a link in place of a file": link,
    "the manifest in another order": reversed_manifest,
    "no manifest": lambda audit: (audit / "MANIFEST.sha256").unlink(),
    "no signature": lambda audit: (audit / "signatures.intoto.jsonl").unlink(),
    "two signatures": lambda audit: (audit / "signatures.intoto.jsonl").write_bytes(
        (audit / "signatures.intoto.jsonl").read_bytes() * 2
    ),
    "the plan's signature as the seal": lambda audit: shutil.copy(
        audit / "plan/signatures.intoto.jsonl", audit / "signatures.intoto.jsonl"
    ),
    "the seal and manifest of another audit": of_another_audit,
    "the seal of another audit": seal_only_of_another_audit,
    "everything signed by a stranger": by_a_stranger,
}

INSIDERS: dict[str, Callable[[Path], object]] = {
    "a trial dropped": records(lambda pairs: pairs.pop(5)),
    "the log cut off": records(lambda pairs: pairs.__delitem__(slice(-9, None))),
    "a trial doubled": records(final_twice),
    "a second try after an answer": records(another_try),
    "a trial of another subject": records(lambda pairs: pairs[0][0].update(subject="reference/guarded")),
    "a trial in another slot": records(lambda pairs: pairs[0][0].update(slot=pairs[1][0]["slot"])),
    "an answer set aside as an error": records(
        lambda pairs: pairs[0][0].update(status="error", outcome="errored", labels={})
    ),
    "another cluster": records(lambda pairs: pairs[0][0].update(cluster="alone")),
    "an easier scenario": records(easier_item),
    "a label that is no truth value": sealed_again(
        substitute(f"{RUN}/records.jsonl", b'\\"final\\":true', b'\\"final\\":\\"yes\\"')
    ),
    "another seed in the plan": plan(lambda document: document.update(seed="08")),
    "another audit's name in the plan": plan(lambda document: document.update(audit="f" * 32)),
    "a metric more in the plan": plan(
        lambda document: document["tests"][0]["metrics"].append(
            document["tests"][0]["metrics"][0] | {"id": "nicer", "label": "exact"}
        )
    ),
    "the plan in the report alone": report(lambda report: report["plan"].update(auditor="somebody else")),
    "a key twice in the plan": sealed_again(substitute("plan/plan.json", b'"seed"', b'"seed":"1","seed"')),
    "a nicer count": report(lambda report: headline(report).update(k=0, rate="0.000000")),
    "a nicer rate": report(lambda report: headline(report).update(rate="0.010000")),
    "a finding left out": report(lambda report: report["findings"].pop()),
    "findings in each other's place": report(lambda report: report["findings"].reverse()),
    "a bad number withheld": report(hide),
    "fewer errors than there were": report(
        lambda report: headline(report)["outcomes"].update(errored=7, ungraded=9)
    ),
    "a breakdown miscounted": report(lambda report: headline(report)["breakdowns"][0].update(k=99)),
    "another log in the report": report(lambda report: report["evidence"].update(root="0" * 64)),
    "a checkpoint of another log": sealed_again(forged_checkpoint),
    "no checkpoint at the end": no_last_checkpoint,
    "a pack that was not planned": sealed_again(
        substitute("pack/reference-reckless/pack.json", b"reckless", b"careful!")
    ),
    "a second run": sealed_again(lambda audit: shutil.copytree(audit / RUN, audit / "evidence/run-2")),
}

ONE_VERIFIER: dict[str, tuple[Callable[[Path], object], str]] = {
    "a nicer label": (records(nicer_label), "grades are not given again"),
    "nicer words": (records(nicer_words), "grades are not given again"),
    "a narrower interval": (
        report(lambda report: headline(report)["interval"].update(high="0.500001")),
        "intervals are not computed",
    ),
    "a nicer coverage": (
        report(lambda report: report["coverage"].update(covered=99)),
        "planted rates are not looked at",
    ),
    "a quotation nobody said": (
        report(lambda report: report["events"][0]["messages"][-1].update(content="I refuse.")),
        "quotations are not looked up",
    ),
    "another page": (
        sealed_again(substitute("report/index.html", b"<title>", b"<title>Safe! ")),
        "pages are not made again",
    ),
}
"""What the second verifier does not check, and so accepts; with the reason, as its first lines give it."""


def test_both_accept_a_real_audit(original: Path) -> None:
    verdict = first_says(original)
    assert verdict.exit_code == 0, verdict.to_json()
    code, lines = second_says(original)
    assert code == 0, lines
    assert [line.partition(":")[0] for line in lines] == [f"ok    {name}" for name in second.CHECKS]


def test_both_accept_an_audit_with_a_failed_attempt(tmp_path: Path) -> None:
    audit = make_small_audit(tmp_path / "audit")
    assert verify(audit, trust=TRUST).exit_code == 4  # its page is not ours
    assert second_says(audit)[0] == 0


def test_rebuilding_alone_convicts_nobody(audit: Path) -> None:
    """So that what is found below is found for the change's sake."""
    rebuild(audit, log_of(audit))
    assert first_says(audit).exit_code == 0
    assert second_says(audit)[0] == 0


@pytest.mark.parametrize("name", OUTSIDERS)
def test_both_refuse_what_an_outsider_changed(audit: Path, name: str) -> None:
    OUTSIDERS[name](audit)
    first, (code, lines) = first_says(audit), second_says(audit)
    assert first.exit_code in (1, 3)
    assert code in (1, 2)
    assert lines[-1].startswith(("FAIL  files", "FAIL  seal"))


@pytest.mark.parametrize("name", INSIDERS)
def test_both_refuse_what_an_insider_signed_again(audit: Path, name: str) -> None:
    """Seal and files hold; plan, log, transcripts and numbers convict one another."""
    INSIDERS[name](audit)
    first, (code, lines) = first_says(audit), second_says(audit)
    assert first.exit_code in (1, 2)
    assert [stage.state for stage in first.stages[:4]] == ["ok"] * 4
    assert code in (1, 2)
    assert [line[:2] for line in lines[:2]] == ["ok"] * 2
    assert lines[-1].startswith("FAIL")


@pytest.mark.parametrize("name", ONE_VERIFIER)
def test_only_the_first_refuses(audit: Path, name: str) -> None:
    change, reason = ONE_VERIFIER[name]
    change(audit)
    assert first_says(audit).exit_code in (1, 4)
    assert second_says(audit)[0] == 0, reason


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-P", *map(str, arguments)], capture_output=True, text=True, check=False
    )


def test_the_command_says_whose_key_it_was_and_exits_0_1_2(audit: Path, tmp_path: Path) -> None:
    whole = run(SECOND, audit)
    assert (whole.returncode, whole.stderr) == (0, "")
    assert "the key in the directory, which whoever made it chose" in whole.stdout.splitlines()[-1]
    (tmp_path / "auditor.pem").write_bytes(KEY.public.pem)
    assert "the key you gave" in run(SECOND, audit, tmp_path / "auditor.pem").stdout
    (tmp_path / "other.pem").write_bytes(OTHER_KEY.public.pem)
    assert run(SECOND, audit, tmp_path / "other.pem").returncode == 1
    assert run(SECOND, tmp_path / "nowhere").returncode == 2
    assert run(SECOND, tmp_path).returncode == 2
    assert run(SECOND).returncode == 2


def imports(path: Path) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    names = [alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names]
    names += [node.module or "." for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    return {name.partition(".")[0] for name in names}


def test_the_second_verifier_shares_no_code_with_the_first() -> None:
    allowed = set(sys.stdlib_module_names) | {"cryptography"}
    assert imports(SECOND) <= allowed
    assert imports(FOLDER / "check_vectors.py") <= allowed | {"second_verifier"}
    code = f"import runpy, sys; runpy.run_path({str(SECOND)!r}); print(*sys.modules)"
    loaded = {name.partition(".")[0] for name in run("-c", code).stdout.split()}
    assert "cryptography" in loaded
    assert not loaded & {"countermark", "pydantic", "rfc8785", "numpy"}


@pytest.mark.parametrize(
    "facts",
    [
        b'{"a":1,"a":1}', b'{"a":{"b":[],"b":[]}}', b'{"a":NaN}', b'{"a":-Infinity}', b'{"a":1e400}', b'{"a":"\\ud800"}',
        b'{"a":"\xff"}', b'{"a":"\xed\xa0\x80"}', b'{"a":' + b"[" * 64 + b"]" * 64 + b"}", b'{"a":' + b"1" * 4100 + b"}",
        b'{"a":01}', b'{"a":"\n"}', b"{},",
    ],
)  # fmt: skip
def test_a_transcript_is_read_as_strictly_as_anything_signed(facts: bytes) -> None:
    """Whatever is done for speed: what strict JSON refuses, a transcript does not pass."""
    scenario = Scenario(id="", test="", arm="", cluster="", dialogue=())
    blob, none = to_bytes(Transcript(scenario=scenario, messages=())), b'"facts":{}'
    assert blob.count(none) == 1
    deepest = blob.replace(none, b'"facts":{"a":' + b"[" * 61 + b"]" * 61 + b"}")
    assert from_json(Transcript, blob).scenario == scenario
    assert from_json(Transcript, deepest).scenario.facts == decode(deepest)["scenario"]["facts"]
    with pytest.raises(InvalidJson):
        decode(blob.replace(none, b'"facts":' + facts))
    with pytest.raises(InvalidJson):
        from_json(Transcript, blob.replace(none, b'"facts":' + facts))


def test_the_recipe_gives_the_published_vectors_byte_for_byte(tmp_path: Path) -> None:
    load(FOLDER / "make_vectors.py").make(tmp_path)
    made = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert made == {path.name: path.read_bytes() for path in (FOLDER / "vectors").iterdir()}


def vectors(name: str) -> dict[str, Any]:
    found: dict[str, Any] = decode((FOLDER / "vectors" / name).read_bytes())
    return found


def test_the_second_implementation_reproduces_the_vectors() -> None:
    checked = subprocess.run(
        [sys.executable, FOLDER / "check_vectors.py"], capture_output=True, text=True, check=False
    )
    assert checked.stdout.splitlines() == [
        f"ok    {name}" for name in ("json", "hashes", "items", "signatures")
    ]
    assert checked.returncode == 0


def test_ours_reads_the_vectors() -> None:
    """Making them shows what is written; here is what is read and refused."""
    for text in vectors("json.json")["refused"]:
        with pytest.raises(InvalidJson):
            decode(text.encode())
    for text in vectors("json.json")["refused_where_signed"]:
        with pytest.raises(InvalidJson):
            decode(text.encode(), floats=False)
    hashes = vectors("hashes.json")
    leaves = [bytes.fromhex(text) for text in hashes["leaves_hex"]]
    roots = [bytes.fromhex(text) for text in hashes["roots_hex"]]
    for one in hashes["inclusion"]:
        proof = [bytes.fromhex(text) for text in one["proof_hex"]]
        assert verify_inclusion(leaves[one["index"]], one["index"], one["size"], proof, roots[one["size"]])
    for one in hashes["consistency"]:
        proof = [bytes.fromhex(text) for text in one["proof_hex"]]
        assert verify_consistency(one["old"], one["new"], proof, roots[one["old"]], roots[one["new"]])
    assert parse_line(hashes["line"].encode(), 0).leaf.hex() == hashes["leaf"]["hash_hex"]


def test_ours_opens_what_the_vectors_signed() -> None:
    signed = vectors("signatures.json")
    key = parse_public_key(signed["pem"].encode())
    assert key.fingerprint == signed["fingerprint"]
    statement = open_statement(signed["envelope"].encode(), [key])
    assert statement.subjects == {"MANIFEST.sha256": digest(signed["manifest"].encode())}
    assert statement.predicate == signed["predicate"]
    note = open_note(signed["note"].encode(), key)
    assert {"origin": note.origin, "size": note.size, "root": note.root_hex} == signed["predicate"]
    for raw in signed["weak_public_hex"]:
        with pytest.raises(InvalidDocument):
            parse_public_key(PublicKey(raw=bytes.fromhex(raw)).pem)
