"""Sealing: idempotent, signature last, and VERIFY.txt's own shell lines work."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from audit_factory import KEY, make_audit, sealed_facts
from countermark.errors import InvalidDocument
from countermark.evidence import check_manifest, open_statement, seal
from countermark.files import walk

SHELL = pytest.mark.skipif(
    not (shutil.which("openssl") and shutil.which("sha256sum")), reason="no openssl or sha256sum here"
)


@pytest.fixture
def audit(tmp_path: Path) -> Path:
    return make_audit(tmp_path / "audit")


def test_the_seal_binds_every_file(audit: Path) -> None:
    manifest = (audit / "MANIFEST.sha256").read_bytes()
    listed = {line[66:] for line in manifest.decode().splitlines()}
    assert listed == set(walk(audit)) - {"MANIFEST.sha256", "signatures.intoto.jsonl"}
    assert len(check_manifest(audit, manifest)) == 0
    statement = open_statement((audit / "signatures.intoto.jsonl").read_bytes(), [KEY.public])
    assert set(statement.predicate) == {
        "origin",
        "size",
        "root",
        "plan_sha256",
        "report_sha256",
        "numbers_sha256",
    }


def test_sealing_again_gives_the_same_bytes(audit: Path) -> None:
    before = {name: (audit / name).read_bytes() for name in walk(audit)}
    (audit / "report/.index.html.77.tmp").write_text("a draft of a writer that was stopped")
    (audit / "exports/empty").mkdir(parents=True)
    seal(audit, KEY, sealed_facts(audit))
    assert {name: (audit / name).read_bytes() for name in walk(audit)} == before
    assert not (audit / "exports").exists()


def test_the_signature_is_written_last(audit: Path) -> None:
    written = {name: (audit / name).stat().st_mtime_ns for name in walk(audit)}
    assert max(written, key=lambda name: written[name]) == "signatures.intoto.jsonl"


@pytest.mark.parametrize("name", ["plan/plan.json", "report/report.json"])
def test_nothing_is_sealed_without_its_parts(audit: Path, name: str) -> None:
    (audit / name).unlink()
    with pytest.raises(InvalidDocument, match=name):
        seal(audit, KEY, sealed_facts(audit))


def commands(audit: Path) -> list[str]:
    return re.findall(
        r"(?m)^   ((?:T=|sha256sum|find|sed|grep|printf|openssl).*)$", (audit / "VERIFY.txt").read_text()
    )


def run(audit: Path, lines: list[str]) -> subprocess.CompletedProcess[str]:
    script = "set -eu\n" + "\n".join(lines)
    return subprocess.run(["sh", "-c", script], cwd=audit, capture_output=True, text=True, check=False)


@SHELL
def test_the_lines_of_verify_txt_work(audit: Path) -> None:
    lines = commands(audit)
    assert len(lines) == 10
    before = set(walk(audit))
    done = run(audit, lines)
    assert done.returncode == 0, done.stderr
    assert "Signature Verified Successfully" in done.stdout
    assert KEY.public.fingerprint in done.stdout
    assert KEY.public.fingerprint in (audit / "VERIFY.txt").read_text()
    assert set(walk(audit)) == before


@SHELL
@pytest.mark.parametrize(
    "name", ["report/report.json", "MANIFEST.sha256", "signatures.intoto.jsonl", "added"]
)
def test_the_lines_of_verify_txt_notice_a_change(audit: Path, name: str) -> None:
    data = (audit / name).read_bytes() if (audit / name).exists() else b"x"
    (audit / name).write_bytes(data[:60] + bytes([data[60] ^ 1]) + data[61:] if len(data) > 60 else data)
    assert run(audit, commands(audit)).returncode != 0
