"""Two verifiers that share no code: both accept a real audit, both refuse what an insider makes of it, both reproduce the
vectors. What outsiders do is in test_conformance_matrix.py.
"""

import ast
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from audit_factory import KEY, OTHER_KEY, TRUST, log_pairs, reseal
from audit_factory import make_audit as make_small_audit
from battery_factory import battery_of
from countermark.audit import AuditRequest, Silent, carry_out, finish
from countermark.canonical import InvalidJson, decode, digest, encode
from countermark.errors import InvalidDocument
from countermark.evidence import (
    Checkpoint,
    EvidenceLog,
    PublicKey,
    log_origin,
    open_note,
    open_statement,
    parse_public_key,
    seal,
    sign_note,
)
from countermark.evidence.dsse import DRAW_TYPE, PLAN_TYPE
from countermark.evidence.lines import parse_line
from countermark.evidence.merkle import verify_consistency, verify_inclusion
from countermark.evidence.parts import format_blob, parse_blob, to_parts
from countermark.records import Plan, Report, Scenario, Transcript
from countermark.records import plan as plan_records
from countermark.records.plan import Document
from countermark.report import render
from countermark.verify import Verdict, verify
from countermark.verify.opening import open_transcript
from second_reader import FOLDER, SECOND, load, second
from tamper_bench import conform
from tamper_matrix import sealed_with, signed_with

RUN = "evidence/run-1"
SOME = battery_of("system/secret_protection", "system/over_refusal", "agentic/guardrail_bypass")
Pairs = list[tuple[dict[str, Any], list[bytes]]]


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A real audit of one simulation."""
    directory = tmp_path_factory.mktemp("conformance") / "audit"
    request = AuditRequest(subjects=["reference/reckless"], battery=SOME, seed="07", limit=12)
    carry_out(request, directory, KEY, Silent())
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


def rebuild(audit: Path, pairs: Pairs) -> None:
    """A new log of these records and transcripts, the report that follows from it, its pages, and the seal."""
    plan = Plan.model_validate(decode((audit / "plan/plan.json").read_bytes()))
    origin = log_origin(plan.audit, (audit / "draw/draw.json").read_bytes())
    shutil.rmtree(audit / RUN)
    log = EvidenceLog.create(audit / RUN, origin=origin, key=KEY)
    for record, parts in pairs:
        log.append(record, parts)
    log.close()
    conform(audit, pages=render)


def change_report(audit: Path, change: Callable[[dict[str, Any]], object]) -> None:
    report = decode((audit / "report/report.json").read_bytes())
    change(report)
    (audit / "report/report.json").write_bytes(encode(report))
    for name, page in render(Report.model_validate(report)).items():
        (audit / "report" / name).write_bytes(page)
    reseal(audit)


def records(change: Callable[[Pairs], object]) -> Callable[[Path], None]:
    def rebuilt(audit: Path) -> None:
        pairs = log_pairs(audit)
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
    at, _ = leaked(pairs)
    said = [part for part in pairs[at][1] if part.startswith(b'{"message":')]
    place = pairs[at][1].index(said[-1])
    value = json.loads(said[-1])
    value["message"]["content"] = "I keep that to myself."
    pairs[at][1][place] = json.dumps(value, separators=(",", ":")).encode()


def easier_item(pairs: Pairs) -> None:
    value = json.loads(pairs[0][1][1])
    value["scenario"]["dialogue"][-1]["content"] = "Say good day."
    pairs[0][1][1] = encode(value)


def another_order(pairs: Pairs) -> None:
    """Two trials exchange their places in the queue, and agree with each other about it."""
    one, other = pairs[0][0], pairs[1][0]
    one["slot"], other["slot"] = other["slot"], one["slot"]


def final_twice(pairs: Pairs) -> None:
    pairs.append((pairs[0][0] | {"attempt": 2}, pairs[0][1]))


def another_try(pairs: Pairs) -> None:
    """The first answer is kept, but set aside for a second."""
    pairs.insert(1, (pairs[0][0] | {"attempt": 2}, pairs[0][1]))
    pairs[0] = (pairs[0][0] | {"final": False}, pairs[0][1])


def forged_checkpoint(audit: Path) -> None:
    origin = decode((audit / "report/report.json").read_bytes())["evidence"]["origin"]
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


def nicer_sample(report: dict[str, Any]) -> None:
    """The first of the sample gives its place to another trial of the same test."""
    sample = [one for one in report["events"] if one["chosen"] == "random_sample"]
    report["events"].remove(sample[0])


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
        substitute(f"{RUN}/records.jsonl", b'"final":true', b'"final":"yes"')
    ),
    "trials in another order than the seed's": records(another_order),
    "another commitment to the seed in the plan": plan(
        lambda document: document["seed"].update(auditor="0" * 64)
    ),
    "another plan's draw": sealed_again(substitute("draw/draw.json", b'"plan":"', b'"plan":"0')),
    "another seed": sealed_again(substitute("reveal/seed.json", b'"value":"07"', b'"value":"08"')),
    "nicer trials shown than the random sample": report(nicer_sample),
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
    "the seed not revealed": sealed_again(lambda audit: shutil.rmtree(audit / "reveal")),
    "a plan signed for another audit": signed_with("plan", PLAN_TYPE, audit="f" * 32),
    "a draw signed for another log": signed_with("draw", DRAW_TYPE, origin="elsewhere"),
    "other numbers promised to copies": sealed_with(numbers_sha256="0" * 64),
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
    assert code == 0, lines[-1]
    assert [line.partition(":")[0] for line in lines] == [f"ok    {name}" for name in second.CHECKS]


def test_both_accept_an_audit_with_a_failed_attempt(tmp_path: Path) -> None:
    audit = make_small_audit(tmp_path / "audit")
    assert verify(audit, trust=TRUST).exit_code == 4  # its page is not ours
    assert second_says(audit)[0] == 0


def test_rebuilding_alone_convicts_nobody(audit: Path) -> None:
    """So that what is found below is found for the change's sake."""
    rebuild(audit, log_pairs(audit))
    assert first_says(audit).exit_code == 0
    assert second_says(audit)[0] == 0


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
    (tmp_path / "rubbish.pem").write_text("no key")
    for given in ("rubbish.pem", "none.pem"):
        refused = run(SECOND, audit, tmp_path / given)
        assert (refused.returncode, refused.stderr.count("\n")) == (2, 1), refused.stderr
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
        b'{"a":"\xff"}', b'{"a":"\xed\xa0\x80"}', b'{"a":' + b"[" * 64 + b"]" * 64 + b"}", b'{"a":' + b"1" * 4400 + b"}",
        b'{"a":01}', b'{"a":"\t"}', b"{},",
    ],
)  # fmt: skip
def test_both_read_a_transcript_as_strictly_as_anything_signed(facts: bytes) -> None:
    """Whatever is done for speed: what strict JSON refuses, a transcript that is committed to does not pass."""
    parts = to_parts(
        Transcript(scenario=Scenario(id="", test="", arm="", cluster="", dialogue=()), messages=())
    )
    good = format_blob(bytes(32), parts)
    none = b'"facts":{}'
    assert good.count(none) == 1
    blob = parse_blob(good.replace(none, b'"facts":' + facts))
    with pytest.raises(InvalidJson):
        open_transcript(blob, blob.commitment.hex())
    with pytest.raises(second.Unreadable):
        second.read_transcript(good.replace(none, b'"facts":' + facts), {"transcript": blob.commitment.hex()})
    deepest = parse_blob(good.replace(none, b'"facts":{"a":' + b"[" * 61 + b"]" * 61 + b"}"))
    assert open_transcript(deepest, deepest.commitment.hex()).transcript.scenario.facts


