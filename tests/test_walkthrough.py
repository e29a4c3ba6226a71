"""docs/howto/from-pack-to-public.md, run as it stands: three directories, two keys, no help but the page."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "howto" / "from-pack-to-public.md"
LAST = "countermark verify reader/public --home reader/home"


def commands() -> list[str]:
    blocks = re.findall(r"^```sh\n(.*?)^```", PAGE.read_text(), re.DOTALL | re.MULTILINE)
    return "".join(blocks).replace("\\\n", "").splitlines()


@pytest.fixture
def shell(tmp_path: Path):
    (tmp_path / "bin").mkdir()
    tool = tmp_path / "bin" / "countermark"
    tool.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m countermark.cli "$@"\n')
    tool.chmod(0o755)
    environment = {
        **{name: value for name, value in os.environ.items() if not name.endswith(("_API_KEY", "_BASE_URL"))},
        "PATH": f"{tool.parent}:{os.environ['PATH']}", "EXAMPLES": str(ROOT / "examples" / "packs"),
        "COUNTERMARK_HOME": str(tmp_path / "nobody"), "COLUMNS": "160",
    }  # fmt: skip

    def run(line: str) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            ["bash", "-c", line], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False, timeout=180
        )  # fmt: skip
        assert "Traceback" not in done.stdout + done.stderr
        return done

    return run


def test_the_page_as_it_stands(shell, tmp_path: Path) -> None:
    *before, last = commands()
    assert last == LAST
    for line in before:
        done = shell(line)
        assert done.returncode == 0, (line, done.stderr)
    verified = shell(last)
    assert verified.returncode == 4, verified.stdout
    assert "POLICY: met" in verified.stdout
    assert "which you trust as developer" in verified.stdout
    disclosed = re.search(r"DISCLOSED: (\d+)/(\d+)", verified.stdout)
    assert disclosed is not None
    assert 0 < int(disclosed[1]) < int(disclosed[2])
    numbers = re.search(r"NUMBERS: recomputed (\d+)/(\d+)", verified.stdout)
    assert numbers is not None
    assert int(numbers[1]) == int(numbers[2]) > 0

    # The same bundle for a reader who has none of the keys, with the parties' own directories gone.
    for gone in ("lab", "institute"):
        shutil.rmtree(tmp_path / gone)
    assert shell(last).returncode == 4
    trusting = shell("countermark key trust reader/institute.pub.pem --role auditor --home reader/half")
    assert trusting.returncode == 0
    half = shell(last.replace("reader/home", "reader/half"))
    assert half.returncode == 4
    assert "your policy names no developer" in half.stdout
    assert shell(f"{last}/none").returncode == 3

    victim = next((tmp_path / "reader/public/evidence/run-1/blobs").iterdir())
    victim.unlink()
    hidden = shell(last)
    assert hidden.returncode == 1
    assert victim.name in hidden.stdout
