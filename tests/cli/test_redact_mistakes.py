"""What a tired auditor or reviewer does wrong with redact, seal and reveal: told, and nothing is published, sealed or made."""

import re
import shlex
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pyrage
import pytest

from audit_factory import KEY, OTHER_KEY, RUN, make_audit
from battery_factory import small_battery
from countermark.cli import run_command
from countermark.evidence import load_or_create_key, remember
from countermark.evidence.lines import read_log
from countermark.evidence.sealed import read_list
from countermark.files import walk
from pack_factory import copied

WHY = ("--reason", "confidential", "--until", "2999-01-01", "--decided-by", "the auditor")
ENTRY = "reason: privacy, until: never, decided_by: both"


@dataclass(frozen=True, slots=True)
class Ended:
    code: int
    out: str
    err: str


Run = Callable[..., Ended]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_audit(tmp_path_factory.mktemp("redact") / "audit")


@pytest.fixture
def audit(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "audit"))


@pytest.fixture
def run(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Run:
    """Commands in `tmp_path`, with the auditor's home named on the command line unless another one is."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "home/keys").mkdir(parents=True)
    (tmp_path / "home/keys/auditor.pem").write_bytes(KEY.pem())
    (tmp_path / "home/keys/auditor.pem").chmod(0o600)
    remember(tmp_path / "home", KEY.public)

    def do(*words: object) -> Ended:
        asked = [str(word) for word in words]
        homed = (
            asked[0] in ("report", "import", "battery")
            or asked[1] in ("publish", "init")
            or "--home" in asked
        )
        code = run_command([*asked, *([] if homed else ["--home", "home"])])
        printed = capsys.readouterr()
        assert "Traceback" not in printed.err
        return Ended(code, printed.out, printed.err)

    return do


@pytest.fixture
def reviewer(tmp_path: Path) -> Path:
    identity = pyrage.x25519.Identity.generate()
    (tmp_path / "recipients.txt").write_text(f"{identity.to_public()}\n")
    (tmp_path / "identity.txt").write_text(f"{identity}\n")
    return tmp_path / "identity.txt"


@pytest.fixture
def copy(run: Run, audit: Path, reviewer: Path) -> Path:
    """A copy without the transcripts of one subject, sealed to the reviewer."""
    assert run("evidence", "redact", "audit", "--out", "public", "--subject", "*/careless", "--all-transcripts", *WHY).code == 0  # fmt: skip
    assert run("evidence", "seal", "public", "--to", "recipients.txt", "--from", "audit").code == 0
    return audit.parent / "public"


def everything(folder: Path) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in walk(folder)}


def test_a_mistyped_option_publishes_nothing(run: Run, audit: Path) -> None:
    told = run(
        "evidence", "redact", "audit", "--out", "public", "--test", "toy/keeping", "--test", "toy/keping",
        "--subject", "*/careless", "--subject", "openai/*", "--all-transcripts", "--part", "exchanges", *WHY,
    )  # fmt: skip
    assert told.code == 2
    assert "the command line: --test: [wish-nothing] 'toy/keping' matches no test of this audit; did you mean toy/keeping?" in told.err  # fmt: skip
    assert "the command line: --subject: [wish-nothing] 'openai/*' matches no subject" in told.err
    assert told.err.count("[wish-nothing]") == 2
    assert not Path("public").exists()
    both = run("evidence", "redact", "audit", "--out", "public", "--all-transcripts", "--records", *WHY)
    assert "the command line: --all-transcripts: [wish-covered]" in both.err
    assert (both.code, Path("public").exists()) == (2, False)


def test_a_mistyped_file_publishes_nothing(run: Run, audit: Path) -> None:
    Path("w.yaml").write_text(
        "withhold:\n"
        f"  - {{what: transcripts, tests: ['toy/*', 'toy/gard*'], {ENTRY}}}\n"
        f"  - {{what: records, records: [1, 99999], {ENTRY}}}\n"
    )
    told = run("evidence", "redact", "audit", "--out", "public", "--withhold", "w.yaml")
    assert told.code == 2
    assert "2 faults\n" in told.err
    assert "w.yaml: withhold/0/tests/1: [wish-nothing] 'toy/gard*' matches no test" in told.err
    assert (
        "w.yaml: withhold/1/records: [wish-nothing] there is no record 99999; the log holds 21, from 0"
        in told.err
    )
    assert not Path("public").exists()


@pytest.mark.parametrize(
    ("entry", "code"),
    [
        (f"{{what: records, records: [], {ENTRY}}}", "wish-list"),
        (f"{{what: seed, tests: ['toy/*'], {ENTRY}}}", "wish-seed"),
    ],
)
def test_an_entry_that_would_mean_more_than_it_says(run: Run, audit: Path, entry: str, code: str) -> None:
    Path("w.yaml").write_text(f"withhold:\n  - {entry}\n")
    told = run("evidence", "redact", "audit", "--out", "public", "--withhold", "w.yaml")
    assert (told.code, f"[{code}]" in told.err, Path("public").exists()) == (2, True, False)


def test_what_a_file_says_no_option_says(run: Run, audit: Path) -> None:
    Path("w.yaml").write_text(f"withhold:\n  - {{what: records, records: [1], {ENTRY}}}\n")
    told = run("evidence", "redact", "audit", "--out", "public", "--withhold", "w.yaml", "--until", "never")
    assert (told.code, "--withhold says all of it" in told.err) == (2, True)


@pytest.mark.parametrize("turned", [False, True])
def test_a_record_named_leaves_though_its_transcript_was_named_before(
    run: Run, audit: Path, turned: bool
) -> None:
    entries = [
        f"  - {{what: transcripts, tests: ['toy/*'], {ENTRY}}}\n",
        f"  - {{what: records, records: [0, 1, 2, 3], {ENTRY}}}\n",
    ]
    Path("w.yaml").write_text("withhold:\n" + "".join(entries[::-1] if turned else entries))
    told = run("evidence", "redact", "audit", "--out", "public", "--withhold", "w.yaml")
    assert told.code == 0, told.err
    assert "withheld 4 records, 17 transcripts" in told.out
    lines = Path("public", RUN, "records.jsonl").read_bytes().splitlines()
    for sealed, line in list(zip(read_log(audit / RUN), lines, strict=True))[:4]:
        assert sealed.data not in line
    assert run("verify", "public").code == 4


def test_no_page_and_no_transcript_is_written_under_a_seal(run: Run, copy: Path, audit: Path) -> None:
    before = everything(audit) | {f"copy {name}": data for name, data in everything(copy).items()}
    Path("link").symlink_to("audit")
    for words in (
        ("report", "audit", "--page", "audit"),
        ("report", "public", "--page", "audit/report"),
        ("report", "audit", "--page", "link/pages/one"),
        ("evidence", "reveal", "public", "--identity", "identity.txt", "--out", "public/x"),
        ("evidence", "reveal", "public", "--identity", "identity.txt", "--out", "public/redaction/y"),
        ("evidence", "reveal", "public", "--from", "audit", "--items", "all", "--out", "audit/x"),
        ("evidence", "redact", "audit", "--out", "audit/x", "--all-transcripts", *WHY),
        ("evidence", "redact", "audit", "--out", "public/x", "--all-transcripts", *WHY),
        ("evidence", "stamp", "audit", "--request", "audit/queries"),
        ("key", "withdraw", "--since", "2026-01-01T00:00:00Z", "--reason", "x", "--out", "audit/w.jsonl"),
        ("run", "--out", "public/first", "--home", "fresh"),
        ("plan", "--out", "public/first", "--home", "fresh"),
        ("import", "table", "model.csv", "--mapping", "m.yaml", "--out", "audit/recordings"),
    ):
        told = run(*words)
        assert told.code == 2, words
        assert "seal it would break" in told.err, words
        assert "choose another --" in told.err, words
    assert everything(audit) | {f"copy {name}": data for name, data in everything(copy).items()} == before
    assert not Path("fresh").exists()
    assert run("report", "audit", "--page", "pages").code == 0


def test_nothing_is_written_into_a_signed_pack_or_plan(run: Run) -> None:
    copied("reference-subject", Path("pack"))
    for name in ("developer", "auditor"):
        load_or_create_key(Path("home"), name=name)
    assert run("pack", "sign", "pack").code == 0
    assert run("key", "trust", "pack/keys/developer.pub.pem", "--role", "developer").code == 0
    assert run("plan", "pack", "--out", "joint", "--limit", 4).code == 0
    assert run("key", "trust", "joint/plan/auditor.pub.pem", "--role", "auditor").code == 0
    before = everything(Path("pack")) | everything(Path("joint"))
    for words in (
        ("pack", "publish", "pack", "--out", "pack/public"),
        ("pack", "init", "pack/another", "--model", "openai/x", "--developer", "Lab"),
        ("pack", "accept", "pack", "--out", "pack/accepted"),
        ("plan", "countersign", "joint/plan", "--out", "joint/plan/countersignature.intoto.jsonl"),
        ("plan", "countersign", "joint/plan", "--out", "joint/countersignature.intoto.jsonl"),
        ("plan", "reference/guarded", "--power", "--picture", "pack/power.svg"),
        ("battery", "items", "inspect_evals/strong_reject", "--out", "pack/items.jsonl"),
    ):
        told = run(*words)
        assert (told.code, "choose another " in told.err) == (2, True), (words, told.err)
        assert everything(Path("pack")) | everything(Path("joint")) == before
    assert run("pack", "accept", "pack", "--out", "accepted", "--home", "third").code == 3
    assert run("plan", "countersign", "joint/plan", "--out", "countersignature.intoto.jsonl").code == 0


def test_a_copy_is_sealed_once(run: Run, copy: Path) -> None:
    before = everything(copy)
    Path("others.txt").write_text(str(pyrage.x25519.Identity.generate().to_public()))
    told = run("evidence", "seal", "public", "--to", "others.txt", "--from", "audit")
    assert told.code == 2
    assert "public is sealed to reviewers already" in told.err
    assert "make another copy of the audit" in told.err
    assert everything(copy) == before


def test_what_a_killed_sealing_left_is_encrypted_anew(run: Run, audit: Path, reviewer: Path) -> None:
    """Nobody signed it, and to whom it was encrypted no file says."""
    assert run("evidence", "redact", "audit", "--out", "public", "--all-transcripts", *WHY).code == 0
    left = Path("public", RUN, "sealed/00000003.age")
    left.parent.mkdir()
    left.write_bytes(pyrage.encrypt(b"x", [pyrage.x25519.Identity.generate().to_public()]))
    assert run("evidence", "seal", "public", "--to", "recipients.txt", "--from", "audit").code == 0
    opened = run("evidence", "reveal", "public", "--identity", "identity.txt")
    assert "21 of 21 sealed transcripts are those committed to" in opened.out


def test_nothing_to_seal(run: Run, copy: Path) -> None:
    assert (
        run("evidence", "reveal", "public", "--from", "audit", "--items", "all", "--out", "shown").code == 0
    )
    told = run("evidence", "seal", "shown", "--to", "recipients.txt", "--from", "audit")
    assert (told.code, "there is nothing to encrypt to anybody" in told.err) == (2, True)


def test_a_reviewer_with_another_key_is_told_once(run: Run, copy: Path) -> None:
    Path("other.txt").write_text(str(pyrage.x25519.Identity.generate()))
    told = run("evidence", "reveal", "public", "--identity", "other.txt", "--out", "opened")
    count = len(read_list(copy).transcripts)
    assert told.code == 2
    assert f"other.txt opens none of the {count} sealed transcripts in public" in told.err
    assert len(told.err.splitlines()) == 3
    assert (told.out, Path("opened").exists()) == ("", False)


def test_a_reviewer_of_a_copy_that_nobody_sealed(run: Run, audit: Path, reviewer: Path) -> None:
    assert run("evidence", "redact", "audit", "--out", "public", "--all-transcripts", *WHY).code == 0
    told = run("evidence", "reveal", "public", "--identity", "identity.txt")
    assert (told.code, told.out) == (2, "")
    assert "nothing in public is encrypted to reviewers" in told.err


def test_another_home_is_named_and_gets_no_key(run: Run, copy: Path) -> None:
    load_or_create_key(Path("other"), name="developer")
    (Path("third") / "keys").mkdir(parents=True)
    Path("third/keys/auditor.pem").write_bytes(OTHER_KEY.pem())
    Path("third/keys/auditor.pem").chmod(0o600)
    before = {name: everything(Path(name)) for name in ("public", "other")}
    assert run("evidence", "redact", "audit", "--out", "bare", "--all-transcripts", *WHY).code == 0
    for words in (
        ("redact", "audit", "--out", "new", "--all-transcripts", *WHY),
        ("seal", "bare", "--to", "recipients.txt", "--from", "audit"),
        ("reveal", "public", "--from", "audit", "--items", "all", "--out", "new"),
    ):
        for home in ("nowhere", "other"):
            told = run("evidence", *words, "--home", home)
            assert told.code == 2, words
            assert f"{home} holds no auditor's key" in told.err
            assert "name the --home whose key sealed audit" in told.err
        told = run("evidence", *words, "--home", "third")
        assert told.code == 3, words
        assert f"the auditor's key in third is {OTHER_KEY.public.fingerprint}" in told.err
        assert "name the --home whose key signed it" in told.err
    assert {name: everything(Path(name)) for name in ("public", "other")} == before
    assert not Path("nowhere").exists()
    assert not Path("new").exists()


def suggested(text: str) -> list[str]:
    [found] = re.findall(r"`(countermark [^`]+)`", text)
    return shlex.split(found)


def test_what_is_no_sealed_audit_is_said_to_be_what_it_is(run: Run, audit: Path, reviewer: Path) -> None:
    load_or_create_key(Path("home"))
    copied("reference-subject", Path("a pack"))
    battery = ("--battery", small_battery(), "--limit", 4, "--seed", "2a")
    assert run("plan", "reference/guarded", "--solo", *battery, "--out", "my plan").code == 0
    assert run("evidence", "redact", "audit", "--out", "public", "--all-transcripts", *WHY).code == 0
    Path("empty").mkdir()
    Path("other").mkdir()
    Path("other/file").write_text("x")
    stripped = Path(shutil.copytree("audit", "stripped"))
    for name in ("MANIFEST.sha256", "signatures.intoto.jsonl"):
        (stripped / name).unlink()
    for name, expected in (
        ("a pack", "a pack is a release pack, not an audit"),
        ("my plan", "my plan is a plan that was not run"),
        ("my plan/plan", "my plan/plan is a part of an audit"),
        ("audit/report", "audit/report is a part of an audit"),
        ("audit/evidence/run-1", "audit/evidence/run-1 is a part of an audit"),
        ("empty", "empty is empty"),
        ("other", "other is no audit"),
        ("stripped", "stripped has lost its seal"),
        ("public", "public is itself a redacted copy"),
    ):
        for words in (
            ("redact", name, "--out", "new", "--all-transcripts", *WHY),
            ("seal", "public", "--to", "recipients.txt", "--from", name),
            ("reveal", "public", "--from", name, "--items", "all", "--out", "new"),
        ):
            told = run("evidence", *words)
            assert (told.code, expected in told.err) == (2, True), (words, told.err)
            assert "→ " in told.err
        assert not Path("new").exists()
    told = run("evidence", "redact", "my plan", "--out", "new", "--all-transcripts", *WHY)
    assert suggested(told.err) == ["countermark", "run", "--plan", "my plan", "--home", "home"]


def test_an_audit_that_was_not_finished_is_to_be_resumed(run: Run) -> None:
    load_or_create_key(Path("home"))
    assert run("plan", "reference/guarded", "--solo", "--battery", small_battery(), "--limit", 4, "--out", "the audit").code == 0  # fmt: skip
    assert run("run", "--plan", "the audit").code == 0
    halted = Path("the audit")
    for name in ("MANIFEST.sha256", "signatures.intoto.jsonl", "VERIFY.txt", "keys/auditor.pub.pem"):
        (halted / name).unlink()
    (halted / "resume.json").write_text("{}")
    told = run("evidence", "redact", "the audit", "--out", "new", "--all-transcripts", *WHY)
    assert (told.code, "the audit is an audit that was not finished" in told.err) == (2, True)
    assert suggested(told.err) == ["countermark", "resume", "the audit", "--home", "home"]
    assert run("report", "the audit", "--page", "the audit/pages").code == 2
    elsewhere = run("resume", "the audit", "--home", "nowhere")
    assert (elsewhere.code, Path("nowhere").exists()) == (2, False)
    assert "nowhere holds no auditor's key" in elsewhere.err