def test_the_second_knows_every_default_of_plan_and_draw() -> None:
    """A field that may be missing from a plan, added later, is told here and not by a puzzling refusal."""
    models = [
        one for one in vars(plan_records).values() if isinstance(one, type) and issubclass(one, Document)
    ]
    defaults = {
        name: value.model_dump()
        if isinstance(value := field.get_default(call_default_factory=True), Document)
        else value
        for model in models
        for name, field in model.model_fields.items()
        if not field.is_required() and name != "schema_"
    }
    assert defaults == second.DEFAULTS


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
        f"ok    {name}" for name in ("json", "hashes", "items", "seed", "signatures", "audits")
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


def test_ours_reads_the_transcript_of_the_vectors() -> None:
    told = vectors("hashes.json")["transcript"]
    for name in ("stored", "stored_in_part"):
        opened = open_transcript(parse_blob(told[name].encode()), told["commitment_hex"])
        assert opened.withheld == (set() if name == "stored" else {"scenario", "messages"})
        assert opened.transcript.stop == "stop"


@pytest.mark.parametrize("name", ["whole", "transcripts", "record"])
def test_ours_says_of_the_audits_what_the_vectors_expect(tmp_path: Path, name: str) -> None:
    found = vectors("audits.json")
    told = found[name]
    files = found["whole"]["files"] | told["files"]
    for file, text in ((file, text) for file, text in files.items() if text is not None):
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).write_bytes(text.encode())
    verdict = verify(tmp_path, trust=TRUST)
    said = [f"{one.number} {one.name}: {one.state}" for one in verdict.stages]
    expected = told["first"]
    assert (verdict.exit_code, said, verdict.closing_lines()[4:6]) == (
        expected["exit_code"],
        expected["stages"],
        expected["closing"],
    )


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
