"""What a command says to do next can be pasted, in a directory whose name has spaces, quotes and Japanese in it."""

import re
import shlex
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from audit_factory import make_audit
from battery_factory import small_battery
from countermark.audit.outcomes import Outcomes
from countermark.cli import run_command
from countermark.cli.lines import columns
from countermark.errors import AuditIncomplete, SubjectError
from countermark.evidence import load_or_create_key
from pack_factory import copied

AWKWARD = 'the lab\'s "own" 監査 $(x)'
SOURCES = Path(__file__).parents[2] / "src" / "countermark"
TABLE = """
source: {title: Toy}
test:
  {id: recorded/toy, title: Toy, construct: Whether it refuses., metrics: [{id: refusals, title: {en: Refusals, ja: 拒否},
  arm: asked, label: refused, better: lower, axis: over_refusal, headline: true}]}
subject: {file_stem: true}
id: id
prompt: prompt
completion: completion
arm: asked
labels: [{label: refused, column: label, "true": ["yes"], "false": ["no"]}]
"""
Say = Callable[..., str]


@pytest.fixture
def say(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Say:
    """Everything that a command prints, standing in a directory above the awkward ones."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COUNTERMARK_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("COLUMNS", "80")
    for name in ("auditor", "developer"):
        load_or_create_key(tmp_path / "home", name=name)

    def run(*arguments: object, code: int = 0) -> str:
        capsys.readouterr()
        ended = run_command([str(one) for one in arguments])
        printed = capsys.readouterr()
        assert ended == code, printed.err
        return printed.out + printed.err

    return run


def suggested(text: str) -> list[list[str]]:
    """Each command in a text, split as a shell splits it."""
    found = re.findall(r"(?:: |`)(countermark [^`\n]+)", text)
    return [shlex.split(one.removesuffix(")")) for one in found]


def test_after_a_run_and_a_redaction(say: Say) -> None:
    """The names of reference/… and of the battery's tests force no line over 80 columns, so none is."""
    audit = f"{AWKWARD}/first"
    ran = say("run", "reference/guarded", "reference/gamer", "--battery", small_battery(), "--limit", 4, "--seed", "2a",
              "--out", audit)  # fmt: skip
    assert suggested(ran) == [["countermark", "verify", audit]]
    [[_, *pasted]] = suggested(ran)
    say(*pasted)
    named = ("Page: ", "Check it again")
    assert [line for line in ran.splitlines() if columns(line) > 80 and not line.startswith(named)] == []
    why = ("--reason", "confidential", "--until", "2999-01-01", "--decided-by", "me")
    copy = f"{AWKWARD}/public"
    made = say("evidence", "redact", audit, "--out", copy, "--all-transcripts", *why)
    assert suggested(made) == [["countermark", "verify", copy]]


def test_after_queries_for_an_authority(say: Say, tmp_path: Path) -> None:
    make_audit(tmp_path / AWKWARD)
    told = say("evidence", "stamp", AWKWARD, "--request", "queries")
    assert suggested(told) == [["countermark", "evidence", "stamp", AWKWARD, "--add", "REPLY.tsr"]]


def test_on_the_way_of_a_pack(say: Say) -> None:
    pack = f"{AWKWARD}/pack"
    made = say("pack", "init", pack, "--model", "openai/x", "--developer", "Lab")
    assert suggested(made) == [["countermark", "pack", "check", pack]]
    shutil.rmtree(pack)
    copied("reference-subject", Path(pack))
    assert suggested(say("pack", "accept", pack, "--out", "a", code=2)) == [
        ["countermark", "pack", "sign", pack]
    ]
    say("pack", "sign", pack)
    [wanted] = suggested(say("pack", "accept", pack, "--out", "a", code=3))
    assert wanted == ["countermark", "key", "trust", f"{pack}/keys/developer.pub.pem", "--role", "developer"]
    say(*wanted[1:])
    say("pack", "accept", pack, "--out", "a")


def test_on_the_way_of_a_plan(say: Say) -> None:
    pack, audit = f"{AWKWARD}/pack", f"{AWKWARD}/joint"
    copied("reference-subject", Path(pack))
    say("pack", "sign", pack)
    [after] = suggested(say("plan", pack, "--out", audit, "--limit", "4"))
    assert after == [
        "countermark", "run", "--plan", audit, "--countersignature", "countersignature.intoto.jsonl",
    ]  # fmt: skip
    [wanted] = suggested(say("plan", "countersign", f"{audit}/plan", code=3))
    assert wanted[:3] == ["countermark", "key", "trust"]
    assert Path(wanted[3]).samefile(f"{audit}/plan/auditor.pub.pem")
    assert wanted[4:] == ["--role", "auditor"]
    say(*wanted[1:])
    say("plan", "countersign", f"{audit}/plan")
    say(*after[1:])
    alone = say("plan", pack, "--solo", "--out", f"{AWKWARD}/alone", "--limit", "4")
    assert suggested(alone) == [["countermark", "run", "--plan", f"{AWKWARD}/alone"]]


def test_after_an_import(say: Say) -> None:
    Path("model.csv").write_text("id,prompt,completion,label\n1,May I?,No.,yes\n2,May I?,Yes.,no\n")
    Path("mapping.yaml").write_text(TABLE)
    told = say("import", "table", "model.csv", "--mapping", "mapping.yaml", "--out", AWKWARD)
    assert suggested(told) == [["countermark", "run", AWKWARD]]


def test_what_goes_on_with_an_audit_that_stopped() -> None:
    stopped = Outcomes(slots=3, done=1, over_budget=True)
    with pytest.raises(AuditIncomplete) as budget:
        stopped.raise_if_incomplete(Path(AWKWARD))
    with pytest.raises(SubjectError) as halted:
        Outcomes(slots=3, halted={"x": SubjectError("away")}).raise_if_incomplete(Path(AWKWARD))
    for caught in (budget, halted):
        assert suggested(caught.value.hint) == [["countermark", "resume", AWKWARD]]


def test_a_key_that_others_may_read(say: Say) -> None:
    say("key", "new", "--no-passphrase", "--home", AWKWARD)
    Path(AWKWARD, "keys/auditor.pem").chmod(0o644)
    told = say("key", "show", "--home", AWKWARD)
    [command] = re.findall(r": (chmod .+)", told)
    assert shlex.split(command) == ["chmod", "600", f"{AWKWARD}/keys/auditor.pem"]


def test_no_message_builds_a_command_by_itself() -> None:
    """Whoever fills a path into one by hand forgets the quotes: `errors.to_paste` is the one place."""
    by_hand = re.compile(
        r"countermark (?:run|plan|resume|verify|report|import|pack|key|evidence|battery)\b[^\"`\n]*\{"
    )
    found = [
        f"{path.name}:{number}"
        for path in SOURCES.rglob("*.py")
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if by_hand.search(line)
    ]
    assert found == []
